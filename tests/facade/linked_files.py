"""Nodes that the tests of links and exports store, and how they are stored."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hdmf_store.adapter import Plan, adapter_named
from hdmf_store.nodes import ArraySource, Compound, Dataset, Field, Node, Number, ReferenceTo, Target, Text

__all__ = ["numbers", "records", "refers", "store", "text"]

RECORD = Compound((Field("n", Number.of("int32")), Field("to", ReferenceTo())))


def numbers(*values: int, **attributes: Any) -> Dataset:
    """Return a dataset of numbers."""
    return Dataset(Number.of("int32"), (len(values),), ArraySource(np.array(values, "int32")), attributes)


def text(*values: str) -> Dataset:
    """Return a dataset of text."""
    return Dataset(Text(), (len(values),), ArraySource(np.array(values, object)))


def refers(targets: Target | list[Target]) -> Dataset:
    """Return a dataset of references, or one that is a single reference."""
    array = np.empty(len(targets) if isinstance(targets, list) else (), object)
    array[...] = targets
    return Dataset(ReferenceTo(), array.shape, ArraySource(array))


def records(rows: tuple[int, Target] | list[tuple[int, Target]]) -> Dataset:
    """Return a dataset of records of a number and a reference, or one that is a single record."""
    array = np.array(rows, RECORD.dtype)
    return Dataset(RECORD, array.shape, ArraySource(array))


def store(path: Path, nodes: Mapping[str, Node], **options: Any) -> Path:
    """Store nodes as HDF5 or Zarr, by the ending of the path, and return the path."""
    adapter = adapter_named("hdf5" if path.suffix == ".h5" else "zarr")(path, **options)
    adapter.open("w")
    try:
        adapter.write(Plan(nodes=nodes))
    finally:
        adapter.close()
    return path
