"""What JSON does not say of an attribute: the width of numbers, ASCII, bytes, and the shape of what is empty.

One attribute of each object says it of those of its attributes that need it: a list of texts, each a type and, after a
blank, the attribute's name. Other programs see one attribute more. A value that does not fit its type, since another
program changed it, is taken as it stands.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdmf_store.nodes import AsciiText, Number

__all__ = ["ATTRIBUTE_TYPES", "recorded_types", "restored"]

ATTRIBUTE_TYPES = "_ATTRIBUTE_TYPES"

_CODE = re.compile(r"(?P<kind>\w+)(?:\[(?P<shape>\d+(?:,\d+)*)\])?")
_SAID_BY_JSON = ("int64", "float64", "bool")


def recorded_types(attributes: Mapping[str, Any]) -> list[str]:
    """Return what is recorded of attributes in normal form."""
    codes = {name: _code(value) for name, value in attributes.items()}
    return [f"{code} {name}" for name, code in codes.items() if code is not None]


def _code(value: Any) -> str | None:
    if isinstance(value, np.ndarray) and not value.size:
        kind = {"S": "ascii", "U": "text"}.get(value.dtype.kind, value.dtype.name)
        return f"{kind}[{','.join(map(str, value.shape))}]"
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return None if value.dtype.name in _SAID_BY_JSON else value.dtype.name
    leaves = set(map(type, _leaves(value)))
    return "ascii" if leaves == {AsciiText} else "base64" if leaves == {bytes} else None


def _leaves(value: Any) -> list[Any]:
    return [leaf for item in value for leaf in _leaves(item)] if isinstance(value, list | tuple) else [value]


def restored(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON holds them with the types that are recorded of them."""
    result = {name: value for name, value in attributes.items() if name != ATTRIBUTE_TYPES}
    recorded = attributes.get(ATTRIBUTE_TYPES)
    for entry in recorded if isinstance(recorded, list) else ():
        code, _, name = entry.partition(" ") if isinstance(entry, str) else ("", "", "")
        found = _CODE.fullmatch(code)
        if found is not None and name in result:
            shape = found["shape"] and tuple(map(int, found["shape"].split(",")))
            try:
                result[name] = _typed(result[name], found["kind"], shape)
            except (ValueError, TypeError, OverflowError):
                continue
    return result


def _typed(value: Any, kind: str, shape: Any) -> Any:
    if shape:
        if math.prod(shape) or _leaves(value):
            raise ValueError("there is something where nothing was")
        return np.empty(shape, {"ascii": "S1", "text": "U1"}.get(kind) or Number(kind).dtype)
    if kind == "ascii":
        return _mapped(value, AsciiText)
    if kind == "base64":
        return _mapped(value, lambda text: base64.b64decode(text, validate=True))
    array = np.array(value, Number(kind).dtype)
    if json.dumps(array.tolist()) != json.dumps(value):
        raise ValueError("these are not the numbers that were written")
    return array[()]


def _mapped(value: Any, function: Callable[[str], Any]) -> Any:
    if isinstance(value, list):
        return [_mapped(item, function) for item in value]
    if not isinstance(value, str):
        raise TypeError("this is not the text that was written")
    return function(value)
