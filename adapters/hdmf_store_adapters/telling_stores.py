"""Zarr's stores on servers, which tell of problems as this package does and take keys exactly as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from glob import has_magic
from typing import Any
from urllib.parse import quote, unquote

from zarr.abc.store import Store
from zarr.storage import FsspecStore, ObjectStore

from hdmf_store.adapter import Location
from hdmf_store_adapters.remote_errors import telling

__all__ = ["FsspecFiles", "ObstoreFiles", "Telling"]

_AT_ONCE = 64
"""Deletions under way."""


class Telling(Store):
    """Tells of problems with a server as this package does; the stores below are zarr's apart from that."""

    _location: Location
    _secrets: frozenset[str]

    @property
    def location(self) -> Location:
        """Where this is."""
        return self._location

    def __str__(self) -> str:
        return str(self._location)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def _told(self) -> Any:
        return telling(self._location, self._secrets)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return the bytes under a key, or None."""
        with self._told():
            return await super().get(self._key(key), prototype, byte_range)

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
        """Return parts of what is under keys."""
        with self._told():
            return await super().get_partial_values(prototype, [(self._key(key), part) for key, part in key_ranges])

    async def exists(self, key: str) -> bool:
        """Return whether there is anything under a key."""
        with self._told():
            return bool(await super().exists(self._key(key)))

    async def set(self, key: str, value: Any) -> None:
        """Store bytes under a key."""
        with self._told():
            await super().set(key, value)

    async def delete(self, key: str) -> None:
        """Delete a key."""
        with self._told():
            await super().delete(key)

    async def delete_dir(self, prefix: str) -> None:
        """Delete all keys below a prefix."""
        with self._told():
            await super().delete_dir(prefix)

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        with self._told():
            async for key in super().list():
                yield self._listed(key)

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield the keys that begin with a prefix."""
        with self._told():
            async for key in super().list_prefix(self._key(prefix)):
                yield self._listed(key)

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names of what lies directly below a prefix."""
        with self._told():
            async for name in super().list_dir(self._key(prefix)):
                yield self._listed(name)

    def _key(self, key: str) -> str:
        """Return a key as the server knows it."""
        return key

    def _listed(self, key: str) -> str:
        """Return a key of the server as it is known here."""
        return key


class ObstoreFiles(Telling, ObjectStore):
    """A place that obstore serves.

    Parameters
    ----------
    store : obstore.store.ObjectStore
    location : Location
    secrets : frozenset of str
        What no message may show.
    read_only : bool, default False
    """

    def __init__(self, store: Any, location: Location, secrets: frozenset[str], *, read_only: bool = False) -> None:
        super().__init__(store, read_only=read_only)
        self._location = location
        self._secrets = secrets

    def with_read_only(self, read_only: bool = False) -> ObstoreFiles:
        """Return the same place, to be changed or not."""
        return ObstoreFiles(self.store, self._location, self._secrets, read_only=read_only)


class FsspecFiles(Telling, FsspecStore):
    """A place that a file system of fsspec serves.

    Two things differ from zarr's store. Keys become parts of web addresses, so that names with ``#``, ``?`` and ``%``
    are found. And what is deleted is that key: fsspec would take ``*``, ``?`` and brackets in it for a pattern.

    Parameters
    ----------
    system : fsspec.asyn.AsyncFileSystem
    path : str
        In that file system.
    location : Location
    secrets : frozenset of str
        What no message may show.
    read_only : bool, default False
    """

    def __init__(
        self, system: Any, path: str, location: Location, secrets: frozenset[str], *, read_only: bool = False
    ) -> None:
        super().__init__(system, read_only=read_only, path=path)
        self._location = location
        self._secrets = secrets

    def with_read_only(self, read_only: bool = False) -> FsspecFiles:
        """Return the same place, to be changed or not."""
        return FsspecFiles(self.fs, self.path, self._location, self._secrets, read_only=read_only)

    def _key(self, key: str) -> str:
        return quote(key) if self._is_web else key

    def _listed(self, key: str) -> str:
        return unquote(key) if self._is_web else key

    @property
    def _is_web(self) -> bool:
        return self._location.scheme in ("http", "https")

    async def delete(self, key: str) -> None:
        """Delete one key."""
        if not has_magic(self._full(key)):
            await super().delete(key)
            return
        self._check_writable()
        with self._told():
            await self._delete_exactly(self._full(key))

    async def delete_dir(self, prefix: str) -> None:
        """Delete all keys below a prefix."""
        if not has_magic(self._full(prefix)):
            await super().delete_dir(prefix)
            return
        self._check_writable()
        gate = asyncio.Semaphore(_AT_ONCE)

        async def gated(key: str) -> None:
            async with gate:
                await self._delete_exactly(self._full(key))

        with self._told():
            keys = [key async for key in self.list_prefix(prefix.rstrip("/") + "/")]
            await asyncio.gather(*map(gated, keys))

    async def _delete_exactly(self, path: str) -> None:
        with suppress(FileNotFoundError):
            await self.fs._rm_file(path)

    def _full(self, key: str) -> str:
        return f"{self.path.rstrip('/')}/{key}" if self.path.rstrip("/") else key
