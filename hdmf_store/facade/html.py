"""How datasets look in notebooks: an HTML table of what they are, and of what they hold where that is little.

Everything that comes from a file or a caller is escaped, so that no text in it becomes a part of the page.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import zarr

from hdmf_store.errors import HDMFStoreError
from hdmf_store.facade.zarr_objects import origin_of
from hdmf_store.translate.references import StoredReferences

__all__ = ["dataset_html"]

_SHOWN_ELEMENTS = 12
_SHOWN_CHARACTERS = 400
_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB", "PiB")


def dataset_html(dataset: Any) -> str:
    """Return an HTML table of a dataset: an array of any engine, references, or plain values."""
    data = dataset.dataset if isinstance(dataset, StoredReferences) else dataset
    if isinstance(data, zarr.Array):
        return _page("Zarr Array", {**_array_facts(data), **_zarr_facts(data)}, data)
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return _page(type(data).__name__, _array_facts(data), data)
    length = len(data) if hasattr(data, "__len__") else None
    return _page(type(data).__name__, {"Length": length}, data)


def _array_facts(array: Any) -> dict[str, Any]:
    shape = tuple(array.shape) if array.shape is not None else None
    itemsize = max(1, np.dtype(array.dtype).itemsize)
    size = None if shape is None else _in_units(math.prod(shape) * itemsize)
    return {"Data type": array.dtype, "Shape": shape, "Array size": size}


def _zarr_facts(array: Any) -> dict[str, Any]:
    origin = origin_of(array)
    return {
        "Chunk shape": _known(lambda: array.chunks or None),
        "Shard shape": _known(lambda: array.shards),
        "Filters": _known(lambda: array.filters or None),
        "Compressors": _known(lambda: array.compressors or None),
        "Zarr format": _known(lambda: array.metadata.zarr_format),
        "Path": origin.path,
        "File": origin.location,
    }


def _known(fact: Callable[[], Any]) -> Any:
    """Return a fact, or None for an array that zarr has no metadata for."""
    try:
        return fact()
    except (HDMFStoreError, ValueError, TypeError, KeyError):
        return None


def _page(title: str, facts: dict[str, Any], data: Any) -> str:
    left = 'style="text-align: left"'
    rows = "".join(
        f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(str(fact))}</td></tr>"
        for name, fact in facts.items()
        if fact is not None
    )
    table = f'{escape(title)}<br><table class="data-info"><tbody>{rows}</tbody></table>'
    values = _values(data)
    return table if values is None else f"{table}<br>{escape(values)}"


def _values(data: Any) -> str | None:
    """Return what a small dataset holds, as text; None for what is large, and the reason for what is unreadable."""
    shape = getattr(data, "shape", None)
    size = math.prod(shape) if shape is not None else len(data) if hasattr(data, "__len__") else 1
    if size > _SHOWN_ELEMENTS and not isinstance(data, str | bytes):
        return None
    try:
        text = str(data[()] if shape is not None else data)
    except (HDMFStoreError, OSError, ValueError, TypeError) as problem:
        text = f"cannot be read: {problem}"
    return text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"


def _in_units(size: float) -> str:
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.2f} {_UNITS[unit]}" if unit else f"{size:.0f} bytes"
