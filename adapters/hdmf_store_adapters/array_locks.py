"""The locks that a change of one array takes, where writers share a synchronizer; without one, nothing happens here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager

from hdmf_store_adapters.array_holder import ArrayHolder
from hdmf_store_adapters.synchronizers import all_of
from hdmf_store_adapters.touched_chunks import STRIPES, Touches

__all__ = ["ArrayLocks"]


class ArrayLocks:
    """The locks of one array: that of its document, and those of its chunks, always taken in this order.

    Parameters
    ----------
    holder : ArrayHolder
    path : str
        Of the array.
    """

    def __init__(self, holder: ArrayHolder, path: str) -> None:
        self._holder = holder
        self._path = path

    @contextmanager
    def document(self) -> Iterator[None]:
        """Be the only one who changes the array's document, as it is stored now."""
        with all_of(self._holder.synchronizer, [self._holder.document_key(self._path)]):
            if self._holder.synchronizer is not None:
                self._holder.reread(self._path)
            yield

    @contextmanager
    def chunks(self, touches: Touches) -> Iterator[None]:
        """Be the only one who changes the chunks that are touched.

        Which ones those are, and which are complete, depends on the shape: who appends waits for the last chunks, so
        the shape that is read once their locks are held is the one that stays.
        """
        holder, path = self._holder, self._path
        if holder.synchronizer is None:
            yield
            return
        holder.reread(path)
        while True:
            shape = holder.record(path).shape
            with self.chunks_within(touches, shape):
                holder.reread(path)
                if holder.record(path).shape == shape:
                    yield
                    return

    def chunks_within(self, touches: Touches, shape: tuple[int, ...]) -> AbstractContextManager[None]:
        """Be the only one who changes the chunks that are touched in an array of some shape."""
        if self._holder.synchronizer is None:
            return all_of(None, ())
        return self._held(touches(shape, self._holder.record(self._path).chunks))

    def all_chunks(self) -> AbstractContextManager[None]:
        """Be the only one who changes any chunk."""
        return self._held(range(STRIPES))

    def _held(self, locks: Iterable[int]) -> AbstractContextManager[None]:
        return all_of(self._holder.synchronizer, [f"{self._path[1:]}/chunks/{lock:03d}" for lock in locks])
