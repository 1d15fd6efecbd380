"""`ZarrDataIO`: a dataset's data with the wishes of its author for the layout, in both spellings of hdmf-zarr."""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import h5py
import numcodecs
import numpy as np
from hdmf.data_utils import DataIO
from hdmf.utils import docval, get_docval, popargs

from hdmf_store.errors import ArgumentError, ArgumentTypeError
from hdmf_store.nodes import Codec, Layout
from hdmf_store.translate.codec_names import codec_of, codecs_of, is_array_filter

__all__ = ["ZarrDataIO"]

_GIVEN = ("chunks", "fill_value", "compressor", "compressors", "filters", "serializer", "shards")


class ZarrDataIO(DataIO):
    """Data with wishes for its layout.

    Parameters
    ----------
    data : array, list, h5py.Dataset, zarr.Array or iterable
    chunks : tuple of int or bool, optional
        Shape of a chunk; True or nothing to have one chosen.
    fill_value : object, optional
        Of elements that were never written; hdmf-zarr's name for it, ``fillvalue``, is taken too.
    compressor : codec or bool, optional
        One codec; False for none, True or nothing to have one chosen. The spelling for Zarr 2.
    compressors : codec, list of codecs, bool or "auto", optional
        The spelling for Zarr 3; ``False`` or ``[]`` for none, True, "auto" or nothing to have them chosen.
    filters : list of codecs, optional
    serializer : codec, optional
        From array to bytes; format 3 only.
    shards : tuple of int or "auto", optional
        Shape of a stored object that holds several chunks, or to have one chosen; format 3 only.
    link_data : bool, default False
        For data that is stored already: whether to link to it instead of copying it.
    """

    @docval(
        {"name": "data", "type": ("array_data", Iterable), "doc": "the data", "default": None},
        {"name": "chunks", "type": (list, tuple, bool, int), "doc": "chunk shape", "default": None},
        {"name": "fill_value", "type": None, "doc": "value of what is not written", "default": None},
        {"name": "compressor", "type": None, "doc": "one codec (Zarr 2 spelling)", "default": None},
        {"name": "filters", "type": (list, tuple), "doc": "codecs before compression", "default": None},
        {"name": "link_data", "type": bool, "doc": "link to stored data instead of copying it", "default": False},
        {"name": "compressors", "type": None, "doc": "codecs (Zarr 3)", "default": None},
        {"name": "serializer", "type": None, "doc": "codec from array to bytes", "default": None},
        {"name": "shards", "type": (list, tuple, str), "doc": "shard shape, or 'auto'", "default": None},
        {"name": "fillvalue", "type": None, "doc": "hdmf-zarr's name of fill_value", "default": None},
        *(arg for arg in get_docval(DataIO.__init__) if arg["name"] in ("dtype", "shape")),
    )
    def __init__(self, **kwargs: Any) -> None:
        given = {name: popargs(name, kwargs) for name in _GIVEN}
        fillvalue = popargs("fillvalue", kwargs)
        if fillvalue is not None and given["fill_value"] is not None:
            raise ArgumentError("fill_value and fillvalue are two spellings of one wish: pass one of them")
        if fillvalue is not None:
            given["fill_value"] = fillvalue
        if isinstance(given["shards"], str) and given["shards"] != "auto":
            raise ArgumentError(f"shards must be a shape or 'auto', not {given['shards']!r}")
        link_data = popargs("link_data", kwargs)
        if given["compressor"] is not None and given["compressors"] is not None:
            raise ArgumentError("compressor and compressors are two spellings of one wish: pass one of them")
        self._given = {name: value for name, value in given.items() if value is not None}
        self.link_data = link_data
        try:
            self.layout = _layout(given)
        except ArgumentError:
            raise
        except ValueError as problem:
            raise ArgumentError(str(problem)) from problem
        super().__init__(**kwargs)

    @property
    def io_settings(self) -> dict[str, Any]:
        """The wishes by name, as zarr takes them: None for no compressor, and nothing where zarr is to choose."""
        found = dict(self._given)
        for name in {"compressor", "compressors"} & found.keys():
            if found[name] is True or (isinstance(found[name], str) and found[name] == "auto"):
                del found[name]
            elif found[name] is False:
                found[name] = None
        return found

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
        _check_dataset(h5dataset)
        wishes: dict[str, Any] = {}
        if "compressors" not in kwargs:  # which would stand beside the filters, and compress twice
            wishes["filters"] = ZarrDataIO.hdf5_to_zarr_filters(h5dataset) or None
        if h5dataset.chunks is not None:
            wishes["chunks"] = h5dataset.chunks
            if h5dataset.dtype.kind in "biufc" and "fillvalue" not in kwargs:
                wishes["fill_value"] = h5dataset.fillvalue
        return ZarrDataIO(data=h5dataset, **{**wishes, **kwargs})

    @staticmethod
    def is_h5py_dataset(obj: Any) -> bool:
        """Return whether an object is a dataset of h5py."""
        return isinstance(obj, h5py.Dataset)

    @staticmethod
    def hdf5_to_zarr_filters(h5dataset: h5py.Dataset) -> list[Any]:
        """Return the numcodecs counterparts of an HDF5 dataset's filters, in their order.

        A filter that has none is left out, with a warning: values are read without it and stored without it.
        """
        _check_dataset(h5dataset)
        found: list[Any] = []
        plist = h5dataset.id.get_create_plist()
        for position in range(plist.get_nfilters()):
            number, _, values, name = plist.get_filter(position)
            if number in _COUNTERPARTS:
                found += _COUNTERPARTS[number](values, h5dataset.dtype)
            elif number != h5py.h5z.FILTER_FLETCHER32:
                text = name.decode(errors="replace") or number
                warnings.warn(f"{h5dataset.name}: Zarr has no counterpart of the HDF5 filter {text!r}", stacklevel=2)
        return found


