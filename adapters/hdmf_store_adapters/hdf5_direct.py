"""Chunks of HDF5 datasets that are decoded by threads, where HDF5 would decode one after the other.

HDF5 holds a lock for all files of a process while it reads and decodes. Here it gives the bytes of a chunk as they are
stored, and the filters that nearly all files have are undone outside of that lock: deflate, shuffle and Fletcher's
checksum, as the HDF5 specification describes them (`H5Z`, filters 1 to 3). Whatever else there is, HDF5 reads itself.
"""

from __future__ import annotations

import math
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

import attrs
import h5py
import numcodecs
import numpy as np

from hdmf_store.nodes import Region, corners
from hdmf_store_adapters.threads import processors

__all__ = ["direct_values"]

_WORTH_THREADS = 2**20
"""Bytes of values from which on threads are begun for them."""

_GROUP_BYTES = 2**19
"""Bytes of values for which a thread is asked at once."""


_Undo = Callable[[Any, int], Any]
"""Takes bytes, and how many a chunk has in the end; returns those before a filter was applied."""


class _NotDirectError(Exception):
    """A chunk is not what its dataset says; HDF5 itself has to say what is wrong with it."""


@attrs.frozen(eq=False)
class DirectChunks:
    """The chunks of one dataset of numbers, whose filters are undone here.

    Parameters
    ----------
    dataset : h5py.Dataset
    dtype : numpy.dtype
    chunks : tuple of int
        The shape of one.
    undo : sequence of callable
        What undoes each filter, in the order in which HDF5 applied them.
    """

    dataset: h5py.Dataset
    dtype: np.dtype
    chunks: tuple[int, ...]
    undo: Sequence[_Undo]

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> DirectChunks | None:
        """Return the chunks of a dataset; None where HDF5 has to read them, or does so as fast."""
        dtype, chunks = dataset.dtype, dataset.chunks
        if not chunks or dtype.kind not in "iuf" or dataset.is_virtual:
            return None
        if h5py.h5t.py_create(dtype, logical=True) != dataset.id.get_type():
            return None  # numbers of other widths, or with their bits elsewhere, which HDF5 converts
        properties = dataset.id.get_create_plist()
        filters = [properties.get_filter(position) for position in range(properties.get_nfilters())]
        numbers = {number for number, *_ in filters}
        if h5py.h5z.FILTER_DEFLATE not in numbers or not numbers <= _UNDO.keys():
            return None  # without deflate there is little to do
        return cls(dataset, dtype, chunks, [_UNDO[number](values) for number, _, values, _ in filters])

    def read(self, region: Region) -> np.ndarray | None:
        """Return the values of a region; None where something is wrong with them, which HDF5 has to name."""
        out = np.empty(tuple(part.stop - part.start for part in region), self.dtype)
        groups = list(self._groups(region))
        try:
            if processors() == 1 or len(groups) == 1:
                for group in groups:
                    self._put(group, region, out)
                return out
            with ThreadPoolExecutor(min(processors(), len(groups))) as pool:
                deque(pool.map(lambda group: self._put(group, region, out), groups), maxlen=0)
        except (_NotDirectError, zlib.error, ValueError, RuntimeError, OSError):
            return None
        return out

    def _groups(self, region: Region) -> Iterator[list[tuple[int, ...]]]:
        """Yield the corners of the chunks that a region touches, as many at once as are worth a call."""
        length = max(1, _GROUP_BYTES // (math.prod(self.chunks) * self.dtype.itemsize))
        sides = zip(region, self.chunks, strict=True)
        touched = corners([range(part.start // side * side, part.stop, side) for part, side in sides])
        while group := list(islice(touched, length)):
            yield group

    def _put(self, group: Sequence[tuple[int, ...]], region: Region, out: np.ndarray) -> None:
        for corner in group:
            inner, place = [], []
            for start, side, part in zip(corner, self.chunks, region, strict=True):
                first, last = max(start, part.start), min(start + side, part.stop)
                inner.append(slice(first - start, last - start))
                place.append(slice(first - part.start, last - part.start))
            out[tuple(place)] = self._chunk(corner)[tuple(inner)]

    def _chunk(self, corner: tuple[int, ...]) -> np.ndarray:
        """Return the values of a chunk in full shape; the fill value for one that was never stored."""
        if not self.dataset.id.get_chunk_info_by_coord(corner).size:
            return np.broadcast_to(np.asarray(self.dataset.fillvalue, self.dtype), self.chunks)
        left_out, data = self.dataset.id.read_direct_chunk(corner)
        size = math.prod(self.chunks) * self.dtype.itemsize
        for position in reversed(range(len(self.undo))):
            if not left_out >> position & 1:
                data = self.undo[position](data, size)
        if len(data) != size:
            raise _NotDirectError
        return np.frombuffer(data, self.dtype).reshape(self.chunks)


def direct_values(dataset: h5py.Dataset, region: Region) -> np.ndarray | None:
    """Return the values of a region of a dataset, decoded by threads; None where HDF5 has to read them.

    Parameters
    ----------
    dataset : h5py.Dataset
    region : tuple of slice
    """
    count = math.prod(part.stop - part.start for part in region)
    if not region or count * dataset.dtype.itemsize < _WORTH_THREADS:
        return None
    direct = DirectChunks.of(dataset)
    return None if direct is None else direct.read(region)


def _inflated(_: Any) -> _Undo:
    def undo(data: Any, size: int) -> bytes:
        stream = zlib.decompressobj()
        made = stream.decompress(data, size + 1)
        if len(made) > size or not stream.eof:
            raise _NotDirectError
        return made

    return undo


def _in_order(values: Sequence[int]) -> _Undo:
    """Return what puts the bytes of elements together again, of which the first come first, then the second."""
    width = values[0] if values else 1

    def undo(data: Any, size: int) -> Any:
        whole = len(data) // width * width
        planes = np.frombuffer(data, np.uint8, whole).reshape(width, -1)
        made = np.empty((whole // width, width), np.uint8)
        made[:] = planes.T
        rest = bytes(memoryview(data)[whole:])
        return made.tobytes() + rest if rest else made.reshape(-1)

    return undo if width > 1 else lambda data, size: data


def _checked(_: Any) -> _Undo:
    check = numcodecs.Fletcher32()
    return lambda data, size: check.decode(data)


_UNDO: dict[int, Callable[[Sequence[int]], _Undo]] = {
    h5py.h5z.FILTER_DEFLATE: _inflated,
    h5py.h5z.FILTER_SHUFFLE: _in_order,
    h5py.h5z.FILTER_FLETCHER32: _checked,
}
