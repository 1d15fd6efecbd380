"""The pages about adapters say what is so: their tables hold, and the adapter that they show passes its tests."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from zarr.storage import MemoryStore

from hdmf_store import Capabilities, TempStore
from hdmf_store.adapter import adapter_class_for
from tests.pages import ROOT, blocks_of

VENDOR = ROOT / "examples" / "vendor-adapter" / "hdmf_store_sqlite.py"
WRITE = "docs/adapters/write-an-adapter.md"
ROWS: dict[str, Any] = {
    "folder": "a.zarr",
    "folder, format 2": partial(adapter_class_for("a.zarr"), "a.zarr", zarr_format=2),
    "`TempStore`": TempStore,
    "`MemoryStore`, other store objects": MemoryStore,
    "zip": "a.zarr.zip",
    "Icechunk": "icechunk:///a",
    "HDF5": "a.h5",
    "reference file system": "a.zindi.json",
}
COLUMNS = [
    "writable",
    "linkable",
    "consolidates",
    "transactional",
    "atomic_changes",
    "shards",
    "layouts",
    "keeps_bytes",
]


@pytest.mark.once
def test_an_adapter_for_a_store_of_zarr_is_as_short_as_the_page_says(tmp_path: Path) -> None:
    """Its code and its tests are those of the page; they pass, and take less than 30 lines each."""
    adapter, tests = (block.code for block in blocks_of(WRITE, "python"))
    (tmp_path / "test_shelf.py").write_text(f"{adapter}\n\n{tests}")
    assert len(adapter.splitlines()) < 30

    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        f"--rootdir={tmp_path}",
    ]
    done = subprocess.run([*command, "test_shelf.py"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) > 200


def test_the_lines_of_the_vendors_example_are_as_many_as_the_page_says() -> None:
    """With documentation, and without it, blank lines and comments."""
    lines = VENDOR.read_text().splitlines()
    code = [line for line in lines if line.strip() and not line.strip().startswith(('"""', "#"))]

    assert len(lines) < 150
    assert f"{len(lines)} lines with documentation, of which {len(code)} are code" in (ROOT / WRITE).read_text()


def test_every_part_of_the_example_that_the_page_shows_is_there() -> None:
    """Sphinx would show nothing in its place."""
    shown = re.findall(r":pyobject: SQLiteAdapter\.(\w+)", (ROOT / WRITE).read_text())

    assert len(shown) >= 5
    assert [name for name in shown if f"    def {name}(self" not in VENDOR.read_text()] == []


@pytest.mark.parametrize("name", ROWS)
def test_the_table_of_capabilities_is_true(name: str) -> None:
    """Each row is what the adapter of such a place says."""
    place = ROWS[name]
    if isinstance(place, str):
        adapter = adapter_class_for(place)(place)
    else:
        made = place()
        adapter = made if hasattr(made, "capabilities") else adapter_class_for(made)(made)
    can = [getattr(adapter.capabilities, column) for column in COLUMNS]

    row = f"| {name} | {' | '.join('yes' if it else 'no' for it in can)} |"
    assert row in (ROOT / "docs/adapters/index.md").read_text().splitlines()
    assert set(COLUMNS) == {field.name for field in attrs.fields(Capabilities) if field.default is False} - {"remote"}
