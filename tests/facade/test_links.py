"""Links and references between files: where they lead, and what is said of those that lead nowhere."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import zarr
from hdmf.build import LinkBuilder

from hdmf_store import (
    ArgumentError,
    DanglingTargetError,
    DanglingTargetWarning,
    LinkCycleError,
    StoreIO,
    UnreadableError,
    UnsupportedValueError,
    ZarrIO,
    open_adapter,
)
from hdmf_store.nodes import ROOT, Group, Link, Node, Target
from hdmf_store.translate.compare import compare
from hdmf_store.translate.convert import convert
from hdmf_store.translate.examine import examine
from hdmf_store_adapters.local_files import LocalFiles
from tests.facade.linked_files import numbers, records, refers, store, text
from tests.facade.recordings import left_overs
from tests.translate.builder_files import dataset, group, reference, root, values

KINDS = {
    "Zarr 3": (".zarr", {"zarr_format": 3}),
    "Zarr 2": (".zarr", {"zarr_format": 2}),
    "HDF5": (".h5", {}),
}
each_kind = pytest.mark.parametrize("kind", KINDS)
each_zarr = pytest.mark.parametrize("kind", ["Zarr 3", "Zarr 2"])


def stored(folder: Path, name: str, kind: str, nodes: dict[str, Node]) -> Path:
    """Store nodes in a file of a kind, and return its path."""
    ending, options = KINDS[kind]
    folder.mkdir(parents=True, exist_ok=True)
    return store(folder / f"{name}{ending}", {ROOT: Group(), **nodes}, **options)


def there(name: str, kind: str) -> str:
    """Return how a file beside another is named in that."""
    return f"../{name}{KINDS[kind][0]}"


def end(builder: Any) -> Any:
    """Return a builder, or that to which a link leads."""
    return builder.builder if isinstance(builder, LinkBuilder) else builder


def remove(path: Path) -> None:
    """Delete a file of either kind."""
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def exported(source: Path, result: Path, *, links: bool, **options: Any) -> Path:
    """Export a file and return the path of the result."""
    with StoreIO(source, "r") as src, StoreIO(result, "w", **options) as io:
        io.export(src, write_args={"link_data": links})
    return result


def converted(source: Path, result: Path, *, links: bool) -> Path:
    """Convert a file as the command line does, and return the path of the result."""
    src, destination = open_adapter(source), open_adapter(result, "w")
    try:
        convert(src, destination, links=links)
    finally:
        destination.close()
        src.close()
    return result


either_way = pytest.mark.parametrize("run", [exported, converted], ids=["exported", "converted"])

# ------------------------------------------------------------------------------------------------ what leads nowhere


def _refuses(io: StoreIO, ask: Any) -> DanglingTargetError:
    with pytest.raises(DanglingTargetError) as caught:
        ask(io)
    return caught.value


ASKS = {
    "an element": ("/elements", lambda io: io.read_builder()["elements"].data[0]),
    "a scalar": ("/scalar", lambda io: io.read_builder()["scalar"].data.builder),
    "the values of a scalar": ("/scalar", lambda io: np.asarray(io.read_builder()["scalar"].data)),
    "a row": ("/rows", lambda io: io.read_builder()["rows"].data[0]),
    "a single record": ("/record", lambda io: io.read_builder()["record"].data["to"]),
}


@each_zarr
@pytest.mark.parametrize("ask", ASKS)
@pytest.mark.parametrize("where", ["in a missing file", "missing in a file", "missing here"])
def test_a_reference_that_leads_nowhere_names_both_ends(tmp_path: Path, kind: str, ask: str, where: str) -> None:
    """The file, the dataset, and the source and path of the target; every form of reference alike (NEEDS 4)."""
    if where == "missing in a file":
        stored(tmp_path, "raw", kind, {})
    target = Target("/gone", "." if where == "missing here" else there("raw", kind))
    path = stored(
        tmp_path,
        "day",
        kind,
        {
            "/fine": numbers(1, 2),
            "/elements": refers([target]),
            "/scalar": refers(target),
            "/rows": records([(1, target)]),
            "/record": records((1, target)),
        },
    )

    with StoreIO(path, "r") as io:
        assert values(io.read_builder()["fine"]).tolist() == [1, 2]
        problem = _refuses(io, ASKS[ask][1])

    assert (problem.location, problem.path) == (str(path), ASKS[ask][0])
    assert (problem.source, problem.target) == (target.source, "/gone")


@each_kind
@pytest.mark.parametrize("target", [Target("/gone"), Target("/x", "../missing.zarr"), Target("/x", "../missing.h5")])
def test_a_link_that_leads_nowhere_is_named_and_the_rest_is_read(tmp_path: Path, kind: str, target: Target) -> None:
    """Within the file or into another, in every kind of file (NEEDS 4)."""
    path = stored(tmp_path, "day", kind, {"/in": Group(), "/in/l": Link(target), "/fine": numbers(1)})

    with StoreIO(path, "r") as io, pytest.warns(DanglingTargetWarning) as caught:
        found = io.read_builder()
        assert values(found["fine"]).tolist() == [1]

    (message,) = [str(item.message) for item in caught]
    assert f"{path}: '/in/l' leads to '{target.path}'" in message
    assert target.is_internal or f"'{target.source}'" in message


@each_zarr
@pytest.mark.parametrize("source", ["nosuchscheme://host/raw.zarr", "s3:///", "", "http://127.0.0.1:9/raw.zarr"])
def test_whatever_a_link_names_the_rest_is_read(tmp_path: Path, kind: str, source: str) -> None:
    """A place that no library knows, or where nobody answers, is as missing as any other (NEEDS 4)."""
    path = stored(tmp_path, "day", kind, {"/l": Link(Target("/x", source)), "/fine": numbers(1)})

    with StoreIO(path, "r") as io, pytest.warns(DanglingTargetWarning, match="'/l' leads to '/x'"):
        assert values(io.read_builder()["fine"]).tolist() == [1]


@each_kind
def test_links_that_lead_from_file_to_file_in_a_circle_are_named(tmp_path: Path, kind: str) -> None:
    """The rest of both files is read; the error names the files that the links pass."""
    a = stored(tmp_path, "a", kind, {"/l": Link(Target("/l", there("b", kind))), "/fine": numbers(1)})
    stored(tmp_path, "b", kind, {"/l": Link(Target("/l", there("a", kind)))})

    with StoreIO(a, "r") as io, pytest.warns(DanglingTargetWarning, match="leads back to itself") as caught:
        assert values(io.read_builder()["fine"]).tolist() == [1]
    assert "b" + KINDS[kind][0] in str(caught[0].message)

    with pytest.raises(LinkCycleError):
        converted(a, tmp_path / "result.zarr", links=False)


@each_kind
def test_a_chain_whose_end_is_missing_names_its_beginning_and_where_it_was_looked_for(
    tmp_path: Path, kind: str
) -> None:
    """The link of the file that was opened, not only that of the file in between."""
    a = stored(tmp_path, "a", kind, {"/l": Link(Target("/m", there("b", kind)))})
    stored(tmp_path, "b", kind, {"/m": Link(Target("/n", there("c", kind)))})

    with StoreIO(a, "r") as io, pytest.warns(DanglingTargetWarning) as caught:
        io.read_builder()

    (message,) = [str(item.message) for item in caught]
    assert f"{a}: '/l' leads to '/m' in '{there('b', kind)}'" in message
    assert str(tmp_path / f"c{KINDS[kind][0]}") in message


@either_way
@each_zarr
def test_an_export_that_has_to_copy_what_is_missing_fails_and_leaves_the_old_result(
    tmp_path: Path, kind: str, run: Any
) -> None:
    """The error names both ends; nothing is left out in silence (NEEDS 4)."""
    path = stored(tmp_path, "day", kind, {"/r": refers([Target("/x", there("raw", kind))])})
    result = stored(tmp_path, "result", kind, {"/old": numbers(1)})

    with pytest.raises(DanglingTargetError, match="'/r' leads to '/x'"):
        run(path, result, links=False)

    assert left_overs(tmp_path, "day.zarr", "result.zarr") == []
    with StoreIO(result, "r") as io:
        assert values(io.read_builder()["old"]).tolist() == [1]


# ---------------------------------------------------------------------------------------------- never another object


@each_kind
def test_a_link_leads_to_the_nearest_file_of_a_name(tmp_path: Path, kind: str) -> None:
    """Where the file that was opened has the name of one that another file links to, it is not taken for that one."""
    stored(tmp_path / "raw", "day", kind, {"/x": numbers(7)})
    stored(tmp_path / "raw", "b", kind, {"/l": Link(Target("/x", there("day", kind)))})
    opened = stored(tmp_path, "day", kind, {"/x": numbers(1), "/l": Link(Target("/l", f"../raw/b{KINDS[kind][0]}"))})

    with StoreIO(opened, "r") as io:
        found = io.read_builder()
        assert values(found.links["l"].builder).tolist() == [7]
        assert values(found["x"]).tolist() == [1]


@each_kind
def test_a_link_back_into_the_file_that_was_opened_opens_nothing(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It leads to the very builder that was read."""
    a = stored(tmp_path, "a", kind, {"/x": numbers(1), "/l": Link(Target("/back", there("b", kind)))})
    b = stored(tmp_path, "b", kind, {"/back": Link(Target("/x", there("a", kind)))})

    with StoreIO(a, "r") as io:
        opened: list[str] = []
        monkeypatch.setattr(
            "hdmf_store.translate.relocate.open_adapter",
            lambda place, *given: opened.append(str(place)) or open_adapter(place, *given),
        )
        found = io.read_builder()

        assert found.links["l"].builder is found["x"]
        assert opened == [str(b)]


