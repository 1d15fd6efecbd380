"""Streamed: a recording of 1 GB that is never in memory as a whole, from an iterator of pieces.

Pieces are 16,384 samples of 384 channels (12.6 MB), each made by copying it out of a smaller recording; the
iterator recommends no chunks. NumPy appends the pieces to a plain file: what making them and moving their bytes
takes at least.

``write``
    Constructor in mode ``w``, ``write`` with one worker, ``close``. The memory it adds is among the numbers.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks import files
from benchmarks.data import CHANNELS
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 1_302_000, "quick": 65_536, "tiny": 40_000}


def write(bench: Bench) -> None:
    """Write what the iterator yields, then look at the last piece of it."""
    _warm_up()
    nwb, path = files.recording_file(files.streamed(bench.size)), bench.path("streamed")
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)
    with bench.open_io(path, mode="r") as io:
        data = io.read().acquisition["recording"].data
        _check(bench, data.shape, data[-10:])


def copy(bench: Bench) -> None:
    """Append every piece to a plain file."""
    _warm_up()
    path = Path(bench.path("streamed"))
    with bench.step("write"), path.open("wb") as file:
        for piece in files.pieces(bench.size):
            file.write(piece.data)
    bench.count_stored(str(path))
    found = np.memmap(path, dtype="int16", mode="r").reshape(-1, CHANNELS)
    _check(bench, found.shape, found[-10:])


def _warm_up() -> None:
    """Make what all pieces are copied from."""
    next(files.pieces(1))


def _check(bench: Bench, shape: tuple[int, ...], last: np.ndarray) -> None:
    *_, expected = files.pieces(bench.size)
    bench.check("shape", tuple(shape), (bench.size, CHANNELS))
    bench.check("last samples", np.asarray(last).tolist(), expected[-10:].tolist())


if __name__ == "__main__":
    run_stages(write, others={"numpy": (copy,)}, sizes=SIZES)
