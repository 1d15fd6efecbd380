"""Objects of one hierarchy brought into another: as a link where the other can hold one, as a copy otherwise.

Works on nodes alone, so it serves every pair of stores.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from typing import Any

import attrs

from hdmf_store.adapter import Location, StoreAdapter, adapter_class_for, open_adapter, remembered
from hdmf_store.errors import ArgumentError, DanglingTargetError, HDMFStoreError, LocationError
from hdmf_store.nodes import (
    ArraySource,
    Compound,
    Dataset,
    Group,
    Hierarchy,
    Layout,
    Link,
    Node,
    ReferenceTo,
    Target,
    each,
    parent,
    read_whole,
)

__all__ = ["Graft", "Others", "can_link", "layout_in"]


@attrs.define(eq=False)
class Others:
    """Other hierarchies, each opened once and kept until `close`."""

    _open: dict[str, StoreAdapter] = attrs.field(factory=dict, init=False)

    def at(self, location: Location) -> StoreAdapter:
        """Return the hierarchy at a location, open for reading."""
        found = self._open.get(location.identity) or remembered(location.identity)
        if found is None:
            found = self._open[location.identity] = open_adapter(location.address, "r")
        return found

    def meant_by(self, source: str, base: StoreAdapter, path: str, target: str) -> StoreAdapter:
        """Return the hierarchy that a source recorded in another one means.

        Raises
        ------
        DanglingTargetError
            If none of the places that it may mean can be opened.
        """
        tried = []
        for location in base.resolve(source):
            try:
                return self.at(location)
            except (HDMFStoreError, OSError) as problem:
                tried.append(f"{location} ({problem})" if not isinstance(problem, OSError) else str(location))
        raise DanglingTargetError(str(base.location), path, source, target, tuple(tried))

    def close(self) -> None:
        """Close all of them."""
        for adapter in self._open.values():
            adapter.close()
        self._open.clear()


def can_link(destination: StoreAdapter, location: Location) -> bool:
    """Return whether a link from a destination may lead to a location, by what both can do."""
    if not location.can_be_linked or not destination.capabilities.linkable:
        return False
    try:
        return adapter_class_for(location.address).name in destination.capabilities.links_to
    except ArgumentError:
        return False


def layout_in(destination: StoreAdapter, layout: Layout) -> Layout:
    """Return the layout that stored data gets where it is copied to: without shards, if those have no form there."""
    return layout if destination.capabilities.shards else attrs.evolve(layout, shards=None)


@attrs.define(eq=False)
class Graft:
    """Copies objects of other hierarchies into a tree of new nodes, with what they refer to.

    Parameters
    ----------
    destination : StoreAdapter
    nodes : dict of str to Node
        The tree, which grows.
    others : Others
    links : bool
        Whether what lies outside the copied objects may become a link, where the destination can hold one.
    placed : dict
        Where objects of other hierarchies, by identity and path, lie in the tree.
    taken : container of str
        Paths that are not in the tree yet but will be.
    """

    destination: StoreAdapter
    nodes: dict[str, Node]
    others: Others
    links: bool
    placed: dict[tuple[str, str], str] = attrs.field(factory=dict)
    taken: Container[str] = ()

    def copy(self, source: StoreAdapter, path: str, at: str) -> None:
        """Copy the object at `path` of a hierarchy, and all below it, to `at` in the tree."""
        hierarchy = source.load()
        resolved = hierarchy.resolve(path)
        if isinstance(resolved, Target):
            other = self.others.meant_by(resolved.source, source, path, resolved.path)
            self.copy(other, resolved.path, at)
            return
        below = [p for p in hierarchy if p == resolved or p.startswith(resolved.rstrip("/") + "/")]
        here = source.location.identity
        moved = {p: at + p[len(resolved) :] for p in below}
        self.placed |= {(here, old): new for old, new in moved.items()}
        for old, new in moved.items():
            self.nodes[new] = self.moved(hierarchy.nodes[old], source, old)

    def target(self, target: Target, source: StoreAdapter, path: str) -> Target:
        """Return where a target of another hierarchy lies from here; what has to be is copied first."""
        holder = source if target.is_internal else self.others.meant_by(target.source, source, path, target.path)
        key = (holder.location.identity, target.path)
        if key in self.placed:
            return Target(self.placed[key])
        if holder.location.identity == self.destination.location.identity:
            return Target(target.path)
        if self.links and can_link(self.destination, holder.location):
            return Target(target.path, self.destination.reference(holder.location))
        resolved = holder.load().resolve(target.path)
        if isinstance(resolved, Target):
            return self.target(resolved, holder, path)
        self._bring(holder, resolved)
        return Target(self.placed[holder.location.identity, resolved])

    def _bring(self, source: StoreAdapter, path: str) -> None:
        """Copy an object that a copied one refers to, to the path it had, or to a free one beside it."""
        place, number = path, 1
        while place in self.nodes or place in self.taken:
            number += 1
            place = f"{path}_{number}"
        above = parent(place)
        while above not in self.nodes and above not in self.taken:
            self.nodes[above] = Group()
            above = parent(above)
        self.copy(source, path, place)

    def moved(self, node: Node, source: StoreAdapter, path: str) -> Node:
        """Return a node of another hierarchy with its targets as they are named from here."""

        def retarget(target: Target | None) -> Target | None:
            return None if target is None else self.target(target, source, path)

        if isinstance(node, Link):
            return Link(retarget(node.target))  # type: ignore[arg-type]
        attributes = {name: _retargeted(value, retarget) for name, value in node.attributes.items()}
        if isinstance(node, Group):
            return Group(attributes)
        layout = layout_in(self.destination, node.layout)
        return attrs.evolve(with_targets(node, retarget), attributes=attributes, layout=layout)


def _retargeted(value: Any, retarget: Callable[[Target | None], Target | None]) -> Any:
    if isinstance(value, Target):
        return retarget(value)
    return [_retargeted(item, retarget) for item in value] if isinstance(value, list) else value


def with_targets(node: Dataset, retarget: Callable[[Target | None], Target | None]) -> Dataset:
    """Return a dataset of references with every target replaced; other datasets as they are."""
    element = node.element
    if isinstance(element, ReferenceTo):
        values = read_whole(node.values, node.shape)  # type: ignore[arg-type]
        return attrs.evolve(node, values=ArraySource(each(values, retarget)))
    if isinstance(element, Compound) and element.references:
        rows = read_whole(node.values, node.shape).copy()  # type: ignore[arg-type]
        for name in element.references:
            rows[name] = each(rows[name], retarget)
        return attrs.evolve(node, values=ArraySource(rows))
    return node


def relocated(
    hierarchy: Hierarchy, source: StoreAdapter, destination: StoreAdapter, others: Others, *, links: bool
) -> Mapping[str, Node]:
    """Return all nodes of a hierarchy for another place: links and references into other files follow.

    Parameters
    ----------
    hierarchy : Hierarchy
    source, destination : StoreAdapter
    others : Others
        Stays open as long as the values of the nodes are needed.
    links : bool
        Keep links into other files, where the destination can hold them; otherwise what they lead to is copied.

    Raises
    ------
    DanglingTargetError, LinkCycleError
        If what has to be copied is not there.
    """
    nodes: dict[str, Node] = {}
    graft = Graft(destination, nodes, others, links)
    here = source.location.identity
    graft.placed |= {(here, path): path for path, node in hierarchy.nodes.items() if not isinstance(node, Link)}
    external = {}
    for path, node in hierarchy.nodes.items():
        if isinstance(node, Link) and not node.target.is_internal:
            external[path] = node.target
        else:
            nodes[path] = node
    for path, target in external.items():
        _bring_external(graft, source, path, target, links)
    for path, node in list(hierarchy.nodes.items()):
        if not isinstance(node, Link):
            nodes[path] = graft.moved(node, source, path)
    return nodes


def _bring_external(graft: Graft, source: StoreAdapter, path: str, target: Target, links: bool) -> None:
    other = graft.others.meant_by(target.source, source, path, target.path)
    if links and can_link(graft.destination, other.location):
        try:
            graft.nodes[path] = Link(Target(target.path, graft.destination.reference(other.location)))
            return
        except LocationError:
            pass
    graft.copy(other, target.path, path)
