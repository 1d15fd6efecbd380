"""Writing builders: translate, plan, and hand the plan to the adapter."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import attrs
from hdmf.build import GroupBuilder
from hdmf.spec import NamespaceCatalog

from hdmf_store.adapter import Plan, Progress, StoreAdapter
from hdmf_store.errors import ArgumentError, HDMFStoreError, MissingHierarchyError, UnsupportedValueError
from hdmf_store.nodes import ROOT, Dataset, Group, Hierarchy, Link, Node, Stream, Unwritten, basename, join, parent
from hdmf_store.translate.dimensions import Schema, with_dimension_names
from hdmf_store.translate.from_builders import Destination, attributes_for, nodes_of, part_of
from hdmf_store.translate.specs import DEFAULT_SPEC_LOC_DIR, SPEC_LOC_ATTR, catalog_texts, spec_nodes
from hdmf_store.translate.summary import size_of

__all__ = ["Wishes", "all_builders", "store", "store_attributes", "store_part", "stored_hierarchy"]


@attrs.frozen(kw_only=True)
class Wishes:
    """How a write is to be done.

    Parameters
    ----------
    catalogs : sequence of NamespaceCatalog
        Whose specifications to cache; of each namespace, the first catalog's version.
    named_by : sequence of NamespaceCatalog
        Whose specifications name the axes of datasets that come without names.
    consolidate, interleave : bool
        As for `Plan`.
    begin : callable, optional
        Called once before anything is stored, with the bytes of all values, None if a stream's length is not known,
        and the number of groups and datasets below the root.
    progress : callable, optional
    executor : concurrent.futures.Executor, optional
        As for `Plan`.
    """

    catalogs: Sequence[NamespaceCatalog] = ()
    named_by: Sequence[NamespaceCatalog] = ()
    consolidate: bool = True
    interleave: bool = False
    begin: Callable[[int | None, int], None] | None = None
    progress: Progress | None = None
    executor: Executor | None = None


def store(builder: GroupBuilder, destination: Destination, wishes: Wishes, at: str = ROOT) -> None:
    """Store a builder and all below it, at a path of the destination.

    Raises
    ------
    UnsupportedValueError
        If something has no form in the store. Nothing is written then.
    """
    stored = stored_hierarchy(destination.adapter)
    try:
        nodes = nodes_of(builder, attrs.evolve(destination, stored=stored), at)
        for catalog in wishes.named_by:
            texts = [text for sources in catalog_texts(catalog).values() for text in sources.values()]
            nodes = with_dimension_names(nodes, Schema.of(texts))
        nodes = _with_specs(nodes, stored, wishes.catalogs)
        plan = Plan(nodes=nodes, consolidate=wishes.consolidate, interleave=wishes.interleave, executor=wishes.executor)
        if wishes.begin is not None:
            wishes.begin(
                _size_of_values(nodes), sum(path != ROOT and not isinstance(node, Link) for path, node in nodes.items())
            )
        destination.adapter.write(plan, wishes.progress)
    finally:
        destination.others.close()


def _size_of_values(nodes: Mapping[str, Node]) -> int | None:
    """Return the bytes of all values that will be stored; None if nobody knows, because some come as a stream."""
    datasets = [node for node in nodes.values() if isinstance(node, Dataset) and not isinstance(node.values, Unwritten)]
    if any(isinstance(dataset.values, Stream) and dataset.values.at_random is None for dataset in datasets):
        return None
    return sum(map(size_of, datasets))


def store_part(builder: Any, destination: Destination, wishes: Wishes, at: str, data: Any = None) -> None:
    """Store one group, dataset or link at a path; `data` takes the place of a dataset's own."""
    try:
        stored = stored_hierarchy(destination.adapter)
        _check_place(destination.adapter, stored, at)
        nodes = part_of(builder, attrs.evolve(destination, stored=stored), at, data)
        plan = Plan(nodes=nodes, consolidate=wishes.consolidate, interleave=wishes.interleave)
        destination.adapter.write(plan, wishes.progress)
    finally:
        destination.others.close()


def store_attributes(destination: Destination, path: str, attributes: Mapping[str, Any]) -> None:
    """Store attributes of an object beside those that it has."""
    stored = stored_hierarchy(destination.adapter)
    node = Group() if stored is None else stored[path]  # before the first write there is the root alone
    if isinstance(node, Link):
        raise ArgumentError(f"{path} is a link, which has no attributes; set those of what it leads to")
    for name in attributes:
        if stored is not None and join(path, name) in stored:
            raise ArgumentError(f"{path}: an object is named {name!r}, so that no attribute can have this name")
    try:
        new = {**node.attributes, **attributes_for(attributes, attrs.evolve(destination, stored=stored))}
    except HDMFStoreError:
        raise
    except (TypeError, ValueError) as problem:
        raise UnsupportedValueError(str(destination.adapter.location), path, str(problem)) from problem
    destination.adapter.write(Plan(nodes={path: attrs.evolve(node, attributes=new)}))


def _check_place(adapter: StoreAdapter, stored: Hierarchy | None, path: str) -> None:
    """Refuse a path that is not in a group, or has the name of an attribute of that group."""
    nodes = stored.nodes if stored is not None else {ROOT: Group()}
    above = nodes.get(parent(path))
    if not isinstance(above, Group):
        raise ArgumentError(f"{adapter.location}: {parent(path)} is no group, so that nothing can be put into it")
    if basename(path) in above.attributes:
        raise ArgumentError(f"{adapter.location}: {parent(path)} has an attribute {basename(path)!r}; use another name")


def stored_hierarchy(adapter: StoreAdapter) -> Hierarchy | None:
    """Return what is stored already, None before the first write to a new file."""
    try:
        return adapter.load()
    except MissingHierarchyError:
        return None


def _with_specs(
    nodes: dict[str, Node], stored: Hierarchy | None, catalogs: Sequence[NamespaceCatalog]
) -> dict[str, Node]:
    """Return nodes with the specifications of catalogs cached; of each namespace, the first catalog's version."""
    if not any(catalog.namespaces for catalog in catalogs):
        return nodes
    cached: dict[str, Node] = {}
    for catalog in reversed(catalogs):
        cached |= spec_nodes(catalog, stored)
    root = nodes.get(ROOT) or (stored[ROOT] if stored is not None else Group())
    assert isinstance(root, Group)
    if SPEC_LOC_ATTR not in root.attributes:
        root = Group({**root.attributes, SPEC_LOC_ATTR: DEFAULT_SPEC_LOC_DIR})
        nodes = {**nodes, ROOT: root}
    return {**nodes, **cached}


def all_builders(group: GroupBuilder) -> list[Any]:
    """Return the builders of a group and of everything below it."""
    found: list[Any] = [group, *group.datasets.values(), *group.links.values()]
    for sub in group.groups.values():
        found += all_builders(sub)
    return found
