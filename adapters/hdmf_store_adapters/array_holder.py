"""What lazy arrays ask of the hierarchy that handed them out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any, NoReturn

import attrs
import numpy as np
from zarr.storage import MemoryStore, WrapperStore

from hdmf_store.adapter import READING_MODES, adapter_class_for
from hdmf_store.errors import (
    AccessError,
    ArgumentError,
    ClosedError,
    FormatError,
    ReplacedError,
    StorageFailureError,
    UnreachableError,
    UnreadableError,
)
from hdmf_store.nodes import ROOT, Dataset, Group, Hierarchy, Layout
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.chunks import overlaid
from hdmf_store_adapters.dataset_writer import DatasetWriter
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.listed_chunks import stored_indices
from hdmf_store_adapters.media import Shadow
from hdmf_store_adapters.opened_state import OpenedState
from hdmf_store_adapters.recent_chunks import RecentChunks
from hdmf_store_adapters.synchronizers import Synchronizer
from hdmf_store_adapters.well_formed import NOT_UNDERSTOOD
from hdmf_store_adapters.zarr_chunk import ZarrChunk
from hdmf_store_adapters.zarr_format import FORMATS, Document

__all__ = ["ArrayHolder", "StoreToBe"]

_WRITING = "mode 'r+' or 'a'"


class ArrayHolder:
    """Serves the arrays of one open hierarchy, and changes them for their users.

    Parameters
    ----------
    held : HeldDocuments
    synchronizer : Synchronizer, optional
        The locks that all writers share.
    wishes : callable
        Returns what the layout of a dataset that is stored anew leaves open.
    place : str or zarr.abc.store.Store
        What another process opens to find the hierarchy, with `options`.
    options : dict
    """

    def __init__(
        self,
        held: HeldDocuments,
        synchronizer: Synchronizer | None,
        wishes: Callable[[], Layout],
        place: Any,
        options: Mapping[str, Any],
    ) -> None:
        self._held = held
        self._place = place
        self._options = options
        self._wishes = wishes
        self._store: Any = None
        self._ahead: dict[str, bytes | None] = {}
        self.recent = RecentChunks()
        self.synchronizer = synchronizer

    def __reduce__(self) -> Any:
        if isinstance(self._place, MemoryStore):
            raise TypeError(f"{self._held.address} lives in this process only, so that no other can read it")
        return _reopened, (self._place, self._held.mode, {**self._options, "synchronizer": self.synchronizer})

    # -------------------------------------------------------------------------------------------------------- reading

    @property
    def address(self) -> str:
        """The location in the spelling by which hierarchies are compared."""
        return self._held.location.identity

    @property
    def writes(self) -> bool:
        """Whether arrays may be changed."""
        return self._held.writes

    def load(self) -> Hierarchy:
        """Return all nodes."""
        return self._held.load()

    def record(self, path: str) -> ArrayRecord:
        """Return how the chunks of an array are decoded."""
        return self._held.record(path)

    @property
    def known_record(self) -> Callable[[str], ArrayRecord | None]:
        """Returns what `record` returns, if that is known already; None once the hierarchy is closed."""
        return self._held.known_record

    def coding(self, path: str) -> list[dict[str, Any]]:
        """Return what turns the values of an array's chunks into bytes; see `ZarrFormat.coding`."""
        return self._held.format.coding(self._held.documents[path])

    def read_chunks(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of chunks, fetched together; None for each that was never stored."""
        missing = [key for key in keys if key not in self._ahead]
        chunks = self._held.medium.read_many(missing)
        self._held.check_unreplaced(None in chunks)
        found = dict(zip(missing, chunks, strict=True))
        return [found[key] if key in found else self._ahead[key] for key in keys]

    def stored_chunks(self, path: str) -> Collection[tuple[int, ...]] | None:
        """Return the chunks of an array that are stored, where these are few of many; see `stored_indices`."""
        return stored_indices(self._held, path)

    @property
    def is_near(self) -> bool:
        """Whether several threads may well read chunks at once, each its own; see `Medium.is_near`."""
        return self._held.medium.is_near

    def read_ahead(self, chunks: Mapping[str, bytes | None]) -> None:
        """Keep the bytes of chunks, by key, for those who will ask for them while the hierarchy is open."""
        self._ahead.update(chunks)

    def shape_error(self, path: str, problem: Exception) -> Exception:
        """Return the error for a chunk that cannot be read or decoded."""
        if isinstance(problem, ReplacedError | ClosedError):
            return attrs.evolve(problem)
        if not self._held.mode:  # by another thread, in the midst of this
            return ClosedError(self._held.address, "read")
        if isinstance(problem, AccessError | StorageFailureError | UnreachableError):  # nothing was there to be decoded
            return attrs.evolve(problem, reason=f"{path}: {problem.reason}")
        if isinstance(problem, FormatError):  # the medium has said what is wrong with the key of the chunk
            return UnreadableError(self._held.address, path, f"{problem.path} {problem.reason}")
        reason = f"a chunk cannot be decoded ({problem}). Is the file complete?"
        return UnreadableError(self._held.address, path, reason)

    # --------------------------------------------------------------------------------------------------- what zarr asks

    def zarr_version(self) -> int:
        """Return the version of the Zarr format."""
        return self._held.format.VERSION

    def zarr_store(self) -> Any:
        """Return the zarr store under the arrays."""
        if self.is_new:
            return StoreToBe(self)
        if self._store is None:
            self._store = self._held.medium.store()
        return self._store

    def forget_store(self) -> None:
        """Make the zarr store anew when it is asked for: the hierarchy lies elsewhere now, or is another one."""
        self._store = None
        self._ahead.clear()
        self.recent.clear()

    @property
    def opened(self) -> OpenedState:
        """What tells whether the hierarchy that was opened is still there."""
        return self._held.opened

    def is_document(self, key: str) -> bool:
        """Return whether a key is that of a document, of this format or another, and not of a chunk."""
        name = key.rpartition("/")[2]
        return any(name in known.DOCUMENTS for known in FORMATS.values())

    def zarr_file(self, key: str) -> bytes | None:
        """Return what zarr is shown under a document's key; of a file that is not there yet, an empty root."""
        folder, _, name = key.rpartition("/")
        documents = {ROOT: self._empty()} if self.is_new else self._held.documents
        document = documents.get("/" + folder)
        if document is None:
            return None
        try:
            return self._held.format.zarr_file(document, name)
        except NOT_UNDERSTOOD as problem:
            raise UnreadableError(self._held.address, "/" + folder, str(problem)) from problem

    @property
    def is_new(self) -> bool:
        """Whether nothing is there yet, or nothing that counts."""
        return self._held.is_new

    def _empty(self) -> Document:
        return self._held.format.group_document(Group(), {}, self._held.address, ROOT)

    def replace_document(self, key: str, data: bytes) -> bytes:
        """Take over what zarr changed of a node's document, in our own form; return the bytes to store."""
        self.check_writes("change an object")
        held, (folder, _, name) = self._held, key.rpartition("/")
        path = "/" + folder
        if self.is_new or path not in held.documents:
            self.refuse("add objects", path)
        document = held.format.changed_by_zarr(held.documents[path], name, data, held.address, path)
        held.change(path, document)
        stored = dict(held.format.files(path, document))[key]
        if key == held.opened.key:
            held.opened.remember(key, stored)
        return stored

    def refuse(self, action: str, path: str) -> NoReturn:
        """Raise the error for what zarr cannot do to a hierarchy that is open here."""
        raise ArgumentError(
            f"{self._held.address}: {path}: zarr cannot {action} here, because this hierarchy keeps its documents in "
            "memory while it is open. Use write_group, write_dataset and write_attributes, or close it first."
        )

    # ------------------------------------------------------------------------------------------------------- changing

    def attributes(self, path: str) -> dict[str, Any]:
        """Return the attributes of an array as JSON holds them, the format's own included."""
        return dict(self._held.documents[path].get("attributes", {}))

    def put_attributes(self, path: str, attributes: Mapping[str, Any]) -> None:
        """Store attributes of an array in place of those that it has; `TypeError` for what JSON cannot hold."""
        self.check_writes("change attributes")
        held = self._held
        plain = {str(name): _as_json(value) for name, value in attributes.items()}
        document = {**held.documents[path], "attributes": plain}
        held.format.files(path, document)
        held.change(path, document)
        held.store(path)

    def check_writes(self, action: str) -> None:
        """Raise `ModeError` where the mode only reads."""
        self._held.check_writes(action, _WRITING)

    def document_key(self, path: str) -> str:
        """Return the key that stands for an array's document in locks."""
        return self._held.key_of(path)

    def reread(self, path: str) -> None:
        """Take over what another writer changed of an array."""
        self._held.reread(path)

    def is_superseded(self, path: str) -> bool:
        """Return whether an array is stored in a form that is read but no longer written."""
        return self._held.format.is_superseded(self._held.documents[path])

    def extend(self, path: str, stored: np.ndarray, axis: int) -> None:
        """Store more elements, in their stored form, at the end of an axis: values first, then the new length."""
        self.check_writes("append")
        held, record = self._held, self.record(path)
        document = held.documents[path]
        corner = tuple(length if at == axis else 0 for at, length in enumerate(record.shape))
        region = tuple(slice(at, at + length) for at, length in zip(corner, stored.shape, strict=True))
        coder = record.codec or ZarrChunk(held.format, document, record, held.address, path)
        prefix = path[1:] + "/"
        shape = tuple(n + stored.shape[axis] if at == axis else n for at, n in enumerate(record.shape))
        longer = held.format.resized(document, shape)
        held.medium.declare(held.format.files(path, longer))
        chunks = overlaid(record, region, stored, coder, lambda key: held.medium.read(prefix + key))
        held.medium.write_many((prefix + key, data) for key, data in chunks)
        held.change(path, longer)
        try:
            held.store(path)
        except BaseException:
            held.change(path, document)
            with suppress(Exception):  # if a server has stored it, and only its answer was lost
                held.store(path)
            raise

    def rewrite(self, path: str, dataset: Dataset) -> None:
        """Store a small dataset anew in place of what it was, with room for all its values."""
        self.check_writes("append")
        held, shadow = self._held, Shadow(self._held.medium)
        writer = DatasetWriter(shadow, held.format, held.address, self._wishes(), None)
        document = writer.write({path: dataset}, interleave=False)[path]
        shadow.write_many(held.format.files(path, document))
        held.medium.replace(path[1:], shadow.written)
        held.change(path, document)


class StoreToBe(WrapperStore):
    """An empty store, and once the hierarchy is there, the store in which it lies.

    Parameters
    ----------
    holder : ArrayHolder
        Of a hierarchy that is not there yet.
    """

    def __init__(self, holder: ArrayHolder) -> None:
        self._holder = holder
        self._nothing = MemoryStore()

    @property
    def _store(self) -> Any:
        return self._nothing if self._holder.is_new else self._holder.zarr_store()

    def __str__(self) -> str:
        return self._holder.address


def _as_json(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return [_as_json(item) for item in value] if isinstance(value, list | tuple) else value


def _reopened(place: Any, mode: str, options: Mapping[str, Any]) -> Any:
    """Return what serves the arrays of a hierarchy in the process that received one of them."""
    adapter: Any = adapter_class_for(place)(place, **options)
    adapter.open_copy("r" if mode in READING_MODES else "r+")
    return adapter.arrays
