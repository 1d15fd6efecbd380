"""A bundle beside the root document: small chunks joined under one key, fetched by one request instead of a batch.

Run it from the top of a checkout, in an environment with the extras ``nwb`` and ``http``::

    python -m benchmarks.experiments.bundle [--rounds 5] [--latency 0.03] [--scale full]

The file of the scenario `remote_session` is served over HTTP with that latency. *open+read* is this package as it
is; *batch in it* is the time from the first request for a chunk to the last answer, as the server saw it. Then the
same chunks are fetched by zarr's store for fsspec and nothing else: *batch*, 64 at once, as the package does; *bundle*,
as one object, taken apart into the same pieces. *bundle of all* has all chunks of up to 64 KiB in the file, whether
opening needs them or not. A bundle begins with the length of an index in JSON, which says where each chunk lies in it.
Nothing in the package knows of bundles.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from zarr.core.buffer import default_buffer_prototype
from zarr.core.sync import sync
from zarr.storage import FsspecStore

from benchmarks.network import LATENCY, Remote, far_away, is_of_a_chunk
from benchmarks.scenarios.many_small_objects import wide_file
from benchmarks.scenarios.remote_session import SIZES
from hdmf_store import NWBZarrIO

AT_ONCE = 64
SMALL = 64 * 2**10
_NAME = "wide.nwb.zarr"
_LENGTH = 8


def joined(folder: Path, keys: Iterable[str]) -> bytes:
    """Return the bundle of what lies under keys."""
    index, pieces, end = {}, [], 0
    for key in keys:
        piece = (folder / key).read_bytes()
        index[key] = (end, len(piece))
        pieces.append(piece)
        end += len(piece)
    head = json.dumps(index, separators=(",", ":")).encode()
    return b"".join([len(head).to_bytes(_LENGTH, "little"), head, *pieces])


def taken_apart(bundle: bytes) -> dict[str, bytes]:
    """Return what a bundle holds, by key."""
    start = _LENGTH + int.from_bytes(bundle[:_LENGTH], "little")
    index = json.loads(bundle[_LENGTH:start])
    return {key: bundle[start + first : start + first + size] for key, (first, size) in index.items()}


async def one_by_one(store: FsspecStore, keys: Iterable[str]) -> dict[str, bytes]:
    """Return what lies under keys, a request for each, so many at once."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def got(key: str) -> tuple[str, bytes]:
        async with gate:
            found = await store.get(key, default_buffer_prototype())
        assert found is not None, key
        return key, found.to_bytes()

    return dict(await asyncio.gather(*map(got, keys)))


async def as_one(store: FsspecStore, name: str) -> dict[str, bytes]:
    """Return what the bundle of that name holds."""
    return taken_apart((await one_by_one(store, [name]))[name])


def opened(url: str) -> None:
    """Open the file with this package as it is, until there is an NWBFile."""
    with NWBZarrIO(url, mode="r") as io:
        io.read()


def main() -> None:
    """Measure, hold what was fetched against what was stored, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--latency", type=float, default=LATENCY)
    parser.add_argument("--scale", choices=sorted(SIZES), default="full")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / _NAME
        with NWBZarrIO(str(folder), mode="w") as io:
            io.write(wide_file(SIZES[chosen.scale]))
        with far_away(Path(name), chosen.latency) as remote:
            url = f"{remote.url}/{_NAME}"
            opened(url)  # what is set up on first use does not count
            needed = [key.removeprefix(f"{_NAME}/") for key in remote.asked().chunk_keys]
            every = [str(file.relative_to(folder)) for file in sorted(folder.rglob("*")) if _is_small_chunk(file)]
            (folder / "bundle").write_bytes(joined(folder, needed))
            (folder / "bundle_of_all").write_bytes(joined(folder, every))
            _measure(remote, url, folder, needed, every, chosen.rounds)
    print(f"\nLatency {1000 * chosen.latency:.0f} ms, medians of {chosen.rounds} rounds, ranges in brackets;", end=" ")
    print(f"load average {os.getloadavg()[0]:.1f}.")


def _is_small_chunk(file: Path) -> bool:
    return is_of_a_chunk(file.as_posix()) and file.is_file() and file.stat().st_size <= SMALL


def _measure(remote: Remote, url: str, folder: Path, needed: list[str], every: list[str], rounds: int) -> None:
    store = FsspecStore.from_url(url, read_only=True)
    sync(one_by_one(store, needed))  # its connections
    remote.asked()
    ways: dict[str, Callable[[], Any]] = {
        "open+read": lambda: opened(url),
        "batch": lambda: sync(one_by_one(store, needed)),
        "bundle": lambda: sync(as_one(store, "bundle")),
        "bundle of all": lambda: sync(as_one(store, "bundle_of_all")),
    }
    seconds: dict[str, list[float]] = {way: [] for way in (*ways, "batch in it")}
    requests = {}
    for _ in range(rounds):
        for way, fetch in ways.items():
            begun = time.perf_counter()
            found = fetch()
            seconds[way].append(time.perf_counter() - begun)
            asked = remote.asked()
            requests[way] = asked.requests
            if way == "open+read":
                seconds["batch in it"].append(asked.chunk_seconds)
                requests["batch in it"] = asked.chunks
            else:
                expected = every if way == "bundle of all" else needed
                assert found == {key: (folder / key).read_bytes() for key in expected}, way
    sizes = {
        "batch": sum((folder / key).stat().st_size for key in needed),
        "bundle": (folder / "bundle").stat().st_size,
        "bundle of all": (folder / "bundle_of_all").stat().st_size,
    }
    print("| what | seconds | requests | chunks | bytes |\n| --- | ---: | ---: | ---: | ---: |")
    for way in ("open+read", "batch in it", "batch", "bundle", "bundle of all"):
        some = seconds[way]
        span = f"{statistics.median(some):.3f} ({min(some):.3f} to {max(some):.3f})"
        chunks = len(every) if way == "bundle of all" else len(needed)
        size = f"{sizes[way]:,}" if way in sizes else "–"
        print(f"| {way} | {span} | {requests[way]:,} | {chunks:,} | {size} |")


if __name__ == "__main__":
    main()
