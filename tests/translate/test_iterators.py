"""Data that comes a piece at a time: HDMF's chunk iterators.

Holds what users asked for (NEEDS 42).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.data_utils import (
    AbstractDataChunkIterator,
    DataChunk,
    DataChunkIterator,
    GenericDataChunkIterator,
)

from hdmf_store import ZarrDataIO
from tests.translate.builder_files import BuilderFile, dataset, document, root, values


def _rows(count: int, width: int = 3, fail_at: int | None = None) -> Iterator[np.ndarray]:
    for row in range(count):
        if row == fail_at:
            raise RuntimeError("the amplifier was unplugged")
        yield np.arange(row * width, (row + 1) * width, dtype="int32")


@pytest.mark.parametrize("buffer", [1, 4, 1000])
def test_an_iterator_of_unknown_length_is_stored_whole(file: BuilderFile, buffer: int) -> None:
    """Rows that come one by one make the array that they would make together, whatever the buffer."""
    data = DataChunkIterator(_rows(10), buffer_size=buffer)

    found = values(file.stored(data))

    assert found.dtype == np.int32
    assert found.tolist() == np.arange(30).reshape(10, 3).tolist()


def test_an_iterator_of_known_length_is_stored_whole(file: BuilderFile) -> None:
    """A declared shape changes nothing in what is read."""
    data = DataChunkIterator(_rows(10), maxshape=(10, 3), dtype=np.dtype("int32"), buffer_size=4)

    found = values(file.stored(data))

    assert found.shape == (10, 3)
    assert found.tolist() == np.arange(30).reshape(10, 3).tolist()


def test_an_iterator_of_scalars_makes_one_axis(file: BuilderFile) -> None:
    """Single numbers, as from a generator, become a vector."""
    data = DataChunkIterator((number / 2 for number in range(7)), buffer_size=3)

    found = values(file.stored(data))

    assert found.tolist() == [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]


def test_an_iterator_over_an_array_copies_it(file: BuilderFile) -> None:
    """An array in an iterator is stored as the array."""
    array = np.arange(24, dtype="uint16").reshape(4, 3, 2)

    found = values(file.stored(DataChunkIterator(array, buffer_size=3)))

    assert found.dtype == np.uint16
    assert found.tolist() == array.tolist()


def test_an_iterator_along_another_axis_fills_columns(file: BuilderFile) -> None:
    """Pieces may come along any axis."""
    array = np.arange(12).reshape(3, 4)

    found = values(file.stored(DataChunkIterator(array, iter_axis=1, buffer_size=3)))

    assert found.tolist() == array.tolist()


def test_an_iterator_of_texts_is_stored_as_text(file: BuilderFile) -> None:
    """Texts of any length may come one by one."""
    data = DataChunkIterator(iter(["a", "", "a longer text", "ä"]), buffer_size=2)

    found = file.stored(data)

    assert list(found.data[:]) == ["a", "", "a longer text", "ä"]


def test_an_iterator_without_a_piece_is_an_empty_dataset(file: BuilderFile) -> None:
    """Nothing came, so nothing is there, in the type that was promised."""
    data = DataChunkIterator(iter([]), maxshape=(None, 3), dtype=np.dtype("float32"))

    found = values(file.stored(data))

    assert found.dtype == np.float32
    assert found.size == 0


def test_the_chunks_of_an_author_do_not_change_what_is_stored(file: BuilderFile) -> None:
    """Pieces and chunks need not fit each other."""
    data = ZarrDataIO(DataChunkIterator(_rows(11), buffer_size=4), chunks=(3, 2))

    found = values(file.stored(data))

    assert found.tolist() == np.arange(33).reshape(11, 3).tolist()


class Blocks(GenericDataChunkIterator):
    """A large array in blocks, as neuroconv hands recordings over."""

    def __init__(self, array: np.ndarray, **kwargs: Any) -> None:
        self.array = array
        super().__init__(**kwargs)

    def _get_data(self, selection: tuple[slice, ...]) -> np.ndarray:
        return self.array[selection]

    def _get_maxshape(self) -> tuple[int, ...]:
        return self.array.shape

    def _get_dtype(self) -> np.dtype:
        return self.array.dtype


@pytest.mark.parametrize(
    "shapes",
    [
        {"chunk_shape": (4, 2), "buffer_shape": (8, 4)},
        {"chunk_shape": (5, 7), "buffer_shape": (25, 7)},
        {"chunk_shape": (100, 7), "buffer_shape": (100, 7)},
        {},
    ],
    ids=["small blocks", "whole rows", "one block", "default"],
)
def test_blocks_of_an_array_make_the_array(file: BuilderFile, shapes: dict[str, Any]) -> None:
    """Blocks of any shape are put together to what they were cut from."""
    array = np.random.default_rng(1).integers(-100, 100, (100, 7), dtype="int16")

    found = values(file.stored(Blocks(array, **shapes)))

    assert found.dtype == np.int16
    assert np.array_equal(found, array)


def test_blocks_are_stored_in_the_chunks_that_the_iterator_names(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """Chunks that the author thought about are kept."""
    array = np.ones((100, 8))

    zarr_file.write(root(dataset("x", Blocks(array, chunk_shape=(20, 4), buffer_shape=(40, 8)))))

    stored = document(tmp_path / "file.zarr", "x")
    assert stored["chunk_grid"]["configuration"]["chunk_shape"] == [20, 4]
    assert stored["attributes"] == {"_DTYPE": "float64"}


class Scattered(AbstractDataChunkIterator):
    """Pieces in any order, with selections of any kind."""

    def __init__(self, pieces: list[DataChunk], shape: tuple[int | None, ...], dtype: str) -> None:
        self._pieces = iter(pieces)
        self._shape = shape
        self._dtype = np.dtype(dtype)

    def __iter__(self) -> Iterator[DataChunk]:
        return self

    def __next__(self) -> DataChunk:
        return next(self._pieces)

    def recommended_chunk_shape(self) -> None:
        return None

    def recommended_data_shape(self) -> tuple[int | None, ...]:
        return self._shape

    @property
    def dtype(self) -> np.dtype:
        return self._dtype

    @property
    def maxshape(self) -> tuple[int | None, ...]:
        return self._shape


def test_pieces_may_come_in_any_order_and_leave_gaps(file: BuilderFile) -> None:
    """What no piece covers is the fill value; a later piece replaces an earlier one."""
    pieces = [
        DataChunk(np.array([[7, 8]], "i4"), (slice(3, 4), slice(0, 2))),
        DataChunk(np.array([1, 2], "i4"), (0, slice(0, 2))),
        DataChunk(np.array([5, 6], "i4"), (slice(1, 3), 1)),
        DataChunk(np.array([[9]], "i4"), (slice(0, 1), slice(1, 2))),
    ]

    found = values(file.stored(Scattered(pieces, (4, 2), "i4")))

    assert found.tolist() == [[1, 9], [0, 5], [0, 6], [7, 8]]


def test_pieces_may_select_single_rows(file: BuilderFile) -> None:
    """A list or a mask of rows is a selection, as for h5py."""
    pieces = [
        DataChunk(np.array([[1, 1], [3, 3]], "i4"), (np.array([0, 2]), slice(0, 2))),
        DataChunk(np.array([[2, 2]], "i4"), (np.array([False, True, False]), slice(0, 2))),
    ]

    found = values(file.stored(Scattered(pieces, (3, 2), "i4")))

    assert found.tolist() == [[1, 1], [2, 2], [3, 3]]


def test_an_iterator_that_raises_reaches_the_user_as_itself(file: BuilderFile) -> None:
    """The error of a user's own code is not wrapped, renamed or swallowed."""
    broken = DataChunkIterator(_rows(10, fail_at=5), buffer_size=2)

    with pytest.raises(RuntimeError, match="the amplifier was unplugged"):
        file.write(root(dataset("x", broken)))


