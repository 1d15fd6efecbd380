"""A file brings its schema along, so that it can be read where its extension is not installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.build import BuildManager
from hdmf.common import get_manager, get_type_map
from hdmf.spec import GroupSpec, NamespaceBuilder, NamespaceCatalog
from hdmf.spec.spec import AttributeSpec, DatasetSpec
from pynwb import NWBFile
from pynwb import get_manager as nwb_manager
from pynwb import get_type_map as nwb_type_map
from pynwb.spec import NWBGroupSpec, NWBNamespaceBuilder

from hdmf_store import NWBZarrIO, ZarrIO
from tests.facade.recordings import START, new_table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with one table, and its schema."""
    with ZarrIO(tmp_path / "table.zarr", "w", manager=get_manager()) as io:
        io.write(new_table())
    return tmp_path / "table.zarr"


def test_a_file_caches_the_schema_of_its_types(path: Path) -> None:
    """By default namespaces lie below /specifications, by name and version."""
    catalog = NamespaceCatalog()

    ZarrIO.load_namespaces(catalog, path)

    assert set(catalog.namespaces) == {"hdmf-common", "hdmf-experimental"}
    assert (path / "specifications" / "hdmf-common").is_dir()


def test_the_cached_schema_is_no_part_of_the_container(path: Path) -> None:
    """Who reads builders sees the data alone."""
    with ZarrIO(path, "r") as io:
        builder = io.read_builder()

    assert "specifications" not in builder.groups
    assert ".specloc" not in builder.attributes


