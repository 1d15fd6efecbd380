"""Links and references of a file led to where another file lies now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import attrs

from hdmf_store.adapter import Location, Plan, Repair, StoreAdapter
from hdmf_store.errors import HDMFStoreError, LocationError
from hdmf_store.nodes import ROOT, Dataset, Link, Node, Target
from hdmf_store.translate.compare import stored_pieces
from hdmf_store.translate.examine import columns, refers, targets_held
from hdmf_store.translate.relocate import Others, followed

__all__ = ["relink"]


def relink(adapter: StoreAdapter, moves: Mapping[str, str], *, dry_run: bool, may_read: Any = ()) -> Iterator[Repair]:
    """Yield what is re-pointed, and store it all at once; nothing with `dry_run`.

    Each link goes by where it led before, so that files can have changed places.

    Parameters
    ----------
    adapter : StoreAdapter
        Open for writing, or for reading with `dry_run`.
    moves : dict of str to str
        Each other file as links name it, or where that means, and the path or URL at which it lies now.
    dry_run : bool
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.

    Raises
    ------
    LocationError
        If no link in this file can lead to a new place.
    """
    sources = {old: adapter.reference(Location.of(new)) for old, new in moves.items()}
    changed: dict[str, Node] = {}
    others = Others(may_read=may_read)
    try:
        for path, node in adapter.load().nodes.items():
            moved: dict[Target, str] = {}
            for target in dict.fromkeys(targets_held(node)):
                old = _named(adapter, target, sources, others)
                if old is None:
                    continue
                problem = _lost(attrs.evolve(target, source=sources[old]), adapter, path, others)
                if problem:
                    yield Repair(path, "tell", problem)
                else:
                    yield Repair(path, "relink", f"{target.path} in {target.source} becomes that in {sources[old]}")
                    moved[target] = sources[old]
            if moved:
                changed[path] = _moved(node, moved)
            if isinstance(node, Dataset) and refers(node):
                yield from _told(adapter, path, node, sources, others)
    finally:
        others.close()
    if changed and not dry_run:
        facts: Any = getattr(adapter, "facts", dict)()
        adapter.write(Plan(nodes=changed, consolidate=facts.get("consolidated", True)))


def _named(adapter: StoreAdapter, target: Target, olds: Iterable[str], others: Others) -> str | None:
    """Return which of the files a target leads to: by its source, or by the place that this means."""
    if target.is_internal:
        return None
    if target.source in olds:
        return target.source
    meant = _meant(adapter, target.source, others)
    for old in olds:
        try:
            if meant is not None and Location.of(old).identity == meant.identity:
                return old
        except LocationError:
            continue
    return None


def _meant(adapter: StoreAdapter, source: str, others: Others) -> Location | None:
    """Return the place that a source means: the first at which a file is, as for readers; else the likeliest."""
    try:
        return others.meant_by(source, adapter, ROOT, ROOT).location
    except (HDMFStoreError, LookupError):
        return next(iter(adapter.resolve(source)), None)


def _lost(target: Target, adapter: StoreAdapter, path: str, others: Others) -> str:
    """Return why an object is not where it would be looked for; nothing if it is there."""
    try:
        followed(target, adapter, path, others)
    except (HDMFStoreError, LookupError) as problem:
        return f"was left as it is, because the object is not in the other file: {problem}"
    return ""


def _moved(node: Node, sources: Mapping[Target, str]) -> Node:
    def moved(value: Any) -> Any:
        if isinstance(value, list):
            return [moved(item) for item in value]
        is_moved = isinstance(value, Target) and value in sources
        return attrs.evolve(value, source=sources[value]) if is_moved else value

    if isinstance(node, Link):
        return Link(moved(node.target))
    return attrs.evolve(node, attributes={n: _if_held(v, moved) for n, v in node.attributes.items()})


def _if_held(value: Any, moved: Any) -> Any:
    return moved(value) if isinstance(value, Target | list) else value


def _told(adapter: StoreAdapter, path: str, node: Dataset, olds: Iterable[str], others: Others) -> Iterator[Repair]:
    """Tell of references among values, which are not changed."""
    for region in stored_pieces(node):
        for column in columns(node, node.values.read(region)):  # type: ignore[union-attr]
            for item in dict.fromkeys(item for item in column.reshape(-1).tolist() if item is not None):
                old = _named(adapter, item, olds, others)
                if old is not None:
                    yield Repair(path, "tell", f"its values refer to objects in {old}; values are not re-pointed")
                    return
