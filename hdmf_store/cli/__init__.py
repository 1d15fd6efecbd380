"""The command line: ``hdmf-store``."""

from hdmf_store.cli.commands import main

__all__ = ["main"]
