"""What an open file holds, as a collapsible tree for notebooks. Everything that comes from the file is escaped."""

from __future__ import annotations

from html import escape

from hdmf_store.facade.units import in_units
from hdmf_store.nodes import ROOT, Dataset, Group, Hierarchy, Link, Node, basename
from hdmf_store.translate.specs import spec_root
from hdmf_store.translate.summary import cached_specifications, size_of, type_of

__all__ = ["hierarchy_html"]

_SHOWN_CHILDREN = 100
_WORTH_TELLING = 2**10


def hierarchy_html(hierarchy: Hierarchy, title: str) -> str:
    """Return groups that can be folded, each with the size of the values below it, and datasets as one line each.

    Parameters
    ----------
    hierarchy : Hierarchy
        Of a loaded file; no values are read.
    title : str
        Stands above the tree.
    """
    hidden = spec_root(hierarchy)
    sizes = _sizes(hierarchy, hidden)
    specifications = ", ".join(cached_specifications(hierarchy))
    cached = f"<div>cached specifications: {escape(specifications)}</div>" if specifications else ""
    inside = _inside(hierarchy, hidden, sizes)
    return (
        f'<div class="hdmf-store-tree" style="max-width: 100%; overflow-wrap: anywhere">'
        f"<strong>{escape(title)}</strong>"
        f"<div>{_about(hierarchy[ROOT])}{_size(sizes[ROOT])}</div>{inside}{cached}</div>"
    )


def _sizes(hierarchy: Hierarchy, hidden: str | None) -> dict[str, int]:
    """Return the bytes of the values of each object and of all below it, in memory."""
    sizes = dict.fromkeys(hierarchy.nodes, 0)
    for path in sorted(hierarchy.nodes, key=lambda path: -path.count("/") if path != ROOT else 1):
        node = hierarchy.nodes[path]
        if isinstance(node, Dataset):
            sizes[path] += size_of(node)
        for child in hierarchy.children.get(path, ()):
            sizes[path] += sizes[child] if child != hidden else 0
    return sizes


def _inside(hierarchy: Hierarchy, hidden: str | None, sizes: dict[str, int]) -> str:
    """Return what is in the root. Not by recursion, as a file may nest deeper than that can go: the last come first."""
    below: dict[str, list[str]] = {}
    places = [ROOT]
    while places:
        at = places.pop()
        below[at] = [path for path in hierarchy.children.get(at, ()) if path != hidden]
        places += below[at][:_SHOWN_CHILDREN]
    made: dict[str, str] = {}
    for at, paths in reversed(below.items()):
        shown = [_item(path, hierarchy[path], made.pop(path), sizes) for path in paths[:_SHOWN_CHILDREN]]
        if len(paths) > _SHOWN_CHILDREN:
            shown.append(f"<li>… {len(paths) - _SHOWN_CHILDREN} more</li>")
        style = "list-style: none; padding-left: 1.2em; margin: 0"
        made[at] = f'<ul style="{style}">{"".join(shown)}</ul>' if shown else ""
    return made[ROOT]


def _item(path: str, node: Node, inside: str, sizes: dict[str, int]) -> str:
    name = escape(basename(path))
    if isinstance(node, Link):
        source = "" if node.target.is_internal else f" in {node.target.source}"
        return f"<li>{name} → {escape(node.target.path + source)}</li>"
    if isinstance(node, Dataset):
        shape = " × ".join(map(str, node.shape)) or "scalar"
        kind = escape(f"{shape}  {node.element}")
        return f"<li>{name} <code>{kind}</code> {_about(node)}{_size(sizes[path])}</li>"
    label = f"<strong>{name}</strong> {_about(node)}{_size(sizes[path])}"
    return f"<li><details><summary>{label}</summary>{inside}</details></li>" if inside else f"<li>{label}</li>"


def _about(node: Node) -> str:
    kind = type_of(node) if isinstance(node, Group | Dataset) else None
    return "" if kind is None else f"<em>{escape(kind)}</em> "


def _size(size: int) -> str:
    """Return a size worth telling; text counts as pointers, so that little sizes say nothing."""
    return f"({in_units(size)})" if size >= _WORTH_TELLING else ""
