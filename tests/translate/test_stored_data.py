"""Data that is stored already: HDF5 datasets and the user's own zarr arrays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from hdmf.backends.hdf5 import H5DataIO

from hdmf_store import StoreIO, ZarrDataIO, ZarrIO
from tests.translate.builder_files import BuilderFile, dataset, document, reference, root, values


@pytest.fixture
def hdf5(tmp_path: Path) -> Iterator[h5py.File]:
    """An HDF5 file in which users keep their data."""
    with h5py.File(tmp_path / "data.h5", "w") as file:
        yield file


@pytest.mark.parametrize("dtype", ["bool", "uint8", ">i2", "int64", "float16", "float32"])
def test_an_hdf5_dataset_of_numbers_is_copied(file: BuilderFile, hdf5: h5py.File, dtype: str) -> None:
    """Numbers of any type are copied as they are."""
    array = np.array([[0, 1, 1], [1, 0, 1]], dtype)

    found = values(file.stored(hdf5.create_dataset("d", data=array)))

    assert found.dtype == np.dtype(dtype).newbyteorder("=")
    assert found.tolist() == array.tolist()


def test_an_hdf5_dataset_of_several_chunks_is_copied(file: BuilderFile, hdf5: h5py.File) -> None:
    """Chunked and compressed data comes over whole."""
    array = np.random.default_rng(2).normal(size=(1001, 17))
    source = hdf5.create_dataset("d", data=array, chunks=(100, 5), compression="gzip", shuffle=True)

    found = values(file.stored(source))

    assert np.array_equal(found, array)


@pytest.mark.parametrize("shape", [(0,), (0, 3), ()])
def test_an_hdf5_dataset_may_be_empty_or_a_scalar(file: BuilderFile, hdf5: h5py.File, shape: tuple[int, ...]) -> None:
    """Every shape is kept."""
    source = hdf5.create_dataset("d", data=np.zeros(shape, "int16"), maxshape=(None,) * len(shape) if shape else None)

    found = file.stored(source)

    assert np.shape(found.data) == shape


@pytest.mark.parametrize(
    "dtype", [h5py.string_dtype(), h5py.string_dtype("ascii"), h5py.string_dtype("utf-8", 12), "S12"], ids=repr
)
def test_an_hdf5_dataset_of_text_is_copied(file: BuilderFile, hdf5: h5py.File, dtype: object) -> None:
    """Text of fixed and of variable length, of either character set, comes back as str."""
    source = hdf5.create_dataset("d", data=[b"a", b"", b"bcd"], dtype=dtype)

    found = file.stored(source)

    assert list(found.data[:]) == ["a", "", "bcd"]


def test_an_hdf5_dataset_of_records_is_copied(file: BuilderFile, hdf5: h5py.File) -> None:
    """Records with numbers and text keep their fields."""
    rows = np.array([(1, 0.5, "a"), (2, 1.5, "")], [("n", "u2"), ("f", "f4"), ("t", h5py.string_dtype())])

    found = values(file.stored(hdf5.create_dataset("d", data=rows)))

    assert found["n"].dtype == np.uint16
    assert found["f"].dtype == np.float32
    assert found.tolist() == [(1, 0.5, "a"), (2, 1.5, "")]


def test_an_hdf5_dataset_stays_open_and_unchanged(file: BuilderFile, hdf5: h5py.File) -> None:
    """What is the user's stays the user's."""
    source = hdf5.create_dataset("d", data=[1, 2, 3])

    file.stored(source)

    assert source[:].tolist() == [1, 2, 3]
    assert type(source) is h5py.Dataset


def test_a_wrapper_for_hdf5_wraps_the_same_data(file: BuilderFile) -> None:
    """Data prepared for HDF5 needs no change to be stored elsewhere."""
    data = H5DataIO([1, 2, 3], compression="gzip", compression_opts=4, chunks=(2,), maxshape=(None,))

    found = values(file.stored(data))

    assert found.tolist() == [1, 2, 3]


def test_a_wrapper_for_hdf5_keeps_its_chunks_and_level(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """What HDF5 and Zarr both have is taken over."""
    data = H5DataIO(np.arange(10), compression="gzip", compression_opts=7, chunks=(5,), fillvalue=3)

    zarr_file.write(root(dataset("x", data)))

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["chunk_grid"]["configuration"]["chunk_shape"] == [5]
    assert stored["codecs"][-1] == {"name": "gzip", "configuration": {"level": 7}}
    assert stored["fill_value"] == 3


def test_a_wrapper_for_hdf5_with_an_hdf5_dataset_copies_it(file: BuilderFile, hdf5: h5py.File) -> None:
    """Also what is stored in HDF5 may be wrapped."""
    data = H5DataIO(hdf5.create_dataset("d", data=[[1.5], [2.5]]))

    found = values(file.stored(data))

    assert found.tolist() == [[1.5], [2.5]]


def test_a_wrapper_goes_before_the_layout_that_the_data_has_in_hdf5(tmp_path: Path, hdf5: h5py.File) -> None:
    """A copy in HDF5 is laid out like its source where nothing else is wished."""
    source = hdf5.create_dataset("d", data=np.arange(8000), chunks=(50,))
    wished = ZarrDataIO(source, compressors={"name": "gzip"})

    with StoreIO(tmp_path / "copy.h5", "w") as io:
        io.write_builder(root(dataset("as_it_is", source), dataset("wished", wished)), link_data=False)

    with h5py.File(tmp_path / "copy.h5") as file:
        assert (file["as_it_is"].chunks, file["as_it_is"].compression) == ((50,), None)
        assert file["wished"].compression == "gzip"
        assert file["wished"][:].tolist() == file["as_it_is"][:].tolist() == list(range(8000))


@pytest.mark.parametrize("dtype", ["bool", "int16", ">f4", "float64", "U5", np.dtypes.StringDType()], ids=str)
def test_a_users_zarr_array_is_copied(file: BuilderFile, dtype: object) -> None:
    """Arrays that zarr made itself are data like all others."""
    array = np.array(["1", "0", "1"] if np.dtype(dtype).kind in "UT" else [1, 0, 1]).astype(dtype)
    source = zarr.create_array({}, data=array, chunks=(2,))

    found = values(file.stored(source))

    assert found.tolist() == array.tolist()
    assert np.dtype(dtype).kind in "UT" or found.dtype == np.dtype(dtype).newbyteorder("=")


def test_a_users_zarr_array_without_axes_is_a_scalar(file: BuilderFile) -> None:
    """A 0-d array of zarr's is a scalar."""
    source = zarr.create_array({}, data=np.array(7, "int8"))

    found = file.stored(source)

    assert found.data == 7
    assert np.shape(found.data) == ()


