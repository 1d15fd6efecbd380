"""What a wheel has to hold: all modules of both packages, the marks of types, the licence, commands and adapters.

``python packaging/check_wheel.py hdmf_store-*.whl`` exits with 1 and says what is missing.
"""

import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def expected() -> set[str]:
    """Return the names that the checkout says belong into a wheel."""
    modules = {
        str(path.relative_to(base))
        for base, package in ((ROOT, "hdmf_store"), (ROOT / "adapters", "hdmf_store_adapters"))
        for path in (base / package).rglob("*")
        if path.suffix == ".py" or path.name == "py.typed"
    }
    return modules | {"hdmf_store/py.typed", "hdmf_store_adapters/py.typed"}


def missing(wheel: Path) -> list[str]:
    """Return what a wheel lacks."""
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
        declared = archive.read(entry_points).decode()
    lacks = sorted(expected() - names)
    lacks += [word for word in ("hdmf-store = hdmf_store.cli:main", "[hdmf_store.adapters]") if word not in declared]
    if not any(name.endswith("/licenses/LICENSE") for name in names):
        lacks.append("the licence")
    lacks += [f"not {name}" for name in names if name.split("/")[0] in ("tests", "benchmarks", "docs")]
    return lacks


if __name__ == "__main__":
    problems = missing(Path(sys.argv[1]))
    if problems:
        sys.exit("\n".join(problems))
