"""A folder as a zarr store, for zarr's own machinery: it reads as zarr does, and changes files as their medium does.

So what zarr stores appears whole, bears our mark while it does not, is waited for where that was asked for, and what
the system refuses is told as everywhere else.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zarr.storage import LocalStore

from hdmf_store_adapters.local_errors import telling_of

__all__ = ["FolderStore"]


class FolderStore(LocalStore):
    """A zarr store over a folder whose files a medium writes.

    Parameters
    ----------
    files : LocalFiles
        Writes and removes.
    root : str
        The folder.
    read_only : bool, default False
    """

    def __init__(self, files: Any, root: str, *, read_only: bool = False) -> None:
        super().__init__(root, read_only=read_only)
        self._files = files

    def with_read_only(self, read_only: bool = False) -> FolderStore:
        """Return a store over the same folder."""
        return FolderStore(self._files, str(self.root), read_only=read_only)

    @contextmanager
    def _reading(self, key: str, byte_range: Any) -> Iterator[None]:
        with telling_of(str(self.root), "read", f"{self.root}/{key}"):
            try:
                yield
            except OSError as problem:
                if byte_range is None or problem.errno != errno.EINVAL:
                    raise
                raise ValueError("its index asks for a part that lies where no file can reach") from problem

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return the bytes under a key, or a range of them."""
        with self._reading(key, byte_range):
            return await super().get(key, prototype, byte_range)

    async def set(self, key: str, value: Any) -> None:
        """Store bytes under a key."""
        self._check_writable()
        await asyncio.to_thread(self._files.write_many, [(key, value.to_bytes())])

    async def delete(self, key: str) -> None:
        """Remove a key, or a folder and all below it."""
        with telling_of(str(self.root), "remove", f"{self.root}/{key}"):
            await super().delete(key)

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        """Return the bytes under a key, or a range of them, in this thread."""
        with self._reading(key, byte_range):
            return super().get_sync(key, prototype=prototype, byte_range=byte_range)

    def set_sync(self, key: str, value: Any) -> None:
        """Store bytes under a key, in this thread."""
        self._check_writable()
        self._files.write_many([(key, value.to_bytes())])
