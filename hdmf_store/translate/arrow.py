"""Columns of stored tables as Arrow arrays.

Values are read once and handed to Arrow as they are: numbers without a copy, ragged columns as offsets into their
values, so that nothing is done row by row. Only text, byte strings and references are gone through by element, which
Arrow stores in another way than numpy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from hdmf_store.errors import FormatError, MissingExtraError
from hdmf_store.nodes import (
    Bytes,
    Compound,
    Dataset,
    ElementType,
    Number,
    RandomAccess,
    ReferenceTo,
    Target,
    Text,
    each,
)
from hdmf_store.translate.tables import Column, Stored, Table

__all__ = ["pyarrow", "read_columns"]

_SMALL = 2**20
"""Bytes of a dataset that is read as a whole, together with others, whichever rows are asked for."""

_OBJECT_BYTES = 64  # of text, on average


def pyarrow() -> Any:
    """Return the library.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    try:
        import pyarrow
    except ImportError:
        raise MissingExtraError("pyarrow", "tables", "reading a table without containers") from None
    return pyarrow


def read_columns(table: Table, columns: Sequence[Column], rows: range) -> Any:
    """Return some columns of a table as a `pyarrow.Table`.

    Parameters
    ----------
    table : Table
    columns : sequence of Column
        Of that table.
    rows : range
        Of step 1, within the table.
    """
    arrow = pyarrow()
    reader = _Reader(_read_small(columns))
    arrays = [_array(column, rows, reader) for column in columns]
    fields = [
        arrow.field(column.name, array.type, metadata=_facts(column))
        for column, array in zip(columns, arrays, strict=True)
    ]
    return arrow.Table.from_arrays(arrays, schema=arrow.schema(fields, metadata=_facts_of_table(table)))


def _facts(column: Column) -> dict[str, str] | None:
    """Return what else is stored of a column, as Arrow keeps it."""
    description = column.values.node.attributes.get("description")
    facts = {"description": description if isinstance(description, str) else None, "table": column.table}
    return {name: fact for name, fact in facts.items() if fact} or None


def _facts_of_table(table: Table) -> dict[str, str]:
    group: Any = table.adapter.load().nodes[table.path]
    description = group.attributes.get("description")
    return {
        "path": table.path,
        **({"description": description} if isinstance(description, str) and description else {}),
    }


def _read_small(columns: Sequence[Column]) -> dict[tuple[str, str], np.ndarray]:
    """Return the values of all small datasets of some columns, those of each file read together."""
    wanted: dict[str, dict[str, Stored]] = {}
    for column in columns:
        for stored in (column.values, *column.indices, *([column.elements] if column.elements else ())):
            if _size(stored.node) <= _SMALL:
                wanted.setdefault(stored.key[0], {})[stored.path] = stored
    found: dict[tuple[str, str], np.ndarray] = {}
    for location, by_path in wanted.items():
        adapter = next(iter(by_path.values())).adapter
        found |= {(location, path): values for path, values in adapter.fetch(list(by_path)).items()}
    return found


def _size(node: Dataset) -> int:
    item = _OBJECT_BYTES if node.element.dtype.hasobject else node.element.dtype.itemsize
    return int(np.prod(node.shape, dtype=object)) * item


@attrs.frozen(eq=False)
class _Reader:
    """Reads stretches of datasets along their first axis."""

    small: Mapping[tuple[str, str], np.ndarray]

    def rows(self, stored: Stored, start: int, stop: int) -> np.ndarray:
        """Return the values of some rows, in normal form."""
        at_hand = self.small.get(stored.key)
        if at_hand is not None:
            return at_hand[start:stop]
        source, shape = stored.node.values, stored.node.shape
        assert isinstance(source, RandomAccess)
        if stop <= start:
            return np.empty((0, *shape[1:]), stored.node.element.dtype)
        return source.read((slice(start, stop), *(slice(0, length) for length in shape[1:])))

    def all_of(self, stored: Stored) -> np.ndarray:
        """Return all values."""
        return self.rows(stored, 0, stored.node.shape[0])


