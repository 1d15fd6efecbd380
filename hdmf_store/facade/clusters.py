"""A cluster of dask.distributed as an executor of the standard library, with its failures in the library's words.

dask has such an executor of its own. Some futures of that never end when a worker dies, so tasks go to the client
itself.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future
from functools import partial
from typing import Any

__all__ = ["ClusterExecutor", "executor_of"]


def executor_of(given: Any) -> Any:
    """Return the executor that a caller means by an executor, or by a client of dask.distributed or its executor."""
    distributed: Any = sys.modules.get("distributed")  # who has a client has imported it
    if distributed is None:
        return given
    if isinstance(given, distributed.Client):
        return ClusterExecutor(given, {})
    if isinstance(given, distributed.cfexecutor.ClientExecutor):
        return ClusterExecutor(given._client, given._kwargs)
    return given


class ClusterExecutor(Executor):
    """Hands tasks to a cluster. They cannot be cancelled: nobody here knows which of them a worker has begun.

    Parameters
    ----------
    client : distributed.Client
    options : dict
        Of the client's ``submit``: which workers, how many attempts.
    """

    def __init__(self, client: Any, options: Mapping[str, Any]) -> None:
        self._client = client
        self._options = {**options, "pure": False}

    @property
    def max_workers(self) -> int:
        """How many tasks the cluster works on at once, as it is now."""
        return sum(self._client.nthreads().values())

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Hand in a task."""
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()
        self._client.submit(task, *arguments, **named, **self._options).add_done_callback(partial(_hand_over, outer))
        return outer


def _hand_over(outer: Future[Any], inner: Any) -> None:
    """Give a future of the standard library what one of the cluster's got."""
    try:
        outer.set_result(inner.result())
    except BaseException as problem:  # noqa: BLE001  # whatever a task raised; the future has to end in any case
        is_lost = isinstance(problem, sys.modules["distributed"].KilledWorker) or inner.status in ("cancelled", "lost")
        outer.set_exception(BrokenExecutor(str(problem)) if is_lost else problem)
