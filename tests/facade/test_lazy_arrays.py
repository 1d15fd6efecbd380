"""Data that is read when it is asked for: what a dataset of an opened file can do."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from hdmf_store import NWBZarrIO, ZarrDataIO, ZarrIO
from tests.facade.recordings import new_recording
from tests.translate.builder_files import dataset, root

MATRIX = np.arange(60, dtype="int32").reshape(12, 5)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with datasets of several types, the large one in many chunks."""
    path = tmp_path_factory.mktemp("lazy") / "file.zarr"
    with ZarrIO(path, "w") as io:
        io.write_builder(
            root(
                dataset("matrix", ZarrDataIO(MATRIX, chunks=(4, 2))),
                dataset("sharded", ZarrDataIO(MATRIX, chunks=(2, 5), shards=(6, 5))),
                dataset("large", ZarrDataIO(np.arange(1_000_000), chunks=(10_000,))),
                dataset("tall", ZarrDataIO(np.arange(400_000).reshape(-1, 2), chunks=(50_000, 2))),
                dataset("text", ["a", "b", "", "d"]),
                dataset("rows", [(1, "x"), (2, "y")], [{"name": "n", "dtype": "int8"}, {"name": "t", "dtype": "text"}]),
                dataset("empty", np.empty((0, 3))),
            )
        )
    return path


@pytest.fixture
def data(path: Path) -> Iterator[dict[str, Any]]:
    """The lazy arrays of that file by name."""
    with ZarrIO(path, "r") as io:
        yield {name: builder.data for name, builder in io.read_builder().datasets.items()}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("compressor", [numcodecs.GZip(level=3), numcodecs.Blosc(cname="zstd", shuffle=2), False])
def test_an_array_says_its_compressor_as_zarr_2_does(tmp_path: Path, zarr_format: int, compressor: Any) -> None:
    """Libraries ask for a codec of numcodecs, in whichever format the file is (NEEDS 67)."""
    with ZarrIO(tmp_path / "file.zarr", "w", zarr_format=zarr_format) as io:
        io.write_builder(root(dataset("x", ZarrDataIO(MATRIX, compressor=compressor))))

    with ZarrIO(tmp_path / "file.zarr", "r") as io:
        assert io.read_builder()["x"].data.compressor == (compressor or None)


def test_a_dataset_is_a_zarr_array(data: dict[str, Any]) -> None:
    """HDMF, dask and users ask for the class (NEEDS 62)."""
    assert all(isinstance(array, zarr.Array) for array in data.values())


def test_a_dataset_has_what_numpy_arrays_have(data: dict[str, Any]) -> None:
    """Shape, type, number of axes and elements, and a length."""
    matrix = data["matrix"]

    assert (matrix.shape, matrix.ndim, matrix.size, len(matrix)) == ((12, 5), 2, 60, 12)
    assert matrix.dtype == np.int32
    assert matrix.chunks == (4, 2)
    assert matrix.nbytes == 240
    assert len(data["empty"]) == 0


def test_a_dataset_says_where_it_lies(data: dict[str, Any], path: Path) -> None:
    """File and path are public, however the array was reached (NEEDS 18)."""
    assert data["matrix"].origin.location == str(path)
    assert data["matrix"].origin.path == "/matrix"
    assert data["matrix"].name == "/matrix"


SELECTIONS = [
    3,
    -1,
    np.int64(2),
    slice(None),
    slice(2, 5),
    slice(-3, None),
    slice(5, 2),
    slice(0, 100),
    slice(1, 10, 3),
    Ellipsis,
    (3, 4),
    (-1, -1),
    (slice(None), 2),
    (slice(2, 9), slice(1, 3)),
    (Ellipsis, 1),
    (0, Ellipsis),
    (slice(3, 4), slice(0, 0)),
    (),
]
FANCY = [
    [1, 5, 7],
    np.array([7, 1, 5]),
    np.arange(12) % 3 == 0,
    ([0, 4], slice(None)),
    (slice(None), [0, 3]),
    (slice(2, 6), np.array([True, False, True, False, False])),
]


@pytest.mark.parametrize("name", ["matrix", "sharded"])
@pytest.mark.parametrize("selection", [*SELECTIONS, *FANCY], ids=repr)
def test_a_selection_is_the_one_that_numpy_makes(data: dict[str, Any], name: str, selection: Any) -> None:
    """Integers, slices with steps, an ellipsis, lists, masks, and these together."""
    expected = MATRIX[selection]

    found = data[name][selection]

    assert np.shape(found) == np.shape(expected)
    assert np.asarray(found).dtype == expected.dtype
    assert np.array_equal(found, expected)


