"""``hdmf-store`` and its commands. What they do is elsewhere; `storing` and `looking` say what people type and see."""

from __future__ import annotations

import click

from hdmf_store._version import __version__
from hdmf_store.cli.calls import EPILOG
from hdmf_store.cli.contents import cat, history
from hdmf_store.cli.looking import adapters, info, tree, verify
from hdmf_store.cli.mending import repair
from hdmf_store.cli.storing import consolidate, convert, copy, repack

__all__ = ["main"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, epilog=EPILOG)
@click.version_option(__version__, prog_name="hdmf-store")
def main() -> None:
    """Convert, verify and look into files of HDMF data (NWB and others) in Zarr, HDF5 and other stores."""


for command in (convert, copy, repack, consolidate, info, tree, cat, verify, repair, history, adapters):
    main.add_command(command)
