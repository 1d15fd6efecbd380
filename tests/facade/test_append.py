"""Files that grow: what is added in r+ and a is there for every reader afterwards.

Holds what users asked for (NEEDS 65).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.common import DynamicTable, VectorData, get_manager
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBFile

from hdmf_store import NWBZarrIO, ZarrIO
from tests.facade.recordings import (
    consolidated,
    crawled,
    left_overs,
    new_recording,
    new_series,
    new_table,
    reference_to,
    shape_of,
)

READERS = ["r", "r-"]
Reads = Callable[[str], NWBFile]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A file with one table of three rows."""
    with ZarrIO(tmp_path / "table.zarr", "w", manager=get_manager()) as io:
        io.write(new_table())
    return tmp_path / "table.zarr"


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A recording with four electrodes, three units and two trials."""
    with NWBZarrIO(tmp_path / "recording.nwb.zarr", "w") as io:
        io.write(new_recording())
    return tmp_path / "recording.nwb.zarr"


@pytest.fixture
def read(recording: Path) -> Iterator[Reads]:
    """Read the recording in a mode."""
    opened: list[NWBZarrIO] = []

    def reads(mode: str) -> NWBFile:
        opened.append(NWBZarrIO(recording, mode))
        return opened[-1].read()

    yield reads
    for io in opened:
        io.close()


def _append(path: Path, change: Callable[[Any], None], mode: str = "r+", io_class: Any = NWBZarrIO) -> None:
    manager = {} if io_class is NWBZarrIO else {"manager": get_manager()}
    with io_class(path, mode, **manager) as io:
        container = io.read()
        change(container)
        io.write(container)


# --------------------------------------------------------------------------------------------------------------- tables


@pytest.mark.parametrize("mode", ["r+", "a"])
@pytest.mark.parametrize("reader", READERS)
def test_a_row_that_is_added_is_there_for_every_reader(table: Path, mode: str, reader: str) -> None:
    """Numbers, text, booleans and small integers all grow by the row (NEEDS 15, 16)."""
    _append(table, lambda found: found.add_row(number=4.5, text="a longer text", flag=False, count=200), mode, ZarrIO)

    with ZarrIO(table, reader, manager=get_manager()) as io:
        found = io.read()
        assert len(found) == 4
        assert found["number"].data[:].tolist() == [1.5, 2.5, 3.5, 4.5]
        assert list(found["text"].data[:]) == ["a", "b", "c", "a longer text"]
        assert found["flag"].data[:].tolist() == [True, False, True, False]
        assert found["count"].data[:].tolist() == [1, 2, 3, 200]
        assert found["count"].data.dtype == np.uint8
        assert found.id.data[:].tolist() == [0, 1, 2, 3]


def test_many_rows_may_be_added(table: Path) -> None:
    """Row after row, over several sessions."""

    def change(found: DynamicTable) -> None:
        for number in range(5):
            found.add_row(number=0.5, text="x", flag=True, count=number)

    for _ in range(3):
        _append(table, change, io_class=ZarrIO)

    with ZarrIO(table, "r", manager=get_manager()) as io:
        found = io.read()
        assert len(found) == 18
        assert found["count"].data[:].tolist() == [1, 2, 3, *[0, 1, 2, 3, 4] * 3]


@pytest.mark.parametrize("reader", READERS)
def test_a_column_that_is_added_is_there_for_every_reader(table: Path, reader: str) -> None:
    """A new column joins the others, in the table's list of columns as well."""

    def change(found: DynamicTable) -> None:
        found.add_column("more", "numbers", data=[7, 8, 9])
        found.add_column("words", "texts", data=["x", "", "z"])

    _append(table, change, io_class=ZarrIO)

    with ZarrIO(table, reader, manager=get_manager()) as io:
        found = io.read()
        assert found.colnames == ("number", "text", "flag", "count", "more", "words")
        assert found["more"].data[:].tolist() == [7, 8, 9]
        assert list(found["words"].data[:]) == ["x", "", "z"]
        assert found["number"].data[:].tolist() == [1.5, 2.5, 3.5]


def test_a_ragged_column_grows_with_its_index(tmp_path: Path) -> None:
    """Rows of different length are added as such."""
    made = DynamicTable(name="root", description="ragged")
    made.add_column("spikes", "times", index=True)
    made.add_row(spikes=[1.0, 2.0])
    made.add_row(spikes=[])
    with ZarrIO(tmp_path / "ragged.zarr", "w", manager=get_manager()) as io:
        io.write(made)

    _append(tmp_path / "ragged.zarr", lambda found: found.add_row(spikes=[3.0, 4.0, 5.0]), io_class=ZarrIO)

    with ZarrIO(tmp_path / "ragged.zarr", "r", manager=get_manager()) as io:
        found = io.read()
        assert [list(found["spikes"][row]) for row in range(3)] == [[1.0, 2.0], [], [3.0, 4.0, 5.0]]