@each_kind
def test_a_path_in_another_file_begins_at_its_root(tmp_path: Path, kind: str) -> None:
    """With a slash or without one, whatever group the link stands in."""
    stored(tmp_path, "b", kind, {"/g": Group(), "/g/x": numbers(1), "/x": numbers(2)})
    if kind == "HDF5":
        a = tmp_path / "a.h5"
        with h5py.File(a, "w") as file:
            file["g/l"] = h5py.ExternalLink("b.h5", "x")
    else:
        a = stored(tmp_path, "a", kind, {"/g": Group(), "/g/l": Link(Target("x", there("b", kind)))})

    with StoreIO(a, "r") as io:
        assert values(io.read_builder()["g"].links["l"].builder).tolist() == [2]


# ----------------------------------------------------------------------------------------------------- what is copied


@either_way
@each_kind
def test_a_link_to_a_whole_file_becomes_a_group_with_all_of_it(tmp_path: Path, kind: str, run: Any) -> None:
    """The other file's root is an object like any other; its cached specifications are no part of it."""
    stored(
        tmp_path,
        "b",
        kind,
        {
            ROOT: Group({"note": "whole", ".specloc": "specifications"}),
            "/x": numbers(1),
            "/g": Group(),
            "/g/of": refers([Target("/x"), Target("/")]),
            "/specifications": Group(),
        },
    )
    a = stored(tmp_path, "a", kind, {"/all": Link(Target("/", there("b", kind)))})

    result = run(a, tmp_path / "result.zarr", links=False)
    remove(tmp_path / f"b{KINDS[kind][0]}")

    with StoreIO(result, "r") as io:
        found = io.read_builder()["all"]
        assert found.attributes == {"note": "whole"}
        assert sorted(found.groups) == ["g"]
        assert values(found["x"]).tolist() == [1]
        assert found["g"]["of"].data[0] is found["x"]
        assert found["g"]["of"].data[1] is found


