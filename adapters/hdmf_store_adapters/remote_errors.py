"""What servers and the libraries that ask them have to say, as errors that name the place and the way out.

Nothing of what users passed as credentials gets into these errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from hdmf_store.adapter import Location
from hdmf_store.errors import AccessError, HDMFStoreError, MissingHierarchyError, UnreachableError
from hdmf_store_adapters.server_options import without

__all__ = ["telling"]

_LIBRARIES = ("adlfs", "aiobotocore", "aiohttp", "azure", "botocore", "gcsfs", "google", "obstore", "s3fs")
"""Packages whose exceptions are about servers."""

_DENIALS = (
    "ClientAuthenticationError",
    "CredentialRetrievalError",
    "DefaultCredentialsError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "PermissionDeniedError",
    "ProfileNotFound",
    "RefreshError",
    "TokenRetrievalError",
    "UnauthenticatedError",
)
"""Names of their exceptions for credentials that are missing, wrong or not enough."""

_CREDENTIALS = {
    "s3": "storage_options={'key': ..., 'secret': ...}, or {'anon': True} for public data",
    "gs": "storage_options={'token': ...}, or {'token': 'anon'} for public data",
    "az": "storage_options={'account_name': ..., 'account_key': ...}, or {'anon': True} for public data",
    "http": "storage_options={'client_kwargs': {'headers': {'Authorization': ...}}}",
}
_LIKE = {"abfs": "az", "abfss": "az", "https": "http"}

_IN_WORDS = re.compile(r"non-2xx status code: ([45]\d\d)")
"""How obstore names the status of an answer."""

_MOST = 300
"""Characters of what a server said that a message shows."""


@contextmanager
def telling(location: Location, secrets: frozenset[str]) -> Iterator[None]:
    """Raise an error of this package for what goes wrong with a server in a ``with`` block.

    Parameters
    ----------
    location : Location
        What is asked for.
    secrets : frozenset of str
        What no message may show. If there is anything, the original exception is no cause of the new one, because it
        would be shown along with it.
    """
    try:
        yield
    except HDMFStoreError:
        raise
    except Exception as problem:
        told = _told(problem, location, secrets)
        if told is None:
            raise
        raise told from (None if secrets else problem)


def _told(problem: Exception, location: Location, secrets: frozenset[str]) -> HDMFStoreError | None:
    """Return the error for an exception; None if it is not about a server."""
    library = type(problem).__module__.partition(".")[0]
    if library not in _LIBRARIES and not isinstance(problem, OSError):
        return None
    lines = without(secrets, str(problem)).strip().splitlines() or [type(problem).__name__]
    said, status, address = lines[0][:_MOST], _status(problem), location.address
    if isinstance(problem, FileNotFoundError) or status == 404:
        return MissingHierarchyError(address, f"there is no such bucket or folder ({said}). Make it first")
    if isinstance(problem, PermissionError) or status in (401, 403) or type(problem).__name__ in _DENIALS:
        advice = _CREDENTIALS.get(_LIKE.get(location.scheme, location.scheme), "storage_options with credentials")
        return AccessError(address, f"access is denied ({said}). Pass {advice}")
    if status is not None:
        return UnreachableError(address, f"the server answers {status} ({said}). Try again later")
    return UnreachableError(address, f"cannot be reached ({said}). Is the address right, and is there a connection?")


def _status(problem: Exception) -> int | None:
    """Return the status of HTTP that an exception of any library carries."""
    response = getattr(problem, "response", None)
    if isinstance(response, dict):  # botocore's
        return _number(response.get("ResponseMetadata", {}).get("HTTPStatusCode"))
    for name in ("status", "status_code", "code"):  # in this order: aiohttp warns of the last
        found = _number(getattr(problem, name, None))
        if found is not None:
            return found
    in_words = _IN_WORDS.search(str(problem))
    return int(in_words[1]) if in_words else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 400 else None
