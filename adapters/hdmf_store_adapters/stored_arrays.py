"""Lazy arrays over what is stored: zarr arrays for users, and the sources that translation reads.

Both are made from metadata alone. A `StoredArray` is a `zarr.Array`, which HDMF and its users ask for, but
opens zarr's own machinery only when something needs it; small reads are decoded directly.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Protocol

import attrs
import numpy as np
import zarr
from zarr.storage import WrapperStore

from hdmf_store.errors import UnsupportedValueError
from hdmf_store.nodes import Compound, Number, Origin, ReferenceTo, Region, whole
from hdmf_store_adapters.array_record import ArrayRecord, as_text
from hdmf_store_adapters.chunks import read_region

__all__ = ["DocumentOverlay", "StoredArray", "StoredSource"]

_DIRECT_BYTES = 2**20
"""Arrays of at most so many bytes are decoded whole for any indexing; beyond, only the chunks that are needed."""


class Holder(Protocol):
    """What an array needs of the adapter that handed it out."""

    @property
    def address(self) -> str: ...

    @property
    def writes(self) -> bool: ...

    def record(self, path: str) -> ArrayRecord: ...

    def zarr_version(self) -> int: ...

    def zarr_file(self, key: str) -> bytes | None: ...

    def is_document(self, key: str) -> bool: ...

    def replace_document(self, key: str, data: bytes) -> bytes: ...

    def read_chunk(self, key: str) -> bytes | None: ...

    def zarr_store(self) -> Any: ...

    def shape_error(self, path: str, problem: Exception) -> Exception: ...


class DocumentOverlay(WrapperStore):
    """A zarr store whose documents come from memory, so that opening an array costs no I/O.

    Parameters
    ----------
    store : zarr.abc.store.Store
        Serves the chunks.
    holder : Holder
        Serves the documents, and is told when zarr changes one.
    """

    def __init__(self, store: Any, holder: Holder) -> None:
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


@attrs.frozen(eq=False)
class StoredSource:
    """The values of one stored array, in normal form, a region at a time."""

    holder: Holder = attrs.field(repr=False)
    path: str

    @property
    def origin(self) -> Origin:
        """The array in which the values lie."""
        return Origin(self.holder.address, self.path)

    def read(self, region: Region) -> np.ndarray:
        """Return the values of a region of the dataset's own shape."""
        record = self.holder.record(self.path)
        stored = tuple(slice(0, length) for length in record.shape) if record.is_scalar else region
        values = record.to_normal(self.read_stored(stored))
        return values.reshape(()) if record.is_scalar else values

    def read_stored(self, region: Region) -> np.ndarray:
        """Return the values of a region of the stored shape, in the stored dtype."""
        record = self.holder.record(self.path)
        if record.codec is None:
            return np.asarray(zarr.Array.__getitem__(StoredArray(self.holder, self.path), region))
        prefix = self.path[1:] + "/"
        try:
            return read_region(record, region, lambda key: self.holder.read_chunk(prefix + key))
        except (ValueError, RuntimeError, TypeError) as problem:
            raise self.holder.shape_error(self.path, problem) from problem


