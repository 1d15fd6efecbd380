"""What the folder of a reference file system in Parquet says: under each key bytes, or where they lie.

The folder has one document with those of all arrays, and for each array files of records: a row for every chunk, in the
order of the chunks, so many rows a file as the document says. A file of records is read when a chunk of it is asked
for. Sources: kerchunk's page on Parquet storage, and the folders that fsspec writes.

Needs the extra ``parquet``, which nothing here imports before a folder is opened.
"""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from hdmf_store.errors import FormatError, MissingExtraError, UnreadableError
from hdmf_store.nodes import ROOT
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunk_grids import ChunkGrid, chunk_of, grid_of
from hdmf_store_adapters.reference_tables import Extent

__all__ = ["DOCUMENT", "RECORD_SIZE", "RecordTable", "table_of_records"]

DOCUMENT = ".zmetadata"
RECORD_SIZE = "record_size"

_MOST_ROWS = 10**7
"""In one file of records; kerchunk puts a hundred thousand into one."""

_MOST_BYTES = 2**30
"""Of one file of records in memory."""

_HELD = 64
"""Files of records that are kept for the next that asks."""

_HELD_BYTES = 2**26
"""Of these in memory, unless one alone has more."""

_AT_ONCE = 8
"""Files of records that are fetched together."""

ReadFiles = Callable[[Sequence[str]], Sequence[bytes | Exception]]


@attrs.define(eq=False)
class RecordTable:
    """The entries of a reference file system in Parquet, each looked up when it is asked for.

    Parameters
    ----------
    location : str
        Of the folder, for messages.
    documents : dict of str to object
        All entries that are no chunks, by key.
    record_size : int
        How many chunks a file of records has.
    read_files : callable
        Returns the bytes of files in the folder by their names, or the error for each that cannot be read.
    """

    location: str
    documents: Mapping[str, Any] = attrs.field(repr=False)
    record_size: int
    _read_files: ReadFiles = attrs.field(repr=False)
    _grids: Mapping[str, ChunkGrid] = attrs.field(repr=False)
    _held: OrderedDict[str, Any] = attrs.field(factory=OrderedDict, init=False, repr=False)
    _lock: Any = attrs.field(factory=threading.Lock, init=False, repr=False)

    def find_many(self, keys: Iterable[str]) -> dict[str, bytes | Extent | None]:
        """Return what is under each key: bytes, where they lie, or None; each file of records is read at most once.

        Raises
        ------
        UnreadableError
            If records cannot be read, or one is none that the format knows.
        """
        found: dict[str, bytes | Extent | None] = {}
        rows: dict[str, dict[str, int]] = {}
        for key in keys:
            found[key] = self._document(key)
            place = None if found[key] is not None else chunk_of(key, self._grids)
            if place is not None:
                path, index = place
                record, row = divmod(self._grids[path].number(index), self.record_size)
                rows.setdefault(f"{path}/refs.{record}.parq".lstrip("/"), {})[key] = row
        with self._lock:
            for file, records in self._records({file: next(iter(of_file)) for file, of_file in rows.items()}):
                if records is not None:
                    found |= self._entries(file, records, rows[file])
        return found

    def keys(self) -> Iterable[str]:
        """Return the keys of documents; those of chunks follow from them, and are stored nowhere."""
        return [DOCUMENT, *self.documents]

    def _document(self, key: str) -> bytes | None:
        if key == DOCUMENT:
            return json.dumps({"metadata": self.documents, "zarr_consolidated_format": 1}).encode()
        document = self.documents.get(key)
        if document is None:
            return None
        return document.encode() if isinstance(document, str) else json.dumps(document).encode()

    def _records(self, files: Mapping[str, str]) -> Iterator[tuple[str, Any]]:
        """Yield the records of each file, of which one key is given; None for a file that is not there."""
        absent = [file for file in files if file not in self._held]
        for file in files.keys() - set(absent):
            self._held.move_to_end(file)
            yield file, self._held[file]
        for at in range(0, len(absent), _AT_ONCE):
            group = absent[at : at + _AT_ONCE]
            for file, data in zip(group, self._read_files(group), strict=True):
                records = self._decoded(file, files[file], data)
                self._hold(file, records)
                yield file, records

    def _hold(self, file: str, records: Any) -> None:
        self._held[file] = records
        while len(self._held) > 1 and (len(self._held) > _HELD or self._held_bytes() > _HELD_BYTES):
            self._held.popitem(last=False)

    def _held_bytes(self) -> int:
        return sum(records.nbytes for records in self._held.values() if records is not None)

    def _decoded(self, file: str, key: str, data: bytes | Exception) -> Any:
        if isinstance(data, FileNotFoundError):  # it would say of all its chunks that they were never written
            return None
        if isinstance(data, Exception):
            raise self._unreadable(key, f"the records in {file} cannot be read: {data}") from data
        try:
            return _records_of(data, self.record_size)
        except (*DECODING_ERRORS, MemoryError) as problem:
            raise self._unreadable(key, f"the records in {file} cannot be read: {problem}") from problem

    def _entries(self, file: str, records: Any, rows: Mapping[str, int]) -> dict[str, bytes | Extent | None]:
        for key, row in rows.items():
            if row >= records.num_rows:
                reason = f"its record would be number {row} in {file}, which has {records.num_rows}. Is it complete?"
                raise self._unreadable(key, reason)
        found: dict[str, bytes | Extent | None] = {}
        key = next(iter(rows))
        try:
            for key, record in zip(rows, records.take(list(rows.values())).to_pylist(), strict=True):
                found[key] = _entry(**record)
        except ValueError as problem:
            raise self._unreadable(key, f"its record in {file} is no reference ({problem})") from problem
        return found

    def _unreadable(self, key: str, reason: str) -> UnreadableError:
        return UnreadableError(self.location, f"/{key}", reason)


