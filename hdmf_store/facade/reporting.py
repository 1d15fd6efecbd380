"""What users pass as `progress`, as the two functions that a write calls: what there is to do, and what is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import attrs

from hdmf_store.adapter import Progress
from hdmf_store.errors import ArgumentTypeError

__all__ = ["Reports", "check_progress", "reports_to"]


@attrs.frozen
class Reports:
    """Whom a write tells how far it is.

    Parameters
    ----------
    begin : callable or None
        Called once before anything is stored, with the bytes of all values, None if nobody knows them, and the number
        of groups and datasets.
    report : callable or None
    """

    begin: Callable[[int | None, int], None] | None = None
    report: Progress | None = None


def check_progress(progress: Any) -> None:
    """Refuse what is neither a truth value nor a function nor a bar.

    Raises
    ------
    ArgumentTypeError
    """
    if progress is None or isinstance(progress, bool) or callable(progress) or _is_bar(progress):
        return
    raise ArgumentTypeError(
        f"progress must be True, a function, or a bar such as tqdm's, not {progress!r:.60} ({type(progress).__name__})"
    )


@contextmanager
def reports_to(progress: Any, title: str) -> Iterator[Reports]:
    """Give what a write calls for a user's `progress`; bars that were made for it are closed at the end.

    Parameters
    ----------
    progress : bool, callable, bar or class of bars
        True shows bars of our own. A function is called with bytes and objects. A bar has `update`, as those of tqdm,
        and counts bytes; of a class of bars, one is made.
    title : str
        Of what is going on.
    """
    if progress is None or progress is False:
        yield Reports()
    elif progress is True:
        from hdmf_store.facade.bars import Bars

        with Bars(title) as bars:
            yield Reports(bars.begin, bars)
    elif _is_bar(progress):
        meter = _Meter(progress, title)
        try:
            yield Reports(meter.begin, meter)
        finally:
            meter.close()
    else:
        yield Reports(None, progress)


def _is_bar(progress: Any) -> bool:
    return callable(getattr(progress, "update", None))


@attrs.define
class _Meter:
    """A bar of tqdm's kind over bytes: a user's own, or one of a user's class."""

    given: Any
    title: str
    bar: Any = None
    left: float = math.inf

    def begin(self, size: int | None, objects: int) -> None:
        """Make the bar, or tell it the total if it has none."""
        self.left = math.inf if size is None else size
        if isinstance(self.given, type):
            self.bar = self.given(total=size, desc=self.title, unit="B", unit_scale=True)
            return
        self.bar = self.given
        if size is not None and getattr(self.bar, "total", 0) is None:
            self.bar.total = size

    def __call__(self, size: int, objects: int) -> None:
        step = min(size, self.left)  # padding of chunks is nobody's data
        if step:
            self.left -= step
            self.bar.update(step)

    def close(self) -> None:
        """Close a bar that was made here; a user's own stays open."""
        if self.bar is not None and self.bar is not self.given:
            self.bar.close()
