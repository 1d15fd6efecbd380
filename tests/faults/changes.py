"""Changes of small hierarchies: what is there before, what is done, and how much of it a killed process may show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from hdmf_store.adapter import Plan, StoreAdapter, open_adapter
from hdmf_store.errors import MissingHierarchyError
from hdmf_store.nodes import ArraySource, Compound, Dataset, Field, Group, Layout, Link, Node, Number, Target, Text
from hdmf_store.testing.equality import plain

__all__ = ["CHANGES", "LARGE", "PLACES", "Change", "Place", "is_old_or_new", "promised", "seen"]


@attrs.frozen
class Place:
    """A kind of place in which a hierarchy lies.

    Parameters
    ----------
    name : str
        In a folder of its own; a URL for what is known by its scheme.
    options : dict
        Of the adapter.
    parts : bool
        Whether the parts of a hierarchy have files of their own, so that some can be changed and others not yet.
    only_new : bool
        Whether only new hierarchies are promised to appear whole.
    """

    name: str
    options: Mapping[str, Any] = attrs.field(factory=dict)
    parts: bool = True
    only_new: bool = False

    def within(self, folder: Path) -> str:
        """Return the address in a folder."""
        return self.name.format(folder=folder) if "{" in self.name else str(folder / self.name)


PLACES = {
    "folder": Place("a.zarr"),
    "nested folder": Place("a.zarr", {"separator": "/"}),
    "folder of format 2": Place("a.zarr", {"zarr_format": 2}),
    "archive": Place("a.zarr.zip", parts=False),
    "HDF5": Place("a.h5", parts=False, only_new=True),
    "Icechunk": Place("icechunk://{folder}/a", parts=False),
}
_BESIDE = "beside.zarr"
_TABLE = Compound([Field("at", Number("int32")), Field("label", Text())])


def _numbers(start: int, count: int = 8, **attributes: Any) -> Dataset:
    values = ArraySource(np.arange(start, start + count, dtype="int32"))
    return Dataset(Number("int32"), (count,), values, attributes, Layout(chunks=(3,), compressors=()))


def _text(value: str) -> Dataset:
    return Dataset(Text(), (), ArraySource(np.array(value, object)))


def _rows(*labels: str) -> Dataset:
    return Dataset(_TABLE, (len(labels),), ArraySource(np.array(list(enumerate(labels)), _TABLE.dtype)))


_OLD: dict[str, Node] = {
    "/": Group({"state": "old"}),
    "/a": _numbers(10, state="old"),
    "/g": Group({"state": "old"}),
    "/g/b": _text("old"),
    "/gone": _numbers(20),
    "/l": Link(Target("/gone")),
    "/rows": _rows("x", "y"),
}
_NEW: dict[str, Node] = {
    "/": Group({"state": "new"}),
    "/a": _numbers(60, 5),
    "/g": _text("a group no longer"),
    "/fresh": _numbers(40, 10),
}


@attrs.frozen(kw_only=True)
class Change:
    """What a process does until it is killed.

    Parameters
    ----------
    mode : str
        In which it opens the hierarchy.
    work : callable
        What it does with the adapter and the folder in which all lies.
    before : dict, optional
        What is there.
    beside : dict, optional
        What another hierarchy holds, from which values are taken.
    can_be_repeated : bool
        Whether doing it again leads to what doing it once does.
    is_undivided : bool
        Whether the folder, too, has the old or the new state as a whole, for readers of any mode. If not, that is
        promised of each object, and of the whole to readers of the consolidated documents.
    in_place : bool
        Whether values are changed where they are: then it is promised of each value in a folder.
    """

    mode: str
    work: Callable[[StoreAdapter, Path], None]
    before: Mapping[str, Node] | None = attrs.field(factory=lambda: _OLD)
    beside: Mapping[str, Node] | None = None
    can_be_repeated: bool = True
    is_undivided: bool = False
    in_place: bool = False

    def prepare(self, kind: str, folder: Path) -> None:
        """Store what is there before."""
        if self.before is not None:
            self._do("w", lambda adapter: adapter.write(Plan(nodes=self.before)), kind, folder)
        if self.beside is not None:
            self._do("w", lambda adapter: adapter.write(Plan(nodes=self.beside)), "folder", folder, _BESIDE)

    def do(self, kind: str, folder: Path, **options: Any) -> None:
        """Make the change, with options of the adapter."""
        self._do(self.mode, lambda adapter: self.work(adapter, folder), kind, folder, **options)

    def do_durably(self, kind: str, folder: Path) -> None:
        """Make the change, and wait for the disk."""
        self.do(kind, folder, durable=True)

    @staticmethod
    def _do(
        mode: str, work: Callable[[StoreAdapter], None], kind: str, folder: Path, name: str = "", **options: Any
    ) -> None:
        place = PLACES[kind]
        adapter = open_adapter(folder / name if name else place.within(folder), mode, **place.options, **options)
        try:
            work(adapter)
        finally:
            adapter.close()


def _replace(adapter: StoreAdapter, _: Path) -> None:
    adapter.write(Plan(nodes=_NEW))


def _add(adapter: StoreAdapter, _: Path) -> None:
    more = {"/more": Group({"x": 2}), "/more/c": _numbers(1, 5), "/g/d": _text("added"), "/k": Link(Target("/a"))}
    adapter.write(Plan(nodes=more))


def _describe(adapter: StoreAdapter, _: Path) -> None:
    nodes = {path: attrs.evolve(_OLD[path], attributes={"state": "new"}) for path in ("/", "/a", "/g")}
    adapter.write(Plan(nodes=nodes))


def _assign(adapter: StoreAdapter, _: Path) -> None:
    adapter.array("/a")[1:7] = np.arange(101, 107)
    adapter.array("/gone")[0] = 100


def _extend(adapter: StoreAdapter, _: Path) -> None:
    for path in ("/a", "/gone"):
        adapter.array(path).append([7, 8, 9, 10])


def _widen(adapter: StoreAdapter, _: Path) -> None:
    adapter.array("/rows").append(np.array([(2, "longer than before")], _TABLE.dtype))


def _consolidate(adapter: StoreAdapter, _: Path) -> None:
    adapter.consolidate()


def _copy(adapter: StoreAdapter, folder: Path) -> None:
    other = open_adapter(folder / _BESIDE, "r")
    adapter.write(Plan(nodes=dict(other.load().nodes)))
    other.close()


CHANGES: dict[str, Change] = {
    "a new file": Change(mode="w", work=_replace, before=None, is_undivided=True),
    "in place of another": Change(mode="w", work=_replace, is_undivided=True),
    "a copy in place of another": Change(mode="w", work=_copy, beside=_NEW, is_undivided=True),
    "objects are added": Change(mode="a", work=_add),
    "attributes are changed": Change(mode="r+", work=_describe),
    "values are assigned": Change(mode="r+", work=_assign, in_place=True),
    "rows are added": Change(mode="r+", work=_extend, can_be_repeated=False),
    "a longer text is added": Change(mode="a", work=_widen, can_be_repeated=False),
    "documents are consolidated": Change(mode="r+", work=_consolidate, is_undivided=True),
}


_MANY = {
    "/": Group({"state": "large"}),
    **{f"/d{at}": _numbers(at, 9) for at in range(20)},
    "/long": _numbers(0, 600),
}


def _write_many(adapter: StoreAdapter, _: Path) -> None:
    adapter.write(Plan(nodes=_MANY))


LARGE: dict[str, Change] = {
    "a large file": Change(mode="w", work=_write_many, is_undivided=True),
}
"""What is tried at some operations only, because it takes thousands."""


def promised(kind: str) -> list[str]:
    """Return the names of the changes that are whole or not at all in a kind of place."""
    return [name for name, change in CHANGES.items() if change.mode == "w" or not PLACES[kind].only_new]


def seen(kind: str, folder: Path, mode: str) -> dict[str, Any] | None:
    """Return everything that a new reader finds, every value; None if there is nothing."""
    try:
        adapter = open_adapter(PLACES[kind].within(folder), mode)
    except MissingHierarchyError:
        return None
    try:
        nodes = adapter.load().nodes
        values = adapter.fetch([path for path, node in nodes.items() if isinstance(node, Dataset)])
    except MissingHierarchyError:
        return None  # as mode a finds out
    finally:
        adapter.close()
    return {
        path: (str(node.target) if isinstance(node, Link) else plain(node.attributes), _plain(values.get(path)))
        for path, node in nodes.items()
    }


def _plain(values: np.ndarray | None) -> Any:
    return None if values is None else plain(values.tolist())


def is_old_or_new(found: Any, old: Any, new: Any, *, objects: bool = False, values: bool = False) -> bool:
    """Return whether what was found is one of two states: as a whole, or each object of it, or each value."""
    if found in (old, new):
        return True
    if not objects or None in (found, old):
        return False
    if not old.keys() & new.keys() <= found.keys() <= old.keys() | new.keys():
        return False
    return all(_is_either(node, old.get(path), new.get(path), values) for path, node in found.items())


def _is_either(found: Any, old: Any, new: Any, values: bool) -> bool:
    if found in (old, new):
        return True
    if not values or found[0] != old[0] or not isinstance(found[1], list | tuple):
        return False
    return all(one in (a, b) for one, a, b in zip(found[1], old[1], new[1], strict=True))
