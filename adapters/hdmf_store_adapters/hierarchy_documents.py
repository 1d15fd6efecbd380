"""A hierarchy's nodes from the documents of all its groups and arrays, and the documents of groups that change.

Pure functions over both formats: which links stand in which group, and what a group keeps when links are added.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from hdmf_store.nodes import ROOT, Dataset, Group, Link, Node, Target, Text, basename, parent
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.zarr_format import Document, ZarrFormat
from hdmf_store_adapters.zarr_places import check_path

__all__ = ["decoded", "group_documents", "with_specification_codec"]

_SPEC_LOCATION = ".specloc"


def decoded(
    documents: Mapping[str, Document], zarr_format: ZarrFormat, address: str, itself: frozenset[str]
) -> tuple[dict[str, Node], dict[str, ArrayRecord]]:
    """Return all nodes by path, datasets without values, and how the chunks of each dataset are decoded.

    Raises
    ------
    FormatError
        If a document is none, or a path leads out of the hierarchy.
    """
    nodes: dict[str, Node] = {}
    records: dict[str, ArrayRecord] = {}
    for path, document in documents.items():
        check_path(path, address)
        if document.get("node_type") == "array":
            nodes[path], records[path] = zarr_format.decode_array(document, address, path, itself)
            continue
        nodes[path], links = zarr_format.decode_group(document, address, path, itself)
        for name, link in links.items():
            child = f"{path.rstrip('/')}/{name}"
            check_path(child if name and "/" not in name else f"{path}//{name}", address)
            nodes.setdefault(child, link)
    root = nodes.get(ROOT)
    if isinstance(root, Group):
        nodes[ROOT] = _with_named_specifications(root)
    return nodes, records


def _with_named_specifications(root: Group) -> Group:
    """Return a root whose cached specifications are named by their path, also where a file made that a reference."""
    place = root.attributes.get(_SPEC_LOCATION)
    if not isinstance(place, Target) or not place.is_internal:
        return root
    return attrs.evolve(root, attributes={**root.attributes, _SPEC_LOCATION: place.path.lstrip("/")})


def with_specification_codec(
    datasets: Mapping[str, Dataset], root: Mapping[str, Any], zarr_format: ZarrFormat
) -> dict[str, Dataset]:
    """Return datasets, those that hold cached specifications with the codec that the format has for these.

    Parameters
    ----------
    datasets : dict of str to Dataset
        By path.
    root : dict
        The root's document, whose attribute says where specifications lie.
    zarr_format : ZarrFormat
    """
    place, codec = root["attributes"].get(_SPEC_LOCATION), zarr_format.SPECIFICATION_CODEC
    if codec is None or not isinstance(place, str):
        return dict(datasets)
    inside = f"/{place.strip('/')}/"
    return {
        path: attrs.evolve(dataset, layout=attrs.evolve(dataset.layout, serializer=codec))
        if path.startswith(inside) and isinstance(dataset.element, Text)
        else dataset
        for path, dataset in datasets.items()
    }


def group_documents(
    nodes: Mapping[str, Node],
    known: Mapping[str, Document],
    zarr_format: ZarrFormat,
    address: str,
    itself: frozenset[str],
) -> dict[str, Document]:
    """Return the documents of groups that are new, or whose attributes or links change, with the links they hold."""
    links: dict[str, dict[str, Link]] = {}
    for path, node in nodes.items():
        if isinstance(node, Link):
            links.setdefault(parent(path), {})[basename(path)] = node
    groups = {path: node for path, node in nodes.items() if isinstance(node, Group)}
    documents: dict[str, Document] = {}
    for path in dict.fromkeys([*groups, *links]):
        held: dict[str, Link] = {}
        group = groups.get(path)
        if path in known:
            stored, held = zarr_format.decode_group(known[path], address, path, itself)
            group = group or (stored if isinstance(stored, Group) else None)
        documents[path] = zarr_format.group_document(group or Group(), {**held, **links.get(path, {})}, address, path)
    return documents
