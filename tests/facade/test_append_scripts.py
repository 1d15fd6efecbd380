"""A recording that is opened again to be added to holds in the end what one holds that was written at once."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock
from uuid import UUID

import numpy as np
import pytest
from hdmf.common import AlignedDynamicTable, DynamicTable, VectorData
from pynwb import NWBHDF5IO, NWBFile

from hdmf_store import NWBZarrIO, ZarrDataIO
from tests.facade.recordings import new_series
from tests.interop import manifest
from tests.interop.content import recording

pytestmark = pytest.mark.once

DIMENSION_NAMES = frozenset({"_ARRAY_DIMENSIONS"})
Script = Callable[[NWBFile], None]
LONG = "a text that is much longer than any other in its column, ünïcode too " * 3


def _with_more_tables(wrapped: Callable[[Any], Any]) -> NWBFile:
    """Return a recording with a table of tables, choices among a few words, and columns that a user wrapped."""
    file = recording(scalar_records=False)
    parts = {
        name: DynamicTable(
            name=name,
            description="a part",
            columns=[VectorData(name="value", description="numbers", data=[1.0, 2.0])],
        )
        for name in ("left", "right")
    }
    aligned = AlignedDynamicTable(
        name="aligned",
        description="rows in two parts",
        columns=[VectorData(name="word", description="text", data=["a", "b"])],
        category_tables=list(parts.values()),
    )
    choices = DynamicTable(name="choices", description="one of a few words each", id=[0, 1])
    choices.add_column("choice", "which", data=[0, 1], enum=["no", "yes"])
    layouts = DynamicTable(
        name="layouts",
        description="columns with layouts of their own",
        columns=[
            VectorData(name="numbers", description="n", data=wrapped(np.arange(6, dtype="int16"))),
            VectorData(name="pairs", description="p", data=wrapped(np.arange(12.0).reshape(6, 2))),
            VectorData(name="words", description="w", data=wrapped(["a", "b", "c", "d", "e", "f"])),
            VectorData(name="flags", description="f", data=wrapped([True, False] * 3)),
        ],
    )
    for table in (aligned, choices, layouts):
        file.processing["tables"].add(table)
    return file


def _columns(file: NWBFile) -> None:
    """Add a row to every table, of values as plain as a script has them."""
    tables = file.processing["tables"]
    shank = file.electrode_groups["shank1"]
    for number in range(2):
        file.add_electrode(
            x=9.5, y=0.5, z=np.nan, location=LONG, filtering="", group=shank, label=LONG, good=bool(number)
        )
    file.add_trial(
        start_time=9.0,
        stop_time=9.5,
        timeseries=[file.acquisition["limits"], file.acquisition["raw"]],
        tags=["late", LONG],
        choice="",
        weights=[1, 2],
        notes=["b", "", LONG],
    )
    file.add_invalid_time_interval(start_time=9.0, stop_time=9.1, tags=[], timeseries=[file.acquisition["truth"]])
    file.add_unit(
        spike_times=[1.0, 2.0, 3.0],
        obs_intervals=[[0.0, 1.0], [2.0, 3.0]],
        electrodes=[6, 7],
        electrode_group=shank,
        waveform_mean=np.ones((4, 2)),
        waveforms=[[np.ones(4), np.zeros(4)], [np.full(4, 2.0), np.full(4, 3.0)]],
        quality=LONG,
    )
    file.processing["ophys"]["segmentation"]["rois"].add_roi(pixel_mask=[(1, 2, 0.5), (3, 4, 1.0)])
    tables["a table"].add_row(
        text=LONG,
        truth=False,
        pairs=np.array([7, 8], "int32"),
        words=["e", LONG],
        small=np.int8(-4),
        kept=file.processing["tables"],
        id=50,
    )
    tables["rows of it"].add_row(doubly=[[1.0], [], [2.0, 3.0]], rows=3)
    tables["aligned"].add_row(word=LONG, left={"value": 3.0}, right={"value": -3.0})
    tables["choices"].add_row(choice="yes")
    for number in range(5):
        tables["layouts"].add_row(numbers=np.int16(-number), pairs=[number, 0.5], words=LONG[:number], flags=True)


def _objects(file: NWBFile) -> None:
    """Add objects of their own, which share data with what is there."""
    raw = file.acquisition["raw"]
    file.add_acquisition(new_series("late", np.arange(6).reshape(3, 2)))
    file.add_acquisition(new_series("late with the clock of another", np.arange(30.0), timestamps=raw))
    file.create_processing_module("more", "made later").add(new_series("deep", ["x", "", "ü"]))
    table = DynamicTable(name="late", description="a new table", id=[0, 1])
    file.processing["more"].add(table)
    table.add_column("series", "refers to what was there, and to what is new", data=[raw, file.acquisition["late"]])
    file.trials.add_column(
        "site", "a column more", data=[number % 4 for number in range(len(file.trials))], table=file.electrodes
    )


def _attributes(file: NWBFile) -> None:
    """Change what is stored in attributes."""
    for series in (file.acquisition["limits"], file.acquisition["raw"]):
        series.fields["comments"] = "changed"
        series.set_modified()
    file.trials.fields["description"] = "changed too"
    file.trials.set_modified()


def _names(scripts: list[Script]) -> str:
    return " then ".join(script.__name__.strip("_") for script in scripts)


def _by_rows(data: Any, rows: int) -> tuple[int, ...]:
    """Return the shape of some rows of an array or list."""
    return (rows, *np.shape(data)[1:])


def _made_at_once(path: Path, scripts: list[Script]) -> manifest.Objects:
    """Return what an HDF5 file holds of a recording to which everything was added before it was written."""
    file = _with_ids(0, lambda: _with_more_tables(lambda data: data))
    for number, script in enumerate(scripts, 1):
        _with_ids(number, lambda script=script: script(file))
    with NWBHDF5IO(path, "w") as io:
        io.write(file)
    return manifest.hdf5_objects(path)


def _grown(path: Path, scripts: list[Script], wrapped: Callable[[Any], Any], **options: Any) -> None:
    """Store a recording, and open it again for each script."""
    with NWBZarrIO(path, "w", **options) as io:
        io.write(_with_ids(0, lambda: _with_more_tables(wrapped)))
    for number, script in enumerate(scripts, 1):
        with NWBZarrIO(path, "r+" if number % 2 else "a") as io:
            file = io.read()
            _with_ids(number, lambda file=file, script=script: script(file))
            io.write(file)


def _with_ids(stage: int, make: Callable[[], Any]) -> Any:
    """Call a function while new containers get the object ids from a number on, not random ones."""
    numbers = itertools.count(1 + stage * 10**6)
    with mock.patch("hdmf.container.uuid4", side_effect=lambda: UUID(int=next(numbers))):
        return make()


@pytest.mark.parametrize(
    ("zarr_format", "wrapped"),
    [
        pytest.param(2, lambda data: data, id="format 2"),
        pytest.param(3, lambda data: data, id="format 3"),
        pytest.param(2, lambda data: ZarrDataIO(data, chunks=_by_rows(data, 2), compressor="gzip"), id="small chunks"),
        pytest.param(3, lambda data: ZarrDataIO(data, chunks=_by_rows(data, 2), shards=_by_rows(data, 4)), id="shards"),
    ],
)
@pytest.mark.parametrize("scripts", [[_columns], [_objects, _attributes], [_columns, _columns, _objects]], ids=_names)
def test_a_recording_that_grew_is_the_one_that_is_written_at_once(
    scripts: list[Script], zarr_format: int, wrapped: Callable[[Any], Any], tmp_path: Path
) -> None:
    """Tables take rows of every kind of column; objects that refer to stored ones, and changed attributes, are stored.

    What every reader finds is in an HDF5 file to which the same was added before it was written (NEEDS 15, 16, 17).
    """
    expected = _made_at_once(tmp_path / "file.nwb", scripts)

    _grown(tmp_path / "file.zarr", scripts, wrapped, zarr_format=zarr_format)

    for mode in ("r", "r-"):
        with NWBZarrIO(tmp_path / "file.zarr", mode) as io:
            manifest.must_agree(expected, manifest.objects_of(io.read_builder()), may_add=DIMENSION_NAMES)
            io.read()
