"""What is fuzzed: functions of bytes, which end well or with an error of ours, and bytes to begin with.

Each target takes any bytes at all. What it raises is a finding.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import attrs
import numcodecs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store.adapter import open_adapter
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import Dataset
from hdmf_store_adapters import zarr_v2, zarr_v3
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS, chunk_codec
from hdmf_store_adapters.numcodecs_chain import numcodecs_chain
from hdmf_store_adapters.reference_records import table_of_records
from hdmf_store_adapters.reference_tables import table_of
from hdmf_store_adapters.safe_pickle import UnsafePickleError, safe_loads
from hdmf_store_adapters.well_formed import NOT_UNDERSTOOD
from tests.property.broken_files import VARIANTS, whole

__all__ = ["TARGETS", "Target"]

SHAPE = (4, 5)


@attrs.frozen
class Target:
    """One function of bytes.

    Parameters
    ----------
    run : callable
    seeds : callable
        Returns bytes that end well, or nearly.
    """

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


# ------------------------------------------------------------------------------------------------------- documents


def document_3(data: bytes) -> None:
    """One document of format 3: what kind of node it is, its type, its layout, its attributes."""
    with suppress(HDMFStoreError):
        document = zarr_v3.parse(data, "file", "/node")
        if document["node_type"] == "group":
            zarr_v3.decode_group(document, "file", "/node")
        else:
            _, record = zarr_v3.decode_array(document, "file", "/node")
            _decoded(record)
            with suppress(*NOT_UNDERSTOOD):
                zarr_v3.zarr_file(document, "zarr.json")


def document_2(data: bytes) -> None:
    """The files of one node of format 2, as one JSON object by file name."""
    files = {"node/.zarray": data, "node/.zattrs": b"{}"} if data[:1] != b"\0" else {"node/.zgroup": data[1:]}
    with suppress(HDMFStoreError):
        documents = zarr_v2.gathered({".zgroup": b'{"zarr_format": 2}', **files}, "file")
        document = documents["/node"]
        if document["node_type"] == "array":
            _, record = zarr_v2.decode_array(document, "file", "/node")
            _decoded(record)
        else:
            zarr_v2.decode_group(document, "file", "/node")


def _decoded(record: Any) -> None:
    """Have a chunk decoded by what a document says, if it has a codec of ours."""
    if record.codec is not None:
        with suppress(*DECODING_ERRORS):
            record.to_normal(record.codec.decode(bytes(160), record.chunks))


def _loaded(files: dict[str, bytes]) -> None:
    with suppress(HDMFStoreError), closing(open_adapter(_store(files), "r")) as adapter:
        for path, node in adapter.load().nodes.items():
            if isinstance(node, Dataset) and node.shape in ((), (1,), (2,)):
                with suppress(HDMFStoreError):
                    adapter.fetch([path])


def _store(files: dict[str, bytes]) -> MemoryStore:
    return MemoryStore({key: Buffer.from_bytes(data) for key, data in files.items()})


def consolidated_3(data: bytes) -> None:
    """The root's document with a copy of all others, and the chunks of a real file beside it."""
    _loaded({**whole(3, 0), "zarr.json": data})


def consolidated_2(data: bytes) -> None:
    """The file that holds all documents of format 2."""
    _loaded({**whole(2, 0), ".zmetadata": data})


def _documents(version: int, name: str) -> list[bytes]:
    found = {data for variant in range(VARIANTS) for key, data in whole(version, variant).items() if key.endswith(name)}
    return sorted(found - {whole(version, variant).get(name, b"") for variant in range(VARIANTS)})


# ----------------------------------------------------------------------------------------------------------- chunks

_BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
_CODECS: list[tuple[str, dict[str, Any], Any]] = [
    (
        "blosc",
        {"cname": "zstd", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0},
        numcodecs.Blosc("zstd"),
    ),
    ("zstd", {"level": 1}, numcodecs.Zstd(level=1)),
    ("gzip", {"level": 1}, numcodecs.GZip(level=1)),
    ("crc32c", {}, None),
    ("numcodecs.lz4", {}, numcodecs.LZ4()),
    ("numcodecs.zlib", {}, numcodecs.Zlib()),
    ("numcodecs.bz2", {}, numcodecs.BZ2()),
    ("numcodecs.lzma", {}, numcodecs.LZMA()),
    ("numcodecs.fletcher32", {}, numcodecs.Fletcher32()),
]
_VALUES = np.arange(20, dtype="<i2").reshape(SHAPE)


