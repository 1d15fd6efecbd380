"""Threads that work ahead of who asks for the results, within a bound of memory.

How much is under way is counted in bytes, not in calls, and threads are as many as the process may use at once: so
what is held in memory is the same for small and large chunks, on small and large machines.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

__all__ = ["WorkAhead", "one_of_many", "processors"]

T = TypeVar("T")

_MOST_THREADS = 16
"""More than these are not kept busy by the one thread that reads and stores, and each keeps freed memory to itself."""


_IS_ONE_OF_MANY: ContextVar[bool] = ContextVar("is_one_of_many", default=False)


@contextmanager
def one_of_many() -> Iterator[None]:
    """Have `processors` say one in a ``with`` block: who asks for so many workers wants no more threads than that."""
    before = _IS_ONE_OF_MANY.set(True)
    try:
        yield
    finally:
        _IS_ONE_OF_MANY.reset(before)


def processors() -> int:
    """Return how many processors the caller may use: those of this process, which can be fewer than the machine has."""
    if _IS_ONE_OF_MANY.get():
        return 1
    allowed = getattr(os, "sched_getaffinity", None)
    return len(allowed(0)) if allowed is not None else os.cpu_count() or 1


class WorkAhead(Generic[T]):
    """Calls that threads make, whose results come in the order in which the calls were asked for.

    A context: at its end, calls that have not begun are dropped, and those that have are waited for.

    Parameters
    ----------
    room : int
        Bytes that all calls together may hold, from when they are asked for until their results are taken. A call
        that needs more goes alone.
    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._held = 0
        self._waiting: deque[tuple[int, Future[T]]] = deque()
        self._pool = ThreadPoolExecutor(min(processors(), _MOST_THREADS))

    def __enter__(self) -> WorkAhead[T]:
        return self

    def __exit__(self, *problem: object) -> None:
        for _, pending in self._waiting:
            pending.cancel()
        self._pool.shutdown()

    def room_for(self, size: int) -> Iterator[T]:
        """Yield the results that have to be taken before so many bytes more can be held.

        Raises
        ------
        Exception
            Whatever a call raised, as itself.
        """
        while self._waiting and self._held + size > self._room:
            yield self._first()

    def ask(self, size: int, function: Callable[..., T], *args: Any) -> None:
        """Have a call made that holds so many bytes."""
        self._held += size
        self._waiting.append((size, self._pool.submit(function, *args)))

    def ready(self) -> Iterator[T]:
        """Yield the results for which nobody has to wait."""
        while self._waiting and self._waiting[0][1].done():
            yield self._first()

    def rest(self) -> Iterator[T]:
        """Yield all results that are left."""
        while self._waiting:
            yield self._first()

    def _first(self) -> T:
        size, pending = self._waiting.popleft()
        self._held -= size
        return pending.result()
