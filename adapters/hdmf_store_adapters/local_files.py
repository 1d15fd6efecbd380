"""Bytes under keys as plain files below one folder.

A key is a path below the folder. Files appear whole: each is written under a temporary name and renamed.
A replacement of the whole hierarchy grows in a folder beside it and takes its place in one step, so its own
files need no such care.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import attrs
from zarr.storage import LocalStore

from hdmf_store.adapter import Location
from hdmf_store.adapter.folders import walk
from hdmf_store.errors import FormatError, HierarchyExistsError

__all__ = ["TEMPORARY", "LocalFiles", "folders_not_entered", "put_in_place"]

TEMPORARY = ".hdmf-store-tmp-"
"""What the names of unfinished files and folders contain."""

_ROOT_DOCUMENTS = ("zarr.json", ".zgroup", ".zmetadata", ".zarray")


class LocalFiles:
    """One folder of files.

    Parameters
    ----------
    root : Path
        The folder; it need not exist.
    """

    system = sys.platform

    def __init__(self, root: Path) -> None:
        self._root = str(root)
        self._base = self._root
        self._folders: set[str] = set()
        self._deputy: LocalDeputy | None = None

    def exists(self) -> bool:
        """Return whether a Zarr hierarchy is there."""
        return any(os.path.isfile(os.path.join(self._root, name)) for name in _ROOT_DOCUMENTS)

    def read(self, key: str) -> bytes | None:
        """Return a file's bytes, or None if there is no such file."""
        try:
            with open(f"{self._base}/{key}", "rb", buffering=0) as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of several files; one after the other, which is fastest for small local files."""
        return [self.read(key) for key in keys]

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Write files; each appears whole."""
        is_hidden = self._base != self._root
        for key, data in items:
            path = _place(self._base, key)
            self._make_folder(path.rpartition("/")[0])
            if is_hidden:
                _write(path, data)
                continue
            temporary = f"{path}{TEMPORARY}{uuid.uuid4().hex}"
            try:
                _write(temporary, data)
                os.replace(temporary, path)
            except BaseException:
                _remove_file(temporary)
                raise

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: chunks may come before documents."""

    def deputy(self, folder: str) -> LocalDeputy:
        """Return what stores keys from processes that see the same files."""
        if self._deputy is None:
            passage = f"{self._base}/{TEMPORARY}{uuid.uuid4().hex}"
            os.makedirs(passage)
            self._deputy = LocalDeputy(self._base, passage)
        return self._deputy

    def remove(self, folders: Sequence[str]) -> None:
        """Remove folders and all that is in them."""
        for folder in folders:
            _remove(_place(self._base, folder))
        self._folders.clear()

    def remove_files(self, keys: Sequence[str]) -> None:
        """Remove files."""
        for key in keys:
            _remove_file(_place(self._base, key))

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder, in one step."""
        place = f"{self._base}/{folder}"
        new = f"{place}{TEMPORARY}{uuid.uuid4().hex}"
        try:
            for key, data in files.items():
                path = new + key[len(folder) :]
                os.makedirs(os.path.dirname(path), exist_ok=True)
                _write(path, data)
            old = _swap(new, place)
        except BaseException:
            _remove(new)
            raise
        if old is not None:
            _remove(old)
        self._folders.clear()

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all documents below the folder. Links in the file system that lead out of it are not followed."""
        found: dict[str, bytes] = {}
        waiting = [""]
        while waiting:
            prefix = waiting.pop()
            here = {prefix + name: data for name in documents if (data := self.read(prefix + name)) is not None}
            if not here:
                continue
            found |= here
            with os.scandir(f"{self._base}/{prefix}") as entries:
                names = sorted((entry.name for entry in entries if entry.is_dir(follow_symlinks=False)), reverse=True)
            waiting += [f"{prefix}{name}/" for name in names]
        return found

    def begin_changes(self) -> None:
        """Do nothing: changes are undone one by one."""

    def begin_replacement(self) -> Collection[str]:
        """Direct all writing to a new folder beside this one."""
        self._base = f"{self._root}{TEMPORARY}{uuid.uuid4().hex}"
        self._folders.clear()
        return ()

    def publish(self) -> None:
        """Put the new folder in the old one's place, then remove the old one."""
        self._dismiss()
        if self._base == self._root:
            return
        new = self._base
        old = _swap(new, self._root)
        self._base = self._root
        self._folders.clear()
        if old is not None:
            _remove(old)

    def discard(self) -> None:
        """Remove a new folder that was not published."""
        self._dismiss()
        if self._base != self._root:
            shutil.rmtree(self._base, ignore_errors=True)
            self._base = self._root
            self._folders.clear()

    def finish(self) -> None:
        """Do nothing: no file is kept open."""

    def list_keys(self) -> Iterator[str]:
        """Yield the keys of all files."""
        for folder, _, names in walk(self._base):
            inner = os.path.relpath(folder, self._base).replace(os.sep, "/")
            yield from (name if inner == "." else f"{inner}/{name}" for name in names)

    def store(self) -> Any:
        """Return a zarr store over the folder that is written to."""
        return LocalStore(self._base)

    def check_replaceable(self, force: bool) -> None:
        """Refuse to replace what is no Zarr hierarchy, unless told to.

        Raises
        ------
        HierarchyExistsError
            If a file or a folder with other content is there and `force` is not set.
        """
        if force or not os.path.lexists(self._root):
            return
        if os.path.isdir(self._root) and (self.exists() or not os.listdir(self._root)):
            return
        kind = "a folder that holds no Zarr hierarchy" if os.path.isdir(self._root) else "a file"
        raise HierarchyExistsError(
            self._root, f"is {kind}, which mode 'w' would delete. Choose another name or pass force_overwrite=True."
        )

    def _dismiss(self) -> None:
        """Let no deputy store anything any more."""
        if self._deputy is not None:
            _remove(self._deputy.passage)
            self._deputy = None

    def _make_folder(self, folder: str) -> None:
        if folder not in self._folders:
            os.makedirs(folder, exist_ok=True)
            self._folders.add(folder)


