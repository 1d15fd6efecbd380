"""Whether the hierarchy that was opened is still the one that is there.

Who reads holds documents in memory and fetches chunks later. If another writer has replaced the file meanwhile, the
chunks of the new one must not be read by the documents of the old one, nor its missing chunks be taken for fill values.
Where no lock keeps writers apart, a writer asks as well, before it stores anything.
"""

from __future__ import annotations

import os
import time
import weakref
from collections.abc import Callable
from contextlib import suppress

from hdmf_store.adapter import Location
from hdmf_store.errors import ReplacedError

__all__ = ["OpenedState"]

_TRUSTED_FOR = 1.0
"""Seconds for which a root's document that was compared is not read again; sparse arrays miss many chunks."""


class OpenedState:
    """What was there when a hierarchy was opened.

    A folder is kept open, so that no other one can get its number: one question to the system tells whether it is still
    at its path. Elsewhere the root's document tells, which is looked at only when something is missing.

    Parameters
    ----------
    location : Location
    """

    def __init__(self, location: Location) -> None:
        self._location = location
        self._close: Callable[[], object] | None = None
        self.forget()

    def forget(self) -> None:
        """Know of nothing."""
        if self._close is not None:
            self._close()
        self._close = None
        self._folder: os.stat_result | None = None
        self._reads = False
        self._key: str | None = None
        self._known: set[int | None] = set()
        self._compared = -_TRUSTED_FOR

    def begin(self) -> None:
        """Begin to read; hold on to the folder that is there now, where there is one."""
        self.forget()
        self._reads = True
        if self._location.is_local and hasattr(os, "O_DIRECTORY"):
            with suppress(OSError):  # an archive, or too many files are open
                folder = os.open(self._location.address, os.O_RDONLY | os.O_DIRECTORY)
                self._close = weakref.finalize(self, os.close, folder)
                self._folder = os.fstat(folder)

    def remember(self, key: str, data: bytes | None) -> None:
        """Take note of a document that tells one hierarchy from another."""
        self._key, self._known = key, {_fingerprint(data)}

    def expect(self, key: str, data: bytes) -> None:
        """Take note of what is about to be stored, in a way of which nobody may tell whether it was."""
        self._known = {*(self._known if key == self._key else ()), _fingerprint(data)}
        self._key = key

    def is_there(self) -> bool:
        """Return whether the folder is still at its path, as far as there is one."""
        if self._folder is None:
            return True
        try:
            return os.path.samestat(os.stat(self._location.address), self._folder)
        except OSError:
            return False

    def check(self) -> None:
        """Raise `ReplacedError` if another folder is there."""
        if not self.is_there():
            raise ReplacedError(self._location.address)

    @property
    def doubtful(self) -> str | None:
        """The key of the document to compare now that something is missing; None where that would tell nothing."""
        is_due = time.monotonic() - self._compared >= _TRUSTED_FOR
        return self._key if self._reads and self._folder is None and is_due else None

    def compare(self, data: bytes | None) -> None:
        """Raise `ReplacedError` if a document that was remembered reads otherwise now."""
        if _fingerprint(data) not in self._known:
            raise ReplacedError(self._location.address)
        self._compared = time.monotonic()

    @property
    def key(self) -> str | None:
        """The key of the document that was remembered."""
        return self._key

    def is_known(self, data: bytes | None) -> bool:
        """Return whether a document is the one that was remembered."""
        return _fingerprint(data) in self._known


def _fingerprint(data: bytes | None) -> int | None:
    return None if data is None else hash(data)
