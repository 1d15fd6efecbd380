"""Format 2: its one written form, every stored form that is read, and what is refused.

Holds what users asked for (NEEDS 44).
"""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
import pickle
import zlib
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from hypothesis import assume, given, settings
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan
from hdmf_store.errors import FormatError, UnreadableError, UnsupportedValueError
from hdmf_store.nodes import (
    Bytes,
    Codec,
    Compound,
    Dataset,
    Field,
    Group,
    Layout,
    Link,
    Number,
    ReferenceTo,
    Target,
    Text,
    Unreadable,
)
from hdmf_store.testing import strategies
from hdmf_store.testing.equality import differences, plain
from hdmf_store_adapters import zarr_v2, zarr_v2_types
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import dataset, every_kind_but_records, numbers, objects, table, texts
from tests.adapters.stores import CountingStore, read, write

JSON2 = {
    "id": "json2",
    "allow_nan": True,
    "check_circular": True,
    "encoding": "utf-8",
    "ensure_ascii": True,
    "indent": None,
    "separators": [",", ":"],
    "skipkeys": False,
    "sort_keys": True,
    "strict": True,
}
NO_IDS = {"object_id": None, "source_object_id": None}
PAIR = Compound([Field("i", Number("int16")), Field("f", Number("float64"))])

ROW = Compound([Field("at", Number("int32")), Field("label", Text()), Field("object", ReferenceTo())])


def write_v2(place: Any, nodes: dict[str, Any], **plan: Any) -> None:
    """Write nodes in format 2."""
    write(place, {"/": Group(), **nodes}, adapter=ZarrAdapter(place, zarr_format=2), **plan)


def document(folder: Path, key: str) -> Any:
    """Return a stored document."""
    return json.loads((folder / key).read_text(encoding="utf-8"))


# ---------------------------------------------------------------------------------- what is written

CANONICAL: dict[str, tuple[Dataset, dict[str, Any], dict[str, Any]]] = {
    "numbers": (
        numbers([[1, 2, 3], [4, 5, 6]], "int32", compressors=[Codec("gzip", {"level": 1})]),
        {"dtype": "<i4", "shape": [2, 3], "chunks": [2, 3], "fill_value": 0, "compressor": {"id": "gzip", "level": 1}},
        {"zarr_dtype": "int32"},
    ),
    "truth values": (numbers([True, False], "bool"), {"dtype": "|b1", "fill_value": False}, {"zarr_dtype": "bool"}),
    "bytes of numbers": (numbers([1, 2], "uint8"), {"dtype": "|u1", "fill_value": 0}, {"zarr_dtype": "uint8"}),
    "NaN where nothing is written": (
        numbers([1.0, 2.0], "float64", fill_value=math.nan),
        {"dtype": "<f8", "fill_value": "NaN"},
        {"zarr_dtype": "float64"},
    ),
    "infinity where nothing is written": (
        numbers([1.0], "float32", fill_value=-math.inf),
        {"dtype": "<f4", "fill_value": "-Infinity"},
        {"zarr_dtype": "float32"},
    ),
    "a scalar": (numbers(7, "uint16"), {"dtype": "<u2", "shape": [1], "chunks": [1]}, {"zarr_dtype": "scalar"}),
    "a scalar text": (
        dataset(Text(), objects(["é"], ())),
        {"dtype": "|O", "shape": [1], "filters": [{"id": "vlen-utf8"}], "fill_value": 0},
        {"zarr_dtype": "scalar"},
    ),
    "texts": (
        texts(["", "é"]),
        {"dtype": "|O", "shape": [2], "filters": [{"id": "vlen-utf8"}], "fill_value": 0},
        {"zarr_dtype": "str"},
    ),
    "bytes": (
        dataset(Bytes(), objects([b"\xff", b""])),
        {"dtype": "|O", "shape": [2], "filters": [{"id": "vlen-bytes"}], "fill_value": ""},
        {"zarr_dtype": "bytes", "_DTYPE": "bytes"},
    ),
    "text that was declared as ASCII": (
        dataset(Text("ascii"), objects(["2018-09-28T14:43:54", ""])),
        {"dtype": "|O", "shape": [2], "filters": [{"id": "vlen-bytes"}], "fill_value": ""},
        {"zarr_dtype": "bytes"},
    ),
    "one text that was declared as ASCII": (
        dataset(Text("ascii"), objects(["2018-09-28T14:43:54"], ())),
        {"dtype": "|O", "shape": [1], "filters": [{"id": "vlen-bytes"}], "fill_value": ""},
        {"zarr_dtype": "scalar"},
    ),
    "references": (
        dataset(ReferenceTo(), objects([Target("/x"), Target("/y", "../b.zarr")])),
        {"dtype": "|O", "shape": [2], "filters": [JSON2], "fill_value": None},
        {"zarr_dtype": "object"},
    ),
    "records of numbers": (
        dataset(PAIR, np.array([(1, 2.5)], PAIR.dtype)),
        {"dtype": [["i", "<i2"], ["f", "<f8"]], "fill_value": base64.b64encode(bytes(10)).decode()},
        {"zarr_dtype": [{"name": "i", "dtype": "int16"}, {"name": "f", "dtype": "float64"}]},
    ),
    "records": (
        dataset(ROW, np.array([(1, "a", Target("/x"))], ROW.dtype)),
        {"dtype": "|O", "shape": [1], "filters": [JSON2]},
        {
            "zarr_dtype": [
                {"name": "at", "dtype": "int32"},
                {"name": "label", "dtype": "str"},
                {"name": "object", "dtype": "object"},
            ]
        },
    ),
    "names of axes": (
        numbers([[1]], "int8", dimension_names=("time", "channel")),
        {},
        {"zarr_dtype": "int8", "_ARRAY_DIMENSIONS": ["time", "channel"]},
    ),
    "nested keys": (numbers([[1]], "int8", separator="/"), {"dimension_separator": "/"}, {"zarr_dtype": "int8"}),
    "nothing": (numbers(np.empty((0, 3)), "float32"), {"shape": [0, 3]}, {"zarr_dtype": "float32"}),
    "a filter": (
        numbers([1, 2], "int16", filters=[Codec("numcodecs.delta", {"dtype": "<i2"})], compressors=()),
        {"filters": [{"id": "delta", "dtype": "<i2"}], "compressor": None},
        {"zarr_dtype": "int16"},
    ),
    "blosc": (
        numbers([1, 2], "int16", compressors=[Codec("blosc", {"cname": "zstd", "clevel": 3, "shuffle": "bitshuffle"})]),
        {"compressor": {"id": "blosc", "cname": "zstd", "clevel": 3, "shuffle": 2}},
        {"zarr_dtype": "int16"},
    ),
}


