"""Whether keys without a root document are what an interrupted writer left, or something that is not to be replaced."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence

__all__ = ["hold_something_else"]

_PART = re.compile(r"(^|/)(zarr\.json|\.zgroup|\.zarray|\.zattrs|\.zmetadata|c([./]\d+)*|\d+([./]\d+)*)$")
"""Documents and chunks, in the spellings of both formats."""

_LOOKED_AT = 16


def hold_something_else(keys: Collection[str], read: Callable[[Sequence[str]], list[bytes | None]]) -> bool:
    """Return whether keys are more than the parts of one hierarchy that has no root document.

    What is no chunk and no document is something else, and so is a hierarchy of its own further down: one whose name
    says so, or whose document consolidates others.

    Parameters
    ----------
    keys : collection of str
        None of them is a root document.
    read : callable
        Returns the bytes under some of them; it is asked for a few, once.
    """
    if any(not _PART.search(key) or ".zarr/" in key or key.endswith("/.zmetadata") for key in keys):
        return True
    documents = sorted((key for key in keys if key.endswith("/zarr.json")), key=lambda key: (key.count("/"), key))
    return any(b'"consolidated_metadata"' in (data or b"") for data in read(documents[:_LOOKED_AT]))
