"""Two writers of one file where no lock keeps them apart: the later one is told, as far as looking can tell.

Holds what users asked for (NEEDS 41).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan
from hdmf_store.errors import ConflictError
from hdmf_store.nodes import ROOT, Dataset, Group, Layout, Number, Stream
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers
from tests.adapters.stores import CountingAsyncStore, read, write
from tests.servers.s3 import Bucket

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


def writer(place: Any, mode: str = "r+", **options: Any) -> ZarrAdapter:
    adapter = ZarrAdapter(place, **options)
    adapter.open(mode)
    return adapter


def new_file(place: Any, zarr_format: int = 3, **options: Any) -> None:
    nodes = {ROOT: Group({"made": "first"}), "/x": numbers([1], chunks=(4,))}
    write(place, nodes, adapter=ZarrAdapter(place, zarr_format=zarr_format, **options))


@FORMATS
def test_who_commits_later_is_told_and_what_the_other_stored_stays(zarr_format: int) -> None:
    """Nothing of the later write is left; the file opened again takes it."""
    store = CountingAsyncStore()
    new_file(store, zarr_format)
    one, two = writer(store), writer(store, "a")
    one.load(), two.load()
    one.write(Plan(nodes={"/both": numbers([1]), "/one": numbers([1, 1])}))

    with pytest.raises(ConflictError, match="another writer"):
        two.write(Plan(nodes={"/both": numbers([2, 2, 2]), "/two": numbers([2])}))
    two.close()
    one.close()

    for mode in ("r", "r-"):
        found = read(store, mode)
        assert set(found.load()) == {ROOT, "/x", "/both", "/one"}
        assert found.fetch(["/both"])["/both"].tolist() == [1]
    again = writer(store)
    again.write(Plan(nodes={"/two": numbers([2])}))
    again.close()
    assert set(read(store).load()) == {ROOT, "/x", "/both", "/one", "/two"}


def test_a_commit_that_happens_while_another_writer_stores_values_is_seen() -> None:
    """Right before the root's document is stored, it is looked at once more."""
    store = MemoryStore()
    new_file(store)
    slow, fast = writer(store), writer(store)

    def pieces() -> Any:
        yield (slice(0, 2),), np.array([1, 2], "int16")
        fast.write(Plan(nodes={"/fast": numbers([3])}))
        yield (slice(2, 4),), np.array([3, 4], "int16")

    streamed = Dataset(Number("int16"), (4,), Stream(pieces()), {}, Layout(chunks=(2,)))
    with pytest.raises(ConflictError):
        slow.write(Plan(nodes={"/slow": streamed}))
    slow.close()
    fast.close()

    assert set(read(store, "r").load()) == set(read(store, "r-").load()) == {ROOT, "/x", "/fast"}


def test_closing_after_an_append_keeps_what_others_added_to_the_consolidated_document() -> None:
    """The length and the other's object are both in it."""
    store = MemoryStore()
    new_file(store)
    one, two = writer(store), writer(store)
    one.array("/x").append(np.array([2], "int32"))
    two.write(Plan(nodes={"/two": numbers([3])}))
    two.close()

    one.close()

    found = read(store, "r")
    assert set(found.load()) == {ROOT, "/x", "/two"}
    assert found.array("/x")[...].tolist() == [1, 2]


@FORMATS
def test_a_writer_does_not_take_its_own_changes_for_those_of_another(zarr_format: int) -> None:
    """Several writes, appends, attributes of the root changed by zarr, and consolidating, in any order."""
    store = MemoryStore()
    new_file(store, zarr_format)
    adapter = writer(store)

    for turn in range(3):
        adapter.write(Plan(nodes={ROOT: Group({"turn": turn}), f"/n{turn}": numbers([turn])}))
        adapter.zarr_object(ROOT).attrs["by zarr"] = turn
        adapter.array("/x").append(np.array([turn], "int32"))
        adapter.array("/x").attrs["turn"] = turn
        adapter.write(Plan(nodes={f"/m{turn}": numbers([turn])}, consolidate=turn != 1))
        adapter.consolidate()
    adapter.close()

    assert len(read(store, "r").load()) == 8


@pytest.mark.once
def test_on_s3_the_later_commit_is_refused(s3: Bucket) -> None:
    """As a real client finds it on a real server."""
    place, options = f"{s3.url}/a.zarr", {"storage_options": s3.storage_options}
    new_file(place, **options)
    one, two = writer(place, **options), writer(place, **options)
    one.write(Plan(nodes={"/one": numbers([1])}))

    with pytest.raises(ConflictError):
        two.write(Plan(nodes={"/two": numbers([2])}))
    two.close()
    one.close()

    found = ZarrAdapter(place, **options)
    found.open("r")
    assert set(found.load()) == {ROOT, "/x", "/one"}
