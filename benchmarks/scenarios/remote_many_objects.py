"""Many objects behind a network: what a backend costs per round trip.

One NWB file of about 2,000 groups and datasets: 560 time series of 10 samples (half of them with a rate, half with
timestamps) and 50 tables of three columns and two rows. A plain HTTP server on this machine, in a process of its own,
answers each request 30 ms late, as one at some distance would. HDF5 files have no part in this.

Stage `write`, in a new process, not timed: the library stores the file on a disk, with consolidated metadata, as is
its default.

Stage `near`, in a new process:

``open+read from disk``
    Constructor in mode ``r`` with the cached namespaces, and ``read``: until the user holds an NWBFile. Data that HDMF
    does not need for constructing it stays unread. Most of it is HDMF's own work, which no backend saves.

Stage `far`, in a new process:

``open+read over HTTP``
    The same with the URL.

The server counts: ``requests``; those ``before the batch``, until it saw two at once for the first time; ``round
trips``, the longest row of requests of which each came after the one before was answered; the most ``at once``; and
how many were ``repeated``. ``round trips above the least`` are those beyond what nobody can go below who asks for the
metadata, then for the other objects, 64 at a time.

What was read is held against what was written, outside of the times.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Bench, run_stages
from benchmarks.server import served

if TYPE_CHECKING:
    from pynwb import NWBFile

SAMPLES = 10
LATENCY = 0.03
AT_ONCE = 64


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many objects of each kind."""

    series: int
    tables: int


SIZES = {
    "full": Size(series=560, tables=50),
    "quick": Size(series=140, tables=12),
    "tiny": Size(series=4, tables=2),
}


def write(bench: Bench) -> None:
    """Store the file."""
    with bench.open_io(bench.path("remote"), mode="w") as io:
        io.write(session(bench.size))
    bench.count_stored(bench.path("remote"))


def near(bench: Bench) -> None:
    """Read the file where it lies."""
    with bench.step("open+read from disk"):
        io = bench.open_io(bench.path("remote"), mode="r")
        nwb = io.read()
    bench.check("time series", len(nwb.acquisition), bench.size.series)
    io.close()


def far(bench: Bench) -> None:
    """Open the file by its URL and read it."""
    with served(Path(bench.folder), LATENCY) as server:
        url = f"{server.url}/{Path(bench.path('remote')).name}"
        with bench.step("open+read over HTTP"):
            io = bench.open_io(url, mode="r")
            nwb = io.read()
        asked = server.traffic()
        for name, number in asked.items():
            bench.count(name, number)
        least = 1 - (1 - asked["requests"]) // AT_ONCE
        bench.count("round trips above the least", asked["round trips"] - least)

        bench.check("time series", len(nwb.acquisition), bench.size.series)
        bench.check("tables", len(nwb.processing["tables"].data_interfaces), bench.size.tables)
        last = nwb.acquisition[f"series{bench.size.series - 1:04d}"]
        bench.check("samples of the last", last.data[:].tolist(), samples(bench.size.series - 1).tolist())
        bench.check("starting time", float(nwb.acquisition["series0002"].starting_time), 2.0)
        bench.check("rows", nwb.processing["tables"]["table0001"]["b"][:].tolist(), [1.0, 2.0])
        io.close()


def session(size: Size) -> NWBFile:
    """Return the file in memory."""
    from hdmf.common import DynamicTable, VectorData
    from pynwb import NWBFile, TimeSeries

    nwb = NWBFile(
        session_description="many objects far away",
        identifier="remote",
        session_start_time=datetime(2024, 2, 29, 12, tzinfo=UTC),
    )
    for number in range(size.series):
        when = (
            {"timestamps": np.arange(SAMPLES) / 30_000 + number}
            if number % 2
            else {"starting_time": float(number), "rate": 30_000.0}
        )
        nwb.add_acquisition(TimeSeries(name=f"series{number:04d}", data=samples(number), unit="V", **when))
    module = nwb.create_processing_module(name="tables", description="of two rows")
    for number in range(size.tables):
        columns = [VectorData(name=name, description="a column", data=[number + 0.0, number + 1.0]) for name in "abc"]
        module.add(DynamicTable(name=f"table{number:04d}", description="a table", columns=columns))
    return nwb


def samples(number: int) -> np.ndarray:
    """Return the values of time series `number`, float32 of shape ``(SAMPLES,)``."""
    return np.arange(SAMPLES, dtype="float32") + np.float32(number)


if __name__ == "__main__":
    run_stages(write, near, far, others={"hdf5": ()}, sizes=SIZES)
