"""A hierarchy as zarr sees it: documents from memory, chunks from the store."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from zarr.abc.store import RangeByteRequest
from zarr.storage import WrapperStore

from hdmf_store.nodes import ROOT
from hdmf_store_adapters.array_holder import ArrayHolder

__all__ = ["DocumentOverlay"]


class DocumentOverlay(WrapperStore):
    """A zarr store whose documents come from memory, so that opening an array costs no I/O.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Serves the chunks.
    holder : ArrayHolder
        Serves the documents, and is told when zarr changes one.
    """

    def __init__(self, store: Any, holder: ArrayHolder, read_only: bool = False) -> None:
        super().__init__(store)
        self._holder = holder
        self._only_reads = read_only or store.read_only

    @property
    def read_only(self) -> bool:
        """Whether zarr may not write through this store."""
        return self._only_reads

    def with_read_only(self, read_only: bool = False) -> DocumentOverlay:
        """Return the same store for reading or writing; the one below need not know how to make such a copy."""
        return type(self)(self._store, self._holder, read_only)

    def _check_writable(self) -> None:
        if self._only_reads:
            raise ValueError("this array or group was opened in read-only mode and does not support writing")

    @property
    def holder(self) -> ArrayHolder:
        """What serves the documents."""
        return self._holder

    @property
    def path(self) -> str:
        """Where the hierarchy lies, as the stores of zarr 2 say it."""
        return self._holder.address

    @property
    def hierarchy(self) -> str:
        """The location of the hierarchy, in the spelling by which hierarchies are compared."""
        return self._holder.address

    def _with_store(self, store: Any) -> DocumentOverlay:
        return type(self)(store, self._holder)

    def __str__(self) -> str:
        return str(self._store)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return a document from memory, anything else from the store."""
        if self._holder.is_document(key):
            data = self._holder.zarr_file(key)
            return None if data is None else prototype.buffer.from_bytes(data)
        found, opened = await self._store.get(key, prototype, byte_range), self._holder.opened
        opened.check()
        if found is None and opened.doubtful is not None:
            root = await self._store.get(opened.doubtful, prototype)
            opened.compare(None if root is None else root.to_bytes())
        return _all_of(found, byte_range)

    if hasattr(WrapperStore, "get_ranges"):  # releases of zarr that ask for several inner chunks of a shard together

        async def get_ranges(self, key: str, byte_ranges: Sequence[Any], **options: Any) -> AsyncIterator[Any]:
            """Yield parts of a chunk from the store, each with its position among what was asked for."""
            try:
                async for parts in super().get_ranges(key, byte_ranges, **options):
                    self._holder.opened.check()
                    yield [(at, _all_of(found, byte_ranges[at])) for at, found in parts]
            except BaseExceptionGroup as problems:
                raise problems.exceptions[0] from None  # the first ends the others; who reads knows its kind

    if hasattr(WrapperStore, "get_sync"):

        def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
            """Return what lies in the store; documents are never asked for in this way."""
            found, opened = super().get_sync(key, prototype=prototype, byte_range=byte_range), self._holder.opened
            opened.check()
            if found is None and opened.doubtful is not None:
                root = super().get_sync(opened.doubtful, prototype=prototype)
                opened.compare(None if root is None else root.to_bytes())
            return _all_of(found, byte_range)

    async def set(self, key: str, value: Any) -> None:
        """Store a chunk, or let the holder store a changed document in its own form."""
        self._check_writable()
        if self._holder.is_document(key):
            value = type(value).from_bytes(self._holder.replace_document(key, value.to_bytes()))
        await self._store.set(key, value)

    async def set_if_not_exists(self, key: str, default: Any) -> None:
        """Store a document only where there is none, in memory or below; zarr makes parents in this way."""
        self._check_writable()
        if not self._holder.is_document(key):
            await self._store.set_if_not_exists(key, default)
        elif self._holder.zarr_file(key) is None:
            await self.set(key, default)

    async def exists(self, key: str) -> bool:
        """Return whether there is a document in memory, or anything else in the store."""
        if self._holder.is_document(key):
            return self._holder.zarr_file(key) is not None
        return bool(await self._store.exists(key))

    async def delete(self, key: str) -> None:
        """Delete a chunk; refuse to delete a document."""
        self._check_writable()
        if self._holder.is_document(key):
            self._holder.refuse("delete objects", "/" + key.rpartition("/")[0])
        await self._store.delete(key)

    async def clear(self) -> None:
        """Refuse to delete everything."""
        self._holder.refuse("delete objects", ROOT)

    async def delete_dir(self, prefix: str) -> None:
        """Refuse to delete objects of which the documents in memory would still tell."""
        self._holder.refuse("delete objects", "/" + prefix.strip("/"))


def _all_of(found: Any, byte_range: Any) -> Any:
    """Return what a store found of a chunk, if that is all that was asked for.

    zarr would take nothing for a chunk that was never written, and show fill values in place of what was lost.
    """
    if found is None:
        return None
    wanted = byte_range.end - byte_range.start if isinstance(byte_range, RangeByteRequest) else 1
    if wanted < 1 or len(found) < wanted:
        raise ValueError(f"it is cut short: of {wanted} bytes of a chunk there are {len(found)}")
    return found
