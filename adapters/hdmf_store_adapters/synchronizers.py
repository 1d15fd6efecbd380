"""Locks that the writers of one hierarchy share.

A synchronizer hands out a context manager for a key; who is inside is alone with what the key names. There are three
levels, always entered in this order, so that no two writers wait for each other: the hierarchy, the document of a
node, the chunks of an array. Who is inside starts from what is stored now; `other_writers` says what that means for
nodes, `touched_chunks` which chunks an assignment needs. Opens no store, knows no format.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import numpy as np
from fasteners import InterProcessLock

from hdmf_store.adapter import Location
from hdmf_store.errors import ArgumentError

__all__ = [
    "FOLDER_SUFFIX",
    "HIERARCHY",
    "ProcessSynchronizer",
    "Synchronizer",
    "ThreadSynchronizer",
    "all_of",
    "synchronizer_for",
]

FOLDER_SUFFIX = ".sync"
"""What ``synchronizer=True`` appends to the name of a hierarchy's folder."""

HIERARCHY = ".hierarchy"
"""The key of the lock on a hierarchy as a whole."""

_LONGEST_NAME = 200
_FIRST_WAIT, _LONGEST_WAIT = 0.001, 0.02


class Synchronizer(Protocol):
    """Hands out a lock for each key; the same lock whenever and wherever the same key is asked for."""

    def __getitem__(self, key: str) -> AbstractContextManager[Any]:
        """Return the lock of a key."""
        ...


# ---------------------------------------------------------------------------------------------------- synchronizers


class _Turns:
    """Reentrant locks of this process by key, made on demand."""

    def __init__(self) -> None:
        self._locks: dict[str, Any] = {}
        self._making = threading.Lock()

    def __getitem__(self, key: str) -> Any:
        with self._making:
            return self._locks.setdefault(key, threading.RLock())

    def start_anew(self) -> None:
        """Forget all locks: after a fork, whoever held them is not in the new process."""
        self._locks, self._making = {}, threading.Lock()


class ThreadSynchronizer:
    """Locks for the threads of one process.

    All writers must be given the same object. A copy that another process receives knows nothing of this one.

    Examples
    --------
    >>> synchronizer = ThreadSynchronizer()
    >>> with synchronizer["data/c/0"]:
    ...     pass
    """

    def __init__(self) -> None:
        self._turns = _Turns()

    def __getitem__(self, key: str) -> AbstractContextManager[Any]:
        """Return the lock of a key."""
        return self._turns[key]

    def __reduce__(self) -> Any:
        return type(self), ()

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class ProcessSynchronizer:
    """Locks for processes, and for the threads of each, as files in a folder.

    Parameters
    ----------
    path : str or Path
        The folder; made when the first lock is taken. It must be one that all writers see, on a file system whose
        locks work, and no part of a Zarr hierarchy.

    Raises
    ------
    ArgumentError
        If `path` is neither text nor a path.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise ArgumentError(f"a ProcessSynchronizer needs the path of a folder, not {path!r}")
        self._path = os.path.realpath(os.fspath(path))

    @property
    def path(self) -> str:
        """The folder of the locks, absolute and with links in the file system resolved."""
        return self._path

    def __getitem__(self, key: str) -> AbstractContextManager[Any]:
        """Return the lock of a key."""
        name = quote(key, safe=" ") + ".lock"
        if len(name) > _LONGEST_NAME:
            name = hashlib.sha256(key.encode()).hexdigest() + ".lock"
        return _exclusive(os.path.join(self._path, name))

    def __reduce__(self) -> Any:
        return type(self), (self._path,)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._path!r})"


_turns = _Turns()
_held: dict[str, int] = {}
"""How often the thread inside each lock file's turn has entered it."""


def _after_fork() -> None:
    _turns.start_anew()
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _exclusive(path: str) -> Iterator[None]:
    """Be the only thread of the only process that is inside.

    The locks of files belong to a process and end as soon as it closes any handle of the file. So the threads of a
    process take turns first, and only the one whose turn it is opens the file.
    """
    with _turns[path]:
        held = _held.get(path, 0)
        lock = _acquired(path) if held == 0 else None
        _held[path] = held + 1
        try:
            yield
        finally:
            _held[path] = held
            if lock is not None:
                _held.pop(path)
                lock.release()


def _acquired(path: str) -> InterProcessLock:
    """Return a lock that is held on the file which is at the path now: it may have been removed while waiting."""
    while True:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        lock = InterProcessLock(path)
        try:
            lock.acquire(delay=_FIRST_WAIT, max_delay=_LONGEST_WAIT)
        except FileNotFoundError:  # the folder was removed just now
            continue
        if _is_at(lock.lockfile, path):
            return lock
        lock.release()


def _is_at(file: Any, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False


def synchronizer_for(asked: Any, location: Location) -> Synchronizer | None:
    """Return the synchronizer that an argument means for a hierarchy.

    Parameters
    ----------
    asked : None, bool or object
        ``True`` means a `ProcessSynchronizer` in a folder beside the hierarchy; an object must hand out context
        managers when indexed with text.
    location : Location
        Where the hierarchy lies.

    Raises
    ------
    ArgumentError
        If it is none of these, or ``True`` where there is no folder beside which locks could lie.
    """
    if asked is None or asked is False:
        return None
    if asked is True:
        if not location.is_local:
            raise ArgumentError(
                f"synchronizer=True keeps locks beside a folder, and {location} is none. Pass ThreadSynchronizer(), or "
                "ProcessSynchronizer(path) with a folder that all writers see."
            )
        return ProcessSynchronizer(location.identity + FOLDER_SUFFIX)
    kinds = (str, bytes, bytearray, Sequence, Path, np.ndarray, type)
    if isinstance(asked, kinds) or not hasattr(type(asked), "__getitem__"):
        raise ArgumentError(
            "synchronizer must be a bool, a ThreadSynchronizer, a ProcessSynchronizer or an object that returns a "
            f"context manager for each key, not {asked!r}"
        )
    return asked


@contextmanager
def all_of(synchronizer: Synchronizer | None, keys: Iterable[str]) -> Iterator[None]:
    """Hold the locks of several keys, taken in sorted order; none without a synchronizer.

    Raises
    ------
    ArgumentError
        If the synchronizer returns something that is no context manager.
    """
    with ExitStack() as stack:
        for key in sorted(set(keys)) if synchronizer is not None else ():
            lock = synchronizer[key]  # type: ignore[index]
            if not hasattr(type(lock), "__enter__"):
                raise ArgumentError(f"synchronizer[{key!r}] is {lock!r}, which is no context manager")
            stack.enter_context(lock)
        yield
