"""How a store is asked: the calls that translation makes of an adapter, and what each one promises.

An adapter is any object with these methods; there is no base class to inherit. Nodes go in, nodes come
out: an adapter never sees an HDMF builder or container, and its callers never see an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np

from hdmf_store.adapter.location import Location
from hdmf_store.nodes import Dataset, Hierarchy, Node

__all__ = ["AdapterClass", "Capabilities", "Plan", "Progress", "StoreAdapter"]

Progress = Callable[[int, int], None]
"""Called with the bytes of values, before compression, and the objects that were written since the last call."""


@attrs.frozen(kw_only=True)
class Capabilities:
    """What a store can do; each default is the weaker promise.

    Parameters
    ----------
    writable : bool
        Hierarchies can be created and extended.
    remote : bool
        A call costs a round trip, so that small values are worth fetching together.
    linkable : bool
        Another file can hold a link into this one.
    consolidates : bool
        The metadata of all nodes can be kept in one document.
    transactional : bool
        The store itself makes one write all or nothing.
    atomic_changes : bool
        A change of an existing hierarchy that fails leaves it as it was. A new hierarchy, and one that is replaced,
        appears whole or not at all in every store.
    shards : bool
        Chunks can be packed in shards.
    layouts : bool
        Chunks and codecs are those that a dataset's layout asks for.
    keeps_bytes : bool
        Byte strings stay byte strings, also those that could be text, those that end in zeros, and none at all.
    links_to : tuple of str
        The kinds of hierarchies, by adapter name, that a link in this store may lead to.
    reserved_names : tuple of str
        Names that no object can have.
    """

    writable: bool = False
    remote: bool = False
    linkable: bool = False
    consolidates: bool = False
    transactional: bool = False
    atomic_changes: bool = False
    shards: bool = False
    layouts: bool = False
    keeps_bytes: bool = False
    links_to: tuple[str, ...] = ()
    reserved_names: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Plan:
    """What one write does to a hierarchy.

    Parameters
    ----------
    nodes : dict of str to Node
        By absolute path. The parent of each is stored or in the plan, before it; only the root may be left out, and is
        made then. A path that is new is created. A group or dataset that is stored already gets
        the attributes given here in place of its own; its values stay.
    consolidate : bool
        Whether to leave the metadata of all nodes in one document, where the store can.
    interleave : bool
        Whether to take pieces from all streams in turn, instead of finishing one before the next.
    executor : concurrent.futures.Executor, optional
        Reads and encodes parts of large datasets elsewhere; what it is given and what it returns can be pickled.
    """

    nodes: Mapping[str, Node]
    consolidate: bool = True
    interleave: bool = False
    executor: Executor | None = None


@runtime_checkable
class StoreAdapter(Protocol):
    """One hierarchy in one store.

    The life of an adapter: construction touches nothing; `open` in a mode; any number of the other calls;
    `close`. Modes are those of h5py, and ``"r-"``, which reads without consolidated metadata.

    It may also have a method ``facts``, which returns a dictionary of what else is worth knowing of an open hierarchy,
    such as the version of its format, by name; ``hdmf-store info`` shows it.

    It may also have a method ``history``, which returns the states of an open hierarchy, the newest first, each a
    dictionary with at least a ``name``, by which it can be opened, a ``time`` and a ``message``; ``hdmf-store history``
    shows them.

    It may also have a method ``flaws(progress)``, which yields a `Finding` for everything that it finds wrong with what
    it has stored, values included, whose number of objects it tells as it goes; ``hdmf-store verify --deep`` asks it.
    A method ``mend(dry_run, idle)`` yields each `Repair` of what is stored before it is done, which nothing is with
    ``dry_run``.

    It may also have a method ``expect(paths)``. It is told of datasets at whose beginning somebody will look soon, does
    no I/O itself, and lets the next `fetch` bring those along, so that looking costs no round trip.
    """

    name: str

    @property
    def location(self) -> Location:
        """Where the hierarchy lies."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        ...

    @property
    def mode(self) -> str:
        """The mode in which it is open; empty while it is not."""
        ...

    def open(self, mode: str) -> None:
        """Open in a mode: ``r``, ``r-``, ``r+``, ``a``, ``w``, ``w-`` or ``x``.

        In the modes that create, nothing is written yet and nothing that exists is touched.

        Raises
        ------
        MissingHierarchyError
            In ``r``, ``r-`` and ``r+``, if nothing is there. May be raised by `load` instead where
            finding out costs a round trip.
        HierarchyExistsError
            In ``w-`` and ``x``, if something is there.
        ModeError
            If the store cannot be written and the mode writes.
        """
        ...

    def close(self) -> None:
        """Release what is held. What was not committed leaves no trace. May be called twice."""
        ...

    def load(self) -> Hierarchy:
        """Return the metadata of every node, reading no values.

        Costs a request or two where metadata is consolidated, never one per node. The second call
        costs nothing unless something was written in between.
        """
        ...

    def fetch(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Return the values of small datasets, read together: the latency of one round trip, not of many."""
        ...

    def array(self, path: str) -> Any:
        """Return the lazy array of a dataset for users: made without I/O, reads what is indexed."""
        ...

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        """Store everything in the plan, or nothing.

        Values are written before what makes them visible, and the commit comes last: a reader sees the
        hierarchy as it was or as it is, never a part. What fails leaves the old hierarchy in place.
        Nothing that was written is read back.
        """
        ...

    def consolidate(self) -> None:
        """Bring the consolidated metadata up to date; nothing where the store keeps none."""
        ...

    def reference(self, other: Location) -> str:
        """Return the stored form of another hierarchy, as links and references hold it; ``"."`` for this one.

        Raises
        ------
        LocationError
            If no file in this store may lead there.
        """
        ...

    def resolve(self, source: str) -> Sequence[Location]:
        """Return the places that a stored form may mean, the likeliest first; none for this hierarchy."""
        ...


class AdapterClass(Protocol):
    """What the class of an adapter offers, so that the right one is found for a place or an array.

    It may also have an attribute ``at_best``, the `Capabilities` that no place exceeds; ``hdmf-store adapters`` shows
    it. Where all places can do the same, ``capabilities`` itself can be that attribute of the class. Adapters for Zarr
    have ``zarr_formats``, the versions that new hierarchies can have.

    Where values can lie in files other than the one that is opened, ``reads_other_files = True`` says so. The class
    then takes ``may_read``, and asks `Reach` before it reads from any of them. An adapter with an attribute
    ``storage_options`` has files of the same origin opened with these.
    """

    name: str

    def __call__(self, place: Any, **options: Any) -> StoreAdapter:
        """Return an adapter for the place, unopened."""
        ...

    def claims(self, place: Any) -> bool:
        """Return whether this kind of store is at `place`, or belongs there by the place's name or type."""
        ...

    def recognise(self, value: Any) -> Dataset | None:
        """Return the dataset that an array object of this engine stands for, or None if it is another's."""
        ...
