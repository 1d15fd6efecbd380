"""Kill a process right before its nth operation that changes something in a folder, and count such operations.

Opening for writing, making, renaming and removing are seen by an audit hook. What no hook sees, writes of bytes and
the exchange of two names, is seen where Python's `open` and the package's own function are replaced, in the process
that is to be killed only. A write of bytes counts twice: before it, and when half of it is done.
"""

from __future__ import annotations

import builtins
import io
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.faults.traced import watched

__all__ = ["NEVER", "run_until", "traced"]

NEVER = -1

_FRESH = multiprocessing.get_context("forkserver")
_FRESH.set_forkserver_preload(
    [
        "tests.faults.calls",
        "tests.faults.changes",
        "zarr",
        *(f"hdmf_store_adapters.{name}_adapter" for name in ("zarr", "zip", "hdf5", "icechunk")),
    ]
)
_CHANGES = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate")
_TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


def run_until(
    operation: int, folder: Path, work: Callable[..., None], *arguments: Any, is_traced: bool = False
) -> tuple[bool, list[str]]:
    """Do work in a process of its own that is killed at an operation.

    Parameters
    ----------
    operation : int
        From 0; `NEVER` for a process that lives.
    folder : Path
        Only what is changed in it counts.
    work : callable
        Importable, with arguments that can be pickled.
    is_traced : bool, default False
        Whether calls of the system count, which other languages make as well, in place of what Python sees.

    Returns
    -------
    was_killed : bool
    operations : list of str
        What it did until then, and what it was about to do.
    """
    was_killed, told = _run(watched if is_traced else _watched, operation, folder, work, arguments)
    return was_killed, [what if isinstance(what, str) else what[0] for what in told]


def traced(folder: Path, work: Callable[..., None], *arguments: Any) -> list[tuple[str, str, str]]:
    """Do work in a process of its own, and return what it asks the system to change, or to put on disk, in a folder.

    Returns
    -------
    list of (str, str, str)
        In words, with the path, and with the new path of what is renamed.
    """
    return _run(watched, NEVER, folder, work, arguments)[1]


def _run(
    watching: Callable[..., None], operation: int, folder: Path, work: Callable[..., None], arguments: Any
) -> tuple[bool, list[Any]]:
    ours, theirs = _FRESH.Pipe(duplex=False)
    child = _FRESH.Process(target=watching, args=(theirs, operation, str(folder), work, arguments))
    child.start()
    theirs.close()
    operations = []
    try:
        while True:
            operations.append(ours.recv())
    except EOFError:
        child.join()
    ours.close()
    if child.exitcode not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the process ended with {child.exitcode} after {operations}")
    return child.exitcode != 0, operations


def _watched(told: Any, operation: int, folder: str, work: Callable[..., None], arguments: Any) -> None:
    left = [operation]

    def step(what: str) -> None:
        told.send(what)
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def is_here(path: Any) -> bool:
        return isinstance(path, str | bytes | os.PathLike) and os.fsdecode(path).startswith(folder)

    def hook(event: str, facts: tuple[Any, ...]) -> None:
        if event == "open" and is_here(facts[0]) and (facts[2] or 0) & _TO_WRITE:
            step(f"open {_short(facts[0])}")
        elif event in _CHANGES and (is_here(facts[0]) or facts[-1] not in (-1, None)):  # or below an open folder
            step(f"{event.removeprefix('os.')} {_short(facts[0])}")

    sys.addaudithook(hook)
    _see_writes(step, is_here)
    _see_exchanges(step)
    work(*arguments)


def _see_writes(step: Callable[[str], None], is_here: Callable[[Any], bool]) -> None:
    """Let files that are opened for writing tell of each write that the system is asked for."""
    opened = builtins.open

    class Told(io.FileIO):
        def write(self, data: Any) -> int:
            view = memoryview(data)
            half = len(view) // 2
            step(f"write {_short(self.name)}")
            super().write(view[:half])
            step(f"write half of {_short(self.name)}")
            super().write(view[half:])
            return len(view)

    def telling(file: Any, mode: str = "r", buffering: int = -1, *more: Any, **named: Any) -> Any:
        if "b" not in mode or not set(mode) & set("wxa+") or not is_here(file):
            return opened(file, mode, buffering, *more, **named)
        raw = Told(file, mode.replace("b", ""))
        if buffering == 0:
            return raw
        size = buffering if buffering > 0 else io.DEFAULT_BUFFER_SIZE
        return io.BufferedRandom(raw, size) if "+" in mode else io.BufferedWriter(raw, size)

    builtins.open = telling  # type: ignore[assignment]


def _see_exchanges(step: Callable[[str], None]) -> None:
    from hdmf_store_adapters import exchanging

    exchange = exchanging._exchange

    def telling(one: str, other: str) -> bool:
        step(f"exchange {_short(one)}")
        return exchange(one, other)

    exchanging._exchange = telling


def _short(path: Any) -> str:
    return os.path.basename(os.fsdecode(path))
