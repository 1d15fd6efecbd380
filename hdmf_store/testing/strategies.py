"""Hypothesis strategies for everything that nodes may hold; needs the library `hypothesis`.

Values follow the normal form of `hdmf_store.nodes.elements`. Whoever writes an adapter draws a hierarchy, stores it,
and compares what a second opening reads::

    @given(hierarchy=strategies.hierarchies())
    def test_what_is_written_is_read(hierarchy): ...

What no store can be asked to keep is left out: NUL in text and in names, surrogates, and zero bytes at the end of byte
strings in records.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal

import attrs
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdmf_store.nodes import (
    HERE,
    ROOT,
    ArraySource,
    AsciiText,
    Bytes,
    Codec,
    Compound,
    Dataset,
    ElementType,
    Field,
    Group,
    Hierarchy,
    Layout,
    Link,
    Node,
    Number,
    ReferenceTo,
    Target,
    Text,
    join,
)

__all__ = [
    "attribute_values",
    "attributes",
    "datasets",
    "element_types",
    "hierarchies",
    "layouts",
    "names",
    "nodes",
    "targets",
    "texts",
    "values",
]

Holder = Literal["zarr", "zarr2", "hdf5"]
"""The kinds of stores whose limits the strategies know."""

_NUMBERS = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
)
_IMPOSSIBLE_NAMES = (".", "..", "zarr.json")
_KEPT_BY_FORMATS = ("_LINKS", "_DTYPE", "_REFERENCE", "_REFERENCE_FIELDS", "_ARRAY_DIMENSIONS", "_SCALAR")


def texts(*, min_size: int = 0, max_size: int = 8, without: str = "") -> st.SearchStrategy[str]:
    """Return a strategy for unicode text without NUL and surrogates, the empty one included.

    Parameters
    ----------
    min_size, max_size : int
        In characters.
    without : str
        Characters that are left out as well.
    """
    alphabet = st.characters(exclude_categories=["Cs"], exclude_characters="\0" + without)
    return st.text(alphabet, min_size=min_size, max_size=max_size)


def names() -> st.SearchStrategy[str]:
    """Return a strategy for names of objects that every store can hold."""
    allowed = texts(min_size=1, max_size=6, without="/\\")
    return allowed.filter(lambda name: name not in _IMPOSSIBLE_NAMES and not name.startswith("__"))


def targets(paths: Sequence[str] = (ROOT,), sources: Sequence[str] = (HERE,)) -> st.SearchStrategy[Target]:
    """Return a strategy for what links and references lead to.

    Parameters
    ----------
    paths, sources : sequence of str
        What to choose from; see `Target`.
    """
    return st.builds(Target, st.sampled_from(list(paths)), st.sampled_from(list(sources)))


def element_types() -> st.SearchStrategy[ElementType]:
    """Return a strategy for all types that elements can have, records with fields of each of them among these."""
    numbers = st.sampled_from(_NUMBERS).map(Number)
    plain = st.one_of(numbers, st.just(Text()), st.just(Text("ascii")), st.just(Bytes()), st.just(ReferenceTo()))
    records_of_numbers = _compounds(numbers, 2)
    return st.one_of(numbers, plain, _compounds(st.one_of(plain, records_of_numbers), 4))


def _compounds(kinds: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[Compound]:
    fields = st.lists(
        st.builds(Field, texts(min_size=1, max_size=5), kinds), min_size=1, max_size=most, unique_by=lambda f: f.name
    )
    return fields.map(Compound)


def values(
    element: ElementType,
    shape: tuple[int, ...],
    *,
    references: st.SearchStrategy[Target] | None = None,
    holder: Holder = "zarr",
    fill: Any = None,
) -> st.SearchStrategy[np.ndarray]:
    """Return a strategy for the values of a dataset, in normal form.

    Parameters
    ----------
    element : ElementType
    shape : tuple of int
    references : strategy, optional
        Of what references lead to; by default the root. Some refer to nothing.
    holder : {"zarr", "zarr2", "hdf5"}
        The kind of store that has to keep them.
    fill : number, optional
        A value that many elements have.
    """
    if isinstance(element, Number):
        # NaN is one value here: which of its many bit patterns a store keeps is not part of the normal form
        return hnp.arrays(element.dtype, shape, fill=None if fill is None else st.just(element.dtype.type(fill)))
    if isinstance(element, Compound):
        columns = [_column(f.type, shape, references, holder) for f in element.fields]
        return st.tuples(*columns).map(lambda drawn: _record(element, shape, drawn))
    return _objects(_single(element, references, holder), shape)


def _column(
    element: Any, shape: tuple[int, ...], references: st.SearchStrategy[Target] | None, holder: Holder
) -> st.SearchStrategy[np.ndarray]:
    if isinstance(element, Bytes):  # cells of fixed width end with zeros
        return _objects(_single(element, references, holder).map(lambda value: value.rstrip(b"\0")), shape)
    return values(element, shape, references=references, holder=holder)


def _single(element: ElementType, references: st.SearchStrategy[Target] | None, holder: Holder) -> Any:
    if isinstance(element, Text):
        return texts(max_size=40).filter(str.isascii) if element.charset == "ascii" else texts(max_size=40)
    if isinstance(element, ReferenceTo):
        return st.one_of(targets() if references is None else references, st.none())
    if holder == "hdf5":  # bytes of HDF5 that are UTF-8 are text, and end at NUL
        return st.binary(max_size=6).map(lambda value: value.replace(b"\0", b"") + b"\xff")
    return st.binary(max_size=6)


def _objects(single: st.SearchStrategy[Any], shape: tuple[int, ...]) -> st.SearchStrategy[np.ndarray]:
    count = math.prod(shape)
    return st.lists(single, min_size=count, max_size=count).map(lambda drawn: _object_array(drawn, shape))


def _object_array(drawn: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    array = np.empty(len(drawn), object)
    for position, value in enumerate(drawn):
        array[position] = value
    return array.reshape(shape)


def _record(element: Compound, shape: tuple[int, ...], columns: Sequence[np.ndarray]) -> np.ndarray:
    array = np.zeros(shape, element.dtype)
    for field, column in zip(element.fields, columns, strict=True):
        array[field.name] = column
    return array


def attribute_values(
    references: st.SearchStrategy[Target] | None = None, *, holder: Holder = "zarr"
) -> st.SearchStrategy[Any]:
    """Return a strategy for values of attributes: all kinds that `Group` names.

    Parameters
    ----------
    references : strategy, optional
        Of the targets among the values; by default the root.
    holder : {"zarr", "zarr2", "hdf5"}
        HDF5 keeps only lists whose values are of one kind.
    """
    references = targets() if references is None else references
    integers = st.integers(-(2**63), 2**63 - 1)
    ascii_texts = texts().filter(str.isascii).map(AsciiText)
    no_texts = st.binary(max_size=4).map(lambda value: value + b"\xff")
    kinds = [st.booleans(), integers, st.floats(), texts(), references, ascii_texts, no_texts]
    numpy_scalars = st.one_of(*(hnp.from_dtype(np.dtype(name)) for name in _NUMBERS if not name.startswith("complex")))
    arrays = hnp.arrays(
        st.sampled_from([np.dtype(name) for name in _NUMBERS if not name.startswith("complex")]),
        hnp.array_shapes(min_dims=1, max_dims=2, min_side=0, max_side=3),
    )
    lists = [st.lists(kind, max_size=3) for kind in kinds]
    nested = [st.lists(st.lists(kind, min_size=2, max_size=2), min_size=1, max_size=2) for kind in kinds]
    mixed = [] if holder == "hdf5" else [st.lists(st.one_of(st.none(), *kinds[:-2]), max_size=4)]
    empty = st.sampled_from(["S1", "U1"]).flatmap(
        lambda kind: st.sampled_from([(0,), (0, 2)]).map(partial(np.empty, dtype=kind))
    )
    return st.one_of(st.none(), *kinds, numpy_scalars, arrays, *lists, *nested, *mixed, empty)


def attributes(
    references: st.SearchStrategy[Target] | None = None, *, holder: Holder = "zarr"
) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for the attributes of one object; arguments as for `attribute_values`."""
    keys = texts(min_size=1).filter(lambda name: name not in _KEPT_BY_FORMATS)
    return st.dictionaries(keys, attribute_values(references, holder=holder), max_size=3)


