"""What all commands have in common: where they print, how they open files, how they end."""

from __future__ import annotations

import functools
import sys
import warnings
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from hdmf_store.adapter import StoreAdapter, open_adapter, shown, url_parts
from hdmf_store.cli.ending import INTERRUPTED
from hdmf_store.cli.printable import printable
from hdmf_store.cli.servers import options_for
from hdmf_store.errors import AccessError, ArgumentError, HDMFStoreError, HierarchyExistsError

__all__ = ["DIFFERENT", "EPILOG", "MAY_READ", "OUT", "TABLE", "WIDE", "Opened", "command", "name_of"]

DIFFERENT, WRONG_CALL, FAILED = 1, 2, 3

_CREDENTIALS = """Here they are passed as --storage-options '{"anon": true}', for instance."""

MAY_READ = click.option(
    "--may-read", multiple=True, metavar="PLACE", help="A folder or URL to which the files may also lead. Repeatable."
)

EPILOG = (
    f"Exit codes: 0 done, {DIFFERENT} the files differ, {WRONG_CALL} wrong call, {FAILED} something failed, "
    f"{INTERRUPTED} interrupted."
)


class _SafeConsole(Console):
    """Prints what is in files, and in errors about them, so that it does not steer the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(printable(item) if isinstance(item, str) else item for item in objects), **options)

    def on_broken_pipe(self) -> None:
        """Leave the end to who ends all commands, instead of ending here with the exit code of a difference."""
        raise BrokenPipeError


OUT = _SafeConsole(highlight=False, soft_wrap=True)
WIDE = _SafeConsole(highlight=False, soft_wrap=True, width=100_000)
"""For trees, whose lines rich cuts at the console's width, which is 80 columns in a pipe: no name may lose its end."""

TABLE = _SafeConsole(highlight=False, width=200)
"""For tables in a pipe, which would be 80 columns wide there."""

_err = _SafeConsole(stderr=True, highlight=False, soft_wrap=True)


def command(function: Callable[..., Any]) -> click.Command:
    """Make a command of a function, whose errors are shown and whose help tells the exit codes."""
    return click.command(epilog=EPILOG)(_reports_errors(function))


def _reports_errors(command: Callable[..., Any]) -> Callable[..., Any]:
    """Show an error in one paragraph, with the way out, and leave with its exit code."""

    @functools.wraps(command)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.showwarning = _show_warning
                return command(*args, **kwargs)
        except ArgumentError as problem:
            _err.print(f"Error: {problem}", style="red", markup=False)
            sys.exit(WRONG_CALL)
        except BrokenPipeError:
            raise
        except AccessError as problem:
            way_out = "" if problem.errno else f". {_CREDENTIALS}"  # a number is this system's: no server was asked
            _err.print(f"Error: {problem}{way_out}", style="red", markup=False)
            sys.exit(FAILED)
        except (HDMFStoreError, OSError) as problem:
            _err.print(f"Error: {problem}", style="red", markup=False)
            sys.exit(FAILED)
        except RecursionError:
            _err.print("Error: what the file holds is nested deeper than Python can follow", style="red", markup=False)
            sys.exit(FAILED)

    return guarded


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _err.print(f"Warning: {message}", style="yellow", markup=False)


class Opened:
    """One adapter, open for a ``with`` block."""

    def __init__(self, place: str, mode: str, **options: Any) -> None:
        self._place, self._mode, self._options = place, mode, options
        self._adapter: StoreAdapter | None = None

    def __enter__(self) -> StoreAdapter:
        try:
            self._adapter = open_adapter(self._place, self._mode, **options_for(self._place), **self._options)
        except HierarchyExistsError as problem:
            if self._mode != "w-":
                raise
            raise HierarchyExistsError(problem.location, "exists. Replace it with --overwrite") from problem
        return self._adapter

    def __exit__(self, *_: object) -> None:
        if self._adapter is not None:
            self._adapter.close()


def name_of(place: str) -> str:
    """Return a place as it was typed, without what is secret in a URL."""
    return place if url_parts(place) is None else shown(place)[1:-1]