@either_way
def test_a_reference_to_a_whole_file_brings_it_under_a_name(tmp_path: Path, run: Any) -> None:
    """It gets a group of its own; the root of the result stays what it is."""
    stored(tmp_path, "b", "Zarr 3", {ROOT: Group({"note": "whole"}), "/x": numbers(1)})
    a = stored(tmp_path, "a", "Zarr 3", {"/r": refers([Target("/", "../b.zarr")])})

    result = run(a, tmp_path / "result.zarr", links=False)
    remove(tmp_path / "b.zarr")

    with StoreIO(result, "r") as io:
        found = io.read_builder()
        assert found.attributes == {}
        assert found["r"].data[0] is found["root"]
        assert found["root"].attributes == {"note": "whole"}
        assert values(found["root"]["x"]).tolist() == [1]


@either_way
@each_kind
def test_what_refers_back_to_the_exported_file_leads_to_the_result(tmp_path: Path, kind: str, run: Any) -> None:
    """An object of the other file that links back into this one is no reason for a second copy."""
    a = stored(tmp_path, "a", kind, {"/own": Group(), "/own/x": numbers(1), "/l": Link(Target("/g", there("b", kind)))})
    stored(tmp_path, "b", kind, {"/g": Group(), "/g/back": Link(Target("/own", there("a", kind)))})

    result = run(a, tmp_path / "result.zarr", links=False)
    for name in "ab":
        remove(tmp_path / f"{name}{KINDS[kind][0]}")

    adapter = open_adapter(result)
    assert adapter.load()["/l/back"] == Link(Target("/own"))
    assert sorted(adapter.load()) == ["/", "/l", "/l/back", "/own", "/own/x"]
    adapter.close()


