"""A zip archive that grows member by member beside the place that it is for.

Lengths and checksums are known before a member is written, so headers and bytes go out one after the other and
nothing is filled in afterwards. `zipfile` makes the headers, and the directory at the end.
"""

from __future__ import annotations

import os
import stat
import uuid
import weakref
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from threading import RLock
from typing import IO, Any

from hdmf_store_adapters.durable_files import sync_file, sync_folder
from hdmf_store_adapters.exchanging import TEMPORARY, put_in_place

__all__ = ["Packing", "Source"]

Source = bytes | tuple[IO[bytes], zipfile.ZipInfo]
"""What a member is made of: its bytes, or the file and the entry of a member of another archive."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the same members make the same archive, whenever it is packed
_BUFFERED = 2**20
_SPARED = 64 * 2**20
_HEADER = Struct("<4s22xHH")
"""Of a member: what it begins with, and the lengths of the name and of what else stands before the bytes."""
_ENCRYPTED, _OF_COMPRESSION = 0x1, 0x6


class Packing:
    """An archive that is not complete yet.

    No name is in it twice: a member that is added again takes the place of the former one, whose bytes are dropped
    before the archive is complete, or as soon as much has gathered.

    Parameters
    ----------
    place : str
        Where the archive is to be; it grows under a temporary name beside that.
    durable : bool, default False
        Whether to wait, once it is complete, until the disk has it.
    """

    def __init__(self, place: str, *, durable: bool = False) -> None:
        self._place = place
        self._durable = durable
        self._lock = RLock()
        self._members: dict[str, tuple[zipfile.ZipInfo, int]] = {}
        self._end = self._dropped = 0
        self._open(f"{place}{TEMPORARY}{uuid.uuid4().hex}", "x+b")

    def _open(self, path: str, how: str) -> None:
        self._path, self._reads_in, self._is_elsewhere = path, os.getpid(), True
        self._file: IO[bytes] = open(path, how, buffering=_BUFFERED)  # noqa: SIM115 - closed when it is complete
        self._tidy = weakref.finalize(self, _remove, self._file, path, os.getpid())  # if nobody does before

    def __contains__(self, key: str) -> bool:
        return key in self._members

    @property
    def keys(self) -> list[str]:
        """What it holds, in the order of the bytes."""
        return list(self._members)

    def add(self, key: str, data: bytes) -> None:
        """Write a member as it is: chunks are compressed already."""
        info = _described(key)
        info.file_size = info.compress_size = len(data)
        info.CRC = zlib.crc32(data)
        self._append(info, (data,))
        if self._dropped > _SPARED + self._end // 2:
            self.drop_replaced()

    def copy(self, key: str, file: IO[bytes], member: zipfile.ZipInfo) -> None:
        """Take a member over from another archive, as it is stored there.

        Raises
        ------
        zipfile.BadZipFile
            If it is not where the directory says, or encrypted.
        """
        info = _described(key)
        info.compress_type, info.flag_bits = member.compress_type, member.flag_bits & _OF_COMPRESSION
        info.file_size, info.compress_size, info.CRC = member.file_size, member.compress_size, member.CRC
        self._append(info, _stored(file, member))

    def read(self, key: str) -> bytes:
        """Return the bytes of a member that was added."""
        with self._lock:
            if self._reads_in != os.getpid():  # the parent's handle has a position that both would move
                self._file = open(self._path, "rb", buffering=_BUFFERED)  # noqa: SIM115 - closed with the process
                self._reads_in = os.getpid()
            info, start = self._members[key]
            self._is_elsewhere = True
            self._file.seek(start)
            return self._file.read(info.file_size)

    def drop(self, key: str) -> None:
        """Leave a member out."""
        with self._lock:
            info, start = self._members.pop(key)
            self._dropped += start + info.compress_size - info.header_offset

    def mark(self) -> Any:
        """Return what `go_back` takes to leave out what is added from now on."""
        with self._lock:
            self._file.flush()
            return self._path, dict(self._members), self._end, self._dropped

    def go_back(self, mark: Any) -> bool:
        """Leave out what was added since a mark; return whether that could be done.

        Bytes that stand in the buffer, because a full disk does not take them, are dropped with the rest.
        """
        path, members, end, dropped = mark
        with self._lock:
            if path != self._path:
                return False  # the bytes lie elsewhere since what nobody needs was dropped
            with suppress(OSError):
                self._file.close()
            self._members, self._end, self._dropped, self._is_elsewhere = dict(members), end, dropped, True
            os.truncate(self._path, end)
            self._tidy.detach()
            self._open(self._path, "r+b")
            return True

    def flush(self) -> None:
        """Hand what was added to the system."""
        with self._lock:
            self._file.flush()

    def complete(self, others: Iterable[tuple[str, Source]]) -> None:
        """Add what is still missing, put the archive into its place, and end.

        If that fails, it is as it was before, without the others.

        Parameters
        ----------
        others : iterable of (str, Source)
            What is missing, by key.
        """
        if self._dropped:
            self.drop_replaced()
        members, end = dict(self._members), self._end
        try:
            for key, source in others:
                if isinstance(source, bytes):
                    self.add(key, source)
                else:
                    self.copy(key, *source)
            self._write_directory()
            self._file.close()
            if self._durable:
                sync_file(self._path)
            put_in_place(self._path, self._place)
            if self._durable:
                sync_folder(os.path.dirname(self._place))
        except BaseException:
            self._members, self._end, self._is_elsewhere = members, end, True
            if self._file.closed:
                self._open(self._path, "r+b")
            raise

    def remove(self) -> None:
        """Give up what was added."""
        self._tidy()

    def drop_replaced(self) -> None:
        """Write what counts to another file, without the bytes that nobody needs any more."""
        with self._lock:
            self._is_elsewhere, fresh = True, Packing(self._place, durable=self._durable)
            try:
                for key, (info, _) in self._members.items():
                    fresh.copy(key, self._file, info)
            except BaseException:
                fresh.remove()
                raise
            self.remove()
            fresh._tidy.detach()
            fresh._file.close()
            self._members, self._end, self._dropped = fresh._members, fresh._end, 0
            self._open(fresh._path, "r+b")

    def _append(self, info: zipfile.ZipInfo, parts: Iterable[bytes]) -> None:
        with self._lock:
            if self._is_elsewhere:
                self._file.seek(self._end)
            header, self._is_elsewhere = info.FileHeader(), True
            self._file.write(header)
            for part in parts:
                self._file.write(part)
            self._is_elsewhere = False
            if info.filename in self._members:
                self.drop(info.filename)
            info.header_offset = self._end
            self._members[info.filename] = info, self._end + len(header)
            self._end += len(header) + info.compress_size

    def _write_directory(self) -> None:
        self._file.seek(self._end)
        with zipfile.ZipFile(self._file, "w") as archive:
            archive.filelist.extend(info for info, _ in self._members.values())
        self._file.truncate()


def _described(key: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(key, _EARLIEST)
    info.external_attr = (stat.S_IFREG | 0o644) << 16
    return info


def _stored(file: IO[bytes], member: zipfile.ZipInfo) -> Iterator[bytes]:
    """Yield the bytes of a member as they are in the archive."""
    if member.flag_bits & _ENCRYPTED:
        raise zipfile.BadZipFile(f"{member.filename!r} is encrypted")
    file.seek(member.header_offset)
    header = file.read(_HEADER.size)
    if len(header) != _HEADER.size or not header.startswith(b"PK\3\4"):
        raise zipfile.BadZipFile(f"{member.filename!r} is not where the directory says")
    _, name, extra = _HEADER.unpack(header)
    left = member.compress_size
    file.seek(name + extra, os.SEEK_CUR)
    while left:
        block = file.read(min(left, _BUFFERED))
        if not block:
            raise zipfile.BadZipFile(f"{member.filename!r} is cut off")
        left -= len(block)
        yield block


def _remove(file: IO[bytes], path: str, process: int) -> None:
    if process == os.getpid():
        with suppress(OSError):  # a full disk does not take what is still in the buffer, which nobody needs any more
            file.close()
        Path(path).unlink(missing_ok=True)
