"""A medium: bytes under keys. What the Zarr adapter asks of whatever holds a hierarchy's bytes.

Plain files (`local_files`), zip archives (`zip_files`), Icechunk (`icechunk_media`), parts of other files
(`reference_files`), and any zarr store object (`store_objects`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from io import UnsupportedOperation
from typing import Any, Protocol

__all__ = ["Deputy", "Medium", "ReadOnly", "Shadow"]


class Deputy(Protocol):
    """Stores bytes in the place of a medium from another process, to which it travels pickled."""

    def is_there(self) -> bool:
        """Return whether the place is reached from here, which it need not be from another machine."""
        ...

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys; each key's bytes appear whole. Once the medium is done, nothing is stored."""
        ...


class Medium(Protocol):
    """Bytes under keys, in one place."""

    @property
    def system(self) -> str | None:
        """The system whose folders the objects become, as `sys.platform` names it; None where they become none."""
        ...

    @property
    def is_near(self) -> bool:
        """Whether a call is no round trip, and threads may read at once: then whoever needs a key asks for it."""
        ...

    def read(self, key: str) -> bytes | None:
        """Return the bytes under a key, or None."""
        ...

    def read_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the bytes under each key, fetched together where a call costs a round trip."""
        ...

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Store bytes under keys; in no order, together where that is faster. Each key's bytes appear whole."""
        ...

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Take note of an array's document before its chunks come; only media that ask for that order store it."""
        ...

    def deputy(self, folder: str) -> Deputy | None:
        """Return what may store keys below a folder in place of this; None where all have to come here.

        What it stored goes with the rest when the write fails.
        """
        ...

    def remove(self, folders: Sequence[str]) -> None:
        """Remove all keys below each of the folders; what is not there is no error."""
        ...

    def remove_files(self, keys: Sequence[str]) -> None:
        """Remove keys; if one is not there, that is no error."""
        ...

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Put files, by key, in place of all that is below a folder; at once where the medium can."""
        ...

    def crawl(self, documents: Sequence[str]) -> dict[str, bytes]:
        """Return all files of those names by their keys, parents before what is below them.

        Raises
        ------
        io.UnsupportedOperation
            If what is there cannot be listed, with the reason.
        """
        ...

    def begin_changes(self) -> None:
        """Prepare for changes of what is here, so that `discard` undoes them where the medium can."""
        ...

    def begin_replacement(self) -> Collection[str]:
        """Direct all writing to what takes the place of what is here at `publish`.

        Returns
        -------
        collection of str
            The keys of what is here, where they lie beside the new ones until `publish`; none where the new ones have
            a place of their own.
        """
        ...

    def publish(self) -> None:
        """Make the replacement what is found here; only then does what was here before go."""
        ...

    def discard(self) -> bool:
        """Remove a replacement that was not published, and undo changes where the medium can.

        Returns
        -------
        bool
            Whether all is as it was at `begin_replacement` or `begin_changes`.
        """
        ...

    def finish(self) -> None:
        """Store what is still held back, and close what is open; the medium can be used again."""
        ...

    def list_keys(self) -> Iterable[str]:
        """Return all keys; only media whose own store zarr does not know are asked."""
        ...

    def check_replaceable(self, force: bool) -> None:
        """Raise `HierarchyExistsError` if what is here is no hierarchy, and `force` does not allow to replace that."""
        ...

    def store(self) -> Any:
        """Return a zarr store over the place that is written to."""
        ...


class Shadow:
    """A medium that keeps what is written in memory, for what is to be stored together afterwards.

    Parameters
    ----------
    medium : Medium
        Serves what is read.
    """

    def __init__(self, medium: Medium) -> None:
        self._medium = medium
        self.written: dict[str, bytes] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._medium, name)

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Keep bytes under keys."""
        self.written.update(items)

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Do nothing: everything is stored together."""

    def deputy(self, folder: str) -> None:
        """Return None: everything is kept here."""


class ReadOnly:
    """The changing half of a medium that cannot be changed. Modes that write are refused before it would be reached."""

    def write_many(self, items: Iterable[tuple[str, bytes]]) -> None:
        """Refuse."""
        raise UnsupportedOperation("these bytes are read only")

    def declare(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Refuse."""
        self.write_many(files)

    def deputy(self, folder: str) -> None:
        """Refuse."""
        self.write_many([])

    def remove(self, folders: Sequence[str]) -> None:
        """Refuse."""
        self.write_many([])

    def remove_files(self, keys: Sequence[str]) -> None:
        """Refuse."""
        self.write_many([])

    def replace(self, folder: str, files: Mapping[str, bytes]) -> None:
        """Refuse."""
        self.write_many(files.items())

    def begin_changes(self) -> None:
        """Refuse."""
        self.write_many([])

    def begin_replacement(self) -> Collection[str]:
        """Refuse."""
        self.write_many([])
        return ()

    def publish(self) -> None:
        """Refuse."""
        self.write_many([])

    def discard(self) -> bool:
        """Do nothing: there is no replacement."""
        return True

    def check_replaceable(self, force: bool) -> None:
        """Refuse."""
        self.write_many([])
