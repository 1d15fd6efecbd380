"""From HDF5 into Zarr and back: types, character sets and bytes are at the end what they were, in both formats.

Holds what users asked for (NEEDS 51).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdmf.backends.hdf5 import HDF5IO

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.translate.convert import convert
from hdmf_store_adapters.hdf5_adapter import HDF5Adapter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter

ASCII, UTF8 = h5py.string_dtype("ascii"), h5py.string_dtype("utf-8")
NUMBERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32", "float64")
FIELDS = [("n", ">i2"), ("f", "<f4"), ("a", ASCII), ("u", UTF8), ("b", ASCII), ("inner", [("x", "u1"), ("a", ASCII)])]
ROWS = [(1, np.nan, b"a", "\xe9", b"\xff\xfe", (1, b"2026-09-22")), (-2, 0.5, b"", "", b"", (2, b""))]


def filled(place: Path) -> Path:
    """Write an HDF5 file with every kind of value that is easily mistaken for another one."""
    with h5py.File(place, "w") as file:
        group = file.create_group("group")
        for name in (*NUMBERS, "bool"):
            group.attrs[name] = np.dtype(name).type(1)
            group.attrs[f"{name} array"] = np.array([[0, 1]], name)
            group.attrs[f"no {name}"] = np.empty((0, 3), name)
            file[name] = np.array([0, 1], name)
            file[f"one {name}"] = np.dtype(name).type(1)
            file[f"no {name}"] = np.empty((2, 0), name)
        for charset, dtype in (("ascii", ASCII), ("utf-8", UTF8)):
            for thing in (group, file["int8"]):
                thing.attrs.create(charset, b"word", dtype=dtype)
                thing.attrs.create(f"{charset} array", np.array([b"a", b""], object), dtype=dtype)
                thing.attrs.create(f"no {charset}", np.empty((0,), object), dtype=dtype)
            file.create_dataset(charset, data=[[b"a"], [b""]], dtype=dtype)
            file.create_dataset(f"one {charset}", data=b"2026-09-22", dtype=dtype)
            file.create_dataset(f"no {charset}", shape=(0, 2), dtype=dtype)
        group.attrs["nan"] = np.array([np.nan, -np.inf], "f4")
        group.attrs.create("bytes", b"\xff\xfe", dtype=ASCII)
        group.attrs["bytes of a length"] = np.bytes_(b"\xff\0a")
        group.attrs["many bytes"] = np.array([b"\xff", b"a"])
        file.create_dataset("bytes", data=np.array([b"\xff", b"", b"a"], object), dtype=ASCII)
        file.create_dataset("one bytes", data=b"\xff\xfe", dtype=ASCII)
        file.create_dataset("records", data=np.array(ROWS, FIELDS))
        file.create_dataset("one record", data=np.array(ROWS[0], FIELDS))
        file.create_dataset("no records", shape=(0,), dtype=FIELDS)
    return place


def described(place: Path) -> dict[str, Any]:
    """Return of every dataset and attribute its type, shape and content; what has another byte order is the same."""
    found = {}
    with h5py.File(place, "r") as file:
        for path, thing in file.items():
            for name, value in thing.attrs.items():
                stored = thing.attrs.get_id(name)
                found[f"{path}@{name}"] = (kind(stored.dtype), stored.shape, np.asarray(value, object).tolist())
            if isinstance(thing, h5py.Dataset):
                found[path] = (kind(thing.dtype), thing.shape, np.asarray(thing[()]).tolist())
    return {name: repr(value) for name, value in found.items()}


def kind(dtype: np.dtype) -> Any:
    """Return a type as HDF5 tells it from others, without the room that it takes."""
    if dtype.names is not None:
        return [(name, kind(dtype[name])) for name in dtype.names]
    string = h5py.check_string_dtype(dtype)
    return dtype.name if string is None else string.encoding


def by_nodes(source: Path, middle: Path, end: Path, zarr_format: int) -> None:
    """Copy without builders, as the command line does."""
    for one, other in (
        (HDF5Adapter(source), ZarrAdapter(middle, zarr_format=zarr_format)),
        (ZarrAdapter(middle), HDF5Adapter(end)),
    ):
        one.open("r")
        other.open("w")
        convert(one, other)
        one.close()
        other.close()


def by_builders(source: Path, middle: Path, end: Path, zarr_format: int) -> None:
    """Export through builders, with this package alone."""
    with StoreIO(str(source), "r") as one, ZarrIO(str(middle), "w", zarr_format=zarr_format) as other:
        other.write_builder(one.read_builder(), link_data=False)
    with ZarrIO(str(middle), "r") as one, StoreIO(str(end), "w") as other:
        other.write_builder(one.read_builder(), link_data=False)


@pytest.fixture(params=[2, 3], ids=["format 2", "format 3"])
def zarr_format(request: pytest.FixtureRequest) -> Iterator[int]:
    """Yield each of the formats."""
    yield request.param


@pytest.mark.parametrize("way", [by_nodes, by_builders])
def test_types_are_the_same_after_both_ways(way: Callable[..., None], zarr_format: int, tmp_path: Path) -> None:
    """Widths, ASCII and UTF-8, bytes that are no text, axes without length, in all places (NEEDS 46, 48, 50-53)."""
    source, end = filled(tmp_path / "a.h5"), tmp_path / "b.h5"

    way(source, tmp_path / "m.zarr", end, zarr_format)

    expected, found = described(source), described(end)
    if way is by_builders:  # attributes of builders are text to HDMF, of no character set
        expected = {name: value for name, value in expected.items() if not name.endswith(("@ascii", "@ascii array"))}
    assert {name: found.get(name) for name in expected} == expected
    found = {name: value for name, value in found.items() if "@ascii" not in name}
    assert found.keys() - expected.keys() <= {f"{name}@_ARRAY_DIMENSIONS" for name in expected}


def test_hdmf_writes_the_same_types(zarr_format: int, tmp_path: Path) -> None:
    """HDMF's own backend stores what was read from Zarr as ASCII or UTF-8, as it was (NEEDS 48, 50, 52)."""
    source, middle, end = filled(tmp_path / "a.h5"), tmp_path / "m.zarr", tmp_path / "b.h5"
    with StoreIO(str(source), "r") as one, ZarrIO(str(middle), "w", zarr_format=zarr_format) as other:
        other.write_builder(one.read_builder(), link_data=False)

    with ZarrIO(str(middle), "r") as one, HDF5IO(str(end), "w") as other:
        builder = one.read_builder()
        for name in ("records", "one record", "no records", "no ascii", "bytes", "one bytes"):
            builder.datasets.pop(name)
        other.write_builder(builder, link_data=False)

    expected, found = described(source), described(end)
    kept = [name for name in expected if name in ("ascii", "utf-8", "one ascii", "one utf-8", *NUMBERS)]
    assert {name: found[name] for name in kept} == {name: expected[name] for name in kept}
