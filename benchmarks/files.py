"""The NWB files that scenarios write, built in memory from made-up data; each call makes an equal one.

Runs inside a subject's environment. Imports pynwb when it is asked for a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.data import CHANNELS, RATE, recorded_piece, samples_of, spike_times

if TYPE_CHECKING:
    from pynwb import NWBFile, TimeSeries

SAMPLES = 100
SHANKS = 4
PIXELS = 8
#: Rows in a piece of a streamed recording: 12 MiB of 384 channels.
PIECE = 16_384


def empty_file(name: str) -> NWBFile:
    """Return a file with nothing in it but what NWB requires."""
    from pynwb import NWBFile

    return NWBFile(session_description=name, identifier=name, session_start_time=datetime(2024, 2, 29, 12, tzinfo=UTC))


def recording_file(data: Any) -> NWBFile:
    """Return a file with one time series ``recording`` that holds `data`."""
    from pynwb import TimeSeries

    nwb = empty_file("recording")
    nwb.add_acquisition(TimeSeries(name="recording", data=data, unit="V", conversion=1.95e-7, rate=float(RATE)))
    return nwb


def pieces(samples: int) -> Iterator[np.ndarray]:
    """Yield a long recording piece by piece, each a new copy: `samples` rows in all."""
    for number, start in enumerate(range(0, samples, PIECE)):
        yield recorded_piece(number, min(PIECE, samples - start))


def streamed(samples: int) -> Any:
    """Return `pieces` as the iterator of chunks that every backend accepts."""
    from hdmf.data_utils import AbstractDataChunkIterator, DataChunk

    class Pieces(AbstractDataChunkIterator):
        """Pieces in their order, with what backends ask of an iterator."""

        dtype = np.dtype("int16")
        maxshape = (samples, CHANNELS)

        def __init__(self) -> None:
            self._pieces = enumerate(pieces(samples))

        def __iter__(self) -> Pieces:
            return self

        def __next__(self) -> DataChunk:
            number, data = next(self._pieces)
            start = number * PIECE
            return DataChunk(data=data, selection=np.s_[start : start + len(data), 0:CHANNELS])

        def recommended_chunk_shape(self) -> None:
            return None

        def recommended_data_shape(self) -> tuple[int, int]:
            return self.maxshape

    return Pieces()


def series_file(count: int) -> NWBFile:
    """Return a file with `count` time series of `SAMPLES` samples."""
    nwb = empty_file("series")
    for number in range(count):
        nwb.add_acquisition(time_series(number))
    return nwb


def time_series(number: int) -> TimeSeries:
    """Return one time series of `SAMPLES` samples: even ones have a rate, odd ones timestamps."""
    from pynwb import TimeSeries

    when = (
        {"timestamps": np.arange(SAMPLES) / RATE + number}
        if number % 2
        else {"starting_time": float(number), "rate": float(RATE)}
    )
    return TimeSeries(name=series_name(number), data=samples_of(number, SAMPLES), unit="V", **when)


def add_electrodes(nwb: NWBFile, count: int) -> None:
    """Add a probe with `SHANKS` electrode groups and `count` electrodes."""
    probe = nwb.create_device(name="probe")
    shanks = [
        nwb.create_electrode_group(name=f"shank{n}", description="a shank", location="V1", device=probe)
        for n in range(SHANKS)
    ]
    for number in range(count):
        shank = number * SHANKS // count
        nwb.add_electrode(x=0.0, y=20.0 * number, z=float(shank), location="V1", filtering="none", group=shanks[shank])


def add_units(nwb: NWBFile, times: Iterable[np.ndarray]) -> None:
    """Add a unit for each array of spike times, every third of doubtful quality."""
    nwb.add_unit_column(name="quality", description="how well the unit is isolated")
    for number, spikes in enumerate(times):
        nwb.add_unit(spike_times=spikes, quality="good" if number % 3 else "mua")


def units_file(units: int, spikes: int) -> NWBFile:
    """Return a file with ragged spike times, about `spikes` for each of `units`, and nothing else."""
    nwb = empty_file("units")
    add_units(nwb, spike_times(units, spikes))
    return nwb


def add_images(nwb: NWBFile, count: int) -> None:
    """Add `count` small images, and a list of references that orders them from the last to the first."""
    from pynwb.base import ImageReferences, Images
    from pynwb.image import GrayscaleImage

    pixels = np.arange(PIXELS * PIXELS, dtype="uint8").reshape(PIXELS, PIXELS)
    images = [
        GrayscaleImage(name=image_name(number), data=pixels + np.uint8(number % 100), description="a tile")
        for number in range(count)
    ]
    order = ImageReferences(name="order_of_images", data=images[::-1])
    nwb.add_stimulus_template(Images(name="images", images=images, description="tiles", order_of_images=order))


def series_name(number: int) -> str:
    """Return the name of time series `number`."""
    return f"series{number:05d}"


def image_name(number: int) -> str:
    """Return the name of image `number`."""
    return f"image{number:05d}"
