"""Ragged units: 1,000 units of about 2,000 spikes each, in one ragged column (16 MB).

The table is filled by ``add_unit``, as users do, which keeps spike times in a list: HDMF looks at each of its two
million elements when it builds what is to be written, whatever the backend.

``build``
    ``BuildManager.build`` of the file and nothing else: HDMF's share of every write.
``write``
    Constructor in mode ``w``, ``write``, ``close``.
``open+read``
    Constructor in mode ``r`` and ``read``, in a new process.
``one unit``
    ``units["spike_times"][i]``: the mean of 50 units all over the table.
``to DataFrame``
    ``units.to_dataframe()``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import files
from benchmarks.data import spike_times
from benchmarks.measure import Bench, run_stages


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many units, spikes in each, and how many units are asked for one by one."""

    units: int
    spikes: int
    asked: int


SIZES = {
    "full": Size(units=1_000, spikes=2_000, asked=50),
    "quick": Size(units=200, spikes=500, asked=20),
    "tiny": Size(units=6, spikes=20, asked=2),
}


def write(bench: Bench) -> None:
    """Build the table, then write another one like it."""
    from pynwb import get_manager

    nwb = files.units_file(bench.size.units, bench.size.spikes)
    with bench.step("build"):
        get_manager().build(nwb, source="in memory", root=True)
    nwb, path = files.units_file(bench.size.units, bench.size.spikes), bench.path("units")
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)


def read(bench: Bench) -> None:
    """Open the file, ask for some units, then for all of them."""
    size = bench.size
    asked = np.random.default_rng(3).integers(0, size.units, size.asked).tolist()
    with bench.step("open+read"):
        io = bench.open_io(bench.path("units"), mode="r")
        units = io.read().units
    with bench.step("one unit", of=len(asked)):
        found = [units["spike_times"][row] for row in asked]
    with bench.step("to DataFrame"):
        frame = units.to_dataframe()
    expected = spike_times(size.units, size.spikes)
    same = [np.array_equal(seen, expected[row]) for seen, row in zip(found, asked, strict=True)]
    bench.check("units asked for", sum(same), len(asked))
    bench.check("rows", len(frame), size.units)
    bench.check("last row", np.asarray(frame["spike_times"].iloc[-1]).tolist(), expected[-1].tolist())
    io.close()


if __name__ == "__main__":
    run_stages(write, read, sizes=SIZES)
