"""Files that were made to harm who opens them; `docs/security.md` lists what they try, with the test that holds."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import subprocess
import sys
import textwrap
import time
import tracemalloc
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numcodecs
import pytest
import zarr.registry
from zarr.abc.codec import BytesBytesCodec
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store import FormatError, StoreIO, UnreadableError, UnsupportedValueError, ZarrIO, repair
from hdmf_store.nodes import Codec, Dataset, Group, Unreadable
from hdmf_store_adapters.local_files import LocalFiles
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from hdmf_store_adapters.zarr_places import check_path
from tests.adapters.samples import numbers, texts
from tests.adapters.stores import read, write

DOCUMENTS = ("zarr.json", ".zarray", ".zattrs")
EIGHT_MEGABYTES = 8 * 2**20


def forged(version: int, change: Any = None, chunk: bytes | None = None, **dataset: Any) -> MemoryStore:
    """Return a store with one array, its document or its only chunk changed by a stranger."""
    store = MemoryStore()
    adapter = ZarrAdapter(store, zarr_format=version)
    made = dataset.pop("made", None) or numbers([1, 2, 3, 4], "int32", **dataset)
    write(store, {"/": Group(), "/a": made}, adapter=adapter, consolidate=False)
    key = "a/zarr.json" if version == 3 else "a/.zarray"
    document = json.loads(store._store_dict[key].to_bytes())
    if change is not None:
        change(document)
    store._store_dict[key] = Buffer.from_bytes(json.dumps(document).encode())
    if chunk is not None:
        name = next(name for name in store._store_dict if name.startswith("a/") and name[2:] not in DOCUMENTS)
        store._store_dict[name] = Buffer.from_bytes(chunk)
    return store


# ------------------------------------------------------------------------------------------------------------- code


def test_a_codec_name_imports_nothing(tmp_path: Path) -> None:
    """An installed package offers a codec by an entry point; a file that names it does not get it imported."""
    info = tmp_path / "site" / "evil-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[zarr.codecs]\nevil = evil:Evil\n[numcodecs.codecs]\nevil = evil:Evil\n")
    (tmp_path / "site" / "evil.py").write_text("import pathlib\npathlib.Path('harm').touch()\nclass Evil: ...\n")
    program = """
        import json, sys
        from tests.adapters.test_hostile_files import forged
        from tests.adapters.stores import read
        from hdmf_store import UnreadableError
        def in_3(document): document["codecs"].append({"name": "evil", "configuration": {}})
        def in_shards(document):
            inner = {"chunk_shape": [2], "codecs": document["codecs"] + [{"name": "evil"}], "index_codecs": ["bytes"]}
            document["codecs"] = [{"name": "sharding_indexed", "configuration": inner}]
        def in_2(document): document["compressor"] = {"id": "evil"}
        for version, change in ((3, in_3), (3, in_shards), (2, in_2)):
            adapter = read(forged(version, change))
            for ask in (lambda: adapter.array("/a")[...], lambda: adapter.fetch(["/a"])):
                try:
                    ask()
                except UnreadableError as problem:
                    assert "evil" in str(problem), problem
                else:
                    raise AssertionError("values came from nowhere")
        assert "evil" not in sys.modules
        import numcodecs, zarr.registry
        zarr.registry.get_codec_class("evil")  # so it would have been imported
        assert "evil" in sys.modules
    """
    root = Path(__file__).parents[2]
    paths = [str(tmp_path / "site"), str(root), *sys.path]
    code = f"import sys; sys.path[:0] = {paths!r}\n" + textwrap.dedent(program)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_a_codec_that_the_program_registered_is_used() -> None:
    """The word of the program counts, and that of the file does not."""

    class Same(BytesBytesCodec):
        is_fixed_size = True

        @classmethod
        def from_dict(cls, data: Any) -> Same:
            return cls()

        def to_dict(self) -> Any:
            return {"name": "tests.same", "configuration": {}}

        def compute_encoded_size(self, input_byte_length: int, _: Any) -> int:
            return input_byte_length

        async def _decode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
            return chunk_bytes

        async def _encode_single(self, chunk_bytes: Any, chunk_spec: Any) -> Any:
            return chunk_bytes

    store = forged(3, lambda document: document["codecs"].append({"name": "tests.same"}), compressors=())
    assert isinstance(read(store).load()["/a"].element, Unreadable)

    zarr.registry.register_codec("tests.same", Same)

    assert read(store).fetch(["/a"])["/a"].tolist() == [1, 2, 3, 4]


def test_a_storage_transformer_is_never_left_out() -> None:
    """What lies between chunks and store would change every value."""
    store = forged(3, lambda document: document.update(storage_transformers=[{"name": "x"}]))

    with pytest.raises(UnreadableError, match="storage transformers"):
        read(store).fetch(["/a"])


# ------------------------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("name", ["../victim.zarr/y", "a/../../victim.zarr/y"])
def test_a_repair_never_writes_outside_of_the_file(tmp_path: Path, version: int, name: str) -> None:
    """A consolidated copy names an object elsewhere, whose document is not there and would be put back."""
    write(tmp_path / "a.zarr", {"/": Group()}, adapter=ZarrAdapter(tmp_path / "a.zarr", zarr_format=version))
    (tmp_path / "victim.zarr").mkdir()
    place = tmp_path / "a.zarr" / (".zmetadata" if version == 2 else "zarr.json")
    copy = json.loads(place.read_bytes())
    if version == 2:
        copy["metadata"][f"{name}/.zgroup"] = {"zarr_format": 2}
    else:
        group = {"zarr_format": 3, "node_type": "group", "attributes": {}}
        copy["consolidated_metadata"]["metadata"][name] = group
    place.write_text(json.dumps(copy))
    before = place.read_bytes()

    done = repair(tmp_path / "a.zarr", idle=0)

    assert list((tmp_path / "victim.zarr").iterdir()) == []
    assert [(step.path, step.action) for step in done] == [(f"/{name}", "tell")]
    assert place.read_bytes() == before


def test_no_key_leads_out_of_a_folder(tmp_path: Path) -> None:
    """Whoever asks: keys are refused where files are written and removed."""
    (tmp_path / "victim").write_bytes(b"x")
    (tmp_path / "a.zarr").mkdir()
    files = LocalFiles(tmp_path / "a.zarr")
    calls: list[Callable[[], None]] = [
        lambda: files.write_many([("../victim", b"y")]),
        lambda: files.deputy("g").write_many([("g/../../victim", b"y")]),
        lambda: files.remove_files(["../victim"]),
        lambda: files.remove(["../victim"]),
    ]

    for call in calls:
        with pytest.raises(FormatError, match="hostile"):
            call()
    files.discard()
    assert (tmp_path / "victim").read_bytes() == b"x"


@pytest.mark.parametrize("name", ["..", ".", "a/../../b", "a//b", "/etc", "x\0"])
def test_a_path_in_a_consolidated_document_never_leads_out(name: str) -> None:
    """The names come from the file, and become keys of files on disk."""
    store = forged(3)
    root = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    root["consolidated_metadata"] = {"kind": "inline", "metadata": {name: dict(root)}}
    store._store_dict["zarr.json"] = Buffer.from_bytes(json.dumps(root).encode())

    with pytest.raises(FormatError, match="hostile"):
        read(store).load()


@pytest.mark.parametrize("name", ["..\\..\\x", "C:\\x", "c:", "CON", "nul.txt", "aux", "COM1", "x. ", "a:b"])
def test_a_name_that_windows_takes_for_more_is_refused_there(name: str) -> None:
    """Folders above, drives, devices and streams; elsewhere these are names like any other."""
    with pytest.raises(FormatError, match="hostile"):
        check_path(f"/g/{name}", "file", "win32")

    check_path(f"/g/{name}", "file", "linux")


@pytest.mark.parametrize("name", ["%2e%2e", "a%2f..%2f..%2fb", "..%5c.."])
def test_an_encoded_separator_is_a_part_of_a_name(tmp_path: Path, name: str) -> None:
    """Nothing here decodes names, so that what is encoded stays what it is."""
    write(tmp_path / "in" / "a.zarr", {"/": Group(), f"/{name}": numbers([1, 2])})

    assert read(tmp_path / "in" / "a.zarr").fetch([f"/{name}"])[f"/{name}"].tolist() == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_members_of_an_archive_are_never_unpacked_beside_it(tmp_path: Path) -> None:
    """Members with names that lead out of a folder are no objects, and nothing is written where they say."""
    place = tmp_path / "in" / "a.zarr.zip"
    place.parent.mkdir()
    with zipfile.ZipFile(place, "w") as archive:
        for key, value in forged(3)._store_dict.items():
            archive.writestr(key, value.to_bytes())
        for name in ("../out", "/tmp_out", "a/../../up", "..\\out"):
            archive.writestr(name, b"{}")

    with StoreIO(place, "r+") as io:
        io.adapter.consolidate()

    assert read_names(place) >= {"a/zarr.json"}
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a.zarr.zip", "in"]
    with StoreIO(place, "r") as io:
        assert sorted(io.adapter.load()) == ["/", "/a"]


def read_names(place: Path) -> set[str]:
    with zipfile.ZipFile(place) as archive:
        return set(archive.namelist())


# ------------------------------------------------------------------------------------------------------------ memory


def said(codec: Any, at: int) -> bytes:
    """Return the bytes of a chunk of zeros whose header says that it is of nearly two gigabytes."""
    data = bytearray(codec.encode(bytes(2**20)))
    data[at : at + 4] = (2**31 - 2).to_bytes(4, "little")
    return bytes(data)


def frame(*blocks: tuple[int, int, bytes]) -> bytes:
    """Return a Zstandard frame that does not say its size, of blocks as kind, length and content."""
    headers = [(length << 3 | kind << 1 | (at == len(blocks) - 1)) for at, (kind, length, _) in enumerate(blocks)]
    packed = (header.to_bytes(3, "little") + block[2] for header, block in zip(headers, blocks, strict=True))
    return b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(packed)


def filtered(name: str, **settings: Any) -> tuple[int, dict[str, Any], Callable[[], bytes]]:
    """Return a bomb: a filter that makes 32 megabytes of the 16 bytes of four numbers."""
    return (
        2,
        {"change": lambda made: made.update(filters=[{"id": name, **settings}]), "compressors": ()},
        lambda: bytes(16),
    )


LONG_TEXT = "<U2000000"
REPEATED = (1, 2**17, b"a")
REPEATED_LITERALS = (2, 5, (2**17 << 4 | 3 << 2 | 1).to_bytes(3, "little") + b"a\0")
SKIPPED = (0x184D2A50).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
ZSTD = {"compressors": [Codec("zstd", {"level": 1})]}
ZEROS = bytes(2**26)
VAST_TEXT = b"\xff\xff\xff\x7f" + bytes(40)
BOMBS: dict[str, tuple[int, dict[str, Any], Callable[[], bytes]]] = {
    "zstd": (3, {"compressors": [Codec("zstd", {"level": 1})]}, lambda: said(numcodecs.Zstd(level=1), 6)),
    "blosc": (3, {"compressors": [Codec("blosc", {"cname": "zstd"})]}, lambda: said(numcodecs.Blosc(), 4)),
    "lz4": (3, {"compressors": [Codec("numcodecs.lz4")]}, lambda: said(numcodecs.LZ4(), 0)),
    "gzip": (3, {"compressors": [Codec("gzip", {"level": 1})]}, lambda: gzip.compress(ZEROS, 1)),
    "zlib": (2, {"compressors": [Codec("numcodecs.zlib")]}, lambda: zlib.compress(ZEROS, 1)),
    "bz2": (2, {"compressors": [Codec("numcodecs.bz2")]}, lambda: bz2.compress(ZEROS, 1)),
    "lzma": (2, {"compressors": [Codec("numcodecs.lzma")]}, lambda: lzma.compress(ZEROS, preset=0)),
    "zstd of many frames": (3, ZSTD, lambda: frame(REPEATED) * 512),
    "zstd after what is skipped": (3, ZSTD, lambda: SKIPPED + frame(*[REPEATED] * 512)),
    "zstd of compressed blocks": (3, ZSTD, lambda: frame(*[REPEATED_LITERALS] * 512)),
    "astype": filtered("astype", encode_dtype="<i4", decode_dtype=LONG_TEXT),
    "fixedscaleoffset": filtered("fixedscaleoffset", offset=0, scale=1, dtype="S8000000", astype="<i4"),
    "categorize": filtered("categorize", labels=["a"], dtype=LONG_TEXT, astype="<i4"),
    "packbits": (
        2,
        {"change": lambda made: made.update(filters=[{"id": "packbits"}] * 8), "compressors": ()},
        lambda: bytes(16),
    ),
    "text": (3, {"made": texts(["a"], compressors=())}, lambda: VAST_TEXT),
    "text of format 2": (2, {"made": texts(["a"], compressors=())}, lambda: VAST_TEXT),
}
"""For each codec, a few kilobytes that decode to 64 megabytes or say that it is more."""


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_chunk_cannot_ask_for_much_memory(name: str) -> None:
    """What is decoded is bounded by the shape of the chunk, before memory is taken for it."""
    version, layout, chunk = BOMBS[name]
    adapter = read(forged(version, chunk=chunk(), **layout))
    adapter.load()
    tracemalloc.start()
    try:
        with pytest.raises(UnreadableError):
            adapter.fetch(["/a"])
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert most < EIGHT_MEGABYTES


def test_many_empty_streams_take_no_more_time_than_they_have_bytes() -> None:
    """Four megabytes of them, each of which could have all that follow copied."""
    adapter = read(forged(3, chunk=gzip.compress(b"") * 200_000, compressors=[Codec("gzip", {"level": 1})]))
    adapter.load()
    began = time.process_time()

    with pytest.raises(UnreadableError):
        adapter.fetch(["/a"])

    assert time.process_time() - began < 4


def test_a_list_in_json_cannot_ask_for_much_memory() -> None:
    """Format 2 ends such a list with the type and the shape of its array."""
    made = forged(2, made=texts(["a"], serializer=Codec("numcodecs.json2"), compressors=()))
    name = next(key for key in made._store_dict if key.startswith("a/") and ".z" not in key)
    made._store_dict[name] = Buffer.from_bytes(b'["a", "|O", [10000000000]]')

    with pytest.raises(UnreadableError):
        read(made).fetch(["/a"])


def test_an_absurd_chunk_without_bytes_takes_no_memory() -> None:
    """Of a chunk that was never stored only what was asked for is made."""

    def vast(document: dict[str, Any]) -> None:
        document["shape"] = [1]
        document["chunk_grid"]["configuration"]["chunk_shape"] = [2**50]
        document["chunk_key_encoding"] = {"name": "default", "configuration": {"separator": "-"[:0] or "/"}}

    store = forged(3, vast)
    for key in [key for key in store._store_dict if key.startswith("a/c")]:
        del store._store_dict[key]

    assert read(store).fetch(["/a"])["/a"].tolist() == [0]
    assert read(store).array("/a")[...].tolist() == [0]


def test_an_absurd_chunk_with_few_bytes_is_refused() -> None:
    """No codec packs so much into so little."""
    change = lambda document: document["chunk_grid"]["configuration"].update(chunk_shape=[2**50])  # noqa: E731

    with pytest.raises(UnreadableError):
        read(forged(3, change)).fetch(["/a"])


@pytest.mark.parametrize("depth", [100, 900, 100_000])
def test_a_deeply_nested_attribute_is_no_danger(depth: int) -> None:
    """It is unreadable by itself, or its document is; nobody runs out of stack."""
    store = forged(3)
    text = store._store_dict["a/zarr.json"].to_bytes().decode()
    deep = '"attributes": {"deep": ' + "[" * depth + "]" * depth + ", "
    store._store_dict["a/zarr.json"] = Buffer.from_bytes(text.replace('"attributes": {', deep, 1).encode())

    try:
        node = read(store).load()["/a"]
    except FormatError as problem:
        assert problem.path == "/a"
    else:
        assert isinstance(node, Dataset)
        assert isinstance(node.attributes["deep"], Unreadable)


def test_an_archive_cannot_ask_for_much_memory(tmp_path: Path) -> None:
    """A member says how large it becomes before it is unpacked."""
    place = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, value in forged(3)._store_dict.items():
            archive.writestr(key, value.to_bytes())
    data = bytearray(place.read_bytes())
    at = data.rindex(b"PK\x01\x02", 0, data.rindex(b"a/c"))
    data[at + 24 : at + 28] = (2**32 - 2).to_bytes(4, "little")
    place.write_bytes(bytes(data))

    with StoreIO(place, "r") as io, pytest.raises(FormatError, match="would become"):
        io.adapter.fetch(["/a"])


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_members_that_are_unpacked_without_bounds_are_refused(tmp_path: Path, method: int) -> None:
    """Whatever size the archive says, all that is in them would be made at once."""
    place = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for key, value in forged(3)._store_dict.items():
            is_chunk = key.startswith("a/c")
            data, packed = (bytes(2**26), method) if is_chunk else (value.to_bytes(), zipfile.ZIP_STORED)
            archive.writestr(key, data, compress_type=packed)
    tracemalloc.start()
    try:
        with StoreIO(place, "r") as io, pytest.raises(FormatError, match="no bounds"):
            io.adapter.fetch(["/a"])
        assert tracemalloc.get_traced_memory()[1] < EIGHT_MEGABYTES
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("offset", [2**64 - 2**40, 2**63, 2**40])
def test_members_that_lie_nowhere_are_refused(tmp_path: Path, offset: int) -> None:
    """The directory of an archive says where each member begins."""
    place = tmp_path / "a.zarr.zip"
    with zipfile.ZipFile(place, "w") as archive:
        for key, value in forged(3)._store_dict.items():
            archive.writestr(key, value.to_bytes())
        for info in archive.infolist():
            info.header_offset = offset

    with pytest.raises(FormatError), StoreIO(place, "r") as io:
        io.adapter.load()


@pytest.mark.parametrize("name", ["i4,(", "(1,)+i4,i4", "i4,\x00"])
def test_a_type_that_numpy_reads_as_python_is_unreadable(name: str) -> None:
    """Its errors are those of Python's own syntax."""
    adapter = read(forged(2, lambda document: document.update(dtype=name)))

    assert isinstance(adapter.load()["/a"].element, Unreadable)
    with pytest.raises(UnreadableError, match="/a"):
        adapter.fetch(["/a"])


# --------------------------------------------------------------------------------------------------- names and pages


@pytest.mark.parametrize("version", [2, 3])
def test_attributes_of_the_format_cannot_be_set_from_outside(version: int) -> None:
    """Else content could pretend to be a link, or another type."""
    for name in ("_LINKS", "_REFERENCE") if version == 3 else ("zarr_link", "zarr_dtype"):
        with pytest.raises(UnsupportedValueError, match="keeps the attribute names"):
            write(MemoryStore(), {"/": Group({name: []})}, adapter=ZarrAdapter(MemoryStore(), zarr_format=version))


def test_names_and_values_are_text_in_a_page() -> None:
    """What a file holds is shown in notebooks, and never becomes a part of the page."""
    evil = "<script>alert(1)</script>"
    store = MemoryStore()
    write(store, {"/": Group(), f"/{evil.replace('/', '')}": texts([evil])})

    with ZarrIO(store, "r") as io:
        (array,) = [builder.data for builder in io.read_builder().datasets.values()]
        page = ZarrIO.generate_dataset_html(array)

    assert "<script" not in page
    assert "&lt;script" in page
