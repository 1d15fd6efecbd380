"""One stored array as its chunks need to be known: found, decoded, encoded. The same for every Zarr format."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

import attrs
import numpy as np

from hdmf_store.nodes import Bytes, Compound, ElementType, Number, ReferenceTo, Target, Text, each
from hdmf_store_adapters.json_forms import ITSELF, decode_target

__all__ = ["ArrayRecord", "CodesChunks", "as_text", "holds_bytes", "is_shape", "tiled", "unreadable_record"]


class CodesChunks(Protocol):
    """Encodes and decodes the chunks of one array."""

    @property
    def dtype(self) -> np.dtype:
        """Of decoded chunks; object where elements have no fixed size."""
        ...

    def encode(self, array: np.ndarray, /) -> bytes:
        """Return the bytes of a chunk that has the chunk's full shape."""
        ...

    def decode(self, data: bytes, shape: tuple[int, ...], /) -> np.ndarray:
        """Return the array of a chunk of that shape."""
        ...


class DecodesInPlace(CodesChunks, Protocol):
    """Knows its codecs itself, so that it can spare copies."""

    def check(self, data: bytes, shape: tuple[int, ...], /) -> None:
        """Raise `ValueError` for bytes that cannot be all of a chunk, as far as that shows without decoding them."""
        ...

    def decode_into(self, data: bytes, out: np.ndarray, /) -> bool:
        """Decode a chunk right into an array of its shape, where that spares a copy; return whether that was done."""
        ...


