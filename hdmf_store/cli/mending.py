"""The command that mends: `repair`."""

from __future__ import annotations

import attrs
import click

from hdmf_store.cli.calls import MAY_READ, OUT, command, name_of
from hdmf_store.cli.completing import PLACE
from hdmf_store.cli.servers import on_servers, options_for
from hdmf_store.cli.show import strict_json
from hdmf_store.errors import ArgumentError
from hdmf_store.facade.verification import repair as mended

__all__ = ["repair"]

_STYLES = {"tell": "yellow", "remove": "red"}


@command
@on_servers
@click.argument("file", type=PLACE)
@click.option("--dry-run", "-n", is_flag=True, help="Say what would be done, and change nothing.")
@click.option(
    "--relink", multiple=True, metavar="OLD=NEW", help="Re-point links from a file that was moved. Repeatable."
)
@click.option("--idle", default=600.0, metavar="SECONDS", help="Leave unfinished files alone that changed since.")
@MAY_READ
@click.option("--json", "as_json", is_flag=True, help="Print the outcome as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print errors only.")
def repair(
    file: str,
    dry_run: bool,
    relink: tuple[str, ...],
    idle: float,
    may_read: tuple[str, ...],
    as_json: bool,
    quiet: bool,
) -> None:
    """Mend FILE as far as that destroys nothing, while nobody else writes to it.

    Lost and broken documents come back from the consolidated metadata, which is then made anew; unfinished files of
    killed writers are removed. Whatever could be data of yours is named and left alone, chunks above all.
    `verify --deep` says what is wrong.
    """
    moved = dict(_pair(text) for text in relink)
    done = mended(file, dry_run=dry_run, relink=moved, idle=idle, may_read=may_read, **options_for(file))
    if as_json:
        facts = {"file": name_of(file), "dry_run": dry_run, "repairs": [attrs.asdict(step) for step in done]}
        click.echo(strict_json(facts))
    elif not quiet:
        for step in done:
            OUT.print(str(step), style=_STYLES.get(step.action, "green"), markup=False)
        told = sum(step.action == "tell" for step in done)
        what = "would be done" if dry_run else "done"
        OUT.print(f"{name_of(file)}: {len(done) - told} {what}, {told} left to you", markup=False)


def _pair(text: str) -> tuple[str, str]:
    old, mark, new = text.partition("=")
    if not (old and mark and new):
        raise ArgumentError(f"--relink takes OLD=NEW, not {text!r}")
    return old, new
