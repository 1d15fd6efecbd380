"""Groups, datasets and links, and the hierarchy they make.

Frozen data without I/O. A hierarchy is a flat mapping from absolute path to node, so that look-up,
comparison and the difference of two hierarchies are operations on dictionaries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import attrs

from hdmf_store.errors import DanglingTargetError, LinkCycleError, MissingNodeError
from hdmf_store.nodes.elements import ElementType
from hdmf_store.nodes.layout import Layout
from hdmf_store.nodes.sources import Source

__all__ = [
    "HERE",
    "MOST_LINKS",
    "ROOT",
    "Dataset",
    "Group",
    "Hierarchy",
    "Link",
    "Node",
    "Target",
    "basename",
    "join",
    "parent",
]

ROOT = "/"
HERE = "."

MOST_LINKS = 40
"""Links that are followed for one path, as many as Linux follows; more are taken for a circle."""


def join(group: str, name: str) -> str:
    """Return the path of what is called `name` in the group at `group`.

    >>> join("/", "a"), join("/a", "b")
    ('/a', '/a/b')
    """
    return f"/{name}" if group == ROOT else f"{group}/{name}"


def parent(path: str) -> str:
    """Return the path of the group that holds `path`; the root's is the root.

    >>> parent("/a/b"), parent("/a"), parent("/")
    ('/a', '/', '/')
    """
    return path.rpartition("/")[0] or ROOT


def basename(path: str) -> str:
    """Return the last name of a path, empty for the root."""
    return path.rpartition("/")[2]


@attrs.frozen
class Target:
    """The object that a link or reference leads to.

    Parameters
    ----------
    path : str
        Absolute path of the object in its hierarchy.
    source : str, default "."
        The hierarchy that holds it, expressed relative to the one that holds the link:
        ``"."`` is the same one, ``"../other.zarr"`` lies beside it.
    """

    path: str
    source: str = HERE

    @property
    def is_internal(self) -> bool:
        """Whether the object lies in the same hierarchy as the link."""
        return self.source == HERE


@attrs.frozen
class Group:
    """A group and its attributes.

    Parameters
    ----------
    attributes : dict
        Name to value. A value is None, a bool, int, float, str (`AsciiText` if it was declared as ASCII), bytes
        that are no text, a numpy scalar or array of numbers, an empty numpy array also of text, a `Target`, or a list
        of such values; or `Unreadable` where it cannot be decoded.
    """

    attributes: Mapping[str, Any] = attrs.field(factory=dict)


def _as_shape(shape: Iterable[int]) -> tuple[int, ...]:
    return tuple(shape)


@attrs.frozen
class Dataset:
    """An array as it is stored, and where its values come from.

    Parameters
    ----------
    element : ElementType
    shape : tuple of int
        ``()`` for a scalar; axes of length 0 are allowed.
    values : Source
        Not part of equality: two arrays have no single answer to ``==``.
    attributes : dict
        As for `Group`.
    layout : Layout
    """

    element: ElementType
    shape: tuple[int, ...] = attrs.field(converter=_as_shape)
    values: Source = attrs.field(eq=False, repr=False)
    attributes: Mapping[str, Any] = attrs.field(factory=dict)
    layout: Layout = attrs.field(factory=Layout)

    @shape.validator
    def _lengths_are_not_negative(self, _attribute: object, shape: tuple[int, ...]) -> None:
        if any(length < 0 for length in shape):
            raise ValueError(f"a dataset cannot have the shape {shape}")


@attrs.frozen
class Link:
    """A second name for an object of this or another hierarchy."""

    target: Target


Node = Group | Dataset | Link


def _circle(seen: list[str]) -> tuple[str, ...]:
    """Return the links of a circle once, from the first of them back to it."""
    first = seen.index(seen[-1])
    again = seen.index(seen[-1], first + 1) if seen.count(seen[-1]) > 1 else len(seen) - 1
    circle = seen[first : again + 1]
    start = min(seen.index(link) for link in circle)
    turned = circle[:-1]
    at = turned.index(seen[start]) if seen[start] in turned else 0
    turned = turned[at:] + turned[:at]
    return (*turned, turned[0]) if turned else tuple(circle)


@attrs.frozen
class Hierarchy:
    """All nodes of one file by path.

    Parameters
    ----------
    nodes : dict of str to Node
        Absolute paths; ``"/"`` is the root group and every other path's parent is a group in here.
    location : str
        For messages: the file in which this hierarchy lies.
    """

    nodes: Mapping[str, Node]
    location: str = attrs.field(default="", eq=False)

    def __contains__(self, path: str) -> bool:
        return path in self.nodes

    def __iter__(self) -> Iterator[str]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __getitem__(self, path: str) -> Node:
        try:
            return self.nodes[path]
        except KeyError:
            raise MissingNodeError(self.location, path) from None

    @cached_property
    def children(self) -> Mapping[str, tuple[str, ...]]:
        """Path of each group to the paths of what it holds, in stored order."""
        found: dict[str, list[str]] = {path: [] for path, node in self.nodes.items() if isinstance(node, Group)}
        for path in self.nodes:
            if path != ROOT:
                found.setdefault(parent(path), []).append(path)
        return {path: tuple(paths) for path, paths in found.items()}

    @cached_property
    def object_ids(self) -> Mapping[str, str]:
        """The attribute ``object_id`` of typed objects to their path."""
        return {
            node.attributes["object_id"]: path
            for path, node in self.nodes.items()
            if not isinstance(node, Link) and isinstance(node.attributes.get("object_id"), str)
        }

    def resolve(self, path: str) -> str | Target:
        """Follow links from `path` to the object that is meant.

        Links are followed wherever they stand in the path, as a file system does.

        Returns
        -------
        str or Target
            The path of a group or dataset in this hierarchy, or a target in another one.

        Raises
        ------
        MissingNodeError
            If nothing is at `path`.
        DanglingTargetError
            If a link on the way leads nowhere.
        LinkCycleError
            If links lead back to themselves.
        """
        seen: list[str] = []
        current = path
        while True:
            node = self.nodes.get(current)
            if isinstance(node, Group | Dataset):
                return current
            at, rest = (current, "") if node is not None else self._link_above(current)
            if at is None:
                if not seen:
                    raise MissingNodeError(self.location, path)
                raise DanglingTargetError(self.location, seen[-1], HERE, current)
            if len(seen) >= MOST_LINKS:
                raise LinkCycleError(self.location, path, _circle(seen))
            seen.append(at)
            target = self.nodes[at].target  # type: ignore[union-attr]
            current = target.path.rstrip("/") + rest or ROOT
            if not target.is_internal:
                return Target(current, target.source)

    def _link_above(self, path: str) -> tuple[str | None, str]:
        above = path
        while above != ROOT:
            above = parent(above)
            if isinstance(self.nodes.get(above), Link):
                return above, path[len(above) :]
        return None, ""
