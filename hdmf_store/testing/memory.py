"""A store in memory, without Zarr or HDF5: the protocol at its plainest, and a fast fake for tests of translation.

What is written is copied, so that nothing a caller changes afterwards changes what is stored; a write replaces the
whole tree at once, so a reader never sees half of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from hdmf_store.adapter import CREATING_MODES, READING_MODES, Capabilities, Location, Plan, Progress, check_mode
from hdmf_store.errors import (
    ClosedError,
    HierarchyExistsError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    UnreadableError,
)
from hdmf_store.nodes import (
    ROOT,
    Dataset,
    Group,
    Hierarchy,
    Link,
    Node,
    Origin,
    RandomAccess,
    Region,
    Unreadable,
    part,
    read_whole,
    settled,
)

__all__ = ["MemoryAdapter", "MemoryPlace"]


@attrs.define(eq=False)
class MemoryPlace:
    """A place in memory at which one hierarchy can lie.

    Parameters
    ----------
    nodes : dict of str to Node, optional
        What lies there; None while it is empty.
    """

    nodes: Mapping[str, Node] | None = None


@attrs.frozen(eq=False)
class _Kept:
    """Values that are kept, and where."""

    array: np.ndarray
    origin: Origin

    def read(self, region: Region) -> np.ndarray:
        return part(self.array, region)


class MemoryAdapter:
    """One hierarchy in memory.

    Parameters
    ----------
    place : MemoryPlace
    """

    name = "testing-memory"

    def __init__(self, place: MemoryPlace) -> None:
        self._place = place
        self._mode = ""
        self._location = Location.of_object(place)

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether this is a place in memory."""
        return isinstance(place, MemoryPlace)

    @staticmethod
    def recognise(value: Any) -> None:
        """Recognise nothing: arrays are handed out as plain numpy arrays."""
        return

    @property
    def location(self) -> Location:
        """A place in this process."""
        return self._location

    @property
    def capabilities(self) -> Capabilities:
        """It can be written, and a write is all or nothing; nothing can link here from outside."""
        return Capabilities(writable=True, transactional=True, atomic_changes=True, shards=True, keeps_bytes=True)

    @property
    def mode(self) -> str:
        """The mode in which it is open; empty while it is not."""
        return self._mode

    def open(self, mode: str) -> None:
        """Open in a mode; see `StoreAdapter.open`."""
        check_mode(mode)
        exists = self._place.nodes is not None
        if mode in ("r", "r-", "r+") and not exists:
            raise MissingHierarchyError(str(self._location), "nothing is kept here")
        if mode in ("w-", "x") and exists:
            raise HierarchyExistsError(str(self._location), f"exists, and mode {mode!r} only creates")
        self._mode = mode
        self._creates = mode in CREATING_MODES or not exists

    def close(self) -> None:
        """Close; what was committed stays in its place."""
        self._mode = ""

    def load(self) -> Hierarchy:
        """Return all nodes."""
        if not self._mode:
            raise ClosedError(str(self._location), "read")
        if self._creates or self._place.nodes is None:
            raise MissingHierarchyError(str(self._location), "nothing has been written yet")
        return Hierarchy(self._place.nodes, str(self._location))

    def fetch(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Return the values of datasets."""
        return {path: self._values(path) for path in paths}

    def array(self, path: str) -> np.ndarray:
        """Return a dataset's array."""
        return self._values(path)

    def _values(self, path: str) -> np.ndarray:
        node = self.load()[path]
        if not isinstance(node, Dataset):
            raise MissingNodeError(str(self._location), path)
        return self._values_of(node)

    @staticmethod
    def _values_of(node: Dataset) -> np.ndarray:
        assert isinstance(node.values, _Kept)
        return node.values.array

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        """Keep everything in the plan, or nothing."""
        if not self._mode:
            raise ClosedError(str(self._location), "write")
        if self._mode in READING_MODES:
            raise ModeError(str(self._location), "write", self._mode, "mode 'w', 'a' or 'r+'")
        nodes: dict[str, Node] = {ROOT: Group()} if self._creates else dict(self._place.nodes or {})
        for path, node in plan.nodes.items():
            known = nodes.get(path)
            if isinstance(node, Dataset) and isinstance(known, Dataset):
                nodes[path] = attrs.evolve(known, attributes=dict(node.attributes))
            else:
                nodes[path] = self._kept(path, node)
            if progress is not None:
                kept = nodes[path]
                progress(self._values_of(kept).nbytes if isinstance(kept, Dataset) and kept is not known else 0, 1)
        self._place.nodes = nodes
        self._creates = False

    def _kept(self, path: str, node: Node) -> Node:
        if isinstance(node, Link):
            return node
        if isinstance(node, Group):
            return Group(dict(node.attributes))
        if isinstance(node.element, Unreadable):
            raise UnreadableError(str(self._location), path, node.element.reason)
        whole = settled(node)
        assert isinstance(whole.values, RandomAccess)
        array = np.array(read_whole(whole.values, whole.shape))
        origin = Origin(self._location.identity, path)
        return attrs.evolve(node, shape=array.shape, values=_Kept(array, origin), attributes=dict(node.attributes))

    def consolidate(self) -> None:
        """Do nothing: there is one copy of the metadata."""

    def reference(self, other: Location) -> str:
        """Return how links in this hierarchy name another one."""
        return other.source_from(self._location)

    def resolve(self, source: str) -> tuple[Location, ...]:
        """Return the places that a recorded source may mean."""
        return () if source in ("", ".") else (Location.of(source),)
