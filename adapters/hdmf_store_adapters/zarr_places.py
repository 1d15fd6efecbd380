"""Places where Zarr hierarchies lie, and the names that objects can have there."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import fsspec
from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, ObjectStore

from hdmf_store.adapter import CACHES, Location, shown
from hdmf_store.errors import ArgumentError, FormatError, NameNotAllowedError
from hdmf_store.nodes import ROOT, Codec, Link, Node, basename
from hdmf_store_adapters.file_names import refused_names
from hdmf_store_adapters.local_files import LocalFiles
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.remote_stores import location_of, open_file, store_at, telling_store
from hdmf_store_adapters.server_options import THROUGH
from hdmf_store_adapters.store_objects import StoreObject
from hdmf_store_adapters.zip_files import ZipFiles

__all__ = [
    "check_durable",
    "check_names",
    "check_path",
    "codec_of",
    "is_for_zarr",
    "is_on_another_machine",
    "medium_and_location",
    "text_of",
    "way_to_write",
    "why_missing",
]

_HDF5_SUFFIXES = (".nwb", ".h5", ".hdf5", ".hdf", ".he5")
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ONLY_READ = ("http", "https")


def codec_of(value: Any) -> Codec:
    """Return a numcodecs codec, or a class of such codecs, by name."""
    try:
        settings = dict((value() if isinstance(value, type) else value).get_config())
    except (AttributeError, TypeError) as problem:
        raise ArgumentError(f"object_codec_class must be a codec class of numcodecs, not {value!r}") from problem
    return Codec(f"numcodecs.{settings.pop('id')}", settings)


def check_path(path: str, location: str, system: str = sys.platform) -> None:
    """Refuse a path that a file gives and that would lead out of it, or to a device of the system."""
    parts = path[1:].split("/")
    leads_out = any(part in ("", ".", "..") or "\0" in part for part in parts)
    if system == "win32":
        leads_out = leads_out or any("\\" in part or refused_names([f"/{part}"], (), system) for part in parts)
    if path != ROOT and leads_out:
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


def why_missing(location: Location, options: Mapping[str, Any]) -> str:
    """Return why there is nothing to read at a place."""
    if location.is_local and os.path.isfile(location.address):
        return "is a file, not a Zarr hierarchy. If it is HDF5, convert it first: hdmf-store convert"
    if location.is_local and not os.path.exists(location.address):
        return "does not exist"
    if location.is_remote and _is_hdf5(location, options):
        return (
            "is an HDF5 file, and on other machines only Zarr is read. Download it, or open it with fsspec or remfile "
            "and pass that to pynwb: NWBHDF5IO(file=h5py.File(remfile.File(url)))"
        )
    return "holds no Zarr hierarchy: there is no root document"


def _is_hdf5(location: Location, options: Mapping[str, Any]) -> bool:
    """Return whether a file on a server begins as HDF5 files do; a few bytes are read."""
    streamed = {"block_size": 0} if location.scheme in _ONLY_READ else {"block_size": 2**16}
    try:
        with open_file(location, {k: v for k, v in options.items() if k != THROUGH}, **streamed) as file:
            return bool(file.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE)
    except Exception:  # noqa: BLE001  whatever goes wrong: that nothing is there has been found out already
        return False


def way_to_write(location: Location, options: Mapping[str, Any]) -> str | None:
    """Return how else to open a place that cannot be written to; None if it can be."""
    if location.scheme in _ONLY_READ:
        return "mode 'r': HTTP only reads. To write, name a folder or an object store: s3://, gs:// or az://"
    through = options.get(THROUGH)
    if isinstance(through, tuple) and set(through) & set(CACHES):
        return f"mode 'r': a cache only reads. To write, name the place without it: {location}"
    return None


def is_for_zarr(location: Location) -> bool:
    """Return whether a place that is not on this machine's disks is one for Zarr, by its name.

    Archives have hierarchies at addresses without a suffix. Schemes that no file system has are those of other stores.
    """
    if location.name.endswith(".zarr"):
        return True
    return location.scheme in fsspec.available_protocols() and not location.name.endswith(_HDF5_SUFFIXES)


def check_durable(durable: bool, medium: Medium, location: Location) -> None:
    """Refuse to promise that what is stored outlasts a loss of power where nobody can be waited for.

    Raises
    ------
    ArgumentError
        For store objects and Icechunk on this machine, unless they are folders or archives.
    """
    if durable and not location.is_remote and not isinstance(medium, LocalFiles | ZipFiles):
        raise ArgumentError(f"{location}: durable=True is for folders and archives on local disks; leave it out here")


def medium_and_location(place: Any, options: Mapping[str, Any], *, durable: bool = False) -> tuple[Medium, Location]:
    """Return what holds the bytes of a place, and where that is.

    Parameters
    ----------
    place : str, Path, UPath or zarr.abc.store.Store
    options : dict
        As `options_of` returns them.
    durable : bool, default False
        For folders: whether to wait until the disk has what is committed.

    Raises
    ------
    ArgumentError
        If the place is no path, URL or store.
    MissingExtraError
        If the library for a URL is not installed.
    """
    if isinstance(place, LocalStore):
        location = Location.of(Path(place.root))
        return LocalFiles(Path(place.root), durable=durable), location
    if isinstance(place, Store):
        return StoreObject(telling_store(place)), location_of(place) or Location.of_object(place)
    text = text_of(place)
    if not text:
        raise ArgumentError(f"{shown(place)} is no path, URL or zarr store that Zarr files can lie in")
    location = Location.of(text)
    if location.is_local:
        return LocalFiles(Path(location.address), durable=durable), location
    return StoreObject(store_at(location, options)), location


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
