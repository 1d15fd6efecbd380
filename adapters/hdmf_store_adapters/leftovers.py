"""What writers that were killed leave on a disk: unfinished files and folders beside a hierarchy, known by their names.

A leftover that holds a whole hierarchy is never taken for rubbish: it can be the old state of the file, which was
moved aside, or a new one that was finished and did not get to its place.
"""

from __future__ import annotations

import os
import re
import shutil
import time
import zipfile

import attrs
import h5py

from hdmf_store.adapter import Location
from hdmf_store.adapter.folders import walk
from hdmf_store_adapters.exchanging import TEMPORARY

__all__ = [
    "Leftover",
    "is_file",
    "is_temporary",
    "leftovers_beside",
    "parts",
    "removed",
    "seconds_idle",
    "through_link",
]

_MARK = re.compile(re.escape(TEMPORARY) + r"[0-9a-f]{32}(?=/|$)")
_ROOT_DOCUMENTS = ("zarr.json", ".zgroup", ".zmetadata", ".zarray")


@attrs.frozen
class Leftover:
    """An unfinished file or folder beside a hierarchy.

    Parameters
    ----------
    path : str
    is_whole : bool
        Whether a hierarchy can be read from it.
    idle : float
        Seconds since something in it changed.
    """

    path: str
    is_whole: bool
    idle: float


def is_temporary(key: str) -> bool:
    """Return whether a key has the mark of an unfinished file or folder."""
    return _MARK.search(key) is not None


def parts(key: str) -> tuple[str, str, str]:
    """Return the key of what an unfinished file or folder was made for, its own key, and the rest of a key in it.

    >>> parts("g/x.hdmf-store-tmp-0123456789abcdef0123456789abcdef/c/0")
    ('g/x', 'g/x.hdmf-store-tmp-0123456789abcdef0123456789abcdef', '/c/0')
    """
    mark = _MARK.search(key)
    assert mark is not None
    return key[: mark.start()], key[: mark.end()], key[mark.end() :]


def seconds_idle(location: Location, key: str) -> float | None:
    """Return for how long a file in a hierarchy has not changed; None where that is not known."""
    if not location.is_local or not os.path.isdir(location.address):
        return None
    path = os.path.join(location.address, key)
    return time.time() - os.lstat(path).st_mtime if os.path.lexists(path) else 0.0


def is_file(location: Location, key: str) -> bool:
    """Return whether a key of a hierarchy in a folder is that of a file, or of a link to one that is there."""
    return os.path.isfile(os.path.join(location.address, key))


def through_link(location: Location, key: str) -> bool:
    """Return whether a key, or a folder on the way to it, is a link of the file system."""
    if not location.is_local:
        return False
    names = key.split("/")
    ways = (os.path.join(location.address, *names[:end]) for end in range(1, len(names) + 1))
    return any(map(os.path.islink, ways))


def leftovers_beside(location: Location) -> list[Leftover]:
    """Return what writers of a hierarchy have left beside it, or are about to put in its place."""
    if not location.is_local:
        return []
    folder, name = os.path.split(location.identity)
    if not os.path.isdir(folder):
        return []
    with os.scandir(folder) as entries:
        found = [
            e.path for e in entries if e.name.startswith(name + TEMPORARY) and _MARK.fullmatch(e.name[len(name) :])
        ]
    return [Leftover(path, _is_whole(path), time.time() - _last_change(path)) for path in sorted(found)]


def removed(path: str) -> None:
    """Remove a leftover; what is gone already is no error."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    elif os.path.lexists(path):
        os.unlink(path)


def _is_whole(path: str) -> bool:
    if os.path.isdir(path):
        return any(os.path.exists(os.path.join(path, name)) for name in _ROOT_DOCUMENTS)
    return zipfile.is_zipfile(path) or _opens_as_hdf5(path)


def _opens_as_hdf5(path: str) -> bool:
    """Return whether HDF5 takes a file for one that was closed, which it does not if the end is missing."""
    try:
        with h5py.File(path, "r") as file:
            return len(file) >= 0
    except (OSError, RuntimeError):
        return False


def _last_change(path: str) -> float:
    inside = (os.path.join(folder, name) for folder, _, names in walk(path) for name in names)
    return max((os.lstat(place).st_mtime for place in (path, *inside) if os.path.lexists(place)), default=0.0)
