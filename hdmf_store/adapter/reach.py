"""What one file may make us read: the files that its links and references name, and pieces of other files.

Who opens a file decides what is read, not who wrote it. So each name that a file holds is checked here, before
anything of what it names is touched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import attrs

from hdmf_store.adapter.location import Location
from hdmf_store.errors import ArgumentError, LocationError

__all__ = ["Admitted", "Reach", "prefixes"]

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_LOCAL = ("file", "local")
_MEMORY = "memory"
_ANYWHERE = ("https", "s3", "gs", "gcs", "az", "abfs", "abfss", "adl")
"""Whose servers prove who they are, and are asked for data only."""

_NO_OPTIONS: Mapping[str, Any] = {}


@attrs.frozen
class Admitted:
    """A file that may be read.

    Parameters
    ----------
    address : str
        A path with all symbolic links resolved, or a URL.
    scheme : str
        ``"file"`` for a path.
    options : dict
        For the file system of the URL.
    """

    address: str
    scheme: str
    options: Mapping[str, Any] = attrs.field(default=_NO_OPTIONS, repr=False)


@attrs.frozen
class Reach:
    """What may be read from where.

    ===================  ====================================  =====================================================
    the file is          links and references: other files     pieces of files: chunks of reference file systems,
                         as a whole                            external and virtual data of HDF5
    ===================  ====================================  =====================================================
    on this machine      every file of this machine; what      files in its folder and below; what ``https`` and
                         ``https`` and object stores hold      object stores hold
    on a server          that server (of object stores: that   what lies in its folder and below, and that server
                         bucket)
    in memory            memory                                memory
    ===================  ====================================  =====================================================

    Everything else takes the word of the caller. A file from elsewhere never makes this machine read its own files,
    whatever the word is.

    A link may lead further than a piece because it leads to a file of the kind that was asked for; a piece could be
    of anything, of a private key for instance.

    Parameters
    ----------
    base : Location
        Of the file that names others.
    options : dict
        For the file system of `base`; they are not used for any other origin.
    may_read : dict of str to dict
        Folders and URLs with all below them, and options for their file systems: the word of the caller, as
        `prefixes` returns it.

    Examples
    --------
    >>> reach = Reach(Location("s3://lab/day1/a.json"))
    >>> reach.find("raw/a.nwb").address
    's3://lab/day1/raw/a.nwb'
    >>> reach.find("https://elsewhere.org/a.nwb")
    Traceback (most recent call last):
    hdmf_store.errors.LocationError: https://elsewhere.org/a.nwb: lies elsewhere than the file that names it...
    """

    base: Location
    options: Mapping[str, Any] = attrs.field(factory=dict, repr=False)
    may_read: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict, repr=False)

    def admit(self, place: Location) -> Mapping[str, Any]:
        """Return the options with which a whole file may be opened to which a link leads.

        Raises
        ------
        LocationError
            If it may not be.
        """
        if not place.can_be_linked:
            raise LocationError(place.address, "lives in one process only, so that no file can lead there")
        if _engine(place) != "file":
            return self._remote(place).options
        if _engine(self.base) != "file":
            raise LocationError(place.address, "is a file of this machine, to which no file from elsewhere can lead")
        return self._given(place.address) or _NO_OPTIONS

    def find(self, target: str) -> Admitted:
        """Return the file of which a piece may be read, by the name that another file has for it.

        Raises
        ------
        LocationError
            If it may not be read.
        """
        if not target or "\0" in target:
            raise LocationError(repr(target), "is no path or URL")
        match = _SCHEME.match(target)
        if match is None and (self.base.is_local or os.path.isabs(target)):
            return self._local(target)
        if match is not None and match[1].lower() in _LOCAL:
            return self._local(target[match.end() :], is_url=True)
        if match is None:
            url = f"{self.base.address.rpartition('/')[0]}/{target}"
        else:
            url = f"{match[1].lower()}://{target[match.end() :]}"
        return self._remote(Location(url))

    def _local(self, path: str, is_url: bool = False) -> Admitted:
        if not self.base.is_local:
            raise LocationError(path, "is a file of this machine, which no file from elsewhere can name")
        folder = os.path.realpath(os.path.dirname(self.base.address))
        real = os.path.realpath(os.path.join(folder, path))
        allowed = [os.path.realpath(place) for place in self.may_read if not _SCHEME.match(place)]
        if not any(_is_below(real, place, os.sep) for place in [*([] if is_url else [folder]), *allowed]):
            raise LocationError(real, f"lies outside of {folder}. {_advice(os.path.dirname(real))}")
        return Admitted(real, "file")

    def _remote(self, place: Location) -> Admitted:
        url, engine = place.address, _engine(place)
        rest = url.partition("://")[2]
        if "\\" in url or "::" in url or {".", ".."} & set(unquote(rest).split("/")):
            raise LocationError(url, "is no plain URL: it has '.', '..', '::' or '\\' in it")
        given = self._given(url)
        if given is not None:
            return Admitted(url, engine, given)
        here = self.base
        if engine == _engine(here) and (engine == _MEMORY or _origin(here) == _origin(place)):
            return Admitted(url, engine, self.options)
        if here.is_local and engine in (*_ANYWHERE, _MEMORY):
            return Admitted(url, engine)
        origin = f"{place.scheme}://{rest.partition('/')[0]}"
        raise LocationError(url, f"lies elsewhere than the file that names it, {here}. {_advice(origin)}")

    def _given(self, address: str) -> Mapping[str, Any] | None:
        """Return the options that the caller gave with the word for an address; None without that word."""
        given = [place for place in self.may_read if _is_below(address, place, "/")]
        return self.may_read[max(given, key=len)] if given else None


def prefixes(may_read: Any) -> dict[str, Mapping[str, Any]]:
    """Return the word of a caller as a table of places with options.

    Raises
    ------
    ArgumentError
        If it is no place, several of them, or a dictionary of places with options.
    """
    places = {may_read: {}} if isinstance(may_read, str | os.PathLike) else may_read
    if not isinstance(places, Iterable) or not all(isinstance(place, str | os.PathLike) for place in places):
        raise ArgumentError(f"may_read takes paths and URLs, not {may_read!r}")
    options = places if isinstance(places, Mapping) else {place: {} for place in places}
    return {Location.of(place).address: dict(given or {}) for place, given in options.items()}


def _engine(place: Location) -> str:
    """Return the scheme of the file system; a repository of Icechunk lies in one of these, too."""
    kind, _, engine = place.scheme.partition("+")
    return (engine or "file") if kind == "icechunk" else place.scheme


def _origin(place: Location) -> str:
    return place.address.partition("://")[2].partition("/")[0]


def _is_below(address: str, place: str, separator: str) -> bool:
    return address == place or address.startswith(place.rstrip(separator) + separator)


def _advice(place: str) -> str:
    return f"If you trust that file, pass may_read=[{place!r}]"
