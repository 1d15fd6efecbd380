"""Bytes under keys in any zarr store object: memory, zip, fsspec, obstore, or a vendor's own.

Calls of asynchronous stores run together on zarr's own event loop, because the sessions that such stores hold
belong to that loop. It is the one thing used here that zarr does not export; a test pins it.
"""

from __future__ import annotations

import asyncio
import json
import pickle
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, wait
from contextlib import suppress
from io import UnsupportedOperation
from typing import Any, TypeVar

import attrs
from zarr.abc.store import Store, SupportsGetSync, SupportsSetSync
from zarr.buffer import default_buffer_prototype
from zarr.buffer.cpu import Buffer
from zarr.core.sync import sync
from zarr.storage import ObjectStore

from hdmf_store.adapter import Location
from hdmf_store.errors import HierarchyExistsError
from hdmf_store_adapters.file_names import OBSTORE
from hdmf_store_adapters.foreign_keys import hold_something_else

__all__ = ["CONCURRENCY", "StoreObject"]

CONCURRENCY = 64
"""Calls under way at once; more gained nothing measurable over a connection of 30 ms latency."""

_UNDER_WAY = 64 * 2**20
"""Bytes that are being stored at once."""

_ROOT_DOCUMENTS = ("zarr.json", ".zmetadata", ".zgroup", ".zarray")

T = TypeVar("T")


