"""HDF5's types and values, and the nodes' element types and normal form, into one another.

Knows h5py and the nodes; opens no file. Sources: the HDF5 file format's data types as h5py maps them to numpy, and
what HDMF's HDF5 backend writes (variable-length strings, boolean enumerations, object references).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import h5py
import numpy as np

from hdmf_store.adapter import Location
from hdmf_store.errors import UnreadableError
from hdmf_store.nodes import (
    HERE,
    AsciiText,
    Bytes,
    Compound,
    ElementType,
    Field,
    Number,
    Origin,
    ReferenceTo,
    Region,
    Target,
    Text,
    Unreadable,
    each,
)
from hdmf_store_adapters.hdf5_direct import direct_values
from hdmf_store_adapters.hdf5_stored import stored_regions

__all__ = [
    "BROKEN",
    "NO_OUTER_REFERENCE",
    "H5Source",
    "NormalDataset",
    "attributes_of",
    "element_of",
    "h5_attribute",
    "h5_dtype",
    "to_h5",
]

NO_OUTER_REFERENCE = (
    "HDF5 has no reference into another file. Have what it leads to copied: --copy-links, or link_data=False in Python"
)
_PIECE = 2**20
_NOT_READ = (OSError, RuntimeError, MemoryError)
BROKEN = (OSError, RuntimeError, MemoryError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What h5py raises for what is not as it should be; HDF5's own errors become one or another of these."""
_REGION = "it holds region references, which are not supported"


@attrs.frozen(eq=False)
class H5Source:
    """The values of one HDF5 dataset, in normal form, a region at a time."""

    dataset: h5py.Dataset = attrs.field(repr=False)
    element: ElementType

    @property
    def origin(self) -> Origin:
        """The file and path at which the dataset lies."""
        return Origin(Location.of(self.dataset.file.filename).identity, self.dataset.name)

    @property
    def grain(self) -> tuple[int, ...] | None:
        """The chunks, each of which is decoded for any part of it."""
        return self.dataset.chunks

    def __reduce__(self) -> Any:
        return _reopened, (self.dataset.file.filename, self.dataset.name, self.element)

    @property
    def fill_value(self) -> Any:
        """What values are that were never stored."""
        found = self.dataset.fillvalue
        return np.asarray(found, self.element.dtype) if isinstance(self.element, Number) else found

    def stored_regions(self) -> list[Region] | None:
        """Return regions outside of which nothing is stored; see `PartlyStored`."""
        with _named(self.dataset, BROKEN):
            return stored_regions(self.dataset)

    def read(self, region: Region) -> np.ndarray:
        """Return the values of a region."""
        if isinstance(self.element, Unreadable):
            raise UnreadableError(self.dataset.file.filename, self.dataset.name, self.element.reason)
        if self.dataset.shape is None:
            return np.empty((0,), self.element.dtype)
        with _named(self.dataset, BROKEN):
            values = direct_values(self.dataset, region) if isinstance(self.element, Number) else None
            if values is None:
                values = self.dataset[region]
            if not isinstance(values, np.ndarray):
                values = _zero_d(values, self.dataset.dtype)
            return _to_normal(values, self.element, self.dataset.file)


@contextmanager
def _named(dataset: h5py.Dataset, problems: tuple[type[Exception], ...]) -> Iterator[None]:
    """Let what h5py raises for a dataset say which one it is."""
    try:
        yield
    except UnicodeDecodeError as problem:
        reason = f"it is declared as UTF-8 text and holds other bytes ({problem})"
        raise UnreadableError(dataset.file.filename, str(dataset.name), reason) from problem
    except problems as problem:
        reason = f"HDF5 cannot read its values ({problem})"
        raise UnreadableError(dataset.file.filename, str(dataset.name), reason) from problem


