"""The commands, their options and exit codes. What they do is elsewhere; here is what people type and see."""

from __future__ import annotations

import functools
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from hdmf_store._version import __version__
from hdmf_store.adapter import StoreAdapter, open_adapter, plugins, shown, url_parts
from hdmf_store.cli.installed import plugin_as_json, table_of
from hdmf_store.cli.progress import Bar
from hdmf_store.cli.show import file_as_json, size_of, stored_size, strict_json, tree_of
from hdmf_store.errors import ArgumentError, HDMFStoreError, HierarchyExistsError
from hdmf_store.nodes import Dataset, Hierarchy
from hdmf_store.translate.compare import Comparison, compare
from hdmf_store.translate.convert import convert as convert_file
from hdmf_store.translate.examine import examine

__all__ = ["main"]

DIFFERENT, WRONG_CALL, FAILED = 1, 2, 3

_EPILOG = f"Exit codes: 0 done, {DIFFERENT} the files differ, {WRONG_CALL} wrong call, {FAILED} something failed."

_out = Console(highlight=False, soft_wrap=True)
_MAY_READ = click.option(
    "--may-read", multiple=True, metavar="PLACE", help="A folder or URL to which the files may also lead. Repeatable."
)

_err = Console(stderr=True, highlight=False, soft_wrap=True)
_wide = Console(highlight=False, soft_wrap=True, width=100_000)
"""For trees, whose lines rich cuts at the console's width, which is 80 columns in a pipe: no name may lose its end."""

_table = Console(highlight=False, width=200)
"""For tables in a pipe, which would be 80 columns wide there."""


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
        except (HDMFStoreError, OSError) as problem:
            _err.print(f"Error: {problem}", style="red", markup=False)
            sys.exit(FAILED)

    return guarded


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    _err.print(f"Warning: {message}", style="yellow", markup=False)


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=_EPILOG)
@click.version_option(__version__, prog_name="hdmf-store")
def main() -> None:
    """Convert, verify and look into files of HDMF data (NWB and others) in Zarr and HDF5."""


