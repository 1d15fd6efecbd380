"""The values of stored arrays as translation reads them: a region at a time, in normal form."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import zarr

from hdmf_store.nodes import Origin, Region
from hdmf_store_adapters.array_holder import ArrayHolder
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunks import read_region
from hdmf_store_adapters.document_overlay import DocumentOverlay

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
        return zarr.open_array(overlay, path=path[1:], mode=mode, zarr_format=holder.zarr_version())
    except DECODING_ERRORS as problem:
        raise holder.shape_error(path, problem) from problem


@attrs.frozen(eq=False)
class StoredSource:
    """The values of one stored array, in normal form, a region at a time."""

    holder: ArrayHolder = attrs.field(repr=False)
    path: str

    @property
    def origin(self) -> Origin:
        """The array in which the values lie."""
        return Origin(self.holder.address, self.path)

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
        prefix = self.path[1:] + "/"
        try:
            return read_region(record, region, lambda keys: self.holder.read_chunks([prefix + key for key in keys]))
        except DECODING_ERRORS as problem:
            raise self.holder.shape_error(self.path, problem) from problem
