"""Zarr's own objects, where callers of the Zarr facade hold them: which file and path they are, and how they look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import LocalStore

from hdmf_store.adapter import Location, StoreAdapter
from hdmf_store.errors import ArgumentError, ArgumentTypeError
from hdmf_store.nodes import ROOT, Origin
from hdmf_store.nodes.hierarchy import parent

__all__ = ["ZarrReference", "origin_of", "parent_path", "path_in", "refresh_attributes", "store_of", "type_of"]


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
    ArgumentTypeError
        If it is neither.
    """
    if isinstance(getattr(thing, "origin", None), Origin):
        return thing.origin
    _check(thing)
    store = thing.store
    known = getattr(store, "hierarchy", None)  # a store of ours says where it belongs
    if isinstance(known, str):
        return Origin(known, "/" + thing.path)
    inner = store_of(thing)
    place = Location.of(Path(inner.root)) if isinstance(inner, LocalStore) else Location.of_object(inner)
    return Origin(place.identity, "/" + thing.path)


def _check(thing: Any) -> None:
    if not isinstance(thing, zarr.Group | zarr.Array):
        raise ArgumentTypeError(f"a Zarr group or array is needed, not {thing!r:.60} ({type(thing).__name__})")


def store_of(group: Any) -> Any:
    """Return the store in which the hierarchy of a Zarr group lies."""
    return getattr(group.store, "_store", group.store)  # a wrapper stands for what it wraps


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
    _check(thing)
    return parent("/" + thing.path)


def refresh_attributes(thing: Any, stored: Any) -> None:
    """Let a Zarr object that a caller holds show the attributes of the same object as it is stored now."""
    shown = thing.metadata.attributes
    fresh = dict(stored.metadata.attributes)
    if shown != fresh:
        shown.clear()
        shown.update(fresh)


def type_of(data: Any) -> type:
    """Return the type of data, or of its first element.

    Raises
    ------
    ValueError
        If the data is empty and has no type of its own.
    """
    if isinstance(data, str | bytes):
        return str if isinstance(data, str) else bytes
    if getattr(data, "shape", None) == () and not isinstance(data, np.generic):
        value = np.asarray(data[()])
        return type_of(value.item() if value.dtype.kind in "OSTU" else value[()])
    is_collection = data.ndim > 0 if hasattr(data, "ndim") else hasattr(data, "__len__")
    if not is_collection or isinstance(data, Mapping):
        return type(data)
    if (data.shape[0] if hasattr(data, "shape") else len(data)) == 0:
        raise ArgumentError("cannot determine the type of empty data")
    return type_of(data[0])
