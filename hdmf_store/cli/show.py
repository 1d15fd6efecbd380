"""What a file holds, as a tree for people and as JSON for programs."""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any

import numpy as np
from rich.text import Text as Styled
from rich.tree import Tree

from hdmf_store.adapter import StoreAdapter
from hdmf_store.cli.printable import printable
from hdmf_store.nodes import ROOT, Dataset, Group, Link, Node, Target, Unreadable, basename
from hdmf_store.translate.specs import spec_root, without_specs
from hdmf_store.translate.summary import cached_specifications, type_of

__all__ = ["file_as_json", "strict_json", "tree_of"]

_HIDDEN_ATTRIBUTES = ("namespace", "object_id", ".specloc", "neurodata_type", "data_type")


def tree_of(adapter: StoreAdapter, *, attributes: bool, depth: int | None) -> Tree:
    """Return a hierarchy as a tree; cached specifications as one line."""
    hierarchy = adapter.load()
    hidden = spec_root(hierarchy)
    tree = Tree(_label(str(adapter.location), hierarchy[ROOT], bold=True))
    places = [(tree, ROOT, depth)]
    while places:  # not by recursion, as a file may nest deeper than that can go
        branch, at, left = places.pop()
        if attributes:
            _add_attributes(branch, hierarchy[at])
        for path in hierarchy.children.get(at, ()) if left != 0 else ():
            if path != hidden:
                node = hierarchy[path]
                below = branch.add(_label(basename(path), node, bold=isinstance(node, Group)))
                places.append((below, path, None if left is None else left - 1))
    if hidden is not None and hidden in hierarchy:
        tree.add(_styled(f"cached specifications: {', '.join(cached_specifications(hierarchy))}", "dim"))
    return tree


def _add_attributes(branch: Tree, node: Node) -> None:
    for name, value in getattr(node, "attributes", {}).items():
        if name not in _HIDDEN_ATTRIBUTES:
            branch.add(_styled(f"{name} = {_shown(value)}", "dim"))


def _styled(text: str, style: str) -> Styled:
    return Styled(printable(text), style=style)


def _label(name: str, node: Node, *, bold: bool) -> Styled:
    label = _styled(name, "bold" if bold else "")
    if isinstance(node, Link):
        source = "" if node.target.is_internal else f" in {node.target.source}"
        return label.append(printable(f" -> {node.target.path}{source}"), style="cyan")
    if isinstance(node, Dataset):
        shape = " x ".join(map(str, node.shape)) or "scalar"
        label.append(f"  {shape}  {node.element}", style="green")
    kind = type_of(node)
    return label.append(printable(f"  {kind}"), style="magenta") if kind else label


def _shown(value: Any) -> str:
    if isinstance(value, Target):
        return f"-> {value.path}"
    text = repr(value.tolist() if isinstance(value, np.ndarray | np.generic) else value)
    return text if len(text) <= 100 else text[:97] + "..."


_STEERING = re.compile("[\x7f-\x9f\ud800-\udfff]")


def strict_json(value: Any) -> str:
    """Return JSON that every parser reads, of what attributes and datasets hold.

    NaN and infinities, which JSON does not have, are text; complex numbers are a list of two; references, and what
    cannot be read, are objects that say so. Halves of characters, which no encoding has, and what
    would steer a terminal are escaped; so is all that is not ASCII, where standard output is no Unicode. Where it is
    ASCII, click writes UTF-8.
    """
    is_unicode = (sys.stdout.encoding or "utf-8").lower().startswith(("utf", "ascii", "us-ascii", "ansi_x3"))
    text = json.dumps(_plain(value), ensure_ascii=not is_unicode, allow_nan=False)
    return _STEERING.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def _plain(item: Any) -> Any:
    if isinstance(item, np.ndarray | np.generic):
        item = item.tolist()
    if isinstance(item, float) and not math.isfinite(item):
        return "NaN" if math.isnan(item) else ("Infinity" if item > 0 else "-Infinity")
    if isinstance(item, dict):
        return {key: _plain(held) for key, held in item.items()}
    if isinstance(item, list | tuple):
        return [_plain(held) for held in item]
    if isinstance(item, bytes):
        return item.decode("utf-8", "backslashreplace")
    if isinstance(item, complex):
        return [_plain(item.real), _plain(item.imag)]
    if isinstance(item, Target):
        return {"reference": item.path, "source": item.source}
    return {"unreadable": item.reason} if isinstance(item, Unreadable) else item


def file_as_json(adapter: StoreAdapter) -> dict[str, Any]:
    """Return everything but values: objects by path, without cached specifications."""
    hierarchy = adapter.load()
    objects = {path: _node_as_json(node) for path, node in without_specs(hierarchy.nodes).items()}
    cached = cached_specifications(hierarchy)
    return {"file": str(adapter.location), "store": adapter.name, "specifications": cached, "objects": objects}


def _node_as_json(node: Node) -> dict[str, Any]:
    if isinstance(node, Link):
        return {"kind": "link", "target": node.target.path, "source": node.target.source}
    attributes = dict(node.attributes)
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
