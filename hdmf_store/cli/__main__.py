"""``python -m hdmf_store.cli``."""

from hdmf_store.cli.commands import main

main()
