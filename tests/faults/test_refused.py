"""What the system refuses to a writer is told by type, file and way out; what was there stays, and nothing more."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("this system has no limits that a process can set itself", allow_module_level=True)

import resource

from hdmf_store import StorageFailureError, ZarrIO
from tests.faults.changes import PLACES
from tests.faults.refusals import CAUSES, can_mount, small_disk, sweep
from tests.faults.trials import ALL
from tests.translate.builder_files import dataset, root

pytestmark = pytest.mark.once

_CAN_MOUNT = can_mount()
_KINDS = list(PLACES)
_LONG = [case for case in ALL if case[0] in _KINDS]
_SHORT = [
    *(("folder", "attributes are changed", cause) for cause in CAUSES),
    *(("archive", "objects are added", cause) for cause in CAUSES if cause != "files cannot be that long"),
    ("folder", "in place of another", "no more files can be opened"),
    ("HDF5", "a new file", "the disk is full"),
    ("Icechunk", "a new file", "the disk is full"),
    ("Icechunk", "objects are added", "files cannot be that long"),
    ("Icechunk", "a new file", "nothing may be changed"),
]


@pytest.fixture
def disk(request: pytest.FixtureRequest) -> Iterator[Path]:
    """An empty folder, on a disk of its own where the cause needs that."""
    if not CAUSES[request.getfixturevalue("cause")].needs_disk:
        with tempfile.TemporaryDirectory(prefix="hdmf-store-disk-") as folder:
            Path(folder).chmod(0o755)
            yield Path(folder)
        return
    if not _CAN_MOUNT:
        pytest.skip("needs an administrator of Linux, who can mount a small disk")
    with small_disk() as folder:
        yield folder


@pytest.mark.parametrize(("kind", "name", "cause"), _SHORT)
def test_what_is_refused_changes_nothing_and_can_be_done_later(kind: str, name: str, cause: str, disk: Path) -> None:
    """With no room at all, and with a little more each time, until the change gets through."""
    refused, wrong = sweep(kind, name, cause, disk)

    assert refused > 0
    assert wrong == []


def test_what_was_assigned_to_an_archive_is_stored_by_closing_it_again(tmp_path: Path) -> None:
    """An archive is packed when it is closed. Where that is refused, nothing that was assigned is lost."""
    place = tmp_path / "a.zarr.zip"
    with ZarrIO(place, "w") as io:
        io.write_builder(root(dataset("x", np.arange(400))))
    io = ZarrIO(place, "r+")
    io.open()
    io.read_builder()["x"].data[3:5] = [-3, -4]
    with _short_files(900), pytest.raises(StorageFailureError, match=r"cannot write .*\(File too large\)"):
        io.close()

    io.close()

    with ZarrIO(place, "r") as io:
        assert io.read_builder()["x"].data[2:6].tolist() == [2, -3, -4, 5]
    assert [path.name for path in tmp_path.iterdir()] == [place.name]


@contextmanager
def _short_files(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.faults
@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(("kind", "name"), _LONG)
def test_every_change_that_is_refused_changes_nothing(kind: str, name: str, cause: str, disk: Path) -> None:
    """The same of every change in every kind of place on this machine's disks."""
    refused, wrong = sweep(kind, name, cause, disk)

    assert refused > 0
    assert wrong == []
