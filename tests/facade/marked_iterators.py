"""An iterator whose values say how the process was started that made them, and how many threads it may have."""

from __future__ import annotations

import multiprocessing
import os
from typing import Any

import numpy as np
from hdmf.data_utils import GenericDataChunkIterator
from threadpoolctl import threadpool_info

__all__ = ["FORKSERVER", "HERE", "SPAWN", "Marked", "threads"]

HERE, SPAWN, FORKSERVER = 0, 100, 200
ROWS = 3_000_000


class Marked(GenericDataChunkIterator):
    """Twenty-four megabytes: the kind of start and the number of threads, added."""

    def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
        return np.full(selection[0].stop - selection[0].start, _started() + threads(), "int64")

    def _get_maxshape(self) -> tuple[int, ...]:
        return (ROWS,)

    def _get_dtype(self) -> np.dtype:
        return np.dtype("int64")

    def _to_dict(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def _from_dict(dictionary: dict[str, Any]) -> Marked:
        return Marked(**dictionary)


def threads() -> int:
    """Return how many threads the numerical libraries of this process may start."""
    return max(library["num_threads"] for library in threadpool_info())


def _started() -> int:
    """Return `HERE` in the main process, else how this one came to be: a server may stand between it and that."""
    above = multiprocessing.parent_process()
    if above is None:
        return HERE
    return SPAWN if os.getppid() == above.pid else FORKSERVER
