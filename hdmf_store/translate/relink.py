"""Links and references of a file led to where another file lies now."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import attrs

from hdmf_store.adapter import Location, Plan, Repair, StoreAdapter
from hdmf_store.errors import HDMFStoreError, LocationError
from hdmf_store.nodes import Compound, Dataset, Link, Node, ReferenceTo, Target
from hdmf_store.translate.compare import pieces
from hdmf_store.translate.examine import columns
from hdmf_store.translate.relocate import Others, followed

__all__ = ["relink"]


def relink(adapter: StoreAdapter, old: str, new: str, *, dry_run: bool, may_read: Any = ()) -> Iterator[Repair]:
    """Yield what is re-pointed, and store it all at once; nothing with `dry_run`.

    Parameters
    ----------
    adapter : StoreAdapter
        Open for writing, or for reading with `dry_run`.
    old : str
        The other file as links name it, or where that means.
    new : str
        Path or URL of the file as it lies now.
    dry_run : bool
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.

    Raises
    ------
    LocationError
        If no link in this file can lead to `new`.
    """
    source = adapter.reference(Location.of(new))
    changed: dict[str, Node] = {}
    others = Others(may_read=may_read)
    try:
        for path, node in adapter.load().nodes.items():
            targets = dict.fromkeys(target for target in _held(node) if _names(adapter, target, old))
            for target in targets:
                problem = _lost(attrs.evolve(target, source=source), adapter, path, others)
                if problem:
                    yield Repair(path, "tell", problem)
                else:
                    yield Repair(path, "relink", f"{target.path} in {target.source} becomes that in {source}")
                    changed[path] = _moved(changed.get(path, node), target, source)
            if isinstance(node, Dataset) and _refers(node):
                yield from _told(adapter, path, node, old)
    finally:
        others.close()
    if changed and not dry_run:
        facts: Any = getattr(adapter, "facts", dict)()
        adapter.write(Plan(nodes=changed, consolidate=facts.get("consolidated", True)))


def _held(node: Node) -> Iterator[Target]:
    values = [node.target] if isinstance(node, Link) else list(node.attributes.values())
    for value in values:
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Target))


def _names(adapter: StoreAdapter, target: Target, old: str) -> bool:
    if target.is_internal:
        return False
    if target.source == old:
        return True
    try:
        wanted = Location.of(old)
    except LocationError:
        return False
    return any(place.address == wanted.address for place in adapter.resolve(target.source))


def _lost(target: Target, adapter: StoreAdapter, path: str, others: Others) -> str:
    """Return why an object is not where it would be looked for; nothing if it is there."""
    try:
        followed(target, adapter, path, others)
    except (HDMFStoreError, LookupError) as problem:
        return f"was left as it is, because the object is not in the other file: {problem}"
    return ""


def _moved(node: Node, target: Target, source: str) -> Node:
    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(item) for item in value]
        return attrs.evolve(value, source=source) if value == target else value

    if isinstance(node, Link):
        return Link(moved(node.target))
    return attrs.evolve(node, attributes={n: _if_held(v, moved) for n, v in node.attributes.items()})


def _if_held(value: Any, moved: Any) -> Any:
    return moved(value) if isinstance(value, Target | list) else value


def _refers(node: Dataset) -> bool:
    element = node.element
    return isinstance(element, ReferenceTo) or (isinstance(element, Compound) and bool(element.references))


def _told(adapter: StoreAdapter, path: str, node: Dataset, old: str) -> Iterator[Repair]:
    """Tell of references among values, which are not changed."""
    for region in pieces(node):
        for column in columns(node, node.values.read(region)):  # type: ignore[union-attr]
            if any(item is not None and _names(adapter, item, old) for item in column.reshape(-1).tolist()):
                yield Repair(path, "tell", f"its values refer to objects in {old}; values are not re-pointed")
                return
