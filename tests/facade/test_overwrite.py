"""A file that exists is replaced when the new one is complete, and not before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdmf.common import get_manager
from hdmf.data_utils import DataChunkIterator

from hdmf_store import HierarchyExistsError, UnsupportedValueError, ZarrIO
from tests.facade.recordings import left_overs, new_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A Zarr file with one table."""
    with ZarrIO(tmp_path / "table.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(old=[1, 2, 3]))
    return tmp_path / "table.zarr"


def _columns(path: Path) -> dict[str, list[Any]]:
    with ZarrIO(path, "r", manager=get_manager()) as io:
        table = io.read()
        return {name: list(table[name].data[:]) for name in table.colnames}


def _snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def _broken() -> Iterator[int]:
    yield from range(1000)
    raise RuntimeError("the disk with the raw data went away")


def test_overwriting_replaces_everything(path: Path, tmp_path: Path) -> None:
    """Nothing of the old file is left, neither inside nor beside the new one."""
    with ZarrIO(path, "w", manager=get_manager()) as io:
        io.write(new_table(new=["a", "b", "c"]))

    assert _columns(path) == {"new": ["a", "b", "c"]}
    assert not (path / "old").exists()
    assert left_overs(tmp_path) == ["table.zarr"]


def test_the_old_file_is_readable_until_the_new_one_is_complete(path: Path) -> None:
    """Who reads meanwhile sees the old file, whole."""
    seen = []

    def numbers() -> Iterator[int]:
        for number in range(3):
            seen.append(_columns(path))
            yield number

    with ZarrIO(path, "w", manager=get_manager()) as io:
        io.write(new_table(new=DataChunkIterator(numbers(), buffer_size=1)))

    assert seen == [{"old": [1, 2, 3]}] * 3
    assert _columns(path) == {"new": [0, 1, 2]}


def test_data_that_raises_leaves_the_old_file_as_it_was(path: Path, tmp_path: Path) -> None:
    """A failed write changes no byte and leaves nothing behind."""
    before = _snapshot(path)

    with pytest.raises(RuntimeError, match="went away"), ZarrIO(path, "w", manager=get_manager()) as io:
        io.write(new_table(new=DataChunkIterator(_broken(), buffer_size=100)))

    assert _snapshot(path) == before
    assert left_overs(tmp_path) == ["table.zarr"]


def test_a_value_without_form_leaves_the_old_file_as_it_was(path: Path, tmp_path: Path) -> None:
    """What cannot be stored is found before the store is touched."""
    before = _snapshot(path)

    with (
        pytest.raises(UnsupportedValueError, match=r"table\.zarr: /new: "),
        ZarrIO(path, "w", manager=get_manager()) as io,
    ):
        io.write(new_table(new=np.array([1, 2, 3], "timedelta64[s]")))

    assert _snapshot(path) == before
    assert left_overs(tmp_path) == ["table.zarr"]


def test_a_failed_write_of_a_new_file_leaves_nothing(tmp_path: Path) -> None:
    """No folder, whole or half, remains where there was none."""
    with pytest.raises(RuntimeError), ZarrIO(tmp_path / "new.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(new=DataChunkIterator(_broken(), buffer_size=100)))

    assert left_overs(tmp_path) == []


def test_a_failed_append_leaves_the_old_file_as_it_was(path: Path, tmp_path: Path) -> None:
    """A column that cannot be stored is not there afterwards, and everything else is."""
    before = _snapshot(path)

    with pytest.raises(UnsupportedValueError, match="/new: "), ZarrIO(path, "r+", manager=get_manager()) as io:
        table = io.read()
        table.add_column("fine", "fine", data=[1, 2, 3])
        table.add_column("new", "no form", data=np.array([1, 2, 3], "timedelta64[s]"))
        io.write(table)

    assert _snapshot(path) == before
    assert left_overs(tmp_path) == ["table.zarr"]


@pytest.mark.parametrize("mode", ["w", "r+", "a"])
def test_a_file_that_is_opened_and_closed_is_as_it_was(path: Path, mode: str) -> None:
    """Nothing written, nothing replaced: opening alone does no harm."""
    before = _snapshot(path)

    with ZarrIO(path, mode, manager=get_manager()):
        pass

    assert _snapshot(path) == before


@pytest.mark.parametrize("mode", ["w", "w-", "a"])
def test_a_new_file_that_is_not_written_is_not_made(tmp_path: Path, mode: str) -> None:
    """There is no empty file that looks like one."""
    with ZarrIO(tmp_path / "new.zarr", mode, manager=get_manager()):
        pass

    assert left_overs(tmp_path) == []


def test_a_folder_of_other_files_is_not_replaced(tmp_path: Path) -> None:
    """Mode w deletes Zarr files, not whatever has that name."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "thesis.txt").write_text("years of work")

    with pytest.raises(HierarchyExistsError, match=r"folder: is a folder that holds no Zarr.*force_overwrite=True"):
        ZarrIO(tmp_path / "folder", "w")

    assert (tmp_path / "folder" / "thesis.txt").read_text() == "years of work"


def test_a_plain_file_is_not_replaced(tmp_path: Path) -> None:
    """An HDF5 file of that name is kept."""
    with h5py.File(tmp_path / "file.nwb", "w") as file:
        file["x"] = 1

    with pytest.raises(FileExistsError, match="is a file"):
        ZarrIO(tmp_path / "file.nwb", "w")

    assert h5py.is_hdf5(tmp_path / "file.nwb")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_anything_is_replaced_where_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    """force_overwrite takes the place of whatever is there (NEEDS 19)."""
    target = tmp_path / "target.zarr"
    if kind == "file":
        target.write_text("x")
    else:
        target.mkdir()
        (target / "notes.txt").write_text("x")

    with ZarrIO(target, "w", manager=get_manager(), force_overwrite=True) as io:
        io.write(new_table(new=[1, 2, 3]))

    assert _columns(target) == {"new": [1, 2, 3]}
    assert not (target / "notes.txt").exists()
    assert left_overs(tmp_path) == ["target.zarr"]


def test_what_was_to_be_replaced_survives_a_failure(tmp_path: Path) -> None:
    """Also with force_overwrite, what was there goes last."""
    (tmp_path / "target.zarr").write_text("x")

    with (
        pytest.raises(RuntimeError),
        ZarrIO(tmp_path / "target.zarr", "w", manager=get_manager(), force_overwrite=True) as io,
    ):
        io.write(new_table(new=DataChunkIterator(_broken(), buffer_size=100)))

    assert (tmp_path / "target.zarr").read_text() == "x"
    assert left_overs(tmp_path) == ["target.zarr"]


def test_an_empty_folder_is_a_place_for_a_file(tmp_path: Path) -> None:
    """Somebody made the folder beforehand: it holds nothing to lose."""
    (tmp_path / "new.zarr").mkdir()

    with ZarrIO(tmp_path / "new.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(new=[1, 2, 3]))

    assert _columns(tmp_path / "new.zarr") == {"new": [1, 2, 3]}


def test_a_folder_that_does_not_exist_yet_is_made(tmp_path: Path) -> None:
    """Missing folders on the way are made."""
    with ZarrIO(tmp_path / "a" / "b" / "new.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(new=[1, 2, 3]))

    assert _columns(tmp_path / "a" / "b" / "new.zarr") == {"new": [1, 2, 3]}


def test_a_symbolic_link_to_a_file_stays_one(path: Path, tmp_path: Path) -> None:
    """Overwriting through a symbolic link replaces what it leads to."""
    (tmp_path / "alias.zarr").symlink_to(path, target_is_directory=True)

    with ZarrIO(tmp_path / "alias.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(new=[1, 2, 3]))

    assert (tmp_path / "alias.zarr").is_symlink()
    assert _columns(path) == {"new": [1, 2, 3]}


def test_two_writes_in_mode_w_leave_the_second(tmp_path: Path) -> None:
    """The same IO may write twice: first one table, then more of it."""
    with ZarrIO(tmp_path / "new.zarr", "w", manager=get_manager()) as io:
        table = new_table(first=[1, 2, 3])
        io.write(table)
        table.add_column("second", "more", data=["a", "b", "c"])
        io.write(table)

    assert _columns(tmp_path / "new.zarr") == {"first": [1, 2, 3], "second": ["a", "b", "c"]}
