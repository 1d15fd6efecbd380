"""Chunks of datasets whose codecs only zarr knows: shards, array filters, checksums.

One chunk, or one shard, goes through a zarr array in memory that has exactly its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store.errors import UnsupportedValueError
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.bounded_zarr import bounded
from hdmf_store_adapters.zarr_format import ZarrFormat

__all__ = ["ZarrChunk"]


class ZarrChunk:
    """Encoding and decoding of full chunks through zarr.

    Parameters
    ----------
    zarr_format : ZarrFormat
    document : dict
        Of the dataset.
    record : ArrayRecord
    location, path : str
        For messages.
    """

    def __init__(
        self, zarr_format: ZarrFormat, document: Mapping[str, Any], record: ArrayRecord, location: str, path: str
    ) -> None:
        self._where = (location, path)
        alone = zarr_format.alone(document, record)
        try:
            shown = {name: zarr_format.zarr_file(alone, name) for name in zarr_format.DOCUMENTS}
        except ValueError as problem:
            raise UnsupportedValueError(location, path, str(problem)) from problem
        self._files = {name: data for name, data in shown.items() if data is not None}
        self._version = zarr_format.VERSION
        self._key = record.chunk_key((0,) * len(record.chunks))
        self._dtype = np.dtype(object) if record.codec is None else record.codec.dtype

    @property
    def dtype(self) -> np.dtype:
        """Of decoded chunks."""
        return self._dtype

    def encode(self, chunk: np.ndarray) -> bytes:
        """Return the bytes of a chunk.

        Raises
        ------
        UnsupportedValueError
            If the installed zarr cannot encode it.
        """
        held: dict[str, Any] = {}
        try:
            array = self._array(held).with_config({"write_empty_chunks": True})
            array[...] = chunk if chunk.ndim else chunk[()]
        except (TypeError, ValueError, KeyError, RuntimeError) as problem:
            location, path = self._where
            reason = f"zarr {zarr.__version__} cannot encode it with the codecs that were asked for ({problem})"
            raise UnsupportedValueError(location, path, reason) from problem
        return bytes(held[self._key].to_bytes())

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the values of a chunk, whose shape is that of the dataset's chunks.

        Raises
        ------
        ValueError
            If there are no bytes, which zarr would take for a chunk that was never written.
        """
        if not data:
            raise ValueError("the chunk has no bytes")
        held: dict[str, Any] = {}
        array = self._array(held)
        held[self._key] = Buffer.from_bytes(data)
        return np.asarray(array[...]).reshape(shape)

    def _array(self, held: dict[str, Any]) -> Any:
        held.update({name: Buffer.from_bytes(data) for name, data in self._files.items()})
        return bounded(zarr.open_array(MemoryStore(held), mode="r+", zarr_format=self._version))
