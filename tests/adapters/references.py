"""Reference file systems over what tests have stored."""

from __future__ import annotations

import base64
import http.server
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

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


@contextmanager
def counting_server(folder: Path, ranges: bool = True) -> Iterator[tuple[str, list[str]]]:
    """Serve the files of a folder; give the URL, and what is asked for as it comes: a path, and a range if any.

    Parameters
    ----------
    folder : Path
    ranges : bool, default True
        Whether parts of files are served; if not, whoever asks for a part gets the file.
    """
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            asked.append(f"{self.path} {self.headers.get('Range', '')}".strip())
            self.wfile.write(self._answer())

        def _answer(self) -> bytes:
            file = folder / self.path.lstrip("/")
            part = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", "")) if ranges else None
            data = file.read_bytes() if file.is_file() else b""
            size = len(data)
            if part is not None:
                data = data[int(part[1]) : int(part[2]) + 1]
            self.send_response(404 if not file.is_file() else 200 if part is None else 206 if data else 416)
            if part is not None:
                self.send_header("Content-Range", f"bytes {part[1]}-{part[2]}/{size}")
            self.send_header("Accept-Ranges", "bytes" if ranges else "none")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            return data

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.daemon_threads = True
        threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{running.server_port}", asked
        finally:
            running.shutdown()
