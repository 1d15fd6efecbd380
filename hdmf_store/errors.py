"""What can go wrong, as types.

::

    HDMFStoreError
    ├── ArgumentError              (ValueError)            a call that cannot mean anything
    │   └── ArgumentTypeError      (TypeError)             an argument of a type that the call cannot take
    ├── ClosedError                (ValueError)            the file was closed before this call
    ├── ModeError                  (ValueError)            the mode does not allow this call
    ├── MissingExtraError          (ImportError)           an optional library is not installed
    ├── LocationError              (ValueError)            a place that cannot be named or reached from another
    ├── MissingHierarchyError      (FileNotFoundError)     nothing is stored there
    ├── AccessError                (PermissionError)       a server or system does not let us read or write there
    ├── UnreachableError           (ConnectionError)       a server does not answer, or answers that it cannot
    ├── StorageFailureError        (OSError)               a full disk, a quota, too many files, a broken device
    ├── UnlistableError            (OSError)               something is, but nobody tells what
    ├── HierarchyExistsError       (FileExistsError)       something is stored there already
    ├── HierarchyInUseError        (BlockingIOError)       another writer has it open
    ├── ConflictError              (RuntimeError)          another writer was faster
    ├── ReplacedError              (RuntimeError)          another file took the place of one that is being read
    ├── WorkerLostError            (RuntimeError)          a process that shared the work died
    ├── FormatError                (ValueError)            what is stored does not follow its format
    │   └── UnreadableError                                one node cannot be decoded; the others can
    ├── UnsupportedValueError      (TypeError)             a value that the store has no form for
    ├── NameNotAllowedError        (ValueError)            names that the store cannot hold
    └── HierarchyError             (LookupError)
        ├── MissingNodeError       (KeyError)              a path at which there is no object
        ├── DanglingTargetError                            a link or reference leads nowhere
        └── LinkCycleError                                 links that lead back to themselves

Each error keeps its facts as fields, survives pickling (so that it crosses a process pool),
and says what to do. The grouping follows what a caller would do about it; the second base is
what callers of h5py, zarr and HDMF already catch.
"""

from __future__ import annotations

import os
from typing import Any

import attrs

__all__ = [
    "AccessError",
    "ArgumentError",
    "ArgumentTypeError",
    "ClosedError",
    "ConflictError",
    "DanglingTargetError",
    "DanglingTargetWarning",
    "FormatError",
    "HDMFStoreError",
    "HierarchyError",
    "HierarchyExistsError",
    "HierarchyInUseError",
    "LinkCycleError",
    "LocationError",
    "MissingExtraError",
    "MissingHierarchyError",
    "MissingNodeError",
    "ModeError",
    "NameNotAllowedError",
    "RefusedTargetError",
    "ReplacedError",
    "StorageFailureError",
    "UnlistableError",
    "UnreachableError",
    "UnreadableError",
    "UnsupportedValueError",
    "WorkerLostError",
]


class HDMFStoreError(Exception):
    """Base of every error that this package raises on its own account."""

    def __reduce__(self) -> Any:
        # Exceptions pickle through ``args``; ours keep their facts as attrs fields instead.
        facts = {f.name: getattr(self, f.name) for f in getattr(type(self), "__attrs_attrs__", ())}
        return _rebuild, (type(self), facts, list(getattr(self, "__notes__", ())))


def _rebuild(kind: type[HDMFStoreError], facts: dict[str, object], notes: list[str]) -> HDMFStoreError:
    problem = kind(**facts)
    for note in notes:
        problem.add_note(note)
    return problem


@attrs.define(eq=False)
class ArgumentError(HDMFStoreError, ValueError):
    """An argument that cannot mean anything, refused before anything is touched."""

    message: str

    def __str__(self) -> str:
        return self.message


@attrs.define(eq=False)
class ArgumentTypeError(ArgumentError, TypeError):
    """An argument of a type that the call cannot take."""


@attrs.define(eq=False)
class ClosedError(HDMFStoreError, ValueError):
    """A call on a file that was closed."""

    location: str
    action: str

    def __str__(self) -> str:
        return f"{self.location}: cannot {self.action}, the file is closed. Open it again for that."


