"""Nodes as JSON and values as bytes, for stores that have no form of their own for them.

A database, an archive or a message can hold a hierarchy with these four functions. Everything that a node may hold
comes back equal. The JSON is strict: a parser in any language takes it.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdmf_store.nodes.elements import AsciiText, Bytes, Compound, ElementType, Field, Number, ReferenceTo, Text
from hdmf_store.nodes.hierarchy import Dataset, Group, Link, Node, Target
from hdmf_store.nodes.layout import Layout
from hdmf_store.nodes.sources import Source, each

__all__ = ["node_from_json", "node_to_json", "pack", "unpack"]

_PLAIN: dict[str, ElementType] = {
    "text": Text(),
    "ascii": Text("ascii"),
    "bytes": Bytes(),
    "reference": ReferenceTo(),
}


def node_to_json(node: Node) -> str:
    """Return a node without its values as strict JSON.

    Of a dataset's layout only the fill value is kept: the rest says how a store is to lay values out, and a store that
    needs this function has a way of its own.
    """
    if isinstance(node, Link):
        return _dumps({"link": _value(node.target)})
    attributes = {name: _value(value) for name, value in node.attributes.items()}
    if isinstance(node, Group):
        return _dumps({"group": attributes})
    fill = _value(node.layout.fill_value)
    return _dumps({"dataset": attributes, "element": _element(node.element), "shape": node.shape, "fill": fill})


def node_from_json(text: str, values: Callable[[ElementType, tuple[int, ...]], Source]) -> Node:
    """Return the node that `node_to_json` made.

    Parameters
    ----------
    text : str
    values : callable
        Returns the source of a dataset's values, given its element type and shape; called for datasets only.
    """
    found = json.loads(text)
    if "link" in found:
        return Link(_from_value(found["link"]))
    if "group" in found:
        return Group({name: _from_value(value) for name, value in found["group"].items()})
    element, shape = _from_element(found["element"]), tuple(found["shape"])
    attributes = {name: _from_value(value) for name, value in found["dataset"].items()}
    layout = Layout(fill_value=_from_value(found["fill"]))
    return Dataset(element, shape, values(element, shape), attributes, layout)


def pack(array: np.ndarray, element: ElementType) -> bytes:
    """Return values in normal form as bytes; `unpack` needs their element type and shape to read them."""
    if isinstance(element, Number):
        return array.astype(element.dtype.newbyteorder("<"), copy=False).tobytes()
    return _dumps(_column(array, element)).encode()


def unpack(data: bytes, element: ElementType, shape: tuple[int, ...]) -> np.ndarray:
    """Return the values that `pack` made bytes of."""
    if isinstance(element, Number):
        return np.frombuffer(data, element.dtype.newbyteorder("<")).reshape(shape).astype(element.dtype)
    return _from_column(json.loads(data), element, shape)


# -------------------------------------------------------------------------------------------------------- element types


def _element(element: ElementType) -> Any:
    if isinstance(element, Compound):
        return [[field.name, _element(field.type)] for field in element.fields]
    return "ascii" if element == Text("ascii") else str(element)


def _from_element(found: Any) -> Any:
    if isinstance(found, list):
        return Compound([Field(name, _from_element(kind)) for name, kind in found])
    return _PLAIN.get(found) or Number(found)


# --------------------------------------------------------------------------------------------------------------- values


def _column(array: np.ndarray, element: ElementType) -> Any:
    if isinstance(element, Compound):
        return [_column(array[field.name], field.type) for field in element.fields]
    if isinstance(element, Number):
        return _as_text(pack(array, element))
    if isinstance(element, Bytes):
        return each(array, _as_text).reshape(-1).tolist()
    if isinstance(element, ReferenceTo):
        return each(array, lambda to: None if to is None else [to.path, to.source]).reshape(-1).tolist()
    return array.reshape(-1).tolist()


def _from_column(found: Any, element: ElementType, shape: tuple[int, ...]) -> np.ndarray:
    if isinstance(element, Number):
        return unpack(base64.b64decode(found), element, shape)
    array = np.empty(shape, element.dtype)
    if isinstance(element, Compound):
        for field, column in zip(element.fields, found, strict=True):
            array[field.name] = _from_column(column, field.type, shape)
        return array
    if isinstance(element, Bytes):
        found = [base64.b64decode(item) for item in found]
    if isinstance(element, ReferenceTo):
        found = [None if item is None else Target(*item) for item in found]
    flat = np.empty(len(found), object)
    flat[:] = found
    return flat.reshape(shape)


# ----------------------------------------------------------------------------------------------------------- attributes


def _value(value: Any) -> Any:
    if isinstance(value, Target):
        return {"target": [value.path, value.source]}
    if isinstance(value, np.generic | np.ndarray):
        array = np.asarray(value)
        form = {"dtype": array.dtype.newbyteorder("<").str, "shape": array.shape, "data": _as_text(_little(array))}
        return {"numpy": form, "is_scalar": isinstance(value, np.generic)}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, AsciiText):
        return {"ascii": str(value)}
    if isinstance(value, bytes):
        return {"bytes": _as_text(value)}
    return [_value(item) for item in value] if isinstance(value, list | tuple) else value


def _from_value(found: Any) -> Any:
    if isinstance(found, list):
        return [_from_value(item) for item in found]
    if not isinstance(found, Mapping):
        return found
    if "target" in found:
        return Target(*found["target"])
    if "float" in found:
        return float(found["float"])
    if "ascii" in found:
        return AsciiText(found["ascii"])
    if "bytes" in found:
        return base64.b64decode(found["bytes"])
    form = found["numpy"]
    dtype = np.dtype(form["dtype"])
    array = np.frombuffer(base64.b64decode(form["data"]), dtype).reshape(form["shape"]).astype(dtype.newbyteorder("="))
    return array[()] if found["is_scalar"] else array


def _little(array: np.ndarray) -> bytes:
    return array.astype(array.dtype.newbyteorder("<"), copy=False).tobytes()


def _as_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
