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


def unfinished(root: Path, path: str) -> Path:
    """Put an unfinished file beside a chunk of an array."""
    chunk = next(file for file in (root / path).rglob("*") if file.is_file() and file not in documents_of(root, path))
    half = chunk.with_name(chunk.name + MARK)
    half.write_bytes(b"half")
    return half


def without_copy(root: Path) -> Path:
    """Make a file of format 3 one that is not consolidated."""
    document = json.loads((root / "zarr.json").read_bytes())
    del document["consolidated_metadata"]
    (root / "zarr.json").write_text(json.dumps(document))
    return root


def damage(root: Path) -> dict[str, bytes]:
    """Damage a file in every way that can be mended; return what was stored before."""
    before = stored(root.parent)
    for document in documents_of(root, "g/a"):
        document.unlink()
    for document in documents_of(root, "words"):
        document.write_bytes(b"{")
    old(unfinished(root, "words"))
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
        del adapter
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


def test_chunks_of_no_array_are_told_of_and_stay(tmp_path: Path) -> None:
    """By its name nobody can tell what a file is worth: notes, other hierarchies, all that is left of an array."""
    root = write(tmp_path / "a.zarr")
    write(root / "derived/inner.zarr")
    for key in ("new/c/0/0", "README.txt", "g/a/c/9/9", "g/notes/2024", "notes/c.1"):
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(b"x")
    before = stored(root)

    done = repair(root)

    told = ["/", "/derived", "/g/a", "/g/notes", "/new", "/notes"]
    assert sorted(actions(done)) == [(path, "tell") for path in told]
    assert stored(root) == before


@pytest.mark.parametrize("broken", [None, b"{", b'{"zarr_format": 3, "node_type": "group", "attributes": [1]}'])
@pytest.mark.parametrize("path", ["g", "g/a"])
def test_chunks_stay_whatever_became_of_documents(tmp_path: Path, path: str, broken: bytes | None) -> None:
    """Of the array, of its group, or of others: one document that is lost costs no value."""
    root = without_copy(write(tmp_path / "a.zarr"))
    (root / path / "zarr.json").unlink()
    if broken is not None:
        (root / path / "zarr.json").write_bytes(broken)
    before = stored(root)

    done = repair(root, idle=0)

    assert {action for _, action in actions(done)} == {"tell"}
    assert stored(root) == before