def _check_dataset(value: Any) -> None:
    """Refuse what is no dataset of h5py."""
    if not isinstance(value, h5py.Dataset):
        raise ArgumentTypeError(f"an h5py.Dataset is needed, not {value!r:.60}")


def _shuffle(_values: tuple[int, ...], dtype: np.dtype) -> list[Any]:
    return [] if dtype.kind == "O" else [numcodecs.Shuffle(elementsize=dtype.itemsize)]  # objects have no size


def _blosc(values: tuple[int, ...], _dtype: np.dtype) -> list[Any]:
    names = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
    clevel, shuffle, compressor = (*values[4:7], *(5, 1, 0)[len(values[4:7]) :])
    return [numcodecs.Blosc(cname=names[compressor], clevel=clevel, shuffle=shuffle)]


_COUNTERPARTS: dict[int, Callable[[tuple[int, ...], np.dtype], list[Any]]] = {
    h5py.h5z.FILTER_DEFLATE: lambda values, _dtype: [numcodecs.Zlib(level=values[0])],
    h5py.h5z.FILTER_SHUFFLE: _shuffle,
    32001: _blosc,
    32015: lambda values, _dtype: [numcodecs.Zstd(level=values[0] if values else 3)],
}
"""What takes the place of an HDF5 filter, by the filter's number in HDF5's registry."""


def _layout(given: dict[str, Any]) -> Layout:
    filters = [codec_of(item) for item in given["filters"] or ()]
    after = tuple(codec for codec in filters if not is_array_filter(codec))
    wished = given["compressors"] if given["compressor"] is None else given["compressor"]
    compressors = None if wished is None else codecs_of(wished)
    if after:
        compressors = (*after, *(compressors or ()))
    chunks = given["chunks"]
    if isinstance(chunks, bool):
        chunks = None
    return Layout(
        chunks=_lengths("chunks", (chunks,) if isinstance(chunks, int) else chunks),
        shards=given["shards"] if isinstance(given["shards"], str) else _lengths("shards", given["shards"]),
        filters=[codec for codec in filters if is_array_filter(codec)] or None,
        serializer=None if given["serializer"] in (None, "auto") else codec_of(given["serializer"]),
        compressors=compressors,
        fill_value=given["fill_value"],
    )


def _lengths(name: str, shape: Any) -> tuple[int, ...] | None:
    """Return a shape as whole numbers, of numpy's as well as Python's own."""
    try:
        return None if shape is None else tuple(operator.index(length) for length in shape)
    except TypeError as problem:
        raise ArgumentTypeError(f"{name} must be whole numbers, not {shape!r}") from problem


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