class NormalDataset(h5py.Dataset):
    """An HDF5 dataset whose elements come in normal form, and whose errors say which dataset it is.

    h5py would give bytes for text, and references that only h5py can follow.
    """

    def __init__(self, dataset: h5py.Dataset, element: ElementType) -> None:
        super().__init__(dataset.id)
        self._element = element

    def __getitem__(self, args: Any, new_dtype: Any = None) -> Any:
        with _named(self, _NOT_READ):
            found = super().__getitem__(args, new_dtype)
            if isinstance(self._element, Number | Unreadable):
                return found
            if isinstance(found, np.ndarray):
                return _to_normal(found, self._element, self.file)
            return _to_normal(_zero_d(found, self.dtype), self._element, self.file)[()]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[()], dtype)

    def read_direct(self, dest: np.ndarray, source_sel: Any = None, dest_sel: Any = None) -> None:
        """Read values into an array; see `h5py.Dataset.read_direct`."""
        with _named(self, _NOT_READ):
            super().read_direct(dest, source_sel, dest_sel)


def _reopened(filename: str, name: str, element: ElementType) -> H5Source:
    return H5Source(h5py.File(filename, "r")[name], element)  # which is open for as long as the dataset is held


def _zero_d(value: Any, dtype: np.dtype) -> np.ndarray:
    if dtype.kind != "O":
        return np.asarray(value, dtype)
    array = np.empty((), object)
    array[()] = value
    return array


def element_of(dataset: h5py.Dataset) -> ElementType:
    """Return the element type of an HDF5 dataset.

    Strings that HDF5 calls ASCII may hold any bytes, so they are looked through: text if they are UTF-8.
    """
    element = _element(dataset.dtype)
    if element == _ASCII:
        return _looked_through(dataset, ())
    return _with_looked_through(element, dataset, ()) if isinstance(element, Compound) else element


_ASCII = Text("ascii")


def _with_looked_through(element: Compound, dataset: h5py.Dataset, within: tuple[str, ...]) -> Compound:
    fields = []
    for field in element.fields:
        kind: Any = field.type
        if kind == _ASCII:
            kind = _looked_through(dataset, (*within, field.name))
        elif isinstance(kind, Compound):
            kind = _with_looked_through(kind, dataset, (*within, field.name))
        fields.append(Field(field.name, kind))
    return Compound(tuple(fields))


def _looked_through(dataset: h5py.Dataset, field: tuple[str, ...]) -> Text | Bytes:
    """Return what strings that HDF5 calls ASCII hold: these, other text, or bytes that are none."""
    found = _ASCII
    if dataset.shape is None or 0 in dataset.shape:
        return found
    for part in _parts(dataset):
        values = dataset[part]
        for name in field:
            values = values[name]
        flat = np.asarray(values, dtype=object).reshape(-1)
        joined = b"\0".join(value if isinstance(value, bytes) else value.encode() for value in flat)
        if not joined.isascii():
            try:
                joined.decode()
            except UnicodeDecodeError:
                return Bytes()
            found = Text()
    return found


def _parts(dataset: h5py.Dataset) -> Iterable[Any]:
    """Return selections that together hold all that is stored of a dataset."""
    if not dataset.shape:
        return [()]
    stored = stored_regions(dataset)
    return stored if stored is not None else (slice(i, i + _PIECE) for i in range(0, dataset.shape[0], _PIECE))


def _element(dtype: np.dtype) -> ElementType:
    string = h5py.check_string_dtype(dtype)
    if string is not None:
        return _ASCII if string.encoding == "ascii" else Text()
    reference = h5py.check_ref_dtype(dtype)
    if reference is h5py.Reference:
        return ReferenceTo()
    if reference is not None:
        return Unreadable(_REGION)
    if dtype.names is not None:
        fields = [(name, _element(dtype[name])) for name in dtype.names]
        unreadable = [kind for _, kind in fields if isinstance(kind, Unreadable)]
        if unreadable:
            return unreadable[0]
        return Compound(tuple(Field(name, kind) for name, kind in fields))  # type: ignore[arg-type]
    if dtype.kind == "O" or dtype.subdtype is not None:
        return Unreadable(f"its HDF5 type {dtype} has no counterpart here")
    try:
        return Number.of(dtype)
    except ValueError as problem:
        return Unreadable(f"its HDF5 type {dtype} has no counterpart here ({problem})")


