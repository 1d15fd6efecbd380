"""Decoded chunks that were asked for last: who reads a table row by row asks for the same chunk again and again."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Any

import attrs
import numpy as np

__all__ = ["KeptStretch", "RecentChunks"]


class RecentChunks:
    """The chunks that were decoded last, up to a number of bytes; safe to be used by several threads.

    Parameters
    ----------
    budget : int, default 32 MiB
        Bytes; of text, also its characters.
    """

    def __init__(self, budget: int = 32 * 2**20) -> None:
        self._budget = budget
        self._chunks: OrderedDict[Hashable, tuple[np.ndarray, int]] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def get(self, key: Hashable) -> np.ndarray | None:
        """Return the chunk under a key, which nobody may change, or None if it is not here."""
        with self._lock:
            found = self._chunks.get(key)
            if found is None:
                return None
            self._chunks.move_to_end(key)
            return found[0]

    def find(self, key: Hashable, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the chunk under a key, which nobody may change; it is decoded if it is not here."""
        found = self.get(key)
        return self.put(key, decode()) if found is None else found

    def put(self, key: Hashable, chunk: np.ndarray) -> np.ndarray:
        """Keep a chunk, if there is room for it; return it, and nobody may change it from now on."""
        chunk.flags.writeable = False
        size = _size_of(chunk)
        with self._lock:
            if key not in self._chunks and size is not None and size <= self._budget:
                self._chunks[key] = (chunk, size)
                self._size += size
                while self._size > self._budget:
                    self._size -= self._chunks.popitem(last=False)[1][1]
        return chunk

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._chunks.clear()
            self._size = 0


@attrs.frozen(eq=False)
class KeptStretch:
    """The stretch of an axis that a chunk covers, for who asks for one element after the other.

    The chunk itself is kept by `RecentChunks` alone, so that memory stays within its budget.

    Parameters
    ----------
    chunk : weakref.ref
        To values in normal form.
    first : int
        The position of the chunk's first element.
    length : int
        How many of its elements lie in the array.
    """

    _chunk: weakref.ref[np.ndarray]
    _first: int
    _length: int

    def at(self, selection: Any) -> Any:
        """Return an element, or a copy of elements; None for all that this chunk cannot tell."""
        chunk = self._chunk()
        if chunk is None:
            return None
        if type(selection) is int or isinstance(selection, np.integer):
            position = int(selection) - self._first
            return chunk[position] if 0 <= position < self._length else None
        if not isinstance(selection, slice) or selection.step is not None:
            return None
        if not (_is_index(selection.start) and _is_index(selection.stop)):
            return None
        start, stop = int(selection.start) - self._first, int(selection.stop) - self._first
        return chunk[start:stop].copy() if 0 <= start < stop <= self._length else None


def _is_index(value: Any) -> bool:
    return type(value) is int or isinstance(value, np.integer)


def _size_of(chunk: np.ndarray) -> int | None:
    """Return the bytes that a chunk takes; None where its elements do not tell theirs, so that it is not kept."""
    if chunk.dtype != object:
        return chunk.nbytes
    try:
        return chunk.nbytes + sum(map(len, chunk.flat))
    except TypeError:
        return None
