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

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.measure import Bench, run_stages

if TYPE_CHECKING:
    from pynwb import NWBFile, TimeSeries

SERIES = 300
SAMPLES = 100
ELECTRODES = 384
SHANKS = 4
UNITS = 300
IMAGES = 500
PIXELS = 8


def write(bench: Bench) -> None:
    """Build the file, then write another one like it."""
    from pynwb import get_manager

    manager, nwb = get_manager(), wide_file()
    with bench.step("build"):
        builder = manager.build(nwb, source="in memory", root=True)
    bench.check("built acquisitions", len(builder.groups["acquisition"].groups), SERIES)
    del builder, manager

    nwb, path = wide_file(), bench.path("wide")
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)


def read(bench: Bench) -> None:
    """Open the file that was written and turn its tables into data frames."""
    with bench.step("open+read"):
        io = bench.open_io(bench.path("wide"), mode="r")
        nwb = io.read()
    with bench.step("tables"):
        units = nwb.units.to_dataframe()
        electrodes = nwb.electrodes.to_dataframe()

    images = nwb.stimulus_template["images"]
    last_series = nwb.acquisition[_series_name(SERIES - 1)]
    expected = spike_times()
    bench.check("time series", len(nwb.acquisition), SERIES)
    bench.check("last series", last_series.data[:].tolist(), samples(SERIES - 1).tolist())
    bench.check("rows of units", len(units), UNITS)
    bench.check("last unit", np.asarray(units["spike_times"].iloc[-1]).tolist(), expected[-1].tolist())
    bench.check("rows of electrodes", len(electrodes), ELECTRODES)
    bench.check("last group", electrodes["group"].iloc[-1].name, f"shank{SHANKS - 1}")
    bench.check("images", len(images.images), IMAGES)
    bench.check("first image in order", images.order_of_images[0].name, _image_name(IMAGES - 1))
    io.close()


def append(bench: Bench) -> None:
    """Add one time series to the file."""
    name, path = _series_name(SERIES), bench.path("wide")

    with bench.step("append one"), bench.open_io(path, mode="r+") as io:
        nwb = io.read()
        nwb.add_acquisition(time_series(SERIES))
        io.write(nwb)

    with bench.open_io(path, mode="r") as io:
        acquisition = io.read().acquisition
        bench.check("time series after appending", len(acquisition), SERIES + 1)
        bench.check("appended series", acquisition[name].data[:].tolist(), samples(SERIES).tolist())


def wide_file() -> NWBFile:
    """Return a new file in memory; each call makes an equal one."""
    from pynwb import NWBFile
    from pynwb.base import ImageReferences, Images
    from pynwb.image import GrayscaleImage

    nwb = NWBFile(
        session_description="many small objects",
        identifier="wide",
        session_start_time=datetime(2024, 2, 29, 12, tzinfo=UTC),
    )
    for number in range(SERIES):
        nwb.add_acquisition(time_series(number))

    probe = nwb.create_device(name="probe")
    shanks = [
        nwb.create_electrode_group(name=f"shank{n}", description="a shank", location="V1", device=probe)
        for n in range(SHANKS)
    ]
    for number in range(ELECTRODES):
        shank = number * SHANKS // ELECTRODES
        nwb.add_electrode(x=0.0, y=20.0 * number, z=float(shank), location="V1", filtering="none", group=shanks[shank])

    nwb.add_unit_column(name="quality", description="how well the unit is isolated")
    for number, times in enumerate(spike_times()):
        nwb.add_unit(spike_times=times, quality="good" if number % 3 else "mua")

    pixels = np.arange(PIXELS * PIXELS, dtype="uint8").reshape(PIXELS, PIXELS)
    images = [
        GrayscaleImage(name=_image_name(number), data=pixels + np.uint8(number % 100), description="a tile")
        for number in range(IMAGES)
    ]
    order = ImageReferences(name="order_of_images", data=images[::-1])
    nwb.add_stimulus_template(Images(name="images", images=images, description="tiles", order_of_images=order))
    return nwb


def time_series(number: int) -> TimeSeries:
    """Return one time series of `SAMPLES` samples: even ones have a rate, odd ones timestamps."""
    from pynwb import TimeSeries

    when = (
        {"timestamps": np.arange(SAMPLES) / 30_000 + number}
        if number % 2
        else {"starting_time": float(number), "rate": 30_000.0}
    )
    return TimeSeries(name=_series_name(number), data=samples(number), unit="V", **when)


def samples(number: int) -> np.ndarray:
    """Return the values of time series `number`, float32 of shape ``(SAMPLES,)``."""
    return np.random.default_rng(number).standard_normal(SAMPLES, dtype="float32")


def spike_times() -> list[np.ndarray]:
    """Return the spike times of each unit in seconds: 5 to 49 each, ascending."""
    rng = np.random.default_rng(0)
    return [np.sort(rng.uniform(0, 600, rng.integers(5, 50))) for _ in range(UNITS)]


def _series_name(number: int) -> str:
    return f"series{number:04d}"


def _image_name(number: int) -> str:
    return f"image{number:04d}"


if __name__ == "__main__":
    run_stages(write, read, append)
