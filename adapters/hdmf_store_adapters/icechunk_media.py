"""Bytes under keys in Icechunk: in a session that a caller holds, or in a repository in which each write is a commit.

Icechunk differs from other stores in three ways (icechunk 1.1 and 2.3, measured): it takes a chunk only after its
array's document, and only within the array's shape; keys of chunks must be ``c/…``, with slashes; and nothing but
documents of format 3 and chunks can be stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import attrs
from zarr.core.sync import sync

from hdmf_store.errors import ConflictError, MissingHierarchyError
from hdmf_store_adapters.icechunk_errors import TellingSession, first_line, of_the_system, telling_of_icechunk
from hdmf_store_adapters.json_types import strict
from hdmf_store_adapters.store_objects import StoreObject

__all__ = ["RepositoryMedium", "SessionMedium", "Version"]

_DOCUMENT = "zarr.json"
_OF_FORMAT_2 = (".zmetadata", ".zgroup", ".zarray", ".zattrs")


@attrs.frozen(kw_only=True)
class Version:
    """Which state of a repository is meant.

    Parameters
    ----------
    branch : str, default "main"
        Its newest state; the only one that can be added to.
    tag, snapshot : str, optional
        A state by its name or by its id, for reading.
    """

    branch: str = "main"
    tag: str | None = None
    snapshot: str | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether it can only be read."""
        return self.tag is not None or self.snapshot is not None

    def reading(self, repository: Any) -> Any:
        """Return a session that reads this state."""
        if self.snapshot is not None:
            return repository.readonly_session(snapshot_id=self.snapshot)
        if self.tag is not None:
            return repository.readonly_session(tag=self.tag)
        return repository.readonly_session(branch=self.branch)


