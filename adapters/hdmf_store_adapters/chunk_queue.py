"""Chunks of streams on their way to a medium: threads encode them while the stream is asked for its next piece."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.threads import WorkAhead

__all__ = ["ChunkQueue"]


class ChunkQueue:
    """Stores chunks in the order in which they came.

    A context: what was not stored when it ends is dropped, as after an error.

    Parameters
    ----------
    medium : Medium
    room : int
        Bytes of chunks that are encoded meanwhile, and bytes that are encoded and not yet stored.
    """

    def __init__(self, medium: Medium, room: int) -> None:
        self._medium = medium
        self._room = room
        self._ahead = WorkAhead[tuple[str, bytes]](room)
        self._encoded: list[tuple[str, bytes]] = []
        self._size = 0
        self._on_their_way: set[str] = set()

    def __enter__(self) -> ChunkQueue:
        return self

    def __exit__(self, *problem: object) -> None:
        self._ahead.__exit__(*problem)

    def put(self, key: str, chunk: np.ndarray, encode: Callable[[np.ndarray], bytes]) -> None:
        """Have a chunk encoded and stored. Nobody may change it any more.

        One that comes again waits until the former is stored: a medium may store what it gets together in any order.
        """
        if key in self._on_their_way:
            self.store_all()
        self._on_their_way.add(key)
        self._take(self._ahead.room_for(chunk.nbytes))
        self._ahead.ask(chunk.nbytes, lambda: (key, encode(chunk)))
        self._take(self._ahead.ready())

    def store_encoded(self) -> None:
        """Store what is encoded, without waiting for the rest."""
        self._take(self._ahead.ready())
        self._store()

    def store_all(self) -> None:
        """Store all chunks that came so far."""
        self._take(self._ahead.rest())
        self._store()

    def _take(self, results: Iterable[tuple[str, bytes]]) -> None:
        for key, data in results:
            self._encoded.append((key, data))
            self._size += len(data)
            if self._size >= self._room:
                self._store()

    def _store(self) -> None:
        if self._encoded:
            self._medium.write_many(self._encoded)
        self._on_their_way.difference_update(key for key, _ in self._encoded)
        self._encoded, self._size = [], 0
