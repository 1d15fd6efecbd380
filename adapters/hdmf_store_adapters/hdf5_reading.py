"""What an HDF5 file holds, as nodes. An object that HDF5 makes no sense of is unreadable; the rest of the file opens.

Objects are looked at one after the other, however deep they lie, and links are never followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import h5py
import numpy as np

from hdmf_store.errors import FormatError, UnreadableError
from hdmf_store.nodes import (
    ROOT,
    Dataset,
    ElementType,
    Group,
    Layout,
    Link,
    Node,
    Number,
    Origin,
    Region,
    Target,
    Unreadable,
    join,
)
from hdmf_store_adapters import hdf5_values as values_of
from hdmf_store_adapters.hdf5_layout import HDF5Layout
from hdmf_store_adapters.hdf5_pieces import why_not_read

__all__ = ["SPEC_LOCATION", "dataset_of", "nodes_of"]

SPEC_LOCATION = ".specloc"
_LONGEST_PATH = 2**14
"""Characters: each object has its whole path, so that those that lie ever deeper would take the square of that."""


def nodes_of(file: h5py.File, location: str, may_read: Mapping[str, Mapping[str, Any]]) -> dict[str, Node]:
    """Return all objects of a file by path, the root first and each group before what is in it.

    Parameters
    ----------
    file : h5py.File
    location : str
        For messages.
    may_read : dict
        The word of the caller for values that lie in other files.

    Raises
    ------
    FormatError
        If nothing can be known of the root.
    """
    nodes: dict[str, Node] = {}
    try:
        seen = {file["/"].id: ROOT}
        nodes[ROOT] = Group(_attributes(file))
        waiting = [(file, ROOT, name) for name in reversed(list(file))]
    except values_of.BROKEN as problem:
        raise FormatError(location, ROOT, f"HDF5 cannot list what is in it ({problem})") from problem
    while waiting:
        group, within, name = waiting.pop()
        path = join(within, name)
        try:
            if len(path) > _LONGEST_PATH:
                raise ValueError(f"it lies deeper than a path of {_LONGEST_PATH} characters")
            node, below = _node(group, within, name, seen, may_read)
        except values_of.BROKEN as problem:
            reason = f"HDF5 cannot read this object ({problem})"
            lost = _Lost(Origin(location, path[:_LONGEST_PATH]), reason)
            nodes[path[:_LONGEST_PATH]] = Dataset(Unreadable(reason), (), lost, {}, Layout())
            continue
        if node is not None:
            nodes[path] = node
        waiting += [(below, path, child) for child in reversed(list(below))] if below is not None else []
    return nodes


def _node(
    group: h5py.Group, within: str, name: str, seen: dict[Any, str], may_read: Any
) -> tuple[Node | None, h5py.Group | None]:
    """Return one object as a node, and the group that it is, if that is to be looked into.

    A data type that has a name is no node: each dataset of that type has it, too.
    """
    path = join(within, name)
    link = group.get(name, getlink=True)
    if isinstance(link, h5py.SoftLink | h5py.ExternalLink):
        return Link(values_of.target_of_link(link, within)), None
    found = group[name]
    if found.id in seen:  # a second hard link to the same object
        return Link(Target(seen[found.id])), None
    if isinstance(found, h5py.Dataset):
        refused = why_not_read(found, may_read)
        dataset = dataset_of(found, _attributes(found), Unreadable(refused) if refused else None)
        seen[found.id] = path
        return dataset, None
    if not isinstance(found, h5py.Group):
        return None, None
    list(found)  # which fails here for one that cannot be listed
    seen[found.id] = path
    return Group(_attributes(found)), found


def _attributes(thing: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    found = values_of.attributes_of(thing)
    location = found.get(SPEC_LOCATION)
    if isinstance(location, Target):
        found[SPEC_LOCATION] = location.path.lstrip("/")
    return found


def dataset_of(dataset: h5py.Dataset, attributes: dict[str, Any], element: ElementType | None = None) -> Dataset:
    """Return an HDF5 dataset as a node; its element type is looked for unless it is given."""
    element = element or values_of.element_of(dataset)
    shape = (0,) if dataset.shape is None else dataset.shape
    fill = dataset.fillvalue if isinstance(element, Number) and dataset.chunks and dataset.fillvalue else None
    limits = dataset.maxshape if dataset.maxshape != shape else None
    layout = Layout(fill_value=fill, maxshape=limits, native=HDF5Layout.of(dataset))
    return Dataset(element, shape, values_of.H5Source(dataset, element), attributes, layout)


@attrs.frozen
class _Lost:
    """The values of an object of which nothing is known."""

    origin: Origin
    reason: str
    grain: None = None

    def read(self, region: Region) -> np.ndarray:
        raise UnreadableError(self.origin.location, self.origin.path, self.reason)
