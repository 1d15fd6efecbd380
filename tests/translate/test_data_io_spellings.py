"""`ZarrDataIO` as scripts for hdmf-zarr 0.13 and 0.14 call it, and as it takes the place of an HDF5 dataset."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from zarr.codecs import BytesCodec, GzipCodec, ZstdCodec

from hdmf_store import ArgumentError, ArgumentTypeError, UnsupportedValueError, ZarrDataIO, ZarrIO
from tests.translate.builder_files import dataset, root

pytestmark = pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning")

Store = Callable[..., zarr.Array]
ARRAY = np.arange(1200, dtype="int32")


@pytest.fixture(params=[2, 3], ids=["format 2", "format 3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """Store data with wishes in a format, and return the array as zarr opens it."""

    def make(data: Any = ARRAY, **wishes: Any) -> zarr.Array:
        with ZarrIO(tmp_path / "file.zarr", "w", zarr_format=request.param) as io:
            io.write_builder(root(dataset("x", data if isinstance(data, ZarrDataIO) else ZarrDataIO(data, **wishes))))
        return zarr.open_array(tmp_path / "file.zarr" / "x", mode="r")

    return make


@pytest.fixture
def hdf5(tmp_path: Path) -> h5py.File:
    """Datasets with filters of several kinds."""
    with h5py.File(tmp_path / "file.h5", "w") as file:
        chunked = {"chunks": (300,), "data": ARRAY}
        file.create_dataset("gzip", **chunked, compression="gzip", compression_opts=3, shuffle=True, fillvalue=7)
        file.create_dataset("checked", **chunked, fletcher32=True)
        file.create_dataset("lzf", **chunked, compression="lzf")
        file.create_dataset("text", data=["a", "b"], chunks=(1,), compression="gzip", shuffle=True)
        file.create_dataset("plain", data=ARRAY)
    return h5py.File(tmp_path / "file.h5", "r")


# ------------------------------------------------------------------------------------------------------------ spellings


@pytest.mark.parametrize("name", ["fill_value", "fillvalue"])
def test_a_fill_value_has_two_names(store: Store, name: str) -> None:
    """Ours, and that of hdmf-zarr; with both, nobody can say which is meant."""
    assert store(**{name: 5}).fill_value == 5
    assert ZarrDataIO(ARRAY, **{name: 5}).get_io_params()["fill_value"] == 5
    with pytest.raises(ArgumentError, match="two spellings"):
        ZarrDataIO(ARRAY, fillvalue=1, fill_value=2)


def test_arguments_stand_in_the_order_of_hdmf_zarr_0_13() -> None:
    """Data, chunks, fill value, compressor, filters, link."""
    gzip, delta = numcodecs.GZip(1), numcodecs.Delta("<i4")

    made = ZarrDataIO(ARRAY, (600,), 5, gzip, [delta], True)

    expected = {"chunks": (600,), "fill_value": 5, "compressor": gzip, "filters": [delta]}
    assert made.io_settings == expected
    assert made.get_io_params() == {**expected, "link_data": True}
    assert made.link_data is True


@pytest.mark.parametrize("wish", [{"compressor": numcodecs.GZip(2)}, {"compressors": GzipCodec(level=2)}])
def test_a_compressor_is_stored_in_both_spellings(store: Store, wish: dict[str, Any]) -> None:
    """In both formats, whichever library the codec comes from."""
    (used,) = store(**wish).compressors

    assert type(used).__name__.lower().startswith("gzip")
    assert used.level == 2


@pytest.mark.parametrize("name", ["compressor", "compressors"])
def test_compression_is_switched_on_and_off(store: Store, name: str) -> None:
    """By True and False, in both spellings."""
    assert len(store(**{name: True}).compressors) == 1
    assert len(store(**{name: False}).compressors) == 0


@pytest.mark.parametrize("codec", ["zstd", {"name": "zstd"}, "gzip", "blosc"])
def test_a_codec_may_be_named(store: Store, codec: Any) -> None:
    """What its name leaves open is filled in, so that zarr can read the array."""
    name = codec if isinstance(codec, str) else codec["name"]

    array = store(compressors=codec)

    assert type(array.compressors[0]).__name__.lower().startswith(name)
    assert np.array_equal(array[:], ARRAY)


@pytest.mark.parametrize(("chunks", "expected"), [((500,), (500,)), ([500], (500,)), (500, (500,)), (True, (1200,))])
def test_chunks_are_a_shape_or_a_length(store: Store, chunks: Any, expected: tuple[int, ...]) -> None:
    """Of numpy's numbers too; True leaves the choice open."""
    assert store(chunks=chunks).chunks == expected
    assert store(chunks=(np.int64(500),)).chunks == (500,)


def test_wishes_that_were_given_wrap_other_data_alike(store: Store) -> None:
    """`get_io_params` can be handed in again."""
    first = ZarrDataIO(np.arange(3), chunks=(400,), fillvalue=5, compressor=numcodecs.GZip(1))

    array = store(ARRAY, **first.get_io_params())

    assert (array.chunks, array.fill_value, len(array.compressors)) == ((400,), 5, 1)


def test_a_filter_is_stored(store: Store) -> None:
    """Before the compressor; a list or a tuple of them."""
    for filters in ([numcodecs.Delta("<i4")], (numcodecs.Delta("<i4"),)):
        assert "delta" in str(store(filters=filters).filters[0]).lower()


# ------------------------------------------------------------------------------------------------------ format 3 alone


def _in_format_3(path: Path, **wishes: Any) -> zarr.Array:
    with ZarrIO(path, "w") as io:
        io.write_builder(root(dataset("x", ZarrDataIO(ARRAY, **wishes))))
    return zarr.open_array(path / "x", mode="r")


