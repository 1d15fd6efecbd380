"""NWB files: what was written is what is read, and what HDF5 would give."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pynwb
import pytest
import xarray
import zarr
from hdmf.common import get_manager
from pynwb import NWBHDF5IO, NWBFile

from hdmf_store import NWBZarrIO, UnreadableError, ZarrIO
from tests.facade.recordings import new_recording, new_series, new_table

knows_struct = pytest.mark.skipif(
    tuple(int(part) for part in zarr.__version__.split(".")[:2]) < (3, 2),
    reason="zarr before 3.2 does not know the data type 'struct' of records, and so opens no root above one",
)


@pytest.fixture(scope="module")
def made() -> NWBFile:
    """One recording, in memory."""
    return new_recording()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, made: NWBFile) -> Path:
    """The same recording written to Zarr and to HDF5."""
    folder = tmp_path_factory.mktemp("nwb")
    with NWBHDF5IO(folder / "r.nwb", "w") as io:
        io.write(made)
    with NWBHDF5IO(folder / "r.nwb", "r") as source, NWBZarrIO(folder / "r.nwb.zarr", "w") as io:
        io.export(source)
    return folder


@pytest.fixture
def from_zarr(folder: Path) -> Iterator[NWBFile]:
    """The recording as it is read from Zarr."""
    with NWBZarrIO(folder / "r.nwb.zarr", "r") as io:
        yield io.read()


@pytest.fixture
def from_hdf5(folder: Path) -> Iterator[NWBFile]:
    """The recording as it is read from HDF5."""
    with NWBHDF5IO(folder / "r.nwb", "r") as io:
        yield io.read()


def test_every_object_keeps_its_identity(made: NWBFile, from_zarr: NWBFile) -> None:
    """All object ids, of every container and every column, are those that were written."""
    assert set(from_zarr.objects) == set(made.objects)
    assert {i: type(o).__name__ for i, o in from_zarr.objects.items()} == {
        i: type(o).__name__ for i, o in made.objects.items()
    }


def test_simple_fields_come_back_equal(made: NWBFile, from_zarr: NWBFile) -> None:
    """Texts, dates and lists of texts have the types that HDMF gives them."""
    assert from_zarr.session_start_time == made.session_start_time
    assert tuple(from_zarr.experimenter) == ("One, A.", "Two, B.")
    assert from_zarr.lab == "a lab"
    assert from_zarr.subject.age == "P90D"
    assert from_zarr.identifier == "session-1"


@pytest.mark.parametrize("index", [True, False])
def test_the_units_are_the_data_frame_that_hdf5_gives(from_zarr: NWBFile, from_hdf5: NWBFile, index: bool) -> None:
    """Ragged columns, and electrodes by index or in full (NEEDS 7)."""
    ours = from_zarr.units.to_dataframe(index=index)
    theirs = from_hdf5.units.to_dataframe(index=index)

    assert list(ours.columns) == list(theirs.columns)
    assert [list(row) for row in ours["spike_times"]] == [list(row) for row in theirs["spike_times"]]
    if index:
        assert [list(row) for row in ours["electrodes"]] == [list(row) for row in theirs["electrodes"]]
    else:
        for one, other in zip(ours["electrodes"], theirs["electrodes"], strict=True):
            pd.testing.assert_frame_equal(one.drop(columns="group"), other.drop(columns="group"))


def test_the_electrodes_are_the_data_frame_that_hdf5_gives(from_zarr: NWBFile, from_hdf5: NWBFile) -> None:
    """Also the column of references leads to the same object."""
    ours, theirs = from_zarr.electrodes.to_dataframe(), from_hdf5.electrodes.to_dataframe()

    pd.testing.assert_frame_equal(ours.drop(columns="group"), theirs.drop(columns="group"))
    assert [group.object_id for group in ours["group"]] == [group.object_id for group in theirs["group"]]
    assert ours["group"].iloc[0] is from_zarr.electrode_groups["shank"]


def test_the_trials_refer_to_their_series(from_zarr: NWBFile) -> None:
    """Records with references are resolved to the containers of this file."""
    first = from_zarr.trials["timeseries"][0][0]

    assert first.timeseries is from_zarr.acquisition["voltage"]
    assert (first.idx_start, first.count) == (0, 10)


def test_numbers_keep_their_type(made: NWBFile, from_zarr: NWBFile) -> None:
    """Samples, and the factors that turn them into volts."""
    voltage = from_zarr.acquisition["voltage"]

    assert voltage.data.dtype == np.int16
    assert np.array_equal(voltage.data[:], made.acquisition["voltage"].data)
    assert voltage.conversion == 0.5
    assert voltage.rate == 10.0
    assert from_zarr.processing["behavior"]["speed"].data.dtype == np.float32


def test_the_validator_finds_nothing(folder: Path) -> None:
    """pynwb's own validator agrees that the file is one (NEEDS 61)."""
    with NWBZarrIO(folder / "r.nwb.zarr", "r") as io:
        assert pynwb.validate(io=io) == []


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_file_is_validated_by_its_path(tmp_path: Path, zarr_format: int) -> None:
    """Nothing is wrong with what was written; what is taken away is missed (NEEDS 61)."""
    path = tmp_path / "r.nwb.zarr"
    with NWBZarrIO(path, "w", zarr_format=zarr_format) as io:
        io.write(new_recording())

    assert NWBZarrIO.validate(path) == []
    with pytest.raises(ValueError, match="'ndx-unheard-of' could not be found"):
        NWBZarrIO.validate(path, namespace="ndx-unheard-of")
    with ZarrIO(path, "r+") as io:
        del io.read_builder()["acquisition"]["voltage"]["data"].data.attrs["unit"]
    assert ["argument missing" in str(error) for error in NWBZarrIO.validate(path)] == [True]