@pytest.mark.parametrize(
    "selection", [5, -1, slice(999, 1002), slice(None, None, 250_000), [5, 999_999, 1000]], ids=repr
)
def test_a_selection_of_large_data_is_the_one_that_numpy_makes(data: dict[str, Any], selection: Any) -> None:
    """Also where only the chunks that are needed are read."""
    assert np.array_equal(data["large"][selection], np.arange(1_000_000)[selection])


@pytest.mark.parametrize(
    "selection",
    [
        np.arange(200_000) % 1000 == 0,
        [5, 199_999, 1000],
        (slice(10, 20), 1),
        (np.arange(200_000) < 3, slice(None)),
        (slice(0, 4), [1, 0]),
    ],
    ids=["mask", "list", "slice and index", "mask and slice", "slice and list"],
)
def test_a_selection_of_large_rows_is_the_one_that_numpy_makes(data: dict[str, Any], selection: Any) -> None:
    """A mask or a list over the first of two axes selects rows, however large the data is."""
    assert np.array_equal(data["tall"][selection], np.arange(400_000).reshape(-1, 2)[selection])


@pytest.mark.parametrize("name", ["matrix", "sharded", "large"])
@pytest.mark.parametrize("index", [10**6, -(10**6) - 1, (0, 0, 0)], ids=repr)
def test_an_index_that_does_not_exist_is_an_index_error(data: dict[str, Any], name: str, index: Any) -> None:
    """As for numpy arrays; zarr's own errors for this are index errors too."""
    with pytest.raises(IndexError):
        data[name][index]


def test_one_element_is_a_scalar(data: dict[str, Any]) -> None:
    """An index for every axis gives the element, not an array without axes."""
    assert type(data["matrix"][3, 4]) is np.int32
    assert type(data["text"][1]) is str
    assert data["rows"][1]["n"] == 2


def test_a_dataset_is_iterated_row_by_row(data: dict[str, Any]) -> None:
    """A loop gives what a loop over the numpy array gives."""
    assert [row.tolist() for row in data["matrix"]] == MATRIX.tolist()
    assert list(data["text"]) == ["a", "b", "", "d"]
    assert list(data["empty"]) == []
    assert [row.tolist() for row in data["sharded"]] == MATRIX.tolist()


def test_a_dataset_becomes_a_numpy_array(data: dict[str, Any]) -> None:
    """`np.asarray`, in the own type or another, and what uses it."""
    assert np.array_equal(np.asarray(data["matrix"]), MATRIX)
    assert np.asarray(data["matrix"], dtype="float64").dtype == np.float64
    assert np.sum(data["matrix"]) == MATRIX.sum()
    assert np.asarray(data["text"]).tolist() == ["a", "b", "", "d"]
    assert np.asarray(data["rows"])["t"].tolist() == ["x", "y"]


def test_what_is_read_can_be_changed_without_changing_the_file(data: dict[str, Any]) -> None:
    """Every read gives values of its own."""
    first = data["matrix"][:]
    first[:] = 0

    assert np.array_equal(data["matrix"][:], MATRIX)
    assert first.flags.writeable


@pytest.mark.parametrize("length", [1, 5])
def test_of_a_chunk_that_was_never_stored_the_fill_value_is_read(tmp_path: Path, length: int) -> None:
    """Other programs leave such chunks out, also where there is but one; what is read can be changed."""
    group = zarr.create_group(tmp_path / "a.zarr")
    group.create_array("x", shape=(length,), dtype="int64", fill_value=7)

    with ZarrIO(tmp_path / "a.zarr", "r") as io:
        values = io.read_builder()["x"].data[:]
    values += 1

    assert values.tolist() == [8] * length


def test_zarrs_own_indexing_works(data: dict[str, Any]) -> None:
    """oindex, vindex and blocks are there."""
    assert data["matrix"].oindex[[0, 2], [1, 3]].tolist() == [[1, 3], [11, 13]]
    assert data["matrix"].vindex[[0, 2], [1, 3]].tolist() == [1, 13]
    assert data["matrix"].blocks[0, 0].tolist() == [[0, 1], [5, 6], [10, 11], [15, 16]]
    assert data["matrix"].get_basic_selection((slice(0, 1), slice(0, 2))).tolist() == [[0, 1]]


def test_a_dataset_survives_pickling(data: dict[str, Any]) -> None:
    """So that a worker in another process can read its part (NEEDS 62)."""
    copy = pickle.loads(pickle.dumps(data["matrix"]))

    assert isinstance(copy, zarr.Array)
    assert np.array_equal(copy[:], MATRIX)


