"""Reference file systems over what tests have stored."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

INLINE = 64


def entries_of(stored: Path, prefix: str = "") -> dict[str, Any]:
    """Return an entry for each key of a Zarr folder: documents as text, small chunks in base64, others by reference.

    Parameters
    ----------
    stored : Path
        The folder.
    prefix : str
        Comes before the name of the folder in references.
    """
    entries: dict[str, Any] = {}
    for file in sorted(path for path in stored.rglob("*") if path.is_file()):
        key, data = file.relative_to(stored).as_posix(), file.read_bytes()
        if file.name in ("zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"):
            entries[key] = data.decode()
        elif len(data) < INLINE:
            entries[key] = "base64:" + base64.b64encode(data).decode()
        else:
            entries[key] = [f"{prefix}{stored.name}/{key}", 0, len(data)]
    return entries


def referring(place: Path, stored: Path) -> Path:
    """Write references to a Zarr folder that lies beside the file."""
    place.write_text(json.dumps({"version": 1, "refs": entries_of(stored)}))
    return place
