"""Zarr's own objects in the hands of users: references and what they lead to, builders, containers, places, HTML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from hdmf.build import GroupBuilder
from hdmf.common import DynamicTable, get_manager
from zarr.storage import MemoryStore

from hdmf_store import (
    ArgumentError,
    ArgumentTypeError,
    ClosedError,
    DanglingTargetError,
    NWBZarrIO,
    ZarrIO,
    ZarrReference,
)
from hdmf_store.errors import HDMFStoreError
from tests.facade.recordings import new_recording, new_table
from tests.translate.builder_files import dataset, group, reference, root

HOSTILE = "<script>alert(1)</script>"


def _content() -> GroupBuilder:
    inner = group("inner", dataset("deep", [1.5]))
    outer = group("outer", inner)
    fields = [{"name": "number", "dtype": "int"}, {"name": "text", "dtype": "text"}]
    return root(
        outer,
        dataset("x", np.arange(3, dtype="int32")),
        dataset("texts", [HOSTILE, "b"]),
        dataset("scalar", 5),
        dataset("rows", [(1, HOSTILE)], fields),
        dataset("references", [reference(inner)], "object"),
        dataset("empty", np.zeros((0, 2))),
        dataset("large", np.zeros((100, 100))),
        to=reference(inner),
    )


@pytest.fixture(params=[2, 3], ids=["format 2", "format 3"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of every kind of dataset, in each format."""
    with ZarrIO(tmp_path / "file.zarr", "w", zarr_format=request.param) as io:
        io.write_builder(_content())
    return tmp_path / "file.zarr"


@pytest.fixture
def io(path: Path) -> Iterator[ZarrIO]:
    """That file, open for reading."""
    with ZarrIO(path) as opened:
        yield opened


def _by_zarr(path: Path) -> zarr.Group:
    """Return the root as a user opens it with zarr alone."""
    return zarr.open_group(path, mode="r", use_consolidated=False)


# ----------------------------------------------------------------------------------------------------------- references

