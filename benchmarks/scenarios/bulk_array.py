"""Bulk array: one raw recording of 350,000 samples of 384 channels, int16 (269 MB), in and out.

Every library uses its defaults. Raw zarr writes and reads an array with the chunks and codecs that this package
chose; NumPy writes and reads a plain file: what a machine can do at all.

``write``
    Constructor in mode ``w``, ``write``, ``close``; the array is in memory.
``read``
    ``data[:]`` of the time series in a file that is open, in a new process.
"""

from __future__ import annotations

import numpy as np

from benchmarks import files
from benchmarks.data import recording
from benchmarks.floors import array_like, array_of, write_with_ours
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 350_000, "quick": 30_000, "tiny": 300}


def write(bench: Bench) -> None:
    """Write the recording."""
    nwb, path = files.recording_file(recording(bench.size)), bench.path("recording")
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)


def read(bench: Bench) -> None:
    """Read all of it."""
    with bench.open_io(bench.path("recording"), mode="r") as io:
        data = io.read().acquisition["recording"].data
        with bench.step("read"):
            found = data[:]
    _check(bench, found)


def write_raw(bench: Bench) -> None:
    """Write the array by zarr alone, laid out as this package lays it out."""
    data = recording(bench.size)
    ours = array_of(write_with_ours(data, bench.folder / "ours.nwb.zarr"))
    path = bench.path("recording")
    with bench.step("write"):
        array_like(ours, path)[...] = data
    bench.count_stored(path)


def read_raw(bench: Bench) -> None:
    """Read the array by zarr alone."""
    array = bench.open_io(bench.path("recording"), mode="r")
    with bench.step("read"):
        found = array[...]
    _check(bench, found)


def save(bench: Bench) -> None:
    """Write the array to a plain file."""
    data, path = recording(bench.size), bench.path("recording")
    with bench.step("write"):
        np.save(path, data)
    bench.count_stored(path)


def load(bench: Bench) -> None:
    """Read the plain file."""
    with bench.step("read"):
        found = np.load(bench.path("recording"))
    _check(bench, found)


def _check(bench: Bench, found: np.ndarray) -> None:
    bench.check("what was read", bool(np.array_equal(found, recording(bench.size))), True)


if __name__ == "__main__":
    run_stages(write, read, others={"zarr": (write_raw, read_raw), "numpy": (save, load)}, sizes=SIZES)
