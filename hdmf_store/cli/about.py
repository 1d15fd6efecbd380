"""One file summed up, for people and for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from hdmf_store.adapter import Capabilities, StoreAdapter
from hdmf_store.cli.calls import human
from hdmf_store.cli.installed import capabilities_as_json, words_of
from hdmf_store.cli.show import Stored, cached_specifications, size_of, stored_size
from hdmf_store.nodes import ROOT, Dataset, Group, Layout, Link
from hdmf_store.translate.specs import without_specs

__all__ = ["About", "about", "about_as_json", "lines_of"]


@attrs.frozen(kw_only=True)
class About:
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
        Bytes of all values in memory.
    stored : Stored, optional
        What it takes on disk; None for what lies elsewhere.
    codecs : dict of str to int
        How many datasets are stored with which codecs.
    specifications : tuple of str
    nwb_version : str, optional
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
    specifications: tuple[str, ...]
    nwb_version: str | None


def about(adapter: StoreAdapter) -> About:
    """Sum up a hierarchy that is open for reading; no values are read."""
    hierarchy = adapter.load()
    nodes = without_specs(hierarchy.nodes)
    kinds = Counter(type(node) for node in nodes.values())
    datasets = [node for node in nodes.values() if isinstance(node, Dataset)]
    root = hierarchy[ROOT]
    version = None if isinstance(root, Link) else root.attributes.get("nwb_version")
    return About(
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
        specifications=tuple(cached_specifications(hierarchy)),
        nwb_version=None if version is None else str(version),
    )


def _codecs(layout: Layout) -> str:
    steps = (*(layout.filters or ()), *(layout.compressors or ()))
    return ", ".join(step.name for step in steps) or str(layout.native or "") or "none"


def about_as_json(found: About) -> dict[str, Any]:
    """Return a summary by the names that other commands use as well."""
    return {
        "file": found.file,
        "store": found.store,
        **found.facts,
        "capabilities": capabilities_as_json(found.capabilities),
        "objects": found.groups + found.datasets + found.links,
        "groups": found.groups,
        "datasets": found.datasets,
        "links": found.links,
        "bytes_of_values": found.values,
        "bytes_stored": None if found.stored is None else found.stored.size,
        "files": None if found.stored is None else found.stored.files,
        "codecs": dict(found.codecs),
        "specifications": list(found.specifications),
        "nwb_version": found.nwb_version,
    }


def lines_of(found: About) -> Iterator[str]:
    """Yield a summary line by line."""
    told = {
        "file": found.file,
        "store": found.store,
        **{name.replace("_", " "): _word(fact) for name, fact in found.facts.items()},
        "can": ", ".join(words_of(found.capabilities)),
        "objects": ", ".join(_counted(getattr(found, kind), kind) for kind in ("groups", "datasets", "links")),
        "values": human(found.values),
        "stored": "" if found.stored is None else f"{human(found.stored.size)} ({found.stored.files} files)",
        "codecs": "; ".join(f"{codecs}: {count}" for codecs, count in found.codecs.items()),
        "specifications": ", ".join(found.specifications),
        "NWB version": found.nwb_version or "",
    }
    yield from (f"{name:<16}{value}" for name, value in told.items() if value)


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind if count != 1 else kind.removesuffix('s')}"


def _word(fact: Any) -> str:
    return {True: "yes", False: "no"}[fact] if isinstance(fact, bool) else str(fact)
