"""Arrays whose values LINDI left in HDF5 files, because they have too many chunks to name each of them.

Pure functions over documents of format 2: which arrays these are, and what their documents are without that remark.
`hdf5_chunks` reads them. Only arrays of numbers; others keep the remark, and are unreadable.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from hdmf_store_adapters.chunk_grids import ChunkGrid, grid_of
from hdmf_store_adapters.numcodecs_chain import NumcodecsChain, numcodecs_chain
from hdmf_store_adapters.zarr_v2 import ELSEWHERE
from hdmf_store_adapters.zarr_v2_codecs import BYTE_FILTERS
from hdmf_store_adapters.zarr_v2_types import numpy_dtype

__all__ = ["ExternalArray", "external_arrays"]

_KIND = "hdf5_dataset"
_NUMBERS = "biufc"
_MOST = 2**31
_QUICKEST = {"zlib": "level", "gzip": "level", "blosc": "clevel"}
"""Codecs that can pack without compressing, and the setting, 0, by which they do."""


@attrs.frozen(eq=False)
class ExternalArray:
    """An array whose values are a dataset of an HDF5 file.

    Parameters
    ----------
    url, name : str
        Of the file, as it is written, and of the dataset in it.
    grid : ChunkGrid
    dtype : numpy.dtype
    codec : NumcodecsChain
        Makes bytes of chunks as the array's document says, with the least effort.
    """

    url: str
    name: str
    grid: ChunkGrid
    dtype: np.dtype
    codec: NumcodecsChain


def external_arrays(files: Mapping[str, Any]) -> tuple[dict[str, ExternalArray], dict[str, Any]]:
    """Return the external arrays by path, and their attributes without the remark by key.

    Parameters
    ----------
    files : dict of str to bytes, str or dict
        Documents by key, as text or parsed.
    """
    arrays: dict[str, ExternalArray] = {}
    changed: dict[str, Any] = {}
    for key in files:
        folder, _, name = key.rpartition("/")
        attributes = _parsed(files[key]) if name == ".zattrs" and _mentions(files[key]) else {}
        if ELSEWHERE in attributes:
            array = _external(attributes[ELSEWHERE], _parsed(files.get(f"{folder}/.zarray")))
            if array is not None:
                arrays[folder] = array
                changed[key] = {name: value for name, value in attributes.items() if name != ELSEWHERE}
    return arrays, changed


def _mentions(file: Any) -> bool:
    if isinstance(file, bytes):
        return ELSEWHERE.encode() in file
    return isinstance(file, dict | str) and ELSEWHERE in file


def _parsed(file: Any) -> dict[str, Any]:
    """Return a document; an empty one where it is none, which whoever reads it is told."""
    try:
        found = json.loads(file) if isinstance(file, bytes | str) else file
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _external(link: Any, document: Mapping[str, Any]) -> ExternalArray | None:
    """Return what a remark says of an array, or None if it is not understood or the array is none of numbers."""
    if not isinstance(link, dict) or link.get("link_type") != _KIND:
        return None
    url, name, grid = link.get("url"), link.get("name"), grid_of(document)
    if not isinstance(url, str) or not isinstance(name, str) or grid is None or not grid.shape:
        return None
    try:
        dtype = numpy_dtype(document["dtype"])
        codec = _codec(document, dtype)
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
    if dtype.kind not in _NUMBERS or codec is None or math.prod(grid.chunks) * dtype.itemsize > _MOST:
        return None
    return ExternalArray(url, name, grid, dtype, codec)


def _codec(document: Mapping[str, Any], dtype: np.dtype) -> NumcodecsChain | None:
    """Return the codec of an array, if it keeps every bit; what it makes is unpacked again at once."""
    steps = [*(document.get("filters") or []), *([document["compressor"]] if document.get("compressor") else [])]
    if not {step["id"] for step in steps} <= BYTE_FILTERS:
        return None
    quick = [{**step, **({_QUICKEST[step["id"]]: 0} if step["id"] in _QUICKEST else {})} for step in steps]
    return numcodecs_chain(quick, None, dtype, document.get("order") or "C")
