"""Stored arrays a piece at a time, for users: whole chunks, and no more in memory than they allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Region, corners, slabs

__all__ = ["iter_chunks"]

_OBJECT_BYTES = 64  # of text, on average


def iter_chunks(
    array: Any, budget: int = 64 * 2**20, selection: Sequence[slice] | None = None
) -> Iterator[tuple[Region, np.ndarray]]:
    """Yield a stored array a piece at a time: where each piece lies, and its values.

    A piece is made of whole chunks, or shards where there are some, so that each is read and decoded once. Small chunks
    are taken together up to the budget. While a piece is being worked on, the next one is read by a thread.

    Parameters
    ----------
    array : zarr.Array or h5py.Dataset
        Or whatever else has a shape, a dtype and chunks, and can be indexed with slices.
    budget : int, default 64 MiB
        Bytes of a piece; a single chunk may exceed it. Memory holds two pieces at a time.
    selection : sequence of slice, optional
        The part of the array to go through, one slice without a step for each axis, as in `h5py.Dataset.iter_chunks`.
        By default all of it.

    Yields
    ------
    region : tuple of slice
        In the array.
    values : numpy.ndarray

    Raises
    ------
    ArgumentError
        If the selection is none, or the budget is no number of bytes.

    Examples
    --------
    >>> import zarr
    >>> array = zarr.create_array({}, shape=(10,), chunks=(2,), dtype="int64")
    >>> array[:] = range(10)
    >>> [(region[0].start, values.tolist()) for region, values in iter_chunks(array, budget=8 * 4)]
    [(0, [0, 1, 2, 3]), (4, [4, 5, 6, 7]), (8, [8, 9])]
    """
    if isinstance(budget, bool) or not isinstance(budget, int) or budget < 1:
        raise ArgumentError(f"budget must be a number of bytes, not {budget!r}")
    regions = list(_regions(array, budget, _box(tuple(array.shape), selection)))
    return _read_ahead(array, regions)


def _read_ahead(array: Any, regions: Sequence[Region]) -> Iterator[tuple[Region, np.ndarray]]:
    with ThreadPoolExecutor(1, "hdmf-store-reads-ahead") as reader:
        coming = [reader.submit(_read, array, region) for region in regions[:1]]
        for region, following in itertools.zip_longest(regions, regions[1:]):
            values = coming.pop().result()
            if following is not None:
                coming.append(reader.submit(_read, array, following))
            yield region, values
            del values  # else a third piece would be in memory


def _read(array: Any, region: Region) -> np.ndarray:
    return np.asarray(array[region])


def _box(shape: tuple[int, ...], selection: Sequence[slice] | None) -> Region:
    if selection is None:
        selection = (slice(None),) * len(shape)
    parts = tuple(selection) if not isinstance(selection, slice) else (selection,)
    if len(parts) != len(shape) or not all(isinstance(part, slice) and part.step in (None, 1) for part in parts):
        raise ArgumentError(f"selection must have a slice without a step for each of {len(shape)} axes")
    ends = [part.indices(length) for part, length in zip(parts, shape, strict=True)]
    return tuple(slice(start, max(start, stop)) for start, stop, _ in ends)


def _regions(array: Any, budget: int, box: Region) -> Iterator[Region]:
    """Yield the pieces of a box, on the grid of the chunks."""
    shape = tuple(array.shape)
    chunks = getattr(array, "shards", None) or getattr(array, "chunks", None) or (1, *shape[1:])[: len(shape)]
    size = _OBJECT_BYTES if np.dtype(array.dtype).hasobject else np.dtype(array.dtype).itemsize
    begins = [part.start // max(chunk, 1) * max(chunk, 1) for part, chunk in zip(box, chunks, strict=True)]
    lengths = tuple(part.stop - begin for part, begin in zip(box, begins, strict=True))
    step = slabs(lengths, tuple(chunks), size, budget)
    starts = [
        range(begin, part.stop, by) if part.stop > part.start else range(0)
        for begin, part, by in zip(begins, box, step, strict=True)
    ]
    for corner in corners(starts):
        yield tuple(
            slice(max(at, part.start), min(at + by, part.stop)) for at, part, by in zip(corner, box, step, strict=True)
        )