@main.command(epilog=_EPILOG)
@click.argument("src")
@click.argument("dst")
@click.option("--overwrite", is_flag=True, help="Replace DST if it exists; it survives until the new file is complete.")
@click.option(
    "--zarr-format", type=click.Choice(["2", "3"]), help="The Zarr format of DST; 3 by default. Only for Zarr."
)
@click.option("--copy-links", is_flag=True, help="Copy what links lead to in other files, so that DST stands alone.")
@_MAY_READ
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing but errors.")
@_reports_errors
def convert(
    src: str,
    dst: str,
    overwrite: bool,
    zarr_format: str | None,
    copy_links: bool,
    may_read: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Store everything that SRC holds in DST.

    The ending of DST says what it becomes: .zarr is Zarr, .nwb, .h5 and .hdf5 are HDF5. Whatever SRC links to in
    files of another kind is copied.
    """
    started = time.monotonic()
    options = {"zarr_format": int(zarr_format)} if zarr_format else {}
    with _Open(src, "r", may_read=may_read) as source, _Open(dst, "w" if overwrite else "w-", **options) as destination:
        hierarchy = source.load()
        total = sum(size_of(node) for node in hierarchy.nodes.values() if isinstance(node, Dataset))
        with Bar(f"Converting {source.location.name}", total, quiet or as_json) as bar:
            count = convert_file(source, destination, links=not copy_links, may_read=may_read, progress=bar)
        _summarise(hierarchy, destination, count, total, time.monotonic() - started, as_json, quiet)


def _summarise(
    hierarchy: Hierarchy, made: StoreAdapter, count: int, total: int, seconds: float, as_json: bool, quiet: bool
) -> None:
    stored = stored_size(made.location)
    facts = {
        "source": hierarchy.location,
        "destination": str(made.location),
        "objects": count,
        "bytes_of_values": total,
        "bytes_stored": None if stored is None else stored.size,
        "files": None if stored is None else stored.files,
        "seconds": round(seconds, 3),
    }
    if as_json:
        click.echo(strict_json(facts))
    elif not quiet:
        taken = "" if stored is None else f" in {_human(stored.size)} ({stored.files} files)"
        _out.print(f"{made.location}: {count} objects, {_human(total)} of values{taken}, {seconds:.1f} s", markup=False)


@main.command(epilog=_EPILOG)
@click.argument("file")
@click.option("--against", metavar="OTHER", help="Compare FILE with this file, object by object.")
@_MAY_READ
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print differences only.")
@_reports_errors
def verify(file: str, against: str | None, may_read: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Check FILE: every value can be read, every link and reference leads somewhere.

    With --against, compare values, element types, shapes, attributes, links and references with those of another
    file, whichever of the two is Zarr or HDF5. Every difference is named, and the exit code is 1 if there is one.
    """
    with _Open(file, "r", may_read=may_read) as first:
        if against is None:
            total = len(first.load())
            with Bar(f"Reading {first.location.name}", total, quiet or as_json, objects=True) as bar:
                outcome = examine(first, lambda count: bar(0, count), may_read)
        else:
            with _Open(against, "r", may_read=may_read) as second:
                total = len(first.load())
                with Bar(f"Comparing {first.location.name}", total, quiet or as_json, objects=True) as bar:
                    outcome = compare(first, second, lambda count: bar(0, count), may_read)
    _report(file, against, outcome, as_json, quiet)
    sys.exit(DIFFERENT if outcome.differences else 0)


def _report(file: str, against: str | None, outcome: Comparison, as_json: bool, quiet: bool) -> None:
    if as_json:
        found = [{"path": difference.path, "what": difference.what} for difference in outcome.differences]
        named = {"file": _name_of(file), "against": against and _name_of(against)}
        facts = {**named, "objects": outcome.objects, "values": outcome.values}
        click.echo(strict_json({**facts, "copied": list(outcome.copied), "differences": found}))
        return
    for difference in outcome.differences:
        _out.print(str(difference), style="red", markup=False)
    if quiet:
        return
    for path in outcome.copied:
        _out.print(
            f"{path}: a link into another file on one side, a copy of what it leads to on the other", markup=False
        )
    counted = f"{outcome.objects} objects, {outcome.values} values"
    problems = len(outcome.differences)
    what = "problem" if against is None else "difference"
    verdict = f"{problems} {what}{'s' if problems != 1 else ''}" if problems else f"no {what}s"
    _out.print(f"{_name_of(file)}: {counted}: {verdict}", style="red" if problems else "green", markup=False)


@main.command(epilog=_EPILOG)
@click.argument("file")
@click.option("--attributes", "-a", is_flag=True, help="Show attributes as well.")
@click.option("--depth", "-d", type=click.IntRange(min=0), help="How many levels to show.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@_reports_errors
def tree(file: str, attributes: bool, depth: int | None, as_json: bool) -> None:
    """Show what FILE holds, without reading its data."""
    with _Open(file, "r") as adapter:
        if as_json:
            click.echo(strict_json(file_as_json(adapter)))
        else:
            shown = tree_of(adapter, attributes=attributes, depth=depth)
            _wide.print(shown, crop=False, no_wrap=True, overflow="ignore")


@main.command(epilog=_EPILOG)
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
@_reports_errors
def adapters(as_json: bool) -> None:
    """List the adapters that are installed, and what each can do at best.

    A place can allow less: what is read-only is not written, what is in memory cannot be linked to. An adapter that
    could not be loaded is listed with the reason.
    """
    found = plugins()
    if as_json:
        click.echo(strict_json([plugin_as_json(plugin) for plugin in found]))
    else:
        (_out if _out.is_terminal else _table).print(table_of(found))


def _name_of(place: str) -> str:
    """Return a place as it was typed, without what is secret in a URL."""
    return place if url_parts(place) is None else shown(place)[1:-1]


class _Open:
    """One adapter, open for a ``with`` block."""

    def __init__(self, place: str, mode: str, **options: Any) -> None:
        self._place, self._mode, self._options = place, mode, options
        self._adapter: StoreAdapter | None = None

    def __enter__(self) -> StoreAdapter:
        try:
            self._adapter = open_adapter(self._place, self._mode, **self._options)
        except HierarchyExistsError as problem:
            if self._mode != "w-":
                raise
            raise HierarchyExistsError(problem.location, "exists. Replace it with --overwrite") from problem
        return self._adapter

    def __exit__(self, *_: object) -> None:
        if self._adapter is not None:
            self._adapter.close()


def _human(size: int) -> str:
    amount = float(size)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"