def test_a_file_can_do_without_the_schema(tmp_path: Path) -> None:
    """With cache_spec=False nothing of it is stored, and the file is read with the schema that is installed."""
    with ZarrIO(tmp_path / "table.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(), cache_spec=False)

    assert not (tmp_path / "table.zarr" / "specifications").exists()
    catalog = NamespaceCatalog()
    with pytest.warns(UserWarning, match=r"No cached namespaces found in .*table\.zarr"):
        assert ZarrIO.load_namespaces(catalog, tmp_path / "table.zarr") == {}
    with ZarrIO(tmp_path / "table.zarr", "r", manager=get_manager()) as io:
        assert len(io.read()) == 3


def test_a_schema_is_added_when_a_file_is_appended_to(tmp_path: Path) -> None:
    """A file without a schema has one after the next write."""
    with ZarrIO(tmp_path / "t.zarr", "w", manager=get_manager()) as io:
        io.write(new_table(), cache_spec=False)

    with ZarrIO(tmp_path / "t.zarr", "a", manager=get_manager()) as io:
        io.write(io.read())

    catalog = NamespaceCatalog()
    ZarrIO.load_namespaces(catalog, tmp_path / "t.zarr")
    assert "hdmf-common" in catalog.namespaces


@pytest.mark.parametrize("kind", ["path", "str", "adapter", "io"])
def test_a_schema_is_loaded_from_a_path_and_from_an_open_file(path: Path, kind: str) -> None:
    """Paths and files that are open already both serve."""
    catalog = NamespaceCatalog()

    with ZarrIO(path, "r") as io:
        where: dict[str, Any] = {
            "path": {"path": path},
            "str": {"path": str(path)},
            "adapter": {"file": io.adapter},
            "io": {"file": io},
        }[kind]
        ZarrIO.load_namespaces(catalog, **where)

    assert "hdmf-common" in catalog.namespaces


def test_an_open_file_loads_its_own_schema(path: Path) -> None:
    """`load_namespaces_io` takes no path."""
    catalog = NamespaceCatalog()

    with ZarrIO(path, "r") as io:
        found = io.load_namespaces_io(catalog)

    assert "hdmf-common" in found
    assert "hdmf-common" in catalog.namespaces


def test_only_the_namespaces_that_are_asked_for_are_loaded(path: Path) -> None:
    """A list chooses among what is cached."""
    catalog = NamespaceCatalog()

    ZarrIO.load_namespaces(catalog, path, ["hdmf-common"])

    assert set(catalog.namespaces) == {"hdmf-common"}


def test_keywords_of_other_backends_are_tolerated(path: Path) -> None:
    """pynwb passes what HDF5 needs to every backend (NEEDS 61)."""
    catalog = NamespaceCatalog()

    ZarrIO.load_namespaces(namespace_catalog=catalog, path=path, driver=None, aws_region=None)

    assert "hdmf-common" in catalog.namespaces


def test_a_path_and_a_file_together_are_refused(path: Path) -> None:
    """One of them would be ignored; neither is one too few."""
    with ZarrIO(path, "r") as io, pytest.raises(ValueError, match="either a path or an open file"):
        ZarrIO.load_namespaces(NamespaceCatalog(), path, file=io)
    with pytest.raises(ValueError, match="either a path or an open file"):
        ZarrIO.load_namespaces(NamespaceCatalog())


def test_a_namespace_that_is_not_cached_is_named(path: Path) -> None:
    """The error names the file and the namespace."""
    with pytest.raises(KeyError, match=r"table\.zarr.*'ndx-nothing'"):
        ZarrIO.load_namespaces(NamespaceCatalog(), path, ["ndx-nothing"])


def test_a_namespace_that_cannot_be_parsed_is_named(path: Path) -> None:
    """Damage in one cached text is reported with its path in the file."""
    with ZarrIO(path, "r+") as io:
        where = next(p for p in io.adapter.load() if p.endswith("/namespace") and "hdmf-common" in p)
        io.adapter.array(where)[...] = np.array("no json", object)

    with pytest.raises(ValueError, match=r"specifications/hdmf-common/.*/namespace: .*no JSON"):
        ZarrIO.load_namespaces(NamespaceCatalog(), path)


def test_an_extension_of_hdmf_common_is_read_from_the_file_alone(tmp_path: Path) -> None:
    """A type that only the file knows gets a class made for it."""
    _export_extension(tmp_path)
    writing = get_type_map()
    writing.load_namespaces(str(tmp_path / "ndx.namespace.yaml"))
    cls = writing.get_dt_container_cls("Note", "ndx-note")
    with ZarrIO(tmp_path / "note.zarr", "w", manager=BuildManager(writing)) as io:
        io.write(cls(name="root", text="remember", priority=np.uint8(7)))

    reading = get_type_map()
    assert "ndx-note" not in reading.namespace_catalog.namespaces
    ZarrIO.load_namespaces(reading, tmp_path / "note.zarr")
    with ZarrIO(tmp_path / "note.zarr", "r", manager=BuildManager(reading)) as io:
        found = io.read()

    assert type(found).__name__ == "Note"
    assert found.text == "remember"
    assert found.priority == 7
    assert type(found.priority) is np.uint8


def _export_extension(folder: Path) -> None:
    note = GroupSpec(
        "a note",
        data_type_def="Note",
        data_type_inc="Container",
        attributes=[AttributeSpec("priority", "how urgent", "uint8")],
        datasets=[DatasetSpec("the words", "text", name="text")],
    )
    builder = NamespaceBuilder("notes", "ndx-note", version="0.2.0", author="A", contact="a@example.org")
    builder.include_namespace("hdmf-common")
    builder.add_spec("ndx.extensions.yaml", note)
    builder.export("ndx.namespace.yaml", outdir=str(folder))


def test_an_nwb_extension_is_read_from_the_file_alone(tmp_path: Path) -> None:
    """NWBZarrIO loads what the file caches, so that no one has to install the extension (NEEDS 21)."""
    spec = NWBGroupSpec(
        "metadata of a rig",
        neurodata_type_def="RigData",
        neurodata_type_inc="LabMetaData",
        attributes=[AttributeSpec("serial", "number on the box", "int32")],
    )
    builder = NWBNamespaceBuilder("rigs", "ndx-rig", version="1.2.3", author="A", contact="a@example.org")
    builder.include_namespace("core")
    builder.add_spec("rig.extensions.yaml", spec)
    builder.export("rig.namespace.yaml", outdir=str(tmp_path))
    type_map = nwb_type_map()
    type_map.load_namespaces(str(tmp_path / "rig.namespace.yaml"))
    cls = type_map.get_dt_container_cls("RigData", "ndx-rig")
    nwbfile = NWBFile("s", "i", START)
    nwbfile.add_lab_meta_data(cls(name="rig", serial=2**20))
    with NWBZarrIO(tmp_path / "rig.zarr", "w", manager=BuildManager(type_map)) as io:
        io.write(nwbfile)

    with NWBZarrIO(tmp_path / "rig.zarr", "r") as io:
        found = io.read().lab_meta_data["rig"]

    assert "ndx-rig" not in nwb_manager().namespace_catalog.namespaces
    assert type(found).__name__ == "RigData"
    assert found.serial == 2**20
