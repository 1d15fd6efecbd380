"""Numbers of bytes as people read them."""

from __future__ import annotations

__all__ = ["in_units"]

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")


def in_units(size: float) -> str:
    """Return a number of bytes in the unit that suits it.

    >>> in_units(12), in_units(3 * 2**20)
    ('12 B', '3.0 MiB')
    """
    unit = 0
    while size >= 1024 and unit < len(_UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit else f"{size:.0f} B"
