"""One step of decoding a chunk, in no more memory than a chunk of its shape can need.

A few bytes can say that they decode to any amount. What a step decodes to is bounded before it is made: by the size
that the array's document tells, or, where elements have any length, by what the bytes can reasonably hold.

Sources: Blosc 1 chunk format; RFC 8878 (Zstandard), frames and blocks; numcodecs' header of LZ4 chunks.
"""

from __future__ import annotations

import bz2
import json
import lzma
import math
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np

from hdmf_store_adapters.chunk_lengths import announced_by_blosc

__all__ = ["check_count", "decode_step", "room_for"]

_PACKED_AT_MOST = 1032
"""How many times smaller deflate, which gzip and zlib are made of, can make what is stored."""

_ANY_LENGTH = 2**28
_ANY_SIZE = 2**31
"""Bytes that a chunk may decode to however small it is: Blosc, LZ4 and Zstandard of numcodecs take no more."""

_WIDENED = 8
"""How many times larger than its elements a chunk may be between two steps, as filters change their type."""

_SOME = 2**16
_ZSTD, _ZSTD_BLOCK = 0xFD2FB528, 2**17


def room_for(data: Any, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Return how many bytes any step may decode to.

    Parameters
    ----------
    data : bytes
        Of the chunk, as stored.
    shape : tuple of int
        Of the chunk.
    dtype : numpy.dtype
        As stored; object for elements of any length.

    Raises
    ------
    ValueError
        If a chunk of that shape cannot be in so few bytes.
    """
    by_its_bytes = _PACKED_AT_MOST * len(data)
    if dtype.hasobject:
        return max(_ANY_LENGTH, by_its_bytes)
    size = math.prod(shape) * dtype.itemsize
    if size > max(_ANY_SIZE, by_its_bytes):
        raise ValueError(
            f"a chunk of shape {shape} has {size} bytes, which cannot be in the {len(data)} that are stored"
        )
    return _WIDENED * size + _SOME


def decode_step(step: Any, data: Any, room: int) -> Any:
    """Return what one step decodes.

    Parameters
    ----------
    step : numcodecs codec
    data : bytes or numpy.ndarray
    room : int
        How many bytes that may be, as `room_for` returns it.

    Raises
    ------
    ValueError
        If it is more.
    """
    known = _BOUNDED.get(getattr(step, "codec_id", ""))
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


def _zstd(step: Any, data: Any, room: int) -> Any:
    _check(_announced_by_zstd(memoryview(data).cast("B"), room), room)
    return step.decode(data)


def _announced_by_zstd(view: memoryview, room: int) -> int:
    """Return the most bytes that the frames can hold: what their headers say, else by the number of blocks."""
    at, total = 0, 0
    while len(view) - at > 5 and int.from_bytes(view[at : at + 4], "little") == _ZSTD and total <= room:
        described = view[at + 4]
        is_single = described >> 5 & 1
        length = (is_single, 2, 4, 8)[described >> 6]
        at += 5 + (not is_single) + (0, 1, 2, 4)[described & 3]
        said = int.from_bytes(view[at : at + length], "little") + (256 if length == 2 else 0)
        at += length
        blocks, is_last = 0, False
        while not is_last and at < len(view):
            header = int.from_bytes(view[at : at + 3], "little")
            is_last, is_repeated = bool(header & 1), header >> 1 & 3 == 1
            at += 3 + (1 if is_repeated else header >> 3)
            blocks += 1
        at += 4 if described >> 2 & 1 else 0
        total += said if length else max(0, (blocks - 1) * _ZSTD_BLOCK)
    return total


def _streamed(decompressor: Callable[[Any], Any]) -> Callable[[Any, Any, int], bytes]:
    """Return what decodes streams of the standard library, one after the other, until there is no more room."""

    def decoded(step: Any, data: Any, room: int) -> bytes:
        parts: list[bytes] = []
        rest, size = bytes(memoryview(data).cast("B")), 0
        while rest or not parts:
            stream = decompressor(step)
            parts.append(stream.decompress(rest, room - size + 1))
            size += len(parts[-1])
            _check(size, room)
            if not stream.eof:
                raise EOFError("the compressed bytes are cut short")
            rest = stream.unused_data.lstrip(b"\0")
        return parts[0] if len(parts) == 1 else b"".join(parts)

    return decoded


def _of_lzma(step: Any) -> lzma.LZMADecompressor:
    raw = step.format == lzma.FORMAT_RAW
    return lzma.LZMADecompressor(step.format, None if raw else _ANY_LENGTH, step.filters if raw else None)


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
    "zstd": _zstd,
    "lz4": _lz4,
    "gzip": _streamed(lambda _: zlib.decompressobj(wbits=31)),
    "zlib": _streamed(lambda _: zlib.decompressobj()),
    "bz2": _streamed(lambda _: bz2.BZ2Decompressor()),
    "lzma": _streamed(_of_lzma),
    "json2": _listed(json.loads),
    "msgpack2": _listed(_from_msgpack),
}
"""By the name that numcodecs has for the step; the others make no more than they are given."""
