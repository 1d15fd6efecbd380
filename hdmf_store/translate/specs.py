"""Cached specifications: the schema that a file brings along, as nodes.

They lie below the group that the root's attribute ``.specloc`` names, as
``<namespace>/<version>/<source>``, each a scalar text of JSON; they are no part of the container.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from hdmf.backends.utils import NamespaceToBuilderHelper
from hdmf.build import TypeMap
from hdmf.spec import NamespaceCatalog, SpecReader, SpecWriter

from hdmf_store.adapter import StoreAdapter
from hdmf_store.errors import FormatError
from hdmf_store.nodes import ROOT, ArraySource, Dataset, Group, Hierarchy, Node, Text, basename, join

__all__ = [
    "DEFAULT_SPEC_LOC_DIR",
    "SPEC_LOC_ATTR",
    "cached_texts",
    "catalog_texts",
    "load_namespaces",
    "spec_nodes",
    "spec_root",
    "without_specs",
]

SPEC_LOC_ATTR = ".specloc"
DEFAULT_SPEC_LOC_DIR = "specifications"
_NAMESPACE_SOURCE = "namespace"
_UNVERSIONED = ("unversioned", "None")


def spec_root(hierarchy: Hierarchy) -> str | None:
    """Return the path of the group with cached specifications, or None if there is none."""
    return _home_in(hierarchy.nodes)


def _home_in(nodes: Mapping[str, Node]) -> str | None:
    root = nodes.get(ROOT)
    location = root.attributes.get(SPEC_LOC_ATTR) if isinstance(root, Group) else None
    return "/" + location.strip("/") if isinstance(location, str) else None


def without_specs(nodes: Mapping[str, Node]) -> dict[str, Node]:
    """Return nodes by path without cached specifications: what people mean by the objects of a file."""
    home = _home_in(nodes)
    return {
        path: node for path, node in nodes.items() if home is None or not (path == home or path.startswith(home + "/"))
    }


class _Collector(SpecWriter):
    """Keeps what HDMF would write to files."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def write_spec(self, spec: Any, path: str) -> None:
        self.texts[path] = json.dumps(spec, separators=(",", ":"))

    def write_namespace(self, namespace: Any, path: str) -> None:
        self.texts[path] = json.dumps({"namespaces": [namespace]}, separators=(",", ":"))


def spec_nodes(catalog: NamespaceCatalog, stored: Hierarchy | None) -> dict[str, Node]:
    """Return the nodes that cache all specifications of a catalog, without those that are stored already.

    The root's attribute is the caller's to set, to `DEFAULT_SPEC_LOC_DIR` where it is missing.
    """
    base = (spec_root(stored) if stored is not None else None) or f"/{DEFAULT_SPEC_LOC_DIR}"
    known = stored if stored is not None else ()
    nodes: dict[str, Node] = {} if base in known else {base: Group()}
    for name in catalog.namespaces:
        version = str(catalog.get_namespace(name).version)
        home = join(join(base, name), version)
        if home in known:
            continue
        writer = _Collector()
        NamespaceToBuilderHelper.convert_namespace(catalog, name).export(_NAMESPACE_SOURCE, writer=writer)
        for path in (join(base, name), home):
            if path not in known:
                nodes[path] = Group()
        for source, text in writer.texts.items():
            nodes[join(home, source)] = _text(text)
    return nodes


def _text(value: str) -> Dataset:
    array = np.empty((), object)
    array[()] = value
    return Dataset(Text(), (), ArraySource(array))


class _Reader(SpecReader):
    """Serves one namespace's specifications from texts in memory."""

    def __init__(self, source: str, texts: Mapping[str, str]) -> None:
        super().__init__(source=source)
        self._texts = texts

    def read_spec(self, spec_path: str) -> Any:
        return json.loads(self._texts[spec_path])

    def read_namespace(self, ns_path: str) -> Any:
        return json.loads(self._texts[ns_path])["namespaces"]


