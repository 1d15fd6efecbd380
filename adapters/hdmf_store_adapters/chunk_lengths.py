"""Whether the bytes of a chunk are whole, as far as that shows without decoding them.

Files that were cut short while they were copied or sent are found so; bytes that were changed within are not.

Sources: Blosc 1 chunk format; RFC 8878 (Zstandard), frames and blocks; RFC 1952 (gzip), trailer; the specification of
``sharding_indexed``.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numcodecs
import numpy as np

__all__ = ["announced_by_blosc", "check_shard", "check_whole"]

_ABSENT = 2**64 - 1
_INDEX_CHECKS = 4
_ZSTD = 0xFD2FB528
_SKIPPED_BY_ZSTD = range(0x184D2A50, 0x184D2A60)
_GZIP = 31  # what zlib calls a window of 32 KiB in a file of gzip


def check_whole(steps: Sequence[Any], data: bytes, size: int | None) -> None:
    """Raise where bytes cannot be all that a chain of codecs has made.

    Parameters
    ----------
    steps : sequence of numcodecs codec
        In the order of encoding; the last tells most.
    data : bytes
    size : int or None
        How many bytes the first was given; None where that is not known.

    Raises
    ------
    ValueError
        If the bytes are cut short, or are those of a chunk of another size.
    """
    *before, step = steps or (None,)
    expected = size if all(isinstance(other, numcodecs.Shuffle) for other in before) else None
    found: int | None = None
    if step is None:
        found = len(data)
    elif isinstance(step, numcodecs.Blosc):
        found = announced_by_blosc(data)
    elif isinstance(step, numcodecs.Zstd):
        _check_zstd(data)
    elif isinstance(step, numcodecs.GZip):
        found = _unpacked_by_gzip(data, expected)
    if None not in (found, expected) and found != expected:
        raise ValueError(f"the chunk has {found} bytes where its shape needs {expected}")


def announced_by_blosc(data: Any) -> int:
    """Return how many bytes Blosc will decode.

    Blosc reads as many bytes as its header announces, whether they are there or not, so the length is checked first:
    bytes 4 to 8 of the header are the size of what it decodes to, 12 to 16 the compressed size.
    """
    view = memoryview(data).cast("B")
    if len(view) < 16 or int.from_bytes(view[12:16], "little") > len(view):
        raise ValueError("the compressed bytes are cut short")
    return int.from_bytes(view[4:8], "little")


def _check_zstd(data: bytes) -> None:
    """Go from block to block of the first frame, which need not be the only one; of one to skip, nothing is said."""
    if int.from_bytes(data[:4], "little") in _SKIPPED_BY_ZSTD:
        return
    described = data[4] if len(data) > 4 else 0
    if int.from_bytes(data[:4], "little") != _ZSTD:
        raise ValueError("the bytes do not begin as Zstandard does")
    is_single = described >> 5 & 1
    size_field = (is_single, 2, 4, 8)[described >> 6]
    at = 5 + (not is_single) + (0, 1, 2, 4)[described & 3] + size_field
    is_last = False
    while not is_last:
        header = int.from_bytes(data[at : at + 3], "little")
        is_last, is_repeated = bool(header & 1), header >> 1 & 3 == 1
        at += 3 + (1 if is_repeated else header >> 3)
        if at > len(data):
            raise ValueError("the compressed bytes are cut short")
    if at + (4 if described >> 2 & 1 else 0) > len(data):
        raise ValueError("the compressed bytes are cut short")


def _unpacked_by_gzip(data: bytes, expected: int | None) -> int | None:
    """Return the size that the last four bytes tell; where it is not the one that is needed, unpack to be sure."""
    found = int.from_bytes(data[-4:], "little")
    if expected is None or found == expected % 2**32:
        return expected
    return _length_up_to(expected + 1, data)


def _length_up_to(most: int, data: bytes) -> int:
    """Return how much gzip unpacks of all members together, unpacking no more than so many bytes."""
    left, length = data, 0
    while left and length < most:
        member = zlib.decompressobj(_GZIP)
        length += len(member.decompress(left, most - length))
        if not member.eof and length < most:
            raise ValueError("the compressed bytes are cut short")
        left = member.unused_data
    return length


def check_shard(configuration: Mapping[str, Any], shard: Sequence[int], data: bytes) -> None:
    """Raise where the index of a shard is not all there, or names bytes that are not.

    Parameters
    ----------
    configuration : dict
        Of the codec ``sharding_indexed``.
    shard : tuple of int
        The shape of what the shard holds.
    data : bytes

    Raises
    ------
    ValueError
        If the shard is cut short.
    """
    inner = configuration["chunk_shape"]
    count = math.prod(n // chunk for n, chunk in zip(shard, inner, strict=True))
    steps = [codec["name"] for codec in configuration.get("index_codecs") or ()]
    if steps not in (["bytes"], ["bytes", "crc32c"]):
        return
    length = 16 * count + _INDEX_CHECKS * (len(steps) - 1)
    if len(data) < length:
        raise ValueError("the shard is cut short")
    at_end = configuration.get("index_location", "end") == "end"
    raw = data[len(data) - length :] if at_end else data[:length]
    is_big = (configuration["index_codecs"][0].get("configuration") or {}).get("endian") == "big"
    index = np.frombuffer(raw, ">u8" if is_big else "<u8", 2 * count).reshape(-1, 2)
    there = index[index[:, 0] != _ABSENT]
    if (there > len(data)).any() or (there.sum(axis=1, dtype="u8") > len(data)).any():
        raise ValueError("the shard is cut short, or its index is damaged")
