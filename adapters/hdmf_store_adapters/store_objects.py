"""Bytes under keys in any zarr store object: memory, zip, fsspec, obstore, or a vendor's own.

Calls of asynchronous stores run together on zarr's own event loop, because the sessions that such stores hold
belong to that loop. It is the one thing used here that zarr does not export; a test pins it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from zarr.abc.store import Store, SupportsGetSync, SupportsSetSync
from zarr.buffer import default_buffer_prototype
from zarr.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.storage import ObjectStore

from hdmf_store_adapters.file_names import OBSTORE

__all__ = ["CONCURRENCY", "StoreObject"]

CONCURRENCY = 64
"""Calls under way at once; more gained nothing measurable over a connection of 30 ms latency."""

T = TypeVar("T")


class StoreObject:
    """One zarr store.

    Parameters
    ----------
    store : zarr.abc.store.Store
    """

    def __init__(self, store: Store) -> None:
        sync(store._ensure_open())  # what zarr does with every store it is given
        self._store = store
        self._superseded: set[str] | None = None
        self._written: set[str] = set()
        self._kept: dict[str, bytes] = {}

    @property
    def system(self) -> str | None:
        """None: the objects become no folders; but obstore makes paths of keys, with rules of its own."""
        return OBSTORE if isinstance(self._store, ObjectStore) else None

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, or None."""
        if isinstance(self._store, SupportsGetSync):
            found = self._store.get_sync(key)
        else:
            found = sync(self._store.get(key, default_buffer_prototype()))
        return None if found is None else found.to_bytes()

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes under several keys, fetched together."""
        if isinstance(self._store, SupportsGetSync):
            return [self.read(key) for key in keys]
        prototype = default_buffer_prototype()

        async def get(key: str) -> bytes | None:
            found = await self._store.get(key, prototype)
            return None if found is None else found.to_bytes()

        return sync(_together(get, keys))

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys, together where the store is asynchronous.

        While a replacement is under way, what a key held before is kept in memory until `publish` or `discard`.
        """
        if self._superseded:
            items = self._keeping(items)
        if isinstance(self._store, SupportsSetSync):
            for key, data in items:
                self._store.set_sync(key, Buffer.from_bytes(data))
                self._written.add(key)
            return

        async def put(item: tuple[str, bytes]) -> None:
            await self._store.set(item[0], Buffer.from_bytes(item[1]))
            self._written.add(item[0])

        for batch in _batches(items):
            sync(_together(put, batch))

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: chunks may come before documents."""

    def remove(self, folders: Sequence[str]) -> None:
        """Remove all keys below each of the folders, where the store can delete."""
        if self._store.supports_deletes:
            sync(_together(self._store.delete_dir, folders))

    def remove_file(self, key: str) -> None:
        """Remove a key, where the store can delete."""
        if self._store.supports_deletes:
            sync(self._store.delete(key))

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder: new bytes first, then the removal of what is left over."""

        async def keys() -> set[str]:
            return {key async for key in self._store.list_prefix(folder + "/")}

        held = sync(keys())
        self.write_many(list(files.items()))
        if self._store.supports_deletes:
            sync(_together(self._store.delete, sorted(held - set(files))))

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys: one level of groups after the other, never listing chunks."""
        found: dict[str, bytes] = {}
        level = [""]
        while level:
            keys = [folder + name for folder in level for name in documents]
            here = {key: data for key, data in zip(keys, self.read_many(keys), strict=True) if data is not None}
            found |= here
            groups = [folder for folder in level if _is_group([(n, here.get(folder + n)) for n in documents])]
            listed = sync(_together(self._names_in, groups))
            level = [f"{folder}{name}/" for folder, names in zip(groups, listed, strict=True) for name in names]
            level = [folder for folder in level if folder.rstrip("/").rpartition("/")[2] not in documents]
        return found

    async def _names_in(self, folder: str) -> list[str]:
        names = {name.rstrip("/").rpartition("/")[2] async for name in self._store.list_dir(folder.rstrip("/"))}
        return sorted(names - {""})

    def begin_changes(self) -> None:
        """Do nothing: changes are undone one by one."""

    def begin_replacement(self) -> None:
        """Remember what is there, so that `publish` can remove what is not replaced."""

        async def keys() -> set[str]:
            return {key async for key in self._store.list()}

        self._superseded = sync(keys()) if self._store.supports_listing else set()
        self._written.clear()

    def _keeping(self, items: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        for key, data in items:
            if self._superseded and key in self._superseded and key not in self._kept:
                self._kept[key] = self.read(key) or b""
            yield key, data

    def publish(self) -> None:
        """Remove what was there before and was not replaced."""
        self._kept.clear()
        if self._superseded is None:
            return
        stale, self._superseded = self._superseded - self._written, None
        if stale and self._store.supports_deletes:
            sync(_together(self._store.delete, sorted(stale)))

    def discard(self) -> None:
        """Undo a replacement that was not published: what it overwrote comes back, what it added goes."""
        if self._superseded is None:
            return
        added, self._superseded = self._written - self._superseded, None
        self.write_many(list(self._kept.items()))
        self._kept.clear()
        if added and self._store.supports_deletes:
            sync(_together(self._store.delete, sorted(added)))

    def finish(self) -> None:
        """Do nothing: a store object belongs to whoever made it."""

    def list_keys(self) -> Iterable[str]:
        """Return all keys."""

        async def listed() -> list[str]:
            return [key async for key in self._store.list()]

        return sync(listed())

    def check_replaceable(self, force: bool) -> None:
        """Allow it: a store object holds nothing but a hierarchy."""

    def store(self) -> Any:
        """Return the store itself."""
        return self._store


def _is_group(files: Iterable[tuple[str, bytes | None]]) -> bool:
    """Return whether a folder's documents are those of a group, in either format; an array's folder holds chunks."""
    stored = {name: data for name, data in files if data is not None}
    with suppress(ValueError):  # who reads the document will say what is wrong with it
        document = json.loads(stored.get("zarr.json", b"{}"))
        return bool(stored) and ".zarray" not in stored and document.get("node_type") != "array"
    return False


def _batches(items: Iterable[tuple[str, bytes]], limit: int = 64 * 2**20) -> Iterable[list[tuple[str, bytes]]]:
    batch: list[tuple[str, bytes]] = []
    size = 0
    for item in items:
        batch.append(item)
        size += len(item[1])
        if size >= limit:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


async def _together(call: Callable[[Any], Awaitable[T]], arguments: Iterable[Any]) -> list[T]:
    gate = asyncio.Semaphore(CONCURRENCY)

    async def gated(argument: Any) -> T:
        async with gate:
            return await call(argument)

    return list(await asyncio.gather(*(gated(argument) for argument in arguments)))
