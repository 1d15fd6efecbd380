"""Every test of translation runs over a store that knows no engine and over Zarr on disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.testing import MemoryAdapter, MemoryPlace
from tests.translate.builder_files import BuilderFile


@pytest.fixture(params=["memory", "zarr"])
def file(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BuilderFile]:
    """A new file in each kind of store."""
    place = MemoryPlace()
    made = (
        BuilderFile(lambda mode, manager: StoreIO(MemoryAdapter(place), mode, manager))
        if request.param == "memory"
        else BuilderFile(lambda mode, manager: ZarrIO(tmp_path / "file.zarr", mode, manager))
    )
    yield made
    made.close()


@pytest.fixture
def zarr_file(tmp_path: Path) -> Iterator[BuilderFile]:
    """A new Zarr file ``file.zarr`` in the test's folder, for what only Zarr has."""
    made = BuilderFile(lambda mode, manager: ZarrIO(tmp_path / "file.zarr", mode, manager))
    yield made
    made.close()
