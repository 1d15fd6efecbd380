"""Chunks that were decoded last are not read again, while nobody here can change them."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest

from hdmf_store.errors import ClosedError
from hdmf_store.nodes import ReferenceTo, Target
from hdmf_store_adapters import array_record
from hdmf_store_adapters.json_forms import decode_target
from hdmf_store_adapters.recent_chunks import KeptStretch, RecentChunks
from tests.adapters.samples import dataset, numbers, objects, texts
from tests.adapters.stores import CountingStore, read, write


def stored() -> CountingStore:
    """Return a store with arrays of several chunks."""
    store = CountingStore()
    nodes = {"/a": numbers(np.arange(1, 101), chunks=(50,)), "/t": texts([f"row {i}" for i in range(100)])}
    write(store, nodes)
    return store


@pytest.mark.parametrize("path", ["/a", "/t"])
def test_who_reads_row_by_row_reads_each_chunk_once(path: str) -> None:
    """As tables with ragged columns are read."""
    store = stored()
    adapter = read(store)
    array = adapter.array(path)
    expected = array[:].tolist()
    store.calls.got.clear()

    assert [array[i : i + 1].tolist()[0] for i in range(100)] == expected
    assert len(store.calls.got) == len(set(store.calls.got)) <= 2


def test_rows_that_lie_in_two_chunks_are_read_from_what_is_kept() -> None:
    """As rows of ragged columns do, whose lengths nobody chose."""
    store = stored()
    array = read(store).array("/a")
    store.calls.got.clear()

    assert [array[i : i + 10].tolist() for i in range(0, 91, 7)] == [
        list(range(i + 1, i + 11)) for i in range(0, 91, 7)
    ]
    assert sorted(store.calls.got) == ["a/c/0", "a/c/1"]


def test_who_reads_all_of_an_array_decodes_what_nobody_read_before() -> None:
    """As a table does that was looked into first; and nothing is kept that is asked for as a whole."""
    store = stored()
    array = read(store).array("/a")
    assert array[3] == 4
    store.calls.got.clear()

    assert array[:].tolist() == list(range(1, 101))
    assert array[:].tolist() == list(range(1, 101))
    assert store.calls.got == ["a/c/1", "a/c/1"]


def test_a_reference_is_resolved_when_its_row_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of all other rows with it, as often as there are rows."""
    resolved: list[object] = []
    monkeypatch.setattr(
        array_record, "decode_target", lambda value, itself: resolved.append(value) or decode_target(value, itself)
    )
    targets = [Target(f"/g{i}") for i in range(20)]
    store = CountingStore()
    write(store, {"/r": dataset(ReferenceTo(), objects(targets))})
    array = read(store).array("/r")
    resolved.clear()

    assert [array[at] for at in range(20)] == targets
    assert array[-1] == targets[-1]
    assert len(resolved) == 21
    assert array[[3, 5]].tolist() == [targets[3], targets[5]]


def test_what_was_read_is_the_readers_own() -> None:
    """Who changes it changes nothing for others."""
    adapter = read(stored())
    array = adapter.array("/a")

    first = array[3:6]
    first[:] = 0

    assert array[3:6].tolist() == [4, 5, 6]
    source = adapter.load()["/a"].values
    values = source.read((slice(3, 6),))
    assert values.tolist() == [4, 5, 6]
    with pytest.raises(ValueError, match="read-only"):
        values[:] = 0


def test_who_can_write_reads_what_is_stored() -> None:
    """Another writer may have changed it."""
    store = stored()
    adapter, other = read(store, "r+"), read(store, "r+")
    array = adapter.array("/a")
    assert array[0] == 1

    other.array("/a")[0] = 77

    assert array[0] == 77
    adapter.close()
    other.close()


def test_a_file_that_is_opened_again_is_read_again() -> None:
    """Nothing outlives the file that was open."""
    store = stored()
    adapter = read(store)
    assert adapter.array("/a")[0] == 1
    adapter.close()
    changing = read(store, "r+")
    changing.array("/a")[0] = 78
    changing.close()

    adapter.open("r")
    assert adapter.array("/a")[0] == 78


def test_memory_is_bounded() -> None:
    """The oldest go, and what is larger than all room is not kept."""
    recent, decoded = RecentChunks(budget=2000), []

    def chunk(name: str, size: int = 100) -> None:
        recent.find(name, lambda: decoded.append(name) or np.zeros(size))

    for name in ("a", "b", "a", "c", "a", "b"):
        chunk(name)
    assert decoded == ["a", "b", "c", "b"]
    chunk("large", 1000)
    chunk("large", 1000)
    assert decoded[-2:] == ["large", "large"]
    for _ in range(2):
        recent.find("text", lambda: decoded.append("text") or np.array(["x" * 3000], object))
    assert decoded[-2:] == ["text", "text"]


SELECTIONS = [0, 49, 50, 96, np.int64(55), np.uint8(7), -1, True, [1, 60], slice(np.int32(60), np.uint16(70))]
SELECTIONS += [slice(*ends) for ends in [(3, 9), (45, 55), (90, 99), (90, None), (-5, -1), (9, 3), (2, 20, 3)]]


@pytest.mark.parametrize("before", [3, 60, 96])
@pytest.mark.parametrize("selection", SELECTIONS, ids=repr)
def test_what_is_kept_of_an_axis_is_indexed_as_numpy_does(selection: Any, before: int) -> None:
    """Wherever the chunk lies of which the element before was taken; the last one is longer than the array."""
    store, values = CountingStore(), np.arange(1, 98, dtype="int32")
    write(store, {"/a": numbers(values, chunks=(50,))})
    array = read(store).array("/a")
    assert [array[before], array[before], array[before : before + 1].tolist()] == [before + 1, before + 1, [before + 1]]

    found, expected = array[selection], values[selection]
    assert type(found) is type(expected)
    np.testing.assert_array_equal(found, expected)


def test_beyond_the_end_there_is_nothing_however_long_the_last_chunk_is() -> None:
    """Chunks at the end of an axis are stored whole."""
    store = CountingStore()
    write(store, {"/a": numbers(np.arange(97), chunks=(50,))})
    array = read(store).array("/a")
    assert array[96] == array[96] == 96
    with pytest.raises(IndexError):
        array[97]


def test_a_slice_of_what_is_kept_can_be_changed_without_changing_what_is_read_next() -> None:
    """Each caller gets its own."""
    array = read(stored()).array("/a")
    assert array[3] == array[3] == 4
    array[2:6][:] = 0
    assert array[2:6].tolist() == [3, 4, 5, 6]


def test_nothing_is_read_of_what_is_kept_once_the_file_is_closed() -> None:
    """However it was asked for before."""
    adapter = read(stored())
    array = adapter.array("/a")
    assert array[3] == array[3] == 4
    adapter.close()
    for selection in (3, slice(3, 5)):
        with pytest.raises(ClosedError):
            array[selection]


def test_who_read_one_element_of_many_arrays_keeps_no_more_than_the_budget() -> None:
    """An array does not hold on to a chunk that was let go."""
    budget = 3 * 80
    chunks = RecentChunks(budget)
    stretches = []
    for number in range(10):
        chunk = chunks.put(number, np.full(10, number))
        stretches.append(KeptStretch(weakref.ref(chunk), 0, 10))
        del chunk
    assert [stretch.at(4) for stretch in stretches] == [None] * 7 + [7, 8, 9]
