"""HDF5 files: what we write h5py reads, and what others wrote is read here."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    FormatError,
    HierarchyExistsError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    UnreadableError,
    UnsupportedValueError,
)
from hdmf_store.nodes import (
    Bytes,
    Compound,
    Dataset,
    Field,
    Group,
    Link,
    Node,
    Number,
    ReferenceTo,
    Stream,
    Target,
    Text,
)
from hdmf_store_adapters.hdf5_adapter import HDF5Adapter
from tests.adapters.samples import dataset, numbers, objects, texts


def store(place: Path, nodes: dict[str, Node], mode: str = "w") -> None:
    adapter = HDF5Adapter(place)
    adapter.open(mode)
    try:
        adapter.write(Plan(nodes=nodes))
    finally:
        adapter.close()


def opened(place: Path, mode: str = "r") -> HDF5Adapter:
    adapter = HDF5Adapter(place)
    adapter.open(mode)
    return adapter


RECORD = Compound([Field("n", Number("int32")), Field("t", Text()), Field("to", ReferenceTo())])


def test_h5py_reads_what_is_written(tmp_path: Path) -> None:
    """Numbers, text, references, rows and attributes are those that h5py expects."""
    place = tmp_path / "a.h5"
    rows = np.array([(1, "é", Target("/n")), (2, "", None)], RECORD.dtype)
    nodes: dict[str, Node] = {
        "/": Group({"x": 1, "t": "é", "list": ["a", "b"], "to": Target("/n")}),
        "/n": numbers([[1, 2], [3, 4]], "int16", {"unit": "V"}),
        "/b": numbers([True, False], "bool"),
        "/s": numbers(1.5, "float32"),
        "/text": texts(["", "é"]),
        "/word": dataset(Text(), objects(["one"], ())),
        "/r": dataset(ReferenceTo(), objects([Target("/n"), Target("/"), None])),
        "/rows": dataset(RECORD, rows),
        "/empty": numbers(np.empty((0, 3)), "float64"),
    }

    store(place, nodes)

    with h5py.File(place) as file:
        assert file["n"][...].tolist() == [[1, 2], [3, 4]]
        assert (file["n"].dtype, file["b"].dtype, file["s"].dtype) == (np.int16, np.bool_, np.float32)
        assert file["s"][()] == np.float32(1.5)
        assert file["text"].asstr()[...].tolist() == ["", "é"]
        assert file["word"].asstr()[()] == "one"
        assert h5py.check_string_dtype(file["text"].dtype).encoding == "utf-8"
        assert [file[ref].name if ref else None for ref in file["r"]] == ["/n", "/", None]
        assert file["rows"]["n"].tolist() == [1, 2]
        assert file[file["rows"][0]["to"]].name == "/n"
        assert file["empty"].shape == (0, 3)
        assert file.attrs["x"] == 1
        assert file.attrs["t"] == "é"
        assert file.attrs["list"].tolist() == ["a", "b"]
        assert file[file.attrs["to"]].name == "/n"
        assert dict(file["n"].attrs) == {"unit": "V"}


def test_a_dataset_at_the_root_is_refused(tmp_path: Path) -> None:
    """Zarr has such files; in HDF5 there is no place for it, and it must not be lost without a word."""
    with pytest.raises(UnsupportedValueError, match="/: the root of an HDF5 file is a group"):
        store(tmp_path / "a.h5", {"/": numbers([1, 2])})

    assert not (tmp_path / "a.h5").exists()


def test_links_of_all_kinds_are_written_and_read(tmp_path: Path) -> None:
    """Links within a file are soft links, those to a file beside it external ones, relative to its folder."""
    place = tmp_path / "a.h5"
    store(tmp_path / "b.h5", {"/": Group(), "/x": numbers([5])})

    store(
        place,
        {
            "/": Group(),
            "/n": numbers([1]),
            "/g": Group(),
            "/g/soft": Link(Target("/n")),
            "/g/out": Link(Target("/x", "../b.h5")),
            "/g/deep": Link(Target("/x", "../sub/c.h5")),
        },
    )

    with h5py.File(place) as file:
        assert file["g"].get("soft", getlink=True).path == "/n"
        out = file["g"].get("out", getlink=True)
        assert (out.filename, out.path) == ("b.h5", "/x")
        assert file["g/out"][...].tolist() == [5]
    loaded = opened(place).load()
    assert loaded["/g/soft"] == Link(Target("/n"))
    assert loaded["/g/out"] == Link(Target("/x", "../b.h5"))
    assert loaded["/g/deep"] == Link(Target("/x", "../sub/c.h5"))
    assert opened(place).resolve("../b.h5")[0].address == str(tmp_path / "b.h5")


def test_links_that_others_wrote_are_read(tmp_path: Path) -> None:
    """A relative soft link is taken from its group, a second hard link is a link to where the object was first."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        file["a/n"] = [1, 2]
        file["b/again"] = file["a/n"]
        file["c"] = file["a"]
        file["a/soft"] = h5py.SoftLink("n")
        file["a/up"] = h5py.SoftLink("/b")
        file["absolute"] = h5py.ExternalLink(str(tmp_path / "x.h5"), "/y")

    loaded = opened(place).load()

    assert sorted(loaded) == ["/", "/a", "/a/n", "/a/soft", "/a/up", "/absolute", "/b", "/b/again", "/c"]
    assert loaded["/b/again"] == Link(Target("/a/n"))
    assert loaded["/c"] == Link(Target("/a"))
    assert loaded["/a/soft"] == Link(Target("/a/n"))
    assert loaded["/a/up"] == Link(Target("/b"))
    assert loaded["/absolute"] == Link(Target("/y", str(tmp_path / "x.h5")))


