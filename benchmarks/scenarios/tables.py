"""Tables: what it takes to see units and electrodes as data frames.

A file with 384 electrodes in four groups and 300 units of about 27 spikes. Each step is the first of its kind
in a new process, so values that were left in the file when it was opened are read within it.

``electrodes``
    ``electrodes.to_dataframe()``: a column of references to electrode groups among columns of numbers and text.
``units``
    ``units.to_dataframe()``: a ragged column among them.
``again``
    Both once more, with everything set up that the first time sets up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchmarks import files
from benchmarks.data import spike_times
from benchmarks.measure import Bench, run_stages

SPIKES = 27


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many rows the tables have."""

    electrodes: int
    units: int


SIZES = {
    "full": Size(electrodes=384, units=300),
    "quick": Size(electrodes=96, units=60),
    "tiny": Size(electrodes=8, units=5),
}


def write(bench: Bench) -> None:
    """Make the file; not measured here."""
    nwb = files.units_file(bench.size.units, SPIKES)
    files.add_electrodes(nwb, bench.size.electrodes)
    with bench.open_io(bench.path("tables"), mode="w") as io:
        io.write(nwb)


def read(bench: Bench) -> None:
    """Turn each table into a data frame."""
    with bench.open_io(bench.path("tables"), mode="r") as io:
        nwb = io.read()
        with bench.step("electrodes"):
            electrodes = nwb.electrodes.to_dataframe()
        with bench.step("units"):
            units = nwb.units.to_dataframe()
        with bench.step("again"):
            nwb.electrodes.to_dataframe()
            nwb.units.to_dataframe()
        expected = spike_times(bench.size.units, SPIKES)[-1]
        bench.check("rows of electrodes", len(electrodes), bench.size.electrodes)
        bench.check("last group", electrodes["group"].iloc[-1].name, f"shank{files.SHANKS - 1}")
        bench.check("last unit", np.asarray(units["spike_times"].iloc[-1]).tolist(), expected.tolist())


if __name__ == "__main__":
    run_stages(write, read, sizes=SIZES)
