"""A part of a dataset that is named by text, as between brackets in Python, read a few rows at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import attrs
import numpy as np

from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Dataset, RandomAccess
from hdmf_store.nodes.sources import part, whole

__all__ = ["Part", "blocks_of", "part_named"]

_BLOCK_BYTES = 16 * 2**20
_INDEX = re.compile(r"\s*([+-]?\d+)\s*")
_SLICE = re.compile(r"\s*([+-]?\d+)?\s*:\s*([+-]?\d+)?\s*(?::\s*([+-]?\d+)?\s*)?")


@attrs.frozen
class Part:
    """Which elements of a dataset are meant.

    Parameters
    ----------
    ranges : tuple of range
        Indices along each axis, forwards.
    dropped : tuple of int
        The axes of which one index was named, so that they are no axes of the result.
    """

    ranges: tuple[range, ...]
    dropped: tuple[int, ...]


def part_named(text: str, shape: tuple[int, ...]) -> Part:
    """Return the part of a dataset that a text such as ``"10:20, 0"`` or ``"..., -1"`` names.

    Parameters
    ----------
    text : str
        Integers, slices with steps of at least 1, one ellipsis; empty for everything.
    shape : tuple of int
        Of the dataset.

    Raises
    ------
    ArgumentError
        If it is no such text, has too many axes, or an index beyond the end.

    Examples
    --------
    >>> part_named("2:8:3, -1", (10, 4))
    Part(ranges=(range(2, 8, 3), range(3, 4)), dropped=(1,))
    """
    words = [word.strip() for word in text.split(",")] if text.strip() else []
    if words.count("...") > 1 or len(words) - words.count("...") > len(shape):
        raise ArgumentError(f"{text!r} names more axes than there are: the shape is {shape}")
    at = words.index("...") if "..." in words else len(words)
    rest = [":"] * (len(shape) - (len(words) - words.count("...")))
    words = [*words[:at], *rest, *words[at + 1 :]]
    ranges = tuple(_range(word, length, text) for word, length in zip(words, shape, strict=True))
    return Part(ranges, tuple(axis for axis, word in enumerate(words) if _INDEX.fullmatch(word)))


def _range(word: str, length: int, text: str) -> range:
    if found := _INDEX.fullmatch(word):
        index = int(found[1])
        if not -length <= index < length:
            raise ArgumentError(f"{text!r}: the index {index} is beyond an axis of length {length}")
        return range(index % length, index % length + 1)
    slices = _SLICE.fullmatch(word)
    if slices is None:
        raise ArgumentError(f"{text!r} is no part of a dataset; write for example 0:10 or 5,: or ...,-1")
    start, stop, step = (None if bound is None else int(bound) for bound in slices.groups())
    if step is not None and step < 1:
        raise ArgumentError(f"{text!r}: steps are at least 1")
    return range(length)[start:stop:step]


def blocks_of(dataset: Dataset, wanted: Part) -> Iterator[np.ndarray]:
    """Yield a part of a dataset in normal form, a few rows along the first axis at a time.

    Parameters
    ----------
    dataset : Dataset
        Of a stored hierarchy.
    wanted : Part

    Yields
    ------
    numpy.ndarray
        The axes of which one index was named are left out; of a scalar, one array of shape ().
    """
    assert isinstance(dataset.values, RandomAccess)
    if not dataset.shape:
        yield np.asarray(dataset.values.read(whole(())))
        return
    if 0 in map(len, wanted.ranges):
        lengths = [len(found) for axis, found in enumerate(wanted.ranges) if axis not in wanted.dropped]
        yield np.empty(lengths, dataset.element.dtype)
        return
    first, *others = wanted.ranges
    row = math.prod(other[-1] + 1 - other[0] for other in others) * max(1, dataset.element.dtype.itemsize)
    rows = max(1, _BLOCK_BYTES // (row * first.step))
    for begin in range(0, len(first), rows):
        ranges = (first[begin : begin + rows], *others)
        read = dataset.values.read(tuple(slice(found[0], found[-1] + 1) for found in ranges))
        kept = (0 if axis in wanted.dropped else slice(None, None, r.step) for axis, r in enumerate(ranges))
        yield np.asarray(part(read, tuple(kept)))  # type: ignore[arg-type]
