"""Data types and fill values of format 3, as element types and back.

Pure functions between the ``data_type`` and ``fill_value`` of a document and `hdmf_store.nodes`.

Sources: Zarr v3 core specification; zarr-extensions, data types ``string``, ``struct``, ``variable_length_bytes``,
``fixed_length_utf32``, ``null_terminated_bytes``.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from hdmf_store.nodes import Bytes, Compound, ElementType, Field, Number, ReferenceTo, Text, Unreadable
from hdmf_store_adapters.layout_choice import text_room

__all__ = [
    "DECLARED",
    "DTYPE",
    "OBJECT_REFERENCE",
    "REFERENCE_FIELDS",
    "Widths",
    "declared_charsets",
    "decode_element",
    "decode_fill",
    "encode_fill",
    "encode_type",
    "plain_fill",
    "readable_by_every_zarr",
    "stored_dtype",
]

DTYPE = "_DTYPE"
REFERENCE_FIELDS = "_REFERENCE_FIELDS"
OBJECT_REFERENCE = "object_reference"
DECLARED = "zarr_dtype"
"""Says of which text it was declared as ASCII. Format 2 has this name for types; hdmf-zarr 0.14 does not show it."""

Widths = Mapping[tuple[str, ...], int]


_UTF32 = "fixed_length_utf32"


_FIXED_BYTES = "null_terminated_bytes"


_STRUCTS = ("struct", "structured")


def encode_type(element: ElementType, widths: Widths, within: tuple[str, ...] = ()) -> Any:
    """Return the data type of a document for an element type."""
    if isinstance(element, Compound):
        fields = [{"name": f.name, "data_type": _encode_field(f, widths, within)} for f in element.fields]
        return {"name": "struct", "configuration": {"fields": fields}}
    if isinstance(element, Bytes):
        return "variable_length_bytes"
    return str(element) if isinstance(element, Number) else "string"


def _encode_field(field: Field, widths: Widths, within: tuple[str, ...]) -> Any:
    longest = widths.get((*within, field.name), 0)
    if isinstance(field.type, Number):
        return str(field.type)
    if isinstance(field.type, Compound):
        return encode_type(field.type, widths, (*within, field.name))
    if isinstance(field.type, Bytes):
        return {"name": _FIXED_BYTES, "configuration": {"length_bytes": max(1, longest)}}
    return {"name": _UTF32, "configuration": {"length_bytes": 4 * text_room(longest)}}


def encode_fill(element: ElementType, fill: Any) -> Any:
    """Return a fill value as JSON holds it."""
    if isinstance(element, Compound):
        return {f.name: encode_fill(f.type, None) for f in element.fields}
    if isinstance(element, Bytes):
        return ""
    if not isinstance(element, Number):
        return fill if isinstance(fill, str) else ""
    value = element.dtype.type(0 if fill is None else fill)
    if element.dtype.kind == "c":
        return [_encode_float(value.real), _encode_float(value.imag)]
    return _encode_float(value) if element.dtype.kind == "f" else value.item()


def _encode_float(value: np.floating) -> float | str:
    number = float(value)
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")


def declared_charsets(element: Any) -> Any:
    """Return what `DECLARED` says of an element type; None if it has no text that was declared as ASCII."""
    if isinstance(element, Compound):
        declared = [{"name": f.name, "dtype": declared_charsets(f.type)} for f in element.fields]
        return [field for field in declared if field["dtype"] is not None] or None
    return element.charset if isinstance(element, Text) and element.charset != "utf-8" else None


def _with_charsets(element: Any, declared: Any) -> Any:
    if isinstance(element, Compound) and isinstance(declared, list):
        of_fields = {item["name"]: item.get("dtype") for item in declared if isinstance(item, dict) and "name" in item}
        return Compound(tuple(Field(f.name, _with_charsets(f.type, of_fields.get(f.name))) for f in element.fields))
    return Text("ascii") if isinstance(element, Text) and declared == "ascii" else element


def stored_dtype(data_type: Any) -> np.dtype | None:
    """Return the numpy dtype, native byte order, in which elements are stored; None for variable length.

    Raises
    ------
    ValueError
        If the data type is not known here.
    """
    if isinstance(data_type, str):
        if data_type in ("string", "variable_length_bytes", "bytes"):
            return None
        return Number(data_type).dtype
    name, configuration = data_type["name"], data_type.get("configuration") or {}
    if name in _STRUCTS:
        return np.dtype([(field, stored_dtype(kind)) for field, kind in struct_fields(configuration)])
    if name == _UTF32:
        return np.dtype(f"U{configuration['length_bytes'] // 4}")
    if name == _FIXED_BYTES:
        return np.dtype(f"S{configuration['length_bytes']}")
    if name == "raw_bytes":
        return np.dtype(f"V{configuration['length_bytes']}")
    if not configuration:
        return stored_dtype(name)
    raise ValueError(f"the data type {name!r} is not known here")


def struct_fields(configuration: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        (field["name"], field["data_type"]) if isinstance(field, dict) else (field[0], field[1])
        for field in configuration["fields"]
    ]


def decode_element(data_type: Any, attributes: Mapping[str, Any]) -> ElementType:
    """Return the element type that a document's data type and attributes stand for."""
    return _with_charsets(_stored_element(data_type, attributes), attributes.get(DECLARED))