@attrs.define(eq=False)
class ModeError(HDMFStoreError, ValueError):
    """A call that the mode in which the file was opened does not allow.

    The facade raises a subclass that is also `hdmf.backends.errors.UnsupportedOperation`; this room
    does not know HDMF.
    """

    location: str
    action: str
    mode: str
    allowed: str

    def __str__(self) -> str:
        return f"{self.location}: cannot {self.action} in mode {self.mode!r}. Open the file with {self.allowed}."


@attrs.define(eq=False)
class MissingExtraError(HDMFStoreError, ImportError):
    """An optional library that the call needs is not installed."""

    library: str
    extra: str
    purpose: str

    def __str__(self) -> str:
        return f"{self.purpose} needs {self.library}, which is not installed: pip install 'hdmf-store[{self.extra}]'"


@attrs.define(eq=False, slots=False)  # without slots, so that built-in errors can be a second base
class _PlaceError(HDMFStoreError):
    """What is wrong with a place as a whole."""

    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}"


@attrs.define(eq=False)
class LocationError(_PlaceError, ValueError):
    """A place that cannot be named, or not be reached from another place."""


@attrs.define(eq=False)
class MissingHierarchyError(_PlaceError, FileNotFoundError):
    """Nothing that can be read is stored at a place."""


@attrs.define(eq=False)
class AccessError(_PlaceError, PermissionError):
    """A server or this system does not let us read or write at a place.

    Attributes
    ----------
    location, reason : str
    errno : int, optional
        The system's number for it, where it was this system.
    """

    errno: int | None = None


@attrs.define(eq=False)
class StorageFailureError(_PlaceError, OSError):
    """The system cannot store or give bytes: a full disk, a quota, too many open files, a device that fails.

    The same call succeeds once the cause is gone.

    Attributes
    ----------
    location, reason : str
    errno : int, optional
        The system's number for it, as in any `OSError`: ``errno.ENOSPC`` and the like.
    """

    errno: int | None = None


@attrs.define(eq=False)
class UnreachableError(_PlaceError, ConnectionError):
    """A server does not answer, or answers that it cannot serve."""


@attrs.define(eq=False)
class UnlistableError(HDMFStoreError, OSError):
    """A hierarchy whose objects cannot be found: no document names them all, and nobody lists them.

    Attributes
    ----------
    location : str
    listing : str
        What became of listing them.
    """

    location: str
    listing: str

    def __str__(self) -> str:
        return (
            f"{self.location}: its objects cannot be found: it has no consolidated metadata, or was opened without, "
            f"and what is there cannot be listed ({self.listing}). Consolidate the original, by "
            "zarr.consolidate_metadata(path) for instance, put it here again, and read it in mode 'r'."
        )


@attrs.define(eq=False)
class HierarchyExistsError(_PlaceError, FileExistsError):
    """Something is stored at a place that has to be free."""


@attrs.define(eq=False)
class HierarchyInUseError(HDMFStoreError, BlockingIOError):
    """Somebody else has a file open that this call would change, or is changing it; nothing was touched.

    Attributes
    ----------
    location : str
    process : int or None
        Who that is, where it is known; its own id where a process has the file open twice.
    host, mode, since : str
        The name of its machine, the mode in which it opened the file, and when; empty where that is not known.
    """

    location: str
    process: int | None = None
    host: str = ""
    mode: str = ""
    since: str = ""

    def __str__(self) -> str:
        if self.process is None:
            return (
                f"{self.location}: another program has it open, and is not to be disturbed. Nothing was changed. Close "
                "the file there, or wait until that program ends."
            )
        how = f"in mode {self.mode!r} since {self.since}"
        if self.process == os.getpid():
            return (
                f"{self.location}: this program has it open for writing already, {how}. Nothing was changed. Close it "
                "first: io.close(), or 'with ... as io:'. Writers that are to share it are given the same synchronizer."
            )
        return (
            f"{self.location}: process {self.process} on {self.host} has it open for writing, {how}. Nothing was "
            "changed. Close the file there, or wait until that process ends. Writers that are to share it are given "
            "the same synchronizer."
        )