def table_of_records(data: bytes, location: str, read_files: ReadFiles) -> RecordTable:
    """Return the table of a folder whose document is given.

    Raises
    ------
    MissingExtraError
        If pyarrow is not installed.
    FormatError
        If the document is none of a reference file system in Parquet.
    """
    _pyarrow()
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise FormatError(location, ROOT, f"its {DOCUMENT} is no JSON that can be read ({problem})") from problem
    documents = document.get("metadata") if isinstance(document, dict) else None
    if not isinstance(documents, dict) or RECORD_SIZE not in document:
        reason = f"its {DOCUMENT} is not that of a reference file system in Parquet: no 'metadata' and {RECORD_SIZE!r}"
        raise FormatError(location, ROOT, reason)
    size = document[RECORD_SIZE]
    if type(size) is not int or not 0 < size <= _MOST_ROWS:
        reason = f"its {RECORD_SIZE} is {size!r}, where a number of rows from 1 to {_MOST_ROWS} is meant"
        raise FormatError(location, ROOT, reason)
    grids = {}
    for key, value in documents.items():
        folder, _, name = key.rpartition("/")
        if name == ".zarray" and (grid := grid_of(value)) is not None:
            grids[folder] = grid
    return RecordTable(location, documents, size, read_files, grids)


# ---------------------------------------------------------------------------------------------------- files of records


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise MissingExtraError("pyarrow", "parquet", "reading reference file systems in Parquet") from None
    return pyarrow


def _records_of(data: bytes, most_rows: int) -> Any:
    """Return the records of a Parquet file as one table; its text stays as compact as it is stored.

    Raises
    ------
    ValueError, OSError
        If it is none, or has other columns or more rows than it may have.
    """
    pyarrow = _pyarrow()
    try:
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data))
        columns = _columns(pyarrow, file.schema_arrow)
        groups = [file.metadata.row_group(i) for i in range(file.metadata.num_row_groups)]
        if file.metadata.num_rows > most_rows or sum(group.num_rows for group in groups) > most_rows:
            raise ValueError(f"there are {file.metadata.num_rows} of them, where {most_rows} are meant")
        if sum(group.total_byte_size for group in groups) > _MOST_BYTES:
            raise ValueError("they are larger than any that are meant")
        text = [column for column in columns if column in ("path", "raw")]
        file = pyarrow.parquet.ParquetFile(pyarrow.BufferReader(data), read_dictionary=text)
        records = file.read(columns=columns, use_threads=False).combine_chunks()
        records.validate(full=True)
    except pyarrow.ArrowException as problem:
        raise ValueError(str(problem)) from problem
    return records


def _columns(pyarrow: Any, schema: Any) -> list[str]:
    """Return the columns of records that a file has, if it has those that belong together, of the right types."""
    names = schema.names
    columns = ["path", "offset", "size"] if "path" in names else []
    columns += ["raw"] if "raw" in names else []
    if not columns or any(names.count(column) != 1 for column in columns):
        raise ValueError(f"there are the columns {names}, where path, offset and size, or raw, are meant")
    for column in columns:
        _check_type(pyarrow, column, schema.field(column).type)
    return columns


def _check_type(pyarrow: Any, column: str, kind: Any) -> None:
    """Refuse a column of another type than the format gives it; a column of nothing may have any."""
    types = pyarrow.types
    value = kind.value_type if types.is_dictionary(kind) else kind
    fits = {
        "path": types.is_string(value) or types.is_large_string(value),
        "offset": types.is_integer(value),
        "size": types.is_integer(value),
        "raw": types.is_binary(value) or types.is_large_binary(value) or types.is_string(value),
    }
    if not fits[column] and not types.is_null(value):
        raise ValueError(f"its column {column!r} is of type {kind}")


def _entry(
    path: str | None = None, offset: int | None = None, size: int | None = None, raw: bytes | str | None = None
) -> bytes | Extent | None:
    """Return what a record says: bytes, where they lie, or that there are none."""
    if raw is not None:
        return raw.encode() if isinstance(raw, str) else raw
    if not path:
        return None
    if offset is None or size is None or offset < 0 or size < 0:
        raise ValueError(f"{offset!r} and {size!r} are no offset and size")
    return Extent(path) if offset == size == 0 else Extent(path, offset, size)
