"""Parts of a file, written one by one into Zarr groups, as scripts do that were made for hdmf-zarr."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hdmf.build import DatasetBuilder, LinkBuilder
from hdmf.data_utils import DataChunkIterator
from zarr.storage import MemoryStore

from hdmf_store import (
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    UnsupportedModeError,
    UnsupportedValueError,
    ZarrIO,
)
from tests.facade.recordings import consolidated, left_overs
from tests.translate.builder_files import dataset, group, reference, root, values


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a dataset and a group."""
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write_builder(root(dataset("x", [1, 2, 3], note="kept"), group("g")))
    return tmp_path / "file.zarr"


@pytest.fixture
def io(path: Path) -> Iterator[ZarrIO]:
    """That file, open to be changed."""
    with ZarrIO(path, "r+") as opened:
        yield opened


def _read(path: Path) -> Any:
    with ZarrIO(path) as io:
        found = io.read_builder()
        return {
            "attributes": dict(found.attributes),
            "groups": sorted(found.groups),
            "datasets": {name: values(builder).tolist() for name, builder in found.datasets.items()},
            "links": sorted(found.links),
        }


# ------------------------------------------------------------------------------------------------------- the root group


def test_the_file_is_a_zarr_group(io: ZarrIO) -> None:
    """What scripts hand to `write_group` as parent; users can look through it."""
    assert isinstance(io.file, zarr.Group)
    assert sorted(io.file) == ["g", "x"]
    assert io.file["x"][:].tolist() == [1, 2, 3]


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_new_file_is_written_in_parts(tmp_path: Path, zarr_format: int) -> None:
    """The root group is there before anything is; each part is added to it."""
    path = tmp_path / "new.zarr"
    with ZarrIO(path, "w", zarr_format=zarr_format) as io:
        parent = io.file
        assert list(parent) == []
        made = io.write_group(parent, group("g", dataset("y", [1.5]), unit="V"))
        io.write_dataset(parent=made, builder=DatasetBuilder("z", [7]))
        io.write_attributes(parent, {"title": "in parts"})
        assert sorted(made) == ["y", "z"]
        assert parent["g/z"][0] == 7

    assert zarr.open_group(path, mode="r", use_consolidated=False).metadata.zarr_format == zarr_format
    with ZarrIO(path) as io:
        found = io.read_builder()
        assert found.attributes["title"] == "in parts"
        assert found["g"].attributes["unit"] == "V"
        assert (found["g"]["y"].data[0], found["g"]["z"].data[0]) == (1.5, 7)


def test_looking_at_the_root_of_a_new_file_makes_none(tmp_path: Path, path: Path) -> None:
    """Neither where nothing is, nor where there is a file to replace, whose objects are not shown."""
    with ZarrIO(tmp_path / "new.zarr", "w") as io:
        assert list(io.file) == []
    with ZarrIO(path, "w") as io:
        assert list(io.file) == []
        assert "x" not in io.file

    assert left_overs(tmp_path, "file.zarr") == []
    assert _read(path)["datasets"] == {"x": [1, 2, 3]}


def test_the_first_part_replaces_what_was_there(path: Path) -> None:
    """In mode ``w``; until then the old file stays."""
    with ZarrIO(path, "w") as io:
        io.write_dataset(io.file, dataset("new", [9]))
        io.write_dataset(io.file, dataset("more", [8]))

    assert _read(path)["datasets"] == {"new": [9], "more": [8]}


def test_attributes_of_groups_are_changed_through_the_group(path: Path, io: ZarrIO) -> None:
    """As zarr's users do it; the consolidated document is brought up to date."""
    io.file.attrs["title"] = "a title"
    io.file["g"].attrs["unit"] = "V"
    io.file["x"].attrs["unit"] = "s"
    io.close()

    for use in (True, False):
        by_zarr = zarr.open_group(path, mode="r", use_consolidated=use)
        assert by_zarr.attrs["title"] == "a title"
        assert (by_zarr["g"].attrs["unit"], by_zarr["x"].attrs["unit"]) == ("V", "s")


@pytest.mark.parametrize("change", ["create_group", "create_array", "delete", "overwrite"])
def test_zarr_alone_cannot_add_or_delete_objects_in_an_open_file(path: Path, io: ZarrIO, change: str) -> None:
    """The error names the methods that can; nothing has changed."""
    doing = {
        "create_group": lambda: io.file.create_group("new"),
        "create_array": lambda: io.file.create_array("new", shape=(3,), dtype="int8"),
        "delete": lambda: io.file.__delitem__("x"),
        "overwrite": lambda: io.file.create_group("g", overwrite=True),
    }

    with pytest.raises(ArgumentError, match=r"zarr cannot .* write_group, write_dataset"):
        doing[change]()
    io.close()

    assert _read(path)["datasets"] == {"x": [1, 2, 3]}
    assert _read(path)["groups"] == ["g"]


