"""Progress as people see it: one bar over bytes, one over objects; a line now and then where there is no terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

from hdmf_store.facade.units import in_units

__all__ = ["Bars"]

LINE_EVERY = 10.0
"""Seconds between two lines in a log."""

_WIDE, _NARROW = 100, 60
"""Columns of a terminal: in fewer there is no bar, in still fewer neither rate nor time: no number is cut."""

_NUMBERS = {True: 52, False: 28}
"""Columns for the numbers, with a rate and the time that remains, or without."""

_BAR = 20


def _fitting(title: str, width: int) -> str:
    """Return as much of a title as a terminal of a width has room for beside the numbers."""
    room = max(8, width - _NUMBERS[width >= _NARROW] - (_BAR if width >= _WIDE else 0))
    return title if len(title) <= room else f"{title[: room - 1]}…"


class _Count(ProgressColumn):
    """How much is done, of how much, and how fast, in the unit of a bar."""

    def __init__(self, *, with_rate: bool) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self._with_rate = with_rate

    def render(self, task: Task) -> Text:
        """Return the text of one bar."""
        speed = task.speed if self._with_rate else None
        return Text(_counted(task.completed, task.total, bool(task.fields["is_size"]), speed))


def _counted(done: float, total: float | None, is_size: bool, speed: float | None = None) -> str:
    said = in_units if is_size else lambda count: f"{count}"
    counted = said(int(done)) if total is None else f"{said(int(done))} of {said(int(total))}"
    rate = f", {in_units(speed)}/s" if is_size and speed else ""
    return f"{counted}{'' if is_size else ' objects'}{rate}"


class Bars:
    """Bars on a terminal or in a notebook, lines in a log.

    Parameters
    ----------
    title : str
    hidden : bool, default False
        Show nothing at all.
    console : rich.console.Console, optional
        Standard error by default.
    line_every : float
        Seconds between two lines where there is no terminal.
    """

    def __init__(
        self,
        title: str,
        *,
        hidden: bool = False,
        console: Console | None = None,
        line_every: float = LINE_EVERY,
    ) -> None:
        self._title = title
        self._console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._hidden = hidden
        self._draws = not hidden and (self._console.is_terminal or self._console.is_jupyter)
        self._line_every = line_every
        self._totals: tuple[int | None, int | None] = (None, None)
        self._done = [0, 0]
        self._next_line = time.monotonic() + line_every
        width = self._console.width
        self._bars = Progress(
            TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
            *([BarColumn(_BAR)] if width >= _WIDE else []),
            _Count(with_rate=width >= _NARROW),
            *([TimeRemainingColumn()] if width >= _NARROW else []),
            console=self._console,
            transient=True,
            disable=not self._draws,
        )
        self._tasks: list[Any] = [None, None]

    def begin(self, size: int | None, objects: int | None, *, counts_size: bool = True) -> None:
        """Say how much there is to do.

        Parameters
        ----------
        size : int or None
            Bytes of values; None if nobody knows.
        objects : int or None
        counts_size : bool, default True
            Whether bytes are counted at all.
        """
        self._totals = (size, objects)
        title = _fitting(self._title, self._console.width)
        if counts_size:
            self._tasks[0] = self._bars.add_task(title, total=size, is_size=True)
        self._tasks[1] = self._bars.add_task("" if counts_size else title, total=objects, is_size=False)

    def __call__(self, size: int, objects: int) -> None:
        """Advance; the padding of chunks never takes a bar past its end."""
        for position, step in enumerate((size, objects)):
            total, task = self._totals[position], self._tasks[position]
            before = self._done[position]
            self._done[position] = before + step if total is None else min(before + step, total)
            if task is not None:
                self._bars.update(task, advance=self._done[position] - before)
        if not self._draws and not self._hidden and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + self._line_every
            self._console.print(f"{self._title}: {self._line()}", markup=False)

    def _line(self) -> str:
        counted = zip(self._done, self._totals, self._tasks, (True, False), strict=True)
        return ", ".join(_counted(done, total, is_size) for done, total, task, is_size in counted if task is not None)

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()
