"""Datasets of any source as datasets that can be read in any order and whose shape is known.

For stores that have no use for a stream: its pieces are put in their places first, in a temporary file where they are
numbers, so that memory stays bounded; text and the like in memory.
"""

from __future__ import annotations

import tempfile
from typing import Any

import attrs
import numpy as np

from hdmf_store.nodes.elements import Bytes, Compound, ElementType, Number, Text
from hdmf_store.nodes.hierarchy import Dataset
from hdmf_store.nodes.sources import ArraySource, Region, Stream, Unwritten

__all__ = ["settled"]

_GROWTH = 2
"""A stream that outgrows its place gets so many times the room that it needs."""


def settled(dataset: Dataset) -> Dataset:
    """Return the same dataset with its final shape, and values that can be read a region at a time.

    Parameters
    ----------
    dataset : Dataset
        A stream is exhausted; elements that none of its pieces covers, and those of a dataset that is to be filled
        later, have the fill value.
    """
    if isinstance(dataset.values, Unwritten):
        return attrs.evolve(dataset, values=_Constant(dataset.element, _fill(dataset)))
    if not isinstance(dataset.values, Stream):
        return dataset
    array, shape = _room(dataset, dataset.shape), dataset.shape
    for region, values in dataset.values.pieces:
        shape = tuple(max(length, part.stop) for length, part in zip(shape, region, strict=True))
        if any(need > have for need, have in zip(shape, array.shape, strict=True)):
            array = _grown(dataset, array, shape)
        array[region] = values
    return attrs.evolve(dataset, shape=shape, values=ArraySource(array[tuple(slice(0, length) for length in shape)]))


@attrs.frozen(eq=False)
class _Constant:
    """The same value everywhere."""

    element: ElementType
    value: Any
    origin: None = None

    def read(self, region: Region) -> np.ndarray:
        """Return as many elements as asked for."""
        array = np.empty(tuple(part.stop - part.start for part in region), self.element.dtype)
        array[...] = self.value
        return array


def _grown(dataset: Dataset, array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    room = tuple(have if need <= have else need * _GROWTH for need, have in zip(shape, array.shape, strict=True))
    larger = _room(dataset, room)
    larger[tuple(slice(0, length) for length in array.shape)] = array
    return larger


def _room(dataset: Dataset, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array full of the fill value; of numbers, in a temporary file that is gone with the array."""
    if not isinstance(dataset.element, Number) or 0 in shape or not shape:
        array = np.empty(shape, dataset.element.dtype)
    else:
        with tempfile.TemporaryFile() as file:
            array = np.memmap(file, dataset.element.dtype, "w+", shape=shape)
    array[...] = _fill(dataset)
    return array


def _fill(dataset: Dataset) -> Any:
    fill = dataset.layout.fill_value
    return _empty(dataset.element) if fill is None else fill


def _empty(element: ElementType) -> Any:
    if isinstance(element, Compound):
        return tuple(_empty(field.type) for field in element.fields)
    return {Number: 0, Text: "", Bytes: b""}.get(type(element))
