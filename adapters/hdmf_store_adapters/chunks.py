"""Datasets cut into chunks: what to read of which chunk, and the bytes of each chunk to write.

Pure functions and one small assembler over an `ArrayRecord`; where bytes go and come from is the caller's.
"""

from __future__ import annotations

import itertools
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Protocol, TypeVar

import numpy as np

from hdmf_store.nodes import (
    Number,
    RandomAccess,
    Region,
    aligned,
    corners,
    grain_of,
    part,
    slabs,
    stored_regions_of,
    tiles,
    whole,
)
from hdmf_store_adapters.array_record import ArrayRecord, CodesChunks
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.sparse import chunks_touched
from hdmf_store_adapters.threads import WorkAhead, processors

__all__ = [
    "BUFFER_BYTES",
    "Encodes",
    "StreamAssembler",
    "decoded_chunks",
    "encoded_chunks",
    "few_chunks",
    "piece_shape",
    "read_region",
    "sole_chunk",
    "within",
]

BUFFER_BYTES = 64 * 2**20
"""Bytes of values that are held in memory at once while one dataset is written, or fetched at once to be read."""

_PIECE_BYTES = 4 * 2**20
"""Values that are read at once to be stored, if their source does not ask for more: few, so that threads soon have
something to do."""

AHEAD = 4
"""Which part of the buffer values may take that are being encoded: a quarter."""

_GROUP_BYTES = 2**20
"""Values for which a thread is asked at once, where it fetches them itself."""

_WORTH_THREADS = 8 * 2**20

_MOST_AT_ONCE = 2**14
"""Chunks that are fetched at once, however small they are: each has a key and bytes of its own in memory."""


T = TypeVar("T")


class Encodes(Protocol):
    """Turns one full chunk into its bytes, or None when nothing needs to be stored."""

    def __call__(self, chunk: np.ndarray, /) -> bytes | None:
        """Return the bytes, or None."""
        ...


# ----------------------------------------------------------------------------------------------------------- reading


def read_region(
    record: ArrayRecord,
    region: Region,
    get_many: Callable[[Sequence[str]], Sequence[bytes | None]],
    at_hand: Callable[[tuple[int, ...]], np.ndarray | None] = lambda index: None,
    *,
    is_near: bool = False,
) -> np.ndarray:
    """Return the values of a region in the stored dtype, decoding exactly the chunks it touches.

    Parameters
    ----------
    record : ArrayRecord
        With a codec.
    region : tuple of slice
        Within the stored shape.
    get_many : callable
        Returns the bytes under each of several chunks' keys, or None for chunks that were never written. It is asked
        for as many chunks at a time as the buffer holds, so that media for which a call is a round trip make few.
    at_hand : callable, optional
        Returns a chunk by its index, if it was decoded before and is still here.
    is_near : bool, default False
        Whether each thread had better ask for what it decodes itself, a few chunks at a time.
    """
    assert record.codec is not None
    index = sole_chunk(record, region)
    if index is not None:
        chunk = at_hand(index)
        chunk = decoded_chunks(record, [index], get_many)[0] if chunk is None else chunk
        return within(chunk, record, index, region)
    out = np.empty(tuple(part.stop - part.start for part in region), record.codec.dtype)
    indices = corners(_touched(record, region))
    at_once = _fitting(record, BUFFER_BYTES)

    def put(chunk: tuple[tuple[int, ...], np.ndarray | bytes | None]) -> None:
        _put(record, *chunk, region, out)

    def fetch_and_put(few: Sequence[tuple[int, ...]]) -> None:
        deque(map(put, _at_hand_or_stored(record, few, get_many, at_hand)), maxlen=0)

    with _decoders(out) as each_of:
        under_way: Iterable[None] = ()
        while batch := list(itertools.islice(indices, at_once)):
            if is_near:
                deque(each_of(fetch_and_put, _groups(batch, _fitting(record, _GROUP_BYTES))), maxlen=0)
                continue
            chunks = _at_hand_or_stored(record, batch, get_many, at_hand)  # while the last are decoded
            deque(under_way, maxlen=0)
            under_way = each_of(put, chunks)
        deque(under_way, maxlen=0)
    return out


