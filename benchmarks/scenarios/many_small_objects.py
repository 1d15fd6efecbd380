"""Many small objects: what a backend costs per object when there is hardly any data.

One NWB file of about 1,430 groups and datasets: 300 time series (half of them with a rate, half with
timestamps, 100 samples each), 384 electrodes in four groups, 300 units with ragged spike times, and 500
grayscale images of 8 x 8 pixels with a list of references that orders them. Bytes hardly matter here; the
number of objects does.

Stage `write`, in a new process, the objects in memory made beforehand:

``build``
    ``BuildManager.build`` of the file and nothing else: HDMF's own share of every write, and therefore
    its floor, whatever the backend. It runs first and pays for what HDMF sets up on first use.
``write``
    Constructor in mode ``w``, ``write`` with cached specifications as is the default, ``close``; of a
    second, equal file in memory, so nothing that ``build`` made is used again.

Stage `read`, in a new process:

``open+read``
    Constructor in mode ``r`` with the cached namespaces, and ``read``: until the user holds an NWBFile.
    Data that HDMF does not need for constructing it stays unread.
``tables``
    ``units.to_dataframe()`` and ``electrodes.to_dataframe()``: 300 ragged rows, 384 rows with
    references to electrode groups.

Stage `append`, in a new process:

``append one``
    Open in mode ``r+``, ``read``, add one time series, ``write``, ``close``.

What was read is held against what was written, outside of the times.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import files
from benchmarks.data import samples_of, spike_times
from benchmarks.measure import Bench, run_stages

if TYPE_CHECKING:
    from pynwb import NWBFile

#: About how many spikes a unit has.
SPIKES = 27


@dataclass(frozen=True, kw_only=True)
class Size:
    """How many of what the file holds."""

    series: int
    electrodes: int
    units: int
    images: int


SIZES = {
    "full": Size(series=300, electrodes=384, units=300, images=500),
    "quick": Size(series=40, electrodes=96, units=60, images=40),
    "tiny": Size(series=4, electrodes=8, units=6, images=5),
}


def write(bench: Bench) -> None:
    """Build the file, then write another one like it."""
    from pynwb import get_manager

    manager, nwb = get_manager(), wide_file(bench.size)
    with bench.step("build"):
        builder = manager.build(nwb, source="in memory", root=True)
    bench.check("built acquisitions", len(builder.groups["acquisition"].groups), bench.size.series)
    del builder, manager

    nwb, path = wide_file(bench.size), bench.path("wide")
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)


def read(bench: Bench) -> None:
    """Open the file that was written and turn its tables into data frames."""
    size = bench.size
    with bench.step("open+read"):
        io = bench.open_io(bench.path("wide"), mode="r")
        nwb = io.read()
    with bench.step("tables"):
        units = nwb.units.to_dataframe()
        electrodes = nwb.electrodes.to_dataframe()

    images = nwb.stimulus_template["images"]
    last, expected = size.series - 1, spike_times(size.units, SPIKES)
    last_series = nwb.acquisition[files.series_name(last)]
    bench.check("time series", len(nwb.acquisition), size.series)
    bench.check("last series", last_series.data[:].tolist(), samples_of(last, files.SAMPLES).tolist())
    bench.check("rows of units", len(units), size.units)
    bench.check("last unit", np.asarray(units["spike_times"].iloc[-1]).tolist(), expected[-1].tolist())
    bench.check("rows of electrodes", len(electrodes), size.electrodes)
    bench.check("last group", electrodes["group"].iloc[-1].name, f"shank{files.SHANKS - 1}")
    bench.check("images", len(images.images), size.images)
    bench.check("first image in order", images.order_of_images[0].name, files.image_name(size.images - 1))
    io.close()


def append(bench: Bench) -> None:
    """Add one time series to the file."""
    count, path = bench.size.series, bench.path("wide")

    with bench.step("append one"), bench.open_io(path, mode="r+") as io:
        nwb = io.read()
        nwb.add_acquisition(files.time_series(count))
        io.write(nwb)

    with bench.open_io(path, mode="r") as io:
        acquisition = io.read().acquisition
        found = acquisition[files.series_name(count)].data[:].tolist()
        bench.check("time series after appending", len(acquisition), count + 1)
        bench.check("appended series", found, samples_of(count, files.SAMPLES).tolist())


def wide_file(size: Size) -> NWBFile:
    """Return a new file in memory; each call makes an equal one."""
    nwb = files.series_file(size.series)
    files.add_electrodes(nwb, size.electrodes)
    files.add_units(nwb, spike_times(size.units, SPIKES))
    files.add_images(nwb, size.images)
    return nwb


if __name__ == "__main__":
    run_stages(write, read, append, sizes=SIZES)
