"""Which chunk of which array has a key: what `ArrayRecord.chunk_key` says, the other way round."""

from __future__ import annotations

from collections.abc import Mapping

from hdmf_store.nodes import ROOT
from hdmf_store_adapters.array_record import ArrayRecord

__all__ = ["Place", "chunk_of"]

_LONGEST_INDEX = 20
"""Digits of an index in a key; no array has more chunks, and Python refuses to read numbers of thousands of digits."""

Place = tuple[str, tuple[int, ...], str]
"""The path of an array, the index of a chunk of it, and its key."""


def chunk_of(key: str, records: Mapping[str, ArrayRecord]) -> Place | None:
    """Return which chunk of which array has a key; None if none has."""
    end = key.rfind("/")
    while end > 0:
        record = records.get("/" + key[:end])
        if record is not None:
            index = _index(key[end + 1 :], record)
            return None if index is None else ("/" + key[:end], index, key)
        end = key.rfind("/", 0, end)
    record = records.get(ROOT)
    index = None if record is None else _index(key, record)
    return None if index is None else (ROOT, index, key)


def _index(rest: str, record: ArrayRecord) -> tuple[int, ...] | None:
    if not record.shape:
        return () if rest == record.chunk_key(()) else None
    parts = rest.removeprefix(record.prefix).replace("/", ".").split(".")
    if len(parts) != len(record.shape) or not all(map(_is_index, parts)):
        return None
    index = tuple(int(part) for part in parts)
    is_its = rest in (record.chunk_key(index), record.other_chunk_key(index))
    return index if is_its and all(i < n for i, n in zip(index, record.grid, strict=True)) else None


def _is_index(part: str) -> bool:
    return part.isascii() and part.isdigit() and len(part) <= _LONGEST_INDEX