def test_an_iterator_that_raises_leaves_the_file_as_it_was(file: BuilderFile) -> None:
    """What was stored before is all that is stored afterwards."""
    file.write(root(dataset("before", [1, 2])))
    broken = DataChunkIterator(_rows(10, fail_at=5), buffer_size=2)

    with pytest.raises(RuntimeError):
        file.write(root(dataset("x", broken)))

    found = file.read()
    assert list(found.datasets) == ["before"]
    assert values(found["before"]).tolist() == [1, 2]


def test_an_appended_iterator_that_raises_leaves_no_dataset(file: BuilderFile) -> None:
    """Also when it is added to a file, a dataset is there whole or not at all."""
    file.write(root(dataset("before", [1, 2])))
    broken = DataChunkIterator(_rows(10, fail_at=5), buffer_size=2)

    with pytest.raises(RuntimeError):
        file.write(root(dataset("x", broken)), mode="a")

    assert list(file.read().datasets) == ["before"]
    assert list(file.read("r-").datasets) == ["before"]


def test_iterators_are_exhausted_one_after_the_other(file: BuilderFile) -> None:
    """By default the second iterator is not asked before the first is done."""
    asked: list[str] = []
    made = root(dataset("a", _recorded("a", asked)), dataset("b", _recorded("b", asked)))
    asked.clear()  # HDMF's iterators take one element ahead when they are made

    file.write(made)

    assert asked == ["a"] * 3 + ["b"] * 3


def test_iterators_are_taken_in_turn_where_that_is_asked_for(zarr_file: BuilderFile) -> None:
    """With exhaust_dci=False two instruments that record together are stored together."""
    asked: list[str] = []
    made = root(dataset("a", _recorded("a", asked)), dataset("b", _recorded("b", asked)))
    asked.clear()

    found = zarr_file.round_trip(made, exhaust_dci=False)

    assert asked == ["a", "b"] * 3
    assert values(found["a"]).tolist() == [0, 1, 2, 3]
    assert values(found["b"]).tolist() == [0, 1, 2, 3]


def _recorded(name: str, asked: list[str]) -> DataChunkIterator:
    def numbers() -> Iterator[int]:
        for number in range(4):
            asked.append(name)
            yield number

    return DataChunkIterator(numbers(), buffer_size=1)


def test_a_long_stream_is_stored_in_several_chunks(zarr_file: BuilderFile, tmp_path: Path) -> None:
    """Data of unknown length is not one growing chunk, and is equal at every border."""
    array = np.arange(3_000_000, dtype="int32").reshape(-1, 3)
    blocks = Scattered(
        [
            DataChunk(array[at : at + 77_777], slice(at, min(at + 77_777, len(array))))
            for at in range(0, len(array), 77_777)
        ],
        (None, 3),
        "int32",
    )

    found = zarr_file.stored(blocks)

    chunks = [path for path in (tmp_path / "file.zarr" / "x").rglob("*") if path.is_file() and path.name != "zarr.json"]
    assert len(chunks) == 3
    assert np.array_equal(values(found), array)
