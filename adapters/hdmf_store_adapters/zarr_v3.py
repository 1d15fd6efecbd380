"""Format 3: nodes to Zarr v3 documents and back.

Pure functions; opens no store. The only place that knows the attribute names of this format. Accepts every
form listed in ``docs/formats.md``, writes exactly one.

Sources: Zarr v3 core specification; zarr-extensions, data types ``string``, ``struct``,
``variable_length_bytes``, ``fixed_length_utf32``, ``null_terminated_bytes``; the storage chapter of hdmf-zarr 0.14's
documentation and files written by it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from hdmf_store.errors import FormatError, UnsupportedValueError
from hdmf_store.nodes import (
    Bytes,
    Compound,
    Dataset,
    ElementType,
    Group,
    Layout,
    Link,
    ReferenceTo,
    Target,
    Text,
    Unreadable,
)
from hdmf_store_adapters import json_forms
from hdmf_store_adapters.array_record import ArrayRecord, is_shape, tiled, unreadable_record
from hdmf_store_adapters.chunk_codecs import chunk_codec
from hdmf_store_adapters.json_forms import ITSELF, REFERENCE, decode_attributes
from hdmf_store_adapters.known_codecs import check_codecs
from hdmf_store_adapters.layout_choice import CHUNK_BYTES, chunk_shape, default_compressors, item_size, shard_shape
from hdmf_store_adapters.well_formed import NOT_UNDERSTOOD, links_of, well_formed
from hdmf_store_adapters.zarr_v3_codecs import encode_codec, layout_of, serializer_of, sharding_of, spelled_out
from hdmf_store_adapters.zarr_v3_types import (
    DECLARED,
    DTYPE,
    OBJECT_REFERENCE,
    REFERENCE_FIELDS,
    Widths,
    declared_charsets,
    decode_element,
    decode_fill,
    encode_fill,
    encode_type,
    readable_by_every_zarr,
    stored_dtype,
)

__all__ = [
    "DOCUMENT",
    "RESERVED_ATTRIBUTES",
    "array_document",
    "consolidate",
    "decode_array",
    "decode_group",
    "document_key",
    "group_document",
    "parse",
    "path_of",
    "readable_by_every_zarr",
    "serialise",
    "split_consolidated",
    "stored_dtype",
]

DOCUMENT = "zarr.json"
COPIED = "consolidated_metadata"
LINKS = "_LINKS"
DIMENSIONS = "_ARRAY_DIMENSIONS"
SCALAR = "_SCALAR"
FORMAT_2_ATTRIBUTES = frozenset([DECLARED, "zarr_link"])
"""Also left behind by programs that convert format 2."""

RESERVED_ATTRIBUTES = frozenset([LINKS, DTYPE, REFERENCE, REFERENCE_FIELDS, SCALAR]) | FORMAT_2_ATTRIBUTES


# ---------------------------------------------------------------------------------------------- keys and documents


def document_key(path: str) -> str:
    """Return the key of the document of the node at an absolute path.

    >>> document_key("/"), document_key("/a/b")
    ('zarr.json', 'a/b/zarr.json')
    """
    return f"{path[1:]}/{DOCUMENT}" if path != "/" else DOCUMENT


def path_of(key: str) -> str:
    """Return the absolute path of the node whose document has that key."""
    return "/" + key.removesuffix(DOCUMENT).rstrip("/")


def serialise(document: Mapping[str, Any]) -> bytes:
    """Return a document's bytes; NaN and infinities in attributes as the bare tokens that zarr-python writes."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def parse(data: bytes, location: str, path: str) -> dict[str, Any]:
    """Return a document from its bytes.

    Raises
    ------
    FormatError
        If the bytes are no JSON object of a Zarr v3 node.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise FormatError(location, path, f"its document is no JSON ({problem})") from problem
    if not isinstance(document, dict) or document.get("zarr_format") != 3:
        raise FormatError(location, path, "its document is not that of a Zarr v3 node")
    return _node(document, location, path)


def _node(document: Any, location: str, path: str) -> dict[str, Any]:
    """Return a document that says of which kind of node it is."""
    found = well_formed(document, location, path)
    if found.get("node_type") not in ("group", "array"):
        raise FormatError(location, path, f"its node_type is {found.get('node_type')!r:.80}, and no group or array")
    return found


def consolidate(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the root's document with those of all other nodes in line.

    Parameters
    ----------
    documents : dict of str to dict
        By absolute path; ``"/"`` is among them.
    """
    inline = {path[1:]: documents[path] for path in sorted(documents) if path != "/"}
    return {
        **documents["/"],
        COPIED: {"kind": "inline", "must_understand": False, "metadata": inline},
    }


