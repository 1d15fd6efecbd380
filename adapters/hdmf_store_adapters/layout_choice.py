"""The layout of a dataset whose author expressed no wish: chunks, codecs, room in text fields.

Figures: ``docs/codecs.md`` has codecs beside each other over recordings, floats, timestamps and text, as
``benchmarks/experiments/codecs.py`` measures them.
"""

from __future__ import annotations

import math

from hdmf_store.nodes import Bytes, Codec, Compound, ElementType, Number, ReferenceTo, Text

__all__ = ["CHUNK_BYTES", "SHARD_BYTES", "chunk_shape", "default_compressors", "item_size", "shard_shape", "text_room"]

CHUNK_BYTES = 4 * 2**20
SHARD_BYTES = 64 * 2**20
_MOST_CHUNKS = 1024  # of a shard: whoever writes into one or reads from it goes through all that it may hold
_WORTH_COMPRESSING = 256
_TYPICAL_TEXT = 64


def item_size(element: ElementType) -> int:
    """Return the bytes of one element in memory; for text of any length, a typical size."""
    if isinstance(element, Number):
        return element.dtype.itemsize
    if isinstance(element, Compound):
        return sum(item_size(field.type) for field in element.fields)
    return _TYPICAL_TEXT


def chunk_shape(shape: tuple[int, ...], item_size: int, *, target: int = CHUNK_BYTES) -> tuple[int, ...]:
    """Choose chunks for a dataset whose author gave none.

    Small datasets are one chunk. In larger ones the last axes are kept whole and the first is cut, so
    that a window in time touches few chunks; where one step along the first axis exceeds the target,
    the longest of the others is halved until it fits.

    Parameters
    ----------
    shape : tuple of int, length ndim
        In elements; axes of length 0 are allowed.
    item_size : int
        Bytes per element, at least 1.
    target : int, default 4 MiB
        Most uncompressed bytes a chunk may hold, unless half as much again makes it the whole dataset.

    Returns
    -------
    tuple of int, length ndim
        At least 1 a side.

    Raises
    ------
    ValueError
        If `item_size` or `target` is below 1.

    Examples
    --------
    Ten minutes of 384 channels at 30 kHz, 16 bit:

    >>> chunk_shape((18_000_000, 384), item_size=2)
    (5461, 384)
    >>> chunk_shape((3, 0), item_size=8)
    (3, 1)
    """
    if item_size < 1 or target < 1:
        raise ValueError(f"item_size and target must be at least 1, not {item_size} and {target}")
    chunks = [max(1, length) for length in shape]
    if math.prod(chunks) * item_size <= target + target // 2:
        return tuple(chunks)
    while math.prod(chunks[1:]) * item_size > target:
        longest = max(range(1, len(chunks)), key=chunks.__getitem__)
        chunks[longest] = -(-chunks[longest] // 2)
    chunks[0] = max(1, min(chunks[0], target // (math.prod(chunks[1:]) * item_size)))
    return tuple(chunks)


def shard_shape(
    shape: tuple[int, ...], chunks: tuple[int, ...], item_size: int, *, target: int = SHARD_BYTES
) -> tuple[int, ...]:
    """Choose shards for chunks: as many chunks along the first axis as fit, and are there; at most 1024.

    >>> shard_shape((18_000_000, 384), (5461, 384), item_size=2)
    (87376, 384)
    >>> shard_shape((10, 3), (4, 3), item_size=8)
    (12, 3)
    >>> shard_shape((1_000_000,), (10,), item_size=8)
    (10240,)
    """
    if not chunks:
        return ()
    there = -(-max(1, shape[0]) // chunks[0])
    fitting = target // max(1, math.prod(chunks) * item_size)
    return (chunks[0] * max(1, min(there, fitting, _MOST_CHUNKS)), *chunks[1:])


def default_compressors(element: ElementType, chunk_elements: int) -> tuple[Codec, ...]:
    """Choose the compressors for chunks of so many elements; none where there is nothing to gain."""
    if isinstance(element, Text | Bytes | ReferenceTo | Compound):
        small = not isinstance(element, Compound) and chunk_elements <= 1
        return () if small else (Codec("zstd", {"level": 1, "checksum": False}),)
    size = item_size(element)
    if chunk_elements * size < _WORTH_COMPRESSING:
        return ()
    shuffle = "noshuffle" if element == Number("bool") else "shuffle" if size == 8 else "bitshuffle"
    return (Codec("blosc", {"typesize": size, "cname": "lz4", "clevel": 5, "shuffle": shuffle, "blocksize": 0}),)


def text_room(longest: int) -> int:
    """Return how many characters a text cell of fixed width gets when the longest value is known.

    Later rows may hold somewhat longer values without the field having to be widened.

    >>> text_room(0), text_room(20), text_room(100)
    (32, 64, 128)
    """
    return -(-(longest + 16) // 32) * 32
