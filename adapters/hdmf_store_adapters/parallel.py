"""Chunks encoded by an executor: threads, processes of this machine, or a cluster's.

A task is a description, not data: which part of which source, and how to encode it. It owns whole chunks, so no two
tasks meet in one. Where the workers see the place that is written to, they store the chunks themselves, and only word
of it comes back. Elsewhere encoded bytes come back, and the writer stores them. Either way the result is the same to
the byte as if it had made them itself.
"""

from __future__ import annotations

import math
import pickle
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import attrs
import numpy as np

from hdmf_store.errors import WorkerLostError
from hdmf_store.nodes import ArraySource, Number, RandomAccess, Region, slabs, tiles
from hdmf_store_adapters.array_record import ArrayRecord, CodesChunks
from hdmf_store_adapters.chunks import cut, is_fill
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.media import Deputy
from hdmf_store_adapters.threads import one_of_many

__all__ = ["Job", "Team", "is_worth_sharing", "packed", "shares_memory"]

_TASK_BYTES = 16 * 2**20
_WAITING = 16
"""Tasks under way while what they encode comes back, which is held here until it is stored."""

_ASKED_AGAIN = 5.0
"""Seconds after which a cluster is asked again how many workers it has; it may have grown."""

_LARGEST_JOB = 2**20
"""Bytes that go along with every task. A source that takes more when it is pickled carries its values with it."""


@attrs.frozen(eq=False)
class Job:
    """One dataset that workers encode.

    Parameters
    ----------
    path : str
    record : ArrayRecord
    source : RandomAccess
        Pickled; a stored array travels as its address.
    coder : CodesChunks
    deputy : Deputy or None
        Stores what is encoded; None where it has to come back.
    """

    path: str
    record: ArrayRecord
    source: RandomAccess
    coder: CodesChunks
    deputy: Deputy | None

    def parts(self) -> Iterator[tuple[Region, int]]:
        """Yield what makes a task, and the bytes of its values: whole chunks, as many as are worth the way."""
        size = item_size(self.record.element)
        step = slabs(self.record.shape, self.record.chunks, size, _TASK_BYTES)
        for region in tiles(self.record.shape, step):
            yield region, math.prod(part.stop - part.start for part in region) * size

    def encoded(self, region: Region) -> Iterator[tuple[str, bytes]]:
        """Yield key and bytes of the chunks of one part."""
        values = self.record.to_stored(np.asarray(self.source.read(region)))
        for index, chunk in cut(self.record, region, values):
            if not is_fill(self.record, chunk):
                yield f"{self.path[1:]}/{self.record.chunk_key(index)}", self.coder.encode(chunk)


def is_worth_sharing(record: ArrayRecord, source: RandomAccess) -> bool:
    """Return whether a dataset's parts can well be encoded elsewhere: numbers in many chunks, not in this memory.

    Values in memory would travel to the worker only to come back encoded; threads encode them here.
    """
    return isinstance(record.element, Number) and math.prod(record.grid) > 1 and not isinstance(source, ArraySource)


def packed(executor: Executor, job: Job) -> tuple[Any, str]:
    """Return a job as an executor's tasks carry it, or None and the reason why they cannot.

    Threads share the job as it is. Elsewhere it travels pickled, which an iterator or store of a user's own may not
    know how to do. Each worker unpacks it once.
    """
    if shares_memory(executor):
        return job, ""
    token = uuid.uuid4().hex  # no worker takes it for a job of the same words that it got before
    try:
        data = pickle.dumps((token, job))
        if b"__main__" in data and find_spec("cloudpickle") is not None:
            import cloudpickle  # what a notebook or script defines, workers of a cluster cannot import

            data = cloudpickle.dumps((token, job))
    except Exception as problem:  # noqa: BLE001  # whatever the class of a user raises
        return None, f"cannot be pickled ({type(problem).__name__}: {problem})"
    if len(data) > _LARGEST_JOB:
        return None, f"takes {len(data)} bytes when it is pickled, which every task would carry"
    return data, ""


@lru_cache(maxsize=4)
def _unpacked(data: bytes) -> Job:
    job: Job = pickle.loads(data)[1]
    return job


def work(job: Job | bytes, region: Region) -> list[tuple[str, bytes]] | None:
    """Encode one part, wherever the executor runs this; return key and bytes of its chunks, or None if they are stored.

    Parameters
    ----------
    job : Job or bytes
        As `packed` returned it.
    region : tuple of slice
    """
    if isinstance(job, bytes):
        job = _unpacked(job)
    with one_of_many():
        if job.deputy is None or not job.deputy.is_there():
            return list(job.encoded(region))
        job.deputy.write_many(job.encoded(region))
    return None


@attrs.define(eq=False)
class Team:
    """Those who work on the datasets of one write, with tasks of several datasets under way at once.

    As a context manager: at the end nobody works any more, whatever happened.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    location : str
        For messages.
    report : callable
        Called with the bytes of values that are done.
    """

    executor: Executor
    location: str
    report: Callable[[int], None]
    _tasks: Iterator[tuple[str, Any, Region, int]] = attrs.field(factory=lambda: iter(()), init=False)
    _waiting: deque[tuple[str, int, Future[Any]]] = attrs.field(factory=deque, init=False)
    _most: int = attrs.field(default=_WAITING, init=False)
    _asks_at: float = attrs.field(default=0.0, init=False)

    def __enter__(self) -> Team:
        return self

    def __exit__(self, *problem: object) -> None:
        wait([pending for _, _, pending in self._waiting if not pending.cancel()])
        self._waiting.clear()

    def begin(self, jobs: Iterable[tuple[Job, Any]]) -> None:
        """Hand out the first tasks of jobs, each with what `packed` made of it."""
        self._tasks = ((job.path, data, *part) for job, data in jobs for part in job.parts())
        self._hand_out()

    def results(self) -> Iterator[tuple[str, bytes]]:
        """Yield key and bytes of every chunk that is left to be stored.

        Raises
        ------
        WorkerLostError
            If a worker died.
        Exception
            Whatever a task raised, as itself.
        """
        while self._waiting:
            path, count, pending = self._waiting.popleft()
            with _telling(self.location, path):
                found = pending.result()
            if found is None and time.monotonic() >= self._asks_at:  # nothing comes back that memory would have to hold
                self._most = max(_WAITING, 2 * _workers(self.executor))
                self._asks_at = time.monotonic() + _ASKED_AGAIN
            self._hand_out()
            yield from found or ()
            self.report(count)

    def _hand_out(self) -> None:
        while len(self._waiting) < self._most:
            task = next(self._tasks, None)
            if task is None:
                return
            path, data, region, count = task
            with _telling(self.location, path):
                self._waiting.append((path, count, self.executor.submit(work, data, region)))


def shares_memory(executor: Executor) -> bool:
    """Return whether an executor's workers are threads of this process."""
    return isinstance(executor, ThreadPoolExecutor)


def _workers(executor: Executor) -> int:
    """Return how many tasks an executor works on at once, as far as it says: each library has a name of its own."""
    found = (getattr(executor, name, None) for name in ("max_workers", "num_workers", "_max_workers"))
    return next((number for number in found if isinstance(number, int)), 0)


@contextmanager
def _telling(location: str, path: str) -> Iterator[None]:
    """Tell of the dataset on which a worker died."""
    try:
        yield
    except (BrokenExecutor, CancelledError) as problem:
        raise WorkerLostError(location, path, f"{type(problem).__name__}: {problem}") from problem
