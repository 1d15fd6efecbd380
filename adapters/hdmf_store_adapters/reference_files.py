"""Bytes under keys that are parts of other files, as the JSON of a reference file system says."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from hdmf_store.adapter import Admitted, Reach
from hdmf_store.errors import LocationError, UnreadableError
from hdmf_store_adapters.media import ReadOnly
from hdmf_store_adapters.medium_store import MediumStore
from hdmf_store_adapters.reference_tables import Extent, ReferenceTable, table_of
from hdmf_store_adapters.remote_files import file_system

__all__ = ["ReferenceFiles"]

_MOST = 2**31
"""Bytes in one piece: more than any codec here makes of one chunk."""

_UNREACHABLE = (OSError, ImportError, ValueError)
"""What file systems of fsspec raise that are not there, not installed or given wrong options."""


class ReferenceFiles(ReadOnly):
    """One reference file system.

    Parameters
    ----------
    reach : Reach
        Where its JSON is, and what that may name.
    """

    system = None

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._table: ReferenceTable | None = None
        self._targets: dict[str, Admitted] = {}

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
        found = {key: table.find(key) for key in keys}
        read = {key: data if not isinstance(data, Extent) else b"" for key, data in found.items()}
        systems: dict[tuple[str, int], list[_Part]] = {}
        for key, extent in found.items():
            if isinstance(extent, Extent) and extent.length != 0:
                part = self._part(key, extent)
                systems.setdefault((part.target.scheme, id(part.target.options)), []).append(part)
        for parts in systems.values():
            read |= {part.key: self._checked(part, data) for part, data in zip(parts, _read(parts), strict=True)}
        return [read[key] for key in keys]

    def list_keys(self) -> Iterator[str]:
        """Yield all keys."""
        table = self._opened()
        yield from () if table is None else table.entries

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys, parents first."""
        keys = [key for key in self.list_keys() if key.rpartition("/")[2] in documents]
        keys.sort(key=lambda key: (key.count("/"), key))
        return {key: data for key, data in zip(keys, self.read_many(keys), strict=True) if data is not None}

    def finish(self) -> None:
        """Forget what was read; it is read again when it is asked for."""
        self._table = None
        self._targets.clear()

    def store(self) -> Any:
        """Return a zarr store over the keys."""
        return MediumStore(self, read_only=True)

    # ------------------------------------------------------------------------------------------------- where bytes lie

    def _opened(self) -> ReferenceTable | None:
        if self._table is None:
            base = self._reach.base
            try:
                if base.is_local:
                    with open(base.address, "rb") as file:
                        data = file.read()
                else:
                    data = file_system(base.scheme, self._reach.options).cat_file(base.address)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                return None
            self._table = table_of(data, base.address)
        return self._table

    def _part(self, key: str, extent: Extent) -> _Part:
        if (extent.length or 0) > _MOST:
            raise self._unreadable(key, extent, f"{extent.length} bytes are more than one piece can have")
        if extent.target not in self._targets:
            try:
                self._targets[extent.target] = self._reach.find(extent.target)
            except LocationError as problem:
                raise self._unreadable(key, extent, f"may not be read: {problem}") from problem
        return _Part(key, extent, self._targets[extent.target])

    def _unreadable(self, key: str, extent: Extent, reason: str) -> UnreadableError:
        return UnreadableError(self._reach.base.address, f"/{key}", f"refers to {extent.target!r}, which {reason}")

    def _checked(self, part: _Part, data: bytes | Exception) -> bytes:
        """Return what was read for a part, if it is that."""
        wanted = part.extent.length
        if isinstance(data, FileNotFoundError):
            raise self._unreadable(part.key, part.extent, "is not there. Was it moved? Put it back") from data
        if isinstance(data, Exception):
            raise self._unreadable(part.key, part.extent, f"cannot be read: {data!r}") from data
        if wanted is not None and len(data) != wanted:
            reason = f"has {len(data)} bytes from {part.extent.start} on where {wanted} are meant. Is it complete?"
            raise self._unreadable(part.key, part.extent, reason)
        return data


@attrs.frozen
class _Part:
    """What is to be read for a key, from a file that may be read."""

    key: str
    extent: Extent
    target: Admitted


def _read(parts: Sequence[_Part]) -> list[bytes | Exception]:
    """Return the bytes of each part, or why there are none; the parts lie in one file system."""
    target = parts[0].target
    if target.scheme == "file":
        return [_read_file(part.target.address, part.extent) for part in parts]
    try:
        system = file_system(target.scheme, target.options)
        found = system.cat_ranges(
            [system._strip_protocol(part.target.address) for part in parts],
            [None if part.extent.length is None else part.extent.start for part in parts],
            [None if part.extent.length is None else part.extent.start + part.extent.length for part in parts],
            on_error="return",
        )
    except _UNREACHABLE as problem:
        return [problem] * len(parts)
    return [data if isinstance(data, Exception) else bytes(data) for data in found]


def _read_file(path: str, extent: Extent) -> bytes | Exception:
    """Return part of a file; never more than it has, and never of a device or a pipe, which might not end."""
    try:
        facts = os.stat(path)
        if not stat.S_ISREG(facts.st_mode):
            return OSError(f"{path} is no plain file")
        with open(path, "rb") as file:
            file.seek(min(extent.start, facts.st_size))
            return file.read(facts.st_size if extent.length is None else min(extent.length, facts.st_size))
    except OSError as problem:
        return problem