@st.composite
def layouts(draw: st.DrawFn, element: ElementType, shape: tuple[int, ...]) -> Layout:
    """Draw a layout for a dataset: any part of it may be left open.

    Parameters
    ----------
    draw : callable
    element : ElementType
    shape : tuple of int
    """
    sides = st.tuples(*(st.integers(1, 5) for _ in shape))
    chunks = draw(st.none() | sides)
    shards = None
    if shape and chunks is not None and isinstance(element, Number) and draw(st.integers(0, 7)) == 0:
        times = draw(st.tuples(*(st.integers(1, 2) for _ in shape)))
        shards = tuple(chunk * many for chunk, many in zip(chunks, times, strict=True))
    axis_names = st.tuples(*(st.none() | texts(max_size=3) for _ in shape))
    return Layout(
        chunks=chunks,
        shards=shards,
        compressors=draw(st.none() | st.sampled_from(_COMPRESSORS)),
        fill_value=draw(st.none() | hnp.from_dtype(element.dtype)) if isinstance(element, Number) else None,
        dimension_names=draw(st.none() | axis_names) if shape else None,
        separator=draw(st.sampled_from((None, "/", "."))),
    )


_BLOSC = {"typesize": 1, "cname": "lz4", "clevel": 1, "shuffle": "shuffle", "blocksize": 0}
_COMPRESSORS = (
    (),
    (Codec("gzip", {"level": 1}),),
    (Codec("zstd", {"level": 1, "checksum": True}),),
    (Codec("blosc", _BLOSC),),
    (Codec("gzip", {"level": 1}), Codec("zstd", {"level": 1, "checksum": False})),
)


