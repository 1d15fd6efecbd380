"""HDF5 datasets whose values lie in other files: external storage and virtual datasets.

HDF5 itself reads whatever file a dataset names. So the names are checked first, by the same rule as those of other
files. How HDF5 looks for a file is documented with H5Pset_external (from the working directory) and
H5Pset_virtual (from the folder of the file, then from the working directory).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py

from hdmf_store.adapter import Location, Reach
from hdmf_store.errors import LocationError

__all__ = ["why_not_read"]

_DEEPEST = 16


def why_not_read(dataset: h5py.Dataset, may_read: Mapping[str, Mapping[str, Any]], depth: int = 0) -> str | None:
    """Return why the values of a dataset may not be read; None if they may be.

    Parameters
    ----------
    dataset : h5py.Dataset
    may_read : dict
        The word of the caller, as for `Reach`.
    depth : int
        How many virtual datasets led here.
    """
    if not dataset.external and not dataset.is_virtual:
        return None
    reach = Reach(Location.of(dataset.file.filename), may_read=may_read)
    try:
        for name in _external_files(dataset):
            reach.find(os.path.abspath(name))
        for name, path in _virtual_sources(dataset):
            problem = _why_not_source(reach, name, path, depth + 1)
            if problem is not None:
                return problem
    except LocationError as problem:
        return f"its values lie in another file. {problem}"
    return None


def _external_files(dataset: h5py.Dataset) -> Iterator[str]:
    for name, *_ in dataset.external or ():
        yield os.fsdecode(name)


def _virtual_sources(dataset: h5py.Dataset) -> Iterator[tuple[str, str]]:
    if dataset.is_virtual:
        yield from dict.fromkeys((source.file_name, source.dset_name) for source in dataset.virtual_sources())


def _why_not_source(reach: Reach, name: str, path: str, depth: int) -> str | None:
    """Check one source of a virtual dataset, and the sources that it has itself."""
    if depth > _DEEPEST:
        return f"its values lie in other files, which name others in turn, more than {_DEEPEST} times"
    if "%" in name or "%" in path:
        return f"its values lie in files that a pattern names, {name!r}, which is not followed"
    if name == ".":
        file = reach.base.address
    else:
        beside = os.path.join(os.path.dirname(reach.base.address), name)
        file = reach.find(beside if os.path.exists(beside) else os.path.abspath(name)).address
    if not os.path.isfile(file):
        return None  # HDF5 gives fill values
    try:
        with h5py.File(file, "r") as opened:
            found = opened.get(path)
            return why_not_read(found, reach.may_read, depth) if isinstance(found, h5py.Dataset) else None
    except OSError:
        return None  # nor does HDF5 open it
