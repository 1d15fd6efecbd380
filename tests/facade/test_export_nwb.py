"""Links and references of NWB files, exported in every direction: shared times, devices, regions of tables."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.common import DynamicTableRegion
from pynwb import NWBHDF5IO, NWBFile, TimeSeries, get_manager
from pynwb.ecephys import ElectricalSeries

from hdmf_store import NWBZarrIO, StoreIO, open_adapter
from hdmf_store.nodes import Link, Target
from tests.facade.recordings import START, new_recording, new_series


def zarr(path: Path, mode: str, zarr_format: int = 3) -> NWBZarrIO:
    return NWBZarrIO(path, mode, **({"zarr_format": zarr_format} if mode == "w" else {}))


def hdf5(path: Path, mode: str) -> NWBHDF5IO:
    return NWBHDF5IO(path, mode)


def our_hdf5(path: Path, mode: str) -> StoreIO:
    return StoreIO(path, mode, get_manager())


WAYS: dict[str, tuple[Any, Any]] = {
    "HDF5 to Zarr": (hdf5, zarr),
    "Zarr 3 to Zarr 3": (zarr, zarr),
    "Zarr 2 to Zarr 3": (lambda path, mode: zarr(path, mode, 2), zarr),
    "Zarr to HDF5 by HDMF": (zarr, hdf5),
    "Zarr to HDF5": (zarr, our_hdf5),
}
each_way = pytest.mark.parametrize("way", WAYS)


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def exported(folder: Path, way: str, source: Path, *others: Path) -> Any:
    """Export with copies, delete the source and what it linked to, and return the result, opened."""
    from_io, to_io = WAYS[way]
    with from_io(source, "r") as src, to_io(folder / "result.nwb", "w") as io:
        io.export(src, write_args={"link_data": False})
    for path in (source, *others):
        remove(path)
    return to_io(folder / "result.nwb", "r")


def _with_shared_times() -> NWBFile:
    nwbfile = new_recording()
    first = new_series("first", np.arange(3.0), timestamps=np.array([0.5, 1.5, 2.5]))
    nwbfile.add_acquisition(first)
    nwbfile.add_acquisition(new_series("second", np.arange(3.0) + 1, timestamps=first))
    nwbfile.add_acquisition(TimeSeries(name="third", data=first, unit="V", timestamps=first))
    return nwbfile


@pytest.fixture(scope="module", params=WAYS)
def result(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """The file into which a recording was exported; its source is gone."""
    folder = tmp_path_factory.mktemp("export")
    with WAYS[request.param][0](folder / "source.nwb", "w") as io:
        io.write(_with_shared_times())
    with exported(folder, request.param, folder / "source.nwb") as io:
        yield io


def test_series_that_share_times_and_data_share_them_still(result: Any) -> None:
    """One stays the owner, and the others have links (NEEDS 8)."""
    found = result.read().acquisition

    for name in ("second", "third"):
        assert found[name].timestamps[:].tolist() == [0.5, 1.5, 2.5]
        assert found[name].fields["timestamps"] is found["first"]
    assert found["third"].fields["data"] is found["first"]
    assert found["second"].data[:].tolist() == [1.0, 2.0, 3.0]
    assert found["third"].data[:].tolist() == [0.0, 1.0, 2.0]
    adapter = open_adapter(result.source)
    assert adapter.load()["/acquisition/second/timestamps"] == Link(Target("/acquisition/first/timestamps"))
    assert adapter.load()["/acquisition/third/data"] == Link(Target("/acquisition/first/data"))
    adapter.close()


def test_the_device_of_an_electrode_group_stays_a_link(result: Any) -> None:
    """It is the device of the file, not a copy of it (NEEDS 8)."""
    found = result.read()

    assert found.electrode_groups["shank"].device is found.devices["probe"]
    assert found.electrodes["group"][3] is found.electrode_groups["shank"]
    assert found.units["electrodes"][1]["label"].tolist() == ["site 0", "site 1"]


def _processed(folder: Path, way: str) -> tuple[Path, Path]:
    """Write a raw recording and a processed one with a group of electrodes, a series and times of the raw one."""
    from_io = WAYS[way][0]
    raw, processed = folder / "raw.nwb", folder / "processed.nwb"
    with from_io(raw, "w") as io:
        io.write(_with_shared_times())
    with from_io(raw, "r") as src:
        read = src.read()
        nwbfile = NWBFile("processed", "session-2", START)
        nwbfile.add_acquisition(read.acquisition["voltage"])
        nwbfile.add_acquisition(new_series("later", np.arange(3), timestamps=read.acquisition["first"]))
        with _sharing(from_io, processed, src) as io:
            io.write(nwbfile)
    return raw, processed


def _sharing(from_io: Any, path: Path, src: Any) -> Any:
    if from_io is hdf5:
        return NWBHDF5IO(path, "w", manager=src.manager)
    return NWBZarrIO(path, "w", src.manager, zarr_format=2 if from_io is WAYS["Zarr 2 to Zarr 3"][0] else 3)


@each_way
def test_what_stands_in_another_recording_is_copied_with_all_that_belongs_to_it(tmp_path: Path, way: str) -> None:
    """A series that is linked to, and times that are, are in the result when the raw recording is gone (NEEDS 8, 9)."""
    raw, processed = _processed(tmp_path, way)
    with WAYS[way][0](raw, "r") as io:
        identity = io.read().acquisition["voltage"].object_id

    with exported(tmp_path, way, processed, raw) as io:
        found = io.read().acquisition
        assert found["voltage"].object_id == identity
        assert found["voltage"].data[9].tolist() == [27, 28, 29]
        assert found["later"].timestamps[:].tolist() == [0.5, 1.5, 2.5]


FROM_ZARR = [way for way, (source, to) in WAYS.items() if source is not hdf5 and to is not hdf5]
"""HDF5 has no reference into another file, and HDMF's backend copies none to which a reference leads."""


@pytest.mark.parametrize("way", FROM_ZARR)
def test_a_region_of_a_table_in_another_recording_brings_the_table(tmp_path: Path, way: str) -> None:
    """With its electrodes, their groups and the device of these (NEEDS 8)."""
    from_io, _ = WAYS[way]
    raw, processed = tmp_path / "raw.nwb", tmp_path / "processed.nwb"
    with from_io(raw, "w") as io:
        io.write(new_recording())
    with from_io(raw, "r") as src:
        region = DynamicTableRegion(name="electrodes", data=[2, 0], description="two", table=src.read().electrodes)
        nwbfile = NWBFile("processed", "session-2", START)
        nwbfile.add_acquisition(ElectricalSeries(name="filtered", data=np.ones((4, 2)), electrodes=region, rate=1.0))
        with _sharing(from_io, processed, src) as io:
            io.write(nwbfile)
    with from_io(processed, "r") as io:
        assert io.read().acquisition["filtered"].electrodes.table.container_source == str(raw)

    with exported(tmp_path, way, processed, raw) as io:
        found = io.read()
        series = found.acquisition["filtered"]
        assert series.electrodes[:]["label"].tolist() == ["site 2", "site 0"]
        assert series.electrodes.table.container_source == str(tmp_path / "result.nwb")
        assert series.electrodes.table["group"][0].device.name == "probe"
