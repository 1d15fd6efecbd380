"""Which locks of an array's chunks an assignment needs.

The chunks of an array share `STRIPES` locks. For each way in which zarr selects elements there is a function that says
which of them a selection touches; too many is safe, one too few is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

__all__ = [
    "STRIPES",
    "Touches",
    "chunks_of_blocks",
    "chunks_of_box",
    "chunks_of_mask",
    "chunks_of_points",
]

STRIPES = 128
"""How many locks the chunks of one array share.

One each would need an open file for every chunk that an assignment touches, and systems allow some 1000 per process.
"""

_WEIGHTS = (1, 11, 23, 37, 53, 71, 89, 101)
"""Odd, so that chunks in a row along an axis have locks of their own; independent of the shape, which may change."""

Touches = Callable[[tuple[int, ...], tuple[int, ...]], set[int]]
"""Returns the locks of the chunks that an assignment touches, for a shape and chunks."""


def chunks_of_box(selection: Any) -> Touches:
    """Return what touches the chunks of one integer, slice, mask or list of positions per axis."""

    def touches(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        parts = _per_axis(selection, len(shape))
        return _product([_along(part, n, c) for part, n, c in zip(parts, shape, chunks, strict=True)])

    return _or_everything(touches)


def chunks_of_points(selection: Any) -> Touches:
    """Return what touches the chunks of single elements, given as positions along each axis."""

    def touches(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        parts = selection if isinstance(selection, tuple) else (selection,)
        found = np.zeros((), int)
        for axis, (part, n, c) in enumerate(zip(parts, shape, chunks, strict=True)):
            found = found + np.asarray(part, int) % max(n, 1) // c % STRIPES * _weight(axis)
        return set(np.unique(found % STRIPES).tolist())

    return _or_everything(touches)


def chunks_of_mask(mask: Any) -> Touches:
    """Return what touches the chunks of the elements that a mask of an array's shape marks."""
    only = mask[0] if isinstance(mask, tuple) and len(mask) == 1 else mask
    return chunks_of_points(np.nonzero(np.asarray(only)))


def chunks_of_blocks(selection: Any) -> Touches:
    """Return what touches whole chunks, given by their own positions."""

    def touches(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        counts = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
        parts = _per_axis(selection, len(shape))
        return _product([_along(part, count, 1) for part, count in zip(parts, counts, strict=True)])

    return _or_everything(touches)


def _or_everything(touches: Touches) -> Touches:
    """Return the same, but touching all chunks for a selection that is not understood: zarr will say what it is."""

    def safe(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        try:
            return touches(shape, chunks)
        except (TypeError, ValueError, IndexError, OverflowError):
            return set(range(STRIPES))

    return safe


def _per_axis(selection: Any, ndim: int) -> list[Any]:
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    at = [position for position, part in enumerate(parts) if part is Ellipsis]
    if at:
        parts[at[0] : at[0] + 1] = [slice(None)] * (ndim - len(parts) + 1)
    return parts + [slice(None)] * (ndim - len(parts))


def _along(part: Any, length: int, chunk: int) -> np.ndarray:
    """Return the positions along one axis of the chunks that are touched; where many are, enough to cover all locks."""
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        if step <= chunk:
            if stop <= start:
                return np.empty(0, int)
            first, last = start // chunk, (stop - 1) // chunk
            return np.arange(first, min(last, first + STRIPES - 1) + 1)
        return np.unique(np.arange(start, stop, step) // chunk)
    positions = np.asarray(part)
    if positions.dtype.kind == "b":
        positions = np.nonzero(positions)[0] if positions.ndim == 1 else np.arange(length)
    elif positions.dtype.kind not in "iu":
        raise TypeError("no positions")
    return np.unique(positions % max(length, 1) // chunk)


def _product(axes: Sequence[np.ndarray]) -> set[int]:
    found = np.zeros(1, int)
    for axis, positions in enumerate(axes):
        locks = np.unique(positions % STRIPES * _weight(axis) % STRIPES)
        found = np.unique((found[:, None] + locks[None, :]) % STRIPES)
    return set(found.tolist())


def _weight(axis: int) -> int:
    return _WEIGHTS[axis % len(_WEIGHTS)]
