"""The bytes of chunks are those of zarr: what we encode zarr decodes, and the other way round."""

from __future__ import annotations

import gzip
import itertools
import json
import warnings
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store.errors import UnreadableError
from hdmf_store.nodes import Bytes, Codec, Dataset, Group, Number, Text
from hdmf_store_adapters.bounded_decoding import room_for
from hdmf_store_adapters.chunk_codecs import chunk_codec
from hdmf_store_adapters.numcodecs_chain import numcodecs_chain
from tests.adapters.samples import dataset, numbers, objects, texts
from tests.adapters.stores import read, write

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
VALUES = np.arange(-30, 30, dtype="int16").reshape(6, 10)


def step(name: str, **configuration: Any) -> dict[str, Any]:
    return {"name": name, "configuration": configuration}


def blosc(**changes: Any) -> dict[str, Any]:
    return step(
        "blosc", **({"typesize": 2, "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0} | changes)
    )


CHAINS = {
    "little": [LITTLE],
    "big": [BIG],
    "transpose": [step("transpose", order=[1, 0]), LITTLE],
    "transpose-big-gzip": [step("transpose", order=[1, 0]), BIG, step("gzip", level=1)],
    "transposed-twice": [step("transpose", order=[1, 0]), step("transpose", order=[1, 0]), LITTLE],
    "gzip": [LITTLE, step("gzip", level=6)],
    "zstd": [LITTLE, step("zstd", level=3, checksum=False)],
    "zstd-checksum": [LITTLE, step("zstd", level=-1, checksum=True)],
    "gzip-zstd": [LITTLE, step("gzip", level=1), step("zstd", level=1, checksum=False)],
    **{
        f"blosc-{cname}-{shuffle}": [LITTLE, blosc(cname=cname, shuffle=shuffle)]
        for cname in ("lz4", "zstd", "zlib", "blosclz", "lz4hc")
        for shuffle in ("noshuffle", "shuffle", "bitshuffle")
    },
    "crc32c": [LITTLE, {"name": "crc32c"}],
    "gzip-crc32c": [LITTLE, step("gzip", level=1), {"name": "crc32c"}],
    "numcodecs-zlib": [LITTLE, step("numcodecs.zlib", level=3)],
    "numcodecs-gzip": [LITTLE, step("numcodecs.gzip", level=3)],
    "numcodecs-bz2": [LITTLE, step("numcodecs.bz2", level=3)],
    "numcodecs-lzma": [LITTLE, step("numcodecs.lzma", preset=1)],
    "numcodecs-lz4": [LITTLE, step("numcodecs.lz4", acceleration=1)],
    "numcodecs-zstd": [LITTLE, step("numcodecs.zstd", level=3)],
    "numcodecs-blosc": [LITTLE, step("numcodecs.blosc", cname="zstd", clevel=3, shuffle=1, blocksize=0)],
    "numcodecs-shuffle": [LITTLE, step("numcodecs.shuffle", elementsize=2), step("zstd", level=1, checksum=False)],
    "numcodecs-crc32": [LITTLE, {"name": "numcodecs.crc32", "configuration": {}}],
    "numcodecs-adler32": [LITTLE, {"name": "numcodecs.adler32", "configuration": {}}],
    "numcodecs-fletcher32": [LITTLE, {"name": "numcodecs.fletcher32", "configuration": {}}],
    "numcodecs-delta": [step("numcodecs.delta", dtype="<i2"), LITTLE],
    "sharding": [
        step(
            "sharding_indexed",
            chunk_shape=[2, 5],
            codecs=[LITTLE, step("zstd", level=1, checksum=False)],
            index_codecs=[LITTLE, {"name": "crc32c"}],
            index_location="end",
        )
    ],
    "sharding-index-first": [
        step(
            "sharding_indexed",
            chunk_shape=[2, 5],
            codecs=[BIG],
            index_codecs=[LITTLE, {"name": "crc32c"}],
            index_location="start",
        )
    ],
}
DIRECT = [name for name in CHAINS if not any(word in name for word in ("crc32c", "delta", "sharding", "twice"))]


def array_document(codecs: list[dict], data_type: str, shape: tuple[int, ...], chunks: tuple[int, ...]) -> dict:
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": data_type,
        "chunk_grid": step("regular", chunk_shape=list(chunks)),
        "chunk_key_encoding": step("default", separator="/"),
        "fill_value": "" if data_type in ("string", "variable_length_bytes") else 0,
        "codecs": codecs,
        "attributes": {"_DTYPE": data_type},
    }


def made_by_zarr(codecs: list[dict], values: np.ndarray, data_type: str, chunks: tuple[int, ...]) -> MemoryStore:
    """Return a store with one array that zarr wrote."""
    store = MemoryStore()
    write(store, {"/": Group()}, consolidate=False)
    document = array_document(codecs, data_type, values.shape, chunks)
    store._store_dict["a/zarr.json"] = Buffer.from_bytes(json.dumps(document).encode())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zarr says of numcodecs' codecs that they have no specification
        zarr.open_array(store, path="a", mode="r+")[...] = values
    return store


@pytest.fixture(autouse=True)
def _codecs_without_specification() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Numcodecs codecs are not in the Zarr version 3 specification")
        yield


@pytest.mark.parametrize("name", CHAINS)
def test_what_zarr_encoded_is_decoded(name: str) -> None:
    """Values that zarr stored through each codec are read equal: fetched, by region, and by indexing."""
    adapter = read(made_by_zarr(CHAINS[name], VALUES, "int16", (4, 5)))

    assert adapter.fetch(["/a"])["/a"].tolist() == VALUES.tolist()
    assert adapter.load()["/a"].values.read((slice(1, 5), slice(3, 9))).tolist() == VALUES[1:5, 3:9].tolist()
    assert adapter.array("/a")[5, 2:].tolist() == VALUES[5, 2:].tolist()


def test_zarr_opens_codecs_that_have_no_settings() -> None:
    """zarr wants to be told of numcodecs' codecs that they have none."""
    store = MemoryStore()
    checked = numbers(VALUES, "int16", compressors=[Codec("numcodecs.adler32")])
    write(store, {"/": Group(), "/a": checked}, consolidate=False)

    assert zarr.open_array(store, path="a", mode="r")[...].tolist() == VALUES.tolist()
    assert read(store).fetch(["/a"])["/a"].tolist() == VALUES.tolist()


@pytest.mark.parametrize("name", DIRECT)
def test_zarr_decodes_our_bytes(name: str) -> None:
    """A chunk that we encode and put in the place of zarr's own is read by zarr with equal values."""
    store = made_by_zarr(CHAINS[name], VALUES, "int16", (6, 10))
    codec = chunk_codec(CHAINS[name], np.dtype("int16"))

    store._store_dict["a/c/0/0"] = Buffer.from_bytes(codec.encode(VALUES[::-1]))

    assert zarr.open_array(store, path="a", mode="r")[...].tolist() == VALUES[::-1].tolist()


@pytest.mark.parametrize("name", [name for name in DIRECT if "gzip" not in name and name != "numcodecs-blosc"])
def test_our_bytes_equal_those_of_zarr(name: str) -> None:
    """The same values through the same codecs are the same bytes; gzip's clock and the older blosc aside."""
    store = made_by_zarr(CHAINS[name], VALUES, "int16", (6, 10))
    codec = chunk_codec(CHAINS[name], np.dtype("int16"))

    assert codec.encode(VALUES) == store._store_dict["a/c/0/0"].to_bytes()


@pytest.mark.parametrize("name", sorted(set(CHAINS) - set(DIRECT) - {"transposed-twice"}))
def test_what_only_zarr_can_encode_is_written_through_zarr(name: str) -> None:
    """Shards, checksums and filters are written equal to what zarr itself reads, chunks at the edge too."""
    chain = CHAINS[name]
    at = next((i for i, codec in enumerate(chain) if codec["name"] == "bytes"), None)
    steps = [Codec(codec["name"], codec.get("configuration", {})) for codec in chain]
    layout = {"filters": steps[:at], "serializer": steps[at], "compressors": steps[at + 1 :]} if at is not None else {}
    store = MemoryStore()
    shards = {} if at is not None else {"chunks": (2, 5), "shards": (4, 5)}

    write(store, {"/": Group(), "/a": numbers(VALUES, "int16", **({"chunks": (4, 5)} | layout | shards))})

    assert zarr.open_group(store, mode="r")["a"][...].tolist() == VALUES.tolist()
    assert read(store).fetch(["/a"])["/a"].tolist() == VALUES.tolist()


def test_fixed_scale_offset_is_read_and_written() -> None:
    """A filter that changes the data type is left to zarr, in both directions."""
    chain = [step("numcodecs.fixedscaleoffset", offset=0, scale=10, dtype="<f8", astype="<i4"), LITTLE]
    values = np.arange(12, dtype="float64").reshape(3, 4) / 10
    steps = [Codec(chain[0]["name"], chain[0]["configuration"])]
    store = MemoryStore()

    write(store, {"/": Group(), "/a": numbers(values, "float64", filters=steps, chunks=(2, 2), compressors=())})

    for place in (store, made_by_zarr(chain, values, "float64", (2, 2))):
        assert read(place).fetch(["/a"])["/a"] == pytest.approx(values)


@pytest.mark.parametrize("compressed", [[], [step("zstd", level=1, checksum=False)], [step("gzip", level=1)]])
def test_text_is_the_text_of_zarr(compressed: list[dict]) -> None:
    """Text goes both ways between zarr and us, the empty text and any unicode too."""
    words = ["", "a", "é\n", "日本語", "\U0001f40d" * 9]
    chain = [{"name": "vlen-utf8", "configuration": {}}, *compressed]
    theirs = made_by_zarr(chain, np.array(words, dtype=object), "string", (5,))
    ours = MemoryStore()

    write(
        ours, {"/": Group(), "/a": texts(words, compressors=[Codec(c["name"], c["configuration"]) for c in compressed])}
    )

    assert read(theirs).fetch(["/a"])["/a"].tolist() == words
    assert zarr.open_group(ours, mode="r")["a"][...].tolist() == words
    assert chunk_codec(chain[:1], None).encode(objects(words)) == chunk_codec(chain[:1], None).encode(
        read(theirs).fetch(["/a"])["/a"]
    )


def test_bytes_are_the_bytes_of_zarr() -> None:
    """Byte strings of any length and content go both ways between zarr and us."""
    values = [b"", b"\0", b"\xff\xfe", b"abc" * 9]
    theirs = made_by_zarr([{"name": "vlen-bytes", "configuration": {}}], objects(values), "variable_length_bytes", (4,))
    ours = MemoryStore()

    write(ours, {"/": Group(), "/a": dataset(Bytes(), objects(values))})

    assert read(theirs).load()["/a"].element == Bytes()
    assert read(theirs).fetch(["/a"])["/a"].tolist() == values
    assert zarr.open_group(ours, mode="r")["a"][...].tolist() == values


def test_axes_transposed_twice_are_read_as_zarr_reads_them() -> None:
    """Two permutations one after the other are both applied, in the order of the document."""
    values = np.arange(24, dtype="int16").reshape(2, 3, 4)
    chain = [step("transpose", order=[1, 2, 0]), step("transpose", order=[1, 0, 2]), LITTLE]

    assert read(made_by_zarr(chain, values, "int16", (2, 3, 4))).fetch(["/a"])["/a"].tolist() == values.tolist()


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_any_order_of_axes_is_undone(order: tuple[int, ...]) -> None:
    """Encoding in an order of axes and decoding give the same array."""
    values = np.arange(24, dtype="int32").reshape(2, 3, 4)
    codec = chunk_codec([step("transpose", order=list(order)), BIG], np.dtype("int32"))

    assert codec.decode(codec.encode(values), (2, 3, 4)).tolist() == values.tolist()


@pytest.mark.parametrize("name", CHAINS)
def test_a_missing_chunk_holds_the_fill_value(name: str) -> None:
    """What was never written reads as the fill value, whoever decodes the rest."""
    store = made_by_zarr(CHAINS[name], VALUES, "int16", (4, 5))
    del store._store_dict["a/c/0/1"]

    found = read(store).fetch(["/a"])["/a"]

    assert found[:4, 5:].tolist() == [[0] * 5] * 4
    assert found[:4, :5].tolist() == VALUES[:4, :5].tolist()


@pytest.mark.parametrize("damage", ["shortened", "emptied", "replaced"])
@pytest.mark.parametrize("name", ["blosc-lz4-shuffle", *(n for n in CHAINS if not n.startswith(("blosc", "shard")))])
@pytest.mark.parametrize("chunks", [(4, 5), (6, 10)], ids=["many", "single"])
def test_a_corrupt_chunk_is_an_error_that_names_file_and_path(name: str, damage: str, chunks: tuple) -> None:
    """Whatever the codec says of damaged bytes, the error is ours, and says which dataset of which file.

    Numbers without any codec have no redundancy: replaced bytes of the right length would be other numbers.
    """
    store = made_by_zarr(CHAINS[name], VALUES, "int16", chunks)
    data = store._store_dict["a/c/0/0"].to_bytes()
    new = {"shortened": data[: len(data) // 2], "emptied": b"", "replaced": b"\x07garbage"}[damage]
    store._store_dict["a/c/0/0"] = Buffer.from_bytes(new)
    adapter = read(store)

    for ask in (
        lambda: adapter.fetch(["/a"]),
        lambda: adapter.load()["/a"].values.read((slice(0, 2), slice(0, 2))),
        lambda: adapter.array("/a")[0, 0],
    ):
        with pytest.raises(UnreadableError) as caught:
            ask()
        assert (caught.value.location, caught.value.path) == (str(adapter.location), "/a")


@pytest.mark.parametrize("damage", ["shortened", "replaced"])
@pytest.mark.parametrize("name", ["sharding", "sharding-index-first"])
def test_a_corrupt_shard_is_an_error_that_names_file_and_path(name: str, damage: str) -> None:
    """What zarr says of a damaged shard arrives as our error too."""
    store = made_by_zarr(CHAINS[name], VALUES, "int16", (4, 5))
    data = store._store_dict["a/c/0/0"].to_bytes()
    new = data[: len(data) // 2] if damage == "shortened" else b"\x07garbage"
    store._store_dict["a/c/0/0"] = Buffer.from_bytes(new)

    with pytest.raises(UnreadableError) as caught:
        read(store).fetch(["/a"])

    assert caught.value.path == "/a"


@pytest.mark.parametrize("missing", [1, 3, 100])
def test_a_shortened_blosc_chunk_is_never_read_as_numbers(missing: int) -> None:
    """A chunk that lost its last bytes is an error: the default codec must not read past the end of what is there."""
    values = np.random.default_rng(0).integers(0, 50, 100_000).astype("int16")
    store = MemoryStore()
    write(store, {"/": Group(), "/a": numbers(values, "int16")})
    data = store._store_dict["a/c.0"].to_bytes()
    store._store_dict["a/c.0"] = Buffer.from_bytes(data[:-missing])

    with pytest.raises(UnreadableError, match="/a"):
        read(store).fetch(["/a"])


@pytest.mark.parametrize("data", [b"", b"\x05", b"\x02\0\0\0\x09\0\0\0ab", b"\x01\0\0\0\x01\0\0\0\xff"])
@pytest.mark.parametrize("element", [Text(), Bytes()], ids=str)
def test_corrupt_text_is_an_error_that_names_file_and_path(element: Any, data: bytes) -> None:
    """Text and bytes whose lengths or encoding are damaged are never returned as something else."""
    if isinstance(element, Bytes) and data.endswith(b"\xff"):
        pytest.skip("any byte is good in bytes, and this chunk's count is good for one element")
    store = MemoryStore()
    write(
        store,
        {
            "/": Group(),
            "/a": Dataset(element, (1,), dataset(element, objects(["a" if element == Text() else b"a"])).values),
        },
    )
    key = next(key for key in store._store_dict if key.startswith("a/c"))
    store._store_dict[key] = Buffer.from_bytes(data)
    adapter = read(store)

    with pytest.raises(UnreadableError) as caught:
        adapter.fetch(["/a"])

    assert caught.value.path == "/a"


def test_a_chunk_of_the_wrong_length_is_an_error() -> None:
    """More or fewer elements than the chunk's shape are never cut or padded in silence."""
    codec = chunk_codec([LITTLE], np.dtype("int16"))

    with pytest.raises(ValueError, match="holds 3 elements where its shape"):
        codec.decode(np.zeros(3, "<i2").tobytes(), (2,))


FLUSHED = b"\x28\xb5\x2f\xfd\x00\x38" + b"".join(
    (5 << 3 | 2 << 1 | (last == 3)).to_bytes(3, "little") + (2000 << 4 | 3 << 2 | 1).to_bytes(3, "little") + b"\1\0"
    for last in range(4)
)
"""8000 bytes that are one, in four compressed blocks of a Zstandard frame that does not say its size."""


def test_zstandard_that_was_flushed_and_does_not_say_its_size_is_read() -> None:
    """Writers that stream make blocks of any number and length, each of which could be much more."""
    try:
        numcodecs.Zstd().decode(FLUSHED)
    except RuntimeError:
        pytest.skip("this numcodecs reads no frames without size")
    codec = chunk_codec([LITTLE, step("zstd", level=1)], np.dtype("int64"))
    of_format_2 = numcodecs_chain([], {"id": "zstd", "level": 1}, np.dtype("int64"), "C")

    assert set(codec.decode(FLUSHED, (1000,)).tolist()) == {0x0101010101010101}
    assert set(of_format_2.decode(FLUSHED, (1000,)).tolist()) == {0x0101010101010101}


@pytest.mark.parametrize("name", ["zstd", "bz2", "lzma"])
def test_what_packs_well_may_be_larger_than_two_gigabytes(name: str) -> None:
    """Zeros of more than that take a few kilobytes with codecs that pack better than deflate does."""
    codec = numcodecs.get_codec({"id": name})
    packed = bytes(129 * len(codec.encode(bytes(2**24))))
    size = 129 * 2**24

    assert room_for(packed, (size,), np.dtype("u1"), [codec]) >= size
    with pytest.raises(ValueError, match="cannot be in"):
        room_for(packed, (2**30 * size,), np.dtype("u1"), [codec])


def test_equal_texts_may_be_as_many_as_the_chunk_has_elements() -> None:
    """A column of equal references packs ten thousand times smaller."""
    assert room_for(bytes(25_800), (3_700_000,), np.dtype(object), [numcodecs.Zstd()]) > 281_000_000


def test_a_stream_may_have_several_parts_and_be_padded() -> None:
    """So do programs make them that append."""
    codec = chunk_codec([LITTLE, step("gzip", level=1)], np.dtype("int16"))
    halves = [gzip.compress(half.tobytes()) for half in (VALUES[:3], VALUES[3:])]

    assert codec.decode(b"\0\0".join(halves) + b"\0", (6, 10)).tolist() == VALUES.tolist()


@pytest.mark.parametrize(
    ("settings", "stored"),
    [
        ({"id": "astype", "encode_dtype": "u1", "decode_dtype": "<i8"}, np.dtype("<i8")),
        ({"id": "delta", "dtype": "<i8", "astype": "i1"}, np.dtype("<i8")),
        ({"id": "fixedscaleoffset", "offset": 0, "scale": 1, "dtype": "<f8", "astype": "u1"}, np.dtype("<f8")),
        ({"id": "quantize", "digits": 1, "dtype": "<f8", "astype": "<f2"}, np.dtype("<f8")),
        ({"id": "packbits"}, np.dtype("?")),
    ],
)
def test_filters_that_make_elements_smaller_are_undone(settings: dict[str, Any], stored: np.dtype) -> None:
    """However much larger they become, they are no larger than the chunk."""
    values = (np.arange(100_000) % 2).astype(stored)
    chain = numcodecs_chain([settings], {"id": "gzip", "level": 1}, stored, "C")

    assert (chain.decode(chain.encode(values), values.shape) == values).all()


def test_a_chain_with_an_unknown_step_has_no_codec_here() -> None:
    """The file cannot name code: what is not in our list is zarr's to decode or refuse."""
    assert chunk_codec([LITTLE, step("os.system", id="os")], Number("int16").dtype) is None
    assert chunk_codec([step("numcodecs.pickle"), LITTLE], None) is None
