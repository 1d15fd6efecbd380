"""Arrays of JSON values whose documents do not say whether these are text or references, as in LINDI's files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hdmf_store.errors import UnreadableError
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.json_forms import REFERENCE
from hdmf_store_adapters.media import Medium

__all__ = ["holding_references"]


def holding_references(medium: Medium, records: Mapping[str, ArrayRecord]) -> list[str]:
    """Return the paths of those arrays whose first value is a reference; the first chunks are fetched together.

    Parameters
    ----------
    medium : Medium
    records : dict of str to ArrayRecord
        Of arrays of objects, by path.
    """
    known = {path: record for path, record in records.items() if record.codec is not None}
    keys = [f"{path}/{record.chunk_key((0,) * len(record.shape))}".lstrip("/") for path, record in known.items()]
    chunks = _read(medium, keys)
    return [
        path
        for (path, record), data in zip(known.items(), chunks, strict=True)
        if data is not None and _begins_with_reference(record, data)
    ]


def _read(medium: Medium, keys: Sequence[str]) -> list[bytes | None]:
    try:
        return medium.read_many(keys)
    except UnreadableError:  # which one it was is found out only now that it matters
        return [_read_one(medium, key) for key in keys]


def _read_one(medium: Medium, key: str) -> bytes | None:
    try:
        return medium.read(key)
    except UnreadableError:
        return None  # who asks for the array's values is told


def _begins_with_reference(record: ArrayRecord, data: bytes) -> bool:
    assert record.codec is not None
    try:
        values = record.codec.decode(data, record.chunks).flat
    except DECODING_ERRORS:
        return False  # who asks for the array's values is told
    first = next((value for value in values if value not in (None, 0)), None)
    return isinstance(first, dict) and REFERENCE in first
