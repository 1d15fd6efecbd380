"""What users put between square brackets, in the forms that regions and zarr take."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store.nodes import Region

__all__ = ["plain_region", "without_masks"]


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
        if isinstance(part, slice) and part.step in (None, 1):
            start, stop, _ = part.indices(length)
            region.append(slice(start, stop if stop > start else start))
            inner.append(slice(None))
        elif isinstance(part, _INTEGERS) and not isinstance(part, bool) and -length <= part < length:
            at = int(part) % length
            region.append(slice(at, at + 1))
            inner.append(0)
        else:
            return None
    return tuple(region), tuple(inner)


def _one_per_axis(selection: Any, ndim: int) -> list[Any]:
    """Return the parts of a selection with those that it leaves out; more of them than axes if there are too many."""
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    if any(part is Ellipsis for part in parts):
        at = next(i for i, part in enumerate(parts) if part is Ellipsis)
        parts[at : at + 1] = [slice(None)] * (ndim - len(parts) + 1)
    return parts + [slice(None)] * (ndim - len(parts))
