"""A cluster of dask.distributed as an executor of the standard library, with its failures in the library's words."""

from __future__ import annotations

import sys
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from functools import partial
from typing import Any

__all__ = ["ClusterExecutor", "executor_of"]


def executor_of(given: Any) -> Any:
    """Return the executor that a caller means by an executor, or by a client of dask.distributed."""
    distributed: Any = sys.modules.get("distributed")  # who has a client has imported it
    if distributed is None:
        return given
    if isinstance(given, distributed.Client):
        return ClusterExecutor(given.get_executor(), given)
    if isinstance(given, distributed.cfexecutor.ClientExecutor):
        return ClusterExecutor(given, getattr(given, "_client", None))
    return given


class ClusterExecutor(Executor):
    """Hands tasks to a cluster. Its tasks cannot be cancelled: nobody here knows which of them a worker has begun.

    Parameters
    ----------
    inner : distributed.cfexecutor.ClientExecutor
    client : distributed.Client or None
        Tells how many tasks the cluster works on at once.
    """

    def __init__(self, inner: Any, client: Any) -> None:
        self._inner = inner
        self._client = client

    @property
    def max_workers(self) -> int:
        """How many tasks the cluster works on at once, as it is now."""
        return 0 if self._client is None else sum(self._client.nthreads().values())

    def submit(self, task: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Hand in a task."""
        outer: Future[Any] = Future()
        outer.set_running_or_notify_cancel()
        self._inner.submit(task, *arguments, **named).add_done_callback(partial(_hand_over, outer))
        return outer


def _hand_over(outer: Future[Any], inner: Future[Any]) -> None:
    """Give one future what another one got."""
    try:
        outer.set_result(inner.result())
    except CancelledError:
        outer.set_exception(BrokenExecutor("the cluster gave the task up"))
    except Exception as problem:  # noqa: BLE001  # whatever a task raised
        is_lost = isinstance(problem, sys.modules["distributed"].KilledWorker)
        outer.set_exception(BrokenExecutor(str(problem)) if is_lost else problem)
