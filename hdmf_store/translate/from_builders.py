"""Builders to nodes.

One walk gives every builder its path, a second makes the nodes. Everything that can be found wrong without I/O is
found here, all of it reported together, before a store is touched.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from hdmf.build import DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder
from hdmf.build.builders import BaseBuilder
from hdmf.data_utils import DataIO

from hdmf_store.adapter import Location, StoreAdapter
from hdmf_store.errors import ArgumentError, LocationError, UnsupportedValueError
from hdmf_store.nodes import (
    ROOT,
    Compound,
    Dataset,
    Group,
    Hierarchy,
    Link,
    Node,
    Origin,
    ReferenceTo,
    Region,
    Target,
    grain_of,
    join,
)
from hdmf_store.translate.attributes import attributes_of, same_value
from hdmf_store.translate.ragged import with_short_chunks
from hdmf_store.translate.relocate import Graft, Others, followed, layout_in, with_targets
from hdmf_store.translate.values import dataset_of

__all__ = ["ROOT_NAME", "Destination", "attributes_for", "nodes_of", "part_of", "path_of", "target_of"]

ROOT_NAME = "root"

_DIMENSIONS = "_ARRAY_DIMENSIONS"


@attrs.frozen(kw_only=True)
class Destination:
    """Where builders are going.

    Parameters
    ----------
    adapter : StoreAdapter
    stored : Hierarchy, optional
        What is there already.
    export_from : Location, optional
        The hierarchy that is being exported: what lies in it counts as lying in the destination.
    link_data : bool
        Link to data, and to objects, that are stored elsewhere, where the destination can; otherwise copy.
    is_written : callable
        Whether a builder was read from, or written to, the destination before.
    written_at : callable
        The path to which a builder was written that does not know it, or None.
    others : Others
        Opens what has to be copied from elsewhere; stays open until the nodes are written.
    """

    adapter: StoreAdapter
    stored: Hierarchy | None = None
    export_from: Location | None = None
    link_data: bool = True
    is_written: Callable[[Any], bool] = lambda builder: False
    written_at: Callable[[Any], str | None] = lambda builder: None
    others: Others = attrs.field(factory=Others)

    def is_own(self, location: Location) -> bool:
        """Return whether a location is the destination's own."""
        return location.identity == self.adapter.location.identity

    def is_exported(self, location: Location) -> bool:
        """Return whether a location is that of the hierarchy that is exported."""
        return self.export_from is not None and location.identity == self.export_from.identity

    def holds(self, location: Location) -> bool:
        """Return whether what lies at a location is, or will be, in the destination under its own path."""
        return self.is_exported(location) or (self.is_own(location) and self.stored is not None)


def nodes_of(root: GroupBuilder, destination: Destination, at: str = ROOT) -> dict[str, Node]:
    """Return the nodes that a builder and all below it stand for, without what is stored already.

    Raises
    ------
    UnsupportedValueError
        If data or attributes have no form in the store; the message lists every such object.
    """
    translation = _Translation(destination)
    translation.index(root, at)
    translation.group_links(root, at)
    translation.place_external()
    translation.group(root, at)
    return translation.complete()


def part_of(builder: Any, destination: Destination, at: str, data: Any = None) -> dict[str, Node]:
    """Return the nodes of one group, dataset or link at a path, as `nodes_of` does for a whole file.

    Parameters
    ----------
    builder : GroupBuilder, DatasetBuilder or LinkBuilder
    destination : Destination
    at : str
    data : object, optional
        In place of a dataset's own.
    """
    if isinstance(builder, GroupBuilder):
        return nodes_of(builder, destination, at)
    translation = _Translation(destination)
    if isinstance(builder, LinkBuilder):
        translation.link(builder, at)
        translation.place_external()
    else:
        translation.paths[id(builder)] = at
        translation.dataset(builder, at, data)
    return translation.complete()


