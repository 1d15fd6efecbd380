"""How datasets look in notebooks: an HTML table of what they are, and of what they hold where that is little.

Everything that comes from a file or a caller is escaped, so that no text in it becomes a part of the page.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from html import escape
from typing import Any

import numpy as np
import zarr

from hdmf_store.adapter.folders import walk
from hdmf_store.errors import HDMFStoreError
from hdmf_store.facade.thumbnail import grid_svg
from hdmf_store.facade.units import in_units
from hdmf_store.facade.zarr_objects import origin_of
from hdmf_store.translate.references import StoredReferences
from hdmf_store.translate.summary import size_on_disk

__all__ = ["dataset_html"]

_SHOWN_ELEMENTS = 12
_SHOWN_CHARACTERS = 400
_FITTING = "max-width: 100%; overflow-wrap: anywhere; white-space: normal"
"""Long names and long values are broken, so that nothing is wider than the cell of a notebook."""

_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs")


def dataset_html(dataset: Any) -> str:
    """Return an HTML table of a dataset: an array of any engine, references, or plain values."""
    data = dataset.dataset if isinstance(dataset, StoredReferences) else dataset
    if isinstance(data, zarr.Array):
        return _page("Zarr Array", {**_array_facts(data), **_zarr_facts(data)}, data, _grid(data))
    if hasattr(data, "shape") and hasattr(data, "dtype"):
        return _page(type(data).__name__, _array_facts(data), data)
    length = len(data) if hasattr(data, "__len__") else None
    return _page(type(data).__name__, {"Length": length}, data)


def _array_facts(array: Any) -> dict[str, Any]:
    shape = tuple(array.shape) if array.shape is not None else None
    itemsize = max(1, np.dtype(array.dtype).itemsize)
    size = None if shape is None else in_units(math.prod(shape) * itemsize)
    return {"Data type": array.dtype, "Shape": shape, "Array size": size}


def _zarr_facts(array: Any) -> dict[str, Any]:
    origin = origin_of(array)
    return {
        "Chunk shape": _known(lambda: array.chunks or None),
        "Shard shape": _known(lambda: array.shards),
        "Filters": _known(lambda: _codecs(array.filters)),
        "Compressors": _known(lambda: _codecs(array.compressors)),
        **_stored_facts(array, origin.location, origin.path),
        "Zarr format": _known(lambda: array.metadata.zarr_format),
        "Path": origin.path,
        "File": origin.location,
    }


def _known(fact: Callable[[], Any]) -> Any:
    """Return a fact, or None for an array that zarr has no metadata for."""
    try:
        return fact()
    except (HDMFStoreError, AttributeError, ValueError, TypeError, KeyError):
        return None


def _codecs(codecs: Any) -> str | None:
    """Return codecs of either format by their names and settings; None where there are none."""
    return ", ".join(map(_codec, codecs)) if codecs else None


def _codec(codec: Any) -> str:
    described = codec.to_dict() if hasattr(codec, "to_dict") else codec.get_config()
    name = described.get("name") or described.get("id")
    settings = described.get("configuration", {key: item for key, item in described.items() if key != "id"})
    said = ", ".join(f"{key} {item}" for key, item in settings.items() if item not in (None, False))
    return f"{name} ({said})" if said else str(name)


def _stored_facts(array: Any, location: str, path: str) -> dict[str, Any]:
    """Return how much of a disk the chunks take; nothing for what lies elsewhere, where asking costs round trips."""
    folder = os.path.join(location, *path.strip("/").split("/"))
    if not os.path.isdir(folder):
        return {}
    size = sum(
        size_on_disk(os.path.join(at, name))
        for at, _, names in walk(folder)
        for name in names
        if name not in _DOCUMENTS
    )
    logical = math.prod(array.shape) * max(1, np.dtype(array.dtype).itemsize)
    ratio = f"{logical / size:.1f}" if size and np.dtype(array.dtype).kind not in "OT" else None
    return {"Stored size": in_units(size), "Ratio": ratio}


def _grid(array: Any) -> str:
    """Return a drawing of the chunks of an array that has any, with their number."""
    shards = _known(lambda: array.shards)
    chunks = _known(lambda: array.chunks or None)
    if chunks is None or len(chunks) != len(array.shape):
        return ""
    drawing = grid_svg(tuple(array.shape), chunks, shards)
    if drawing is None:
        return ""
    count = math.prod(-(-length // max(1, chunk)) for length, chunk in zip(array.shape, chunks, strict=True))
    said = f"{count} chunk{'s' if count != 1 else ''}"
    return f'<figure style="margin: 0.5em 0">{drawing}<figcaption>{said}</figcaption></figure>'


def _page(title: str, facts: dict[str, Any], data: Any, drawing: str = "") -> str:
    left = 'style="text-align: left"'
    head = 'style="text-align: left; vertical-align: top; white-space: nowrap"'
    rows = "".join(
        f"<tr><th {head}>{escape(name)}</th><td {left}>{escape(str(fact))}</td></tr>"
        for name, fact in facts.items()
        if fact is not None
    )
    table = f'{escape(title)}<br><table class="data-info"><tbody>{rows}</tbody></table>'
    values = _values(data)
    shown = "" if values is None else f"<div>{escape(values)}</div>"
    return f'<div class="hdmf-store-dataset" style="{_FITTING}">{table}{drawing}{shown}</div>'


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