# ----------------------------------------------------------------------------------------------------- groups, datasets


def test_a_group_is_written_with_all_below_it(path: Path, io: ZarrIO) -> None:
    """What comes back is its Zarr group, and every reader sees it."""
    inner = group("inner", dataset("y", [1]))
    made = io.write_group(io.file, group("new", inner, dataset("to", [reference(inner)], "object"), a=1), True, True)

    assert isinstance(made, zarr.Group)
    assert (made.path, dict(made.attrs)["a"], made["inner/y"][0]) == ("new", 1, 1)
    assert {"new", "new/inner", "new/inner/y", "new/to"} <= set(consolidated(path))
    with ZarrIO(path) as again:
        found = again.read_builder()["new"]
        assert found["to"].data[0] is found["inner"]


def test_a_dataset_is_written_and_its_array_given_back(path: Path, io: ZarrIO) -> None:
    """With its attributes; a builder that was written is not written again."""
    builder = dataset("y", [1.5, 2.5], unit="V")

    first = io.write_dataset(io.file["g"], builder)
    second = io.write_dataset(io.file["g"], builder)

    assert isinstance(first, zarr.Array)
    assert (first.path, first[:].tolist(), first.attrs["unit"]) == ("g/y", [1.5, 2.5], "V")
    assert second.path == "g/y"


def test_other_data_can_take_the_place_of_a_builders(io: ZarrIO) -> None:
    """`force_data`, by its name or as the fifth argument; the builder stays what it was."""
    builder = dataset("y", [1, 2])

    assert io.write_dataset(io.file, builder, force_data=np.arange(5))[:].tolist() == [0, 1, 2, 3, 4]
    assert io.write_dataset(io.file, dataset("z", None), True, True, [7])[:].tolist() == [7]
    assert builder.data == [1, 2]


@pytest.mark.parametrize("link_data", [True, False])
def test_stored_data_is_linked_to_or_copied(tmp_path: Path, io: ZarrIO, path: Path, link_data: bool) -> None:
    """`link_data` decides; what is given back reads the same either way."""
    with ZarrIO(tmp_path / "other.zarr", "w") as other:
        other.write_builder(root(dataset("raw", [5, 6])))
    with ZarrIO(tmp_path / "other.zarr") as other:
        data = other.read_builder()["raw"].data
        written = io.write_dataset(io.file, dataset("d", data), link_data)
        assert written[:].tolist() == [5, 6]
        below = io.write_group(io.file, group("new", dataset("d", data)), link_data=link_data)
        io.close()
    assert _read(path)["links"] == (["d"] if link_data else [])
    assert (path / "d").exists() is (path / below.path / "d").exists() is not link_data


@pytest.mark.parametrize("exhaust_dci", [True, False])
def test_iterators_below_a_group_are_exhausted_as_told(io: ZarrIO, exhaust_dci: bool) -> None:
    """One after the other, or in turn."""
    asked: list[str] = []

    def numbers(name: str) -> Iterator[int]:
        for number in range(4):
            asked.append(name)
            yield number

    made = group("new", *(dataset(name, DataChunkIterator(numbers(name), buffer_size=1)) for name in "ab"))
    asked.clear()

    found = io.write_group(io.file, made, exhaust_dci=exhaust_dci)

    assert asked == (["a"] * 3 + ["b"] * 3 if exhaust_dci else ["a", "b"] * 3)
    assert found["a"][:].tolist() == found["b"][:].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("exporting", [True, False])
def test_what_lies_in_the_export_source_counts_as_lying_here(tmp_path: Path, path: Path, exporting: bool) -> None:
    """With `export_source` data of that file is copied, without it it is linked to."""
    with ZarrIO(path) as source, ZarrIO(tmp_path / "export.zarr", "w") as io:
        told = {"export_source": str(path)} if exporting else {}
        io.write_dataset(io.file, source.read_builder()["x"], **told)

    assert (tmp_path / "export.zarr" / "x").exists() is exporting


def test_the_consolidated_document_can_be_left_out(path: Path, io: ZarrIO) -> None:
    """For those who write many parts: the last one consolidates."""
    io.write_group(io.file, group("a"), consolidate_metadata=False)
    io.write_dataset(io.file, dataset("b", [1]), consolidate_metadata=False)
    assert "consolidated_metadata" not in (path / "zarr.json").read_text()

    io.write_group(io.file, group("c"))
    assert {"a", "b", "c"} <= set(consolidated(path))


# ---------------------------------------------------------------------------------------------------- links, attributes


