"""Every adapter that ships passes what every adapter has to pass, at each kind of place that it serves.

Holds what users asked for (NEEDS 63, 64).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import icechunk
import pytest
from icechunk import Repository
from zarr.storage import MemoryStore, ObjectStore

from hdmf_store import DirectoryStore, NestedDirectoryStore, TempStore
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.nodes import Node
from hdmf_store.testing import AdapterConformance, MemoryAdapter, MemoryPlace
from hdmf_store_adapters.hdf5_adapter import HDF5Adapter
from hdmf_store_adapters.icechunk_adapter import IcechunkAdapter
from hdmf_store_adapters.reference_adapter import ReferenceAdapter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from hdmf_store_adapters.zip_adapter import ZipAdapter
from tests.adapters.references import referring
from tests.adapters.stores import CountingAsyncStore


def fresh(folder: Path, ending: str) -> Path:
    return folder / f"{uuid.uuid4().hex}{ending}"


class TestMemory(AdapterConformance):
    """The plain tree in memory of the testing kit."""

    adapter_class = MemoryAdapter

    def new_place(self, folder: Path) -> Any:
        return MemoryPlace()


class TestZarrFolder(AdapterConformance):
    """A folder, in format 3."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return fresh(folder, ".zarr")


class TestZarrFormat2(AdapterConformance):
    """A folder, in format 2."""

    adapter_class = partial(ZarrAdapter, zarr_format=2)

    def new_place(self, folder: Path) -> Any:
        return fresh(folder, ".zarr")


class TestZarrDirectoryStore(AdapterConformance):
    """A folder with flat keys."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return DirectoryStore(fresh(folder, ".zarr"))


class TestZarrNestedDirectoryStore(AdapterConformance):
    """A folder with nested keys."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return NestedDirectoryStore(fresh(folder, ".zarr"))


class TestZarrTempStore(AdapterConformance):
    """A folder that goes with its store."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return TempStore(dir=str(folder))


class TestZarrMemoryStore(AdapterConformance):
    """zarr's own store in memory, which has synchronous calls."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return MemoryStore()


class TestZarrAsyncStore(AdapterConformance):
    """A store that has asynchronous calls only, as those over a network have."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return CountingAsyncStore()


class TestZarrObjectStore(AdapterConformance):
    """A store of obstore, as zarr wraps it; here in memory."""

    adapter_class = ZarrAdapter

    def new_place(self, folder: Path) -> Any:
        return ObjectStore(pytest.importorskip("obstore.store").MemoryStore())


class TestZip(AdapterConformance):
    """A zip archive (NEEDS 63)."""

    adapter_class = ZipAdapter

    def new_place(self, folder: Path) -> Any:
        return fresh(folder, ".zarr.zip")


class TestZipFormat2(AdapterConformance):
    """A zip archive, in format 2."""

    adapter_class = partial(ZipAdapter, zarr_format=2)

    def new_place(self, folder: Path) -> Any:
        return fresh(folder, ".zarr.zip")


class TestIcechunk(AdapterConformance):
    """An Icechunk repository in a folder (NEEDS 64)."""

    adapter_class = IcechunkAdapter

    def new_place(self, folder: Path) -> Any:
        return f"icechunk://{fresh(folder, '')}"


class TestIcechunkRepository(AdapterConformance):
    """An open repository, here in memory; each opening reads the state of its branch at that moment."""

    adapter_class = IcechunkAdapter

    def new_place(self, folder: Path) -> Any:
        return Repository.create(icechunk.in_memory_storage())


class TestIcechunkSession(AdapterConformance):
    """A session whose owner commits what was written, once that has succeeded."""

    adapter_class = IcechunkAdapter
    is_exclusive = True  # nobody else sees what is not committed

    def new_place(self, folder: Path) -> Any:
        return Repository.create(icechunk.in_memory_storage())

    def connect(self, place: Any) -> Any:
        return super().connect(_session_of(place))

    @contextmanager
    def opened(self, place: Any, mode: str = "r") -> Iterator[Any]:
        with super().opened(place, mode) as adapter:
            yield adapter
        if _session_of(place).has_uncommitted_changes:
            _sessions.pop(place).commit("by its owner")


_sessions: dict[Any, Any] = {}


def _session_of(repository: Any) -> Any:
    """Return the session that is under way in a repository."""
    if repository not in _sessions:
        _sessions[repository] = repository.writable_session("main")
    return _sessions[repository]


class TestReferences(AdapterConformance):
    """JSON whose larger entries refer to files of a folder beside it, in format 3."""

    adapter_class = ReferenceAdapter
    zarr_format = 3

    def new_place(self, folder: Path) -> Any:
        return fresh(folder, ".json")

    def place_holding(self, folder: Path, nodes: Mapping[str, Node]) -> Any:
        place = self.new_place(folder)
        stored = place.with_suffix(".zarr")
        adapter = open_adapter(stored, "w", zarr_format=self.zarr_format)
        adapter.write(Plan(nodes=nodes))
        adapter.close()
        return referring(place, stored)


class TestReferencesFormat2(TestReferences):
    """The same, in format 2."""

    zarr_format = 2


class TestHDF5(AdapterConformance):
    """An HDF5 file."""

    adapter_class = HDF5Adapter
    is_exclusive = True  # the HDF5 library locks a file that is open for writing

    def new_place(self, folder: Path) -> Any:
        return fresh(folder, ".h5")
