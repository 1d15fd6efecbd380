"""From the key of a chunk back to its array and index, for media that hold chunks by number or cut them themselves.

Knows documents of Zarr format 2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs

from hdmf_store_adapters.array_record import is_shape

__all__ = ["ChunkGrid", "chunk_of", "grid_of"]


@attrs.frozen
class ChunkGrid:
    """How an array is cut into chunks, and how their keys are written.

    Parameters
    ----------
    shape, chunks : tuple of int
        Of the array and of one chunk.
    separator : {".", "/"}
        Between the indices in a key.
    """

    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    separator: str

    @property
    def counts(self) -> tuple[int, ...]:
        """How many chunks there are along each axis; a scalar is one chunk of one axis."""
        return tuple(-(-length // chunk) for length, chunk in zip(self.shape, self.chunks, strict=True)) or (1,)

    def index(self, name: str) -> tuple[int, ...] | None:
        """Return the index that a key says after the array's path; None if it is not that of a chunk."""
        parts = name.split(self.separator)
        if not all(part.isascii() and part.isdecimal() for part in parts) or len(parts) != len(self.counts):
            return None
        index = tuple(map(int, parts))
        return index if all(at < count for at, count in zip(index, self.counts, strict=True)) else None

    def number(self, index: tuple[int, ...]) -> int:
        """Return how many chunks come before a chunk, the last axis counted fastest."""
        steps = (math.prod(self.counts[axis + 1 :]) for axis in range(len(index)))
        return sum(at * step for at, step in zip(index, steps, strict=True))


def grid_of(document: Any) -> ChunkGrid | None:
    """Return how the array of a document is cut into chunks; None if the document is not understood."""
    if not isinstance(document, Mapping):
        return None
    shape: Any = document.get("shape")
    chunks: Any = document.get("chunks")
    separator = document.get("dimension_separator") or "."
    if not is_shape(shape) or not is_shape(chunks) or len(shape) != len(chunks) or 0 in chunks:
        return None
    return ChunkGrid(tuple(shape), tuple(chunks), separator) if separator in (".", "/") else None


def chunk_of(key: str, grids: Mapping[str, ChunkGrid]) -> tuple[str, tuple[int, ...]] | None:
    """Return the path of an array without a leading slash, and the index of its chunk under a key; None if none is.

    >>> chunk_of("a/b/0/3", {"a/b": ChunkGrid((2, 9), (2, 2), "/")})
    ('a/b', (0, 3))
    """
    path = key
    while path:
        path = path.rpartition("/")[0]
        if path in grids:
            index = grids[path].index(key[len(path) + 1 :] if path else key)
            return None if index is None else (path, index)
    return None
