"""A user's zarr arrays as datasets: arrays that we handed out, and arrays that zarr opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from hdmf_store.adapter import Location
from hdmf_store.errors import FormatError
from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Compound,
    Dataset,
    ElementType,
    Field,
    Layout,
    Number,
    Origin,
    Region,
    Text,
)
from hdmf_store_adapters import zarr_v3
from hdmf_store_adapters.document_overlay import DocumentOverlay
from hdmf_store_adapters.stored_arrays import StoredArray
from hdmf_store_adapters.stored_source import StoredSource

__all__ = ["dataset_of"]


@attrs.frozen(eq=False)
class ZarrSource:
    """The values of an array that zarr opened."""

    array: Any = attrs.field(repr=False)
    origin: Origin | None

    def read(self, region: Region) -> np.ndarray:
        """Return the values of a region in normal form."""
        values = np.asarray(self.array[region])
        if values.dtype.kind in "UT":
            return values.astype(object)
        return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def dataset_of(value: Any) -> Dataset | None:
    """Return the dataset that a zarr array stands for, without attributes; None for anything else."""
    if isinstance(value, StoredArray):
        node = value._holder.load()[value.name]
        assert isinstance(node, Dataset)
        return attrs.evolve(node, attributes={}, values=StoredSource(value._holder, value.name))
    if not isinstance(value, zarr.Array):
        return None
    if isinstance(value.store, DocumentOverlay):  # reached by zarr's means through a group that we handed out
        return dataset_of(StoredArray(value.store.holder, "/" + value.path))
    element = _element(value.dtype)
    source = ZarrSource(value, _origin(value))
    if element is None:
        return None
    layout = _layout(value)
    return Dataset(element, value.shape, source if value.shape else ArraySource(source.read(())), {}, layout)


def _layout(array: Any) -> Layout:
    """Return how an array is laid out: its chunks, codecs and fill value."""
    if array.metadata.zarr_format == 3:
        document = {**_document(array), "attributes": {}}
        try:
            return zarr_v3.decode_array(document, "", array.path)[0].layout
        except FormatError:
            pass
    return Layout(chunks=array.chunks, shards=array.shards)


def _document(array: Any) -> dict[str, Any]:
    """Return the document of an array of format 3 as it is stored, not as zarr holds it in memory."""
    files = array.metadata.to_buffer_dict(default_buffer_prototype())
    document: dict[str, Any] = json.loads(files["zarr.json"].to_bytes())
    return document


def _element(dtype: np.dtype) -> ElementType | None:
    if dtype.names is not None:
        fields = [(name, _element(dtype[name])) for name in dtype.names]
        return Compound(tuple(Field(name, kind) for name, kind in fields if kind is not None))  # type: ignore[arg-type]
    if dtype.kind in "UTO":
        return Text()
    if dtype.kind in "SV":
        return Bytes()
    return Number.of(dtype)


def _origin(array: Any) -> Origin | None:
    """Return where an array lies, if it lies in a hierarchy that can be linked to: below a root group."""
    store = array.store
    if not isinstance(store, LocalStore) or not array.path:
        return None
    root = Path(store.root)
    if not any((root / name).is_file() for name in ("zarr.json", ".zgroup")):
        return None
    return Origin(Location.of(root).identity, "/" + array.path)
