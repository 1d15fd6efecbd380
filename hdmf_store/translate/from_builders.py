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
    join,
)
from hdmf_store.translate.attributes import attributes_of, same_value
from hdmf_store.translate.relocate import Graft, Others, can_link, with_targets
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

    def holds(self, location: Location) -> bool:
        """Return whether a location is the destination's own, or that of the hierarchy that is exported to it."""
        own = {self.adapter.location.identity}
        if self.export_from is not None:
            own.add(self.export_from.identity)
        return location.identity in own


def nodes_of(root: GroupBuilder, destination: Destination, at: str = ROOT) -> dict[str, Node]:
    """Return the nodes that a builder and all below it stand for, without what is stored already.

    Raises
    ------
    UnsupportedValueError
        If data or attributes have no form in the store; the message lists every such object.
    """
    translation = _Translation(destination)
    translation.index(root, at)
    translation.group(root, at)
    translation.bring_external()
    translation.raise_problems()
    return translation.nodes


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
    else:
        translation.paths[id(builder)] = at
        translation.dataset(builder, at, data)
    translation.bring_external()
    translation.raise_problems()
    return translation.nodes


def attributes_for(attributes: Mapping[str, Any], destination: Destination) -> dict[str, Any]:
    """Return attributes that were passed by themselves in normal form."""
    return attributes_of(attributes, _Translation(destination).target)


def target_of(builder: BaseBuilder | ReferenceBuilder, destination: Destination) -> Target:
    """Return the target that an object which is stored already is from the destination."""
    return _Translation(destination).target(builder)


@attrs.define(eq=False)
class _Translation:
    """One translation under way."""

    destination: Destination
    nodes: dict[str, Node] = attrs.field(factory=dict)
    paths: dict[int, str] = attrs.field(factory=dict)
    indexed: set[str] = attrs.field(factory=set)
    external: dict[str, tuple[Location, str]] = attrs.field(factory=dict)
    problems: list[tuple[str, str]] = attrs.field(factory=list)
    graft: Graft = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        to = self.destination
        if to.stored is not None:
            self.indexed.update(to.stored.nodes)
        self.graft = Graft(to.adapter, self.nodes, to.others, to.link_data, taken=self.indexed)

    def index(self, builder: GroupBuilder, path: str) -> None:
        """Remember the path of every builder in the tree."""
        self.paths[id(builder)] = path
        self.indexed.add(path)
        for name, sub in builder.groups.items():
            self.index(sub, join(path, name))
        for name, dataset in builder.datasets.items():
            if dataset is not None:
                self.paths[id(dataset)] = join(path, name)
                self.indexed.add(join(path, name))
        self.indexed.update(join(path, link.name) for link in builder.links.values())

    def group(self, builder: GroupBuilder, path: str) -> None:
        """Translate a group and all below it."""
        self._add_group(builder, path)
        for name, sub in builder.groups.items():
            self.group(sub, join(path, name))
        for name, dataset in builder.datasets.items():
            if dataset is not None:
                self.dataset(dataset, join(path, name))
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
        if location.identity == self.destination.adapter.location.identity:
            return dataset
        is_exported = self.destination.holds(location)

        def retarget(target: Target | None) -> Target | None:
            if target is None or (is_exported and target.is_internal):
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
            or (known is not None and self.destination.is_written(builder))
        ):
            return
        self._check_kind(builder, known, Link, path)
        location, target = self._place(builder.builder)
        if location is None:
            self.nodes[path] = Link(Target(target))
        elif self.destination.link_data and can_link(self.destination.adapter, location):
            self.nodes[path] = Link(Target(target, self._source(location, path)))
        else:
            self.external[path] = (location, target)

    def _check_kind(self, builder: BaseBuilder, known: Node | None, kind: type, path: str) -> None:
        """Remember as a problem that an object of another kind is stored at a path."""
        if known is not None and not isinstance(known, kind):
            new, old = type(builder).__name__.removesuffix("Builder").lower(), type(known).__name__.lower()
            self.problems.append((path, f"is stored already, as a {old}; a {new} cannot take its place"))

    def bring_external(self) -> None:
        """Copy what links lead to in hierarchies to which the destination cannot, or shall not, link."""
        for path, (location, target) in self.external.items():
            self.graft.copy(self.destination.others.at(location), target, path)

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
        return (None if location is None or self.destination.holds(location) else location), path

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
        if location.identity == self.destination.adapter.location.identity:
            return Link(Target(origin.path)) if origin.path != path else None
        if self.destination.holds(location):
            elsewhere = origin.path != path and origin.path in self.indexed
            return Link(Target(origin.path)) if elsewhere else None
        if not can_link(self.destination.adapter, location):
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
