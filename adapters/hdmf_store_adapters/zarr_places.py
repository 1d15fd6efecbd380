"""Places where Zarr hierarchies lie, and the names that objects can have there."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, ObjectStore

from hdmf_store.adapter import Location
from hdmf_store.errors import ArgumentError, FormatError, NameNotAllowedError
from hdmf_store.nodes import ROOT, Codec, Link, Node, basename
from hdmf_store_adapters.file_names import refused_names
from hdmf_store_adapters.local_files import LocalFiles
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.remote_options import with_defaults
from hdmf_store_adapters.store_objects import StoreObject

__all__ = [
    "check_names",
    "check_path",
    "codec_of",
    "is_on_another_machine",
    "medium_and_location",
    "text_of",
    "why_missing",
]

_CHAINED = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*::.*://|^[a-zA-Z][a-zA-Z0-9+.-]*://.*::[a-zA-Z][a-zA-Z0-9+.-]*://")


def codec_of(value: Any) -> Codec:
    """Return a numcodecs codec, or a class of such codecs, by name."""
    try:
        settings = dict((value() if isinstance(value, type) else value).get_config())
    except (AttributeError, TypeError) as problem:
        raise ArgumentError(f"object_codec_class must be a codec class of numcodecs, not {value!r}") from problem
    return Codec(f"numcodecs.{settings.pop('id')}", settings)


def check_path(path: str, location: str) -> None:
    """Refuse a path that a file gives and that would lead out of it."""
    if path != ROOT and any(part in ("", ".", "..") for part in path[1:].split("/")):
        raise FormatError(location, path, "is no path that an object can have; the file may be hostile")


def check_names(
    paths: Mapping[str, Node], known: Collection[str], location: str, documents: tuple[str, ...], system: str | None
) -> None:
    """Refuse names that no Zarr store can hold, or that no folder can have, all of them together.

    Parameters
    ----------
    paths : dict
        Of what is to be written.
    known : collection of str
        The paths of what is there.
    location : str
        For the message.
    documents : tuple of str
        Names of the format's own files.
    system : str or None
        As `sys.platform` names it, where each object is a folder; None where it is not.
    """
    bad = {
        path: "a Zarr store cannot hold objects of these names"
        for path in paths
        if path != ROOT
        and (
            basename(path) in ("", ".", "..", *documents)
            or basename(path).startswith("__")
            or any(character in basename(path) for character in "\0\\")
        )
    }
    if system is not None:
        new = [path for path, node in paths.items() if path not in known and not isinstance(node, Link)]
        bad = {**refused_names(new, known, system), **bad}
    if bad:
        raise NameNotAllowedError(location, tuple(bad), ", ".join(dict.fromkeys(bad.values())))


def why_missing(location: Location) -> str:
    """Return why there is nothing to read at a place."""
    if location.is_local and os.path.isfile(location.address):
        return "is a file, not a Zarr hierarchy. If it is HDF5, convert it first: hdmf-store convert"
    if location.is_local and not os.path.exists(location.address):
        return "does not exist"
    return "holds no Zarr hierarchy: there is no root document"


def medium_and_location(place: Any, storage_options: Mapping[str, Any] | None) -> tuple[Medium, Location]:
    """Return what holds the bytes of a place, and where that is.

    Raises
    ------
    ArgumentError
        If the place is no path, URL or store.
    """
    if isinstance(place, LocalStore):
        location = Location.of(Path(place.root))
        return LocalFiles(Path(place.root)), location
    if isinstance(place, Store):
        return StoreObject(place), Location.of_object(place)
    text = text_of(place)
    if not text:
        raise ArgumentError(f"{place!r} is no path, URL or zarr store that Zarr files can lie in")
    if _CHAINED.match(text):
        raise ArgumentError(
            f"{text!r} is a chain of file systems, from which the place of linked files cannot be told. Open it "
            "yourself and pass the store: zarr.storage.FsspecStore.from_url(...)"
        )
    location = Location.of(text)
    if location.is_local:
        return LocalFiles(Path(location.address)), location
    given = {**getattr(place, "storage_options", {}), **(storage_options or {})}
    options = with_defaults(location.scheme, given)
    return StoreObject(FsspecStore.from_url(location.address, storage_options=options)), location


def text_of(place: Any) -> str | None:
    """Return a path or URL as text, also of a universal path, which need not be a path of this system; else None."""
    if isinstance(place, str | os.PathLike):
        return str(place)
    is_universal = hasattr(place, "protocol") and hasattr(place, "storage_options")
    return str(place) if is_universal else None


def is_on_another_machine(store: Any) -> bool:
    """Return whether a store object reads from a file system that is neither local nor in memory."""
    if isinstance(store, FsspecStore):
        inner = getattr(store.fs, "sync_fs", store.fs)  # zarr wraps file systems that are not asynchronous
        protocols = {inner.protocol} if isinstance(inner.protocol, str) else set(inner.protocol)
        return not protocols & {"file", "local", "memory"}
    if isinstance(store, ObjectStore):
        return type(store.store).__name__ not in ("LocalStore", "MemoryStore")
    return False
