"""What the system refuses to HDF5, found in the errors of h5py, whose types and numbers depend on the call.

Errors of other files are let through as they are: values of a write may come from anywhere.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from hdmf_store.errors import HDMFStoreError
from hdmf_store_adapters.local_errors import system_error

__all__ = ["telling_of_hdf5"]

_NUMBER = re.compile(r"errno = (\d+), error message")


@contextmanager
def telling_of_hdf5(location: str, action: str, file: str) -> Iterator[None]:
    """Raise an error of this package for what the system refuses to HDF5 in a ``with`` block.

    Parameters
    ----------
    location : str
        The hierarchy.
    action : str
        As for `system_error`.
    file : str
        The file that is open, which may have another name than the hierarchy until it is complete.
    """
    try:
        yield
    except HDMFStoreError:
        raise
    except (OSError, RuntimeError) as problem:
        code = _code(problem, file)
        if code is None:
            raise
        raise system_error(OSError(code, os.strerror(code)), location, action, location) from problem


def _code(problem: BaseException | None, file: str) -> int | None:
    """Return the system's number for what went wrong with a file; None if it was not the system, or another file."""
    while problem is not None:
        number = _NUMBER.search(str(problem))
        if number is not None and file in str(problem):
            return int(number[1])
        if isinstance(problem, OSError) and problem.errno and file in (problem.filename, problem.filename2):
            return problem.errno
        problem = problem.__context__
    return None
