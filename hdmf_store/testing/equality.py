"""Whether two hierarchies hold the same, by direct comparison; shares no code with what `hdmf-store verify` does.

Values are compared exactly: NaN is NaN, 0.0 is not -0.0, 1 is neither 1.0 nor True.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np

from hdmf_store.nodes import ArraySource, Dataset, Layout, Link, Node, Target

__all__ = ["differences", "plain"]


def differences(
    expected: Mapping[str, Node], found: Mapping[str, Node], read: Callable[[str], np.ndarray], *, layout: bool = False
) -> list[str]:
    """Return a line for each difference between what was stored and what is found.

    Parameters
    ----------
    expected : dict of str to Node
        Its datasets hold their values in memory.
    found : dict of str to Node
    read : callable
        Returns the values of the dataset found at a path.
    layout : bool, default False
        Compare also what the expected datasets wish of their layout.
    """
    lines = [f"{path}: only in one" for path in sorted(set(expected) ^ set(found))]
    for path in sorted(set(expected) & set(found)):
        lines += [f"{path}: {line}" for line in _of_nodes(expected[path], found[path], partial(read, path), layout)]
    return lines


def _of_nodes(left: Node, right: Node, read: Callable[[], np.ndarray], layout: bool) -> list[str]:
    if isinstance(left, Link) and isinstance(right, Link):
        return [] if left.target == right.target else [f"{left.target} became {right.target}"]
    if isinstance(left, Link) or isinstance(right, Link) or type(left) is not type(right):
        return [f"{type(left).__name__} became {type(right).__name__}"]
    lines = []
    if plain(left.attributes) != plain(right.attributes):
        lines.append(f"attributes {left.attributes} became {right.attributes}")
    for name in left.attributes.keys() & right.attributes.keys():
        expected = kinds(left.attributes[name])  # none for an empty list, which may become an array of any type
        if expected and expected != kinds(right.attributes[name]):
            lines.append(f"the type of {name!r}, {left.attributes[name]!r}, became {right.attributes[name]!r}")
    if isinstance(left, Dataset) and isinstance(right, Dataset):
        lines += _of_datasets(left, right, read)
        lines += _of_layouts(left.layout, right.layout) if layout else []
    return lines


def _of_datasets(left: Dataset, right: Dataset, read: Callable[[], np.ndarray]) -> list[str]:
    if left.element != right.element:
        return [f"{left.element} became {right.element}"]
    if left.shape != right.shape:
        return [f"shape {left.shape} became {right.shape}"]
    assert isinstance(left.values, ArraySource)
    array, values = left.values.array, read()
    if values.shape != array.shape or values.dtype != array.dtype:
        return [f"{array.dtype}{array.shape} became {values.dtype}{values.shape}"]
    same = _is_identical(array, values) or plain(array) == plain(values)
    return [] if same else [f"values {array!r} became {values!r}"]


def _of_layouts(wished: Layout, got: Layout) -> list[str]:
    names = ("chunks", "shards", "compressors", "dimension_names")
    both = {name: (getattr(wished, name), getattr(got, name)) for name in names}
    return [f"{name} {wish} became {had}" for name, (wish, had) in both.items() if wish is not None and wish != had]


def _is_identical(array: np.ndarray, values: np.ndarray) -> bool:
    """Return whether two arrays of numbers are so bit by bit, which is quickly seen for large ones."""
    return not array.dtype.hasobject and array.tobytes() == values.tobytes()


def kinds(value: Any) -> set[str]:
    """Return the types of an attribute's values, those of Python by the numpy types that they stand for."""
    if isinstance(value, np.ndarray | np.generic):
        empty = value.shape if not value.size else ""
        return {f"{value.dtype.kind if value.dtype.kind in 'SU' else value.dtype.name}{empty}"}
    if isinstance(value, list | tuple):
        return {kind for item in value for kind in kinds(item)} - {"NoneType"}
    if isinstance(value, int) and not isinstance(value, bool):
        return {"int64" if value < 2**63 else "uint64"}
    return {"float64" if isinstance(value, float) else type(value).__name__}


def plain(value: Any) -> Any:
    """Return a value as nested tuples that `==` compares exactly: NaN is NaN, 0.0 is not -0.0, 1 is not True."""
    if isinstance(value, np.ndarray):
        return ("list", *(plain(item) for item in value)) if value.ndim else plain(value[()])
    if isinstance(value, np.void):
        return ("record", *(plain(value[name]) for name in value.dtype.names or ()))
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
