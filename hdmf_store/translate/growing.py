"""Tables that grow in place, a row at a time.

HDMF adds a row column by column, each column at once. It extends ragged columns by a function that knows lists, HDF5
datasets and wrappers of its own class `DataIO`, but no Zarr array; it counts the rows of a stored index in one byte,
whatever is stored; and what it has added of a row stays, if a later column refuses its part. In modes that change a
file, arrays are therefore handed out so that they grow as HDMF expects, and a row that is refused is taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hdmf.common import VectorIndex
from hdmf.container import AbstractContainer, Data
from hdmf.data_utils import DataIO

from hdmf_store.adapter import StoreAdapter
from hdmf_store.nodes import Compound, Dataset, Hierarchy, ReferenceTo, Target, join, parent

__all__ = [
    "GrowingData",
    "GrowingIndex",
    "add_rows",
    "admit_long_columns",
    "columns_in_memory",
    "is_extended",
    "is_index",
    "take_back_row",
]

_IDS = "id"
_COLUMNS = "colnames"
_CATEGORIES = "categories"


class GrowingData(DataIO):
    """A stored array to which rows can be added; everything else passes through to the array.

    Parameters
    ----------
    data : array
        With a method `append`, as Zarr arrays have it.
    """

    def append(self, arg: Any) -> None:
        """Store one more element at the end."""
        self.data.append([arg])

    def extend(self, arg: Any) -> None:
        """Store several more elements at the end."""
        if len(arg):
            self.data.append(arg)

    def __setitem__(self, selection: Any, value: Any) -> None:
        self.data[selection] = value


class GrowingIndex(GrowingData):
    """The stored index of a ragged column, whose integers get wider when the column gets longer than they count."""

    def append(self, arg: Any) -> None:
        """Store where one more row ends."""
        if arg > np.iinfo(self.data.dtype).max:
            self.data.retype(np.min_scalar_type(int(arg)))
        super().append(arg)


def columns_in_memory(container: AbstractContainer) -> Iterator[tuple[Data, Any]]:
    """Yield what holds values in memory, at and below a container, and those values."""
    data = getattr(container, "data", None) if isinstance(container, Data) else None
    data = data.data if isinstance(data, DataIO) else data
    if isinstance(data, list) or (isinstance(data, np.ndarray) and data.ndim):
        yield container, data
    for child in container.children:
        yield from columns_in_memory(child)


def add_rows(adapter: StoreAdapter, path: str, values: Any, append: Callable[[str, Any], None]) -> None:
    """Store the elements that values in memory have more than the dataset that was made of them.

    Parameters
    ----------
    adapter : StoreAdapter
    path : str
    values : list or array
    append : callable
        Appends one element that is a reference, or holds some, to the dataset at a path.
    """
    node = adapter.load().nodes.get(path)
    if not isinstance(node, Dataset) or not node.shape or len(values) <= node.shape[0]:
        return
    added, array = values[node.shape[0] :], adapter.array(path)
    if isinstance(node.element, ReferenceTo) or (isinstance(node.element, Compound) and node.element.references):
        for value in added:
            append(path, value)
    elif is_index(node):
        for end in added:
            GrowingIndex(data=array).append(end)
    else:
        GrowingData(data=array).extend(added)


def is_index(node: Dataset) -> bool:
    """Return whether a dataset says where the rows of a ragged column end."""
    target = node.attributes.get("target")
    return isinstance(target, Target) and target.is_internal


def is_extended(hierarchy: Hierarchy, path: str) -> bool:
    """Return whether a dataset is the target of an index, so that HDMF adds several elements at once to it."""
    return _index_of(hierarchy, path) is not None


def admit_long_columns(container: AbstractContainer) -> None:
    """Let HDMF add rows to stored ragged columns of more than 255 elements.

    It remembers of each index how far its integers count. What it sets there when it reads a stored one is the least,
    and it cannot change stored integers. Ours get wider by themselves.
    """
    if isinstance(container, VectorIndex) and isinstance(container.data, GrowingIndex):
        container._VectorIndex__maxval = np.iinfo(np.uint64).max
        container._VectorIndex__uint = np.uint64
    for child in container.children:
        admit_long_columns(child)


def take_back_row(adapter: StoreAdapter, path: str) -> None:
    """Shorten the other columns of a table by the row of which the column at a path refused its part.

    Nothing happens if it is no column of a table, or the table has no row more than that column.
    """
    hierarchy = adapter.load()
    outermost = path
    while (index := _index_of(hierarchy, outermost)) is not None:
        outermost = index
    rows = _length(hierarchy, outermost)
    for table in _tables_with_rows_of(hierarchy, parent(path)):
        if _length(hierarchy, join(table, _IDS)) == rows + 1:
            for column in _columns(hierarchy, table):
                if column == outermost or _length(hierarchy, column) == rows + 1:
                    _cut(adapter, hierarchy, column, rows)


def _tables_with_rows_of(hierarchy: Hierarchy, table: str) -> list[str]:
    """Return the tables that get their rows together: one, or an aligned table and those of its categories."""
    aligned = next((at for at in (table, parent(table)) if _names(hierarchy, at, _CATEGORIES)), None)
    if aligned is None:
        return [table] if _names(hierarchy, table, _COLUMNS) is not None else []
    return [aligned, *(join(aligned, name) for name in _names(hierarchy, aligned, _CATEGORIES) or ())]


def _columns(hierarchy: Hierarchy, table: str) -> Iterator[str]:
    """Yield what has an element for each row of a table: ids, columns, and the outermost indices of ragged columns."""
    for name in (_IDS, *(_names(hierarchy, table, _COLUMNS) or ())):
        column = join(table, name)
        while (index := _index_of(hierarchy, column)) is not None:
            column = index
        yield column


def _cut(adapter: StoreAdapter, hierarchy: Hierarchy, column: str, rows: int) -> None:
    """Shorten a column, and what it is the index of."""
    node = hierarchy.nodes[column]
    assert isinstance(node, Dataset)
    array: Any = adapter.array(column)
    if is_index(node):
        _cut(adapter, hierarchy, node.attributes["target"].path, int(array[rows - 1]) if rows else 0)
    if node.shape[0] > rows:
        array.resize((rows, *node.shape[1:]))


def _index_of(hierarchy: Hierarchy, path: str) -> str | None:
    for sibling in hierarchy.children[parent(path)]:
        node = hierarchy.nodes[sibling]
        if isinstance(node, Dataset) and is_index(node) and node.attributes["target"].path == path:
            return sibling
    return None


def _length(hierarchy: Hierarchy, path: str) -> int:
    node = hierarchy.nodes.get(path)
    return node.shape[0] if isinstance(node, Dataset) and node.shape else -1


def _names(hierarchy: Hierarchy, path: str, attribute: str) -> list[str] | None:
    node = hierarchy.nodes.get(path)
    return getattr(node, "attributes", {}).get(attribute)
