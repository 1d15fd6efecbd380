"""Wrappers around data: `ZarrDataIO` in both spellings, data that comes later, and term sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from hdmf.data_utils import DataChunkIterator, DataIO
from hdmf.term_set import TermSet, TermSetWrapper

from hdmf_store import ArgumentError, HDMFStoreError, ZarrDataIO
from tests.translate.builder_files import BuilderFile, dataset, document, group, root, values

# zarr says so whenever an array is opened that a codec of numcodecs encoded
pytestmark = pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning")

ARRAY = np.arange(600, dtype="int32").reshape(100, 6)
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}


@pytest.fixture
def stored(zarr_file: BuilderFile, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Store an array with wishes, check that it comes back, and return its document."""

    def store(array: np.ndarray = ARRAY, **wishes: Any) -> dict[str, Any]:
        found = values(zarr_file.stored(ZarrDataIO(array, **wishes)))
        assert found.dtype == array.dtype
        assert np.array_equal(found, array)
        return document(tmp_path / "file.zarr", "x")

    return store


def test_a_wrapper_without_wishes_changes_nothing(file: BuilderFile) -> None:
    """Wrapped data is stored as the data alone would be."""
    found = file.round_trip(root(dataset("n", ZarrDataIO([1, 2])), dataset("t", ZarrDataIO(["a", "b"]))))

    assert values(found["n"]).tolist() == [1, 2]
    assert values(found["t"]).tolist() == ["a", "b"]


def test_chunks_are_stored_as_asked(stored: Callable[..., dict[str, Any]]) -> None:
    """A chunk has the shape that the author gave it."""
    assert stored(chunks=(30, 4))["chunk_grid"] == {"name": "regular", "configuration": {"chunk_shape": [30, 4]}}


@pytest.mark.parametrize("chunks", [True, None])
def test_chunks_are_chosen_where_none_are_given(stored: Callable[..., dict[str, Any]], chunks: bool | None) -> None:
    """Small data is one chunk."""
    assert stored(chunks=chunks)["chunk_grid"]["configuration"]["chunk_shape"] == [100, 6]


def test_one_number_is_the_length_of_the_chunks_of_a_vector(stored: Callable[..., dict[str, Any]]) -> None:
    """For one axis a number is enough."""
    assert stored(np.arange(10), chunks=4)["chunk_grid"]["configuration"]["chunk_shape"] == [4]


@pytest.mark.parametrize(
    ("compressor", "codec"),
    [
        (numcodecs.GZip(level=5), {"name": "gzip", "configuration": {"level": 5}}),
        (numcodecs.Zstd(level=3), {"name": "zstd", "configuration": {"level": 3, "checksum": False}}),
        (numcodecs.Zlib(level=2), {"name": "numcodecs.zlib", "configuration": {"level": 2}}),
        (numcodecs.LZ4(), {"name": "numcodecs.lz4", "configuration": {"acceleration": 1}}),
    ],
    ids=lambda value: getattr(value, "codec_id", ""),
)
def test_a_compressor_of_numcodecs_is_taken(
    stored: Callable[..., dict[str, Any]], compressor: Any, codec: dict[str, Any]
) -> None:
    """The spelling of Zarr 2: one codec object of numcodecs."""
    assert stored(compressor=compressor)["codecs"] == [BYTES, codec]


def test_blosc_of_numcodecs_is_taken(stored: Callable[..., dict[str, Any]]) -> None:
    """Blosc's settings go by other names in Zarr 3 and mean the same."""
    blosc = stored(compressor=numcodecs.Blosc(cname="zstd", clevel=4, shuffle=numcodecs.Blosc.SHUFFLE))["codecs"][1]

    assert blosc["name"] == "blosc"
    assert blosc["configuration"]["cname"] == "zstd"
    assert blosc["configuration"]["clevel"] == 4
    assert blosc["configuration"]["shuffle"] == "shuffle"
    assert blosc["configuration"]["typesize"] == 4


@pytest.mark.parametrize(
    "wish", [{"compressor": False}, {"compressors": False}, {"compressors": []}, {"compressors": ()}]
)
def test_no_compression_is_a_wish_too(stored: Callable[..., dict[str, Any]], wish: dict[str, Any]) -> None:
    """Both spellings can ask for none."""
    assert stored(**wish)["codecs"] == [BYTES]


