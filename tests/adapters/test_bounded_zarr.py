"""What zarr decodes for us takes no more memory than a chunk needs, and runs nothing: shards, filters, selections."""

from __future__ import annotations

import gzip
import pickle
import tracemalloc
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import google_crc32c
import numcodecs
import numpy as np
import pytest
import zarr
from zarr.buffer.cpu import Buffer
from zarr.codecs import ZstdCodec
from zarr.storage import MemoryStore

from hdmf_store import UnreadableError, verify
from hdmf_store.nodes import Codec, Dataset
from tests.adapters.samples import numbers, texts
from tests.adapters.stores import read
from tests.adapters.test_hostile_files import (
    BOMBS,
    EIGHT_MEGABYTES,
    LONG_TEXT,
    REPEATED,
    VAST_TEXT,
    forged,
    frame,
    said,
)

ZEROS = bytes(2**25)
MANY = 2**19
"""Numbers, so that an array is too large to be decoded at once, and zarr is asked for what lies apart."""


def shard(*chunks: tuple[int, int] | bytes) -> bytes:
    """Return a shard of inner chunks; of one that is no bytes, the index holds that offset and that length."""
    data, entries = b"", []
    for chunk in chunks:
        entries += [len(data), len(chunk)] if isinstance(chunk, bytes) else list(chunk)
        data += chunk if isinstance(chunk, bytes) else b""
    index = b"".join(entry.to_bytes(8, "little") for entry in entries)
    return data + index + google_crc32c.value(index).to_bytes(4, "little")


def sharded(codec: Codec | None, data: bytes, made: Dataset | None = None) -> MemoryStore:
    """Return an array of one shard with two inner chunks of two elements, as a stranger has made it."""
    layout = {"chunks": (2,), "shards": (4,), "compressors": () if codec is None else [codec]}
    return forged(3, chunk=data, **(layout if made is None else {"made": made}))


INNER: dict[str, tuple[Codec, Callable[[], bytes]]] = {
    "zstd": (Codec("zstd", {"level": 1}), lambda: said(numcodecs.Zstd(level=1), 6)),
    "zstd of many frames": (Codec("zstd", {"level": 1}), lambda: frame(REPEATED) * 512),
    "blosc": (Codec("blosc", {"cname": "zstd"}), lambda: said(numcodecs.Blosc(), 4)),
    "gzip": (Codec("gzip", {"level": 1}), lambda: gzip.compress(ZEROS, 1)),
    "lz4": (Codec("numcodecs.lz4"), lambda: said(numcodecs.LZ4(), 0)),
    "zlib": (Codec("numcodecs.zlib"), lambda: numcodecs.Zlib().encode(ZEROS)),
    "bz2": (Codec("numcodecs.bz2"), lambda: numcodecs.BZ2().encode(ZEROS)),
    "lzma": (Codec("numcodecs.lzma"), lambda: numcodecs.LZMA(preset=0).encode(ZEROS)),
}


@cache
def bomb(name: str) -> tuple[Codec, bytes]:
    """Return a codec, and what it decodes to 32 megabytes or more."""
    codec, made = INNER[name]
    return codec, made()


def asked(store: Any, ask: Callable[[Any], Any]) -> int:
    """Return the most memory that a refusal took."""
    adapter = read(store)
    adapter.load()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with pytest.raises(UnreadableError, match="/a"):
        ask(adapter)
    return tracemalloc.get_traced_memory()[1] - before


