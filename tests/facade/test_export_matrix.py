"""Exports in every direction of everything that can lead from one object to another: links, references, chains of them.

One file leads to a second one in every way that its format knows, and the second to a third. It is exported once for
each direction, each way of exporting, with and without `link_data`; then its folder is moved or deleted, and each test
looks at one thing in the result. Files are stored as nodes, so that no source depends on how builders become nodes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from hdmf.backends.hdf5 import HDF5IO
from hdmf.build import BuildManager, DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder, TypeMap
from hdmf.spec import NamespaceCatalog

from hdmf_store import StoreIO, open_adapter
from hdmf_store.nodes import ROOT, Compound, Dataset, Group, Hierarchy, Link, Node, Target
from hdmf_store.translate.convert import convert
from tests.facade.linked_files import numbers, records, refers, store, text
from tests.translate.builder_files import values

Nodes = dict[str, Node]

# ----------------------------------------------------------------------------------------------------------- the files


def third() -> Nodes:
    """Return the file to which the second one leads."""
    return {ROOT: Group(), "/deep": Group({"note": "deep"}), "/deep/x": numbers(9, 8)}


def second(ending: str) -> Nodes:
    """Return the file to which the exported one leads; what it leads to refers to more in it, and to a third file."""
    nodes: Nodes = {
        ROOT: Group(),
        "/g": Group({"note": "kept"}),
        "/g/d": numbers(0, 1, 2),
        "/t": text("a", "b"),
        "/behind": Group(),
        "/behind/d": numbers(5),
        "/link": Link(Target("/behind")),
        "/chain": Link(Target("/deep", f"../third{ending}")),
        "/aim": Group({"note": "aimed at"}),
        "/aim/v": numbers(7),
        "/holder": Group({"of": Target("/aim")}),
        "/holder/refs": refers([Target("/aim"), Target("/aim/v"), Target("/holder")]),
        "/holder/rows": records([(1, Target("/aim/v"))]),
        "/holder/aside": Link(Target("/aim")),
    }
    for name in FAR:
        nodes[f"/{name}"] = Group({"note": name})
        nodes[f"/{name}/v"] = numbers(4)
    return nodes


FAR = ("far_attribute", "far_dataset", "far_compound", "far_scalar", "far_scalar_compound")


def first(ending: str) -> Nodes:
    """Return the file that is exported; only Zarr has references into other files."""
    there = f"../second{ending}"
    nodes: Nodes = {
        ROOT: Group(),
        "/own": Group({"note": "own"}),
        "/own/d": numbers(1, 2),
        "/soft_group": Link(Target("/own")),
        "/soft_dataset": Link(Target("/own/d")),
        "/in": Group(),
        "/in/within": Link(Target("/g/d", there)),
        "/in/external_group": Link(Target("/g", there)),
        "/in/external_group_again": Link(Target("/g", there)),
        "/external_dataset": Link(Target("/t", there)),
        "/external_link": Link(Target("/link", there)),
        "/chain": Link(Target("/chain", there)),
        "/holder": Link(Target("/holder", there)),
        "/attribute": Group({"of": Target("/own")}),
        "/dataset": refers([Target("/own"), Target("/own/d"), Target("/soft_group/d")]),
        "/compound": records([(1, Target("/own")), (2, Target("/own/d"))]),
        "/scalar": refers(Target("/own/d")),
        "/scalar_compound": records((3, Target("/own"))),
    }
    if ending == ".zarr":
        nodes |= {
            "/far_attribute": Group({"of": Target("/far_attribute", there)}),
            "/far_dataset": refers([Target("/far_dataset", there), Target("/own"), Target("/far_dataset/v", there)]),
            "/far_compound": records([(1, Target("/far_compound", there))]),
            "/far_scalar": refers(Target("/far_scalar/v", there)),
            "/far_scalar_compound": records((3, Target("/far_scalar_compound", there))),
        }
    return nodes


# ------------------------------------------------------------------------------------------------------------ the ways


@attrs.frozen
class Kind:
    """A kind of file."""

    ending: str
    options: dict[str, Any] = attrs.field(factory=dict, eq=False)


HDF5, ZARR_3, ZARR_2 = Kind(".h5"), Kind(".zarr", {"zarr_format": 3}), Kind(".zarr", {"zarr_format": 2})


def by_export(source: Path, result: Path, kind: Kind, links: bool) -> None:
    """Export builders, both files behind `StoreIO`."""
    with StoreIO(source, "r") as src, StoreIO(result, "w", **kind.options) as io:
        io.export(src, write_args={"link_data": links})


def by_hdmf(source: Path, result: Path, kind: Kind, links: bool) -> None:
    """Export builders that HDMF's own backend for HDF5 read."""
    manager = BuildManager(TypeMap(NamespaceCatalog()))
    with HDF5IO(source, "r", manager=manager) as src, StoreIO(result, "w", **kind.options) as io:
        io.export(src, write_args={"link_data": links})


