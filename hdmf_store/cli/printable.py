"""Text of files as a terminal may show it."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """Return text in which what would steer a terminal, or cannot be encoded, is escaped; lines and tabs are kept."""
    return text if text.isprintable() else "".join(map(_shown, text))


def _shown(mark: str) -> str:
    if mark.isprintable() or mark in "\n\t":
        return mark
    return mark.encode("unicode_escape").decode()
