"""Real stores with a notebook: which keys were written, read and listed, in order."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import attrs
from zarr.abc.store import Store
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan
from hdmf_store.nodes import Node
from hdmf_store_adapters.zarr_adapter import ZarrAdapter


@attrs.define
class Calls:
    """What a store was asked for."""

    put: list[str] = attrs.field(factory=list)
    got: list[str] = attrs.field(factory=list)
    listed: int = 0
    put_bytes: int = 0
    got_bytes: int = 0

    def note_put(self, key: str, value: Any) -> None:
        """Note what is stored."""
        self.put.append(key)
        self.put_bytes += len(value)

    def note_got(self, key: str, value: Any) -> Any:
        """Note what is asked for, and what came, which is returned."""
        self.got.append(key)
        self.got_bytes += 0 if value is None else len(value)
        return value


class CountingStore(MemoryStore):
    """A store in memory, synchronous calls included, that notes each call from outside once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.calls = Calls()

    async def set(self, key: str, value: Any, byte_range: Any = None) -> None:
        self.calls.note_put(key, value)
        await super().set(key, value, byte_range)

    def set_sync(self, key: str, value: Any) -> None:
        self.calls.note_put(key, value)
        super().set_sync(key, value)

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        return self.calls.note_got(key, await super().get(key, prototype, byte_range))

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        return self.calls.note_got(key, super().get_sync(key, prototype=prototype, byte_range=byte_range))

    async def list(self) -> AsyncIterator[str]:
        self.calls.listed += 1
        async for key in super().list():
            yield key


class CountingAsyncStore(Store):
    """A store that has asynchronous calls only, as those over a network have, and notes each call."""

    supports_writes = supports_deletes = supports_listing = True
    supports_consolidated_metadata = True

    def __init__(self, store: Any = None) -> None:
        super().__init__(read_only=False)
        self._store = MemoryStore() if store is None else store
        self.calls = Calls()

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    async def set(self, key: str, value: Any) -> None:
        self.calls.note_put(key, value)
        await self._store.set(key, value)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        return self.calls.note_got(key, await self._store.get(key, prototype, byte_range))

    async def get_partial_values(self, prototype: Any, key_ranges: Any) -> Any:
        return await self._store.get_partial_values(prototype, key_ranges)

    async def exists(self, key: str) -> bool:
        return await self._store.exists(key)

    async def delete(self, key: str) -> None:
        await self._store.delete(key)

    async def list(self) -> AsyncIterator[str]:
        self.calls.listed += 1
        async for key in self._store.list():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        async for key in self._store.list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        async for key in self._store.list_dir(prefix):
            yield key


def write(place: Any, nodes: dict[str, Node], mode: str = "w", *, adapter: Any = None, **plan: Any) -> None:
    """Write nodes to a place with the adapter for Zarr, or with another one."""
    opened = adapter or ZarrAdapter(place)
    opened.open(mode)
    try:
        opened.write(Plan(nodes=nodes, **plan))
    finally:
        opened.close()


def read(place: Any, mode: str = "r") -> ZarrAdapter:
    """Return an adapter that is open for reading."""
    adapter = ZarrAdapter(place)
    adapter.open(mode)
    return adapter
