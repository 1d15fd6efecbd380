"""A whole file from one store into another, by way of nodes: nothing of it passes through containers.

So what no container class reads is kept as well, and memory stays bounded by a buffer.
"""

from __future__ import annotations

from typing import Any

from hdmf_store.adapter import Plan, Progress, StoreAdapter
from hdmf_store.translate.dimensions import Schema, with_dimension_names
from hdmf_store.translate.relocate import Others, relocated
from hdmf_store.translate.specs import cached_texts, without_specs

__all__ = ["convert"]


def convert(
    source: StoreAdapter,
    destination: StoreAdapter,
    *,
    links: bool = True,
    consolidate: bool = True,
    may_read: Any = (),
    progress: Progress | None = None,
) -> int:
    """Store everything that a hierarchy holds in another one.

    Parameters
    ----------
    source : StoreAdapter
        Open for reading.
    destination : StoreAdapter
        Open in a mode that creates.
    links : bool, default True
        Keep links into other files, where the destination can hold them; otherwise what they lead to is copied.
    consolidate : bool, default True
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    progress : callable, optional

    Returns
    -------
    int
        The number of objects that were stored, not counting cached specifications.
    """
    others = Others(may_read=may_read)
    try:
        nodes = relocated(source.load(), source, destination, others, links=links)
        nodes = with_dimension_names(nodes, cached_schema(source))
        destination.write(Plan(nodes=nodes, consolidate=consolidate), progress)
        return len(without_specs(nodes))
    finally:
        others.close()


def cached_schema(adapter: StoreAdapter) -> Schema:
    """Return the schema that a hierarchy caches; empty if it caches none."""
    return Schema.of(text for _, texts in cached_texts(adapter).values() for text in texts.values())
