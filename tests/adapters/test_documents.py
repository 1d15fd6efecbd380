"""What we write in format 3 is what zarr itself reads, and what others wrote is read here."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store.errors import FormatError, UnreadableError, UnsupportedValueError
from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Compound,
    Dataset,
    Field,
    Group,
    Link,
    Number,
    ReferenceTo,
    Target,
    Text,
)
from tests.adapters.samples import TABLE, every_kind_but_records, numbers, objects, rows, table, texts
from tests.adapters.stores import read, write

KINDS = every_kind_but_records()
ARRAYS = [path for path, node in KINDS.items() if isinstance(node, Dataset)]
KNOWS_STRUCT = tuple(map(int, zarr.__version__.split(".")[:2])) >= (3, 2)


@pytest.fixture(scope="module")
def store() -> MemoryStore:
    """Return a store that holds one array of each kind."""
    made = MemoryStore()
    write(made, KINDS)
    return made


def document(place: MemoryStore, key: str) -> dict[str, Any]:
    return json.loads(place._store_dict[key].to_bytes())


def put(place: MemoryStore, key: str, value: bytes | dict) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    place._store_dict[key] = Buffer.from_bytes(data)


def bare(nodes: dict[str, Any] | None = None) -> MemoryStore:
    """Return a store without consolidated metadata, whose documents tests may change."""
    made = MemoryStore()
    write(made, {"/": Group(), **(nodes or {})}, consolidate=False)
    return made


def stored_form(dataset: Dataset) -> Any:
    array = dataset.values.array
    if isinstance(dataset.element, ReferenceTo):
        return [encoded(target) for target in array]
    return array.tolist()


def encoded(target: Target | None) -> str:
    if target is None:
        return ""
    return target.path if target.source == "." else json.dumps({"source": target.source, "path": target.path})


@pytest.mark.parametrize("consolidated", [True, False])
@pytest.mark.parametrize("path", ARRAYS)
def test_zarr_reads_equal_values(store: MemoryStore, path: str, consolidated: bool) -> None:
    """Every kind of dataset opens in plain zarr, with and without consolidated metadata."""
    group = zarr.open_group(store, mode="r", use_consolidated=consolidated)

    found = np.asarray(group[path[1:]][...])

    assert found.shape == KINDS[path].shape
    np.testing.assert_equal(found.tolist(), stored_form(KINDS[path]))


def test_zarr_lists_every_object(store: MemoryStore) -> None:
    """Plain zarr finds all groups and arrays by the consolidated metadata, and the same by listing."""
    expected = sorted(path[1:] for path, node in KINDS.items() if path != "/" and not isinstance(node, Link))

    for consolidated in (True, False):
        group = zarr.open_group(store, mode="r", use_consolidated=consolidated)
        assert sorted(name for name, _ in group.members(max_depth=None)) == expected


@pytest.mark.parametrize("path", ARRAYS)
def test_a_document_equals_the_one_that_zarr_would_write(store: MemoryStore, path: str) -> None:
    """Shape, chunks, data type, fill value, codecs and names of axes are as zarr itself spells them."""
    ours = document(store, path[1:] + "/zarr.json")

    theirs = zarr.open_array(store, path=path[1:], mode="r").metadata.to_dict()

    theirs = json.loads(json.dumps(theirs, default=lambda value: value.to_json()))
    for side in (ours, theirs):
        side["storage_transformers"] = list(side.get("storage_transformers") or [])
        side["codecs"] = (
            json.dumps(side["codecs"], sort_keys=True)
            .replace(', "configuration": {}', "")
            .replace('"configuration": {}, ', "")
        )
    np.testing.assert_equal({key: value for key, value in theirs.items() if value is not None}, ours)


def test_zarr_sees_the_layout_that_was_asked_for(store: MemoryStore) -> None:
    """Chunks, shards, fill value and names of axes arrive literally."""
    group = zarr.open_group(store, mode="r")

    assert group["chunked"].chunks == (4, 3)
    assert group["chunked"].metadata.dimension_names == ("time", "channel")
    assert group["some_names"].metadata.dimension_names == ("time", None)
    assert (group["sharded"].chunks, group["sharded"].shards) == ((2, 5), (4, 10))
    assert group["filled"].fill_value == -1
    assert np.isnan(group["nan"].fill_value)


def test_attributes_have_the_names_of_the_format(store: MemoryStore) -> None:
    """Types, names of axes, links and references stand where the format has them."""
    group = zarr.open_group(store, mode="r")

    assert dict(group["int8"].attrs) == {"_DTYPE": "int8"}
    assert dict(group["group/text"].attrs) == {"_DTYPE": "str"}
    assert dict(group["bytes"].attrs) == {"_DTYPE": "bytes"}
    assert dict(group["references"].attrs) == {"_DTYPE": "object_reference"}
    assert dict(group["chunked"].attrs) == {"_DTYPE": "int16", "_ARRAY_DIMENSIONS": ["time", "channel"]}
    assert dict(group["group"].attrs) == {
        "to": {"_REFERENCE": {"source": ".", "path": "/bool"}},
        "many": [
            {"_REFERENCE": {"source": ".", "path": "/bool"}},
            {"_REFERENCE": {"source": "../b.zarr", "path": "/int8"}},
        ],
        "_LINKS": [{"name": "link", "source": ".", "path": "/bool"}],
    }


def test_a_scalar_that_equals_the_fill_value_is_stored(store: MemoryStore) -> None:
    """A missing chunk would be a failed request for every remote reader."""
    assert "group/zero/c" in store._store_dict
    assert document(store, "group/zero/zarr.json")["shape"] == []


def test_keys_of_a_single_chunk_have_no_folder_of_their_own(store: MemoryStore) -> None:
    """One chunk lies beside its document; many lie in folders, unless asked otherwise."""
    keys = set(store._store_dict)

    assert "plain/c.0.0" in keys
    assert "chunked/c/1/2" in keys
    assert {"nested/c/2/1", "flat/c.2.1"} <= keys


def test_chunks_of_the_fill_value_alone_are_left_out() -> None:
    """Of an array of several chunks only those are stored that differ from the fill value, -0.0 among them."""
    store = MemoryStore()

    write(store, {"/a": numbers([0.0, 0.0, -0.0, 0.0, 0.0, 1.0], "float64", chunks=(2,))})

    assert sorted(key for key in store._store_dict if "c/" in key) == ["a/c/1", "a/c/2"]
    assert str(read(store).fetch(["/a"])["/a"][2]) == "-0.0"


def test_rows_are_written_as_struct() -> None:
    """The type of rows is `struct`, its text and reference fields of fixed width, whatever zarr is installed."""
    store = MemoryStore()

    write(store, {"/t": table([(1, "a", b"x", Target("/t")), (2, "long" * 20, b"\xff", None)])})

    found = document(store, "t/zarr.json")
    assert found["data_type"] == {
        "name": "struct",
        "configuration": {
            "fields": [
                {"name": "at", "data_type": "int32"},
                {"name": "label", "data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 384}}},
                {"name": "code", "data_type": {"name": "null_terminated_bytes", "configuration": {"length_bytes": 1}}},
                {"name": "object", "data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 128}}},
            ]
        },
    }
    assert found["fill_value"] == {"at": 0, "label": "", "code": "", "object": ""}
    assert found["attributes"] == {"_REFERENCE_FIELDS": ["object"]}


def test_rows_are_read_back_on_the_zarr_that_runs() -> None:
    """Rows come back in normal form, by the adapter's own decoding and by indexing the lazy array."""
    store = MemoryStore()
    written = [(1, "é", b"x", Target("/t")), (2, "", b"\xff", None), (3, "c", b"", Target("/x", "../b.zarr"))]
    write(store, {"/t": table(written)})
    adapter = read(store)

    assert adapter.load()["/t"].element == TABLE
    assert adapter.fetch(["/t"])["/t"].tolist() == written
    assert adapter.array("/t")[1:].tolist() == written[1:]
    assert adapter.array("/t")[0].tolist() == written[0]


