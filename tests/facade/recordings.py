"""Containers that the tests of the facade store: tables of hdmf-common, and recordings of NWB."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from hdmf.common import DynamicTable, VectorData
from pynwb import NWBFile, TimeSeries
from pynwb.base import TimeSeriesReference
from pynwb.file import Subject

__all__ = [
    "consolidated",
    "crawled",
    "left_overs",
    "new_recording",
    "new_series",
    "new_table",
    "reference_to",
    "shape_of",
]

START = datetime(2026, 9, 22, 12, 0, tzinfo=UTC)


def new_table(**columns: Any) -> DynamicTable:
    """Return a table that is the root of a file; by default of four kinds of columns; of three rows."""
    if not columns:
        columns = {
            "number": [1.5, 2.5, 3.5],
            "text": ["a", "b", "c"],
            "flag": [True, False, True],
            "count": np.array([1, 2, 3], "uint8"),
        }
    return DynamicTable(
        name="root",
        description="a table",
        id=[0, 1, 2],
        columns=[VectorData(name=name, description=name, data=data) for name, data in columns.items()],
    )


def new_series(name: str, data: Any, *, unit: str = "V", **fields: Any) -> TimeSeries:
    """Return a series; of one sample a second where nothing else is said."""
    timing = {} if "timestamps" in fields else {"rate": 1.0}
    return TimeSeries(name=name, data=data, unit=unit, **{**timing, **fields})


def new_recording(*, electrodes: int = 4, units: int = 3) -> NWBFile:
    """Return a small recording: series, electrodes, units, trials that refer to a series, a processing module."""
    nwbfile = NWBFile("a session", "session-1", START, lab="a lab", experimenter=["One, A.", "Two, B."])
    nwbfile.subject = Subject(subject_id="mouse", age="P90D", species="Mus musculus", sex="M")
    device = nwbfile.create_device("probe")
    shank = nwbfile.create_electrode_group("shank", "a shank", "CA1", device)
    nwbfile.add_electrode_column("label", "name of the site")
    for number in range(electrodes):
        nwbfile.add_electrode(x=float(number), group=shank, location="CA1", label=f"site {number}")
    nwbfile.add_acquisition(
        new_series("voltage", np.arange(30, dtype="int16").reshape(10, 3), rate=10.0, conversion=0.5)
    )
    nwbfile.add_acquisition(new_series("events", [1.0, 2.0], unit="n.a.", timestamps=[0.25, 0.5]))
    for number in range(units):
        nwbfile.add_unit(spike_times=np.arange(number + 1) / 10, electrodes=[0, number % electrodes])
    nwbfile.add_trial(start_time=0.0, stop_time=1.0, timeseries=[nwbfile.acquisition["voltage"]])
    nwbfile.add_trial(start_time=1.0, stop_time=2.0, timeseries=[nwbfile.acquisition["events"]])
    module = nwbfile.create_processing_module("behavior", "what the animal did")
    module.add(new_series("speed", np.linspace(0, 1, 7, dtype="float32"), unit="m/s"))
    return nwbfile


def reference_to(series: TimeSeries) -> TimeSeriesReference:
    """Return a reference to the first two samples of a series."""
    return TimeSeriesReference(0, 2, series)


def consolidated(folder: Path) -> dict[str, Any]:
    """Return the documents that the root's document holds in line, by path."""
    return json.loads((folder / "zarr.json").read_text())["consolidated_metadata"]["metadata"]


def crawled(folder: Path) -> dict[str, Any]:
    """Return the documents of all nodes below the root as they are stored one by one, by path."""
    found = {path.parent.relative_to(folder).as_posix(): path for path in folder.rglob("zarr.json")}
    return {name: json.loads(path.read_text()) for name, path in found.items() if name != "."}


def shape_of(folder: Path, path: str) -> tuple[int, ...]:
    """Return an array's shape as zarr reads it by itself."""
    return zarr.open_array(folder / path, mode="r").shape


def left_overs(folder: Path, *wanted: str) -> list[str]:
    """Return the names in a folder, hidden ones too, beside those that are wanted."""
    return sorted(path.name for path in folder.iterdir() if path.name not in wanted)
