"""A progress bar on a terminal, nothing in a pipe."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["Bar"]


class Bar:
    """One bar over bytes, or over objects.

    Parameters
    ----------
    title : str
    total : int
        Bytes, or objects.
    hidden : bool
        Show nothing.
    objects : bool, default False
        Whether to count objects instead of bytes.
    """

    def __init__(self, title: str, total: int, hidden: bool, *, objects: bool = False) -> None:
        console = Console(stderr=True)
        count = MofNCompleteColumn() if objects else DownloadColumn()
        self._counts_objects = objects
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            count,
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=hidden or not console.is_terminal,
        )
        self._total = total
        self._done = 0
        self._task = self._progress.add_task(title, total=total)

    def __call__(self, size: int, objects: int) -> None:
        """Advance; padding of chunks never takes the bar past its end."""
        step = min(objects if self._counts_objects else size, self._total - self._done)
        self._done += step
        self._progress.update(self._task, advance=step)

    def __enter__(self) -> Bar:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()
