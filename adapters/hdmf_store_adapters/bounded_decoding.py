"""One step of decoding a chunk, in no more memory than a chunk of its shape can need.

A few bytes can say that they decode to any amount. What a step decodes to is bounded before it is made: by the size
that the array's document tells, or, where elements have any length, by what the bytes can reasonably hold.

Source: numcodecs' header of LZ4 chunks; `announced_sizes` has those of others.
"""

from __future__ import annotations

import bz2
import json
import lzma
import math
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from hdmf_store_adapters.announced_sizes import announced_by_blosc, announced_by_zstd

__all__ = ["check_count", "decode_step", "room_for"]

_PACKED = {"gzip": 1032, "zlib": 1032, "zstd": 2**15, "lzma": 2**14, "bz2": 2**21, "lz4": 2**8, "blosc": 2**15}
"""How many times smaller a codec can make what it is given, at most or somewhat more."""

_USUALLY_PACKED = 1032
_ANY_LENGTH = 2**28
_OF_AN_ELEMENT = 2**10
"""Bytes that each element of any length may have on average in however small a chunk: references are shorter."""

_ANY_SIZE = 2**31
"""Bytes that a chunk of elements of one length may decode to however small it is."""

_WIDENED = 8
"""How many times larger than its elements a chunk may be between two steps, as filters change their type."""

_SOME = 2**16
_SPAN = 2**12


def room_for(data: Any, shape: tuple[int, ...], dtype: np.dtype, steps: Sequence[Any]) -> int:
    """Return how many bytes any step may decode to.

    Parameters
    ----------
    data : bytes
        Of the chunk, as stored.
    shape : tuple of int
        Of the chunk.
    dtype : numpy.dtype
        As stored; object for elements of any length.
    steps : sequence of numcodecs codec
        All that have made the chunk.

    Raises
    ------
    ValueError
        If a chunk of that shape cannot be in so few bytes.
    """
    count = math.prod(shape)
    if dtype.hasobject:
        return max(_ANY_LENGTH, _USUALLY_PACKED * len(data), _OF_AN_ELEMENT * count)
    size = count * dtype.itemsize
    packed = math.prod(_PACKED.get(getattr(step, "codec_id", ""), _WIDENED * max(1, dtype.itemsize)) for step in steps)
    if size > max(_ANY_SIZE, packed * len(data)):
        raise ValueError(
            f"a chunk of shape {shape} has {size} bytes, which cannot be in the {len(data)} that are stored"
        )
    return _WIDENED * size + _SOME


def decode_step(step: Any, data: Any, room: int, size: int | None = None) -> Any:
    """Return what one step decodes.

    Parameters
    ----------
    step : numcodecs codec
    data : bytes or numpy.ndarray
    room : int
        How many bytes that may be, as `room_for` returns it.
    size : int, optional
        How many bytes that must be, where it is known.

    Raises
    ------
    ValueError
        If it is more.
    """
    name = getattr(step, "codec_id", "")
    if name == "zstd":
        return _zstd(step, data, room, size)
    known = _BOUNDED.get(name)
    return step.decode(data) if known is None else known(step, data, room)


def check_count(data: Any) -> None:
    """Raise `ValueError` for elements of any length that say to be more than there are bytes for their lengths."""
    view = memoryview(data).cast("B")
    if len(view) < 4 or 4 * (int.from_bytes(view[:4], "little") + 1) > len(view):
        raise ValueError("there are fewer elements than the chunk says")


def _check(size: int, room: int) -> None:
    if size > room:
        raise ValueError(f"it would decode to {size} bytes, where a chunk of its shape needs {room} at most")


def _blosc(step: Any, data: Any, room: int) -> Any:
    _check(announced_by_blosc(data), room)
    return step.decode(data)


def _lz4(step: Any, data: Any, room: int) -> Any:
    _check(int.from_bytes(memoryview(data).cast("B")[:4], "little"), room)
    return step.decode(data)


