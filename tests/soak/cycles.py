"""One cycle of a file's daily life, in each kind of store, repeated in a process of its own that measures itself.

``python -m tests.soak.cycles KIND CYCLES`` prints what a run takes.
"""

from __future__ import annotations

import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.nodes import ROOT, ArraySource, Dataset, Group, Layout, Number, Text

__all__ = ["KINDS", "Growth", "measured", "soak", "soak_on_server"]

_ROWS, _MOST_ROWS = 40, 60
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@attrs.frozen
class _Sample:
    memory: int
    files: int
    threads: int
    processes: int

    @classmethod
    def now(cls) -> _Sample:
        """Return what this process takes now."""
        gc.collect()
        resident = int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE
        children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
        return cls(resident, len(os.listdir("/proc/self/fd")), threading.active_count(), len(children))


@attrs.frozen
class Growth:
    """What a process has more at the end of a run than when it was warm.

    Parameters
    ----------
    cycles : int
    memory : int
        Bytes.
    files, threads, processes : int
    slower : float
        How often the time of an early cycle goes into that of a late one: medians of the time that the processor spent.
    seconds : float
        Of one cycle, on average, as the clock has it.
    """

    cycles: int
    memory: int
    files: int
    threads: int
    processes: int
    slower: float
    seconds: float


def measured(cycle: Callable[[int], None], cycles: int) -> Growth:
    """Repeat something, and return what it leaves behind; the first fifth is for getting warm."""
    warm = cycles // 5
    for number in range(warm):
        cycle(number)
    before, took, began = _Sample.now(), [], time.monotonic()
    for number in range(warm, cycles):
        start = time.process_time()
        cycle(number)
        took.append(time.process_time() - start)
    seconds, after = (time.monotonic() - began) / len(took), _Sample.now()
    part = max(1, len(took) // 4)
    return Growth(
        cycles,
        after.memory - before.memory,
        after.files - before.files,
        after.threads - before.threads,
        after.processes - before.processes,
        float(np.median(took[-part:]) / np.median(took[:part])),
        seconds,
    )


# ------------------------------------------------------------------------------------------------------- the cycles


def _of_nodes(place: Any, number: int, **options: Any) -> None:
    """Replace, extend, shorten or describe a file, and read it; its size has a bound."""
    open_again = partial(open_adapter, place, **options)
    if number % 25 == 0:
        adapter = open_again(mode="w")
        words = np.array([f"word {at}" for at in range(30)], object)
        long = Dataset(
            Number("int32"), (_ROWS,), ArraySource(np.arange(_ROWS)), {}, Layout(chunks=(16,), maxshape=(None,))
        )
        text = Dataset(Text(), words.shape, ArraySource(words), {}, Layout(chunks=(7,)))
        adapter.write(Plan(nodes={ROOT: Group({"made": number}), "/g": Group(), "/g/x": long, "/words": text}))
        adapter.close()
    adapter = open_again(mode="r+")
    array: Any = adapter.array("/g/x")
    length = len(array)
    if length < _MOST_ROWS:
        array.resize((length + 1,))
        array[length] = number
    else:
        array.resize((_ROWS,))
    adapter.write(Plan(nodes={"/g": Group({"cycle": number})}))
    adapter.close()
    adapter = open_again(mode="r")
    assert adapter.load()["/g"].attributes == {"cycle": number}
    assert adapter.fetch(["/words"])["/words"][29] == "word 29"
    found = adapter.array("/g/x")
    assert found[:_ROWS].tolist() == list(range(_ROWS))
    assert found[np.array([0, 3, 5])].tolist() == [0, 3, 5]
    adapter.close()


def _of_containers(place: Path, number: int) -> None:
    """Write a table, add a row, and read it, as users do."""
    from hdmf.common import DynamicTable, get_manager

    from hdmf_store import ZarrIO

    if number % 10 == 0:
        table = DynamicTable(name="root", description="d")
        table.add_column("x", "a number")
        table.add_row(x=0.0)
        with ZarrIO(place, "w", get_manager()) as io:
            io.write(table)
    with ZarrIO(place, "r+", get_manager()) as io:
        table = io.read()
        table.add_row(x=float(number))
        io.write(table)
    with ZarrIO(place, "r", get_manager()) as io:
        assert io.read()["x"][-1] == float(number)


_kept: list[Any] = []


def _forgetting_to_close(place: Path, number: int) -> None:
    """Keep files open and something in memory, and take longer each time: what a soak is to see."""
    if number == 0:
        _of_nodes(place, 0)
    adapter = open_adapter(place, "r")
    adapter.load()
    _kept.append((adapter, bytearray(100_000)))
    sum(range(1000 * len(_kept)))


KINDS: dict[str, Callable[[Path], Callable[[int], None]]] = {
    "folder": lambda folder: partial(_of_nodes, folder / "a.zarr"),
    "folder, shared": lambda folder: partial(_of_nodes, folder / "a.zarr", synchronizer=True),
    "archive": lambda folder: partial(_of_nodes, folder / "a.zarr.zip"),
    "memory": lambda folder: partial(_of_nodes, MemoryStore()),
    "HDF5": lambda folder: partial(_of_nodes, folder / "a.h5"),
    "containers": lambda folder: partial(_of_containers, folder / "a.zarr"),
    "forgetting to close": lambda folder: partial(_forgetting_to_close, folder / "a.zarr"),
}


def soak(pipe: Any, kind: str, folder: Path, cycles: int) -> None:
    """Run cycles in this process, and tell how it grew."""
    pipe.send(measured(KINDS[kind](folder), cycles))


def soak_on_server(pipe: Any, url: str, options: dict[str, Any], cycles: int) -> None:
    """Run cycles over a server."""
    pipe.send(measured(partial(_of_nodes, url, storage_options=options), cycles))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as _folder:
        print(measured(KINDS[sys.argv[1]](Path(_folder)), int(sys.argv[2])))  # noqa: T201
