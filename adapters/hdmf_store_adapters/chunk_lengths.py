"""Whether the bytes of a chunk are whole, as far as that shows without decoding them.

Files that were cut short while they were copied or sent are found so; bytes that were changed within are not.

Sources: RFC 1952 (gzip), trailer; the specification of ``sharding_indexed``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numcodecs
import numpy as np

from hdmf_store_adapters.announced_sizes import announced_by_blosc, announced_by_zstd
from hdmf_store_adapters.bounded_decoding import decode_step

__all__ = ["check_shard", "check_whole"]

_ABSENT = 2**64 - 1
_INDEX_CHECKS = 4


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
    ValueError, EOFError
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
        announced_by_zstd(memoryview(data))
    elif isinstance(step, numcodecs.GZip):
        found = _unpacked_by_gzip(step, data, expected)
    if None not in (found, expected) and found != expected:
        raise ValueError(f"the chunk has {found} bytes where its shape needs {expected}")


def _unpacked_by_gzip(step: Any, data: bytes, expected: int | None) -> int | None:
    """Return the size that the last four bytes tell; where it is not the one that is needed, unpack to be sure."""
    if expected is None or int.from_bytes(data[-4:], "little") == expected % 2**32:
        return expected
    return len(decode_step(step, data, expected))


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
