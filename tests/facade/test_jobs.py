"""Writes shared among processes or an executor: the same file, made by many."""

from __future__ import annotations

from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdmf.data_utils import GenericDataChunkIterator
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO
from hdmf_store.errors import ArgumentError

from .recordings import new_recording, new_series

ROWS = 600_000


class Counting(ThreadPoolExecutor):
    """Counts what it was given to do."""

    submitted = 0

    def submit(self, *task: Any, **named: Any) -> Future[Any]:
        self.submitted += 1
        return super().submit(*task, **named)


class Squares(GenericDataChunkIterator):
    """The squares of the row numbers; knows how to travel to another process."""

    def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
        rows = np.arange(selection[0].start, selection[0].stop, dtype="int64")
        return np.repeat((rows**2)[:, None], selection[1].stop - selection[1].start, axis=1)

    def _get_maxshape(self) -> tuple[int, ...]:
        return ROWS, 8

    def _get_dtype(self) -> np.dtype:
        return np.dtype("int64")

    def _to_dict(self) -> dict[str, Any]:
        return {}

    @staticmethod
    def _from_dict(dictionary: dict[str, Any]) -> Squares:
        return Squares(**dictionary)


class Homebound(Squares):
    """Does not know how to travel."""

    def _to_dict(self) -> dict[str, Any]:
        raise NotImplementedError("no way to travel")


@pytest.fixture
def measured(tmp_path: Path) -> h5py.Dataset:
    """Thirty-eight megabytes in another file."""
    values = np.random.default_rng(1).integers(0, 50, (ROWS, 8)).astype("int64")
    with h5py.File(tmp_path / "measured.h5", "w") as file:
        file.create_dataset("values", data=values, chunks=(50_000, 8))
    return h5py.File(tmp_path / "measured.h5", "r")["values"]


def _written(path: Path, data: Any, zarr_format: int = 3, **options: Any) -> Path:
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("large", data))
    with NWBZarrIO(path, "w", zarr_format=zarr_format) as io:
        io.write(nwbfile, **options)
    return path


def _chunks(path: Path) -> dict[str, bytes]:
    folder = path / "acquisition" / "large" / "data"
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def _large(path: Path) -> np.ndarray:
    with NWBZarrIO(path, "r") as io:
        return np.asarray(io.read().acquisition["large"].data[:])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_processes_store_what_one_would(tmp_path: Path, measured: h5py.Dataset, zarr_format: int) -> None:
    """With two processes the array's files are those that one process writes, to the byte."""
    one = _written(tmp_path / "one.zarr", measured, zarr_format)
    two = _written(tmp_path / "two.zarr", measured, zarr_format, number_of_jobs=2, max_threads_per_process=1)

    assert _chunks(two) == _chunks(one)
    assert len(_chunks(two)) > 2
    np.testing.assert_array_equal(_large(two), measured[:])


def test_iterators_that_travel_are_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A generic iterator is asked for its parts in the other processes."""
    monkeypatch.syspath_prepend(Path(__file__).parents[1])  # where those find this module
    path = _written(tmp_path / "squares.zarr", Squares(), number_of_jobs=2)

    np.testing.assert_array_equal(_large(path)[:, 3], np.arange(ROWS, dtype="int64") ** 2)


def test_iterators_that_cannot_travel_are_written_here(tmp_path: Path) -> None:
    """What cannot be pickled is written all the same, and the user learns why it was no faster."""
    with pytest.warns(UserWarning, match=r"/acquisition/large/data .*no way to travel"):
        path = _written(tmp_path / "squares.zarr", Homebound(), number_of_jobs=2)

    np.testing.assert_array_equal(_large(path)[:, 0], np.arange(ROWS, dtype="int64") ** 2)


@pytest.mark.parametrize("what", ["array in another file", "iterator"])
def test_an_executor_does_the_work(tmp_path: Path, measured: h5py.Dataset, what: str) -> None:
    """A caller's executor gets the parts of large data, and is not shut down."""
    with Counting(2) as executor:
        path = _written(tmp_path / "given.zarr", measured if what != "iterator" else Squares(), executor=executor)
        assert executor.submitted > 1
        assert executor.submit(len, "open").result() == 4
    assert _large(path).shape == (ROWS, 8)


def test_small_data_and_data_in_memory_stay_here(tmp_path: Path) -> None:
    """An executor is not asked where sending the values would cost more than encoding them."""
    with Counting(2) as executor:
        _written(tmp_path / "memory.zarr", np.ones((ROWS, 8)), executor=executor)
        assert executor.submitted == 0


def test_exports_are_shared(tmp_path: Path, measured: h5py.Dataset) -> None:
    """An export hands the arrays of its source to the executor (NEEDS 13)."""
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("large", measured))
    with NWBHDF5IO(tmp_path / "source.nwb", "w") as io:
        io.write(nwbfile, link_data=False)

    with (
        Counting(2) as executor,
        NWBHDF5IO(tmp_path / "source.nwb", "r") as source,
        NWBZarrIO(tmp_path / "export.zarr", "w") as io,
    ):
        io.export(source, executor=executor)
        assert executor.submitted > 1
    np.testing.assert_array_equal(_large(tmp_path / "export.zarr"), measured[:])


def test_our_own_arrays_travel_by_address(tmp_path: Path, measured: h5py.Dataset) -> None:
    """An export from Zarr to Zarr by two processes copies every value (NEEDS 13)."""
    source = _written(tmp_path / "source.zarr", measured)
    with NWBZarrIO(source, "r") as read, NWBZarrIO(tmp_path / "export.zarr", "w") as io:
        io.export(read, number_of_jobs=2, write_args={"link_data": False})
    np.testing.assert_array_equal(_large(tmp_path / "export.zarr"), measured[:])


@pytest.mark.parametrize(
    "options",
    [
        {"number_of_jobs": 0},
        {"number_of_jobs": True},
        {"number_of_jobs": 2, "multiprocessing_context": "thread"},
        {"max_threads_per_process": 0},
        {"executor": "two"},
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_written(tmp_path: Path, options: dict[str, Any]) -> None:
    """Bad options are refused, and the file that lies there stays as it is."""
    path = _written(tmp_path / "kept.zarr", np.arange(5.0))

    with NWBZarrIO(path, "w") as io, pytest.raises(ArgumentError):
        io.write(new_recording(), **options)

    assert _large(path).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


class Failing(Executor):
    """Breaks down at its first task."""

    def submit(self, *task: Any, **named: Any) -> Future[Any]:
        failed: Future[Any] = Future()
        failed.set_exception(OSError("the cluster is gone"))
        return failed


def test_a_failing_executor_leaves_the_old_file(tmp_path: Path, measured: h5py.Dataset) -> None:
    """If a task fails, its error surfaces, and what lay there before is still there."""
    path = _written(tmp_path / "kept.zarr", np.arange(5.0))

    with pytest.raises(OSError, match="cluster is gone"):
        _written(path, measured, executor=Failing())

    assert _large(path).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