def chunk(data: bytes) -> None:
    """The bytes of one chunk; the first says which codec, and whether it is of numbers or of text."""
    if not data:
        return
    name, configuration, _ = _CODECS[data[0] % len(_CODECS)]
    is_text = data[0] >= 128
    first = {"name": "vlen-utf8"} if is_text else _BYTES
    codec = chunk_codec([first, {"name": name, "configuration": configuration}], None if is_text else np.dtype("<i2"))
    assert codec is not None
    with suppress(*DECODING_ERRORS):
        codec.check(data[1:], SHAPE)
    with suppress(*DECODING_ERRORS):
        found = codec.decode(data[1:], SHAPE)
        assert found.shape == SHAPE


def _chunks() -> list[bytes]:
    texts = np.array(["a", "é"] * 10, object)
    found = [bytes([at]) + packed.encode(_VALUES.tobytes()) for at, (*_, packed) in enumerate(_CODECS) if packed]
    at = 128 + (-128) % len(_CODECS)
    return [*found, bytes([at + 2]) + gzip.compress(numcodecs.VLenUTF8().encode(texts))]


_FILTERS: list[list[dict[str, Any]]] = [
    [{"id": "delta", "dtype": "<i2"}],
    [{"id": "fixedscaleoffset", "offset": 0, "scale": 1, "dtype": "<f4", "astype": "<i2"}],
    [{"id": "astype", "encode_dtype": "<i2", "decode_dtype": "<f8"}],
    [{"id": "categorize", "labels": ["a", "b"], "dtype": "|O", "astype": "|u1"}],
    [{"id": "packbits"}],
    [{"id": "vlen-utf8"}],
    [{"id": "vlen-bytes"}],
    [{"id": "vlen-array", "dtype": "<i2"}],
    [{"id": "json2"}],
    [{"id": "msgpack2"}],
    [{"id": "pickle"}],
    [{"id": "base64"}],
]


def filters(data: bytes) -> None:
    """The bytes of one chunk of format 2; the first byte says which filter."""
    if not data:
        return
    steps = _FILTERS[data[0] % len(_FILTERS)]
    of_objects = steps[0]["id"] not in ("delta", "fixedscaleoffset", "astype", "packbits", "base64")
    chain = numcodecs_chain(steps, None, np.dtype("O" if of_objects else "<f8"), "C")
    if chain is not None:
        with suppress(*DECODING_ERRORS):
            assert chain.decode(data[1:], SHAPE).shape == SHAPE


def _filtered() -> list[bytes]:
    texts = np.array(["a", "b"] * 10, object)
    made = {5: numcodecs.VLenUTF8(), 8: numcodecs.JSON(), 9: numcodecs.MsgPack(), 10: numcodecs.Pickle()}
    found = [bytes([at]) + bytes(codec.encode(texts)) for at, codec in made.items()]
    return [*found, *(bytes([at]) + _VALUES.tobytes() for at in range(len(_FILTERS)))]


def shard(data: bytes) -> None:
    """The bytes of one shard of a real file."""
    with closing(open_adapter(_store({**_sharded(), _shard_key(): data}), "r")) as adapter:
        for ask in (lambda: adapter.fetch(["/sharded"]), lambda: adapter.array("/sharded")[0]):
            with suppress(HDMFStoreError):
                ask()


@cache
def _sharded() -> dict[str, bytes]:
    return next(whole(3, at) for at in range(VARIANTS) if any(key.startswith("sharded/c") for key in whole(3, at)))


def _shard_key() -> str:
    return next(key for key in _sharded() if key.startswith("sharded/c"))


def pickled(data: bytes) -> None:
    """A pickle."""
    with suppress(UnsafePickleError):
        safe_loads(data)


