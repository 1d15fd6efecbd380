"""An S3 server: moto's, behind a front that notes, delays and fails requests."""

from __future__ import annotations

import io
import itertools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from tests.servers.front import Answer, Asked, Server, serving
from tests.servers.traffic import Traffic

__all__ = ["CREDENTIALS", "REGION", "S3", "Bucket", "s3_server"]

CREDENTIALS = {"key": "for-tests", "secret": "no-secret"}
REGION = "us-east-1"


@dataclass(frozen=True)
class Bucket:
    """An empty bucket of a running server.

    Attributes
    ----------
    name : str
    endpoint : str
        The server's URL.
    traffic : Traffic
        What the server was asked; keys begin with the bucket's name.
    """

    name: str
    endpoint: str
    traffic: Traffic

    @property
    def url(self) -> str:
        """The bucket's URL, without a slash at the end."""
        return f"s3://{self.name}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """What s3fs needs to find the server."""
        return {**CREDENTIALS, "client_kwargs": {"endpoint_url": self.endpoint, "region_name": REGION}}

    def obstore(self, prefix: str = "") -> Any:
        """Return an obstore store of what lies below a prefix."""
        from obstore.store import S3Store

        return S3Store(
            self.name,
            prefix=prefix or None,
            endpoint=self.endpoint,
            region=REGION,
            access_key_id=CREDENTIALS["key"],
            secret_access_key=CREDENTIALS["secret"],
            client_options={"allow_http": True},
        )


@dataclass(frozen=True)
class S3:
    """A running server."""

    server: Server
    application: Any
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def bucket(self) -> Bucket:
        """Return a new bucket; what the server was asked before is forgotten."""
        name = f"bucket-{next(self._numbers)}"
        made = _called(self.application, Asked("PUT", f"/{name}", _headers(self.server.url), b""))
        assert made.status == 200, made
        traffic = self.server.traffic
        traffic.clear()
        return Bucket(name, self.server.url, traffic)


@contextmanager
def s3_server() -> Iterator[S3]:
    """Run a server without buckets."""
    application = _application()
    with serving(lambda asked: _called(application, asked)) as server:
        yield S3(server, application)


def _application() -> Any:
    """Return moto's S3 as a WSGI application whose keys may hold any character, as those of S3 may."""
    from moto.server import create_backend_app  # takes a second
    from werkzeug.routing import BaseConverter, Map

    class AnyCharacter(BaseConverter):
        part_isolating = False

        def __init__(self, url_map: Map, pattern: str) -> None:
            super().__init__(url_map)
            self.regex = f"(?s:{pattern})"

    application = create_backend_app("s3")
    rules = [rule.empty() for rule in application.url_map.iter_rules()]
    application.url_map = Map(rules, converters={"regex": AnyCharacter})
    return application


def _headers(url: str) -> dict[str, str]:
    return {"Host": urlsplit(url).netloc, "Authorization": f"AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/s3/x"}


def _called(application: Any, asked: Asked) -> Answer:
    """Return the answer of a WSGI application, which moto's server is."""
    host, _, port = asked.headers["Host"].partition(":")
    path, _, query = asked.target.partition("?")
    environment = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "RAW_URI": asked.target,
        "REQUEST_URI": asked.target,
        "QUERY_STRING": query,
        "CONTENT_TYPE": asked.headers.get("Content-Type", ""),
        "CONTENT_LENGTH": str(len(asked.body)),
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.input_terminated": True,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in asked.headers.items()},
    }
    said: list[Any] = []
    pieces = application(environment, lambda status, headers, _problem=None: said.append((status, headers)))
    try:
        body = b"".join(pieces)
    finally:
        getattr(pieces, "close", lambda: None)()
    status, headers = said[0]
    return Answer(int(status.split()[0]), headers, body)
