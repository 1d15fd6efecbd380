"""One file checked by itself, as thoroughly as its store allows: what is stored, where it leads, what it says it is."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from hdmf_store.adapter import Finding, StoreAdapter
from hdmf_store.errors import HDMFStoreError, RefusedTargetError
from hdmf_store.nodes import ROOT, Dataset, Link, Node, RandomAccess, Target, Unreadable, join
from hdmf_store.translate.compare import stored_pieces
from hdmf_store.translate.examine import columns, refers
from hdmf_store.translate.relocate import Others, followed
from hdmf_store.translate.specs import cached_texts

__all__ = ["flaws"]

_NOT_READ = (HDMFStoreError, OSError)
"""What is raised for bytes that are there and cannot be read."""


def flaws(
    adapter: StoreAdapter, progress: Callable[[int], None] | None = None, may_read: Any = ()
) -> Iterator[Finding]:
    """Yield everything that is wrong with an open hierarchy, as it is found.

    Parameters
    ----------
    adapter : StoreAdapter
        Open for reading. If it has a method ``flaws``, that checks what is stored; else every value is read.
    progress : callable, optional
        Called with the number of objects examined since the last call; each dataset may count twice.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    """
    told = progress or (lambda _: None)
    own_flaws: Any = getattr(adapter, "flaws", None)
    checks_itself = own_flaws is not None
    lost: set[str] = set()
    for finding in own_flaws(told) if checks_itself else ():
        lost.add(finding.path)
        yield finding
    try:
        hierarchy = adapter.load()
    except _NOT_READ as problem:
        if not checks_itself:
            yield Finding(getattr(problem, "path", ROOT), "document", str(problem))
        return
    others = Others(may_read=may_read)
    try:
        for path, node in hierarchy.nodes.items():
            yield from _node(adapter, path, node, others, reads=not checks_itself, lost=path in lost)
            told(1)
    finally:
        others.close()
    yield from _specifications(adapter)


def _node(
    adapter: StoreAdapter, path: str, node: Node, others: Others, *, reads: bool, lost: bool
) -> Iterator[Finding]:
    if isinstance(node, Link):
        yield from _target(node.target, "link", adapter, path, others)
        return
    for name, value in node.attributes.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Unreadable):
                yield Finding(path, "attribute", f"{name!r}: {item.reason}")
            elif isinstance(item, Target):
                yield from _target(item, "attribute", adapter, path, others)
    if isinstance(node, Dataset) and isinstance(node.element, Unreadable):
        yield Finding(path, "value", node.element.reason)
    elif isinstance(node, Dataset) and not lost and (reads or refers(node)):
        yield from _values(adapter, path, node, others)


def _values(adapter: StoreAdapter, path: str, node: Dataset, others: Others) -> Iterator[Finding]:
    """Read a dataset piece by piece; of references that several values hold, each is followed once."""
    assert isinstance(node.values, RandomAccess)
    seen: set[Target] = set()
    try:
        for region in stored_pieces(node):
            for column in columns(node, node.values.read(region)):
                found = {item for item in column.reshape(-1).tolist() if item is not None} - seen
                seen |= found
                for target in sorted(found, key=str):
                    yield from _target(target, "reference", adapter, path, others)
    except _NOT_READ as problem:
        yield Finding(path, "value", str(problem))


def _target(target: Target, kind: str, adapter: StoreAdapter, path: str, others: Others) -> Iterator[Finding]:
    try:
        followed(target, adapter, path, others)
    except RefusedTargetError as problem:
        yield Finding(path, kind, f"was not followed: {problem}", "warning")
    except (*_NOT_READ, LookupError) as problem:
        yield Finding(path, kind, str(problem))


def _specifications(adapter: StoreAdapter) -> Iterator[Finding]:
    """Yield those cached specifications that are no JSON; whether they make sense is the validator's to say."""
    try:
        cached = cached_texts(adapter)
    except _NOT_READ as problem:
        yield Finding(getattr(problem, "path", ROOT), "specification", str(problem))
        return
    for home, texts in cached.values():
        for source, text in texts.items():
            try:
                json.loads(text)
            except (ValueError, RecursionError) as problem:
                yield Finding(join(home, source), "specification", f"is no JSON ({problem})")
