"""Whether two hierarchies hold the same, by direct comparison; shares no code with the package's own comparison."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from hdmf_store.nodes import Dataset, Group, Link, Node, Target


def differences(
    expected: Mapping[str, Node], found: Mapping[str, Node], read: Callable[[str], np.ndarray], *, layout: bool = False
) -> list[str]:
    """Return a line for each difference; `expected` holds its values in memory, those found are read.

    An expected dataset's wishes about its layout are compared where `layout` is set.
    """
    lines = [f"{path}: only in one" for path in sorted(set(expected) ^ set(found))]
    for path in sorted(set(expected) & set(found)):
        lines += [f"{path}: {line}" for line in _of_nodes(expected[path], found[path], lambda p=path: read(p), layout)]
    return lines


def _of_nodes(left: Node, right: Node, read: Callable[[], np.ndarray], layout: bool) -> list[str]:
    if type(left) is not type(right):
        return [f"{type(left).__name__} became {type(right).__name__}"]
    if isinstance(left, Link):
        return [] if left.target == right.target else [f"{left.target} became {right.target}"]
    lines = []
    if plain(left.attributes) != plain(right.attributes):
        lines.append(f"attributes {left.attributes} became {right.attributes}")
    if isinstance(left, Group):
        return lines
    assert isinstance(left, Dataset)
    if left.element != right.element:
        lines.append(f"{left.element} became {right.element}")
    if left.shape != right.shape:
        lines.append(f"shape {left.shape} became {right.shape}")
    if not lines:
        values = read()
        array = left.values.array
        if values.shape != array.shape or values.dtype != array.dtype:
            lines.append(f"{array.dtype}{array.shape} became {values.dtype}{values.shape}")
        elif plain(array) != plain(values):
            lines.append(f"values {array!r} became {values!r}")
    if layout:
        for name in ("chunks", "shards", "compressors", "dimension_names"):
            wish, got = getattr(left.layout, name), getattr(right.layout, name)
            if wish is not None and wish != got:
                lines.append(f"{name} {wish} became {got}")
    return lines


def plain(value: Any) -> Any:
    """Return a value as nested tuples that `==` compares exactly: NaN is NaN, 0.0 is not -0.0, 1 is not True."""
    if isinstance(value, np.ndarray):
        return ("list", *(plain(item) for item in value)) if value.ndim else plain(value[()])
    if isinstance(value, np.void):
        return ("record", *(plain(value[name]) for name in value.dtype.names))
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return ("list", *(plain(item) for item in value))
    if isinstance(value, bool):
        return ("bool", value)
    if isinstance(value, float):
        return ("float", "nan" if math.isnan(value) else struct.pack("<d", value))
    if isinstance(value, complex):
        return ("complex", plain(value.real), plain(value.imag))
    if value is None or isinstance(value, int | str | bytes | Target):
        return value
    raise AssertionError(f"{value!r} is no value in normal form")
