"""One file summed up without constructing containers: what it is, what types it holds, and how large it is."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from hdmf_store.adapter import Capabilities, Location, StoreAdapter
from hdmf_store.adapter.folders import walk
from hdmf_store.nodes import ROOT, Dataset, Group, Hierarchy, Layout, Link, Node, basename
from hdmf_store.translate.specs import spec_root, without_specs

__all__ = [
    "Stored",
    "Summary",
    "cached_specifications",
    "size_of",
    "size_on_disk",
    "stored_size",
    "summarise",
    "type_of",
]

_TYPE_KEYS = ("neurodata_type", "data_type")


@attrs.frozen
class Stored:
    """What a file takes on disk.

    Parameters
    ----------
    size : int
        Bytes.
    files : int
    """

    size: int
    files: int


@attrs.frozen(kw_only=True)
class Summary:
    """What a file is, without its objects. Cached specifications are counted nowhere but in their own list.

    Parameters
    ----------
    file, store : str
        The location, and the name of its adapter.
    facts : dict
        What the adapter tells of the file, such as the version of its format.
    capabilities : Capabilities
    groups, datasets, links : int
    values : int
        Bytes of all values in memory; a text counts as a pointer.
    stored : Stored, optional
        What it takes on disk; None for what lies elsewhere.
    codecs : dict of str to int
        How many datasets are stored with which codecs, the most frequent first.
    types : dict of str to int
        How many objects there are of which type, ``"core.TimeSeries"`` and the like, by name.
    specifications : tuple of str
        The namespaces whose specifications are cached, with their versions.
    nwb_version, object_id : str, optional
        Of the root.
    """

    file: str
    store: str
    facts: Mapping[str, Any]
    capabilities: Capabilities
    groups: int
    datasets: int
    links: int
    values: int
    stored: Stored | None
    codecs: Mapping[str, int]
    types: Mapping[str, int]
    specifications: tuple[str, ...]
    nwb_version: str | None
    object_id: str | None

    @property
    def objects(self) -> int:
        """How many groups, datasets and links there are."""
        return self.groups + self.datasets + self.links

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain data, by the names that ``hdmf-store info --json`` uses."""
        return {
            "file": self.file,
            "store": self.store,
            **self.facts,
            "capabilities": attrs.asdict(self.capabilities),
            "objects": self.objects,
            "groups": self.groups,
            "datasets": self.datasets,
            "links": self.links,
            "bytes_of_values": self.values,
            "bytes_stored": None if self.stored is None else self.stored.size,
            "files": None if self.stored is None else self.stored.files,
            "codecs": dict(self.codecs),
            "types": dict(self.types),
            "specifications": list(self.specifications),
            "nwb_version": self.nwb_version,
            "object_id": self.object_id,
        }


def summarise(adapter: StoreAdapter) -> Summary:
    """Sum up a hierarchy that is open for reading; no values are read."""
    hierarchy = adapter.load()
    nodes = without_specs(hierarchy.nodes)
    kinds = Counter(type(node) for node in nodes.values())
    datasets = [node for node in nodes.values() if isinstance(node, Dataset)]
    return Summary(
        file=str(adapter.location),
        store=adapter.name,
        facts=adapter.facts() if hasattr(adapter, "facts") else {},
        capabilities=adapter.capabilities,
        groups=kinds[Group],
        datasets=kinds[Dataset],
        links=kinds[Link],
        values=sum(map(size_of, datasets)),
        stored=stored_size(adapter.location),
        codecs=dict(Counter(_codecs(dataset.layout) for dataset in datasets).most_common()),
        types=_types(nodes.values()),
        specifications=tuple(cached_specifications(hierarchy)),
        nwb_version=_of_root(hierarchy, "nwb_version"),
        object_id=_of_root(hierarchy, "object_id"),
    )


def stored_size(location: Location) -> Stored | None:
    """Return what a local file or folder takes on disk; None for what lies elsewhere."""
    if not location.is_local:
        return None
    if os.path.isfile(location.address):
        return Stored(os.path.getsize(location.address), 1)
    found = [size_on_disk(os.path.join(at, name)) for at, _, names in walk(location.address) for name in names]
    return Stored(sum(found), len(found))


def size_on_disk(path: str) -> int:
    """Return the bytes of a file, none for a link to what is not there, as DataLad keeps what was not fetched."""
    try:
        return os.path.getsize(path)
    except OSError:
        return 0


def size_of(dataset: Dataset) -> int:
    """Return the bytes of a dataset's values in memory."""
    return math.prod(dataset.shape) * max(1, dataset.element.dtype.itemsize)


def type_of(node: Node) -> str | None:
    """Return the name of the data type that a group or dataset claims, without its namespace."""
    attributes = getattr(node, "attributes", {})
    found = next((attributes[key] for key in _TYPE_KEYS if key in attributes), None)
    return None if found is None else str(found)


def cached_specifications(hierarchy: Hierarchy) -> list[str]:
    """Return the namespaces whose specifications a hierarchy caches, with their versions."""
    base = spec_root(hierarchy)
    return [
        f"{basename(name)} {basename(version)}"
        for name in hierarchy.children.get(base or "", ())
        for version in hierarchy.children.get(name, ())
    ]


def _types(nodes: Iterable[Node]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for node in nodes:
        name = type_of(node)
        if name is not None:
            namespace = getattr(node, "attributes", {}).get("namespace")
            found[f"{namespace}.{name}" if isinstance(namespace, str) else name] += 1
    return dict(sorted(found.items()))


def _of_root(hierarchy: Hierarchy, name: str) -> str | None:
    root = hierarchy[ROOT]
    value = None if isinstance(root, Link) else root.attributes.get(name)
    return None if value is None else str(value)


def _codecs(layout: Layout) -> str:
    steps = (*(layout.filters or ()), *(layout.compressors or ()))
    return ", ".join(step.name for step in steps) or str(layout.native or "") or "none"
