"""A file stored anew with other chunks, shards or codecs: what it holds stays, how it is laid out changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

import attrs

from hdmf_store.adapter import Plan, Progress, StoreAdapter
from hdmf_store.errors import ArgumentError, MissingNodeError
from hdmf_store.nodes import Codec, Dataset, Hierarchy, Layout
from hdmf_store.translate.codec_names import codecs_of, is_array_filter
from hdmf_store.translate.relocate import Others, relocated
from hdmf_store.translate.specs import without_specs

__all__ = ["NewLayout", "repack"]


def _shapes(given: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {"/" + path.strip("/"): tuple(shape) for path, shape in given.items()}


def _wished(given: Any) -> Any:
    return given if given in ("auto", "keep") else codecs_of(given)


@attrs.frozen(kw_only=True)
class NewLayout:
    """How the datasets of a file are to be laid out; by default as if they were written for the first time.

    Fill values and the names of axes stay in any case.

    Parameters
    ----------
    chunks : {"auto", "keep"}
        Choose the shapes of chunks anew, or keep those that are stored.
    chunks_of : dict of str to tuple of int
        The shape of the chunks of single datasets, by path.
    chunk_bytes : int, optional
        Most bytes of values in a chunk whose shape is chosen.
    shards : {None, "auto", "keep"}
        None for none; ``"auto"`` to pack the chunks of each dataset that has several.
    codecs : {"auto", "keep"}, codec, list of codecs or None
        Choose the codecs anew, keep them, or what compresses every dataset that is no scalar; None for nothing.

    Raises
    ------
    ArgumentError
        If one of these is none of what is listed.
    """

    chunks: str = "auto"
    chunks_of: Mapping[str, tuple[int, ...]] = attrs.field(factory=dict, converter=_shapes)
    chunk_bytes: int | None = None
    shards: str | None = None
    codecs: str | tuple[Codec, ...] = attrs.field(default="auto", converter=_wished)

    def __attrs_post_init__(self) -> None:
        if self.chunks not in ("auto", "keep"):
            raise ArgumentError(f"chunks are chosen ('auto') or kept ('keep'), not {self.chunks!r}")
        if self.shards not in (None, "auto", "keep"):
            raise ArgumentError(f"shards are chosen ('auto'), kept ('keep') or left out (None), not {self.shards!r}")
        if self.chunk_bytes is not None and (self.chunks == "keep" or self.chunk_bytes < 1):
            raise ArgumentError("chunk_bytes is at least 1, and only for chunks that are chosen")
        if self.chunk_bytes is not None and self.shards == "keep":
            raise ArgumentError("shards that are kept say how large their chunks can be; leave out chunk_bytes")
        for path, shape in self.chunks_of.items():
            if any(length < 1 for length in shape):
                raise ArgumentError(f"{path}: chunks of {shape} have no elements; each length is at least 1")
        if isinstance(self.codecs, tuple) and any(is_array_filter(codec) for codec in self.codecs):
            raise ArgumentError("filters depend on the type of a dataset; pass codecs that compress bytes")

    @property
    def keeps_all(self) -> bool:
        """Whether nothing is to be laid out in another way."""
        return (self.chunks, self.shards, self.codecs) == ("keep", "keep", "keep") and not self.chunks_of

    @property
    def asks_for_something(self) -> bool:
        """Whether the choice is not left to the store alone."""
        return self != NewLayout() and not self.keeps_all

    def of(self, path: str, dataset: Dataset) -> Layout:
        """Return the layout that a dataset gets."""
        old = dataset.layout
        if self.keeps_all:
            return old
        new = Layout(fill_value=old.fill_value, dimension_names=old.dimension_names, maxshape=old.maxshape)
        keeps_chunks = self.chunks == "keep" and path not in self.chunks_of
        chunks = old.chunks if keeps_chunks else self.chunks_of.get(path)
        shards = old.shards if self.shards == "keep" else self.shards
        new = attrs.evolve(new, chunks=chunks, chunk_bytes=self.chunk_bytes, shards=shards if dataset.shape else None)
        if self.codecs == "keep":
            return attrs.evolve(new, filters=old.filters, serializer=old.serializer, compressors=old.compressors)
        is_chosen = self.codecs == "auto" or not dataset.shape
        return new if is_chosen else attrs.evolve(new, compressors=self.codecs)

    def check(self, hierarchy: Hierarchy, destination: StoreAdapter) -> None:
        """Refuse what cannot be done, before anything is.

        Raises
        ------
        MissingNodeError
            If nothing is where chunks are wished for.
        ArgumentError
            If that is no dataset, or one with other axes; if the destination lays data out in its own way.
        """
        can, where = destination.capabilities, str(destination.location)
        if self.asks_for_something and not can.layouts:
            raise ArgumentError(f"{where}: {destination.name} chooses chunks and codecs itself; leave these wishes out")
        if self.shards == "auto" and not can.shards:
            raise ArgumentError(f"{where} can have no shards; Zarr format 3 can")
        for path, shape in self.chunks_of.items():
            if path not in hierarchy.nodes:
                raise MissingNodeError(hierarchy.location, path)
            node = hierarchy.nodes[path]
            if not isinstance(node, Dataset):
                raise ArgumentError(f"{hierarchy.location}: {path} is no dataset, so that it has no chunks")
            if len(shape) != len(node.shape):
                raise ArgumentError(
                    f"{hierarchy.location}: {path} has the shape {node.shape}, which chunks of {shape} cannot tile"
                )
            shards = node.layout.shards if self.shards == "keep" else None
            if isinstance(shards, tuple) and any(outer % inner for outer, inner in zip(shards, shape, strict=True)):
                raise ArgumentError(f"{hierarchy.location}: {path} has shards of {shards}, no multiple of {shape}")


def repack(
    source: StoreAdapter,
    destination: StoreAdapter,
    layout: NewLayout | None = None,
    *,
    links: bool = True,
    consolidate: bool = True,
    may_read: Any = (),
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> int:
    """Store everything that a hierarchy holds in another place, or in its own, laid out in another way.

    Values, attributes, links and references stay. Datasets whose layout does not change are copied without being
    decoded, where source and destination are of the same format.

    Parameters
    ----------
    source : StoreAdapter
        Open for reading.
    destination : StoreAdapter
        Open in a mode that creates. It may be another adapter for the place of the source, in mode ``"w"``: the new
        hierarchy then takes the place of the old one when it is complete.
    layout : NewLayout, optional
        By default everything is laid out as if it were written for the first time.
    links : bool, default True
        Keep links into other files, where the destination can hold them; otherwise what they lead to is copied.
    consolidate : bool, default True
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    executor : concurrent.futures.Executor, optional
        Reads and encodes the parts of large datasets.
    progress : callable, optional

    Returns
    -------
    int
        The number of objects that were stored, not counting cached specifications.

    Raises
    ------
    MissingNodeError, ArgumentError
        If the layout cannot be had; see `NewLayout.check`.
    """
    layout = NewLayout() if layout is None else layout
    hierarchy = source.load()
    layout.check(hierarchy, destination)
    others = Others((source,), may_read)
    try:
        nodes = {
            path: attrs.evolve(node, layout=layout.of(path, node)) if isinstance(node, Dataset) else node
            for path, node in relocated(hierarchy, source, destination, others, links=links).items()
        }
        destination.write(Plan(nodes=nodes, consolidate=consolidate, executor=executor), progress)
        return len(without_specs(nodes))
    finally:
        others.close()
