"""Names for the axes of datasets, from the schema.

Builders that are made from containers carry the names; files and builders that are copied do not, so they are looked up
in the specifications. These are read as plain JSON, as files cache them: the names of keys differ between NWB
(``neurodata_type_def``) and other users of HDMF (``data_type_def``), the structure does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from hdmf_store.nodes import Dataset, Group, Hierarchy, Node, basename, parent

__all__ = ["Schema", "with_dimension_names"]

_KEYS = ("neurodata_type", "data_type")
_OWN_NAMES = "_ARRAY_DIMENSIONS"

Spec = Mapping[str, Any]


@attrs.frozen
class Schema:
    """The specifications of types by name.

    Parameters
    ----------
    types : dict of str to dict
        As JSON has them. Two namespaces that define the same name would be ambiguous; the last one wins.
    """

    types: Mapping[str, Spec]

    @classmethod
    def of(cls, texts: Iterable[str]) -> Schema:
        """Return the schema that the JSON texts of cached specifications define."""
        types: dict[str, Spec] = {}
        for text in texts:
            document = json.loads(text)
            for spec in [*document.get("datasets", ()), *document.get("groups", ())]:
                types.update(_defined(spec))
        return cls(types)

    def lineage(self, name: str | None) -> Iterator[Spec]:
        """Yield a type's specification, then those of the types that it extends."""
        seen: set[str] = set()
        while name is not None and name in self.types and name not in seen:
            seen.add(name)
            yield self.types[name]
            name = _type_name(self.types[name], "inc")

    def dataset(self, type_name: str, steps: list[str]) -> Spec | None:
        """Return the specification of what lies at a path below an object of a type."""
        for spec in self.lineage(type_name):
            found: Spec | None = spec
            for step in steps[:-1]:
                found = _named(found.get("groups", ()), step) if found else None
            found = _named(found.get("datasets", ()), steps[-1]) if found else None
            if found is not None:
                return found
        return None


def _defined(spec: Spec) -> Iterator[tuple[str, Spec]]:
    name = _type_name(spec, "def")
    if name is not None:
        yield name, spec
    for sub in [*spec.get("datasets", ()), *spec.get("groups", ())]:
        yield from _defined(sub)


def _type_name(spec: Spec, which: str) -> str | None:
    return next((spec[f"{key}_{which}"] for key in _KEYS if f"{key}_{which}" in spec), None)


def _named(specs: Iterable[Spec], name: str) -> Spec | None:
    return next((spec for spec in specs if spec.get("name") == name), None)


def with_dimension_names(nodes: Mapping[str, Node], schema: Schema) -> dict[str, Node]:
    """Return nodes with the axes of datasets named as their specifications name them, where these say so."""
    named = dict(nodes)
    if not schema.types:
        return named
    hierarchy = Hierarchy(nodes)
    for path, node in nodes.items():
        is_unnamed = isinstance(node, Dataset) and node.shape and node.layout.dimension_names is None
        if is_unnamed and _OWN_NAMES not in node.attributes:  # type: ignore[union-attr]
            assert isinstance(node, Dataset)
            names = _names(hierarchy, path, node, schema)
            if names is not None:
                named[path] = attrs.evolve(node, layout=attrs.evolve(node.layout, dimension_names=names))
    return named


def _names(hierarchy: Hierarchy, path: str, node: Dataset, schema: Schema) -> tuple[str | None, ...] | None:
    candidates = list(schema.lineage(_type_of(node)))
    by_name = _by_name(hierarchy, path, schema)
    if by_name is not None:
        candidates = [by_name, *schema.lineage(_type_name(by_name, "inc")), *candidates]
    for spec in candidates:
        names = _matching(spec, node.shape)
        if names is not None:
            return names
    return None


def _type_of(node: Node | None) -> str | None:
    if not isinstance(node, Group | Dataset):
        return None
    found = next((node.attributes[key] for key in _KEYS if key in node.attributes), None)
    return found if isinstance(found, str) else None


def _by_name(hierarchy: Hierarchy, path: str, schema: Schema) -> Spec | None:
    """Return the specification of a dataset by its name, from the nearest typed group above it."""
    steps, above = [basename(path)], parent(path)
    while (type_name := _type_of(hierarchy.nodes.get(above))) is None:
        if above == "/":
            return None
        steps.insert(0, basename(above))
        above = parent(above)
    return schema.dataset(type_name, steps)


def _matching(spec: Spec, shape: tuple[int, ...]) -> tuple[str | None, ...] | None:
    dims = spec.get("dims")
    if not dims:
        return None
    alternatives = dims if isinstance(dims[0], list | tuple) else [dims]
    shapes = spec.get("shape") or [None] * len(alternatives)
    if not isinstance(shapes[0], list | tuple) and len(alternatives) == 1:
        shapes = [shapes]
    for names, lengths in zip(alternatives, shapes, strict=False):
        if len(names) != len(shape):
            continue
        if lengths is None or all(n in (None, "null", length) for n, length in zip(lengths, shape, strict=False)):
            return tuple(names)
    return None
