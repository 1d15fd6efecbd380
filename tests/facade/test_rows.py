"""Rows of a stored table, which are added whole or not at all, however long its columns are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.common import AlignedDynamicTable, DynamicTable, VectorData, get_manager
from pynwb import NWBFile

from hdmf_store import NWBZarrIO, ZarrIO
from hdmf_store.errors import ArgumentError, UnsupportedValueError
from tests.facade.recordings import new_recording, new_series, new_table

in_both_formats = pytest.mark.parametrize("zarr_format", [2, 3])
READERS = ["r", "r-"]


@pytest.fixture
def recording(tmp_path: Path, zarr_format: int) -> Path:
    """A recording with four electrodes, three units and two trials."""
    with NWBZarrIO(tmp_path / "recording.nwb.zarr", "w", zarr_format=zarr_format) as io:
        io.write(new_recording())
    return tmp_path / "recording.nwb.zarr"


def stored(path: Path, table: Any, zarr_format: int) -> Path:
    """Store a table as the root of a file."""
    with ZarrIO(path, "w", manager=get_manager(), zarr_format=zarr_format) as io:
        io.write(table)
    return path


def lengths(table: DynamicTable) -> set[int]:
    """Return how many rows the columns of a table have; one number, if all is well."""
    return {len(table.id), *(len(table[name]) for name in table.colnames)}


# ----------------------------------------------------------------------------------------------- rows that are refused


def _of_a_group_that_is_new(file: NWBFile) -> None:
    group = file.create_electrode_group("new", "a new shank", "CA3", file.devices["probe"])
    file.add_electrode(x=9.0, group=group, location="CA3", label="a")


def _of_a_number_for_text(file: NWBFile) -> None:
    file.add_electrode(x=9.0, group=file.electrode_groups["shank"], location="CA3", label=7)


@in_both_formats
@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize(
    ("change", "error", "reason"),
    [
        (_of_a_group_that_is_new, ArgumentError, r"'new' is not stored yet.*[Ww]rite"),
        (_of_a_number_for_text, UnsupportedValueError, r"electrodes/label: values of type int"),
    ],
)
def test_a_row_that_is_refused_leaves_the_table_as_it_was(
    recording: Path, change: Callable[[NWBFile], None], error: Any, reason: str, reader: str
) -> None:
    """What the columns before the one that refused had stored of it is taken back, and the table takes the next row."""
    with NWBZarrIO(recording, "r+") as io:
        file = io.read()
        with pytest.raises(error, match=reason):
            change(file)
        assert lengths(file.electrodes) == {4}
        file.add_electrode(x=5.0, group=file.electrode_groups["shank"], location="CA3", label="next")

    with NWBZarrIO(recording, reader) as io:
        found = io.read().electrodes
        assert lengths(found) == {5}
        assert found["x"].data[:].tolist() == [0.0, 1.0, 2.0, 3.0, 5.0]
        assert list(found["label"].data[:]) == ["site 0", "site 1", "site 2", "site 3", "next"]
        assert found.id.data[:].tolist() == [0, 1, 2, 3, 4]


@in_both_formats
def test_a_refused_row_leaves_ragged_columns_as_they_were(tmp_path: Path, zarr_format: int) -> None:
    """Elements that were stored already are taken back with their index, also where only a part of a cell was refused.

    The second column is doubly ragged: its first vector is stored when the second one is refused.
    """
    made = DynamicTable(name="root", description="ragged")
    made.add_column("words", "ragged", index=True)
    made.add_column("trains", "doubly ragged", index=2)
    for number in range(3):
        made.add_row(words=["a"] * number, trains=[[float(number)], [1.0, 2.0]])
    path = stored(tmp_path / "t.zarr", made, zarr_format)

    with ZarrIO(path, "r+", manager=get_manager()) as io:
        with pytest.raises(UnsupportedValueError, match=r"/trains: .*is no number"):
            io.read().add_row(words=["b", "c"], trains=[[3.0], ["no number"]])
        assert lengths(io.read()) == {3}
        io.read().add_row(words=["d"], trains=[[4.0], [], [5.0, 6.0]])

    with ZarrIO(path, "r", manager=get_manager()) as io:
        found = io.read()
        assert lengths(found) == {4}
        assert [list(found["words"][row]) for row in range(4)] == [[], ["a"], ["a", "a"], ["d"]]
        assert [[list(part) for part in found["trains"][row]] for row in (0, 3)] == [
            [[0.0], [1.0, 2.0]],
            [[4.0], [], [5.0, 6.0]],
        ]
        assert len(found["trains"].target.target) == 3 * 3 + 3
        assert len(found["words"].target) == 0 + 1 + 2 + 1


@in_both_formats
def test_a_refused_row_leaves_all_parts_of_an_aligned_table_as_they_were(tmp_path: Path, zarr_format: int) -> None:
    """Its categories are tables of their own, which get their rows one after the other."""
    parts = [
        DynamicTable(name=name, description="part", columns=[VectorData(name="n", description="n", data=[1.0, 2.0])])
        for name in ("left", "right")
    ]
    words = VectorData(name="word", description="text", data=["a", "b"])
    aligned = AlignedDynamicTable(name="root", description="aligned", columns=[words], category_tables=parts)
    path = stored(tmp_path / "t.zarr", aligned, zarr_format)

    with ZarrIO(path, "r+", manager=get_manager()) as io:
        with pytest.raises(UnsupportedValueError, match="/right/n"):
            io.read().add_row(word="c", left={"n": 3.0}, right={"n": "no number"})
        io.read().add_row(word="d", left={"n": 4.0}, right={"n": -4.0})

    with ZarrIO(path, "r", manager=get_manager()) as io:
        found = io.read()
        assert list(found["word"].data[:]) == ["a", "b", "d"]
        left, right = (found.get_category(name) for name in ("left", "right"))
        assert left["n"].data[:].tolist() == [1.0, 2.0, 4.0]
        assert right["n"].data[:].tolist() == [1.0, 2.0, -4.0]
        assert lengths(left) == lengths(right) == {3}


@in_both_formats
def test_the_first_row_may_be_refused(tmp_path: Path, zarr_format: int) -> None:
    """A table without rows is one again."""
    made = DynamicTable(
        name="root", description="empty", columns=[VectorData(name="n", description="n", data=np.empty(0))]
    )
    path = stored(tmp_path / "t.zarr", made, zarr_format)

    with ZarrIO(path, "r+", manager=get_manager()) as io, pytest.raises(UnsupportedValueError, match="/n"):
        io.read().add_row(n="no number")

    with ZarrIO(path, "r", manager=get_manager()) as io:
        assert lengths(io.read()) == {0}


def test_a_refused_append_to_one_column_leaves_the_others(tmp_path: Path) -> None:
    """Who appends to single columns, more than a row at a time, loses nothing of it."""
    path = stored(tmp_path / "t.zarr", new_table(), 3)

    with ZarrIO(path, "r+") as io:
        columns = io.read_builder()
        columns["number"].data.append([4.0, 5.0, 6.0])
        with pytest.raises(UnsupportedValueError, match="/count"):
            columns["count"].data.append([4, 5, 600])
        assert columns["number"].data[:].tolist() == [1.5, 2.5, 3.5, 4.0, 5.0, 6.0]
        assert columns["count"].data[:].tolist() == [1, 2, 3]


@in_both_formats
def test_a_row_may_refer_to_what_was_written_a_moment_ago(recording: Path) -> None:
    """Once it is stored, a new object can be referred to in the same session, by references and by records."""
    with NWBZarrIO(recording, "r+") as io:
        file = io.read()
        group = file.create_electrode_group("new", "a new shank", "CA3", file.devices["probe"])
        file.add_acquisition(new_series("late", [1.0, 2.0]))
        io.write(file)
        file.add_electrode(x=9.0, group=group, location="CA3", label="a")
        file.add_trial(start_time=2.0, stop_time=3.0, timeseries=[file.acquisition["late"]])
        io.write(file)

    with NWBZarrIO(recording, "r") as io:
        found = io.read()
        assert found.electrodes["group"][4] is found.electrode_groups["new"]
        assert found.trials["timeseries"][2][0].timeseries is found.acquisition["late"]


@in_both_formats
@pytest.mark.parametrize("mode", ["w", "r+"])
def test_rows_that_are_added_after_a_write_come_with_the_next(tmp_path: Path, mode: str, zarr_format: int) -> None:
    """Columns that were written from memory a moment ago grow there; what they have more is stored, as of any other."""
    path = tmp_path / "t.nwb.zarr"
    made = new_recording()
    if mode == "r+":
        with NWBZarrIO(path, "w", zarr_format=zarr_format) as io:
            io.write(made)

    with NWBZarrIO(path, mode, **({"zarr_format": zarr_format} if mode == "w" else {})) as io:
        file = made if mode == "w" else io.read()
        file.trials.add_column("new", "numbers", data=np.array([1, 2], "int16"))
        file.trials.add_column("words", "ragged", data=["a", "b", "c"], index=[1, 3])
        io.write(file)
        for number in range(2):
            series = [file.acquisition["events"]]
            file.add_trial(start_time=5.0, stop_time=6.0, timeseries=series, new=np.int16(number), words=["d"] * 200)
        io.write(file)

    with NWBZarrIO(path, "r") as io:
        found = io.read().trials
        assert lengths(found) == {4}
        assert found["new"].data[:].tolist() == [1, 2, 0, 1]
        assert [len(found["words"][row]) for row in range(4)] == [1, 2, 200, 200]
        assert [row[0].timeseries.name for row in found["timeseries"][:]] == ["voltage", "events", "events", "events"]


# ------------------------------------------------------------------------------------------------------- long columns


@in_both_formats
@pytest.mark.parametrize("reader", READERS)
def test_a_ragged_column_may_get_longer_than_its_index_counted(recording: Path, reader: str) -> None:
    """An index of one byte, as HDMF stores short ones, gets wider with the spikes that are added (NEEDS 16)."""
    for session in range(3):
        with NWBZarrIO(recording, "r+") as io:
            file = io.read()
            for _ in range(2):
                file.add_unit(spike_times=np.arange(150.0) + session, electrodes=[1, 2])
            io.write(file)

    with NWBZarrIO(recording, reader) as io:
        units = io.read().units
        assert units["spike_times"].data[:].tolist() == [1, 3, 6, 156, 306, 456, 606, 756, 906]
        assert [len(units["spike_times"][row]) for row in range(9)] == [1, 2, 3] + [150] * 6
        assert units["spike_times"][8].tolist() == (np.arange(150.0) + 2).tolist()
        assert units["spike_times"].data.dtype == np.uint16


@in_both_formats
def test_a_doubly_ragged_column_may_get_long(tmp_path: Path, zarr_format: int) -> None:
    """Both of its indices get wider."""
    made = DynamicTable(name="root", description="ragged")
    made.add_column("trains", "doubly ragged", index=2)
    made.add_row(trains=[[0.0]])
    path = stored(tmp_path / "t.zarr", made, zarr_format)

    with ZarrIO(path, "r+", manager=get_manager()) as io:
        io.read().add_row(trains=[[float(number)] for number in range(300)])

    with ZarrIO(path, "r", manager=get_manager()) as io:
        found = io.read()["trains"]
        assert [len(found[row]) for row in range(2)] == [1, 300]
        assert [part[0] for part in found[1]] == list(range(300))


@in_both_formats
def test_an_index_that_is_wide_already_takes_rows(tmp_path: Path, zarr_format: int) -> None:
    """What HDMF assumes of a stored index, that it counts to 255, does not hold here."""
    made = DynamicTable(name="root", description="ragged")
    made.add_column("words", "ragged", index=True)
    made.add_row(words=["a"] * 300)
    path = stored(tmp_path / "t.zarr", made, zarr_format)

    with ZarrIO(path, "r+", manager=get_manager()) as io:
        io.read().add_row(words=["b", "c"])

    with ZarrIO(path, "r", manager=get_manager()) as io:
        found = io.read()["words"]
        assert [len(found[row]) for row in range(2)] == [300, 2]
        assert list(found[1]) == ["b", "c"]


@in_both_formats
def test_elements_of_a_ragged_column_can_be_replaced(recording: Path) -> None:
    """In a file that is open for changes, as in any other column."""
    with NWBZarrIO(recording, "r+") as io:
        io.read().units["spike_times"].target.data[1:3] = [8.0, 9.0]

    with NWBZarrIO(recording, "r") as io:
        assert io.read().units["spike_times"].target.data[:].tolist() == [0.0, 8.0, 9.0, 0.0, 0.1, 0.2]
