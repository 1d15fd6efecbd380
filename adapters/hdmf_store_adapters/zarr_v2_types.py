"""Element types, dtypes and fill values as format 2 stores them, both ways.

Sources: Zarr v2 specification; files written by hdmf-zarr 0.3 to 0.13 and by LINDI.
"""

from __future__ import annotations

import base64
import math
from typing import Any

import numpy as np

from hdmf_store.nodes import Bytes, Compound, ElementType, Field, Number, ReferenceTo, Text, Unreadable

__all__ = ["declared_name", "element_of", "fill_value", "is_rows", "numpy_dtype", "stored_dtype", "stored_fill"]

_REFERENCE_NAMES = ("object", "<REFERENCE>", "region")
_TEXT_NAMES = (
    "str",
    "str_",
    "utf",
    "utf8",
    "utf-8",
    "text",
    "ascii",
    "bytes",
    "bytes_",
    "isodatetime",
    "datetime",
    "<STRING>",
)


def numpy_dtype(stored: Any) -> np.dtype:
    """Return the numpy dtype of a document's ``dtype``."""
    if isinstance(stored, list):
        return np.dtype([(field[0], numpy_dtype(field[1]), *(tuple(shape) for shape in field[2:])) for field in stored])
    return np.dtype(stored)


def element_of(declared: Any, dtype: np.dtype) -> ElementType:
    """Return the element type of an array by what its attributes declare, if anything, and its dtype."""
    if isinstance(declared, list):
        return Compound(
            tuple(Field(item["name"], _field_type(item["dtype"], dtype, item["name"])) for item in declared)
        )
    if dtype.names is not None:
        return Compound(tuple(Field(name, _field_type(dtype[name], dtype, name)) for name in dtype.names))
    if dtype.kind == "O":
        return ReferenceTo() if declared == "object" else Text()
    if dtype.kind in "SU":
        return Text()
    try:
        return Number.of(dtype)
    except ValueError as problem:
        return Unreadable(str(problem))


def _field_type(declared: Any, dtype: np.dtype, name: str) -> Any:
    if isinstance(declared, dict):
        declared = declared.get("reftype", "object")
    if isinstance(declared, str) and declared in _REFERENCE_NAMES:
        return ReferenceTo()
    if isinstance(declared, str) and declared in _TEXT_NAMES:
        return Text()
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
        return element.dtype.type(special.get(stored, stored) if isinstance(stored, str) else stored or 0)
    if isinstance(element, Compound) and dtype.kind == "O":
        row = np.empty((), object)
        row[()] = [0 if isinstance(field.type, Number) else "" for field in element.fields]
        return row
    if dtype.names is not None and not dtype.hasobject:
        raw = base64.b64decode(stored) if isinstance(stored, str) else b""
        return np.frombuffer(raw, dtype)[0] if len(raw) == dtype.itemsize else np.zeros((), dtype)
    if dtype.names is not None:
        return np.array(tuple("" if dtype[name].kind == "O" else 0 for name in dtype.names), dtype)
    return stored if isinstance(stored, str) else ""


def declared_name(element: Any) -> str:
    """Return the name by which ``zarr_dtype`` declares an element type."""
    return {Text: "str", Bytes: "bytes", ReferenceTo: "object"}.get(type(element)) or str(element)


def is_rows(element: ElementType) -> bool:
    """Return whether records are stored as rows of objects, since they hold more than numbers."""
    return isinstance(element, Compound) and any(not isinstance(field.type, Number) for field in element.fields)


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
        return None if isinstance(element, Compound | ReferenceTo) else 0
    value = element.dtype.type(0 if fill is None else fill).item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return value
