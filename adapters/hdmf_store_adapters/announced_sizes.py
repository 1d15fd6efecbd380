"""What compressed bytes say of the size that they decode to, and whether they are all there, without decoding them.

Sources: Blosc 1 chunk format; RFC 8878 (Zstandard), frames and blocks.
"""

from __future__ import annotations

import math
from typing import Any

__all__ = ["announced_by_blosc", "announced_by_zstd"]

_ZSTD, _ZSTD_SKIPPED, _ZSTD_BLOCK = 0xFD2FB528, 0x184D2A5, 2**17
_REPEATED, _COMPRESSED = 1, 2


def announced_by_blosc(data: Any) -> int:
    """Return how many bytes Blosc will decode.

    Blosc reads as many bytes as its header announces, whether they are there or not, so the length is checked first:
    bytes 4 to 8 of the header are the size of what it decodes to, 12 to 16 the compressed size.
    """
    view = memoryview(data).cast("B")
    if len(view) < 16 or int.from_bytes(view[12:16], "little") > len(view):
        raise ValueError("the compressed bytes are cut short")
    return int.from_bytes(view[4:8], "little")


def announced_by_zstd(view: memoryview, room: float = math.inf) -> tuple[int, int]:
    """Return how many bytes the frames hold at least and at most; no more of them are looked at than fit in the room.

    Frames say their size, or it is in their blocks: those that repeat a byte or are not compressed say how many bytes
    they are, and those that are compressed have a limit.

    Raises
    ------
    ValueError
        If there is something else, or not all of it.
    """
    at, certain, possible = 0, 0, 0
    while at < len(view) and certain <= room:
        magic = int.from_bytes(view[at : at + 4], "little")
        if magic >> 4 == _ZSTD_SKIPPED:
            at = _within(view, at + 8 + int.from_bytes(view[at + 4 : at + 8], "little"))
            continue
        if magic != _ZSTD:
            raise ValueError("the bytes do not begin as those of Zstandard do")
        _within(view, at + 6)
        described = view[at + 4]
        is_single = described >> 5 & 1
        length = (is_single, 2, 4, 8)[described >> 6]
        at += 5 + (not is_single) + (0, 1, 2, 4)[described & 3]
        said = int.from_bytes(view[at : at + length], "little") + (256 if length == 2 else 0)
        at, sure, open_ended = _blocks_of_zstd(view, at + length, room)
        at = _within(view, at + (4 if described >> 2 & 1 else 0))
        certain += said if length else sure
        possible += said if length else sure + open_ended
    return certain, possible


def _blocks_of_zstd(view: memoryview, at: int, room: float) -> tuple[int, int, int]:
    """Return where the blocks of a frame end, what those hold that say so, and what the others hold at most."""
    sure, open_ended, is_last = 0, 0, False
    while not is_last and sure <= room:
        header = int.from_bytes(view[at : at + 3], "little")
        is_last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        at = _within(view, at + 3 + (1 if kind == _REPEATED else length))
        if kind == _COMPRESSED:
            open_ended += _ZSTD_BLOCK
        else:
            sure += length
    return at, sure, open_ended


def _within(view: memoryview, at: int) -> int:
    """Return a position, unless the bytes end before it."""
    if at > len(view):
        raise ValueError("the compressed bytes are cut short")
    return at
