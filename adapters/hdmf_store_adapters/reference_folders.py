"""Bytes under keys that are parts of other files, as the folder of a reference file system in Parquet says."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

import attrs

from hdmf_store.adapter import Location, Reach
from hdmf_store.errors import LocationError, UnreadableError
from hdmf_store_adapters.external_arrays import external_arrays
from hdmf_store_adapters.file_parts import Part, read_parts
from hdmf_store_adapters.reference_files import ReferenceFiles
from hdmf_store_adapters.reference_records import DOCUMENT, RECORD_SIZE, RecordTable, table_of_records
from hdmf_store_adapters.reference_tables import Extent

__all__ = ["ReferenceFolder", "is_reference_folder"]


class ReferenceFolder(ReferenceFiles):
    """One reference file system in Parquet.

    Parameters
    ----------
    reach : Reach
        Where its folder is, and what that may name. Relative paths are meant from where the folder lies.
    """

    def __init__(self, reach: Reach) -> None:
        super().__init__(reach)
        self._inside = attrs.evolve(reach, base=Location(f"{reach.base.address}/{DOCUMENT}"), may_read={})

    def _loaded(self) -> RecordTable | None:
        found = self._files([DOCUMENT])[0]
        if isinstance(found, FileNotFoundError | NotADirectoryError):
            return None
        address = self._reach.base.address
        if isinstance(found, Exception):
            raise UnreadableError(address, f"/{DOCUMENT}", f"cannot be read: {found}") from found
        table = table_of_records(found, address, self._files)
        external, attributes = external_arrays(table.documents)
        self._external |= external
        return attrs.evolve(table, documents={**table.documents, **attributes})

    def _files(self, names: Sequence[str]) -> list[bytes | Exception]:
        """Return the bytes of the folder's own files, or why there are none."""
        found: dict[str, bytes | Exception] = {}
        parts = []
        for name in names:
            try:
                parts.append(Part(name, Extent(name), self._inside.find(name)))
            except LocationError as problem:
                found[name] = problem
        found |= read_parts(parts)
        return [found[name] for name in names]


def is_reference_folder(path: str) -> bool:
    """Return whether a folder of this machine is a reference file system in Parquet."""
    document = os.path.join(path, DOCUMENT)
    try:
        if not os.path.isfile(document):
            return False
        with open(document, "rb") as file:
            data = file.read()
        if f'"{RECORD_SIZE}"'.encode() not in data:  # as in all files of other kinds, which are large
            return False
        found = json.loads(data)
    except (OSError, ValueError, RecursionError):  # who opens it is told what is wrong
        return False
    return isinstance(found, dict) and RECORD_SIZE in found
