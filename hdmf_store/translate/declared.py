"""The types that builders declare, as element types.

The names are those of the HDMF specification language; where it leaves the width open, HDMF's HDF5 backend stores the
smallest that the name promises, and so does this one.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hdmf.spec import DtypeSpec, RefSpec

from hdmf_store.nodes import Bytes, Compound, ElementType, Field, Number, ReferenceTo, Text

__all__ = ["declaration_of", "declared_element"]

_NAMES: dict[str, ElementType] = {
    **dict.fromkeys(["text", "utf", "utf8", "utf-8", "str", "isodatetime", "datetime"], Text()),
    **dict.fromkeys(["ascii", "bytes"], Text("ascii")),
    **{"float": Number("float32"), "double": Number("float64"), "long": Number("int64"), "short": Number("int16")},
    **{"int": Number("int32"), "uint": Number("uint32"), "bool": Number("bool"), "object": ReferenceTo()},
    **{name: Number(name) for name in ("float16", "float32", "float64")},
    **{f"{sign}int{bits}": Number(f"{sign}int{bits}") for sign in ("", "u") for bits in (8, 16, 32, 64)},
}


def declared_element(dtype: Any) -> ElementType | None:
    """Return the element type that a builder's dtype stands for; None if it says nothing.

    What is declared as text may still hold bytes that are none: the values decide.

    Parameters
    ----------
    dtype : str, type, numpy.dtype, list, dict, RefSpec or None
        As builders hold it.
    """
    if dtype is None:
        return None
    if isinstance(dtype, RefSpec) or (isinstance(dtype, dict) and "reftype" in dtype):
        return ReferenceTo()
    if isinstance(dtype, DtypeSpec):
        return declared_element(dtype.dtype)
    if isinstance(dtype, list | tuple):
        return Compound(tuple(_field(item) for item in dtype))
    if isinstance(dtype, str):
        known = _NAMES.get(dtype)
        return known if known is not None else _from_numpy(dtype)
    return _from_numpy(dtype)


def _field(item: Any) -> Field:
    element = declared_element(item["dtype"])
    return Field(item["name"], Text() if element is None else element)  # type: ignore[arg-type]


def _from_numpy(dtype: Any) -> ElementType | None:
    try:
        found = np.dtype(dtype)
    except TypeError:
        return None
    if found.names is not None:
        return None  # a structured array says itself what its columns hold
    if found.kind in "USTO":
        return {"U": Text(), "T": Text(), "S": Text("ascii")}.get(found.kind)
    return Number.of(found) if found.kind in "biufc" else None


def declaration_of(element: ElementType) -> Any:
    """Return an element type as a builder that was read declares it."""
    if isinstance(element, Compound):
        return [{"name": field.name, "dtype": _name(field.type)} for field in element.fields]
    return element.dtype if isinstance(element, Number) else _name(element)


def _name(element: Any) -> Any:
    if isinstance(element, ReferenceTo):
        return "object"
    if isinstance(element, Compound):
        return declaration_of(element)
    if isinstance(element, Text):
        return "utf8" if element.charset == "utf-8" else "ascii"
    return "ascii" if isinstance(element, Bytes) else str(element)
