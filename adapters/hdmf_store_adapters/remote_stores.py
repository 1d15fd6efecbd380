"""Stores of zarr for URLs: over fsspec, and over obstore where that serves as well.

Measured on one machine: a server that speaks S3, and a plain HTTP server. For S3 both give the same bytes, lists and
keys, whatever characters are in them, and obstore takes a third of the time. Over HTTP, obstore cannot list what plain
servers show and sends no query; so ``http`` and ``https`` are fsspec's. For Google's and Azure's storage there was no
server to measure with: obstore serves them where fsspec's library is not installed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import fsspec
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from zarr.abc.store import Store
from zarr.storage import FsspecStore, ObjectStore

from hdmf_store.adapter import CACHES, Location
from hdmf_store.errors import ArgumentError, MissingExtraError
from hdmf_store_adapters.remote_errors import telling
from hdmf_store_adapters.remote_options import with_defaults
from hdmf_store_adapters.server_options import (
    THROUGH,
    ObstoreSettings,
    fsspec_options,
    obstore_settings,
    secrets_in,
)
from hdmf_store_adapters.telling_stores import FsspecFiles, ObstoreFiles

__all__ = ["file_system_at", "location_of", "open_file", "store_at", "telling_store"]

_EXTRAS = {
    "s3": ("s3fs", "s3"),
    "gs": ("gcsfs", "gcs"),
    "az": ("adlfs", "azure"),
    "abfs": ("adlfs", "azure"),
    "abfss": ("adlfs", "azure"),
    "adl": ("adlfs", "azure"),
    "http": ("aiohttp", "http"),
    "https": ("aiohttp", "http"),
}
"""Of each scheme, the library by which fsspec serves it, and the extra that installs that."""

_HAVING_ADDRESSES = (*_EXTRAS, "s3a", "gcs", "memory", "file", "local", "ftp", "sftp")
"""Protocols of file systems in which the path of a file is all that has to be known of it."""


# ---------------------------------------------------------------------------------------------------- stores for places


def store_at(location: Location, options: Mapping[str, Any]) -> Store:
    """Return a store for what lies at a location, with options as `options_of` returns them.

    Raises
    ------
    ArgumentError
        If no file system is known for the scheme, or the URL names no place.
    MissingExtraError
        If the library that serves it is not installed.
    """
    through = options.get(THROUGH)
    if isinstance(through, Store):
        return _beside(through, location)
    secrets = secrets_in(options)
    settings = None if through else _settings_for_obstore(location.scheme, options)
    if settings is not None:
        return ObstoreFiles(_obstore_at(location, settings), location, secrets)
    system, path = file_system_at(location, options)
    return FsspecFiles(system, path, location, secrets)


def _settings_for_obstore(scheme: str, options: Mapping[str, Any]) -> ObstoreSettings | None:
    """Return the settings with which obstore serves a scheme; None if fsspec is to do that."""
    if find_spec("obstore") is None:
        return None
    settings = obstore_settings(scheme, options, os.environ)
    if settings is None or settings.is_complete:
        return settings
    return None if find_spec(_EXTRAS[scheme][0]) else settings  # rather less than nothing


def _obstore_at(location: Location, settings: ObstoreSettings) -> Any:
    _check_named(location)
    bucket, _, key = location.address.partition("://")[2].partition("/")
    obstore: Any = import_module("obstore.store")
    store = obstore.from_url(f"{location.scheme}://{bucket}", config=settings.config, client_options=settings.client)
    return _with_prefix(store, key)


def file_system_at(location: Location, options: Mapping[str, Any]) -> tuple[Any, str]:
    """Return fsspec's asynchronous file system for a location, and the path there.

    Raises
    ------
    ArgumentError
        If no file system is known for the scheme, or the URL names no place.
    MissingExtraError
        If the library that serves it is not installed.
    """
    caches = _caches(options)
    given: dict[str, Any] = fsspec_options(options)
    if not caches:  # a cache is asked in threads, and what it asks in turn may not be asynchronous
        given = {"asynchronous": True, **with_defaults(location.scheme, given)}
    system, path = _fsspec(fsspec.url_to_fs, location, caches, given)
    if caches or not system.async_impl:
        system = AsyncFileSystemWrapper(system, asynchronous=True)
    return system, path


def open_file(location: Location, options: Mapping[str, Any], **how: Any) -> Any:
    """Return a file of a server, open for reading.

    Parameters
    ----------
    location : Location
    options : dict
        As `options_of` returns them.
    **how
        What the ``open`` of fsspec's file system takes.

    Raises
    ------
    FileNotFoundError
        If there is none.
    AccessError, UnreachableError
        If the server does not give it.
    """
    with telling(location, secrets_in(options)):
        system, path = _fsspec(fsspec.url_to_fs, location, _caches(options), fsspec_options(options))
        return system.open(path, "rb", **how)


def _caches(options: Mapping[str, Any]) -> tuple[str, ...]:
    through = options.get(THROUGH, ())
    return through if isinstance(through, tuple) else ()


def _fsspec(call: Any, location: Location, caches: tuple[str, ...], options: Mapping[str, Any]) -> Any:
    """Return what a function of fsspec makes of a URL and options."""
    _check_named(location)
    unknown = [link for link in caches if link not in CACHES]
    if unknown:
        raise ArgumentError(
            f"{location}: '{unknown[0]}::' is no cache, and from other file systems in a chain the place of linked "
            f"files cannot be told. Leave it out, or use one of {', '.join(CACHES)}"
        )
    scheme = location.scheme
    try:
        with telling(location, secrets_in(options)):
            return call("::".join([*caches, location.address]), **options)
    except ImportError as problem:
        library, extra = _EXTRAS.get(scheme, (problem.name or scheme, ""))
        if not extra:
            raise ArgumentError(f"{location}: fsspec needs {library} for {scheme}://, which is not there") from None
        raise MissingExtraError(library, extra, f"opening {location}") from None
    except ValueError as problem:
        if scheme in fsspec.available_protocols():
            raise
        raise ArgumentError(f"{location}: no file system is known for {scheme}:// ({problem})") from None


def _check_named(location: Location) -> None:
    if location.scheme != "memory" and not location.address.partition("://")[2].strip("/"):
        raise ArgumentError(f"{location.address!r} names no server or bucket")


# ------------------------------------------------------------------------------------------------------ stores of users


def location_of(store: Store) -> Location | None:
    """Return where a store object of zarr's lies, if that can be said by a path or URL."""
    if isinstance(store, FsspecStore):
        system = getattr(store.fs, "sync_fs", store.fs)  # zarr wraps file systems that are not asynchronous
        if {system.protocol} & set(CACHES) if isinstance(system.protocol, str) else set(system.protocol) & set(CACHES):
            system = system.fs
        names = (system.protocol,) if isinstance(system.protocol, str) else tuple(system.protocol)
        if not set(names) & set(_HAVING_ADDRESSES):
            return None
        return Location.of(system.unstrip_protocol(store.path))
    if isinstance(store, ObjectStore):
        return _location_of_obstore(store.store)
    return None


