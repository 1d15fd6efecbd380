"""What each mode allows, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from hdmf.backends.errors import UnsupportedOperation
from hdmf.common import get_manager

from hdmf_store import (
    ArgumentError,
    ClosedError,
    HierarchyExistsError,
    MissingHierarchyError,
    UnsupportedModeError,
    ZarrDataIO,
    ZarrIO,
)
from tests.facade.recordings import left_overs, new_table
from tests.translate.builder_files import dataset, group, root


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A Zarr file with one table."""
    with ZarrIO(tmp_path / "table.zarr", "w", manager=get_manager()) as io:
        io.write(new_table())
    return tmp_path / "table.zarr"


@pytest.mark.parametrize("mode", ["r", "r-", "r+", "a"])
def test_modes_that_read_return_what_is_stored(path: Path, mode: str) -> None:
    """Four modes read; they differ in what else they allow."""
    with ZarrIO(path, mode, manager=get_manager()) as io:
        table = io.read()

        assert table["number"].data[:].tolist() == [1.5, 2.5, 3.5]
        assert list(table["text"].data[:]) == ["a", "b", "c"]
        assert io.mode == mode


@pytest.mark.parametrize("mode", ["w", "w-", "x", "a"])
def test_modes_that_create_make_a_new_file(tmp_path: Path, mode: str) -> None:
    """Where there is nothing, four modes make a file."""
    with ZarrIO(tmp_path / "new.zarr", mode, manager=get_manager()) as io:
        io.write(new_table())

    with ZarrIO(tmp_path / "new.zarr", "r", manager=get_manager()) as io:
        assert len(io.read()) == 3


@pytest.mark.parametrize("mode", ["r", "r-", "r+"])
def test_a_missing_file_is_named(tmp_path: Path, mode: str) -> None:
    """The error is the one that `open` would raise, and says which path does not exist."""
    with pytest.raises(FileNotFoundError, match=r"missing\.zarr: does not exist") as caught:
        ZarrIO(tmp_path / "missing.zarr", mode)

    assert isinstance(caught.value, MissingHierarchyError)


@pytest.mark.parametrize("mode", ["w-", "x"])
def test_modes_that_only_create_refuse_a_file_that_exists(path: Path, mode: str) -> None:
    """The file that is there is not touched."""
    with pytest.raises(FileExistsError, match=r"table\.zarr: exists") as caught:
        ZarrIO(path, mode)

    assert isinstance(caught.value, HierarchyExistsError)
    with ZarrIO(path, "r", manager=get_manager()) as io:
        assert len(io.read()) == 3


@pytest.mark.parametrize("mode", ["rw", "", "W", "rb", None, 1])
def test_an_unknown_mode_is_refused_at_once(tmp_path: Path, mode: object) -> None:
    """The error lists the modes, and nothing was made."""
    with pytest.raises(ValueError, match="the modes are r, r-, r\\+, a, w, w-, x") as caught:
        ZarrIO(tmp_path / "new.zarr", mode)  # type: ignore[arg-type]

    assert isinstance(caught.value, ArgumentError)
    assert left_overs(tmp_path) == []


def test_an_unknown_argument_is_refused_at_once(tmp_path: Path) -> None:
    """A misspelt keyword is not swallowed."""
    with pytest.raises(TypeError, match="force_overwirte"):
        ZarrIO(tmp_path / "new.zarr", "w", force_overwirte=True)


@pytest.mark.parametrize("place", [None, 3, 1.5, b"bytes", ["a.zarr"]], ids=repr)
def test_a_path_of_no_known_kind_is_refused(place: object) -> None:
    """What can hold no file is refused before anything is touched."""
    with pytest.raises(ArgumentError):
        ZarrIO(place, "w")


@pytest.mark.parametrize("mode", ["r", "r-"])
def test_writing_is_refused_in_modes_that_read(path: Path, mode: str) -> None:
    """The error says which mode to open the file with."""
    with ZarrIO(path, mode, manager=get_manager()) as io:
        table = io.read()
        with pytest.raises(
            UnsupportedOperation, match=r"cannot write in mode 'r-?'\. Open the file with mode 'w'"
        ) as caught:
            io.write(table)

    assert isinstance(caught.value, UnsupportedModeError)


@pytest.mark.parametrize("mode", ["w", "w-", "x"])
def test_reading_is_refused_in_modes_that_create(tmp_path: Path, mode: str) -> None:
    """A file that is being made cannot be read."""
    with (
        ZarrIO(tmp_path / "new.zarr", mode, manager=get_manager()) as io,
        pytest.raises(UnsupportedOperation, match="cannot read in mode"),
    ):
        io.read()


@pytest.mark.parametrize("mode", ["r", "r+", "a"])
def test_exporting_is_refused_in_modes_that_do_not_create(path: Path, tmp_path: Path, mode: str) -> None:
    """An export makes a file; it is not mixed into one."""
    with (
        ZarrIO(path, "r", manager=get_manager()) as source,
        ZarrIO(path, mode, manager=get_manager()) as io,
        pytest.raises(UnsupportedOperation, match="export"),
    ):
        io.export(source)


def test_arrays_of_a_file_that_was_opened_for_reading_cannot_be_assigned_to(path: Path) -> None:
    """Reading is safe: no array that was read can change the file."""
    with ZarrIO(path, "r", manager=get_manager()) as io:
        data = io.read()["number"].data
        with pytest.raises((ValueError, UnsupportedOperation)):
            data[0] = 9.0
        with pytest.raises((ValueError, UnsupportedOperation)):
            data.append([9.0])

    with ZarrIO(path, "r", manager=get_manager()) as io:
        assert io.read()["number"].data[:].tolist() == [1.5, 2.5, 3.5]


