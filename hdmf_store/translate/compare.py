"""Two hierarchies compared object by object, whatever stores them.

What is compared are the nodes from which builders are made: kinds of objects, element types, shapes, values,
attributes, links and references. Layout (chunks, codecs) is not content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from hdmf_store.adapter import Progress, StoreAdapter
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import (
    Compound,
    Dataset,
    ElementType,
    Link,
    Node,
    Number,
    PartlyStored,
    RandomAccess,
    ReferenceTo,
    Region,
    Target,
    slabs,
    stored_regions_of,
    tiles,
)
from hdmf_store.translate.attributes import same_value
from hdmf_store.translate.relocate import Others, followed
from hdmf_store.translate.specs import SPEC_LOC_ATTR, without_specs

__all__ = ["Comparison", "Difference", "compare", "stored_pieces"]

_PIECE_BYTES = 32 * 2**20


@attrs.frozen
class Difference:
    """One thing that is not the same.

    Parameters
    ----------
    path : str
        The object.
    what : str
        In words: what the first file has, what the second.
    """

    path: str
    what: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}"


@attrs.frozen
class Comparison:
    """The outcome of comparing two files.

    Parameters
    ----------
    differences : tuple of Difference
    objects : int
        How many objects were compared.
    values : int
        How many values were compared.
    copied : tuple of str
        Paths at which one file links to another file and the other file holds a copy of what the link leads to.
    """

    differences: tuple[Difference, ...]
    objects: int
    values: int
    copied: tuple[str, ...]


def compare(
    first: StoreAdapter, second: StoreAdapter, progress: Progress | None = None, may_read: Any = ()
) -> Comparison:
    """Compare two open hierarchies.

    A link into another file equals an object at the same path when what it leads to equals that object: a file whose
    links were replaced by copies has the same content.

    Parameters
    ----------
    first, second : StoreAdapter
        Open for reading.
    progress : callable, optional
        Called with bytes of values of the first file, and objects, that were compared since the last call.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    """
    others = Others(may_read=may_read)
    try:
        return _Comparer(first, second, others, progress).run()
    finally:
        others.close()


@attrs.define(eq=False)
class _Comparer:
    first: StoreAdapter
    second: StoreAdapter
    others: Others
    progress: Progress | None
    found: list[Difference] = attrs.field(factory=list)
    copied: dict[str, tuple[str, str]] = attrs.field(factory=dict)
    objects: int = 0
    values: int = 0

    def run(self) -> Comparison:
        one, other = without_specs(self.first.load().nodes), without_specs(self.second.load().nodes)
        for path in dict.fromkeys([*one, *other]):
            if not self._is_inside_copied(path):
                self._at(path, one.get(path), other.get(path))
            self.objects += 1
            if self.progress is not None:
                self.progress(0, 1)
        return Comparison(tuple(self.found), self.objects, self.values, tuple(self.copied))

    def _is_inside_copied(self, path: str) -> bool:
        return any(path.startswith(copied + "/") for copied in self.copied)

    def _at(self, path: str, one: Node | None, other: Node | None) -> None:
        if one is None or other is None:
            has, lacks = ("the second", "the first") if one is None else ("the first", "the second")
            self._differ(path, f"{_kind(one or other)} in {has} file, missing in {lacks}")
        elif isinstance(one, Link) and isinstance(other, Link):
            self._links(path, one, other)
        elif isinstance(one, Link) or isinstance(other, Link):
            self._link_and_copy(path, one, other)
        else:
            self._nodes(path, one, other)

    def _nodes(self, path: str, one: Node, other: Node) -> None:
        if type(one) is not type(other):
            self._differ(path, f"is a {_kind(one)} in the first file, a {_kind(other)} in the second")
            return
        assert not isinstance(one, Link) and not isinstance(other, Link)
        self._attributes(path, one.attributes, other.attributes)
        if isinstance(one, Dataset) and isinstance(other, Dataset):
            self._datasets(path, one, other)

    def _links(self, path: str, one: Link, other: Link) -> None:
        if one.target.is_internal != other.target.is_internal:
            self._link_and_copy(path, one, other)  # what several links lead to is copied once
        elif not _same_target(one.target, other.target):
            self._differ(path, f"leads to {_shown(one.target)} in the first file, {_shown(other.target)} in the second")

    def _link_and_copy(self, path: str, one: Node, other: Node) -> None:
        is_first = isinstance(one, Link) and not one.target.is_internal
        link, copy, adapter = (one, other, self.first) if is_first else (other, one, self.second)
        if not isinstance(link, Link) or link.target.is_internal:
            self._differ(path, f"is a {_kind(one)} in the first file, a {_kind(other)} in the second")
            return
        holder = self.second if adapter is self.first else self.first
        try:
            source, resolved = followed(link.target, adapter, path, self.others)
            at = followed(copy.target, holder, path, self.others)[1] if isinstance(copy, Link) else path
        except (HDMFStoreError, LookupError) as problem:
            self._differ(
                path, f"is a link that cannot be followed in one file, a {_kind(copy)} in the other ({problem})"
            )
            return
        self.copied[path] = (source.location.address, resolved)
        below, held = without_specs(source.load().nodes), holder.load().nodes
        above = resolved.rstrip("/")
        for there in [p for p in below if p == resolved or p.startswith(above + "/")]:
            here = at + there[len(above) :].rstrip("/")
            node = held.get(here)
            if node is None:
                self._differ(here, "was not copied with the object that a link leads to")
            elif isinstance(node, Link) or isinstance(below[there], Link):
                continue
            else:
                self._nodes(here, below[there], node)

    def _attributes(self, path: str, one: Mapping[str, object], other: Mapping[str, object]) -> None:
        for name in dict.fromkeys([*one, *other]):
            if name == SPEC_LOC_ATTR:
                continue
            if name not in one or name not in other:
                where = "second" if name not in one else "first"
                self._differ(path, f"the attribute {name!r} is only in the {where} file")
            elif not _same_attribute(one[name], other[name]):
                self._differ(
                    path,
                    f"the attribute {name!r} is {one[name]!r:.80} in the first file, {other[name]!r:.80} in the second",
                )

    def _datasets(self, path: str, one: Dataset, other: Dataset) -> None:
        if not _same_type(one.element, other.element):
            self._differ(path, f"holds {one.element} in the first file, {other.element} in the second")
        elif one.shape != other.shape:
            self._differ(path, f"has the shape {one.shape} in the first file, {other.shape} in the second")
        else:
            try:
                self._values(path, one, other)
            except HDMFStoreError as problem:
                self._differ(path, f"cannot be read: {problem}")

    def _values(self, path: str, one: Dataset, other: Dataset) -> None:
        assert isinstance(one.values, RandomAccess) and isinstance(other.values, RandomAccess)
        for region in _pieces_of_both(one, other):
            a, b = one.values.read(region), other.values.read(region)
            self.values += a.size
            if self.progress is not None:
                self.progress(a.nbytes, 0)
            where = _first_difference(a, b, one.element)
            if where is not None:
                offset = tuple(int(w) + part.start for w, part in zip(where, region, strict=True))
                at = f" at {offset}" if offset else ""
                self._differ(path, f"differs{at}: {a[where]!r:.80} in the first file, {b[where]!r:.80} in the second")
                return

    def _differ(self, path: str, what: str) -> None:
        self.found.append(Difference(path, what))


def _pieces(dataset: Dataset) -> Iterator[Region]:
    """Yield regions that cover a dataset, in whole chunks and of bounded size."""
    size = max(1, dataset.element.dtype.itemsize)
    chunks = dataset.layout.chunks
    if chunks is None or len(chunks) != len(dataset.shape):
        chunks = (1,) * len(dataset.shape)
    return tiles(dataset.shape, slabs(dataset.shape, chunks, size, _PIECE_BYTES))


def stored_pieces(dataset: Dataset) -> Iterator[Region]:
    """Yield regions that cover what is stored of a dataset, whatever the shape that it says it has."""
    stored = stored_regions_of(dataset.values)
    yield from _pieces(dataset) if stored is None else stored


def _pieces_of_both(one: Dataset, other: Dataset) -> Iterator[Region]:
    """Yield regions that cover what is stored of two datasets, of one or the other."""
    fill = one.values.fill_value if isinstance(one.values, PartlyStored) else None
    regions = [stored_regions_of(dataset.values, fill) for dataset in (one, other)]
    if fill is None or None in regions or not isinstance(one.element, Number):
        yield from _pieces(one)
        return
    apart = {tuple((part.start, part.stop) for part in region): region for found in regions for region in found or ()}
    yield from apart.values()


def _first_difference(a: np.ndarray, b: np.ndarray, element: ElementType) -> tuple[int, ...] | None:
    if isinstance(element, Compound):
        found = [_first_difference(a[f.name], b[f.name], f.type) for f in element.fields]
        return min((where for where in found if where is not None), default=None)
    if isinstance(element, ReferenceTo):
        same = np.asarray(np.frompyfunc(_same_target, 2, 1)(a, b)).astype(bool)
    elif isinstance(element, Number) and element.dtype.kind in "fc":
        same = (a == b) | ((a != a) & (b != b))
    else:
        same = np.asarray(a == b, bool)
    if np.all(same):
        return None
    return tuple(int(axis[0]) for axis in np.nonzero(~np.atleast_1d(same)))[: a.ndim]


def _same_type(one: ElementType, other: ElementType) -> bool:
    if isinstance(one, Compound) and isinstance(other, Compound):
        return len(one.fields) == len(other.fields) and all(
            a.name == b.name and _same_type(a.type, b.type) for a, b in zip(one.fields, other.fields, strict=True)
        )
    return one == other


def _same_attribute(one: object, other: object) -> bool:
    if isinstance(one, Target) and isinstance(other, Target):
        return _same_target(one, other)
    return same_value(one, other)


def _same_target(one: Target | None, other: Target | None) -> bool:
    """Return whether two targets are the same object; other files may be called differently after conversion."""
    if one is None or other is None:
        return one is other
    return one.path == other.path and one.is_internal == other.is_internal and _stem(one) == _stem(other)


def _stem(target: Target) -> str:
    return target.source.rstrip("/").rpartition("/")[2].split(".")[0]


def _shown(target: Target) -> str:
    return target.path if target.is_internal else f"{target.path} in {target.source}"


def _kind(node: Node | None) -> str:
    return type(node).__name__.lower()
