"""Records: rows of named fields that are numbers, text, bytes or references."""

from __future__ import annotations

import numpy as np
import pytest
from hdmf.build import DatasetBuilder, GroupBuilder

from hdmf_store import UnsupportedValueError
from tests.translate.builder_files import BuilderFile, dataset, document, group, paths, reference, root, values

NUMBERS = [{"name": "x", "dtype": "int32"}, {"name": "y", "dtype": "float64"}]
MIXED = [{"name": "number", "dtype": "uint8"}, {"name": "text", "dtype": "text"}]


@pytest.mark.parametrize(
    "data",
    [
        [(1, 0.5), (2, 1.5)],
        [[1, 0.5], [2, 1.5]],
        ((1, 0.5), (2, 1.5)),
        np.array([(1, 0.5), (2, 1.5)], [("x", "i4"), ("y", "f8")]),
        np.array([(1, 0.5), (2, 1.5)], [("x", ">i2"), ("y", "f4")]),
        [np.array((1, 0.5), [("x", "i4"), ("y", "f8")])[()], np.array((2, 1.5), [("x", "i4"), ("y", "f8")])[()]],
    ],
    ids=["tuples", "lists", "tuple of tuples", "structured array", "other widths and byte order", "list of void"],
)
def test_rows_come_back_in_the_declared_types(file: BuilderFile, data: object) -> None:
    """However rows are passed, each field has the type that the builder declares."""
    found = file.stored(data, NUMBERS)

    assert values(found).dtype == np.dtype([("x", "i4"), ("y", "f8")])
    assert values(found).tolist() == [(1, 0.5), (2, 1.5)]
    assert found.dtype == [{"name": "x", "dtype": "int32"}, {"name": "y", "dtype": "float64"}]


def test_a_structured_array_declares_itself(file: BuilderFile) -> None:
    """Without a declared type, the fields of a structured array are stored as they are, special values included."""
    data = np.array([(1, np.nan, True), (2, -0.0, False)], [("a", "u2"), ("b", "f4"), ("c", "?")])

    found = values(file.stored(data))

    assert found.dtype == np.dtype([("a", "u2"), ("b", "f4"), ("c", "?")])
    assert found["b"].tobytes() == data["b"].tobytes()
    assert found["c"].tolist() == [True, False]


@pytest.mark.parametrize(
    "data",
    [
        [(1, "ä"), (2, ""), (3, "longer than the others " * 20)],
        np.array([(1, "ä"), (2, ""), (3, "longer than the others " * 20)], [("number", "u1"), ("text", "U460")]),
        np.array([(1, "ä"), (2, ""), (3, "longer than the others " * 20)], [("number", "u1"), ("text", object)]),
        [(1, "ä".encode()), (2, b""), (3, b"longer than the others " * 20)],
    ],
    ids=["tuples", "U", "object", "bytes"],
)
def test_a_field_may_hold_text(file: BuilderFile, data: object) -> None:
    """Texts in records are kept whole, whatever their length, and come back as str."""
    found = values(file.stored(data, MIXED))

    assert found["number"].tolist() == [1, 2, 3]
    assert found["text"].tolist() == ["ä", "", "longer than the others " * 20]
    assert isinstance(found["text"][0], str)


@pytest.mark.parametrize("text", ["a\0", "\0", b"\xff\0"], ids=ascii)
def test_a_nul_at_the_end_of_a_field_is_never_dropped_silently(zarr_file: BuilderFile, text: str | bytes) -> None:
    """Cells of fixed width are padded with NUL, so they cannot hold one at the end: that is said, not cut off."""
    with pytest.raises(UnsupportedValueError, match=r"/x: .*'text'"):
        zarr_file.write(root(dataset("x", [(1, text)], MIXED)))


def test_the_width_of_a_text_field_follows_its_values(zarr_file: BuilderFile, tmp_path) -> None:
    """A cell takes room for the longest value and some more, not 2 KiB (NEEDS 49)."""
    zarr_file.write(root(dataset("x", [(1, "short"), (2, "texts")], MIXED)))

    fields = document(tmp_path / "file.zarr", "x")["data_type"]["configuration"]["fields"]
    assert fields[1]["data_type"]["name"] == "fixed_length_utf32"
    assert fields[1]["data_type"]["configuration"]["length_bytes"] == 4 * 32


def test_a_field_may_hold_bytes_that_are_no_utf8(file: BuilderFile) -> None:
    """Arbitrary bytes in records come back as they were."""
    found = values(file.stored([(1, b"\xff"), (2, b"\xfe\xfd")], MIXED))

    assert found["text"].tolist() == [b"\xff", b"\xfe\xfd"]


def test_records_may_have_several_axes(file: BuilderFile) -> None:
    """A table of records keeps its shape."""
    data = np.array([[(1, 0.5), (2, 1.5)], [(3, 2.5), (4, 3.5)]], [("x", "i4"), ("y", "f8")])

    found = values(file.stored(data))

    assert found.shape == (2, 2)
    assert found.tolist() == data.tolist()