def _pickles() -> list[bytes]:
    record = np.array([(1, "é", {"path": "/"})], [("i", "<i4"), ("label", "O"), ("to", "O")])
    values = [np.array(["a", None], object), record, {"source": ".", "path": "/x"}, ["é", b"x", 1.5, 2**70]]
    return [pickle.dumps(value, protocol=protocol) for value in values for protocol in range(6)]


# ----------------------------------------------------------------------------------------------- places of keys


def references(data: bytes) -> None:
    """A reference file system in JSON."""
    with suppress(HDMFStoreError):
        table = table_of(data, "/folder/a.json")
        for key in list(table.keys())[:50]:
            with suppress(HDMFStoreError):
                table.find(key)


def _references() -> list[bytes]:
    refs = {".zgroup": '{"zarr_format": 2}', "a/0": ["x.bin", 0, 8], "b/0": ["{{u}}"], "c/0": "base64:AAAA"}
    return [
        json.dumps(refs).encode(),
        json.dumps({"version": 1, "refs": refs, "templates": {"u": "x.bin"}}).encode(),
        json.dumps(
            {"version": 1, "refs": refs, "gen": [{"key": "a/{{i}}", "url": "x", "dimensions": {"i": {"stop": 3}}}]}
        ).encode(),
    ]


def records(data: bytes) -> None:
    """A file of records of a reference file system in Parquet, which has twelve of them."""
    grid = {"zarr_format": 2, "shape": [12], "chunks": [1], "dtype": "<i8", "filters": None, "compressor": None}
    document = {"record_size": 12, "metadata": {".zgroup": {"zarr_format": 2}, "a/.zarray": grid}}
    table = table_of_records(json.dumps(document).encode(), "/folder/a.parq", lambda names: [data for _ in names])
    for number in range(12):
        with suppress(HDMFStoreError):
            table.find_many([f"a/{number}"])


def _records() -> list[bytes]:
    held = BytesIO()
    raw = [None, b"x" * 8, *[None] * 10]
    paths, places = ["x.bin", None, *["y.bin"] * 10], list(range(12))
    columns = {"path": pa.array(paths), "offset": pa.array(places), "size": pa.array([8] * 12), "raw": pa.array(raw)}
    pq.write_table(pa.table(columns), held)
    return [held.getvalue()]


def archive(data: bytes) -> None:
    """An archive with a file of format 3 in it."""
    folder = tempfile.mkdtemp()
    try:
        place = Path(folder) / "a.zarr.zip"
        place.write_bytes(data)
        with suppress(HDMFStoreError), closing(open_adapter(str(place), "r")) as adapter:
            for path, node in adapter.load().nodes.items():
                if isinstance(node, Dataset) and len(node.shape) < 2:
                    with suppress(HDMFStoreError):
                        adapter.fetch([path])
        assert os.listdir(folder) == ["a.zarr.zip"]
    finally:
        shutil.rmtree(folder)


def _archives() -> list[bytes]:
    found = []
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        held = BytesIO()
        with zipfile.ZipFile(held, "w", method) as archive:
            archive.writestr("zarr.json", json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}))
            for key, data in whole(3, 1).items():
                if key.startswith("group/one_text"):
                    archive.writestr(key, data)
        found.append(held.getvalue())
    return found


TARGETS: dict[str, Target] = {
    "document-3": Target(document_3, lambda: _documents(3, "zarr.json")),
    "document-2": Target(document_2, lambda: [*_documents(2, ".zarray"), b"\0" + b'{"zarr_format": 2}']),
    "consolidated-3": Target(consolidated_3, lambda: [whole(3, 0)["zarr.json"], whole(3, 1)["zarr.json"]]),
    "consolidated-2": Target(consolidated_2, lambda: [whole(2, 0)[".zmetadata"], whole(2, 1)[".zmetadata"]]),
    "chunk": Target(chunk, _chunks),
    "filters": Target(filters, _filtered),
    "shard": Target(shard, lambda: [_sharded()[_shard_key()]]),
    "pickle": Target(pickled, _pickles),
    "references": Target(references, _references),
    "records": Target(records, _records),
    "archive": Target(archive, _archives),
}
"""By name."""