@either_way
@each_kind
def test_two_files_that_hold_the_same_paths_do_not_meet(tmp_path: Path, kind: str, run: Any) -> None:
    """What is copied from each gets a place of its own, and what refers to it finds it there."""
    for name, value in (("b", 1), ("c", 2)):
        nodes = {"/aim": numbers(value), "/g": Group({"of": Target("/aim")}), "/g/r": refers([Target("/aim")])}
        stored(tmp_path, name, kind, nodes)
    a = stored(
        tmp_path,
        "a",
        kind,
        {"/b": Link(Target("/g", there("b", kind))), "/c": Link(Target("/g", there("c", kind))), "/aim": numbers(0)},
    )

    result = run(a, tmp_path / "result.zarr", links=False)
    for name in "abc":
        remove(tmp_path / f"{name}{KINDS[kind][0]}")

    with StoreIO(result, "r") as io:
        found = io.read_builder()
        for name, value in (("b", 1), ("c", 2)):
            assert values(found[name].attributes["of"]).tolist() == [value]
            assert found[name]["r"].data[0] is found[name].attributes["of"]
        assert values(found["aim"]).tolist() == [0]


@either_way
def test_what_is_referred_to_by_way_of_a_link_is_not_copied_twice(tmp_path: Path, run: Any) -> None:
    """A path through a link names the same object as the straight path; a group takes up its part that is there."""
    raw = {"/g": Group(), "/g/x": numbers(1), "/aside": Link(Target("/g")), "/h": Group({"of": Target("/aside")})}
    stored(tmp_path, "b", "Zarr 3", raw)
    to = partial(Target, source="../b.zarr")
    a = stored(tmp_path, "a", "Zarr 3", {"/r": refers([to("/g/x"), to("/aside/x"), to("/h")])})

    result = run(a, tmp_path / "result.zarr", links=False)

    adapter = open_adapter(result)
    assert sorted(adapter.load()) == ["/", "/g", "/g/x", "/h", "/r"]
    adapter.close()
    with StoreIO(result, "r") as io:
        found = io.read_builder()
        assert [item is found["g"]["x"] for item in found["r"].data[:]] == [True, True, False]
        assert found["r"].data[2].attributes["of"] is found["g"]
        assert values(found["g"]["x"]).tolist() == [1]