def by_convert(source: Path, result: Path, kind: Kind, links: bool) -> None:
    """Convert nodes, as the command line does."""
    src, destination = open_adapter(source), open_adapter(result, "w", **kind.options)
    try:
        convert(src, destination, links=links)
    finally:
        destination.close()
        src.close()


HDMF_CANNOT_READ = {"/scalar", "/scalar_compound", "/chain", "/in/external_group_again"}
"""References that are no arrays, chains through three files, and one of two links in a group to objects of one name."""

WAYS = {
    "HDF5 to Zarr 3": (HDF5, ZARR_3, by_export),
    "HDF5 to Zarr 3, read by HDMF": (HDF5, ZARR_3, by_hdmf),
    "HDF5 to Zarr 3, converted": (HDF5, ZARR_3, by_convert),
    "HDF5 to Zarr 2": (HDF5, ZARR_2, by_export),
    "HDF5 to Zarr 2, read by HDMF": (HDF5, ZARR_2, by_hdmf),
    "Zarr 3 to Zarr 3": (ZARR_3, ZARR_3, by_export),
    "Zarr 3 to Zarr 3, converted": (ZARR_3, ZARR_3, by_convert),
    "Zarr 3 to Zarr 2": (ZARR_3, ZARR_2, by_export),
    "Zarr 2 to Zarr 3": (ZARR_2, ZARR_3, by_export),
    "Zarr 2 to Zarr 3, converted": (ZARR_2, ZARR_3, by_convert),
    "Zarr 2 to Zarr 2": (ZARR_2, ZARR_2, by_export),
    "Zarr 3 to HDF5": (ZARR_3, HDF5, by_export),
    "Zarr 3 to HDF5, converted": (ZARR_3, HDF5, by_convert),
    "Zarr 2 to HDF5": (ZARR_2, HDF5, by_export),
    "HDF5 to HDF5": (HDF5, HDF5, by_export),
}


@attrs.frozen
class Result:
    """What came out, opened where it lies now."""

    root: GroupBuilder
    nodes: Hierarchy
    file: str
    second: str
    holds_links: bool

    def at(self, path: str) -> Any:
        """Return the builder at a path, or the one to which a link there leads."""
        found: Any = self.root
        for name in path.strip("/").split("/"):
            found = found[name]
            found = found.builder if isinstance(found, LinkBuilder) else found
        return found

    def elsewhere(self, path: str) -> Target:
        """Return a target in the second file, as it is named from the result."""
        return Target(path, self.second)


Export = Callable[[str, bool], Result]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Export]:
    """Export in one way, once for all tests; then delete what the result must not need, and move the rest."""
    opened: list[StoreIO] = []
    known: dict[tuple[str, bool], Result] = {}

    def made(way: str, links: bool) -> Result:
        if (way, links) not in known:
            io, second_file, holds_links = _exported(tmp_path_factory.mktemp("export"), way, links)
            opened.append(io)
            root = io.read_builder()
            known[way, links] = Result(root, io.adapter.load(), io.source, second_file, holds_links)
        return known[way, links]

    yield made
    for io in opened:
        io.close()


def _exported(folder: Path, way: str, links: bool) -> tuple[StoreIO, str, bool]:
    source, destination, run = WAYS[way]
    ending = source.ending
    before, after = folder / "before", folder / "after"
    (before / "out").mkdir(parents=True)
    nodes = first(ending)
    for path in HDMF_CANNOT_READ if run is by_hdmf else ():
        del nodes[path]
    store(before / f"third{ending}", third(), **source.options)
    store(before / f"second{ending}", second(ending), **source.options)
    store(before / f"first{ending}", nodes, **source.options)

    run(before / f"first{ending}", before / "out" / f"result{destination.ending}", destination, links)

    holds_links = links and source.ending == destination.ending
    gone = ["first"] if holds_links else ["first", "second", "third"]
    for name in gone:
        path = before / f"{name}{ending}"
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    before.rename(after)
    second_file = f"../../second{ending}"
    return StoreIO(after / "out" / f"result{destination.ending}", "r"), second_file, holds_links