@pytest.mark.parametrize(("node", "array", "attributes"), CANONICAL.values(), ids=CANONICAL.keys())
def test_each_kind_has_one_form(node: Dataset, array: dict, attributes: dict, tmp_path: Path) -> None:
    """The documents of an array are those that readers of format 2 expect of its kind."""
    write_v2(tmp_path / "a.zarr", {"/x": node})

    stored = document(tmp_path / "a.zarr", "x/.zarray")
    always = {"zarr_format": 2, "order": "C", "dimension_separator": "."}
    assert stored == {**stored, **always, **array}
    assert set(stored) == {*always, "shape", "chunks", "dtype", "fill_value", "filters", "compressor"}
    assert document(tmp_path / "a.zarr", "x/.zattrs") == attributes
    assert not (tmp_path / "a.zarr/x/.zgroup").exists()


def test_groups_keep_links_and_references_in_attributes(tmp_path: Path) -> None:
    """A link is an entry of its group's list, a reference in an attribute a marked mapping."""
    nodes = {
        "/": Group({"note": "é", "nan": math.nan}),
        "/g": Group({"to": Target("/x"), "out": Target("/y", "../b.zarr"), "many": [Target("/x")]}),
        "/x": numbers([1]),
        "/g/link": Link(Target("/x")),
        "/g/other": Link(Target("/y", "../b.zarr")),
    }
    write_v2(tmp_path / "a.zarr", nodes)

    here = {"zarr_dtype": "object", "value": {"source": ".", "path": "/x", **NO_IDS}}
    attributes = document(tmp_path / "a.zarr", "g/.zattrs")
    assert document(tmp_path / "a.zarr", ".zgroup") == {"zarr_format": 2}
    assert document(tmp_path / "a.zarr", "g/.zgroup") == {"zarr_format": 2}
    assert attributes.pop("zarr_link") == [
        {"name": "link", "source": ".", "path": "/x"},
        {"name": "other", "source": "../b.zarr", "path": "/y"},
    ]
    assert attributes == {
        "to": here,
        "out": {"zarr_dtype": "object", "value": {"source": "../b.zarr", "path": "/y", **NO_IDS}},
        "many": [here],
    }
    assert math.isnan(document(tmp_path / "a.zarr", ".zattrs")["nan"])


def test_chunks_of_objects_are_json_and_no_pickles(tmp_path: Path) -> None:
    """References and records are stored as JSON that any language reads."""
    nodes = {
        "/r": dataset(ReferenceTo(), objects([Target("/x"), None]), compressors=()),
        "/t": dataset(ROW, np.array([(1, "é", Target("/x"))], ROW.dtype), compressors=()),
        "/x": numbers([1]),
    }
    write_v2(tmp_path / "a.zarr", nodes)

    target = {"source": ".", "path": "/x", **NO_IDS}
    assert json.loads((tmp_path / "a.zarr/r/0").read_bytes()) == [target, {}, "|O", [2]]
    rows = json.loads((tmp_path / "a.zarr/t/0").read_bytes())
    assert rows == [[1, "é", target], "|O", [1]]
    for place in (tmp_path / "a.zarr").rglob("*"):
        assert place.is_dir() or b"pickle" not in place.read_bytes()


def test_consolidated_metadata_hold_every_document(tmp_path: Path) -> None:
    """One file repeats each document under its key; it is not written where that was not asked for."""
    nodes = {"/g": Group({"a": 1}), "/g/x": numbers([1]), "/y": texts(["a"])}
    write_v2(tmp_path / "a.zarr", nodes)
    write_v2(tmp_path / "b.zarr", nodes, consolidate=False)

    found = document(tmp_path / "a.zarr", ".zmetadata")
    keys = {".zgroup", ".zattrs", "g/.zgroup", "g/.zattrs"} | {
        f"{p}/{n}" for p in ("g/x", "y") for n in (".zarray", ".zattrs")
    }
    assert found["zarr_consolidated_format"] == 1
    assert set(found["metadata"]) == keys
    assert found["metadata"] == {key: document(tmp_path / "a.zarr", key) for key in keys}
    assert not (tmp_path / "b.zarr/.zmetadata").exists()


