"""Nodes to builders.

The tree is built from metadata in memory. Scalars, which HDMF wants as values, are fetched together beforehand;
everything else stays a lazy array.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np
from hdmf.build import DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder
from hdmf.build.builders import BaseBuilder

from hdmf_store.adapter import StoreAdapter
from hdmf_store.errors import (
    DanglingTargetError,
    DanglingTargetWarning,
    FormatError,
    HDMFStoreError,
    LinkCycleError,
    MissingNodeError,
    RefusedTargetError,
    UnreadableError,
)
from hdmf_store.nodes import (
    MOST_LINKS,
    ROOT,
    Compound,
    Dataset,
    Group,
    Hierarchy,
    Link,
    ReferenceTo,
    Target,
    Unreadable,
    basename,
    parent,
)
from hdmf_store.translate.attribute_types import AttributeTypes
from hdmf_store.translate.declared import declaration_of
from hdmf_store.translate.expected import ExpectedValues
from hdmf_store.translate.from_builders import ROOT_NAME
from hdmf_store.translate.growing import GrowingData, GrowingIndex, is_extended, is_index, take_back_row
from hdmf_store.translate.references import references
from hdmf_store.translate.specs import SPEC_LOC_ATTR, spec_root
from hdmf_store.translate.unreadable import UnreadableData

__all__ = ["BuilderTree"]

_DIMENSIONS = "_ARRAY_DIMENSIONS"


@attrs.define(eq=False)
class BuilderTree:
    """The builders of one hierarchy, and how targets in it and in others become builders.

    Parameters
    ----------
    adapter : StoreAdapter
        Open for reading.
    elsewhere : callable
        From a source that this hierarchy records, and the object that records it, to the tree of the other
        hierarchy; raises `DanglingTargetError` where there is none.
    container_of : callable
        From a builder to its container.
    append : callable
        Appends one element to the dataset at a path.
    attribute_types : AttributeTypes
        Gives integer attributes the width that their specification promises.
    expected : ExpectedValues
        Tells what HDMF will look at of lazy arrays.
    """

    adapter: StoreAdapter
    elsewhere: Callable[[str, str, str], BuilderTree]
    container_of: Callable[[BaseBuilder], Any]
    append: Callable[[str, Any], None]
    attribute_types: AttributeTypes
    expected: ExpectedValues
    by_path: dict[str, BaseBuilder] = attrs.field(init=False, factory=dict)
    _unreadable: dict[str, str] = attrs.field(init=False, factory=dict)
    _fetched: dict[str, Any] = attrs.field(init=False, factory=dict)

    @property
    def hierarchy(self) -> Hierarchy:
        """What is stored."""
        return self.adapter.load()

    def build(self, at: str = ROOT) -> BaseBuilder:
        """Make the builders of an object and all below it, and return the object's.

        Links and references are resolved once all of these exist. A builder made by itself has no parent, as HDMF
        expects of an object that a link from another file leads to.
        """
        if at in self.by_path:
            return self.by_path[at]
        nodes = self.hierarchy.nodes
        paths = [path for path in self._shown() if _is_below(path, at)]
        fresh = [path for path in paths if path not in self.by_path and not isinstance(nodes[path], Link)]
        scalars = self._scalars(fresh)
        for path in fresh:
            node = nodes[path]
            if isinstance(node, Dataset):
                self.by_path[path] = self._dataset(path, node, scalars)
        groups = [path for path in fresh if isinstance(nodes[path], Group)]
        for path in sorted(groups, key=lambda path: path.count("/") if path != ROOT else 0, reverse=True):
            self.by_path[path] = self._group(
                path, [child for child in self.hierarchy.children[path] if child in self.by_path]
            )
        self._connect(fresh, [path for path in paths if isinstance(nodes[path], Link)])
        return self.by_path[at]

    def _shown(self) -> list[str]:
        """Return the paths of all objects but cached specifications."""
        hidden = spec_root(self.hierarchy)
        return [path for path in self.hierarchy.nodes if not (hidden and _is_below(path, hidden))]

    def _connect(self, fresh: Sequence[str], links: Sequence[str]) -> None:
        """Add the links, and replace targets in attributes and scalars by builders."""
        for path in fresh:
            builder = self.by_path[path]
            held = self.hierarchy.nodes[path].attributes  # type: ignore[union-attr]
            for name, value in held.items():
                if isinstance(value, Target) or (isinstance(value, list) and any(isinstance(v, Target) for v in value)):
                    self._connect_attribute(path, builder, name, value)
            if isinstance(builder, DatasetBuilder):
                self._connect_scalar(path, builder)
        for path in links:
            self._connect_link(path, self.hierarchy.nodes[path])  # type: ignore[arg-type]

    def builder(self, target: Target, path: str = "") -> BaseBuilder:
        """Return the builder that a target names, following links.

        Raises
        ------
        HierarchyError
            If nothing is there, or links go in a circle.
        """
        tree, current, seen = self, target, [path]
        while len(seen) <= MOST_LINKS:
            try:
                if not current.is_internal:
                    tree = tree.elsewhere(current.source, path, current.path)
                found = tree.by_path.get(current.path)
                resolved = tree.hierarchy.resolve(current.path) if found is None else current.path
            except RefusedTargetError:
                raise
            except (DanglingTargetError, MissingNodeError) as problem:
                tried = getattr(problem, "tried", ()) or (() if tree is self else (str(tree.adapter.location),))
                raise DanglingTargetError(
                    str(self.adapter.location), path, target.source, target.path, tried
                ) from problem
            if isinstance(resolved, str):
                return tree.build(resolved) if found is None else found
            seen.append(f"{current.path} in {tree.adapter.location}")
            current = resolved
        raise LinkCycleError(str(self.adapter.location), path, tuple(dict.fromkeys(seen)))

    # --------------------------------------------------------------------------------------------------------- builders

    def _scalars(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Return the values of the scalars among some objects.

        Where a call costs a round trip, the first one fetches those of the whole hierarchy: links from another file
        lead to its objects one by one.
        """
        if not self.adapter.capabilities.remote:
            return self._values(paths)
        if not self._fetched:
            shown = self._shown()
            if hasattr(self.adapter, "expect"):
                self.adapter.expect(self.expected.among(shown, self.hierarchy))
            self._fetched.update(self._values(shown))
        return {path: self._fetched[path] for path in paths if path in self._fetched}

    def _values(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        wanted = [
            path
            for path in paths
            if isinstance(node := self.hierarchy.nodes[path], Dataset)
            and node.shape == ()
            and not isinstance(node.element, Unreadable)
        ]
        try:
            return self.adapter.fetch(wanted)
        except UnreadableError:  # which one it was is found out only now that it matters
            return {path: values for path in wanted if (values := self._scalar(path)) is not None}

    def _scalar(self, path: str) -> Any:
        try:
            return self.adapter.fetch([path])[path]
        except UnreadableError as problem:
            self._unreadable[path] = problem.reason
            return None

    def _group(self, path: str, children: Sequence[str]) -> GroupBuilder:
        node = self.hierarchy.nodes[path]
        held = [self.by_path[child] for child in children]
        self._check_names(path, node, children)
        builder = GroupBuilder(
            basename(path) or ROOT_NAME,
            groups=[item for item in held if isinstance(item, GroupBuilder)],
            datasets=[item for item in held if isinstance(item, DatasetBuilder)],
            source=str(self.adapter.location),
        )
        _describe(builder, {k: value for k, value in self._attributes(path, node).items() if k != SPEC_LOC_ATTR})
        builder.location = parent(path) if path != ROOT else None
        return builder

    def _check_names(self, path: str, node: Any, children: Sequence[str]) -> None:
        """Refuse a group in which an attribute and an object have one name, which HDMF's builders cannot have."""
        both = sorted(set(map(basename, children)).intersection(node.attributes))
        if both:
            reason = f"has attributes and objects of the same names, which HDMF cannot tell apart: {', '.join(both)}"
            raise FormatError(str(self.adapter.location), path, reason)

    def _attributes(self, path: str, node: Any) -> dict[str, Any]:
        typed = self.attribute_types.applied(node.attributes, self.hierarchy, path)
        nothing = [name for name, value in typed.items() if value is None]
        if nothing:
            what = f"left out attributes that hold nothing, which builders cannot: {', '.join(nothing)}"
            warnings.warn(f"{self.adapter.location}: {path}: {what}", stacklevel=2)
        return {name: _as_hdmf_has_it(value) for name, value in typed.items() if value is not None}

    def _dataset(self, path: str, node: Dataset, scalars: Mapping[str, np.ndarray]) -> DatasetBuilder:
        attributes = self._attributes(path, node)
        names = node.layout.dimension_names
        if names and all(name is not None for name in names):
            attributes[_DIMENSIONS] = list(names)
        builder = DatasetBuilder(
            basename(path),
            data=self._data(path, node, scalars),
            dtype=None if isinstance(node.element, Unreadable) else declaration_of(node.element),
            source=str(self.adapter.location),
        )
        _describe(builder, attributes)
        builder.location = parent(path)
        return builder

    def _data(self, path: str, node: Dataset, scalars: Mapping[str, np.ndarray]) -> Any:
        reason = node.element.reason if isinstance(node.element, Unreadable) else self._unreadable.get(path)
        if reason is not None:
            return UnreadableData(UnreadableError(str(self.adapter.location), path, reason), node.shape)
        if path in scalars:
            value = scalars[path]
            if isinstance(node.element, ReferenceTo):
                return _Pending(value.item())
            return value.copy() if isinstance(node.element, Compound) else value[()]
        array = self.adapter.array(path)
        grows = self.adapter.mode in ("r+", "a") and hasattr(array, "append")
        if grows:
            array.on_refusal = partial(take_back_row, self.adapter, path)
        has_references = isinstance(node.element, ReferenceTo) or (
            isinstance(node.element, Compound) and node.element.references
        )
        if not has_references:
            if grows and is_index(node):
                return GrowingIndex(data=array)
            return GrowingData(data=array) if grows and is_extended(self.hierarchy, path) else array
        return references(
            node,
            array,
            lambda target: self.builder(target, path),
            lambda target: self.container_of(self.builder(target, path)),
            lambda value: self.append(path, value),
        )

    # ------------------------------------------------------------------------------------------------ links, references

    def _scalar_reference(self, path: str, target: Target | None) -> Any:
        try:
            return None if target is None else ReferenceBuilder(self.builder(target, path))
        except HDMFStoreError as problem:
            return UnreadableData(problem)

    def _connect_link(self, path: str, link: Link) -> None:
        group = self.by_path[parent(path)]
        try:
            target = self.builder(link.target, path)
        except HDMFStoreError as problem:
            warnings.warn(f"left out a link: {problem}", DanglingTargetWarning, stacklevel=2)
            return
        builder = LinkBuilder(builder=target, name=basename(path), source=str(self.adapter.location))
        builder.location = parent(path)
        group.set_link(builder)

    def _connect_attribute(self, path: str, builder: BaseBuilder, name: str, value: Any) -> None:
        try:
            if isinstance(value, Target):
                builder.attributes[name] = self.builder(value, path)
            else:
                builder.attributes[name] = [
                    self.builder(item, path) if isinstance(item, Target) else item for item in value
                ]
        except HDMFStoreError as problem:
            warnings.warn(f"left out the attribute {name!r}: {problem}", DanglingTargetWarning, stacklevel=2)
            del builder.attributes[name]

    def _connect_scalar(self, path: str, builder: DatasetBuilder) -> None:
        data = builder["data"]
        if isinstance(data, _Pending):
            dict.__setitem__(builder, "data", self._scalar_reference(path, data.target))
        elif isinstance(data, np.ndarray) and data.ndim == 0 and data.dtype.names is not None:
            for name in data.dtype.names:
                if isinstance(data[name][()], Target):
                    found = self._scalar_reference(path, data[name][()])
                    if isinstance(found, UnreadableData):
                        dict.__setitem__(builder, "data", found)
                        return
                    data[name] = _boxed(found)


def _describe(builder: BaseBuilder, attributes: Mapping[str, Any]) -> None:
    """Give a new builder its attributes as its constructor does, which takes more time to check each than all else."""
    builder.attributes.update(attributes)
    if isinstance(builder, GroupBuilder):
        builder.obj_type.update(dict.fromkeys(attributes, "attributes"))


def _as_hdmf_has_it(value: Any) -> Any:
    """Return text as `str` itself, of which h5py takes no derived class, and bytes as h5py takes those with NUL."""
    return np.bytes_(value) if isinstance(value, bytes) else _with_str(value)


def _with_str(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_str(item) for item in value]
    return str(value) if isinstance(value, str) else value


def _boxed(value: Any) -> np.ndarray:
    array = np.empty((), object)
    array[()] = value
    return array


@attrs.frozen(eq=False)
class _Pending:
    """The place of a reference until the builder of its target exists."""

    target: Target | None

    def __iter__(self) -> Iterator[Any]:  # HDMF takes as data whatever can be iterated
        return iter(())


def _is_below(path: str, root: str) -> bool:
    return root == ROOT or path == root or path.startswith(root + "/")
