"""Small files of every kind, broken at random and looked at in every way that a file is read.

A process of its own does it, so that one that crashes, hangs or eats memory is found out by the one that started it:

    python -m tests.property.broken_files --kinds format3,format2,zip --first 0 --count 1000

Each line that it prints is one finding; the last line says how many files were broken, and how it ended for them.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from hdmf.build import GroupBuilder
from zarr.buffer.cpu import Buffer
from zarr.storage import MemoryStore

from hdmf_store import StoreIO
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import Codec, Dataset, Group, Link, Node, Target, Unreadable
from hdmf_store.testing.equality import plain
from hdmf_store.translate.compare import stored_pieces
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.references import entries_of
from tests.adapters.samples import every_kind_but_records, numbers, table, texts
from tests.property.mutations import Files, mutated

__all__ = ["KINDS", "as_builders", "broken", "guarded", "looked_at", "say", "too_long"]

SECONDS = 10
"""For one file, which takes a tenth of one unless something is wrong."""

MEGABYTES = 512
"""By which the process may grow over one file of a few kilobytes."""


class TookTooLong(BaseException):
    """A file kept its reader busy."""


# ------------------------------------------------------------------------------------------------------- whole files


@cache
def whole(version: int, variant: int) -> Files:
    """Return the keys of a small file that holds some of every kind of object."""
    store = MemoryStore()
    adapter = ZarrAdapter(store, zarr_format=version)
    adapter.open("w")
    adapter.write(Plan(nodes=_nodes(version, variant), consolidate=variant % 3 != 2))
    adapter.close()
    return {key: value.to_bytes() for key, value in store._store_dict.items()}


VARIANTS = 8


def _nodes(version: int, variant: int) -> dict[str, Node]:
    every = dict(every_kind_but_records())
    every["/"] = Group({"note": "é\n", "not_a_number": float("nan"), "list": [1, 2.5, "x", None]})
    values = np.arange(60, dtype="int16").reshape(6, 10)
    for name in ("lz4", "zlib", "bz2", "lzma", "blosc", "adler32", "fletcher32"):
        every[f"/{name}"] = numbers(values, "int16", chunks=(4, 5), compressors=[Codec(f"numcodecs.{name}")])
    every["/packed_text"] = texts(["a" * 30, "b", ""], compressors=[Codec("zstd", {"level": 1})])
    every["/rows"] = table([(1, "é", b"x", Target("/group")), (2, "", b"\xff", None)])
    every["/group/circle"] = Link(Target("/group/circle_too"))
    every["/group/circle_too"] = Link(Target("/group/circle"))
    if version == 2:
        for path in ("/sharded", "/transposed", "/big_endian", "/checked"):
            del every[path]
    kept = ("/", "/group", "/bool", "/group/link", "/group/circle", "/group/circle_too", "/rows", "/group/one_text")
    others = [path for path in every if path not in kept]
    return {path: node for path, node in every.items() if path in kept or path in others[variant::VARIANTS]}


# ----------------------------------------------------------------------------------------------------- broken places


@contextmanager
def _in_memory(files: Files, _: random.Random) -> Iterator[Any]:
    yield MemoryStore({key: Buffer.from_bytes(data) for key, data in files.items()})


@contextmanager
def _in_a_folder(files: Files, _: random.Random) -> Iterator[Any]:
    root = Path(tempfile.mkdtemp())
    try:
        _spread(files, root / "a.zarr")
        yield str(root / "a.zarr")
    finally:
        shutil.rmtree(root)


def _spread(files: Files, folder: Path) -> None:
    for key, data in files.items():
        try:
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(data)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            continue  # a mutation put a key below another one, which no folder can hold


@contextmanager
def _in_an_archive(files: Files, chance: random.Random) -> Iterator[Any]:
    root = Path(tempfile.mkdtemp())
    place = root / "a.zarr.zip"
    try:
        with zipfile.ZipFile(place, "w", chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            for key, data in files.items():
                archive.writestr(chance.choice((key,) * 50 + ("../" + key, "/" + key)), data)
        if chance.random() < 0.5:
            place.write_bytes(mutated({"a": place.read_bytes()}, chance)[0].get("a", b""))
        yield str(place)
    finally:
        shutil.rmtree(root)


@contextmanager
def _by_reference(files: Files, chance: random.Random) -> Iterator[Any]:
    root = Path(tempfile.mkdtemp())
    try:
        _spread(files, root / "a.zarr")
        refs = {"version": 1, "refs": _decodable(root / "a.zarr")}
        found = {"a.json": json.dumps(refs).encode()}
        (root / "a.json").write_bytes(mutated(found, chance)[0].get("a.json", b""))
        yield str(root / "a.json")
    finally:
        shutil.rmtree(root)


def _decodable(folder: Path) -> dict[str, Any]:
    try:
        return entries_of(folder)
    except UnicodeDecodeError:
        return {}


KINDS: dict[str, tuple[int, Callable[[Files, random.Random], Any]]] = {
    "format3": (3, _in_memory),
    "format2": (2, _in_memory),
    "folder3": (3, _in_a_folder),
    "folder2": (2, _in_a_folder),
    "zip": (3, _in_an_archive),
    "references": (2, _by_reference),
}
"""What is broken: the format of the file, and what makes a place of its keys."""


# ----------------------------------------------------------------------------------------------------------- looking


def looked_at(place: Any, mode: str) -> dict[str, Any]:
    """Return the values of every dataset that can be read, and the errors in place of the rest.

    Whatever is raised and is none of our errors goes through.
    """
    found: dict[str, Any] = {}
    with closing(open_adapter(place, mode)) as adapter:
        for path, node in adapter.load().nodes.items():
            if not isinstance(node, Dataset):
                continue
            try:
                found[path] = plain(_values(adapter, path, node))
            except HDMFStoreError as problem:
                found[path] = problem
    return found


def _values(adapter: Any, path: str, node: Dataset) -> Any:
    """Return values asked for in each of the ways that there are; a little of what says to be large."""
    if isinstance(node.element, Unreadable):
        adapter.array(path)
    if math.prod(node.shape) > 10_000:
        some = tuple(slice(0, min(length, 2)) for length in node.shape)
        assert all(len(region) == len(node.shape) for region in islice(stored_pieces(node), 1))
        return [node.values.read(some), adapter.array(path)[some]]
    for region in stored_pieces(node):
        node.values.read(region)
    adapter.array(path)[...]
    return adapter.fetch([path])[path]


def as_builders(place: Any) -> None:
    """Read a file as HDMF sees it, and the data of each builder."""
    with StoreIO(place, "r") as io:
        waiting = [io.read_builder()]
        while waiting:
            builder = waiting.pop()
            if isinstance(builder, GroupBuilder):
                waiting += [*builder.groups.values(), *builder.datasets.values()]


# ------------------------------------------------------------------------------------------------------------- cases


def broken(kind: str, number: int) -> tuple[str, list[str]]:
    """Break one file and read it; return how it ended, and what is wrong with that."""
    version, placed = KINDS[kind]
    chance = random.Random(f"{kind}-{number}")
    variant = chance.randrange(VARIANTS)
    files, touched = mutated(whole(version, variant), chance)
    found: list[str] = []
    endings = []
    with placed(files, chance) as place:
        for mode in ("r", "r-"):
            found += guarded(lambda: endings.append(_ended(place, mode, version, variant, touched, found)))  # noqa: B023
        found += guarded(lambda: _builders(place))
    return max(endings, default="finding"), found


def _ended(place: Any, mode: str, version: int, variant: int, touched: set[str], found: list[str]) -> str:
    try:
        seen = looked_at(place, mode)
    except HDMFStoreError:
        return "file refused"
    problems = [path for path, value in seen.items() if isinstance(value, HDMFStoreError)]
    for path, value in seen.items():
        if isinstance(value, HDMFStoreError) and path not in str(value):
            found.append(f"{path} is not named: {value}")
    if isinstance(place, MemoryStore):
        found += _changed_unasked(seen, version, variant, touched)
    return "object refused" if problems else "read"


def _changed_unasked(seen: dict[str, Any], version: int, variant: int, touched: set[str]) -> list[str]:
    """Return those objects of which nothing was touched, and whose values are others than before."""
    folders = {key.rpartition("/")[0] for key in touched}
    if "" in folders:  # the root's document tells of all
        return []
    before = _values_before(version, variant)
    unasked = [
        path
        for path in seen.keys() & before.keys()
        if not any(f"{folder}/".startswith(f"{path[1:]}/") for folder in folders) and seen[path] != before[path]
    ]
    return [f"{path} reads otherwise: {seen[path]!r:.200}" for path in unasked]


@cache
def _values_before(version: int, variant: int) -> dict[str, Any]:
    with _in_memory(whole(version, variant), random.Random(0)) as place:
        return looked_at(place, "r-")


def _builders(place: Any) -> None:
    try:
        as_builders(place)
    except HDMFStoreError:
        return


def guarded(look: Callable[[], Any]) -> list[str]:
    """Return what nobody should meet: other errors, too much time, too much memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            signal.alarm(SECONDS)
            look()
    except TookTooLong:
        return [f"took more than {SECONDS} s: {where()}"]
    except Exception:  # noqa: BLE001 - these are what is looked for
        return [where()]
    finally:
        signal.alarm(0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024
    return [f"took {grown} MiB of memory"] if grown > MEGABYTES else []


def where() -> str:
    kind, problem, _ = sys.exc_info()
    frames = traceback.extract_tb(sys.exc_info()[2])[-6:]
    way = " < ".join(f"{os.path.basename(f.filename)}:{f.lineno}:{f.name}" for f in reversed(frames))
    return f"{kind.__name__ if kind else ''}: {problem!s:.150} [{way}]"


def too_long(*_: Any) -> None:
    raise TookTooLong


def say(fact: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(fact) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Break as many files as the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    options = parser.parse_args()
    faulthandler.enable()
    signal.signal(signal.SIGALRM, too_long)
    endings: Counter[str] = Counter()
    findings = 0
    for number in range(options.first, options.first + options.count):
        for kind in options.kinds.split(","):
            sys.stderr.write(f"at {kind} {number}\n")  # for who finds this process dead
            ending, found = broken(kind, number)
            endings[ending] += 1
            findings += len(found)
            for finding in found:
                say({"kind": kind, "number": number, "finding": finding})
    say({"broken": sum(endings.values()), "findings": findings, "endings": dict(endings)})


if __name__ == "__main__":
    main()
