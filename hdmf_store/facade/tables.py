"""`read_table`: a table of a file as Arrow has it, and from there as pandas has it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hdmf_store.errors import ArgumentError
from hdmf_store.facade.arguments import check_type
from hdmf_store.facade.opening import opened_to_read
from hdmf_store.translate.arrow import pyarrow, read_columns
from hdmf_store.translate.relocate import Others
from hdmf_store.translate.tables import Table, table_at

__all__ = ["read_table"]


def read_table(
    place: Any,
    path: str,
    columns: Sequence[str] | None = None,
    rows: slice | None = None,
    storage_options: Mapping[str, Any] | None = None,
    may_read: Any = (),
) -> Any:
    """Read a table of a file of any store as a `pyarrow.Table`, without constructing containers.

    Each column is read once, and nothing is done row by row. Neither pynwb nor the specifications of an extension are
    needed. The extra ``tables`` is.

    Parameters
    ----------
    place : str, Path, URL, store object, StoreAdapter or StoreIO
        What is open already is used as it is, and stays open.
    path : str
        Of the table, such as ``"/units"`` or ``"/general/extracellular_ephys/electrodes"``.
    columns : sequence of str, optional
        Their names; ``"id"`` is one of them. By default the ids, then all columns in the order of the table. Columns
        in the categories of an aligned table have names such as ``"stimuli/pulse"``.
    rows : slice, optional
        Without a step; negative ends count from the end of the table. Of long columns only these rows are read.
    storage_options : dict, optional
        For a URL, as for `ZarrIO`.
    may_read : str, Path, list or dict, optional
        Places to which the file may lead as well, as for `ZarrIO`.

    Returns
    -------
    pyarrow.Table
        Of the types that ``docs/tables-and-arrays.md`` lists, such as ``large_list`` for ragged columns. With
        ``to_pandas()`` it becomes a `pandas.DataFrame`, whose index is ``id``.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    MissingNodeError
        If nothing is at the path.
    ArgumentError
        If what is there is no table, or has no column of such a name, or the rows are no such slice.
    FormatError
        If columns have different lengths, or an index leads beyond its column.

    Examples
    --------
    >>> from hdmf.common import DynamicTable, get_manager
    >>> from zarr.storage import MemoryStore
    >>> from hdmf_store import ZarrIO, read_table
    >>> table = DynamicTable(name="root", description="two cells")
    >>> table.add_column(name="times", description="of spikes", index=True)
    >>> table.add_row(times=[0.5, 1.5])
    >>> table.add_row(times=[2.5])
    >>> store = MemoryStore()
    >>> with ZarrIO(store, "w", manager=get_manager()) as io:
    ...     io.write(table)
    >>> read_table(store, "/").to_pylist()
    [{'id': 0, 'times': [0.5, 1.5]}, {'id': 1, 'times': [2.5]}]
    """
    check_type("path", path, str)
    check_type("rows", rows, slice, optional=True)
    if isinstance(columns, str):
        raise ArgumentError(f"columns must be a list of names, such as [{columns!r}]")
    check_type("columns", columns, Sequence, optional=True)
    pyarrow()  # before anything is opened
    with opened_to_read(place, storage_options, may_read) as adapter:
        others = Others((adapter,), may_read)
        try:
            table = table_at(adapter, "/" + path.strip("/"), others)
            found = read_columns(table, table.chosen(columns), _range(rows, table))
        finally:
            others.close()
    return _with_index(found)


def _range(rows: slice | None, table: Table) -> range:
    wanted, where = rows or slice(None), f"{table.adapter.location}: {table.path}"
    if wanted.step not in (None, 1):
        raise ArgumentError(f"{where}: rows cannot have a step, as {rows!r} has; take the step of what was read")
    try:
        start, stop, _ = wanted.indices(table.rows)
    except TypeError:
        raise ArgumentError(f"{where}: rows must have integers as ends, which {rows!r} has not") from None
    return range(start, max(start, stop))


def _with_index(table: Any) -> Any:
    """Return a table whose ids become the index in pandas, as they do in HDMF."""
    if "id" not in table.column_names:
        return table
    kind = str(table.schema.field("id").type)
    ids = {"name": "id", "field_name": "id", "pandas_type": kind, "numpy_type": kind, "metadata": None}
    facts = {"index_columns": ["id"], "column_indexes": [], "columns": [ids]}
    return table.replace_schema_metadata({**(table.schema.metadata or {}), "pandas": json.dumps(facts)})
