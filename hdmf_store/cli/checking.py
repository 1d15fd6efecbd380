"""The commands that check: `verify`, `diff`."""

from __future__ import annotations

import sys

import attrs
import click

from hdmf_store.adapter import StoreAdapter
from hdmf_store.cli.calls import DIFFERENT, MAY_READ, OUT, Opened, command, name_of
from hdmf_store.cli.completing import PLACE
from hdmf_store.cli.servers import on_servers, options_for
from hdmf_store.cli.show import strict_json
from hdmf_store.errors import ArgumentError
from hdmf_store.facade.bars import Bars
from hdmf_store.facade.verification import verify as checked
from hdmf_store.nodes import Dataset
from hdmf_store.translate.compare import Comparison, compare
from hdmf_store.translate.examine import examine
from hdmf_store.translate.summary import size_of

__all__ = ["diff", "verify"]

_JSON = click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
_QUIET = click.option("--quiet", "-q", is_flag=True, help="Print what is found only.")


@command
@on_servers
@click.argument("file", type=PLACE)
@click.option("--against", type=PLACE, metavar="OTHER", help="Compare FILE with this file, object by object.")
@click.option("--deep", is_flag=True, help="Check also what is stored: documents, every chunk, checksums, the schema.")
@MAY_READ
@_JSON
@_QUIET
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
    if against is not None:
        _compare(file, against, may_read, as_json, quiet)
        return
    with (
        Opened(file, "r", may_read=may_read) as adapter,
        _bars(f"Reading {name_of(file)}", adapter, quiet or as_json) as bars,
    ):
        outcome = examine(adapter, bars, may_read)
    _report(file, None, outcome, as_json, quiet)


@command
@on_servers
@click.argument("file", type=PLACE)
@click.argument("other", type=PLACE)
@MAY_READ
@_JSON
@_QUIET
def diff(file: str, other: str, may_read: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    """Compare FILE with OTHER, object by object, whatever stores them.

    Compared are values, element types, shapes, attributes, links and references. Every difference is named, and the
    exit code is 1 if there is one. How data is laid out is not compared, nor are cached specifications.
    """
    _compare(file, other, may_read, as_json, quiet)


def _compare(file: str, other: str, may_read: tuple[str, ...], as_json: bool, quiet: bool) -> None:
    with (
        Opened(file, "r", may_read=may_read) as first,
        Opened(other, "r", may_read=may_read) as second,
        _bars(f"Comparing {name_of(file)}", first, quiet or as_json) as bars,
    ):
        outcome = compare(first, second, bars, may_read)
    _report(file, other, outcome, as_json, quiet)


def _bars(title: str, adapter: StoreAdapter, hidden: bool) -> Bars:
    """Return bars over the values and the objects of a file."""
    bars, nodes = Bars(title, hidden=hidden), adapter.load().nodes
    bars.begin(sum(size_of(node) for node in nodes.values() if isinstance(node, Dataset)), len(nodes))
    return bars


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
    """Say what was found; exit with 1 if that is anything."""
    if as_json:
        found = [{"path": difference.path, "what": difference.what} for difference in outcome.differences]
        facts = {
            "file": name_of(file),
            "against": against and name_of(against),
            "objects": outcome.objects,
            "values": outcome.values,
        }
        click.echo(strict_json({**facts, "copied": list(outcome.copied), "differences": found}))
    else:
        _print(file, against, outcome, quiet)
    sys.exit(DIFFERENT if outcome.differences else 0)


def _print(file: str, against: str | None, outcome: Comparison, quiet: bool) -> None:
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