def test_rows_in_shards_are_read_back_on_the_zarr_that_runs() -> None:
    """Rows pass through zarr's own machinery too, which on zarr 3.1 knows only the older `structured`."""
    store = MemoryStore()
    written = [(n, str(n), b"x", None) for n in range(6)]
    tables = {"/t": table(written, chunks=(2,), shards=(4,))}
    if not KNOWS_STRUCT:
        with pytest.raises(UnsupportedValueError, match=r"/t: zarr .* cannot encode"):
            write(store, tables)
        return

    write(store, tables)

    assert read(store).fetch(["/t"])["/t"].tolist() == written
    assert read(store).array("/t")[3:5].tolist() == written[3:5]


@pytest.mark.skipif(not KNOWS_STRUCT, reason="zarr 3.1 knows rows as `structured` only and cannot open `struct`")
@pytest.mark.parametrize("consolidated", [True, False])
def test_zarr_reads_rows(consolidated: bool) -> None:
    """Plain zarr opens a file with rows and reads equal values."""
    store = MemoryStore()
    write(store, {"/t": table([(1, "é", b"x", Target("/t")), (2, "", b"\xff", None)])})

    found = zarr.open_group(store, mode="r", use_consolidated=consolidated)["t"][...]

    assert found.tolist() == [(1, "é", b"x", "/t"), (2, "", b"\xff", "")]


