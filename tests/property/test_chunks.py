"""Cutting datasets into chunks and putting pieces together equal plain numpy.

Holds what users asked for (NEEDS 39).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdmf_store.nodes import ArraySource, Dataset, Layout, Number, Region, slabs, tiles, whole
from hdmf_store_adapters import chunks as chunks_module
from hdmf_store_adapters import zarr_v3
from hdmf_store_adapters.chunks import StreamAssembler, encoded_chunks, leaving_out_fill, read_region
from hdmf_store_adapters.zarr_chunk import ZarrChunk
from tests.effort import examples


def record_of(shape: tuple[int, ...], chunks: tuple[int, ...], fill: int = 0, **layout: Any) -> zarr_v3.ArrayRecord:
    wishes = Layout(chunks=chunks, fill_value=fill, compressors=(), **layout)
    dataset = Dataset(Number("int16"), shape, None, {}, wishes)
    return zarr_v3.decode_array(zarr_v3.array_document(dataset, {}, "file", "/a"), "file", "/a")[1]


def together(stored: Mapping[str, bytes]) -> Callable[[Sequence[str]], list[bytes | None]]:
    """Return what gives the bytes under several keys."""
    return lambda keys: [stored.get(key) for key in keys]


@st.composite
def grids(draw: st.DrawFn, least: int = 0) -> tuple[tuple[int, ...], tuple[int, ...]]:
    ndim = draw(st.integers(1, 3))
    shape = draw(st.tuples(*[st.integers(least, 7)] * ndim))
    return shape, draw(st.tuples(*[st.integers(1, 5)] * ndim))


@st.composite
def regions(draw: st.DrawFn, shape: tuple[int, ...], least: int = 0) -> Region:
    starts = [draw(st.integers(0, length - least)) for length in shape]
    return tuple(slice(at, draw(st.integers(at + least, n))) for at, n in zip(starts, shape, strict=True))


@st.composite
def pieces(draw: st.DrawFn, shape: tuple[int, ...]) -> list[tuple[Region, np.ndarray]]:
    found = draw(st.lists(regions(shape, least=1), max_size=8))
    numbers = draw(st.lists(st.sampled_from([0, 0, 3, 4, 5]), min_size=len(found), max_size=len(found)))
    made = []
    for region, number in zip(found, numbers, strict=True):
        sides = tuple(part.stop - part.start for part in region)
        varied = np.arange(np.prod(sides), dtype=np.int16).reshape(sides) * (number == 4)
        made.append((region, np.full(sides, number, np.int16) + varied))
    return made


@settings(deadline=None, max_examples=examples(60))
@given(grid=grids(), data=st.data())
def test_tiles_cover_everything_exactly_once(grid: Any, data: st.DataObject) -> None:
    """Every element lies in one tile, and no tile is larger than asked for."""
    shape, step = grid
    seen = np.zeros(shape, int)

    for tile in tiles(shape, step):
        seen[tile] += 1
        assert all(0 < part.stop - part.start <= by for part, by in zip(tile, step, strict=True))

    assert (seen == 1).all()


@settings(deadline=None, max_examples=examples(60))
@given(grid=grids(), item=st.integers(1, 16), budget=st.integers(1, 4096))
def test_slabs_are_whole_chunks_within_the_budget(grid: Any, item: int, budget: int) -> None:
    """A slab holds whole chunks along each axis, or the whole axis; more than one chunk only if they fit the budget."""
    shape, chunks = grid

    step = slabs(shape, chunks, item, budget)

    for side, chunk, length in zip(step, chunks, shape, strict=True):
        assert side >= 1
        assert side % chunk == 0 or side == max(length, 1)
    one = [min(chunk, max(length, 1)) for chunk, length in zip(chunks, shape, strict=True)]
    assert np.prod(step) * item <= max(budget, np.prod(one) * item)


class Blocked:
    """Values that lie in blocks, each of which is decoded for any part of it."""

    origin = None

    def __init__(self, shape: tuple[int, ...], grain: tuple[int, ...]) -> None:
        self.grain = grain
        self.decoded = np.zeros([-(-length // side) for length, side in zip(shape, grain, strict=True)], int)

    def read(self, region: Region) -> np.ndarray:
        touched = (slice(p.start // side, -(-p.stop // side)) for p, side in zip(region, self.grain, strict=True))
        self.decoded[tuple(touched)] += 1
        return np.ones([part.stop - part.start for part in region], np.int16)


@pytest.mark.parametrize(
    ("chunks", "grain", "most"),
    [
        ((1024, 64), (4096, 16), 1),
        ((4096, 16), (1024, 64), 1),
        ((910, 64), (13_000, 16), 2),
        ((910, 64), (100, 64), 2),
    ],
    ids=["short", "narrow", "that-never-meet", "of-small-blocks"],
)
def test_no_block_of_a_source_is_decoded_for_every_chunk_that_it_touches(
    chunks: tuple[int, ...], grain: tuple[int, ...], most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read at once is made of whole chunks, and of whole blocks of the source as well where they meet."""
    shape = (60_000, 64)
    monkeypatch.setattr(chunks_module, "BUFFER_BYTES", 2**22)
    monkeypatch.setattr(chunks_module, "_PIECE_BYTES", 2**16)
    record, source = record_of(shape, chunks), Blocked(shape, grain)

    count = sum(1 for _ in encoded_chunks(record, source, record.codec.encode))

    assert count == np.prod(record.grid)
    assert source.decoded.min() == 1
    assert source.decoded.max() <= most


