"""Which names of objects the files of a system cannot have, where each object is a folder of its name.

Sources: Microsoft's page on naming files, paths and namespaces; the paths of the library that obstore wraps. All common
file systems have the limit of 255 bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from hdmf_store.nodes import basename, parent

__all__ = ["OBSTORE", "refused_names"]

OBSTORE = "obstore"
"""Stands where the name of a system does, for stores of obstore, which make paths of keys."""

_MOST_BYTES = 255
_MOST_LEVELS = 500
"""Below the root: programs that remove folders call themselves for each level, and Python does so a thousand times."""

_IGNORES_CASE = ("win32", "darwin")
_OF_WINDOWS = re.compile(
    r"""
    .*[<>:"|?*\x00-\x1f].*                                     # characters
    | .*[. ]                                                  # the end, which is cut off
    | (con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\..*)?  # devices, whatever their ending
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
_OF_OBSTORE = re.compile(r".*[\x00-\x1f\x7f].*", re.DOTALL)


def refused_names(paths: Iterable[str], known: Iterable[str], system: str) -> dict[str, str]:
    """Return the paths whose names cannot be those of folders, and why.

    Parameters
    ----------
    paths : iterable of str
        Of new objects.
    known : iterable of str
        Of objects that are there already.
    system : str
        As `sys.platform` names it, or `OBSTORE`.
    """
    if system == OBSTORE:
        reason = "obstore has no keys with control characters"
        return {path: reason for path in paths if _OF_OBSTORE.fullmatch(basename(path))}
    refused: dict[str, str] = {}
    taken = {_folded(path): path for path in known} if system in _IGNORES_CASE else {}
    for path in paths:
        name = basename(path)
        if path.count("/") > _MOST_LEVELS:
            refused[path] = f"more than {_MOST_LEVELS} folders in each other cannot be removed again by many programs"
        elif len(name.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
            refused[path] = f"no file system holds names of more than {_MOST_BYTES} bytes"
        elif system == "win32" and _OF_WINDOWS.fullmatch(name):
            refused[path] = "Windows has no files of such names"
        elif system in _IGNORES_CASE and taken.setdefault(_folded(path), path) != path:
            refused[path] = "this system does not tell upper from lower case"
    return refused


def _folded(path: str) -> str:
    return f"{parent(path)}/{basename(path).casefold()}"
