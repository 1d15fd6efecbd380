"""Growth: whether an object costs the same in a large file as in a small one.

Files of 250 to 16,000 objects, twice as many each time; an object is a group or a dataset, and each time series of
100 samples is three of them. A small file is written and read first, so that what a process sets up on first use
is in no number.

``write N``, ``open N``
    Seconds for the whole file of N objects; microseconds for each object are among the other numbers.
``exponent of writing``, ``exponent of opening``
    The slope of the seconds over the number of objects, both in logarithms, fitted to the files of a thousand objects
    and more: 1 where twice the objects take twice the time. The files below are left out because what every file
    costs, however small, would hide growth.
"""

from __future__ import annotations

import numpy as np

from benchmarks import files
from benchmarks.measure import Bench, run_stages

OBJECTS_OF_A_SERIES = 3
FIRST_FITTED = 1_000
SIZES = {
    "full": (250, 500, 1_000, 2_000, 4_000, 8_000, 16_000),
    "quick": (60, 125, 250, 500),
    "tiny": (12, 24),
}


def write(bench: Bench) -> None:
    """Write a file of each size."""
    _write(bench, 30)
    for objects in bench.size:
        nwb = files.series_file(objects // OBJECTS_OF_A_SERIES)
        with bench.step(f"write {objects}"), bench.open_io(bench.path(f"{objects}"), mode="w") as io:
            io.write(nwb)
        _count_each(bench, "write", objects)
    _count_exponent(bench, "exponent of writing", "write")


def read(bench: Bench) -> None:
    """Open the files of each size."""
    with bench.open_io(bench.path("30"), mode="r") as io:
        io.read()
    for objects in bench.size:
        with bench.step(f"open {objects}"):
            io = bench.open_io(bench.path(f"{objects}"), mode="r")
            nwb = io.read()
        bench.check("time series", len(nwb.acquisition), objects // OBJECTS_OF_A_SERIES)
        io.close()
        _count_each(bench, "open", objects)
    _count_exponent(bench, "exponent of opening", "open")


def _write(bench: Bench, objects: int) -> None:
    with bench.open_io(bench.path(f"{objects}"), mode="w") as io:
        io.write(files.series_file(objects // OBJECTS_OF_A_SERIES))


def _count_each(bench: Bench, verb: str, objects: int) -> None:
    bench.count(f"{verb} each of {objects} [µs]", bench.seconds[f"{verb} {objects}"] / objects * 1e6)


def _count_exponent(bench: Bench, name: str, verb: str) -> None:
    large = [objects for objects in bench.size if objects >= FIRST_FITTED]
    fitted = large if len(large) > 1 else bench.size
    seconds = [bench.seconds[f"{verb} {objects}"] for objects in fitted]
    bench.count(name, float(np.polyfit(np.log(fitted), np.log(seconds), 1)[0]))


if __name__ == "__main__":
    run_stages(write, read, sizes=SIZES)
