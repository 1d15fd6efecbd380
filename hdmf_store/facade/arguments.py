"""Arguments of users: those of a type that cannot mean anything are refused before anything is touched."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store.errors import ArgumentTypeError

__all__ = ["check_flags", "check_type"]


def check_type(name: str, value: Any, *kinds: type, optional: bool = False) -> None:
    """Refuse an argument that is of none of the types.

    Parameters
    ----------
    name : str
        Of the argument.
    value : object
    *kinds : type
    optional : bool, default False
        Whether it may be None.

    Raises
    ------
    ArgumentTypeError
    """
    if isinstance(value, kinds) or (optional and value is None):
        return
    names = [kind.__name__ for kind in kinds] + ["None"] * optional
    raise ArgumentTypeError(f"{name} must be of type {' or '.join(names)}, not {_shown(value)}")


def check_flags(**flags: Any) -> None:
    """Refuse arguments that are neither True nor False."""
    for name, value in flags.items():
        if not isinstance(value, bool | np.bool_):
            raise ArgumentTypeError(f"{name} must be True or False, not {_shown(value)}")


def _shown(value: Any) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:57] + '...'} ({type(value).__name__})"
