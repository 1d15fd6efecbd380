"""The folders of a file on disk, however deep they lie: what Python offers for it calls itself for each level."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

__all__ = ["walk"]


def walk(folder: str, onerror: Callable[[OSError], object] | None = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each folder with the names of the folders and of the files in it, as `os.walk` does from the top.

    Parameters
    ----------
    folder : str
    onerror : callable, optional
        Is given the error of each folder that cannot be listed; these are left out.
    """
    waiting = [folder]
    while waiting:
        at = waiting.pop()
        folders: list[str] = []
        files: list[str] = []
        try:
            with os.scandir(at) as entries:
                for entry in entries:
                    (folders if entry.is_dir() else files).append(entry.name)
        except OSError as problem:
            if onerror is not None:
                onerror(problem)
            continue
        yield at, folders, files
        inner = (os.path.join(at, name) for name in reversed(folders))
        waiting += [path for path in inner if not os.path.islink(path)]
