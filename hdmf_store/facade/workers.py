"""Who does the work of a write: this process alone, a pool of processes, or a caller's executor."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

import attrs
from threadpoolctl import threadpool_limits

from hdmf_store.errors import ArgumentError
from hdmf_store.facade.clusters import executor_of

__all__ = ["Workers"]

_CONTEXTS = ("fork", "spawn", "forkserver")


@attrs.frozen
class Workers:
    """Who does the work of a write, as a caller asks for it.

    Parameters
    ----------
    number_of_jobs : int
        Processes; 1 is this one.
    max_threads_per_process : int or None
        Threads that numerical libraries may start in each process.
    multiprocessing_context : {"fork", "spawn", "forkserver"} or None
        How processes are started; by default ``"forkserver"`` where there is one, else ``"spawn"``: a fork of a process
        in which zarr has threads can hang.
    executor : concurrent.futures.Executor, distributed.Client or None
        A caller's own, or whatever else has its methods; it is not shut down.

    Raises
    ------
    ArgumentError
        If a number is below 1, the context unknown, or both jobs and an executor are given; before anything is touched.
    """

    number_of_jobs: int
    max_threads_per_process: int | None
    multiprocessing_context: str | None
    executor: Executor | None = attrs.field(converter=executor_of)

    def __attrs_post_init__(self) -> None:
        _check_count("number_of_jobs", self.number_of_jobs)
        if self.max_threads_per_process is not None:
            _check_count("max_threads_per_process", self.max_threads_per_process)
        if self.multiprocessing_context is not None and self.multiprocessing_context not in _CONTEXTS:
            raise ArgumentError(f"multiprocessing_context must be one of {', '.join(_CONTEXTS)}")
        executor = self.executor
        if executor is not None and self.number_of_jobs != 1:
            raise ArgumentError("pass either an executor or number_of_jobs, not both")
        if executor is not None and not isinstance(executor, Executor) and not hasattr(executor, "submit"):
            what = f"{executor!r:.60}"
            raise ArgumentError(
                "executor must be a client of dask.distributed (pip install 'hdmf-store[dask]') or have the methods of "
                f"concurrent.futures.Executor, {what} has not"
            )

    @contextmanager
    def pool(self) -> Iterator[Executor | None]:
        """Give the executor for a write, None where this process does it alone."""
        if self.executor is not None or self.number_of_jobs == 1:
            yield self.executor
            return
        context = multiprocessing.get_context(self.multiprocessing_context or _default_context())
        limit = (self.max_threads_per_process,)
        with ProcessPoolExecutor(self.number_of_jobs, context, initializer=_limit_threads, initargs=limit) as pool:
            try:
                yield pool
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _check_count(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name} must be a whole number of at least 1, not {value!r}")


def _default_context() -> str:
    return "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def _limit_threads(limit: int | None) -> None:
    if limit is not None:
        threadpool_limits(limit)
