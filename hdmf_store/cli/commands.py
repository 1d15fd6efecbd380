"""``hdmf-store`` and its commands. What they do is elsewhere; the modules beside say what people type and see."""

from __future__ import annotations

import difflib
import os
from importlib import import_module
from typing import Any

import click

from hdmf_store._version import __version__
from hdmf_store.cli.calls import EPILOG
from hdmf_store.cli.ending import ends_quietly

__all__ = ["main"]

_COMMANDS = {
    "convert": ("storing", "Store everything that SRC holds in DST."),
    "copy": ("storing", "Store SRC in DST as it is stored: any hierarchy, whether HDMF knows what it means or not."),
    "repack": ("storing", "Store SRC in DST with other chunks, shards or codecs, or in another Zarr format."),
    "consolidate": ("storing", "Bring the consolidated metadata of FILE up to date, or make it where there is none."),
    "info": ("looking", "Sum up FILE: where it is kept, in which format, how many objects, how large, how compressed."),
    "tree": ("looking", "Show what FILE holds, without reading its data."),
    "cat": ("contents", "Print the values of the dataset at PATH in FILE, or a PART of them."),
    "verify": ("checking", "Check FILE: every value can be read, every link and reference leads somewhere."),
    "diff": ("checking", "Compare FILE with OTHER, object by object, whatever stores them."),
    "repair": ("mending", "Mend FILE as far as that destroys nothing, while nobody else writes to it."),
    "history": ("contents", "List the earlier states of FILE, the newest first, where the store keeps them."),
    "adapters": ("looking", "List the adapters that are installed, and what each can do at best."),
}
"""Of each command: the module in which it is, and what it does, in the order of the help."""


class _OnDemand(click.Group):
    """Imports a command when it is called: what most of them need takes a second, what they are called does not."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, in the order of the help."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return a command, or None."""
        if cmd_name not in _COMMANDS:
            return None
        found: click.Command = getattr(import_module(f"hdmf_store.cli.{_COMMANDS[cmd_name][0]}"), cmd_name)
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that was typed; an error names the one that may be meant."""
        near = difflib.get_close_matches(args[0], _COMMANDS, 1) if args else []
        if near and near[0] != args[0] and not args[0].startswith("-"):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; whatever ends it from outside ends it quietly."""
        os.environ.setdefault("ICECHUNK_LOG", "error")  # it writes warnings to standard output, in the midst of JSON
        with ends_quietly():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write what each command does, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_OnDemand, context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="hdmf-store")
def main() -> None:
    """Convert, verify and look into files of HDMF data (NWB and others) in Zarr, HDF5 and other stores."""