def test_a_field_may_be_a_record(file: BuilderFile) -> None:
    """Records in records keep their fields."""
    data = np.array([(1, (2.5, 3))], [("a", "i4"), ("b", [("c", "f4"), ("d", "u1")])])

    found = values(file.stored(data))

    assert found.dtype == data.dtype
    assert found.tolist() == [(1, (2.5, 3))]


@pytest.mark.parametrize(
    "data",
    [(7, "seven"), np.array((7, "seven"), [("number", "u1"), ("text", "U5")]), np.array((7, "seven"), "u1,U5")[()]],
    ids=["tuple", "0-d array", "void"],
)
def test_a_single_record_is_a_scalar(file: BuilderFile, data: object) -> None:
    """A record without axes comes back without axes (NEEDS 47)."""
    if isinstance(data, np.void):
        data = np.array(data.item(), [("number", "u1"), ("text", "U5")])[()]

    found = file.stored(data, MIXED)

    assert np.shape(found.data) == ()
    assert found.data["number"] == 7
    assert str(found.data["text"]) == "seven"


@pytest.mark.parametrize("data", [[], np.empty(0, [("number", "u1"), ("text", "U3")])], ids=["list", "array"])
def test_a_table_without_rows_keeps_its_fields(file: BuilderFile, data: object) -> None:
    """A declared table is there before its first row (NEEDS 53)."""
    found = file.stored(data, MIXED)

    assert values(found).shape == (0,)
    assert values(found).dtype.names == ("number", "text")
    assert [field["name"] for field in found.dtype] == ["number", "text"]


@pytest.mark.parametrize("shape", [(0, 2), (2, 0)])
def test_a_table_without_elements_keeps_its_shape(file: BuilderFile, shape: tuple[int, ...]) -> None:
    """Every length of an empty table of records is kept."""
    found = values(file.stored(np.empty(shape, [("a", "i4"), ("b", "U2")])))

    assert found.shape == shape
    assert found.dtype.names == ("a", "b")


def _with_targets() -> tuple[GroupBuilder, DatasetBuilder]:
    return group("a", dataset("inner", [1])), dataset("b", [2.0])


WITH_REFERENCE = [{"name": "start", "dtype": "int32"}, {"name": "target", "dtype": "object"}]


def test_a_field_may_hold_references(file: BuilderFile) -> None:
    """References in records lead to the builders of the file that was read."""
    a, b = _with_targets()
    rows = dataset("x", [(1, reference(a)), (2, reference(b)), (3, reference(a["inner"]))], WITH_REFERENCE)

    found = file.round_trip(root(a, b, rows))

    table = found["x"].data[:]
    assert table["start"].tolist() == [1, 2, 3]
    assert paths(table["target"]) == ["/a", "/b", "/a/inner"]
    assert table["target"][0] is found["a"]


def test_one_row_with_a_reference_is_read_by_its_index(file: BuilderFile) -> None:
    """Indexing one row resolves that row's reference."""
    a, b = _with_targets()
    rows = dataset("x", [(1, reference(a)), (2, reference(b))], WITH_REFERENCE)

    found = file.round_trip(root(a, b, rows))

    row = found["x"].data[1]
    assert row["start"] == 2
    assert row["target"] is found["b"]


def test_a_single_record_may_hold_a_reference(file: BuilderFile) -> None:
    """A scalar record with a reference round-trips (NEEDS 47)."""
    a, b = _with_targets()
    row = dataset("x", (1, reference(b)), WITH_REFERENCE)

    found = file.round_trip(root(a, b, row))["x"].data

    assert np.shape(found) == ()
    assert found["start"] == 1
    assert paths([found["target"][()] if isinstance(found["target"], np.ndarray) else found["target"]]) == ["/b"]


def test_a_table_with_references_may_be_empty(file: BuilderFile) -> None:
    """The declared fields, references among them, are kept without any row."""
    found = file.stored([], WITH_REFERENCE)

    assert len(found.data) == 0
    assert [field["dtype"] for field in found.dtype] == ["int32", "object"]


def test_records_of_references_survive_three_rewrites(file: BuilderFile) -> None:
    """What was read can be written again and again without a change (NEEDS 46)."""
    a, b = _with_targets()
    made = root(a, b, dataset("x", [(1, reference(a)), (2, reference(b))], WITH_REFERENCE))

    for _ in range(3):
        found = file.round_trip(made)
        rows = found["x"].data[:]
        a, b = _with_targets()
        targets = {"/a": a, "/b": b}
        made = root(
            a,
            b,
            dataset(
                "x", [(row["start"], reference(targets[paths([row["target"]])[0]])) for row in rows], WITH_REFERENCE
            ),
        )

    assert rows["start"].dtype == np.int32
    assert rows["start"].tolist() == [1, 2]
    assert paths(rows["target"]) == ["/a", "/b"]
