"""Bytes under keys as plain files below one folder.

A key is a path below the folder. Files appear whole: each is written under a temporary name and renamed.
A replacement of the whole hierarchy grows in a folder beside it and takes its place in one step, so its own
files need no such care.
"""

from __future__ import annotations

import os
import shutil
import sys
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Any

import attrs

from hdmf_store.adapter import Location
from hdmf_store.adapter.folders import walk
from hdmf_store.errors import FormatError, HierarchyExistsError
from hdmf_store_adapters.durable_files import Unsettled, sync_folder, sync_tree
from hdmf_store_adapters.exchanging import TEMPORARY, remove, remove_file, swap
from hdmf_store_adapters.folder_store import FolderStore
from hdmf_store_adapters.local_errors import system_error, telling_of

__all__ = ["LocalFiles", "folders_not_entered"]

_ROOT_DOCUMENTS = ("zarr.json", ".zgroup", ".zmetadata", ".zarray")
_DOCUMENTS = (*_ROOT_DOCUMENTS, ".zattrs")


class LocalFiles:
    """One folder of files.

    Parameters
    ----------
    root : Path
        The folder; it need not exist.
    durable : bool, default False
        Whether to wait until the disk has what is committed.
    """

    system = sys.platform
    is_near = True

    def __init__(self, root: Path, *, durable: bool = False) -> None:
        self._root = str(root)
        self._base = self._root
        self._unsettled = Unsettled() if durable else None
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
        except OSError as problem:
            raise system_error(problem, self._root, "read", f"{self._root}/{key}") from problem

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of several files; one after the other, which is fastest for small local files."""
        return [self.read(key) for key in keys]

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Write files; each appears whole. Documents that replace others do when all of them are written."""
        if self._base != self._root:
            for key, data in items:
                with self._telling("write", key):
                    path = _place(self._base, key)
                    self._make_folder(path.rpartition("/")[0])
                    _write(path, data)
            return
        waiting: list[tuple[str, str, str]] = []
        try:
            for key, data in items:
                with self._telling("write", key):
                    path = _place(self._base, key)
                    self._settle_before(key)
                    self._make_folder(path.rpartition("/")[0])
                    waiting.append((f"{path}{TEMPORARY}{uuid.uuid4().hex}", path, key))
                    _write(waiting[-1][0], data, durable=self._unsettled is not None)
                    if not (key.rpartition("/")[2] in _DOCUMENTS and os.path.lexists(path)):
                        self._show(*waiting.pop())
            while waiting:
                with self._telling("write", waiting[0][2]):
                    self._show(*waiting.pop(0))
        finally:
            for temporary, _, _ in waiting:
                with suppress(OSError):  # what is being told of matters more
                    remove_file(temporary)

    def _show(self, temporary: str, path: str, key: str) -> None:
        """Give a complete file its name."""
        try:
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                remove_file(temporary)
            raise
        if self._unsettled is not None:
            self._unsettled.named_in(path.rpartition("/")[0])
            if key in _DOCUMENTS:
                self._unsettled.settle()

    def _settle_before(self, key: str) -> None:
        """Wait until the disk has all that the root's document is about to commit."""
        if self._unsettled is not None and key in _DOCUMENTS:
            self._unsettled.settle()

    def _telling(self, action: str, key: str = "") -> AbstractContextManager[None]:
        return telling_of(self._root, action, f"{self._root}/{key}" if key else self._root)

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: chunks may come before documents."""

    def deputy(self, folder: str) -> LocalDeputy:
        """Return what stores keys from processes that see the same files."""
        if self._deputy is None:
            passage = f"{self._base}/{TEMPORARY}{uuid.uuid4().hex}"
            with self._telling("write"):
                os.makedirs(passage)
            self._deputy = LocalDeputy(self._base, passage)
        if self._unsettled is not None and self._base == self._root:
            self._unsettled.written_below(_place(self._base, folder))
            self._unsettled.named_in(_place(self._base, folder).rpartition("/")[0])
        return self._deputy

    def remove(self, folders: Sequence[str]) -> None:
        """Remove folders and all that is in them."""
        for folder in folders:
            path = _place(self._base, folder)
            with self._telling("remove", folder), suppress(FileNotFoundError):
                if os.path.isdir(path) and not os.path.islink(path):
                    shutil.rmtree(path)
                else:
                    remove_file(path)
        self._folders.clear()

    def remove_files(self, keys: Sequence[str]) -> None:
        """Remove files."""
        for key in keys:
            with self._telling("remove", key):
                remove_file(_place(self._base, key))

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder, in one step."""
        place = f"{self._base}/{folder}"
        new = f"{place}{TEMPORARY}{uuid.uuid4().hex}"
        try:
            with self._telling("write", folder):
                for key, data in files.items():
                    path = new + key[len(folder) :]
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    _write(path, data)
                old = self._put(new, place)
        except BaseException:
            remove(new)
            raise
        if old is not None:
            remove(old)
        self._folders.clear()

    def _put(self, new: str, place: str) -> str | None:
        """Put a new folder in the place of an old one, and return where that is now; in between, wait for the disk."""
        if self._unsettled is not None:
            sync_tree(new)
        old = swap(new, place)
        if self._unsettled is not None:
            sync_folder(os.path.dirname(os.path.realpath(place)))
        return old

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
            with self._telling("list", prefix), os.scandir(f"{self._base}/{prefix}") as entries:
                names = sorted((entry.name for entry in entries if entry.is_dir(follow_symlinks=False)), reverse=True)
            waiting += [f"{prefix}{name}/" for name in names]
        return found

    def begin_changes(self) -> None:
        """Do nothing: changes are undone one by one."""

    def begin_replacement(self) -> Collection[str]:
        """Direct all writing to a new folder beside this one."""
        self._base = f"{self._root}{TEMPORARY}{uuid.uuid4().hex}"
        self._folders.clear()
        if self._unsettled is not None:
            self._unsettled.made_on_the_way_to(os.path.realpath(self._root))
        return ()

    def publish(self) -> None:
        """Put the new folder in the old one's place, then remove the old one."""
        self._dismiss()
        if self._base == self._root:
            return
        with self._telling("write"):
            old = self._put(self._base, self._root)
            if self._unsettled is not None:
                self._unsettled.settle()
        self._base = self._root
        self._folders.clear()
        if old is not None:
            remove(old)

    def discard(self) -> bool:
        """Remove a new folder that was not published; what was changed in place is left to the caller."""
        self._dismiss()
        if self._base == self._root:
            return False
        shutil.rmtree(self._base, ignore_errors=True)
        self._base = self._root
        self._folders.clear()
        return True

    def finish(self) -> None:
        """Wait until the disk has what was changed in place, where that was asked for; no file is kept open."""
        if self._unsettled is not None:
            with self._telling("write"):
                self._unsettled.settle()

    def list_keys(self) -> Iterator[str]:
        """Yield the keys of all files."""
        for folder, _, names in walk(self._base):
            inner = os.path.relpath(folder, self._base).replace(os.sep, "/")
            yield from (name if inner == "." else f"{inner}/{name}" for name in names)

    def store(self) -> Any:
        """Return a zarr store over the folder that is written to."""
        return FolderStore(self, self._base)

    def check_replaceable(self, force: bool) -> None:
        """Refuse to replace what is no Zarr hierarchy, unless told to.

        Raises
        ------
        HierarchyExistsError
            If a file or a folder with other content is there and `force` is not set.
        """
        if force or not os.path.lexists(self._root):
            return
        with self._telling("list"):
            if os.path.isdir(self._root) and (self.exists() or not os.listdir(self._root)):
                return
        kind = "a folder that holds no Zarr hierarchy" if os.path.isdir(self._root) else "a file"
        raise HierarchyExistsError(
            self._root, f"is {kind}, which mode 'w' would delete. Choose another name or pass force_overwrite=True."
        )

    def _dismiss(self) -> None:
        """Let no deputy store anything any more."""
        if self._deputy is not None:
            remove(self._deputy.passage)
            self._deputy = None

    def _make_folder(self, folder: str) -> None:
        if folder in self._folders:
            return
        if self._unsettled is not None and self._base == self._root:
            self._unsettled.made_on_the_way_to(folder)
        os.makedirs(folder, exist_ok=True)
        self._folders.add(folder)


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
            with telling_of(self.base, "write", f"{self.base}/{key}"):
                self._write(_place(self.base, key), data)

    def _write(self, path: str, data: bytes) -> None:
        made = f"{self.passage}/{uuid.uuid4().hex}"
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


def _write(path: str, data: bytes, *, durable: bool = False) -> None:
    with open(path, "wb", buffering=0) as file:
        view = memoryview(data)
        while len(view):
            view = view[file.write(view) :]
        if durable:
            os.fsync(file.fileno())