@attrs.frozen(eq=False)
class ArrayRecord:
    """What is needed to find, decode and encode the chunks of one stored array.

    Parameters
    ----------
    element : ElementType
    shape : tuple of int
        As stored. A scalar that is stored as one element has the shape (1,) here.
    is_scalar : bool
        Whether the dataset's own shape is ``()``.
    chunks : tuple of int
        Shape of one stored object: that of a shard where there are shards.
    prefix : str
        What the keys of chunks begin with, ``"c/"`` and the like, after the array's path.
    separator : str
    codec : CodesChunks or None
        None where only zarr's arrays can decode.
    fill : object
        In the stored dtype.
    reference_form : callable
        The stored form of a target in a dataset, or of None.
    itself : frozenset of str
        The sources that mean the hierarchy in which the array lies.
    other_separator : str or None
        Between the indices of chunks that an unmarked array may also have used.
    stored : numpy.dtype or None
        Of elements as they are stored; None for elements of any length.
    is_of_objects : bool
        Whether zarr has no type for the elements, or a poor one, so that it cannot change some of them.
    """

    element: ElementType
    shape: tuple[int, ...]
    is_scalar: bool
    chunks: tuple[int, ...]
    prefix: str
    separator: str
    codec: DecodesInPlace | None
    fill: Any
    reference_form: Callable[[Target | None], Any]
    itself: frozenset[str] = ITSELF
    other_separator: str | None = None
    stored: np.dtype | None = None
    is_of_objects: bool = False

    def chunk_key(self, index: tuple[int, ...]) -> str:
        """Return the key of a chunk after the array's path and a slash."""
        if not index:
            return self.prefix.rstrip("/.") or "0"
        return self.prefix + self.separator.join(map(str, index))

    def other_chunk_key(self, index: tuple[int, ...]) -> str | None:
        """Return the key at which a chunk may lie instead, or None."""
        if self.other_separator is None or len(index) < 2:
            return None
        return self.prefix + self.other_separator.join(map(str, index))

    @property
    def grid(self) -> tuple[int, ...]:
        """How many chunks there are along each axis."""
        return tuple(-(-length // chunk) for length, chunk in zip(self.shape, self.chunks, strict=True))

    @property
    def bytes_of_chunk(self) -> int:
        """What the values of a chunk take in memory, as progress counts them: of text, the pointers."""
        return math.prod(self.chunks) * max(1, self.element.dtype.itemsize)

    def to_normal(self, array: np.ndarray) -> np.ndarray:
        """Return decoded values in the normal form of the element type."""
        return self._normal(array, self.element)

    def _normal(self, array: np.ndarray, element: ElementType) -> np.ndarray:
        if isinstance(element, Number):
            if array.dtype != element.dtype:
                return array.astype(element.dtype)
            return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
        if isinstance(element, ReferenceTo):
            return each(array, self._target)
        if isinstance(element, Compound):
            return self._normal_rows(array, element)
        objects = array if array.dtype.kind == "O" else array.astype(object)
        if isinstance(element, Text) and array.dtype.kind != "U" and holds_bytes(objects):
            return each(objects, _as_text)
        return objects

    def _normal_rows(self, array: np.ndarray, element: Compound) -> np.ndarray:
        names = [field.name for field in element.fields]
        if array.dtype.names is None:  # rows as lists
            staged = np.empty(array.shape, [(name, object) for name in names])
            flat = staged.reshape(-1)
            for position, row in enumerate(array.reshape(-1).tolist()):
                flat[position] = tuple(row)
            array = staged
            for field in element.fields:
                if isinstance(field.type, Bytes) or field.type.dtype.kind == "c":
                    array[field.name] = each(array[field.name], partial(_from_cell, element=field.type))
        normal = np.empty(array.shape, element.dtype)
        for field in element.fields:
            normal[field.name] = self._normal(array[field.name], field.type)
        return normal

    def _target(self, value: Any) -> Target | None:
        return decode_target(value, self.itself) if value else None

    def to_stored(self, array: np.ndarray) -> np.ndarray:
        """Return values in normal form as the array that the codec encodes."""
        return self._stored(array, self.element, self.stored if self.codec is None else self.codec.dtype)

    def _stored(self, array: np.ndarray, element: ElementType, dtype: np.dtype | None) -> np.ndarray:
        if isinstance(element, ReferenceTo):
            forms = each(array, self.reference_form)
            return forms if dtype is None or dtype.kind == "O" else forms.astype(dtype)
        if not isinstance(element, Compound) or dtype is None:
            return array
        if dtype.names is None:  # rows as lists
            columns = [self._cells(array[field.name], field.type) for field in element.fields]
            rows = np.empty(array.shape, object)
            flat = rows.reshape(-1)
            for position, row in enumerate(zip(*columns, strict=True)):
                flat[position] = list(row)
            return rows
        stored = np.zeros(array.shape, dtype)
        for field in element.fields:
            stored[field.name] = self._stored(array[field.name], field.type, dtype[field.name])
        return stored

    def _cells(self, column: np.ndarray, element: Any) -> list[Any]:
        """Return a field of all rows as values that JSON holds."""
        cells = self._stored(column, element, np.dtype(object)).reshape(-1).tolist()
        if isinstance(element, Bytes):
            return [base64.b64encode(cell).decode() for cell in cells]
        if isinstance(element, Number) and element.dtype.kind == "c":
            return [[cell.real, cell.imag] for cell in cells]
        return cells


def _from_cell(value: Any, element: Any) -> Any:
    """Return a cell of a row, as JSON holds it, in the normal form of bytes and of complex numbers."""
    if isinstance(element, Bytes) and isinstance(value, str):
        return base64.b64decode(value)
    return complex(*value) if isinstance(element, Number) and isinstance(value, list) else value


def holds_bytes(array: np.ndarray) -> bool:
    """Return whether some of an array's objects are bytes."""
    return any(issubclass(kind, bytes) for kind in set(map(type, array.reshape(-1).tolist())))


def _as_text(value: Any) -> Any:
    """Return text for bytes that are UTF-8; other bytes stay what they are rather than being changed."""
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def as_text(array: np.ndarray, element: ElementType, reference_form: Callable[[Target | None], Any]) -> np.ndarray:
    """Return values of text, bytes or references as the strings that are stored."""
    return each(array, reference_form) if isinstance(element, ReferenceTo) else array


def is_shape(value: Any) -> bool:
    """Return whether a document's value is a shape."""
    return isinstance(value, list) and all(type(length) is int and length >= 0 for length in value)


def tiled(shape: Any, chunks: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the shapes of an array and of its chunks as a document says them.

    Raises
    ------
    ValueError
        If chunks of that shape cannot tile the array.
    """
    if not is_shape(shape) or not is_shape(chunks) or len(chunks) != len(shape) or 0 in chunks:
        raise ValueError(f"chunks of shape {chunks!r:.80} cannot tile an array of shape {shape!r:.80}")
    return tuple(shape), tuple(chunks)


def unreadable_record(element: ElementType, shape: list[int]) -> ArrayRecord:
    """Return the record of an array whose document is not understood: it has a shape, and nothing can be read."""
    chunks = tuple(max(1, length) for length in shape)
    return ArrayRecord(element, tuple(shape), not shape, chunks, "", ".", None, None, lambda target: target)
