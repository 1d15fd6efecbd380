"""A process that is killed while it changes a folder, an archive, or anything else, loses nothing that was there."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from typing import Any

import pytest

if "forkserver" not in multiprocessing.get_all_start_methods():
    pytest.skip("this system cannot kill and fork as these tests do", allow_module_level=True)

from tests.faults.changes import CHANGES, seen
from tests.faults.traced import IS_POSSIBLE
from tests.faults.trials import ALL, TRACED, Trials

pytestmark = pytest.mark.once


def _marked(cases: list[tuple[str, str]]) -> list[Any]:
    return [pytest.param(*case, marks=_untraceable) if case[0] in TRACED else case for case in cases]


_untraceable = pytest.mark.skipif(not IS_POSSIBLE, reason="this system lets no process be traced")
_BRIEFLY = [
    *((kind, name) for kind, name in ALL if kind in ("folder", "archive") and name in CHANGES),
    *((kind, "in place of another") for kind in ("nested folder", "folder of format 2", "HDF5", "Icechunk")),
    *(("folder", name) for name in ("append rows", "export")),
    ("archive", "repack"),
]
every_change = pytest.mark.parametrize(("kind", "name"), _marked(ALL))
some_changes = pytest.mark.parametrize(("kind", "name"), _marked(_BRIEFLY))


@some_changes
def test_who_is_killed_at_some_operations_leaves_the_old_or_the_new(tmp_path: Path, kind: str, name: str) -> None:
    """The first, one in the middle, the last two: readers of all modes, and the next who writes, are not misled."""
    trials = Trials(tmp_path, kind, name)

    assert [line for at in trials.sample(3) for line in trials.losses(at)] == []


@pytest.mark.faults
@every_change
def test_who_is_killed_at_any_operation_leaves_the_old_or_the_new(tmp_path: Path, kind: str, name: str) -> None:
    """Before each opening, making, renaming and removing, and before and in the midst of each write."""
    trials = Trials(tmp_path, kind, name)

    assert [line for at in range(len(trials.operations)) for line in trials.losses(at)] == []


@pytest.mark.faults
@pytest.mark.parametrize("kind", ["folder", "archive", pytest.param("HDF5", marks=_untraceable)])
def test_who_is_killed_while_a_large_file_is_written_leaves_the_old_or_the_new(tmp_path: Path, kind: str) -> None:
    """At some of its operations, from the first to the last."""
    trials = Trials(tmp_path, kind, "a large file")

    assert len(trials.operations) > 100
    assert [line for at in trials.sample(6) for line in trials.losses(at)] == []


def test_a_loss_is_seen(tmp_path: Path) -> None:
    """These tests can fail: what was removed, cut off or mixed is told."""
    trials = Trials(tmp_path, "folder", "in place of another")
    place = tmp_path / "before" / "a.zarr"
    (place / "a/c/1").write_bytes((tmp_path / "after" / "a.zarr" / "a/c/1").read_bytes())

    lines = trials.losses(0)

    assert [line for line in lines if "mode r reads" in line and "killed at 0" in line]
    assert seen("folder", tmp_path / "before", "r") is not None


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("folder", "exchange a.zarr.hdmf-store-tmp-"),
        ("archive", "rename a.zarr.zip."),
        pytest.param("HDF5", "rename a.h5.hdmf-store-tmp-", marks=_untraceable),
    ],
)
def test_the_operations_are_those_of_the_system(tmp_path: Path, kind: str, wanted: str) -> None:
    """Nothing that changes the place is missed: files are opened and written, one step puts them in place."""
    operations = Trials(tmp_path, kind, "in place of another").operations

    assert len([line for line in operations if line.startswith(wanted)]) == 1
    assert len([line for line in operations if line.startswith("open ")]) >= 1
    assert len([line for line in operations if line.startswith("write half")]) >= 1
