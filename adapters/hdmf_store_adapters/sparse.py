"""Arrays of which little is stored: which of their chunks to look at where there are too many to try each.

An array may say that it has any shape, since what was never stored costs nothing. So whoever goes through all values
of a large one asks first what is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hdmf_store.nodes import Region

__all__ = ["MANY_CHUNKS", "are_few", "chunks_touched", "region_of"]

MANY_CHUNKS = 2**16
"""From here on, a list of what is stored is asked for: it costs less than to ask for that many chunks."""


def are_few(stored: int, of: int) -> bool:
    """Return whether so few chunks are stored that the others are not worth asking for."""
    return stored * 2 < of


def region_of(corner: Iterable[int], chunks: tuple[int, ...], shape: tuple[int, ...]) -> Region:
    """Return the part of an array that the chunk at a corner holds.

    >>> region_of((4, 0), (4, 2), (6, 2))
    (slice(4, 6, None), slice(0, 2, None))
    """
    return tuple(
        slice(start, min(start + side, length)) for start, side, length in zip(corner, chunks, shape, strict=True)
    )


def chunks_touched(regions: Iterable[Region], chunks: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[Region]:
    """Yield the parts of an array that those of its chunks hold which regions touch, each once, in order.

    >>> [part for (part,) in chunks_touched([(slice(3, 5),), (slice(5, 6),)], (4,), (7,))]
    [slice(0, 4, None), slice(4, 7, None)]
    """
    found: set[tuple[int, ...]] = set()
    for region in regions:
        found |= _corners(region, chunks)
    for corner in sorted(found):
        yield region_of(corner, chunks, shape)


def _corners(region: Region, chunks: tuple[int, ...]) -> set[tuple[int, ...]]:
    found: set[tuple[int, ...]] = {()}
    for part, side in zip(region, chunks, strict=True):
        along = range(part.start // side * side, part.stop, side)
        found = {(*corner, start) for corner in found for start in along}
    return found