def test_documents_follow_the_chunks_and_the_root_comes_last() -> None:
    """Each key is put once: chunks, then documents from the leaves up, what makes a node visible last."""
    place = CountingStore()
    write_v2(place, {"/g": Group(), "/g/x": numbers(np.arange(4), chunks=(2,)), "/y": numbers([1])})

    put = place.calls.put
    is_document = [key.rpartition("/")[2].startswith(".z") for key in put]
    assert sorted(put) == sorted(set(put))
    assert len(put) == 3 + 4 * 2 + 1
    assert is_document == sorted(is_document)
    assert put[-3:] == [".zattrs", ".zgroup", ".zmetadata"]
    for array in ("g/x", "y"):
        assert put.index(f"{array}/.zattrs") < put.index(f"{array}/.zarray")
    assert put.index("g/x/.zarray") < put.index("g/.zgroup") < put.index(".zgroup")


def test_cached_specifications_are_json_in_json(tmp_path: Path) -> None:
    """As hdmf-zarr has them: all text where the root says, in a new file and in one that grows (NEEDS 59)."""
    place = tmp_path / "a.zarr"
    text = '{"é": 1}'
    spec = dataset(Text(), objects([text], ()))
    write_v2(place, {"/": Group({".specloc": "specs"}), "/specs": Group(), "/specs/a": spec, "/note": spec})
    adapter = ZarrAdapter(place)
    adapter.open("r+")
    adapter.write(Plan(nodes={"/specs/b": spec, "/another": spec}))
    adapter.close()

    assert [document(place, f"{path}/.zarray")["filters"] for path in ("specs/a", "specs/b")] == [[JSON2]] * 2
    assert [document(place, f"{path}/.zarray")["filters"][0]["id"] for path in ("note", "another")] == ["vlen-utf8"] * 2
    assert json.loads((place / "specs/a/0").read_bytes()) == [text, "|O", [1]]
    assert {read(place).fetch([path])[path][()] for path in ("/specs/a", "/specs/b", "/note")} == {text}


def test_a_consolidated_store_is_opened_with_one_document() -> None:
    """Nothing but the consolidated metadata is read, and nothing is listed, before values are asked for.

    A file without cached specifications costs one more look: old releases left them out of the consolidated metadata.
    """
    place = CountingStore()
    write_v2(place, {"/": Group({".specloc": "specifications"}), "/g": Group(), "/x": numbers([1])})
    place.calls.got.clear()
    place.calls.listed = 0

    read(place).load()

    assert set(place.calls.got) <= {"zarr.json", ".zmetadata"}
    assert place.calls.listed == 0


def test_shards_are_refused(tmp_path: Path) -> None:
    """A wish that the format cannot fulfil is an error that names the dataset, and nothing is left behind."""
    node = numbers(np.arange(4), chunks=(1,), shards=(2,))

    with pytest.raises(UnsupportedValueError, match="/x"):
        write_v2(tmp_path / "a.zarr", {"/x": node})
    assert not (tmp_path / "a.zarr").exists()


def test_names_of_documents_are_no_names_of_objects(tmp_path: Path) -> None:
    """An object that would lie where a document lies is refused."""
    with pytest.raises(ValueError, match=r"\.zattrs"):
        write_v2(tmp_path / "a.zarr", {"/.zattrs": Group()})


# ---------------------------------------------------------------------------------- round trips


def holdable(node: Any) -> bool:
    """Tell whether format 2 can hold a node and, if so, tell its type from others."""
    if OWN_NAMES & set(getattr(node, "attributes", ())):
        return False
    if not isinstance(node, Dataset):
        return True
    names = node.layout.dimension_names or ()
    return node.layout.shards is None and (None in names) <= all(name is None for name in names)


OWN_NAMES = {"zarr_dtype", "zarr_link", "_SOFT_LINK", "_COMPOUND_DTYPE", "_DTYPE"}


@settings(deadline=None)
@given(node=strategies.datasets())
def test_decoding_undoes_encoding_of_a_dataset(node: Dataset) -> None:
    """No field of a dataset is lost on its way through the bytes of its documents."""
    assume(holdable(node))
    stored = zarr_v2.array_document(node, {}, "file", "/a")

    found, record = zarr_v2.decode_array(json.loads(json.dumps(stored)), "file", "/a")

    assert (found.element, found.shape) == (node.element, node.shape)
    assert plain(found.attributes) == plain(node.attributes)
    for name in ("chunks", "compressors"):
        wish = getattr(node.layout, name)
        assert wish is None or not node.shape or _without_sizes(getattr(found.layout, name)) == _without_sizes(wish)
    if node.layout.dimension_names and None not in node.layout.dimension_names:  # all axes have names, or none
        assert found.layout.dimension_names == node.layout.dimension_names
    assert node.layout.separator in (None, record.separator)
    if node.layout.fill_value is not None:
        assert plain(record.fill) == plain(node.layout.fill_value)


def _without_sizes(wish: Any) -> Any:
    """Format 2 leaves the size of elements to blosc, which finds it out by itself."""
    return [
        (item.name, {key: value for key, value in item.configuration.items() if key != "typesize"})
        if isinstance(item, Codec)
        else item
        for item in wish
    ]


@settings(deadline=None)
@given(group=strategies.attributes().map(Group), link=strategies.targets(["/", "/a"], [".", "../b.zarr"]).map(Link))
def test_decoding_undoes_encoding_of_a_group(group: Group, link: Link) -> None:
    """A group keeps its attributes and the links that stand in it."""
    assume(holdable(group))
    stored = zarr_v2.group_document(group, {"one": link, "two": link}, "file", "/g")

    found, links = zarr_v2.decode_group(json.loads(json.dumps(stored)), "file", "/g")

    assert plain(found.attributes) == plain(group.attributes)
    assert links == {"one": link, "two": link}


