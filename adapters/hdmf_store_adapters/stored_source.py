"""The values of stored arrays as translation reads them: a region at a time, in normal form."""

from __future__ import annotations

import math
import operator
import weakref
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
import zarr

from hdmf_store.nodes import Number, Origin, Region, slabs
from hdmf_store_adapters.array_holder import ArrayHolder
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.bounded_zarr import bounded
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunks import decoded_chunks, few_chunks, read_region, sole_chunk, within
from hdmf_store_adapters.document_overlay import DocumentOverlay
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.recent_chunks import KeptStretch
from hdmf_store_adapters.sparse import region_of

__all__ = ["StoredSource", "opened_by_zarr"]


def opened_by_zarr(holder: ArrayHolder, path: str) -> Any:
    """Return an array as zarr itself opens it, its document taken from memory.

    Raises
    ------
    UnreadableError
        If zarr cannot open it.
    """
    overlay = DocumentOverlay(holder.zarr_store(), holder)
    mode: Any = "r+" if holder.writes else "r"
    try:
        return bounded(zarr.open_array(overlay, path=path[1:], mode=mode, zarr_format=holder.zarr_version()))
    except DECODING_ERRORS as problem:
        raise holder.shape_error(path, problem) from problem


_GRAIN_BYTES = 16 * 2**20
_SOON_DECODED = 2**20
"""Bytes of a chunk that is not worth keeping for who wants all of it."""

_FEW = 4
"""Chunks that are kept of what one reader asks for: those around a corner of a table."""


def _is_large_and_whole(record: ArrayRecord, region: Region) -> bool:
    """Return whether a region of one chunk is all of it, so that nobody is likely to ask for more of it soon."""
    count = math.prod([part.stop - part.start for part in region])
    return count == math.prod(record.chunks) and count * item_size(record.element) > _SOON_DECODED


def _few_chunks(record: ArrayRecord, region: Region) -> list[tuple[int, ...]]:
    """Return the chunks that a region touches if it takes no more of them than one holds; else none."""
    is_more = math.prod([part.stop - part.start for part in region]) > math.prod(record.chunks)
    return [] if is_more else few_chunks(record, region, _FEW) or []


@attrs.frozen(eq=False)
class StoredSource:
    """The values of one stored array, in normal form, a region at a time."""

    holder: ArrayHolder = attrs.field(repr=False)
    path: str

    @property
    def origin(self) -> Origin:
        """The array in which the values lie."""
        return Origin(self.holder.address, self.path)

    @property
    def grain(self) -> tuple[int, ...] | None:
        """Several chunks, which are fetched together and decoded by several threads."""
        record = self.holder.record(self.path)
        if record.is_scalar:
            return None
        return slabs(record.shape, record.chunks, item_size(record.element), _GRAIN_BYTES)

    @property
    def fill_value(self) -> Any:
        """What values are that were never stored."""
        record = self.holder.record(self.path)
        return np.asarray(record.fill, record.element.dtype) if isinstance(record.element, Number) else record.fill

    def stored_regions(self) -> list[Region] | None:
        """Return regions outside of which nothing is stored; see `PartlyStored`."""
        record, indices = self.holder.record(self.path), self.holder.stored_chunks(self.path)
        if indices is None:
            return None
        corners = (tuple(map(operator.mul, index, record.chunks)) for index in indices)
        return [region_of(corner, record.chunks, record.shape) for corner in corners]

    def read(self, region: Region) -> np.ndarray:
        """Return the values of a region of the dataset's own shape."""
        record = self.holder.record(self.path)
        stored = tuple(slice(0, length) for length in record.shape) if record.is_scalar else region
        found = self.read_stored(stored)
        try:
            values = record.to_normal(found)
        except DECODING_ERRORS as problem:
            raise self.holder.shape_error(self.path, problem) from problem
        return values.reshape(()) if record.is_scalar else values

    def read_stored(self, region: Region) -> np.ndarray:
        """Return the values of a region of the stored shape, in the stored dtype."""
        record = self.holder.record(self.path)
        if record.codec is None:
            try:
                return np.asarray(opened_by_zarr(self.holder, self.path)[region])
            except Exception as problem:
                raise self.holder.shape_error(self.path, problem) from problem
        try:
            if self.holder.writes:
                return read_region(record, region, self._read_chunks, is_near=self.holder.is_near)
            return self._read_keeping(record, region)
        except DECODING_ERRORS as problem:
            raise self.holder.shape_error(self.path, problem) from problem

    def at_hand(self, record: ArrayRecord, start: int, stop: int) -> np.ndarray | None:
        """Return a stretch of an array of one axis, in the stored dtype, if one chunk that is kept holds all of it."""
        length = record.chunks[0]
        number = start // length
        if self.holder.writes or not start < stop <= (number + 1) * length:
            return None
        chunk = self.holder.recent.get((self.path, (number,)))
        return None if chunk is None else chunk[start - number * length : stop - number * length]

    def stretch_at_hand(self, record: ArrayRecord, position: int) -> KeptStretch | None:
        """Return the stretch around a position of an axis of numbers, if its chunk is kept as users get it."""
        number = position // record.chunks[0]
        chunk = self.holder.recent.get((self.path, (number,)))
        if self.holder.writes or chunk is None or record.to_normal(chunk) is not chunk:
            return None
        first = number * record.chunks[0]
        return KeptStretch(weakref.ref(chunk), first, min(len(chunk), record.shape[0] - first))

    def _read_keeping(self, record: ArrayRecord, region: Region) -> np.ndarray:
        """Return values from chunks that were decoded before; keep those of which more may be asked for soon."""
        index = sole_chunk(record, region)
        if index is not None and (chunk := self._at_hand(index)) is not None:
            return within(chunk, record, index, region)
        wanted = [] if _is_large_and_whole(record, region) else _few_chunks(record, region)
        missing = [index for index in wanted if self._at_hand(index) is None]
        new = dict(zip(missing, decoded_chunks(record, missing, self._read_chunks), strict=True)) if missing else {}
        for index, chunk in new.items():
            self.holder.recent.put((self.path, index), chunk)
        at_hand = self._at_hand
        known = (lambda at: new[at] if at in new else at_hand(at)) if new else at_hand
        return read_region(record, region, self._read_chunks, known, is_near=self.holder.is_near)

    def _at_hand(self, index: tuple[int, ...]) -> np.ndarray | None:
        return self.holder.recent.get((self.path, index))

    def _read_chunks(self, keys: Sequence[str]) -> list[bytes | None]:
        return self.holder.read_chunks([f"{self.path[1:]}/{key}" for key in keys])