def test_a_users_zarr_array_of_records_is_copied(file: BuilderFile) -> None:
    """Records of numbers keep their fields."""
    rows = np.array([(1, 0.5), (2, 1.5)], [("n", "u2"), ("f", "f4")])
    source = zarr.create_array({}, data=rows)

    found = values(file.stored(source))

    assert found.dtype == rows.dtype
    assert found.tolist() == [(1, 0.5), (2, 1.5)]


def test_a_users_zarr_array_stays_what_it_is(file: BuilderFile) -> None:
    """Neither its class nor its values change (NEEDS 62)."""
    source = zarr.create_array({}, data=np.arange(4))
    kind = type(source)

    file.stored(source)

    assert type(source) is kind
    assert type(source) is zarr.Array
    assert source[:].tolist() == [0, 1, 2, 3]


def test_a_copied_zarr_array_keeps_chunks_and_shards(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """The layout that somebody chose is not lost with the copy (NEEDS 10)."""
    source = zarr.create_array({}, data=np.arange(64), chunks=(4,), shards=(16,))

    found = zarr_file.stored(source)

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["chunk_grid"]["configuration"]["chunk_shape"] == [16]
    assert stored["codecs"][0]["name"] == "sharding_indexed"
    assert stored["codecs"][0]["configuration"]["chunk_shape"] == [4]
    assert values(found).tolist() == list(range(64))


def test_a_copied_zarr_array_keeps_its_codecs_and_fill_value(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """A compressor and a fill value that somebody chose are kept as well (NEEDS 10)."""
    gzip = zarr.codecs.GzipCodec(level=3)
    source = zarr.create_array({}, shape=(4,), dtype="int16", chunks=(2,), compressors=gzip, fill_value=-1)
    source[:2] = [5, 6]

    found = zarr_file.stored(source)

    stored = document(tmp_path / "file.zarr", "x")
    assert {"name": "gzip", "configuration": {"level": 3}} in stored["codecs"]
    assert stored["fill_value"] == -1
    assert values(found).tolist() == [5, 6, -1, -1]


def test_an_array_of_another_file_of_ours_is_linked_to(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """Data that lies in another file is linked to by default, relative to this file."""
    with ZarrIO(tmp_path / "raw.zarr", "w") as io:
        io.write_builder(root(dataset("d", [1, 2, 3])))
    with ZarrIO(tmp_path / "raw.zarr", "r") as io:
        found = zarr_file.round_trip(root(dataset("x", io.read_builder()["d"].data)))

    assert document(tmp_path / "file.zarr")["attributes"]["_LINKS"] == [
        {"name": "x", "source": "../raw.zarr", "path": "/d"}
    ]
    assert values(found.links["x"].builder).tolist() == [1, 2, 3]


def test_an_array_of_another_file_of_ours_is_copied_on_demand(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """With link_data=False the file stands alone."""
    with ZarrIO(tmp_path / "raw.zarr", "w") as io:
        io.write_builder(root(dataset("d", [1, 2, 3]), dataset("t", ["a", "b"])))
    with ZarrIO(tmp_path / "raw.zarr", "r") as io:
        source = io.read_builder()
        made = root(dataset("x", source["d"].data), dataset("y", source["t"].data))
        found = zarr_file.round_trip(made, link_data=False)

    assert not found.links
    assert values(found["x"]).tolist() == [1, 2, 3]
    assert values(found["y"]).tolist() == ["a", "b"]


def test_an_hdf5_dataset_of_references_brings_along_what_it_refers_to(file: BuilderFile, hdf5: h5py.File) -> None:
    """References into another file cannot stay as they are: what they lead to is stored in this file."""
    target = hdf5.create_dataset("target", data=[1.5, 2.5])
    source = hdf5.create_dataset("d", data=[target.ref, target.ref], dtype=h5py.ref_dtype)
    hdf5.flush()

    found = file.round_trip(root(dataset("x", source, "object")))

    assert len(found["x"].data) == 2
    assert [values(item).tolist() for item in found["x"].data[:]] == [[1.5, 2.5], [1.5, 2.5]]


@pytest.mark.parametrize("kind", ["references", "records"])
def test_references_of_another_file_of_ours_never_lead_to_the_wrong_object(
    zarr_file: BuilderFile, tmp_path: Path, kind: str
) -> None:
    """Copied to a file that has another object at the same path, they still lead to the object that was meant."""
    target = dataset("target", [1.5, 2.5])
    fields = [{"name": "n", "dtype": "int8"}, {"name": "of", "dtype": "object"}]
    with ZarrIO(tmp_path / "raw.zarr", "w") as io:
        io.write_builder(
            root(
                target,
                dataset("references", [reference(target)], "object"),
                dataset("records", [(1, reference(target))], fields),
            )
        )

    with ZarrIO(tmp_path / "raw.zarr", "r") as io:
        data = io.read_builder()[kind].data
        found = zarr_file.round_trip(
            root(dataset("x", data), dataset("target", ["another object"])), link_data=False
        )["x"].data  # fmt: skip

    meant = found[0] if kind == "references" else found[0]["of"]
    assert values(meant).tolist() == [1.5, 2.5]
