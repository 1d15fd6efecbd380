"""The HTTP side of every server here: connections that stay open, many at once, each request noted.

The standard library alone, so that it runs wherever something is to be measured.
"""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

from tests.servers.traffic import Dropped, Refused, Traffic

__all__ = ["Answer", "Asked", "Server", "serving"]


@dataclass(frozen=True)
class Asked:
    """One request as it came."""

    method: str
    target: str
    headers: Any
    body: bytes

    @property
    def key(self) -> str:
        """The path below the root, without escapes."""
        return unquote(self.target.partition("?")[0]).removeprefix("/")

    @property
    def query(self) -> str:
        """What follows the path, with its escapes."""
        return self.target.partition("?")[2]


@dataclass(frozen=True)
class Answer:
    """What is sent back; with a body that a ``HEAD`` does not send but tells the length of."""

    status: int
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = b""


@dataclass(frozen=True)
class Server:
    """A running server.

    Attributes
    ----------
    url : str
        Of its root, without a slash at the end.
    traffic : Traffic
        What it was asked, and what it does wrong.
    """

    url: str
    traffic: Traffic = field(default_factory=Traffic)


class _Listener(http.server.ThreadingHTTPServer):
    request_queue_size = 512  # a client that opens many connections at once waits seconds where the queue is full

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away


@contextmanager
def serving(answer: Callable[[Asked], Answer]) -> Iterator[Server]:
    """Run a server that answers by a function, on a free port of the loopback device."""
    traffic = Traffic()

    class Handler(_Handler):
        answering = staticmethod(answer)
        noted = traffic

    with _Listener(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        try:
            yield Server(f"http://127.0.0.1:{running.server_port}", traffic)
        finally:
            running.shutdown()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # connections stay open
    disable_nagle_algorithm = True  # or else each answer waits for the acknowledgement of its headers
    wbufsize = -1
    timeout = 60
    answering: Callable[[Asked], Answer]
    noted: Traffic

    def log_message(self, *_: object) -> None:
        pass

    def _serve(self) -> None:
        asked = Asked(self.command, self.path, self.headers, self._body())
        with self.noted.noting(asked.method, asked.key, asked.query, self.headers.get("Range", "")) as trouble:
            answer = _refusal(trouble) if isinstance(trouble, Refused) else self.answering(asked)
        if trouble == Dropped():
            self.close_connection = True
        else:
            self._send(answer, trouble.after if isinstance(trouble, Dropped) else None)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = do_OPTIONS = do_PROPFIND = _serve

    def _body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.flush()
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _send(self, answer: Answer, cut: int | None) -> None:
        headers: Mapping[str, str] = {name.lower(): value for name, value in answer.headers}
        self.send_response_only(answer.status)
        for name, value in answer.headers:
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if "content-length" not in headers and answer.status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[:cut])
        self.close_connection = self.close_connection or cut is not None
        self.wfile.flush()


def _refusal(trouble: Refused) -> Answer:
    """Return a refusal as S3 says it; others look at the status alone."""
    text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{trouble.code}</Code><Message>as told</Message></Error>'
    return Answer(trouble.status, [("Content-Type", "application/xml")], text.encode())
