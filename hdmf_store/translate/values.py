"""The data of builders in normal form: what its elements are, its shape, and a source that yields it.

HDMF's builders hold whatever a user passed: lists, numpy arrays, stored arrays, iterators, wrappers around any of
these. Each kind has one rule here; the type is decided once, from what is declared or from all values together,
never by trying to write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from typing import Any

import attrs
import numpy as np
from hdmf.build import ReferenceBuilder
from hdmf.build.builders import BaseBuilder
from hdmf.data_utils import AbstractDataChunkIterator, DataIO, GenericDataChunkIterator
from hdmf.query import HDMFDataset
from hdmf.term_set import TermSetWrapper

from hdmf_store.adapter import recognise
from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Compound,
    Dataset,
    ElementType,
    Field,
    Layout,
    Number,
    Piece,
    ReferenceTo,
    Region,
    Stream,
    Target,
    Text,
    Unwritten,
    each,
    grain_of,
    whole,
)
from hdmf_store.translate.data_io import ZarrDataIO, hdf5_layout
from hdmf_store.translate.declared import declared_element
from hdmf_store.translate.references import StoredReferences

__all__ = ["TargetOf", "dataset_of"]

TargetOf = Callable[[Any], Target]
"""From a builder, or a `ReferenceBuilder`, to the target that it will have in the destination."""


def dataset_of(data: Any, dtype: Any, target_of: TargetOf) -> tuple[Dataset, bool | None]:
    """Return the dataset that a builder's data stands for, without attributes.

    Parameters
    ----------
    data : object
        A builder's data.
    dtype : object
        What the builder declares: a name, a numpy type, a list of fields, a reference specification, or None.
    target_of : callable
        For references.

    Returns
    -------
    dataset : Dataset
    link_data : bool or None
        The wrapper's own word on linking to stored data instead of copying it, if it gave one.

    Raises
    ------
    TypeError, ValueError
        If the data has no form in a store; the caller adds the path.
    """
    if isinstance(data, TermSetWrapper):
        data = data.value
    if isinstance(data, DataIO):
        return _wrapped(data, dtype, target_of)
    return _plain(data, dtype, target_of), None


def _wrapped(wrapper: DataIO, dtype: Any, target_of: TargetOf) -> tuple[Dataset, bool | None]:
    is_ours = isinstance(wrapper, ZarrDataIO)
    layout = (
        wrapper.layout if is_ours else hdf5_layout(wrapper.io_settings if hasattr(type(wrapper), "io_settings") else {})
    )
    if wrapper.data is None:
        element = declared_element(dtype if wrapper.dtype is None else wrapper.dtype)
        if wrapper.shape is None or element is None or (isinstance(element, Text) and wrapper.dtype is None):
            raise ValueError("a wrapper without data needs a shape and a dtype")
        return Dataset(element, wrapper.shape, Unwritten(), {}, layout), None
    inner, link = dataset_of(wrapper.data, dtype, target_of)
    return attrs.evolve(inner, layout=merged(inner.layout, layout)), getattr(wrapper, "link_data", link)


def merged(base: Layout, wishes: Layout) -> Layout:
    """Return a layout with every wish that was expressed."""
    given = {f.name: getattr(wishes, f.name) for f in attrs.fields(Layout) if getattr(wishes, f.name) is not None}
    if "chunks" in given and "shards" not in given:
        given["shards"] = None
    if given:
        given.setdefault("native", None)  # it says all of a layout, also what is wished to be different
    return attrs.evolve(base, **given)


def _plain(data: Any, dtype: Any, target_of: TargetOf) -> Dataset:
    if isinstance(data, StoredReferences):
        return attrs.evolve(data.node, attributes={})
    if isinstance(data, AbstractDataChunkIterator):
        return _stream(data, dtype, target_of)
    if isinstance(data, BaseBuilder | ReferenceBuilder):
        return _in_memory(_scalar(target_of(data)), ReferenceTo())
    stored = recognise(data.dataset if isinstance(data, HDMFDataset) else data)
    if stored is not None:
        return _retyped(stored, declared_element(dtype))
    return _from_memory(data, dtype, target_of)


def _retyped(stored: Dataset, declared: ElementType | None) -> Dataset:
    """Return stored data in the number type that the builder declares, where that differs."""
    if not isinstance(declared, Number) or not isinstance(stored.element, Number) or declared == stored.element:
        return stored
    return attrs.evolve(stored, element=declared, values=_Cast(stored.values, declared.dtype))


@attrs.frozen(eq=False)
class _Cast:
    """Stored numbers in another type."""

    source: Any
    dtype: np.dtype
    origin: None = attrs.field(default=None, init=False)

    @property
    def grain(self) -> tuple[int, ...] | None:
        return grain_of(self.source)

    def read(self, region: Region) -> np.ndarray:
        return self.source.read(region).astype(self.dtype)


# ----------------------------------------------------------------------------------------------------- values in memory

_RAGGED = "its rows have different lengths; store it as a ragged column (data and index)"


def _scalar(value: Any) -> np.ndarray:
    array = np.empty((), object)
    array[()] = value
    return array


def _in_memory(array: np.ndarray, element: ElementType) -> Dataset:
    return Dataset(element, array.shape, ArraySource(array))


def _from_memory(data: Any, dtype: Any, target_of: TargetOf) -> Dataset:
    declared = declared_element(dtype)
    if isinstance(declared, Compound) or (isinstance(data, np.ndarray | np.void) and data.dtype.names is not None):
        return _records(data, declared, target_of)
    array = _array(data)
    if isinstance(declared, ReferenceTo) or (array.dtype == object and _holds_builders(array)):
        return _in_memory(
            each(array, lambda item: None if item is None else _as_target(item, target_of)), ReferenceTo()
        )
    if not array.size and isinstance(declared, Text):
        return _in_memory(array.astype(object), declared)
    normal, element = normal_form(array)
    if isinstance(declared, Text):
        element = _in_charset(normal, element, declared)
    if isinstance(declared, Number) and isinstance(element, Number):
        normal, element = _cast(normal, declared), declared
    return _in_memory(normal, element)


def _cast(array: np.ndarray, declared: Number) -> np.ndarray:
    """Return numbers in the declared type; refuse where an integer type cannot hold them."""
    if array.dtype == declared.dtype:
        return array
    with np.errstate(invalid="ignore"):
        cast = array.astype(declared.dtype)
    if declared.dtype.kind in "iu" and array.dtype.kind in "iuf" and not np.array_equal(cast, array):
        raise ValueError(f"it holds numbers that the declared type {declared} cannot hold")
    return cast


def _array(data: Any) -> np.ndarray:
    if isinstance(data, np.ndarray):
        return data
    if isinstance(data, str | bytes | datetime | date):
        return _scalar(data)
    if isinstance(data, list | tuple):
        leaf: Any = data
        while isinstance(leaf, list | tuple) and leaf:
            leaf = leaf[0]
        is_number = isinstance(leaf, int | float | complex | np.generic | np.ndarray | list | tuple)
        try:
            return (
                np.asarray(data) if is_number and not isinstance(leaf, np.str_ | np.bytes_) else np.array(data, object)
            )
        except ValueError:
            raise ValueError(_RAGGED) from None
    if hasattr(data, "__array__") or np.isscalar(data):
        return np.asarray(data)
    if isinstance(data, Iterable):
        return _array(list(data))
    return np.asarray(data)


def normal_form(array: np.ndarray) -> tuple[np.ndarray, ElementType]:
    """Return an array in normal form and its element type.

    Raises
    ------
    TypeError
        If the elements are of a kind that no store has.
    """
    kind = array.dtype.kind
    if kind in "biufc":
        element = Number.of(array.dtype)
        return array.astype(element.dtype, copy=False), element
    if kind in "UT":
        return array.astype(object), Text()
    if kind == "S":
        return _text_or_bytes(array.astype(object))
    if kind != "O":
        raise TypeError(f"arrays of dtype {array.dtype} have no form in the store; convert them to numbers or text")
    return _objects(array)


def _objects(array: np.ndarray) -> tuple[np.ndarray, ElementType]:
    kinds = set(map(type, array.ravel().tolist()))
    if all(issubclass(kind, str) for kind in kinds):
        return (array if kinds <= {str} else each(array, str)), Text()
    if all(issubclass(kind, bytes) for kind in kinds):
        return _text_or_bytes(array)
    if all(issubclass(kind, str | bytes | date) for kind in kinds):
        return each(array, _as_text), Text()
    if all(issubclass(kind, bool | int | float | complex | np.generic) for kind in kinds):
        numbers = np.array(array.tolist())
        if numbers.dtype.kind not in "biufc":
            raise ValueError("its numbers fit no type that the store has")
        return normal_form(numbers)
    if any(issubclass(kind, list | tuple | np.ndarray) for kind in kinds):
        raise ValueError(_RAGGED)
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise TypeError(f"elements of type {names} have no common form in the store")


def _text_or_bytes(array: np.ndarray) -> tuple[np.ndarray, ElementType]:
    """Return bytes as text if all of them are UTF-8, decided at once: NUL cannot be part of another character."""
    flat = b"\0".join(array.ravel().tolist())
    try:
        flat.decode()
    except UnicodeDecodeError:
        return array, Bytes()
    return each(array, bytes.decode), Text("ascii" if flat.isascii() else "utf-8")


def _in_charset(array: np.ndarray, element: ElementType, declared: Text) -> ElementType:
    """Return the element type of text as it is declared; ASCII only if that is what it holds."""
    if not isinstance(element, Text) or declared.charset == "utf-8":
        return Text() if isinstance(element, Text) else element
    return declared if "".join(array.ravel().tolist()).isascii() else Text()


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode()
    return value.isoformat() if isinstance(value, date) else value


def _holds_builders(array: np.ndarray) -> bool:
    return array.size > 0 and isinstance(array.flat[0], BaseBuilder | ReferenceBuilder | Target)


def _as_target(item: Any, target_of: TargetOf) -> Target:
    return item if isinstance(item, Target) else target_of(item)


# -------------------------------------------------------------------------------------------------------------- records


def _records(data: Any, declared: ElementType | None, target_of: TargetOf) -> Dataset:
    if isinstance(declared, Compound):
        element = declared
        if isinstance(data, np.ndarray | np.void) and data.dtype.names is not None:
            columns = {name: np.asarray(data[name]) for name in data.dtype.names}
            element = _known_columns(declared, columns)
            return _filled(element, columns, np.shape(data), target_of)
        rows, shape = _rows(data)
        staged = np.array(rows, dtype=[(field.name, object) for field in element.fields])
        columns = {field.name: staged[field.name] for field in element.fields}
        return _filled(_known_columns(element, columns), columns, shape, target_of)
    columns = {name: np.asarray(data[name]) for name in data.dtype.names}
    fields = [Field(name, _type_of(column)) for name, column in columns.items()]
    return _filled(Compound(tuple(fields)), columns, np.shape(data), target_of)


def _rows(data: Any) -> tuple[list[tuple[Any, ...]], tuple[int, ...]]:
    if isinstance(data, tuple) and not (data and isinstance(data[0], tuple | list | np.void)):
        return [data], ()
    rows = [tuple(row.tolist()) if isinstance(row, np.ndarray) else tuple(row) for row in data]
    return rows, (len(rows),)


def _type_of(column: np.ndarray) -> Any:
    if column.dtype.names is not None:
        return Compound(tuple(Field(n, _type_of(column[n])) for n in column.dtype.names))
    return ReferenceTo() if _holds_builders(column) else normal_form(column)[1]


def _known_columns(element: Compound, columns: dict[str, np.ndarray]) -> Compound:
    """Return a declared compound with its fields of text or bytes decided by what they hold."""
    fields = []
    for field in element.fields:
        kind: Any = field.type
        if isinstance(kind, Text):
            normal, found = normal_form(columns[field.name].astype(object))
            kind = found if isinstance(found, Bytes) else _in_charset(normal, Text(), kind)
        fields.append(attrs.evolve(field, type=kind))
    return Compound(tuple(fields))


def _filled(element: Compound, columns: dict[str, np.ndarray], shape: tuple[int, ...], target_of: TargetOf) -> Dataset:
    array = np.empty(shape, element.dtype)
    for field in element.fields:
        column = columns[field.name].reshape(shape)
        if isinstance(field.type, ReferenceTo):
            array[field.name] = each(column, lambda item: None if item is None else _as_target(item, target_of))
        elif isinstance(field.type, Text):
            array[field.name] = normal_form(column.astype(object))[0] if column.size else column
        else:
            array[field.name] = column
    return _in_memory(array, element)


# -------------------------------------------------------------------------------------------------------------- streams


def _stream(data: AbstractDataChunkIterator, dtype: Any, target_of: TargetOf) -> Dataset:
    declared = declared_element(dtype) or declared_element(data.dtype)
    if declared is None or isinstance(declared, Text):
        declared = Text()
    if isinstance(declared, Compound | ReferenceTo):
        raise TypeError("an iterator can yield numbers and text, not references or records")
    limits = tuple(data.maxshape)
    recommended = tuple(data.recommended_data_shape() or limits)
    shape = tuple(0 if limit is None else length or 0 for limit, length in zip(limits, recommended, strict=True))
    chunks = data.recommended_chunk_shape()
    layout = Layout(chunks=chunks, maxshape=limits)
    at_random = _Generic(data, declared) if isinstance(data, GenericDataChunkIterator) else None
    return Dataset(declared, shape, Stream(_pieces(data, declared, len(shape)), at_random), {}, layout)


@attrs.frozen(eq=False)
class _Generic:
    """The values of an iterator that can be asked for any part of them."""

    iterator: GenericDataChunkIterator
    element: Number | Text | Any
    origin: None = attrs.field(default=None, init=False)

    def read(self, region: Region) -> np.ndarray:
        values = np.asarray(self.iterator._get_data(selection=region))  # its documented extension point
        return (
            values.astype(self.element.dtype, copy=False)
            if isinstance(self.element, Number)
            else normal_form(values)[0]
        )


def _pieces(data: AbstractDataChunkIterator, element: ElementType, ndim: int) -> Iterator[Piece]:
    for chunk in data:
        for region, values in _regions(chunk.selection, np.asarray(chunk.data), ndim):
            if isinstance(element, Number):
                yield region, values.astype(element.dtype, copy=False)
            else:
                yield region, normal_form(values.astype(object) if values.dtype.kind not in "US" else values)[0]


def _regions(selection: Any, values: np.ndarray, ndim: int) -> Iterator[Piece]:
    """Yield a chunk's selection as regions of step 1, and the values reshaped to them."""
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (ndim - len(parts) + 1)
    parts += [slice(None)] * (ndim - len(parts))
    fancy = [axis for axis, part in enumerate(parts) if not isinstance(part, slice | int | np.integer)]
    if fancy:
        axis = fancy[0]
        chosen = np.asarray(parts[axis])
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen
        before = sum(isinstance(part, slice) for part in parts[:axis])
        for position, index in enumerate(chosen.tolist()):
            single = (*parts[:axis], index, *parts[axis + 1 :])
            yield from _regions(single, np.take(values, position, axis=before), ndim)
        return
    lengths = iter(values.shape)
    region = []
    for part in parts:
        if isinstance(part, slice):
            length = next(lengths, 1)
            start = part.start or 0
            if (part.step or 1) != 1:
                raise ValueError("a chunk of an iterator selects every n-th element; select contiguous elements")
            region.append(slice(start, start + length if part.stop is None else part.stop))
        else:
            region.append(slice(int(part), int(part) + 1))
    yield tuple(region), values.reshape(tuple(part.stop - part.start for part in region))


def read_all(dataset: Dataset) -> np.ndarray:
    """Return all values of a dataset that is known to be small."""
    return dataset.values.read(whole(dataset.shape))  # type: ignore[union-attr]