def put_in_place(file: str, place: str) -> None:
    """Move a file to where something else may be, which then goes; in one step, or two where that is a folder."""
    target = os.path.realpath(place)
    if not os.path.isdir(target):
        os.replace(file, target)
        return
    old = _swap(file, target)
    if old is not None:
        _remove(old)


@attrs.frozen
class LocalDeputy:
    """Writes files for a `LocalFiles` in any process that sees its folder.

    Parameters
    ----------
    base : str
        The folder that is written to.
    passage : str
        A folder in it of a name that no other one has. Files are made there and moved from there, so that each appears
        whole. Who does not find it sees other files, or is late.
    """

    base: str
    passage: str

    def is_there(self) -> bool:
        """Return whether this process sees the folder."""
        return os.path.isdir(self.passage)

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Write files."""
        for key, data in items:
            made, path = f"{self.passage}/{uuid.uuid4().hex}", _place(self.base, key)
            _write(made, data)
            try:
                os.replace(made, path)
            except FileNotFoundError:
                if not self.is_there():
                    raise
                os.makedirs(os.path.dirname(path), exist_ok=True)
                os.replace(made, path)


def folders_not_entered(location: Location) -> list[str]:
    """Return the keys of folders below a hierarchy's that are not listed: links to others, and unreadable ones."""
    if not location.is_local:
        return []
    unreadable: list[OSError] = []
    left = [
        path
        for folder, names, _ in walk(location.address, onerror=unreadable.append)
        for path in (os.path.join(folder, name) for name in names)
        if os.path.islink(path)
    ]
    left += [problem.filename for problem in unreadable if problem.filename != location.address]
    return [os.path.relpath(path, location.address).replace(os.sep, "/") for path in left]


def _place(base: str, key: str) -> str:
    """Return the path of a file, and refuse a key that leads out of the folder."""
    if ".." in key and ".." in key.replace(os.sep, "/").split("/"):
        raise FormatError(base, f"/{key}", "is no path that an object can have; the file may be hostile")
    return f"{base}/{key}"


def _write(path: str, data: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        view = memoryview(data)
        while len(view):
            view = view[file.write(view) :]


def _remove_file(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        _remove_file(path)


def _swap(new: str, place: str) -> str | None:
    """Move `new` to `place` and return where what was there is now, or None if nothing was."""
    target = os.path.realpath(place)
    if not os.path.lexists(target):
        os.rename(new, target)
        return None
    if _exchange(new, target):
        return new
    aside = f"{target}{TEMPORARY}{uuid.uuid4().hex}"
    os.rename(target, aside)
    try:
        os.rename(new, target)
    except BaseException:
        os.rename(aside, target)
        raise
    return aside


@cache
def _renameat2() -> Any:
    if not sys.platform.startswith("linux"):
        return None
    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


def _exchange(one: str, other: str) -> bool:
    """Exchange two names in one step where the system can; Linux does on the usual file systems."""
    call = _renameat2()
    if call is None:
        return False
    here, exchange = -100, 2  # AT_FDCWD, RENAME_EXCHANGE: linux/fcntl.h and linux/fs.h
    if call(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(code, os.strerror(code), one, None, other)
