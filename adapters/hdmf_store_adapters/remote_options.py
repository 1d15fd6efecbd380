"""Options with which fsspec's file systems take few round trips and see what others wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf_store_adapters.store_objects import CONCURRENCY

__all__ = ["with_defaults"]


def with_defaults(scheme: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options for the file system of a URL's scheme, ours where a user gave none."""
    if scheme not in ("s3", "s3a"):
        return dict(options)
    return {
        "max_concurrency": 1,  # parts of one object; with more, s3fs asks for the size of each object before it reads
        "use_listings_cache": False,  # what other writers have added since is there as well
        **options,
        "config_kwargs": {"max_pool_connections": CONCURRENCY, **options.get("config_kwargs", {})},
    }
