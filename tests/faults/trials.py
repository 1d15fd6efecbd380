"""One change, killed at one operation after another, and what was lost.

``python -m tests.faults.trials`` tries every operation of every change, and says how many there were.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.nodes import Group
from hdmf_store_adapters.local_files import TEMPORARY
from tests.faults.changes import CHANGES, PLACES, Change, is_old_or_new, seen
from tests.faults.killed import NEVER, run_until

__all__ = ["Trials"]

_MODES = ("r", "r-", "a")
_OF_ZARR = ".partial"
"""How the names of unfinished files end where zarr's own folder store writes: chunks that are assigned."""


class Trials:
    """A change of a hierarchy in a folder or an archive, to be killed.

    Parameters
    ----------
    folder : Path
        Empty; for this alone.
    kind : str
        Of `PLACES`.
    name : str
        Of `CHANGES`.
    """

    def __init__(self, folder: Path, kind: str, name: str) -> None:
        self.folder, self.kind, self.name = folder, kind, name
        change = self._change
        for state in ("before", "after"):
            (self.folder / state).mkdir()
            change.prepare(self._place(state))
        self._old = {mode: seen(self._place("before"), mode) for mode in _MODES}
        _, self.operations = run_until(NEVER, self.folder / "after", change.do, self._place("after"))
        self._new = {mode: seen(self._place("after"), mode) for mode in _MODES}

    @property
    def _change(self) -> Change:
        return CHANGES[self.name]

    def _place(self, state: str) -> Path:
        return self.folder / state / PLACES[self.kind]

    def sample(self, count: int) -> list[int]:
        """Return some of the operations, the last two among them."""
        last = len(self.operations) - 1
        return sorted({*np.linspace(0, last, count).astype(int).tolist(), last - 1, last})

    def losses(self, operation: int) -> list[str]:
        """Kill the change at an operation, and return what is neither as before nor as after it, or harmed by it."""
        shutil.rmtree(self.folder / "tried", ignore_errors=True)
        shutil.copytree(self.folder / "before", self.folder / "tried")
        place = self._place("tried")
        was_killed, _ = run_until(operation, self.folder / "tried", self._change.do, place)
        if not was_killed:
            raise RuntimeError(f"{self.name}: there is no operation {operation}")
        at = f"{self.kind}, {self.name}, killed at {operation} ({self.operations[operation]}): "
        return [at + line for line in (*self._misread(place), *self._misled(place))]

    def _misread(self, place: Path) -> Iterator[str]:
        change, is_folder = self._change, self.kind == "folder"
        for mode in _MODES:
            divided = is_folder and (change.in_place or (mode != "r" and not change.is_undivided))
            found = seen(place, mode)
            in_place = is_folder and change.in_place
            if not is_old_or_new(found, self._old[mode], self._new[mode], objects=divided, values=in_place):
                yield f"mode {mode} reads {found}"

    def _misled(self, place: Path) -> Iterator[str]:
        """Change it once more, by who knows nothing of the one that was killed."""
        change = self._change
        if change.can_be_repeated:
            change.do(place)
            wanted = self._new
            left = _files(place.parent) - _files(self._place("after").parent)
            if any(TEMPORARY not in key and not key.endswith(_OF_ZARR) for key in left):
                yield f"after the next change, there are {sorted(left)}"
        else:
            found = {**(seen(place, "a") or {}), "/later": ({}, None)}
            wanted = dict.fromkeys(_MODES, found)
            adapter = open_adapter(place, "a")
            adapter.write(Plan(nodes={"/later": Group()}))
            adapter.close()
        for mode in _MODES:
            if (reads := seen(place, mode)) != wanted[mode]:
                yield f"after the next change, mode {mode} reads {reads}"


def _files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def main() -> int:
    """Try everything; say what was lost."""
    lost = []
    for kind in PLACES:
        for name in CHANGES:
            with tempfile.TemporaryDirectory() as folder:
                trials = Trials(Path(folder), kind, name)
                found = [line for at in range(len(trials.operations)) for line in trials.losses(at)]
            sys.stdout.write(f"{kind}, {name}: {len(trials.operations)} faults, {len(found)} losses\n")
            sys.stdout.flush()
            lost += found
    sys.stdout.write("".join(line + "\n" for line in lost))
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
