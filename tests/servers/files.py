"""A plain HTTP server: files of a folder, whole or a part of their bytes, as archives of data serve them.

The standard library alone, so that it runs wherever something is to be measured.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.servers.front import Answer, Asked, Server, serving

__all__ = ["file_server", "http_server"]


@contextmanager
def file_server(folder: Path) -> Iterator[Server]:
    """Serve the files of a folder; folders themselves are not there, so that nothing can be listed."""
    top = folder.resolve()

    def answer(asked: Asked) -> Answer:
        if asked.method not in ("GET", "HEAD"):
            return Answer(405, [("Allow", "GET, HEAD")])
        file = (top / asked.key).resolve()
        if not file.is_relative_to(top) or not file.is_file():
            return Answer(404)
        return _part(file.read_bytes(), asked.headers.get("Range", ""))

    with serving(answer) as server:
        yield server


@contextmanager
def http_server(folder: Path) -> Iterator[str]:
    """Serve the files of a folder; give the URL of the folder."""
    with file_server(folder) as server:
        yield server.url


def _part(data: bytes, span: str) -> Answer:
    """Return what a ``Range`` asks of a file's bytes."""
    headers = [("Accept-Ranges", "bytes")]
    asked = re.fullmatch(r"bytes=(\d*)-(\d*)", span)
    if asked is None or not (asked[1] or asked[2]):
        return Answer(200, headers, data)
    size = len(data)
    start = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
    stop = min(int(asked[2]) + 1, size) if asked[1] and asked[2] else size
    if start >= size:
        return Answer(416, [*headers, ("Content-Range", f"bytes */{size}")])
    return Answer(206, [*headers, ("Content-Range", f"bytes {start}-{stop - 1}/{size}")], data[start:stop])