class SessionMedium(StoreObject):
    """The store of one Icechunk session; whoever opened the session commits it.

    Parameters
    ----------
    store : icechunk.IcechunkStore
    address : str, optional
        For messages.
    """

    def __init__(self, store: Any, address: str = "") -> None:
        super().__init__(TellingSession(store, address))
        self._session = store.session
        self._is_changing = False

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, or None; keys of format 2, which Icechunk does not know, are never there."""
        return None if key.rpartition("/")[2] in _OF_FORMAT_2 else super().read(key)

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys; documents as strict JSON, which is all that Icechunk takes."""
        super().write_many((key, _strict(data) if key.endswith(_DOCUMENT) else data) for key, data in items)

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store an array's document, so that Icechunk takes its chunks."""
        self.write_many(files)

    def deputy(self, folder: str) -> None:
        """Return None: what other processes store in a session of theirs, this one would not commit."""

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder: what was there goes first, and documents come first."""
        self.remove([folder])
        documents = {key: data for key, data in files.items() if key.endswith(_DOCUMENT)}
        self.write_many(documents.items())
        self.write_many((key, data) for key, data in files.items() if key not in documents)

    def begin_changes(self) -> None:
        """Take note that `discard` has something to undo."""
        self._is_changing = True

    def begin_replacement(self) -> Collection[str]:
        """Empty the session."""
        self._is_changing = True
        sync(self._store.clear())
        return ()

    def publish(self) -> None:
        """Leave what was written in the session."""
        self._is_changing = False

    def discard(self) -> bool:
        """Undo a write that failed: all that the session holds uncommitted goes, as nothing less can be undone."""
        if self._is_changing:
            self._is_changing = False
            self._session.discard_changes()
        return True


class RepositoryMedium:
    """One state of an Icechunk repository; each write is one commit.

    Parameters
    ----------
    open_repository : callable
        Returns the repository; with ``create=True`` a new one if there is none, otherwise None.
    version : Version
    message : callable
        Returns the message of the next commit.
    metadata : dict, optional
        Of each commit.
    address : str
        For messages.
    """

    system = None
    is_near = False

    def __init__(
        self,
        open_repository: Callable[..., Any],
        version: Version,
        message: Callable[[], str],
        metadata: Mapping[str, Any] | None,
        address: str,
    ) -> None:
        self._open_repository = open_repository
        self._version = version
        self._message = message
        self._metadata = dict(metadata or {})
        self._address = address
        self._session: Any = None
        self._objects: SessionMedium | None = None
        self._writes = False

    @property
    def is_fixed(self) -> bool:
        """Whether this state can only be read."""
        return self._version.is_fixed

    def start(self, writes: bool) -> None:
        """Begin with the state as it is now, for reading or for writing."""
        self._session = self._objects = None
        self._writes = writes

    def _opened(self) -> SessionMedium | None:
        """Return what the session holds; None if there is no repository, or no such state in it."""
        if self._objects is None:
            repository = self._open_repository()
            if repository is not None:
                self._open_session(repository)
        return self._objects

    def _open_session(self, repository: Any) -> None:
        import icechunk

        try:
            reads = self._version.is_fixed or not self._writes
            session = self._version.reading(repository) if reads else repository.writable_session(self._version.branch)
        except icechunk.IcechunkError as problem:
            told = of_the_system(problem, self._address, "open")
            missing = MissingHierarchyError(self._address, f"holds no such version ({first_line(problem)})")
            raise told or missing from problem
        self._session, self._objects = session, SessionMedium(session.store, self._address)

    def _required(self) -> SessionMedium:
        found = self._opened()
        if found is None:
            raise MissingHierarchyError(self._address, "there is no Icechunk repository")
        return found

    def history(self) -> list[dict[str, Any]]:
        """Return this state and those before it, the newest first: name, time, message and metadata of each commit."""
        self._required()
        return [
            {
                "name": snapshot.id,
                "time": snapshot.written_at.isoformat(timespec="seconds"),
                "message": snapshot.message,
                "metadata": dict(snapshot.metadata),
            }
            for snapshot in self._open_repository().ancestry(snapshot_id=self._session.snapshot_id)
        ]

    # ---------------------------------------------------------------------------------------------------- the session

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, or None."""
        found = self._opened()
        return None if found is None else found.read(key)

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes under several keys, fetched together."""
        return self._required().read_many(keys)

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys in the session."""
        self._required().write_many(items)

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Store an array's document, so that Icechunk takes its chunks."""
        self._required().declare(files)

    def deputy(self, folder: str) -> None:
        """Return None: what other processes store in a session of theirs, this one would not commit."""

    def remove(self, folders: Sequence[str]) -> None:
        """Remove all keys below each of the folders."""
        self._required().remove(folders)

    def remove_files(self, keys: Sequence[str]) -> None:
        """Remove keys."""
        self._required().remove_files(keys)

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files in place of all that is below a folder."""
        self._required().replace(folder, files)

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys, parents first."""
        return self._required().crawl(documents)

    def list_keys(self) -> Iterable[str]:
        """Return all keys."""
        return self._required().list_keys()

    def store(self) -> Any:
        """Return the store of the session."""
        return self._required().store()

    def check_replaceable(self, force: bool) -> None:
        """Allow it: what is replaced stays in the history."""

    # ---------------------------------------------------------------------------------------------------- the history

    def begin_replacement(self) -> Collection[str]:
        """Empty the session; what the branch held stays in its history."""
        if self._opened() is None:
            self._open_session(self._open_repository(create=True))
        return self._required().begin_replacement()

    def begin_changes(self) -> None:
        """Commit what was assigned into arrays, so that a failure of what follows leaves it."""
        self.publish()
        self._required().begin_changes()

    def publish(self) -> None:
        """Commit what the session holds, and go on from there.

        Raises
        ------
        ConflictError
            If another writer committed to the branch meanwhile. What the session holds is then discarded.
        """
        if self._session is None or not self._writes or not self._session.has_uncommitted_changes:
            return
        import icechunk

        try:
            with telling_of_icechunk(self._address, "commit to", but=(icechunk.ConflictError,)):
                self._session.commit(self._message(), metadata=self._metadata or None)
        except icechunk.ConflictError as problem:
            self.start(self._writes)
            raise ConflictError(self._address, f"another writer has committed to {self._version.branch!r}") from problem
        self.start(self._writes)

    def discard(self) -> bool:
        """Undo a write that failed."""
        return self._objects is None or self._objects.discard()

    def finish(self) -> None:
        """Commit what was assigned into arrays since."""
        self.publish()
        self.start(False)


def _strict(data: bytes) -> bytes:
    """Return a document whose attributes hold no numbers that strict JSON lacks."""
    if b"NaN" not in data and b"Infinity" not in data:
        return data
    document = json.loads(data)
    document["attributes"] = strict(document.get("attributes", {}))
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
