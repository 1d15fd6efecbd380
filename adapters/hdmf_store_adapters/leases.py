"""Who may write a hierarchy on this machine's disks: one writer, or several that share a synchronizer.

Whoever opens a hierarchy to change it holds a lease: a lock of the system on a small file beside the hierarchy, in
which the writer says who it is. The system drops the lock of a process that dies, so a file that is left over is
nobody's: the next writer takes it over, and removes it when it is done. Where no such file can be made, or the file
system has no locks, there is no guard, and no error either. Opens no store, knows no format.

The lock belongs to the open file, not to the process, unlike those of `synchronizers`: two writers in one process
exclude each other too, and it holds whatever else a process does with the file.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import socket
import time
import weakref
from contextlib import suppress
from datetime import datetime

import attrs

from hdmf_store.adapter import READING_MODES, Location
from hdmf_store.errors import HierarchyInUseError

try:
    import fcntl
except ImportError:  # Windows, whose locks are exclusive: there, writers that share one take none
    import msvcrt

    def _lock(file: int, alone: bool) -> None:
        os.lseek(file, 0, os.SEEK_SET)
        if alone:
            msvcrt.locking(file, msvcrt.LK_NBLCK, _LOCKED)  # type: ignore[attr-defined, unused-ignore]

else:

    def _lock(file: int, alone: bool) -> None:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)


__all__ = ["Lease", "lock_file_of"]

_LOCKED = 1  # bytes at the beginning, which on Windows nobody can read then
_LONGEST = 2**16
_ATTEMPTS, _MOMENT = 3, 0.002
_HELD_BY_OTHERS = (errno.EAGAIN, errno.EACCES, errno.EDEADLK)


def lock_file_of(location: Location) -> str:
    """Return the path of the file that writers of a hierarchy lock.

    >>> lock_file_of(Location("/nowhere/a.zarr"))
    '/nowhere/.a.zarr.hdmf-store-lock'
    """
    folder, name = os.path.split(location.identity)
    return os.path.join(folder, f".{name}.hdmf-store-lock")


class Lease:
    """The right of one open hierarchy to change what lies at a place.

    Parameters
    ----------
    location : Location
        Only places on this machine's disks are guarded.
    is_shared : bool
        Whether others that share as well may hold one at the same time: those with a synchronizer. A hierarchy that
        replaces another begins alone.
    """

    def __init__(self, location: Location, is_shared: bool = False) -> None:
        self._location = location
        self._is_shared = is_shared
        self._is_borrowed = False
        self._file: int | None = None

    def borrow(self) -> None:
        """Take none from now on: this is a copy of a hierarchy that another process has open, under its lease."""
        self._is_borrowed = True

    def take(self, mode: str, *, makes_folder: bool = False) -> None:
        """Hold it; nothing happens where it is held already.

        Parameters
        ----------
        mode : str
            Those that read need no lease.
        makes_folder : bool, default False
            Whether to make the folder that the hierarchy is to lie in. Without it there is no lease yet.

        Raises
        ------
        HierarchyInUseError
            If another writer holds one.
        """
        if mode in READING_MODES or self._file is not None or self._is_borrowed or not self._location.is_local:
            return
        path = lock_file_of(self._location)
        if makes_folder:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        try:
            self._file = _locked(path, mode, self._is_shared)
        except _HeldError as held:
            raise HierarchyInUseError(self._location.address, **attrs.asdict(held.owner)) from None
        if self._file is not None:
            self._let_go = weakref.finalize(self, _unlock, self._file, path, os.getpid())
            _mine.add(self)

    def release(self) -> None:
        """Give it back; may be called twice."""
        if self._file is not None:
            self._let_go()
            self._file = None

    def leave_to_parent(self) -> None:
        """Close what a fork has copied: the lease stays with the process that took it, for as long as it needs it.

        What both have open is changed under the one lease.
        """
        if self._file is not None:
            self._let_go.detach()
            with suppress(OSError):
                os.close(self._file)
            self._file = None
            self.borrow()


_mine: weakref.WeakSet[Lease] = weakref.WeakSet()
"""What this process holds."""


def _after_fork() -> None:
    for lease in list(_mine):
        lease.leave_to_parent()
    _mine.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@attrs.frozen
class Owner:
    """Who holds a lease; what is not known is empty.

    Parameters
    ----------
    process : int or None
    host, mode, since : str
        The name of its machine, the mode in which it opened the hierarchy, and when.
    """

    process: int | None = None
    host: str = ""
    mode: str = ""
    since: str = ""

    @classmethod
    def here(cls, mode: str) -> Owner:
        """Return this process."""
        return cls(os.getpid(), socket.gethostname(), mode, datetime.now().astimezone().isoformat(timespec="seconds"))

    @property
    def has_ended(self) -> bool:
        """Whether it is known to have ended."""
        if self.process is None or self.host != socket.gethostname() or os.name == "nt":
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # somebody else's
            return False
        return False


@attrs.define
class _HeldError(Exception):
    owner: Owner


def _locked(path: str, mode: str, is_shared: bool) -> int | None:
    """Return the file that is at a path now, locked; None where files cannot be made or locked."""
    refused = 0
    while True:
        try:
            file = _opened(path)
        except OSError:  # read-only, full, a name that is too long
            return None
        try:
            _lock(file, alone=mode == "w" or not is_shared)
            if _is_at(file, path):
                with suppress(OSError):
                    _tell(file, Owner.here(mode), alone=not is_shared)
                if is_shared:
                    _lock(file, alone=False)
                return file
        except OSError as problem:
            os.close(file)
            if problem.errno not in _HELD_BY_OTHERS:
                return None
            owner, refused = _told(path), refused + 1
            if refused == _ATTEMPTS or owner.process not in (None, os.getpid()):
                raise _HeldError(owner) from None
            if owner.process is None:
                time.sleep(_MOMENT)  # it was about to say who it is, or to leave
            else:
                gc.collect()  # perhaps nobody can use the one who holds it any more
        else:
            os.close(file)  # who held it before has removed it


def _opened(path: str) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except PermissionError:  # another user's, which can be locked without being written
        return os.open(path, os.O_RDONLY)


def _unlock(file: int, path: str, process: int) -> None:
    """Unlock a file and remove it, unless somebody else has locked it as well."""
    if process != os.getpid():
        return
    with suppress(OSError):
        _lock(file, alone=True)
        if os.name != "nt" and _is_at(file, path):
            os.unlink(path)
    os.close(file)
    if os.name == "nt":  # where nobody can remove what anybody has open
        with suppress(OSError):
            os.unlink(path)


def _is_at(file: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file), os.stat(path))
    except FileNotFoundError:
        return False


def _tell(file: int, owner: Owner, alone: bool) -> None:
    """Say in a locked file who holds it, in a line after those of others that share it."""
    end = os.lseek(file, 0, os.SEEK_END)
    if end and (alone or end > _LONGEST):  # ext4 waits for the disk at the close of a file that was cut to nothing
        os.ftruncate(file, 0)
        end = 0
    os.lseek(file, max(end, _LOCKED), os.SEEK_SET)
    os.write(file, json.dumps(attrs.asdict(owner)).encode() + b"\n")


def _told(path: str) -> Owner:
    """Return who holds a file, as far as that is told there."""
    with suppress(OSError, ValueError, TypeError):
        with open(path, "rb", buffering=0) as file:
            file.seek(_LOCKED)
            lines = file.read(2 * _LONGEST).splitlines()
        owners = [Owner(**json.loads(line)) for line in lines]
        return next((owner for owner in owners if not owner.has_ended), Owner())
    return Owner()