class StoredArray(zarr.Array):
    """A stored dataset as a lazy `zarr.Array`.

    Text comes as `str` objects, records with text as structured arrays with object fields, and an index of one
    element gives that element, as h5py and numpy do.
    """

    def __init__(self, holder: Holder, path: str) -> None:
        self._holder = holder
        self._node_path = path
        self._opened: Any = None

    @property
    def _async_array(self) -> Any:  # what zarr.Array keeps in a field is made on first use here
        if self._opened is None:
            overlay = DocumentOverlay(self._holder.zarr_store(), self._holder)
            mode = "r+" if self._holder.writes else "r"
            opened = zarr.open_array(
                overlay, path=self._node_path[1:], mode=mode, zarr_format=self._holder.zarr_version()
            )
            self._opened = opened.async_array
        return self._opened

    def __reduce__(self) -> Any:
        return _reopen, (self._holder, self._node_path)

    @property
    def _record(self) -> ArrayRecord:
        return self._holder.record(self._node_path)

    @property
    def origin(self) -> Origin:
        """The file and the path in it at which this array lies, however it was reached."""
        return Origin(self._holder.address, self._node_path)

    @property
    def shape(self) -> tuple[int, ...]:
        """The lengths of the axes."""
        return self._record.shape

    @shape.setter
    def shape(self, value: tuple[int, ...]) -> None:
        self.resize(value)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._record.shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self._record.shape)

    @property
    def dtype(self) -> np.dtype:
        """The dtype of what indexing returns; object for text."""
        return self._record.element.dtype

    @property
    def path(self) -> str:
        """The path below the root, without a leading slash."""
        return self._node_path[1:]

    @property
    def name(self) -> str:
        """The absolute path."""
        return self._node_path

    @property
    def basename(self) -> str:
        """The last part of the path."""
        return self._node_path.rpartition("/")[2]

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a scalar has no length")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        step = max(1, self._record.chunks[0]) if self.shape else 1
        for start in range(0, len(self), step):
            yield from self[start : start + step]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        values = np.asarray(self[...])
        return values if dtype is None or values.dtype == dtype else values.astype(dtype)

    def append(self, data: Any, axis: int = 0) -> tuple[int, ...]:
        """Store more elements at the end of an axis; references as targets, records as tuples.

        Raises
        ------
        UnsupportedValueError
            If a text is longer than the field of a record that is to hold it.
        """
        return super().append(self._stored_form(data), axis)

    def __setitem__(self, selection: Any, value: Any) -> None:
        super().__setitem__(selection, self._stored_form(value))

    def _stored_form(self, value: Any) -> Any:
        record = self._record
        if not isinstance(record.element, Compound | ReferenceTo):
            return value
        rows = np.asarray(value, record.element.dtype) if not isinstance(value, np.ndarray) else value
        stored = record.to_stored(rows)
        if isinstance(record.element, Compound):
            self._check_widths(rows, stored, record)
        return stored

    def _check_widths(self, rows: np.ndarray, stored: np.ndarray, record: ArrayRecord) -> None:
        for field in record.element.fields:  # type: ignore[union-attr]
            if isinstance(field.type, Number | Compound):
                continue
            room = stored.dtype[field.name].itemsize // (4 if stored.dtype[field.name].kind == "U" else 1)
            longest = max(
                map(len, as_text(np.asarray(rows[field.name]), field.type, record.reference_form).reshape(-1)),
                default=0,
            )
            if longest > room:
                raise UnsupportedValueError(
                    self._holder.address,
                    self._node_path,
                    f"the field {field.name!r} was stored with room for {room} characters, the value has {longest}. "
                    "Export the file to store it with wider fields.",
                )

    def __getitem__(self, selection: Any) -> Any:
        record = self._record
        if record.codec is not None:
            is_small = self.size * max(1, record.element.dtype.itemsize) <= _DIRECT_BYTES
            direct = (whole(record.shape), selection) if is_small else _plain_region(selection, self.shape)
            if direct is not None:
                return self._decoded(*direct)
        return self._through_zarr(selection)

    def _decoded(self, region: Region, inner: Any) -> Any:
        source = StoredSource(self._holder, self._node_path)
        found = self._record.to_normal(source.read_stored(region))[inner]
        return found.copy() if isinstance(found, np.ndarray) and found.ndim else found

    def _through_zarr(self, selection: Any) -> Any:
        found = np.asarray(super().__getitem__(selection))
        normal = self._record.to_normal(found)
        return normal if normal.ndim else normal[()]


def _plain_region(selection: Any, shape: tuple[int, ...]) -> tuple[Region, Any] | None:
    """Return the region that integers and slices of step 1 cover and what to take of it, or None for the rest."""
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (len(shape) - len(parts) + 1)
    parts += [slice(None)] * (len(shape) - len(parts))
    if len(parts) != len(shape):
        return None
    region: list[slice] = []
    inner: list[Any] = []
    for part, length in zip(parts, shape, strict=True):
        if isinstance(part, slice) and part.step in (None, 1):
            start, stop, _ = part.indices(length)
            region.append(slice(start, max(start, stop)))
            inner.append(slice(None))
        elif isinstance(part, int | np.integer) and not isinstance(part, bool) and -length <= part < length:
            at = int(part) % length
            region.append(slice(at, at + 1))
            inner.append(0)
        else:
            return None
    return tuple(region), tuple(inner)


def _reopen(holder: Holder, path: str) -> StoredArray:
    return StoredArray(holder, path)
