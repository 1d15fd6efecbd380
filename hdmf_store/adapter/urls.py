"""URLs as people pass them, in parts: what may be shown, what is a credential, and through which caches to read.

Pure text. Everything that shows or stores a place takes the `address` of these parts, by way of `Location.of`, so that
no credential gets into a message, a link or a name.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

import attrs

__all__ = ["CACHES", "UrlParts", "shown", "url_parts"]

CACHES = ("simplecache", "filecache", "blockcache", "cached")
"""File systems of fsspec that keep what they read of another one on this machine."""

_SCHEME = re.compile(r"^([a-zA-Z][a-zA-Z0-9+.-]+)://")
_LINK = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*(://.*)?$")
_ONE_NAME = {"s3a": "s3", "s3n": "s3", "gcs": "gs"}
"""Schemes that mean the same places as another one."""

_WITH_QUERY = ("http", "https")
"""Of all others, a question mark may be part of a name."""

_OTHER_AT_SIGNS = ("abfs", "abfss", "adl", "az", "git", "github", "wasb", "wasbs")
"""Where what stands before ``@`` is a container or a repository, and no user."""


@attrs.frozen
class UrlParts:
    """The parts of a URL.

    Parameters
    ----------
    address : str
        The URL without credentials, query and trailing slashes: the only part that may be shown or stored.
    scheme : str
        In lower case, and one for all that mean the same.
    through : tuple of str
        The file systems through which it is to be read, the outermost first: ``simplecache::`` and the like.
    user, password : str
        Of the server; empty without.
    query : str
        What follows the question mark of a web address, where presigned URLs have their signature.

    Notes
    -----
    Make them with `url_parts`.
    """

    address: str
    scheme: str
    through: tuple[str, ...] = ()
    user: str = attrs.field(default="", repr=False)
    password: str = attrs.field(default="", repr=False)
    query: str = attrs.field(default="", repr=False)


def url_parts(text: str) -> UrlParts | None:
    """Return the parts of a URL, or of a chain of them that begins with file systems; None for a path.

    >>> url_parts("https://me:secret@host.org/a.zarr/?token=secret").address
    'https://host.org/a.zarr'
    >>> url_parts("simplecache::s3://lab/a.zarr").through
    ('simplecache',)
    >>> url_parts("/data/a.zarr") is None
    True
    """
    *through, innermost = _links(text)
    match = _SCHEME.match(innermost)
    if match is None:
        return UrlParts(f"file://{innermost}", "file", tuple(through)) if through else None
    scheme = _ONE_NAME.get(match[1].lower(), match[1].lower())
    rest, query = innermost[match.end() :], ""
    if scheme in _WITH_QUERY:
        rest, _, query = rest.partition("?")
    host, slash, path = rest.partition("/")
    user = password = ""
    if "@" in host and scheme not in _OTHER_AT_SIGNS:
        userinfo, _, host = host.rpartition("@")
        user, _, password = (unquote(part) for part in userinfo.partition(":"))
    address = f"{scheme}://{(host + slash + path).rstrip('/')}"
    return UrlParts(address, scheme, tuple(through), user, password, query)


def _links(text: str) -> list[str]:
    """Return the links of a chain of file systems; of any other text, that text."""
    links = text.split("::")
    is_chain = all(_LINK.match(link) for link in links[:-1])
    return links if is_chain and (_SCHEME.match(links[-1]) or links[0] in (*CACHES, "zip")) else [text]


def shown(place: object) -> str:
    """Return how a place is called in a message: a URL without what is secret in it.

    >>> shown("https://me:secret@host.org/a.zarr")
    "'https://host.org/a.zarr'"
    """
    is_text = isinstance(place, str) or hasattr(place, "__fspath__") or hasattr(place, "storage_options")
    parts = url_parts(str(place)) if is_text else None
    if parts is not None:
        return repr("::".join([*parts.through, parts.address]))
    return repr(place) if isinstance(place, str | bytes | int | float | list | tuple | type(None)) else _named(place)


def _named(place: object) -> str:
    """Return how an object is called; stores of zarr show URLs with all that is in them."""
    text = repr(place)
    return f"{type(place).__name__} object" if "://" in text else text
