"""Keys that are read although some of them cannot be: each for itself, once reading them together has failed."""

from __future__ import annotations

from collections.abc import Sequence

from hdmf_store.errors import HDMFStoreError
from hdmf_store_adapters.media import Medium

__all__ = ["NOT_READ", "read_each"]

NOT_READ = (HDMFStoreError, OSError)
"""What a medium raises for bytes that are there and cannot be read."""


def read_each(medium: Medium, keys: Sequence[str]) -> list[bytes | Exception | None]:
    """Return for each key its bytes, None if there are none, or why they cannot be read."""
    try:
        return list(medium.read_many(keys))
    except NOT_READ:  # which one it was is found out only now that it matters
        return [_read(medium, key) for key in keys]


def _read(medium: Medium, key: str) -> bytes | Exception | None:
    try:
        return medium.read(key)
    except NOT_READ as problem:
        return problem
