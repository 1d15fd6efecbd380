"""How much memory this process occupied, at most, ever or since a moment. Standard library only."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from pathlib import Path

_CLEAR = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def peak_memory() -> int:
    """Return the most bytes of memory that this process ever occupied, its imports included.

    The kernel is asked for the highest mark of this process image first: what ``getrusage`` says counts the
    process it was started from as well.
    """
    if (mark := _status("VmHWM")) is not None:
        return max(mark, _forgotten)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def watch_added_memory() -> Callable[[], int | None]:
    """Start to watch, and return a function that tells the most bytes added since.

    What was occupied at the start is not counted, nor is what is put into room that was freed before. The
    function returns None where the system keeps no mark that can be set back, which only Linux does.
    """
    global _forgotten
    _forgotten = max(_forgotten, _status("VmHWM") or 0)
    try:
        _CLEAR.write_text("5")  # sets VmHWM back to what is occupied now
    except OSError:
        return lambda: None
    before = _status("VmRSS") or 0

    def added() -> int | None:
        mark = _status("VmHWM")
        return None if mark is None else max(0, mark - before)

    return added


#: The highest mark before it was last set back.
_forgotten = 0


def _status(field: str) -> int | None:
    """Return a field of the kernel's account of this process in bytes, or None where there is none."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(field + ":")), None)
