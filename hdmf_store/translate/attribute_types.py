"""The widths of integer attributes, which JSON does not keep, restored from the specifications.

Floats stay as they are: every specification admits the wider type, and a cast could lose digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np
from hdmf.spec import NamespaceCatalog

from hdmf_store.nodes import Dataset, Group, Hierarchy, Node, Number, basename, parent
from hdmf_store.translate.declared import declared_element

__all__ = ["AttributeTypes", "type_of"]

_TYPE_KEYS = ("neurodata_type", "data_type")


@attrs.define(eq=False)
class AttributeTypes:
    """What the specifications of a catalog say of integer attributes; looked up once for each kind of object."""

    catalog: NamespaceCatalog
    _known: dict[tuple[str, str, str], dict[str, np.dtype]] = attrs.field(factory=dict, init=False)

    def applied(self, attributes: Mapping[str, Any], hierarchy: Hierarchy, path: str) -> dict[str, Any]:
        """Return the attributes of the object at a path, integers in the type that is specified for them."""
        result = dict(attributes)
        integers = [name for name, value in attributes.items() if _is_integral(value)]
        if integers:
            types = self._types(hierarchy, path)
            for name in integers:
                if name in types and _fits(result[name], types[name]):
                    result[name] = np.asarray(result[name], types[name])[()]
        return result

    def _types(self, hierarchy: Hierarchy, path: str) -> dict[str, np.dtype]:
        node = hierarchy.nodes[path]
        own, above = type_of(node), type_of(hierarchy.nodes.get(parent(path)))
        key = (*own, "") if own else (*above, basename(path)) if above else None
        if key is None:
            return {}
        if key not in self._known:
            self._known[key] = self._specified(*key)
        return self._known[key]

    def _specified(self, namespace: str, type_name: str, member: str) -> dict[str, np.dtype]:
        try:
            spec = self.catalog.get_spec(namespace, type_name)
        except (KeyError, ValueError):  # a type that no loaded namespace defines
            return {}
        if member:
            spec = (spec.get_dataset(member) or spec.get_group(member)) if hasattr(spec, "get_dataset") else None
        found = {}
        for attribute in spec.attributes if spec is not None else ():
            element = declared_element(attribute.dtype) if isinstance(attribute.dtype, str) else None
            if isinstance(element, Number) and element.dtype.kind in "iu":
                found[attribute.name] = element.dtype
        return found


def _is_integral(value: Any) -> bool:
    """Return whether a value is an integer or a list of some; those of numpy have a type that is recorded."""
    return type(value) is int or (isinstance(value, list) and {*map(type, value)} == {int})


def _fits(value: Any, dtype: np.dtype) -> bool:
    limits, items = np.iinfo(dtype), value if isinstance(value, list) else [value]
    return bool(limits.min <= min(items) and max(items) <= limits.max)


def type_of(node: Node | None) -> tuple[str, str] | None:
    """Return the namespace and the name of an object's type, or None if it has none of its own."""
    if not isinstance(node, Group | Dataset):
        return None
    namespace = node.attributes.get("namespace")
    name = next((node.attributes[key] for key in _TYPE_KEYS if key in node.attributes), None)
    return (namespace, name) if isinstance(namespace, str) and isinstance(name, str) else None
