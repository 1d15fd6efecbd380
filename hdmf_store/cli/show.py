"""What a file holds, as a tree for people and as JSON for programs."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
from rich.text import Text as Styled
from rich.tree import Tree

from hdmf_store.adapter import StoreAdapter
from hdmf_store.nodes import ROOT, Dataset, Group, Hierarchy, Link, Node, Target, basename
from hdmf_store.translate.specs import spec_root, without_specs
from hdmf_store.translate.summary import cached_specifications, type_of

__all__ = ["file_as_json", "strict_json", "tree_of"]

_HIDDEN_ATTRIBUTES = ("namespace", "object_id", ".specloc", "neurodata_type", "data_type")


def tree_of(adapter: StoreAdapter, *, attributes: bool, depth: int | None) -> Tree:
    """Return a hierarchy as a tree; cached specifications as one line."""
    hierarchy = adapter.load()
    hidden = spec_root(hierarchy)
    tree = Tree(_label(str(adapter.location), hierarchy[ROOT], bold=True))
    _grow(tree, hierarchy, ROOT, hidden, attributes, depth)
    if hidden is not None and hidden in hierarchy:
        tree.add(Styled(f"cached specifications: {', '.join(cached_specifications(hierarchy))}", style="dim"))
    return tree


def _grow(tree: Tree, hierarchy: Hierarchy, at: str, hidden: str | None, attributes: bool, depth: int | None) -> None:
    if attributes:
        for name, value in getattr(hierarchy[at], "attributes", {}).items():
            if name not in _HIDDEN_ATTRIBUTES:
                tree.add(Styled(f"{name} = {_shown(value)}", style="dim"))
    if depth == 0:
        return
    for path in hierarchy.children.get(at, ()):
        if path != hidden:
            branch = tree.add(_label(basename(path), hierarchy[path], bold=isinstance(hierarchy[path], Group)))
            _grow(branch, hierarchy, path, hidden, attributes, None if depth is None else depth - 1)


def _label(name: str, node: Node, *, bold: bool) -> Styled:
    label = Styled(name, style="bold" if bold else "")
    if isinstance(node, Link):
        source = "" if node.target.is_internal else f" in {node.target.source}"
        return label.append(f" -> {node.target.path}{source}", style="cyan")
    if isinstance(node, Dataset):
        shape = " x ".join(map(str, node.shape)) or "scalar"
        label.append(f"  {shape}  {node.element}", style="green")
    kind = type_of(node)
    return label.append(f"  {kind}", style="magenta") if kind else label


def _shown(value: Any) -> str:
    if isinstance(value, Target):
        return f"-> {value.path}"
    text = repr(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)
    return text if len(text) <= 100 else text[:97] + "..."


def strict_json(value: Any) -> str:
    """Return JSON that every parser reads: NaN and infinities, which JSON does not have, as text."""

    def plain(item: Any) -> Any:
        if isinstance(item, float) and not math.isfinite(item):
            return "NaN" if math.isnan(item) else ("Infinity" if item > 0 else "-Infinity")
        if isinstance(item, dict):
            return {key: plain(held) for key, held in item.items()}
        return [plain(held) for held in item] if isinstance(item, list) else item

    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def file_as_json(adapter: StoreAdapter) -> dict[str, Any]:
    """Return everything but values: objects by path, without cached specifications."""
    hierarchy = adapter.load()
    objects = {path: _node_as_json(node) for path, node in without_specs(hierarchy.nodes).items()}
    cached = cached_specifications(hierarchy)
    return {"file": str(adapter.location), "store": adapter.name, "specifications": cached, "objects": objects}


def _node_as_json(node: Node) -> dict[str, Any]:
    if isinstance(node, Link):
        return {"kind": "link", "target": node.target.path, "source": node.target.source}
    attributes = {name: _value_as_json(value) for name, value in node.attributes.items()}
    if isinstance(node, Group):
        return {"kind": "group", "attributes": attributes}
    return {
        "kind": "dataset",
        "type": str(node.element),
        "shape": list(node.shape),
        "chunks": None if node.layout.chunks is None else list(node.layout.chunks),
        "shards": None if node.layout.shards is None else list(node.layout.shards),
        "dimensions": None if node.layout.dimension_names is None else list(node.layout.dimension_names),
        "attributes": attributes,
    }


def _value_as_json(value: Any) -> Any:
    if isinstance(value, Target):
        return {"reference": value.path, "source": value.source}
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_value_as_json(item) for item in value] if isinstance(value, list) else value