@pytest.mark.parametrize(
    "wish",
    [{"compressor": True}, {"compressor": None}, {"compressors": True}, {"compressors": "auto"}, {"compressors": None}],
    ids=repr,
)
def test_large_data_is_compressed_by_default(stored: Callable[..., dict[str, Any]], wish: dict[str, Any]) -> None:
    """Without a wish a compressor is chosen."""
    assert len(stored(**wish)["codecs"]) == 2


@pytest.mark.parametrize(
    "compressors",
    [
        zarr.codecs.GzipCodec(level=5),
        [zarr.codecs.GzipCodec(level=5)],
        {"name": "gzip", "configuration": {"level": 5}},
        [numcodecs.GZip(level=5)],
    ],
    ids=["codec", "list", "dictionary", "numcodecs"],
)
def test_compressors_of_zarr_3_are_taken(stored: Callable[..., dict[str, Any]], compressors: Any) -> None:
    """The spelling of Zarr 3: a codec, a list of them, or their dictionaries."""
    assert stored(compressors=compressors)["codecs"] == [BYTES, {"name": "gzip", "configuration": {"level": 5}}]


def test_several_compressors_stand_in_the_order_given(stored: Callable[..., dict[str, Any]]) -> None:
    """The first is applied first."""
    codecs = stored(compressors=[zarr.codecs.ZstdCodec(level=1), zarr.codecs.Crc32cCodec()])["codecs"]

    assert [codec["name"] for codec in codecs] == ["bytes", "zstd", "crc32c"]


def test_both_spellings_at_once_are_refused() -> None:
    """They are two words for one wish, and one of them would be lost."""
    with pytest.raises(ArgumentError, match="pass one of them"):
        ZarrDataIO(ARRAY, compressor=numcodecs.GZip(), compressors=[zarr.codecs.GzipCodec()])


def test_what_is_no_codec_is_refused() -> None:
    """A wrong argument fails where it is passed, not where the file is written."""
    with pytest.raises(ArgumentError, match="no codec"):
        ZarrDataIO(ARRAY, compressor=3.5)


def test_filters_stand_before_the_serializer(stored: Callable[..., dict[str, Any]]) -> None:
    """Filters of numcodecs that map arrays to arrays are applied first."""
    codecs = stored(filters=[numcodecs.Delta(dtype="i4")], compressor=numcodecs.GZip(level=1))["codecs"]

    assert [codec["name"] for codec in codecs] == ["numcodecs.delta", "bytes", "gzip"]


def test_filters_on_bytes_stand_before_compression(stored: Callable[..., dict[str, Any]]) -> None:
    """A shuffle, which works on bytes, comes after the serializer and before the compressor."""
    codecs = stored(filters=[numcodecs.Shuffle(elementsize=4)], compressor=numcodecs.GZip(level=1))["codecs"]

    assert [codec["name"] for codec in codecs] == ["bytes", "numcodecs.shuffle", "gzip"]


def test_a_serializer_may_choose_the_byte_order(stored: Callable[..., dict[str, Any]]) -> None:
    """Values are the same in big-endian order."""
    codecs = stored(serializer=zarr.codecs.BytesCodec(endian="big"), compressors=False)["codecs"]

    assert codecs == [{"name": "bytes", "configuration": {"endian": "big"}}]