@pytest.fixture(autouse=True, scope="module")
def _traced() -> Iterator[None]:
    """Trace memory until all is done: some releases of Python crash when it ends while zarr's threads work."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


pytestmark = [
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3 specification"),
    pytest.mark.filterwarnings("ignore:Combining a `sharding_indexed` codec"),
    pytest.mark.filterwarnings("ignore:overflow encountered"),
]


ASKING: dict[str, Callable[[Any], Any]] = {
    "all of it": lambda adapter: adapter.fetch(["/a"]),
    "one element": lambda adapter: adapter.array("/a")[0],
    "some": lambda adapter: adapter.array("/a")[[0, 3]],
}


@pytest.mark.parametrize("how", ASKING)
@pytest.mark.parametrize("name", INNER)
def test_a_small_chunk_in_a_shard_cannot_ask_for_much_memory(name: str, how: str) -> None:
    """Inner chunks are bounded by their own shape."""
    codec, data = bomb(name)

    assert asked(sharded(codec, shard(data, data)), ASKING[how]) < EIGHT_MEGABYTES


def test_a_shard_in_a_shard_is_bounded_too() -> None:
    """However deep they lie in each other."""
    data = bomb("zstd")[1]
    inner = {"chunk_shape": [2], "codecs": ["bytes", {"name": "zstd", "configuration": {"level": 1}}]}
    index = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]

    def nest(document: dict[str, Any]) -> None:
        nested = {"name": "sharding_indexed", "configuration": {**inner, "index_codecs": index}}
        nested["configuration"]["codecs"][0] = {"name": "bytes", "configuration": {"endian": "little"}}
        outer = {"chunk_shape": [4], "codecs": [nested], "index_codecs": index}
        document["codecs"] = [{"name": "sharding_indexed", "configuration": outer}]

    store = forged(3, nest, chunk=shard(shard(data, data)))

    assert asked(store, ASKING["all of it"]) < EIGHT_MEGABYTES


def test_a_shard_within_another_codec_is_bounded_too() -> None:
    """zarr decodes it whole, into an array of the shape that the document says."""

    def vast(document: dict[str, Any]) -> None:
        document["shape"] = [2**40]
        document["chunk_grid"]["configuration"]["chunk_shape"] = [2**40]
        document["codecs"].append({"name": "gzip", "configuration": {"level": 1}})

    store = forged(3, vast, chunk=gzip.compress(shard(bytes(8), bytes(8))), chunks=(2,), shards=(4,), compressors=())

    assert asked(store, lambda adapter: adapter.array("/a")[:4]) < EIGHT_MEGABYTES


@pytest.mark.parametrize("entry", [(0, 2**40), (2**62, 2**62), (2**40, 8), (2**64 - 1, 8), (1, 2**64 - 1)])
@pytest.mark.parametrize("how", ASKING)
def test_the_index_of_a_shard_cannot_ask_for_more_than_is_there(
    tmp_path: Path, entry: tuple[int, int], how: str
) -> None:
    """Offsets and lengths are the file's own words."""
    store = sharded(None, shard(entry, entry))
    for key, value in store._store_dict.items():
        (tmp_path / key).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / key).write_bytes(value.to_bytes())

    assert asked(store, ASKING[how]) < EIGHT_MEGABYTES
    assert asked(tmp_path, ASKING[how]) < EIGHT_MEGABYTES


@pytest.mark.parametrize("how", ASKING)
def test_an_empty_shard_is_not_taken_for_one_that_was_never_written(tmp_path: Path, how: str) -> None:
    """As a full disk leaves it; fill values would take the place of what was lost."""
    store = sharded(None, b"")
    for key, value in store._store_dict.items():
        (tmp_path / key).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / key).write_bytes(value.to_bytes())

    asked(store, ASKING[how])
    asked(tmp_path, ASKING[how])
    assert [found.path for found in verify(tmp_path)] == ["/a"]


def test_text_in_a_shard_is_as_many_as_there_are_bytes_for() -> None:
    """The count of texts stands before them."""
    made = texts(["a", "b", "c", "d"], chunks=(2,), shards=(4,), compressors=())

    assert asked(sharded(None, shard(VAST_TEXT, VAST_TEXT), made), ASKING["all of it"]) < EIGHT_MEGABYTES


@pytest.mark.parametrize(
    "step",
    [
        {"name": "numcodecs.astype", "configuration": {"encode_dtype": "<i4", "decode_dtype": LONG_TEXT}},
        {
            "name": "numcodecs.fixedscaleoffset",
            "configuration": {"offset": 0, "scale": 1, "dtype": "S8000000", "astype": "<i4"},
        },
    ],
    ids=lambda step: step["name"],
)
def test_a_filter_of_format_3_cannot_ask_for_much_memory(step: dict[str, Any]) -> None:
    """A filter says itself to which type it decodes."""
    store = forged(3, lambda made: made["codecs"].insert(0, step), chunk=bytes(16), compressors=())

    assert asked(store, ASKING["all of it"]) < EIGHT_MEGABYTES


