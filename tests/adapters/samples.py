"""Nodes that tests store: one of each kind that format 3 knows."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Codec,
    Compound,
    Dataset,
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


def objects(values: list[Any], shape: tuple[int, ...] | None = None) -> np.ndarray:
    """Return an array of objects."""
    array = np.empty(len(values), object)
    for position, value in enumerate(values):
        array[position] = value
    return array.reshape((len(values),) if shape is None else shape)


def dataset(element: Any, array: np.ndarray, attributes: dict | None = None, **layout: Any) -> Dataset:
    """Return a dataset with values in memory."""
    return Dataset(element, array.shape, ArraySource(array), attributes or {}, Layout(**layout))


def numbers(values: Any, dtype: str = "int32", attributes: dict | None = None, **layout: Any) -> Dataset:
    """Return a dataset of numbers."""
    return dataset(Number(dtype), np.array(values, dtype), attributes, **layout)


def texts(values: list[str], **layout: Any) -> Dataset:
    """Return a dataset of text."""
    return dataset(Text(), objects(values), **layout)


TABLE = Compound(
    [Field("at", Number("int32")), Field("label", Text()), Field("code", Bytes()), Field("object", ReferenceTo())]
)


def rows(values: list[tuple]) -> np.ndarray:
    """Return rows of `TABLE`."""
    return np.array(values, TABLE.dtype)


def table(values: list[tuple], **layout: Any) -> Dataset:
    """Return a dataset of rows with fields of every kind."""
    return dataset(TABLE, rows(values), **layout)


def every_kind_but_records() -> dict[str, Node]:
    """Return a hierarchy with each kind of document that plain zarr of every version reads."""
    big = np.arange(60, dtype="int16").reshape(6, 10)
    nodes: dict[str, Node] = {"/": Group({"note": "é\n", "nan": float("nan"), "list": [1, 2.5, "x", None]})}
    for name in ("bool", "int8", "int64", "uint16", "float16", "float32", "float64", "complex64", "complex128"):
        nodes[f"/{name}"] = numbers([[1, 0], [1, 1]], name)
    nodes |= {
        "/group": Group({"to": Target("/bool"), "many": [Target("/bool"), Target("/int8", "../b.zarr")]}),
        "/group/scalar": numbers(7, "uint8"),
        "/group/zero": numbers(0, "float64"),
        "/group/text": texts(["", "é", "long " * 20]),
        "/group/one_text": dataset(Text(), objects(["only"], ())),
        "/group/link": Link(Target("/bool")),
        "/bytes": dataset(Bytes(), objects([b"", b"\xff\0", b"abc"])),
        "/references": dataset(ReferenceTo(), objects([Target("/group"), None, Target("/x", "../b.zarr")])),
        "/empty": numbers(np.empty((0, 3)), "float32"),
        "/empty_text": dataset(Text(), np.empty((2, 0), object)),
        "/chunked": numbers(big, "int16", chunks=(4, 3), dimension_names=("time", "channel")),
        "/some_names": numbers(big, "int16", chunks=(4, 3), dimension_names=("time", None)),
        "/sharded": numbers(big, "int16", chunks=(2, 5), shards=(4, 10)),
        "/nested": numbers(big, "int16", chunks=(2, 5), separator="/"),
        "/flat": numbers(big, "int16", chunks=(2, 5), separator="."),
        "/filled": numbers(big, "int16", chunks=(2, 5), fill_value=-1),
        "/nan": numbers([np.nan, np.inf, -np.inf], "float32", fill_value=np.nan),
        "/gzip": numbers(big, "int16", compressors=[Codec("gzip", {"level": 3})]),
        "/zstd": numbers(big, "int16", compressors=[Codec("zstd", {"level": 3, "checksum": True})]),
        "/plain": numbers(big, "int16", compressors=()),
        "/transposed": numbers(big, "int16", filters=[Codec("transpose", {"order": [1, 0]})]),
        "/big_endian": numbers(big, "int16", serializer=Codec("bytes", {"endian": "big"})),
        "/checked": numbers(big, "int16", compressors=[Codec("crc32c")]),
    }
    return nodes