def test_shards_are_a_shape_or_chosen(tmp_path: Path) -> None:
    """``"auto"`` takes as many chunks as are there, up to a size; the values are read back."""
    path = tmp_path / "file.zarr"

    assert _in_format_3(path, chunks=(100,), shards=(600,)).shards == (600,)
    chosen = _in_format_3(path, chunks=(500,), shards="auto")
    assert (chosen.chunks, chosen.shards) == ((500,), (1500,))
    assert np.array_equal(chosen[:], ARRAY)
    assert np.array_equal(_in_format_3(path, shards="auto")[:], ARRAY)


def test_format_2_has_no_shards(tmp_path: Path) -> None:
    """A clear error, for a shape and for a choice."""
    for shards in ((600,), "auto"):
        with (
            ZarrIO(tmp_path / "file.zarr", "w", zarr_format=2) as io,
            pytest.raises(UnsupportedValueError, match="/x: Zarr format 2 has no shards"),
        ):
            io.write_builder(root(dataset("x", ZarrDataIO(ARRAY, shards=shards))))


def test_a_serializer_is_stored(tmp_path: Path) -> None:
    """The byte order here; one that zarr does not know is refused with the place of the dataset, not passed over."""
    assert "big" in str(_in_format_3(tmp_path / "file.zarr", serializer=BytesCodec(endian="big")).serializer)
    with pytest.raises(UnsupportedValueError, match=r"/x: .*codec:? 'nonsense'"):
        _in_format_3(tmp_path / "file.zarr", serializer="nonsense")


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        ({"chunks": ("a",)}, ArgumentTypeError),
        ({"chunks": (1.5,)}, ArgumentTypeError),
        ({"chunks": (0,)}, ArgumentError),
        ({"shards": (2.5,)}, ArgumentTypeError),
        ({"shards": "many"}, ArgumentError),
        ({"compressor": 3}, ArgumentError),
        ({"compressors": [3]}, ArgumentError),
        ({"serializer": 3}, ArgumentError),
        ({"chunks": "all"}, TypeError),
        ({"filters": numcodecs.Delta("<i4")}, TypeError),
        ({"link_data": "no"}, TypeError),
        ({"chunk": (3,)}, TypeError),
    ],
)
def test_a_wish_that_means_nothing_is_refused_at_once(wish: dict[str, Any], kind: type[Exception]) -> None:
    """Where it is made, not where it is stored."""
    with pytest.raises(kind):
        ZarrDataIO(ARRAY, **wish)


@pytest.mark.parametrize("fill", ["text", 1.5, 2**40])
def test_a_fill_value_that_elements_cannot_have_is_refused(store: Store, fill: Any, tmp_path: Path) -> None:
    """With the place of the dataset; nothing is written."""
    with pytest.raises(UnsupportedValueError, match=r"/x: .* is no fill value for elements of int32"):
        store(fill_value=fill)

    assert not (tmp_path / "file.zarr").exists()


# ---------------------------------------------------------------------------------------------------------- from HDF5


def test_an_hdf5_dataset_keeps_its_chunks_filters_and_fill_value(store: Store, hdf5: h5py.File) -> None:
    """As the nearest that Zarr has, in their order."""
    made = ZarrDataIO.from_h5py_dataset(hdf5["gzip"])

    assert [codec.codec_id for codec in made.io_settings["filters"]] == ["shuffle", "zlib"]
    array = store(made)
    assert (array.chunks, array.fill_value) == ((300,), 7)
    assert np.array_equal(array[:], ARRAY)


@pytest.mark.parametrize(
    ("name", "expected"), [("gzip", ["shuffle", "zlib"]), ("checked", []), ("text", ["zlib"]), ("plain", [])]
)
def test_filters_of_hdf5_have_counterparts(hdf5: h5py.File, name: str, expected: list[str]) -> None:
    """Check sums have none that is needed, and there is no shuffling of objects."""
    assert [codec.codec_id for codec in ZarrDataIO.hdf5_to_zarr_filters(hdf5[name])] == expected


def test_a_filter_without_counterpart_is_left_out_with_a_warning(store: Store, hdf5: h5py.File) -> None:
    """The values are the same."""
    with pytest.warns(UserWarning, match="/lzf: Zarr has no counterpart of the HDF5 filter 'lzf'"):
        made = ZarrDataIO.from_h5py_dataset(hdf5["lzf"])

    assert np.array_equal(store(made)[:], ARRAY)


def test_what_is_said_beside_takes_the_place_of_what_was_found(hdf5: h5py.File) -> None:
    """Compressors in place of filters too, which would compress twice."""
    told = {"chunks": (600,), "fillvalue": 1, "compressors": ZstdCodec()}

    found = ZarrDataIO.from_h5py_dataset(hdf5["gzip"], **told).io_settings

    assert (found["chunks"], found["fill_value"]) == ((600,), 1)
    assert "filters" not in found
    assert ZarrDataIO.from_h5py_dataset(hdf5["gzip"], fill_value=2).io_settings["fill_value"] == 2


def test_what_is_no_dataset_of_hdf5_is_refused(hdf5: h5py.File) -> None:
    """By a `TypeError`."""
    assert ZarrDataIO.is_h5py_dataset(hdf5["plain"])
    assert not ZarrDataIO.is_h5py_dataset(ARRAY)
    for call in (ZarrDataIO.from_h5py_dataset, ZarrDataIO.hdf5_to_zarr_filters):
        with pytest.raises(ArgumentTypeError, match=r"an h5py\.Dataset is needed"):
            call(ARRAY)