SPELLINGS: dict[str, Any] = {
    "mapping": {"source": ".", "path": "/outer/inner"},
    "without a source": {"path": "/outer/inner"},
    "ZarrReference": ZarrReference(".", "/outer/inner"),
    "ZarrReference with ids": ZarrReference(".", "/outer/inner", "id of the object", "id of the file"),
    "path": "/outer/inner",
    "path with a slash at the end": "/outer/inner/",
    "JSON": '{"source": ".", "path": "/outer/inner"}',
    "0-d array": np.array("/outer/inner", object),
    "the file's own name": {"source": "../file.zarr", "path": "/outer/inner"},
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_reference_is_resolved_in_every_spelling(io: ZarrIO, spelling: str) -> None:
    """To the name of its target, and the target as a Zarr object."""
    name, found = io.resolve_ref(SPELLINGS[spelling])

    assert name == "inner"
    assert isinstance(found, zarr.Group)
    assert found["deep"][0] == 1.5


def test_an_element_and_an_attribute_are_resolved_as_they_are_stored(io: ZarrIO, path: Path) -> None:
    """A user who reads them with zarr alone can hand them in."""
    attribute = _by_zarr(path).attrs["to"]
    assert io.resolve_ref(attribute)[0] == "inner"

    element = io.read_builder()["references"].data.dataset[0]
    assert io.resolve_ref(element)[1].path == "outer/inner"


def test_a_reference_to_an_array_gives_the_array(io: ZarrIO) -> None:
    """An array of this package, which reads what zarr alone cannot."""
    name, found = io.resolve_ref({"source": ".", "path": "/texts"})

    assert name == "texts"
    assert found[:].tolist() == [HOSTILE, "b"]


@pytest.mark.parametrize("named", ["/", None])
def test_a_reference_without_a_path_means_the_root(io: ZarrIO, named: str | None) -> None:
    """By the name that the root's builder has."""
    name, found = io.resolve_ref({"source": ".", "path": named})

    assert (name, found.path) == ("root", "")


def test_a_reference_into_another_file_is_resolved(io: ZarrIO, tmp_path: Path) -> None:
    """Relative to the file that holds it."""
    with ZarrIO(tmp_path / "other.zarr", "w") as other:
        other.write_builder(root(dataset("y", [7])))

    name, found = io.resolve_ref(ZarrReference("../other.zarr", "/y"))

    assert (name, found[0]) == ("y", 7)


@pytest.mark.parametrize(
    "dangling", [{"source": ".", "path": "/none"}, {"source": "../none.zarr", "path": "/x"}, "/outer/none"]
)
def test_a_reference_that_leads_nowhere_is_named(io: ZarrIO, dangling: Any) -> None:
    """In this file or in another: as a `ValueError` too, which callers of hdmf-zarr expect."""
    with pytest.raises(ValueError, match=r"a reference leads to .*none.* does not exist") as caught:
        io.resolve_ref(dangling)

    assert isinstance(caught.value, DanglingTargetError)


@pytest.mark.parametrize(
    "nonsense", [3, None, [1], b"/x", {}, {"source": 3, "path": "/x"}, {"source": ".", "path": 3}, ZarrReference()]
)
def test_what_is_no_reference_is_refused(io: ZarrIO, nonsense: Any) -> None:
    """By an error of this package."""
    with pytest.raises(ArgumentError):
        io.resolve_ref(nonsense)


def test_a_builder_is_no_stored_reference(io: ZarrIO) -> None:
    """The error says so."""
    with pytest.raises(ArgumentTypeError, match="the builder 'x'"):
        io.resolve_ref(io.read_builder()["x"])


def test_a_zarr_reference_is_a_mapping_whose_parts_can_be_set() -> None:
    """Each part by its name and as an item."""
    made = ZarrReference("a", "b", "c", "d")
    assert dict(made) == {"source": "a", "path": "b", "object_id": "c", "source_object_id": "d"}

    made.source, made.path, made.object_id, made.source_object_id = "e", "f", "g", "h"

    assert (made["source"], made["path"], made["object_id"], made["source_object_id"]) == ("e", "f", "g", "h")
    assert (made.source, made.path, made.object_id, made.source_object_id) == ("e", "f", "g", "h")


# ------------------------------------------------------------------------------------------------ builders, containers


def test_a_zarr_object_leads_to_its_builder(io: ZarrIO, path: Path) -> None:
    """However it was opened: by the file, or by zarr."""
    made = io.read_builder()

    for theirs in (io.file, _by_zarr(path)):
        assert io.get_builder(theirs) is made
        assert io.get_builder(theirs["outer/inner"]) is made["outer"]["inner"]
        assert io.get_builder(theirs["x"]) is made["x"]
    assert io.get_builder(made["texts"].data) is made["texts"]


def test_before_anything_is_read_there_is_no_builder(io: ZarrIO, path: Path) -> None:
    """A `ValueError` that says what to do."""
    with pytest.raises(ValueError, match="call read_builder first"):
        io.get_builder(_by_zarr(path)["x"])
    io.read_builder()
    with pytest.raises(ValueError, match="no builder was made"):
        io.get_builder(zarr.create_group(MemoryStore()))
    with pytest.raises(ArgumentTypeError, match="a Zarr group or array is needed"):
        io.get_builder("x")


def test_a_zarr_object_leads_to_its_container(tmp_path: Path) -> None:
    """The one that reading gives."""
    with ZarrIO(tmp_path / "table.zarr", "w", get_manager()) as io:
        io.write(new_table())

    with ZarrIO(tmp_path / "table.zarr", "r", get_manager()) as io:
        with pytest.raises(ValueError, match="no builder"):
            io.get_container(_by_zarr(tmp_path / "table.zarr"))
        table = io.read()
        assert isinstance(table, DynamicTable)
        assert io.get_container(_by_zarr(tmp_path / "table.zarr")) is table
        assert io.get_container(_by_zarr(tmp_path / "table.zarr")["number"]) is table["number"]


@pytest.mark.parametrize(
    ("inner", "above"), [("", "/"), ("x", "/"), ("outer/inner", "/outer"), ("outer/inner/deep", "/outer/inner")]
)
def test_a_zarr_object_names_the_group_that_holds_it(path: Path, inner: str, above: str) -> None:
    """By an absolute path; the root is its own parent."""
    thing = _by_zarr(path)[inner] if inner else _by_zarr(path)

    assert ZarrIO.get_zarr_parent_path(thing) == above
    with pytest.raises(ArgumentTypeError):
        ZarrIO.get_zarr_parent_path(inner)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("a", str),
        (b"a", bytes),
        (3, int),
        (np.float32(1), np.float32),
        ([1], int),
        ([["a"]], str),
        ((1.5,), float),
        (np.arange(2, dtype="int8"), np.int8),
        (np.array("a", object), str),
        (np.array(3.0), np.float64),
        (zarr.array(np.arange(3, dtype="int16")), np.int16),
        (zarr.array(np.array(2.5)), np.float64),
    ],
)
def test_the_type_of_data_is_that_of_its_first_element(data: Any, expected: type) -> None:
    """Whatever holds it."""
    assert ZarrIO.get_type(data) is expected


