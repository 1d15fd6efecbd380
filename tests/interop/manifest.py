"""What a file contains, as plain data: the oracle of the interoperability tests.

Walks the builders that any HDMF backend returns from ``read_builder`` and describes every group, dataset,
link, reference and attribute in the structure of the corpus manifests (format 1), so that two files, or a file
and a recorded manifest, are compared for equality whatever software wrote or read them.

Shares no code with the package under test, and imports only hdmf, h5py and numpy, so that it also runs as a lone
module in the environment of another program. It refuses to guess: a value of a kind the format does not know is
an error, never a best effort.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from hdmf.build import Builder, DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder

Entry = dict[str, Any]
Objects = dict[str, Entry]

SPECIFICATIONS = ".specloc"
_LISTED_TARGETS = 64
_PREVIEW_ITEMS, _PREVIEW_CHARACTERS = 3, 80
_NAMED_KINDS = {
    **dict.fromkeys(["object", "reference"], "reference"),
    **dict.fromkeys(["text", "utf", "utf8", "str", "ascii", "bytes", str, bytes], "text"),
}
_NUMBER_KINDS = {"i": "int", "u": "uint", "f": "float"}


class NotInFormatError(TypeError):
    """A builder holds a value for which the manifest format has no kind."""

    def __init__(self, path: str, value: object) -> None:
        super().__init__(f"{path}: no kind of the manifest format fits {type(value).__name__} {value!r:.200}")
        self.path = path
        self.value = value


def objects_of(root: GroupBuilder) -> Objects:
    """Describe every object at or below the root builder of a file.

    Parameters
    ----------
    root : GroupBuilder
        As returned by ``read_builder`` of any HDMF backend, its file still open.

    Returns
    -------
    dict of str to dict
        The absolute path of each object and its entry, as the format of the corpus manifests defines them.

    Raises
    ------
    NotInFormatError
        If a value is of a kind that the format does not know.
    """
    return _Walk(root).objects


def hdf5_objects(path: str | os.PathLike[str]) -> Objects:
    """Describe every object of an HDF5 file, read with h5py alone.

    HDMF's own backend does not show all there is: see :func:`shadowed_links`. It also fails at scalar references.

    Parameters
    ----------
    path : path-like
        The HDF5 file.

    Returns
    -------
    dict of str to dict
        As of :func:`objects_of`.
    """
    with h5py.File(path, "r") as file:
        return {**objects_of(_Hdf5Tree(file).root), **dict(_stored_links(file))}


def shadowed_links(path: str | os.PathLike[str]) -> set[str]:
    """Name the links of an HDF5 file that HDMF's own backend does not return.

    Parameters
    ----------
    path : path-like
        The HDF5 file.

    Returns
    -------
    set of str
        Absolute paths: of several links in one group whose targets have the same last name, all but the last.
    """
    with h5py.File(path, "r") as file:
        stored = list(_stored_links(file))
    kept = {(posixpath.dirname(place), posixpath.basename(entry["target"])): place for place, entry in stored}
    return {place for place, _ in stored} - set(kept.values())


def compare(expected: Mapping[str, Entry], found: Mapping[str, Entry], *, may_add: Collection[str] = ()) -> list[str]:
    """Say in words in what one description differs from another.

    Parameters
    ----------
    expected, found : mapping of str to dict
        Objects by path. Previews, which are for people, are left out.
    may_add : collection of str
        Names of attributes that `found` may have where `expected` has none.

    Returns
    -------
    list of str
        One sentence for each difference, in order of the paths; empty where there is none.
    """
    differences = [f"{path}: missing ({_in_short(expected[path])})" for path in expected.keys() - found.keys()]
    differences += [f"{path}: not expected ({_in_short(found[path])})" for path in found.keys() - expected.keys()]
    for path in expected.keys() & found.keys():
        differences += [f"{path}: {what}" for what in _entry_differences(expected[path], found[path], may_add)]
    return sorted(differences)


def must_agree(expected: Mapping[str, Entry], found: Mapping[str, Entry], *, may_add: Collection[str] = ()) -> None:
    """Fail with a line for each difference that :func:`compare` finds."""
    __tracebackhide__ = True
    differences = compare(expected, found, may_add=may_add)
    if differences:
        raise AssertionError(f"{len(differences)} differences:\n" + "\n".join(differences))


def without_attributes(objects: Mapping[str, Entry], names: Collection[str]) -> Objects:
    """Return the objects without the attributes of these names."""
    kept = {}
    for path, entry in objects.items():
        attributes = {name: value for name, value in entry.get("attributes", {}).items() if name not in names}
        kept[path] = {**entry, "attributes": attributes} if "attributes" in entry else entry
    return kept


def copied_in(objects: Mapping[str, Entry], others: Mapping[str, Mapping[str, Entry]]) -> Objects:
    """Put what lies in other files in the place of the links that lead there.

    Parameters
    ----------
    objects : mapping of str to dict
        Objects of the file that holds the links.
    others : mapping of str to mapping
        Objects of each other file, by its base name.

    Returns
    -------
    dict of str to dict
        Objects without links into any of `others`. Targets within a copied group follow it to its new place; a target
        beside the copied group becomes a link into the other file.
    """
    result: Objects = {}
    for path, entry in objects.items():
        other = others.get(entry.get("external") or "") if entry["type"] == "link" else None
        if other is None:
            result[path] = entry
            continue
        start = entry["target"]
        for place, there in other.items():
            if place == start or place.startswith(start.rstrip("/") + "/"):
                result[_moved(place, start, path)] = _with_targets_moved(there, start, path, entry["external"])
    return result


def differing_specs(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """Say in words in what the cached specifications of two files differ.

    Parameters
    ----------
    expected, found : mapping
        Namespace, version and source name to the digest (or the content) of that source.

    Returns
    -------
    list of str
        One sentence for each difference.
    """
    here, there = dict(_flat_specs(expected)), dict(_flat_specs(found))
    differences = [f"{'/'.join(key)}: missing" for key in here.keys() - there.keys()]
    differences += [f"{'/'.join(key)}: not expected" for key in there.keys() - here.keys()]
    differences += [f"{'/'.join(key)}: differs" for key in here.keys() & there.keys() if here[key] != there[key]]
    return sorted(differences)


def digests(texts: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, dict[str, dict[str, str]]]:
    """Replace the JSON text of each cached specification by its sha256, as manifests record them."""
    return {
        namespace: {
            version: {source: _sha256(text.encode()) for source, text in sources.items()}
            for version, sources in versions.items()
        }
        for namespace, versions in texts.items()
    }


def cached_specs_of_hdf5(path: str | os.PathLike[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Read the JSON texts of the specifications cached in an HDF5 file: by namespace, version and source name."""
    with h5py.File(path, "r") as file:
        if SPECIFICATIONS not in file.attrs:
            return {}
        cache = file[file.attrs[SPECIFICATIONS]]
        return {
            namespace: {
                version: {source: _text(_only(stored[()])) for source, stored in sources.items()}
                for version, sources in versions.items()
            }
            for namespace, versions in cache.items()
        }