def _stored_element(data_type: Any, attributes: Mapping[str, Any]) -> ElementType:
    try:
        dtype = stored_dtype(data_type)
    except (ValueError, KeyError, TypeError) as problem:
        return Unreadable(f"its data type {json.dumps(data_type)} is not supported ({problem})")
    if dtype is None:
        if data_type != "string":
            return Bytes()
        return ReferenceTo() if attributes.get(DTYPE) == OBJECT_REFERENCE else Text()
    if dtype.names is not None:
        references = attributes.get(REFERENCE_FIELDS) or ()
        return Compound(tuple(_decode_field(dtype, name, name in references) for name in dtype.names))
    if dtype.kind == "U":
        return ReferenceTo() if attributes.get(DTYPE) == OBJECT_REFERENCE else Text()
    return Bytes() if dtype.kind in "SV" else Number.of(dtype)


def _decode_field(dtype: np.dtype, name: str, is_reference: bool) -> Field:
    kind = dtype[name]
    if kind.names is not None:
        return Field(name, Compound(tuple(_decode_field(kind, inner, False) for inner in kind.names)))
    if is_reference:
        return Field(name, ReferenceTo())
    if kind.kind == "U":
        return Field(name, Text())
    return Field(name, Bytes() if kind.kind in "SV" else Number.of(kind))


def plain_fill(fill: Any) -> Any:
    """Return the fill value of numbers that JSON holds, special floats and complex numbers included."""
    special = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
    if isinstance(fill, list) and len(fill) == 2:
        return complex(plain_fill(fill[0]), plain_fill(fill[1]))
    return special.get(fill, fill) if isinstance(fill, str) else fill


def decode_fill(fill: Any, element: ElementType, dtype: np.dtype | None) -> Any:
    """Return a fill value in the stored dtype."""
    if isinstance(element, Number):
        return _decode_number(fill, element)
    if isinstance(element, Compound) and dtype is not None:
        record = np.zeros((), dtype)
        if isinstance(fill, dict):
            for field in element.fields:
                if isinstance(field.type, Number) and field.name in fill:
                    record[field.name] = _decode_number(fill[field.name], field.type)
        elif isinstance(fill, str) and len(raw := base64.b64decode(fill)) == dtype.itemsize:
            record = np.frombuffer(raw, dtype)[0]
        return record
    if isinstance(element, Bytes):
        return b""
    return fill if isinstance(fill, str) else ""


def _decode_number(fill: Any, element: Number) -> Any:
    dtype = element.dtype
    if fill is None:
        return dtype.type(0)
    if isinstance(fill, str) and fill.startswith("0x"):
        return np.frombuffer(bytes.fromhex(fill[2:]), dtype.newbyteorder(">"))[0].astype(dtype)
    if isinstance(fill, list):
        return dtype.type(complex(plain_fill(fill[0]), plain_fill(fill[1])))
    return dtype.type(plain_fill(fill))


def readable_by_every_zarr(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a document that every supported zarr-python opens, for use in memory only.

    zarr 3.1 knows records only under the older name ``structured``, with fields as pairs and the fill value in
    base64; later releases read that form too.
    """
    data_type = document.get("data_type")
    if not isinstance(data_type, dict) or data_type.get("name") != "struct":
        return document
    fields = [[name, kind] for name, kind in struct_fields(data_type["configuration"])]
    dtype = stored_dtype(data_type)
    if dtype is None:
        return document
    fill = decode_fill(document.get("fill_value"), decode_element(data_type, {}), dtype)
    return {
        **document,
        "data_type": {"name": "structured", "configuration": {"fields": fields}},
        "fill_value": base64.b64encode(np.asarray(fill, dtype).tobytes()).decode(),
    }
