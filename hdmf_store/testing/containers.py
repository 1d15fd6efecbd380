"""Whether two containers hold the same, field by field; knows HDMF and no store, and shares no code with ``verify``."""

from __future__ import annotations

import math
import reprlib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import attrs
import numpy as np
from hdmf.container import AbstractContainer, Data
from hdmf.data_utils import DataIO

__all__ = ["ContainerDifference", "container_differences"]

_NUMBERS = "biufc"
_WHOLE = "iu"  # HDMF makes unsigned numbers of whole ones where a schema asks for them


@attrs.frozen
class ContainerDifference:
    """One thing that is not the same.

    Parameters
    ----------
    path : str
        Of the field, much as one would write it in Python: ``root.columns['x'].data[2]``.
    written, read : str
        Both values, shortened.
    """

    path: str
    written: str
    read: str

    def __str__(self) -> str:
        return f"{self.path}: {self.written} became {self.read}"


def container_differences(written: AbstractContainer, read: AbstractContainer) -> list[ContainerDifference]:
    """Return where two containers, or anything below them, differ.

    Classes, names, object ids, parents and all fields are compared, values exactly: NaN is NaN, 0.0 is not -0.0, 1 is
    neither 1.0 nor True. What HDMF itself does not keep apart is the same: lists, tuples and arrays of one content, a
    collection that is empty or not there, whole numbers of another width or sign, floats that became wider. A
    collection may list what another field holds too, as pynwb lists trials among the intervals. Of containers in a list
    the order is none of theirs: a table keeps that of its columns in ``colnames``.

    Parameters
    ----------
    written, read : AbstractContainer
        Where one object is in several places of the first, one object must be in these places of the second.
    """
    walk = _Walk()
    walk.of_containers(written.name, written, read)
    met = {id(container) for container in walk.partners.values()}
    new = [difference for container, difference in walk.added if id(container) not in met]
    return walk.found + new


