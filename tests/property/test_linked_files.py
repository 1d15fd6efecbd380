"""Any two files that lead to each other, exported in any direction: what can be reached stays what it was."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hdmf_store import StoreIO, open_adapter
from hdmf_store.adapter import StoreAdapter
from hdmf_store.nodes import ROOT, Compound, Dataset, Group, Link, Node, Target, basename, parent
from hdmf_store.translate.convert import convert
from tests.effort import examples
from tests.facade.linked_files import numbers, records, refers, store

NAMES = st.sampled_from("abc")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(lambda names: "/" + "/".join(names))
KINDS = st.sampled_from([(".h5", {}), (".zarr", {"zarr_format": 2}), (".zarr", {"zarr_format": 3})])


@st.composite
def skeletons(draw: st.DrawFn) -> dict[str, str]:
    """Draw the paths of one file, and of each whether it is a group, a dataset, or will lead elsewhere."""
    kinds: dict[str, str] = {ROOT: "group"}
    for path in sorted(draw(st.lists(PATHS, max_size=7, unique=True)), key=len):
        if kinds.get(parent(path)) == "group":
            kinds[path] = draw(st.sampled_from(["group", "numbers", "link", "references", "records", "reference"]))
    return kinds


@st.composite
def linked_files(draw: st.DrawFn) -> tuple[dict[str, Node], dict[str, Node], tuple[str, dict[str, Any]]]:
    """Draw two files, of one kind, that hold links and references to objects of themselves and of each other."""
    kind = draw(KINDS)
    skeleton = {"first": draw(skeletons()), "second": draw(skeletons())}
    return *(_filled(draw, here, skeleton, kind[0]) for here in ("first", "second")), kind


def _filled(draw: st.DrawFn, here: str, skeleton: dict[str, dict[str, str]], ending: str) -> dict[str, Node]:
    def target(*files: str) -> Target:
        file = draw(st.sampled_from(files))
        objects = [path for path, what in skeleton[file].items() if what != "link"]
        source = "." if file == here else f"../{file}{ending}"
        return Target(draw(st.sampled_from(objects)), source)

    refers_to = ("first", "second") if ending == ".zarr" else (here,)
    nodes: dict[str, Node] = {}
    for number, (path, what) in enumerate(skeleton[here].items()):
        name = f"{here} {number}"
        if what == "link":
            nodes[path] = Link(target("first", "second"))
        elif what == "numbers":
            nodes[path] = numbers(number, name=name)
        elif what == "references":
            nodes[path] = refers([target(*refers_to) for _ in range(draw(st.integers(1, 3)))])
        elif what == "reference":
            nodes[path] = refers(target(*refers_to))
        elif what == "records":
            nodes[path] = records([(number, target(*refers_to))])
        else:
            held = {"of": target(*refers_to)} if draw(st.booleans()) else {}
            nodes[path] = Group({"name": name, **held})
    return nodes


class Walk:
    """Two files side by side: everything that can be reached in the first is looked up in the second."""

    def __init__(self, first: Path, second: Path, *, same_objects: bool) -> None:
        self.opened: dict[str, StoreAdapter] = {}
        self.partner: dict[Object, Object] = {}
        self.seen: set[tuple[Object, Object]] = set()
        self.same_objects = same_objects
        try:
            self.compare(self.root(first), self.root(second))
        finally:
            for adapter in self.opened.values():
                adapter.close()

    def root(self, path: Path) -> Object:
        return self.at(open_adapter(path).location.identity), ROOT

    def at(self, identity: str) -> str:
        if identity not in self.opened:
            self.opened[identity] = open_adapter(identity)
        return identity

    def end(self, holder: Object, target: Target) -> Object:
        """Follow a target through links to the object."""
        file, _ = holder
        if not target.is_internal:
            file = self.at(self.opened[file].resolve(target.source)[0].identity)
        found = self.opened[file].load().resolve(target.path)
        return (file, found) if isinstance(found, str) else self.end((file, ""), found)

    def compare(self, one: Object, other: Object) -> None:
        """Compare two objects and all that they lead to; an object that is met again must meet the same partner."""
        if self.same_objects:
            assert self.partner.setdefault(one, other) == other, f"{one} became {self.partner[one]} and {other}"
        if (one, other) in self.seen:
            return
        self.seen.add((one, other))
        left, right = (self.opened[file].load()[path] for file, path in (one, other))
        assert type(left) is type(right), (one, other)
        assert list(left.attributes) == list(right.attributes)
        for name, value in left.attributes.items():
            self.values(one, other, value, right.attributes[name])
        if isinstance(left, Group):
            for name in self.children(one):
                assert name in self.children(other), (one, other, name)
                self.compare(self.children(one)[name], self.children(other)[name])
        else:
            assert isinstance(left, Dataset) and isinstance(right, Dataset)
            assert (left.shape, left.element) == (right.shape, right.element)
            for a, b in zip(cells(left), cells(right), strict=True):
                self.values(one, other, a, b)

    def values(self, one: Object, other: Object, a: Any, b: Any) -> None:
        if isinstance(a, Target):
            self.compare(self.end(one, a), self.end(other, b))
        else:
            assert a == b

    def children(self, group: Object) -> dict[str, Object]:
        file, path = group
        hierarchy = self.opened[file].load()
        found = {}
        for child in hierarchy.children[path]:
            node = hierarchy[child]
            found[basename(child)] = self.end(group, node.target) if isinstance(node, Link) else (file, child)
        return found


Object = tuple[str, str]
"""The identity of a file, and a path in it."""


def cells(dataset: Dataset) -> list[Any]:
    values = dataset.values.read(tuple(slice(0, length) for length in dataset.shape)).reshape(-1)
    if isinstance(dataset.element, Compound):
        return [cell for name in values.dtype.names for cell in values[name].tolist()]
    return values.tolist()


def _exported(source: Path, result: Path, options: dict[str, Any], links: bool) -> None:
    with StoreIO(source, "r") as src, StoreIO(result, "w", **options) as io:
        io.export(src, write_args={"link_data": links})


def _converted(source: Path, result: Path, options: dict[str, Any], links: bool) -> None:
    src, destination = open_adapter(source), open_adapter(result, "w", **options)
    try:
        convert(src, destination, links=links)
    finally:
        destination.close()
        src.close()


@settings(deadline=None, max_examples=examples(30), suppress_health_check=list(HealthCheck))
@given(files=linked_files(), to=KINDS, links=st.booleans(), run=st.sampled_from([_exported, _converted]))
def test_what_can_be_reached_before_an_export_can_be_reached_after_it(
    files: Any, to: tuple[str, dict[str, Any]], links: bool, run: Any
) -> None:
    """Every object has its content, and two ways to one object still lead to one (NEEDS 8).

    A result with links leads back to its source by way of the other file, to objects that it holds itself as well;
    so that is asked of results with copies, which nothing leads out of.
    """
    first, second, (ending, options) = files
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder, "before"), Path(folder, f"result{to[0]}")
        before.mkdir()
        for name, nodes in (("first", first), ("second", second)):
            store(before / f"{name}{ending}", nodes, **options)

        run(before / f"first{ending}", after, to[1], links)

        Walk(before / f"first{ending}", after, same_objects=not links)
        if not links:
            shutil.rmtree(before)
            Walk(after, after, same_objects=True)
