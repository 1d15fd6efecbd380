"""Zarr's own objects, where callers of the Zarr facade hold them: which file and path they are, and how they look."""

from __future__ import annotations

import html
import math
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from hdmf.utils import generate_array_html_repr
from zarr.storage import LocalStore

from hdmf_store.adapter import Location, StoreAdapter
from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import ROOT, Origin
from hdmf_store.nodes.hierarchy import parent

__all__ = ["ZarrReference", "array_html", "origin_of", "parent_path", "path_in", "type_of"]


class ZarrReference(dict[str, Any]):
    """A reference to an object, as a mapping.

    Parameters
    ----------
    source : str
        The file that holds the object, relative to the one that holds the reference; ``"."`` for the same.
    path : str
        The object's path in that file.
    object_id, source_object_id : str, optional
        Of the object, and of the root of its file.
    """

    def __init__(
        self,
        source: str | None = None,
        path: str | None = None,
        object_id: str | None = None,
        source_object_id: str | None = None,
    ) -> None:
        super().__init__(source=source, path=path, object_id=object_id, source_object_id=source_object_id)

    @property
    def source(self) -> str | None:
        """The file that holds the object."""
        return self["source"]

    @source.setter
    def source(self, value: str | None) -> None:
        self["source"] = value

    @property
    def path(self) -> str | None:
        """The object's path."""
        return self["path"]

    @path.setter
    def path(self, value: str | None) -> None:
        self["path"] = value

    @property
    def object_id(self) -> str | None:
        """The object's id."""
        return self["object_id"]

    @object_id.setter
    def object_id(self, value: str | None) -> None:
        self["object_id"] = value

    @property
    def source_object_id(self) -> str | None:
        """The id of the root of the file that holds the object."""
        return self["source_object_id"]

    @source_object_id.setter
    def source_object_id(self, value: str | None) -> None:
        self["source_object_id"] = value


def origin_of(thing: Any) -> Origin:
    """Return the file and path of a Zarr group or array, however it was opened.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(getattr(thing, "origin", None), Origin):
        return thing.origin
    if not isinstance(thing, zarr.Group | zarr.Array):
        raise ArgumentError(f"{thing!r:.80} is no Zarr group or array")
    store = thing.store
    inner = getattr(store, "_store", store)  # a wrapper stands for what it wraps
    place = Location.of(Path(inner.root)) if isinstance(inner, LocalStore) else Location.of_object(inner)
    return Origin(place.identity, "/" + thing.path)


def path_in(adapter: StoreAdapter, thing: Any) -> str:
    """Return the path of a Zarr object in a file.

    Raises
    ------
    ArgumentError
        If the object lies in another file.
    """
    origin = origin_of(thing)
    if origin.location != adapter.location.identity:
        raise ArgumentError(f"{origin.path} lies in {origin.location}, not in {adapter.location}")
    return origin.path.rstrip("/") or ROOT


def parent_path(thing: Any) -> str:
    """Return the absolute path of the group that holds a Zarr object."""
    return parent("/" + thing.path)


def type_of(data: Any) -> type:
    """Return the type of data, or of its first element.

    Raises
    ------
    ValueError
        If the data is empty and has no type of its own.
    """
    if isinstance(data, str | bytes):
        return str if isinstance(data, str) else bytes
    if isinstance(data, np.ndarray) and data.ndim == 0:
        return type(data.item())
    is_collection = data.ndim > 0 if hasattr(data, "ndim") else hasattr(data, "__len__")
    if not is_collection:
        return type(data)
    length = data.shape[0] if getattr(data, "shape", None) else len(data)
    if length == 0:
        raise ValueError("cannot determine the type of empty data")
    return type_of(data[0])


def array_html(array: Any) -> str:
    """Return an HTML table of what a Zarr array is: type, shape, chunks, codecs, sizes, place.

    Whatever the file says is escaped.
    """
    shape = tuple(array.shape)
    size = math.prod(shape) * max(1, np.dtype(array.dtype).itemsize)
    origin = origin_of(array)
    facts = {
        "Data type": str(array.dtype),
        "Shape": str(shape),
        "Chunk shape": _quietly(lambda: array.chunks),
        "Shard shape": _quietly(lambda: array.shards),
        "Compressors": _quietly(lambda: array.compressors),
        "Filters": _quietly(lambda: array.filters),
        "Array size": f"{size} bytes",
        "Path": origin.path,
        "File": origin.location,
    }
    shown = {name: html.escape(str(value)) for name, value in facts.items() if value not in (None, "()", "None")}
    return str(generate_array_html_repr(shown, array, "Zarr Array"))


def _quietly(fact: Any) -> str | None:
    try:
        value = fact()
    except (ValueError, TypeError, KeyError):  # an array whose codecs only this package knows
        return None
    return None if value is None else str(value)