def _to_normal(values: np.ndarray, element: ElementType, file: h5py.File) -> np.ndarray:
    if isinstance(element, Number):
        return values.astype(element.dtype, copy=False)
    if isinstance(element, Compound):
        normal = np.empty(values.shape, element.dtype)
        for field in element.fields:
            normal[field.name] = _to_normal(values[field.name], field.type, file)
        return normal
    if isinstance(element, ReferenceTo):
        return each(values, lambda reference: target_of(reference, file))
    if isinstance(element, Text):
        return each(values, lambda value: value.decode() if isinstance(value, bytes) else value)
    return each(values, lambda value: value if isinstance(value, bytes) else value.encode())


def target_of(reference: h5py.Reference, file: h5py.File) -> Target | None:
    """Return the target of an object reference, or None for one that refers to nothing."""
    if not reference:
        return None
    name = h5py.h5r.get_name(reference, file.id)
    return None if name is None else Target(name.decode())


class CannotReferError(ValueError):
    """A target that no HDF5 reference can lead to."""


def reference_to(target: Target | None, file: h5py.File) -> h5py.Reference:
    """Return the object reference to a target; one that refers to nothing for None.

    Raises
    ------
    CannotReferError
        If the target lies in another file, or is not there.
    """
    if target is None:
        return h5py.Reference()
    if not target.is_internal:
        raise CannotReferError(f"{target.path} in {target.source}: {NO_OUTER_REFERENCE}")
    if target.path not in file:
        raise CannotReferError(f"there is no object at {target.path!r} to refer to")
    found = file[target.path]
    if found.file.id != file.id:
        raise CannotReferError(f"HDF5 has no reference into another file, where the link at {target.path!r} leads")
    return found.ref


def target_of_link(link: h5py.SoftLink | h5py.ExternalLink, group: str) -> Target:
    """Return the target of a link that stands in a group.

    HDF5 names other files relative to the folder of the file that holds the link; targets name them relative to
    that file's own root, one level deeper. A path in another file begins at the root there, with or without a slash.
    """
    if isinstance(link, h5py.SoftLink):
        return Target(posixpath.normpath(posixpath.join(group, link.path)), HERE)
    path = posixpath.normpath(posixpath.join("/", link.path))
    return Target(path, link.filename if posixpath.isabs(link.filename) else f"../{link.filename}")


# -------------------------------------------------------------------------------------------------------- attributes


