"""Reference file systems in Parquet: read lazily, from any place, and never more than they may (NEEDS 30)."""

from __future__ import annotations

import base64
import json
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fsspec.implementations.reference import LazyReferenceMapper

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.adapter import adapter_class_for, open_adapter
from hdmf_store.errors import FormatError, MissingExtraError, MissingHierarchyError, ModeError, UnreadableError
from hdmf_store_adapters import reference_records
from hdmf_store_adapters.reference_adapter import ReferenceAdapter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.references import gets, recorded
from tests.servers import file_server, http_server

LENGTH, COUNT, RECORDS = 5, 12, 4
"""Values in a chunk of ``/a``, its chunks, and how many of these a file of records has."""

VALUES = np.arange(LENGTH * COUNT, dtype="<i8")
SIZE = LENGTH * VALUES.itemsize


def array(shape: list[int], chunks: list[int], **more: Any) -> dict[str, Any]:
    """Return the document of an array of numbers without compression."""
    document = {"zarr_format": 2, "shape": shape, "chunks": chunks, "dtype": "<i8", "order": "C", "fill_value": -1}
    return {**document, "filters": None, "compressor": None, **more}


DOCUMENTS = {
    ".zgroup": {"zarr_format": 2},
    ".zattrs": {"x": 1},
    "a/.zarray": array([LENGTH * COUNT], [LENGTH]),
    "g/.zgroup": {"zarr_format": 2},
    "g/b/.zarray": array([4, 6], [2, 2]),
    "g/b/.zattrs": {},
    "scalar/.zarray": array([], []),
}
B = np.arange(24, dtype="<i8").reshape(4, 6)
PIECES = [B[i : i + 2, j : j + 2].tobytes() for i in (0, 2) for j in (0, 2, 4)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder ``a.parq`` with references to ``all.bin`` beside it; what lies outside is above it."""
    home = tmp_path / "home"
    lie = {number: ("all.bin", number * SIZE, SIZE) for number in range(COUNT)}
    within = {"g/b": dict(enumerate(PIECES)), "scalar": {0: np.int64(7).tobytes()}}
    place = recorded(home / "a.parq", DOCUMENTS, {"a": lie, **within}, RECORDS)
    (home / "all.bin").write_bytes(VALUES.tobytes())
    (tmp_path / "outside.bin").write_bytes(VALUES.tobytes())
    return place


def values(place: Any, path: str = "/a", **options: Any) -> list:
    """Return the values of a dataset, read by a new adapter."""
    adapter = open_adapter(place, "r", **options)
    try:
        return adapter.array(path)[...].tolist()
    finally:
        adapter.close()


def rewritten(place: Path, change: Callable[[pa.Table], pa.Table], record: int = 1) -> Path:
    """Change a file of records of ``/a``."""
    file = place / "a" / f"refs.{record}.parq"
    pq.write_table(change(pq.read_table(file)), file)
    return place


def with_column(name: str, column: list, kind: Any = None) -> Callable[[pa.Table], pa.Table]:
    """Return what puts another column in the place of one."""
    return lambda table: table.set_column(table.column_names.index(name), name, pa.array(column, kind))


def target(path: Any) -> Callable[[pa.Table], pa.Table]:
    """Return what makes all records name a file."""
    return with_column("path", [path] * RECORDS, pa.string())


def refusal(place: Any, **options: Any) -> str:
    """Return why chunks 4 to 7 of ``/a`` are not read: an error that names file and key, while the rest is read."""
    adapter = open_adapter(place, "r", **options)
    with pytest.raises(UnreadableError) as caught:
        adapter.array("/a")[:]
    assert adapter.array("/a")[: RECORDS * LENGTH].tolist() == VALUES[: RECORDS * LENGTH].tolist()
    assert adapter.array("/g/b")[:].tolist() == B.tolist()
    adapter.close()
    assert (caught.value.location, caught.value.path) == (adapter.location.address, "/a")
    assert "/a/4 " in str(caught.value)
    return str(caught.value)


# what is read


@pytest.mark.parametrize("io_class", [ZarrIO, StoreIO])
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_folders_are_read_from_wherever_the_program_runs(
    folder: Path, io_class: Any, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups, attributes, arrays and scalars; targets are meant from where the folder lies."""
    monkeypatch.chdir(folder.parent.parent)

    with io_class("home/a.parq", mode) as io:
        assert io.adapter.name == "references"
        root = io.read_builder()
        assert root.attributes["x"] == 1
        assert root["a"].data[:].tolist() == VALUES.tolist()
        assert root["a"].data[7:9].tolist() == [7, 8]
        assert root["g/b"].data[:].tolist() == B.tolist()
        assert root["g/b"].data[1, 2:5].tolist() == B[1, 2:5].tolist()
        assert root["scalar"].data == 7


@pytest.mark.filterwarnings("ignore:The 'fastparquet' engine is deprecated")
@pytest.mark.parametrize("engine", ["pyarrow", "fastparquet"])
@pytest.mark.parametrize("record_size", [3, 1000])
def test_folders_that_kerchunk_writes_are_read(tmp_path: Path, engine: Any, record_size: int) -> None:
    """By fsspec's own class: paths, bytes, whole files, and chunks and files of records that are not there."""
    pytest.importorskip("kerchunk.df")
    pytest.importorskip(engine)
    (tmp_path / "all.bin").write_bytes(b"12345678" + VALUES.tobytes())
    (tmp_path / "whole.bin").write_bytes(VALUES[-LENGTH:].tobytes())
    out = LazyReferenceMapper.create(str(tmp_path / "a.parq"), record_size=record_size, engine=engine)
    for key, document in DOCUMENTS.items():
        out[key] = json.dumps(document)
    for number in (0, 1, 2, 4, 9):
        out[f"a/{number}"] = ["all.bin", 8 + number * SIZE, SIZE]
    out["a/10"] = VALUES[50:55].tobytes()
    out["a/11"] = ["whole.bin"]
    for number, piece in enumerate(PIECES):
        out[f"g/b/{number // 3}.{number % 3}"] = b"base64:" + base64.b64encode(piece)
    out["scalar/0"] = np.int64(7).tobytes()
    out.flush()

    expected = VALUES.reshape(COUNT, LENGTH).copy()
    expected[[3, 5, 6, 7, 8]] = -1
    assert values(tmp_path / "a.parq") == expected.reshape(-1).tolist()
    assert values(tmp_path / "a.parq", "/g/b") == B.tolist()
    assert values(tmp_path / "a.parq", "/scalar") == 7


def test_many_paths_that_are_categories_are_read(tmp_path: Path) -> None:
    """As the format has them where few files are named often."""
    place = tmp_path / "a.parq"
    lie = {number: ("all.bin", number * SIZE, SIZE) for number in range(COUNT)}
    recorded(place, DOCUMENTS, {"a": lie}, COUNT)
    rewritten(place, lambda table: table.set_column(0, "path", table["path"].dictionary_encode()), 0)
    (tmp_path / "all.bin").write_bytes(VALUES.tobytes())

    assert pa.types.is_dictionary(pq.read_schema(place / "a" / "refs.0.parq").field("path").type)
    assert values(place) == VALUES.tolist()


@pytest.mark.parametrize("columns", [["raw"], ["path", "offset", "size"]])
def test_columns_that_no_record_needs_may_be_left_out(tmp_path: Path, columns: list[str]) -> None:
    entries: dict[int, Any] = {number: VALUES[number * LENGTH :][:LENGTH].tobytes() for number in range(COUNT)}
    if columns != ["raw"]:
        entries = {number: ("all.bin", number * SIZE, SIZE) for number in range(COUNT)}
        (tmp_path / "all.bin").write_bytes(VALUES.tobytes())
    place = recorded(tmp_path / "a.parq", DOCUMENTS, {"a": entries}, COUNT)

    assert values(rewritten(place, lambda table: table.select(columns), 0)) == VALUES.tolist()


def test_what_has_no_record_has_the_fill_value(folder: Path) -> None:
    """A row that says nothing, and a file of records that is not there: so the format leaves out what there is not."""
    (folder / "a" / "refs.2.parq").unlink()
    rewritten(folder, with_column("path", ["all.bin", None, "", "all.bin"]))

    rows = np.array(values(folder)).reshape(COUNT, LENGTH)
    missing = [5, 6, 8, 9, 10, 11]
    assert (rows[missing] == -1).all()
    present = [number for number in range(COUNT) if number not in missing]
    assert rows[present].tolist() == VALUES.reshape(COUNT, LENGTH)[present].tolist()


def test_chunks_with_slashes_in_their_keys_are_found(tmp_path: Path) -> None:
    documents = {".zgroup": {"zarr_format": 2}, "b/.zarray": array([4, 6], [2, 2], dimension_separator="/")}

    assert values(recorded(tmp_path / "a.parq", documents, {"b": dict(enumerate(PIECES))}, 4), "/b") == B.tolist()


def test_conversion_makes_a_copy_that_stands_alone(folder: Path, tmp_path: Path) -> None:
    with StoreIO(folder, "r") as source, ZarrIO(tmp_path / "copy.zarr", "w") as copy:
        copy.export(source)
    (folder.parent / "all.bin").unlink()

    assert values(tmp_path / "copy.zarr") == VALUES.tolist()


def test_arrays_travel_to_other_processes(folder: Path) -> None:
    """With the caller's word."""
    rewritten(folder, target(str(folder.parent.parent / "outside.bin")))
    adapter = open_adapter(folder, "r", may_read=folder.parent.parent)

    assert pickle.loads(pickle.dumps(adapter.array("/a")))[:].tolist() == VALUES.tolist()
    adapter.close()


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_modes_that_write_are_refused(folder: Path, mode: str) -> None:
    with pytest.raises(ModeError, match=r"a\.parq"):
        open_adapter(folder, mode)

    assert values(folder) == VALUES.tolist()


# what is read when


def test_records_are_read_when_their_chunks_are_asked_for_and_once(folder: Path) -> None:
    """Opening reads one document; each file of records is read for all chunks that are asked for together, and kept."""
    with file_server(folder.parent) as server:
        adapter = open_adapter(f"{server.url}/a.parq", "r")
        adapter.load()
        assert gets(server) == ["/a.parq/.zmetadata"]

        part = slice(RECORDS * LENGTH, (RECORDS + 1) * LENGTH)
        assert adapter.array("/a")[part].tolist() == VALUES[part].tolist()
        whole = "/all.bin bytes="
        assert gets(server)[1:] == ["/a.parq/a/refs.1.parq", f"{whole}{RECORDS * SIZE}-{(RECORDS + 1) * SIZE - 1}"]

        server.traffic.clear()
        assert adapter.array("/a")[:].tolist() == VALUES.tolist()
        *records, data = gets(server)
        assert (sorted(records), data) == (
            ["/a.parq/a/refs.0.parq", "/a.parq/a/refs.2.parq"],
            f"{whole}0-{COUNT * SIZE - 1}",
        )

        server.traffic.clear()
        assert adapter.array("/a")[:].tolist() == VALUES.tolist()
        assert gets(server) == [f"{whole}0-{COUNT * SIZE - 1}"]
        adapter.close()


@pytest.mark.parametrize(
    ("limit", "most", "chunks", "read"),
    [
        ("_HELD", 1, (0, 1, 5, 6, 0), ["0", "1", "0"]),
        ("_HELD_BYTES", 1, (0, 1, 5, 6, 0), ["0", "1", "0"]),
        ("_HELD", 2, (0, 5, 1, 9, 2, 6), ["0", "1", "2", "1"]),
    ],
)
def test_few_records_are_kept(
    folder: Path, limit: str, most: int, chunks: tuple[int, ...], read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that were used last; others are read again."""
    monkeypatch.setattr(reference_records, limit, most)

    with file_server(folder.parent) as server:
        adapter = open_adapter(f"{server.url}/a.parq", "r")
        array = adapter.array("/a")
        for chunk in chunks:
            assert array[chunk * LENGTH] == chunk * LENGTH
            adapter.arrays.recent.clear()  # what was decoded would not be asked for again
        adapter.close()

    assert [name.split("refs.")[1][0] for name in gets(server) if "refs." in name] == read


def test_bytes_that_many_records_share_are_in_memory_once(tmp_path: Path) -> None:
    """As they are in the file, where they take next to no room."""
    documents = {".zgroup": {"zarr_format": 2}, "a/.zarray": array([2**27 // 8 * 100], [2**20 // 8])}
    shared = dict.fromkeys(range(100), b"\1" * 2**20)
    adapter = open_adapter(recorded(tmp_path / "a.parq", documents, {"a": shared}, 100), "r")
    before = pa.total_allocated_bytes()

    assert adapter.array("/a")[0] == 0x0101010101010101
    assert pa.total_allocated_bytes() - before < 2**23
    adapter.close()


def test_folders_in_memory_are_read() -> None:
    """From the folder and from what it names."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/recorded/a.bin", VALUES[:2].tobytes())
    documents = {".zgroup": {"zarr_format": 2}, "a/.zarray": array([2], [2])}
    memory.pipe("/recorded/a.parquet/.zmetadata", json.dumps({"metadata": documents, "record_size": 1}).encode())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"path": ["a.bin"], "offset": [0], "size": [16]}), sink)
    memory.pipe("/recorded/a.parquet/a/refs.0.parq", sink.getvalue().to_pybytes())

    assert values("memory://recorded/a.parquet") == [0, 1]