def _fitting(record: ArrayRecord, size: int) -> int:
    """Return how many chunks are as large as that, once they are decoded."""
    return min(max(1, size // max(1, math.prod(record.chunks) * item_size(record.element))), _MOST_AT_ONCE)


def _groups(items: Sequence[T], length: int) -> Iterator[Sequence[T]]:
    return (items[start : start + length] for start in range(0, len(items), length))


def _at_hand_or_stored(
    record: ArrayRecord,
    batch: Sequence[tuple[int, ...]],
    get_many: Callable[[Sequence[str]], Sequence[bytes | None]],
    at_hand: Callable[[tuple[int, ...]], np.ndarray | None],
) -> list[tuple[tuple[int, ...], np.ndarray | bytes | None]]:
    """Return each index with its chunk, if that is at hand, or its bytes."""
    held = {index: chunk for index in batch if (chunk := at_hand(index)) is not None}
    missing = [index for index in batch if index not in held]
    return [*held.items(), *zip(missing, stored_chunks(record, missing, get_many), strict=True)]


def sole_chunk(record: ArrayRecord, region: Region) -> tuple[int, ...] | None:
    """Return the index of the chunk in which a region lies; None if it touches several, or none."""
    index = []
    for asked, chunk in zip(region, record.chunks, strict=True):
        at = asked.start // chunk
        if not asked.start < asked.stop <= (at + 1) * chunk:
            return None
        index.append(at)
    return tuple(index)


def few_chunks(record: ArrayRecord, region: Region, most: int) -> list[tuple[int, ...]] | None:
    """Return the indices of the chunks that a region touches; None if they are more than so many."""
    touched = _touched(record, region)
    return list(corners(touched)) if math.prod(map(len, touched)) <= most else None


def _touched(record: ArrayRecord, region: Region) -> list[range]:
    return [
        range(part.start // chunk, -(-part.stop // chunk)) if part.stop > part.start else range(0)
        for part, chunk in zip(region, record.chunks, strict=True)
    ]


def decoded_chunks(
    record: ArrayRecord,
    indices: Sequence[tuple[int, ...]],
    get_many: Callable[[Sequence[str]], Sequence[bytes | None]],
) -> list[np.ndarray]:
    """Return the values of chunks in the stored dtype; fill values for each that was never written."""
    return [_chunk(record, data) for data in stored_chunks(record, indices, get_many)]


@contextmanager
def _decoders(out: np.ndarray) -> Iterator[Callable[..., Iterable[None]]]:
    """Give a `map` that begins at once, with as many threads as there are processors where there is enough to decode.

    Codecs of numcodecs release the interpreter's lock; text is made by the interpreter itself.
    """
    if out.dtype.hasobject or out.nbytes < _WORTH_THREADS or processors() == 1:
        yield lambda function, items: list(map(function, items))
        return
    with ThreadPoolExecutor(processors()) as pool:
        yield pool.map


def _put(
    record: ArrayRecord, index: tuple[int, ...], data: np.ndarray | bytes | None, region: Region, out: np.ndarray
) -> None:
    """Put the part of a chunk, decoded or not, that lies in a region where it belongs in the region's values."""
    assert record.codec is not None
    corner = tuple(i * chunk for i, chunk in zip(index, record.chunks, strict=True))
    overlap = tuple(
        slice(max(part.start, at), min(part.stop, at + chunk))
        for part, at, chunk in zip(region, corner, record.chunks, strict=True)
    )
    place = tuple(slice(o.start - p.start, o.stop - p.start) for o, p in zip(overlap, region, strict=True))
    if isinstance(data, bytes) and out[place].shape == record.chunks and record.codec.decode_into(data, out[place]):
        return
    chunk = data if isinstance(data, np.ndarray) else _chunk(record, data)
    out[place] = within(chunk, record, index, overlap)


def _chunk(record: ArrayRecord, data: bytes | None) -> np.ndarray:
    assert record.codec is not None
    if data is None:
        return np.broadcast_to(np.asarray(record.fill, record.codec.dtype), record.chunks)
    return record.codec.decode(data, record.chunks)


def stored_chunks(
    record: ArrayRecord,
    indices: Sequence[tuple[int, ...]],
    get_many: Callable[[Sequence[str]], Sequence[bytes | None]],
) -> list[bytes | None]:
    """Return the bytes of chunks, wherever their keys may lie, or None for those that were never written."""
    found = list(get_many([record.chunk_key(index) for index in indices]))
    elsewhere = {
        position: other
        for position, data in enumerate(found)
        if data is None and (other := record.other_chunk_key(indices[position])) is not None
    }
    if elsewhere:
        for position, data in zip(elsewhere, get_many(list(elsewhere.values())), strict=True):
            found[position] = data
    return found


def stored_chunk(record: ArrayRecord, index: tuple[int, ...], get: Callable[[str], bytes | None]) -> bytes | None:
    """Return the bytes of a chunk, wherever its key may lie, or None if it was never written."""
    return stored_chunks(record, [index], lambda keys: [get(key) for key in keys])[0]


def within(chunk: np.ndarray, record: ArrayRecord, index: tuple[int, ...], region: Region) -> np.ndarray:
    """Return the part of a chunk that a region, which lies in it, covers."""
    inner = [
        slice(part.start - i * length, part.stop - i * length)
        for part, i, length in zip(region, index, record.chunks, strict=True)
    ]
    return part(chunk, tuple(inner))


# ----------------------------------------------------------------------------------------------------------- writing


def encoded_chunks(record: ArrayRecord, source: RandomAccess, encode: Encodes) -> Iterator[tuple[str, bytes]]:
    """Yield key and bytes of every chunk that has to be stored.

    Values are read in pieces of whole chunks. Where there is enough to do, threads encode one piece while the next is
    read and what was encoded before is taken; numcodecs releases the interpreter's lock meanwhile.
    """
    size = item_size(record.element)
    step = piece_shape(record.shape, record.chunks, source, size)
    regions = _regions(record, source, step)
    if math.prod(record.shape) * size < _WORTH_THREADS or math.prod(record.grid) == 1:
        for region in regions:
            for index, chunk in cut(record, region, record.to_stored(_aligned(record, source, region))):
                data = encode(chunk)
                if data is not None:
                    yield record.chunk_key(index), data
        return
    with WorkAhead[tuple[str, bytes | None]](BUFFER_BYTES // AHEAD) as ahead:
        for region in regions:
            yield from _stored_ones(ahead.room_for(math.prod(step) * size))
            _ask_for_chunks(ahead, record, region, _aligned(record, source, region), encode)
            yield from _stored_ones(ahead.ready())
        yield from _stored_ones(ahead.rest())


def _regions(record: ArrayRecord, source: RandomAccess, step: tuple[int, ...]) -> Iterator[Region]:
    """Return the regions to be read: all, or chunks that may hold more than the fill value, where these are few."""
    of_numbers = isinstance(record.element, Number) and not record.is_scalar
    stored = stored_regions_of(source, np.asarray(record.fill, record.element.dtype)) if of_numbers else None
    return tiles(record.shape, step) if stored is None else chunks_touched(stored, record.chunks, record.shape)


def piece_shape(
    shape: tuple[int, ...], chunks: tuple[int, ...], source: RandomAccess, item_size: int
) -> tuple[int, ...]:
    """Return how many elements a side to read at once: whole chunks, such that what is decoded for it is not wasted."""
    return slabs(shape, aligned(shape, chunks, grain_of(source), item_size, BUFFER_BYTES), item_size, _PIECE_BYTES)


def _ask_for_chunks(
    ahead: WorkAhead[tuple[str, bytes | None]], record: ArrayRecord, region: Region, values: np.ndarray, encode: Encodes
) -> None:
    """Have the chunks of a region encoded; nothing refers to its values any longer when that is done."""
    size = math.prod(record.chunks) * item_size(record.element)
    for index, chunk in cut(record, region, record.to_stored(values)):
        ahead.ask(size, lambda key, chunk: (key, encode(chunk)), record.chunk_key(index), chunk)


def _stored_ones(results: Iterator[tuple[str, bytes | None]]) -> Iterator[tuple[str, bytes]]:
    return ((key, data) for key, data in results if data is not None)


def _aligned(record: ArrayRecord, source: RandomAccess, region: Region) -> np.ndarray:
    return source.read(()).reshape(record.shape) if record.is_scalar else source.read(region)


def cut(record: ArrayRecord, region: Region, values: np.ndarray) -> Iterator[tuple[tuple[int, ...], np.ndarray]]:
    """Yield index and values of every chunk of a region that begins at a chunk's corner, each of full shape."""
    for tile in tiles(values.shape, record.chunks):
        index = tuple(
            (part.start + inner.start) // chunk for part, inner, chunk in zip(region, tile, record.chunks, strict=True)
        )
        yield index, _padded(record, part(values, tile))


def _padded(record: ArrayRecord, part: np.ndarray) -> np.ndarray:
    if part.shape == record.chunks:
        return part
    chunk = np.full(record.chunks, record.fill, part.dtype)
    chunk[tuple(slice(0, length) for length in part.shape)] = part
    return chunk


def is_fill(record: ArrayRecord, chunk: np.ndarray) -> bool:
    """Return whether a chunk of numbers holds the fill value alone, to the last bit, so that it can be left out."""
    if not isinstance(record.element, Number):
        return False
    fill = np.asarray(record.fill, chunk.dtype)
    if chunk.size and chunk[(slice(1),) * chunk.ndim].tobytes() != fill.tobytes():
        return False  # as most chunks show at their first element, without a copy of those that are not contiguous
    flat = np.ascontiguousarray(chunk)
    if not fill.tobytes().strip(b"\0"):
        return not flat.view(np.uint8).any() if flat.dtype != bool else not flat.any()
    bits = np.dtype(f"u{fill.itemsize}") if fill.itemsize in (1, 2, 4, 8) else None
    return bits is not None and bool((flat.view(bits) == fill.reshape(1).view(bits)[0]).all())


def overlaid(
    record: ArrayRecord,
    region: Region,
    values: np.ndarray,
    coder: CodesChunks,
    get: Callable[[str], bytes | None],
) -> Iterator[tuple[str, bytes]]:
    """Yield key and bytes of every chunk that a region touches, with values, in their stored form, laid over it."""
    touched = (range(p.start // c, -(-p.stop // c)) for p, c in zip(region, record.chunks, strict=True))
    for index in itertools.product(*touched):
        corner = tuple(i * c for i, c in zip(index, record.chunks, strict=True))
        overlap = tuple(
            slice(max(p.start, at), min(p.stop, at + c)) for p, at, c in zip(region, corner, record.chunks, strict=True)
        )
        place = tuple(slice(o.start - at, o.stop - at) for o, at in zip(overlap, corner, strict=True))
        taken = tuple(slice(o.start - p.start, o.stop - p.start) for o, p in zip(overlap, region, strict=True))
        data = stored_chunk(record, index, get)
        if data is None:
            chunk = np.full(record.chunks, record.fill, values.dtype)
        else:
            chunk = np.array(coder.decode(data, record.chunks))
        chunk[place] = values[taken]
        yield record.chunk_key(index), coder.encode(chunk)


class StreamAssembler:
    """Pieces of any shape and order, put together to whole chunks.

    A chunk is handed on as soon as it is covered; chunks that are still incomplete wait in memory up to a budget,
    beyond which the oldest is handed on as it is and loaded again if more of it comes. A chunk that was handed on is
    never changed here, and shares no memory with a piece.

    Parameters
    ----------
    record : ArrayRecord
        Its shape is not used: a stream says how far it reaches as it goes.
    load : callable
        Returns the values of a chunk that was handed on before, by key, or None if it is not stored.
    """

    def __init__(self, record: ArrayRecord, load: Callable[[str], np.ndarray | None]) -> None:
        self._record = record
        self._load = load
        self._open: dict[tuple[int, ...], tuple[np.ndarray, int]] = {}
        self._handed_on: set[tuple[int, ...]] = set()
        chunk_bytes = math.prod(record.chunks) * item_size(record.element)
        self._most_open = max(1, BUFFER_BYTES // max(1, chunk_bytes))
        self.reach: tuple[int, ...] = (0,) * len(record.chunks)

    def add(self, region: Region, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Take one piece; yield key and values of the chunks that are to be stored."""
        stored = self._record.to_stored(np.broadcast_to(values, tuple(p.stop - p.start for p in region)))
        self.reach = tuple(max(most, part.stop) for most, part in zip(self.reach, region, strict=True))
        touched = (range(p.start // c, -(-p.stop // c)) for p, c in zip(region, self._record.chunks, strict=True))
        for index in itertools.product(*touched):
            corner = tuple(i * c for i, c in zip(index, self._record.chunks, strict=True))
            overlap = tuple(
                slice(max(p.start, at), min(p.stop, at + c))
                for p, at, c in zip(region, corner, self._record.chunks, strict=True)
            )
            part = stored[
                tuple(slice(o.start - p.start, o.stop - p.start) for o, p in zip(overlap, region, strict=True))
            ]
            if part.shape == self._record.chunks:
                self._open.pop(index, None)
                yield from self._hand_on(index, np.array(part, order="C"))
                continue
            place = tuple(slice(o.start - at, o.stop - at) for o, at in zip(overlap, corner, strict=True))
            yield from self._fill(index, place, part)

    def only_piece(self) -> np.ndarray | None:
        """Return all values in the stored dtype while they fit one chunk, of which nothing was handed on yet."""
        origin = (0,) * len(self.reach)
        if self._handed_on or set(self._open) != {origin}:
            return None
        return part(self._open[origin][0], whole(self.reach))

    def finish(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield the chunks that never were completed."""
        for index in list(self._open):
            yield from self._hand_on(index, self._open.pop(index)[0])

    def _fill(self, index: tuple[int, ...], place: Region, part: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        chunk, covered = self._open.pop(index, (None, 0))
        if chunk is None:
            chunk = self._begin(index, part.dtype)
        chunk[place] = part
        covered += part.size
        if covered >= chunk.size:
            yield from self._hand_on(index, chunk)
            return
        self._open[index] = (chunk, covered)
        if len(self._open) > self._most_open:
            oldest = next(iter(self._open))
            yield from self._hand_on(oldest, self._open.pop(oldest)[0])

    def _begin(self, index: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        found = self._load(self._record.chunk_key(index)) if index in self._handed_on else None
        return np.full(self._record.chunks, self._record.fill, dtype) if found is None else np.array(found)

    def _hand_on(self, index: tuple[int, ...], chunk: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        # what was handed on before must be replaced also when it now equals the fill value
        if index in self._handed_on or not is_fill(self._record, chunk):
            self._handed_on.add(index)
            yield self._record.chunk_key(index), chunk


def leaving_out_fill(record: ArrayRecord, encode: Callable[[np.ndarray], bytes]) -> Encodes:
    """Return the function that encodes one chunk of a dataset, or leaves it out if it holds the fill value alone.

    A dataset of a single chunk is always stored: a missing chunk is a failed request for every remote reader.
    """
    if math.prod(record.grid) <= 1:
        return encode
    return lambda chunk: None if is_fill(record, chunk) else encode(chunk)