@st.composite
def datasets(
    draw: st.DrawFn, references: st.SearchStrategy[Target] | None = None, *, holder: Holder = "zarr"
) -> Dataset:
    """Draw a dataset of any element type and shape, its values in memory.

    Parameters
    ----------
    draw : callable
    references : strategy, optional
        Of the targets that values and attributes lead to; by default the root.
    holder : {"zarr", "zarr2", "hdf5"}
        The kind of store that has to keep it.
    """
    element = draw(element_types())
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    if holder == "hdf5" and 0 in shape and isinstance(element, Compound):  # without a value, bytes there look like text
        element = Compound(
            tuple(Field(f.name, Text() if isinstance(f.type, Bytes) else f.type) for f in element.fields)
        )
    if holder == "hdf5" and isinstance(element, Bytes):
        shape = tuple(max(1, length) for length in shape)  # no bytes at all look like no text at all
    layout = draw(layouts(element, shape))
    if holder == "zarr2":
        layout = attrs.evolve(layout, shards=None)
    array = draw(values(element, shape, references=references, holder=holder, fill=layout.fill_value))
    return Dataset(element, shape, ArraySource(array), draw(attributes(references, holder=holder)), layout)


def nodes(
    references: st.SearchStrategy[Target] | None = None,
    links: st.SearchStrategy[Target] | None = None,
    *,
    holder: Holder = "zarr",
) -> st.SearchStrategy[Node]:
    """Return a strategy for groups, datasets and links.

    Parameters
    ----------
    references, links : strategy, optional
        Of the targets that references and links lead to; by default the root.
    holder : {"zarr", "zarr2", "hdf5"}
        The kind of store that has to keep them.
    """
    return st.one_of(
        st.builds(Group, attributes(references, holder=holder)),
        datasets(references, holder=holder),
        st.builds(Link, targets() if links is None else links),
    )


@st.composite
def hierarchies(
    draw: st.DrawFn, *, most: int = 6, elsewhere: Sequence[str] = ("../other.zarr",), holder: Holder = "zarr"
) -> Hierarchy:
    """Draw a hierarchy: a root, and groups, datasets and links in it.

    Internal links lead to objects that exist or to other links, references to objects that exist.

    Parameters
    ----------
    draw : callable
    most : int, default 6
        Nodes below the root.
    elsewhere : sequence of str
        Other hierarchies that links, and references where the store holds such, may lead into.
    holder : {"zarr", "zarr2", "hdf5"}
        The kind of store that has to keep it.
    """
    kinds: dict[str, type] = {ROOT: Group}
    for kind in draw(st.lists(st.sampled_from((Group, Dataset, Dataset, Link)), max_size=most)):
        groups = [path for path, known in kinds.items() if known is Group]
        path = join(draw(st.sampled_from(groups)), draw(names()))
        kinds.setdefault(path, kind)
    objects = [path for path, kind in kinds.items() if kind is not Link]
    here = targets(objects)
    outside = st.builds(
        Target, texts(max_size=4, without="\\").map(_absolute), st.sampled_from(list(elsewhere) or [HERE])
    )
    anywhere = st.one_of(here, outside) if elsewhere else here
    references = here if holder == "hdf5" else anywhere
    of_kind: dict[type, st.SearchStrategy[Node]] = {
        Group: st.builds(Group, attributes(references, holder=holder)),
        Dataset: datasets(references, holder=holder),
    }
    found: dict[str, Node] = {}
    for path, kind in kinds.items():
        earlier = [known for known, node in found.items() if isinstance(node, Link)]  # so that no links go in a circle
        links = st.builds(Link, st.one_of(anywhere, targets(earlier)) if earlier else anywhere)
        found[path] = draw(of_kind[kind] if kind is not Link else links)
    return Hierarchy(found)


def _absolute(text: str) -> str:
    parts = (part for part in text.split("/") if part not in ("", ".", ".."))
    return ROOT + "/".join(itertools.chain(["x"], parts))
