"""Whatever a hierarchy may hold comes back equal from every store that ships."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import attrs
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan, StoreAdapter
from hdmf_store.nodes import ROOT, Dataset, Hierarchy, Link, parent
from hdmf_store.testing import MemoryAdapter, MemoryPlace, strategies
from hdmf_store.testing.equality import differences
from hdmf_store_adapters.hdf5_adapter import HDF5Adapter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.effort import examples

GENEROUS = settings(
    deadline=None,
    max_examples=examples(25),
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
)


def opened(adapter: StoreAdapter, mode: str) -> AbstractContextManager[Any]:
    adapter.open(mode)
    return closing(adapter)


def written(hierarchy: Hierarchy, make: Callable[[], StoreAdapter], **plan: Any) -> None:
    with opened(make(), "w") as adapter:
        adapter.write(Plan(nodes=hierarchy.nodes, **plan))


def found_differences(
    hierarchy: Hierarchy, make: Callable[[], StoreAdapter], mode: str = "r", *, layout: bool = False
) -> list[str]:
    """Return how a second opening differs, by both ways of reading values."""
    with opened(make(), mode) as adapter:
        loaded = adapter.load()
        paths = [path for path, node in loaded.nodes.items() if isinstance(node, Dataset)]
        fetched = adapter.fetch(paths)
        lines = differences(hierarchy.nodes, loaded.nodes, fetched.__getitem__, layout=layout)
        lines += differences(hierarchy.nodes, loaded.nodes, lambda path: _through_source(loaded, path))
    return lines


def _through_source(loaded: Hierarchy, path: str) -> Any:
    dataset = loaded[path]
    return dataset.values.read(tuple(slice(0, length) for length in dataset.shape))


@GENEROUS
@given(hierarchy=strategies.hierarchies())
def test_memory_keeps_every_hierarchy(hierarchy: Hierarchy) -> None:
    """The store in memory that needs no engine loses nothing."""
    place = MemoryPlace()

    written(hierarchy, lambda: MemoryAdapter(place))

    assert found_differences(hierarchy, lambda: MemoryAdapter(place)) == []


@GENEROUS
@given(hierarchy=strategies.hierarchies(), consolidate=st.booleans())
def test_zarr_store_object_keeps_every_hierarchy(hierarchy: Hierarchy, consolidate: bool) -> None:
    """A zarr store object gives back every node, value, attribute and wish about the layout."""
    store = MemoryStore()

    written(hierarchy, lambda: ZarrAdapter(store), consolidate=consolidate)

    copied = MemoryStore(dict(store._store_dict))
    assert found_differences(hierarchy, lambda: ZarrAdapter(copied), layout=True) == []


@GENEROUS
@given(hierarchy=strategies.hierarchies(holder="zarr2"), consolidate=st.booleans())
def test_format_2_keeps_every_hierarchy(hierarchy: Hierarchy, consolidate: bool) -> None:
    """Format 2 gives back every node, value and attribute that format 3 does (NEEDS 46, 47, 50, 51, 53, 59)."""
    store = MemoryStore()

    written(hierarchy, lambda: ZarrAdapter(store, zarr_format=2), consolidate=consolidate)

    copied = MemoryStore(dict(store._store_dict))
    assert found_differences(hierarchy, lambda: ZarrAdapter(copied)) == []


@GENEROUS
@given(hierarchy=strategies.hierarchies(), mode=st.sampled_from(["r", "r-"]))
def test_zarr_folder_keeps_every_hierarchy(hierarchy: Hierarchy, mode: str) -> None:
    """A folder gives back everything, with and without looking at the consolidated metadata."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "file.zarr"

        written(hierarchy, lambda: ZarrAdapter(place))

        assert found_differences(hierarchy, lambda: ZarrAdapter(place), mode, layout=True) == []


@GENEROUS
@given(hierarchy=strategies.hierarchies(holder="hdf5", elsewhere=("../other.h5",)))
def test_hdf5_keeps_every_hierarchy_that_it_can_hold(hierarchy: Hierarchy) -> None:
    """HDF5 gives back everything but layouts; text without NUL and lists of one kind are all it can be asked for."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "file.h5"

        written(hierarchy, lambda: HDF5Adapter(place))

        assert found_differences(hierarchy, lambda: HDF5Adapter(place)) == []


@GENEROUS
@given(hierarchy=strategies.hierarchies(), data=st.data())
def test_writing_in_two_steps_equals_writing_at_once(hierarchy: Hierarchy, data: st.DataObject) -> None:
    """A part of a hierarchy, and later the rest in mode a, make the whole: nodes, links, attributes and values."""
    first = {ROOT}
    for path in hierarchy:
        if parent(path) in first and data.draw(st.booleans(), label=f"{path!r} is written first"):
            first.add(path)
    before = {path: node for path, node in hierarchy.nodes.items() if path in first}
    after = {path: node for path, node in hierarchy.nodes.items() if path not in first}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "file.zarr"

        written(Hierarchy(before), lambda: ZarrAdapter(place))
        with opened(ZarrAdapter(place), "a") as adapter:
            adapter.write(Plan(nodes=after))

        assert found_differences(hierarchy, lambda: ZarrAdapter(place)) == []
        assert found_differences(hierarchy, lambda: ZarrAdapter(place), "r-") == []


@GENEROUS
@given(hierarchy=strategies.hierarchies(), data=st.data())
def test_attributes_given_again_replace_those_that_are_stored(hierarchy: Hierarchy, data: st.DataObject) -> None:
    """What is stored already gets the new attributes in place of its own and keeps its values."""
    changed = {
        path: attrs.evolve(node, attributes=data.draw(strategies.attributes(), label=path))
        for path, node in hierarchy.nodes.items()
        if not isinstance(node, Link)
    }
    store = MemoryStore()
    written(hierarchy, lambda: ZarrAdapter(store))

    with opened(ZarrAdapter(store), "r+") as adapter:
        adapter.write(Plan(nodes=changed))

    expected = Hierarchy({**hierarchy.nodes, **changed})
    assert found_differences(expected, lambda: ZarrAdapter(store)) == []