def ways(*, but: Callable[..., None] | None = None, sources: tuple[Kind, ...] = (HDF5, ZARR_3, ZARR_2)) -> Any:
    """Return a mark that runs a test for every way, with links and with copies."""
    return pytest.mark.parametrize(
        ("way", "links"),
        [
            pytest.param(name, links, id=f"{name}, {'linked' if links else 'copied'}")
            for name, (source, _, run) in WAYS.items()
            for links in (True, False)
            if run is not but and source in sources
        ],
    )


# ----------------------------------------------------------------------------------------------------- within one file


@ways()
@pytest.mark.parametrize(("path", "target"), [("/soft_group", "/own"), ("/soft_dataset", "/own/d")])
def test_a_link_within_the_file_stays_one(export: Export, way: str, links: bool, path: str, target: str) -> None:
    """It is no copy, and does not lead back to the source (NEEDS 8)."""
    result = export(way, links)

    assert result.nodes[path] == Link(Target(target))
    assert result.at(path) is result.at(target)


@ways()
def test_a_reference_in_an_attribute_leads_to_the_new_object(export: Export, way: str, links: bool) -> None:
    """To the object of the result, not to that of the source (NEEDS 8)."""
    result = export(way, links)

    assert result.nodes["/attribute"].attributes == {"of": Target("/own")}
    assert result.at("/attribute").attributes["of"] is result.at("/own")
    assert result.at("/own").source == result.file


@ways()
def test_a_dataset_of_references_leads_to_the_new_objects(export: Export, way: str, links: bool) -> None:
    """In the order in which they stood, also where the way leads through a link (NEEDS 8)."""
    result = export(way, links)

    own, data = result.at("/own"), result.at("/own/d")
    assert [
        found is wanted for found, wanted in zip(result.at("/dataset").data[:], [own, data, data], strict=True)
    ] == [
        True,
        True,
        True,
    ]


@ways()
def test_references_in_records_lead_to_the_new_objects(export: Export, way: str, links: bool) -> None:
    """The other fields of the record are what they were (NEEDS 8)."""
    result = export(way, links)

    rows = [result.at("/compound").data[i] for i in range(2)]
    assert [int(row["n"]) for row in rows] == [1, 2]
    assert [row["to"] for row in rows] == [result.at("/own"), result.at("/own/d")]


@ways(but=by_hdmf)
def test_a_dataset_that_is_one_reference_leads_to_the_new_object(export: Export, way: str, links: bool) -> None:
    """It stays a scalar (NEEDS 8)."""
    result = export(way, links)

    assert result.nodes["/scalar"].shape == ()
    assert result.at("/scalar").data.builder is result.at("/own/d")


@ways(but=by_hdmf)
def test_a_dataset_that_is_one_record_leads_to_the_new_object(export: Export, way: str, links: bool) -> None:
    """It stays a scalar (NEEDS 8)."""
    result = export(way, links)

    row = result.at("/scalar_compound").data
    assert (row.shape, int(row["n"])) == ((), 3)
    assert row["to"][()].builder is result.at("/own")


# ----------------------------------------------------------------------------------------------------- into other files


@ways()
def test_no_result_names_a_place_by_its_absolute_path(export: Export, way: str, links: bool) -> None:
    """What leads out of the result is relative to it; where copying was asked for, nothing leads out (NEEDS 1, 9)."""
    result = export(way, links)

    targets = [target for path, node in result.nodes.nodes.items() for target in _targets(result, path, node)]
    outside = {target.source for target in targets if not target.is_internal}
    allowed = {result.second, result.second.replace("second", "third")} if result.holds_links else set()
    assert outside <= allowed
    assert bool(outside) == result.holds_links


def _targets(result: Result, path: str, node: Node) -> list[Target]:
    if isinstance(node, Link):
        return [node.target]
    held = [value for value in node.attributes.values() if isinstance(value, Target)]
    if isinstance(node, Dataset) and (node.element.dtype.kind == "O" or isinstance(node.element, Compound)):
        found = node.values.read(tuple(slice(0, length) for length in node.shape))
        cells = found[node.element.references[0]] if isinstance(node.element, Compound) else found
        held += [cell for cell in cells.reshape(-1).tolist() if isinstance(cell, Target)]
    return held


