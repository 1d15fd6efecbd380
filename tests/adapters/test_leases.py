"""Two writers of one file: the second one is told who the first is, before anything is changed.

Holds what users asked for (NEEDS 41).
"""

from __future__ import annotations

import gc
import os
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hdmf_store.adapter import Location, Plan, open_adapter
from hdmf_store.errors import HierarchyExistsError, HierarchyInUseError
from hdmf_store.nodes import Group
from hdmf_store_adapters.leases import lock_file_of
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.other_programs import (
    OtherProgram,
    add_rows,
    fork_and_close,
    hold,
    hold_with_h5py,
    open_in_all_modes,
    write_in_copy,
)
from tests.adapters.samples import numbers

if os.name == "nt":
    pytest.skip("these programs are forked and killed, which Windows does not know", allow_module_level=True)

NAMES = {"folder": "a.zarr", "archive": "a.zarr.zip", "HDF5": "a.h5"}
WRITING = ["r+", "a", "w", "w-", "x"]
every_kind = pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
every_mode = pytest.mark.parametrize("mode", WRITING)


def stored(place: Path) -> Path:
    """Store a small file and return its place."""
    adapter = open_adapter(place, "w")
    adapter.write(Plan(nodes={"/": Group({"k": 1}), "/a": numbers([0, 1], chunks=(4,))}))
    adapter.close()
    return place


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file that is there, apart from locks."""
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if not name.endswith("-lock")}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ------------------------------------------------------------------------------------------------- who is refused


@every_kind
def test_another_program_is_refused_in_every_mode_that_writes(name: str, tmp_path: Path) -> None:
    """It is told which process has the file open, where, how and since when; nothing is changed."""
    place = stored(tmp_path / name)
    mine = open_adapter(place, "r+")
    before = contents(tmp_path)

    with OtherProgram(open_in_all_modes, place) as other:
        answers = dict(other.told() for _ in range(7))

    for mode in WRITING:
        problem = answers[mode]
        assert isinstance(problem, HierarchyInUseError)
        assert (problem.location, problem.process, problem.host) == (str(place), os.getpid(), socket.gethostname())
        assert problem.mode == "r+" and problem.since
    assert contents(tmp_path) == before
    mine.close()
    if name != NAMES["HDF5"]:  # where h5py keeps readers of other programs away from who writes, too
        assert (answers["r"], answers["r-"]) == (None, None)


@every_kind
@every_mode
def test_a_second_writer_in_the_same_program_is_refused(mode: str, name: str, tmp_path: Path) -> None:
    """It is told to close the first; after that it opens."""
    place = stored(tmp_path / name)
    first = open_adapter(place, "w")
    first.write(Plan(nodes={"/": Group(), "/a": numbers([5])}))

    with pytest.raises(HierarchyInUseError, match=r"this program .* mode 'w' .* io\.close") as caught:
        open_adapter(place, mode)
    first.close()

    assert caught.value.process == os.getpid()
    if mode in ("w-", "x"):
        with pytest.raises(HierarchyExistsError):
            open_adapter(place, mode)
    else:
        open_adapter(place, mode).close()
    reader = open_adapter(place)
    assert reader.array("/a")[...].tolist() == [5]
    reader.close()


def test_one_file_has_one_lease_however_it_is_named(tmp_path: Path) -> None:
    """Links of the file system lead to the same lock."""
    place = stored(tmp_path / "a.zarr")
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "other name.zarr"
    link.symlink_to(place, target_is_directory=True)
    first = open_adapter(link, "r+")

    with pytest.raises(HierarchyInUseError):
        open_adapter(place, "a")

    first.close()
    assert names(tmp_path) == ["a.zarr", "folder"]
    assert names(tmp_path / "folder") == ["other name.zarr"]


@every_kind
def test_where_the_folder_is_not_there_yet_the_first_to_write_has_the_file(name: str, tmp_path: Path) -> None:
    """Opening makes no folder; the second one is refused when it writes, and what the first stored stays."""
    place = tmp_path / "new" / name
    first, second = open_adapter(place, "w"), open_adapter(place, "w")
    assert names(tmp_path) == []
    first.write(Plan(nodes={"/": Group(), "/a": numbers([1])}))

    with pytest.raises(HierarchyInUseError):
        second.write(Plan(nodes={"/": Group(), "/a": numbers([2])}))
    second.close()
    first.close()

    reader = open_adapter(place)
    assert reader.array("/a")[...].tolist() == [1]
    reader.close()
    assert names(place.parent) == [name]


@pytest.mark.parametrize(("theirs", "mode"), [("r+", "r"), ("r+", "r+"), ("r", "r+")])
def test_hdf5_files_that_other_libraries_have_open_are_in_use(theirs: str, mode: str, tmp_path: Path) -> None:
    """HDF5 has locks of its own, and who holds one is not known; the error has the same type."""
    place = stored(tmp_path / "a.h5")

    with OtherProgram(hold_with_h5py, place, theirs) as other:
        other.told()
        with pytest.raises(HierarchyInUseError, match="another program") as caught:
            open_adapter(place, mode)

    assert caught.value.process is None
    open_adapter(place, mode).close()
    assert names(tmp_path) == ["a.h5"]


# ------------------------------------------------------------------------------------------------ how long it lasts


@every_kind
@pytest.mark.parametrize("mode", ["w", "w-", "r+", "a"])
def test_nothing_stays_beside_the_file_when_it_is_closed(mode: str, name: str, tmp_path: Path) -> None:
    """Whether something was written or not, or the mode did not fit."""
    place = tmp_path / name
    if mode in ("r+", "a"):
        stored(place)
    before = names(tmp_path)

    adapter = open_adapter(place, mode)
    assert names(tmp_path) != before
    adapter.close()

    assert names(tmp_path) == before
    with pytest.raises(OSError):
        open_adapter(tmp_path / f"no {name}", "r+")
    assert names(tmp_path) == before


@every_kind
def test_who_is_killed_leaves_no_lock(name: str, tmp_path: Path) -> None:
    """A file stays, which nobody holds: the next writer opens at once, and tidies up."""
    place = stored(tmp_path / name)
    other = OtherProgram(hold, place, "r+")
    other.told()
    with pytest.raises(HierarchyInUseError):
        open_adapter(place, "r+")

    other.kill()

    assert Path(lock_file_of(Location.of(place))).exists()
    next_one = open_adapter(place, "a")
    with pytest.raises(HierarchyInUseError) as caught:
        open_adapter(place, "a")
    assert caught.value.process == os.getpid()
    next_one.close()
    assert names(tmp_path) == [name]


def test_who_was_dropped_without_being_closed_holds_nothing(tmp_path: Path) -> None:
    """Even where it is part of a circle that is not collected yet; but arrays that were handed out keep the file."""
    place = stored(tmp_path / "a.zarr")
    gc.disable()
    try:
        circle: list[Any] = [open_adapter(place, "r+")]
        circle.append(circle)
        array = circle[0].array("/a")
        del circle
        with pytest.raises(HierarchyInUseError):
            open_adapter(place, "r+")
        del array
        open_adapter(place, "r+").close()
    finally:
        gc.enable()

    assert names(tmp_path) == ["a.zarr"]


def test_a_fork_neither_drops_nor_keeps_the_lease_of_its_parent(tmp_path: Path) -> None:
    """It is held while the parent has the file open, whatever the child closes, and no longer."""
    place = stored(tmp_path / "a.zarr")
    with OtherProgram(fork_and_close, place) as other:
        assert other.told() == "the child has closed its copy"
        with pytest.raises(HierarchyInUseError):
            open_adapter(place, "r+")

        other.pipe.send("close in the parent")

        assert other.told() == "the parent has closed it, the child lives"
        assert names(tmp_path) == ["a.zarr"]
        open_adapter(place, "r+").close()


def test_copies_in_other_processes_work_under_the_lease_of_the_file_they_come_from(tmp_path: Path) -> None:
    """What a worker is sent can be changed there, and its end does not end the lease."""
    place = stored(tmp_path / "a.zarr")
    mine = open_adapter(place, "r+")

    with OtherProgram(write_in_copy) as other:
        other.pipe.send(mine.array("/a"))
        assert other.told() == "done"

    assert mine.array("/a")[...].tolist() == [100, 1]
    with pytest.raises(HierarchyInUseError):
        open_adapter(place, "r+")
    mine.close()


def test_programs_that_wait_for_each_other_lose_nothing(tmp_path: Path) -> None:
    """Each opens whenever nobody else has the file, adds a row, and closes; no two are ever in at once."""
    place = stored(tmp_path / "a.zarr")
    others = [OtherProgram(add_rows, place, 40) for _ in range(3)]
    for other in others:
        assert other.told() == "ready"
    for other in others:
        other.pipe.send("go")

    refused = [other.told() for other in others]
    for other in others:
        other.end()

    reader = open_adapter(place)
    assert reader.array("/a")[...].tolist() == list(range(2 + 3 * 40))
    reader.close()
    assert sum(refused) > 0
    assert names(tmp_path) == ["a.zarr"]


# ---------------------------------------------------------------------------------------------------- who shares


def sharing(place: Path, mode: str = "r+") -> ZarrAdapter:
    adapter = ZarrAdapter(place, synchronizer=True)
    adapter.open(mode)
    return adapter


def test_writers_with_a_synchronizer_share_the_file_and_keep_others_out(tmp_path: Path) -> None:
    """Until the last of them has closed it, whoever that is."""
    place = stored(tmp_path / "a.zarr")
    one, two = sharing(place), sharing(place, "a")

    for leaving in (one, two):
        with pytest.raises(HierarchyInUseError) as caught:
            open_adapter(place, "r+")
        assert caught.value.process == os.getpid()
        leaving.close()

    alone = open_adapter(place, "r+")
    with pytest.raises(HierarchyInUseError):
        sharing(place)
    alone.close()
    assert names(tmp_path) == ["a.zarr"]


def test_a_file_that_others_share_is_not_replaced(tmp_path: Path) -> None:
    """Mode w with a synchronizer needs the file for itself when it is opened; later others join."""
    place = stored(tmp_path / "a.zarr")
    one = sharing(place)
    with pytest.raises(HierarchyInUseError):
        sharing(place, "w")
    one.close()

    new = sharing(place, "w")
    new.write(Plan(nodes={"/": Group(), "/b": numbers([3])}))
    joined = sharing(place)
    joined.array("/b").append(np.array([4], "int32"))
    joined.close()
    new.close()

    reader = open_adapter(place)
    assert reader.array("/b")[...].tolist() == [3, 4]
    reader.close()


# -------------------------------------------------------------------------------------------- where there is no guard


def test_where_no_lock_can_be_made_files_are_written_without(tmp_path: Path) -> None:
    """A folder of its name is in the way, as a folder that nobody may write to would be: no guard, and no error."""
    place = tmp_path / "a.zarr"
    Path(lock_file_of(Location.of(place))).mkdir()
    stored(place)

    one, two = open_adapter(place, "r+"), open_adapter(place, "r+")
    one.array("/a")[0] = 7
    two.close()
    one.close()

    reader = open_adapter(place)
    assert reader.array("/a")[...].tolist() == [7, 1]
    reader.close()


def test_a_file_beside_that_says_nothing_of_its_owner_is_no_obstacle(tmp_path: Path) -> None:
    """Whatever a killed writer, or somebody else, left in it."""
    place = stored(tmp_path / "a.zarr")
    for left in (b"", b"\xff{", b' {"process": "x", "more": 1}\n', b" [1]\n" * 9000):
        Path(lock_file_of(Location.of(place))).write_bytes(left)

        open_adapter(place, "r+").close()

        assert names(tmp_path) == ["a.zarr"]