@pytest.mark.parametrize("links", [True, False], ids=["linked", "copied"])
@either_way
@each_kind
def test_an_export_onto_a_file_that_its_source_links_to_loses_nothing(
    tmp_path: Path, kind: str, run: Any, links: bool
) -> None:
    """What is about to be replaced cannot be linked to, so it is copied."""
    raw = stored(tmp_path, "raw", kind, {"/g": Group(), "/g/x": numbers(1, 2)})
    day = stored(tmp_path, "day", kind, {"/l": Link(Target("/g", there("raw", kind)))})

    run(day, raw, links=links)

    with StoreIO(raw, "r") as io:
        assert values(io.read_builder()["l"]["x"]).tolist() == [1, 2]


@each_kind
def test_a_file_that_is_replaced_by_parts_of_itself_loses_nothing(tmp_path: Path, kind: str) -> None:
    """Its data and objects, at other paths of the new file, are copied before the old file goes."""
    path = stored(tmp_path, "a", kind, {"/x": numbers(1, 2), "/g": Group(), "/g/y": numbers(3)})

    with StoreIO(path, "r") as old, StoreIO(path, "w", **KINDS[kind][1]) as io:
        read = old.read_builder()
        made = root(dataset("moved", read["x"].data), dataset("x", [9]), LinkBuilder(builder=read["g"], name="l"))
        io.write_builder(made)

    with StoreIO(path, "r") as io:
        found = io.read_builder()
        assert values(found["moved"]).tolist() == [1, 2]
        assert values(found["x"]).tolist() == [9]
        assert values(end(found["l"])["y"]).tolist() == [3]


@pytest.mark.parametrize("links", [True, False], ids=["linked", "copied"])
def test_what_was_exported_can_be_exported_again(tmp_path: Path, links: bool) -> None:
    """From HDF5 to Zarr to HDF5 and back, every link and reference leads where it led at first (NEEDS 8)."""
    stored(tmp_path, "b", "HDF5", {"/g": Group({"note": "kept"}), "/g/x": numbers(1), "/g/r": refers([Target("/g")])})
    nodes = {
        "/l": Link(Target("/g", "../b.h5")),
        "/again": Link(Target("/g", "../b.h5")),
        "/own": numbers(2),
        "/r": refers([Target("/own"), Target("/r")]),
        "/rows": records([(3, Target("/own"))]),
    }
    path = stored(tmp_path, "a", "HDF5", nodes)
    for turn, ending in enumerate((".zarr", ".h5", ".zarr")):
        result = exported(path, tmp_path / f"{turn}{ending}", links=links)
        remove(path)
        path = result
        (tmp_path / "b.h5").unlink(missing_ok=True)

    with StoreIO(path, "r") as io:
        found = io.read_builder()
        other = end(found["l"])
        assert end(found["again"]) is other
        assert other.attributes == {"note": "kept"}
        assert other["r"].data[0] is other
        assert found["r"].data[0] is found["own"]
        assert found["r"].data[1] is found["r"]
        assert found["rows"].data[0]["to"] is found["own"]


@each_zarr
@pytest.mark.parametrize("changed", [False, True], ids=["as it was copied", "changed since"])
def test_a_copy_of_what_several_links_lead_to_is_compared_with_each(tmp_path: Path, kind: str, changed: bool) -> None:
    """A link that stands in place of a second copy, a whole file, and an end behind two links are content as well."""
    stored(tmp_path, "c", kind, {"/end": numbers(3)})
    raw = {"/g": Group(), "/g/x": numbers(1, 2), "/far": Link(Target("/end", there("c", kind)))}
    stored(tmp_path, "b", kind, raw)
    to_b = partial(Target, source=there("b", kind))
    nodes: dict[str, Node] = {
        "/first": Link(to_b("/g")),
        "/second": Link(to_b("/g")),
        "/part": Link(to_b("/g/x")),
        "/far": Link(to_b("/far")),
    }
    a = stored(tmp_path, "a", kind, nodes)
    result = converted(a, tmp_path / "result.zarr", links=False)
    if changed:
        stored(tmp_path, "b", kind, {**raw, "/g/x": numbers(1, 4)})

    one, other = open_adapter(a), open_adapter(result)
    found = compare(one, other)
    one.close()
    other.close()

    assert {difference.path for difference in found.differences} == ({"/first/x"} if changed else set())