def test_the_type_of_stored_data_is_that_of_its_first_element(io: ZarrIO) -> None:
    """Also of text and of references."""
    found = io.read_builder()

    assert ZarrIO.get_type(found["x"].data) is np.int32
    assert ZarrIO.get_type(found["texts"].data) is str
    assert ZarrIO.get_type(found["references"].data) is GroupBuilder


@pytest.mark.parametrize("nothing", [[], (), np.zeros((0,)), [[]], zarr.array(np.zeros((0, 2)))])
def test_empty_data_has_no_type(nothing: Any) -> None:
    """As in hdmf-zarr, a `ValueError`."""
    with pytest.raises(ValueError, match="empty"):
        ZarrIO.get_type(nothing)


def test_a_closed_file_hands_nothing_out(path: Path) -> None:
    """Neither its root nor what references lead to."""
    io = ZarrIO(path)
    io.close()

    with pytest.raises(ClosedError):
        io.resolve_ref("/x")
    with pytest.raises(ClosedError):
        _ = io.file


# ----------------------------------------------------------------------------------------------------------------- HTML


def _html(made: Any) -> str:
    page = ZarrIO.generate_dataset_html(made)
    assert page.count("<table") == page.count("</table>") == 1
    assert "<script" not in page
    return page


@pytest.mark.parametrize("name", ["x", "texts", "rows", "references", "empty", "large", "scalar"])
def test_a_dataset_of_any_kind_is_shown(io: ZarrIO, name: str) -> None:
    """What it is and where it lies; of a small one what it holds too, and never as markup."""
    array = io.resolve_ref("/" + name)[1]

    for shown in (io.read_builder()[name].data, array) if name != "scalar" else (array,):
        page = _html(shown)
        assert "Zarr Array" in page
        assert f'<td style="text-align: left">/{name}</td>' in page
        assert str(array.shape) in page
    assert ("[0 1 2]" in page) is (name == "x")
    assert ("&lt;script&gt;" in page) is (name in ("texts", "rows"))


@pytest.mark.parametrize("name", ["x", "large"])
def test_an_array_that_zarr_opened_is_shown_with_its_chunks(path: Path, name: str) -> None:
    """Its codecs too; large values are not read."""
    array = _by_zarr(path)[name]

    page = _html(array)

    assert str(array.chunks) in page
    assert str(array.dtype) in page
    assert ("blosc" in page) is (name == "large")
    assert "0. 0. 0." not in page


OTHERS: dict[str, Callable[[Path], Any]] = {
    "h5py text": lambda path: h5py.File(path / "file.h5", "r")["text"],
    "h5py numbers": lambda path: h5py.File(path / "file.h5", "r")["numbers"],
    "numpy": lambda path: np.array([HOSTILE]),
    "list": lambda path: [HOSTILE],
    "tuple": lambda path: (HOSTILE, 1),
    "text": lambda path: HOSTILE,
    "number": lambda path: 5,
    "nothing": lambda path: None,
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_zarr_array_is_shown_too(tmp_path: Path, kind: str) -> None:
    """As a table, without claiming that it were one; text is escaped."""
    with h5py.File(tmp_path / "file.h5", "w") as file:
        file["text"], file["numbers"] = [HOSTILE], np.arange(3)
    data = OTHERS[kind](tmp_path)

    page = _html(data)

    assert "Zarr" not in page
    assert ("&lt;script&gt;" in page) is (kind not in ("h5py numbers", "number", "nothing"))


def test_an_array_that_cannot_be_read_is_shown_all_the_same(path: Path) -> None:
    """With the reason in the place of its values."""
    for chunk in [
        file for file in (path / "x").rglob("*") if file.is_file() and not file.name.startswith((".", "zarr."))
    ]:
        chunk.write_bytes(b"<b>damaged")

    with ZarrIO(path) as io:
        data = io.read_builder()["x"].data
        assert "cannot be read" in _html(data)
        with pytest.raises(HDMFStoreError):
            data[:]


def test_a_recording_shows_its_datasets_in_notebooks(tmp_path: Path) -> None:
    """HDMF asks for the HTML of each through the file that it was read from."""
    with NWBZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write(new_recording())
    with NWBZarrIO(tmp_path / "file.zarr", "r") as io:
        assert "/acquisition/voltage/data" in io.read()._repr_html_()