@pytest.mark.parametrize("endian", ["little", "big"])
def test_the_older_structured_form_is_read(endian: str) -> None:
    """Zindi writes fields as pairs and the fill value in base64 (NEEDS 54)."""
    store = bare()
    order = "<" if endian == "little" else ">"
    stored = np.array([(1, 2.5, "ab"), (-3, 0.0, "é")], [("i", order + "i4"), ("f", order + "f8"), ("s", order + "U4")])
    fill = np.array((7, 1.5, "zz"), stored.dtype.newbyteorder("<"))
    fields = [
        ["i", "int32"],
        ["f", "float64"],
        ["s", {"name": "fixed_length_utf32", "configuration": {"length_bytes": 16}}],
    ]
    put(store, "t/c/0", stored.tobytes())
    put(
        store,
        "t/zarr.json",
        {
            **ARRAY,
            "shape": [4],
            "data_type": {"name": "structured", "configuration": {"fields": fields}},
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
            "fill_value": base64.b64encode(fill.tobytes()).decode(),
            "codecs": [{"name": "bytes", "configuration": {"endian": endian}}],
        },
    )
    adapter = read(store)

    assert adapter.load()["/t"].element == Compound(
        [Field("i", Number("int32")), Field("f", Number("float64")), Field("s", Text())]
    )
    assert adapter.fetch(["/t"])["/t"].tolist() == [(1, 2.5, "ab"), (-3, 0.0, "é"), (7, 1.5, "zz"), (7, 1.5, "zz")]


ARRAY = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [2],
    "data_type": "int32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 0,
    "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
    "attributes": {},
}


