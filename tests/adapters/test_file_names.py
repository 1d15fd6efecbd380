"""Names that some system has no files for are found before anything is written; what is there already is read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from zarr.storage import MemoryStore, ObjectStore

from hdmf_store.adapter import Plan
from hdmf_store.errors import NameNotAllowedError
from hdmf_store.nodes import Group, Link, Node, Target
from hdmf_store_adapters.file_names import refused_names
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers
from tests.adapters.stores import read, write

LONG = "\N{GREEK SMALL LETTER PI}" * 128  # 256 bytes
OF_WINDOWS = [
    *("a:b", "a<b", "a>b", 'a"b', "a|b", "a?", "*", "tab\t", "line\nbreak", "ends.", "ends ", "..."),
    *("CON", "nul", "Aux.txt", "prn.tar.gz", "COM1", "lpt9.x", "com¹", "conin$"),
]
OF_NO_SYSTEM = [
    "CONSOLE",
    "com",
    "com10",
    ".hidden",
    "a b",
    "null",
    "µV²",
    "100%",
    "a=b;c,d",
    "(x)[y]{z}",
    "TimeSeries-0",
]


def made(*names: str) -> dict[str, Node]:
    """Return a hierarchy of groups of those names."""
    return {"/": Group(), "/g": Group(), **{f"/g/{name}": Group() for name in names}}


@pytest.mark.parametrize("system", ["linux", "darwin", "win32"])
def test_what_a_system_has_no_files_for_is_listed(system: str) -> None:
    """Characters, endings and devices of Windows, and what is too long anywhere; all else is a name (NEEDS 57)."""
    found = refused_names(made(*OF_WINDOWS, *OF_NO_SYSTEM, LONG), (), system)

    expected = [*OF_WINDOWS, LONG] if system == "win32" else [LONG]
    assert [path.removeprefix("/g/") for path in found] == expected


def test_what_obstore_has_no_key_for_is_refused_before_anything_is_stored() -> None:
    """Control characters; all other names are stored and found, long ones too (NEEDS 57)."""
    objects = pytest.importorskip("obstore.store")
    store = ObjectStore(objects.MemoryStore())
    kept = made(*(name for name in [*OF_WINDOWS, *OF_NO_SYSTEM, LONG] if name.isprintable()))

    with pytest.raises(NameNotAllowedError, match="obstore has no keys with control characters") as caught:
        write(store, made("fine", "tab\t", "delete\x7f"))

    assert caught.value.names == ("/g/tab\t", "/g/delete\x7f")
    assert list(store.store.list()) == []
    write(store, kept)
    assert set(read(store).load()) == set(kept)


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_names_that_differ_in_case_alone_clash_where_files_do(system: str) -> None:
    """Among the new ones, with what is there, and in one group only; Linux tells them apart (NEEDS 57)."""
    new = ["/g/Data", "/g/data", "/h/data", "/G2", "/old"]

    assert list(refused_names(new, ["/Old"], system)) == ["/g/data", "/old"]
    assert refused_names(new, ["/Old"], "linux") == {}


def test_one_error_lists_all_of_them_and_nothing_is_written(tmp_path: Path) -> None:
    """What no Zarr store can hold and what no folder can be named is told together (NEEDS 57)."""
    with pytest.raises(NameNotAllowedError, match=r"255 bytes.*Rename these objects") as caught:
        write(tmp_path / "a.zarr", made(LONG, LONG + "2", "__reserved", "fine"))

    assert sorted(caught.value.names) == sorted([f"/g/{LONG}", f"/g/{LONG}2", "/g/__reserved"])
    assert "a Zarr store cannot hold" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays_when_a_name_is_refused(tmp_path: Path) -> None:
    """An append with such a name changes nothing (NEEDS 57)."""
    place = tmp_path / "a.zarr"
    write(place, made("a"))
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    adapter = ZarrAdapter(place)
    adapter.open("r+")

    with pytest.raises(NameNotAllowedError):
        adapter.write(Plan(nodes={"/g/b": Group(), f"/g/{LONG}": Group()}))

    adapter.close()
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_stores_without_folders_and_links_may_have_such_names(tmp_path: Path) -> None:
    """Keys of a store have no such limit, and a link is no folder."""
    store = MemoryStore()
    write(store, made(LONG))
    write(tmp_path / "a.zarr", {**made(), f"/g/{LONG}": Link(Target("/g"))})

    assert f"/g/{LONG}" in read(store).load()
    assert f"/g/{LONG}" in read(tmp_path / "a.zarr").load()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems cannot hold the file that is read here")
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_odd_names_are_written_here_and_read(zarr_format: int, tmp_path: Path) -> None:
    """Files of this system that another could not hold are files like any other here (NEEDS 57)."""
    nodes: dict[str, Node] = {"/": Group()}
    nodes |= {
        f"/{name}": numbers([position]) for position, name in enumerate([*OF_WINDOWS, *OF_NO_SYSTEM, "Fine", "fine"])
    }
    adapter = ZarrAdapter(tmp_path / "a.zarr", zarr_format=zarr_format)
    adapter.open("w")
    adapter.write(Plan(nodes=nodes))
    adapter.close()

    for mode in ("r", "r-"):
        found = read(tmp_path / "a.zarr", mode).fetch([path for path in nodes if path != "/"])
        assert [values.tolist() for values in found.values()] == [[position] for position in range(len(nodes) - 1)]
