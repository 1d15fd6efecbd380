"""With ``durable=True``, the disk has the bytes of a write before their names are seen, and the names when it ends.

The process is traced: what counts is what the system is asked for, and in which order.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner

pytest.importorskip("resource", reason="this system lets no process be traced")

from hdmf_store import ZarrIO
from hdmf_store.adapter import open_adapter
from hdmf_store.cli import main
from hdmf_store.errors import ArgumentError
from hdmf_store_adapters.exchanging import TEMPORARY
from tests.faults.changes import CHANGES, PLACES
from tests.faults.killed import traced
from tests.faults.traced import IS_POSSIBLE
from tests.translate.builder_files import dataset, root

pytestmark = pytest.mark.once

on_traceable_systems = pytest.mark.skipif(not IS_POSSIBLE, reason="this system lets no process be traced")

_FOLDERS = ("folder", "nested folder", "folder of format 2")
_SHORT = [
    *(("folder", name) for name in ("in place of another", "objects are added", "values are assigned")),
    ("archive", "objects are added"),
    ("HDF5", "a new file"),
]
_LONG = [
    *((kind, name) for kind in _FOLDERS for name in ("a new file", "in place of another", "objects are added")),
    *(("folder", name) for name in ("attributes are changed", "rows are added", "a longer text is added")),
    ("folder", "documents are consolidated"),
    *(("archive", name) for name in ("a new file", "in place of another", "values are assigned")),
    ("HDF5", "in place of another"),
]
_CASES = [*_SHORT, *(pytest.param(*case, marks=pytest.mark.faults) for case in _LONG if case not in _SHORT)]
_COMMITS = ("zarr.json", ".zgroup", ".zmetadata", ".zattrs")


@attrs.define
class _Disk:
    """What a disk may not have yet, by what the system was asked for."""

    there: set[str]
    bytes_of: set[str] = attrs.field(factory=set)
    names: set[str] = attrs.field(factory=set)

    def take(self, what: str, path: str, new: str) -> None:
        """Take note of one operation."""
        kind = what.partition(" ")[0]
        if kind in ("open", "mkdir"):
            self.names |= {path} - self.there  # to make what is there is refused, or opens it
            self.there.add(path)
        elif kind == "write":
            self.bytes_of.add(path)
        elif kind == "sync":
            self.bytes_of.discard(path)
            self.names = {name for name in self.names if os.path.dirname(name) != path}
        elif kind == "remove":
            for noted in (self.bytes_of, self.names, self.there):
                noted.discard(path)
        elif kind in ("rename", "exchange"):
            self.bytes_of = {_moved(one, path, new) for one in self.bytes_of}
            self.names = {_moved(one, path, new) for one in self.names} | {new}
            self.there = {_moved(one, path, new) for one in self.there} | {new}

    def lacks(self, below: str) -> set[str]:
        """Return what it may not have of a path and all below it; the name of the path itself does not count."""
        return {one for one in self.bytes_of | self.names if one.startswith(below + "/")} | ({below} & self.bytes_of)


def _moved(path: str, old: str, new: str) -> str:
    return new + path[len(old) :] if path == old or path.startswith(old + "/") else path


def _risks(operations: list[tuple[str, str, str]], place: str, there: set[str]) -> Iterator[str]:
    """Tell of names that are seen before the disk has what they stand for, and of what it lacks at the end."""
    disk = _Disk({*there})
    for what, path, new in operations:
        if what.startswith(("rename", "exchange")):
            if lacking := disk.lacks(path):
                yield f"{what}: the disk may lack {sorted(lacking)}"
            is_commit = os.path.dirname(new) == place and os.path.basename(new) in _COMMITS
            if is_commit and (lacking := disk.lacks(place) - {path}):
                yield f"{what} commits, and the disk may lack {sorted(lacking)}"
        disk.take(what, path, new)
    left = {one for one in disk.bytes_of | disk.names if TEMPORARY not in one}
    if left:
        yield f"at the end, the disk may lack {sorted(left)}"


def _all_in(folder: Path) -> set[str]:
    return {str(path) for path in (folder, *folder.rglob("*"))}


@on_traceable_systems
@pytest.mark.parametrize(("kind", "name"), _CASES)
def test_the_disk_has_what_a_durable_change_shows(tmp_path: Path, kind: str, name: str) -> None:
    """Bytes before the name, folders after it, everything before the root's document, and that before it returns."""
    CHANGES[name].prepare(kind, tmp_path)

    there = _all_in(tmp_path)

    operations = traced(tmp_path, CHANGES[name].do_durably, kind, tmp_path)

    assert [what for what, *_ in operations if what.startswith("sync")]
    assert list(_risks(operations, PLACES[kind].within(tmp_path), there)) == []


@on_traceable_systems
@pytest.mark.parametrize("kind", ["folder", "archive", "HDF5"])
def test_nothing_is_waited_for_by_default(tmp_path: Path, kind: str) -> None:
    """So that writing costs no more than the system takes; what the disk may lack is found by the test above."""
    there = _all_in(tmp_path)

    operations = traced(tmp_path, CHANGES["a new file"].do, kind, tmp_path)

    assert [what for what, *_ in operations if what.startswith("sync")] == []
    assert list(_risks(operations, PLACES[kind].within(tmp_path), there)) != []


@on_traceable_systems
def test_new_folders_on_the_way_to_a_file_are_waited_for(tmp_path: Path) -> None:
    """A file is lost with the folder in which it lies, if that has no name on disk."""
    operations = traced(tmp_path, CHANGES["a new file"].do_durably, "folder", tmp_path / "one/two")

    assert list(_risks(operations, str(tmp_path / "one/two/a.zarr"), {str(tmp_path)})) == []
    assert {"sync two", "sync one", f"sync {tmp_path.name}"} <= {what for what, *_ in operations}


@pytest.mark.parametrize("name", ["a.zarr", "a.zarr.zip"])
def test_users_ask_for_it_when_they_open_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """As an argument of `ZarrIO`; in modes that only read it changes nothing."""
    waited: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (waited.append(handle), sync(handle))[1])

    with ZarrIO(tmp_path / name, "w", durable=True) as io:
        io.write_builder(root(dataset("x", [1, 2, 3])))
    assert waited

    waited.clear()
    with ZarrIO(tmp_path / name, "r", durable=True) as io:
        assert io.read_builder()["x"].data[:].tolist() == [1, 2, 3]
    assert not waited


@pytest.mark.parametrize("asked", [[], ["--durable"]], ids=["by default", "asked for"])
@pytest.mark.parametrize("command", ["convert", "copy", "repack"])
def test_commands_that_store_wait_where_they_are_asked_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, asked: list[str]
) -> None:
    """With ``--durable``, they end when the disk has the new file."""
    with ZarrIO(tmp_path / "a.zarr", "w") as io:
        io.write_builder(root(dataset("x", [1, 2, 3])))
    waited: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (waited.append(handle), sync(handle))[1])

    found = CliRunner().invoke(main, [command, str(tmp_path / "a.zarr"), str(tmp_path / "b.zarr"), *asked])

    assert found.exit_code == 0, found.output
    assert bool(waited) == bool(asked)


def test_what_cannot_be_waited_for_is_not_promised(tmp_path: Path) -> None:
    """Memory is gone with the power; an object store answers when it has what it was given."""
    from zarr.storage import MemoryStore

    places: list[Any] = [MemoryStore(), f"icechunk://{tmp_path}/a"]
    for place in places:
        with pytest.raises(ArgumentError, match="durable=True is for folders and archives"):
            open_adapter(place, "w", durable=True)
