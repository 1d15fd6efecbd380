"""What the system says when it cannot store or give bytes, as errors that name the place, the file and the way out."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hdmf_store.errors import AccessError, HDMFStoreError, MissingHierarchyError, StorageFailureError

__all__ = ["system_error", "telling_of"]

_DENIALS = {
    errno.EACCES: "Ask who owns it for the permission, or name another place",
    errno.EPERM: "Ask who owns it for the permission, or name another place",
    errno.EROFS: "Name a place on another disk, or have this one mounted for writing",
}
_FAILURES = {
    errno.ENOSPC: "Free space on that disk and repeat the call, or name a place on another one",
    getattr(errno, "EDQUOT", -1): "Delete files of yours there or ask for a larger quota, and repeat the call",
    errno.EFBIG: "Files can be no larger there, or for this process (ulimit -f); store larger data in more chunks",
    errno.EMFILE: "Close files that this process does not need, or raise its limit (ulimit -n), and repeat the call",
    errno.ENFILE: "All programs together have too many files open: end some, and repeat the call",
    errno.ENOMEM: "End programs that take memory, and repeat the call",
    errno.EIO: "The disk or the way to it is broken: copy what can still be read to another one",
}
_OTHERWISE = "Repeat the call when that is settled"


def system_error(problem: OSError, location: str, action: str, path: str) -> HDMFStoreError:
    """Return the error for what the system said.

    Parameters
    ----------
    problem : OSError
    location : str
        The hierarchy.
    action : str
        What was tried, as in "cannot write".
    path : str
        The file or folder that was meant; it is named as it lies in the hierarchy, where it does.
    """
    below = path.removeprefix(location).lstrip(os.sep) if path.startswith(location + os.sep) else path
    what = "it" if path == location else repr(below)
    code = problem.errno
    said = os.strerror(code) if code else str(problem)
    if isinstance(problem, FileNotFoundError):
        return MissingHierarchyError(location, f"cannot {action} {what} ({said}). Was it moved or removed meanwhile?")
    if code in _DENIALS:
        return AccessError(location, f"cannot {action} {what} ({said}). {_DENIALS[code]}.", code)
    advice = _OTHERWISE if code is None else _FAILURES.get(code, _OTHERWISE)
    return StorageFailureError(location, f"cannot {action} {what} ({said}). {advice}.", code)


@contextmanager
def telling_of(location: str, action: str, path: str) -> Iterator[None]:
    """Raise an error of this package for what the system refuses or fails at in a ``with`` block.

    Parameters
    ----------
    location, action, path : str
        As for `system_error`.
    """
    try:
        yield
    except HDMFStoreError:
        raise
    except OSError as problem:
        raise system_error(problem, location, action, path) from problem
