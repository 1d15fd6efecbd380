"""What the JSON of a reference file system says: under each key bytes, or where they lie.

Pure functions over text; opens nothing. Sources: kerchunk's page on the references format, versions 0 and 1, and the
files of LINDI, which also put JSON objects under keys. Nothing in such a file is run: names of templates are replaced
by their text, and files that ask for more, functions in templates or generated keys, are refused.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import attrs

from hdmf_store.errors import FormatError, UnreadableError
from hdmf_store.nodes import ROOT

__all__ = ["Entries", "Extent", "ReferenceTable", "table_of"]

_ROOT_DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata")
_ENCODED = "base64:"
_TEMPLATE = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@attrs.frozen
class Extent:
    """Some bytes of a file.

    Parameters
    ----------
    target : str
        Path or URL of the file, as it is written; a relative one is meant from the folder of the references.
    start : int
    length : int, optional
        All bytes from `start` on if None.
    """

    target: str
    start: int = 0
    length: int | None = None


class Entries(Protocol):
    """What is under the keys of a reference file system, in whatever form that is written."""

    def find_many(self, keys: Iterable[str]) -> dict[str, bytes | Extent | None]:
        """Return what is under each key: its bytes, where they lie, or None if there is no such key."""
        ...

    def keys(self) -> Iterable[str]:
        """Return the keys of all documents, and those of chunks if they are written down."""
        ...


@attrs.frozen
class ReferenceTable:
    """The entries of a reference file system, each understood when it is asked for.

    Parameters
    ----------
    location : str
        Of the file, for messages.
    entries : dict of str to object
        As they are written, by key.
    templates : dict of str to str
        What stands for names in double braces.
    """

    location: str
    entries: Mapping[str, Any] = attrs.field(repr=False)
    templates: Mapping[str, str] = attrs.field(factory=dict)

    def find(self, key: str) -> bytes | Extent | None:
        """Return what is under a key: its bytes, where they lie, or None if there is no such key.

        Raises
        ------
        UnreadableError
            If the entry is none that the format knows.
        """
        if key not in self.entries:
            return None
        entry = self.entries[key]
        try:
            if isinstance(entry, str):
                encoded = entry.removeprefix(_ENCODED)
                return entry.encode() if encoded == entry else base64.b64decode(encoded, validate=True)
            if isinstance(entry, dict):
                return json.dumps(entry).encode()
            return Extent(self._expanded(entry[0]), *_bounds(entry[1:]))
        except (ValueError, TypeError, LookupError) as problem:
            reason = f"what is under this key is no reference that is known here ({problem})"
            raise UnreadableError(self.location, f"/{key}", reason) from problem

    def find_many(self, keys: Iterable[str]) -> dict[str, bytes | Extent | None]:
        """Return what is under each of several keys."""
        return {key: self.find(key) for key in keys}

    def keys(self) -> Iterable[str]:
        """Return all keys."""
        return self.entries

    def _expanded(self, target: str) -> str:
        if not isinstance(target, str):
            raise TypeError(f"{target!r} is no path or URL")
        expanded = _TEMPLATE.sub(lambda name: self.templates[name[1]], target)
        if "{{" in expanded:
            raise ValueError(f"{target!r} asks for a template that computes something")
        return expanded


def _bounds(numbers: list[Any]) -> tuple[int, ...]:
    if len(numbers) not in (0, 2) or any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError(f"{numbers!r} are no offset and length")
    return tuple(numbers)


def table_of(data: bytes, location: str) -> ReferenceTable:
    """Return the table that JSON text holds.

    Raises
    ------
    FormatError
        If it is no JSON, no reference file system of version 0 or 1, or one without a Zarr hierarchy.
    """

    def refused(reason: str) -> FormatError:
        return FormatError(location, ROOT, reason)

    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as problem:
        raise refused(f"is no JSON that can be read ({problem})") from problem
    if not isinstance(document, dict):
        raise refused(f"is JSON, but a {type(document).__name__} and no reference file system")
    version = document.get("version", 1 if "refs" in document else 0)
    if version not in (0, 1):
        raise refused(f"is a reference file system of version {version!r}; versions 0 and 1 are known here")
    if document.get("gen") and version == 1:
        raise refused("computes its keys ('gen'), which is not done here; write all of them out, as kerchunk does")
    entries, templates = (document.get("refs"), document.get("templates") or {}) if version == 1 else (document, {})
    if not isinstance(entries, dict) or not any(name in entries for name in _ROOT_DOCUMENTS):
        raise refused(f"is JSON, but no reference file system of a Zarr hierarchy: none of {_ROOT_DOCUMENTS} is in it")
    if not isinstance(templates, dict) or not all(isinstance(text, str) for text in templates.values()):
        raise refused("its templates are not all text")
    return ReferenceTable(location, entries, templates)
