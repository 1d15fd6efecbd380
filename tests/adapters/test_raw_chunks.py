"""Chunks that are copied as they are stored: when they are, when they must not be, and what is looked at.

That bytes were not decoded on their way shows in chunks that no writer here would have made.
"""

from __future__ import annotations

import asyncio
import gzip
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numcodecs
import numpy as np
import pytest
import zarr
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import UnreadableError
from hdmf_store.nodes import Bytes, Codec, Compound, Dataset, Field, Group, Node, Number
from hdmf_store.translate.copying import copy
from hdmf_store.translate.examine import examine
from hdmf_store_adapters.chunk_lengths import check_whole
from hdmf_store_adapters.raw_chunks import BATCH_BYTES, RawCopy, copied_chunks
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import dataset, numbers, objects, texts
from tests.adapters.stores import CountingAsyncStore, write

VALUES = np.arange(1, 61).reshape(6, 10)
LAYOUTS: dict[str, dict[str, Any]] = {
    "default": {},
    "no codec": {"compressors": ()},
    "gzip": {"compressors": [Codec("gzip", {"level": 3})]},
    "zstd": {"compressors": [Codec("zstd", {"level": 3, "checksum": True})]},
    "two codecs": {"compressors": [Codec("numcodecs.shuffle", {"elementsize": 2}), Codec("gzip", {"level": 1})]},
    "transposed": {"filters": [Codec("transpose", {"order": [1, 0]})]},
    "delta": {"filters": [Codec("numcodecs.delta", {"dtype": "<i2"})]},
    "big endian": {"serializer": Codec("bytes", {"endian": "big"})},
    "checked": {"compressors": [Codec("crc32c")]},
    "shards": {"chunks": (1, 5), "shards": (2, 5)},
}
OF_FORMAT_2 = [name for name in LAYOUTS if name not in ("big endian", "checked", "shards")]


def _copied(source: Any, destination: Any, **options: Any) -> None:
    """Copy a hierarchy with all its objects."""
    with _Opened(source, "r") as one, _Opened(destination, "w", **options) as other:
        copy(one, other)


class _Opened:
    """An adapter for the time of a ``with`` block."""

    def __init__(self, place: Any, mode: str = "r", **options: Any) -> None:
        self._arguments = (place, mode, options)

    def __enter__(self) -> Any:
        place, mode, options = self._arguments
        self._adapter: Any = open_adapter(place, mode, **options)
        return self._adapter

    def __exit__(self, *_: object) -> None:
        self._adapter.close()


def _chunks(store: MemoryStore, path: str) -> dict[str, bytes]:
    """Return the bytes of all chunks of an array, by what follows its path."""
    found = {key: data.to_bytes() for key, data in store._store_dict.items() if key.startswith(f"{path}/")}
    return {key.removeprefix(f"{path}/"): data for key, data in found.items() if key[-1].isdigit()}


def _with_a_chunk_of_fill_values(zarr_format: int, **layout: Any) -> MemoryStore:
    """Return a file with an array, one of whose chunks holds fill values alone; we would not have stored it."""
    wished = {"chunks": (2, 5), "fill_value": -1, "separator": "/", **layout}
    nodes = {"/": Group(), "/x": numbers(VALUES, "int16", **wished)}
    nodes["/filled"] = numbers(np.full((6, 10), -1), "int16", **{**wished, "fill_value": 0})
    store = MemoryStore()
    write(store, nodes, adapter=ZarrAdapter(store, zarr_format=zarr_format))
    first = "c/0/0" if zarr_format == 3 else "0/0"
    store._store_dict[f"x/{first}"] = store._store_dict[f"filled/{first}"]
    return store


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr:UserWarning")  # said of codecs we ask for
@pytest.mark.parametrize(
    ("zarr_format", "layout"), [*((3, name) for name in LAYOUTS), *((2, name) for name in OF_FORMAT_2)]
)
def test_chunks_of_numbers_keep_their_bytes(zarr_format: int, layout: str) -> None:
    """Whatever their codecs; also a chunk that need not be stored (NEEDS 12)."""
    source, made = _with_a_chunk_of_fill_values(zarr_format, **LAYOUTS[layout]), MemoryStore()

    _copied(source, made, zarr_format=zarr_format)

    there, found = _chunks(source, "x"), _chunks(made, "x")
    assert sorted(found.values()) == sorted(there.values())
    assert len(found) == 6
    expected = VALUES.copy()
    expected[:2, :5] = -1
    assert zarr.open_group(made, mode="r")["x"][...].tolist() == expected.tolist()
    documents = [zarr.open_group(place, mode="r")["x"].metadata.to_dict() for place in (source, made)]
    for named in documents:
        named.pop("chunk_key_encoding", None)
        named.pop("dimension_separator", None)
    assert documents[0] == documents[1]


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("element", ["text", "bytes", "records", "truth"])
def test_text_bytes_and_records_of_numbers_keep_their_bytes(zarr_format: int, element: str) -> None:
    """The same values in other bytes of the same codec arrive as these bytes."""
    record = Compound((Field("a", Number("int16")), Field("b", Compound((Field("c", Number("float64")),)))))
    made = {
        "text": texts(["é", "", "long " * 50], compressors=[Codec("zstd", {"level": 1, "checksum": False})]),
        "bytes": dataset(Bytes(), objects([b"", b"\xff\0" * 80]), compressors=[Codec("zstd", {"level": 1})]),
        "records": dataset(record, np.array([(1, (2.5,))] * 90, record.dtype), compressors=[Codec("zstd", {})]),
        "truth": numbers([True, False] * 90, "bool", compressors=[Codec("zstd", {"level": 1})]),
    }[element]
    source, copied = MemoryStore(), MemoryStore()
    write(source, {"/": Group(), "/x": made}, adapter=ZarrAdapter(source, zarr_format=zarr_format))
    key = next(key for key in source._store_dict if key.startswith("x/") and key[-1].isdigit())
    plain = numcodecs.Zstd().decode(source._store_dict[key].to_bytes())
    other = numcodecs.Zstd(level=19, checksum=True).encode(plain)
    assert other != source._store_dict[key].to_bytes()
    source._store_dict[key] = Buffer.from_bytes(other)

    _copied(source, copied, zarr_format=zarr_format)

    assert list(_chunks(copied, "x").values()) == [other]
    with _Opened(copied) as adapter:
        found = adapter.fetch(["/x"])["/x"]
    assert found.tolist() == made.values.array.tolist()


