"""Bytes under keys as the members of a zip archive, each of which is in it once.

A zip archive cannot be changed in place without leaving the old bytes in it, and without its directory, which stands
at the end, it is none. So a new archive grows beside it: chunks as they come, then what stays of the old archive, then
documents. It takes the old one's place in one step. Members are stored as they are: chunks are compressed already.
"""

from __future__ import annotations

import os
import struct
import sys
import weakref
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from typing import IO, Any

from hdmf_store.adapter import Location
from hdmf_store.errors import FormatError, HDMFStoreError, HierarchyExistsError
from hdmf_store.nodes import ROOT
from hdmf_store_adapters.local_errors import system_error, telling_of
from hdmf_store_adapters.medium_store import MediumStore
from hdmf_store_adapters.remote_stores import open_file
from hdmf_store_adapters.zip_packing import Packing, Source

__all__ = ["ZipFiles"]

_ROOT_DOCUMENTS = ("zarr.json", ".zmetadata", ".zgroup", ".zarray")
_UNREADABLE = (
    *(zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error),
    *(ValueError, ArithmeticError, LookupError, MemoryError, struct.error),
)
"""What `zipfile` raises for members that are damaged, encrypted or compressed in a way that it does not know."""

_BOUNDED = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""How members may be packed; of the others, `zipfile` unpacks all at once, whatever size the archive says."""

_LARGEST_PACKED = 2**31
_DOCUMENTS = (*_ROOT_DOCUMENTS, ".zattrs")


class ZipFiles:
    """One zip archive.

    Parameters
    ----------
    location : Location
        Of the archive, which need not exist.
    options : dict, optional
        For a URL, as `options_of` returns them.
    durable : bool, default False
        Whether to wait until the disk has a new archive.
    """

    system = sys.platform  # objects are folders until they are packed
    is_near = False  # its threads would wait for each other at the one file that is open

    def __init__(self, location: Location, options: Mapping[str, Any] | None = None, *, durable: bool = False) -> None:
        self._location = location
        self._durable = durable
        self._options = dict(options or {})
        self._process = 0
        self._file: IO[bytes] | None = None
        self._archive: zipfile.ZipFile | None = None
        self._members: dict[str, str] = {}
        self._removed: set[str] = set()
        self._documents: dict[str, bytes] = {}
        self._packing: Packing | None = None
        self._replaces = False
        self._before: tuple[Any, dict[str, bytes], set[str]] | None = None

    # -------------------------------------------------------------------------------------------------------- reading

    def read(self, key: str) -> bytes | None:
        """Return a member's bytes, or None if there is no such member."""
        if key in self._documents:
            return self._documents[key]
        if self._packing is not None and key in self._packing:
            return self._packing.read(key)
        archive, name = self._opened(), self._member(key)
        if archive is None or name is None:
            return None
        try:
            self._check(archive.getinfo(name))
            with self._telling("read", key):
                return archive.read(name)
        except _UNREADABLE as problem:
            reason = f"cannot be read from the archive ({problem})"
            raise FormatError(str(self._location), f"/{key}", reason) from problem

    def _check(self, info: zipfile.ZipInfo) -> None:
        """Refuse a member that is packed and says to be larger than any chunk, or of which nobody can say that."""
        if info.compress_type not in _BOUNDED:
            raise zipfile.BadZipFile("it is packed in a way that has no bounds; pack it anew, stored or deflated")
        if info.compress_type != zipfile.ZIP_STORED and info.file_size > _LARGEST_PACKED:
            raise zipfile.BadZipFile(f"{info.compress_size} bytes that would become {info.file_size}")
        if info.header_offset < 0:
            raise zipfile.BadZipFile("it is said to begin before the archive")

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of several members."""
        return [self.read(key) for key in keys]

    def list_keys(self) -> Iterator[str]:
        """Yield all keys, each once."""
        fresh = self._fresh()
        yield from (key for key in self._kept() if key not in fresh)
        yield from fresh

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys, parents first."""
        found = sorted((key for key in self.list_keys() if key.rpartition("/")[2] in documents), key=_depth)
        return {key: data for key in found if (data := self.read(key)) is not None}

    def _member(self, key: str) -> str | None:
        return None if key in self._removed else self._members.get(key)

    def _opened(self) -> zipfile.ZipFile | None:
        """Return the archive, open; None if there is none, or whatever is there is to be replaced.

        A process that was forked opens its own.
        """
        if self._replaces:
            return None
        if self._archive is not None and self._process != os.getpid():
            self._archive = self._file = None  # the parent's handle, whose position both would move
        if self._archive is None:
            file = self._open_file()
            if file is None:
                return None
            try:
                self._archive = zipfile.ZipFile(file)
            except (*_UNREADABLE, OSError) as problem:
                file.close()
                raise FormatError(str(self._location), ROOT, f"is no readable zip archive ({problem})") from problem
            self._file, self._process = file, os.getpid()
            weakref.finalize(self, file.close)  # arrays may outlive whoever would close the archive
            self._members = _members_by_key(self._archive)
        return self._archive

    def _open_file(self) -> IO[bytes] | None:
        try:
            if self._location.is_local:
                return open(self._location.address, "rb")
            return open_file(self._location, self._options)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except HDMFStoreError:
            raise
        except OSError as problem:
            raise system_error(problem, self._location.address, "read", self._location.address) from problem

    def _telling(self, action: str, key: str = "") -> AbstractContextManager[None]:
        """Return what tells of the disk's troubles with a member, or with the archive as a whole."""
        if not self._location.is_local:
            return nullcontext()
        address = self._location.address
        return telling_of(address, action, f"{address}{os.sep}{key}" if key else address)

    # -------------------------------------------------------------------------------------------------------- writing

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Write chunks to the new archive, and hold documents until it is complete."""
        for key, data in items:
            if _is_document(key):
                self._documents[key] = data
            else:
                with self._telling("write", key):
                    self._packed().add(key, data)
        if self._packing is not None:
            with self._telling("write"):
                self._packing.flush()  # so that a process that is forked has nothing to write of its own

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: chunks may come before documents."""

    def deputy(self, folder: str) -> None:
        """Return None: what is kept beside the archive has to be known when it is packed."""

    def remove(self, folders: Sequence[str]) -> None:
        """Leave all members below each of the folders out of the new archive."""
        gone = set(folders)
        self.remove_files([key for key in self.list_keys() if not gone.isdisjoint(_above(key))])

    def remove_files(self, keys: Sequence[str]) -> None:
        """Leave members out of the new archive."""
        self._opened()
        for key in keys:
            if key in self._members:
                self._removed.add(key)
            self._documents.pop(key, None)
            if self._packing is not None and key in self._packing:
                self._packing.drop(key)

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder."""
        self.remove([folder])
        self.write_many(files.items())

    def begin_changes(self) -> None:
        """Remember what was changed until now, to which `discard` goes back."""
        packed = None if self._packing is None else self._packing.mark()
        self._before = packed, dict(self._documents), set(self._removed)

    def begin_replacement(self) -> Collection[str]:
        """Leave all members that there are out of the new archive."""
        self._forget_changes()
        self._close_archive()
        self._replaces = True
        return ()

    def publish(self) -> None:
        """Complete the new archive, and put it in the old one's place."""
        if not (self._replaces or self._documents or self._removed or self._packing):
            self._before = None
            return
        try:
            with self._telling("write"):
                self._packed().complete(self._still_to_pack())
        except zipfile.BadZipFile as problem:
            raise FormatError(str(self._location), ROOT, f"cannot be packed anew ({problem})") from problem
        self._forget_changes()

    def _still_to_pack(self) -> Iterator[tuple[str, Source]]:
        """Yield what stays of the old archive, then documents, the root's last: who reads the end has all of them."""
        fresh = self._fresh()
        last: dict[str, Source] = dict(self._documents)
        with ExitStack() as stack:
            if self._kept():
                old = stack.enter_context(open(self._location.address, "rb"))
                archive = zipfile.ZipFile(old)  # as it is now, at a position that no reader moves
                for key, name in _members_by_key(archive).items():
                    if key in fresh or key in self._removed:
                        continue
                    if _is_document(key):
                        last[key] = old, archive.getinfo(name)
                    else:
                        yield key, (old, archive.getinfo(name))
            yield from sorted(last.items(), key=_packing_order)
        self._close_archive()

    def discard(self) -> bool:
        """Forget a replacement that was not published, or what was changed since `begin_changes`."""
        before, self._before = self._before, None
        if self._replaces:
            self._forget_changes()
            return True
        if before is None:
            return False
        packed, self._documents, self._removed = before
        if self._packing is not None and (packed is None or not self._packing.go_back(packed)):
            self._packing.remove()
            self._packing = None
        return True

    def finish(self) -> None:
        """Pack what was changed since, and close the archive."""
        self.publish()
        self._close_archive()

    def store(self) -> Any:
        """Return a zarr store over the archive."""
        return MediumStore(self)

    def check_replaceable(self, force: bool) -> None:
        """Refuse to replace what is no zip archive with a Zarr hierarchy, unless told to.

        Raises
        ------
        HierarchyExistsError
            If something else is there and `force` is not set.
        """
        address = self._location.address
        if force or not os.path.lexists(address):
            return
        try:
            if os.path.isfile(address) and any(self.read(name) is not None for name in _ROOT_DOCUMENTS):
                return
        except FormatError:
            pass
        raise HierarchyExistsError(
            address,
            "is no zip archive of a Zarr hierarchy, and mode 'w' would delete it. Choose another name or pass "
            "force_overwrite=True.",
        )

    def _kept(self) -> dict[str, str]:
        """Return the names of old members that were not removed, by their keys."""
        self._opened()
        return {key: name for key, name in self._members.items() if key not in self._removed}

    def _fresh(self) -> dict[str, None]:
        """Return the keys that were written, in the order of their bytes."""
        return dict.fromkeys([*(self._packing.keys if self._packing else ()), *self._documents])

    def _packed(self) -> Packing:
        if self._packing is None:
            place = os.path.realpath(self._location.address)
            os.makedirs(os.path.dirname(place), exist_ok=True)
            self._packing = Packing(place, durable=self._durable)
        return self._packing

    def _forget_changes(self) -> None:
        if self._packing is not None:
            self._packing.remove()
        self._packing, self._replaces = None, False
        self._documents, self._removed, self._before = {}, set(), None

    def _close_archive(self) -> None:
        if self._archive is not None and self._process == os.getpid():
            self._archive.close()
            assert self._file is not None
            self._file.close()
        self._archive = self._file = None
        self._members = {}


def _members_by_key(archive: zipfile.ZipFile) -> dict[str, str]:
    """Return the names of members by their keys. Where all lie in one folder, keys begin below it.

    Programs that pack a folder put the folder itself into the archive. Of members with the same name, the last counts,
    as for every program that reads archives.
    """
    names = [info.filename for info in archive.infolist() if not info.is_dir()]
    tops = {name.partition("/")[0] for name in names}
    if len(tops) == 1 and not any(name in _ROOT_DOCUMENTS for name in names):
        folder = tops.pop() + "/"
        return {name[len(folder) :]: name for name in names if name.startswith(folder)}
    return {name: name for name in names}


def _is_document(key: str) -> bool:
    return key.rpartition("/")[2] in _DOCUMENTS


def _above(key: str) -> Iterator[str]:
    """Yield the folders in which a key lies."""
    end = key.rfind("/")
    while end > 0:
        yield key[:end]
        end = key.rfind("/", 0, end)


def _packing_order(member: tuple[str, Source]) -> tuple[int, str]:
    return -member[0].count("/"), member[0]


def _depth(key: str) -> tuple[int, str]:
    return key.count("/"), key