@pytest.mark.parametrize("name", [name for name in BOMBS if "text" not in name and name != "packbits"])
def test_selections_that_zarr_serves_are_bounded_too(name: str) -> None:
    """Those that lie apart in arrays that are too large to be decoded at once."""
    version, layout, chunk = BOMBS[name]
    made = {**layout, "made": numbers(np.zeros(MANY, "int32"), "int32", **_layout(layout))}

    def large(document: dict[str, Any]) -> None:
        layout.get("change", lambda made: None)(document)
        where = document if version == 2 else document["chunk_grid"]["configuration"]
        where["chunks" if version == 2 else "chunk_shape"] = [4]

    store = forged(version, **{**made, "change": large, "chunk": chunk()})

    assert asked(store, lambda adapter: adapter.array("/a")[[0, 3]]) < EIGHT_MEGABYTES


def _layout(layout: dict[str, Any]) -> dict[str, Any]:
    return {"compressors": layout["compressors"], "chunks": (MANY,)}


class Harm:
    """Runs when it is unpickled."""

    done: tuple[str, ...] = ()

    def __reduce__(self) -> Any:
        return _do_harm, ()


def _do_harm() -> None:
    Harm.done = (*Harm.done, "harm")


@pytest.mark.parametrize(
    "steps",
    [
        {"filters": [{"id": "vlen-utf8"}, {"id": "pickle"}], "compressor": None, "dtype": "|O"},
        {"filters": [{"id": "vlen-utf8"}], "compressor": {"id": "pickle"}, "dtype": "|O"},
        {"filters": [{"id": "pickle"}], "compressor": None, "dtype": "|O"},
        {"filters": None, "compressor": {"id": "pickle"}, "dtype": "<i4"},
    ],
    ids=["after text", "as compressor of text", "alone", "as compressor"],
)
@pytest.mark.parametrize("how", ["selection", "group", "members"])
def test_zarr_never_runs_a_pickle(steps: dict[str, Any], how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it and numcodecs would, as releases do that are allowed here, and others when they are told to."""
    monkeypatch.setattr(numcodecs.pickles, "ALLOW_UNSAFE_PICKLE_DECODE", True, raising=False)
    store = forged(2, lambda made: made.update(steps, shape=[MANY], chunks=[MANY]), chunk=pickle.dumps(Harm()))
    adapter = read(store)

    with zarr.config.set({"array.allow_unsafe_pickle_decode": True}), pytest.raises(UnreadableError, match="/a"):
        if how == "selection":
            adapter.array("/a")[[0, 3]]
        elif how == "group":
            adapter.zarr_object("/")["a"][...]
        else:
            list(adapter.zarr_object("/").members())

    assert Harm.done == ()


def test_what_is_sound_is_read_as_before() -> None:
    """Shards in which texts, numbers and filters lie, and the codecs that users ask about."""
    layout = {"chunks": (2,), "shards": (4,), "compressors": [Codec("zstd", {"level": 1})]}
    adapter = read(forged(3, **layout))
    array = adapter.array("/a")

    assert adapter.fetch(["/a"])["/a"].tolist() == array[...].tolist() == [1, 2, 3, 4]
    assert array[[0, 3]].tolist() == [1, 4]
    assert isinstance(array.metadata.codecs[0].codecs[-1], ZstdCodec)
    assert repr(array.metadata.codecs) == repr(zarr.open_array(array.store._store, path="a").metadata.codecs)


def test_a_buffer_is_what_zarr_gets() -> None:
    """Checksums of numcodecs decode to arrays, others to bytes."""
    layout = {"chunks": (2,), "shards": (4,), "compressors": [Codec("numcodecs.adler32"), Codec("gzip", {"level": 1})]}

    assert read(forged(3, **layout)).fetch(["/a"])["/a"].tolist() == [1, 2, 3, 4]
    assert isinstance(forged(3)._store_dict["a/zarr.json"], Buffer)
