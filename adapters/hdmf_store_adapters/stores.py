"""The store classes of hdmf-zarr's users, on zarr 3: a folder with ``.`` or ``/`` in its chunk keys, or for a while.

Each is a zarr `LocalStore`, so that zarr itself takes it too; the class merely carries a wish.
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any

from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, ZipStore

__all__ = ["SUPPORTED_ZARR_STORES", "DirectoryStore", "NestedDirectoryStore", "TempStore"]


class _Folder(LocalStore):
    @property
    def path(self) -> str:
        """The folder, as the stores of zarr 2 say it."""
        return str(self.root)


class DirectoryStore(_Folder):
    """A folder in which all chunks of an array lie side by side (``c.0.1``).

    Parameters
    ----------
    root : str or Path
        The folder.
    read_only : bool, default False
    """

    dimension_separator = "."


class NestedDirectoryStore(_Folder):
    """A folder in which the chunks of an array lie in folders of their own (``c/0/1``).

    Parameters
    ----------
    root : str or Path
        The folder.
    read_only : bool, default False
    """

    dimension_separator = "/"


class TempStore(_Folder):
    """A folder that is deleted when the store is closed or forgotten, and at exit at the latest.

    Parameters
    ----------
    suffix, prefix, dir : str, optional
        As for `tempfile.mkdtemp`.
    read_only : bool, default False
    """

    dimension_separator = "."
    is_temporary = True

    def __init__(
        self, suffix: str = "", prefix: str = "zarr", dir: str | None = None, *, read_only: bool = False
    ) -> None:
        folder = tempfile.mkdtemp(suffix=suffix, prefix=prefix, dir=dir)
        super().__init__(folder, read_only=read_only)
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def with_read_only(self, read_only: bool = False) -> Any:
        """Return a store over the same folder, which it keeps alive without owning it."""
        view = LocalStore(Path(self.root), read_only=read_only)
        view._owner = self
        return view

    def close(self) -> None:
        """Close the store and delete its folder."""
        super().close()
        self._remove()


SUPPORTED_ZARR_STORES = (
    DirectoryStore,
    TempStore,
    NestedDirectoryStore,
    LocalStore,
    MemoryStore,
    ZipStore,
    FsspecStore,
    ObjectStore,
    Store,
)
"""The store classes in which files can lie; the last stands for any other store of zarr."""
