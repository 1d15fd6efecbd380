"""The public names of an installed hdmf-zarr, or of HDMF's HDF5 backend: a program for whichever environment has it.

``python public_names.py hdmf_zarr hdmf_zarr.backend ...`` prints a line for each name that they define:
``Class``, ``Class.member``, ``Class.method(argument)``. Names that begin with an underscore are not public.
"""

import importlib
import inspect
import sys

__all__ = ["arguments_of", "names_in"]


def names_in(modules, package):
    """Return the public names that the modules of a package define or hand on from each other."""
    found = set()
    for module in map(importlib.import_module, modules):
        for name, value in vars(module).items():
            own = getattr(value, "__module__", package).startswith(package)
            if own and not name.startswith("_") and (name.isupper() or callable(value)):
                found.add(name)
                found |= {f"{name}{rest}" for rest in _parts(value)}
    return sorted(found)


def _parts(value):
    if not inspect.isclass(value):
        return {f"({argument})" for argument in arguments_of(value)}
    parts = {f"({argument})" for argument in arguments_of(vars(value).get("__init__"))}
    for name, member in vars(value).items():
        if not name.startswith("_"):
            called = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            parts |= {f".{name}"} | {f".{name}({argument})" for argument in arguments_of(called)}
    return parts


def arguments_of(function):
    """Return the names of arguments, also of functions that HDMF's ``docval`` has wrapped."""
    if not inspect.isfunction(function):
        return []
    declared = getattr(function, "__docval__", None)
    if declared is not None:
        return [argument["name"] for argument in declared["args"]]
    names = inspect.signature(function).parameters.values()
    return [one.name for one in names if one.name not in ("self", "cls") and one.kind not in (2, 4)]


if __name__ == "__main__":
    sys.stdout.write("\n".join(names_in(sys.argv[1:], sys.argv[1])) + "\n")
