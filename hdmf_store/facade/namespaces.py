"""Cached specifications into a catalog, from a place or from what is open."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from hdmf.build import TypeMap
from hdmf.spec import NamespaceCatalog

from hdmf_store.adapter import StoreAdapter, connect
from hdmf_store.errors import ArgumentError
from hdmf_store.facade.arguments import check_type
from hdmf_store.translate.specs import load_namespaces, spec_root

__all__ = ["adapter_of", "load_from_open", "load_from_place"]


def adapter_of(adapter_class: Any, path: Any, options: Mapping[str, Any], may_read: Any = ()) -> StoreAdapter:
    """Return the adapter for a path with options, or the one that is given in place of a path.

    Raises
    ------
    ArgumentError
        If an adapter is given, and options that only a new one could take.
    """
    if not isinstance(path, StoreAdapter):
        return connect(path, adapter_class, may_read, **options)
    if options:
        raise ArgumentError(f"an adapter has its options already; pass {', '.join(options)} to the adapter itself")
    return path


def load_from_open(catalog: Any, file: Any, io: Any, namespaces: Any) -> dict[str, Any]:
    """Load what an open file caches: an adapter, or what has one, under either of two names.

    Raises
    ------
    ArgumentError
        If there is none, or both.
    """
    if (file is None) == (io is None):
        raise ArgumentError("pass either a path or an open file to load namespaces from")
    given = io if file is None else file
    adapter = getattr(given, "adapter", given)
    check_type("file", adapter, StoreAdapter)
    return _loaded(catalog, adapter, namespaces)


def load_from_place(catalog: Any, adapter: StoreAdapter, namespaces: Any) -> dict[str, Any]:
    """Load what lies at an adapter's place; the adapter is open only meanwhile."""
    adapter.open("r")
    try:
        return _loaded(catalog, adapter, namespaces)
    finally:
        adapter.close()


def _loaded(catalog: Any, adapter: StoreAdapter, namespaces: Any) -> dict[str, Any]:
    """Load what a file caches, and warn if that is nothing."""
    check_type("namespace_catalog", catalog, NamespaceCatalog, TypeMap)
    check_type("namespaces", namespaces, list, tuple, optional=True)
    if spec_root(adapter.load()) is None:
        warnings.warn(f"No cached namespaces found in {adapter.location}", stacklevel=4)
    return load_namespaces(catalog, adapter, namespaces)
