"""What ``durable=True`` costs: the same writes with waiting for the disk, and without.

Run it from the top of a checkout::

    python -m benchmarks.experiments.durable [--folder PLACE] [--rounds 5]

The two take turns, each after the system has written all that was left of the one before. What a disk takes to have
something on it differs from one to the next by orders of magnitude: name a folder on yours.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.report import Table, as_markdown
from hdmf_store.adapter import Plan, StoreAdapter, open_adapter
from hdmf_store.nodes import ArraySource, Dataset, Group, Layout, Node, Number

_PLACES = {"folder": "a.zarr", "archive": "a.zarr.zip", "HDF5": "a.h5"}


def _many(count: int, name: str = "d") -> dict[str, Node]:
    values = ArraySource(np.arange(100, dtype="int64"))
    return {f"/{name}{at}": Dataset(Number("int64"), (100,), values, {"unit": "V"}) for at in range(count)}


def _large(size: int) -> dict[str, Node]:
    values = np.random.default_rng(7).integers(-500, 500, size // 2, dtype="int16")
    return {"/raw": Dataset(Number("int16"), values.shape, ArraySource(values), {}, Layout(compressors=()))}


_SMALL, _LARGE = {"/": Group(), **_many(300)}, {"/": Group(), **_large(32 * 2**20)}


def _write(nodes: dict[str, Node]) -> Callable[[StoreAdapter], None]:
    return lambda adapter: adapter.write(Plan(nodes=nodes))


_WORK: dict[str, tuple[str, Callable[[StoreAdapter], None]]] = {
    "a new file with 300 small datasets": ("w", _write(_SMALL)),
    "a new file with 32 MiB in one dataset": ("w", _write(_LARGE)),
    "ten small datasets more, in a file with 300": ("a", _write(_many(10, "more"))),
}


def _seconds(place: Path, mode: str, work: Callable[[StoreAdapter], None], durable: bool) -> float:
    if mode == "a":
        _timed(place, "w", _write(_SMALL), False)
    os.sync()
    return _timed(place, mode, work, durable)


def _timed(place: Path, mode: str, work: Callable[[StoreAdapter], None], durable: bool) -> float:
    begun = time.perf_counter()
    adapter = open_adapter(place, mode, durable=durable)
    work(adapter)
    adapter.close()
    return time.perf_counter() - begun


def _row(folder: Path, kind: str, name: str, rounds: int) -> list[str]:
    mode, work = _WORK[name]
    times: dict[bool, list[float]] = {False: [], True: []}
    for at in range(rounds + 1):
        for durable in (False, True):
            seconds = _seconds(folder / _PLACES[kind], mode, work, durable)
            if at:  # the first only warms up
                times[durable].append(seconds)
            target = folder / _PLACES[kind]
            shutil.rmtree(target) if target.is_dir() else target.unlink()
    lazy, waiting = (statistics.median(times[durable]) for durable in (False, True))
    spread = f"{min(times[True]):.2f} to {max(times[True]):.2f}"
    return [kind, name, f"{lazy:.2f} s", f"{waiting:.2f} s ({spread})", f"{waiting / lazy:.1f}"]


def main() -> int:
    """Measure, and print a table."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    arguments.add_argument("--rounds", type=int, default=5)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        rows = []
        for kind, name in itertools.product(_PLACES, _WORK):
            rows.append(_row(Path(folder), kind, name, given.rounds))
            print(*rows[-1], sep=", ", file=sys.stderr, flush=True)
    heads = ["place", "what is written", "default", "durable (fastest to slowest)", "times as long"]
    print(as_markdown(Table(title="What waiting for the disk costs", head=heads, rows=rows, text_columns=2)))
    print(f"{platform.system()} {platform.release()}, Python {platform.python_version()}, {os.cpu_count()} processors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
