"""How the adapter for a place is found, and what happens when one is broken."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import zarr
from zarr.storage import MemoryStore

from hdmf_store.adapter import (
    StoreAdapter,
    adapter_class_for,
    adapters,
    most_specific,
    open_adapter,
    recognise,
    register_adapter,
)
from hdmf_store.adapter import registry as registry_module
from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Group, Number
from hdmf_store.testing import MemoryAdapter, MemoryPlace
from hdmf_store_adapters.hdf5_adapter import HDF5Adapter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers
from tests.adapters.stores import read, write


@pytest.fixture
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_module, "_registered", {})


def test_what_ships_is_installed_as_a_vendors_package_is() -> None:
    """Both adapters are found by their entry points."""
    assert adapters()["zarr"] is ZarrAdapter
    assert adapters()["hdf5"] is HDF5Adapter


def test_who_asks_for_what_opens_files_gets_the_adapters_along() -> None:
    """So that the first file does not wait for them; who asks for an error or a node does not either."""
    told = "import hdmf_store, sys; hdmf_store.{}; print('hdmf_store_adapters.zarr_adapter' in sys.modules)"
    found = [
        subprocess.run([sys.executable, "-c", told.format(name)], capture_output=True, text=True, check=True).stdout
        for name in ("Dataset", "StoreIO")
    ]
    assert found == ["False\n", "True\n"]


@pytest.mark.parametrize("kind", [ZarrAdapter, HDF5Adapter, MemoryAdapter])
def test_adapters_fit_the_protocol(kind: Any, tmp_path: Path) -> None:
    """Each has all calls that translation makes."""
    adapter = kind(MemoryPlace() if kind is MemoryAdapter else tmp_path / "a")

    assert isinstance(adapter, StoreAdapter)
    assert adapter.mode == ""


@pytest.mark.usefixtures("_own_registry")
def test_a_registered_adapter_is_asked_first() -> None:
    """A class made known in this process serves its places, ahead of those that are installed."""
    place = MemoryPlace()
    with pytest.raises(ArgumentError):
        adapter_class_for(place)

    assert register_adapter(MemoryAdapter) is MemoryAdapter

    assert next(iter(adapters())) == "testing-memory"
    assert adapter_class_for(place) is MemoryAdapter
    assert isinstance(open_adapter(place, "w"), MemoryAdapter)


@pytest.mark.usefixtures("_own_registry")
def test_a_registered_adapter_takes_the_place_of_an_installed_one() -> None:
    """The same name is the same adapter, in the registered version."""

    class Own(ZarrAdapter):
        pass

    register_adapter(Own)

    assert adapters()["zarr"] is Own
    assert adapter_class_for("new.zarr") is Own


def test_of_several_adapters_the_one_that_is_derived_from_the_others_serves() -> None:
    """A vendor's store is one of zarr's, too; its own adapter is the one that knows more."""

    class VendorStore(MemoryStore):
        pass

    class VendorAdapter(ZarrAdapter):
        name = "zzz-vendor"

        @staticmethod
        def claims(place: Any) -> bool:
            return isinstance(place, VendorStore)

    for kinds in ([ZarrAdapter, VendorAdapter], [VendorAdapter, ZarrAdapter]):
        assert most_specific(VendorStore(), kinds) is VendorAdapter
        assert most_specific(MemoryStore(), kinds) is ZarrAdapter
        assert most_specific(3, kinds) is None


@pytest.mark.parametrize("place", ["nowhere", 3, object()], ids=["name", "number", "object"])
def test_a_place_that_nobody_serves_is_an_error_that_lists_who_was_asked(place: Any) -> None:
    """It also says how a new file has to be called."""
    with pytest.raises(ArgumentError) as caught:
        adapter_class_for(place)

    for part in ("hdf5", "zarr", ".zarr, .nwb or .h5", repr(place)):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("place", "expected"),
    [
        ("new.zarr", ZarrAdapter),
        ("new.nwb.zarr", ZarrAdapter),
        ("new.nwb", HDF5Adapter),
        ("s3://lab/a.zarr", ZarrAdapter),
    ],
)
def test_a_new_file_is_served_by_its_name(place: str, expected: Any) -> None:
    """Nothing has to exist yet."""
    assert adapter_class_for(place) is expected


def test_an_existing_place_is_served_by_what_it_holds(tmp_path: Path) -> None:
    """A folder with a hierarchy, a store object, and an adapter itself are recognised."""
    write(tmp_path / "noname", {"/": Group()})

    assert adapter_class_for(tmp_path / "noname") is ZarrAdapter
    assert adapter_class_for(MemoryStore()) is ZarrAdapter
    adapter = ZarrAdapter(tmp_path / "noname")
    assert open_adapter(adapter) is adapter
    assert adapter.mode == "r"


def test_arrays_are_recognised_by_their_engine(tmp_path: Path) -> None:
    """An array that was handed out, or that zarr opened, is the dataset it stands for; others are nobody's."""
    write(tmp_path / "a.zarr", {"/": Group(), "/a": numbers([1, 2], "int16")})
    ours = read(tmp_path / "a.zarr").array("/a")
    theirs = zarr.open_array(tmp_path / "a.zarr", path="a", mode="r")

    for array in (ours, theirs):
        found = recognise(array)
        assert (found.element, found.shape) == (Number("int16"), (2,))
        assert (found.values.origin.location, found.values.origin.path) == (str(tmp_path / "a.zarr"), "/a")
        assert found.values.read((slice(0, 2),)).tolist() == [1, 2]
    assert recognise([1, 2]) is None


@pytest.mark.parametrize("code", ["raise RuntimeError('no licence')", "import no_such_library", "x = 1"])
def test_a_plugin_that_fails_to_load_is_a_warning_that_names_it(tmp_path: Path, code: str) -> None:
    """The others go on working; the warning says which plugin it is and why it was left out."""
    (tmp_path / "broken_vendor.py").write_text(code)
    info = tmp_path / "broken_vendor-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-vendor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hdmf_store.adapters]\nbroken = broken_vendor:Adapter\n")
    program = "import sys\nfrom hdmf_store.adapter import adapters\nsys.stdout.write(' '.join(sorted(adapters())))"

    done = subprocess.run(
        [
            sys.executable,
            "-W",
            "always::RuntimeWarning",
            "-c",
            f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n{program}",
        ],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "hdf5 icechunk references zarr zip"
    assert "'broken' (broken_vendor:Adapter) could not be loaded" in done.stderr


def test_a_plugin_is_found_by_its_entry_point(tmp_path: Path) -> None:
    """A package beside ours brings an adapter without this package knowing it."""
    (tmp_path / "vendor.py").write_text(
        "class Adapter:\n    name = 'vendor'\n    claims = staticmethod(lambda place: place == 'vendor!')\n"
        "    recognise = staticmethod(lambda value: None)\n"
    )
    info = tmp_path / "vendor-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hdmf_store.adapters]\nvendor = vendor:Adapter\n")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
from hdmf_store.adapter import adapter_class_for
sys.stdout.write(adapter_class_for('vendor!').name)
"""

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "vendor"