@settings(deadline=None, max_examples=60)
@given(hierarchy=strategies.hierarchies())
def test_what_is_written_is_read(hierarchy: Any) -> None:
    """Every node comes back equal through a second opening, with all of its values."""
    nodes = dict(hierarchy.nodes)
    assume(all(map(holdable, nodes.values())))
    assume(not any(name.startswith(".z") for path in nodes for name in path.split("/")))
    place = MemoryStore()
    write_v2(place, nodes)

    found = read(place)

    assert differences(nodes, found.load().nodes, lambda path: found.fetch([path])[path]) == []


def test_every_kind_is_read_back() -> None:
    """What format 3 holds, but shards, format 2 holds as well."""
    names = {"/sharded", "/transposed", "/big_endian"}
    nodes = {path: node for path, node in every_kind_but_records().items() if path not in names}
    nodes["/table"] = dataset(ROW, np.array([(1, "a", Target("/bool")), (-2, "", None)], ROW.dtype))
    nodes["/row"] = dataset(ROW, np.array((1, "a", Target("/bool")), ROW.dtype))
    place = MemoryStore()
    write_v2(place, nodes)

    found = read(place)

    assert differences(nodes, found.load().nodes, lambda path: found.fetch([path])[path]) == []


def test_bytes_that_are_no_text_are_kept() -> None:
    """Bytes come back as they were, also those that could be text (NEEDS 50)."""
    place = MemoryStore()
    write_v2(
        place,
        {"/x": dataset(Bytes(), objects([b"\xff\0", b"", b"abc"])), "/one": dataset(Bytes(), objects([b"\xff"], ()))},
    )

    found = read(place).fetch(["/x", "/one"])

    assert found["/x"].tolist() == [b"\xff\0", b"", b"abc"]
    assert found["/one"].tolist() == b"\xff"
    assert {read(place).load()[path].element for path in ("/x", "/one")} == {Bytes()}


def test_bytes_in_records_are_kept() -> None:
    """Records with bytes that are no text come back equal; each is text in base64, as its field says (NEEDS 50)."""
    place = MemoryStore()
    values = [(1, "a", b"\xff\0", Target("/")), (-2, "", b"", None)]
    write_v2(place, {"/x": table(values)})

    assert read(place).fetch(["/x"])["/x"].tolist() == values
    declared = json.loads(place._store_dict["x/.zattrs"].to_bytes())["zarr_dtype"]
    assert declared[2] == {"name": "code", "dtype": "bytes", "encoding": "base64"}


@pytest.mark.parametrize("codec", ["pickle", "json2", "vlen-utf8", "vlen-bytes"])
def test_arrays_of_objects_are_decoded_by_the_chunk(codec: str) -> None:
    """Opening decodes nothing; an element costs its chunk, so that damage elsewhere does no harm (NEEDS 36)."""
    is_reference = codec in ("pickle", "json2")
    values = [{"source": ".", "path": f"/{n}"} if is_reference else f"text {n}" for n in range(6)]
    encode = {
        "pickle": lambda chunk: pickle.dumps(chunk, 5),
        "json2": numcodecs.JSON().encode,
        "vlen-utf8": numcodecs.VLenUTF8().encode,
        "vlen-bytes": lambda chunk: numcodecs.VLenBytes().encode(objects([text.encode() for text in chunk])),
    }[codec]
    array = {**OBJECTS, "shape": [6], "chunks": [2], "filters": [{"id": codec}], "compressor": None, "order": "C"}
    files = {
        ".zgroup": b'{"zarr_format": 2}',
        "x/.zarray": json.dumps({"zarr_format": 2, "fill_value": 0, **array}).encode(),
        "x/.zattrs": json.dumps({"zarr_dtype": "object" if is_reference else "str"}).encode(),
        **{f"x/{n}": bytes(encode(objects(values[2 * n : 2 * n + 2]))) for n in (0, 2)},
        "x/1": b"damaged",
    }
    store = CountingStore({key: Buffer.from_bytes(data) for key, data in files.items()})
    adapter = read(store)
    lazy = adapter.array("/x")
    assert lazy.shape == (6,)
    assert not [key for key in store.calls.got if key.startswith("x/") and "z" not in key]

    found = np.asarray(lazy[4:]).tolist()

    assert found == ([Target("/4"), Target("/5")] if is_reference else ["text 4", "text 5"])
    assert [key for key in store.calls.got if key.startswith("x/") and "z" not in key] == ["x/2"]
    with pytest.raises(UnreadableError, match="/x"):
        lazy[3]


def test_appended_objects_keep_the_format(tmp_path: Path) -> None:
    """A file of format 2 that grows stays one, whatever is the default, and its consolidated metadata are new."""
    write_v2(tmp_path / "a.zarr", {"/x": numbers([1])})
    write(tmp_path / "a.zarr", {"/y": texts(["a"])}, "r+")

    assert not list((tmp_path / "a.zarr").rglob("zarr.json"))
    assert "y/.zarray" in document(tmp_path / "a.zarr", ".zmetadata")["metadata"]
    assert read(tmp_path / "a.zarr").fetch(["/x", "/y"])["/y"].tolist() == ["a"]


# ---------------------------------------------------------------------------------- with zarr-python 3


ZARR_READS = [
    path
    for path, node in every_kind_but_records().items()
    if isinstance(node, Dataset)
    and path
    not in (
        "/sharded",
        "/transposed",
        "/big_endian",
        "/checked",
        "/references",
        "/bytes",
    )
]


