"""Which files the references of a file may name, decided before anything of them is read."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

import attrs

from hdmf_store.adapter import Location
from hdmf_store.errors import ArgumentError, LocationError

__all__ = ["Reach", "Target", "prefixes"]

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_LOCAL = ("file", "local")
_NO_OPTIONS: Mapping[str, Any] = {}


@attrs.frozen
class Target:
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
    options: Mapping[str, Any] = _NO_OPTIONS


@attrs.frozen
class Reach:
    """What may be read from where.

    The folder of the references and all below it may be, wherever it is; so may the origin of a URL, and ``https``
    from a file of this machine. Everything else takes the word of the caller. A file from elsewhere never makes
    this machine read its own files, whatever the word is.

    Parameters
    ----------
    base : Location
        Of the references.
    options : dict
        For the file system of `base`; they are not used for any other origin.
    may_read : dict of str to dict
        Folders and URLs with all below them, and options for their file systems: the word of the caller.

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
    options: Mapping[str, Any] = attrs.field(factory=dict)
    may_read: Mapping[str, Mapping[str, Any]] = attrs.field(factory=dict)

    def find(self, target: str) -> Target:
        """Return the file that a reference names.

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
        return self._remote(url)

    def _local(self, path: str, is_url: bool = False) -> Target:
        if not self.base.is_local:
            raise LocationError(path, "is a file of this machine, which references from elsewhere cannot name")
        folder = os.path.realpath(os.path.dirname(self.base.address))
        real = os.path.realpath(os.path.join(folder, path))
        allowed = [os.path.realpath(place) for place in self.may_read if not _SCHEME.match(place)]
        if not any(_is_below(real, place, os.sep) for place in [*([] if is_url else [folder]), *allowed]):
            raise LocationError(real, f"lies outside of {folder}. {_advice(os.path.dirname(real))}")
        return Target(real, "file")

    def _remote(self, url: str) -> Target:
        scheme, _, rest = url.partition("://")
        if "\\" in url or "::" in url or {".", ".."} & set(unquote(rest).split("/")):
            raise LocationError(url, "is no plain URL: it has '.', '..', '::' or '\\' in it")
        origin = f"{scheme}://{rest.partition('/')[0]}"
        given = [place for place in self.may_read if _SCHEME.match(place) and _is_below(url, place, "/")]
        if given:
            return Target(url, scheme, self.may_read[max(given, key=len)])
        if _is_below(self.base.address, origin, "/") or (scheme == "memory" == self.base.scheme):
            return Target(url, scheme, self.options)
        if self.base.is_local and scheme == "https":
            return Target(url, scheme)
        raise LocationError(url, f"lies elsewhere than the file that names it, {self.base}. {_advice(origin)}")


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


def _is_below(address: str, place: str, separator: str) -> bool:
    return address == place or address.startswith(place.rstrip(separator) + separator)


def _advice(place: str) -> str:
    return f"If you trust that file, pass may_read=[{place!r}]"
