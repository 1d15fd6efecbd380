"""Attributes and targets as JSON: what both Zarr formats have in common, and every spelling that is read.

Sources: the storage chapters of hdmf-zarr 0.13's and 0.14's documentation, LINDI's and Zindi's files.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from hdmf_store.errors import UnsupportedValueError
from hdmf_store.nodes import HERE, Target, Unreadable
from hdmf_store_adapters.json_types import ATTRIBUTE_TYPES, recorded_types, restored

__all__ = ["ITSELF", "REFERENCE", "decode_attributes", "decode_target", "encode_attributes"]

REFERENCE = "_REFERENCE"
_OBJECT = "object"

_MOST_LEVELS = 64
"""Of lists and mappings within each other in one attribute; what is deeper would exhaust the stack of who walks it."""

ITSELF = frozenset(["", HERE])
"""The sources that always mean the hierarchy that records them; an adapter adds its own name and address."""


def encode_attributes(
    attributes: Mapping[str, Any],
    wrapped: Callable[[Target], dict[str, Any]],
    reserved: frozenset[str],
    location: str,
    path: str,
) -> dict[str, Any]:
    """Return attributes as JSON values.

    Parameters
    ----------
    attributes : dict
        In normal form.
    wrapped : callable
        The format's form of a reference.
    reserved : frozenset of str
        The names that the format keeps to itself.
    location, path : str
        For messages.

    Raises
    ------
    UnsupportedValueError
        If a value has no JSON form, or a name is reserved.
    """
    taken = reserved.intersection(attributes)
    if taken:
        raise UnsupportedValueError(location, path, f"the format keeps the attribute names {sorted(taken)} to itself")

    def encoded(value: Any, name: str) -> Any:
        if value is None or isinstance(value, str | bool | int | float):
            return value.item() if isinstance(value, np.generic) else value
        if isinstance(value, Target):
            return wrapped(value)
        if isinstance(value, bytes):
            return base64.b64encode(value).decode()
        if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biufSUO":
            return encoded(value.tolist(), name)
        if isinstance(value, list | tuple):
            return [encoded(item, name) for item in value]
        if isinstance(value, dict) and not _is_reference(value) and all(isinstance(key, str) for key in value):
            return {key: encoded(item, name) for key, item in value.items()}
        if isinstance(value, Unreadable):
            raise UnsupportedValueError(location, path, f"the attribute {name!r} cannot be copied: {value.reason}")
        what = f"{type(value).__name__} {value!r:.80}"
        raise UnsupportedValueError(location, path, f"the attribute {name!r} holds {what}, which JSON cannot hold")

    result = {name: encoded(value, name) for name, value in attributes.items() if name != ATTRIBUTE_TYPES}
    types = recorded_types(attributes)
    return {**result, ATTRIBUTE_TYPES: types} if types else result


def decode_attributes(attributes: Mapping[str, Any], itself: frozenset[str] = ITSELF) -> dict[str, Any]:
    """Return attributes in normal form: references as `Target`, and the types that were recorded."""
    return restored({name: _decoded(value, itself) for name, value in attributes.items()})


def _decoded(value: Any, itself: frozenset[str]) -> Any:
    if isinstance(value, dict | list) and _is_deeper(value, _MOST_LEVELS):
        return Unreadable(f"it is nested in more than {_MOST_LEVELS} levels")
    if isinstance(value, dict) and _is_reference(value):
        try:
            return decode_target(value, itself)
        except ValueError as problem:
            return Unreadable(str(problem))
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        return [_decoded(item, itself) for item in value]
    return value


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether what JSON holds is nested in more levels than anybody writes, so that to walk it is no risk."""
    held = [value]
    for _ in range(levels):
        held = [item for outer in held for item in _inner(outer) if isinstance(item, dict | list)]
        if not held:
            return False
    return True


def _inner(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def _is_reference(value: Mapping[str, Any]) -> bool:
    return set(value) == {REFERENCE} or (set(value) == {"zarr_dtype", "value"} and value["zarr_dtype"] == _OBJECT)


def decode_target(value: Any, itself: frozenset[str] = ITSELF) -> Target:
    """Return the target that a reference or link names, whichever of the known spellings it has.

    Parameters
    ----------
    value : str or dict
        A path; JSON text; a mapping with ``path`` and ``source``, bare or wrapped.
    itself : frozenset of str
        The sources that mean the hierarchy in which the reference stands.

    Raises
    ------
    ValueError
        If it names no object.
    """
    if isinstance(value, str):
        if not value.startswith("{"):
            return Target(_absolute(value))
        value = _parsed(value)
    for wrapper in (REFERENCE, "value"):
        if isinstance(value, dict) and wrapper in value:
            value = value[wrapper]
    path, source = (value.get("path"), value.get("source") or HERE) if isinstance(value, dict) else (None, None)
    if not isinstance(path, str) or not isinstance(source, str):
        raise ValueError(f"{value!r:.80} is a reference that names no object")
    return Target(_absolute(path), HERE if source in itself else source)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except RecursionError as problem:
        raise ValueError(f"{text:.80} is nested too deeply") from problem


def _absolute(path: str) -> str:
    return path if path.startswith("/") else "/" + path
