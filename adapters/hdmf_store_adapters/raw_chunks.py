"""Chunks that are copied as they are stored: from one hierarchy to another, decoded by nobody.

Where two arrays have chunks of one shape, codecs and a fill value alike, the bytes of a chunk mean the same in both,
and a chunk that was never stored stays so. Their keys may differ. Of each chunk, only that it is whole is looked at,
as far as its codecs tell; what was changed within goes from file to file, as with any copy of files.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs
import numpy as np

from hdmf_store.nodes import Compound, ElementType, ReferenceTo, Region, Source, corners, is_same_fill
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunk_lengths import check_shard
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.threads import WorkAhead
from hdmf_store_adapters.zarr_format import ZarrFormat

__all__ = ["BATCH_BYTES", "RawCopy", "copied_chunks", "raw_copy"]

BATCH_BYTES = 8 * 2**20
"""Bytes of values in the chunks that are fetched at once, and in those that are stored meanwhile; encoded they are
hardly ever more."""

_MOST_AT_ONCE = 2**10


class HoldsChunks(Protocol):
    """An open hierarchy that gives the chunks of its arrays as they are stored."""

    def zarr_version(self) -> int:
        """Return the version of the Zarr format."""
        ...

    def record(self, path: str) -> ArrayRecord:
        """Return how the chunks of an array are found and decoded."""
        ...

    def coding(self, path: str) -> list[dict[str, Any]]:
        """Return what turns the values of an array's chunks into bytes; see `ZarrFormat.coding`."""
        ...

    def read_chunks(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of chunks, fetched together; None for each that was never stored."""
        ...

    def stored_chunks(self, path: str) -> Collection[tuple[int, ...]] | None:
        """Return the chunks of an array that are stored; None where that is all of them, or not known."""
        ...

    def shape_error(self, path: str, problem: Exception) -> Exception:
        """Return the error for a chunk that cannot be read or decoded."""
        ...


@runtime_checkable
class StoredValues(Protocol):
    """The values of one array of such a hierarchy."""

    @property
    def holder(self) -> HoldsChunks:
        """The hierarchy."""
        ...

    @property
    def path(self) -> str:
        """The array's path in it."""
        ...

    def read_stored(self, region: Region) -> np.ndarray:
        """Return the values of a region of the stored shape, in the stored dtype."""
        ...


@attrs.frozen(eq=False)
class RawCopy:
    """An array whose chunks can be copied as bytes.

    Parameters
    ----------
    source : StoredValues
        The array that they come from.
    path : str
        Of the array that they go to.
    record : ArrayRecord
        Of that array.
    shards : dict, optional
        The settings of its shards, if it has any.
    stored : collection of tuple, optional
        The chunks that there are to be copied, where they are few of many.
    """

    source: StoredValues
    path: str
    record: ArrayRecord
    shards: Mapping[str, Any] | None
    stored: Collection[tuple[int, ...]] | None = None

    @property
    def chunk_bytes(self) -> int:
        """The size of the values of one chunk."""
        return math.prod(self.record.chunks) * item_size(self.record.element)

    def indices(self) -> Iterable[tuple[int, ...]]:
        """Return the chunks that may be there."""
        return self.stored if self.stored is not None else corners([range(count) for count in self.record.grid])

    def bytes_left_out(self) -> int:
        """Return the size of the values that are known not to be stored."""
        left_out = 0 if self.stored is None else math.prod(self.record.grid) - len(self.stored)
        return left_out * self.record.bytes_of_chunk


def raw_copy(
    path: str, document: Mapping[str, Any], record: ArrayRecord, zarr_format: ZarrFormat, values: Source
) -> RawCopy | None:
    """Return how the chunks of an array can be copied as bytes, None where they cannot.

    Parameters
    ----------
    path, document, record
        Of the array that is written.
    zarr_format : ZarrFormat
        In which it is written.
    values : Source
        Where its values come from.
    """
    if not isinstance(values, StoredValues) or _holds_references(record.element):
        return None
    holder = values.holder
    if holder.zarr_version() != zarr_format.VERSION:
        return None
    stored, coding = holder.record(values.path), zarr_format.coding(document)
    if not _are_alike(stored, record) or holder.coding(values.path) != coding:
        return None
    is_sharded = len(coding) == 1 and coding[0].get("name") == "sharding_indexed"
    shards = coding[0]["configuration"] if is_sharded else None
    return RawCopy(values, path, record, shards, holder.stored_chunks(values.path))


def _holds_references(element: ElementType) -> bool:
    """Return whether elements hold references, whose bytes mean something else in another file."""
    if isinstance(element, Compound):
        return any(_holds_references(field.type) for field in element.fields)
    return isinstance(element, ReferenceTo)


def _are_alike(one: ArrayRecord, other: ArrayRecord) -> bool:
    """Return whether chunks of two arrays hold the same values if their decoded bytes are the same."""
    return (
        one.element == other.element
        and (one.shape, one.chunks, one.is_scalar) == (other.shape, other.chunks, other.is_scalar)
        and one.stored == other.stored
        and is_same_fill(one.fill, other.fill)
    )


_Chunk = tuple[RawCopy, tuple[int, ...]]


def copied_chunks(copies: Iterable[RawCopy], report: Callable[[int], None]) -> Iterator[tuple[str, bytes]]:
    """Yield key and bytes of every chunk that is stored of some arrays, fetched a batch at a time.

    Small arrays share batches, so that media for which a call is a round trip make few. A thread fetches one batch
    while the chunks of the one before are taken.

    Parameters
    ----------
    copies : iterable of RawCopy
    report : callable
        Called with the bytes of values that are done.

    Raises
    ------
    UnreadableError
        If a chunk is cut short, or cannot be fetched.
    """
    for holder, own in itertools.groupby(copies, key=lambda copy: copy.source.holder):
        for batch, found in _fetched_ahead(holder, _batches(own)):
            for (copy, index), data in zip(batch, found, strict=True):
                if data is not None:
                    _check(copy, data)
                    yield f"{copy.path[1:]}/{copy.record.chunk_key(index)}", data
                report(copy.record.bytes_of_chunk)
            del found  # before the next but one is asked for


_Fetched = tuple[Sequence[_Chunk], Sequence[bytes | None]]


def _fetched_ahead(holder: HoldsChunks, batches: Iterable[Sequence[_Chunk]]) -> Iterator[_Fetched]:
    """Yield batches with the bytes of their chunks; while one is taken, the next is fetched."""
    with WorkAhead[_Fetched](2 * BATCH_BYTES) as ahead:
        for batch in batches:
            size = sum(copy.chunk_bytes for copy, _ in batch)
            yield from ahead.room_for(size)
            ahead.ask(size, lambda batch: (batch, _fetched(holder, batch)), batch)
        yield from ahead.rest()


def _batches(copies: Iterable[RawCopy]) -> Iterator[list[_Chunk]]:
    batch: list[_Chunk] = []
    held = 0
    for copy in copies:
        for index in copy.indices():
            if batch and (held + copy.chunk_bytes > BATCH_BYTES or len(batch) >= _MOST_AT_ONCE):
                yield batch
                batch, held = [], 0
            batch.append((copy, index))
            held += copy.chunk_bytes
    if batch:
        yield batch


def _fetched(holder: HoldsChunks, batch: Sequence[_Chunk]) -> Sequence[bytes | None]:
    """Return the bytes of chunks, wherever their keys may lie; an error names the first array that has one."""
    try:
        return _at_once(holder, batch)
    except DECODING_ERRORS as problem:
        if len(batch) > 1:
            return [data for chunk in batch for data in _fetched(holder, [chunk])]
        source = batch[0][0].source
        raise holder.shape_error(source.path, problem) from problem


def _at_once(holder: HoldsChunks, batch: Sequence[_Chunk]) -> Sequence[bytes | None]:
    records = {id(copy): holder.record(copy.source.path) for copy, _ in batch}
    folders = [f"{copy.source.path[1:]}/" for copy, _ in batch]
    keys = [folder + records[id(copy)].chunk_key(at) for folder, (copy, at) in zip(folders, batch, strict=True)]
    found = list(holder.read_chunks(keys))
    elsewhere = {
        position: folders[position] + other
        for position, (copy, at) in enumerate(batch)
        if found[position] is None and (other := records[id(copy)].other_chunk_key(at)) is not None
    }
    if elsewhere:
        for position, data in zip(elsewhere, holder.read_chunks(list(elsewhere.values())), strict=True):
            found[position] = data
    return found


def _check(copy: RawCopy, data: bytes) -> None:
    """Raise for a chunk that is cut short, as far as its codecs tell."""
    record = copy.record
    try:
        if not data:
            raise ValueError("there are no bytes")
        if copy.shards is not None:
            check_shard(copy.shards, record.chunks, data)
        elif record.codec is not None:
            record.codec.check(data, record.chunks)
    except DECODING_ERRORS as problem:
        raise copy.source.holder.shape_error(copy.source.path, problem) from problem