@pytest.mark.parametrize("path", ZARR_READS)
def test_zarr_reads_what_it_can(path: str, tmp_path: Path) -> None:
    """zarr-python shows numbers and text of our files, and the attributes, as they were written."""
    node = every_kind_but_records()[path]
    write_v2(
        tmp_path / "a.zarr",
        {"/bool": numbers([1], "bool"), "/int8": numbers([1], "int8"), "/group": Group(), path: node},
    )

    found = zarr.open_group(tmp_path / "a.zarr", mode="r", zarr_format=2)[path[1:]]

    values = np.asarray(found[...], object).reshape(node.shape)
    assert plain(values) == plain(node.values.array.astype(object))
    assert found.attrs["zarr_dtype"]


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<i4", ">i4", ">f8", "|b1", "<U3", "|S2", "<c8"])
@pytest.mark.parametrize("separator", [".", "/"])
def test_arrays_that_zarr_wrote_are_read(order: Any, dtype: str, separator: Any, tmp_path: Path) -> None:
    """Either order of axes and bytes is read, also of an array that says nothing of its type in an attribute."""
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    values = np.arange(35).reshape(5, 7).astype(dtype)
    key_encoding = {"name": "v2", "separator": separator}
    array = root.create_array(
        "x", shape=(5, 7), chunks=(2, 3), dtype=dtype, order=order, chunk_key_encoding=key_encoding, filters=[]
    )
    array[...] = values

    found = read(tmp_path / "a.zarr").array("/x")

    expected = np.char.decode(values) if values.dtype.kind == "S" else values
    assert np.asarray(found[...]).tolist() == expected.tolist()
    assert np.asarray(found[1:4, 2:6]).tolist() == expected[1:4, 2:6].tolist()
    if values.dtype.kind not in "SU":
        assert np.asarray(found[...]).dtype == values.dtype.newbyteorder("=")


# ---------------------------------------------------------------------------------- what is stored


