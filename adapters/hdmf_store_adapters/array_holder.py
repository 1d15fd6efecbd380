"""What lazy arrays ask of the adapter that handed them out, and how zarr asks it for documents."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from zarr.storage import WrapperStore

from hdmf_store.nodes import Dataset, Hierarchy
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.synchronizers import Synchronizer

__all__ = ["ArrayHolder", "DocumentOverlay"]


class ArrayHolder(Protocol):
    """What an array needs of the adapter that handed it out."""

    @property
    def address(self) -> str:
        """Where the hierarchy lies."""
        ...

    @property
    def writes(self) -> bool:
        """Whether arrays may be changed."""
        ...

    def record(self, path: str) -> ArrayRecord:
        """How the chunks of an array are decoded."""
        ...

    def zarr_version(self) -> int:
        """The version of the Zarr format."""
        ...

    def zarr_file(self, key: str) -> bytes | None:
        """What zarr is shown under a document's key."""
        ...

    def is_document(self, key: str) -> bool:
        """Whether a key is that of a document."""
        ...

    def replace_document(self, key: str, data: bytes) -> bytes:
        """Take over a document that zarr changed; return the bytes to store."""
        ...

    def read_chunk(self, key: str) -> bytes | None:
        """The bytes of a chunk, None if it was never stored."""
        ...

    def zarr_store(self) -> Any:
        """The zarr store under the arrays."""
        ...

    def shape_error(self, path: str, problem: Exception) -> Exception:
        """The error for a chunk that cannot be decoded."""
        ...

    @property
    def synchronizer(self) -> Synchronizer | None:
        """The locks that all writers share, if any."""
        ...

    def document_key(self, path: str) -> str:
        """The key that stands for an array's document in locks."""
        ...

    def reread(self, path: str) -> None:
        """Take over what another writer changed of an array."""
        ...

    def check_writes(self, action: str) -> None:
        """Raise where the mode does not allow changes."""
        ...

    def is_superseded(self, path: str) -> bool:
        """Whether an array has a form that is no longer written."""
        ...

    def extend(self, path: str, stored: np.ndarray, axis: int) -> None:
        """Store elements in their stored form at the end of an axis."""
        ...

    def rewrite(self, path: str, dataset: Dataset) -> None:
        """Store a small dataset anew."""
        ...

    def load(self) -> Hierarchy:
        """All nodes."""
        ...


class DocumentOverlay(WrapperStore):
    """A zarr store whose documents come from memory, so that opening an array costs no I/O.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Serves the chunks.
    holder : ArrayHolder
        Serves the documents, and is told when zarr changes one.
    """

    def __init__(self, store: Any, holder: ArrayHolder) -> None:
        super().__init__(store)
        self._holder = holder

    def _with_store(self, store: Any) -> DocumentOverlay:
        return type(self)(store, self._holder)

    def __str__(self) -> str:
        return str(self._store)

    async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        """Return a document from memory, anything else from the store."""
        if self._holder.is_document(key):
            data = self._holder.zarr_file(key)
            return None if data is None else prototype.buffer.from_bytes(data)
        return await self._store.get(key, prototype, byte_range)

    async def set(self, key: str, value: Any) -> None:
        """Store a chunk, or let the holder store a changed document in its own form."""
        if self._holder.is_document(key):
            value = type(value).from_bytes(self._holder.replace_document(key, value.to_bytes()))
        await self._store.set(key, value)