@attrs.define
class _Walk:
    """Two containers side by side, and what was found to differ."""

    found: list[ContainerDifference] = attrs.field(factory=list)
    added: list[tuple[AbstractContainer, ContainerDifference]] = attrs.field(factory=list)
    """Containers in collections of what was read alone, which may be in another field of what was written."""
    partners: dict[int, AbstractContainer] = attrs.field(factory=dict)
    """By the id of each container that was written, the one that it was compared with."""

    def differ(self, path: str, written: Any, read: Any) -> None:
        self.found.append(ContainerDifference(path, _shown(written), _shown(read)))

    def of_containers(self, path: str, one: AbstractContainer, other: AbstractContainer) -> None:
        if id(one) in self.partners:
            if self.partners[id(one)] is not other:
                self.differ(f"{path} is", self.partners[id(one)], other)
            return
        self.partners[id(one)] = other
        parents = [getattr(each.parent, "object_id", None) for each in (one, other)]
        for what, left, right in (
            ("__class__", type(one), type(other)),
            ("name", one.name, other.name),
            ("object_id", one.object_id, other.object_id),
            ("parent.object_id", *parents),
        ):
            if left != right:
                self.differ(f"{path}.{what}", left, right)
        self.of_fields(path, one, other)
        if isinstance(one, Data) and isinstance(other, Data):
            self.of_values(f"{path}.data", one.data, other.data)

    def of_fields(self, path: str, one: AbstractContainer, other: AbstractContainer) -> None:
        names = (one.fields.keys() | other.fields.keys()) - ({"data"} if isinstance(one, Data) else set())
        for name in sorted(names):
            self.of_values(f"{path}.{name}", one.fields.get(name), other.fields.get(name))

    def of_values(self, path: str, one: Any, other: Any) -> None:
        one, other = _in_memory(one), _in_memory(other)
        if isinstance(one, AbstractContainer) and isinstance(other, AbstractContainer):
            self.of_containers(path, one, other)
        elif isinstance(one, Mapping | None) and isinstance(other, Mapping | None) and one is not other:
            self.of_collections(path, one or {}, other or {})
        elif _are_named(one) and _are_named(other):
            self.of_collections(path, _by_name(one), _by_name(other))
        elif _is_numeric(one) and _is_numeric(other):
            self.of_numbers(path, one, other)
        elif _is_row(one) and _is_row(other):
            self.of_rows(path, _items(one), _items(other))
        elif not _is_same(one, other):
            self.differ(path, one, other)

    def of_collections(self, path: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> None:
        for key in [*one, *(key for key in other if key not in one)]:
            found = other.get(key)
            if key not in one and isinstance(found, AbstractContainer):
                self.added.append((found, ContainerDifference(f"{path}[{key!r}]", "nothing", _shown(found))))
            else:
                self.of_values(f"{path}[{key!r}]", one.get(key), found)

    def of_rows(self, path: str, one: Sequence[Any], other: Sequence[Any]) -> None:
        if len(one) != len(other):
            self.differ(f"len({path})", len(one), len(other))
        for at, (left, right) in enumerate(zip(one, other, strict=False)):
            self.of_values(f"{path}[{at}]", left, right)

    def of_numbers(self, path: str, one: np.ndarray, other: np.ndarray) -> None:
        kinds = {one.dtype.kind, other.dtype.kind}
        if one.shape != other.shape:
            self.differ(f"{path}.shape", one.shape, other.shape)
        elif (len(kinds) > 1 and not kinds <= set(_WHOLE)) or (
            not kinds <= set(_WHOLE) and other.dtype.itemsize < one.dtype.itemsize
        ):
            self.differ(f"{path}.dtype", one.dtype, other.dtype)
        else:
            unequal = (one != other) & ~((one != one) & (other != other))
            if kinds == {"f"}:
                unequal |= np.signbit(one) != np.signbit(other)
            for at in np.argwhere(unequal)[:1]:
                index = tuple(int(number) for number in at)
                self.differ(f"{path}{list(index) if index else ''}", one[index], other[index])


def _in_memory(value: Any) -> Any:
    """Return what stands behind a wish about storage, or behind an array that is read lazily."""
    if isinstance(value, DataIO):
        return _in_memory(value.data)
    is_lazy = hasattr(value, "shape") and not isinstance(value, np.ndarray | np.generic | AbstractContainer)
    return value[()] if is_lazy and value.shape == () else value[:] if is_lazy else value


def _is_numeric(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS


def _is_row(value: Any) -> bool:
    if isinstance(value, np.void):
        return value.dtype.names is not None
    return isinstance(value, list | tuple) or (isinstance(value, np.ndarray) and value.ndim > 0)


def _are_named(value: Any) -> bool:
    """Return whether these are containers that their names tell apart."""
    is_list = isinstance(value, list | tuple) and len(value) > 0
    return is_list and all(isinstance(each, AbstractContainer) for each in value) and len(_by_name(value)) == len(value)


def _by_name(containers: Sequence[AbstractContainer]) -> dict[str, AbstractContainer]:
    return {container.name: container for container in containers}


def _items(value: Any) -> Sequence[Any]:
    return [value[name] for name in value.dtype.names or ()] if isinstance(value, np.void) else value


def _is_same(one: Any, other: Any) -> bool:
    one, other = _plain(one), _plain(other)
    if _is_row(one) or _is_row(other):
        return False
    if isinstance(one, float) and isinstance(other, float):
        both_nan = math.isnan(one) and math.isnan(other)
        return both_nan or (one == other and math.copysign(1, one) == math.copysign(1, other))
    if isinstance(one, datetime) and isinstance(other, datetime):
        return one == other and one.utcoffset() == other.utcoffset()
    is_plain = isinstance(one, str | bytes | bool | int | complex | date | None)
    return (not is_plain or type(one) is type(other)) and bool(one == other)


def _plain(value: Any) -> Any:
    is_scalar = isinstance(value, np.generic) or (isinstance(value, np.ndarray) and value.ndim == 0)
    return value.item() if is_scalar and value.dtype.names is None else value


def _shown(value: Any) -> str:
    if isinstance(value, AbstractContainer):
        return f"{type(value).__name__} {value.name!r} ({value.object_id})"
    return f"{value.__module__}.{value.__qualname__}" if isinstance(value, type) else _SHORT.repr(value)


_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 100
