"""What the system refuses to a writer is told by type, file and way out; what was there stays, and nothing more."""

from __future__ import annotations

import multiprocessing
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("this system has no limits that a process can set itself", allow_module_level=True)

from tests.faults.changes import PLACES
from tests.faults.refusals import CAUSES, can_mount, small_disk, sweep
from tests.faults.trials import ALL

_CAN_MOUNT = can_mount()
_KINDS = [kind for kind in PLACES if kind != "Icechunk"]
_SHORT = [("folder", "in place of another"), ("folder", "attributes are changed"), ("archive", "objects are added")]
_LONG = [case for case in ALL if case[0] in _KINDS]


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


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(("kind", "name"), [*_SHORT, ("HDF5", "a new file")])
def test_what_is_refused_changes_nothing_and_can_be_done_later(kind: str, name: str, cause: str, disk: Path) -> None:
    """With no room at all, and with a little more each time, until the change gets through."""
    refused, wrong = sweep(kind, name, cause, disk)

    assert refused > 0
    assert wrong == []


@pytest.mark.faults
@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize(("kind", "name"), _LONG)
def test_every_change_that_is_refused_changes_nothing(kind: str, name: str, cause: str, disk: Path) -> None:
    """The same of every change in every kind of place on this machine's disks."""
    refused, wrong = sweep(kind, name, cause, disk)

    assert refused > 0
    assert wrong == []
