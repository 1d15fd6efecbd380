"""How many examples tests of generated data try: some in every run, many where HDMF_STORE_EFFORT multiplies them."""

from __future__ import annotations

import os

__all__ = ["examples"]

_TIMES = int(os.environ.get("HDMF_STORE_EFFORT") or 1)


def examples(usual: int) -> int:
    """Return how many examples to try where so many are usual."""
    return usual * _TIMES