def test_a_file_names_its_version_of_nwb(folder: Path) -> None:
    """As text and in parts, as NWBHDF5IO does."""
    with NWBZarrIO(folder / "r.nwb.zarr", "r") as io, NWBHDF5IO(folder / "r.nwb", "r") as other:
        assert io.nwb_version == other.nwb_version
        assert io.nwb_version[0].count(".") == 2


def test_a_file_of_another_schema_is_refused_by_name(tmp_path: Path) -> None:
    """A Zarr file that is no NWB file is said to be none, with the way out."""
    with ZarrIO(tmp_path / "table.zarr", "w", manager=get_manager()) as io:
        io.write(new_table())

    with NWBZarrIO(tmp_path / "table.zarr", "r") as io:
        assert io.nwb_version == (None, None)
        with pytest.raises(TypeError, match=r"table\.zarr: names no NWB version.*Read it with ZarrIO"):
            io.read()


def test_an_old_version_of_nwb_is_refused_unless_told_otherwise(tmp_path: Path) -> None:
    """Version 1 cannot be read; a version that is misspelt can be forced."""
    with NWBZarrIO(tmp_path / "old.zarr", "w") as io:
        io.write(new_recording())
    with NWBZarrIO(tmp_path / "old.zarr", "r+") as io:
        builder = io.read_builder()
        builder.attributes["nwb_version"] = "NWB-1.0.6"
        io.write_builder(builder)

    with NWBZarrIO(tmp_path / "old.zarr", "r") as io:
        assert io.nwb_version == ("NWB-1.0.6", (1, 0, 6))
        with pytest.raises(TypeError, match=r"1\.0\.6 is not supported"):
            io.read()
        assert io.read(skip_version_check=True).identifier == "session-1"


def test_a_file_is_read_in_one_call(folder: Path) -> None:
    """`read_nwb` opens and reads; the data stays readable."""
    found = NWBZarrIO.read_nwb(str(folder / "r.nwb.zarr"))

    assert found.acquisition["voltage"].data[0].tolist() == [0, 1, 2]
    found.read_io.close()


def test_who_can_read_knows_without_reading(folder: Path) -> None:
    """`can_read` tells a Zarr file from an HDF5 file."""
    assert NWBZarrIO.can_read(folder / "r.nwb.zarr")
    assert not NWBZarrIO.can_read(folder / "r.nwb")


def test_reading_twice_returns_the_same_container(folder: Path) -> None:
    """One opening, one container."""
    with NWBZarrIO(folder / "r.nwb.zarr", "r") as io:
        assert io.read() is io.read()


def test_a_recording_prints_as_html_and_text(from_zarr: NWBFile) -> None:
    """Notebooks show it."""
    assert "session-1" in from_zarr._repr_html_()
    assert "voltage" in str(from_zarr)