class StoreObject:
    """One zarr store.

    Parameters
    ----------
    store : zarr.abc.store.Store
    """

    is_near = False

    def __init__(self, store: Store) -> None:
        sync(store._ensure_open())  # what zarr does with every store it is given
        self._store = store
        self._synchronous = _synchronous(store)
        self._replaced: set[str] | None = None
        self._written: set[str] = set()
        self._entrusted: set[str] = set()
        self._late: dict[str, bytes] = {}
        self._force = False

    @property
    def system(self) -> str | None:
        """None: the objects become no folders; but obstore makes paths of keys, with rules of its own."""
        return OBSTORE if isinstance(self._store, ObjectStore) else None

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, or None."""
        if key in self._late:
            return self._late[key]
        if self._synchronous is not None:
            found = self._synchronous.get_sync(key)
        else:
            found = sync(self._store.get(key, default_buffer_prototype()))
        return None if found is None else found.to_bytes()

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes under several keys, fetched together."""
        if not keys:
            return []  # to wake the loop up for nothing takes a few milliseconds where it is busy
        if self._synchronous is not None:
            return [self.read(key) for key in keys]
        prototype = default_buffer_prototype()

        async def get(key: str) -> bytes | None:
            found = await self._store.get(key, prototype)
            return None if found is None else found.to_bytes()

        return sync(_together(get, keys))

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys, together where the store is asynchronous, while the next ones are being made.

        While a replacement is under way, what has the key of something that is replaced waits for `publish`.
        """
        if self._replaced is not None:
            items = self._noted(items)
        if self._synchronous is not None:
            for key, data in items:
                self._synchronous.set_sync(key, Buffer.from_bytes(data))
        else:
            self._put_together(items)

    def _noted(self, items: Iterable[tuple[str, bytes]]) -> Iterator[tuple[str, bytes]]:
        """Yield what can be stored before the commit, and keep the rest."""
        assert self._replaced is not None
        for key, data in items:
            if key in self._replaced:
                self._late[key] = data
            else:
                self._written.add(key)
                yield key, data

    def _put_together(self, items: Iterable[tuple[str, bytes]]) -> None:
        async def put(key: str, data: bytes) -> None:
            await self._store.set(key, Buffer.from_bytes(data))

        loop = sync(_running_loop())
        waiting: deque[tuple[Future[None], int]] = deque()
        held = 0
        try:
            for key, data in items:
                while waiting and (len(waiting) >= CONCURRENCY or held + len(data) > _UNDER_WAY):
                    held -= _finished(waiting)
                waiting.append((asyncio.run_coroutine_threadsafe(put(key, data), loop), len(data)))
                held += len(data)
            while waiting:
                _finished(waiting)
        finally:
            # A call that is dropped may be with the server already, which would carry it out after an undo.
            wait([pending for pending, _ in waiting])

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: chunks may come before documents."""

    def deputy(self, folder: str) -> StoreDeputy | None:
        """Return what stores keys from any machine, where the store is a server's and says what it holds.

        Not where something is stored below that folder already: some of the new keys may have to wait for `publish`.
        """
        below = folder + "/"
        if not _travels(self._store) or any(key.startswith(below) for key in self._replaced or ()):
            return None
        if self._replaced is not None:
            self._entrusted.add(below)
        return StoreDeputy(self._store)

    def remove(self, folders: Sequence[str]) -> None:
        """Remove all keys below each of the folders, where the store can delete."""
        if self._store.supports_deletes:
            sync(_together(self._store.delete_dir, folders))

    def remove_files(self, keys: Sequence[str]) -> None:
        """Remove keys, together, where the store can delete."""
        if self._replaced is not None:
            self._replaced.difference_update(keys)
        if keys and self._store.supports_deletes:
            sync(_together(self._store.delete, keys))

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder: new bytes first, then the removal of what is left over."""

        async def keys() -> set[str]:
            return {key async for key in self._store.list_prefix(folder + "/")}

        held = sync(keys())
        self.write_many(list(files.items()))
        self.remove_files(sorted(held - set(files)))

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys: one level of groups after the other, never listing chunks.

        Raises
        ------
        io.UnsupportedOperation
            If the store does not list what was just read.
        """
        found: dict[str, bytes] = {}
        level = [""]
        while level:
            keys = [folder + name for folder in level for name in documents]
            here = {key: data for key, data in zip(keys, self.read_many(keys), strict=True) if data is not None}
            found |= here
            groups = [folder for folder in level if _is_group([(n, here.get(folder + n)) for n in documents])]
            listed = self._top(documents) if groups == [""] else sync(_together(self._names_in, groups))
            level = [f"{folder}{name}/" for folder, names in zip(groups, listed, strict=True) for name in names]
            level = [folder for folder in level if folder.rstrip("/").rpartition("/")[2] not in documents]
        return found

    def _top(self, documents: Sequence[str]) -> list[list[str]]:
        """Return the names in the root, where a document was found; so what the store lists without it is no list."""
        if not self._store.supports_listing:
            raise UnsupportedOperation("its store lists nothing")
        try:
            names = sync(self._names_in(""))
        except Exception as problem:  # each library has errors of its own for this
            raise UnsupportedOperation(f"{type(problem).__name__}: {problem}") from problem
        if not {*names} & {*documents}:
            raise UnsupportedOperation("what its server lists lacks the document that it served")
        return [names]

    async def _names_in(self, folder: str) -> list[str]:
        names = {name.rstrip("/").rpartition("/")[2] async for name in self._store.list_dir(folder.rstrip("/"))}
        return sorted(names - {""})

    def begin_changes(self) -> None:
        """Do nothing: changes are undone one by one."""

    def begin_replacement(self) -> Collection[str]:
        """Leave all that is here as it is until `publish`: new keys are written beside it."""

        async def keys() -> set[str]:
            return {key async for key in self._store.list()}

        self._replaced = sync(keys()) if self._store.supports_listing else set()
        self._entrusted.clear()
        has_root = bool(self._replaced & set(_ROOT_DOCUMENTS))
        if not self._force and not has_root and hold_something_else(self._replaced, self.read_many):
            self._replaced = None
            raise HierarchyExistsError(
                str(getattr(self._store, "location", type(self._store).__name__)),
                "holds something that is no Zarr hierarchy, and mode 'w' would delete it. Choose another name or pass "
                "force_overwrite=True.",
            )
        self._written.clear()
        self._late.clear()
        return self._replaced

    def publish(self) -> None:
        """Commit: store the root's files, then other documents that replace old ones, then remove what is left over."""
        if self._replaced is None:
            return
        replaced, late = self._replaced, self._late
        left = replaced - late.keys()
        self._replaced, self._late = None, {}
        for key in [key for key in late if "/" not in key]:  # one by one: the last is the commit
            try:
                self.write_many([(key, late[key])])
            except BaseException:
                if not self._may_be_stored(key, late[key]):
                    self._replaced = replaced
                raise
        self.write_many((key, data) for key, data in late.items() if "/" in key)
        self.remove_files([key for key in left if "/" not in key])  # by these, readers know the other format
        self.remove_files(sorted(left))

    def _may_be_stored(self, key: str, data: bytes) -> bool:
        """Return whether a call that failed may have done its work, as when only its answer was lost."""
        try:
            return self.read(key) == data
        except Exception:  # noqa: BLE001 - who cannot be asked may have stored it
            return True

    def discard(self) -> bool:
        """Undo a replacement that was not published: what was added goes; nothing else was touched."""
        self._late.clear()
        if self._replaced is None:
            return False
        added, self._replaced = sorted(self._written), None
        self.remove_files([key for key in added if "/" not in key])
        self.remove_files([key for key in added if "/" in key])
        self.remove([folder.rstrip("/") for folder in sorted(self._entrusted)])
        return True

    def finish(self) -> None:
        """Do nothing: a store object belongs to whoever made it."""

    def list_keys(self) -> Iterable[str]:
        """Return all keys."""

        async def listed() -> list[str]:
            return [key async for key in self._store.list()]

        return sync(listed())

    def check_replaceable(self, force: bool) -> None:
        """Remember whether to replace also what is no hierarchy; what there is, `begin_replacement` finds out."""
        self._force = force

    def store(self) -> Any:
        """Return the store itself."""
        return self._store


