"""Chunks encoded by an executor: processes of this machine, or a cluster's.

A task is a description, not data: which part of which source, and how to encode it. It owns whole chunks, so no two
tasks meet in one. What comes back are encoded bytes, which the writer stores in the order in which it would have made
them itself, so the result is the same to the byte.
"""

from __future__ import annotations

import math
import pickle
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor

import numpy as np

from hdmf_store.nodes import ArraySource, Number, RandomAccess, Region, slabs, tiles
from hdmf_store_adapters.array_record import ArrayRecord, CodesChunks
from hdmf_store_adapters.chunks import cut, is_fill
from hdmf_store_adapters.layout_choice import item_size

__all__ = ["encoded_by", "is_worth_sharing", "obstacle"]

_TASK_BYTES = 16 * 2**20
_WAITING = 16


def is_worth_sharing(record: ArrayRecord, source: RandomAccess) -> bool:
    """Return whether a dataset's parts can well be encoded elsewhere: numbers in many chunks, not in this memory.

    Values in memory would travel to the worker only to come back encoded; threads encode them here.
    """
    return isinstance(record.element, Number) and math.prod(record.grid) > 1 and not isinstance(source, ArraySource)


def obstacle(executor: Executor, source: RandomAccess) -> str | None:
    """Return why a source cannot be handed to an executor's workers, or None if it can.

    Threads share the source as it is. Elsewhere it travels pickled, which an iterator or store of a user's own may not
    know how to do.
    """
    if isinstance(executor, ThreadPoolExecutor):
        return None
    try:
        pickle.dumps(source)
    except Exception as problem:  # noqa: BLE001  # whatever the class of a user raises
        return f"{type(problem).__name__}: {problem}"
    return None


def encoded_by(
    executor: Executor, record: ArrayRecord, source: RandomAccess, coder: CodesChunks, report: Callable[[int], None]
) -> Iterator[tuple[str, bytes]]:
    """Yield key and bytes of every chunk that has to be stored, encoded by an executor.

    Parameters
    ----------
    executor : concurrent.futures.Executor
    record : ArrayRecord
    source : RandomAccess
        Pickled into each task; a stored array travels as its address.
    coder : CodesChunks
    report : callable
        Called with the bytes of values that are done.

    Raises
    ------
    Exception
        Whatever a task raised, as itself; the tasks that have not started are cancelled.
    """
    size = item_size(record.element)
    step = slabs(record.shape, record.chunks, size, _TASK_BYTES)
    waiting: deque[tuple[int, Future[list[tuple[str, bytes]]]]] = deque()
    try:
        for region in tiles(record.shape, step):
            count = math.prod(part.stop - part.start for part in region) * size
            waiting.append((count, executor.submit(encode_part, record, source, coder, region)))
            while len(waiting) > _WAITING:
                yield from _first(waiting, report)
        while waiting:
            yield from _first(waiting, report)
    finally:
        for _, pending in waiting:
            pending.cancel()


def _first(
    waiting: deque[tuple[int, Future[list[tuple[str, bytes]]]]], report: Callable[[int], None]
) -> Iterator[tuple[str, bytes]]:
    count, pending = waiting.popleft()
    yield from pending.result()
    report(count)


def encode_part(
    record: ArrayRecord, source: RandomAccess, coder: CodesChunks, region: Region
) -> list[tuple[str, bytes]]:
    """Return key and bytes of the chunks of one part; runs wherever the executor runs it."""
    values = record.to_stored(np.asarray(source.read(region)))
    return [
        (record.chunk_key(index), coder.encode(chunk))
        for index, chunk in cut(record, region, values)
        if not is_fill(record, chunk)
    ]
