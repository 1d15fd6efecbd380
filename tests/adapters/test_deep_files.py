"""Groups that lie in each other, deeper than Python can call itself."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import h5py
import pytest
from click.testing import CliRunner

from hdmf_store import StoreIO, inspect, open_adapter, repair
from hdmf_store.cli import main
from hdmf_store.errors import UnreadableError
from hdmf_store.nodes import Dataset, Unreadable

DEEP = 1_200
PATH = "/g" * DEEP + "/x"


@pytest.fixture
def in_hdf5(tmp_path: Path) -> Path:
    """One array below so many groups."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file
        for _ in range(DEEP):
            group = group.create_group("g")
        group["x"] = [1, 2, 3]
    return tmp_path / "a.h5"


@pytest.fixture
def in_folders(tmp_path: Path) -> Iterator[Path]:
    """Groups of format 3, each in a folder of its own; they are removed here, as older releases of Python cannot."""
    folders = [tmp_path / ("a.zarr" + "/g" * level) for level in range(DEEP)]
    for folder in folders:
        folder.mkdir()
        (folder / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}}))
    yield folders[0]
    for folder in reversed(folders):
        (folder / "zarr.json").unlink()
        folder.rmdir()


def test_an_hdf5_file_is_read_however_deep_it_is(in_hdf5: Path) -> None:
    """Its objects, their values, and what HDMF makes of them."""
    with StoreIO(in_hdf5, "r") as io:
        assert io.adapter.fetch([PATH])[PATH].tolist() == [1, 2, 3]
        builder = io.read_builder()
        for _ in range(DEEP):
            builder = builder.groups["g"]
        assert builder.datasets["x"].data[...].tolist() == [1, 2, 3]


def test_whoever_asks_gets_to_know_a_deep_file(in_hdf5: Path) -> None:
    """The commands that look at a file, where Python follows no more than so many calls."""
    assert sys.getrecursionlimit() < DEEP
    for command in (["tree", "--json"], ["verify"]):
        done = CliRunner().invoke(main, [*command, str(in_hdf5)])
        assert done.exit_code == 0, (command, done.output[:500])


def test_folders_are_crawled_however_deep_they_are(in_folders: Path) -> None:
    """With documents of their own, no consolidated ones."""
    with closing(open_adapter(in_folders, "r")) as adapter:
        assert len(adapter.load()) == DEEP
    assert inspect(in_folders).groups == DEEP
    assert all(step.action == "tell" or step.path == "/" for step in repair(in_folders, dry_run=True))


def test_no_folders_are_made_that_nobody_can_remove(in_hdf5: Path, tmp_path: Path) -> None:
    """Refused before anything is written."""
    refused = CliRunner().invoke(main, ["convert", str(in_hdf5), str(tmp_path / "b.zarr")])

    assert "folders in each other" in refused.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5"]


def test_paths_that_grow_without_end_are_unreadable_at_their_end(tmp_path: Path) -> None:
    """Each object has its whole path: those of all together would be the square of the file."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        group = file
        for _ in range(40):
            group = group.create_group("n" * 1_000)

    with closing(open_adapter(tmp_path / "a.h5", "r")) as adapter:
        *_, path = adapter.load().nodes
        node = adapter.load().nodes[path]
        assert isinstance(node, Dataset) and isinstance(node.element, Unreadable)
        assert len(path) < 20_000 < 40_000
        with pytest.raises(UnreadableError, match="deeper"):
            adapter.fetch([path])