def load_namespaces(
    catalog: NamespaceCatalog | TypeMap, adapter: StoreAdapter, namespaces: Sequence[str] | None = None
) -> dict[str, Any]:
    """Load the specifications that a hierarchy caches into a catalog; its newest version of each namespace.

    Where the catalog has the same versions of all of them, nothing is read: HDMF keeps what a catalog has.

    Parameters
    ----------
    catalog : NamespaceCatalog or TypeMap
    adapter : StoreAdapter
        Open for reading; asked once for the values, whatever their number.
    namespaces : sequence of str, optional
        Which to load; all by default.

    Returns
    -------
    dict
        Of each loaded namespace, what it includes of others, as HDMF's catalog says it.

    Raises
    ------
    FormatError
        If a cached specification is no JSON.
    """
    homes = cached_homes(adapter.load(), namespaces)
    if _holds_all(catalog, homes):  # as it does for most files, whose texts need not be read then
        return {}
    readers = {}
    for name, (home, texts) in cached_texts(adapter, namespaces).items():
        _check_json(texts, adapter, home)
        if _NAMESPACE_SOURCE in texts:
            readers[name] = _Reader(f"{adapter.location}:{home}", texts)
    return catalog.load_namespaces(_NAMESPACE_SOURCE, reader=readers) if readers else {}


def _holds_all(catalog: NamespaceCatalog | TypeMap, homes: Mapping[str, str]) -> bool:
    """Return whether a catalog has each namespace in the version that is cached at a path."""
    known = catalog.namespace_catalog if isinstance(catalog, TypeMap) else catalog
    held = set(known.namespaces)
    return all(name in held and known.get_namespace(name)["version"] == basename(homes[name]) for name in homes)


def cached_homes(hierarchy: Hierarchy, namespaces: Sequence[str] | None = None) -> dict[str, str]:
    """Return, of each cached namespace, the path at which its newest version lies."""
    base = spec_root(hierarchy)
    return {} if base is None or base not in hierarchy else _newest(hierarchy, base, namespaces)


def cached_texts(
    adapter: StoreAdapter, namespaces: Sequence[str] | None = None
) -> dict[str, tuple[str, dict[str, str]]]:
    """Return, of each cached namespace, where its newest version lies and the JSON texts there by source."""
    hierarchy = adapter.load()
    homes = cached_homes(hierarchy, namespaces)
    wanted = [path for home in homes.values() for path in hierarchy.children[home]]
    values = adapter.fetch([path for path in wanted if isinstance(hierarchy.nodes[path], Dataset)])
    return {
        name: (home, {basename(p): str(values[p].reshape(())[()]) for p in hierarchy.children[home] if p in values})
        for name, home in homes.items()
    }


def catalog_texts(catalog: NamespaceCatalog) -> dict[str, dict[str, str]]:
    """Return the JSON texts, by source, with which a file caches each namespace of a catalog."""
    texts = {}
    for name in catalog.namespaces:
        writer = _Collector()
        NamespaceToBuilderHelper.convert_namespace(catalog, name).export(_NAMESPACE_SOURCE, writer=writer)
        texts[name] = writer.texts
    return texts


def _check_json(texts: Mapping[str, str], adapter: StoreAdapter, home: str) -> None:
    for source, text in texts.items():
        try:
            json.loads(text)
        except ValueError as problem:
            raise FormatError(
                str(adapter.location), join(home, source), f"the cached specification is no JSON ({problem})"
            ) from problem


def _newest(hierarchy: Hierarchy, base: str, wanted: Iterable[str] | None) -> dict[str, str]:
    """Return the path of the newest version of each namespace; unversioned ones only where nothing else is."""
    available = {basename(path): path for path in hierarchy.children[base]}
    homes = {}
    for name in available if wanted is None else wanted:
        if name not in available:
            raise KeyError(f"{hierarchy.location}: no specifications of the namespace {name!r} are cached")
        versions = sorted(hierarchy.children[available[name]], key=lambda path: _rank(basename(path)))
        if versions:
            homes[name] = versions[-1]
    return homes


def _rank(version: str) -> tuple[bool, tuple[tuple[bool, int, str], ...]]:
    parts = tuple(
        (part.isdigit(), int(part) if part.isdigit() else 0, part) for part in version.replace("-", ".").split(".")
    )
    return version not in _UNVERSIONED, parts
