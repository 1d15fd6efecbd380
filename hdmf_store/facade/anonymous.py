"""Reading where nobody can pass credentials: public data is for everybody."""

from __future__ import annotations

from typing import Any

from hdmf_store.adapter import url_parts
from hdmf_store.errors import AccessError

__all__ = ["anonymous_for", "can_open"]


def anonymous_for(path: Any) -> dict[str, Any] | None:
    """Return the options with which a path is read without credentials; None if it says itself who reads."""
    url = url_parts(path) if isinstance(path, str) else None
    if url is None or url.scheme != "s3" or url.user:
        return None
    return {"s3": {"anon": True}} if url.through else {"anon": True}


def can_open(adapter_class: Any, path: Any) -> bool:
    """Return whether a file is there to be read, with the credentials of the environment or without any."""
    for options in ({}, {"storage_options": anonymous_for(path)}):
        try:
            adapter = adapter_class(path, **options)
            adapter.open("r")
        except AccessError:
            if anonymous_for(path) is None:
                return False
        else:
            adapter.close()
            return True
    return False
