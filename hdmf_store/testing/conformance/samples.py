"""Hierarchies that every adapter is asked to keep, small enough to be read by a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Compound,
    Dataset,
    ElementType,
    Field,
    Group,
    Layout,
    Link,
    Node,
    Number,
    ReferenceTo,
    Target,
    Text,
)

__all__ = ["ATTRIBUTES", "ELEMENTS", "MAY_BE_REFUSED", "SHAPES", "dataset", "filled", "numbers", "recording", "texts"]

_PLAIN = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")

ELEMENTS: dict[str, ElementType] = {
    **{name: Number(name) for name in (*_PLAIN, "float16", "complex64", "complex128")},
    "text": Text(),
    "bytes": Bytes(),
    "reference": ReferenceTo(),
    "record of numbers": Compound([Field("a", Number("int16")), Field("b", Number("float64"))]),
    "record of all": Compound(
        [Field("n", Number("int32")), Field("text", Text()), Field("bytes", Bytes()), Field("to", ReferenceTo())]
    ),
    "record with a record": Compound([Field("x", Number("int8")), Field("in", Compound([Field("y", Number("bool"))]))]),
}
"""What the elements of a dataset can be, by a name for reports."""

MAY_BE_REFUSED = frozenset(["float16", "complex64", "complex128", "bytes", "record of all", "record with a record"])
"""Elements that a store may refuse with an `UnsupportedValueError`. All others it has to keep."""

SHAPES: dict[str, tuple[int, ...]] = {
    "scalar": (),
    "row": (5,),
    "one": (1,),
    "matrix": (3, 4),
    "cube": (2, 3, 2),
    "empty": (0,),
    "empty matrix": (0, 3),
}
"""Shapes by a name for reports."""

ATTRIBUTES: dict[str, Any] = {
    "text": "a",
    "empty text": "",
    "long text": "x" * 100_000,
    "unicode": "ä\n日本 🧠",
    "true": True,
    "integer": -(2**63),
    "float": 0.1,
    "nan": float("nan"),
    "infinity": float("-inf"),
    "texts": ["a", "", "c"],
    "integers": [1, 2, 3],
    "floats": [0.5, float("nan")],
    "booleans": [True, False],
    "nothing in a list": [],
    "small integer": np.int8(-3),
    "small float": np.float32(0.1),
    "array": np.arange(6, dtype="uint16").reshape(2, 3),
    "empty array": np.empty((0, 2), "float32"),
    "reference": Target("/group/data"),
    "references": [Target("/"), Target("/group")],
}
"""Values of attributes by their names."""


def dataset(element: ElementType, array: np.ndarray, **layout: Any) -> Dataset:
    """Return a dataset with values in memory."""
    return Dataset(element, array.shape, ArraySource(array), {}, Layout(**layout))


def numbers(values: Any, dtype: str = "int32", **layout: Any) -> Dataset:
    """Return a dataset of numbers."""
    return dataset(Number(dtype), np.array(values, dtype), **layout)


def texts(values: Sequence[str]) -> Dataset:
    """Return a dataset of text."""
    return dataset(Text(), _objects(values, (len(values),)))


def filled(element: ElementType, shape: tuple[int, ...]) -> Dataset:
    """Return a dataset whose elements differ from each other and from what was never written."""
    return dataset(element, _values(element, shape))


def _values(element: ElementType, shape: tuple[int, ...]) -> np.ndarray:
    count = int(np.prod(shape, dtype=int))
    if isinstance(element, Compound):
        array = np.zeros(shape, element.dtype)
        for field in element.fields:
            array[field.name] = _values(field.type, shape)
        return array
    if isinstance(element, Number):
        return (np.arange(1, count + 1) % 2**7).reshape(shape).astype(element.dtype)
    if isinstance(element, Text):
        return _objects([f"text {at} ä" for at in range(count)], shape)
    if isinstance(element, Bytes):
        return _objects([b"\xff\xfe" + str(at).encode() for at in range(count)], shape)
    cycle = [Target("/group"), Target("/"), None, Target("/group/data")]
    return _objects([cycle[at % len(cycle)] for at in range(count)], shape)


def _objects(values: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(values), object)
    array[:] = values
    return array.reshape(shape)


def recording() -> dict[str, Node]:
    """Return a small hierarchy with every kind of node, and a reference and a link that lead somewhere."""
    return {
        "/": Group({"note": "a recording", "rate": 30000.0}),
        "/group": Group({"count": 3}),
        "/group/data": attrs.evolve(
            numbers(np.arange(1, 61).reshape(12, 5), "int16", chunks=(5, 2)), attributes={"unit": "V"}
        ),
        "/group/inner": Group(),
        "/group/inner/names": texts(["a", "bc", ""]),
        "/group/inner/number": numbers(7, "float64"),
        "/link": Link(Target("/group/data")),
        "/link to group": Link(Target("/group/inner")),
        "/references": filled(ReferenceTo(), (4,)),
    }