def test_a_group_that_holds_itself_is_read(tmp_path: Path) -> None:
    """A cycle of hard links ends at the second name."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        file.create_group("g")
        file["g/me"] = file["g"]
        file["g/root"] = file["/"]

    loaded = opened(place).load()

    assert sorted(loaded) == ["/", "/g", "/g/me", "/g/root"]
    assert loaded["/g/me"] == Link(Target("/g"))
    assert loaded["/g/root"] == Link(Target("/"))


def test_strings_of_every_hdf5_kind_are_text(tmp_path: Path) -> None:
    """Of fixed or variable length, ASCII or UTF-8: what is UTF-8 is text."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        file.create_dataset("variable", data=["a", "é"], dtype=h5py.string_dtype("utf-8"))
        file.create_dataset("ascii", data=["a", "b"], dtype=h5py.string_dtype("ascii"))
        file.create_dataset("fixed", data=np.array([b"a", b"bc"], "S2"))
        file.create_dataset("scalar", data="word")
        file.attrs["fixed"] = np.bytes_(b"abc")
        file.attrs["array"] = np.array([b"a", b"b"])
    adapter = opened(place)

    assert {str(node.element) for path, node in adapter.load().nodes.items() if path != "/"} == {"text"}
    found = adapter.fetch(["/variable", "/ascii", "/fixed", "/scalar"])
    assert {path: array.tolist() for path, array in found.items()} == {
        "/variable": ["a", "é"],
        "/ascii": ["a", "b"],
        "/fixed": ["a", "bc"],
        "/scalar": "word",
    }
    assert adapter.load()["/"].attributes == {"fixed": "abc", "array": ["a", "b"]}


def test_ascii_bytes_that_are_no_text_are_bytes(tmp_path: Path) -> None:
    """HDF5 calls ASCII what may hold any bytes; one that is not UTF-8 makes all of the dataset bytes."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        file.create_dataset("variable", data=[b"a", b"\xff\xfe"], dtype=h5py.string_dtype("ascii"))
        file.create_dataset("fixed", data=np.array([b"\xff", b"b"], "S1"))
    adapter = opened(place)

    assert (adapter.load()["/variable"].element, adapter.load()["/fixed"].element) == (Bytes(), Bytes())
    assert adapter.fetch(["/variable"])["/variable"].tolist() == [b"a", b"\xff\xfe"]
    assert adapter.fetch(["/fixed"])["/fixed"].tolist() == [b"\xff", b"b"]


def test_bytes_in_rows_that_are_no_text_are_bytes(tmp_path: Path) -> None:
    """A field of bytes comes back as a field of bytes, as a dataset does."""
    element = Compound([Field("n", Number("int8")), Field("raw", Bytes())])
    rows = np.array([(1, b"\xff\xfe"), (2, b"a")], element.dtype)

    store(tmp_path / "a.h5", {"/": Group(), "/rows": dataset(element, rows)})

    adapter = opened(tmp_path / "a.h5")
    assert adapter.load()["/rows"].element == element
    assert adapter.fetch(["/rows"])["/rows"].tolist() == [(1, b"\xff\xfe"), (2, b"a")]


def test_text_that_claims_to_be_utf8_and_is_not_is_an_error_of_its_dataset(tmp_path: Path) -> None:
    """The error names file and path; the rest of the file is read."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        file.create_dataset("bad", data=[b"\xff\xfe"], dtype=h5py.string_dtype("utf-8"))
        file.create_dataset("good", data=[1])
    adapter = opened(place)

    assert adapter.fetch(["/good"])["/good"].tolist() == [1]
    with pytest.raises(UnreadableError) as caught:
        adapter.fetch(["/bad"])
    assert (caught.value.location, caught.value.path) == (str(place), "/bad")