def test_a_closed_file_refuses_every_call(path: Path) -> None:
    """The error names the file and says that it is closed."""
    io = ZarrIO(path, "r+", manager=get_manager())
    table = io.read()
    io.close()

    for call in (io.read, io.read_builder, lambda: io.write(table), lambda: io.export(io)):
        with pytest.raises(ValueError, match=r"table\.zarr: .*the file is closed") as caught:
            call()
        assert isinstance(caught.value, ClosedError)


def test_an_array_of_a_closed_file_says_so(path: Path) -> None:
    """Lazy data outlives its file only as an error that names the reason."""
    with ZarrIO(path, "r", manager=get_manager()) as io:
        data = io.read()["number"].data

    with pytest.raises(ClosedError, match="the file is closed"):
        data[:]


def test_a_file_may_be_closed_twice_and_opened_again(path: Path) -> None:
    """Closing is idempotent; `open` after `close` reads anew."""
    io = ZarrIO(path, "r", manager=get_manager())
    io.close()
    io.close()
    assert not io.is_open()

    io.open()

    assert io.is_open()
    assert len(io.read()) == 3
    io.close()


def test_leaving_the_with_block_closes_the_file(path: Path) -> None:
    """The context manager closes the file, also after an error."""
    with pytest.raises(RuntimeError), ZarrIO(path, "r") as io:
        raise RuntimeError

    assert not io.is_open()


def test_a_file_says_what_and_where_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path as given, absolute path, mode: public, as users asked (NEEDS 19)."""
    monkeypatch.chdir(path.parent)

    with ZarrIO("table.zarr", "r") as io:
        assert io.path == "table.zarr"
        assert io.abspath == str(path)
        assert io.source == str(path)
        assert io.mode == "r"
        assert not io.is_remote()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_an_open_file_says_its_format(tmp_path: Path, zarr_format: int) -> None:
    """One class opens both, in every mode, and says which of them it found (NEEDS 58)."""
    path = tmp_path / "table.zarr"
    with ZarrIO(path, "w", manager=get_manager(), zarr_format=zarr_format) as io:
        assert io.zarr_format == zarr_format
        io.write(new_table())

    for mode in ("r", "r-", "r+", "a"):
        with ZarrIO(path, mode) as io:
            assert io.zarr_format == zarr_format
    with pytest.raises(ClosedError, match=r"table\.zarr: cannot say its format, the file is closed"):
        _ = io.zarr_format


def test_attributes_can_be_the_first_that_is_written(tmp_path: Path) -> None:
    """Scripts write attributes of the root, and look at them there, before there is anything else (NEEDS 67)."""
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        root_group = io.file
        io.write_attributes(root_group, {"one": 1})
        io.write_attributes(root_group, {"two": "b"})
        assert dict(root_group.attrs) == {"one": 1, "two": "b"}

    with ZarrIO(tmp_path / "file.zarr", "r") as io:
        assert io.read_builder().attributes == {"one": 1, "two": "b"}


def test_an_array_that_zarr_opened_below_our_root_group_is_known(tmp_path: Path) -> None:
    """It is linked to like one that was read, and written with its values where a copy is asked for."""
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write_builder(root(dataset("x", [1, 2, 3])))
    with ZarrIO(tmp_path / "file.zarr", "r+") as io:
        array = io.file["x"]
        copied = ZarrDataIO(array, link_data=False)
        io.write_group(io.file, group("new", dataset("linked", array), dataset("copied", copied)))

    with ZarrIO(tmp_path / "file.zarr", "r") as io:
        found = io.read_builder()
        assert found["new"].links["linked"].builder is found["x"]
        assert found["new"].datasets["copied"].data[:].tolist() == [1, 2, 3]


def test_an_hdf5_file_is_recognised_as_such(tmp_path: Path) -> None:
    """Who opens HDF5 with ZarrIO learns what it is and how to convert it."""
    with h5py.File(tmp_path / "file.nwb", "w") as file:
        file["x"] = 1

    with pytest.raises(OSError, match=r"file\.nwb: is a file, not a Zarr hierarchy.*hdmf-store convert"):
        ZarrIO(tmp_path / "file.nwb", "r")


@pytest.mark.parametrize("content", [[], ["notes.txt"]], ids=["empty", "other files"])
def test_a_folder_without_zarr_is_not_read(tmp_path: Path, content: list[str]) -> None:
    """A folder is no Zarr file because it is a folder."""
    (tmp_path / "folder.zarr").mkdir()
    for name in content:
        (tmp_path / "folder.zarr" / name).write_text("x")

    with pytest.raises(FileNotFoundError, match="holds no Zarr hierarchy"):
        ZarrIO(tmp_path / "folder.zarr", "r")


def test_can_read_tells_zarr_from_everything_else(path: Path, tmp_path: Path) -> None:
    """It answers for paths of every kind and raises for none."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.zarr").write_text("x")
    with h5py.File(tmp_path / "file.nwb", "w") as file:
        file["x"] = 1

    assert ZarrIO.can_read(path)
    assert ZarrIO.can_read(str(path))
    assert not ZarrIO.can_read(tmp_path / "folder")
    assert not ZarrIO.can_read(tmp_path / "text.zarr")
    assert not ZarrIO.can_read(tmp_path / "file.nwb")
    assert not ZarrIO.can_read(tmp_path / "missing.zarr")
