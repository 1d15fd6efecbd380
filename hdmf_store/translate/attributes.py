"""Attribute values of builders, in the normal form that nodes hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import h5py
import numpy as np
from hdmf.build import ReferenceBuilder
from hdmf.build.builders import BaseBuilder
from hdmf.term_set import TermSetWrapper

from hdmf_store.nodes import AsciiText, Target, Unreadable

__all__ = ["attributes_of", "same_value"]


def attributes_of(attributes: Mapping[str, Any], target_of: Callable[[Any], Target]) -> dict[str, Any]:
    """Return attributes in normal form.

    Raises
    ------
    TypeError, ValueError
        If a value has no form in a store; the caller adds the path.
    """
    return {name: _value(name, value, target_of) for name, value in attributes.items()}


def _value(name: str, value: Any, target_of: Callable[[Any], Target]) -> Any:
    if value is None or isinstance(value, str | bool | int | float | Target):
        return str(value) if isinstance(value, np.str_) else value
    if isinstance(value, TermSetWrapper):
        return _value(name, value.value, target_of)
    if isinstance(value, BaseBuilder | ReferenceBuilder):
        return target_of(value)
    if isinstance(value, bytes):
        return _text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biuf":
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "SUT" and not value.size:
        return np.empty(value.shape, "S1" if value.dtype.kind == "S" else "U1")
    if isinstance(value, np.ndarray) and value.dtype.names is None:
        return _value(name, value.tolist(), target_of)
    if isinstance(value, list | tuple | set):
        items = sorted(value) if isinstance(value, set) else value
        return _of_one_kind([_value(name, item, target_of) for item in items])
    if isinstance(value, dict):
        return {str(key): _value(name, item, target_of) for key, item in value.items()}
    if isinstance(value, Unreadable):
        raise TypeError(f"the attribute {name!r} cannot be copied: {value.reason}")
    raise TypeError(f"the attribute {name!r} holds a {type(value).__name__}, which has no form in the store")


def _text(value: bytes) -> str | bytes:
    if value.isascii():
        return AsciiText(value.decode())
    try:
        return value.decode()
    except UnicodeDecodeError:
        return bytes(value)


def _of_one_kind(items: list[Any]) -> list[Any]:
    """Return text among bytes that are no text as bytes too."""
    if not any(isinstance(item, bytes) for item in items):
        return items
    return [item.encode() if isinstance(item, str) else item for item in items]


def same_value(one: Any, other: Any) -> bool:
    """Return whether two attribute values in normal form are the same, NaN included, whatever holds them.

    Integers and floats are different kinds; their widths, which JSON does not keep, are not compared.

    >>> same_value(np.array([1, 2]), [1, 2]), same_value(1, 1.0), same_value(float("nan"), np.float32("nan"))
    (True, False, True)
    """
    return _same(_plain(one), _plain(other))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(same_value(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    if isinstance(one, bool) != isinstance(other, bool) or isinstance(one, float) != isinstance(other, float):
        return False
    return bool(one == other) or (one != one and other != other)
