"""Files that a disk has, and not only the system's memory: what a writer waits for who asked for ``durable=True``.

A system keeps what is written in memory for a while, and puts names on disk in an order of its own. So the bytes of a
file are waited for before its name is made or exchanged, and a folder after a name in it was. Waiting for many files
together costs less than for each as it is written, because a disk serves several requests at once.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from hdmf_store.adapter.folders import walk

__all__ = ["Unsettled", "sync_file", "sync_folder", "sync_tree"]

_AT_ONCE = 8
"""Threads that wait for files; more gained nothing on the disks that were tried."""


class Unsettled:
    """Folders in which names were made that the disk may not have yet."""

    def __init__(self) -> None:
        self._folders: dict[str, None] = {}
        self._trees: dict[str, None] = {}

    def named_in(self, folder: str) -> None:
        """Take note of a new name in a folder."""
        self._folders[folder] = None

    def made_on_the_way_to(self, path: str) -> None:
        """Take note of the folders above a path that are about to be made, as far as they are not there."""
        above = os.path.dirname(path) if not os.path.isdir(path) else ""
        while above and not os.path.isdir(above):
            self._folders[above] = None
            above = os.path.dirname(above)
        if above:
            self._folders[above] = None

    def written_below(self, folder: str) -> None:
        """Take note that others write below a folder, which is to be waited for as a whole."""
        self._trees[folder] = None

    def settle(self) -> None:
        """Wait until the disk has everything that was noted, and forget it."""
        trees, folders = list(self._trees), list(self._folders)
        for tree in trees:
            if os.path.isdir(tree):
                sync_tree(tree)
        for folder in folders:
            if os.path.isdir(folder):
                sync_folder(folder)
        self._trees, self._folders = {}, {}


def sync_file(path: str) -> None:
    """Wait until the disk has the bytes of a file."""
    _sync(path, os.O_RDWR if sys.platform == "win32" else os.O_RDONLY)


def sync_folder(path: str) -> None:
    """Wait until the disk has the names in a folder; nothing on systems that do not let anyone wait for that."""
    if sys.platform != "win32":
        _sync(path, os.O_RDONLY)


def sync_tree(folder: str) -> None:
    """Wait until the disk has all files below a folder, then their names, from the leaves up."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        _all_done(pool.map(sync_file, _files(folder)))
        _all_done(pool.map(sync_folder, [path for path, _, _ in reversed(list(walk(folder)))]))


def _all_done(results: Iterable[None]) -> None:
    for _ in results:
        pass


def _files(folder: str) -> Iterator[str]:
    for inner, _, names in walk(folder):
        yield from (os.path.join(inner, name) for name in names)


def _sync(path: str, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
