"""A real recording goes into every place that can be written, and comes back to HDF5, without a difference.

Holds what users asked for (NEEDS 63, 64).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
import pytest
from zarr.storage import LocalStore, MemoryStore, ObjectStore

from hdmf_store import DirectoryStore, NestedDirectoryStore, TempStore
from hdmf_store.adapter import adapter_class_for, open_adapter, plugins
from hdmf_store.translate.compare import compare
from hdmf_store.translate.convert import convert

RECORDING = Path(__file__).parents[2] / "examples" / "sub-healthy-simulated-beta_ses-162_ecephys.nwb"


@attrs.frozen
class Case:
    """A kind of place, the adapter that is to serve it, and options for a new file."""

    adapter: str
    place: Callable[[Path], Any]
    options: Mapping[str, Any] = attrs.field(factory=dict)


def in_obstore(_folder: Path) -> Any:
    return ObjectStore(pytest.importorskip("obstore.store").MemoryStore())


def over_fsspec(_folder: Path) -> str:
    pytest.importorskip("fsspec")
    return f"memory://{uuid.uuid4().hex}.zarr"


CASES = {
    "folder": Case("zarr", lambda folder: folder / "r.nwb.zarr"),
    "folder, format 2": Case("zarr", lambda folder: folder / "r.nwb.zarr", {"zarr_format": 2}),
    "DirectoryStore": Case("zarr", lambda folder: DirectoryStore(folder / "r.zarr")),
    "NestedDirectoryStore": Case("zarr", lambda folder: NestedDirectoryStore(folder / "r.zarr")),
    "TempStore": Case("zarr", lambda folder: TempStore(dir=str(folder))),
    "LocalStore": Case("zarr", lambda folder: LocalStore(folder / "r.zarr")),
    "MemoryStore": Case("zarr", lambda folder: MemoryStore()),
    "obstore": Case("zarr", in_obstore),
    "URL of fsspec": Case("zarr", over_fsspec),
    "zip": Case("zip", lambda folder: folder / "r.nwb.zarr.zip"),
    "zip, format 2": Case("zip", lambda folder: folder / "r.nwb.zarr.zip", {"zarr_format": 2}),
    "icechunk": Case("icechunk", lambda folder: f"icechunk://{folder / 'repository'}"),
    "hdf5": Case("hdf5", lambda folder: folder / "r.nwb"),
}


def test_every_adapter_that_ships_and_writes_has_a_case_here() -> None:
    """A new one fails here by name until it has; one that does not say what it can do has to have one, too."""
    ours = [plugin for plugin in plugins() if plugin.distribution.startswith("hdmf-store ")]
    writing = {plugin.name for plugin in ours if plugin.at_best is None or plugin.at_best.writable}

    assert {"zarr", "hdf5"} <= writing
    assert sorted(writing - {case.adapter for case in CASES.values()}) == []


@pytest.mark.parametrize("name", CASES)
def test_the_recording_goes_there_and_back(name: str, tmp_path: Path) -> None:
    """Object by object, as `verify` compares; and of what came back, as h5py reads it without us."""
    case = CASES[name]
    place, back = case.place(tmp_path), tmp_path / "back.nwb"
    assert adapter_class_for(place).name == case.adapter

    stored(RECORDING, place, **case.options)
    assert_same(place, RECORDING)
    stored(place, back)
    assert_same(back, RECORDING)

    assert as_h5py_reads(back) == as_h5py_reads(RECORDING)


def stored(source: Any, destination: Any, **options: Any) -> None:
    reader, writer = open_adapter(source, "r"), open_adapter(destination, "w-", **options)
    try:
        assert convert(reader, writer) == 48
    finally:
        writer.close()
        reader.close()


def assert_same(place: Any, other: Any) -> None:
    first, second = open_adapter(place, "r"), open_adapter(other, "r")
    try:
        outcome = compare(first, second)
    finally:
        first.close()
        second.close()
    assert [str(difference) for difference in outcome.differences] == []
    assert outcome.copied == ()
    assert (outcome.objects, outcome.values) == (48, 2892)


def as_h5py_reads(path: Path) -> dict[str, Any]:
    """Return types, values and attributes of all objects, cached specifications included, in terms of plain Python."""
    with h5py.File(path) as file:
        found: dict[str, Any] = {"/": plain_attributes(file)}

        def see(name: str, thing: Any) -> None:
            is_dataset = isinstance(thing, h5py.Dataset)
            values = (thing.dtype.str, plain(thing[()], file)) if is_dataset else None
            found[name] = (values, plain_attributes(thing))

        file.visititems(see)
    return found


def plain_attributes(thing: Any) -> dict[str, Any]:
    return {name: plain(value, thing.file) for name, value in thing.attrs.items()}


def plain(value: Any, file: h5py.File) -> Any:
    if isinstance(value, h5py.Reference):
        return file[value].name
    if isinstance(value, np.ndarray):
        return [plain(item, file) for item in value.tolist()]
    if isinstance(value, bytes):
        return value.decode()
    return (value.dtype.str, value.item()) if isinstance(value, np.generic) else value
