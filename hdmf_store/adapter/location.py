"""Where a hierarchy lies, and how one hierarchy is named from another.

Pure text: nothing here asks a file system, except for resolving symbolic links of local paths where
two spellings have to be recognised as one place.
"""

from __future__ import annotations

import os
import posixpath
import re

import attrs

from hdmf_store.adapter.urls import url_parts
from hdmf_store.errors import LocationError

__all__ = ["Location"]

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_LOCAL = ("file", "local")
_MEMORY = "memory"
_NOWHERE = "object"


@attrs.frozen
class Location:
    """The place of one hierarchy.

    Parameters
    ----------
    address : str
        An absolute local path, a URL, or ``object://…`` for what lives in this process alone.

    Notes
    -----
    Make one with `of`, which puts every spelling of a place into one form.
    """

    address: str

    @classmethod
    def of(cls, place: str | os.PathLike[str]) -> Location:
        """Return the location of a path or URL; a relative path is taken from the working directory.

        What is secret in a URL is left out, and so are the caches through which it is to be read: a location can be
        shown, and stored in links.

        >>> Location.of("s3://bucket/a.zarr/").address
        's3://bucket/a.zarr'
        >>> Location.of("simplecache::https://me:secret@host.org/a.zarr?signature=secret").address
        'https://host.org/a.zarr'
        """
        text = os.fspath(place)
        url = url_parts(text)
        if url is None:
            return cls(os.path.abspath(text))
        path = url.address.partition("://")[2]
        if url.scheme in _LOCAL:
            return cls(os.path.abspath(path or "/"))
        if url.scheme == _MEMORY:
            return cls(f"{_MEMORY}://{path.strip('/')}")
        return cls(url.address)

    @classmethod
    def of_object(cls, thing: object) -> Location:
        """Return the location of what has no name outside this process."""
        return cls(f"{_NOWHERE}://{type(thing).__name__}-{id(thing):x}")

    def __str__(self) -> str:
        return self.address

    @property
    def scheme(self) -> str:
        """The URL's scheme in lower case, ``"file"`` for a local path."""
        match = _SCHEME.match(self.address)
        return match[1].lower() if match else "file"

    @property
    def is_local(self) -> bool:
        """Whether this is a path on this machine's file systems."""
        return self.scheme == "file"

    @property
    def is_remote(self) -> bool:
        """Whether this is a URL that another machine may serve."""
        return self.scheme not in ("file", _MEMORY, "icechunk", _NOWHERE)

    @property
    def can_be_linked(self) -> bool:
        """Whether another process could follow a link to this place."""
        return self.scheme != _NOWHERE

    @property
    def name(self) -> str:
        """The last part of the address."""
        return posixpath.basename(self.address.replace(os.sep, "/"))

    @property
    def identity(self) -> str:
        """One spelling for one place: symbolic links of local paths are resolved."""
        return os.path.realpath(self.address) if self.is_local else self.address

    def source_from(self, base: Location) -> str:
        """Return how this hierarchy is named in the one at `base`.

        Relative where both lie on the same file system or origin, so that a folder of files can be moved.

        Raises
        ------
        LocationError
            If this place exists in the running process only.

        Examples
        --------
        >>> Location("/data/b.zarr").source_from(Location("/data/a.zarr"))
        '../b.zarr'
        >>> Location("s3://lab/b.zarr").source_from(Location("s3://lab/x/a.zarr"))
        '../../b.zarr'
        """
        if self == base or self.identity == base.identity:
            return "."
        if not self.can_be_linked:
            raise LocationError(self.address, "lives in this process only, so no file can hold a link to it; copy it")
        if self.is_local and base.is_local:
            try:
                return os.path.relpath(self.identity, base.identity).replace(os.sep, "/")
            except ValueError:  # another drive on Windows
                return self.address
        if self.is_local or base.is_local:
            return self.address
        here, there = base._split(), self._split()
        if here[0] == there[0]:
            return posixpath.relpath(there[1], here[1])
        return self.address

    def means_itself(self, source: str) -> bool:
        """Return whether a recorded source means the hierarchy at this place.

        >>> Location("/data/a.zarr").means_itself("../a.zarr"), Location("/data/a.zarr").means_itself("../b.zarr")
        (True, False)
        """
        if source in ("", ".", self.name, self.address):
            return True
        is_absolute = _SCHEME.match(source) or os.path.isabs(source)
        return (Location.of(source) if is_absolute else self._joined(source)).identity == self.identity

    def resolve(self, source: str) -> tuple[Location, ...]:
        """Return the places that a recorded source may mean, the likeliest first.

        Files in the wild name the other hierarchy relative to their own root, relative to the folder that
        holds them, or by an absolute path of the machine that wrote them.

        Returns
        -------
        tuple of Location
            Empty when the source means this hierarchy itself. Which of them may be read is another question, which
            `Reach` answers.

        Examples
        --------
        >>> Location("/data/a.zarr").resolve("../b.zarr")[0].address
        '/data/b.zarr'
        >>> Location("/data/a.zarr").resolve(".")
        ()
        """
        if self.means_itself(source):
            return ()
        if _SCHEME.match(source) or os.path.isabs(source):
            candidates = [Location.of(source)]
        else:
            candidates = [self._joined(source), self._joined("../" + source)]
        candidates.append(self._joined("../" + posixpath.basename(source.rstrip("/"))))
        if self.is_local and not os.path.isabs(source):
            # only this file may have been linked into the folder in which the others lie
            candidates.append(Location(os.path.normpath(os.path.join(self.address, source))))
        unique = dict.fromkeys(c for c in candidates if c.identity != self.identity)
        return tuple(unique)

    def _split(self) -> tuple[str, str]:
        """Return what a URL's path is relative to, and the path; keys may hold any character, ``#`` and ``?`` too.

        Memory has no hosts and no buckets, so that everything in it has one origin.
        """
        scheme, rest = self.address.split("://", 1)
        origin, _, path = ("", "", rest) if self.scheme == _MEMORY else rest.partition("/")
        return f"{scheme}://{origin}", "/" + path

    def _joined(self, relative: str) -> Location:
        if self.is_local:
            return Location(os.path.normpath(os.path.join(self.identity, relative)))
        origin, path = self._split()
        return Location.of(origin + posixpath.normpath(posixpath.join(path, relative)))