def put(
    folder: Path, path: str, array: dict[str, Any] | None = None, chunk: bytes | None = None, **attributes: Any
) -> None:
    """Store an array, or a group where there is none, as another program might have; nothing is consolidated."""
    place = folder / path
    place.mkdir(parents=True, exist_ok=True)
    if array is None:
        (place / ".zgroup").write_text('{"zarr_format": 2}')
    else:
        always = {"zarr_format": 2, "order": "C", "filters": None, "compressor": None, "fill_value": None}
        (place / ".zarray").write_text(json.dumps({**always, "chunks": array["shape"], **array}))
    if attributes:
        (place / ".zattrs").write_text(json.dumps(attributes))
    if chunk is not None:
        (place / ".".join("0" for _ in array["shape"] or [1])).write_bytes(chunk)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store with nothing but its root."""
    put(tmp_path / "a.zarr", ".")
    return tmp_path / "a.zarr"


OBJECTS = {"shape": [2], "dtype": "|O"}
PICKLE = {"id": "pickle", "protocol": 5}


def value(folder: Path, path: str) -> np.ndarray:
    """Return the whole of a dataset."""
    return read(folder).fetch([path])[path]


@pytest.mark.parametrize("separator", [None, ".", "/"])
def test_nested_keys_are_found_without_being_announced(folder: Path, separator: str | None) -> None:
    """Chunks in folders of their own are read, not taken for missing ones, where the document does not name them."""
    marked = {} if separator is None else {"dimension_separator": separator}
    put(folder, "x", {"shape": [2, 2], "chunks": [1, 1], "dtype": "<i2", **marked}, zarr_dtype="int16")
    for row, column in itertools.product(range(2), range(2)):
        key = f"{row}.{column}" if separator == "." else f"{row}/{column}"
        (folder / "x" / key).parent.mkdir(exist_ok=True)
        (folder / "x" / key).write_bytes(np.int16(1 + row * 2 + column).tobytes())

    assert value(folder, "/x").tolist() == [[1, 2], [3, 4]]
    assert np.asarray(read(folder).array("/x")[1:, 0]).tolist() == [3]


def test_a_single_nested_chunk_is_found(folder: Path) -> None:
    """Also an array of one chunk may have it in a folder."""
    put(folder, "x", {"shape": [1, 2], "dtype": "<i2"}, zarr_dtype="int16")
    (folder / "x/0").mkdir()
    (folder / "x/0/0").write_bytes(np.array([5, 6], "<i2").tobytes())

    assert value(folder, "/x").tolist() == [[5, 6]]


@pytest.mark.parametrize(("dtype", "stored"), [(">i2", "int16"), ("<i2", "<i2"), (">i2", None)])
def test_attributes_say_less_than_the_stored_type(folder: Path, dtype: str, stored: str | None) -> None:
    """The type is that of the array in either byte order, whatever an attribute calls it, or if it is not there."""
    put(
        folder,
        "x",
        {"shape": [2], "dtype": dtype},
        np.array([1, -2], dtype).tobytes(),
        **({"zarr_dtype": stored} if stored else {}),
    )

    assert read(folder).load()["/x"].element == Number("int16")
    assert value(folder, "/x").tolist() == [1, -2]


@pytest.mark.parametrize("declared", [None, [{"name": "a", "dtype": "int32"}, {"name": "in", "dtype": "x"}]])
def test_records_of_either_byte_order_are_read(folder: Path, declared: Any) -> None:
    """Also records in records, in the other byte order than most (NEEDS 54)."""
    dtype = [["a", ">i4"], ["in", [["x", ">f8"], ["y", "|S2"], ["z", "<U2"]]]]
    stored = np.array([(1, (0.5, b"ab", "é")), (-2, (np.inf, b"", ""))], zarr_v2_types.numpy_dtype(dtype))
    if declared is not None:
        declared[1]["dtype"] = [{"name": "x", "dtype": "float64"}, {"name": "y", "dtype": "bytes"}]
        declared[1]["dtype"].append({"name": "z", "dtype": "str"})
    put(folder, "x", {"shape": [2], "dtype": dtype}, stored.tobytes(), **({"zarr_dtype": declared} if declared else {}))

    assert value(folder, "/x").tolist() == [(1, (0.5, "ab", "é")), (-2, (math.inf, "", ""))]


FILLS = {
    "nothing": ("<i2", None, 0),
    "text for a number": ("<i2", "7", 7),
    "a whole number for a float": ("<f4", 2, 2.0),
    "infinity": ("<f8", "-Infinity", -math.inf),
    "nothing for truth": ("|b1", None, False),
    "a number for truth": ("|b1", 1, True),
    "a pair for a complex number": ("<c8", [1.0, "Infinity"], complex(1, math.inf)),
    "nothing for text": ("|O", None, ""),
    "zero for text": ("|O", 0, ""),
}


@pytest.mark.parametrize(("dtype", "fill", "expected"), FILLS.values(), ids=FILLS.keys())
def test_missing_chunks_hold_the_fill_value_in_every_spelling(
    folder: Path, dtype: str, fill: Any, expected: Any
) -> None:
    """No chunk is there, and what the document calls the fill value is read."""
    filters = [{"id": "vlen-utf8"}] if dtype == "|O" else None
    put(folder, "x", {"shape": [2], "dtype": dtype, "fill_value": fill, "filters": filters})

    assert value(folder, "/x").tolist() == [expected] * 2


@pytest.mark.parametrize(("dtype", "fill"), [("|u1", -1), ("<i2", 2**70), ("<i2", "no"), ("<f4", {}), ("<c8", [1])])
def test_a_fill_value_that_is_none_spoils_its_dataset_alone(folder: Path, dtype: str, fill: Any) -> None:
    """The rest of the file is read, and the error names the dataset."""
    put(folder, "x", {"shape": [2], "dtype": dtype, "fill_value": fill})
    put(folder, "fine", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), zarr_dtype="int16")

    assert value(folder, "/fine").tolist() == [4]
    with pytest.raises(UnreadableError, match="/x"):
        value(folder, "/x")


@pytest.mark.parametrize("entry", [{"source": "."}, {"name": "x"}, {"path": "/x"}, "x", None, {"name": "x", "path": 1}])
def test_a_link_that_is_none_is_named(folder: Path, entry: Any) -> None:
    """A link without its name or target is an error that says in which group it stands."""
    put(folder, "g", zarr_link=[entry])

    with pytest.raises(FormatError, match="/g"):
        read(folder).load()


REFERENCES = {
    "with ids": {"source": ".", "path": "/x", "object_id": "1", "source_object_id": "2"},
    "without ids": {"source": ".", "path": "/x"},
    "by the store's own name": {"source": "a.zarr", "path": "/x"},
    "of a file system of references": {"_REFERENCE": {"source": ".", "path": "/x"}},
}


@pytest.mark.parametrize("stored", REFERENCES.values(), ids=REFERENCES.keys())
@pytest.mark.parametrize("codec", ["pickle", "json2"])
def test_references_are_read_in_every_spelling(folder: Path, stored: dict, codec: str) -> None:
    """Whatever a release recorded of a target, and with whichever object codec, the target is the same."""
    array = objects([stored, stored])
    chunk = pickle.dumps(array, 5) if codec == "pickle" else numcodecs.JSON().encode(array)
    put(folder, "x", {**OBJECTS, "filters": [{"id": codec}]}, chunk, zarr_dtype="object")

    assert value(folder, "/x").tolist() == [Target("/x")] * 2


DECLARED = [{"name": "n", "dtype": "int32"}, {"name": "s", "dtype": "utf"}, {"name": "r", "dtype": "object"}]
TO_X = {"source": ".", "path": "/x"}
ROWS = {
    "rows as lists": ({"dtype": "|O"}, objects([[1, "a", TO_X], [2, "é", TO_X]])),
    "records": (
        {"dtype": [["n", "<i4"], ["s", "|O"], ["r", "|O"]]},
        np.array([(1, "a", TO_X), (2, "é", TO_X)], [("n", "<i4"), ("s", "O"), ("r", "O")]),
    ),
}


@pytest.mark.parametrize(("array", "stored"), ROWS.values(), ids=ROWS.keys())
def test_records_are_read_in_both_forms(folder: Path, array: dict, stored: np.ndarray) -> None:
    """Rows are fields of one dtype or plain lists whose fields an attribute names; both are the same records."""
    put(folder, "x", {**OBJECTS, **array, "filters": [PICKLE]}, pickle.dumps(stored, 5), zarr_dtype=DECLARED)

    element = Compound([Field("n", Number("int32")), Field("s", Text()), Field("r", ReferenceTo())])
    assert read(folder).load()["/x"].element == element
    assert value(folder, "/x").tolist() == [(1, "a", Target("/x")), (2, "é", Target("/x"))]


def test_links_of_reference_file_systems_are_links(folder: Path) -> None:
    """A group that stands for a soft link is a link, and a marked array of one element a scalar."""
    put(folder, "g", _SOFT_LINK={"path": "/x"})
    put(folder, "x", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), _SCALAR=True)

    nodes = read(folder).load()

    assert nodes["/g"] == Link(Target("/x"))
    assert nodes["/x"].shape == ()
    assert value(folder, "/x") == 4


@pytest.mark.parametrize("wrapped", [{}, NO_IDS])
def test_links_are_read_with_and_without_ids(folder: Path, wrapped: dict) -> None:
    """What some writers add to a link does not change where it leads."""
    put(folder, "g", zarr_link=[{"name": "l", "source": "../b.zarr", "path": "/x", **wrapped}])

    assert read(folder).load()["/g/l"] == Link(Target("/x", "../b.zarr"))


# ---------------------------------------------------------------------------------- what is refused


class Runs:
    """Pickles as a command."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (self.command,)


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """Return the file that appears if a command is run."""
    return tmp_path / "ran"


