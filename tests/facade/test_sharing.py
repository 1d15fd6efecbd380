"""What workers of other processes are sent, what they send back, and what is left when something happens to them."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO
from hdmf_store.errors import WorkerLostError
from tests.facade.recordings import left_overs, new_recording, new_series
from tests.facade.travelling_iterators import ROWS, Deadly, Failing, Heavy, Rows, row_numbers
from tests.servers.s3 import Bucket

LARGEST_TASK = 20_000


class Weighing:
    """Hands tasks to a pool and weighs what is sent each way; has no more than what MPI's pools have as well."""

    num_workers = 2

    def __init__(self, pool: Executor) -> None:
        self._pool = pool
        self.sent: list[int] = []
        self.returned: list[int] = []

    def submit(self, task: Any, /, *arguments: Any) -> Future[Any]:
        self.sent.append(len(pickle.dumps((task, arguments))))
        pending = self._pool.submit(task, *arguments)
        pending.add_done_callback(lambda done: self.returned.append(len(pickle.dumps(done.result()))))
        return pending


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Two processes that know nothing of this one."""
    sys.path.insert(0, str(Path(__file__).parents[2]))  # where they find the module of the iterators
    try:
        with ProcessPoolExecutor(2, get_context("spawn")) as processes:
            yield processes
    finally:
        sys.path.pop(0)


def _write(place: Any, data: Any, name: str = "large", mode: str = "w", **options: Any) -> None:
    storage = {"storage_options": options.pop("storage_options")} if "storage_options" in options else {}
    with NWBZarrIO(place, mode, **storage) as io:
        nwbfile = new_recording() if mode == "w" else io.read()
        nwbfile.add_acquisition(new_series(name, data))
        io.write(nwbfile, **options)


def _values(place: Any, name: str = "large", **options: Any) -> np.ndarray:
    with NWBZarrIO(place, "r", **options) as io:
        return np.asarray(io.read().acquisition[name].data[:])


def _files(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


# -------------------------------------------------------------------------------------------------- what goes and comes


def test_workers_store_chunks_where_they_see_the_folder(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """Tasks are small descriptions, and nothing comes back but word; the files are those of one process (NEEDS 13)."""
    weighing = Weighing(pool)
    _write(tmp_path / "one.zarr", Rows())
    _write(tmp_path / "many.zarr", Rows(), executor=weighing)

    chunks = "acquisition/large/data"
    assert _files(tmp_path / "many.zarr" / chunks) == _files(tmp_path / "one.zarr" / chunks)
    assert len(weighing.sent) > 2
    assert max(weighing.sent) < LARGEST_TASK
    assert max(weighing.returned) < 100
    assert {*_files(tmp_path / "many.zarr")} == {*_files(tmp_path / "one.zarr")}
    assert left_overs(tmp_path, "one.zarr", "many.zarr") == []


def test_workers_store_chunks_of_what_is_added(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """In a file that is there, new chunks appear whole in their places, and no folder of the workers stays."""
    path, weighing = tmp_path / "file.zarr", Weighing(pool)
    _write(path, np.arange(5.0), "first")
    before = {*_files(path)}
    _write(path, Rows(), mode="r+", executor=weighing)

    np.testing.assert_array_equal(_values(path), row_numbers())
    assert max(weighing.returned) < 100
    assert all(name.startswith("acquisition/large/") for name in {*_files(path)} - before)
    assert not [folder for folder in path.iterdir() if "tmp" in folder.name]


def test_chunks_come_back_where_only_one_process_can_store_them(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """An archive is packed by whoever writes it."""
    weighing = Weighing(pool)
    _write(tmp_path / "file.nwb.zarr.zip", Rows(), executor=weighing)

    np.testing.assert_array_equal(_values(tmp_path / "file.nwb.zarr.zip"), row_numbers())
    assert sum(weighing.returned) > 10_000


def test_workers_store_chunks_in_a_bucket(s3: Bucket, pool: ProcessPoolExecutor) -> None:
    """They reach the server themselves, with the options that were passed."""
    place, options, weighing = f"{s3.url}/file.zarr", {"storage_options": s3.storage_options}, Weighing(pool)
    _write(place, Rows(), executor=weighing, **options)
    np.testing.assert_array_equal(_values(place, **options), row_numbers())
    assert max(weighing.sent) < LARGEST_TASK
    assert max(weighing.returned) < 100


def test_what_is_replaced_in_a_bucket_stays_until_the_commit(s3: Bucket, pool: ProcessPoolExecutor) -> None:
    """Where the new chunks may have the keys of old ones, they come back, and a failure leaves the old file."""
    place, options = f"{s3.url}/file.zarr", {"storage_options": s3.storage_options}
    _write(place, np.arange(5.0), **options)
    with pytest.raises(OSError, match="disk is gone"):
        _write(place, Failing(), executor=pool, **options)
    assert _values(place, **options).tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]

    weighing = Weighing(pool)
    _write(place, Rows(), executor=weighing, **options)
    np.testing.assert_array_equal(_values(place, **options), row_numbers())
    assert sum(weighing.returned) > 10_000


def test_sources_that_carry_their_values_are_written_here(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """No task carries megabytes, and the user learns why the write was no faster."""
    weighing = Weighing(pool)
    with pytest.warns(UserWarning, match=r"/acquisition/large/data is written by this process alone: .* bytes"):
        _write(tmp_path / "file.zarr", Heavy(), executor=weighing)

    assert weighing.sent == []
    np.testing.assert_array_equal(_values(tmp_path / "file.zarr"), row_numbers())


def test_workers_look_at_a_source_anew_for_each_write(tmp_path: Path, pool: ProcessPoolExecutor) -> None:
    """A pool outlives many writes; between two of them, another file may take the place of their source."""
    for number in (1, 2):
        nwbfile = new_recording()
        nwbfile.add_acquisition(new_series("large", np.full((ROWS, 8), number, "int64")))
        with NWBHDF5IO(tmp_path / "new.nwb", "w") as io:
            io.write(nwbfile)
        os.replace(tmp_path / "new.nwb", tmp_path / "source.nwb")
        weighing = Weighing(pool)
        with NWBHDF5IO(tmp_path / "source.nwb", "r") as source, NWBZarrIO(tmp_path / f"{number}.zip", "w") as io:
            io.export(source, executor=weighing)
        assert max(weighing.sent) < LARGEST_TASK
        assert set(np.unique(_values(tmp_path / f"{number}.zip"))) == {number}


# ------------------------------------------------------------------------------------------------------------ accidents


@pytest.mark.parametrize("mode", ["w", "r+"])
def test_a_task_that_fails_leaves_the_old_file(tmp_path: Path, pool: ProcessPoolExecutor, mode: str) -> None:
    """What other workers stored meanwhile goes, and the error is that of the task."""
    path = tmp_path / "kept.zarr"
    _write(path, np.arange(5.0), "first")
    before = _files(path)
    with pytest.raises(OSError, match="disk is gone"):
        _write(path, Failing(), mode=mode, executor=pool)

    assert _files(path) == before
    assert left_overs(tmp_path, "kept.zarr") == []
    assert not [folder for folder in path.iterdir() if "tmp" in folder.name]


def test_a_task_that_fails_leaves_nothing_in_a_bucket(s3: Bucket, pool: ProcessPoolExecutor) -> None:
    """What other workers stored there goes as well."""
    with pytest.raises(OSError, match="disk is gone"):
        _write(f"{s3.url}/file.zarr", Failing(), executor=pool, storage_options=s3.storage_options)
    stored = [request.key for request in s3.traffic.requests if request.method == "PUT" and "large" in request.key]
    assert stored

    import obstore

    assert [item["path"] for item in obstore.list(s3.obstore()).collect()] == []


def test_a_worker_that_dies_is_an_error_that_names_the_dataset(tmp_path: Path) -> None:
    """As when the system ends a process that takes too much memory; the old file stays."""
    path = tmp_path / "kept.zarr"
    _write(path, np.arange(5.0))
    before = _files(path)
    with pytest.raises(WorkerLostError, match=r"kept\.zarr: /acquisition/large/data: a worker was lost") as caught:
        _write(path, Deadly(), number_of_jobs=2, multiprocessing_context="spawn")

    assert pickle.loads(pickle.dumps(caught.value)).path == "/acquisition/large/data"
    assert _files(path) == before
    assert left_overs(tmp_path, "kept.zarr") == []
