"""Values of lazy arrays that HDMF looks at while it makes containers.

Where each look costs a round trip, they are fetched with the scalars: the number of tables in a file is then no
matter of time. Nothing depends on this list being complete, except how long it takes to open a file.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from hdmf.spec import NamespaceCatalog

from hdmf_store.nodes import ROOT, Dataset, Hierarchy, Text, Unreadable, parent
from hdmf_store.translate.attribute_types import type_of

__all__ = ["ExpectedValues"]

_LOOKED_AT = ("ElementIdentifiers", "DynamicTableRegion", "ImageReferences")
"""The types whose data is looked at: the first number of a row, whether rows exist, what the order of images is."""


@attrs.define(eq=False)
class ExpectedValues:
    """Tells which datasets HDMF will look at, by the specifications of a catalog; asked once for each type."""

    catalog: NamespaceCatalog
    _known: dict[tuple[str, str], bool] = attrs.field(factory=dict, init=False)

    def among(self, paths: Iterable[str], hierarchy: Hierarchy) -> list[str]:
        """Return those of some datasets."""
        return [path for path in paths if self._is_looked_at(path, hierarchy)]

    def _is_looked_at(self, path: str, hierarchy: Hierarchy) -> bool:
        node = hierarchy.nodes[path]
        if not isinstance(node, Dataset) or not node.shape or isinstance(node.element, Unreadable):
            return False
        if node.shape == (1,):  # which HDMF takes for a scalar where one is specified
            return True
        kind = type_of(node)
        if kind is None:  # the root's own text: dates and the names of people
            return isinstance(node.element, Text) and _is_of_the_root(path, hierarchy)
        if kind not in self._known:
            self._known[kind] = self._is_one_of_them(*kind)
        return self._known[kind]

    def _is_one_of_them(self, namespace: str, name: str) -> bool:
        try:
            return bool({*self.catalog.get_hierarchy(namespace, name)} & {*_LOOKED_AT})
        except (KeyError, ValueError):  # a type that no loaded namespace defines
            return name in _LOOKED_AT


def _is_of_the_root(path: str, hierarchy: Hierarchy) -> bool:
    """Return whether no typed object lies between the root and a dataset, so that it is a part of the root."""
    above = parent(path)
    while above != ROOT:
        if type_of(hierarchy.nodes.get(above)) is not None:
            return False
        above = parent(above)
    return True
