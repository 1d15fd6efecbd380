"""Who may change what, and when: locks that writers of one hierarchy share, and which of them a change needs.

A synchronizer hands out a context manager for a key; who is inside is alone with what the key names. There are three
levels, always entered in this order, so that no two writers wait for each other: the hierarchy, the document of a
node, the chunks of an array. Who is inside starts from what is stored now; `Merge` says what that means for nodes.
Opens no store, knows no format.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import attrs
import numpy as np
from fasteners import InterProcessLock

from hdmf_store.adapter import Location
from hdmf_store.errors import ArgumentError, HierarchyExistsError
from hdmf_store.nodes import Dataset, Link, Node, RandomAccess, whole

__all__ = [
    "FOLDER_SUFFIX",
    "HIERARCHY",
    "STRIPES",
    "Merge",
    "ProcessSynchronizer",
    "Synchronizer",
    "ThreadSynchronizer",
    "Touches",
    "all_of",
    "chunks_of_blocks",
    "chunks_of_box",
    "chunks_of_mask",
    "chunks_of_points",
    "synchronizer_for",
]

FOLDER_SUFFIX = ".sync"
"""What ``synchronizer=True`` appends to the name of a hierarchy's folder."""

HIERARCHY = ".hierarchy"
"""The key of the lock on a hierarchy as a whole."""

STRIPES = 128
"""How many locks the chunks of one array share.

One each would need an open file for every chunk that an assignment touches, and systems allow some 1000 per process.
"""

_WEIGHTS = (1, 11, 23, 37, 53, 71, 89, 101)
"""Odd, so that chunks in a row along an axis have locks of their own; independent of the shape, which may change."""

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


# ------------------------------------------------------------------------------------------- nodes of several writers


@attrs.frozen
class Merge:
    """Fits what one writer is about to store to what another one stored since the first looked.

    Parameters
    ----------
    location : str
        For messages.
    encode : callable
        Returns the stored form of attributes, as a dictionary by name.
    """

    location: str
    encode: Callable[[Mapping[str, Any]], Mapping[str, Any]]

    def __call__(self, path: str, node: Node, before: Node | None, after: Node | None) -> Node:
        """Return the node to store.

        Parameters
        ----------
        path : str
        node : Node
            What is about to be stored, made knowing `before`.
        before, after : Node or None
            What the writer saw there, and what is there now.

        Raises
        ------
        HierarchyExistsError
            If both made something there that was not there before, and not the same.
        """
        if after is None or before == after:
            return node
        if before is None and not self._agree(node, after):
            raise HierarchyExistsError(
                self.location,
                f"another writer has stored something else at {path!r} since this file was opened. Choose another "
                "name, or open the file again and change what is there.",
            )
        if isinstance(node, Link) or isinstance(after, Link):
            return node
        base = {} if before is None or isinstance(before, Link) else before.attributes
        return attrs.evolve(node, attributes=self._merged(base, node.attributes, after.attributes))

    def _agree(self, one: Node, other: Node) -> bool:
        if isinstance(one, Link) or isinstance(other, Link) or type(one) is not type(other):
            return one == other
        mine, theirs = self.encode(one.attributes), self.encode(other.attributes)
        if any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys()):
            return False
        return not isinstance(one, Dataset) or _same_values(one, other)

    def _merged(self, base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        was, now = self.encode(base), self.encode(mine)
        kept = {name: value for name, value in theirs.items() if name in mine or name not in base}
        changed = {name for name in mine if name not in was or now[name] != was[name]}
        return {**kept, **{name: mine[name] for name in changed}}


def _same_values(one: Dataset, other: Any) -> bool:
    if (one.element, one.shape) != (other.element, other.shape) or not isinstance(one.values, RandomAccess):
        return False
    everything = whole(one.shape)
    return bool(np.array_equal(one.values.read(everything), other.values.read(everything)))


# ------------------------------------------------------------------------------------- the chunks of an assignment


Touches = Callable[[tuple[int, ...], tuple[int, ...]], set[int]]
"""Returns the locks of the chunks that an assignment touches, for a shape and chunks."""


def chunks_of_box(selection: Any) -> Touches:
    """Return what touches the chunks of one integer, slice, mask or list of positions per axis."""

    def touches(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        parts = _per_axis(selection, len(shape))
        return _product([_along(part, n, c) for part, n, c in zip(parts, shape, chunks, strict=True)])

    return _or_everything(touches)


def chunks_of_points(selection: Any) -> Touches:
    """Return what touches the chunks of single elements, given as positions along each axis."""

    def touches(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        parts = selection if isinstance(selection, tuple) else (selection,)
        found = np.zeros((), int)
        for axis, (part, n, c) in enumerate(zip(parts, shape, chunks, strict=True)):
            found = found + np.asarray(part, int) % max(n, 1) // c % STRIPES * _weight(axis)
        return set(np.unique(found % STRIPES).tolist())

    return _or_everything(touches)


def chunks_of_mask(mask: Any) -> Touches:
    """Return what touches the chunks of the elements that a mask of an array's shape marks."""
    only = mask[0] if isinstance(mask, tuple) and len(mask) == 1 else mask
    return chunks_of_points(np.nonzero(np.asarray(only)))


def chunks_of_blocks(selection: Any) -> Touches:
    """Return what touches whole chunks, given by their own positions."""

    def touches(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        counts = [-(-n // c) for n, c in zip(shape, chunks, strict=True)]
        parts = _per_axis(selection, len(shape))
        return _product([_along(part, count, 1) for part, count in zip(parts, counts, strict=True)])

    return _or_everything(touches)


def _or_everything(touches: Touches) -> Touches:
    """Return the same, but touching all chunks for a selection that is not understood: zarr will say what it is."""

    def safe(shape: tuple[int, ...], chunks: tuple[int, ...]) -> set[int]:
        try:
            return touches(shape, chunks)
        except (TypeError, ValueError, IndexError, OverflowError):
            return set(range(STRIPES))

    return safe


def _per_axis(selection: Any, ndim: int) -> list[Any]:
    parts = list(selection) if isinstance(selection, tuple) else [selection]
    at = [position for position, part in enumerate(parts) if part is Ellipsis]
    if at:
        parts[at[0] : at[0] + 1] = [slice(None)] * (ndim - len(parts) + 1)
    return parts + [slice(None)] * (ndim - len(parts))


def _along(part: Any, length: int, chunk: int) -> np.ndarray:
    """Return the positions along one axis of the chunks that are touched; where many are, enough to cover all locks."""
    if isinstance(part, slice):
        start, stop, step = part.indices(length)
        if step <= chunk:
            if stop <= start:
                return np.empty(0, int)
            first, last = start // chunk, (stop - 1) // chunk
            return np.arange(first, min(last, first + STRIPES - 1) + 1)
        return np.unique(np.arange(start, stop, step) // chunk)
    positions = np.asarray(part)
    if positions.dtype.kind == "b":
        positions = np.nonzero(positions)[0] if positions.ndim == 1 else np.arange(length)
    elif positions.dtype.kind not in "iu":
        raise TypeError("no positions")
    return np.unique(positions % max(length, 1) // chunk)


def _product(axes: Sequence[np.ndarray]) -> set[int]:
    found = np.zeros(1, int)
    for axis, positions in enumerate(axes):
        locks = np.unique(positions % STRIPES * _weight(axis) % STRIPES)
        found = np.unique((found[:, None] + locks[None, :]) % STRIPES)
    return set(found.tolist())


def _weight(axis: int) -> int:
    return _WEIGHTS[axis % len(_WEIGHTS)]
