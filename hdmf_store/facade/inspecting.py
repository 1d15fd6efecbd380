"""`inspect`: what a file is, in one call and without constructing containers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf_store.facade.opening import opened_to_read
from hdmf_store.translate.summary import Summary, summarise

__all__ = ["inspect"]


def inspect(path: Any, storage_options: Mapping[str, Any] | None = None, may_read: Any = ()) -> Summary:
    """Sum up a file of any store: its kind, types of objects, sizes, codecs, cached specifications.

    Only metadata is read: a request or two where it is consolidated. Neither pynwb nor the specifications of an
    extension are needed, whatever types the file holds.

    Parameters
    ----------
    path : str, Path, URL, store object, StoreAdapter or StoreIO
        What is open already is used as it is, and stays open.
    storage_options : dict, optional
        For a URL, as for `ZarrIO`.
    may_read : str, Path, list or dict, optional
        Places to which the file may lead as well, as for `ZarrIO`.

    Returns
    -------
    Summary
        `Summary.as_dict` has it as plain data.

    Raises
    ------
    MissingHierarchyError
        If nothing is there.
    ArgumentError
        If no adapter serves the place.

    Examples
    --------
    >>> from hdmf.build import GroupBuilder
    >>> from zarr.storage import MemoryStore
    >>> from hdmf_store import ZarrIO, inspect
    >>> store = MemoryStore()
    >>> with ZarrIO(store, "w") as io:
    ...     io.write_builder(GroupBuilder("root", attributes={"data_type": "Container", "namespace": "hdmf-common"}))
    >>> inspect(store).types
    {'hdmf-common.Container': 1}
    """
    with opened_to_read(path, storage_options, may_read) as adapter:
        return summarise(adapter)
