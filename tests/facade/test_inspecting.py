"""`inspect`: a file in one call, with nothing constructed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import pytest
from click.testing import CliRunner
from pynwb import NWBHDF5IO

from hdmf_store import ArgumentTypeError, MissingHierarchyError, NWBZarrIO, StoreIO, inspect
from hdmf_store.adapter import open_adapter
from hdmf_store.cli import main
from hdmf_store.translate.convert import convert
from tests.facade.recordings import new_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspected")
    with NWBHDF5IO(folder / "r.nwb", "w") as io:
        io.write(new_recording())
    for name in ("r.nwb.zarr", "r.nwb.zarr.zip"):
        source, destination = open_adapter(folder / "r.nwb"), open_adapter(folder / name, "w")
        convert(source, destination)
        source.close()
        destination.close()
    return folder


def _types_by_h5py(path: Path) -> dict[str, int]:
    """Return the types that a file holds as h5py sees them, cached specifications left out."""
    found: Counter[str] = Counter()

    def look(name: str, item: Any) -> None:
        if "neurodata_type" in item.attrs and not name.startswith("specifications"):
            found[f"{item.attrs['namespace']}.{item.attrs['neurodata_type']}"] += 1

    with h5py.File(path) as file:
        look("/", file)
        file.visititems(look)
    return dict(sorted(found.items()))


@pytest.mark.parametrize("name", ["r.nwb", "r.nwb.zarr", "r.nwb.zarr.zip"])
def test_every_store_tells_the_types_the_version_and_the_identity(recording: Path, name: str) -> None:
    found = inspect(recording / name)

    assert found.types == _types_by_h5py(recording / "r.nwb")
    assert found.types["core.NWBFile"] == 1
    with h5py.File(recording / "r.nwb") as file:
        assert (found.nwb_version, found.object_id) == (file.attrs["nwb_version"], file.attrs["object_id"])
    assert found.specifications[0].startswith("core ")
    assert found.objects == found.groups + found.datasets + found.links > 40


def test_what_is_open_is_used_and_stays_open(recording: Path) -> None:
    with StoreIO(recording / "r.nwb.zarr", "r") as io:
        assert inspect(io) == inspect(io.adapter)
        assert io.is_open()
        assert io.read_builder()


def test_what_was_opened_for_it_is_closed_again(recording: Path) -> None:
    adapter = open_adapter(recording / "r.nwb.zarr")
    adapter.close()

    assert inspect(adapter).store == "zarr"
    assert adapter.mode == ""


def test_no_library_of_nwb_is_imported_for_it(recording: Path) -> None:
    """A helper that lists thousands of files does not wait for pynwb, and reads types that nobody here defines."""
    script = "import sys, hdmf_store; hdmf_store.inspect(sys.argv[1]); print('pynwb' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", script, recording / "r.nwb.zarr"], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "False"


def test_the_plain_form_is_what_the_command_prints(recording: Path) -> None:
    path = recording / "r.nwb.zarr"
    printed = CliRunner().invoke(main, ["info", str(path), "--json"], catch_exceptions=False)
    assert json.loads(printed.stdout) == json.loads(json.dumps(inspect(path).as_dict()))
    shown = CliRunner().invoke(main, ["info", str(path)], catch_exceptions=False).stdout
    assert inspect(path).object_id in shown
    assert "NWBFile: 1" in shown


def test_nothing_there_and_wrong_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingHierarchyError):
        inspect(tmp_path / "none.zarr")
    with pytest.raises(ArgumentTypeError, match="storage_options"):
        inspect(tmp_path / "none.zarr", storage_options="anon")  # type: ignore[arg-type]


def test_a_file_written_without_types_has_none(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "plain.h5", "w") as file:
        file["x"] = [1, 2, 3]
    found = inspect(tmp_path / "plain.h5")
    assert (found.types, found.nwb_version, found.object_id, found.values) == ({}, None, None, 24)


def test_an_open_nwb_file_can_be_inspected_while_it_is_read(recording: Path) -> None:
    with NWBZarrIO(recording / "r.nwb.zarr", "r") as io:
        nwb = io.read()
        assert inspect(io).object_id == nwb.object_id
