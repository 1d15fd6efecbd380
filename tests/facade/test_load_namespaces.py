"""`load_namespaces`, called as hdmf-zarr, HDMF and PyNWB call it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import zarr
from hdmf.common import get_manager, get_type_map
from hdmf.spec import NamespaceCatalog
from zarr.storage import MemoryStore

from hdmf_store import ArgumentError, ArgumentTypeError, NWBZarrIO, StoreIO, ZarrIO
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.facade.recordings import new_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with cached specifications."""
    with ZarrIO(tmp_path / "table.zarr", "w", get_manager()) as io:
        io.write(new_table())
    return tmp_path / "table.zarr"


def _names(**arguments: Any) -> set[str]:
    catalog = NamespaceCatalog()
    ZarrIO.load_namespaces(catalog, **arguments)
    return set(catalog.namespaces)


@pytest.mark.parametrize("kind", [ZarrIO, StoreIO, NWBZarrIO])
def test_arguments_stand_in_the_order_of_hdmf_zarr(path: Path, kind: type[StoreIO]) -> None:
    """Catalog, path, file, storage options, namespaces."""
    catalog = NamespaceCatalog()

    loaded = kind.load_namespaces(catalog, path, None, None, ["hdmf-common"])

    assert set(loaded) == set(catalog.namespaces) == {"hdmf-common"}


def test_namespaces_may_stand_third_as_in_hdmf_itself(path: Path) -> None:
    """HDF5IO and the class above all backends have them there."""
    catalog = NamespaceCatalog()

    ZarrIO.load_namespaces(catalog, path, ["hdmf-common"])

    assert set(catalog.namespaces) == {"hdmf-common"}


def test_an_open_file_takes_the_place_of_a_path(path: Path) -> None:
    """As HDMF's `io`, as `file`, as its root group, as a group that zarr opened, or as pynwb takes it from any file."""
    expected = {"hdmf-common", "hdmf-experimental"}

    with ZarrIO(path) as io:
        for named in ({"io": io}, {"file": io}, {"file": io.adapter}, {"file": io._file}, {"file": io.file}):
            assert _names(**named) == expected
        assert io.is_open()
    assert _names(file=zarr.open_group(path, mode="r")) == expected


def test_a_group_in_memory_takes_the_place_of_a_path() -> None:
    """Whatever its store."""
    store = MemoryStore()
    with ZarrIO(store, "w", get_manager()) as io:
        io.write(new_table())

    assert "hdmf-common" in _names(file=zarr.open_group(store, mode="r"))


def test_a_file_without_specifications_is_a_warning(tmp_path: Path) -> None:
    """Nothing is loaded then, from a path or an open file."""
    with ZarrIO(tmp_path / "bare.zarr", "w", get_manager()) as io:
        io.write(new_table(), cache_spec=False)

    with pytest.warns(UserWarning, match=r"No cached namespaces found in .*bare\.zarr"):
        assert _names(path=tmp_path / "bare.zarr") == set()
    with ZarrIO(tmp_path / "bare.zarr") as io, pytest.warns(UserWarning, match="No cached namespaces"):
        assert io.load_namespaces_io(NamespaceCatalog()) == {}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"path": "here", "file": "there"},
        {"file": 3},
        {"io": "a file"},
        {"path": "here", "storage_options": "anon"},
        {"path": "here", "namespaces": "hdmf-common"},
    ],
)
def test_what_means_nothing_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch, arguments: dict[str, Any]) -> None:
    """Both a path and a file, neither, or something of another type."""
    arguments = {name: path if value in ("here", "there") else value for name, value in arguments.items()}

    with pytest.raises(ArgumentError):
        _names(**arguments)


def test_what_is_no_catalog_is_refused(path: Path) -> None:
    """By name, in both methods; so is a text for the list of namespaces."""
    with pytest.raises(ArgumentTypeError, match="namespace_catalog"):
        ZarrIO.load_namespaces("a catalog", path)  # type: ignore[arg-type]
    with ZarrIO(path) as io:
        with pytest.raises(ArgumentTypeError, match="namespace_catalog"):
            io.load_namespaces_io(None)  # type: ignore[arg-type]
        with pytest.raises(ArgumentTypeError, match="namespaces"):
            io.load_namespaces_io(NamespaceCatalog(), "hdmf-common")  # type: ignore[arg-type]
        assert set(io.load_namespaces_io(NamespaceCatalog(), ["hdmf-common"])) == {"hdmf-common"}


def test_specifications_that_the_catalog_has_are_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the same versions; where it has none, or another version of one, all are read, as HDMF compares them."""
    asked: list[str] = []
    fetch = ZarrAdapter.fetch
    monkeypatch.setattr(ZarrAdapter, "fetch", lambda self, paths: asked.extend(paths) or fetch(self, paths))

    with ZarrIO(path) as io:
        assert ZarrIO.load_namespaces(get_type_map(), file=io) == {}
        assert asked == []
        assert _names(file=io) == {"hdmf-common", "hdmf-experimental"}
    assert any(path.endswith("/table") for path in asked)

    asked.clear()
    other = get_type_map()
    monkeypatch.setitem(other.namespace_catalog.get_namespace("hdmf-common"), "version", "1.0.0")
    with ZarrIO(path) as io, pytest.warns(UserWarning, match="hdmf-common - cached version"):
        ZarrIO.load_namespaces(other, file=io)
    assert asked