def test_a_column_of_several_axes_grows(tmp_path: Path) -> None:
    """Each row may be a vector."""
    with ZarrIO(tmp_path / "t.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(position=np.arange(6.0).reshape(3, 2)))

    _append(tmp_path / "t.zarr", lambda found: found.add_row(position=[9.0, 8.0]), io_class=ZarrIO)

    with ZarrIO(tmp_path / "t.zarr", "r", manager=get_manager()) as io:
        assert io.read()["position"].data[:].tolist() == [[0, 1], [2, 3], [4, 5], [9, 8]]


# ------------------------------------------------------------------------------------------------------------ documents


@pytest.mark.parametrize("mode", ["r+", "a"])
def test_the_consolidated_document_is_what_is_stored(table: Path, mode: str) -> None:
    """After an append, the copies in the root's document equal the documents of the nodes (NEEDS 15)."""

    def change(found: DynamicTable) -> None:
        found.add_row(number=4.5, text="d", flag=False, count=4)
        found.add_column("more", "numbers", data=[7, 8, 9, 10])

    _append(table, change, mode, ZarrIO)

    assert consolidated(table) == crawled(table)
    assert consolidated(table)["number"]["shape"] == [4]
    assert left_overs(table.parent) == ["table.zarr"]


@pytest.mark.parametrize("reader", READERS)
def test_an_array_that_is_appended_to_is_longer_for_every_reader(table: Path, reader: str) -> None:
    """Also without a call of `write`, the metadata is up to date when the file is closed (NEEDS 15)."""
    with ZarrIO(table, "r+") as io:
        for name, value in {"number": 4.5, "text": "d", "flag": True, "count": 4, "id": 3}.items():
            io.read_builder()[name].data.append([value])

    assert consolidated(table) == crawled(table)
    with ZarrIO(table, reader, manager=get_manager()) as io:
        assert io.read()["number"].data[:].tolist() == [1.5, 2.5, 3.5, 4.5]
        assert list(io.read()["text"].data[:]) == ["a", "b", "c", "d"]


def test_an_array_that_is_resized_is_shorter_for_every_reader(table: Path) -> None:
    """What holds for growing holds for shrinking."""
    with ZarrIO(table, "r+") as io:
        io.read_builder()["number"].data.resize((2,))

    assert consolidated(table) == crawled(table)
    assert shape_of(table, "number") == (2,)


@pytest.mark.parametrize("reader", READERS)
def test_values_that_are_assigned_are_there_for_every_reader(table: Path, reader: str) -> None:
    """Numbers and text can be replaced in place."""
    with ZarrIO(table, "r+") as io:
        io.read_builder()["number"].data[1] = -1.0
        io.read_builder()["text"].data[0:2] = np.array(["changed", ""], object)

    with ZarrIO(table, reader, manager=get_manager()) as io:
        assert io.read()["number"].data[:].tolist() == [1.5, -1.0, 3.5]
        assert list(io.read()["text"].data[:]) == ["changed", "", "c"]


@pytest.mark.parametrize("reader", READERS)
def test_appending_without_consolidation_leaves_no_stale_document(table: Path, reader: str) -> None:
    """Who turns consolidation off never reads what was there before."""
    with ZarrIO(table, "r+", manager=get_manager()) as io:
        found = io.read()
        found.add_row(number=4.5, text="d", flag=False, count=4)
        io.write(found, consolidate_metadata=False)

    with ZarrIO(table, reader, manager=get_manager()) as io:
        assert len(io.read()) == 4


def test_the_mode_without_consolidation_ignores_the_consolidated_document(table: Path) -> None:
    """`r-` reads the documents of the nodes themselves (NEEDS 15)."""
    root = json.loads((table / "zarr.json").read_text())
    root["consolidated_metadata"]["metadata"]["number"]["attributes"]["description"] = "stale"
    (table / "zarr.json").write_text(json.dumps(root))

    with ZarrIO(table, "r") as io, ZarrIO(table, "r-") as strict:
        assert io.read_builder()["number"].attributes["description"] == "stale"
        assert strict.read_builder()["number"].attributes["description"] == "number"


def test_writing_what_was_read_changes_nothing(table: Path) -> None:
    """Without a change there is nothing to write."""
    before = {path: path.read_bytes() for path in table.rglob("*") if path.is_file()}

    _append(table, lambda found: None, io_class=ZarrIO)

    assert {path: path.read_bytes() for path in table.rglob("*") if path.is_file()} == before


# ------------------------------------------------------------------------------------------------------------------ NWB


@pytest.mark.parametrize("mode", ["r+", "a"])
@pytest.mark.parametrize("reader", READERS)
def test_a_series_that_is_added_is_there(recording: Path, read: Reads, mode: str, reader: str) -> None:
    """A recording takes new data after it was written."""
    _append(recording, lambda f: f.add_acquisition(new_series("new", [1, 2, 3])), mode)

    found = read(reader)
    assert list(found.acquisition["new"].data[:]) == [1, 2, 3]
    assert found.acquisition["voltage"].data.shape == (10, 3)
    assert consolidated(recording) == crawled(recording)


def test_a_series_from_an_iterator_is_added(recording: Path, read: Reads) -> None:
    """New data may come a piece at a time."""
    data = DataChunkIterator(iter(np.arange(20).reshape(10, 2)), buffer_size=3)

    _append(recording, lambda f: f.add_acquisition(new_series("new", data)))

    assert read("r").acquisition["new"].data[:].tolist() == np.arange(20).reshape(10, 2).tolist()


def test_a_series_whose_data_raises_is_not_added(recording: Path, read: Reads) -> None:
    """The recording is as it was, for every reader."""

    def rows() -> Iterator[int]:
        yield from range(500)
        raise RuntimeError("unplugged")

    with pytest.raises(RuntimeError, match="unplugged"):
        _append(
            recording,
            lambda f: f.add_acquisition(new_series("new", DataChunkIterator(rows(), buffer_size=50))),
        )

    assert set(read("r").acquisition) == {"voltage", "events"}
    assert set(read("r-").acquisition) == {"voltage", "events"}
    assert not (recording / "acquisition" / "new").exists()


@pytest.mark.parametrize("reader", READERS)
def test_an_electrode_that_is_added_is_there(recording: Path, read: Reads, reader: str) -> None:
    """Its group is a reference to what was read (NEEDS 16)."""

    def change(nwbfile: NWBFile) -> None:
        shank = nwbfile.electrode_groups["shank"]
        nwbfile.add_electrode(x=9.0, group=shank, location="CA3", label="a label that is longer than the others")

    _append(recording, change)

    found = read(reader)
    assert len(found.electrodes) == 5
    assert found.electrodes["x"].data[:].tolist() == [0.0, 1.0, 2.0, 3.0, 9.0]
    assert found.electrodes["label"][4] == "a label that is longer than the others"
    assert found.electrodes["group"][4] is found.electrode_groups["shank"]
    assert found.electrodes["group_name"][4] == "shank"


@pytest.mark.parametrize("reader", READERS)
def test_a_unit_that_is_added_is_there(recording: Path, read: Reads, reader: str) -> None:
    """Spike times and electrodes, both ragged, grow (NEEDS 16)."""
    _append(recording, lambda f: f.add_unit(spike_times=[7.0, 8.0], electrodes=[1, 2]))

    found = read(reader).units
    assert len(found) == 4
    assert list(found["spike_times"][3]) == [7.0, 8.0]
    assert list(found["spike_times"][2]) == [0.0, 0.1, 0.2]
    assert list(found["electrodes"][3]["x"]) == [1.0, 2.0]


@pytest.mark.parametrize("reader", READERS)
def test_a_trial_that_refers_to_a_series_is_added(recording: Path, read: Reads, reader: str) -> None:
    """A record with a reference is appended to a column of such (NEEDS 16, 17)."""
    _append(recording, lambda f: f.add_trial(start_time=2.0, stop_time=3.0, timeseries=[f.acquisition["events"]]))

    found = read(reader)
    assert len(found.trials) == 3
    assert found.trials["timeseries"][2][0].timeseries is found.acquisition["events"]
    assert found.trials["timeseries"][0][0].timeseries is found.acquisition["voltage"]


def test_a_trial_may_refer_to_a_series_with_a_long_path(recording: Path, read: Reads) -> None:
    """The room that references took when they were first written does not limit what is appended (NEEDS 17)."""
    name = "a_series_with_a_name_of_more_than_a_hundred_characters_" * 3
    _append(recording, lambda f: f.add_acquisition(new_series(name, [1.0, 2.0])))

    _append(recording, lambda f: f.add_trial(start_time=2.0, stop_time=3.0, timeseries=[f.acquisition[name]]))

    found = read("r")
    assert found.trials["timeseries"][2][0].timeseries is found.acquisition[name]
    assert found.trials["timeseries"][0][0].timeseries is found.acquisition["voltage"]


def test_a_column_that_refers_to_another_table_is_added(recording: Path, read: Reads) -> None:
    """A new column may name rows of a table that is stored already."""

    def change(nwbfile: NWBFile) -> None:
        nwbfile.trials.add_column("site", "where", data=[3, 0], table=nwbfile.electrodes)

    _append(recording, change)

    found = read("r")
    assert found.trials["site"].table is found.electrodes
    assert found.trials["site"].data[:].tolist() == [3, 0]


def test_a_new_group_and_a_new_table_are_added(recording: Path, read: Reads) -> None:
    """Whole branches may be new."""

    def change(nwbfile: NWBFile) -> None:
        module = nwbfile.create_processing_module("ecephys", "what was computed")
        module.add(
            DynamicTable(
                name="scores", description="a table", columns=[VectorData(name="s", description="s", data=[1.0, 2.0])]
            )
        )

    _append(recording, change)

    assert read("r").processing["ecephys"]["scores"]["s"].data[:].tolist() == [1.0, 2.0]
    assert set(read("r").processing) == {"behavior", "ecephys"}


def test_a_changed_attribute_of_a_container_is_stored(recording: Path, read: Reads) -> None:
    """What HDMF marks as modified is taken over; the values of datasets stay."""

    def change(nwbfile: NWBFile) -> None:
        series = nwbfile.acquisition["voltage"]
        series.fields["comments"] = "changed"
        series.set_modified()

    _append(recording, change)

    found = read("r").acquisition["voltage"]
    assert found.comments == "changed"
    assert found.data[9].tolist() == [27, 28, 29]
    assert consolidated(recording) == crawled(recording)


@pytest.mark.parametrize("reader", READERS)
def test_a_series_may_share_the_data_of_one_that_is_stored(recording: Path, read: Reads, reader: str) -> None:
    """The same array in a second series is a link to it, not a copy."""

    def change(nwbfile: NWBFile) -> None:
        data = nwbfile.acquisition["voltage"].data
        nwbfile.add_acquisition(new_series("again", data, rate=10.0))

    _append(recording, change)

    found = read(reader)
    assert found.acquisition["again"].data[:].tolist() == found.acquisition["voltage"].data[:].tolist()
    assert not (recording / "acquisition" / "again" / "data").exists()


def test_a_series_may_share_the_timestamps_of_one_that_is_stored(recording: Path, read: Reads) -> None:
    """A link between series is one after an append as well."""
    _append(
        recording,
        lambda f: f.add_acquisition(new_series("again", [5.0, 6.0], timestamps=f.acquisition["events"])),
    )

    found = read("r")
    assert found.acquisition["again"].timestamps[:].tolist() == [0.25, 0.5]


def test_two_sessions_in_one_opening_are_both_stored(recording: Path, read: Reads) -> None:
    """Writing twice without closing adds both."""
    with NWBZarrIO(recording, "r+") as io:
        nwbfile = io.read()
        nwbfile.add_acquisition(new_series("first", [1.0]))
        io.write(nwbfile)
        nwbfile.add_acquisition(new_series("second", [2.0]))
        io.write(nwbfile)

    assert {"first", "second"} <= set(read("r").acquisition)


def test_object_ids_survive_an_append(recording: Path, read: Reads) -> None:
    """What was there keeps its identity."""
    before = {path: item.object_id for path, item in read("r").objects.items()}

    _append(recording, lambda f: f.add_acquisition(new_series("new", [1])))

    after = read("r").objects
    assert set(before) <= set(after)
    assert len(after) == len(before) + 1


def test_a_column_of_references_grows(tmp_path: Path) -> None:
    """A reference appended to the column itself is stored as one."""
    nwbfile = new_recording()
    with NWBZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write(nwbfile)

    with NWBZarrIO(tmp_path / "r.zarr", "r+") as io:
        found = io.read()
        found.trials["timeseries"].target.data.append(tuple(reference_to(found.acquisition["voltage"])))

    with NWBZarrIO(tmp_path / "r.zarr", "r") as io:
        column = io.read().trials["timeseries"].target
        assert len(column) == 3
        assert column[2].count == 2
        assert column[2].timeseries.name == "voltage"
