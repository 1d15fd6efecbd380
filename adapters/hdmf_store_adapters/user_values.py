"""Values that users put into stored arrays, in the normal form of the array's elements.

Pure functions; a value that the elements cannot hold is an error before anything is stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store.nodes import Bytes, Compound, ElementType, Number, ReferenceTo, Target, Text, each

__all__ = ["empty", "in_normal_form"]


def in_normal_form(value: Any, element: ElementType) -> np.ndarray:
    """Return a value or nested lists of values as an array in normal form.

    Parameters
    ----------
    value : object
        Rows of records are tuples, or lists in a list of rows.
    element : ElementType

    Raises
    ------
    TypeError, ValueError, OverflowError
        If a value is of another kind, or a number is one that the integer type cannot hold; the caller adds the path.
    """
    if isinstance(element, Compound):
        return _records(value, element)
    if isinstance(element, Number):
        return _numbers(value, element.dtype)
    array = value if isinstance(value, np.ndarray) else _objects(value)
    return _checked(array.astype(object, copy=False), element)


def empty(element: ElementType, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array of what stands where nothing was written: zero, empty text, no bytes, no reference.

    >>> empty(Text(), (2,)).tolist()
    ['', '']
    """
    array = np.zeros(shape, element.dtype)
    if isinstance(element, Compound):
        for field in element.fields:
            array[field.name] = empty(field.type, ())
    elif not isinstance(element, Number):
        array[...] = {Text: "", Bytes: b""}.get(type(element))
    return array


def _objects(value: Any) -> np.ndarray:
    if isinstance(value, list | tuple):
        return np.array(value, dtype=object)
    array = np.empty((), object)
    array[()] = value
    return array


def _checked(array: np.ndarray, element: ElementType) -> np.ndarray:
    kinds = set(map(type, array.reshape(-1).tolist()))
    fitting: tuple[type, ...] = (Target, type(None)) if isinstance(element, ReferenceTo) else (str, bytes)
    strange = sorted(kind.__name__ for kind in kinds if not issubclass(kind, fitting))
    if strange:
        raise TypeError(f"values of type {', '.join(strange)} do not belong among elements of type {element}")
    if isinstance(element, Text) and not kinds <= {str}:
        return each(array, _as_text)
    if isinstance(element, Bytes) and not kinds <= {bytes}:
        return each(array, lambda item: item.encode() if isinstance(item, str) else item)
    return array


def _as_text(item: str | bytes) -> str | bytes:
    """Return text; bytes that are none stay as they are, for the older form of text that holds any bytes."""
    try:
        return item.decode() if isinstance(item, bytes) else str(item)
    except UnicodeDecodeError:
        return item


def _numbers(value: Any, dtype: np.dtype) -> np.ndarray:
    given = np.asarray(value)
    if given.dtype.kind in "USTMm":
        raise TypeError(f"{given.reshape(-1)[:3].tolist()} is no number of type {dtype}")
    with np.errstate(invalid="ignore"):
        cast = given.astype(dtype)
    if dtype.kind in "biu" and not np.array_equal(cast, given):
        raise ValueError(f"there are numbers among them that the type {dtype} cannot hold")
    return cast


def _is_structured(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.void) and value.dtype.names is not None


def _records(value: Any, element: Compound) -> np.ndarray:
    if isinstance(value, list) and value and _is_structured(value[0]):
        value = np.asarray(value)
    if _is_structured(value):
        columns, shape = {name: value[name] for name in value.dtype.names}, np.shape(value)
    else:
        is_row = isinstance(value, tuple) and not (value and isinstance(value[0], tuple | list | np.void))
        rows = [tuple(row) for row in ([value] if is_row else value)]
        staged = np.array(rows, dtype=[(field.name, object) for field in element.fields])
        columns, shape = {field.name: staged[field.name].tolist() for field in element.fields}, (len(rows),)
        shape = () if is_row else shape
    array = np.empty(shape, element.dtype)
    for field in element.fields:
        array[field.name] = in_normal_form(columns[field.name], field.type).reshape(shape)
    return array
