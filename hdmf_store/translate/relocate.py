"""Objects of one hierarchy brought into another: as a link where the other can hold one, as a copy otherwise.

Works on nodes alone, so it serves every pair of stores.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import attrs

from hdmf_store.adapter import (
    Location,
    Reach,
    StoreAdapter,
    adapter_class_for,
    open_adapter,
    prefixes,
    remembered,
)
from hdmf_store.errors import (
    ArgumentError,
    DanglingTargetError,
    LinkCycleError,
    LocationError,
    MissingNodeError,
    RefusedTargetError,
)
from hdmf_store.nodes import (
    MOST_LINKS,
    ROOT,
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
    basename,
    each,
    join,
    read_whole,
)
from hdmf_store.translate.specs import SPEC_LOC_ATTR, spec_root

__all__ = ["Graft", "Others", "can_link", "followed", "layout_in"]


@attrs.define(eq=False)
class Others:
    """Other hierarchies, each opened once and kept until `close`.

    Parameters
    ----------
    known : sequence of StoreAdapter
        Hierarchies that are open already and stay open; a link that leads back to one of them opens nothing.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    """

    known: Sequence[StoreAdapter] = ()
    may_read: Mapping[str, Mapping[str, Any]] = attrs.field(default=(), converter=prefixes, repr=False)
    _open: dict[str, StoreAdapter] = attrs.field(factory=dict, init=False)
    _meant: dict[tuple[int, str], tuple[StoreAdapter, StoreAdapter]] = attrs.field(factory=dict, init=False)

    def at(self, location: Location, options: Mapping[str, Any] | None = None) -> StoreAdapter:
        """Return the hierarchy at a location, open for reading; options are for its file system."""
        for adapter in self.known:
            if adapter.location.identity == location.identity:
                return adapter
        found = self._open.get(location.identity) or remembered(location.identity)
        if found is None:
            found = self._open[location.identity] = open_adapter(
                location.address, "r", self.may_read, **({"storage_options": options} if options else {})
            )
        return found

    def meant_by(self, source: str, base: StoreAdapter, path: str, target: str) -> StoreAdapter:
        """Return the hierarchy that a source recorded in another one means.

        Raises
        ------
        DanglingTargetError
            If none of the places that it may mean can be opened.
        RefusedTargetError
            If one of them may not be read, and none of the others can be.
        """
        key = (id(base), source)
        if key in self._meant:
            return self._meant[key][1]
        reach = Reach(base.location, getattr(base, "storage_options", {}), self.may_read)
        tried, refused = [], []
        for location in base.resolve(source):
            try:
                found = self.at(location, reach.admit(location))
            except LocationError as problem:
                refused.append(str(problem))
            except OSError:
                tried.append(str(location))
            except Exception as problem:  # noqa: BLE001 - what a file names may fail to open in any engine's own way
                tried.append(f"{location} ({problem})")
            else:
                self._meant[key] = (base, found)  # holds on to the base, so that its id stays its own
                return found
        if refused:
            raise RefusedTargetError(str(base.location), path, source, target, tuple(refused))
        raise DanglingTargetError(str(base.location), path, source, target, tuple(tried))

    def close(self) -> None:
        """Close all of them."""
        for adapter in self._open.values():
            adapter.close()
        self._open.clear()
        self._meant.clear()


def followed(target: Target, holder: StoreAdapter, path: str, others: Others) -> tuple[StoreAdapter, str]:
    """Return the object to which a link or reference leads in the end: its hierarchy and its path there.

    Parameters
    ----------
    target : Target
    holder : StoreAdapter
        The hierarchy in which the target stands.
    path : str
        The object that holds it, for messages.
    others : Others

    Raises
    ------
    DanglingTargetError
        If nothing is there.
    LinkCycleError
        If links lead back to themselves, also by way of other files.
    """
    base, current, seen = holder, target, [path]
    while len(seen) <= MOST_LINKS:
        if not current.is_internal:
            base = others.meant_by(current.source, base, path, current.path)
        try:
            resolved = base.load().resolve(current.path)
        except (MissingNodeError, DanglingTargetError) as problem:
            at = () if base is holder else (str(base.location),)
            raise DanglingTargetError(str(holder.location), path, target.source, target.path, at) from problem
        if isinstance(resolved, str):
            return base, resolved
        seen.append(f"{current.path} in {base.location}")
        current = resolved
    raise LinkCycleError(str(holder.location), path, tuple(dict.fromkeys(seen)))


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
    exported : Location, optional
        The hierarchy that is exported as a whole: what lies in it keeps its path.
    extends : bool
        Whether the destination keeps what it holds; otherwise that is about to be replaced, and no link may lead there.
    groups : dict of str to bool
        Paths that are not in the tree yet but will be, and whether a group will be there.
    """

    destination: StoreAdapter
    nodes: dict[str, Node]
    others: Others
    links: bool
    exported: Location | None = None
    extends: bool = False
    groups: Mapping[str, bool] = attrs.field(factory=dict)
    _placed: dict[tuple[str, str], str] = attrs.field(factory=dict, init=False)
    _promised: set[str] = attrs.field(factory=set, init=False)
    _made: dict[str, tuple[str, str]] = attrs.field(factory=dict, init=False)  # of whose groups those above parts are
    _waiting: deque[tuple[StoreAdapter, str, str]] = attrs.field(factory=deque, init=False)

    def may_link(self, location: Location) -> bool:
        """Return whether a link to a location is wanted, can be held, and will still lead somewhere."""
        is_replaced = not self.extends and location.identity == self.destination.location.identity
        return self.links and not is_replaced and can_link(self.destination, location)

    def place(self, objects: Iterable[tuple[str, StoreAdapter, str]]) -> None:
        """Decide where copies of objects go, before anything is copied, so that all references find them.

        What several of the objects have in common is copied once; a link stands in the other places.

        Parameters
        ----------
        objects : iterable of (str, StoreAdapter, str)
            The path that each gets, its hierarchy, and its path there.
        """
        for at, source, path in sorted(objects, key=lambda item: 0 if item[2] == ROOT else item[2].count("/")):
            if self._is_kept(source):
                self.nodes[at] = Link(Target(path))
            else:
                self._place(source, path, at)

    def _place(self, source: StoreAdapter, path: str, at: str) -> None:
        hierarchy = source.load()
        hidden = spec_root(hierarchy)
        below = deque([(path, at)])
        while below:
            old, new = below.popleft()
            key = (source.location.identity, old)
            if old == hidden and old != path:
                continue
            if key in self._placed:  # it, or this part of it, has a place already
                if self._placed[key] != new:
                    self.nodes[new] = Link(Target(self._placed[key]))
                continue
            self._placed[key] = new
            self._promised.add(new)
            self._waiting.append((source, old, new))
            below.extend((child, join(new, basename(child))) for child in hierarchy.children.get(old, ()))

    @property
    def is_waiting(self) -> bool:
        """Whether something was placed that `fill` has yet to copy."""
        return bool(self._waiting)

    def fill(self) -> None:
        """Copy what was placed, and what that refers to in turn."""
        while self._waiting:
            source, old, new = self._waiting.popleft()
            node = self.moved(source.load().nodes[old], source, old)
            if old == ROOT and isinstance(node, Group):  # no root of a file any more
                node = Group({name: value for name, value in node.attributes.items() if name != SPEC_LOC_ATTR})
            self.nodes[new] = node

    def target(self, target: Target, source: StoreAdapter, path: str) -> Target:
        """Return where a target of another hierarchy lies from here; what has to be is placed, to be copied by `fill`.

        Parameters
        ----------
        target : Target
        source : StoreAdapter
            The hierarchy in which the target stands.
        path : str
            The object that holds it, for messages.
        """
        holder = source if target.is_internal else self.others.meant_by(target.source, source, path, target.path)
        known = self._known(holder, target.path)
        if known is None and self.may_link(holder.location):
            return Target(target.path, self.destination.reference(holder.location))
        if known is None:
            holder, found = followed(target, source, path, self.others)
            known = self._known(holder, found)
            if known is None:
                known = self._free_place(holder.location.identity, found)
                self._place(holder, found, known)
        return Target(known)

    def _known(self, holder: StoreAdapter, path: str) -> str | None:
        """Return where an object of another hierarchy is, or will be, in the destination; None if it is not."""
        found = self._placed.get((holder.location.identity, path))
        return path if found is None and self._is_kept(holder) else found

    def _is_kept(self, holder: StoreAdapter) -> bool:
        """Return whether everything in a hierarchy is, or will be, in the destination under its own path."""
        here = holder.location.identity
        is_exported = self.exported is not None and here == self.exported.identity
        return is_exported or (self.extends and here == self.destination.location.identity)

    def _free_place(self, source: str, path: str) -> str:
        """Return the path that an object had, or a free one beside it; make the groups above it that are missing."""
        *above, last = (path if path != ROOT else "/root")[1:].split("/")
        old = place = ROOT
        for name in above:
            old, place = join(old, name), self._free(place, name, lambda at: not self._is_group(at))
            if not self._exists(place):
                self.nodes[place] = Group()
                self._made[place] = (source, old)
            elif self._made.get(place) != (source, old):
                self._made.pop(place, None)
        return self._free(place, last, lambda at: self._made.get(at) != (source, path))

    def _free(self, group: str, name: str, blocks: Callable[[str], bool]) -> str:
        place, number = join(group, name), 1
        while self._exists(place) and blocks(place):
            number += 1
            place = join(group, f"{name}_{number}")
        return place

    def _exists(self, path: str) -> bool:
        return path in self.nodes or path in self.groups or path in self._promised

    def _is_group(self, path: str) -> bool:
        return isinstance(self.nodes.get(path), Group) or self.groups.get(path, False)

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
        What the destination holds is going to be replaced.
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
    groups = {path: isinstance(node, Group) for path, node in hierarchy.nodes.items()}
    graft = Graft(destination, nodes, others, links, exported=source.location, groups=groups)
    copied = []
    for path, node in hierarchy.nodes.items():
        kept = _kept_link(graft, source, path, node) if isinstance(node, Link) else node
        if kept is not None:
            nodes[path] = kept
        elif isinstance(node, Link):
            copied.append((path, *followed(node.target, source, path, others)))
    graft.place(copied)
    for path, node in hierarchy.nodes.items():
        if not isinstance(node, Link):
            nodes[path] = graft.moved(node, source, path)
    graft.fill()
    return nodes


def _kept_link(graft: Graft, source: StoreAdapter, path: str, link: Link) -> Link | None:
    """Return a link as it is from the destination, None where what it leads to has to be copied."""
    target = link.target
    if target.is_internal:
        return link
    location = _location_meant(graft.others, source, path, target)
    if location is not None and graft.may_link(location):
        with suppress(LocationError):
            return Link(Target(target.path, graft.destination.reference(location)))
    return None


def _location_meant(others: Others, source: StoreAdapter, path: str, target: Target) -> Location | None:
    """Return where the other file of a target lies; where it should lie, if nothing is there."""
    try:
        return others.meant_by(target.source, source, path, target.path).location
    except RefusedTargetError:
        raise
    except DanglingTargetError:
        return next(iter(source.resolve(target.source)), None)