@knows_struct
def test_zarr_alone_reads_equal_values(folder: Path, made: NWBFile) -> None:
    """The file is plain Zarr: every dataset opens with `zarr.open_group`."""
    root = zarr.open_group(folder / "r.nwb.zarr", mode="r")

    assert np.array_equal(root["acquisition/voltage/data"][:], made.acquisition["voltage"].data)
    assert root["acquisition/voltage/data"].attrs["unit"] == "V"
    assert list(root["general/extracellular_ephys/electrodes/label"][:]) == [f"site {n}" for n in range(4)]
    assert root["identifier"][()] == "session-1"
    assert root["units/spike_times"][:].tolist() == [0.0, 0.0, 0.1, 0.0, 0.1, 0.2]
    assert root["intervals/trials/timeseries"][0]["count"] == 10


@knows_struct
def test_zarr_reads_the_same_with_and_without_the_consolidated_document(folder: Path) -> None:
    """Both ways lead to the same arrays."""
    with_it = zarr.open_group(folder / "r.nwb.zarr", mode="r", use_consolidated=True)
    without = zarr.open_group(folder / "r.nwb.zarr", mode="r", use_consolidated=False)

    def facts(group: zarr.Group) -> dict[str, object]:
        return {
            name: (item.shape, str(item.dtype), dict(item.attrs)) if isinstance(item, zarr.Array) else dict(item.attrs)
            for name, item in group.members(max_depth=None)
        }

    assert facts(with_it) == facts(without)
    assert len(facts(with_it)) > 40


def test_every_zarr_reads_the_datasets_that_are_no_records(folder: Path, made: NWBFile) -> None:
    """Array by array, also a zarr that does not know the type of records opens the others."""
    voltage = zarr.open_array(folder / "r.nwb.zarr", path="acquisition/voltage/data", mode="r")

    assert np.array_equal(voltage[:], made.acquisition["voltage"].data)
    assert voltage.attrs["unit"] == "V"


def test_xarray_opens_a_series_with_the_names_of_its_axes(folder: Path) -> None:
    """The schema's names of dimensions are stored natively (NEEDS 55)."""
    found = xarray.open_zarr(folder / "r.nwb.zarr", group="acquisition/voltage", consolidated=False)

    assert found["data"].dims == ("num_times", "num_DIM2")
    assert found["data"].shape == (10, 3)
    assert found["data"].values[9].tolist() == [27, 28, 29]


def test_xarray_opens_a_file_that_was_written_from_containers(tmp_path: Path) -> None:
    """Names of dimensions do not depend on the way the file was made (NEEDS 55)."""
    with NWBZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write(new_recording())

    series = xarray.open_zarr(tmp_path / "r.zarr", group="acquisition/events", consolidated=False)

    assert series["data"].dims == ("num_times",)
    assert series["timestamps"].dims == ("num_times",)


def test_the_names_of_axes_never_reach_hdf5(folder: Path, tmp_path: Path) -> None:
    """The helper attribute stays in Zarr (NEEDS 55)."""
    with NWBZarrIO(folder / "r.nwb.zarr", "r") as source, NWBHDF5IO(tmp_path / "back.nwb", "w") as io:
        io.export(source, write_args={"link_data": False})

    names: list[str] = []
    with h5py.File(tmp_path / "back.nwb", "r") as file:
        file.visititems(lambda _, item: names.extend(item.attrs))
    assert "_ARRAY_DIMENSIONS" not in names
    assert "unit" in names


def test_a_recording_with_one_dataset_that_nobody_can_decode_is_read(tmp_path: Path) -> None:
    """All the rest is there; who asks for those values is told which they are, and why."""
    place = tmp_path / "a.nwb.zarr"
    made = new_recording()
    made.add_acquisition(new_series("good", np.arange(20_000.0)))
    made.add_acquisition(new_series("bad", np.arange(20_000.0)))
    with NWBZarrIO(place, "w", zarr_format=2) as io:
        io.write(made)
    document = place / "acquisition/bad/data/.zarray"
    stored = json.loads(document.read_text())
    document.write_text(json.dumps({**stored, "compressor": {"id": "from the future"}}))
    (place / ".zmetadata").unlink()

    with NWBZarrIO(place, "r") as io:
        read = io.read()
        assert list(read.acquisition["good"].data[:]) == list(made.acquisition["good"].data)
        assert read.acquisition["bad"].data.shape == (20_000,)
        assert "bad" in str(read)
        with pytest.raises(UnreadableError, match=r"/acquisition/bad/data"):
            read.acquisition["bad"].data[:]
