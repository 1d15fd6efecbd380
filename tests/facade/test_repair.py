"""`repair` mends what can be mended without destroying anything, and says what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from hdmf_store import Link, Repair, Target, repair, verify
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.cli.commands import main
from hdmf_store.nodes import Group
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers, texts
from tests.adapters.stores import read

VALUES = np.arange(60, dtype="int16").reshape(6, 10)
NODES = {
    "/": Group({"note": "x"}),
    "/g": Group({"kept": 1}),
    "/g/a": numbers(VALUES, "int16", {"unit": "V"}, chunks=(2, 5)),
    "/words": texts(["a", "b"]),
}
MARK = f".hdmf-store-tmp-{'0' * 32}"


@pytest.fixture(params=[2, 3])
def root(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A sound file of each format in a folder."""
    return write(tmp_path / "a.zarr", zarr_format=request.param)


def write(place: Path, nodes: dict[str, Any] | None = None, **options: Any) -> Path:
    adapter = open_adapter(place, "w", **options)
    adapter.write(Plan(nodes=NODES if nodes is None else nodes))
    adapter.close()
    return place


def stored(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def documents_of(root: Path, path: str) -> list[Path]:
    return [file for file in (root / path).iterdir() if file.name in ("zarr.json", ".zarray", ".zattrs", ".zgroup")]


def actions(done: list[Repair]) -> list[tuple[str, str]]:
    return [(step.path, step.action) for step in done]


def old(path: Path) -> Path:
    """Make a leftover as old as one that nobody works on."""
    long_ago = time.time() - 10_000
    for inside in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(inside, (long_ago, long_ago))
    return path


def damage(root: Path) -> dict[str, bytes]:
    """Damage a file in every way that can be mended; return what was stored before."""
    before = stored(root.parent)
    for document in documents_of(root, "g/a"):
        document.unlink()
    for document in documents_of(root, "words"):
        document.write_bytes(b"{")
    (root / f"words/0{MARK}").write_bytes(b"half")
    beside = root.parent / f"a.zarr{MARK}"
    (beside / "x/c").mkdir(parents=True)
    (beside / "x/c/0").write_bytes(b"half")
    old(beside)
    return before


def test_a_sound_file_is_left_as_it_is(root: Path) -> None:
    """Nothing to do, nothing done."""
    before = stored(root)

    assert repair(root) == []
    assert stored(root) == before


def test_lost_and_broken_documents_come_back_and_leftovers_go(root: Path) -> None:
    """To the last byte what was there before."""
    before = damage(root)

    done = repair(root)

    assert {action for _, action in actions(done)} == {"restore", "remove"}
    assert stored(root.parent) == before
    assert verify(root) == []


def test_a_dry_run_says_the_same_and_changes_nothing(root: Path) -> None:
    """What it says is what would be done."""
    damage(root)
    before = stored(root.parent)

    said = repair(root, dry_run=True)

    assert stored(root.parent) == before
    assert said == repair(root)


def test_a_repair_that_was_killed_is_finished_by_the_next_one(tmp_path: Path) -> None:
    """After any number of steps the file can be mended to the same state."""
    whole = write(tmp_path / "whole" / "a.zarr")
    before, count = damage(whole), len(repair(whole, dry_run=True))
    assert count == 4
    for steps in range(count + 1):
        copy = tmp_path / str(steps)
        shutil.copytree(whole.parent, copy)
        adapter = ZarrAdapter(copy / "a.zarr")
        adapter.open("r+")
        for _, _step in zip(range(steps), adapter.mend(dry_run=False, idle=600), strict=False):
            pass  # the generator is left where it is, and with it the process could be gone
        assert read(copy / "a.zarr").fetch(["/words"])["/words"].tolist() == ["a", "b"]

        repair(copy / "a.zarr")

        assert stored(copy) == before


def test_the_consolidated_metadata_follows_the_documents(root: Path) -> None:
    """What another program changed or added counts; nothing of it is taken back."""
    other = open_adapter(root, "r+")
    other.write(Plan(nodes={"/new": Group({"x": 1})}, consolidate=False))
    other.close()
    name = ".zattrs" if (root / ".zgroup").exists() else "zarr.json"
    document = json.loads((root / "g" / name).read_bytes())
    (document if name == ".zattrs" else document["attributes"])["kept"] = 2
    (root / "g" / name).write_text(json.dumps(document))
    open_adapter(root, "r+").consolidate()
    fresh = stored(root)
    (document if name == ".zattrs" else document["attributes"])["kept"] = 3
    (root / "g" / name).write_text(json.dumps(document))

    done = repair(root)

    assert actions(done) == [("/", "consolidate")]
    assert read(root).load()["/g"].attributes == {"kept": 3}
    assert "/new" in read(root).load()
    assert stored(root) != fresh
    assert verify(root) == []


def test_attributes_that_cannot_be_read_are_never_taken_for_none(root: Path) -> None:
    """A file of attributes that is cut short comes back; the copy that still has them is not made anew before."""
    name = ".zattrs" if (root / ".zgroup").exists() else "zarr.json"
    (root / "g/a" / name).write_bytes(b'{"unit": "')

    repair(root)

    assert read(root, "r-").load()["/g/a"].attributes == {"unit": "V"}


def test_a_document_that_nothing_can_bring_back_is_told_and_nothing_else_is_lost(tmp_path: Path) -> None:
    """As long as it is broken, the consolidated metadata is not made anew without it."""
    root = write(tmp_path / "a.zarr")
    (root / "new").mkdir()
    (root / "new/zarr.json").write_bytes(b"{")
    before = stored(root)

    done = repair(root)

    assert ("/new", "tell") in actions(done)
    assert stored(root) == before


def test_chunks_of_no_array_go_and_what_may_be_yours_stays(tmp_path: Path) -> None:
    """A killed append leaves chunks without a document; notes, and chunks beyond an array's end, are told only."""
    root = write(tmp_path / "a.zarr")
    for key in ("new/c/0/0", "README.txt", "g/a/c/9/9", "g/notes/2024"):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(b"x")

    done = repair(root)

    assert [step.message for step in done if step.action == "remove"] == ["'new/c/0/0' is a chunk of no array"]
    assert sorted(key for key, data in stored(root).items() if data == b"x") == [
        "README.txt",
        "g/a/c/9/9",
        "g/notes/2024",
    ]


def test_a_leftover_that_holds_a_whole_file_is_never_removed(tmp_path: Path) -> None:
    """It can be the only copy of something; so can one whose writer is at work."""
    root = write(tmp_path / "a.zarr")
    whole = old(write(tmp_path / "b.zarr").rename(tmp_path / f"a.zarr{MARK}"))
    young = tmp_path / f"a.zarr{MARK.replace('0', '1')}"
    young.mkdir()
    stranger = tmp_path / "a.zarr.hdmf-store-tmp-mine"
    stranger.mkdir()

    done = repair(root)

    assert actions(done) == [("/", "tell"), ("/", "tell")]
    assert whole.exists() and young.exists() and stranger.exists()
    repair(root, idle=0)
    assert whole.exists() and not young.exists()


def test_a_folder_that_was_moved_aside_and_never_replaced_stays(tmp_path: Path) -> None:
    """Where two names cannot be exchanged, a crash can leave an object under its temporary name alone."""
    root = write(tmp_path / "a.zarr")
    document = json.loads((root / "zarr.json").read_bytes())
    del document["consolidated_metadata"]
    (root / "zarr.json").write_text(json.dumps(document))
    (root / "words").rename(root / f"words{MARK}")

    done = repair(root)

    assert {action for _, action in actions(done)} == {"tell"}
    assert (root / f"words{MARK}/zarr.json").exists()


def test_an_archive_is_mended_as_a_whole(tmp_path: Path) -> None:
    """It is packed anew, and appears at once."""
    place = tmp_path / "a.zarr.zip"
    write(place)
    adapter = open_adapter(place, "r+")
    adapter._medium.write_many([("new/c/0", b"x")])
    adapter.close()
    assert [finding.kind for finding in verify(place)] == ["leftover"]

    assert actions(repair(place)) == [("/new/c", "remove")]
    assert verify(place) == []


def test_links_are_re_pointed_to_a_file_that_was_moved(tmp_path: Path) -> None:
    """Links and attributes, if the object is there; by what links say, or by where the file was."""
    raw = write(tmp_path / "raw.zarr")
    nodes = {
        "/": Group({"to": Target("/g", "../raw.zarr"), "many": [Target("/words", "../raw.zarr"), Target("/g")]}),
        "/g": Group(),
        "/g/link": Link(Target("/g/a", "../raw.zarr")),
        "/g/lost": Link(Target("/nothing", "../raw.zarr")),
        "/g/other": Link(Target("/g/a", "../other.zarr")),
    }
    for name in ("one.zarr", "two.zarr"):
        write(tmp_path / name, nodes)
    (tmp_path / "moved").mkdir()
    raw.rename(tmp_path / "moved/raw.zarr")
    moved = str(tmp_path / "moved/raw.zarr")
    before = stored(tmp_path)
    said = repair(tmp_path / "one.zarr", dry_run=True, relink={"../raw.zarr": moved})
    assert stored(tmp_path) == before

    done = repair(tmp_path / "one.zarr", relink={"../raw.zarr": moved})
    repair(tmp_path / "two.zarr", relink={str(raw): moved})

    assert said == done
    assert sorted(actions(done)) == [("/", "relink"), ("/", "relink"), ("/g/link", "relink"), ("/g/lost", "tell")]
    for name in ("one.zarr", "two.zarr"):
        found = read(tmp_path / name).load()
        assert found["/g/link"] == Link(Target("/g/a", "../moved/raw.zarr"))
        assert found["/g/lost"] == nodes["/g/lost"]
        assert found["/g/other"] == nodes["/g/other"]
        assert found["/"].attributes == {
            "to": Target("/g", "../moved/raw.zarr"),
            "many": [Target("/words", "../moved/raw.zarr"), Target("/g")],
        }


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """As lines, as JSON, and what it would do."""
    root = write(tmp_path / "a.zarr")
    (root / f"words/c.0{MARK}").write_bytes(b"half")

    said = CliRunner().invoke(main, ["repair", "--dry-run", str(root)])
    assert (said.exit_code, "1 would be done, 0 left to you" in said.stdout) == (0, True)
    done = CliRunner().invoke(main, ["repair", "--json", str(root)])
    assert [step["action"] for step in json.loads(done.stdout)["repairs"]] == ["remove"]
    assert "0 done" in CliRunner().invoke(main, ["repair", str(root)]).stdout
    assert CliRunner().invoke(main, ["repair", str(root), "--relink", "a"]).exit_code == 2