@attrs.define(eq=False)
class ConflictError(HDMFStoreError, RuntimeError):
    """Another writer changed the same hierarchy meanwhile; nothing of this write was stored."""

    location: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.reason}. Open the file again and repeat the change."


@attrs.define(eq=False)
class ReplacedError(HDMFStoreError, RuntimeError):
    """Another writer replaced or removed a file that is being read; what it held can be read no more."""

    location: str

    def __str__(self) -> str:
        return (
            f"{self.location}: another writer has replaced or removed this file since it was opened here, and what it "
            "held is gone. Open it again to read what is there now."
        )


@attrs.define(eq=False)
class WorkerLostError(HDMFStoreError, RuntimeError):
    """A process that shared the work of a write died, or was taken away; nothing of this write was stored."""

    location: str
    path: str
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.location}: {self.path}: a worker was lost while it wrote this ({self.reason}). Most often it ran "
            "out of memory, or started a script that has no 'if __name__ == \"__main__\":'. Nothing was stored; try "
            "fewer workers, or none to see an error of the data itself."
        )


@attrs.define(eq=False)
class FormatError(HDMFStoreError, ValueError):
    """What is stored does not follow the format it claims."""

    location: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.path}: {self.reason}"


@attrs.define(eq=False)
class UnreadableError(FormatError):
    """One node cannot be decoded. It is an error for who asks for that node; the rest of the file opens."""


@attrs.define(eq=False)
class UnsupportedValueError(HDMFStoreError, TypeError):
    """A value that has no form in the store."""

    location: str
    path: str
    reason: str

    def __str__(self) -> str:
        return f"{self.location}: {self.path}: {self.reason}"


@attrs.define(eq=False)
class NameNotAllowedError(HDMFStoreError, ValueError):
    """Names that the store cannot hold, all of them together."""

    location: str
    names: tuple[str, ...]
    reason: str

    def __str__(self) -> str:
        listed = ", ".join(repr(name) for name in self.names)
        return f"{self.location}: {self.reason}: {listed}. Rename these objects; nothing was written."


class HierarchyError(HDMFStoreError, LookupError):
    """Base of what can be wrong with the paths of a hierarchy."""


@attrs.define(eq=False)
class MissingNodeError(HierarchyError, KeyError):
    """A path at which there is no object."""

    location: str
    path: str

    def __str__(self) -> str:
        return f"{self.location}: there is no object at {self.path!r}. List what there is: hdmf-store tree"


@attrs.define(eq=False)
class DanglingTargetError(HierarchyError):
    """A link or reference names an object that is not there.

    Attributes
    ----------
    location, path : str
        The file and the object that holds the link or reference.
    source, target : str
        What is recorded: the other hierarchy (``"."`` is the same one) and the path in it.
    tried : tuple of str
        The places at which the other hierarchy was looked for.
    """

    location: str
    path: str
    source: str
    target: str
    tried: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = "this file" if self.source == "." else repr(self.source)
        looked = f" (looked at: {', '.join(self.tried)})" if self.tried else ""
        advice = (
            "The file is damaged or was written by a program that lost the object."
            if self.source == "."
            else "Was the other file moved? Put it back beside this one."
        )
        holder = repr(self.path) if self.path else "a reference"
        what = f"{holder} leads to {self.target!r} in {where}, which does not exist{looked}"
        return f"{self.location}: {what}. {advice}"


@attrs.define(eq=False)
class RefusedTargetError(DanglingTargetError):
    """A link or reference leads to a file that this file may not make us read.

    Attributes
    ----------
    tried : tuple of str
        The places that were refused, each with the reason.
    """

    def __str__(self) -> str:
        holder = repr(self.path) if self.path else "a reference"
        return f"{self.location}: {holder} leads to {self.target!r} in another file. {' '.join(self.tried)}"


@attrs.define(eq=False)
class LinkCycleError(HierarchyError):
    """Links that lead back to themselves."""

    location: str
    path: str
    cycle: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.location}: the link {self.path!r} leads back to itself: {' -> '.join(self.cycle)}"


class DanglingTargetWarning(UserWarning):
    """A link leads nowhere; it was left out and the rest of the file was read."""
