"""Bytes under keys that are parts of other files, as the JSON of a reference file system says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hdmf_store.adapter import Admitted, Reach, shown
from hdmf_store.errors import LocationError, UnreadableError
from hdmf_store_adapters.chunk_grids import chunk_of
from hdmf_store_adapters.external_arrays import ExternalArray, external_arrays
from hdmf_store_adapters.file_parts import Part, read_parts
from hdmf_store_adapters.hdf5_chunks import HDF5Chunks
from hdmf_store_adapters.media import ReadOnly
from hdmf_store_adapters.medium_store import MediumStore
from hdmf_store_adapters.reference_tables import Entries, Extent, table_of
from hdmf_store_adapters.remote_errors import telling
from hdmf_store_adapters.remote_files import file_system
from hdmf_store_adapters.server_options import secrets_in, without

__all__ = ["ReferenceFiles"]

_MOST = 2**31
"""Bytes in one piece, or in all that are fetched together: more than any codec here makes of one chunk."""


class ReferenceFiles(ReadOnly):
    """One reference file system.

    Parameters
    ----------
    reach : Reach
        Where its JSON is, and what that may name.
    """

    system = None
    is_near = False

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._table: Entries | None = None
        self._targets: dict[str, Admitted] = {}
        self._external: dict[str, ExternalArray] = {}
        self._hdf5 = HDF5Chunks()

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, or None if there is no such key."""
        return self.read_many([key])[0]

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes under each key; what other machines serve is fetched together.

        Raises
        ------
        UnreadableError
            If a key refers to what may not be read, is not there, or is shorter than the reference says.
        """
        table = self._opened()
        if table is None:
            return [None] * len(keys)
        found = table.find_many(keys)
        read = {key: data if not isinstance(data, Extent) else b"" for key, data in found.items()}
        wanted = {key: extent for key, extent in found.items() if isinstance(extent, Extent) and extent.length != 0}
        parts = self._parts(wanted)
        fetched = read_parts(parts)
        read |= {part.key: self._checked(part, fetched[part.key]) for part in parts}
        read |= self._cut_out(keys)
        return [read[key] for key in keys]

    def list_keys(self) -> Iterator[str]:
        """Yield all keys."""
        table = self._opened()
        yield from () if table is None else table.keys()

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys, parents first."""
        keys = [key for key in self.list_keys() if key.rpartition("/")[2] in documents]
        keys.sort(key=lambda key: (key.count("/"), key))
        found = {key: data for key, data in zip(keys, self.read_many(keys), strict=True) if data is not None}
        external, attributes = external_arrays(found)
        self._external |= external
        return {**found, **{key: json.dumps(changed).encode() for key, changed in attributes.items()}}

    def finish(self) -> None:
        """Forget what was read; it is read again when it is asked for."""
        self._table = None
        self._targets.clear()
        self._external.clear()
        self._hdf5.close()

    def store(self) -> Any:
        """Return a zarr store over the keys."""
        return MediumStore(self, read_only=True)

    # ------------------------------------------------------------------------------------------------- where bytes lie

    def _opened(self) -> Entries | None:
        if self._table is None:
            self._table = self._loaded()
        return self._table

    def _loaded(self) -> Entries | None:
        """Return what the file says; None if there is none."""
        base = self._reach.base
        try:
            if base.is_local:
                with open(base.address, "rb") as file:
                    data = file.read()
            else:
                with telling(base, secrets_in(self._reach.options)):
                    data = file_system(base.scheme, self._reach.options).cat_file(base.address)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        return table_of(data, base.address)

    def _parts(self, extents: Mapping[str, Extent]) -> list[Part]:
        """Return where extents lie, if all of them may be read and are not too much."""
        total = 0
        parts = []
        for key, extent in extents.items():
            total += extent.length or 0
            if total > _MOST:
                reason = f"{extent.length} bytes, and what is read with them, are more than one piece can have"
                raise self._unreadable(key, extent.target, reason)
            parts.append(Part(key, extent, self._found(key, extent.target)))
        return parts

    def _found(self, key: str, target: str) -> Admitted:
        """Return a file that a key refers to, if it may be read."""
        if target not in self._targets:
            try:
                self._targets[target] = self._reach.find(target)
            except LocationError as problem:
                raise self._unreadable(key, target, f"may not be read: {problem}") from problem
        return self._targets[target]

    def _cut_out(self, keys: Sequence[str]) -> dict[str, bytes | None]:
        """Return the chunks among some keys that belong to arrays whose values were left in HDF5 files."""
        cut: dict[str, bytes | None] = {}
        grids = {path: array.grid for path, array in self._external.items()}
        for key in keys if grids else ():
            place = chunk_of(key, grids)
            if place is None:
                continue
            array = self._external[place[0]]
            target = self._found(key, array.url)
            try:
                cut[key] = self._hdf5.read(target, array, place[1])
            except Exception as problem:
                raise self._unreadable(key, array.url, f"cannot be read as HDF5: {problem}") from problem
        return cut

    def _unreadable(self, key: str, target: str, reason: str) -> UnreadableError:
        return UnreadableError(self._reach.base.address, f"/{key}", f"refers to {shown(target)}, which {reason}")

    def _checked(self, part: Part, data: bytes | Exception) -> bytes:
        """Return what was read for a part, if it is that."""
        wanted = part.extent.length
        if isinstance(data, FileNotFoundError):
            raise self._unreadable(part.key, part.extent.target, "is not there. Was it moved? Put it back") from data
        if isinstance(data, Exception):
            secrets = secrets_in(part.target.options)
            told = without(secrets, repr(data))
            raise self._unreadable(part.key, part.extent.target, f"cannot be read: {told}") from (
                None if secrets else data
            )
        if wanted is not None and len(data) != wanted:
            reason = f"has {len(data)} bytes from {part.extent.start} on where {wanted} are meant. Is it complete?"
            raise self._unreadable(part.key, part.extent.target, reason)
        return data
