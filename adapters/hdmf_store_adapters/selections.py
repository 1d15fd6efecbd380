"""What users put between square brackets, in the forms that regions and zarr take."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store.nodes import Region

__all__ = ["plain_region", "stretch", "without_masks"]


def _is_mask(part: np.ndarray) -> bool:
    return part.dtype == bool and part.ndim == 1


def without_masks(selection: Any, ndim: int) -> Any:
    """Return a selection in which masks over one axis are lists of indices, as zarr wants them."""
    parts = selection if isinstance(selection, tuple) else (selection,)
    plain = tuple(
        np.flatnonzero(part)
        if isinstance(part, np.ndarray | list) and np.asarray(part).dtype == bool and np.ndim(part) == 1
        else part
        for part in parts
    )
    if ndim == 1 and len(plain) == 1:
        return plain[0]
    return plain if isinstance(selection, tuple) else plain[0]


_INTEGERS = (int, np.integer)


def plain_region(selection: Any, shape: tuple[int, ...]) -> tuple[Region, Any] | None:
    """Return the region that integers and slices of step 1 cover and what to take of it, or None for the rest."""
    is_spelled_out = len(shape) == 1 and not isinstance(selection, tuple) and selection is not Ellipsis
    parts = [selection] if is_spelled_out else _one_per_axis(selection, len(shape))
    if len(parts) != len(shape):
        return None
    region: list[slice] = []
    inner: list[Any] = []
    for part, length in zip(parts, shape, strict=True):
        found = stretch(part, length)
        if found is None:
            return None
        region.append(slice(*found))
        inner.append(slice(None) if isinstance(part, slice) else 0)
    return tuple(region), tuple(inner)


def stretch(part: Any, length: int) -> tuple[int, int] | None:
    """Return where an integer or a slice of step 1 begins and ends on an axis of a length, or None for the rest.

    >>> stretch(-1, 5), stretch(slice(3, 99), 5), stretch(5, 5), stretch(slice(None, None, 2), 5)
    ((4, 5), (3, 5), None, None)
    """
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        return (start, stop if stop > start else start) if step == 1 else None
    if isinstance(part, _INTEGERS) and not isinstance(part, bool) and -length <= part < length:
        at = int(part) % length
        return at, at + 1
    return None


def _one_per_axis(selection: Any, ndim: int) -> list[Any]:
    """Return the parts of a selection with those that it leaves out; more of them than axes if there are too many."""
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (ndim - len(parts) + 1)
    return parts + [slice(None)] * (ndim - len(parts))
