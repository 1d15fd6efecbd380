"""Format 2: nodes to Zarr v2 documents and back.

Pure functions; opens no store. The only place that knows the attribute names of this format. Accepts every variant
listed in ``docs/formats.md``, writes exactly one form, which hdmf-zarr 0.13 reads.

In memory, a node's document is ``{"node_type": "group" or "array", "array": the .zarray, "attributes": the .zattrs}``.

Sources: Zarr v2 specification; the storage chapter of hdmf-zarr 0.13's documentation; files written by hdmf-zarr 0.3 to
0.13 and by LINDI.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from hdmf_store.errors import FormatError, UnsupportedValueError
from hdmf_store.nodes import (
    Bytes,
    Codec,
    Compound,
    Dataset,
    ElementType,
    Group,
    Layout,
    Link,
    Number,
    ReferenceTo,
    Target,
    Unreadable,
)
from hdmf_store_adapters import json_forms
from hdmf_store_adapters.array_record import ArrayRecord, is_shape, tiled, unreadable_record
from hdmf_store_adapters.json_forms import ITSELF, decode_attributes, decode_target
from hdmf_store_adapters.layout_choice import CHUNK_BYTES, chunk_shape, default_compressors, item_size
from hdmf_store_adapters.numcodecs_chain import numcodecs_chain, numcodecs_step, settled
from hdmf_store_adapters.well_formed import NOT_UNDERSTOOD, links_of, well_formed
from hdmf_store_adapters.zarr_v2_codecs import BYTE_FILTERS, JSON_CODEC, codec_of, numcodecs_of, object_codec, sized
from hdmf_store_adapters.zarr_v2_types import (
    BYTES_MARK,
    declared_fields,
    declared_name,
    element_of,
    fill_value,
    numpy_dtype,
    stored_dtype,
    stored_fill,
)

__all__ = ["RESERVED_ATTRIBUTES"]

VERSION = 2
DOCUMENTS = (".zarray", ".zgroup", ".zattrs")
COPY = ".zmetadata"
SHARDS = False
SIGNS = (COPY, ".zgroup")
CELL_FORM = None
SPECIFICATION_CODEC = JSON_CODEC

DTYPE = "zarr_dtype"
LINKS = "zarr_link"
SPEC_LOCATION = ".specloc"
DIMENSIONS = "_ARRAY_DIMENSIONS"
SCALAR = "_SCALAR"
SOFT_LINK = "_SOFT_LINK"
COMPOUND = "_COMPOUND_DTYPE"
ELSEWHERE = "_EXTERNAL_ARRAY_LINK"
RESERVED_ATTRIBUTES = frozenset([DTYPE, LINKS, SCALAR, SOFT_LINK, COMPOUND, ELSEWHERE, BYTES_MARK])


# ------------------------------------------------------------------------------------------------- a store's documents


def _parsed(data: bytes, location: str, path: str, name: str) -> dict[str, Any]:
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise FormatError(location, path, f"its {name} is no JSON ({problem})") from problem
    if not isinstance(document, dict):
        raise FormatError(location, path, f"its {name} is no mapping")
    return document


def consolidated(read: Callable[[str], bytes | None], location: str) -> dict[str, dict[str, Any]] | None:
    """Return all documents by path from where they are consolidated, or None if they are not."""
    data = read(COPY)
    if data is None:
        return None
    copy = _parsed(data, location, "/", COPY)
    metadata = copy.get("metadata")
    if not isinstance(metadata, dict):
        return None
    if "record_size" in copy:  # its chunks are no files, so that all would be taken for fill values
        reason = (
            "is a reference file system in Parquet and no Zarr store. Open it by its path or URL, which ends with .parq"
        )
        raise FormatError(location, "/", reason)
    return _assembled(metadata, location)


def is_current(documents: Mapping[str, Mapping[str, Any]], read: Callable[[str], bytes | None], location: str) -> bool:
    """Return whether consolidated documents are as new as what they stand for.

    Some releases consolidated a file before they cached its specifications, so that neither these nor the attribute
    that names them are in it. Only where that attribute is missing is the root's own document looked at.
    """
    if SPEC_LOCATION in documents["/"]["attributes"]:
        return True
    own = read(".zattrs")
    return own is None or SPEC_LOCATION not in _parsed(own, location, "/", ".zattrs")


def gathered(files: Mapping[str, bytes], location: str) -> dict[str, dict[str, Any]]:
    """Return all documents by path from the files that a crawl found."""
    parsed = {
        key: _parsed(data, location, "/" + key.rpartition("/")[0], key.rpartition("/")[2])
        for key, data in files.items()
    }
    return _assembled(parsed, location)


def _assembled(files: Mapping[str, Mapping[str, Any]], location: str) -> dict[str, dict[str, Any]]:
    documents: dict[str, dict[str, Any]] = {}
    for key in sorted(files):
        folder, _, name = key.rpartition("/")
        path = "/" + folder
        if name == ".zarray":
            well_formed(files[key], location, path)
            documents[path] = {"node_type": "array", "array": files[key], "attributes": {}}
        elif name == ".zgroup":
            documents.setdefault(path, {"node_type": "group", "attributes": {}})
    for key, attributes in files.items():
        folder, _, name = key.rpartition("/")
        if name == ".zattrs" and "/" + folder in documents:
            documents["/" + folder]["attributes"] = attributes
    if "/" not in documents:
        raise FormatError(location, "/", "has no root group")
    return {path: well_formed(document, location, path) for path, document in documents.items()}


def _text(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, ensure_ascii=False, indent=4, sort_keys=True).encode()


def _named_files(path: str, document: Mapping[str, Any]) -> dict[str, Any]:
    prefix = path[1:] + "/" if path != "/" else ""
    named: dict[str, Any] = {}
    if document["node_type"] == "array":
        named[f"{prefix}.zarray"] = document["array"]
    else:
        named[f"{prefix}.zgroup"] = {"zarr_format": 2}
    named[f"{prefix}.zattrs"] = document["attributes"]
    return named


def files(path: str, document: Mapping[str, Any]) -> list[tuple[str, bytes]]:
    """Return the files in which a node's document is stored; what makes the node visible last."""
    named = _named_files(path, document)
    return [(key, _text(named[key])) for key in sorted(named, key=lambda key: not key.endswith(".zattrs"))]


