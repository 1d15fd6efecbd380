"""A recording as an iterator that can be asked for any part of it; processes that share a write import it from here."""

from __future__ import annotations

from typing import Any

import numpy as np
from hdmf.data_utils import GenericDataChunkIterator

from benchmarks.data import CHANNELS, part_of_recording


class Recording(GenericDataChunkIterator):
    """The rows of `benchmarks.data.recording`, made when they are asked for."""

    def __init__(self, samples: int) -> None:
        self._samples = samples
        super().__init__()

    def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
        rows, channels = selection
        return part_of_recording(rows.start, rows.stop)[:, channels]

    def _get_maxshape(self) -> tuple[int, int]:
        return self._samples, CHANNELS

    def _get_dtype(self) -> np.dtype:
        return np.dtype("int16")

    def _to_dict(self) -> dict[str, Any]:
        return {"samples": self._samples}

    @classmethod
    def _from_dict(cls, dictionary: dict[str, Any]) -> Recording:
        return cls(**dictionary)