@settings(deadline=None, max_examples=examples(60))
@given(grid=grids(), fill=st.sampled_from([0, 3]), data=st.data())
def test_reading_a_region_equals_slicing(grid: Any, fill: int, data: st.DataObject) -> None:
    """Any region of stored chunks holds what numpy's slice holds; chunks that were left out hold the fill value."""
    shape, chunks = grid
    record = record_of(shape, chunks, fill)
    array = np.array(
        data.draw(st.lists(st.sampled_from([0, 3, 3, 8]), min_size=int(np.prod(shape)), max_size=int(np.prod(shape)))),
        np.int16,
    ).reshape(shape)
    stored = dict(encoded_chunks(record, ArraySource(array), leaving_out_fill(record, record.codec.encode)))
    region = data.draw(regions(shape))

    found = read_region(record, region, together(stored))

    assert found.tolist() == array[region].tolist()
    assert found.shape == array[region].shape


@settings(deadline=None, max_examples=examples(60))
@given(grid=grids(least=1), data=st.data())
def test_reading_a_region_touches_only_its_chunks(grid: Any, data: st.DataObject) -> None:
    """Exactly the chunks that overlap a region are fetched, each once."""
    shape, chunks = grid
    record = record_of(shape, chunks)
    stored = dict(
        encoded_chunks(record, ArraySource(np.ones(shape, np.int16)), leaving_out_fill(record, record.codec.encode))
    )
    region = data.draw(regions(shape, least=1))
    asked: list[str] = []

    read_region(record, region, lambda keys: asked.extend(keys) or together(stored)(keys))

    touched = (sorted({at // by for at in range(p.start, p.stop)}) for p, by in zip(region, chunks, strict=True))
    assert sorted(asked) == sorted(record.chunk_key(index) for index in itertools.product(*touched))


@pytest.mark.parametrize("room", [1, 3, 100])
def test_chunks_are_fetched_together_as_many_as_the_buffer_holds(room: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One call for a region of a few chunks, and no more in memory for one of many (NEEDS 30)."""
    record = record_of((20,), (2,))
    array = np.arange(20, dtype=np.int16)
    stored = dict(encoded_chunks(record, ArraySource(array), record.codec.encode))
    monkeypatch.setattr(chunks_module, "BUFFER_BYTES", room * 4)
    asked: list[int] = []

    found = read_region(record, (slice(1, 20),), lambda keys: asked.append(len(keys)) or together(stored)(keys))

    assert found.tolist() == array[1:].tolist()
    assert asked == {1: [1] * 10, 3: [3, 3, 3, 1], 100: [10]}[room]


class Queue:
    """Chunks that are encoded as late as possible."""

    def __init__(self, codec: Any, chunks: tuple[int, ...]) -> None:
        self._codec, self._chunks = codec, chunks
        self._waiting: list[tuple[str, np.ndarray]] = []
        self._stored: dict[str, bytes] = {}

    def put(self, key: str, chunk: np.ndarray) -> None:
        self._waiting.append((key, chunk))

    def store(self) -> dict[str, bytes]:
        for key, chunk in self._waiting:
            self._stored[key] = self._codec.encode(chunk)
        self._waiting.clear()
        return self._stored

    def load(self, key: str) -> np.ndarray | None:
        data = self.store().get(key)
        return None if data is None else self._codec.decode(data, self._chunks)


@pytest.mark.parametrize("room", [1, 2, 10**6], ids=["one-chunk-waits", "two-chunks-wait", "all-wait"])
@pytest.mark.parametrize("eager", [True, False], ids=["stored-at-once", "stored-when-loaded"])
def test_pieces_in_any_order_equal_assignment(room: int, eager: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of any shape and order, overlapping too, leave in the store what assigning them to an array leaves.

    What comes out need not be encoded before it is asked for again, also if the pieces' memory is used again meanwhile.
    """

    @settings(deadline=None, max_examples=examples(50))
    @given(grid=grids(least=1), fill=st.sampled_from([0, 3]), data=st.data())
    def check(grid: Any, fill: int, data: st.DataObject) -> None:
        shape, chunks = grid
        monkeypatch.setattr(chunks_module, "BUFFER_BYTES", room * int(np.prod(chunks)) * 2)
        record = record_of(shape, chunks, fill)
        expected = np.full(shape, fill, np.int16)
        queue = Queue(record.codec, chunks)
        assembler = StreamAssembler(record, queue.load)

        for region, values in data.draw(pieces(shape)):
            expected[region] = values
            for key, chunk in assembler.add(region, values):
                queue.put(key, chunk)
                if eager:
                    queue.store()
            values[...] = -1
        for key, chunk in assembler.finish():
            queue.put(key, chunk)
        stored = queue.store()

        assert read_region(record, whole(shape), together(stored)).tolist() == expected.tolist()

    check()


def test_pieces_for_shards_in_any_order_equal_assignment() -> None:
    """Chunks that only zarr encodes can be overwritten by later pieces too, also with the fill value."""

    @settings(deadline=None, max_examples=examples(15))
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        shape, chunks = (6, 5), (2, 3)
        wishes = Layout(chunks=(1, 3), shards=chunks, fill_value=0, compressors=())
        document = zarr_v3.array_document(Dataset(Number("int16"), shape, None, {}, wishes), {}, "file", "/a")
        record = zarr_v3.decode_array(document, "file", "/a")[1]
        codec = ZarrChunk(zarr_v3, document, record, "file", "/x")
        expected = np.zeros(shape, np.int16)
        queue = Queue(codec, chunks)
        assembler = StreamAssembler(record, queue.load)

        for region, values in data.draw(pieces(shape)):
            expected[region] = values
            for key, chunk in assembler.add(region, values):
                queue.put(key, chunk)
        for key, chunk in assembler.finish():
            queue.put(key, chunk)
        stored = queue.store()

        found = np.zeros((6, 6), np.int16)
        for row, column in itertools.product(range(3), range(2)):
            data_of_chunk = stored.get(record.chunk_key((row, column)))
            if data_of_chunk is not None:
                found[2 * row : 2 * row + 2, 3 * column : 3 * column + 3] = codec.decode(data_of_chunk, chunks)
        assert found[:6, :5].tolist() == expected.tolist()

    check()


def test_a_stream_says_how_far_it_reaches() -> None:
    """The reach of the pieces so far is the shape that the dataset grows to."""
    record = record_of((1, 1), (2, 2))
    assembler = StreamAssembler(record, lambda key: None)

    list(assembler.add((slice(4, 6), slice(0, 1)), np.ones((2, 1), np.int16)))
    list(assembler.add((slice(0, 2), slice(0, 3)), np.ones((2, 3), np.int16)))

    assert assembler.reach == (6, 3)