def _array(column: Column, rows: range, reader: _Reader) -> Any:
    """Return some rows of a column: lists of lists as deep as it has indices."""
    start, stop = rows.start, rows.stop
    offsets = []
    for index, target in zip(column.indices, (*column.indices, column.values)[1:], strict=True):
        ends = _ends(index, target, start, stop, reader)
        start, stop = int(ends[0]), int(ends[-1])
        offsets.append(ends - start)
    array = _values(column, reader.rows(column.values, start, stop), reader)
    for each_offsets in reversed(offsets):
        array = pyarrow().LargeListArray.from_arrays(pyarrow().array(each_offsets), array)
    return array


def _ends(index: Stored, target: Stored, start: int, stop: int, reader: _Reader) -> np.ndarray:
    """Return where rows begin and end in what an index leads to: one number more than there are rows."""
    stored = reader.rows(index, max(start - 1, 0), stop).astype("int64")
    ends = stored if start else np.concatenate([np.zeros(1, "int64"), stored])
    length = target.node.shape[0] if target.node.shape else 0
    if ends[0] < 0 or ends[-1] > length or (np.diff(ends) < 0).any():
        reason = f"says that rows end where {target.path} has none: it has a length of {length}"
        raise FormatError(str(index.adapter.location), index.path, reason)
    return ends


def _values(column: Column, values: np.ndarray, reader: _Reader) -> Any:
    """Return values as an Arrow array of their first axis; other axes are lists of a fixed length."""
    if column.elements is not None and values.dtype.kind in "iu":
        return _dictionary(column, values, reader)
    flat = _flat(values.reshape(-1), column.values.node.element)
    for length in reversed(values.shape[1:]):
        flat = _in_lists_of(flat, length, values)
    return flat


def _dictionary(column: Column, values: np.ndarray, reader: _Reader) -> Any:
    """Return an enumeration: numbers, and what they stand for."""
    assert column.elements is not None
    arrow = pyarrow()
    meanings = reader.all_of(column.elements)
    if values.ndim != 1 or (values.size and (int(values.min()) < 0 or int(values.max()) >= len(meanings))):
        reason = f"has numbers that {column.elements.path} gives no meaning: it has a length of {len(meanings)}"
        raise FormatError(str(column.values.adapter.location), column.values.path, reason)
    known = _flat(meanings.reshape(-1), column.elements.node.element)
    return arrow.DictionaryArray.from_arrays(arrow.array(values.astype("int32")), known)


def _in_lists_of(flat: Any, length: int, values: np.ndarray) -> Any:
    arrow = pyarrow()
    if length:
        return arrow.FixedSizeListArray.from_arrays(flat, length)
    zeros = np.zeros(values.shape[0] + 1, "int64")  # a list of no elements says nothing of how many there are
    return arrow.LargeListArray.from_arrays(arrow.array(zeros), flat)


def _flat(values: np.ndarray, element: ElementType) -> Any:
    """Return values of one axis."""
    arrow = pyarrow()
    if isinstance(element, Compound):
        parts = [_flat(np.ascontiguousarray(values[field.name]), field.type) for field in element.fields]
        return arrow.StructArray.from_arrays(parts, names=[field.name for field in element.fields])
    if isinstance(element, Number) and element.dtype.kind == "c":
        halves = [arrow.array(np.ascontiguousarray(half)) for half in (values.real, values.imag)]
        return arrow.StructArray.from_arrays(halves, names=["real", "imag"])
    if isinstance(element, Number):
        return arrow.array(np.ascontiguousarray(values))
    if isinstance(element, ReferenceTo):
        return arrow.array(each(values, _name_of), arrow.large_string())
    kind = arrow.large_binary() if isinstance(element, Bytes) else arrow.large_string()
    assert isinstance(element, Text | Bytes)
    return arrow.array(values, kind)


def _name_of(target: Target | None) -> str | None:
    if target is None:
        return None
    return target.path if target.is_internal else f"{target.path} in {target.source}"
