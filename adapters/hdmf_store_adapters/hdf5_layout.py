"""How HDF5 lays out one dataset, so that a copy in HDF5 is laid out alike."""

from __future__ import annotations

from typing import Any

import attrs
import h5py

__all__ = ["HDF5Layout"]

_NAMES = {
    h5py.h5z.FILTER_DEFLATE: "gzip",
    h5py.h5z.FILTER_SHUFFLE: "shuffle",
    h5py.h5z.FILTER_FLETCHER32: "fletcher32",
    h5py.h5z.FILTER_LZF: "lzf",
    h5py.h5z.FILTER_SZIP: "szip",
    h5py.h5z.FILTER_SCALEOFFSET: "scaleoffset",
}


@attrs.frozen
class HDF5Layout:
    """Chunks and filters of one dataset.

    Where its bytes lie in other files, or are views of other datasets, is left out: a copy holds its values itself.

    Parameters
    ----------
    chunks : tuple of int, optional
        None where the values lie in one piece.
    maxshape : tuple of int or None, optional
        None where the dataset has its shape for good.
    filters : tuple of (int, int, tuple of int)
        Number, flags and parameters of each, as HDF5 keeps them; those of plugins too.
    """

    chunks: tuple[int, ...] | None = None
    maxshape: tuple[int | None, ...] | None = None
    filters: tuple[tuple[int, int, tuple[int, ...]], ...] = ()

    @classmethod
    def of(cls, dataset: h5py.Dataset) -> HDF5Layout:
        """Return the layout of a stored dataset."""
        if not dataset.chunks:
            return cls()
        properties = dataset.id.get_create_plist()
        filters = (properties.get_filter(i)[:3] for i in range(properties.get_nfilters()))
        return cls(dataset.chunks, dataset.maxshape, tuple((n, flags, tuple(values)) for n, flags, values in filters))

    def options(self) -> dict[str, Any]:
        """Return what h5py's `create_dataset` takes to lay out a dataset alike."""
        if self.chunks is None:
            return {}
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk(self.chunks)
        for number, flags, values in self.filters:
            properties.set_filter(number, flags, values)
        return {"chunks": self.chunks, "maxshape": self.maxshape, "dcpl": properties}

    def __str__(self) -> str:
        return ", ".join(_NAMES.get(number, f"filter {number}") for number, _, _ in self.filters)
