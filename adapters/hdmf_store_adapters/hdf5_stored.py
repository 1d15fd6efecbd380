"""Which chunks of an HDF5 dataset are stored, where it says that it has many more."""

from __future__ import annotations

import math

import h5py

from hdmf_store.nodes import Region
from hdmf_store_adapters.sparse import MANY_CHUNKS, are_few, region_of

__all__ = ["stored_regions"]

_MANY_BYTES = 2**30
"""From here on it is worth knowing that nothing is stored of a dataset that has no chunks."""


def stored_regions(dataset: h5py.Dataset) -> list[Region] | None:
    """Return regions of a dataset outside of which nothing is stored; None where most is, or HDF5 does not tell.

    Raises
    ------
    Exception
        Whatever h5py raises for an index of chunks that is broken.
    """
    if not dataset.shape or dataset.external or dataset.is_virtual:
        return None
    if dataset.chunks is None:
        is_large = math.prod(dataset.shape) * dataset.dtype.itemsize > _MANY_BYTES
        return [] if is_large and not dataset.id.get_storage_size() else None
    count = math.prod(-(-length // side) for length, side in zip(dataset.shape, dataset.chunks, strict=True))
    if count < MANY_CHUNKS or not are_few(dataset.id.get_num_chunks(), count):
        return None
    corners: list[tuple[int, ...]] = []
    dataset.id.chunk_iter(lambda chunk: corners.append(chunk.chunk_offset))
    return [region_of(corner, dataset.chunks, dataset.shape) for corner in sorted(corners)]
