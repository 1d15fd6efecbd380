"""What a file says of builders: whether they were written, whether they are stored, and where."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hdmf.build import DatasetBuilder

from hdmf_store import ArgumentTypeError, ZarrIO
from tests.translate.builder_files import dataset, group, reference, root


def test_a_builder_is_written_once_it_was_written_or_read(tmp_path: Path) -> None:
    """By this file; the flag is that of the object, not of its name."""
    made = root(group("g", dataset("x", [1])))
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        assert not io.get_written(made["g"]["x"])
        io.write_builder(made)
        assert io.get_written(made)
        assert io.get_written(made["g"]["x"])
        assert not io.get_written(root(group("g", dataset("x", [1])))["g"]["x"])
    with ZarrIO(tmp_path / "file.zarr") as io:
        assert not io.get_written(made["g"]["x"])
        assert io.get_written(io.read_builder()["g"]["x"])


def test_on_disk_is_what_is_stored_now(tmp_path: Path) -> None:
    """`check_on_disk` asks the file that is open, not the flag."""
    path = tmp_path / "file.zarr"
    made = root(dataset("x", [1]))
    with ZarrIO(path, "w") as io:
        io.write_builder(made)
        assert io.get_written(made["x"], check_on_disk=True)
    shutil.rmtree(path)

    with ZarrIO(path, "w") as again:
        again._set_written(made["x"])
        assert again.get_written(made["x"])
        assert not again.get_written(made["x"], True)


def test_a_builder_is_on_disk_if_an_object_is_stored_at_its_path(tmp_path: Path) -> None:
    """Whoever wrote it; nothing of a file that is not there yet is."""
    made = root(group("g", dataset("x", [1])))
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        assert not io.get_builder_exists_on_disk(made)
        io.write_builder(made)
    with ZarrIO(tmp_path / "file.zarr") as io:
        assert io.get_builder_exists_on_disk(made)
        assert io.get_builder_exists_on_disk(made["g"]["x"])
        assert io.get_builder_exists_on_disk(io.read_builder())
        assert not io.get_builder_exists_on_disk(root(dataset("x", [1]))["x"])
        assert not io.get_builder_exists_on_disk(DatasetBuilder("alone", [1]))


def test_the_path_on_disk_is_below_the_file_or_what_is_given(tmp_path: Path) -> None:
    """Of builders that were made, that were read, and of the root."""
    path = tmp_path / "file.zarr"
    made = root(group("g", dataset("x", [1])))
    with ZarrIO(path, "w") as io:
        io.write_builder(made)
    with ZarrIO(path) as io:
        for builders in (made, io.read_builder()):
            assert io.get_builder_disk_path(builders["g"]["x"]) == str(path / "g" / "x")
            assert io.get_builder_disk_path(builders) == str(path)
            assert io.get_builder_disk_path(builders["g"], filepath="/else/where.zarr") == "/else/where.zarr/g"
            assert io.get_builder_disk_path(builders["g"], Path("/else/where.zarr")) == "/else/where.zarr/g"
        assert Path(io.get_builder_disk_path(made["g"]["x"])).is_dir()


def test_a_part_that_was_written_is_known_by_the_group_it_was_put_into(tmp_path: Path) -> None:
    """Though its builder has no parent; references to it lead there."""
    inner = dataset("x", [1])
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        above = io.write_group(io.file, group("g"))
        io.write_dataset(above, inner)
        below = group("h", dataset("y", [2]))
        io.write_group(above, below)
        io.write_dataset(io.file, dataset("to", [reference(inner), reference(below["y"])], "object"))
        assert io.get_builder_disk_path(inner).endswith("file.zarr/g/x")
        assert io.get_builder_disk_path(below["y"]).endswith("file.zarr/g/h/y")
        assert io.get_written(inner, check_on_disk=True)
        assert io.get_builder_exists_on_disk(below["y"])

    with ZarrIO(tmp_path / "file.zarr") as io:
        found = io.read_builder()
        assert found["to"].data[0] is found["g"]["x"]
        assert found["to"].data[1] is found["g"]["h"]["y"]


@pytest.mark.parametrize("method", ["get_written", "get_builder_exists_on_disk", "get_builder_disk_path"])
def test_what_is_no_builder_is_refused(tmp_path: Path, method: str) -> None:
    """By a `TypeError` of this package."""
    with ZarrIO(tmp_path / "file.zarr", "w") as io, pytest.raises(ArgumentTypeError, match="builder"):
        getattr(io, method)("/x")


def test_what_is_stored_is_looked_up_when_asked_for(tmp_path: Path) -> None:
    """Not in what was read before: another program may have removed it."""
    with ZarrIO(tmp_path / "a.zarr", "w") as io:
        io.write_builder(root(group("g", dataset("x", [1, 2]))))
    with ZarrIO(tmp_path / "a.zarr", "r") as io:
        built = io.read_builder()["g"]["x"]
        assert io.get_written(built, check_on_disk=True)

        shutil.rmtree(tmp_path / "a.zarr/g/x")

        assert io.get_written(built)
        assert not io.get_written(built, check_on_disk=True)
        assert not io.get_builder_exists_on_disk(built)
