"""Which chunks of a Zarr array are stored, where it says that it has many more."""

from __future__ import annotations

import math
from collections.abc import Collection

from hdmf_store_adapters.careful_reading import NOT_READ
from hdmf_store_adapters.chunk_keys import chunk_of
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.local_files import folders_not_entered
from hdmf_store_adapters.sparse import MANY_CHUNKS, are_few

__all__ = ["stored_indices"]


def stored_indices(held: HeldDocuments, path: str) -> Collection[tuple[int, ...]] | None:
    """Return the chunks of a Zarr array that are stored, in order; None where most are, or a list does not tell.

    Parameters
    ----------
    held : HeldDocuments
        Open for reading.
    path : str
        Of the array.
    """
    record = held.record(path)
    count = math.prod(record.grid)
    if record.is_scalar or count < MANY_CHUNKS or folders_not_entered(held.location):
        return None
    try:
        keys = set(held.medium.list_keys())
    except NOT_READ:
        return None
    folder = f"{path[1:]}/".lstrip("/")
    if keys.isdisjoint(folder + name for name in held.format.DOCUMENTS):  # whose list leaves things out
        return None
    places = (chunk_of(key, {path: record}) for key in keys if key.startswith(folder))
    found = {place[1] for place in places if place is not None}
    return sorted(found) if are_few(len(found), count) else None
