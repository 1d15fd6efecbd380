"""The pages about adapters say what is so: their code runs, their tables hold."""

from __future__ import annotations

import copy
import re
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
from hdmf.common import get_manager
from zarr.storage import MemoryStore

from hdmf_store import Capabilities, TempStore
from hdmf_store.adapter import adapter_class_for
from tests.facade.recordings import new_table

DOCS = Path(__file__).parents[1] / "docs"
VENDOR = DOCS.parent / "examples" / "vendor-adapter" / "hdmf_store_sqlite.py"
WRITE = DOCS / "adapters" / "write-an-adapter.md"
RUN = ["folder", "memory", "zip", "icechunk", "hdf5", "zarr-store"]
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


def code_of(page: Path) -> list[str]:
    found = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    assert found, f"{page.name} has no code"
    return found


@pytest.mark.parametrize("name", RUN)
def test_the_code_of_a_page_runs(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first block to the last, as a reader would type it."""
    if name == "zarr-store":
        pytest.importorskip("obstore")
    monkeypatch.chdir(tmp_path)
    table = new_table()
    names = {"table": table, "manager": get_manager(), "copy_of": partial(_copied, copy.deepcopy(table))}

    exec(compile("\n".join(code_of(DOCS / "adapters" / f"{name}.md")), f"{name}.md", "exec"), names)


def _copied(fresh: Any, table: Any) -> Any:
    """Return a copy of a table that was not written to any file."""
    return copy.deepcopy(fresh)


def test_the_code_about_types_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose checks are assertions themselves."""
    monkeypatch.chdir(tmp_path)

    exec(compile("\n".join(code_of(DOCS / "test-your-types.md")), "test-your-types.md", "exec"), {})


@pytest.mark.once
def test_an_adapter_for_a_store_of_zarr_is_as_short_as_the_page_says(tmp_path: Path) -> None:
    """Its code and its tests are those of the page; they pass, and take less than 30 lines each."""
    adapter, tests = code_of(WRITE)
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
    assert f"{len(lines)} lines with documentation, of which {len(code)} are code" in WRITE.read_text()


def test_every_part_of_the_example_that_the_page_shows_is_there() -> None:
    """Sphinx would show nothing in its place."""
    shown = re.findall(r":pyobject: SQLiteAdapter\.(\w+)", WRITE.read_text())

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
    assert row in (DOCS / "adapters" / "index.md").read_text().splitlines()
    assert set(COLUMNS) == {field.name for field in attrs.fields(Capabilities) if field.default is False} - {"remote"}
