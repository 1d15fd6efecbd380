"""Bytes under keys as the members of a zip archive, each of which is written once.

A zip archive cannot be changed in place without leaving the old bytes in it. So what is written goes to a folder
beside the archive first; then a new archive is packed, of old members and new ones, and takes the old one's place in
one step. Members are stored as they are: chunks are compressed already.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import uuid
import weakref
import zipfile
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from hdmf_store.adapter import Location
from hdmf_store.errors import FormatError, HierarchyExistsError
from hdmf_store.nodes import ROOT
from hdmf_store_adapters.local_files import TEMPORARY, LocalFiles
from hdmf_store_adapters.medium_store import MediumStore
from hdmf_store_adapters.remote_stores import open_file

__all__ = ["ZipFiles"]

_ROOT_DOCUMENTS = ("zarr.json", ".zmetadata", ".zgroup", ".zarray")
_UNREADABLE = (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError, zlib.error)
"""What `zipfile` raises for members that are damaged, encrypted or compressed in a way that it does not know."""

_COPIED_AT_ONCE = 16 * 2**20
_EARLIEST = (1980, 1, 1, 0, 0, 0)  # the same members make the same archive, whenever it is packed


class ZipFiles:
    """One zip archive.

    Parameters
    ----------
    location : Location
        Of the archive, which need not exist.
    options : dict, optional
        For a URL, as `options_of` returns them.
    """

    system = sys.platform  # objects are folders until they are packed

    def __init__(self, location: Location, options: Mapping[str, Any] | None = None) -> None:
        self._location = location
        self._options = dict(options or {})
        self._process = 0
        self._file: IO[bytes] | None = None
        self._archive: zipfile.ZipFile | None = None
        self._members: dict[str, str] = {}
        self._removed: set[str] = set()
        self._staged: LocalFiles | None = None
        self._staged_keys: set[str] = set()
        self._replaces = False

    # -------------------------------------------------------------------------------------------------------- reading

    def read(self, key: str) -> bytes | None:
        """Return a member's bytes, or None if there is no such member."""
        if self._staged is not None and key in self._staged_keys:
            return self._staged.read(key)
        archive, name = self._opened(), self._member(key)
        if archive is None or name is None:
            return None
        try:
            return archive.read(name)
        except _UNREADABLE as problem:
            reason = f"cannot be read from the archive ({problem})"
            raise FormatError(str(self._location), f"/{key}", reason) from problem

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of several members."""
        return [self.read(key) for key in keys]

    def list_keys(self) -> Iterator[str]:
        """Yield all keys, each once."""
        self._opened()
        if not self._replaces:
            yield from (key for key in self._members if key not in self._removed and key not in self._staged_keys)
        yield from sorted(self._staged_keys)

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys, parents first."""
        found = sorted((key for key in self.list_keys() if key.rpartition("/")[2] in documents), key=_depth)
        return {key: data for key in found if (data := self.read(key)) is not None}

    def _member(self, key: str) -> str | None:
        return None if self._replaces or key in self._removed else self._members.get(key)

    def _opened(self) -> zipfile.ZipFile | None:
        """Return the archive, open; None if there is none. A process that was forked opens its own."""
        if self._archive is not None and self._process != os.getpid():
            self._archive = self._file = None  # the parent's handle, whose position both would move
        if self._archive is None:
            file = self._open_file()
            if file is None:
                return None
            try:
                self._archive = zipfile.ZipFile(file)
            except (zipfile.BadZipFile, OSError, ValueError) as problem:
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

    # -------------------------------------------------------------------------------------------------------- writing

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Keep files beside the archive until it is packed."""
        staged = self._staging()
        for key, data in items:
            staged.write_many([(key, data)])
            self._staged_keys.add(key)

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: chunks may come before documents."""

    def deputy(self, folder: str) -> None:
        """Return None: what is kept beside the archive has to be known when it is packed."""

    def remove(self, folders: Sequence[str]) -> None:
        """Leave out all members below each of the folders when the archive is packed."""
        for folder in folders:
            below = [key for key in self.list_keys() if key.startswith(folder + "/")]
            for key in below:
                self._remove(key)

    def remove_files(self, keys: Sequence[str]) -> None:
        """Leave out members when the archive is packed."""
        for key in keys:
            self._remove(key)

    def _remove(self, key: str) -> None:
        self._opened()
        if key in self._members and not self._replaces:
            self._staging()
            self._removed.add(key)
        if key in self._staged_keys:
            self._staged_keys.remove(key)
            self._staging().remove_files([key])

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder."""
        for key in [key for key in self.list_keys() if key.startswith(folder + "/") and key not in files]:
            self._remove(key)
        self.write_many(files.items())

    def begin_changes(self) -> None:
        """Do nothing: changes are undone one by one."""

    def begin_replacement(self) -> Collection[str]:
        """Leave out all members that there are when the archive is packed."""
        self._forget_staged()
        self._replaces = True
        return ()

    def publish(self) -> None:
        """Pack what was written, and put the archive in the old one's place."""
        if self._staged is None and not self._replaces:
            return
        place = os.path.realpath(self._location.address)
        temporary = f"{place}{TEMPORARY}{uuid.uuid4().hex}"
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            with zipfile.ZipFile(temporary, "x", zipfile.ZIP_STORED) as packed:
                self._pack(packed)
            self._close_archive()
            if os.path.isdir(place):  # only where the caller said so: `check_replaceable`
                shutil.rmtree(place)
            os.replace(temporary, place)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
        self._forget_staged()

    def _pack(self, packed: zipfile.ZipFile) -> None:
        """Write all members: chunks, then documents, the root's last, so that who reads the end has all of them."""
        archive = self._opened()
        for key in sorted(self.list_keys(), key=_packing_order):
            info = zipfile.ZipInfo(key, _EARLIEST)
            info.external_attr = (stat.S_IFREG | 0o644) << 16
            if key in self._staged_keys:
                assert self._staged is not None
                packed.writestr(info, self._staged.read(key) or b"")
                continue
            assert archive is not None
            info.file_size = archive.getinfo(self._members[key]).file_size
            with archive.open(self._members[key]) as old, packed.open(info, "w") as new:
                shutil.copyfileobj(old, new, _COPIED_AT_ONCE)

    def discard(self) -> None:
        """Forget a replacement that was not published."""
        if self._replaces:
            self._forget_staged()

    def finish(self) -> None:
        """Pack what was changed since, and close the archive."""
        if self._staged is not None:
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

    def _staging(self) -> LocalFiles:
        if self._staged is None:
            self._staged = LocalFiles(Path(f"{self._location.identity}{TEMPORARY}{uuid.uuid4().hex}"))
        return self._staged

    def _forget_staged(self) -> None:
        if self._staged is not None:
            self._staged.remove([""])
        self._staged, self._replaces = None, False
        self._staged_keys, self._removed = set(), set()

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


def _packing_order(key: str) -> tuple[bool, int, str]:
    return key.rpartition("/")[2] in _ROOT_DOCUMENTS, -key.count("/"), key


def _depth(key: str) -> tuple[int, str]:
    return key.count("/"), key
