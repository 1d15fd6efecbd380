"""Long lists of numbers in tables, which HDMF would look at element by element when it builds what is to be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from hdmf.container import AbstractContainer, Data

__all__ = ["long_lists_as_arrays"]

_LONG = 1_000
"""Elements from which on it matters: HDMF takes some 4 µs for each, numpy 50 ns."""


@contextmanager
def long_lists_as_arrays(container: AbstractContainer) -> Iterator[None]:
    """Let long lists of numbers in a container, and in all below it, be arrays in a ``with`` block.

    Tables that are filled row by row keep their columns in lists. HDMF's conversion to the types of the schema goes by
    the type of an array as a whole, and calls itself for every element of a list, with the same result where all
    elements are of one type. Afterwards the containers hold their own lists again.

    Parameters
    ----------
    container : AbstractContainer
        Which nobody else changes meanwhile.
    """
    lists: list[tuple[Data, list[Any]]] = []
    try:
        for column in _columns(container):
            values = column.data
            array = _as_array(values) if type(values) is list and len(values) >= _LONG else None
            if array is not None:
                lists.append((column, values))
                _put(column, array)
        yield
    finally:
        for column, values in lists:
            _put(column, values)


def _columns(container: AbstractContainer) -> Iterator[Data]:
    waiting = [container]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Data):
            yield found
        waiting.extend(found.children)


def _as_array(values: list[Any]) -> np.ndarray | None:
    """Return a list as an array, if all of its elements are numbers of one type, which is also that of the array."""
    kinds = set(map(type, values))
    if len(kinds) != 1 or not issubclass(kind := kinds.pop(), int | float | np.integer | np.floating):
        return None
    if issubclass(kind, bool):
        return None
    try:
        array = np.asarray(values)
    except OverflowError:  # of integers that no type of numpy holds
        return None
    return array if array.dtype == np.dtype(kind) else None


def _put(column: Data, values: Any) -> None:
    column.transform(lambda _: values)