def test_dask_computes_with_a_dataset(data: dict[str, Any]) -> None:
    """`dask.array.from_zarr` takes what was read, with its chunks."""
    dask_array = pytest.importorskip("dask.array", reason="dask is not installed")

    lazy = dask_array.from_zarr(data["matrix"])

    assert lazy.chunks == ((4, 4, 4), (2, 2, 1))
    assert lazy.sum().compute() == MATRIX.sum()


def test_a_dataset_prints_where_it_lies_and_what_it_is(data: dict[str, Any]) -> None:
    """The representation names the path, shape and type."""
    text = repr(data["matrix"])

    assert "matrix" in text
    assert "(12, 5)" in text
    assert "int32" in text


def test_attributes_of_a_dataset_are_those_of_zarr(tmp_path: Path) -> None:
    """`attrs` are there, as users of zarr expect."""
    with NWBZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write(new_recording())
    with NWBZarrIO(tmp_path / "r.zarr", "r") as io:
        assert io.read().acquisition["voltage"].data.attrs["unit"] == "V"


class CountingStore(MemoryStore):
    """A store in memory that counts what it is asked for."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.asked: Counter[str] = Counter()

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        self.asked[key] += 1
        return await super().get(key, prototype, byte_range)

    def get_sync(self, key: str, **kwargs: Any) -> Any:
        self.asked[key] += 1
        return super().get_sync(key, **kwargs)  # type: ignore[misc]


def _chunks(asked: Counter[str]) -> set[str]:
    return {key for key in asked if not key.endswith("zarr.json")}


@pytest.fixture
def store() -> CountingStore:
    """A recording in a store that counts."""
    store = CountingStore()
    with NWBZarrIO(store, "w") as io:
        io.write(new_recording())
    store.asked.clear()
    return store


def test_opening_a_file_reads_its_metadata_once(store: CountingStore) -> None:
    """One document, one request or two: that of the root (NEEDS 23)."""
    with ZarrIO(store, "r") as io:
        io.adapter.load()

    assert {key for key in store.asked if key.endswith("zarr.json")} == {"zarr.json"}
    assert store.asked["zarr.json"] <= 2
    assert _chunks(store.asked) == set()


def test_reading_builders_reads_no_chunk_of_an_array(store: CountingStore) -> None:
    """Only scalars are fetched, each once; arrays stay where they are (NEEDS 35)."""
    with ZarrIO(store, "r") as io:
        found = io.read_builder()
        asked = dict(store.asked)

        assert "identifier/c" in asked or "identifier/c/0" in asked
        for name in ("acquisition/voltage/data", "general/extracellular_ephys/electrodes/label", "units/spike_times"):
            assert not [key for key in asked if key.startswith(name)]
        assert max(count for key, count in asked.items() if key != "zarr.json") == 1
        assert found["acquisition"]["voltage"]["data"].data.shape == (10, 3)


def test_reading_containers_reads_no_chunk_of_the_data(store: CountingStore) -> None:
    """Samples, texts and spike times are read by who asks for them."""
    with NWBZarrIO(store, "r") as io:
        nwbfile = io.read()
        asked = set(store.asked)

        for name in ("acquisition/voltage/data", "electrodes/label", "units/spike_times/", "speed/data"):
            assert not [key for key in asked if name in key], name
        nwbfile.acquisition["voltage"].data[0]
        assert [key for key in set(store.asked) - asked if key.startswith("acquisition/voltage/data/")]


def test_resolving_references_opens_nothing(store: CountingStore) -> None:
    """References within the file cost the chunk that holds them, and no document (NEEDS 5, 6)."""
    with NWBZarrIO(store, "r") as io:
        nwbfile = io.read()
        store.asked.clear()
        groups = nwbfile.electrodes["group"][:]

    assert [group.name for group in groups] == ["shank"] * 4
    assert not [key for key in store.asked if key.endswith("zarr.json")]


def test_a_slice_reads_the_chunks_that_it_touches() -> None:
    """Nothing else is fetched of large data."""
    store = CountingStore()
    with ZarrIO(store, "w") as io:
        io.write_builder(root(dataset("x", ZarrDataIO(np.arange(1_000_000), chunks=(100_000,)))))

    with ZarrIO(store, "r") as io:
        data = io.read_builder()["x"].data
        store.asked.clear()
        found = data[150_000:250_000]

    assert found.tolist() == list(range(150_000, 250_000))
    assert store.asked == {"x/c/1": 1, "x/c/2": 1}