def forge(root: Path, name: str) -> None:
    """Let the consolidated copy name an object."""
    if (root / ".zmetadata").exists():
        copy = json.loads((root / ".zmetadata").read_bytes())
        copy["metadata"] |= {f"{name}/.zgroup": {"zarr_format": 2}, f"{name}/.zattrs": {"a": 1}}
        (root / ".zmetadata").write_text(json.dumps(copy))
    else:
        copy = json.loads((root / "zarr.json").read_bytes())
        group = {"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}
        copy["consolidated_metadata"]["metadata"][name] = group
        (root / "zarr.json").write_text(json.dumps(copy))


def test_nothing_is_restored_through_a_linked_folder(root: Path) -> None:
    """What is elsewhere is not this file's; and its name does not fall out of the copy."""
    elsewhere = root.parent / "elsewhere"
    (root / "g").rename(elsewhere)
    (root / "g").symlink_to(elsewhere, target_is_directory=True)
    for document in documents_of(elsewhere.parent, "elsewhere/a"):
        document.unlink()
    before = stored(root.parent)

    done = repair(root)

    assert ("/g", "tell") in actions(done)
    assert {action for _, action in actions(done)} == {"tell"}
    assert stored(root.parent) == before


def test_a_link_to_a_document_that_is_not_there_yet_is_not_overwritten(root: Path) -> None:
    """DataLad fetches what such links lead to; the copy in their place would cut that off."""
    for document in documents_of(root, "g/a"):
        document.unlink()
        document.symlink_to(root / "annex" / document.name)

    done = repair(root)

    assert ("/g/a", "tell") in actions(done)
    assert all(document.is_symlink() for document in documents_of(root, "g/a"))


def test_a_folder_moved_aside_that_holds_the_only_chunks_stays(root: Path) -> None:
    """The document of its object comes back; then, too, its chunks are nowhere else."""
    (root / "g/a").rename(root / f"g/a{MARK}")
    old(root / f"g/a{MARK}")
    before = stored(root / f"g/a{MARK}")

    repair(root, idle=0)
    repair(root, idle=0)

    assert stored(root / f"g/a{MARK}") == before
    assert not any(MARK in path for path in read(root, "r-").load().nodes)


def test_a_folder_moved_aside_goes_once_all_of_it_is_in_its_place(root: Path) -> None:
    """As when a process is killed between the exchange of two folders and the removal of the old one."""
    before = stored(root)
    shutil.copytree(root / "g/a", root / f"g/a{MARK}")
    old(root / f"g/a{MARK}")

    assert actions(repair(root)) == [("/g", "remove")]
    assert stored(root) == before


def test_lost_attributes_come_back_and_are_not_taken_for_none(tmp_path: Path) -> None:
    """In format 2 they have a file of their own; of an array that another program made since, they are told only."""
    root = write(tmp_path / "a.zarr", zarr_format=2)
    (root / "g/.zattrs").unlink()
    (root / "g/a/.zattrs").unlink()
    document = json.loads((root / "g/a/.zarray").read_bytes())
    (root / "g/a/.zarray").write_text(json.dumps({**document, "shape": [4, 10]}))
    copy = (root / ".zmetadata").read_bytes()

    done = repair(root)

    assert set(actions(done)) == {("/g", "restore"), ("/g/a", "tell"), ("/", "tell")}
    assert read(root, "r-").load()["/g"].attributes == {"kept": 1}
    assert (root / ".zmetadata").read_bytes() == copy


def test_a_document_that_can_be_read_is_never_put_back(root: Path) -> None:
    """Also where others are broken: what was changed since the copy was made stays."""
    is_old = (root / ".zmetadata").exists()
    changed, broken = (".zarray", ".zattrs") if is_old else ("zarr.json", "zarr.json")
    document = json.loads((root / "g/a" / changed).read_bytes())
    (root / "g/a" / changed).write_text(json.dumps({**document, "shape": [4, 10]}))
    newer = (root / "g/a" / changed).read_bytes()
    for document_of_other in documents_of(root, "g"):
        document_of_other.unlink()
    (root / ("g/a" if is_old else "words") / broken).write_bytes(b'{"attributes": [1]')

    done = repair(root)

    assert (root / "g/a" / changed).read_bytes() == newer
    assert ("/", "consolidate") in actions(done)
    assert read(root).load()["/g/a"].shape == (4, 10)
    assert read(root).load()["/g/a"].attributes == {"unit": "V"}
    assert read(root).fetch(["/words"])["/words"].tolist() == ["a", "b"]
    assert {finding.kind for finding in verify(root)} == {"leftover"}  # the chunks that the newer shape leaves out


def test_a_copy_that_names_what_no_crawl_finds_is_not_made_anew(root: Path) -> None:
    """An object in a group that has no document anywhere would fall out of it."""
    forge(root, "lost/inner")
    name = ".zattrs" if (root / ".zattrs").exists() else "zarr.json"
    document = json.loads((root / "g" / name).read_bytes())
    (document if name == ".zattrs" else document["attributes"])["kept"] = 2
    (root / "g" / name).write_text(json.dumps(document))
    copy = (root / (".zmetadata" if (root / ".zmetadata").exists() else "zarr.json")).read_bytes()

    done = repair(root)

    assert ("/", "tell") in actions(done)
    assert ("/", "consolidate") not in actions(done)
    assert (root / (".zmetadata" if (root / ".zmetadata").exists() else "zarr.json")).read_bytes() == copy


def test_what_a_writer_is_at_work_on_stays(root: Path) -> None:
    """Unfinished files that changed lately, and where nobody tells when."""
    half = unfinished(root, "words")

    assert [action for _, action in actions(repair(root))] == ["tell"]
    assert half.exists()
    assert [action for _, action in actions(repair(root, idle=0))] == ["remove"]
    assert not half.exists()


def test_an_unfinished_file_stays_if_what_it_was_made_for_is_not_there(root: Path) -> None:
    """It can be the only bytes of a chunk."""
    half = old(unfinished(root, "words"))
    half.with_name(half.name.removesuffix(MARK)).unlink()

    assert [action for _, action in actions(repair(root))] == ["tell"]
    assert half.exists()


def test_a_consolidated_copy_that_was_cut_short_is_made_anew_if_nothing_is_lost_by_it(tmp_path: Path) -> None:
    """In format 2 it is a file of its own. As long as it names what is not there, it is the only trace of that."""
    root = write(tmp_path / "a.zarr", zarr_format=2)
    whole = (root / ".zmetadata").read_bytes()
    (root / ".zmetadata").write_bytes(whole[:-9])
    (root / "words").rename(tmp_path / "words")

    assert ("/", "tell") in actions(repair(root))
    assert (root / ".zmetadata").read_bytes() == whole[:-9]
    (tmp_path / "words").rename(root / "words")
    assert actions(repair(root)) == [("/", "consolidate")]
    assert (root / ".zmetadata").read_bytes() == whole


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
    without_copy(root)
    (root / "words").rename(root / f"words{MARK}")

    done = repair(root)

    assert {action for _, action in actions(done)} == {"tell"}
    assert (root / f"words{MARK}/zarr.json").exists()


def test_an_archive_is_mended_as_a_whole(tmp_path: Path) -> None:
    """It is packed anew, and appears at once; nobody knows the age of what is in it, so that stays."""
    write(tmp_path / "a.zarr")
    old(unfinished(tmp_path / "a.zarr", "words"))
    (tmp_path / "a.zarr/words/zarr.json").write_bytes(b"{")
    place = Path(shutil.make_archive(str(tmp_path / "b.zarr"), "zip", tmp_path / "a.zarr"))

    assert actions(repair(place)) == [("/words", "restore"), ("/words", "tell")]
    assert [finding.kind for finding in verify(place)] == ["leftover"]


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


def test_links_go_by_the_file_that_they_lead_to_now(tmp_path: Path) -> None:
    """A source can mean several places; only the first at which a file is counts."""
    write(tmp_path / "raw.zarr")
    (tmp_path / "inner").mkdir()
    root = write(tmp_path / "inner/a.zarr", {"/": Group(), "/link": Link(Target("/words", "../../raw.zarr"))})
    write(tmp_path / "moved.zarr")
    another = str(tmp_path / "inner/raw.zarr")
    assert another in [place.address for place in read(root).resolve("../../raw.zarr")]

    assert repair(root, relink={another: str(tmp_path / "moved.zarr")}) == []
    assert actions(repair(root, relink={str(tmp_path / "raw.zarr"): str(tmp_path / "moved.zarr")})) == [
        ("/link", "relink")
    ]


def test_two_files_that_changed_places_are_re_pointed_at_once(tmp_path: Path) -> None:
    """Each link goes by where it led before the repair."""
    one, two = write(tmp_path / "one.zarr"), write(tmp_path / "two.zarr")
    links = {"/one": Link(Target("/words", "../one.zarr")), "/two": Link(Target("/words", "../two.zarr"))}
    root = write(tmp_path / "a.zarr", {"/": Group(), **links})

    repair(root, relink={"../one.zarr": str(two), "../two.zarr": str(one)})

    found = read(root).load()
    assert (found["/one"], found["/two"]) == (links["/two"], links["/one"])


def test_the_command_says_what_it_did(tmp_path: Path) -> None:
    """As lines, as JSON, and what it would do."""
    root = write(tmp_path / "a.zarr")
    old(unfinished(root, "words"))

    said = CliRunner().invoke(main, ["repair", "--dry-run", str(root)])
    assert (said.exit_code, "1 would be done, 0 left to you" in said.stdout) == (0, True)
    done = CliRunner().invoke(main, ["repair", "--json", str(root)])
    assert [step["action"] for step in json.loads(done.stdout)["repairs"]] == ["remove"]
    assert "0 done" in CliRunner().invoke(main, ["repair", str(root)]).stdout
    assert CliRunner().invoke(main, ["repair", str(root), "--relink", "a"]).exit_code == 2