_BUCKETS = {"S3Store": ("s3", "bucket"), "GCSStore": ("gs", "bucket"), "AzureStore": ("az", "container_name")}
"""Of each class of obstore, the scheme, and what the setting with the bucket is called."""


def _location_of_obstore(store: Any) -> Location | None:
    kind = type(store).__name__
    if kind in _BUCKETS:
        scheme, name = _BUCKETS[kind]
        return Location.of(f"{scheme}://{store.config[name]}/{store.prefix or ''}")
    if kind == "HTTPStore":
        return Location.of(store.url)
    return Location.of(store.prefix) if kind == "LocalStore" and store.prefix is not None else None


def telling_store(store: Store) -> Store:
    """Return a store that reads and writes what one of zarr's does, and tells of problems as this package does."""
    location = location_of(store)
    if location is None or location.is_local:
        return store
    if type(store) is FsspecStore:
        secrets = secrets_in(store.fs) | secrets_in(getattr(store.fs, "sync_fs", None))
        return FsspecFiles(store.fs, store.path, location, secrets, read_only=store.read_only)
    if type(store) is ObjectStore:
        return ObstoreFiles(store.store, location, secrets_in(store.store), read_only=store.read_only)
    return store


def _beside(store: Store, location: Location) -> Store:
    """Return the store for another place on the server of a store, reached in the same way."""
    if isinstance(store, FsspecStore):
        path = getattr(store.fs, "sync_fs", store.fs)._strip_protocol(location.address)
        return telling_store(FsspecStore(store.fs, path=path, read_only=True))
    held: Any = store.store
    if type(held).__name__ == "HTTPStore":
        other = type(held)(location.address, client_options=held.client_options, retry_config=held.retry_config)
    else:
        other = _with_prefix(held, location.address.partition("://")[2].partition("/")[2])
    return telling_store(ObjectStore(other, read_only=True))


def _with_prefix(store: Any, key: str) -> Any:
    """Return a store of obstore for keys below another one in the same bucket; the key is taken as it is."""
    return type(store)(
        prefix=key or None,
        config=store.config,
        client_options=store.client_options,
        retry_config=store.retry_config,
        credential_provider=store.credential_provider,
    )
