"""File systems of fsspec for files whose addresses a file gave: no server leads a reader to where it may not be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import fsspec

from hdmf_store.errors import LocationError
from hdmf_store_adapters.server_options import fsspec_options

__all__ = ["file_system"]


def file_system(scheme: str, options: Mapping[str, Any]) -> Any:
    """Return fsspec's file system for a scheme; over HTTP, one that checks where it is sent on to."""
    checked = {"get_client": _client} if scheme in ("http", "https") else {}
    return fsspec.filesystem(scheme, **{**checked, **fsspec_options(options)})


async def _client(**options: Any) -> Any:
    import aiohttp  # which fsspec has imported by now

    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_check_redirect)
    return aiohttp.ClientSession(trace_configs=[watch], **options)


async def _check_redirect(_session: Any, _context: Any, about: Any) -> None:
    """Let a server send readers on within itself, and to ``https`` anywhere, as archives of data do."""
    here = str(about.response.url)
    there = urljoin(here, about.response.headers.get("Location", ""))
    if urlsplit(there).scheme != "https" and urlsplit(there)[:2] != urlsplit(here)[:2]:
        raise LocationError(there, f"is where {here} sends its readers, neither on that server nor over https")
