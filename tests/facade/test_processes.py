"""The processes that share a write: started in the way that is asked for, with the threads that are allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hdmf_store import NWBZarrIO
from tests.facade.marked_iterators import FORKSERVER, HERE, SPAWN, Marked, threads
from tests.facade.recordings import new_recording, new_series


@pytest.fixture(autouse=True)
def _findable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let other processes find the module of the iterator."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2])


def _marks(path: Path, **arguments: Any) -> list[int]:
    """Write a series, and return the distinct values that its iterator gave."""
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("marked", Marked()))
    with NWBZarrIO(path, "w") as io:
        io.write(nwbfile, **arguments)
    return np.unique(zarr.open_array(path / "acquisition/marked/data", mode="r")[:]).tolist()


def test_one_job_is_this_process(tmp_path: Path) -> None:
    """The default; no process is started."""
    assert _marks(tmp_path / "file.zarr") == [HERE + threads()]


def test_processes_and_their_threads_are_as_told(tmp_path: Path) -> None:
    """The context is the one that is named, and the limit reaches those who do the work."""
    told = {"number_of_jobs": 2, "multiprocessing_context": "spawn", "max_threads_per_process": 1}

    assert _marks(tmp_path / "file.zarr", **told) == [SPAWN + 1]


def test_processes_are_started_by_a_server_unless_told_otherwise(tmp_path: Path) -> None:
    """A fork of a process in which zarr has threads can hang; threads are not limited."""
    assert _marks(tmp_path / "file.zarr", number_of_jobs=2) == [FORKSERVER + threads()]
