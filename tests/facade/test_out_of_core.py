"""Arrays that are larger than memory: piece by piece, and as arrays of dask and xarray."""

from __future__ import annotations

import pickle
import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

from hdmf_store import NWBZarrIO, ZarrDataIO, iter_chunks
from hdmf_store.errors import ArgumentError
from tests.facade.recordings import new_recording, new_series

VALUES = np.arange(100 * 6, dtype="int64").reshape(100, 6)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A recording of 40 chunks."""
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("large", ZarrDataIO(VALUES, chunks=(10, 2))))
    nwbfile.add_acquisition(new_series("sharded", ZarrDataIO(VALUES, chunks=(5, 6), shards=(20, 6))))
    with NWBZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write(nwbfile)
    return tmp_path / "file.zarr"


def _put_together(pieces: Any, shape: tuple[int, ...] = VALUES.shape) -> np.ndarray:
    """Return what pieces cover, and minus one elsewhere; no two of them may meet."""
    found = np.full(shape, -1)
    for region, values in pieces:
        assert (found[region] == -1).all()
        found[region] = values
    return found


class Noting:
    """Notes what is read of an array, and by whom."""

    def __init__(self, array: Any) -> None:
        self.shape, self.dtype, self.chunks = array.shape, array.dtype, array.chunks
        self.read: list[tuple[slice, ...]] = []
        self.ahead = threading.Event()
        self._array = array

    def __getitem__(self, region: tuple[slice, ...]) -> np.ndarray:
        self.read.append(region)
        if len(self.read) > 1:
            self.ahead.set()
        return self._array[region]


# --------------------------------------------------------------------------------------------------------------- pieces


@pytest.mark.parametrize("budget", [1, 8 * 20, 8 * 60, 8 * 130, 2**30])
def test_pieces_are_whole_chunks_up_to_a_budget_and_cover_everything(file: Path, budget: int) -> None:
    with NWBZarrIO(file, "r") as io:
        array = io.read().acquisition["large"].data
        pieces = list(iter_chunks(array, budget))

    np.testing.assert_array_equal(_put_together(pieces), VALUES)
    assert all(part.start % chunk == 0 for region, _ in pieces for part, chunk in zip(region, (10, 2), strict=True))
    assert all(values.nbytes <= max(budget, 8 * 20) for _, values in pieces)
    assert len(pieces) == {1: 30, 8 * 20: 30, 8 * 60: 10, 8 * 130: 5, 2**30: 1}[budget]


def test_a_shard_is_never_taken_apart(file: Path) -> None:
    """To read a part of one costs its index each time."""
    with NWBZarrIO(file, "r") as io:
        regions = [region for region, _ in iter_chunks(io.read().acquisition["sharded"].data, budget=1)]
    assert [(rows.start, rows.stop) for rows, _ in regions] == [(at, at + 20) for at in range(0, 100, 20)]


def test_a_selection_is_gone_through_on_the_grid_of_the_chunks(file: Path) -> None:
    with NWBZarrIO(file, "r") as io:
        array = io.read().acquisition["large"].data
        pieces = list(iter_chunks(array, 8 * 20, np.s_[13:35, 3:]))
    expected = np.full(VALUES.shape, -1)
    expected[13:35, 3:] = VALUES[13:35, 3:]

    np.testing.assert_array_equal(_put_together(pieces), expected)
    assert [(rows.start, columns.start) for (rows, columns), _ in pieces] == [
        (rows, columns) for rows in (13, 20, 30) for columns in (3, 4)
    ]


def test_the_next_piece_is_read_while_one_is_worked_on(file: Path) -> None:
    """One and no more, and none once the caller has had enough."""
    noting = Noting(zarr.open_array(file / "acquisition/large/data", mode="r"))
    pieces = iter_chunks(noting, budget=1)
    next(pieces)

    assert noting.ahead.wait(30)
    assert len(noting.read) == 2
    pieces.close()
    assert len(noting.read) == 2


def test_other_arrays_are_gone_through_as_well(tmp_path: Path) -> None:
    """HDF5's, with chunks or without; text; an array of one value; one without any."""
    with h5py.File(tmp_path / "file.h5", "w") as file:
        chunked = file.create_dataset("chunked", data=VALUES, chunks=(7, 4))
        plain = file.create_dataset("plain", data=VALUES)
        np.testing.assert_array_equal(_put_together(iter_chunks(chunked, 8 * 28)), VALUES)
        np.testing.assert_array_equal(_put_together(iter_chunks(plain, 8 * 60)), VALUES)
        assert len(list(iter_chunks(plain, 8 * 60))) == 10
        assert [int(values) for _, values in iter_chunks(file.create_dataset("one", data=5))] == [5]
        assert list(iter_chunks(file.create_dataset("none", (0, 3), "int64"))) == []
    text = np.array([f"word {number}" for number in range(50)], object)
    array = zarr.create_array({}, shape=(50,), chunks=(5,), dtype=str)
    array[:] = text
    assert np.concatenate([values for _, values in iter_chunks(array, 64 * 10)]).tolist() == text.tolist()


@pytest.mark.parametrize(
    "arguments",
    [{"budget": 0}, {"budget": "1 MB"}, {"selection": (slice(0, 9, 2), slice(0, 6))}, {"selection": (0, 1)}],
)
def test_what_makes_no_sense_is_refused_at_once(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        iter_chunks(zarr.create_array({}, shape=(10, 6), chunks=(2, 2), dtype="int64"), **arguments)


# ------------------------------------------------------------------------------------------------------ other libraries


def test_dask_takes_lazy_arrays_and_paths(file: Path) -> None:
    """With the chunks that are stored, where it is not told others."""
    dask = pytest.importorskip("dask.array")
    with NWBZarrIO(file, "r") as io:
        stored = io.read().acquisition["large"].data
        for lazy in (dask.from_zarr(stored), dask.from_array(stored, chunks=stored.chunks)):
            assert lazy.chunks == ((10,) * 10, (2,) * 3)
            np.testing.assert_array_equal((lazy[13:35] * 2).compute(scheduler="threads"), VALUES[13:35] * 2)
    lazy = dask.from_zarr(str(file), component="acquisition/large/data")
    np.testing.assert_array_equal(lazy.compute(scheduler="threads"), VALUES)


def test_a_lazy_array_travels_and_is_opened_where_it_arrives(file: Path) -> None:
    """It carries its address, not its values, and reads after the one that sent it is closed."""
    with NWBZarrIO(file, "r") as io:
        data = pickle.dumps(io.read().acquisition["large"].data)

    assert len(data) < 2_000
    np.testing.assert_array_equal(pickle.loads(data)[13:35], VALUES[13:35])


def test_xarray_opens_a_group_with_the_names_of_its_axes(file: Path) -> None:
    """By the path of the file, and through a file that is open."""
    xarray = pytest.importorskip("xarray")
    with xarray.open_zarr(file, group="acquisition/large", consolidated=False) as found:
        assert found["data"].dims[0] == "num_times"
        assert found["data"].chunks is not None
        np.testing.assert_array_equal(found["data"].values, VALUES)
    with NWBZarrIO(file, "r") as io:
        group = io.file["acquisition/large"]
        np.testing.assert_array_equal(
            xarray.open_zarr(group.store, group=group.path, consolidated=False)["data"].values, VALUES
        )
