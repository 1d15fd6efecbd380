"""What a process of its own stores on a server until it is killed."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.nodes import ArraySource, Dataset, Group, Layout, Link, Node, Number, Target, Text

__all__ = ["PLANS", "store"]


def _numbers(start: int, count: int = 6) -> Dataset:
    values = ArraySource(np.arange(start, start + count, dtype="int32"))
    return Dataset(Number.of("int32"), (count,), values, {"from": start}, Layout(chunks=(3,), compressors=()))


def _scalar(text: str) -> Dataset:
    return Dataset(Text(), (), ArraySource(np.array(text, object)))


PLANS: dict[str, dict[str, Node]] = {
    "old": {
        "/": Group({"state": "old"}),
        "/a": _numbers(10),
        "/g": Group({"x": 1}),
        "/g/b": _scalar("old"),
        "/gone": _numbers(20),
        "/l": Link(Target("/gone")),
    },
    "new": {
        "/": Group({"state": "new"}),
        "/a": _numbers(0),
        "/g": _scalar("a group no longer"),
        "/fresh": _numbers(40, 9),
    },
    "other": {"/": Group({"state": "other"}), "/a": _numbers(60), "/g": _scalar("other"), "/fresh": _numbers(70, 9)},
    "added": {
        "/more": Group({"x": 2}),
        "/more/c": _numbers(0, 3),
        "/d": _scalar("added"),
    },
}


def store(place: str, options: dict[str, Any], mode: str, plan: str) -> None:
    """Write one of the plans."""
    adapter = open_adapter(place, mode, storage_options=options)
    try:
        adapter.write(Plan(nodes=PLANS[plan]))
    finally:
        adapter.close()
