"""Reference file systems over what tests have stored."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.servers import Server
from tests.servers.front import Answer, Asked, serving

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


def recorded(place: Path, documents: dict[str, Any], chunks: dict[str, dict[int, Any]], record_size: int) -> Path:
    """Write a reference file system in Parquet.

    Parameters
    ----------
    place : Path
        The folder.
    documents : dict of str to dict
        Those of all groups and arrays, by key.
    chunks : dict of str to dict of int to bytes or tuple
        For each array, by the number of the chunk: its bytes, or a path with an offset and a size.
    record_size : int
        How many chunks a file of records has.
    """
    place.mkdir(parents=True)
    (place / ".zmetadata").write_text(json.dumps({"metadata": documents, "record_size": record_size}))
    for path, entries in chunks.items():
        for record in sorted({number // record_size for number in entries}):
            rows = [entries.get(record * record_size + row) for row in range(record_size)]
            lie = [row if isinstance(row, tuple) else (None, 0, 0) for row in rows]
            table = pa.table(
                {
                    "path": pa.array([path for path, _, _ in lie], pa.string()),
                    "offset": pa.array([offset for _, offset, _ in lie], pa.int64()),
                    "size": pa.array([size for _, _, size in lie], pa.int64()),
                    "raw": pa.array([row if isinstance(row, bytes) else None for row in rows], pa.binary()),
                }
            )
            (place / path).mkdir(parents=True, exist_ok=True)
            pq.write_table(table, place / path / f"refs.{record}.parq")
    return place


def gets(server: Server) -> list[str]:
    """Return what was asked for, as it came: a path, and a range if any."""
    return [f"/{asked.key} {asked.span}".strip() for asked in server.traffic.requests if asked.method == "GET"]


@contextmanager
def server_of_whole_files(folder: Path) -> Iterator[Server]:
    """Serve the files of a folder; whoever asks for a part gets the file."""

    def answer(asked: Asked) -> Answer:
        file = folder / asked.key
        return Answer(200, [("Accept-Ranges", "none")], file.read_bytes()) if file.is_file() else Answer(404)

    with serving(answer) as server:
        yield server
