"""Append one: a time series joins a file that has a thousand.

``append``
    Open in mode ``r+``, ``read``, add one time series of 100 samples, ``write``, ``close``, in a new process.
"""

from __future__ import annotations

from benchmarks import files
from benchmarks.data import samples_of
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 1_000, "quick": 50, "tiny": 4}


def write(bench: Bench) -> None:
    """Make the file; not measured here."""
    with bench.open_io(bench.path("series"), mode="w") as io:
        io.write(files.series_file(bench.size))


def append(bench: Bench) -> None:
    """Add one time series, then look for it."""
    path, name = bench.path("series"), files.series_name(bench.size)
    with bench.step("append"), bench.open_io(path, mode="r+") as io:
        nwb = io.read()
        nwb.add_acquisition(files.time_series(bench.size))
        io.write(nwb)

    with bench.open_io(path, mode="r") as io:
        acquisition = io.read().acquisition
        bench.check("time series", len(acquisition), bench.size + 1)
        bench.check("appended", acquisition[name].data[:].tolist(), samples_of(bench.size, files.SAMPLES).tolist())


if __name__ == "__main__":
    run_stages(write, append, sizes=SIZES)
