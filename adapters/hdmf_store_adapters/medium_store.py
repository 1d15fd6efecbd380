"""Any medium as a zarr store, for what needs zarr's own machinery: arrays in the hands of users."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from hdmf_store_adapters.media import Medium

__all__ = ["MediumStore"]


class MediumStore(Store):
    """A zarr store whose bytes a medium holds.

    Parameters
    ----------
    medium : Medium
    read_only : bool, default False
    """

    supports_writes = supports_deletes = supports_listing = True

    def __init__(self, medium: Medium, *, read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self._medium = medium

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MediumStore) and other._medium is self._medium

    __hash__ = object.__hash__

    def with_read_only(self, read_only: bool = False) -> MediumStore:
        """Return a store over the same medium."""
        return MediumStore(self._medium, read_only=read_only)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return the bytes under a key, or a range of them."""
        data = self._medium.read(key)
        return None if data is None else prototype.buffer.from_bytes(_cut(data, byte_range))

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """Return ranges of the bytes under several keys."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Return whether there is a key."""
        return self._medium.read(key) is not None

    async def set(self, key: str, value: Any) -> None:
        """Store bytes under a key."""
        self._check_writable()
        self._medium.write_many([(key, value.to_bytes())])

    async def delete(self, key: str) -> None:
        """Remove a key."""
        self._check_writable()
        self._medium.remove_files([key])

    async def list(self) -> AsyncIterator[str]:
        """Yield all keys."""
        for key in self._medium.list_keys():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Yield all keys that begin with a text."""
        for key in self._medium.list_keys():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Yield the names right below a folder."""
        folder = prefix.rstrip("/") + "/" if prefix.strip("/") else ""
        names = (key[len(folder) :].partition("/")[0] for key in self._medium.list_keys() if key.startswith(folder))
        for name in dict.fromkeys(names):
            yield name


def _cut(data: bytes, byte_range: Any) -> bytes:
    if isinstance(byte_range, RangeByteRequest):
        return data[byte_range.start : byte_range.end]
    if isinstance(byte_range, OffsetByteRequest):
        return data[byte_range.offset :]
    if isinstance(byte_range, SuffixByteRequest):
        return data[-byte_range.suffix :]
    return data
