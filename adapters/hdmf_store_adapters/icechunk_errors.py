"""What Icechunk says when its storage fails, as errors that name the place, what failed and the way out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from zarr.storage import WrapperStore

from hdmf_store.errors import HDMFStoreError, StorageFailureError
from hdmf_store_adapters.local_errors import system_error
from hdmf_store_adapters.telling_stores import Telling

__all__ = ["TellingSession", "first_line", "of_the_system", "telling_of_icechunk"]

_NUMBER = re.compile(r"os[\s|]+error[\s|]+(\d+)\)")
"""How Rust's library names the system's number for an error; Icechunk breaks its lines, and draws before each."""

_MOST = 300
"""Characters of what Icechunk said that a message shows."""


class TellingSession(Telling, WrapperStore):
    """The store of an Icechunk session, which tells of problems with storage as this package does.

    Parameters
    ----------
    store : icechunk.IcechunkStore
    address : str
        For messages.
    """

    def __init__(self, store: Any, address: str = "") -> None:
        super().__init__(store)
        self._address = address or str(store)

    def _with_store(self, store: Any) -> TellingSession:
        return type(self)(store, self._address)

    def _told(self) -> Any:
        return telling_of_icechunk(self._address, "reach the storage of")

    def __str__(self) -> str:
        return self._address

    async def clear(self) -> None:
        """Remove everything."""
        with self._told():
            await super().clear()


@contextmanager
def telling_of_icechunk(address: str, action: str, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Raise an error of this package for what Icechunk's storage fails at in a ``with`` block.

    Parameters
    ----------
    address : str
        The repository.
    action : str
        What was tried, as in "cannot write".
    but : tuple of type, optional
        Exceptions that are about something else.

    Raises
    ------
    AccessError, StorageFailureError
        For what the system said, with its number; else with what Icechunk said.
    """
    try:
        yield
    except Exception as problem:
        if isinstance(problem, (HDMFStoreError, *but)) or not _is_of_icechunk(problem):
            raise
        raise _told(problem, address, action) from problem


def _is_of_icechunk(problem: Exception) -> bool:
    """Return whether an exception is one of Icechunk's own."""
    return any(kind.__name__ == "IcechunkError" for kind in type(problem).__mro__)


def _told(problem: Exception, address: str, action: str) -> HDMFStoreError:
    return of_the_system(problem, address, action) or StorageFailureError(
        address, f"cannot {action} it ({first_line(problem)})"
    )


def of_the_system(problem: Exception, address: str, action: str) -> HDMFStoreError | None:
    """Return the error for what the system said to Icechunk; None if the exception is about something else."""
    number = _NUMBER.search(str(problem))
    return system_error(OSError(int(number[1]), ""), address, action, address) if number else None


def first_line(problem: Exception) -> str:
    """Return the first line of what Icechunk said, without what it draws before it."""
    lines = (line.strip("| x×") for line in str(problem).splitlines())
    return next(filter(None, lines), type(problem).__name__)[:_MOST]