def attributes_for(attributes: Mapping[str, Any], destination: Destination) -> dict[str, Any]:
    """Return attributes that were passed by themselves in normal form."""
    translation = _Translation(destination)
    found = attributes_of(attributes, translation.target)
    translation.check_nothing_is_copied()
    return found


def target_of(builder: BaseBuilder | ReferenceBuilder, destination: Destination) -> Target:
    """Return the target that an object which is stored already is from the destination."""
    translation = _Translation(destination)
    found = translation.target(builder)
    translation.check_nothing_is_copied()
    return found


@attrs.define(eq=False)
class _Translation:
    """One translation under way."""

    destination: Destination
    nodes: dict[str, Node] = attrs.field(factory=dict)
    paths: dict[int, str] = attrs.field(factory=dict)
    indexed: dict[str, bool] = attrs.field(factory=dict)  # whether there is, or will be, a group at a path
    links: dict[str, Node] = attrs.field(factory=dict)
    external: list[tuple[str, StoreAdapter, str]] = attrs.field(factory=list)
    problems: list[tuple[str, str]] = attrs.field(factory=list)
    graft: Graft = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        to = self.destination
        if to.stored is not None:
            self.indexed |= {path: isinstance(node, Group) for path, node in to.stored.nodes.items()}
        self.graft = Graft(
            to.adapter,
            self.nodes,
            to.others,
            to.link_data,
            exported=to.export_from,
            extends=to.stored is not None,
            groups=self.indexed,
        )

    def index(self, builder: GroupBuilder, path: str) -> None:
        """Remember the path of every builder in the tree."""
        self.paths[id(builder)] = path
        self.indexed[path] = True
        for name, sub in builder.groups.items():
            self.index(sub, join(path, name))
        for name, dataset in builder.datasets.items():
            if dataset is not None:
                self.paths[id(dataset)] = join(path, name)
                self.indexed[join(path, name)] = False
        self.indexed |= {join(path, link.name): False for link in builder.links.values()}

    def group(self, builder: GroupBuilder, path: str) -> None:
        """Translate a group and all below it."""
        self._add_group(builder, path)
        for name, sub in builder.groups.items():
            self.group(sub, join(path, name))
        for name, dataset in builder.datasets.items():
            if dataset is not None:
                self.dataset(dataset, join(path, name))

    def group_links(self, builder: GroupBuilder, path: str) -> None:
        """Translate the links in a group and in all groups below it."""
        for name, sub in builder.groups.items():
            self.group_links(sub, join(path, name))
        for link in builder.links.values():
            self.link(link, join(path, link.name))

    def _add_group(self, builder: GroupBuilder, path: str) -> None:
        attributes = self._attributes(builder.attributes, path)
        known = self._known(path)
        self._check_kind(builder, known, Group, path)
        if isinstance(known, Group):
            attributes = {**known.attributes, **attributes}
            if same_value(dict(known.attributes), attributes):
                return
        self.nodes[path] = Group(attributes)

    def dataset(self, builder: DatasetBuilder, path: str, data: Any = None) -> None:
        """Translate a dataset, or make it a link to where its data is stored."""
        data = builder.data if data is None else data
        known = self._known(path)
        if isinstance(known, Link):
            return
        self._check_kind(builder, known, Dataset, path)
        attributes = self._attributes(builder.attributes, path)
        if isinstance(known, Dataset):
            self._revise(builder, known, attributes, path)
            return
        if data is None:
            return  # a builder without data describes a dataset that is not there
        try:
            dataset, own_word = dataset_of(data, builder.dtype, self.target)
        except (TypeError, ValueError, OverflowError) as problem:
            self.problems.append((path, str(problem)))
            return
        dataset = self._with_own_targets(dataset)
        if not isinstance(data, DataIO):  # what a user asks for is not left out but refused
            dataset = attrs.evolve(dataset, layout=layout_in(self.destination.adapter, dataset.layout))
        link_data = self.destination.link_data if own_word is None else own_word
        link = self._link_to_data(dataset, path, link_data)
        self.nodes[path] = link or _named(attrs.evolve(dataset, attributes=attributes), builder.dimension_labels)

    def _with_own_targets(self, dataset: Dataset) -> Dataset:
        """Return a dataset whose references, where it is stored elsewhere, are named from here."""
        origin = dataset.values.origin
        element = dataset.element
        if origin is None or not (
            isinstance(element, ReferenceTo) or (isinstance(element, Compound) and element.references)
        ):
            return dataset
        location = Location(origin.location)
        is_held = self.destination.holds(location)
        if is_held and self.destination.is_own(location):
            return dataset

        def retarget(target: Target | None) -> Target | None:
            if target is None or (is_held and target.is_internal):
                return target
            return self.graft.target(target, self.destination.others.at(location), origin.path)

        moved = with_targets(dataset, retarget)
        return attrs.evolve(moved, values=_Copied(moved.values, origin))

    def _revise(self, builder: DatasetBuilder, known: Dataset, attributes: dict[str, Any], path: str) -> None:
        """Take over changed attributes of a stored dataset; its values are not replaced."""
        if not self.destination.is_written(builder) and not self._is_stored_at(builder.data, path):
            self.problems.append((path, "is stored already and cannot be replaced; assign into its array instead"))
            return
        if known.layout.dimension_names is not None:
            attributes.pop(_DIMENSIONS, None)
        attributes = {**known.attributes, **attributes}
        if not same_value(dict(known.attributes), attributes):
            self.nodes[path] = attrs.evolve(known, attributes=attributes)

    def _is_stored_at(self, data: Any, path: str) -> bool:
        try:
            origin = dataset_of(data, None, self.target)[0].values.origin
        except (TypeError, ValueError, OverflowError):
            return False
        return origin is not None and origin.path == path and self.destination.holds(Location(origin.location))

    def link(self, builder: LinkBuilder, path: str) -> None:
        """Translate a link."""
        known = self._known(path)
        if (
            isinstance(known, Link)
            or path in self.nodes
            or path in self.links
            or (known is not None and self.destination.is_written(builder))
        ):
            return
        self._check_kind(builder, known, Link, path)
        location, target = self._place(builder.builder)
        if location is None:
            self.links[path] = Link(Target(target))
        elif self.graft.may_link(location):
            self.links[path] = Link(Target(target, self._source(location, path)))
        else:
            others = self.destination.others
            self.external.append((path, *followed(Target(target), others.at(location), path, others)))

    def place_external(self) -> None:
        """Find places for what links lead to in hierarchies to which the destination cannot, or shall not, link.

        References are translated after that, so that they find the copies.
        """
        self.graft.place(self.external)

    def complete(self) -> dict[str, Node]:
        """Return all nodes, with those that had to be copied; raise one error for all that was found wrong."""
        self.graft.fill()
        self.raise_problems()
        return with_short_chunks(self.nodes | self.links)

    def check_nothing_is_copied(self) -> None:
        """Refuse what would need a copy of an object of another file, where nothing but a value is stored."""
        if self.graft.is_waiting:
            raise ArgumentError(
                f"{self.destination.adapter.location}: a reference cannot lead to an object of another file that this "
                "one cannot link to. Write the object to this file first."
            )

    def _check_kind(self, builder: BaseBuilder, known: Node | None, kind: type, path: str) -> None:
        """Remember as a problem that an object of another kind is stored at a path."""
        if known is not None and not isinstance(known, kind):
            new, old = type(builder).__name__.removesuffix("Builder").lower(), type(known).__name__.lower()
            self.problems.append((path, f"is stored already, as a {old}; a {new} cannot take its place"))

    def target(self, thing: Any) -> Target:
        """Return the target that a builder, or a reference to one, is from here."""
        builder = thing.builder if isinstance(thing, ReferenceBuilder | LinkBuilder) else thing
        if not isinstance(builder, BaseBuilder):
            raise TypeError(f"{builder!r:.60} is no object that a reference can lead to")
        location, path = self._place(builder)
        if location is None:
            return Target(path)
        return self.graft.target(Target(path), self.destination.others.at(location), path)

    def raise_problems(self) -> None:
        """Raise one error for all that was found wrong."""
        if self.problems:
            where = str(self.destination.adapter.location)
            (first, reason), *more = self.problems
            also = "".join(f"\n{where}: {path}: {problem}" for path, problem in more)
            raise UnsupportedValueError(where, first, reason + also)

    # ----------------------------------------------------------------------------------------------------------- where

    def _known(self, path: str) -> Node | None:
        return None if self.destination.stored is None else self.destination.stored.nodes.get(path)

    def _place(self, builder: BaseBuilder) -> tuple[Location | None, str]:
        """Return the other hierarchy in which a builder lies, None for the destination, and its path there."""
        path = self.paths.get(id(builder))
        if path is not None:
            return None, path
        path = self.destination.written_at(builder)
        if path is not None:
            return None, path
        path = path_of(builder)
        location = Location.of(builder.source) if builder.source is not None else None
        is_here = location is None or self.destination.holds(location)
        is_coming = location is not None and self.destination.is_own(location) and path in self.indexed
        return (None if is_here or is_coming else location), path

    def _source(self, location: Location, path: str) -> str:
        try:
            return self.destination.adapter.reference(location)
        except LocationError as problem:
            self.problems.append((path, str(problem)))
            return "."

    def _link_to_data(self, dataset: Dataset, path: str, link_data: bool) -> Link | None:
        origin = dataset.values.origin
        if origin is None or not link_data:
            return None
        location = Location(origin.location)
        if self.destination.holds(location):
            elsewhere = origin.path != path and origin.path in self.indexed
            return Link(Target(origin.path)) if elsewhere else None
        if not self.graft.may_link(location):
            return None
        return Link(Target(origin.path, self._source(location, path)))

    def _attributes(self, attributes: Mapping[str, Any], path: str) -> dict[str, Any]:
        try:
            return attributes_of(attributes, self.target)
        except (TypeError, ValueError, ArgumentError) as problem:
            self.problems.append((path, str(problem)))
            return {}