@pytest.mark.parametrize("kind", ["region", "opaque", "array", "vlen", "long double"])
def test_types_without_a_counterpart_are_an_error_of_their_dataset_only(tmp_path: Path, kind: str) -> None:
    """Region references and the like are listed; who asks for their values gets an error with file, path and reason."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        good = file.create_dataset("good", data=[1, 2])
        if kind == "region":
            file.create_dataset("bad", (1,), h5py.regionref_dtype)[0] = good.regionref[0:1]
        elif kind == "opaque":
            file.create_dataset("bad", data=np.array([b"ab"], "V2"))
        elif kind == "array":
            file.create_dataset("bad", (1,), np.dtype([("a", "f8", (3,))]))
        elif kind == "vlen":
            file.create_dataset("bad", (1,), h5py.vlen_dtype("int8"))[0] = [1, 2]
        else:
            file.create_dataset("bad", (1,), np.longdouble)
    adapter = opened(place)

    assert sorted(adapter.load()) == ["/", "/bad", "/good"]
    assert adapter.fetch(["/good"])["/good"].tolist() == [1, 2]
    with pytest.raises(UnreadableError) as caught:
        adapter.fetch(["/bad"])
    assert (caught.value.location, caught.value.path) == (str(place), "/bad")


def test_a_dataset_without_a_dataspace_is_empty(tmp_path: Path) -> None:
    """HDF5's null dataspace is a dataset of no elements."""
    place = tmp_path / "a.h5"
    with h5py.File(place, "w") as file:
        file["none"] = h5py.Empty("f4")
        file["words"] = h5py.Empty(h5py.string_dtype())
        file.attrs["nothing"] = h5py.Empty("f4")
    adapter = opened(place)

    assert (adapter.load()["/none"].element, adapter.load()["/none"].shape) == (Number("float32"), (0,))
    assert adapter.fetch(["/none", "/words"])["/words"].tolist() == []
    assert adapter.load()["/"].attributes == {"nothing": None}


def test_big_endian_numbers_come_in_native_order(tmp_path: Path) -> None:
    """The order of bytes is a matter of the file."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["n"] = np.array([1, 2], ">i4")
    adapter = opened(tmp_path / "a.h5")

    found = adapter.fetch(["/n"])["/n"]

    assert adapter.load()["/n"].element == Number("int32")
    assert found.dtype == np.dtype("int32") and found.dtype.isnative
    assert found.tolist() == [1, 2]


def test_a_dangling_reference_refers_to_nothing_or_is_named(tmp_path: Path) -> None:
    """A null reference is None."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("r", (2,), h5py.ref_dtype)[0] = file.ref

    assert opened(tmp_path / "a.h5").fetch(["/r"])["/r"].tolist() == [Target("/"), None]


def test_a_stream_grows_its_dataset(tmp_path: Path) -> None:
    """Pieces may reach past the declared shape and come in any order."""
    place = tmp_path / "a.h5"
    pieces = [((slice(2, 4), slice(0, 2)), np.full((2, 2), 7)), ((slice(0, 1), slice(0, 2)), np.full((1, 2), 5))]

    store(place, {"/": Group(), "/s": Dataset(Number("int64"), (0, 2), Stream(pieces))})

    with h5py.File(place) as file:
        assert file["s"][...].tolist() == [[5, 5], [0, 0], [7, 7], [7, 7]]
        assert file["s"].maxshape[0] is None


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    """While a replacement is written the old file is read; when it fails the old file stays, and nothing else does."""
    place = tmp_path / "a.h5"
    store(place, {"/": Group({"age": "old"})})
    seen: list[Any] = []

    def pieces(fails: bool) -> Any:
        yield (slice(0, 1),), np.array([1])
        with h5py.File(place) as file:
            seen.append(file.attrs["age"])
        if fails:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        store(place, {"/": Group({"age": "new"}), "/s": Dataset(Number("int64"), (0,), Stream(pieces(True)))})
    assert os.listdir(tmp_path) == ["a.h5"]
    assert opened(place).load()["/"].attributes == {"age": "old"}
    store(place, {"/": Group({"age": "new"}), "/s": Dataset(Number("int64"), (0,), Stream(pieces(False)))})

    assert seen == ["old", "old"]
    assert opened(place).load()["/"].attributes == {"age": "new"}
    assert os.listdir(tmp_path) == ["a.h5"]


