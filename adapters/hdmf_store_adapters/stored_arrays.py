"""Lazy arrays over what is stored, as users hold them.

A `StoredArray` is made from metadata alone. It is a `zarr.Array`, which HDMF and its users ask for, but opens zarr's
own machinery only when something needs it; small reads are decoded directly. Where writers share a synchronizer,
every change takes the locks of what it touches and starts from what is stored at that moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any

import attrs
import numcodecs
import numpy as np
import zarr

from hdmf_store.errors import ClosedError, UnreadableError, UnsupportedValueError
from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Compound,
    Dataset,
    ElementType,
    Number,
    Origin,
    ReferenceTo,
    Region,
    Text,
    whole,
)
from hdmf_store_adapters.array_holder import ArrayHolder
from hdmf_store_adapters.array_locks import ArrayLocks
from hdmf_store_adapters.array_record import ArrayRecord, as_text, holds_bytes
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.recent_chunks import KeptStretch
from hdmf_store_adapters.selections import plain_region, stretch, without_masks
from hdmf_store_adapters.stored_attributes import StoredAttributes
from hdmf_store_adapters.stored_source import StoredSource, opened_by_zarr
from hdmf_store_adapters.touched_chunks import (
    chunks_of_blocks,
    chunks_of_box,
    chunks_of_mask,
    chunks_of_points,
)
from hdmf_store_adapters.user_values import empty, in_normal_form
from hdmf_store_adapters.zarr_v2_codecs import numcodecs_of

__all__ = ["StoredArray"]

_DIRECT_BYTES = 2**20
"""Arrays of at most so many bytes are decoded whole for any indexing; beyond, only the chunks that are needed."""


class StoredArray(zarr.Array):
    """A stored dataset as a lazy `zarr.Array`.

    Text comes as `str` objects, records with text as structured arrays with object fields, and an index of one
    element gives that element, as h5py and numpy do.
    """

    def __init__(self, holder: ArrayHolder, path: str) -> None:
        self._holder = holder
        self._node_path = path
        self._locks = ArrayLocks(holder, path)
        self._source = StoredSource(holder, path)
        self._opened: Any = None
        self._opened_for: ArrayRecord | None = None
        self._near: tuple[ArrayRecord, KeptStretch] | None = None
        self._known_record = holder.known_record
        self._opened_in: Any = None
        self.on_refusal: Callable[[], None] | None = None
        """Called when an append is refused, to take back what belongs to the same row."""

    @property
    def _async_array(self) -> Any:  # what zarr.Array keeps in a field is made on first use here
        store = self._holder.zarr_store()
        # not opened yet, or changed since, here or by another writer; or what it lies in has begun anew
        if self._opened_for is not self._record or self._opened_in is not store:
            self._opened = opened_by_zarr(self._holder, self._node_path).async_array
            self._opened_for, self._opened_in = self._record, store
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

    def __repr__(self) -> str:
        where = f"{type(self).__name__} {self._node_path} of {self._holder.address}"
        try:
            return f"<{where}, shape {self.shape}, dtype {self.dtype}>"
        except ClosedError:
            return f"<{where}, which is closed>"

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

    # --------------------------------------------------------------------------------------------------- attributes

    @property
    def compressor(self) -> Any:
        """The last compressor as a codec of numcodecs, as arrays of zarr 2 say it; None if there is none.

        zarr itself says it of format 2 only. `compressors` has all of them.
        """
        node = self._holder.load()[self._node_path]
        assert isinstance(node, Dataset)
        found = node.layout.compressors
        return numcodecs.get_codec(numcodecs_of(found[-1], node.element)) if found else None

    @property
    def attrs(self) -> StoredAttributes:
        """The stored attributes, the format's own included; each change is stored at once."""
        return StoredAttributes(self)

    def update_attributes(self, new_attributes: Mapping[str, Any]) -> StoredArray:
        """Store more attributes, in place of those that have the same names."""
        self.change_attributes(lambda held: held.update(new_attributes))
        return self

    def change_attributes(self, change: Callable[[dict[str, Any]], Any]) -> None:
        """Store what a function makes of the attributes as they are stored at that moment."""
        with self._locks.document():
            attributes = self.stored_attributes()
            change(attributes)
            self._holder.put_attributes(self._node_path, attributes)

    def stored_attributes(self) -> dict[str, Any]:
        """Return the attributes as JSON holds them, the format's own included, without opening the array."""
        return self._holder.attributes(self._node_path)

    # ----------------------------------------------------------------------------------------------------- changing

    def append(self, data: Any, axis: int = 0) -> tuple[int, ...]:
        """Store more elements at the end of an axis; references as targets, records as tuples.

        With a synchronizer, the end is where it is at that moment, whoever moved it.

        Raises
        ------
        UnsupportedValueError
            If a value is not of the elements' type, or a number is one that this type cannot hold.
        """
        self._holder.check_writes("append")
        try:
            return self._append(data, axis)
        except Exception as problem:
            if self.on_refusal is not None:
                try:
                    self.on_refusal()
                except OSError as other:  # a disk that is full to the last block does not let anything be taken back
                    problem.add_note(f"What was added to other columns stays, because that fails too: {other}")
            raise

    def _append(self, data: Any, axis: int) -> tuple[int, ...]:
        added = self._normal_form(data)
        if added.ndim != self.ndim or not -self.ndim <= axis < self.ndim:
            raise ValueError(f"cannot append an array of {added.ndim} axes along axis {axis} of {self.ndim}")
        axis %= self.ndim
        with self._locks.document():
            shape = self.shape
            if any(n != m for i, (n, m) in enumerate(zip(added.shape, shape, strict=True)) if i != axis):
                raise ValueError(f"an array of shape {added.shape} does not fit one of shape {shape} along axis {axis}")
            reached = tuple(n + added.shape[axis] if i == axis else n for i, n in enumerate(shape))
            box = tuple(
                slice(n, m) if i == axis else slice(None) for i, (n, m) in enumerate(zip(shape, reached, strict=True))
            )
            with self._locks.chunks_within(chunks_of_box(box), reached):
                if self._fits(added) and not self._holder.is_superseded(self._node_path):
                    self._holder.extend(self._node_path, self._record.to_stored(added), axis)
                else:
                    self._append_widened(added, axis)
            return reached

    def _append_widened(self, added: np.ndarray, axis: int) -> None:
        """Store a table anew: a value is longer than its fields, or its form is one that is no longer written."""
        self._store_anew(np.concatenate([self._all_values(), added], axis))

    def _all_values(self) -> np.ndarray:
        return self._source.read(whole(self.shape))

    def _store_anew(self, values: np.ndarray, **changes: Any) -> None:
        """Store other values, in normal form, in place of all that there are."""
        node = self._holder.load()[self._node_path]
        assert isinstance(node, Dataset)
        layout = attrs.evolve(node.layout, chunks=None) if node.layout.chunks == self.shape else node.layout
        element = Bytes() if isinstance(node.element, Text) and holds_bytes(values) else node.element
        new = attrs.evolve(node, element=element, shape=values.shape, values=ArraySource(values), layout=layout)
        self._holder.rewrite(self._node_path, attrs.evolve(new, **changes))

    def retype(self, dtype: Any) -> None:
        """Store the numbers anew in another type; for small arrays, as all of them are in memory meanwhile.

        Raises
        ------
        UnsupportedValueError
            If these are no numbers, or some that the type cannot hold.
        """
        self._holder.check_writes("change the type of an array")
        with self._locks.document(), self._locks.all_chunks():
            element, layout = Number.of(dtype), self._holder.load()[self._node_path].layout  # type: ignore[union-attr]
            values = self._checked_form(self._all_values(), element)
            # filters may be made for the old type; they are for bulk data, which this is not
            self._store_anew(values, element=element, layout=attrs.evolve(layout, filters=None))

    def resize(self, new_shape: Any) -> None:
        """Change the lengths of the axes; what then lies outside is gone, also if the axes grow again later.

        zarr deletes chunks that lie outside, but keeps what was cut off within a chunk, and shows it again after the
        array grew. It is cleared here first, as HDF5 does it.

        Raises
        ------
        ValueError
            If the new shape has another number of axes, or a negative length.
        """
        self._holder.check_writes("resize")
        with self._locks.document():
            lengths = np.ravel(new_shape)
            if len(lengths) != self.ndim or np.any(lengths < 0):
                raise ValueError(f"{self.name}: {new_shape} is no shape for an array of {self.ndim} axes")
            grows = bool(np.all(lengths >= np.asarray(self.shape, int)))
            with nullcontext() if grows else self._locks.all_chunks():
                if self._record.is_of_objects:
                    self._resize_objects(tuple(lengths.tolist()))
                    return
                if not grows:
                    self._clear_cut_off(lengths.tolist())
                super().resize(new_shape)
            self._opened_for = self._record

    def _resize_objects(self, shape: tuple[int, ...]) -> None:
        """Store references, records or bytes anew in another shape; datasets of these are small."""
        kept = tuple(slice(0, min(new, old)) for new, old in zip(shape, self.shape, strict=True))
        values = empty(self._record.element, shape)
        values[kept] = self._all_values()[kept]
        self._store_anew(values)

    def _clear_cut_off(self, lengths: list[int]) -> None:
        """Set to the fill value what a shorter array leaves in chunks that it keeps a part of."""
        record = self._record
        fill = "" if isinstance(record.element, Text) else record.fill
        for axis, (new, old, chunk) in enumerate(zip(lengths, record.shape, record.chunks, strict=True)):
            end = min(old, -(-new // chunk) * chunk)
            if new < end:
                box = tuple(slice(new, end) if i == axis else slice(None) for i in range(self.ndim))
                super().set_basic_selection(box, fill)

    def __setitem__(self, selection: Any, value: Any) -> None:
        if self._record.is_of_objects:
            self._assign_objects(selection, value)
        else:
            super().__setitem__(selection, value)

    def set_basic_selection(self, selection: Any, value: Any, *, fields: Any = None, prototype: Any = None) -> None:
        """Store values at integers and slices, one per axis."""
        with self._locks.chunks(chunks_of_box(selection)):
            stored = self._assigned(value, fields)
            super().set_basic_selection(selection, stored, fields=fields, prototype=prototype)

    def set_orthogonal_selection(
        self, selection: Any, value: Any, *, fields: Any = None, prototype: Any = None
    ) -> None:
        """Store values where the positions along each axis cross."""
        with self._locks.chunks(chunks_of_box(selection)):
            stored = self._assigned(value, fields)
            super().set_orthogonal_selection(selection, stored, fields=fields, prototype=prototype)

    def set_mask_selection(self, mask: Any, value: Any, *, fields: Any = None, prototype: Any = None) -> None:
        """Store values where a mask of the array's shape is true."""
        with self._locks.chunks(chunks_of_mask(mask)):
            super().set_mask_selection(mask, self._assigned(value, fields), fields=fields, prototype=prototype)

    def set_coordinate_selection(
        self, selection: Any, value: Any, *, fields: Any = None, prototype: Any = None
    ) -> None:
        """Store values at single elements, given by their positions along each axis."""
        with self._locks.chunks(chunks_of_points(selection)):
            stored = self._assigned(value, fields)
            super().set_coordinate_selection(selection, stored, fields=fields, prototype=prototype)

    def set_block_selection(self, selection: Any, value: Any, *, fields: Any = None, prototype: Any = None) -> None:
        """Store values in whole chunks, given by the positions of the chunks."""
        with self._locks.chunks(chunks_of_blocks(selection)):
            stored = self._assigned(value, fields)
            super().set_block_selection(selection, stored, fields=fields, prototype=prototype)

    def _assign_objects(self, selection: Any, value: Any) -> None:
        self._holder.check_writes("assign into an array")
        with self._locks.document(), self._locks.all_chunks():
            values = self._all_values()
            given = self._normal_form(value)
            values[selection] = given if given.ndim else given[()]
            self._store_anew(values)

    def _assigned(self, value: Any, fields: Any) -> Any:
        self._holder.check_writes("assign into an array")
        return value if fields else self._stored_form(value)

    def _normal_form(self, value: Any) -> np.ndarray:
        """Return what a caller passes, as an array in the normal form of the elements."""
        return self._checked_form(value, self._record.element)

    def _checked_form(self, value: Any, element: ElementType) -> np.ndarray:
        try:
            found = in_normal_form(value, element)
            if isinstance(element, Text) and not self._record.is_of_objects and holds_bytes(found):
                raise TypeError("there are bytes among them that are no UTF-8, and text takes no others")
            return found
        except (TypeError, ValueError, OverflowError, KeyError) as problem:
            raise UnsupportedValueError(self._holder.address, self._node_path, str(problem)) from problem

    def _stored_form(self, value: Any) -> Any:
        if not isinstance(self._record.element, Compound | ReferenceTo):
            return value
        rows = self._normal_form(value)
        if not self._fits(rows):
            raise UnsupportedValueError(
                self._holder.address,
                self._node_path,
                "a text is longer than the field of the records that is to hold it; append makes room for it",
            )
        return self._record.to_stored(rows)

    def _fits(self, rows: np.ndarray) -> bool:
        """Return whether the fields of records have room for all text of some rows."""
        record = self._record
        if not isinstance(record.element, Compound) or record.stored is None or record.stored.names is None:
            return True
        for field in record.element.fields:
            kind = record.stored[field.name]
            if kind.kind in "US":
                room = kind.itemsize // (4 if kind.kind == "U" else 1)
                cells = as_text(np.asarray(rows[field.name]), field.type, record.reference_form).reshape(-1)
                if max(map(len, cells), default=0) > room:
                    return False
        return True

    def __getitem__(self, selection: Any) -> Any:
        near = self._near
        if near is not None and near[0] is self._known_record(self._node_path):
            found = near[1].at(selection)  # one step of whoever goes through an index, a million steps long
            if found is not None:
                return found
        record = self._record
        if record.codec is not None:
            # tables are read so, an element or a row at a time
            asked = stretch(selection, record.shape[0]) if len(record.shape) == 1 else None
            kept = None if asked is None else self._source.at_hand(record, *asked)
            if asked is not None and kept is not None:
                self._remember(record, asked[0])
                found = record.to_normal(kept)
                return _own(found) if isinstance(selection, slice) else found[0]
            direct = plain_region(selection, record.shape)
            if direct is None and self.size * max(1, record.element.dtype.itemsize) <= _DIRECT_BYTES:
                direct = (whole(record.shape), selection)
            if direct is not None:
                return self._decoded(record, *direct)
        return self._through_zarr(selection)

    def _remember(self, record: ArrayRecord, position: int) -> None:
        near = self._source.stretch_at_hand(record, position) if isinstance(record.element, Number) else None
        self._near = None if near is None else (record, near)

    def _decoded(self, record: ArrayRecord, region: Region, inner: Any) -> Any:
        found = record.to_normal(self._source.read_stored(region))[inner]
        return _own(found) if isinstance(found, np.ndarray) and found.ndim else found

    def _through_zarr(self, selection: Any) -> Any:
        plain = without_masks(selection, self.ndim)
        try:
            found = np.asarray(super().__getitem__(plain))
        except IndexError:  # the caller's selection, not the file
            raise
        except (UnreadableError, *DECODING_ERRORS) as problem:
            raise self._holder.shape_error(self._node_path, problem) from problem
        normal = self._record.to_normal(found)
        return normal if normal.ndim else normal[()]


def _own(values: np.ndarray) -> np.ndarray:
    """Return values that can be changed and keep no more than themselves in memory."""
    if not values.flags.writeable:
        return values.copy()
    base = values.base
    held = 0 if base is None else base.nbytes if isinstance(base, np.ndarray) else len(base)
    return values.copy() if held > values.nbytes else values


def _reopen(holder: ArrayHolder, path: str) -> StoredArray:
    return StoredArray(holder, path)
