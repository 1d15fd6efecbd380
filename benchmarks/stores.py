"""How long the example recording takes to write, to open and to read, in each store that ships; prints a table.

Run it from the top of a checkout, in an environment with the extras ``nwb`` and ``icechunk``::

    python -m benchmarks.stores [--rounds 5]

*write* converts the recording, which lies in HDF5, through nodes. *open* opens what was written and reads the metadata
of all objects. *read* reads every value, in a file that is open. Each is the median of the rounds; a store has one turn
in each round. What the stores have in caches of the operating system stays there.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from zarr.storage import MemoryStore

from hdmf_store import DirectoryStore, NestedDirectoryStore, open_adapter
from hdmf_store.nodes import Dataset
from hdmf_store.translate.convert import convert

RECORDING = Path(__file__).parents[1] / "examples" / "sub-healthy-simulated-beta_ses-162_ecephys.nwb"

STORES: dict[str, Callable[[Path], Any]] = {
    "folder": lambda folder: folder / "a.zarr",
    "`DirectoryStore`": lambda folder: DirectoryStore(folder / "a.zarr"),
    "`NestedDirectoryStore`": lambda folder: NestedDirectoryStore(folder / "a.zarr"),
    "`MemoryStore`": lambda folder: MemoryStore(),
    "zip": lambda folder: folder / "a.zarr.zip",
    "Icechunk": lambda folder: f"icechunk://{folder}/a",
    "HDF5": lambda folder: folder / "a.nwb",
}


def measured(new_place: Callable[[Path], Any]) -> tuple[list[float], int, int]:
    """Return the milliseconds of each step, and the files and bytes that are left."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        place = new_place(folder)
        source = open_adapter(RECORDING, "r")
        times = [time.perf_counter()]
        made = open_adapter(place, "w")
        convert(source, made)
        made.close()
        times.append(time.perf_counter())
        source.close()

        begun = time.perf_counter()
        reader = open_adapter(place, "r")
        hierarchy = reader.load()
        opened = time.perf_counter()
        reader.fetch([path for path, node in hierarchy.nodes.items() if isinstance(node, Dataset)])
        read = time.perf_counter()
        reader.close()
        files = [path for path in folder.rglob("*") if path.is_file()]
        steps = [times[1] - times[0], opened - begun, read - opened]
        return [1000 * step for step in steps], len(files), sum(path.stat().st_size for path in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    for new_place in STORES.values():
        measured(new_place)  # what a library sets up on first use does not count
    found = [{name: measured(new_place) for name, new_place in STORES.items()} for _ in range(rounds)]

    print("| store | write, ms | open, ms | read, ms | files | KiB |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in STORES:
        steps = [statistics.median(turn[name][0][step] for turn in found) for step in range(3)]
        _, files, size = found[-1][name]
        written = f"{files} | {size / 1024:.0f}" if files else "– | –"
        print(
            f"| {name} | {' | '.join(f'{step:.0f}' if step >= 10 else f'{step:.1f}' for step in steps)} | {written} |"
        )
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    print(
        f"\nPython {platform.python_version()}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors,"
    )
    print(f"load average {loads}; medians of {rounds} rounds.")


if __name__ == "__main__":
    main()
