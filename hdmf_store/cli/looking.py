"""The commands that only look: `info`, `tree`, `verify`, `adapters`."""

from __future__ import annotations

import sys

import attrs
import click

from hdmf_store.adapter import plugins
from hdmf_store.cli.about import lines_of
from hdmf_store.cli.calls import DIFFERENT, MAY_READ, OUT, TABLE, WIDE, Opened, command, name_of
from hdmf_store.cli.installed import plugin_as_json, table_of
from hdmf_store.cli.servers import on_servers, options_for
from hdmf_store.cli.show import file_as_json, strict_json, tree_of
from hdmf_store.errors import ArgumentError
from hdmf_store.facade.bars import Bars
from hdmf_store.facade.verification import verify as checked
from hdmf_store.translate.compare import Comparison, compare
from hdmf_store.translate.examine import examine
from hdmf_store.translate.summary import summarise

__all__ = ["adapters", "info", "tree", "verify"]


@command
@on_servers
@click.argument("file")
@click.option("--against", metavar="OTHER", help="Compare FILE with this file, object by object.")
@click.option("--deep", is_flag=True, help="Check also what is stored: documents, every chunk, checksums, the schema.")
@MAY_READ
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print differences only.")
def verify(file: str, against: str | None, deep: bool, may_read: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Check FILE: every value can be read, every link and reference leads somewhere.

    With --against, compare values, element types, shapes, attributes, links and references with those of another
    file, whichever of the two is Zarr or HDF5. Every difference is named, and the exit code is 1 if there is one.

    With --deep, look at what is stored as well: documents one by one and their consolidated copy, each chunk, its
    size and checksum, the cached specifications, and whether the content follows them.
    """
    if deep:
        if against is not None:
            raise ArgumentError("--deep checks one file by itself; leave out --against, or compare in a second call")
        _verify_deeply(file, may_read, as_json, quiet)
        return
    with Opened(file, "r", may_read=may_read) as first:
        if against is None:
            total = len(first.load())
            with Bars(f"Reading {first.location.name}", hidden=quiet or as_json) as bars:
                bars.begin(None, total, counts_size=False)
                outcome = examine(first, lambda count: bars(0, count), may_read)
        else:
            with Opened(against, "r", may_read=may_read) as second:
                total = len(first.load())
                with Bars(f"Comparing {first.location.name}", hidden=quiet or as_json) as bars:
                    bars.begin(None, total, counts_size=False)
                    outcome = compare(first, second, lambda count: bars(0, count), may_read)
    _report(file, against, outcome, as_json, quiet)
    sys.exit(DIFFERENT if outcome.differences else 0)


def _verify_deeply(file: str, may_read: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Print findings as they come; exit with 1 if one is an error."""
    with Bars(f"Checking {name_of(file)}", hidden=quiet or as_json) as bars:
        bars.begin(None, None, counts_size=False)
        found = checked(file, may_read=may_read, progress=lambda count: bars(0, count), **options_for(file))
    errors = sum(finding.severity == "error" for finding in found)
    if as_json:
        facts = {"file": name_of(file), "errors": errors, "warnings": len(found) - errors}
        click.echo(strict_json({**facts, "findings": [attrs.asdict(finding) for finding in found]}))
    else:
        for finding in found:
            OUT.print(str(finding), style="red" if finding.severity == "error" else "yellow", markup=False)
        if not quiet:
            said = [
                f"{count} {what}{'s' if count != 1 else ''}"
                for count, what in ((errors, "error"), (len(found) - errors, "warning"))
                if count
            ]
            verdict = ", ".join(said) or "sound"
            OUT.print(f"{name_of(file)}: {verdict}", style="red" if errors else "green", markup=False)
    sys.exit(DIFFERENT if errors else 0)


def _report(file: str, against: str | None, outcome: Comparison, as_json: bool, quiet: bool) -> None:
    if as_json:
        found = [{"path": difference.path, "what": difference.what} for difference in outcome.differences]
        facts = {
            "file": name_of(file),
            "against": against and name_of(against),
            "objects": outcome.objects,
            "values": outcome.values,
        }
        click.echo(strict_json({**facts, "copied": list(outcome.copied), "differences": found}))
        return
    for difference in outcome.differences:
        OUT.print(str(difference), style="red", markup=False)
    if quiet:
        return
    for path in outcome.copied:
        OUT.print(
            f"{path}: a link into another file on one side, a copy of what it leads to on the other", markup=False
        )
    counted = f"{outcome.objects} objects, {outcome.values} values"
    problems = len(outcome.differences)
    what = "problem" if against is None else "difference"
    verdict = f"{problems} {what}{'s' if problems != 1 else ''}" if problems else f"no {what}s"
    OUT.print(f"{name_of(file)}: {counted}: {verdict}", style="red" if problems else "green", markup=False)


@command
@on_servers
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def info(file: str, as_json: bool) -> None:
    """Sum up FILE: where it is kept, in which format, how many objects, how large, how compressed.

    No values are read. `tree` shows the objects one by one.
    """
    with Opened(file, "r") as adapter:
        found = summarise(adapter)
    if as_json:
        click.echo(strict_json(found.as_dict()))
    else:
        for line in lines_of(found):
            WIDE.print(line, markup=False)


@command
@on_servers
@click.argument("file")
@click.option("--attributes", "-a", is_flag=True, help="Show attributes as well.")
@click.option("--depth", "-d", type=click.IntRange(min=0), help="How many levels to show.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def tree(file: str, attributes: bool, depth: int | None, as_json: bool) -> None:
    """Show what FILE holds, without reading its data."""
    with Opened(file, "r") as adapter:
        if as_json:
            click.echo(strict_json(file_as_json(adapter)))
        else:
            shown = tree_of(adapter, attributes=attributes, depth=depth)
            WIDE.print(shown, crop=False, no_wrap=True, overflow="ignore")


@command
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON.")
def adapters(as_json: bool) -> None:
    """List the adapters that are installed, and what each can do at best.

    A place can allow less: what is read-only is not written, what is in memory cannot be linked to. An adapter that
    could not be loaded is listed with the reason.
    """
    found = plugins()
    if as_json:
        click.echo(strict_json([plugin_as_json(plugin) for plugin in found]))
    else:
        (OUT if OUT.is_terminal else TABLE).print(table_of(found))
