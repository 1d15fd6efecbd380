"""A file, or one object of it with all below it, copied into another store as it is stored.

No container and no specification is asked, so that any hierarchy of groups, datasets and links can be copied; what
`convert` adds for readers of HDMF, such as names of axes, is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf_store.adapter import Plan, Progress, StoreAdapter, adapter_class_for
from hdmf_store.errors import ArgumentError, HierarchyExistsError
from hdmf_store.nodes import ROOT, Group, Node, join
from hdmf_store.translate.relocate import Graft, Others, followed, relocated
from hdmf_store.translate.specs import without_specs
from hdmf_store.translate.writing import stored_hierarchy

__all__ = ["copy", "kept_options"]


def copy(
    source: StoreAdapter,
    destination: StoreAdapter,
    *,
    path: str = ROOT,
    links: bool = True,
    consolidate: bool = True,
    may_read: Any = (),
    progress: Progress | None = None,
) -> int:
    """Store a hierarchy, or one object of it with all below it, in another place as it is stored.

    Parameters
    ----------
    source : StoreAdapter
        Open for reading.
    destination : StoreAdapter
        Open in a mode that creates; for a part of the source also in one that adds.
    path : str, default "/"
        The object to copy. It keeps its path; groups above it that the destination lacks are made, without attributes.
        Where a link stands there, what it leads to is copied.
    links : bool, default True
        Keep links and references to what is not copied, where the destination can hold them; otherwise what they lead
        to is copied too, to the path that it had or a free one beside it.
    consolidate : bool, default True
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    progress : callable, optional

    Returns
    -------
    int
        The number of objects that were stored, not counting cached specifications.

    Raises
    ------
    MissingNodeError
        If nothing is at the path.
    HierarchyExistsError
        If the destination holds something at the path.
    ArgumentError
        If both are the same place, or what the destination holds above the path is no group.
    """
    path = "/" + path.strip("/")
    others = Others((source,), may_read)
    try:
        nodes = _nodes_of(source, destination, path, others, links)
        destination.write(Plan(nodes=nodes, consolidate=consolidate), progress)
        return len(without_specs(nodes))
    finally:
        others.close()


def kept_options(source: StoreAdapter, place: Any) -> dict[str, Any]:
    """Return the options with which a new hierarchy at a place gets the format that the source has.

    They are empty where the source has no version of a format, or the adapter for the place does not write it.
    """
    version = source.zarr_version() if hasattr(source, "zarr_version") else None
    known = getattr(adapter_class_for(place), "zarr_formats", ())
    return {"zarr_format": version} if version in known else {}


def _nodes_of(
    source: StoreAdapter, destination: StoreAdapter, path: str, others: Others, links: bool
) -> Mapping[str, Node]:
    where = str(destination.location)
    if source.location.identity == destination.location.identity:
        raise ArgumentError(f"{where} cannot be copied onto itself")
    stored = stored_hierarchy(destination)
    if stored is not None and path in stored:
        raise HierarchyExistsError(where, f"holds {path} already, which a copy does not replace")
    if path == ROOT:
        return relocated(source.load(), source, destination, others, links=links)
    held = {} if stored is None else stored.nodes
    nodes: dict[str, Node] = _groups_above(path, held, where)
    groups = {at: isinstance(node, Group) for at, node in held.items()}
    graft = Graft(destination, nodes, others, links, extends=stored is not None, groups=groups)
    found = source.load().resolve(path)
    graft.place([(path, source, found) if isinstance(found, str) else (path, *followed(found, source, path, others))])
    graft.fill()
    return nodes


def _groups_above(path: str, held: Mapping[str, Node], where: str) -> dict[str, Node]:
    """Return the groups above a path that are not there yet, from the root down."""
    above = [ROOT]
    for name in path[1:].split("/")[:-1]:
        above.append(join(above[-1], name))
    for at in above:
        if not isinstance(held.get(at, Group()), Group):
            raise ArgumentError(f"{where}: {at} is no group, so that {path} cannot be put below it")
    return {at: Group() for at in above if at not in held}
