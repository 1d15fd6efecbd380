"""Element types, dtypes and fill values as format 2 stores them, both ways.

Sources: Zarr v2 specification; files written by hdmf-zarr 0.3 to 0.13 and by LINDI.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from hdmf_store.nodes import Bytes, Compound, ElementType, Field, Number, ReferenceTo, Text, Unreadable

__all__ = [
    "BYTES_MARK",
    "declared_fields",
    "declared_name",
    "element_of",
    "fill_value",
    "is_rows",
    "numpy_dtype",
    "stored_dtype",
    "stored_fill",
]

_REFERENCE_NAMES = ("object", "<REFERENCE>", "region")
_TEXT_NAMES = ("str", "str_", "utf", "utf8", "utf-8", "text", "isodatetime", "datetime", "<STRING>")
_ASCII_NAMES = ("ascii", "bytes", "bytes_", "string_")
BYTES_MARK = "_DTYPE"
"""Attribute that says of a dataset that its bytes are no text, as format 3 says it."""

BASE64 = "base64"
"""How the bytes of a record's field are encoded that are no text."""


def numpy_dtype(stored: Any) -> np.dtype:
    """Return the numpy dtype of a document's ``dtype``."""
    if isinstance(stored, list):
        return np.dtype([(field[0], numpy_dtype(field[1]), *(tuple(shape) for shape in field[2:])) for field in stored])
    return np.dtype(stored)


def element_of(declared: Any, dtype: np.dtype, *, as_bytes: bool = False, marked: bool = False) -> ElementType:
    """Return the element type of an array.

    Parameters
    ----------
    declared : object
        What its attributes declare, if anything.
    dtype : numpy.dtype
    as_bytes : bool
        Whether strings are stored as bytes, as ASCII text and bytes that are no text are.
    marked : bool
        Whether they are marked as bytes that are no text.
    """
    if isinstance(declared, list):
        return _declared_record(declared, dtype)
    if dtype.names is not None:
        return _stored_record(dtype)
    if dtype.kind in "OSU" and declared == "object":
        return ReferenceTo()
    if dtype.kind in "OSU":
        return Bytes() if marked else Text("ascii" if as_bytes or dtype.kind == "S" else "utf-8")
    try:
        return Number.of(dtype)
    except ValueError as problem:
        return Unreadable(str(problem))


def _stored_record(dtype: np.dtype) -> Compound:
    fields = []
    for name in dtype.names or ():
        inner = dtype[name]
        kind: Any = _field_type(inner, dtype, name) if inner.names is None else _stored_record(inner)
        fields.append(Field(name, kind))
    return Compound(tuple(fields))


def _declared_record(declared: list[Any], dtype: np.dtype) -> Compound:
    fields = []
    for item in declared:
        name, kind = item["name"], item["dtype"]
        is_known = dtype.names is not None and name in dtype.names
        if isinstance(kind, list):
            element: Any = _declared_record(kind, dtype[name] if is_known else dtype)
        else:
            element = Bytes() if item.get("encoding") == BASE64 else _field_type(kind, dtype, name)
        fields.append(Field(name, element))
    return Compound(tuple(fields))


def _field_type(declared: Any, dtype: np.dtype, name: str) -> Any:
    if isinstance(declared, dict):
        declared = declared.get("reftype", "object")
    if isinstance(declared, str) and declared in _REFERENCE_NAMES:
        return ReferenceTo()
    if isinstance(declared, str) and declared in _TEXT_NAMES:
        return Text()
    if isinstance(declared, str) and declared in _ASCII_NAMES:
        return Text("ascii")
    stored = dtype[name] if dtype.names is not None and name in dtype.names else None
    if stored is not None and stored.kind in "biufc":
        return Number.of(stored)
    kind = np.dtype(declared)
    return Text() if kind.kind in "USO" else Number.of(kind)


def fill_value(stored: Any, element: ElementType, dtype: np.dtype) -> Any:
    """Return the value of elements in chunks that are not stored."""
    if isinstance(element, Number):
        special: dict[Any, float] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
        if isinstance(stored, list) and len(stored) == 2:
            real, imaginary = (special[half] if half in special else float(half) for half in stored)
            return element.dtype.type(complex(real, imaginary))
        if not isinstance(stored, str | int | float | None):
            raise ValueError(f"{stored!r} is no fill value of numbers")
        stored = 0 if stored is None else stored
        return element.dtype.type(special.get(stored, stored) if isinstance(stored, str) else stored)
    if isinstance(element, Compound) and dtype.kind == "O":
        row = np.empty((), object)
        row[()] = _empty_row(element)
        return row
    if dtype.names is not None and not dtype.hasobject:
        raw = base64.b64decode(stored) if isinstance(stored, str) else b""
        return np.frombuffer(raw, dtype)[0] if len(raw) == dtype.itemsize else np.zeros((), dtype)
    if dtype.names is not None:
        return np.array(tuple("" if dtype[name].kind == "O" else 0 for name in dtype.names), dtype)
    if isinstance(element, Bytes):
        return b""
    return stored if isinstance(stored, str) else ""


def _empty_row(element: Compound) -> list[Any]:
    return [
        _empty_row(field.type) if isinstance(field.type, Compound) else 0 if isinstance(field.type, Number) else ""
        for field in element.fields
    ]


def declared_name(element: Any) -> str:
    """Return the name by which ``zarr_dtype`` declares an element type."""
    if isinstance(element, Text):
        return "str" if element.charset == "utf-8" else "bytes"
    return {Bytes: "bytes", ReferenceTo: "object"}.get(type(element)) or str(element)


def declared_fields(element: Compound) -> list[dict[str, Any]]:
    """Return how ``zarr_dtype`` declares the fields of a record."""
    return [{"name": field.name, **_declared_field(field.type)} for field in element.fields]


def _declared_field(element: Any) -> dict[str, Any]:
    if isinstance(element, Compound):
        return {"dtype": declared_fields(element)}
    return {"dtype": declared_name(element), **({"encoding": BASE64} if isinstance(element, Bytes) else {})}


def is_rows(element: ElementType) -> bool:
    """Return whether records are stored as rows of objects, since they hold more than numbers."""
    return isinstance(element, Compound) and any(
        not isinstance(field.type, Number | Compound) or is_rows(field.type) for field in element.fields
    )


def stored_dtype(element: ElementType) -> Any:
    """Return the ``dtype`` of a document."""
    if isinstance(element, Number):
        return element.dtype.newbyteorder("<").str
    if isinstance(element, Compound) and not is_rows(element):
        return [[field.name, stored_dtype(field.type)] for field in element.fields]
    return "|O"


def stored_fill(element: ElementType, fill: Any) -> Any:
    """Return the ``fill_value`` of a document."""
    if isinstance(element, Number) and element.dtype.kind == "c":
        value = element.dtype.type(0 if fill is None else fill)
        return [value.real.item(), value.imag.item()]
    if isinstance(element, Compound) and not is_rows(element):
        return base64.b64encode(bytes(element.dtype.itemsize)).decode()
    if not isinstance(element, Number):
        if isinstance(element, Compound | ReferenceTo):
            return None
        return 0 if element == Text() else ""  # zarr 3 opens no bytes whose fill value is a number
    value = element.dtype.type(0 if fill is None else fill).item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
