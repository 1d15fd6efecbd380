"""Tables as they are stored: which datasets are the columns, and which say where their rows end.

Works on nodes alone, so that a table of any store is read without containers and without its specifications. Knows
what hdmf-common says of a `DynamicTable`: ids, names of columns, indices of ragged columns, categories of aligned
tables, elements of an enumeration, rows of other tables. Knows nothing of how a table looks in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from hdmf_store.adapter import StoreAdapter
from hdmf_store.errors import ArgumentError, DanglingTargetError, FormatError
from hdmf_store.nodes import Dataset, Group, Number, Target, basename, join
from hdmf_store.translate.growing import is_index
from hdmf_store.translate.relocate import Others, followed

__all__ = ["Column", "Stored", "Table", "table_at"]

_IDS = "id"
_MOST_NAMED = 10


@attrs.frozen(eq=False)
class Stored:
    """A dataset, and the file that holds it.

    Parameters
    ----------
    adapter : StoreAdapter
    path : str
        Of the dataset in that file, links followed.
    """

    adapter: StoreAdapter
    path: str

    @property
    def key(self) -> tuple[str, str]:
        """What tells this dataset from others, however one came to it."""
        return self.adapter.location.identity, self.path

    @property
    def node(self) -> Dataset:
        """What is stored of it beside the values."""
        found = self.adapter.load().nodes[self.path]
        assert isinstance(found, Dataset)
        return found


@attrs.frozen(eq=False)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        As callers ask for it; of a column in a category of an aligned table with the category, ``"stimuli/pulse"``.
    values : Stored
    indices : tuple of Stored
        Of a ragged column: where its rows end, the outermost first.
    elements : Stored, optional
        Of an enumeration: what its numbers stand for.
    table : str or None
        Of a column whose numbers are rows of another table: the path of that table.
    """

    name: str
    values: Stored
    indices: tuple[Stored, ...] = ()
    elements: Stored | None = None
    table: str | None = None

    @property
    def rows(self) -> int:
        """How many rows the column has."""
        return (self.indices or (self.values,))[0].node.shape[0]


@attrs.frozen(eq=False)
class Table:
    """A table and its columns.

    Parameters
    ----------
    adapter : StoreAdapter
        The file that holds it.
    path : str
        Of its group, links followed.
    columns : dict of str to Column
        By name, ids first, then in the order that the table gives them.
    """

    adapter: StoreAdapter
    path: str
    columns: Mapping[str, Column]

    @property
    def rows(self) -> int:
        """How many rows the table has."""
        return next((column.rows for column in self.columns.values()), 0)

    def chosen(self, names: Sequence[str] | None) -> list[Column]:
        """Return the columns of some names, in that order; by default all.

        Raises
        ------
        ArgumentError
            If there is no such column.
        """
        if names is None:
            return list(self.columns.values())
        missing = [name for name in names if name not in self.columns]
        if missing:
            there = ", ".join(self.columns)
            raise ArgumentError(f"{self.adapter.location}: {self.path} has no column {missing[0]!r}. It has: {there}")
        return [self.columns[name] for name in names]


def table_at(adapter: StoreAdapter, path: str, others: Others) -> Table:
    """Return the table at a path; links on the way to it, and in the places of its columns, are followed.

    Raises
    ------
    ArgumentError
        If what is there is no table.
    FormatError
        If its columns cannot be those of one table.
    MissingNodeError
        If nothing is there.
    """
    found = adapter.load().resolve(path)
    holder, at = (adapter, found) if isinstance(found, str) else followed(found, adapter, path, others)
    if not _is_table(holder, at):
        raise ArgumentError(f"{holder.location}: {at} is no table. {_tables_of(adapter)}")
    columns = {column.name: column for column in _columns(holder, at, "", others)}
    for category in _names(holder, at, "categories"):
        below = join(at, category)
        columns |= {column.name: column for column in _columns(holder, below, f"{category}/", others)}
    table = Table(holder, at, columns)
    for column in columns.values():
        if column.rows != table.rows:
            reason = f"has {column.rows} rows, and the table {at} has {table.rows}"
            raise FormatError(str(column.values.adapter.location), column.values.path, reason)
    return table