def hostile(ran: Path) -> bytes:
    """Return a pickle that runs a command when it is loaded."""
    return pickle.dumps(objects([Runs(f"touch {ran}"), "x"]), 4)


HIDDEN = {
    "alone": ([PICKLE], None, lambda data: data),
    "compressed": ([PICKLE], {"id": "zlib", "level": 1}, zlib.compress),
    "behind other filters": (
        [PICKLE, {"id": "zlib", "level": 1}, {"id": "shuffle", "elementsize": 1}],
        {"id": "gzip", "level": 1},
        lambda data: numcodecs.GZip(1).encode(zlib.compress(data)),
    ),
    "in front of another filter": ([{"id": "vlen-utf8"}, PICKLE], None, lambda data: data),
    "as the compressor": (None, PICKLE, lambda data: data),
    "behind text": ([PICKLE, {"id": "base64"}], None, base64.b64encode),
}


@pytest.mark.parametrize(("filters", "compressor", "encode"), HIDDEN.values(), ids=HIDDEN.keys())
@pytest.mark.parametrize("kind", ["str", "object", "scalar", None])
def test_hidden_pickles_run_nothing(
    folder: Path, ran: Path, filters: Any, compressor: Any, encode: Any, kind: Any
) -> None:
    """Wherever in a chain of codecs a pickle stands, it is refused by name, and the rest of the file is read."""
    array = {**OBJECTS, "filters": filters, "compressor": compressor}
    put(folder, "x", array, encode(hostile(ran)), **({"zarr_dtype": kind} if kind else {}))
    put(folder, "fine", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), zarr_dtype="int16")

    with pytest.raises(UnreadableError) as caught:
        value(folder, "/x")
    with pytest.raises(UnreadableError):
        read(folder).array("/x")[...]
    assert caught.value.path == "/x"
    assert "system" in str(caught.value)
    assert value(folder, "/fine").tolist() == [4]
    assert not ran.exists()


@pytest.mark.parametrize("dtype", ["|O", [["n", "<i4"], ["s", "|O"]], "<i4"])
def test_pickles_in_fill_values_are_never_decoded(folder: Path, ran: Path, dtype: Any) -> None:
    """A fill value that holds a pickle is no program: missing chunks are empty values, and nothing ran."""
    fill = base64.b64encode(hostile(ran)).decode()
    array = {"shape": [2], "dtype": dtype, "fill_value": fill, "filters": [PICKLE] if dtype != "<i4" else None}
    put(folder, "x", array, zarr_dtype=[{"name": "n", "dtype": "int32"}, {"name": "s", "dtype": "utf"}])

    try:
        found = value(folder, "/x")
    except (FormatError, UnreadableError):
        found = None
    assert not ran.exists()
    assert found is None or fill[:20] not in repr(found)


def test_the_usual_pickled_fill_value_is_of_no_consequence(folder: Path) -> None:
    """The pickle of the number 0 that writers left in documents of records is not text of a missing row."""
    array = {"shape": [2], "dtype": [["n", "<i4"], ["s", "|O"]], "fill_value": "gAVLAC4=", "filters": [PICKLE]}
    put(folder, "x", array, zarr_dtype=[{"name": "n", "dtype": "int32"}, {"name": "s", "dtype": "utf"}])

    assert value(folder, "/x").tolist() == [(0, ""), (0, "")]


def test_a_pickle_in_a_cached_specification_runs_nothing(folder: Path, ran: Path) -> None:
    """A cache of specifications whose text is a pickle is no reason to run it, nor not to read the file."""
    from hdmf.spec import NamespaceCatalog

    from hdmf_store import ZarrIO

    put(folder, ".", **{".specloc": "specifications"})
    for path in ("specifications", "specifications/core", "specifications/core/1.0"):
        put(folder, path)
    array = {"shape": [1], "dtype": "|O", "filters": [PICKLE]}
    put(folder, "specifications/core/1.0/namespace", array, hostile(ran), zarr_dtype="scalar")
    put(folder, "x", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), zarr_dtype="int16")

    with ZarrIO(str(folder), "r") as io:
        assert io.read_builder()["x"].data[:].tolist() == [4]
    with pytest.raises(UnreadableError, match="specifications/core"):
        ZarrIO.load_namespaces(NamespaceCatalog(), path=str(folder))
    assert not ran.exists()