def test_a_link_is_written(path: Path, io: ZarrIO) -> None:
    """To an object of this file; zarr sees it as an attribute of the group."""
    target = io.read_builder()["x"]

    io.write_link(io.file["g"], LinkBuilder(builder=target, name="l"))
    io.close()

    with ZarrIO(path) as again:
        found = again.read_builder()
        assert found["g"].links["l"].builder is found["x"]


def test_attributes_are_written_beside_those_that_are_there(path: Path, io: ZarrIO) -> None:
    """Builders become references; the caller's group and array show them at once; the mapping stays what it was."""
    held, array = io.file, io.file["x"]
    given = {"count": np.int8(3), "names": ["a", "b"], "to": io.read_builder()["g"]}
    before = copy.copy(given)

    io.write_attributes(held, given)
    io.write_attributes(array, {"unit": "V"})
    assert given == before
    assert held.attrs["count"] == 3
    assert (array.attrs["unit"], array.attrs["note"]) == ("V", "kept")
    io.close()

    with ZarrIO(path) as again:
        found = again.read_builder()
        assert (found.attributes["count"], list(found.attributes["names"])) == (3, ["a", "b"])
        assert found.attributes["to"] is found["g"]


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("method", "builder"),
    [
        ("write_group", dataset("x", [9])),
        ("write_dataset", group("g")),
        ("write_link", dataset("x", [9])),
        ("write_group", None),
        ("write_builder", dataset("x", [9])),
    ],
)
def test_a_builder_of_another_kind_is_refused(path: Path, io: ZarrIO, method: str, builder: Any) -> None:
    """By a `TypeError` that says which is needed."""
    arguments = (builder,) if method == "write_builder" else (io.file, builder)
    with pytest.raises(ArgumentTypeError, match="builder must be of type"):
        getattr(io, method)(*arguments)


def test_only_groups_of_this_file_are_parents(io: ZarrIO) -> None:
    """Not its arrays, nor what lies in another file or is no Zarr object."""
    for parent in (io.file["x"], "g", None):
        with pytest.raises(ArgumentTypeError):
            io.write_dataset(parent, dataset("y", [1]))
    with pytest.raises(ArgumentError, match=r"lies in .*, not in"):
        io.write_dataset(zarr.create_group(MemoryStore()), dataset("y", [1]))
    assert sorted(io.file) == ["g", "x"]


def test_nothing_that_is_stored_is_replaced(path: Path, io: ZarrIO) -> None:
    """Not by an object of the same kind, nor of another, nor by an attribute of the same name or an object by that."""
    found = io.read_builder()
    attempts = [
        lambda: io.write_dataset(io.file, dataset("x", [9, 9, 9])),
        lambda: io.write_group(io.file, group("x")),
        lambda: io.write_dataset(io.file, dataset("g", [9])),
        lambda: io.write_link(io.file, LinkBuilder(builder=found["g"], name="x")),
        lambda: io.write_builder(root(group("x"))),
    ]
    for attempt in attempts:
        with pytest.raises(UnsupportedValueError, match="is stored already"):
            attempt()
    with pytest.raises(ArgumentError, match="an object is named 'x'"):
        io.write_attributes(io.file, {"x": 1})
    io.write_attributes(io.file, {"note": 1})
    with pytest.raises(ArgumentError, match="has an attribute 'note'"):
        io.write_dataset(io.file, dataset("note", [1]))
    io.close()

    assert _read(path)["datasets"] == {"x": [1, 2, 3]}
    assert _read(path)["groups"] == ["g"]


def test_a_value_without_form_is_refused_with_its_place(io: ZarrIO) -> None:
    """An attribute, or a dataset without data."""
    with pytest.raises(UnsupportedValueError, match=r"file\.zarr: /x: the attribute 'bad'"):
        io.write_attributes(io.file["x"], {"bad": object()})
    with pytest.raises(ArgumentError, match="the builder has no data"):
        io.write_dataset(io.file, dataset("y", None))
    with pytest.raises(ArgumentTypeError, match="attributes"):
        io.write_attributes(io.file, "a title")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="lnk_data"):
        io.write_dataset(io.file, dataset("y", [1]), lnk_data=False)  # type: ignore[call-arg]


def test_a_file_that_is_read_or_closed_is_not_written(path: Path) -> None:
    """Each method says so."""
    with ZarrIO(path) as io:
        for attempt in (
            lambda: io.write_group(io.file, group("y")),
            lambda: io.write_dataset(io.file, dataset("y", [1])),
            lambda: io.write_attributes(io.file, {"a": 1}),
        ):
            with pytest.raises(UnsupportedModeError):
                attempt()
        held = io.file
        with pytest.raises(ValueError, match="read"):
            held["x"][0] = 9
    with pytest.raises(ClosedError):
        io.write_group(held, group("y"))
    assert _read(path)["datasets"] == {"x": [1, 2, 3]}
