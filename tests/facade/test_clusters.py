"""A cluster of dask.distributed that shares writes and reads arrays; a small one, on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from multiprocessing import forkserver
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO
from hdmf_store.errors import ArgumentError, WorkerLostError
from tests.facade.recordings import left_overs, new_recording, new_series
from tests.facade.travelling_iterators import Deadly, Failing, Rows, row_numbers
from tests.pages import blocks_of, run_python

PAGE = "docs/parallel.md"

dask = pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # of the cluster's own sockets and processes
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module", autouse=True)
def _environment() -> Iterator[None]:
    """Take back what dask sets for the processes that it starts, such as one thread for numerical libraries.

    The server that starts processes for other tests would else keep that for as long as this process lives.
    """
    forkserver.ensure_running()
    with patch.dict(os.environ):
        yield


@pytest.fixture(scope="module")
def client(_environment: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two processes; a task that kills one is not tried again."""
    settings = {"distributed.scheduler.allowed-failures": 0, "distributed.worker.daemon": True}
    sys.path.insert(0, str(Path(__file__).parents[2]))  # where they find the module of the iterators
    try:
        with (
            dask.config.set(settings),
            distributed.LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                dashboard_address=":0",
                local_directory=str(tmp_path_factory.mktemp("cluster")),
            ) as cluster,
            distributed.Client(cluster) as opened,
        ):
            yield opened
    finally:
        sys.path.pop(0)


def _write(path: Path, data: Any, **options: Any) -> Path:
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("large", data))
    with NWBZarrIO(path, "w") as io:
        io.write(nwbfile, **options)
    return path


def _chunks(path: Path) -> dict[str, bytes]:
    folder = path / "acquisition" / "large" / "data"
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("given", ["client", "executor"])
def test_a_cluster_stores_what_one_process_would(tmp_path: Path, client: Any, given: str) -> None:
    """The client itself does, and so does its executor; the files are the same to the byte (NEEDS 13)."""
    executor = client if given == "client" else client.get_executor()
    one = _write(tmp_path / "one.zarr", Rows())
    many = _write(tmp_path / "many.zarr", Rows(), executor=executor)

    assert _chunks(many) == _chunks(one)
    assert left_overs(tmp_path, "one.zarr", "many.zarr") == []
    assert client.submit(len, "open").result() == 4


def test_a_cluster_shares_an_export(tmp_path: Path, client: Any) -> None:
    """From HDF5, which each of its processes opens for itself (NEEDS 13)."""
    values = row_numbers()
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("large", values))
    with NWBHDF5IO(tmp_path / "source.nwb", "w") as io:
        io.write(nwbfile)
    with NWBHDF5IO(tmp_path / "source.nwb", "r") as source, NWBZarrIO(tmp_path / "export.zarr", "w") as io:
        io.export(source, executor=client)
    with NWBZarrIO(tmp_path / "export.zarr", "r") as io:
        np.testing.assert_array_equal(io.read().acquisition["large"].data[:], values)


def test_a_task_that_fails_on_a_cluster_leaves_the_old_file(tmp_path: Path, client: Any) -> None:
    path = _write(tmp_path / "kept.zarr", np.arange(5.0))
    before = _chunks(path)
    with pytest.raises(OSError, match="disk is gone"):
        _write(path, Failing(), executor=client)

    assert _chunks(path) == before
    assert left_overs(tmp_path, "kept.zarr") == []


def test_a_lazy_array_is_an_array_of_dask(tmp_path: Path, client: Any) -> None:
    """The cluster's processes open it for themselves; its chunks are the stored ones."""
    import dask.array

    path = _write(tmp_path / "file.zarr", Rows())
    with NWBZarrIO(path, "r") as io:
        stored = io.read().acquisition["large"].data
        lazy = dask.array.from_array(stored)
        assert lazy.sum().compute() == row_numbers().sum()
        assert all(length % stored.chunks[0] == 0 for length in lazy.chunks[0][:-1])


def test_an_executor_that_is_none_is_refused_and_the_extra_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"hdmf-store\[dask\]"):
        _write(tmp_path / "file.zarr", np.arange(5.0), executor="tcp://127.0.0.1:8786")
    assert not (tmp_path / "file.zarr").exists()


def test_a_worker_that_dies_is_an_error_that_names_the_dataset(tmp_path: Path, client: Any) -> None:
    """As when a cluster ends a process that takes too much memory; the old file stays."""
    path = _write(tmp_path / "kept.zarr", np.arange(5.0))
    before = _chunks(path)
    with pytest.raises(WorkerLostError, match="/acquisition/large/data"):
        _write(path, Deadly(), executor=client)

    assert _chunks(path) == before
    assert left_overs(tmp_path, "kept.zarr") == []


def test_what_the_page_about_this_shows_can_be_run(tmp_path: Path) -> None:
    """All code in it but that for clusters that are not here; each export leaves the same chunks (NEEDS 13)."""
    blocks = blocks_of(PAGE, "python")
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("large", row_numbers()))
    with NWBHDF5IO(tmp_path / "source.nwb", "w") as io:
        io.write(nwbfile)

    names: dict[str, Any] = {"__name__": "__main__", "source": tmp_path / "source.nwb", "target": tmp_path / "a.zarr"}
    stored = []
    assert [
        word in " ".join(block.code for block in blocks)
        for word in ("number_of_jobs", "LocalCluster", "iter_chunks", "xarray")
    ] == [True] * 4
    for block in blocks:
        run_python(PAGE, block, names)
        stored.append(_chunks(tmp_path / "a.zarr"))
    assert len(stored[0]) > 1
    assert all(chunks == stored[0] for chunks in stored)
    assert names["highest"] == row_numbers().max()
