"""Stored files made wrong at random: documents and chunks as bytes under keys, and one mutation of them at a time."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

__all__ = ["Files", "mutated"]

Files = dict[str, bytes]
"""What a store holds: bytes under keys."""

_DEEP = 3_000

_WRONG: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 0,
    lambda: 2**31,
    lambda: 2**40,
    lambda: 2**63,
    lambda: 10**30,
    lambda: 1e308,
    lambda: 0.5,
    lambda: float("nan"),
    lambda: "",
    lambda: "x",
    lambda: "\0",
    lambda: "é" * 5_000,
    lambda: "../../../../etc/passwd",
    lambda: "/",
    lambda: "{",
    lambda: '{"path": 1}',
    lambda: '{"source": "../b.zarr"}',
    lambda: [],
    lambda: {},
    lambda: [[]],
    lambda: [{}],
    lambda: {"name": "x"},
    lambda: {"path": "/group", "source": 3},
    lambda: [{"name": "link", "source": ".", "path": "/group/link"}],
    lambda: [2**40, 2**40],
    lambda: [1] * 40,
    lambda: [0],
    lambda: _nested(60),
    lambda: _nested(900),
]
"""What takes the place of a value in a document."""


def _nested(depth: int) -> Any:
    value: Any = {"path": "/"}
    for level in range(depth):
        value = [value] if level % 2 else {"value": value}
    return value


def mutated(files: Files, chance: random.Random) -> tuple[Files, set[str]]:
    """Return what a store holds after one to three mutations, and the keys that they changed."""
    changed, touched = dict(files), set()
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        if not changed:
            break
        key = chance.choice(sorted(changed))
        kinds = _OF_DOCUMENTS if _is_document(key) and chance.random() < 0.8 else _OF_BYTES
        touched |= {key, *chance.choice(kinds)(changed, key, chance)}
    return changed, touched


def _is_document(key: str) -> bool:
    return key.endswith((".json", ".zarray", ".zattrs", ".zgroup", ".zmetadata"))


# ------------------------------------------------------------------------------------------------------------- bytes


def _truncate(files: Files, key: str, chance: random.Random) -> set[str]:
    files[key] = files[key][: chance.randrange(len(files[key]) + 1)]
    return set()


def _flip(files: Files, key: str, chance: random.Random) -> set[str]:
    data = bytearray(files[key])
    for _ in range(chance.choice((1, 1, 2, 8))):
        if data:
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    files[key] = bytes(data)
    return set()


def _head(files: Files, key: str, chance: random.Random) -> set[str]:
    """Overwrite some of the first bytes, where codecs keep lengths, with large numbers."""
    data, at = bytearray(files[key]), chance.randrange(16)
    length = chance.choice((1, 2, 4, 8))
    data[at : at + length] = chance.choice((b"\xff", b"\x7f", b"\0", b"\x80"))[:1] * length
    files[key] = bytes(data)
    return set()


def _splice(files: Files, key: str, chance: random.Random) -> set[str]:
    data, at = files[key], chance.randrange(len(files[key]) + 1)
    files[key] = data[:at] + chance.randbytes(chance.choice((1, 4, 100))) + data[at:]
    return set()


def _double(files: Files, key: str, chance: random.Random) -> set[str]:
    files[key] = files[key] * 2
    return set()


def _swap(files: Files, key: str, chance: random.Random) -> set[str]:
    other = chance.choice(sorted(files))
    files[key], files[other] = files[other], files[key]
    return {other}


def _copy_over(files: Files, key: str, chance: random.Random) -> set[str]:
    files[key] = files[chance.choice(sorted(files))]
    return set()


def _delete(files: Files, key: str, chance: random.Random) -> set[str]:
    del files[key]
    return set()


def _duplicate(files: Files, key: str, chance: random.Random) -> set[str]:
    """Put the same bytes under another name as well, beside it or below another object."""
    folder = chance.choice(sorted(files)).rpartition("/")[0]
    name = chance.choice((key.rpartition("/")[2], "c/0/0", "c.9", "0", "x/zarr.json", "x/.zgroup"))
    new = f"{folder}/{name}".lstrip("/")
    files[new] = files[key]
    return {new}


_OF_BYTES = [_truncate, _flip, _flip, _head, _head, _splice, _double, _swap, _copy_over, _delete, _duplicate]


# --------------------------------------------------------------------------------------------------------- documents


def _sites(value: Any) -> list[tuple[Any, Any]]:
    """Return all places in a document: what holds a value, and its name or number there."""
    found, waiting = [], [value]
    while waiting:
        held = waiting.pop()
        pairs = held.items() if isinstance(held, dict) else enumerate(held) if isinstance(held, list) else ()
        for at, item in list(pairs):
            found.append((held, at))
            waiting.append(item)
    return found


def _edit(change: Callable[[Any, list[tuple[Any, Any]], random.Random], None]) -> Callable[..., set[str]]:
    def edited(files: Files, key: str, chance: random.Random) -> set[str]:
        try:
            document = json.loads(files[key])
        except (ValueError, RecursionError):
            return _flip(files, key, chance)
        sites = _sites(document)
        if sites:
            with suppress(RecursionError):  # what was nested deeply before, and put into itself
                change(document, sites, chance)
                files[key] = json.dumps(document).encode()
        return set()

    return edited


def _put(_: Any, sites: list[tuple[Any, Any]], chance: random.Random) -> None:
    held, at = chance.choice(sites)
    held[at] = chance.choice(_WRONG)()


def _change_number(_: Any, sites: list[tuple[Any, Any]], chance: random.Random) -> None:
    numbers = [(held, at) for held, at in sites if type(held[at]) in (int, float)]
    if numbers:
        held, at = chance.choice(numbers)
        held[at] = chance.choice((held[at] + 1, held[at] - 1, held[at] * 2, -held[at], held[at] * 10**9, 2**62))


def _drop(_: Any, sites: list[tuple[Any, Any]], chance: random.Random) -> None:
    held, at = chance.choice(sites)
    del held[at]


def _exchange(_: Any, sites: list[tuple[Any, Any]], chance: random.Random) -> None:
    (one, here), (other, there) = chance.choice(sites), chance.choice(sites)
    one[here] = json.loads(json.dumps(other[there]))


def _rename(_: Any, sites: list[tuple[Any, Any]], chance: random.Random) -> None:
    held, at = chance.choice(sites)
    if isinstance(held, dict):
        held[chance.choice(("", "x", "..", "a/b", "/", "\0", "é", "_LINKS", "value", "zarr_link", "x" * 5_000))] = (
            held.pop(at)
        )
    else:
        held.append(held[at])


def _deep(files: Files, key: str, chance: random.Random) -> set[str]:
    """Nest so deeply that a parser, or who walks what it returns, runs out of stack."""
    opened = chance.choice((b"[", b'{"attributes":', b'{"a":[')) * chance.choice((500, 900, _DEEP, 100_000))
    data, at = files[key], files[key].find(b'"attributes"')
    files[key] = opened if at < 0 or chance.random() < 0.3 else data[: at + 13] + b"{" + b'"a":' + opened + data[at:]
    return set()


def _nested_text(files: Files, key: str, chance: random.Random) -> set[str]:
    """Put a well-formed, deeply nested attribute into a document."""
    depth = chance.choice((50, 400, 900, 2_000))
    value = b"[" * depth + b"]" * depth
    files[key] = files[key].replace(b'"attributes":{', b'"attributes":{"deep":' + value + b",", 1)
    return set()


def _double_key(files: Files, key: str, chance: random.Random) -> set[str]:
    """Say a thing twice, each time otherwise."""
    name = chance.choice((b"shape", b"attributes", b"node_type", b"codecs", b"dtype", b"zarr_format", b"path"))
    wrong = json.dumps(chance.choice(_WRONG)()).encode()
    files[key] = files[key].replace(b'"' + name + b'":', b'"' + name + b'":' + wrong + b',"' + name + b'":', 1)
    if chance.random() < 0.5:
        files[key] = files[key].rstrip()[:-1] + b',"' + name + b'":' + wrong + b"}"
    return set()


def _no_utf8(files: Files, key: str, chance: random.Random) -> set[str]:
    at = chance.randrange(len(files[key]) + 1)
    files[key] = files[key][:at] + chance.choice((b"\xff", b"\xc3", b"\xed\xa0\x80", b"\0")) + files[key][at:]
    return set()


_OF_DOCUMENTS: list[Callable[[Files, str, random.Random], set[str]]] = [
    *[_edit(_put)] * 6,
    *[_edit(_change_number)] * 3,
    *[_edit(_drop)] * 3,
    *[_edit(_exchange)] * 4,
    *[_edit(_rename)] * 2,
    _deep,
    _nested_text,
    _double_key,
    _double_key,
    _no_utf8,
]