def test_a_pickle_behind_a_link_runs_nothing(folder: Path, ran: Path) -> None:
    """What another file holds is as little trusted as what this one holds."""
    from hdmf_store import ZarrIO

    put(folder.parent / "b.zarr", ".")
    put(folder.parent / "b.zarr", "x", {**OBJECTS, "filters": [PICKLE]}, hostile(ran), zarr_dtype="object")
    put(folder, ".", zarr_link=[{"name": "l", "source": "../b.zarr", "path": "/x"}])
    put(folder, "fine", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), zarr_dtype="int16")

    with ZarrIO(str(folder), "r") as io:
        root = io.read_builder()
        with pytest.raises(UnreadableError, match="system"):
            root["l"].builder.data[:]
        assert root["fine"].data[:].tolist() == [4]
    assert not ran.exists()


def test_unknown_codecs_spoil_their_dataset_alone(folder: Path) -> None:
    """A codec that is not known here is an error for who asks for the values, and for nobody else."""
    from hdmf_store import ZarrIO

    array = {"shape": [2], "dtype": "<i2", "filters": [{"id": "no-such-codec"}]}
    put(folder, "x", array, b"\0" * 4, zarr_dtype="int16", unit="V")
    put(folder, "fine", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), zarr_dtype="int16")

    adapter = read(folder)
    assert adapter.load()["/x"].attributes == {"unit": "V"}
    assert adapter.fetch(["/fine"])["/fine"].tolist() == [4]
    for ask in (lambda: adapter.fetch(["/x"]), lambda: adapter.array("/x")[...]):
        with pytest.raises(UnreadableError, match="no-such-codec") as caught:
            ask()
        assert caught.value.path == "/x"
    with ZarrIO(str(folder), "r") as io:
        assert io.read_builder()["fine"].data[:].tolist() == [4]


@pytest.mark.parametrize("dtype", ["<M8[s]", "|V8", "<f16", [["a", "<f4", [2]]], [["a", "<M8[s]"]]], ids=str)
def test_unknown_types_spoil_their_dataset_alone(folder: Path, dtype: Any) -> None:
    """An element type that is not known is an error for who asks for the values."""
    put(folder, "x", {"shape": [1], "dtype": dtype}, b"\0" * 16)
    put(folder, "fine", {"shape": [1], "dtype": "<i2"}, np.int16(4).tobytes(), zarr_dtype="int16")

    assert isinstance(read(folder).load()["/x"].element, Unreadable)
    with pytest.raises(UnreadableError, match="/x"):
        value(folder, "/x")
    assert value(folder, "/fine").tolist() == [4]


DAMAGED = {
    "no shape": {"shape": None},
    "no dtype": {"dtype": None},
    "a dtype that is none": {"dtype": "no"},
    "a dtype of objects that nothing encodes": {"dtype": "|O"},
    "chunks of other axes": {"chunks": [1, 1]},
    "chunks of no length": {"chunks": [0]},
    "a negative length": {"shape": [-1], "chunks": [1]},
    "a length that is no number": {"shape": ["2"], "chunks": [1]},
    "filters that are text": {"filters": "gzip"},
    "a filter that is text": {"filters": ["gzip"]},
    "a filter without name": {"filters": [{}]},
    "a codec with unknown settings": {"compressor": {"id": "zlib", "no": 1}},
    "a separator that is none": {"dimension_separator": 1},
    "an order that is none": {"order": "K"},
}


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_documents_are_named(folder: Path, change: dict) -> None:
    """A document that makes no sense is an error that names file and path, for the metadata or for the values."""
    put(folder, "x", {"shape": [2], "dtype": "<i2", **change}, b"\0" * 4, zarr_dtype="int16")

    with pytest.raises(FormatError) as caught:
        value(folder, "/x")
    assert str(folder) in str(caught.value)
    assert "/x" in str(caught.value)


@pytest.mark.parametrize("chunk", [b"", b"\0" * 3, b"\0" * 400], ids=["empty", "short", "long"])
@pytest.mark.parametrize("codec", [None, "zlib", "gzip", "bz2", "lzma", "lz4", "zstd", "blosc", "crc32"])
def test_damaged_chunks_are_named(folder: Path, chunk: bytes, codec: str | None) -> None:
    """A chunk that does not hold what its array says is an error that names file and path."""
    compressor = None if codec is None else numcodecs.get_codec({"id": codec}).get_config()
    put(folder, "x", {"shape": [2], "dtype": "<i2", "compressor": compressor}, chunk, zarr_dtype="int16")

    with pytest.raises(UnreadableError) as caught:
        value(folder, "/x")
    assert str(folder) in str(caught.value)
    assert caught.value.path == "/x"


def test_documents_that_are_no_json_are_named(folder: Path) -> None:
    """A document that was cut off is an error that names it."""
    put(folder, "x", {"shape": [2], "dtype": "<i2"})
    (folder / "x/.zarray").write_text('{"shape": [2')

    with pytest.raises(FormatError, match=r"\.zarray"):
        read(folder).load()


def test_layouts_that_were_read_can_be_written_again(folder: Path) -> None:
    """Codecs and chunks of a stored dataset survive being written anew."""
    node = numbers(
        np.arange(12, dtype="int16").reshape(3, 4),
        "int16",
        chunks=(2, 2),
        compressors=[Codec("zstd", {"level": 3, "checksum": False})],
    )
    write_v2(folder.parent / "b.zarr", {"/x": node})
    found = read(folder.parent / "b.zarr").load()["/x"]
    write_v2(folder.parent / "c.zarr", {"/x": Dataset(found.element, found.shape, node.values, {}, found.layout)})

    assert document(folder.parent / "c.zarr", "x/.zarray") == document(folder.parent / "b.zarr", "x/.zarray")
    assert found.layout == Layout(
        chunks=(2, 2), compressors=[Codec("zstd", {"level": 3, "checksum": False})], fill_value=found.layout.fill_value
    )
