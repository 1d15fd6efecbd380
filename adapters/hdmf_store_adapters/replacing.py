"""A hierarchy that takes the place of another under the same keys, as on object stores, where nothing can be renamed.

Both lie side by side until the commit. So the chunks of the new one have keys that no chunk of the old one has: Zarr
format 3 knows two encodings of keys, and a new array takes the one that the array in its place does not have.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Mapping
from typing import Any

__all__ = ["keyed_apart", "left_behind"]

_DEFAULT, _PLAIN = re.compile(r"c([./]\d+)*"), re.compile(r"\d+([./]\d+)*")


def keyed_apart(document: Mapping[str, Any], former: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the document of a new array with chunk keys that the array at its path does not have.

    Parameters
    ----------
    document : dict
    former : dict, optional
        The document of what is at that path.

    Notes
    -----
    Arrays of format 2 have one encoding of keys; their documents come back as they are.
    """
    encoding = document.get("chunk_key_encoding")
    if encoding is None or former is None or (former.get("chunk_key_encoding") or {}).get("name") != "default":
        return dict(document)
    return {**document, "chunk_key_encoding": {**encoding, "name": "v2"}}


def left_behind(keys: Iterable[str], arrays: Iterable[str], former: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the keys in places of new arrays that look like chunks, and that nobody committed.

    A write that was interrupted left them. They would be taken for chunks of the new arrays, whose own need not cover
    them, as chunks that hold nothing but the fill value are left out.

    Parameters
    ----------
    keys : iterable of str
        What was there before the write.
    arrays : iterable of str
        The paths of the new arrays.
    former : dict of str to dict
        The documents of the hierarchy that is replaced, by path.
    """
    places = set(arrays)
    committed = {path: _pattern(document) for path, document in former.items() if _is_array(document)}
    found = []
    for key in keys:
        path = _holder(key, places)
        rest = key if path is None else key[len(path) :]
        if path is None or not (_DEFAULT.fullmatch(rest) or _PLAIN.fullmatch(rest)):
            continue
        if path not in committed or not committed[path].fullmatch(rest):
            found.append(key)
    return found


def _holder(key: str, arrays: Container[str]) -> str | None:
    """Return the path of the array below which a key lies, or None."""
    end = key.rfind("/")
    while end > 0:
        if "/" + key[:end] in arrays:
            return "/" + key[:end]
        end = key.rfind("/", 0, end)
    return None


def _is_array(document: Mapping[str, Any]) -> bool:
    return document.get("node_type") == "array" or "array" in document


def _pattern(document: Mapping[str, Any]) -> re.Pattern[str]:
    return _DEFAULT if (document.get("chunk_key_encoding") or {}).get("name") == "default" else _PLAIN