def cached_specs_of_zarr(path: str | os.PathLike[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Read the JSON texts of the specifications cached in a Zarr store on disk, with zarr-python alone."""
    import zarr

    root = zarr.open_group(str(path), mode="r", use_consolidated=False)  # only what is asked for is decoded
    place = root.attrs.get(SPECIFICATIONS)
    if place is None:
        return {}
    if isinstance(place, Mapping):
        place = place.get("_REFERENCE", place)["path"]
    return {
        namespace: {
            version: {source: _text(_only(stored[...])) for source, stored in sources.arrays()}
            for version, sources in versions.groups()
        }
        for namespace, versions in root[place.strip("/")].groups()
    }


def cached_specs_of_format_2(path: str | os.PathLike[str]) -> dict[str, dict[str, dict[str, str]]]:
    """Read the JSON texts of the specifications cached in a Zarr format 2 store on disk, with its codecs alone.

    zarr-python 3 does not open the arrays that older releases keep them in.
    """
    root = Path(path)
    place = _json_file(root / ".zattrs").get(SPECIFICATIONS)
    if place is None:
        return {}
    if isinstance(place, Mapping):
        place = place.get("value", place)["path"]
    found: dict[str, dict[str, dict[str, str]]] = {}
    for document in sorted((root / place.strip("/")).glob("*/*/*/.zarray")):
        namespace, version, source = document.parent.parts[-3:]
        found.setdefault(namespace, {}).setdefault(version, {})[source] = _text_of_format_2(document)
    return found


def _text_of_format_2(document: Path) -> str:
    """Return the one text of an array, whichever object codec holds it."""
    import numcodecs

    array = _json_file(document)
    content: Any = (document.parent / "0").read_bytes()
    if array["compressor"] is not None:
        content = numcodecs.get_codec(array["compressor"]).decode(content)
    for codec in reversed(array["filters"]):
        content = numcodecs.get_codec(codec).decode(content)
    return _text(_only(content))


def _json_file(place: Path) -> dict[str, Any]:
    return json.loads(place.read_text(encoding="utf-8")) if place.exists() else {}


def added_group(attributes: Mapping[str, str]) -> Entry:
    """Return the entry of a group with attributes of text."""
    return {"type": "group", "attributes": {name: _text_attribute(value) for name, value in attributes.items()}}


def _text_attribute(value: str) -> Entry:
    return {"kind": "text", "shape": [], "value": [value]}


def misplaced(root: GroupBuilder) -> list[str]:
    """Name the builders of a file that do not say where they lie.

    HDMF finds the place of a builder by its ``location`` (the path of its parent) and its name, and the file by its
    ``source``: links and references written on export depend on them.

    Parameters
    ----------
    root : GroupBuilder
        As returned by ``read_builder``.

    Returns
    -------
    list of str
        One sentence for each builder whose location or source is wrong.
    """
    wrong = []
    for path, builder in _builders(root):
        if builder is root:
            continue
        location = builder.location
        if location is None or posixpath.normpath(f"/{location}") != posixpath.normpath(f"/{posixpath.dirname(path)}"):
            wrong.append(f"{path}: location is {location!r}")
        if builder.source is None or not _same_file(builder.source, root.source):
            wrong.append(f"{path}: source is {builder.source!r}")
    return wrong


class _Walk:
    """One pass over a tree of builders; knows the path of each, to name targets by."""

    def __init__(self, root: GroupBuilder) -> None:
        self._root = root
        self._paths = {id(builder): path for path, builder in _builders(root) if not isinstance(builder, LinkBuilder)}
        self.objects: Objects = {}
        for path, builder in _builders(root):
            self.objects[path] = self._entry(path, builder)

    def _entry(self, path: str, builder: Builder) -> Entry:
        if isinstance(builder, LinkBuilder):
            return self._link(builder)
        attributes = {name: self._attribute(f"{path}@{name}", value) for name, value in builder.attributes.items()}
        entry: Entry = {"attributes": attributes}
        for type_name in ("neurodata_type", "data_type"):
            if type_name in attributes and "namespace" in attributes:
                entry["data_type"] = attributes[type_name]["value"][0]
                entry["namespace"] = attributes["namespace"]["value"][0]
                break
        if isinstance(builder, GroupBuilder):
            return {"type": "group", **entry}
        return {"type": "dataset", **entry, **self._dataset(path, builder)}

    def _link(self, link: LinkBuilder) -> Entry:
        target = link.builder
        return {
            "type": "link",
            "target": self._path_of(target),
            "external": None if self._is_here(target) else posixpath.basename(target.source.rstrip("/")),
            "target_type": "group" if isinstance(target, GroupBuilder) else "dataset",
        }

    def _is_here(self, builder: Builder) -> bool:
        if id(builder) in self._paths:
            return True
        return builder.source is None or _same_file(builder.source, self._root.source)

    def _path_of(self, builder: Builder) -> str:
        """Path of a builder in its own file: by identity, else as the reader says, else by its parents."""
        known = self._paths.get(id(builder))
        if known is not None:
            return known
        if builder.location is not None:
            return posixpath.normpath(posixpath.join("/", builder.location, builder.name))
        names = []
        while builder.parent is not None:
            names.append(builder.name)
            builder = builder.parent
        return "/" + "/".join(reversed(names))

    # datasets

    def _dataset(self, path: str, builder: DatasetBuilder) -> Entry:
        data = builder.data
        if data is None:
            return self._without_data(path, builder)
        if isinstance(data, ReferenceBuilder):
            return {"shape": [], **self._references([data])}
        if isinstance(data, list | tuple):
            shape = _shape_of_lists(path, data)
        else:
            shape = [int(length) for length in getattr(data, "shape", ())]
        if builder.dtype == "scalar" and shape == [1]:  # how readers of Zarr format 2 return a scalar
            shape = []
        names = _field_names(builder)
        if names is not None:
            return {"kind": "compound", "shape": shape, "fields": self._fields(path, builder, names)}
        return {"shape": shape, **self._column(path, _all_values(data), _stored_kind(builder))}

    def _without_data(self, path: str, builder: DatasetBuilder) -> Entry:
        """Describe an empty array of text or references, which HDMF's HDF5 backend returns without data."""
        kind = _stored_kind(builder)
        if kind is None or builder.maxshape is None:
            raise NotInFormatError(path, None)
        maxshape = builder.maxshape if isinstance(builder.maxshape, tuple) else (builder.maxshape,)
        shape = [int(length or 0) for length in maxshape]
        if math.prod(shape) != 0:
            shape[0] = 0
        return {"shape": shape, **self._column(path, [], kind)}

    def _fields(self, path: str, builder: DatasetBuilder, names: Sequence[str]) -> list[Entry]:
        rows = _all_values(builder.data)
        types = _declared_types(builder)
        fields = []
        for index, name in enumerate(names):
            is_structured = isinstance(rows, np.ndarray | np.void) and rows.dtype.names is not None
            column = rows[name] if is_structured else [row[index] for row in rows]
            described = self._column(f"{path}[{name}]", column, _kind_of(types.get(name)), types.get(name))
            fields.append({"name": name, **described})
        return fields

    def _column(self, path: str, values: Any, kind: str | None, declared: Any = None) -> Entry:
        """Describe values of one kind, without their shape.

        Parameters
        ----------
        path : str
            For messages.
        values : array or sequence
            All of them, in any nesting.
        kind : str or None
            ``text`` or ``reference`` where the stored type says so; needed only where there are no values.
        declared : optional
            The type that plain numbers are stored in, where it is not theirs.
        """
        if isinstance(values, np.ndarray | np.generic):
            if values.dtype.kind in _ARRAY_COLUMNS and not (values.size == 0 and kind == "reference"):
                return _ARRAY_COLUMNS[values.dtype.kind](values)
            values = values.reshape(-1).tolist()
        items = list(_flattened(values))
        if not items and kind is not None:
            return self._references([]) if kind == "reference" else _text_column([])
        if items and all(isinstance(item, Builder | ReferenceBuilder) for item in items):
            return self._references(items)
        if items and all(isinstance(item, str | bytes) for item in items):
            return _text_column(items)
        if items and all(isinstance(item, bool | int | float | np.generic) for item in items):
            numbers = np.array(items, dtype=declared)
            if numbers.dtype.kind in _ARRAY_COLUMNS:
                return _ARRAY_COLUMNS[numbers.dtype.kind](numbers)
        raise NotInFormatError(path, values)

    def _references(self, items: Iterable[Builder | ReferenceBuilder]) -> Entry:
        targets = [self._path_of(item.builder if isinstance(item, ReferenceBuilder) else item) for item in items]
        listed = "targets" if len(targets) <= _LISTED_TARGETS else "first_targets"
        return {
            "kind": "reference",
            "dtype": "reference",
            "sha256": _joined_sha256(targets),
            listed: targets[:_LISTED_TARGETS],
        }

    # attributes

    def _attribute(self, path: str, value: Any) -> Entry:
        if isinstance(value, h5py.Empty):
            return {"kind": "empty", "shape": [], "value": []}
        if isinstance(value, Builder | ReferenceBuilder):
            return {"kind": "reference", "shape": [], "value": self._references([value])["targets"]}
        if isinstance(value, Mapping):
            return {"kind": "json", "shape": [], "value": [value]}
        if isinstance(value, np.ndarray | np.generic):
            shape, items = list(value.shape), value.reshape(-1).tolist()
        elif isinstance(value, list | tuple):
            shape, items = _shape_of_lists(path, value), list(_flattened(value))
        else:
            shape, items = [], [value]
        if not items:
            return {"kind": "empty-list", "shape": shape, "value": []}
        for fits, describe in _ATTRIBUTE_KINDS:
            if all(fits(item) for item in items):
                kind, values = describe(items)
                return {"kind": kind, "shape": shape, "value": values}
        if all(isinstance(item, Builder | ReferenceBuilder) for item in items):
            return {"kind": "reference", "shape": shape, "value": self._references(items)["targets"]}
        raise NotInFormatError(path, value)


# builders


def _builders(group: GroupBuilder, path: str = "/") -> Iterator[tuple[str, Builder]]:
    """Yield each builder of a tree with its path, links not followed."""
    yield path, group
    for name, child in group.groups.items():
        yield from _builders(child, posixpath.join(path, name))
    for name, child in [*group.datasets.items(), *group.links.items()]:
        yield posixpath.join(path, name), child


def _same_file(one: str, other: str) -> bool:
    return one == other or os.path.realpath(one) == os.path.realpath(other)


def _field_names(builder: DatasetBuilder) -> list[str] | None:
    """Names of the fields of a compound dataset; None for any other."""
    names = getattr(getattr(builder.data, "dtype", None), "names", None)
    if names is None and isinstance(builder.dtype, list):
        return [field["name"] for field in builder.dtype]
    return None if names is None else list(names)


def _declared_types(builder: DatasetBuilder) -> dict[str, Any]:
    """Types of the fields of a compound dataset, as the builder gives them."""
    if isinstance(builder.dtype, np.dtype):
        return {name: builder.dtype[name] for name in builder.dtype.names or ()}
    return {field["name"]: field["dtype"] for field in builder.dtype} if isinstance(builder.dtype, list) else {}


def _stored_kind(builder: DatasetBuilder) -> str | None:
    return _kind_of(builder.dtype) or _kind_of(getattr(builder.data, "dtype", None))


def _kind_of(dtype: Any) -> str | None:
    """Tell text and references by their type alone, as is needed where there are no values; None for the rest."""
    if isinstance(dtype, np.dtype):
        if h5py.check_ref_dtype(dtype) is not None:
            return "reference"
        return "text" if dtype.kind in "OSUT" else None
    if isinstance(dtype, Mapping):  # how a specification spells the type of a reference
        return "reference"
    return _NAMED_KINDS.get(dtype) if isinstance(dtype, str | type) else None


def _all_values(data: Any) -> Any:
    """Read a whole dataset, by indexing where it is lazy."""
    if isinstance(data, np.ndarray | np.generic | str | bytes | bool | int | float | list | tuple):
        return data if not isinstance(data, bool | int | float) else np.asarray(data)
    return data[()] if len(data.shape) == 0 else data[:]


# values


def _flattened(values: Any) -> Iterator[Any]:
    """Yield the items of nested sequences in C order; builders, which are mappings, and text are items."""
    if isinstance(values, list | tuple | np.ndarray):
        for value in values:
            yield from _flattened(value)
    else:
        yield values


def _shape_of_lists(path: str, value: Sequence[Any]) -> list[int]:
    shape: list[int] = []
    while isinstance(value, list | tuple | np.ndarray):
        shape.append(len(value))
        if len(value) == 0:
            break
        if len({len(item) if isinstance(item, list | tuple | np.ndarray) else None for item in value}) > 1:
            raise NotInFormatError(path, value)
        value = value[0]
    return shape


def _number_column(values: np.ndarray | np.generic) -> Entry:
    stored = np.asarray(values)
    return {
        "kind": _NUMBER_KINDS[stored.dtype.kind],
        "dtype": stored.dtype.name,
        "sha256": _sha256(stored.astype(stored.dtype.newbyteorder("<")).tobytes(order="C")),
    }


def _bool_column(values: np.ndarray | np.generic) -> Entry:
    return {
        "kind": "bool",
        "dtype": "bool",
        "sha256": _sha256(np.asarray(values).astype(np.uint8).tobytes(order="C")),
    }


def _text_column(values: Any) -> Entry:
    items = values.reshape(-1).tolist() if isinstance(values, np.ndarray | np.generic) else values
    texts = [_text(item) for item in items]
    return {
        "kind": "text",
        "dtype": "text",
        "sha256": _joined_sha256(texts),
        "preview": [text[:_PREVIEW_CHARACTERS] for text in texts[:_PREVIEW_ITEMS]],
    }


_ARRAY_COLUMNS: dict[str, Callable[[Any], Entry]] = {
    "b": _bool_column,
    **dict.fromkeys(_NUMBER_KINDS, _number_column),
    **dict.fromkeys("SUT", _text_column),
}


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="surrogateescape")
    if not isinstance(value, str):
        raise TypeError(f"{value!r:.200} is not text")
    return str(value)


def _only(value: Any) -> Any:
    """Return the one element of a scalar, also where it is stored as an array of one."""
    return np.asarray(value, dtype=object).reshape(-1)[0] if isinstance(value, np.ndarray) else value


def _number(value: Any) -> float | str:
    number = float(value)
    if math.isnan(number):
        return "NaN"
    return number if math.isfinite(number) else ("Infinity" if number > 0 else "-Infinity")


_ATTRIBUTE_KINDS: tuple[tuple[Callable[[Any], bool], Callable[[list[Any]], tuple[str, list[Any]]]], ...] = (
    (lambda item: isinstance(item, bool | np.bool_), lambda items: ("bool", [bool(item) for item in items])),
    (
        lambda item: isinstance(item, int | np.integer) and not isinstance(item, bool),
        lambda items: ("int", [int(item) for item in items]),
    ),
    (
        lambda item: isinstance(item, int | float | np.integer | np.floating) and not isinstance(item, bool),
        lambda items: ("float", [_number(item) for item in items]),
    ),
    (lambda item: isinstance(item, str | bytes), lambda items: ("text", [_text(item) for item in items])),
)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _joined_sha256(texts: Iterable[str]) -> str:
    return _sha256("\0".join(texts).encode("utf-8", errors="surrogateescape"))


# HDF5 files, without HDMF's backend


class _Hdf5Tree:
    """Builders of the groups and datasets of an open HDF5 file, all values read and all references resolved."""

    def __init__(self, file: h5py.File) -> None:
        self._file = file
        self._builders: dict[str, GroupBuilder | DatasetBuilder] = {}
        self._ignored = file[file.attrs[SPECIFICATIONS]].name if SPECIFICATIONS in file.attrs else None
        self.root = self._group(file["/"], "root")
        for path, builder in self._builders.items():
            for name, value in file[path].attrs.items():
                if name != SPECIFICATIONS:
                    builder.set_attribute(
                        name, self._resolved(value, h5py.check_ref_dtype(file[path].attrs.get_id(name).dtype))
                    )
            if isinstance(builder, DatasetBuilder):
                self._fill(builder, file[path])

    def _group(self, stored: h5py.Group, name: str) -> GroupBuilder:
        builder = self._builders[stored.name] = GroupBuilder(name=name)
        for child in stored:
            if isinstance(stored.get(child, getlink=True), h5py.SoftLink | h5py.ExternalLink):
                continue
            if isinstance(stored[child], h5py.Dataset):
                dataset = DatasetBuilder(name=child, dtype=stored[child].dtype, maxshape=stored[child].shape)
                self._builders[stored[child].name] = dataset
                builder.set_dataset(dataset)
            elif stored[child].name != self._ignored:
                builder.set_group(self._group(stored[child], child))
        return builder

    def _fill(self, builder: DatasetBuilder, stored: h5py.Dataset) -> None:
        if stored.dtype.names is not None:
            builder.data = self._table(stored)
        elif stored.size:
            builder.data = self._resolved(stored[()], h5py.check_ref_dtype(stored.dtype))
        elif stored.dtype.kind != "O":
            builder.data = stored[()]

    def _table(self, stored: h5py.Dataset) -> np.ndarray:
        rows = np.asarray(stored[()])
        types = [(name, object if rows.dtype[name].hasobject else rows.dtype[name]) for name in rows.dtype.names]
        resolved = np.empty(rows.shape, dtype=types)
        for name in rows.dtype.names:
            reference_type = h5py.check_ref_dtype(stored.dtype[name])
            for index in np.ndindex(rows.shape):
                resolved[name][index] = self._resolved(rows[name][index], reference_type)
        return resolved

    def _resolved(self, values: Any, reference_type: type | None) -> Any:
        if reference_type is None:
            return values
        if isinstance(values, h5py.Reference):
            return ReferenceBuilder(self._builders[self._file[values].name])
        return [self._resolved(value, reference_type) for value in values]


def _stored_links(group: h5py.Group) -> Iterator[tuple[str, Entry]]:
    """Yield the soft and external links of an HDF5 group and of all groups below it, in stored order."""
    cache = group.attrs.get(SPECIFICATIONS)
    skipped = group[cache].name if cache is not None else None
    for name in group:
        place = posixpath.join(group.name, name)
        stored = group.get(name, getlink=True)
        if isinstance(stored, h5py.SoftLink | h5py.ExternalLink):
            yield place, _stored_link(group, name, stored)
        elif place != skipped and group.get(name, getclass=True) is h5py.Group:
            yield from _stored_links(group[name])


def _stored_link(group: h5py.Group, name: str, stored: h5py.SoftLink | h5py.ExternalLink) -> Entry:
    target_class = group.get(name, getclass=True)
    external = os.path.basename(stored.filename) if isinstance(stored, h5py.ExternalLink) else None
    types = {h5py.Group: "group", h5py.Dataset: "dataset", None: "dangling"}
    return {
        "type": "link",
        "target": posixpath.normpath(posixpath.join(group.name, stored.path)),
        "external": external,
        "target_type": types[target_class],
    }


# comparison


def _in_short(entry: Entry) -> str:
    kind = f" of {entry['kind']} {entry['shape']}" if entry["type"] == "dataset" else ""
    return f"{entry['type']}{kind}" if entry["type"] != "link" else f"link to {entry['target']}"


def _entry_differences(expected: Entry, found: Entry, may_add: Collection[str]) -> Iterator[str]:
    for key in sorted((expected.keys() | found.keys()) - {"preview", "attributes", "fields"}):
        if expected.get(key) != found.get(key):
            yield f"{key} is {found.get(key)!r:.300}, expected {expected.get(key)!r:.300}"
    here, there = expected.get("attributes", {}), found.get("attributes", {})
    for name in sorted(here.keys() | there.keys()):
        if name in may_add and name not in here:
            continue
        if here.get(name) != there.get(name):
            yield f"attribute {name!r} is {there.get(name)!r:.300}, expected {here.get(name)!r:.300}"
    yield from _field_differences(expected.get("fields", []), found.get("fields", []))


def _field_differences(expected: Sequence[Entry], found: Sequence[Entry]) -> Iterator[str]:
    here, there = [field["name"] for field in expected], [field["name"] for field in found]
    if here != there:
        yield f"fields are {there}, expected {here}"
        return
    for one, other in zip(expected, found, strict=True):
        for what in _entry_differences(one, other, ()):
            yield f"field {one['name']!r}: {what}"


def _flat_specs(specs: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str, str], Any]]:
    for namespace, versions in specs.items():
        for version, sources in versions.items():
            for source, content in sources.items():
                yield (namespace, version, source), content


def _moved(target: str, start: str, place: str) -> str:
    return place if target == start else posixpath.join(place, posixpath.relpath(target, start))


def _with_targets_moved(entry: Entry, start: str, place: str, source: str) -> Entry:
    """Let a copied link lead to the copy of its target, or back into the file it came from."""
    if entry["type"] != "link" or entry["external"] is not None:
        return entry
    if entry["target"] == start or entry["target"].startswith(start.rstrip("/") + "/"):
        return {**entry, "target": _moved(entry["target"], start, place)}
    return {**entry, "external": source}


def to_json(objects: Mapping[str, Entry]) -> str:
    """Write objects as JSON text, in a stable order."""
    return json.dumps(objects, sort_keys=True)


def from_json(place: str | os.PathLike[str]) -> Objects:
    """Read objects back from a file that holds :func:`to_json`'s text."""
    return json.loads(Path(place).read_text(encoding="utf-8"))
