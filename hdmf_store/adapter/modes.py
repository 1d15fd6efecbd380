"""The modes in which a hierarchy is opened: those of h5py, and one that looks at no consolidated metadata."""

from __future__ import annotations

from typing import Any

from hdmf_store.errors import ArgumentError

__all__ = ["CREATING_MODES", "MODES", "READING_MODES", "check_mode"]

READING_MODES = ("r", "r-")
"""Nothing is changed."""

CREATING_MODES = ("w", "w-", "x")
"""A new hierarchy is made, whatever is there (``w``) or only if nothing is."""

MODES = (*READING_MODES, "r+", "a", *CREATING_MODES)
"""All of them; ``r+`` changes what is there, ``a`` does so or creates."""


def check_mode(mode: Any) -> None:
    """Raise `ArgumentError` for what is no mode, with a list of those that are."""
    if mode not in MODES:
        raise ArgumentError(f"{mode!r} is no mode; the modes are {', '.join(MODES)}")
