"""One change, killed at one operation after another, and what was lost.

``python -m tests.faults.trials`` tries every operation of every change, and says how many there were; with names of
places after it, only in these.
"""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from hdmf_store import repair
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import LocationError
from hdmf_store.nodes import Group
from hdmf_store_adapters.exchanging import TEMPORARY
from tests.faults.calls import CALLS, called
from tests.faults.changes import CHANGES, LARGE, PLACES, is_old_or_new, promised, seen
from tests.faults.killed import NEVER, run_until

__all__ = ["ALL", "TRACED", "Trials"]

_MODES = ("r", "r-", "a")
_LONGEST = 120
"""Seconds after which a trial counts as one that hangs; it takes one, or a few."""

TRACED = ("HDF5", "Icechunk")
"""Where other languages than Python write."""

ALL = [(kind, name) for kind in PLACES for name in (*promised(kind), *called(kind))]
"""Every change in every kind of place."""


class Trials:
    """A change of a hierarchy, to be killed.

    Parameters
    ----------
    folder : Path
        Empty; for this alone.
    kind : str
        Of `PLACES`.
    name : str
        Of `CHANGES`, `CALLS` or `LARGE`.
    """

    def __init__(self, folder: Path, kind: str, name: str) -> None:
        self.folder, self.kind, self.name = folder, kind, name
        self._place("before").mkdir()
        self._change.prepare(kind, self._place("before"))
        shutil.copytree(self._place("before"), self._place("after"))
        self._old = {mode: seen(kind, self._place("before"), mode) for mode in _MODES}
        _, self.operations = self._run(NEVER, "after")
        self._new = {mode: seen(kind, self._place("after"), mode) for mode in _MODES}

    @property
    def _change(self) -> Any:
        return {**CHANGES, **CALLS, **LARGE}[self.name]

    def _place(self, state: str) -> Path:
        return self.folder / state

    def _run(self, operation: int, state: str) -> tuple[bool, list[str]]:
        place = self._place(state)
        return run_until(operation, place, self._change.do, self.kind, place, is_traced=self.kind in TRACED)

    def sample(self, count: int) -> list[int]:
        """Return some of the operations, the last two among them."""
        last = len(self.operations) - 1
        return sorted({*np.linspace(0, last, count).astype(int).tolist(), last - 1, last} & {*range(last + 1)})

    def losses(self, operation: int) -> list[str]:
        """Kill the change at an operation, and return what is neither as before nor as after it, or harmed by it."""
        place = self._place("tried")
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self._place("before"), place)
        was_killed, operations = self._run(operation, "tried")
        if not was_killed and operation < len(self.operations) // 2:  # threads do not make the same calls each time
            raise RuntimeError(f"{self.name}: there is no operation {operation}")
        at = f"{self.kind}, {self.name}, killed at {operation} ({operations[-1]}): "
        return [at + line for line in (*self._misread(place), *self._misled(place))]

    def _misread(self, place: Path) -> Iterator[str]:
        change, has_parts = self._change, PLACES[self.kind].parts
        in_place = has_parts and change.in_place
        for mode in _MODES:
            divided = in_place or (has_parts and mode != "r" and not change.is_undivided)
            found = seen(self.kind, place, mode)
            if not is_old_or_new(found, self._old[mode], self._new[mode], objects=divided, values=in_place):
                yield f"mode {mode} reads {found}"

    def _misled(self, place: Path) -> Iterator[str]:
        """Change it once more, by who knows nothing of the one that was killed."""
        change = self._change
        if change.can_be_repeated:
            self._repeat(place)
            wanted = self._new
            yield from self._left_over(place)
        else:
            found = {**(seen(self.kind, place, "a") or {}), "/later": ({}, None)}
            wanted = dict.fromkeys(_MODES, found)
            adapter = open_adapter(PLACES[self.kind].within(place), "a")
            adapter.write(Plan(nodes={"/later": Group()}))
            adapter.close()
        for mode in _MODES:
            if (reads := seen(self.kind, place, mode)) != wanted[mode]:
                yield f"after the next change, mode {mode} reads {reads}"

    def _repeat(self, place: Path) -> None:
        """Make the change again; where Icechunk's own creation was cut off, after doing what the error says."""
        try:
            self._change.do(self.kind, place)
        except LocationError as problem:
            if self.kind != "Icechunk" or "Delete that folder" not in str(problem) or self._old["r"] is not None:
                raise
            shutil.rmtree(place / "a")
            self._change.do(self.kind, place)

    def _left_over(self, place: Path) -> Iterator[str]:
        """Tell of files that no writer leaves who lives, nor are gone when they were to be."""
        if self.kind == "Icechunk":
            return  # what was not committed stays in its folder until Icechunk's own collection of garbage
        wanted = _files(self._place("after"))
        left = _files(place) - wanted
        if any(TEMPORARY not in key for key in left):
            yield f"after the next change, there are {sorted(left)}"
        told = [str(one) for one in repair(PLACES[self.kind].within(place), idle=0)] if left else []
        for key in _files(place) - wanted:
            name, mark, rest = key.partition(TEMPORARY)
            if not any(one.startswith("/: tell") and name + mark + rest.partition("/")[0] in one for one in told):
                yield f"the repair leaves {key} without a word"
        if lost := wanted - _files(place):
            yield f"after the repair, there is no {sorted(lost)}"


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


class _HungError(Exception):
    """A trial did not end."""


def _outcome(trials: Trials, operation: int) -> tuple[str, list[str]]:
    """Return what came of a trial, in a word, and what there is to say of it."""
    signal.alarm(_LONGEST)
    try:
        lost = trials.losses(operation)
        return ("loss" if lost else "right", lost)
    except _HungError:
        return "hang", [f"{trials.kind}, {trials.name}, killed at {operation}: no end after {_LONGEST} s"]
    except Exception as problem:  # noqa: BLE001 - whatever a reader or the next writer runs into
        return "error", [f"{trials.kind}, {trials.name}, killed at {operation}: {type(problem).__name__}: {problem}"]
    finally:
        signal.alarm(0)


def _give_up(*_signal: Any) -> None:
    raise _HungError


def main(kinds: list[str]) -> int:
    """Try everything; say what was lost, what did not end, and where who came next ran into an error."""
    signal.signal(signal.SIGALRM, _give_up)
    wrong, total = [], Counter[tuple[str, str]]()
    for kind, name in ALL:
        if kinds and kind not in kinds:
            continue
        with tempfile.TemporaryDirectory() as folder:
            trials = Trials(Path(folder), kind, name)
            for operation in range(len(trials.operations)):
                outcome, lines = _outcome(trials, operation)
                total[kind, outcome] += 1
                wrong += lines
    for kind in dict.fromkeys(kind for kind, _ in total):
        faults = sum(count for (where, _), count in total.items() if where == kind)
        losses, hangs, errors = (total[kind, outcome] for outcome in ("loss", "hang", "error"))
        sys.stdout.write(f"{kind}: {faults} faults, {losses} losses, {hangs} hangs, {errors} errors\n")
    sys.stdout.write("".join(line + "\n" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
