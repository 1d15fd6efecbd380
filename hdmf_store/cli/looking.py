"""The commands that only look: `info`, `tree`, `adapters`."""

from __future__ import annotations

import click

from hdmf_store.adapter import plugins
from hdmf_store.cli.about import lines_of
from hdmf_store.cli.calls import OUT, TABLE, WIDE, Opened, command
from hdmf_store.cli.completing import PLACE
from hdmf_store.cli.installed import plugin_as_json, table_of
from hdmf_store.cli.servers import on_servers
from hdmf_store.cli.show import file_as_json, strict_json, tree_of
from hdmf_store.translate.summary import summarise

__all__ = ["adapters", "info", "tree"]


@command
@on_servers
@click.argument("file", type=PLACE)
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
@click.argument("file", type=PLACE)
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