def split_consolidated(root: Mapping[str, Any]) -> dict[str, dict[str, Any]] | None:
    """Return all documents by absolute path from a consolidated root document, or None if it holds none."""
    copy = root.get(COPIED)
    metadata = copy.get("metadata") if isinstance(copy, dict) else None
    if not isinstance(metadata, dict):
        return None
    return {"/": _by_itself(dict(root)), **{"/" + path: document for path, document in metadata.items()}}


def _document(node_type: str, attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {"zarr_format": 3, "node_type": node_type, "attributes": attributes}


# ------------------------------------------------------------------------------------------------- a store's documents


VERSION = 3
DOCUMENTS = (DOCUMENT,)
SIGNS = (DOCUMENT,)
COPY = None
SHARDS = True


def consolidated(read: Callable[[str], bytes | None], location: str) -> dict[str, dict[str, Any]] | None:
    """Return all documents by path from where they are consolidated, or None if they are not."""
    data = read(DOCUMENT)
    documents = None if data is None else split_consolidated(parse(data, location, "/"))
    return documents and {path: _by_itself(_node(document, location, path)) for path, document in documents.items()}


def _by_itself(document: dict[str, Any]) -> dict[str, Any]:
    """Return a document without a copy of others, which zarr puts also into the documents of groups below the root."""
    return {key: value for key, value in document.items() if key != COPIED}


def is_current(documents: Mapping[str, Any], read: Callable[[str], bytes | None], location: str) -> bool:
    """Return that consolidated documents are as new as what they stand for: they lie in the one that commits."""
    return True


def gathered(files: Mapping[str, bytes], location: str) -> dict[str, dict[str, Any]]:
    """Return all documents by path from the files that a crawl found."""
    return {path_of(key): _by_itself(parse(data, location, path_of(key))) for key, data in files.items()}


def files(path: str, document: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return the files in which a node's document is stored."""
    return [(document_key(path), serialise(document))]


def root_files(documents: Mapping[str, Mapping[str, Any]], consolidate_them: bool) -> list[tuple[str, bytes]]:
    """Return the files of the root, the one that commits a write last."""
    return files("/", consolidate(documents) if consolidate_them else documents["/"])


def is_undeclared(document: Mapping[str, Any]) -> bool:
    """Return that no array needs its values to tell what they are: the data type says so, or `_DTYPE`."""
    return False


def as_references(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document of an array, which says already what its values are."""
    return dict(document)


def with_attributes(document: Mapping[str, Any], dataset: Dataset, location: str, path: str) -> dict[str, Any]:
    """Return a stored dataset's document with other attributes; the format's own stay, and the names of axes."""
    own = RESERVED_ATTRIBUTES if dataset.layout.dimension_names is None else RESERVED_ATTRIBUTES | {DIMENSIONS}
    kept = {name: value for name, value in document["attributes"].items() if name in own}
    return {**document, "attributes": {**encode_attributes(dataset.attributes, location, path), **kept}}


def zarr_file(document: Mapping[str, Any], name: str) -> bytes | None:
    """Return what zarr-python is shown as a node's file of that name; see `ZarrFormat.zarr_file`."""
    if document.get("node_type") == "array":
        check_codecs(document["codecs"])
    return serialise(readable_by_every_zarr(document)) if name == DOCUMENT else None


def changed_by_zarr(document: Mapping[str, Any], name: str, data: bytes, location: str, path: str) -> dict[str, Any]:
    """Return a node's document with what zarr-python changed in the file of that name: shape or attributes."""
    changed = parse(data, location, path)
    return {**document, **{part: changed[part] for part in ("shape", "attributes") if part in changed}}


def is_superseded(document: Mapping[str, Any]) -> bool:
    """Return whether an array is stored in a form that is read but no longer written: none is."""
    return False


def resized(document: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return an array's document with another shape."""
    return {**document, "shape": list(shape)}


def coding(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what turns the values of an array's chunks into bytes, in one spelling."""
    codecs = [spelled_out(codec) for codec in document["codecs"]]
    return [
        *codecs,
        *({"name": "storage transformer", "is": item} for item in document.get("storage_transformers", ())),
    ]


def alone(document: Mapping[str, Any], record: ArrayRecord) -> dict[str, Any]:
    """Return the document of an array that has just one chunk of an array's own chunks."""
    kept = {name: value for name, value in document.items() if name != "dimension_names"}
    return {**kept, "shape": list(record.chunks), "attributes": {}}


# -------------------------------------------------------------------------------------------------------- attributes


def encode_attributes(attributes: Mapping[str, Any], location: str, path: str) -> dict[str, Any]:
    """Return attributes as JSON values.

    Raises
    ------
    UnsupportedValueError
        If a value has no JSON form, or a name is reserved by the format.
    """
    return json_forms.encode_attributes(attributes, _wrapped, RESERVED_ATTRIBUTES, location, path)


def _wrapped(target: Target) -> dict[str, Any]:
    return {REFERENCE: {"source": target.source, "path": target.path}}


def encode_target(target: Target | None) -> str:
    """Return a reference as an element of a dataset: the path alone, or JSON when it leads elsewhere."""
    if target is None:
        return ""
    return target.path if target.is_internal else json.dumps({"source": target.source, "path": target.path})


# ------------------------------------------------------------------------------------------------------------ groups


def group_document(group: Group, links: Mapping[str, Link], location: str, path: str) -> dict[str, Any]:
    """Return the document of a group, with the links that stand in it.

    Parameters
    ----------
    group : Group
    links : dict of str to Link
        By name.
    location, path : str
        For messages.
    """
    attributes = encode_attributes(group.attributes, location, path)
    if links:
        attributes[LINKS] = [
            {"name": name, "source": link.target.source, "path": link.target.path} for name, link in links.items()
        ]
    return _document("group", attributes)


def decode_group(
    document: Mapping[str, Any], location: str, path: str, itself: frozenset[str] = ITSELF
) -> tuple[Group, dict[str, Link]]:
    """Return a group and the links in it from the group's document."""
    attributes = {k: v for k, v in (document.get("attributes") or {}).items() if k not in FORMAT_2_ATTRIBUTES}
    try:
        links = links_of(attributes.pop(LINKS, ()), itself)
    except NOT_UNDERSTOOD as problem:
        raise FormatError(location, path, f"{LINKS} holds what is no link ({problem!r:.200})") from problem
    return Group(decode_attributes(attributes, itself)), links


# ------------------------------------------------------------------------------------------------------------ arrays


def array_document(dataset: Dataset, widths: Widths, location: str, path: str) -> dict[str, Any]:
    """Return the document of a dataset, in the one canonical form.

    Parameters
    ----------
    dataset : Dataset
        What its layout leaves open is chosen here.
    widths : dict of tuple of str to int
        For compounds: the longest value, in characters or bytes, of each field of text, bytes or references; by the
        field's name, or the names that lead to a field of a field.
    location, path : str
        For messages.
    """
    element, layout, shape = dataset.element, dataset.layout, dataset.shape
    chunks = _chunks(layout, shape, element)
    shards = layout.shards
    if isinstance(shards, str):
        chosen = shard_shape(shape, chunks, item_size(element))
        shards = None if chosen == chunks else chosen  # of a single chunk
    if shards and (len(shards) != len(chunks) or any(shard % n for shard, n in zip(shards, chunks, strict=True))):
        reason = f"shards of shape {shards} do not hold whole chunks of shape {chunks}"
        raise UnsupportedValueError(location, path, reason)
    count = math.prod(shards or chunks)
    compressors = layout.compressors
    if compressors is None:
        compressors = default_compressors(element, count)
    data_type = encode_type(element, widths)
    codecs = [encode_codec(codec, element) for codec in layout.filters or ()]
    codecs.append(serializer_of(layout.serializer, element))
    codecs += [encode_codec(codec, element) for codec in compressors]
    if shards:
        codecs = [sharding_of(chunks, codecs)]
    separator = layout.separator or ("." if all(n <= c for n, c in zip(shape, chunks, strict=True)) else "/")
    document = _document("array", _array_attributes(dataset, location, path))
    document |= {
        "shape": list(shape),
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shards or chunks)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": separator}},
        "fill_value": encode_fill(element, layout.fill_value),
        "codecs": codecs,
        "storage_transformers": [],
    }
    if layout.dimension_names:
        document["dimension_names"] = list(layout.dimension_names)
    return document


def _chunks(layout: Layout, shape: tuple[int, ...], element: ElementType) -> tuple[int, ...]:
    if layout.chunks is None:
        if isinstance(layout.shards, tuple):
            return layout.shards
        return chunk_shape(shape, item_size(element), target=layout.chunk_bytes or CHUNK_BYTES)
    return tuple(max(1, chunk) for chunk in layout.chunks)


def _array_attributes(dataset: Dataset, location: str, path: str) -> dict[str, Any]:
    attributes = encode_attributes(dataset.attributes, location, path)
    element = dataset.element
    if isinstance(element, Compound):
        if element.references:
            attributes[REFERENCE_FIELDS] = list(element.references)
    else:
        names = {Text: "str", Bytes: "bytes", ReferenceTo: OBJECT_REFERENCE}
        attributes[DTYPE] = names.get(type(element)) or str(element)
    charsets = declared_charsets(element)
    if charsets is not None:
        attributes[DECLARED] = charsets
    names_of_axes = dataset.layout.dimension_names
    if names_of_axes and all(name is not None for name in names_of_axes):
        attributes[DIMENSIONS] = list(names_of_axes)
    return attributes


CELL_FORM = encode_target
SPECIFICATION_CODEC = None


# ----------------------------------------------------------------------------------------------------- decode arrays


def decode_array(
    document: Mapping[str, Any], location: str, path: str, itself: frozenset[str] = ITSELF
) -> tuple[Dataset, ArrayRecord]:
    """Return the dataset of an array's document, its values not yet set, and how to decode its chunks.

    Raises
    ------
    FormatError
        If the document lacks what every array's document has.
    """
    attributes = dict(document.get("attributes") or {})
    try:
        element = decode_element(document["data_type"], attributes)
        record, layout = _decode_layout(document, element, bool(attributes.pop(SCALAR, False)), itself)
    except NOT_UNDERSTOOD as problem:
        shape: Any = document.get("shape")
        if not is_shape(shape):
            reason = f"its document is not that of a Zarr v3 array ({problem!r})"
            raise FormatError(location, path, reason) from problem
        element, layout = Unreadable(f"its document cannot be understood ({problem})"), Layout()
        record = unreadable_record(element, shape)
    for name in (DTYPE, REFERENCE_FIELDS, *FORMAT_2_ATTRIBUTES):
        attributes.pop(name, None)
    if layout.dimension_names is not None:
        attributes.pop(DIMENSIONS, None)  # names that do not fit the axes stay what they are, an attribute
    dataset = Dataset(
        element,
        () if record.is_scalar else record.shape,
        None,  # type: ignore[arg-type]  # the adapter sets the source
        decode_attributes(attributes, itself),
        layout,
    )
    return dataset, record


def _decode_layout(
    document: Mapping[str, Any], element: ElementType, is_scalar: bool, itself: frozenset[str]
) -> tuple[ArrayRecord, Layout]:
    shape, stored = tiled(document["shape"], document["chunk_grid"]["configuration"]["chunk_shape"])
    encoding = document["chunk_key_encoding"]
    is_default = encoding["name"] == "default"
    if encoding["name"] not in ("default", "v2"):
        raise ValueError(f"the chunk key encoding {encoding['name']!r} is not known here")
    if document["chunk_grid"]["name"] != "regular":
        raise ValueError(f"the chunk grid {document['chunk_grid']['name']!r} is not known here")
    separator = (encoding.get("configuration") or {}).get("separator", "/" if is_default else ".")
    if separator not in ("/", "."):
        raise ValueError(f"{separator!r} is no separator of the keys of chunks")
    if document.get("storage_transformers"):
        raise ValueError("storage transformers are not known here")
    codecs = document["codecs"]
    check_codecs(codecs)
    dtype = None if isinstance(element, Unreadable) else stored_dtype(document["data_type"])
    codec = None if isinstance(element, Unreadable) else chunk_codec(codecs, dtype)
    record = ArrayRecord(
        element,
        shape,
        is_scalar or not shape,
        stored,
        f"c{separator}" if is_default else "",
        separator,
        codec,
        decode_fill(document.get("fill_value"), element, dtype),
        encode_target,
        itself,
        stored=dtype,
        is_of_objects=isinstance(element, Bytes) and codec is not None,
    )
    names = document.get("dimension_names") or (document.get("attributes") or {}).get(DIMENSIONS)
    layout = layout_of(codecs, stored, document.get("fill_value"), element)
    if isinstance(names, list) and len(names) == len(shape):
        layout = attrs.evolve(layout, dimension_names=names)
    return record, layout
