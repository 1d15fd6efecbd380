"""Columns of a table that can be extended in place.

HDMF extends the values of a ragged column by a function that knows lists, HDF5 datasets and wrappers of its own class
`DataIO`, but no Zarr array. In modes that change a file, such a column's array is handed out in a wrapper that can.
"""

from __future__ import annotations

from typing import Any

from hdmf.data_utils import DataIO

from hdmf_store.nodes import Dataset, Hierarchy, Target, parent

__all__ = ["GrowingData", "is_extended"]


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


def is_extended(hierarchy: Hierarchy, path: str) -> bool:
    """Return whether a dataset is the target of an index, so that HDMF adds several elements at once to it."""
    for sibling in hierarchy.children[parent(path)]:
        node = hierarchy.nodes[sibling]
        target = node.attributes.get("target") if isinstance(node, Dataset) else None
        if isinstance(target, Target) and target.is_internal and target.path == path:
            return True
    return False
