"""The filters and compressor of a Zarr v2 document as one encoder and decoder of chunks.

Only codecs that map data to data are known, by a list of their names; a document cannot make another one be looked up.
Pickles go through the decoder that executes nothing, wherever in the chain they stand.
"""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import attrs
import numcodecs
import numpy as np

from hdmf_store.nodes import each
from hdmf_store_adapters.bounded_decoding import check_count, decode_step, room_for
from hdmf_store_adapters.chunk_codecs import decode_step_into
from hdmf_store_adapters.chunk_lengths import check_whole
from hdmf_store_adapters.safe_pickle import safe_loads

__all__ = ["NumcodecsChain", "numcodecs_chain", "numcodecs_step", "settled"]

_PROTOCOL = 5
_KNOWN = frozenset(
    ["blosc", "gzip", "zlib", "zstd", "lz4", "lzma", "bz2", "shuffle", "crc32", "crc32c", "adler32", "fletcher32"]
).union(
    ["delta", "fixedscaleoffset", "quantize", "astype", "packbits", "bitround", "categorize"],
    ["vlen-utf8", "vlen-bytes", "vlen-array", "json2", "msgpack2", "base64"],
)


@attrs.frozen(eq=False)
class NumcodecsChain:
    """Encoding and decoding of the chunks of one v2 array.

    Parameters
    ----------
    dtype : numpy.dtype
        As stored; object where an object codec serialises the elements.
    order : {"C", "F"}
    filters : tuple
        numcodecs codecs, in the order of encoding.
    compressor : object or None
    """

    dtype: np.dtype
    order: str
    filters: tuple[Any, ...]
    compressor: Any

    def encode(self, array: np.ndarray) -> bytes:
        """Return the bytes of a chunk that has the chunk's full shape."""
        data: Any = array if self.dtype.hasobject else np.asarray(array, dtype=self.dtype)
        data = np.ascontiguousarray(data.transpose() if self.order == "F" else data).reshape(-1)
        if self.dtype.names is not None and not self.filters:
            data = data.view(f"V{self.dtype.itemsize}")
        for step in self.filters:
            data = step.encode(data)
        if self.compressor is not None:
            data = self.compressor.encode(data)
        return data if isinstance(data, bytes) else bytes(np.ascontiguousarray(data).view(np.uint8).data)

    def decode_into(self, data: bytes, out: np.ndarray) -> bool:
        """Decode a chunk right into an array of its shape, where that spares a copy; return whether that was done."""
        plain = self.order == "C" and not self.filters and not self.dtype.hasobject and out.dtype == self.dtype
        return plain and decode_step_into(self.compressor, data, out)

    def check(self, data: bytes, shape: tuple[int, ...]) -> None:
        """Raise `ValueError` for bytes that cannot be all of a chunk, as far as that shows without decoding them."""
        size = None if self.dtype.hasobject else int(np.prod(shape)) * self.dtype.itemsize
        check_whole((*self.filters, *([] if self.compressor is None else [self.compressor])), data, size)

    def decode(self, data: bytes, shape: tuple[int, ...]) -> np.ndarray:
        """Return the array of a chunk of that shape.

        Raises
        ------
        ValueError
            If the bytes do not hold what the shape and type say.
        """
        steps = (*self.filters, *([] if self.compressor is None else [self.compressor]))
        room = room_for(data, shape, self.dtype, steps) if steps else 0
        size = None if self.filters or self.dtype.hasobject else math.prod(shape) * self.dtype.itemsize
        buffer: Any = data if self.compressor is None else decode_step(self.compressor, data, room, size)
        for step in reversed(self.filters):
            if isinstance(step, _COUNTED):
                check_count(buffer)
            buffer = decode_step(step, buffer, room)
        if self.dtype.hasobject:
            flat = _objects(buffer)
        elif isinstance(buffer, np.ndarray) and buffer.dtype == self.dtype:
            flat = buffer.reshape(-1)
        else:
            raw = np.ascontiguousarray(buffer).view(np.uint8).reshape(-1) if isinstance(buffer, np.ndarray) else buffer
            flat = np.frombuffer(raw, dtype=self.dtype)
        if flat.size != int(np.prod(shape)):
            raise ValueError(
                f"the chunk holds {flat.size} elements where its shape {shape} needs {int(np.prod(shape))}"
            )
        return flat.reshape(shape, order=self.order)  # type: ignore[call-overload]


def _objects(decoded: Any) -> np.ndarray:
    """Return decoded objects as a flat array, rows kept as one element each."""
    if isinstance(decoded, np.ndarray):
        return decoded.reshape(-1)
    raise ValueError(f"the object codec yields {type(decoded).__name__}, not an array")


class _SafePickle:
    """Takes the place of numcodecs' pickle codec; pickles are written only where a user asks for that codec by name."""

    def decode(self, data: Any) -> Any:
        return safe_loads(bytes(data))

    def encode(self, data: Any) -> bytes:
        return pickle.dumps(data, protocol=_PROTOCOL)


class _BytesOfText:
    """Takes the place of numcodecs' codec for bytes, in which older writers keep text: text is encoded as UTF-8."""

    def __init__(self) -> None:
        self._bytes = numcodecs.VLenBytes()

    def decode(self, data: Any) -> Any:
        return self._bytes.decode(data)

    def encode(self, data: Any) -> bytes:
        return self._bytes.encode(each(data, lambda item: item.encode() if isinstance(item, str) else item))


_COUNTED = (numcodecs.VLenUTF8, numcodecs.VLenBytes, numcodecs.VLenArray, _BytesOfText)


def numcodecs_chain(
    filters: Sequence[Mapping[str, Any]], compressor: Mapping[str, Any] | None, dtype: np.dtype, order: str
) -> NumcodecsChain | None:
    """Return the chain of a v2 document, or None if it names a codec that is not known here.

    Parameters
    ----------
    filters, compressor : list of dict, dict or None
        As in the document.
    dtype : numpy.dtype
    order : {"C", "F"}
    """
    return _chain(json.dumps([list(filters), compressor], sort_keys=True), np.dtype(dtype), order)


@lru_cache(maxsize=512)
def _chain(described: str, dtype: np.dtype, order: str) -> NumcodecsChain | None:
    filters, compressor = json.loads(described)
    steps = [numcodecs_step(item) for item in filters]
    packed = None if compressor is None else numcodecs_step(compressor)
    if any(step is None for step in steps) or (compressor is not None and packed is None):
        return None
    return NumcodecsChain(dtype, order, tuple(steps), packed)


def numcodecs_step(described: Mapping[str, Any]) -> Any:
    """Return the step that a document of format 2 describes, or None if it is not known here."""
    name = described.get("id")
    if name == "pickle":
        return _SafePickle()
    if name == "vlen-bytes":
        return _BytesOfText()
    if name not in _KNOWN:
        return None
    try:
        return numcodecs.get_codec(dict(described))
    except (ValueError, TypeError, ImportError):
        return None


def settled(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return a codec of a document with all its settings, also those that the document leaves to their defaults.

    Blosc's size of elements is left out: every chunk says it itself, and documents with and without it mean the same.
    """
    codec = numcodecs_step(described)
    settings = dict(codec.get_config() if hasattr(codec, "get_config") else described)
    if settings.get("id") == "blosc":
        settings.pop("typesize", None)
    return settings
