"""One file summed up, line by line, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hdmf_store.cli.installed import words_of
from hdmf_store.facade.units import in_units
from hdmf_store.translate.summary import Summary

__all__ = ["lines_of"]

_SHOWN_TYPES = 12


def lines_of(found: Summary) -> Iterator[str]:
    """Yield a summary line by line."""
    told = {
        "file": found.file,
        "store": found.store,
        **{name.replace("_", " "): _word(fact) for name, fact in found.facts.items()},
        "can": ", ".join(words_of(found.capabilities)),
        "objects": ", ".join(_counted(getattr(found, kind), kind) for kind in ("groups", "datasets", "links")),
        "types": _types(found),
        "values": in_units(found.values),
        "stored": "" if found.stored is None else f"{in_units(found.stored.size)} ({found.stored.files} files)",
        "codecs": "; ".join(f"{codecs}: {count}" for codecs, count in found.codecs.items()),
        "specifications": ", ".join(found.specifications),
        "NWB version": found.nwb_version or "",
        "object id": found.object_id or "",
    }
    yield from (f"{name:<16}{value}" for name, value in told.items() if value)


def _types(found: Summary) -> str:
    """Return the most frequent types with their numbers, and how many others there are."""
    ranked = sorted(found.types.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{name.rpartition('.')[2]}: {count}" for name, count in ranked[:_SHOWN_TYPES])
    rest = len(ranked) - _SHOWN_TYPES
    return f"{shown}, {rest} others" if rest > 0 else shown


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind if count != 1 else kind.removesuffix('s')}"


def _word(fact: Any) -> str:
    return {True: "yes", False: "no"}[fact] if isinstance(fact, bool) else str(fact)
