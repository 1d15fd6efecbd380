"""Chunks of datasets whose codecs only zarr knows: shards, array filters, checksums.

One chunk, or one shard, goes through a zarr array in memory that has exactly its shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import zarr
from zarr.storage import MemoryStore

from hdmf_store_adapters.zarr_v3 import DOCUMENT, ArrayRecord, readable_by_every_zarr, serialise

__all__ = ["ZarrChunk"]


class ZarrChunk:
    """Encoding and decoding of full chunks through zarr.

    Parameters
    ----------
    document : dict
        Of the dataset.
    record : ArrayRecord
    """

    def __init__(self, document: Mapping[str, Any], record: ArrayRecord) -> None:
        alone = {**document, "shape": list(record.chunks), "attributes": {}}
        alone.pop("dimension_names", None)
        self._document = serialise(readable_by_every_zarr(alone))
        self._key = record.chunk_key((0,) * len(record.chunks))

    def encode(self, chunk: np.ndarray) -> bytes:
        """Return the bytes of a chunk."""
        held: dict[str, Any] = {}
        array = self._array(held).with_config({"write_empty_chunks": True})
        array[...] = chunk if chunk.ndim else chunk[()]
        return bytes(held[self._key].to_bytes())

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the values of a chunk, whose shape is that of the dataset's chunks."""
        held: dict[str, Any] = {}
        array = self._array(held)
        held[self._key] = zarr.buffer.cpu.Buffer.from_bytes(data)
        return np.asarray(array[...]).reshape(shape)

    def _array(self, held: dict[str, Any]) -> Any:
        held[DOCUMENT] = zarr.buffer.cpu.Buffer.from_bytes(self._document)
        return zarr.open_array(MemoryStore(held), mode="r+", zarr_format=3)
