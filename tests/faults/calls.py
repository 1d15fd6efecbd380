"""What users call, as changes of a file with two tables: writing, appending, editing, exporting, converting, repacking.

Each goes the whole way, from containers or the command line to the disk.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import attrs
import numpy as np
from hdmf.common import DynamicTable, SimpleMultiContainer, VectorData, get_manager

from hdmf_store import NewLayout, StoreIO, open_adapter, repack
from hdmf_store.cli import main
from tests.faults.changes import PLACES

__all__ = ["CALLS", "Call", "called"]

_BESIDE = "beside.zarr"


def _table(name: str, count: int) -> DynamicTable:
    columns = [
        VectorData(name="at", description="when", data=np.arange(count) / 7),
        VectorData(name="label", description="what", data=[f"row {i}" for i in range(count)]),
    ]
    return DynamicTable(name=name, description=f"{count} rows", columns=columns)


def _content(*tables: DynamicTable) -> SimpleMultiContainer:
    root = SimpleMultiContainer(name="root", containers=list(tables))
    for thing in (root, *root.all_objects.values()):
        _name(thing)
    return root


def _name(container: Any) -> None:
    """Give a container the same id each time, so that two files of the same content are equal."""
    where = f"{getattr(container.parent, 'name', None)}.{container.name}"
    container._AbstractContainer__object_id = str(uuid5(NAMESPACE_URL, where))


def _opened(kind: str, folder: Path, mode: str) -> StoreIO:
    return StoreIO(PLACES[kind].within(folder), mode, get_manager(), **(PLACES[kind].options if mode == "w" else {}))


def _write(kind: str, folder: Path) -> None:
    with _opened(kind, folder, "w") as io:
        io.write(_content(_table("later", 4)), cache_spec=False)


def _add_rows(kind: str, folder: Path) -> None:
    with _opened(kind, folder, "r+") as io:
        table = io.read()["first"]
        table.add_row(at=9.5, label="a row that is longer than all others")


def _add_table(kind: str, folder: Path) -> None:
    with _opened(kind, folder, "a") as io:
        root = io.read()
        table = _table("more", 3)
        for thing in (table, *table.columns, table.id):
            _name(thing)
        root.add_container(table)
        io.write(root, cache_spec=False)


def _export(kind: str, folder: Path) -> None:
    with StoreIO(folder / _BESIDE, "r", get_manager()) as source, _opened(kind, folder, "w") as io:
        io.export(source, write_args={"link_data": False}, cache_spec=False)


def _command(*arguments: str) -> None:
    """Run a command, and raise what it only shows to people."""
    try:
        main(arguments, standalone_mode=False)
    except SystemExit as problem:
        if problem.__context__ is not None:
            raise problem.__context__ from None


def _convert(kind: str, folder: Path) -> None:
    _command("convert", "--overwrite", "--quiet", str(folder / _BESIDE), PLACES[kind].within(folder))


def _consolidate(kind: str, folder: Path) -> None:
    _command("consolidate", "--quiet", PLACES[kind].within(folder))


def _repack(kind: str, folder: Path) -> None:
    place = PLACES[kind].within(folder)
    source, destination = open_adapter(place, "r"), open_adapter(place, "w", **PLACES[kind].options)
    layout = NewLayout() if kind == "HDF5" else NewLayout(chunks_of={"/first/at": (2,)})
    try:
        repack(source, destination, layout)
    finally:
        source.close()
        destination.close()


@attrs.frozen(kw_only=True)
class Call:
    """What a user's program does until it is killed; as `tests.faults.changes.Change`."""

    work: Callable[[str, Path], None]
    mode: str = "r+"
    is_new: bool = False
    can_be_repeated: bool = True
    is_undivided: bool = False
    in_place: bool = False

    def prepare(self, kind: str, folder: Path) -> None:
        """Store what is there before, and another file beside it."""
        if not self.is_new:
            with _opened(kind, folder, "w") as io:
                io.write(_content(_table("first", 5), _table("second", 2)), cache_spec=False)
        with StoreIO(folder / _BESIDE, "w", get_manager()) as io:
            io.write(_content(_table("other", 6)), cache_spec=False)

    def do(self, kind: str, folder: Path) -> None:
        """Make the change."""
        self.work(kind, folder)


CALLS: dict[str, Call] = {
    "write": Call(work=_write, mode="w", is_new=True, is_undivided=True),
    "overwrite": Call(work=_write, mode="w", is_undivided=True),
    "append rows": Call(work=_add_rows, can_be_repeated=False),
    "add a table": Call(work=_add_table, can_be_repeated=False),
    "export": Call(work=_export, mode="w", is_undivided=True),
    "convert": Call(work=_convert, mode="w", is_undivided=True),
    "consolidate": Call(work=_consolidate, is_undivided=True),
    "repack": Call(work=_repack, mode="w", is_undivided=True),
}


def called(kind: str) -> list[str]:
    """Return the names of the calls that are whole or not at all in a kind of place."""
    cannot: dict[str, Any] = {"Icechunk": ("convert", "consolidate"), "HDF5": ("consolidate",)}
    return [
        name
        for name, call in CALLS.items()
        if name not in cannot.get(kind, ()) and (call.mode == "w" or not PLACES[kind].only_new)
    ]
