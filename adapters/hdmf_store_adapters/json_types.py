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

__all__ = ["ATTRIBUTE_TYPES", "recorded_types", "restored", "strict"]

ATTRIBUTE_TYPES = "_ATTRIBUTE_TYPES"

_CODE = re.compile(r"(?P<kind>\w+)(?:\[(?P<shape>\d+(?:,\d+)*)\])?")
_SAID_BY_JSON = ("int64", "float64", "bool")
_TOKENS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""Numbers that strict JSON cannot hold, as the text that stands for them there."""


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


def strict(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return attributes as JSON that parsers of every language take: NaN and infinities as text, with a record of that.

    Raises
    ------
    ValueError
        If a list holds such a number beside a text that could be taken for one.
    """
    recorded = list(attributes.get(ATTRIBUTE_TYPES, ()))
    known = {entry.partition(" ")[2] for entry in recorded}
    result = dict(attributes)
    for name, value in attributes.items():
        leaves = _leaves(value)
        if not any(isinstance(leaf, float) and not math.isfinite(leaf) for leaf in leaves):
            continue
        if any(isinstance(leaf, str) and leaf in _TOKENS for leaf in leaves):
            raise ValueError(
                f"the attribute {name!r} holds both a number and a text that strict JSON cannot tell apart"
            )
        result[name] = _each_leaf(value, _as_token)
        recorded += [] if name in known else [f"float {name}"]
    return {**result, ATTRIBUTE_TYPES: recorded} if recorded else result


def _as_token(leaf: Any) -> Any:
    if isinstance(leaf, float) and not math.isfinite(leaf):
        return "NaN" if math.isnan(leaf) else "Infinity" if leaf > 0 else "-Infinity"
    return leaf


def _each_leaf(value: Any, function: Callable[[Any], Any]) -> Any:
    return [_each_leaf(item, function) for item in value] if isinstance(value, list) else function(value)


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
    value = _each_leaf(value, lambda leaf: _TOKENS.get(leaf, leaf) if isinstance(leaf, str) else leaf)
    if kind == "float":
        return value
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