def root_files(documents: Mapping[str, Mapping[str, Any]], consolidate_them: bool) -> list[tuple[str, bytes]]:
    """Return the files of the root, the one that commits a write last."""
    own = files("/", documents["/"])
    if not consolidate_them:
        return own
    metadata: dict[str, Any] = {}
    for path in sorted(documents):
        metadata |= _named_files(path, documents[path])
    return [*own, (COPY, _text({"metadata": metadata, "zarr_consolidated_format": 1}))]


def with_attributes(document: Mapping[str, Any], dataset: Dataset, location: str, path: str) -> dict[str, Any]:
    """Return a stored dataset's document with other attributes; the format's own stay, and the names of axes."""
    own = RESERVED_ATTRIBUTES if dataset.layout.dimension_names is None else RESERVED_ATTRIBUTES | {DIMENSIONS}
    kept = {name: value for name, value in document["attributes"].items() if name in own}
    return {**document, "attributes": {**encode_attributes(dataset.attributes, location, path), **kept}}


def is_superseded(document: Mapping[str, Any]) -> bool:
    """Return whether an array is stored in a form that is read but no longer written: as pickles."""
    return any(step.get("id") == "pickle" for step in document["array"].get("filters") or [])


def resized(document: Mapping[str, Any], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return an array's document with another shape."""
    return {**document, "array": {**document["array"], "shape": list(shape)}}


def zarr_file(document: Mapping[str, Any], name: str) -> bytes | None:
    """Return what zarr-python is shown as a node's file of that name.

    zarr 3 wants text as the fill value of text, where older writers put a number. Some releases of zarr and numcodecs
    would run pickles, so they never see a document with one.
    """
    named = {key.rpartition("/")[2]: value for key, value in _named_files("/", document).items()}
    if name not in named:
        return None
    shown = named[name]
    if name == ".zarray":
        _check_steps([*(shown.get("filters") or []), shown.get("compressor") or {"id": "zlib"}])
    if name == ".zarray" and shown.get("dtype") == "|O":
        shown = {**shown, "fill_value": ""}
    return _text(shown)


def _check_steps(steps: Sequence[Mapping[str, Any]]) -> None:
    for step in steps:
        if step["id"] == "pickle" or numcodecs_step(step) is None:
            raise ValueError(f"zarr is not shown arrays with the codec {step['id']!r}, as it could run what they hold")


def changed_by_zarr(document: Mapping[str, Any], name: str, data: bytes, location: str, path: str) -> dict[str, Any]:
    """Return a node's document with what zarr-python changed in the file of that name: shape or attributes."""
    changed = _parsed(data, location, path, name)
    if name == ".zattrs":
        return {**document, "attributes": changed}
    return resized(document, tuple(changed["shape"])) if name == ".zarray" else dict(document)


def coding(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what turns the values of an array's chunks into bytes, in one spelling."""
    array = document["array"]
    is_reversed = array.get("order") == "F" and len(array["shape"]) > 1
    steps = [*(array.get("filters") or []), *([array["compressor"]] if array.get("compressor") else [])]
    return [*([{"id": "order F"}] if is_reversed else []), *(settled(step) for step in steps)]


def alone(document: Mapping[str, Any], record: ArrayRecord) -> dict[str, Any]:
    """Return the document of an array that has just one chunk of an array's own chunks."""
    return {**resized(document, record.chunks), "attributes": {}}


# -------------------------------------------------------------------------------------------------------- attributes


def encode_attributes(attributes: Mapping[str, Any], location: str, path: str) -> dict[str, Any]:
    """Return attributes as JSON values; see `json_forms.encode_attributes`."""
    return json_forms.encode_attributes(attributes, _wrapped, RESERVED_ATTRIBUTES, location, path)


def _wrapped(target: Target) -> dict[str, Any]:
    return {DTYPE: "object", "value": _reference(target)}


def _reference(target: Target | None) -> dict[str, Any]:
    if target is None:
        return {}
    return {"source": target.source, "path": target.path, "object_id": None, "source_object_id": None}


# ------------------------------------------------------------------------------------------------------------ groups


def group_document(group: Group, links: Mapping[str, Link], location: str, path: str) -> dict[str, Any]:
    """Return the document of a group, with the links that stand in it."""
    attributes = encode_attributes(group.attributes, location, path)
    if links:
        attributes[LINKS] = [
            {"name": name, "source": link.target.source, "path": link.target.path} for name, link in links.items()
        ]
    return {"node_type": "group", "attributes": attributes}


def decode_group(
    document: Mapping[str, Any], location: str, path: str, itself: frozenset[str] = ITSELF
) -> tuple[Group | Link, dict[str, Link]]:
    """Return a group and the links in it; a link where the whole group stands for one, as in LINDI's files."""
    attributes = dict(document["attributes"])
    try:
        if SOFT_LINK in attributes:
            return Link(decode_target(attributes[SOFT_LINK], itself)), {}
        links = links_of(attributes.pop(LINKS, ()), itself)
    except NOT_UNDERSTOOD as problem:
        raise FormatError(location, path, f"its attributes hold a link that is none ({problem!r:.200})") from problem
    return Group(decode_attributes(attributes, itself)), links


# ------------------------------------------------------------------------------------------------------ decode arrays


def decode_array(
    document: Mapping[str, Any], location: str, path: str, itself: frozenset[str] = ITSELF
) -> tuple[Dataset, ArrayRecord]:
    """Return the dataset of an array's document, its values not yet set, and how to decode its chunks.

    Raises
    ------
    FormatError
        If the document lacks what every array's document has.
    """
    array, attributes = document["array"], dict(document["attributes"])
    try:
        if ELSEWHERE in attributes:  # no chunk of it is stored, which must not look like an array of fill values
            raise ValueError(f"its values are in an HDF5 file, open that one instead: {attributes[ELSEWHERE]}")
        dtype = numpy_dtype(array["dtype"])
        strings = [item.get("id") for item in array.get("filters") or []]
        element = element_of(
            _declared(attributes),
            dtype,
            as_bytes="vlen-bytes" in strings,
            marked=attributes.get(BYTES_MARK) == declared_name(Bytes()),
        )
        record = _record(array, attributes, element, dtype, itself)
        if record.codec is None:
            names = [item.get("id") for item in [*(array.get("filters") or []), array.get("compressor") or {}]]
            raise ValueError(f"one of its codecs {names} is not known here, or has unknown settings")
        layout = _layout(array, attributes, record)
    except NOT_UNDERSTOOD as problem:
        shape = array.get("shape")
        if not is_shape(shape):
            reason = f"its document is not that of a Zarr v2 array ({problem!r})"
            raise FormatError(location, path, reason) from problem
        element, layout = Unreadable(f"its document cannot be understood ({problem})"), Layout()
        record = unreadable_record(element, shape)
    for name in RESERVED_ATTRIBUTES:
        attributes.pop(name, None)
    if layout.dimension_names is not None:
        attributes.pop(DIMENSIONS)  # names that do not fit the axes stay what they are, an attribute
    decoded = decode_attributes(attributes, itself)
    shape = () if record.is_scalar else record.shape
    return Dataset(element, shape, None, decoded, layout), record  # type: ignore[arg-type]  # the adapter sets the source


def is_undeclared(document: Mapping[str, Any]) -> bool:
    """Return whether only the values of an array tell whether they are text or references, as in LINDI's files."""
    filters = document.get("array", {}).get("filters")
    in_json = isinstance(filters, list) and any(isinstance(f, dict) and f.get("id") == "json2" for f in filters)
    return in_json and not {DTYPE, COMPOUND, ELSEWHERE} & document["attributes"].keys()


def as_references(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an undeclared array's document with the declaration that its values are references."""
    return {**document, "attributes": {**document["attributes"], DTYPE: "object"}}


def _declared(attributes: Mapping[str, Any]) -> Any:
    """Return what the attributes declare the elements to be, in hdmf-zarr's form or LINDI's; None if nothing."""
    if COMPOUND in attributes:
        return [{"name": name, "dtype": kind} for name, kind in attributes[COMPOUND]]
    return attributes.get(DTYPE)


def _record(
    array: Mapping[str, Any],
    attributes: Mapping[str, Any],
    element: ElementType,
    dtype: np.dtype,
    itself: frozenset[str],
) -> ArrayRecord:
    shape, chunks = tiled(array["shape"], array["chunks"])
    separator = array.get("dimension_separator")
    if separator not in (None, ".", "/"):
        raise ValueError(f"{separator!r} is no separator of the keys of chunks")
    marked = attributes.get(DTYPE) == "scalar" or bool(attributes.get(SCALAR))
    filters = array.get("filters") or []
    chain = numcodecs_chain(filters, array.get("compressor"), dtype, array.get("order") or "C")
    return ArrayRecord(
        element,
        shape,
        not shape or (marked and math.prod(shape) == 1),
        chunks,
        "",
        separator or ".",
        chain,
        fill_value(array.get("fill_value"), element, dtype),
        _reference,
        itself,
        None if separator else "/",
        stored=dtype,
        is_of_objects=dtype.hasobject and not any(step.get("id") == "vlen-utf8" for step in filters),
    )


def _layout(array: Mapping[str, Any], attributes: Mapping[str, Any], record: ArrayRecord) -> Layout:
    names = attributes.get(DIMENSIONS)
    fits = isinstance(names, list) and len(names) == len(record.shape) and not record.is_scalar
    plain = [
        item for item in array.get("filters") or [] if item["id"] not in ("vlen-utf8", "vlen-bytes", "json2", "pickle")
    ]
    filters = [codec_of(item) for item in plain]
    if array.get("order") == "F" and len(record.shape) > 1:
        filters.insert(0, Codec("transpose", {"order": list(reversed(range(len(record.shape))))}))
    compressor = array.get("compressor")
    after = [codec for codec in filters if codec.name.removeprefix("numcodecs.") in BYTE_FILTERS]
    return Layout(
        chunks=() if record.is_scalar else record.chunks,
        filters=[codec for codec in filters if codec not in after] or None,
        compressors=[*after, *([sized(codec_of(compressor), record.element)] if compressor else [])],
        fill_value=record.fill if isinstance(record.element, Number) else None,
        dimension_names=names if fits else None,
    )


# ------------------------------------------------------------------------------------------------------ encode arrays


def array_document(dataset: Dataset, widths: Mapping[tuple[str, ...], int], location: str, path: str) -> dict[str, Any]:
    """Return the document of a dataset, in the one canonical form.

    Parameters
    ----------
    dataset : Dataset
        What its layout leaves open is chosen here.
    widths : dict of tuple of str to int
        Not needed: text in records has any length in this format.
    location, path : str
        For messages.

    Raises
    ------
    UnsupportedValueError
        If the layout asks for what this format does not have.
    """
    element, layout = dataset.element, dataset.layout
    if layout.shards is not None:
        raise UnsupportedValueError(location, path, "Zarr format 2 has no shards; write format 3, or leave them out")
    shape = dataset.shape or (1,)
    chunks = layout.chunks if layout.chunks and dataset.shape else None
    if chunks is None:
        chunks = chunk_shape(shape, item_size(element), target=layout.chunk_bytes or CHUNK_BYTES)
    compressors = layout.compressors
    if compressors is None:
        compressors = default_compressors(element, math.prod(chunks))
    transposed, others = _without_transposition(layout.filters or ())
    filters = [numcodecs_of(codec, element) for codec in (*others, *compressors[:-1])]
    array = {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": [max(1, chunk) for chunk in chunks],
        "dtype": stored_dtype(element),
        "fill_value": stored_fill(element, layout.fill_value),
        "order": "F" if transposed else "C",
        "filters": [*object_codec(element, layout.serializer), *filters] or None,
        "compressor": numcodecs_of(compressors[-1], element) if compressors else None,
        "dimension_separator": layout.separator or ".",
    }
    return {"node_type": "array", "array": array, "attributes": _array_attributes(dataset, location, path)}


def _without_transposition(filters: Sequence[Codec]) -> tuple[bool, list[Codec]]:
    """Return whether the axes are stored in reverse, which format 2 calls order F, and the other filters.

    It has no other order of axes. Those say only how the bytes of a chunk lie, and are left out.
    """
    orders = [codec.configuration.get("order") for codec in filters if codec.name == "transpose"]
    others = [codec for codec in filters if codec.name != "transpose"]
    return any(order and list(order) == sorted(order, reverse=True) for order in orders), others


def _array_attributes(dataset: Dataset, location: str, path: str) -> dict[str, Any]:
    attributes = encode_attributes(dataset.attributes, location, path)
    element = dataset.element
    if isinstance(element, Compound):
        attributes[DTYPE] = declared_fields(element)
    elif isinstance(element, ReferenceTo):
        attributes[DTYPE] = "object"
    else:
        attributes[DTYPE] = declared_name(element) if dataset.shape else "scalar"
    if isinstance(element, Bytes):
        attributes[BYTES_MARK] = declared_name(element)  # nothing else tells it from text of ASCII characters
    if not dataset.shape and attributes[DTYPE] != "scalar":
        attributes[SCALAR] = True  # nothing else tells it from an array of one element
    names = dataset.layout.dimension_names
    if names and all(name is not None for name in names):
        attributes[DIMENSIONS] = list(names)
    return attributes