# where references may lead


@pytest.mark.parametrize(
    "way", ["../outside.bin", "{tmp}/outside.bin", "file://{tmp}/outside.bin", "link.bin", "ftp://bucket/outside.bin"]
)
def test_what_a_record_may_not_name_is_refused_and_the_rest_is_read(folder: Path, tmp_path: Path, way: str) -> None:
    """As in JSON; with the word of the caller, files of this machine are read."""
    (folder.parent / "link.bin").symlink_to(tmp_path / "outside.bin")
    named = way.format(tmp=tmp_path)
    rewritten(folder, target(named))

    assert f"refers to {named!r}, which may not be read" in refusal(folder)
    if "ftp" not in way:
        assert values(folder, may_read=tmp_path) == VALUES.tolist()


def test_a_folder_on_a_server_never_reaches_files_of_this_machine(folder: Path, tmp_path: Path) -> None:
    rewritten(folder, target(str(tmp_path / "outside.bin")))

    with http_server(folder.parent) as url:
        assert "may not be read" in refusal(f"{url}/a.parq", may_read=tmp_path)


def test_records_are_files_of_the_folder_itself(folder: Path, tmp_path: Path) -> None:
    """A link out of it is not followed, whatever the caller allows for what records name; a link to it is."""
    records = folder / "a" / "refs.1.parq"
    records.rename(tmp_path / "elsewhere.parq")
    records.symlink_to(tmp_path / "elsewhere.parq")
    assert "refs.1.parq" in refusal(folder, may_read=tmp_path)

    records.unlink()
    (tmp_path / "elsewhere.parq").rename(records)
    (tmp_path / "home" / "linked").symlink_to(folder)
    assert values(tmp_path / "home" / "linked") == VALUES.tolist()


