"""Other libraries on our files: what xarray and zarr open, and all that the page about it shows."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray
import zarr
from packaging.version import Version

from hdmf_store import NWBZarrIO, ZarrIO
from hdmf_store.cli import main
from tests.facade.recordings import new_recording
from tests.pages import run_page
from tests.translate.builder_files import dataset, group, root

GROUPS = ["acquisition/voltage", "units", "intervals/trials", "general/extracellular_ephys/electrodes"]
KNOWS_RECORDS = Version(zarr.__version__) >= Version("3.2")


@pytest.fixture(autouse=True)
def _only_ours_matter() -> Any:
    """What xarray and zarr warn about each other is not ours to say."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ecosystem") / "recording.nwb.zarr"
    with NWBZarrIO(path, "w") as io:
        io.write(new_recording())
    return path


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ecosystem") / "older.nwb.zarr"
    with NWBZarrIO(path, "w", zarr_format=2) as io:
        io.write(new_recording())
    return path


def test_what_the_page_about_this_shows_can_be_run(file: Path, tmp_path: Path) -> None:
    run_page("docs/tables-and-arrays.md", {"file": file, "folder": tmp_path})


def test_xarray_opens_a_whole_file_as_a_tree_through_an_open_file(file: Path) -> None:
    """Every group, every value, on every zarr."""
    with NWBZarrIO(file, "r") as io:
        tree = xarray.open_datatree(io.file.store, engine="zarr", consolidated=False).load()

        assert tree["acquisition/voltage/data"].values.tolist() == np.arange(30).reshape(10, 3).tolist()
        assert tree["intervals/trials/timeseries"].shape == (2,)
        assert {f"/{name}" for name in GROUPS} <= {node.path for node in tree.subtree}
        for name in GROUPS:
            assert xarray.open_zarr(io.file.store, group=name, consolidated=False).load().sizes


@pytest.mark.skipif(not KNOWS_RECORDS, reason="zarr 3.1 does not know the data type struct")
@pytest.mark.parametrize("consolidated", [None, False])
def test_newer_zarr_opens_a_tree_by_the_path_of_a_file(file: Path, consolidated: bool | None) -> None:
    tree = xarray.open_datatree(file, engine="zarr", consolidated=consolidated).load()

    assert int(tree["acquisition/voltage/data"].max()) == 29


@pytest.mark.skipif(KNOWS_RECORDS, reason="this zarr knows the data type struct")
def test_older_zarr_opens_the_groups_without_records_by_the_path_of_a_file(file: Path) -> None:
    """As the page says; when this fails, the page can promise more."""
    assert xarray.open_zarr(file, group="acquisition/voltage", consolidated=False)["data"].shape == (10, 3)
    with pytest.raises(ValueError, match="struct"):
        xarray.open_datatree(file, engine="zarr")


def test_of_format_2_xarray_opens_what_zarr_knows(older: Path, tmp_path: Path) -> None:
    """Groups without references whose axes have names; all else once it is converted."""
    assert xarray.open_zarr(older, group="units", consolidated=False).sizes["num_rows"] == 3
    with pytest.raises(ValueError, match="json2"):
        xarray.open_datatree(older, engine="zarr")
    with pytest.raises(KeyError, match="_ARRAY_DIMENSIONS"):
        xarray.open_zarr(older, group="acquisition/voltage", consolidated=False)

    main(["convert", str(older), str(tmp_path / "newer.zarr"), "--quiet"], standalone_mode=False)

    with NWBZarrIO(tmp_path / "newer.zarr", "r") as io:
        assert xarray.open_zarr(io.file.store, group="acquisition/voltage", consolidated=False)["data"].shape == (10, 3)


@pytest.mark.parametrize("consolidated", [True, False])
def test_zarr_opens_dates_and_bytes_of_format_2(tmp_path: Path, consolidated: bool) -> None:
    """It refuses a file as a whole where the fill value of byte strings is a number."""
    raw = np.array([b"\xff\xfe", b""], object)
    members = (dataset("date", "2026-09-22T12:00:00", "ascii"), dataset("raw", raw, "bytes"))
    with ZarrIO(tmp_path / "f.zarr", "w", zarr_format=2) as io:
        io.write_builder(root(group("g", *members)))

    found = zarr.open_group(tmp_path / "f.zarr", mode="r", use_consolidated=consolidated)

    assert found["g/date"][0] == b"2026-09-22T12:00:00"
    assert found["g/raw"][:].tolist() == [b"\xff\xfe", b""]
    with ZarrIO(tmp_path / "f.zarr", "r") as io:
        assert io.read_builder()["g"]["raw"].data[:].tolist() == [b"\xff\xfe", b""]
