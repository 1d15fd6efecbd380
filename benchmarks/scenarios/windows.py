"""Windows: a thousand samples of all 384 channels, from anywhere in a recording of 499 MB.

What a viewer does that jumps about, and what training a model does. The recording was written with the defaults
of each library; raw zarr reads what this package wrote.

``one window``
    ``data[start : start + 1000]`` in a file that is open: the mean of 50 windows at random places, the same places for
    everybody. Nothing is read before the first of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import files
from benchmarks.data import recording
from benchmarks.floors import array_of, write_with_ours
from benchmarks.measure import Bench, run_stages


@dataclass(frozen=True, kw_only=True)
class Size:
    """How long recording and windows are, and how many windows."""

    samples: int
    window: int
    windows: int


SIZES = {
    "full": Size(samples=650_000, window=1_000, windows=50),
    "quick": Size(samples=60_000, window=1_000, windows=20),
    "tiny": Size(samples=500, window=10, windows=3),
}


def write(bench: Bench) -> None:
    """Make the recording; not measured here."""
    with bench.open_io(bench.path("recording"), mode="w") as io:
        io.write(files.recording_file(recording(bench.size.samples)))


def read(bench: Bench) -> None:
    """Read windows of the time series."""
    with bench.open_io(bench.path("recording"), mode="r") as io:
        _read_windows(bench, io.read().acquisition["recording"].data)


def write_raw(bench: Bench) -> None:
    """Let this package make the recording."""
    write_with_ours(recording(bench.size.samples), bench.folder / "recording.nwb.zarr")


def read_raw(bench: Bench) -> None:
    """Read windows by zarr alone."""
    _read_windows(bench, array_of(bench.folder / "recording.nwb.zarr"))


def save(bench: Bench) -> None:
    """Make the recording as a plain file."""
    np.save(bench.path("recording"), recording(bench.size.samples))


def load(bench: Bench) -> None:
    """Copy windows out of a mapped file."""
    mapped = np.load(bench.path("recording"), mmap_mode="r")
    _read_windows(bench, mapped)


def _read_windows(bench: Bench, data: object) -> None:
    length = bench.size.window
    starts = np.random.default_rng(7).integers(0, bench.size.samples - length, bench.size.windows).tolist()
    with bench.step("one window", of=len(starts)):
        found = [np.array(data[start : start + length]) for start in starts]
    expected = recording(bench.size.samples)
    same = [np.array_equal(seen, expected[start : start + length]) for seen, start in zip(found, starts, strict=True)]
    bench.check("windows as recorded", sum(same), len(starts))


if __name__ == "__main__":
    run_stages(write, read, others={"zarr": (write_raw, read_raw), "numpy": (save, load)}, sizes=SIZES)