@pytest.mark.parametrize("path", ["../a", "a/../../x", "/a", "a//b", "./a"])
def test_an_array_whose_path_leads_out_of_the_folder_is_refused(tmp_path: Path, path: str) -> None:
    """As in every Zarr store."""
    place = recorded(tmp_path / "a.parq", {".zgroup": {"zarr_format": 2}, f"{path}/.zarray": array([1], [1])}, {}, 1)

    with pytest.raises(FormatError, match="no path that an object can have"):
        open_adapter(place, "r").load()


# damage


DAMAGE: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "no offset": (lambda table: table.drop_columns(["offset"]), "the columns"),
    "no size": (lambda table: table.drop_columns(["size"]), "the columns"),
    "no path and no bytes": (lambda table: table.drop_columns(["path", "raw"]), "the columns"),
    "one column twice": (lambda table: table.append_column("path", table["path"]), "the columns"),
    "numbers as paths": (with_column("path", [1, 2, 3, 4]), "'path' is of type int64"),
    "text as offset": (with_column("offset", ["1"] * 4), "'offset' is of type string"),
    "fractions as size": (with_column("size", [1.5] * 4), "'size' is of type double"),
    "lists as bytes": (with_column("raw", [[1]] * 4), "'raw' is of type list"),
    "offset below zero": (with_column("offset", [-8, 0, 0, 0]), "-8 and 40 are no offset and size"),
    "no number as size": (with_column("size", [None, 1, 1, 1]), "160 and None are no offset and size"),
    "too few rows": (lambda table: table.slice(0, 0), "which has 0"),
    "too many rows": (lambda table: pa.concat_tables([table] * 2), "8 of them, where 4 are meant"),
    "beyond the file": (with_column("offset", [10**15] * 4), "0 bytes from 1000000000000000 on where 40 are meant"),
    "too long": (with_column("size", [10**15] * 4), "more than one piece can have"),
    "not there": (target("none.bin"), "which is not there"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_records_that_cannot_be_used_are_named(folder: Path, damage: str) -> None:
    """Fill values never take the place of what could not be read."""
    change, reason = DAMAGE[damage]

    assert reason in refusal(rewritten(folder, change))


@pytest.mark.parametrize("keep", [0, 4, 40, -1])
def test_records_that_are_cut_short_are_named(folder: Path, keep: int) -> None:
    file = folder / "a" / "refs.1.parq"
    file.write_bytes(file.read_bytes()[:keep])

    assert "the records in a/refs.1.parq cannot be read" in refusal(folder)


def test_text_in_records_that_is_none_is_named(folder: Path) -> None:
    """Bytes that are no UTF-8 where a path is meant."""
    file = folder / "a" / "refs.1.parq"
    file.write_bytes(file.read_bytes().replace(b"all.bin", b"all\xffbin"))

    assert "a/refs.1.parq" in refusal(folder)


def test_records_larger_than_any_that_are_meant_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference_records, "_MOST_BYTES", 100)
    adapter = open_adapter(folder, "r")

    with pytest.raises(UnreadableError, match="larger than any"):
        adapter.array("/a")[:]
    adapter.close()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"record_size": 4, "metadata": ', "is no JSON"),
        ('["record_size"]', "no 'metadata' and 'record_size'"),
        ('{"record_size": 4}', "no 'metadata' and 'record_size'"),
        ('{"record_size": 4, "metadata": []}', "no 'metadata' and 'record_size'"),
        *((f'{{"metadata": {{}}, "record_size": {size}}}', "its record_size is") for size in (0, -1, 10**9, 2**70)),
        *((f'{{"metadata": {{}}, "record_size": {size}}}', "its record_size is") for size in ('"4"', "4.0", "true")),
        ('{"metadata": {}, "record_size": 4}', "has no root group"),
    ],
    ids=lambda text: text[:60],
)
def test_a_folder_that_is_no_reference_file_system_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """With an error that names it and says what is wrong."""
    (tmp_path / "a.parq").mkdir()
    (tmp_path / "a.parq" / ".zmetadata").write_text(text)
    adapter = ReferenceAdapter(tmp_path / "a.parq")

    with pytest.raises(FormatError, match=reason) as caught:
        adapter.open("r")
        adapter.load()
    assert str(tmp_path / "a.parq") in str(caught.value)