@pytest.mark.parametrize("what", ["attribute", "element"])
def test_a_reference_that_would_need_a_copy_is_refused_where_only_a_value_is_stored(tmp_path: Path, what: str) -> None:
    """A Zarr file cannot lead to an object of an HDF5 file; nothing is stored that would lead nowhere."""
    raw = stored(tmp_path, "raw", "HDF5", {"/g": Group()})
    path = stored(tmp_path, "day", "Zarr 3", {"/own": Group(), "/r": refers([Target("/own")])})

    with StoreIO(raw, "r") as src, ZarrIO(path, "r+") as io:
        far = src.read_builder()["g"]
        with pytest.raises(ArgumentError, match="another file"):
            if what == "attribute":
                io.write_attributes(zarr.open_group(path, mode="r")["own"], {"to": reference(far)})
            else:
                io.read_builder()["r"].data.append(far)

    with ZarrIO(path, "r") as io:
        found = io.read_builder()
        assert found["own"].attributes == {}
        assert len(found["r"].data) == 1


# ------------------------------------------------------------------------------------------------------------- places

ODD = ["with blank", "ünïcode 世界", "hash#tag", "per%20cent", "a?b", "-dash", ".hidden"]


@pytest.mark.parametrize("folder", ODD)
@each_kind
def test_files_in_oddly_named_folders_find_each_other(
    tmp_path: Path, kind: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Relative paths with a slash at the end too, from any working directory, after a move (NEEDS 1, 2, 69)."""
    before, after = tmp_path / "before", tmp_path / folder
    raw = stored(before / folder, "raw", kind, {"/x": numbers(1)})
    slash = "" if kind == "HDF5" else "/"
    monkeypatch.chdir(before)
    ending, options = KINDS[kind]
    with (
        StoreIO(f"{folder}/{raw.name}{slash}", "r") as src,
        StoreIO(f"./{folder}/../{folder}/day{ending}{slash}", "w", **options) as io,
    ):
        io.write_builder(root(LinkBuilder(builder=src.read_builder()["x"], name="l")))
    monkeypatch.chdir(tmp_path)
    before.rename(after)
    monkeypatch.chdir("/")

    adapter = open_adapter(after / folder / f"day{ending}")
    assert adapter.load()["/l"] == Link(Target("/x", f"../raw{ending}"))
    adapter.close()
    with StoreIO(after / folder / f"day{ending}", "r") as io:
        assert values(io.read_builder().links["l"].builder).tolist() == [1]


@pytest.mark.parametrize("links", [True, False], ids=["linked", "copied"])
@each_kind
def test_a_source_that_was_reached_through_a_symbolic_link(tmp_path: Path, kind: str, links: bool) -> None:
    """The result has links to the real place of the other file, or none at all (NEEDS 8, 69)."""
    ending, options = KINDS[kind]
    stored(tmp_path / "data", "raw", kind, {"/g": Group(), "/g/x": numbers(1)})
    nodes = {"/own": numbers(2), "/soft": Link(Target("/own")), "/l": Link(Target("/g", there("raw", kind)))}
    stored(tmp_path / "data", "day", kind, nodes)
    (tmp_path / "view").mkdir()
    (tmp_path / "view" / f"alias{ending}").symlink_to(tmp_path / "data" / f"day{ending}")
    (tmp_path / "folder").symlink_to(tmp_path / "data")

    for number, source in enumerate((tmp_path / "view" / f"alias{ending}", tmp_path / "folder" / f"day{ending}")):
        exported(source, tmp_path / "out" / f"{number}{ending}", links=links, **options)
    remove(tmp_path / "data" / f"day{ending}")
    if not links:
        remove(tmp_path / "data" / f"raw{ending}")

    for number in range(2):
        with StoreIO(tmp_path / "out" / f"{number}{ending}", "r") as io:
            found = io.read_builder()
            assert found.links["soft"].builder is found["own"]
            assert values(found["l"].builder["x"] if links else found["l"]["x"]).tolist() == [1]
            wanted = Link(Target("/g", f"../../data/raw{ending}"))
            assert io.adapter.load()["/l"] == wanted if links else isinstance(io.adapter.load()["/l"], Group)


@each_kind
def test_a_file_that_is_itself_a_symbolic_link_finds_its_neighbours(tmp_path: Path, kind: str) -> None:
    """Beside the place that it leads to, else beside the link, as where a version control keeps files elsewhere."""
    ending = KINDS[kind][0]
    kept = stored(tmp_path / "annex", "4711", kind, {"/l": Link(Target("/x", there("raw", kind)))})
    stored(tmp_path / "work", "raw", kind, {"/x": numbers(1)})
    (tmp_path / "work" / f"day{ending}").symlink_to(kept)

    with StoreIO(tmp_path / "work" / f"day{ending}", "r") as io:
        assert values(io.read_builder().links["l"].builder).tolist() == [1]


@pytest.fixture
def memory() -> Iterator[str]:
    """A place in fsspec's memory, empty before and after."""
    files = fsspec.filesystem("memory")
    yield "memory://"
    for name in files.ls("/", detail=False):
        files.rm(name, recursive=True)


@pytest.mark.parametrize(("raw", "day"), [("raw.zarr", "day.zarr"), ("lab/raw.zarr", "lab/deep/day.zarr")])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_two_files_in_memory_link_to_each_other(memory: str, raw: str, day: str, zarr_format: int) -> None:
    """Links and references are relative, and lead to the neighbour both ways (NEEDS 3)."""
    with ZarrIO(memory + raw, "w", zarr_format=zarr_format) as io:
        io.write_builder(root(group("g", dataset("x", [1])), dataset("t", ["a"])))
    with ZarrIO(memory + raw, "r") as src, ZarrIO(memory + day, "w", zarr_format=zarr_format) as io:
        read = src.read_builder()
        made = root(LinkBuilder(builder=read["g"], name="l"), dataset("r", [reference(read["t"])]), dataset("y", [2]))
        io.write_builder(made)
    with ZarrIO(memory + day, "r") as src, ZarrIO(memory + raw, "a") as io:
        io.write_builder(root(LinkBuilder(builder=src.read_builder()["y"], name="back")))

    with ZarrIO(memory + "/" + day, "r") as io:
        found = io.read_builder()
        assert values(found.links["l"].builder["x"]).tolist() == [1]
        assert values(found["r"].data[0]).tolist() == ["a"]
        outside = io.adapter.load()["/l"].target.source
        assert outside == ("../raw.zarr" if day == "day.zarr" else "../../raw.zarr")
    with ZarrIO(memory + raw, "r") as io:
        assert values(io.read_builder().links["back"].builder).tolist() == [2]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A plain web server of a folder ``www``, on this machine; it can list nothing that zarr could use."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            pass

    (tmp_path / "www").mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "www")))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@each_zarr