def _zstd(step: Any, data: Any, room: int, size: int | None) -> Any:
    """Decode what says its size, or can be no more than the room; else into as many bytes as there must be."""
    view = memoryview(data).cast("B")
    certain, possible = announced_by_zstd(view, room)
    _check(certain, room)
    if certain == possible or size is None:
        _check(possible, max(room, _ANY_LENGTH, _USUALLY_PACKED * len(view)))
        return step.decode(data)
    return step.decode(data, np.empty(size, np.uint8))


def _streamed(decompressor: Callable[[Any], Any]) -> Callable[[Any, Any, int], bytes]:
    """Return what decodes streams of the standard library, one after the other, until there is no more room."""

    def decoded(step: Any, data: Any, room: int) -> bytes:
        view = memoryview(data).cast("B")
        parts: list[bytes] = []
        at, size, span = 0, 0, max(1, len(view))
        while at < len(view) or not parts:
            stream = decompressor(step)
            while not stream.eof:
                if at >= len(view):
                    raise EOFError("the compressed bytes are cut short")
                given = view[at : at + span]
                parts.append(stream.decompress(given, room - size + 1))
                size += len(parts[-1])
                _check(size, room)
                at, span = at + len(given), 2 * span
            at = _PADDING.match(view, at - len(stream.unused_data)).end()  # type: ignore[union-attr]
            span = _SPAN  # what follows a stream is copied to tell it: little, as many streams may follow
        return parts[0] if len(parts) == 1 else b"".join(parts)

    return decoded


_PADDING = re.compile(rb"\0*")


def _of_lzma(step: Any) -> lzma.LZMADecompressor:
    raw = step.format == lzma.FORMAT_RAW
    return lzma.LZMADecompressor(step.format, None if raw else _ANY_LENGTH, step.filters if raw else None)


def _widened(types: Callable[[Any], tuple[Any, Any]]) -> Callable[[Any, Any, int], Any]:
    """Return what decodes a filter that makes elements of one type those of another."""

    def decoded(step: Any, data: Any, room: int) -> Any:
        stored, made = (np.dtype(kind).itemsize for kind in types(step))
        size = data.nbytes if isinstance(data, np.ndarray) else len(data)
        _check(size // max(1, stored) * made, room)
        return step.decode(data)

    return decoded


def _listed(loads: Callable[[bytes], Any]) -> Callable[[Any, Any, int], np.ndarray]:
    """Return what decodes a list that ends with the type and the shape of its array."""

    def decoded(_: Any, data: Any, room: int) -> np.ndarray:
        *items, kind, shape = loads(bytes(memoryview(data).cast("B")))
        dtype = np.dtype(kind)
        _check(math.prod(shape) * dtype.itemsize, room)
        array = np.empty(shape, dtype)
        array[...] = items if shape else items[0]
        return array

    return decoded


def _from_msgpack(data: bytes) -> Any:
    import msgpack  # there wherever numcodecs has made a codec of that name

    return msgpack.unpackb(data)


_BOUNDED: dict[str, Callable[[Any, Any, int], Any]] = {
    "blosc": _blosc,
    "lz4": _lz4,
    "gzip": _streamed(lambda _: zlib.decompressobj(wbits=31)),
    "zlib": _streamed(lambda _: zlib.decompressobj()),
    "bz2": _streamed(lambda _: bz2.BZ2Decompressor()),
    "lzma": _streamed(_of_lzma),
    "astype": _widened(lambda step: (step.encode_dtype, step.decode_dtype)),
    **dict.fromkeys(
        ("delta", "fixedscaleoffset", "quantize", "categorize"), _widened(lambda step: (step.astype, step.dtype))
    ),
    "packbits": _widened(lambda _: ("V1", "V8")),
    "json2": _listed(json.loads),
    "msgpack2": _listed(_from_msgpack),
}
"""By the name that numcodecs has for the step; the others make no more than they are given."""