def test_scalars_of_early_writers_are_scalars() -> None:
    """A single element marked `_SCALAR` is a dataset of shape ()."""
    store = bare()
    put(store, "a/c/0", np.array([5], "<i4").tobytes())
    one = {"name": "regular", "configuration": {"chunk_shape": [1]}}
    put(store, "a/zarr.json", {**ARRAY, "shape": [1], "chunk_grid": one, "attributes": {"_SCALAR": True, "x": 1}})
    adapter = read(store)

    found = adapter.load()["/a"]

    assert (found.shape, dict(found.attributes)) == ((), {"x": 1})
    assert adapter.fetch(["/a"])["/a"].tolist() == 5
    assert found.values.read(()).shape == ()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("/a/b", Target("/a/b")),
        ("a/b", Target("/a/b")),
        ('{"source": "../b.zarr", "path": "/x"}', Target("/x", "../b.zarr")),
        ('{"source": ".", "path": "x"}', Target("/x")),
        ('{"path": "/x"}', Target("/x")),
        ('{"_REFERENCE": {"source": ".", "path": "/x"}}', Target("/x")),
        ("", None),
    ],
)
def test_every_spelling_of_a_reference_is_read(text: str, target: Target | None) -> None:
    """Elements are paths, JSON, and JSON in the form that attributes have."""
    store = bare({"/r": texts([text])})
    found = document(store, "r/zarr.json")
    put(store, "r/zarr.json", {**found, "attributes": {"_DTYPE": "object_reference"}})

    assert read(store).fetch(["/r"])["/r"].tolist() == [target]


def test_a_damaged_reference_is_an_error_of_its_dataset() -> None:
    """What is no reference is named with its file and path, and the rest of the file is read."""
    store = bare({"/r": texts(["{broken"]), "/n": numbers([1])})
    found = document(store, "r/zarr.json")
    put(store, "r/zarr.json", {**found, "attributes": {"_DTYPE": "object_reference"}})
    adapter = read(store)

    assert adapter.fetch(["/n"])["/n"].tolist() == [1]
    with pytest.raises(UnreadableError) as caught:
        adapter.fetch(["/r"])
    assert caught.value.path == "/r"


@pytest.mark.parametrize(
    "change",
    [
        {"data_type": "bfloat16"},
        {"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}}},
        {"data_type": {"name": "struct", "configuration": {"fields": [{"name": "a", "data_type": "int2"}]}}},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "of_the_future"}]},
        {
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "numcodecs.zlib", "configuration": {"speed": 1}},
            ]
        },
        {
            "codecs": [
                {"name": "bytes", "configuration": {"endian": "little"}},
                {"name": "blosc", "configuration": {"shuffle": "twice"}},
            ]
        },
        {"chunk_grid": {"name": "rectilinear", "configuration": {"kind": "inline", "chunk_shapes": [[1, 1]]}}},
        {"chunk_key_encoding": {"name": "of_the_future", "configuration": {}}},
        {"fill_value": "what"},
    ],
    ids=["number", "datetime", "field", "codec", "parameter", "shuffle", "grid", "keys", "fill"],
)
def test_what_is_not_known_is_an_error_for_who_asks_for_that_node(change: dict[str, Any]) -> None:
    """The file opens, its other nodes are read, and the error names the file, the path and the reason."""
    store = bare({"/good": numbers([1, 2])})
    put(store, "bad/zarr.json", {**ARRAY, **change})
    put(store, "bad/c/0", np.array([1, 2], "<i4").tobytes())
    adapter = read(store)

    assert "/bad" in adapter.load()
    assert adapter.fetch(["/good"])["/good"].tolist() == [1, 2]
    with pytest.raises(FormatError) as caught:
        adapter.fetch(["/bad"])
    assert (caught.value.location, caught.value.path) == (str(adapter.location), "/bad")
    with pytest.raises(FormatError):
        adapter.array("/bad")[...]


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a//b", "./x", ".."])
def test_hostile_paths_are_refused(name: str) -> None:
    """No path in a consolidated document can lead out of the hierarchy."""
    store = bare()
    root = document(store, "zarr.json")
    root["consolidated_metadata"] = {"kind": "inline", "must_understand": False, "metadata": {name: ARRAY}}
    put(store, "zarr.json", root)

    with pytest.raises(FormatError, match="hostile"):
        read(store).load()


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ""])
def test_hostile_names_of_links_are_refused(name: str) -> None:
    """A link's name is one name, below the group that holds it."""
    store = bare()
    root = document(store, "zarr.json")
    put(store, "zarr.json", {**root, "attributes": {"_LINKS": [{"name": name, "source": ".", "path": "/"}]}})

    with pytest.raises(FormatError):
        read(store).load()


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"3", b'{"zarr_format": 2}', b"\xff"])
def test_a_damaged_root_document_is_a_format_error(data: bytes) -> None:
    """The error says which file, and that its document is none."""
    store = MemoryStore()
    put(store, "zarr.json", data)

    with pytest.raises(FormatError):
        read(store).load()