def test_a_link_into_a_neighbouring_file_is_followed_over_http(tmp_path: Path, server: str, kind: str) -> None:
    """The same folder, served by a plain web server, has the same links; one that leads nowhere is named (NEEDS 3)."""
    raw = {"/g": Group(), "/g/x": numbers(1, 2), "/t": text("a")}
    stored(tmp_path / "www" / "sub", "raw", kind, raw)
    nodes = {
        "/l": Link(Target("/g", "../sub/raw.zarr")),
        "/r": refers([Target("/t", "../sub/raw.zarr")]),
        "/gone": Link(Target("/x", "../missing.zarr")),
    }
    stored(tmp_path / "www", "day", kind, nodes)

    with ZarrIO(f"{server}/day.zarr", "r") as io:
        with pytest.warns(DanglingTargetWarning, match=r"'/gone' leads to '/x' in '\.\./missing\.zarr'"):
            found = io.read_builder()
        assert values(found.links["l"].builder["x"]).tolist() == [1, 2]
        assert values(found["r"].data[0]).tolist() == ["a"]
        assert found["r"].data[0].source == f"{server}/sub/raw.zarr"


# -------------------------------------------------------------------------------------------------------------- costs


@each_zarr
def test_thousands_of_references_into_another_file_read_its_metadata_once(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each document and each chunk of both files is read once at most, whatever the number of references (NEEDS 6)."""
    raw = {f"/g{i}": Group() for i in range(50)}
    stored(tmp_path, "raw", kind, raw)
    targets = [Target(f"/g{i % 50}", "../raw.zarr") for i in range(3000)]
    path = stored(tmp_path, "day", kind, {"/r": refers(targets)})
    asked: Counter[tuple[int, str]] = Counter()
    read = LocalFiles.read

    def counting(self: LocalFiles, key: str) -> bytes | None:
        asked[id(self), key] += 1
        return read(self, key)

    monkeypatch.setattr(LocalFiles, "read", counting)
    with ZarrIO(path, "r") as io:
        found = io.read_builder()["r"].data[:]

    assert len(found) == 3000
    assert len({id(item) for item in found}) == 50
    assert len({file for file, _ in asked}) == 2
    assert max(asked.values()) == 1


# ---------------------------------------------------------------------------------------------------- region references


def _with_region(path: Path, where: str) -> None:
    with h5py.File(path, "w") as file:
        good = file.create_dataset("good", data=[1, 2])
        region = good.regionref[0:1]
        if where == "dataset":
            file.create_dataset("g/bad", (1,), h5py.regionref_dtype)[0] = region
        elif where == "scalar":
            file.create_dataset("g/bad", (), h5py.regionref_dtype)[()] = region
        elif where == "record":
            rows = file.create_dataset("g/bad", (1,), np.dtype([("n", "i4"), ("to", h5py.regionref_dtype)]))
            rows[0] = (1, region)
        else:
            file.create_dataset("g/bad", data=[3]).attrs["region"] = region


@either_way
@pytest.mark.parametrize("where", ["dataset", "scalar", "record", "attribute"])
def test_a_region_reference_is_an_error_that_names_its_dataset(tmp_path: Path, where: str, run: Any) -> None:
    """It is never left out in silence, and what lay at the destination is still there (NEEDS 14)."""
    _with_region(tmp_path / "a.h5", where)
    result = stored(tmp_path, "result", "Zarr 3", {"/old": numbers(1)})

    with pytest.raises((UnsupportedValueError, UnreadableError), match=r"/g/bad: .*region references"):
        run(tmp_path / "a.h5", result, links=False)

    assert left_overs(tmp_path, "a.h5", "result.zarr") == []
    with StoreIO(result, "r") as io, StoreIO(tmp_path / "a.h5", "r") as source:
        assert values(io.read_builder()["old"]).tolist() == [1]
        assert values(source.read_builder()["good"]).tolist() == [1, 2]


def test_verify_lists_a_region_reference_in_an_attribute(tmp_path: Path) -> None:
    """It says which object holds it, as for datasets (NEEDS 14)."""
    _with_region(tmp_path / "a.h5", "attribute")

    adapter = open_adapter(tmp_path / "a.h5")
    (difference,) = examine(adapter).differences
    adapter.close()

    assert difference.path == "/g/bad"
    assert "'region'" in difference.what
