"""Arrays of zarr whose codecs decode in no more memory than a chunk can need, and never run what a chunk holds.

zarr decodes what is not decoded here: shards, array filters, unusual selections. It makes whatever its codecs say, so
each codec of an array is exchanged for one of the same class that decodes as `bounded_decoding` does. Shards do the
same for each of their inner chunks, whose shape is known to them. Codecs that the program has registered stay as they
are.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numcodecs
import numpy as np
import zarr
from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec
from zarr.codecs import ShardingCodec

from hdmf_store_adapters.bounded_decoding import check_count, decode_step, room_for
from hdmf_store_adapters.chunk_codecs import byte_step
from hdmf_store_adapters.numcodecs_chain import numcodecs_step

__all__ = ["bounded"]

_OF_NUMCODECS = "numcodecs."
_VARIABLE = ("vlen-utf8", "vlen-bytes")


def bounded(array: Any) -> Any:
    """Return an array of zarr as one that decodes in bounded memory.

    Raises
    ------
    ValueError
        If it has a codec of format 2 that is not known here, so that nothing is known of what it runs.
    """
    opened = array.async_array
    metadata = opened.metadata
    if metadata.zarr_format == 2:
        metadata = _bounded_metadata_2(metadata)
    else:
        metadata = replace(metadata, codecs=_bounded_chain(metadata.codecs))
    return zarr.Array(zarr.AsyncArray(metadata, opened.store_path, opened.config))


# ----------------------------------------------------------------------------------------------------------- format 3


def _bounded_chain(codecs: Sequence[Any]) -> tuple[Any, ...]:
    """Return codecs that know of each other, as all of them together say how small a chunk can be."""
    names = tuple(_described(codec)["name"] for codec in codecs)
    of_numbers = next((at for at, name in enumerate(names) if name == "bytes"), None)
    return tuple(_bounded_codec(codec, names, at - 1 == of_numbers) for at, codec in enumerate(codecs))


def _bounded_codec(codec: Any, beside: tuple[str, ...], is_first: bool) -> Any:
    if isinstance(codec, _Bounded):
        return codec
    plain: Any = type(codec)
    kind: Any = None
    if isinstance(codec, ShardingCodec):
        settings = {field.name: getattr(codec, field.name) for field in fields(codec)}
        return _class_of(plain, _Sharding, beside, False)(**{**settings, "codecs": _bounded_chain(codec.codecs)})
    described = _described(codec)
    if isinstance(codec, BytesBytesCodec) and byte_step(described["name"], described["configuration"], 1) is not None:
        kind = _BytesBytes
    elif isinstance(codec, ArrayArrayCodec) and described["name"].startswith(_OF_NUMCODECS):
        kind = _ArrayArray
    elif isinstance(codec, ArrayBytesCodec) and described["name"] in _VARIABLE:
        kind = _Variable
    if kind is None:
        return codec
    made = object.__new__(_class_of(plain, kind, beside, is_first))
    made.__dict__.update(codec.__dict__)
    return made


def _described(codec: Any) -> dict[str, Any]:
    said = codec.to_dict()
    return {"name": said["name"], "configuration": said.get("configuration") or {}}


@lru_cache(maxsize=512)
def _class_of(kind: Any, bound: Any, beside: tuple[str, ...], is_first: bool) -> Any:
    """Return a class that is the kind of codec that users know, and decodes as is said here."""
    members = {"beside": beside, "is_first": is_first, "__doc__": kind.__doc__, "__module__": kind.__module__}
    return type(kind.__name__, (bound, kind), members)


class _Bounded:
    """What takes the place of decoding in a codec of zarr, which older releases ask for in one way only."""

    beside: tuple[str, ...] = ()
    """The names of all codecs of the chain."""
    is_first: bool = False
    """Whether it encodes the bytes of numbers, whose length is known."""

    def evolve_from_array_spec(self, array_spec: Any) -> Any:
        return _bounded_codec(super().evolve_from_array_spec(array_spec), self.beside, self.is_first)  # type: ignore[misc]

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        return await asyncio.to_thread(self._decode_sync, chunk_data, chunk_spec)

    def _decode_sync(self, chunk_data: Any, chunk_spec: Any) -> Any:
        raise NotImplementedError

    def _room(self, stored: Any, spec: Any) -> int:
        return room_for(stored, spec.shape, _dtype_of(spec), [_Named(name) for name in self.beside])


class _BytesBytes(_Bounded):
    def _decode_sync(self, chunk_data: Any, chunk_spec: Any) -> Any:
        described, data = _described(self), chunk_data.as_numpy_array()
        item_size = _dtype_of(chunk_spec).itemsize
        step = byte_step(described["name"], described["configuration"], item_size)
        size = math.prod(chunk_spec.shape) * item_size if self.is_first else None
        decoded = decode_step(step, data, self._room(data, chunk_spec), size)
        if not isinstance(decoded, bytes):
            decoded = np.ascontiguousarray(decoded).reshape(-1).view(np.uint8)
        return chunk_spec.prototype.buffer.from_bytes(decoded)


class _ArrayArray(_Bounded):
    def _decode_sync(self, chunk_data: Any, chunk_spec: Any) -> Any:
        described, stored = _described(self), np.asarray(chunk_data.as_ndarray_like())
        name = described["name"].removeprefix(_OF_NUMCODECS)
        step = numcodecs.get_codec({**described["configuration"], "id": name})
        decoded = decode_step(step, stored, self._room(stored.reshape(-1).view(np.uint8), chunk_spec))
        return chunk_spec.prototype.nd_buffer.from_ndarray_like(decoded.reshape(chunk_spec.shape))


class _Variable(_Bounded):
    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        check_count(chunk_data.as_numpy_array())
        return await super(_Bounded, self)._decode_single(chunk_data, chunk_spec)  # type: ignore[misc]

    def _decode_sync(self, chunk_data: Any, chunk_spec: Any) -> Any:
        check_count(chunk_data.as_numpy_array())
        return super(_Bounded, self)._decode_sync(chunk_data, chunk_spec)  # type: ignore[misc]


class _Sharding(_Bounded):
    """A shard within another codec, which is decoded whole; others are read an inner chunk at a time."""

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        self._room(chunk_data.as_numpy_array(), chunk_spec)
        return await super(_Bounded, self)._decode_single(chunk_data, chunk_spec)  # type: ignore[misc]

    def _decode_sync(self, chunk_data: Any, chunk_spec: Any) -> Any:
        self._room(chunk_data.as_numpy_array(), chunk_spec)
        return super(_Bounded, self)._decode_sync(chunk_data, chunk_spec)  # type: ignore[misc]


class _Named:
    """A step of which only the name matters, as numcodecs spells it."""

    def __init__(self, name: str) -> None:
        self.codec_id = name.removeprefix(_OF_NUMCODECS)


def _dtype_of(spec: Any) -> np.dtype:
    return np.dtype(spec.dtype.to_native_dtype())


# ----------------------------------------------------------------------------------------------------------- format 2


def _bounded_metadata_2(metadata: Any) -> Any:
    """Return metadata with the same filters and compressor, decoding as the chains here do."""
    steps = (*(metadata.filters or ()), *([] if metadata.compressor is None else [metadata.compressor]))
    dtype = np.dtype(metadata.dtype.to_native_dtype())

    def room(stored: Any) -> int:
        return room_for(stored, metadata.chunks, dtype, steps)

    filters = None if metadata.filters is None else tuple(_bounded_step(step, room) for step in metadata.filters)
    size = None if filters or dtype.hasobject else math.prod(metadata.chunks) * dtype.itemsize
    compressor = None if metadata.compressor is None else _bounded_step(metadata.compressor, room, size)
    return replace(metadata, filters=filters, compressor=compressor)


def _bounded_step(step: Any, room: Callable[[Any], int], size: int | None = None) -> Any:
    """Return a codec of numcodecs of the same class, which decodes by the known step of its name."""
    config: Mapping[str, Any] = step.get_config()
    known = numcodecs_step(config)
    if known is None:
        raise ValueError(f"the codec {config.get('id')!r} is not known here")

    def decode(self: Any, buf: Any, out: Any = None) -> Any:
        if config["id"] in ("vlen-utf8", "vlen-bytes", "vlen-array"):
            check_count(buf)
        return decode_step(known, buf, room(np.ascontiguousarray(buf).reshape(-1).view(np.uint8)), size)

    made: Any = type(type(step).__name__, (type(step),), {"decode": decode, "__module__": type(step).__module__})
    return made.from_config({name: value for name, value in config.items() if name != "id"})