def test_shards_hold_chunks(stored: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    """A stored object is a shard, and holds chunks of the shape that was asked for (NEEDS 38)."""
    found = stored(chunks=(10, 6), shards=(50, 6))

    assert found["chunk_grid"]["configuration"]["chunk_shape"] == [50, 6]
    assert found["codecs"][0]["name"] == "sharding_indexed"
    assert found["codecs"][0]["configuration"]["chunk_shape"] == [10, 6]
    assert len([path for path in (tmp_path / "file.zarr" / "x" / "c").rglob("*") if path.is_file()]) == 2


@pytest.mark.parametrize("wish", [{"chunks": (30, 6), "shards": (50, 6)}, {"chunks": (10,)}], ids=repr)
def test_a_layout_that_cannot_be_is_refused_by_name(
    zarr_file: BuilderFile, tmp_path: Path, wish: dict[str, Any]
) -> None:
    """Shards that are no multiple of chunks, or too few axes: an error names the dataset, and nothing is left."""
    with pytest.raises(HDMFStoreError, match="/x: "):
        zarr_file.write(root(dataset("x", ZarrDataIO(ARRAY, **wish))))

    assert list(tmp_path.iterdir()) == []


def test_chunks_without_elements_are_refused_at_once() -> None:
    """A chunk holds at least one element along every axis; the wrapper itself says so."""
    with pytest.raises(HDMFStoreError, match="chunks must be at least 1"):
        ZarrDataIO(ARRAY, chunks=(0, 6))


@pytest.mark.parametrize(
    ("array", "fill", "expected"),
    [
        (np.array([1, -1], "int16"), -1, -1),
        (np.array([1.5, np.nan]), np.nan, "NaN"),
        (np.array([1.5, np.inf]), np.inf, "Infinity"),
        (np.array([True, False]), True, True),
        (np.array([1, 2], "uint64"), np.uint64(2**64 - 1), 2**64 - 1),
    ],
    ids=["int", "nan", "inf", "bool", "uint64"],
)
def test_a_fill_value_is_stored(
    zarr_file: BuilderFile, tmp_path: Path, array: np.ndarray, fill: Any, expected: Any
) -> None:
    """What was not written reads as the value that the author chose."""
    zarr_file.write(root(dataset("x", ZarrDataIO(array, fill_value=fill))))

    assert document(tmp_path / "file.zarr", "x")["fill_value"] == expected


def test_chunks_of_the_fill_value_alone_take_no_space(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """A chunk that holds nothing else is not stored, and reads as the fill value."""
    array = np.full((100, 10), -1, "int16")
    array[:10] = 5

    found = values(zarr_file.stored(ZarrDataIO(array, chunks=(10, 10), fill_value=-1)))

    assert len([path for path in (tmp_path / "file.zarr" / "x" / "c").rglob("*") if path.is_file()]) == 1
    assert np.array_equal(found, array)


def test_wishes_apply_to_text_as_well(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """Chunks and compressors are not for numbers alone."""
    data = ZarrDataIO([f"row {n}" for n in range(100)], chunks=(25,), compressor=numcodecs.GZip(level=1))

    found = zarr_file.stored(data)

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["chunk_grid"]["configuration"]["chunk_shape"] == [25]
    assert [codec["name"] for codec in stored["codecs"]] == ["vlen-utf8", "gzip"]
    assert found.data[99] == "row 99"


def test_wishes_apply_to_records_as_well(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """Records keep the chunks and the compressor of their author (NEEDS 46)."""
    data = ZarrDataIO([(n, n / 2) for n in range(100)], chunks=(25,), compressor=numcodecs.GZip(level=1))

    found = zarr_file.stored(data, [{"name": "a", "dtype": "int32"}, {"name": "b", "dtype": "float64"}])

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["chunk_grid"]["configuration"]["chunk_shape"] == [25]
    assert [codec["name"] for codec in stored["codecs"]] == ["bytes", "gzip"]
    assert found.data[99].tolist() == (99, 49.5)


def test_a_dataset_can_be_set_up_to_be_filled_later(file: BuilderFile) -> None:
    """A wrapper with a shape and a type but no data makes a dataset of fill values."""
    found = values(file.stored(ZarrDataIO(None, shape=(4, 2), dtype=np.dtype("int16"), fill_value=-1)))

    assert found.dtype == np.int16
    assert found.tolist() == [[-1, -1]] * 4


def test_a_dataset_that_was_set_up_can_be_filled(zarr_file: BuilderFile) -> None:
    """Its array takes values as soon as the file is open for writing."""
    zarr_file.write(root(dataset("x", ZarrDataIO(None, shape=(4,), dtype=np.dtype("float32")))))

    zarr_file.read("r+")["x"].data[1:3] = [1.5, 2.5]

    assert values(zarr_file.read()["x"]).tolist() == [0, 1.5, 2.5, 0]


def test_a_plain_wrapper_without_data_sets_a_dataset_up(file: BuilderFile) -> None:
    """HDMF's own wrapper can do so too."""
    found = values(file.stored(DataIO(None, shape=(2, 3), dtype=np.dtype("uint8"))))

    assert found.dtype == np.uint8
    assert found.tolist() == [[0, 0, 0], [0, 0, 0]]


def test_an_hdf5_dataset_is_wrapped_with_its_layout(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """`from_h5py_dataset` takes chunks, filters and fill value over."""
    with h5py.File(tmp_path / "data.h5", "w") as source:
        made = source.create_dataset("d", data=ARRAY, chunks=(20, 3), compression="gzip", shuffle=True, fillvalue=7)
        zarr_file.write(root(dataset("x", ZarrDataIO.from_h5py_dataset(made))))

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["chunk_grid"]["configuration"]["chunk_shape"] == [20, 3]
    assert [codec["name"] for codec in stored["codecs"]] == ["bytes", "numcodecs.shuffle", "numcodecs.zlib"]
    assert stored["fill_value"] == 7
    assert np.array_equal(values(zarr_file.read()["x"]), ARRAY)


def test_shards_are_chosen_for_an_iterator_whose_length_is_not_known(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """The shards have room for more than the first piece."""
    data = DataChunkIterator(iter(ARRAY), buffer_size=7)

    found = values(zarr_file.stored(ZarrDataIO(data, chunks=(10, 6), shards="auto")))

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["codecs"][0]["configuration"]["chunk_shape"] == [10, 6]
    assert stored["chunk_grid"]["configuration"]["chunk_shape"][0] > 100
    assert np.array_equal(found, ARRAY)


def test_an_array_of_zarr_may_be_wrapped(zarr_file: BuilderFile) -> None:
    """It is stored with what the wrapper adds."""
    array = zarr.create_array(zarr.storage.MemoryStore(), data=ARRAY, chunks=(50, 6))

    assert np.array_equal(values(zarr_file.stored(ZarrDataIO(array, compressor=numcodecs.GZip()))), ARRAY)


@pytest.mark.parametrize(
    ("wish", "settings"),
    [
        ({"compressor": False}, {"compressor": None}),
        ({"compressors": False}, {"compressors": None}),
        ({"compressor": True}, {}),
        ({"compressors": "auto"}, {}),
        ({"fillvalue": 3, "shards": (10, 6)}, {"fill_value": 3, "shards": (10, 6)}),
    ],
    ids=repr,
)
def test_settings_are_those_that_zarr_takes(wish: dict[str, Any], settings: dict[str, Any]) -> None:
    """Libraries that make arrays themselves read them: None is no compressor, silence is zarr's choice (NEEDS 67)."""
    wrapper = ZarrDataIO(ARRAY, **wish)

    assert wrapper.io_settings == settings
    assert ZarrDataIO(ARRAY, **wrapper.get_io_params()).layout == wrapper.layout


def test_a_wrapper_says_what_was_wished() -> None:
    """`get_io_params` returns arguments that make an equal wrapper around other data."""
    gzip = numcodecs.GZip(level=1)
    wrapper = ZarrDataIO(ARRAY, chunks=(10, 6), compressor=gzip, fill_value=3)

    params = wrapper.get_io_params()

    assert params["chunks"] == (10, 6)
    assert params["compressor"] is gzip
    assert params["fill_value"] == 3
    assert ZarrDataIO(ARRAY, **{k: v for k, v in params.items() if v is not None}).layout == wrapper.layout


class Colours(TermSet):
    """Terms that need no schema file, and so no linkml."""

    def __init__(self) -> None:
        self.name = "colours"

    def validate(self, term: str) -> bool:
        return term in ("red", "green")


@pytest.mark.parametrize("value", [["red", "green"], np.array(["red", "green"]), ("red", "green")], ids=str)
def test_values_of_a_term_set_are_stored_as_the_values(file: BuilderFile, value: Any) -> None:
    """The wrapper checks terms when it is made; what is stored are the terms."""
    found = file.stored(TermSetWrapper(termset=Colours(), value=value))

    assert list(found.data[:]) == ["red", "green"]


def test_a_term_as_attribute_is_stored_as_the_term(file: BuilderFile) -> None:
    """Attributes may be wrapped as well."""
    found = file.round_trip(root(group("g", colour=TermSetWrapper(termset=Colours(), value="red"))))

    assert found["g"].attributes == {"colour": "red"}


def test_wrappers_and_builders_are_never_changed(file: BuilderFile) -> None:
    """What was passed can be passed again."""
    wrapper = ZarrDataIO(ARRAY, chunks=(10, 6))
    array, before = np.array([3, 1, 2], ">i4"), [3, 1, 2]
    listed = [[1, 2], [3, 4]]
    made = root(dataset("x", wrapper), dataset("a", array), dataset("l", listed))

    file.write(made)

    assert made["x"].data is wrapper
    assert wrapper.data is ARRAY
    assert made["a"].data is array
    assert array.tolist() == before
    assert array.dtype == np.dtype(">i4")
    assert made["l"].data is listed
    assert listed == [[1, 2], [3, 4]]
    assert made["x"].dtype is None
    assert made["a"].attributes == {}