@attrs.frozen(eq=False)
class _Copied:
    """Values that were changed on the way here, which still lie where they came from."""

    values: Any
    origin: Origin

    @property
    def grain(self) -> tuple[int, ...] | None:
        return grain_of(self.values)

    def read(self, region: Region) -> np.ndarray:
        return self.values.read(region)


def path_of(builder: BaseBuilder) -> str:
    """Return the path that a builder has, or will have, in its file."""
    is_root = builder.parent is None and builder.name == ROOT_NAME
    if is_root and builder.location in (None, ROOT):
        return ROOT
    if builder.location is not None:
        return join(builder.location.rstrip("/") or ROOT, builder.name)
    if builder.parent is None:
        return join(ROOT, builder.name)
    names = []
    while builder.parent is not None:
        names.append(builder.name)
        builder = builder.parent
    return ROOT + "/".join(reversed(names))


def _named(dataset: Dataset, labels: Any) -> Dataset:
    """Return a dataset with names for its axes: those that its attribute gives, else the labels of its specification.

    Names that do not fit the axes stay what they were, an attribute.
    """
    given = dataset.attributes.get(_DIMENSIONS)
    fits = isinstance(given, list) and len(given) == len(dataset.shape)
    names = given if fits else labels
    attributes = {name: value for name, value in dataset.attributes.items() if not (fits and name == _DIMENSIONS)}
    layout = dataset.layout
    if layout.dimension_names is None and names and len(names) == len(dataset.shape):
        layout = attrs.evolve(layout, dimension_names=[None if name is None else str(name) for name in names])
    return attrs.evolve(dataset, attributes=attributes, layout=layout)
