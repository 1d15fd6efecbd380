"""How a command ends when something outside ends it: a key, a signal, a pipe that nobody reads any more.

Files that were under way are removed on the way out, as after any error; what is said is one line, and the exit codes
are those of shells: 128 and the number of the signal.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import click

__all__ = ["INTERRUPTED", "TERMINATED", "UNREAD", "ends_quietly"]

INTERRUPTED, UNREAD, TERMINATED = 130, 141, 143


@contextmanager
def ends_quietly() -> Iterator[None]:
    """Turn Ctrl-C, the signal TERM and a closed pipe into exit codes, within a ``with`` block."""
    _escape_what_cannot_be_encoded()
    try:
        with _terminable():
            try:
                yield
            finally:
                sys.stdout.flush()  # here, where a closed pipe can still be answered
    except KeyboardInterrupt:
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _write_nowhere()
        sys.exit(UNREAD)


def _escape_what_cannot_be_encoded() -> None:
    """Let streams escape what the terminal's encoding does not have, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _write_nowhere() -> None:
    """Have what Python still wants to write at its end go nowhere, else it complains."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


@contextmanager
def _terminable() -> Iterator[None]:
    """Let the signal TERM, as batch systems send it, take the way of an error, so that nothing is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    here = os.getpid()

    def end(number: int, _frame: Any) -> None:
        if os.getpid() == here:
            sys.exit(TERMINATED)
        signal.signal(number, signal.SIG_DFL)  # a child that inherited this ends as it would have
        os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