@ways()
def test_an_external_link_to_a_group(export: Export, way: str, links: bool) -> None:
    """It is a link into the same file, or the group with all that is in it (NEEDS 8)."""
    result = export(way, links)

    if result.holds_links:
        assert result.nodes["/in/external_group"] == Link(result.elsewhere("/g"))
    else:
        assert isinstance(result.nodes["/in/external_group"], Group)
    found = result.at("/in/external_group")
    assert found.attributes == {"note": "kept"}
    assert values(found["d"]).tolist() == [0, 1, 2]
    assert (found.source == result.file) is not result.holds_links


@ways(but=by_hdmf)
@pytest.mark.parametrize(
    ("path", "same"), [("/in/external_group_again", "/in/external_group"), ("/in/within", "/in/external_group/d")]
)
def test_what_several_links_lead_to_is_copied_once(export: Export, way: str, links: bool, path: str, same: str) -> None:
    """Two links to one object, or to a group and to what is in it, lead to one copy."""
    result = export(way, links)

    assert isinstance(result.nodes[path], Link)
    assert result.at(path) is result.at(same)


@ways()
def test_an_external_link_to_a_dataset(export: Export, way: str, links: bool) -> None:
    """It is a link into the same file, or the dataset (NEEDS 8)."""
    result = export(way, links)

    if result.holds_links:
        assert result.nodes["/external_dataset"] == Link(result.elsewhere("/t"))
    else:
        assert isinstance(result.nodes["/external_dataset"], Dataset)
    assert values(result.at("/external_dataset")).tolist() == ["a", "b"]


@ways()
def test_an_external_link_to_a_link(export: Export, way: str, links: bool) -> None:
    """It leads to what that link leads to (NEEDS 8)."""
    result = export(way, links)

    node = result.nodes["/external_link"]
    if result.holds_links:
        assert node in (Link(result.elsewhere("/link")), Link(result.elsewhere("/behind")))
    else:
        assert isinstance(node, Group)
    assert values(result.at("/external_link/d")).tolist() == [5]


@ways(but=by_hdmf)
def test_a_chain_of_links_through_three_files(export: Export, way: str, links: bool) -> None:
    """Its end is found, and copied if copying was asked for (NEEDS 8)."""
    result = export(way, links)

    assert isinstance(result.nodes["/chain"], Link) is result.holds_links
    assert result.at("/chain").attributes == {"note": "deep"}
    assert values(result.at("/chain/x")).tolist() == [9, 8]


@ways()
def test_what_a_copied_object_refers_to_is_copied_with_it(export: Export, way: str, links: bool) -> None:
    """References and links of an object of another file lead to one and the same object (NEEDS 8)."""
    result = export(way, links)

    holder, row = result.at("/holder"), result.at("/holder/rows").data[0]
    aim = holder.attributes["of"]
    assert aim.attributes == {"note": "aimed at"}
    assert values(aim["v"]).tolist() == [7]
    for found, wanted in zip(holder["refs"].data[:], [aim, aim["v"], holder], strict=True):
        assert found is wanted
    assert (int(row["n"]), row["to"]) == (1, aim["v"])
    assert result.at("/holder/aside") is aim
    assert (aim.source == result.file) is not result.holds_links


FAR_ENDS: dict[str, Callable[[Result], Any]] = {
    "far_attribute": lambda result: result.at("/far_attribute").attributes["of"],
    "far_dataset": lambda result: result.at("/far_dataset").data[0],
    "far_compound": lambda result: result.at("/far_compound").data[0]["to"],
    "far_scalar": lambda result: result.at("/far_scalar").data.builder,
    "far_scalar_compound": lambda result: result.at("/far_scalar_compound").data["to"][()].builder,
}


@ways(sources=(ZARR_3, ZARR_2))
@pytest.mark.parametrize("name", FAR)
def test_a_reference_into_another_file(export: Export, way: str, links: bool, name: str) -> None:
    """It leads into that file still, or to a copy; every kind of value can hold one (NEEDS 8)."""
    result = export(way, links)

    found = FAR_ENDS[name](result)
    assert (found.source == result.file) is not result.holds_links
    if isinstance(found, DatasetBuilder):
        assert values(found).tolist() == [4]
    else:
        assert found.attributes == {"note": name}
        assert values(found["v"]).tolist() == [4]


@ways(sources=(ZARR_3, ZARR_2))
def test_references_into_several_files_can_stand_in_one_dataset(export: Export, way: str, links: bool) -> None:
    """Two of them lead to a group and to what is in it, the third to an object of the file itself."""
    result = export(way, links)

    far, own, inner = result.at("/far_dataset").data[:]
    assert own is result.at("/own")
    assert inner is far["v"]
    assert isinstance(result.at("/far_scalar").data, ReferenceBuilder)
