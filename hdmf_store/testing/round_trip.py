"""Whether containers come back equal from stores: for authors of types, extensions and adapters.

Give it a container, or a hypothesis strategy that makes containers::

    from hdmf_store.testing import check_round_trip


    def test_my_table():
        check_round_trip(MyTable(name="root", description="a table"), manager=my_get_manager)

It stores a copy in each of `STORES`, reads that with a manager that knows nothing of what was written, and compares
the two containers by `container_differences`.
"""

from __future__ import annotations

import copy
import tempfile
import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
from hdmf.build import BuildManager
from hdmf.common import get_manager
from hdmf.container import AbstractContainer
from zarr.storage import MemoryStore

from hdmf_store.facade.store_io import StoreIO
from hdmf_store.testing.containers import ContainerDifference, container_differences

if TYPE_CHECKING:
    from hypothesis import strategies

__all__ = ["STORES", "RoundTripError", "Store", "check_round_trip"]

_MOST_SHOWN = 20


@attrs.define(eq=False)
class RoundTripError(AssertionError):
    """A container that is not what it was after it was stored and read.

    Parameters
    ----------
    container : AbstractContainer
        As it was written.
    store : str
        The name of the store.
    differences : tuple of ContainerDifference
    """

    container: AbstractContainer
    store: str
    differences: tuple[ContainerDifference, ...]

    def __str__(self) -> str:
        lines = [f"  {difference}" for difference in self.differences[:_MOST_SHOWN]]
        if len(self.differences) > _MOST_SHOWN:
            lines.append(f"  and {len(self.differences) - _MOST_SHOWN} more")
        kind = type(self.container).__name__
        return "\n".join([f"{kind} {self.container.name!r} changed in {self.store}:", *lines])


@attrs.frozen
class Store:
    """A store through which containers are sent.

    Parameters
    ----------
    name : str
        For messages.
    new_place : callable
        Given an empty folder, returns a place at which nothing lies.
    adapter_class : AdapterClass, optional
        By default the one that serves the place.
    options : dict, optional
        Of the adapter.
    """

    name: str
    new_place: Callable[[Path], Any]
    adapter_class: Any = None
    options: Mapping[str, Any] = attrs.field(factory=dict)

    def opened(self, place: Any, mode: str, manager: BuildManager) -> StoreIO:
        """Return an open file at a place."""
        if self.adapter_class is None:
            return StoreIO(place, mode, manager, **self.options)
        return StoreIO(self.adapter_class(place, **self.options), mode, manager)


def _file(ending: str) -> Callable[[Path], Path]:
    return lambda folder: folder / f"{uuid.uuid4().hex}{ending}"


STORES: Mapping[str, Store] = {
    store.name: store
    for store in (
        Store("zarr", _file(".zarr")),
        Store("zarr2", _file(".zarr"), options={"zarr_format": 2}),
        Store("zip", _file(".zarr.zip")),
        Store("memory", lambda folder: MemoryStore()),
        Store("hdf5", _file(".h5")),
    )
}
"""A folder in Zarr format 3 and in format 2, a zip archive, zarr's store in memory, and HDF5."""


def check_round_trip(
    subject: AbstractContainer | strategies.SearchStrategy[Any],
    *,
    manager: Callable[[], BuildManager] = get_manager,
    stores: Iterable[str | Store] = tuple(STORES),
    max_examples: int = 20,
) -> None:
    """Store containers, read them, and compare.

    Parameters
    ----------
    subject : AbstractContainer or hypothesis strategy
        A container that could be the root of a file and was not stored yet; its data is in memory, since each store
        gets a copy. Or a strategy that makes such containers.
    manager : callable, default hdmf.common.get_manager
        Returns a new manager that knows the types; for NWB ``pynwb.get_manager``.
    stores : iterable of str or Store
        Names out of `STORES`, and stores of your own.
    max_examples : int, default 20
        How many containers are drawn from a strategy.

    Raises
    ------
    RoundTripError
        If something differs. It names each field, and both values.
    """
    chosen = [STORES[store] if isinstance(store, str) else store for store in stores]
    if isinstance(subject, AbstractContainer):
        _check(subject, manager, chosen)
        return
    from hypothesis import HealthCheck, Phase, given, settings

    phases = [Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink]
    checks = list(HealthCheck)

    @settings(max_examples=max_examples, deadline=None, phases=phases, suppress_health_check=checks)
    @given(subject)
    def check_each(container: AbstractContainer) -> None:
        _check(container, manager, chosen)

    check_each()


def _check(container: AbstractContainer, manager: Callable[[], BuildManager], stores: Iterable[Store]) -> None:
    for store in stores:
        written = copy.deepcopy(container)  # a container can be written to one file only
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = _differences(written, manager, store, store.new_place(Path(folder)))
        except Exception as problem:
            problem.add_note(f"while {type(container).__name__} {container.name!r} went through the store {store.name}")
            raise
        if found:
            raise RoundTripError(container, store.name, tuple(found))


def _differences(
    written: AbstractContainer, manager: Callable[[], BuildManager], store: Store, place: Any
) -> list[ContainerDifference]:
    with store.opened(place, "w", manager()) as io:
        io.write(written)
    with store.opened(place, "r", manager()) as io:
        return container_differences(written, io.read())
