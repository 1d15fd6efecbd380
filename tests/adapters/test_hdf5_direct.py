"""Chunks of HDF5 files that threads decode: the same values as HDF5 gives, whatever filters there are."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmf_store import UnreadableError, open_adapter
from hdmf_store_adapters import hdf5_direct, hdf5_values
from hdmf_store_adapters.hdf5_direct import direct_values
from hdmf_store_adapters.threads import one_of_many, processors

FILTERS: dict[str, dict[str, Any]] = {
    "deflate": {"compression": "gzip"},
    "deflate, shuffle": {"compression": "gzip", "shuffle": True},
    "deflate, shuffle, checksum": {"compression": "gzip", "shuffle": True, "fletcher32": True},
    "deflate, checksum": {"compression": "gzip", "compression_opts": 9, "fletcher32": True},
}

TYPES = ("int16", "uint8", "float64", ">i4", "<f2")


@pytest.fixture(autouse=True)
def small_pieces_are_worth_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let small datasets be decoded as large ones are."""
    monkeypatch.setattr(hdf5_direct, "_WORTH_THREADS", 0)
    monkeypatch.setattr(hdf5_direct, "_GROUP_BYTES", 300)


def numbers(dtype: str, shape: tuple[int, ...] = (53, 17)) -> np.ndarray:
    """Return values of which some repeat."""
    return np.random.default_rng(1).integers(0, 50, shape).astype(dtype)


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_values_are_those_that_hdf5_gives(tmp_path: Path, filters: dict[str, Any], dtype: str) -> None:
    """Of the whole, within one chunk, across some, and at the edge where chunks stick out."""
    expected = numbers(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=expected, chunks=(8, 5), **filters)

    with h5py.File(tmp_path / "a.h5", "r") as file:
        for rows, columns in itertools.product(
            (slice(0, 53), slice(9, 11), slice(7, 40), slice(48, 53)), (slice(0, 17), slice(3, 4), slice(14, 17))
        ):
            found = direct_values(file["x"], (rows, columns))
            assert found is not None
            assert found.dtype == file["x"].dtype
            assert found.tolist() == expected[rows, columns].tolist()


def test_chunks_that_were_never_stored_hold_the_fill_value(tmp_path: Path) -> None:
    """As with HDF5."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", (20,), "int32", chunks=(4,), fillvalue=9, compression="gzip")
        made[5] = 1

    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert np.array_equal(direct_values(file["x"], (slice(0, 20),)), file["x"][:])  # type: ignore[arg-type]


def test_a_filter_that_a_chunk_was_stored_without_is_not_undone(tmp_path: Path) -> None:
    """HDF5 leaves out filters that gain nothing, and says so with the chunk."""
    expected = np.arange(8, dtype="int16")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", (8,), "int16", chunks=(4,), compression="gzip", shuffle=True)
        made[:4] = expected[:4]
        made.id.write_direct_chunk((4,), expected[4:].tobytes(), filter_mask=0b11)

    with h5py.File(tmp_path / "a.h5", "r") as file:
        assert direct_values(file["x"], (slice(0, 8),)).tolist() == expected.tolist()  # type: ignore[union-attr]


def test_what_was_assigned_a_moment_ago_is_there(tmp_path: Path) -> None:
    """Although HDF5 still holds it in memory."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", (8,), "int16", chunks=(4,), compression="gzip")
        made[:] = 5
        assert direct_values(made, (slice(0, 8),)).tolist() == [5] * 8  # type: ignore[union-attr]
        made[2] = 7
        assert direct_values(made, (slice(0, 8),)).tolist() == [5, 5, 7, *[5] * 5]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"chunks": (4,)},
        {"chunks": (4,), "compression": "lzf"},
        {"chunks": (4,), "compression": "gzip", "scaleoffset": 0},
        {"chunks": (4,), "compression": "gzip", "dtype": h5py.string_dtype()},
        {"chunks": (4,), "compression": "gzip", "dtype": "?"},
        {"chunks": (4,), "compression": "gzip", "dtype": "c8"},
    ],
    ids=["contiguous", "plain", "lzf", "scaled", "text", "bool", "complex"],
)
def test_everything_else_is_left_to_hdf5(tmp_path: Path, options: dict[str, Any]) -> None:
    """Other filters, other types."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        assert direct_values(file.create_dataset("x", (8,), **{"dtype": "int16", **options}), (slice(0, 8),)) is None


def test_numbers_with_their_bits_elsewhere_are_left_to_hdf5(tmp_path: Path) -> None:
    """It converts them."""
    kind = h5py.h5t.STD_I16LE.copy()
    kind.set_precision(12)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((4,))
        properties.set_deflate(4)
        made = h5py.h5d.create(file.id, b"x", kind, h5py.h5s.create_simple((8,)), properties)
        assert direct_values(h5py.Dataset(made), (slice(0, 8),)) is None


@pytest.mark.parametrize("filters", FILTERS.values(), ids=FILTERS)
def test_a_chunk_that_is_broken_is_told_of_as_hdf5_does(tmp_path: Path, filters: dict[str, Any]) -> None:
    """And no value is made of it."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", data=numbers("int16"), chunks=(8, 17), **filters)
        info = made.id.get_chunk_info(2)
    with open(tmp_path / "a.h5", "r+b") as stream:
        stream.seek(info.byte_offset + info.size // 2)
        stream.write(b"\xff\x00\xff\x00")

    with closing(open_adapter(tmp_path / "a.h5")) as adapter:
        source: Any = adapter.load()["/x"].values
        assert source.read((slice(0, 8), slice(0, 17))).tolist() == numbers("int16")[:8].tolist()
        with pytest.raises(UnreadableError, match="HDF5 cannot read its values"):
            source.read((slice(0, 53), slice(0, 17)))


def test_a_chunk_that_would_become_larger_than_it_is_said_to_be_is_not_decoded(tmp_path: Path) -> None:
    """A kilobyte can become a megabyte."""
    import zlib

    with h5py.File(tmp_path / "a.h5", "w") as file:
        made = file.create_dataset("x", (8,), "int16", chunks=(8,), compression="gzip")
        made.id.write_direct_chunk((0,), zlib.compress(bytes(2**20)))
        assert direct_values(made, (slice(0, 8),)) is None


def test_sources_read_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A region of a large dataset, by as many threads as there are processors."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=numbers("int16"), chunks=(8, 5), compression="gzip")
    asked: list[Any] = []
    monkeypatch.setattr(hdf5_values, "direct_values", lambda *of: asked.append(of) or direct_values(*of))

    with closing(open_adapter(tmp_path / "a.h5")) as adapter:
        source: Any = adapter.load()["/x"].values
        assert np.array_equal(source.read((slice(0, 53), slice(0, 17))), numbers("int16"))
    assert len(asked) == 1


def test_a_worker_begins_no_threads_of_its_own() -> None:
    """Who asks for one worker gets one thread; other threads are not concerned."""
    with one_of_many(), ThreadPoolExecutor(1) as pool:
        assert processors() == 1
        assert pool.submit(processors).result() >= 1
    assert processors() >= 1