def test_a_file_that_exists_is_extended_in_place(tmp_path: Path) -> None:
    """New objects are added, attributes given again replace those that are stored, values stay."""
    place = tmp_path / "a.h5"
    store(place, {"/": Group({"x": 1, "y": 1}), "/n": numbers([1, 2], attributes={"unit": "V"})})

    store(place, {"/": Group({"x": 2}), "/n": numbers([9, 9], attributes={"scale": 3}), "/g": Group()}, "a")

    adapter = opened(place)
    assert sorted(adapter.load()) == ["/", "/g", "/n"]
    assert adapter.fetch(["/n"])["/n"].tolist() == [1, 2]
    assert adapter.load()["/"].attributes == {"x": 2}
    assert adapter.load()["/n"].attributes == {"scale": 3}


def test_what_hdf5_cannot_hold_is_named(tmp_path: Path) -> None:
    """References into another file and mappings have no form; the error names the object."""
    for value in (Target("/x", "../b.h5"), {"a": 1}, [Target("/x", "../b.h5")]):
        with pytest.raises(UnsupportedValueError) as caught:
            store(tmp_path / "a.h5", {"/": Group(), "/g": Group({"odd": value})})
        assert caught.value.path == "/g"
    external = dataset(ReferenceTo(), objects([Target("/x", "../b.h5")]))
    with pytest.raises(UnsupportedValueError) as caught:
        store(tmp_path / "a.h5", {"/": Group(), "/x": Group(), "/r": external})
    assert caught.value.path == "/r"

    assert os.listdir(tmp_path) == []


def test_modes_and_places_are_checked(tmp_path: Path) -> None:
    """Each mode needs what it says; what is no HDF5 file is a format error."""
    place = tmp_path / "a.h5"
    for mode in ("r", "r-", "r+"):
        with pytest.raises(MissingHierarchyError, match="does not exist"):
            opened(place, mode)
    store(place, {"/": Group()}, "x")
    for mode in ("x", "w-"):
        with pytest.raises(HierarchyExistsError):
            opened(place, mode)
    adapter = opened(place)
    with pytest.raises(ModeError):
        adapter.write(Plan(nodes={}))
    with pytest.raises(MissingNodeError, match="/nothing"):
        adapter.array("/nothing")
    with pytest.raises(MissingNodeError, match="/nothing"):
        adapter.fetch(["/nothing"])
    adapter.close()
    adapter.close()
    with pytest.raises(ClosedError):
        adapter.load()
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(FormatError, match="HDF5"):
        opened(tmp_path / "text.h5")
    with pytest.raises(HierarchyExistsError, match="folder"):
        opened(tmp_path, "w")
    with pytest.raises(ArgumentError, match="no mode"):
        opened(place, "rw")


@pytest.mark.parametrize("place", [3, "s3://bucket/a.h5", None])
def test_only_local_paths_are_files(place: Any) -> None:
    """Everything else is refused before anything is touched."""
    with pytest.raises(ArgumentError):
        HDF5Adapter(place)


def test_the_adapter_is_found_by_content_and_by_name(tmp_path: Path) -> None:
    """An HDF5 file is one whatever it is called; a new one is recognised by its ending."""
    with h5py.File(tmp_path / "data.bin", "w") as file:
        file.attrs["x"] = 1

    adapter = open_adapter(tmp_path / "data.bin")
    assert adapter.name == "hdf5"
    assert adapter.load()["/"].attributes == {"x": 1}
    adapter.close()
    assert HDF5Adapter.claims(tmp_path / "new.nwb")
    assert not HDF5Adapter.claims(tmp_path / "new.zarr")
    assert not HDF5Adapter.claims(tmp_path)
