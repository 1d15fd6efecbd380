"""Iterators that travel to other processes, where some of them have an accident."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from hdmf.data_utils import GenericDataChunkIterator

__all__ = ["ROWS", "Deadly", "Failing", "Heavy", "Rows", "row_numbers"]

ROWS = 600_000
_COLUMNS = 8
_FATAL = 400_000


def row_numbers() -> np.ndarray:
    """Return all values of `Rows`: thirty-eight megabytes."""
    return np.repeat(np.arange(ROWS, dtype="int64")[:, None], _COLUMNS, axis=1)


class Rows(GenericDataChunkIterator):
    """The numbers of the rows."""

    def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
        self.on_its_way(selection[0])
        rows = np.arange(selection[0].start, selection[0].stop, dtype="int64")
        return np.repeat(rows[:, None], selection[1].stop - selection[1].start, axis=1)

    def on_its_way(self, rows: slice) -> None:
        """Do nothing."""

    def _get_maxshape(self) -> tuple[int, ...]:
        return ROWS, _COLUMNS

    def _get_dtype(self) -> np.dtype:
        return np.dtype("int64")

    def _to_dict(self) -> dict[str, Any]:
        return {}

    @classmethod
    def _from_dict(cls, dictionary: dict[str, Any]) -> Rows:
        return cls(**dictionary)


class Failing(Rows):
    """Cannot read one of its rows."""

    def on_its_way(self, rows: slice) -> None:
        """Fail at that row."""
        if rows.start <= _FATAL < rows.stop:
            raise OSError("the disk is gone")


class Deadly(Rows):
    """Kills who asks for one of its rows."""

    def on_its_way(self, rows: slice) -> None:
        """End the process at that row."""
        if rows.start <= _FATAL < rows.stop:
            os._exit(9)


class Heavy(Rows):
    """Carries its values along."""

    def _to_dict(self) -> dict[str, Any]:
        return {"carried": np.zeros(ROWS)}

    def __init__(self, carried: Any = None, **options: Any) -> None:
        super().__init__(**options)
