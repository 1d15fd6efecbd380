"""What the document of every node has to be before anything is made of it, in both Zarr formats."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf_store.errors import FormatError
from hdmf_store.nodes import Link
from hdmf_store_adapters.json_forms import decode_target

__all__ = ["NOT_UNDERSTOOD", "links_of", "well_formed"]

NOT_UNDERSTOOD = (
    *(LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, MemoryError),
    SyntaxError,
)
"""What Python and numpy raise when JSON holds another kind of value than is looked for, or an absurd one.

numpy reads some names of types as Python does, and finds them wrong as Python does.
"""


def well_formed(document: Any, location: str, path: str) -> dict[str, Any]:
    """Return a document that is a mapping, with attributes that are a mapping too.

    Raises
    ------
    FormatError
        If it is anything else.
    """
    if not isinstance(document, dict):
        raise FormatError(location, path, f"its document is {document!r:.80}, which is no mapping")
    if not isinstance(document.get("attributes") or {}, dict):
        raise FormatError(location, path, f"its attributes are {document['attributes']!r:.80}, which is no mapping")
    return document if document.get("attributes") else {**document, "attributes": {}}


def links_of(entries: Any, itself: frozenset[str]) -> dict[str, Link]:
    """Return the links that a group lists, by name; what is no link raises one of `NOT_UNDERSTOOD`."""
    if not all(isinstance(entry, Mapping) and isinstance(entry["name"], str) for entry in entries):
        raise ValueError(f"{entries!r:.100} are no names with targets")
    return {entry["name"]: Link(decode_target(entry, itself)) for entry in entries}