PLACES: dict[str, Callable[[Path], Any]] = {
    "folder": lambda folder: folder / "b.zarr",
    "zip": lambda folder: folder / "b.zarr.zip",
    "memory": lambda _folder: MemoryStore(),
    "asynchronous": lambda _folder: CountingAsyncStore(),
    "Icechunk": lambda folder: f"icechunk://{folder / 'b.icechunk'}",
}


@pytest.mark.parametrize("kind", PLACES)
def test_bytes_are_kept_to_and_from_every_kind_of_place(tmp_path: Path, kind: str) -> None:
    """There and back again."""
    source, between, made = _with_a_chunk_of_fill_values(3), PLACES[kind](tmp_path), MemoryStore()

    _copied(source, between)
    _copied(between, made)

    assert len(_chunks(made, "x")) == 6
    assert sorted(_chunks(made, "x").values()) == sorted(_chunks(source, "x").values())


def test_chunks_that_were_never_stored_stay_so() -> None:
    """A sparse array of many chunks costs those that it has."""
    source, made = MemoryStore(), MemoryStore()
    array = zarr.open_group(source, mode="w").create_array("x", shape=(1000,), chunks=(2,), dtype="i2", fill_value=3)
    array[500:502] = [1, 2]

    _copied(source, made)

    assert list(_chunks(made, "x")) == ["c/250"]
    assert zarr.open_group(made, mode="r")["x"][498:504].tolist() == [3, 3, 1, 2, 3, 3]


# ---------------------------------------------------------------------------------------- where bytes mean other things


def _rewritten(source: MemoryStore, **changes: Any) -> MemoryStore:
    """Return a copy of the array ``x`` in a dataset of other looks."""
    made = MemoryStore()
    with _Opened(source) as one, _Opened(made, "w") as other:
        node = one.load()["/x"]
        layout = attrs.evolve(node.layout, **changes)
        other.write(Plan(nodes={"/": Group(), "/x": attrs.evolve(node, layout=layout)}))
    return made


@pytest.mark.parametrize(("fill", "other"), [(7.0, 0.0), (0.0, -0.0), (float("nan"), 1.0)])
def test_chunks_that_were_never_stored_are_stored_where_the_fill_value_differs(fill: float, other: float) -> None:
    """To the last bit: there are two zeros."""
    source = MemoryStore()
    made = zarr.open_group(source, mode="w").create_array("x", shape=(4,), chunks=(2,), dtype="f8", fill_value=fill)
    made[:2] = [1, 2]

    found = zarr.open_group(_rewritten(source, fill_value=other), mode="r")["x"]

    assert found[:].tobytes() == np.array([1, 2, fill, fill], "f8").tobytes()
    assert str(found.fill_value) == str(other)


