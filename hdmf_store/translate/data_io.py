"""`ZarrDataIO`: a dataset's data with the wishes of its author for the layout, in both spellings of hdmf-zarr."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import h5py
import numpy as np
from hdmf.data_utils import DataIO
from hdmf.utils import docval, get_docval, popargs

from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Codec, Layout
from hdmf_store.translate.codec_names import codec_of, codecs_of, is_array_filter

__all__ = ["ZarrDataIO"]

_GIVEN = ("chunks", "fill_value", "compressor", "compressors", "filters", "serializer", "shards")
_HDF5_GZIP, _HDF5_SHUFFLE, _HDF5_BLOSC = 1, 2, 32001


class ZarrDataIO(DataIO):
    """Data with wishes for its layout.

    Parameters
    ----------
    data : array, list, h5py.Dataset, zarr.Array or iterable
    chunks : tuple of int or bool, optional
        Shape of a chunk; True or nothing to have one chosen.
    fill_value : object, optional
    compressor : codec or bool, optional
        One codec; False for none. The spelling for Zarr 2.
    compressors : codec, list of codecs, "auto" or None, optional
        The spelling for Zarr 3.
    filters : list of codecs, optional
    serializer : codec, optional
    shards : tuple of int, optional
        Shape of a stored object that holds several chunks; format 3 only.
    link_data : bool, default False
        For data that is stored already: whether to link to it instead of copying it.
    """

    @docval(
        {"name": "data", "type": (np.ndarray, list, tuple, h5py.Dataset, Iterable), "doc": "the data", "default": None},
        {"name": "chunks", "type": (list, tuple, bool, int), "doc": "chunk shape", "default": None},
        {"name": "fill_value", "type": None, "doc": "value of what is not written", "default": None},
        {"name": "compressor", "type": None, "doc": "one codec (Zarr 2 spelling)", "default": None},
        {"name": "filters", "type": (list, tuple), "doc": "codecs before compression", "default": None},
        {"name": "link_data", "type": bool, "doc": "link to stored data instead of copying it", "default": False},
        {"name": "compressors", "type": None, "doc": "codecs (Zarr 3)", "default": "auto", "allow_none": True},
        {"name": "serializer", "type": None, "doc": "codec from array to bytes", "default": None},
        {"name": "shards", "type": (list, tuple), "doc": "shard shape", "default": None},
        *(arg for arg in get_docval(DataIO.__init__) if arg["name"] in ("dtype", "shape")),
    )
    def __init__(self, **kwargs: Any) -> None:
        given = {name: popargs(name, kwargs) for name in _GIVEN}
        link_data = popargs("link_data", kwargs)
        if given["compressor"] is not None and given["compressors"] != "auto":
            raise ArgumentError("compressor and compressors are two spellings of one wish: pass one of them")
        self._given = {name: value for name, value in given.items() if value is not None and value != "auto"}
        if given["compressors"] is None:
            self._given["compressors"] = None
        self.link_data = link_data
        try:
            self.layout = _layout(given)
        except ValueError as problem:
            raise ArgumentError(str(problem)) from problem
        super().__init__(**kwargs)

    @property
    def io_settings(self) -> dict[str, Any]:
        """The wishes by name, as they were given."""
        return dict(self._given)

    def get_io_params(self) -> dict[str, Any]:
        """Return the arguments to wrap other data in the same way."""
        return {**super().get_io_params(), **self._given, "link_data": self.link_data}

    @staticmethod
    def from_h5py_dataset(h5dataset: h5py.Dataset, **kwargs: Any) -> ZarrDataIO:
        """Return a wrapper of an HDF5 dataset with the nearest counterpart of its chunks and filters.

        Parameters
        ----------
        h5dataset : h5py.Dataset
        **kwargs
            Arguments of `ZarrDataIO` that take precedence.
        """
        wishes: dict[str, Any] = {"filters": ZarrDataIO.hdf5_to_zarr_filters(h5dataset) or None}
        if h5dataset.chunks is not None:
            wishes["chunks"] = h5dataset.chunks
        fill = h5dataset.fillvalue
        if isinstance(fill, bytes):  # bytes are text here
            fill = fill.decode("utf-8")
        wishes["fill_value"] = fill if h5dataset.chunks is not None else None
        return ZarrDataIO(data=h5dataset, **{**wishes, **kwargs})

    @staticmethod
    def hdf5_to_zarr_filters(h5dataset: h5py.Dataset) -> list[Any]:
        """Return the numcodecs counterparts of an HDF5 dataset's filters, in their order.

        Raises
        ------
        ArgumentError
            If a filter has none.
        """
        import numcodecs

        found: list[Any] = []
        plist = h5dataset.id.get_create_plist()
        for position in range(plist.get_nfilters()):
            number, _, values, name = plist.get_filter(position)
            if number == _HDF5_GZIP:
                found.append(numcodecs.Zlib(level=values[0]))
            elif number == _HDF5_SHUFFLE:
                found.append(numcodecs.Shuffle(elementsize=h5dataset.dtype.itemsize))
            elif number == _HDF5_BLOSC:
                found.append(numcodecs.Blosc(clevel=values[4], shuffle=values[5]))
            elif number != h5py.h5z.FILTER_FLETCHER32:
                raise ArgumentError(f"{h5dataset.name}: the HDF5 filter {name.decode()!r} has no counterpart in Zarr")
        return found


def _layout(given: dict[str, Any]) -> Layout:
    filters = [codec_of(item) for item in given["filters"] or ()]
    after = tuple(codec for codec in filters if not is_array_filter(codec))
    compressors = codecs_of(given["compressors"])
    if given["compressor"] is not None:
        compressors = codecs_of(given["compressor"])
    if after:
        compressors = (*after, *(compressors or ()))
    chunks = given["chunks"]
    return Layout(
        chunks=None
        if chunks is None or isinstance(chunks, bool)
        else ((chunks,) if isinstance(chunks, int) else chunks),
        shards=given["shards"],
        filters=[codec for codec in filters if is_array_filter(codec)] or None,
        serializer=None if given["serializer"] in (None, "auto") else codec_of(given["serializer"]),
        compressors=compressors,
        fill_value=given["fill_value"],
    )


def hdf5_layout(settings: dict[str, Any]) -> Layout:
    """Return the layout that the settings of HDMF's `H5DataIO` ask for."""
    compressors: tuple[Codec, ...] | None = None
    if settings.get("compression"):
        level = settings.get("compression_opts")
        compressors = (Codec("gzip", {"level": level if isinstance(level, int) else 4}),)
        if settings.get("shuffle"):
            compressors = None  # the default compressors shuffle
    chunks = settings.get("chunks")
    return Layout(
        chunks=chunks if isinstance(chunks, tuple) else None,
        compressors=compressors,
        fill_value=settings.get("fillvalue"),
        maxshape=settings.get("maxshape"),
    )
