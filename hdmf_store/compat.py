"""Scripts written for hdmf-zarr, run on this package.

`install_as_hdmf_zarr` puts modules under the names that such scripts, and HDMF and PyNWB themselves, import. Nothing of
hdmf-zarr needs to be installed; where it is, and was imported already, that is refused rather than mixed.

``python -m hdmf_store.compat script.py arguments`` does so for a script that stays as it is, and for the processes that
it starts.
"""

from __future__ import annotations

import os
import runpy
import sys
from importlib.machinery import ModuleSpec
from operator import attrgetter
from pathlib import Path
from types import ModuleType
from typing import Any

from hdmf_store._version import __version__
from hdmf_store.errors import ArgumentError

__all__ = ["INTERFACE", "install_as_hdmf_zarr", "main"]

INTERFACE = "0.14.0"
"""The release of hdmf-zarr whose names are provided, those of 0.13 among them: what ``hdmf_zarr.__version__`` says."""

_MARK = "__provided_by__"
_OURS = "hdmf_store"
_MODULES = ("backend", "nwb", "utils", "zarr_utils", "backend_zarrv2", "nwb_zarrv2")
_PRIVATE = {"mode": "mode", "path": "path", "file": "_file", "synchronizer": "synchronizer"}
"""Fields of hdmf-zarr's `ZarrIO` that libraries read under their mangled names, and what says the same here."""

_USAGE = "usage: python -m hdmf_store.compat [script.py | -m module] [argument ...]"


def install_as_hdmf_zarr() -> ModuleType:
    """Make ``import hdmf_zarr``, and its modules, mean this package from now on in this process.

    Names of zarr 2 that scripts pass to hdmf-zarr 0.13 (its stores, synchronizers and table of codecs) are lent to zarr
    where it does not have them.

    Returns
    -------
    module
        What ``import hdmf_zarr`` gives.

    Raises
    ------
    ArgumentError
        If the real hdmf-zarr was imported before: objects of both would get mixed.
    """
    present = sys.modules.get("hdmf_zarr")
    if present is not None and getattr(present, _MARK, None) != _OURS:
        raise ArgumentError("hdmf_zarr was imported already; call install_as_hdmf_zarr before anything imports it")
    if present is not None:
        return present
    public = _public()
    everything = {**public, **_inner(public)}
    package = _module("hdmf_zarr", {**public, "__version__": INTERFACE, "__provider_version__": __version__}, True)
    for name in _MODULES:
        setattr(package, name, _module(f"hdmf_zarr.{name}", everything))
    for name, counterpart in _PRIVATE.items():
        setattr(public["ZarrIO"], f"_ZarrIO__{name}", property(attrgetter(counterpart)))
    _lend_to_zarr()
    return package


def _module(name: str, content: dict[str, Any], is_package: bool = False) -> ModuleType:
    module = ModuleType(name, f"What scripts import from {name}, provided by {_OURS}.")
    module.__spec__ = ModuleSpec(name, None, origin=__name__, is_package=is_package)
    if is_package:
        module.__path__ = []
        module.__all__ = [public for public in content if not public.startswith("_")]  # type: ignore[attr-defined]
    module.__dict__.update(content)
    module.__dict__[_MARK] = _OURS
    sys.modules[name] = module
    return module


def _public() -> dict[str, Any]:
    from hdmf_store.facade import format_2
    from hdmf_store.facade.nwb import NWBZarrIO
    from hdmf_store.facade.zarr_io import ZarrIO
    from hdmf_store.translate.data_io import ZarrDataIO

    return {
        "ZarrIO": ZarrIO,
        "ZarrDataIO": ZarrDataIO,
        "NWBZarrIO": NWBZarrIO,
        "ZarrV2IO": format_2.ZarrV2IO,
        "NWBZarrV2IO": format_2.NWBZarrV2IO,
        "is_zarr_v2_file": format_2.is_zarr_v2_file,
        "IncompleteConversionError": format_2.IncompleteConversionError,
    }


def _inner(public: dict[str, Any]) -> dict[str, Any]:
    """Return what the modules of hdmf-zarr hold beside the public names."""
    from hdmf_store.facade.zarr_objects import ZarrReference
    from hdmf_store.translate import references
    from hdmf_store.translate.from_builders import ROOT_NAME
    from hdmf_store.translate.specs import DEFAULT_SPEC_LOC_DIR, SPEC_LOC_ATTR
    from hdmf_store_adapters.safe_pickle import UnsafePickleError
    from hdmf_store_adapters.stored_arrays import StoredArray
    from hdmf_store_adapters.stores import SUPPORTED_ZARR_STORES

    stored = ("ZarrDataset", "DatasetOfReferences", "AbstractZarrTableDataset", "AbstractZarrReferenceDataset")
    builders = ("BuilderZarrTableDataset", "BuilderZarrReferenceDataset")
    containers = ("ContainerZarrTableDataset", "ContainerZarrReferenceDataset")
    return {
        "ROOT_NAME": ROOT_NAME,
        "SPEC_LOC_ATTR": SPEC_LOC_ATTR,
        "DEFAULT_SPEC_LOC_DIR": DEFAULT_SPEC_LOC_DIR,
        "SUPPORTED_ZARR_STORES": SUPPORTED_ZARR_STORES,
        "ZarrReference": ZarrReference,
        "HDMFZarrArray": StoredArray,
        "UnsafePickleCodecError": UnsafePickleError,
        **dict.fromkeys(stored, references.StoredReferences),
        **dict.fromkeys(builders, references.ReferencesToBuilders),
        **dict.fromkeys(containers, references.ReferencesToContainers),
    }


def _lend_to_zarr() -> None:
    """Give zarr 3 the names of zarr 2 that hdmf-zarr's interface asks for; names that it has stay its own."""
    import numcodecs.registry
    import zarr
    import zarr.storage

    from hdmf_store_adapters import stores, synchronizers

    folders = {name: getattr(stores, name) for name in ("DirectoryStore", "NestedDirectoryStore", "TempStore")}
    known = {name: getattr(zarr.storage, name) for name in ("MemoryStore", "ZipStore")}
    locks = {name: getattr(synchronizers, name) for name in ("ProcessSynchronizer", "ThreadSynchronizer")}
    codecs = {"codec_registry": numcodecs.registry.codec_registry}
    for module, names in ((zarr.storage, folders), (zarr, {**folders, **known, **locks, **codecs})):
        for name, value in names.items():
            if not hasattr(module, name):
                setattr(module, name, value)


def main(words: list[str]) -> None:
    """Run a script or module, with its arguments, after `install_as_hdmf_zarr`; processes that it starts do so too."""
    is_module = words[:1] == ["-m"]
    words = words[is_module:]
    if not words or words[0].startswith("-"):
        sys.exit(_USAGE)
    folder = str(Path(__file__).parent / "drop_in")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [folder, os.environ.get("PYTHONPATH")]))
    sys.path[0] = os.getcwd() if is_module else str(Path(words[0]).resolve().parent)
    sys.path.append(folder)
    sys.argv[:] = words
    install_as_hdmf_zarr()
    if is_module:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main(sys.argv[1:])
