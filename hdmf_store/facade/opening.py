"""Files for functions that only look into them: what is open already is used as it is, a place is opened meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from hdmf_store.adapter import StoreAdapter, open_adapter
from hdmf_store.facade.arguments import check_type

__all__ = ["opened_to_read"]


@contextmanager
def opened_to_read(place: Any, storage_options: Mapping[str, Any] | None, may_read: Any) -> Iterator[StoreAdapter]:
    """Give an open adapter.

    Parameters
    ----------
    place : str, Path, URL, store object, StoreAdapter or StoreIO
        What is open already stays open.
    storage_options : dict or None
        For a URL, as for `ZarrIO`.
    may_read : str, Path, list or dict
        Places to which the file may lead as well, as for `ZarrIO`.
    """
    check_type("storage_options", storage_options, Mapping, optional=True)
    given = getattr(place, "adapter", place)
    if isinstance(given, StoreAdapter) and given.mode:
        yield given
        return
    options = {} if storage_options is None else {"storage_options": storage_options}
    adapter = open_adapter(given, "r", may_read, **options)
    try:
        yield adapter
    finally:
        adapter.close()