def _is_table(adapter: StoreAdapter, path: str) -> bool:
    nodes = adapter.load().nodes
    node = nodes.get(path)
    return isinstance(node, Group) and (
        "colnames" in node.attributes or isinstance(nodes.get(join(path, _IDS)), Dataset)
    )


def _tables_of(adapter: StoreAdapter) -> str:
    """Return a sentence that names the tables of a file."""
    found = [path for path in adapter.load().nodes if _is_table(adapter, path)]
    if not found:
        return "The file holds none."
    rest = f", and {len(found) - _MOST_NAMED} others" if len(found) > _MOST_NAMED else ""
    return f"Tables of the file: {', '.join(found[:_MOST_NAMED])}{rest}"


def _names(adapter: StoreAdapter, path: str, attribute: str) -> list[str]:
    """Return the names that an attribute of a table lists; none where it is missing, or an empty array."""
    node = adapter.load().nodes.get(path)
    names: Any = getattr(node, "attributes", {}).get(attribute)
    names = [] if names is None else [names] if isinstance(names, str) else list(names)
    if not all(isinstance(name, str) for name in names):
        raise FormatError(str(adapter.location), path, f"the attribute {attribute!r} is no list of names")
    return names


def _columns(adapter: StoreAdapter, table: str, prefix: str, others: Others) -> Iterator[Column]:
    """Yield the columns of one group: its ids, then those that it names, or all where it names none."""
    stored = dict(_datasets(adapter, table, others))
    index_of = {
        (index.key[0], index.node.attributes["target"].path): index for index in stored.values() if is_index(index.node)
    }
    named = _names(adapter, table, "colnames") or [name for name, at in stored.items() if not is_index(at.node)]
    for name in dict.fromkeys([_IDS, *named]):
        if name in stored:
            yield _column(f"{prefix}{name}", stored[name], index_of, others)
        elif name != _IDS:
            raise FormatError(str(adapter.location), join(table, name), "is named as a column, and is not there")


def _datasets(adapter: StoreAdapter, table: str, others: Others) -> Iterator[tuple[str, Stored]]:
    """Yield the datasets in a group by name, links followed; those that lead nowhere are left out."""
    hierarchy = adapter.load()
    for path in hierarchy.children.get(table, ()):
        try:
            found = hierarchy.resolve(path)
            holder, at = (adapter, found) if isinstance(found, str) else followed(found, adapter, path, others)
        except DanglingTargetError:
            continue  # an error for who asks for a column of this name
        if isinstance(holder.load().nodes[at], Dataset):
            yield basename(path), Stored(holder, at)


def _column(name: str, values: Stored, index_of: Mapping[tuple[str, str], Stored], others: Others) -> Column:
    indices: list[Stored] = []
    outermost = values
    while (index := index_of.get(outermost.key)) is not None and index not in indices:
        _check_index(index)
        indices.insert(0, index)
        outermost = index
    if not values.node.shape:
        raise FormatError(str(values.adapter.location), values.path, "is a single value, and a column has rows")
    elements = _target(values, "elements")
    table = _target(values, "table")
    return Column(
        name,
        values,
        tuple(indices),
        None if elements is None else Stored(*followed(elements, values.adapter, values.path, others)),
        None if table is None else table.path,
    )


def _check_index(index: Stored) -> None:
    node = index.node
    if not isinstance(node.element, Number) or node.element.dtype.kind not in "iu" or len(node.shape) != 1:
        reason = f"cannot say where rows end: its elements are {node.element}, its shape is {node.shape}"
        raise FormatError(str(index.adapter.location), index.path, reason)


def _target(column: Stored, attribute: str) -> Target | None:
    found = column.node.attributes.get(attribute)
    return found if isinstance(found, Target) else None