@pytest.mark.parametrize(
    "value",
    [1j, np.complex64(1), object(), {1: 2}, np.array([1j]), np.datetime64(0, "s")],
    ids=["complex", "numpy-complex", "object", "mapping", "array", "datetime"],
)
def test_an_attribute_that_json_cannot_hold_is_refused_before_anything_is_written(value: Any) -> None:
    """The error names the object and the attribute; the store stays empty."""
    store = MemoryStore()

    with pytest.raises(UnsupportedValueError, match="odd") as caught:
        write(store, {"/": Group(), "/a": numbers([1], attributes={"odd": value})})

    assert caught.value.path == "/a"
    assert store._store_dict == {}


@pytest.mark.parametrize("name", ["_LINKS", "_DTYPE", "_REFERENCE_FIELDS"])
def test_names_that_the_format_uses_are_refused(name: str) -> None:
    """An author's attribute never takes the place of the format's own."""
    with pytest.raises(UnsupportedValueError, match=name):
        write(MemoryStore(), {"/": Group({name: 1})})


def test_long_text_in_nested_rows_is_kept() -> None:
    """A field within a field has room for its longest value, as any other field has."""
    inner = Compound([Field("text", Text()), Field("bytes", Bytes())])
    outer = Compound([Field("in", inner)])
    array = np.zeros(2, outer.dtype)
    array["in"]["text"] = objects(["x" * 100, ""])
    array["in"]["bytes"] = objects([b"\xffabc", b""])
    store = MemoryStore()

    write(store, {"/t": Dataset(outer, (2,), ArraySource(array))})

    assert read(store).fetch(["/t"])["/t"].tolist() == [(("x" * 100, b"\xffabc"),), (("", b""),)]


def test_bytes_in_rows_that_end_with_zeros_are_kept_or_refused() -> None:
    """A value is never changed in silence: cells of fixed width cannot tell zeros at the end from padding."""
    store = MemoryStore()

    try:
        write(store, {"/t": table([(1, "", b"x\0", None)])})
    except UnsupportedValueError:
        return

    assert read(store).fetch(["/t"])["/t"]["code"].tolist() == [b"x\0"]


def test_xarray_opens_what_has_names_of_axes() -> None:
    """`xarray.open_zarr` takes a group whose datasets have dimension names, with equal values."""
    xarray = pytest.importorskip("xarray")
    store = MemoryStore()
    write(store, {"/": Group(), "/v": numbers([[1, 2], [3, 4]], dimension_names=("time", "channel"))})

    found = xarray.open_zarr(store, consolidated=True)

    assert found["v"].dims == ("time", "channel")
    assert found["v"].values.tolist() == [[1, 2], [3, 4]]


def test_rows_keep_their_shape() -> None:
    """Rows of no length, of one element and of several axes come back with their shape."""
    held = MemoryStore()
    one = [(1, "a", b"x", None)]
    nodes = {
        "/none": Dataset(TABLE, (0,), ArraySource(rows([]))),
        "/scalar": Dataset(TABLE, (), ArraySource(rows(one)[0:1].reshape(()))),
        "/grid": Dataset(TABLE, (2, 3), ArraySource(rows(one * 6).reshape(2, 3))),
    }

    write(held, nodes)

    found = read(held).fetch(list(nodes))
    assert {path: array.shape for path, array in found.items()} == {"/none": (0,), "/scalar": (), "/grid": (2, 3)}
    assert found["/scalar"].tolist() == one[0]
