"""Names that are exchanged: a new file or folder takes the place of an old one, in one step where the system can."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import uuid
from contextlib import suppress
from functools import cache
from typing import Any

__all__ = ["TEMPORARY", "put_in_place", "remove", "remove_file", "swap"]

TEMPORARY = ".hdmf-store-tmp-"
"""What the names of unfinished files and folders contain."""


def put_in_place(file: str, place: str) -> None:
    """Move a file to where something else may be, which then goes; in one step, or two where that is a folder."""
    target = os.path.realpath(place)
    if not os.path.isdir(target):
        os.replace(file, target)
        return
    old = swap(file, target)
    if old is not None:
        remove(old)


def remove_file(path: str) -> None:
    """Remove a file; if it is not there, that is no error."""
    with suppress(FileNotFoundError):
        os.unlink(path)


def remove(path: str) -> None:
    """Remove what nobody needs any more, a folder as far as the system lets us."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        remove_file(path)


def swap(new: str, place: str) -> str | None:
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