# which places are its own


def test_folders_of_references_are_its_own_and_no_others(folder: Path, tmp_path: Path) -> None:
    """By what they hold, whatever they are called; on other machines by their names."""
    open_adapter(tmp_path / "plain.zarr", "w", zarr_format=2).close()
    (tmp_path / "plain.parq").mkdir()
    (tmp_path / "plain.parq" / ".zmetadata").write_text('{"metadata": {".zattrs": {"record_size": 1}}}')
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    folder.rename(folder.with_name("a.zarr"))

    assert adapter_class_for(folder.with_name("a.zarr")) is ReferenceAdapter
    assert values(folder.with_name("a.zarr")) == VALUES.tolist()
    assert adapter_class_for("s3://lab/a.parq") is adapter_class_for("https://lab.org/a.parquet/") is ReferenceAdapter
    assert adapter_class_for(tmp_path / "plain.parq") is ZarrAdapter
    for place in (tmp_path / "plain.zarr", tmp_path / "table.parquet", tmp_path / "none.parq"):
        assert not ReferenceAdapter.claims(place)


def test_a_place_without_references_is_missing(folder: Path) -> None:
    """On this machine and on another."""
    with http_server(folder.parent) as url, pytest.raises(MissingHierarchyError, match=r"none\.parq"):
        open_adapter(f"{url}/none.parq", "r")
    (folder / ".zmetadata").unlink()
    with pytest.raises(MissingHierarchyError, match=r"a\.parq"):
        ReferenceAdapter(folder).open("r")


def test_a_zarr_store_over_such_a_folder_is_not_one_without_chunks(folder: Path) -> None:
    """Whoever opens it as a store of zarr is told what it is."""
    adapter = ZarrAdapter(folder)
    adapter.open("r")

    with pytest.raises(FormatError, match="is a reference file system in Parquet"):
        adapter.load()
    adapter.close()


def test_without_the_library_the_extra_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything is read."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)

    with pytest.raises(MissingExtraError, match=r"hdmf-store\[parquet\]"):
        open_adapter(folder, "r")