@pytest.mark.parametrize(
    "changes",
    [
        {"chunks": (3, 5)},
        {"compressors": (Codec("gzip", {"level": 1}),)},
        {"filters": (Codec("transpose", {"order": [1, 0]}),)},
        {"serializer": Codec("bytes", {"endian": "big"})},
        {"shards": (4, 10)},
    ],
    ids=["chunks", "compressors", "filters", "byte order", "shards"],
)
def test_values_are_encoded_anew_where_something_else_was_asked_for(changes: dict[str, Any]) -> None:
    """And are the same."""
    source = _with_a_chunk_of_fill_values(3)

    made = _rewritten(source, **changes)

    expected = VALUES.copy()
    expected[:2, :5] = -1
    assert zarr.open_group(made, mode="r")["x"][...].tolist() == expected.tolist()
    assert not set(_chunks(made, "x").values()) & set(_chunks(source, "x").values())


def test_from_format_to_format_values_are_encoded_anew() -> None:
    """Even where the bytes of chunks might be the same: the fill values that were stored are left out."""
    source, made = _with_a_chunk_of_fill_values(2), MemoryStore()

    _copied(source, made, zarr_format=3)

    assert len(_chunks(source, "x")) == 6
    assert len(_chunks(made, "x")) == 5


def test_arrays_of_format_2_whose_axes_are_stored_in_reverse_stay_so() -> None:
    """Order F is kept with the bytes (NEEDS 10)."""
    source, made = MemoryStore(), MemoryStore()
    group = zarr.open_group(source, mode="w", zarr_format=2)
    group.create_array("x", data=VALUES.astype("i4"), chunks=(4, 4), order="F")

    _copied(source, made, zarr_format=2)

    found = zarr.open_group(made, mode="r")["x"]
    assert found.order == "F"
    assert found[...].tolist() == VALUES.tolist()
    assert sorted(_chunks(made, "x").values()) == sorted(_chunks(source, "x").values())


# ------------------------------------------------------------------------------------------------------------- damage

CUT = {name: LAYOUTS[name] for name in ("default", "no codec", "gzip", "zstd", "two codecs", "shards")}


@pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr:UserWarning")  # said of codecs we ask for
@pytest.mark.parametrize("left", [0.0, 0.4, -1])
@pytest.mark.parametrize(
    ("zarr_format", "layout"), [*((3, name) for name in CUT), *((2, name) for name in CUT if name != "shards")]
)
def test_a_chunk_that_is_cut_short_is_named_and_nothing_is_made(
    tmp_path: Path, zarr_format: int, layout: str, left: float
) -> None:
    """To nothing, in the middle, by its last byte: as far as the codec tells how long it has to be."""
    place = tmp_path / "a.zarr"
    nodes: dict[str, Node] = {"/": Group(), "/x": numbers(VALUES, "int16", **{"chunks": (2, 5), **CUT[layout]})}
    write(place, nodes, adapter=ZarrAdapter(place, zarr_format=zarr_format, separator="/"))
    chunk = place / ("x/c/1/1" if zarr_format == 3 else "x/1/1")
    data = chunk.read_bytes()
    chunk.write_bytes(data[: int(left * len(data)) if left >= 0 else -1])

    with pytest.raises(UnreadableError, match=r"a\.zarr.*/x.*Is the file complete\?"):
        _copied(place, tmp_path / "b.zarr", zarr_format=zarr_format)

    assert [path.name for path in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("length", [0, 1, 100, 40_000, 3_000_000])
@pytest.mark.parametrize("checksum", [False, True])
@pytest.mark.parametrize("kind", ["noise", "zeros"])
def test_the_length_of_what_zstandard_made_is_known_to_the_byte(length: int, checksum: bool, kind: str) -> None:
    """Of blocks that are compressed, raw or repeated; what is whole passes."""
    plain = np.random.default_rng(0).bytes(length) if kind == "noise" else bytes(length)
    codec = numcodecs.Zstd(level=1, checksum=checksum)
    data = codec.encode(plain)

    check_whole([codec], data, len(plain))

    for end in (len(data) - 1, len(data) // 2, 3):
        with pytest.raises(ValueError, match=r"cut short|begin"):
            check_whole([codec], data[:end], len(plain))


def test_a_chunk_without_any_bytes_is_none_whatever_its_codecs(tmp_path: Path) -> None:
    """Also where only zarr knows these."""
    write(tmp_path / "a.zarr", {"/": Group(), "/x": numbers(VALUES, "int16", **LAYOUTS["checked"])})
    (tmp_path / "a.zarr/x/c.0.0").write_bytes(b"")

    with pytest.raises(UnreadableError, match=r"/x.*there are no bytes"):
        _copied(tmp_path / "a.zarr", tmp_path / "b.zarr")


def test_gzip_of_several_members_is_whole() -> None:
    """Its last bytes tell the size of the last member alone, so it is unpacked to be sure."""
    codec = numcodecs.GZip()
    data = codec.encode(b"a" * 100) + codec.encode(b"b" * 28)

    check_whole([codec], data, 128)

    with pytest.raises(ValueError, match="has 128 bytes where its shape needs 130"):
        check_whole([codec], data, 130)


def test_what_was_changed_within_a_chunk_goes_along_and_is_found_by_verify(tmp_path: Path) -> None:
    """As in any copy of files: a copy does not decode, and `verify` reads everything."""
    place, made = tmp_path / "a.zarr", tmp_path / "b.zarr"
    layout = {"chunks": (2, 5), "compressors": [Codec("zstd", {"level": 1, "checksum": True})]}
    write(place, {"/": Group(), "/x": numbers(VALUES, "int16", **layout)})
    chunk = place / "x/c/1/1"
    damaged = bytearray(chunk.read_bytes())
    damaged[-5] ^= 0xFF
    chunk.write_bytes(damaged)

    _copied(place, made)

    assert (made / "x/c/1/1").read_bytes() == damaged
    with _Opened(made) as adapter:
        assert [difference.path for difference in examine(adapter).differences] == ["/x"]


# ----------------------------------------------------------------------------------------------------- how many at once


class _Noting(CountingAsyncStore):
    """A store that notes how many requests were under way at once."""

    most = now = 0

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        return await super().get(key, prototype, byte_range)


def test_the_chunks_of_small_arrays_are_fetched_together() -> None:
    """Forty arrays are not forty round trips."""
    source = _Noting()
    write(source, {"/": Group(), **{f"/{number}": numbers([number, 1]) for number in range(40)}})

    _copied(source, MemoryStore())

    assert source.most == 40


class _Telling(CountingAsyncStore):
    """A store that tells when its second chunk is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.second = threading.Event()

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        if key.endswith("c/1"):
            self.second.set()
        return await super().get(key, prototype, byte_range)


def test_a_batch_is_fetched_while_the_one_before_is_stored() -> None:
    """What is read next does not wait for what is written."""
    source, array = _Telling(), numbers(np.arange(BATCH_BYTES), "int16", chunks=(BATCH_BYTES // 2,), compressors=())
    write(source, {"/": Group(), "/x": array})
    with _Opened(source) as adapter:
        values = adapter.load()["/x"].values
        record = values.holder.record("/x")
        chunks = copied_chunks([RawCopy(values, "/x", record, None)], lambda _count: None)
        source.second.clear()

        assert next(chunks)[0] == "x/c/0"
        assert source.second.wait(10)
        assert [key for key, _ in chunks] == ["x/c/1"]


def test_a_copy_holds_two_batches_in_memory_and_not_the_array(tmp_path: Path) -> None:
    """However many chunks there are (NEEDS 12)."""
    noise = np.random.default_rng(0).integers(0, 2**15, (12 * BATCH_BYTES // 2,), "int16")
    write(tmp_path / "a.zarr", {"/": Group(), "/x": numbers(noise, "int16", chunks=(2**18,), compressors=())})
    tracemalloc.start()

    _copied(tmp_path / "a.zarr", tmp_path / "b.zarr")

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * BATCH_BYTES
    with _Opened(tmp_path / "b.zarr") as adapter:
        node = adapter.load()["/x"]
        assert isinstance(node, Dataset)
        assert np.array_equal(node.values.read((slice(0, noise.size),)), noise)


def test_a_chunk_that_unpacks_to_far_more_is_refused_before_it_does() -> None:
    """Its last bytes tell another size than is needed, and no more than that is unpacked to be sure."""
    bomb = gzip.compress(bytes(200 * 2**20))
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="its shape needs 800"):
            check_whole([numcodecs.GZip()], bomb, 800)
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
    two = gzip.compress(b"a" * 500) + gzip.compress(b"b" * 300)
    check_whole([numcodecs.GZip()], two, 800)


def test_a_frame_that_readers_skip_may_stand_before_the_data() -> None:
    """Zstandard has such frames; decoders go past them."""
    skipped = (0x184D2A53).to_bytes(4, "little") + (3).to_bytes(4, "little") + b"abc"
    check_whole([numcodecs.Zstd()], skipped + numcodecs.Zstd().encode(bytes(800)), 800)


def test_an_array_of_many_chunks_and_no_elements_is_copied_at_once() -> None:
    """However long its other axis is said to be."""
    copied = MemoryStore()
    source = MemoryStore()
    group = zarr.open_group(source, mode="w")
    group.create_array("x", shape=(0, 2**40), chunks=(1, 1), dtype="int8")
    tracemalloc.start()
    try:
        _copied(source, copied)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()
    assert zarr.open_group(copied, mode="r")["x"].shape == (0, 2**40)