def attributes_of(thing: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Return the attributes of an HDF5 object in normal form."""
    found = {}
    for name in thing.attrs:
        try:
            found[name] = _attribute(thing, name)
        except BROKEN as problem:
            found[name] = Unreadable(f"HDF5 cannot read this attribute ({problem})")
    return found


def _attribute(thing: h5py.Group | h5py.Dataset, name: str) -> Any:
    value = thing.attrs[name]
    is_string = isinstance(value, str | bytes) or (isinstance(value, np.ndarray) and value.dtype.kind in "OSU")
    string = h5py.check_string_dtype(thing.attrs.get_id(name).dtype) if is_string else None
    return attribute_value(value, thing.file, "" if string is None else string.encoding)


def attribute_value(value: Any, file: h5py.File, charset: str = "") -> Any:
    """Return an attribute's value in normal form; `charset` is that of strings."""
    if isinstance(value, h5py.Empty):
        return None
    if isinstance(value, h5py.RegionReference):
        return Unreadable(_REGION)
    if isinstance(value, h5py.Reference):
        return target_of(value, file)
    if isinstance(value, str | bytes):
        return _text(value, charset)
    if isinstance(value, np.void) and value.dtype.names is None:
        return value.tobytes()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        if charset and not value.size:
            return np.empty(value.shape, "S1" if charset == "ascii" else "U1")
        flat = [attribute_value(item, file, charset) for item in value.reshape(-1).tolist()]
        if any(isinstance(item, bytes) for item in flat):
            flat = [item.encode() if isinstance(item, str) else item for item in flat]
        return _nested(flat, value.shape)
    return value


def _text(value: str | bytes, charset: str) -> str | bytes:
    """Return a string as text; as bytes where it is none, whatever it is declared as."""
    raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return bytes(raw)
    return AsciiText(text) if charset == "ascii" and raw.isascii() else text


def _nested(flat: list[Any], shape: tuple[int, ...]) -> Any:
    if not shape:
        return flat[0]
    if len(shape) == 1:
        return flat
    size = len(flat) // max(1, shape[0])
    return [_nested(flat[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]


def h5_attribute(value: Any, file: h5py.File) -> Any:
    """Return an attribute in normal form as h5py stores it."""
    if value is None:
        return h5py.Empty("f4")
    if isinstance(value, Target):
        return reference_to(value, file)
    if isinstance(value, Unreadable):
        raise TypeError(value.reason)
    if isinstance(value, AsciiText):
        return np.array(value.encode(), h5py.string_dtype("ascii"))
    if isinstance(value, bytes):
        return _h5_bytes(value)
    if isinstance(value, np.ndarray) and value.dtype.kind in "SU":
        return np.empty(value.shape, h5py.string_dtype("ascii" if value.dtype.kind == "S" else "utf-8"))
    if isinstance(value, dict):
        raise TypeError(f"HDF5 has no attribute that holds a mapping such as {value!r:.60}")
    if isinstance(value, list | tuple):
        array = np.array(value, dtype=object)
        flat = array.reshape(-1)
        if flat.size and all(isinstance(item, Target) for item in flat):
            return each(array, lambda target: reference_to(target, file)).astype(h5py.ref_dtype)
        if flat.size and all(isinstance(item, AsciiText) for item in flat):
            return each(array, str.encode).astype(h5py.string_dtype("ascii"))
        if flat.size and all(isinstance(item, bytes) for item in flat):
            return _h5_byte_strings(array)
        if flat.size and all(isinstance(item, str) for item in flat):
            return array.astype(h5py.string_dtype())
        is_large = flat.size and all(type(item) is int for item in flat) and max(flat) > np.iinfo(np.int64).max
        return np.array(value, np.uint64 if is_large else None)  # numpy would make floats of such integers
    return value


def _h5_bytes(value: bytes) -> Any:
    """Return bytes as HDF5 keeps them whole: its strings of any length end at NUL, those of fixed length before it."""
    if b"\0" not in value:
        return np.array(value, h5py.string_dtype("ascii"))
    return np.void(value) if value.endswith(b"\0") else np.bytes_(value)


def _h5_byte_strings(array: np.ndarray) -> np.ndarray:
    flat = array.reshape(-1).tolist()
    if any(item.endswith(b"\0") for item in flat):
        raise ValueError("its strings cannot end with NUL")
    return array.astype(f"S{max(map(len, flat))}")


# ----------------------------------------------------------------------------------------------------- types to write


def h5_dtype(element: ElementType) -> np.dtype:
    """Return the dtype, with h5py's marks, in which HDF5 stores an element type."""
    if isinstance(element, Compound):
        return np.dtype([(field.name, h5_dtype(field.type)) for field in element.fields])
    if isinstance(element, Text):
        return h5py.string_dtype(element.charset)
    if isinstance(element, Bytes):
        return h5py.special_dtype(vlen=bytes)
    return h5py.ref_dtype if isinstance(element, ReferenceTo) else element.dtype


def to_h5(values: np.ndarray, element: ElementType, file: h5py.File) -> np.ndarray:
    """Return values in normal form as h5py stores them; targets of references must exist already."""
    if isinstance(element, ReferenceTo):
        return each(values, lambda target: reference_to(target, file))
    if isinstance(element, Compound):
        stored = np.empty(values.shape, h5_dtype(element))
        for field in element.fields:
            stored[field.name] = to_h5(values[field.name], field.type, file)
        return stored
    return values
