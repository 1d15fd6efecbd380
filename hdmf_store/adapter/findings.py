"""What is wrong with a stored file, and what is done about it, as data."""

from __future__ import annotations

import attrs

__all__ = ["Finding", "Repair"]


@attrs.frozen
class Finding:
    """One thing that is wrong, or that could not be checked.

    Parameters
    ----------
    path : str
        The object; ``"/"`` for the file as a whole.
    kind : str
        What it is about: ``"document"``, ``"consolidated"``, ``"chunk"``, ``"value"``, ``"attribute"``, ``"link"``,
        ``"reference"``, ``"specification"``, ``"schema"`` or ``"leftover"``.
    message : str
        In words, with what to do about it where that is known.
    severity : {"error", "warning"}
        An error is data that is lost, wrong or out of reach. A warning loses nothing by itself.
    """

    path: str
    kind: str
    message: str
    severity: str = attrs.field(default="error", validator=attrs.validators.in_(("error", "warning")))

    def __str__(self) -> str:
        return f"{self.path}: {self.kind}: {self.message}"


@attrs.frozen
class Repair:
    """One thing that mending a file does, did, or cannot do.

    Parameters
    ----------
    path : str
        The object; ``"/"`` for the file as a whole.
    action : {"restore", "consolidate", "remove", "relink", "tell"}
        ``"tell"`` for what is left to people.
    message : str
        In words.
    """

    path: str
    action: str = attrs.field(validator=attrs.validators.in_(("restore", "consolidate", "remove", "relink", "tell")))
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.action}: {self.message}"
