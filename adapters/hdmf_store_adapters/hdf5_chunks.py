"""Chunks of arrays that are cut out of datasets in HDF5 files, here or on other machines, which are opened once.

A file that is opened so was named by another file. So it does not lead any further: links to other files, and datasets
that HDF5 would put together from other files, are refused.
"""

from __future__ import annotations

import os
import stat
import threading
from collections import OrderedDict
from typing import Any

import attrs
import h5py
import numpy as np

from hdmf_store.adapter import Admitted
from hdmf_store_adapters.external_arrays import ExternalArray
from hdmf_store_adapters.remote_files import file_system

__all__ = ["HDF5Chunks"]

_OPEN = 16
"""Files that are kept open."""

_BLOCK = 2**20
"""Bytes of a remote file that are fetched at once; 32 such blocks are kept."""


class HDF5Chunks:
    """HDF5 files that are open for reading, those that were used last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._files: OrderedDict[tuple[int, str], _Opened] = OrderedDict()

    def read(self, target: Admitted, array: ExternalArray, index: tuple[int, ...]) -> bytes:
        """Return the bytes of one chunk of an array, as its document says that they are encoded.

        Raises
        ------
        OSError, ValueError
            If the file is none, or has no such dataset; whatever else a file system raises that cannot be read.
        """
        grid = array.grid
        corner = [at * length for at, length in zip(index, grid.chunks, strict=True)]
        stops = [min(at + n, most) for at, n, most in zip(corner, grid.chunks, grid.shape, strict=True)]
        with self._lock:
            opened = self._file(target)
            if array.name not in opened.datasets:
                opened.datasets[array.name] = _dataset(opened.file, array.name)
            dataset = opened.datasets[array.name]
            _check(dataset, array)
            values = dataset[tuple(map(slice, corner, stops))]
        chunk = np.zeros(grid.chunks, array.dtype)
        chunk[tuple(map(slice, values.shape))] = values
        return array.codec.encode(chunk)

    def close(self) -> None:
        """Close all files; they are opened again when they are asked for."""
        with self._lock:
            while self._files:
                self._close_oldest()

    def _file(self, target: Admitted) -> _Opened:
        key = (os.getpid(), target.address)  # a file that another process opened moves under its hands
        if key not in self._files:
            self._files[key] = _opened(target)
            if len(self._files) > _OPEN:
                self._close_oldest()
        self._files.move_to_end(key)
        return self._files[key]

    def _close_oldest(self) -> None:
        (process, _), opened = self._files.popitem(last=False)
        if process == os.getpid():
            opened.file.close()
            if opened.stream is not None:
                opened.stream.close()


@attrs.frozen
class _Opened:
    """A file that is open, what it is read from if that is on another machine, and its datasets that were asked for."""

    file: h5py.File
    stream: Any = None
    datasets: dict[str, h5py.Dataset] = attrs.field(factory=dict)


def _opened(target: Admitted) -> _Opened:
    if target.scheme == "file":
        if not stat.S_ISREG(os.stat(target.address).st_mode):
            raise OSError(f"{target.address} is no plain file")
        return _Opened(h5py.File(target.address, "r"))
    system = file_system(target.scheme, target.options)
    path = system._strip_protocol(target.address)
    stream = system.open(path, "rb", block_size=_BLOCK, cache_type="blockcache")
    try:
        return _Opened(h5py.File(stream, "r"), stream)
    except BaseException:
        stream.close()
        raise


def _dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Return a dataset by its own path, over no link that leads elsewhere."""
    found: Any = file
    for part in name.strip("/").split("/"):
        if not isinstance(found, h5py.Group) or not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise ValueError(f"it has no dataset {name!r}, not counting what links lead to")
        found = found[part]
    if not isinstance(found, h5py.Dataset):
        raise ValueError(f"its {name!r} is no dataset")
    if found.is_virtual or found.external:
        raise ValueError(f"its {name!r} has its values in further files")
    return found


def _check(dataset: h5py.Dataset, array: ExternalArray) -> None:
    if dataset.shape != array.grid.shape:
        raise ValueError(f"its {array.name!r} has the shape {dataset.shape}, where {array.grid.shape} is meant")
    if dataset.dtype.newbyteorder("=") != array.dtype.newbyteorder("="):
        raise ValueError(f"its {array.name!r} is of type {dataset.dtype}, where {array.dtype} is meant")