def _synchronous(store: Store) -> Any:
    """Return a store if it can be asked without an event loop; else None.

    zarr's wrappers have the methods whatever they wrap (3.4), and tell of it by an attribute that others lack.
    """
    has_methods = isinstance(store, SupportsGetSync) and isinstance(store, SupportsSetSync)
    return store if has_methods and getattr(store, "_supports_sync_io", True) else None


@attrs.frozen
class StoreDeputy:
    """Stores keys in a store of a server's, which is reached in the same way from everywhere."""

    store: Store = attrs.field(repr=False)

    def is_there(self) -> bool:
        """Return True; who cannot reach the server gets its error."""
        return True

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys, while the next ones are being made."""
        StoreObject(self.store).write_many(items)


def _travels(store: Store) -> bool:
    """Return whether a store can be sent to other machines, and left-overs in it be found."""
    location = getattr(store, "location", None)
    if not isinstance(location, Location) or not location.is_remote or not store.supports_listing:
        return False
    try:
        pickle.dumps(store)
    except Exception:  # noqa: BLE001  # whatever a store or its file system raises
        return False
    return True


def _is_group(files: Iterable[tuple[str, bytes | None]]) -> bool:
    """Return whether a folder's documents are those of a group, in either format; an array's folder holds chunks."""
    stored = {name: data for name, data in files if data is not None}
    with suppress(ValueError, RecursionError, AttributeError):  # who reads the document will say what is wrong with it
        document = json.loads(stored.get("zarr.json", b"{}"))
        return bool(stored) and ".zarray" not in stored and document.get("node_type") != "array"
    return False


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


def _finished(waiting: deque[tuple[Future[None], int]]) -> int:
    """Wait for the oldest call; return the number of bytes that it held."""
    pending, size = waiting.popleft()
    pending.result()
    return size


async def _together(call: Callable[[Any], Awaitable[T]], arguments: Iterable[Any]) -> list[T]:
    gate = asyncio.Semaphore(CONCURRENCY)

    async def gated(argument: Any) -> T:
        async with gate:
            return await call(argument)

    return list(await asyncio.gather(*(gated(argument) for argument in arguments)))
