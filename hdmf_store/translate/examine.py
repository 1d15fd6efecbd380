"""One file looked through by itself: whether everything in it can be read and leads somewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from hdmf_store.adapter import Progress, StoreAdapter
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import Compound, Dataset, Link, RandomAccess, ReferenceTo, Target, Unreadable
from hdmf_store.translate.compare import Comparison, Difference, stored_pieces
from hdmf_store.translate.relocate import Others, followed
from hdmf_store.translate.specs import without_specs

__all__ = ["columns", "examine", "refers", "targets_held"]


def examine(adapter: StoreAdapter, progress: Progress | None = None, may_read: Any = ()) -> Comparison:
    """Read every value of an open hierarchy and follow every link and reference.

    Parameters
    ----------
    adapter : StoreAdapter
        Open for reading.
    progress : callable, optional
        Called with bytes of values, and objects, that were examined since the last call.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.

    Returns
    -------
    Comparison
        With what was found wrong as differences.
    """
    others, found, values = Others(may_read=may_read), [], 0
    hierarchy = adapter.load()
    try:
        for path, node in hierarchy.nodes.items():
            try:
                _check_attributes(node)
                for target in targets_held(node):
                    followed(target, adapter, path, others)
                if isinstance(node, Dataset):
                    values += _read(adapter, others, path, node, progress)
            except (HDMFStoreError, LookupError) as problem:
                found.append(Difference(path, str(problem)))
            if progress is not None:
                progress(0, 1)
    finally:
        others.close()
    return Comparison(tuple(found), len(without_specs(hierarchy.nodes)), values, ())


def _check_attributes(node: Any) -> None:
    for name, value in ({} if isinstance(node, Link) else node.attributes).items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Unreadable):
                raise LookupError(f"the attribute {name!r}: {item.reason}")


def targets_held(node: Any) -> Iterator[Target]:
    """Yield the targets of a link, or of the attributes of a group or dataset."""
    held = [node.target] if isinstance(node, Link) else list(node.attributes.values())
    for value in held:
        yield from (item for item in (value if isinstance(value, list) else [value]) if isinstance(item, Target))


def _read(adapter: StoreAdapter, others: Others, path: str, node: Dataset, progress: Progress | None) -> int:
    if isinstance(node.element, Unreadable):
        raise LookupError(node.element.reason)
    assert isinstance(node.values, RandomAccess)
    count = 0
    for region in stored_pieces(node):
        values = node.values.read(region)
        count += values.size
        if progress is not None:
            progress(values.nbytes, 0)
        for column in columns(node, values):
            for target in dict.fromkeys(item for item in column.reshape(-1).tolist() if item is not None):
                followed(target, adapter, path, others)
    return count


def refers(node: Dataset) -> bool:
    """Return whether some of a dataset's values are references."""
    element = node.element
    return isinstance(element, ReferenceTo) or (isinstance(element, Compound) and bool(element.references))


def columns(node: Dataset, values: np.ndarray) -> Iterator[np.ndarray]:
    """Yield those parts of a dataset's values that are references."""
    if isinstance(node.element, ReferenceTo):
        yield values
    elif isinstance(node.element, Compound):
        yield from (values[name] for name in node.element.references)
