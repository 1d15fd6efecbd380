"""The pages for those who come from elsewhere: each of their tables has every name, and says what is so."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import hdmf_store
from hdmf_store import ZarrDataIO
from tests.interop.public_names import arguments_of, names_in

DOCS = Path(__file__).parents[2] / "docs"
LISTS = Path(__file__).parent / "hdmf_zarr_names"
SPOKEN = re.compile(r"`([\w.]+)(?:\(([\w, ]*)\))?`")
COUNTERPARTS = {"NWBHDF5IO": "NWBZarrIO", "HDF5IO": "ZarrIO", "H5DataIO": "ZarrDataIO"}


def rows_of(page: str) -> list[list[str]]:
    """Return the cells of the last table of a page."""
    table = (DOCS / page).read_text().rpartition("## Every public name")[2]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line[:3] == "| `"]
    assert len(rows) > 20
    return rows


def spoken(cell: str) -> list[str]:
    """Return the names in a cell: ``Class.method(a, b)`` names the method and each of its arguments."""
    found = []
    for name, arguments in SPOKEN.findall(cell):
        found += [name, *(f"{name}({argument.strip()})" for argument in arguments.split(",") if arguments)]
    return found


def is_there(root: Any, name: str) -> bool:
    """Return whether an object has a name, and the function of that name an argument, by name or among others."""
    path, _, argument = name.rstrip(")").partition("(")
    found = root
    for part in path.split("."):
        if part == "link_data" and found is ZarrDataIO:  # of the instances
            found = ZarrDataIO(np.zeros(1))
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    if not argument:
        return True
    function = found.__init__ if inspect.isclass(found) else found
    if argument in arguments_of(getattr(function, "__func__", function)):
        return True
    return any(one.kind is one.VAR_KEYWORD for one in inspect.signature(function).parameters.values())


def verdicts(rows: list[list[str]], column: int) -> dict[str, str]:
    """Return what the table says of each name; the row that has arguments of a function also has the function."""
    said: dict[str, str] = {}
    for row in rows:
        for name in spoken(row[0]):
            if "(" in name:
                assert name not in said, f"{name} is in two rows"
                said[name] = row[column]
            else:
                said.setdefault(name, row[column])
    return said


def missing(names: list[str], said: dict[str, str]) -> list[str]:
    """Return the names that a table does not have; a class that is not there as a whole stands for its members."""
    gone = tuple(name for name, verdict in said.items() if verdict == "not there" and "." not in name + "(")
    return [name for name in names if name not in said and re.split(r"[.(]", name)[0] not in gone]


def test_the_table_for_hdf5_has_every_public_name_of_the_installed_hdmf() -> None:
    """A release of HDMF or pynwb that adds one shows here."""
    names = names_in(["hdmf.backends.hdf5"], "hdmf.backends.hdf5")
    names += [name for name in names_in(["pynwb"], "pynwb") if re.match(r"NWBHDF5IO\b", name)]
    said = verdicts(rows_of("coming-from-hdf5io.md"), 1)

    assert len(names) > 150
    assert missing(names, said) == []
    assert sorted(set(said) - set(names) - set(COUNTERPARTS)) == [], "the table has names that do not exist"


def test_what_the_table_for_hdf5_says_is_so() -> None:
    """What is the same or changed has its name here, what is renamed the name that the row gives, the rest none."""
    for row in rows_of("coming-from-hdf5io.md"):
        for name in spoken(row[0]):
            here = re.sub(r"^\w+", lambda found: COUNTERPARTS.get(found[0], found[0]), name)
            if row[1] in ("same", "changed"):
                assert is_there(hdmf_store, here), name
            elif row[1] == "renamed":
                assert is_there(hdmf_store, spoken(row[2])[0]), row
            else:
                assert row[1] == "not there", row
                assert ("(" in row[0] and "(" not in name) or not _by_name(here), name


def _by_name(name: str) -> bool:
    """Return whether the name is there itself, not only taken among others by a function that takes any."""
    path, _, argument = name.rstrip(")").partition("(")
    if not argument:
        return is_there(hdmf_store, name)
    return is_there(hdmf_store, path) and f"{argument}=" in _signature(path)


def _signature(path: str) -> str:
    found: Any = hdmf_store
    for part in path.split("."):
        found = getattr(found, part)
    function = found.__init__ if inspect.isclass(found) else found
    return "".join(f"{name}=" for name in arguments_of(getattr(function, "__func__", function)))


def test_the_table_for_hdmf_zarr_has_every_public_name_of_both_versions() -> None:
    """With the version that has it, where only one does."""
    lists = {path.stem: path.read_text().split() for path in LISTS.glob("*.txt")}
    assert sorted(lists) == ["0.13", "0.14"]
    rows = rows_of("coming-from-hdmf-zarr.md")

    for version, names in lists.items():
        assert missing(names, verdicts([row for row in rows if row[1] in ("", version)], 2)) == []
    both = set(lists["0.13"]) & set(lists["0.14"])
    for row in rows:
        expected = both if not row[1] else set(lists[row[1]])
        wrong = [name for name in spoken(row[0]) if name not in expected]
        assert wrong == [], row


CHECK = """
import sys
from types import SimpleNamespace
from hdmf_store.compat import install_as_hdmf_zarr
package = install_as_hdmf_zarr()
import hdmf_zarr.backend, hdmf_store
from tests.interop.test_migration_tables import is_there
old = SimpleNamespace(**{**vars(hdmf_zarr.backend), **vars(package)})
for name in sys.stdin.read().split("\\n"):
    print("same" if is_there(hdmf_store, name) else "old import" if is_there(old, name) else "not there")
"""


def test_what_the_table_for_hdmf_zarr_says_is_so() -> None:
    """Each name is imported from where the table says, in a process that uses the old name of the package."""
    said = verdicts(rows_of("coming-from-hdmf-zarr.md"), 2)
    assert set(said.values()) == {"same", "changed", "old import", "not there"}

    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        input="\n".join(said),
        capture_output=True,
        text=True,
        cwd=DOCS.parent,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    found = dict(zip(said, done.stdout.splitlines(), strict=True))
    assert {name: there for name, there in found.items() if there != said[name].replace("changed", "same")} == {}


def test_a_name_that_is_not_there_is_found_missing() -> None:
    """The checks above can fail."""
    root = SimpleNamespace(function=lambda a, b: None)

    assert is_there(root, "function(a)") and not is_there(root, "function(c)") and not is_there(root, "other")
    assert missing(["Class.method", "Gone.method"], {"Class": "same", "Gone": "not there"}) == ["Class.method"]
    with pytest.raises(AssertionError, match="two rows"):
        verdicts([["`f(a)`", "same"], ["`f(a)`", "same"]], 1)
