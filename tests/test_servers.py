"""The servers that tests trust: they answer as the protocols say, note what happened, and fail as they are told."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit
from urllib.request import Request as Query
from urllib.request import urlopen

import fsspec
import pytest

from tests.conftest import Website
from tests.servers import Dropped, Late, Refused
from tests.servers.s3 import Bucket


@contextmanager
def connected(url: str) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection(urlsplit(url).netloc, timeout=10)) as connection:
        yield connection


def file_system(bucket: Bucket, **options: Any) -> Any:
    return fsspec.filesystem("s3", skip_instance_cache=True, **bucket.storage_options, **options)


@pytest.mark.parametrize("span, expected", [("2-4", b"234"), ("7-", b"789"), ("-2", b"89"), ("8-99", b"89")])
def test_parts_of_files_are_served_over_http(http: Website, span: str, expected: bytes) -> None:
    (http.folder / "a b#1").write_bytes(b"0123456789")

    with urlopen(Query(f"{http.url}/a%20b%231", headers={"Range": f"bytes={span}"})) as answer:
        assert (answer.status, answer.read()) == (206, expected)

    [request] = http.traffic.requests
    assert request.key.endswith("/a b#1")
    assert request.span == f"bytes={span}"


def test_what_is_no_file_is_not_there_over_http(http: Website) -> None:
    """Folders cannot be listed, nothing outside of the folder can be had, nothing can be written."""
    (http.folder / "inner").mkdir()
    path = urlsplit(http.url).path

    def status(method: str, below: str) -> int:
        with connected(http.url) as connection:
            connection.request(method, path + below)
            return connection.getresponse().status

    assert [status("GET", below) for below in ("/inner", "/", "/../../../etc/passwd")] == [404, 404, 404]
    assert status("PUT", "/new") == 405


def test_a_connection_serves_many_requests(http: Website) -> None:
    """As those of clients that keep them open."""
    (http.folder / "a").write_bytes(b"x")
    sockets = set()
    with connected(http.url) as connection:
        for _ in range(3):
            connection.request("GET", f"{urlsplit(http.url).path}/a")
            assert connection.getresponse().read() == b"x"
            sockets.add(connection.sock)

    assert len(sockets) == 1


def test_latency_is_that_of_each_request_and_of_those_at_once_together(http: Website) -> None:
    """The log tells round trips that were waited for from requests that were made together."""
    for number in range(8):
        (http.folder / str(number)).write_bytes(b"x")
    http.traffic.latency = 0.4  # time enough to begin eight requests, on a busy machine too
    urls = [f"{http.url}/{number}" for number in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda url: urlopen(url).close(), urls))
    assert (http.traffic.rounds, http.traffic.at_once) == (1, 8)

    http.traffic.clear()
    http.traffic.latency = 0.02
    for url in urls[:3]:
        urlopen(url).close()
    assert (http.traffic.rounds, http.traffic.at_once, http.traffic.repeated()) == (3, 1, [])

    urlopen(urls[0]).close()
    assert [key for _, key, *_ in http.traffic.repeated()] == [http.traffic.asked("GET")[0]]


def test_what_is_asked_together_is_answered_together(http: Website) -> None:
    """So that rounds can be counted also where asking takes longer than the way."""
    for number in range(5):
        (http.folder / str(number)).write_bytes(b"x")
    http.traffic.settling = 0.2

    def asked_late(number: int) -> None:
        time.sleep(0.05 * number)
        urlopen(f"{http.url}/{number}").close()

    with ThreadPoolExecutor(5) as pool:
        list(pool.map(asked_late, range(5)))

    assert (http.traffic.rounds, http.traffic.at_once) == (1, 5)


def test_what_goes_wrong_is_chosen_by_method_key_and_count(http: Website) -> None:
    """Refusals, connections that end before and in an answer, and answers that are late."""
    (http.folder / "a").write_bytes(b"0123456789")
    plan = [Refused(500, "InternalError"), Refused(503, "SlowDown"), Dropped(), Dropped(4), Late(0.1)]
    http.traffic.trouble = lambda method, key, count: (
        plan[count] if method == "GET" and key.endswith("/a") and count < len(plan) else None
    )

    def asked() -> Any:
        with connected(http.url) as connection:
            try:
                connection.request("GET", f"{urlsplit(http.url).path}/a")
                answer = connection.getresponse()
                return answer.status, answer.read()
            except (HTTPException, OSError) as problem:
                return type(problem).__name__

    assert [asked()[0] for _ in range(2)] == [500, 503]
    assert asked() == "RemoteDisconnected"
    assert asked() == "IncompleteRead"
    start = time.monotonic()
    assert asked() == (200, b"0123456789")
    assert time.monotonic() - start >= 0.1
    assert len(http.traffic.requests) == 5


def test_s3_stores_lists_and_removes(s3: Bucket) -> None:
    """By s3fs; the log names the keys."""
    files = file_system(s3)
    files.pipe_file(f"{s3.name}/a/b c+d", b"0123456789")
    files.pipe_file(f"{s3.name}/a/ü", b"x")

    assert files.cat_file(f"{s3.name}/a/b c+d", start=2, end=5) == b"234"
    assert sorted(files.find(s3.name)) == [f"{s3.name}/a/b c+d", f"{s3.name}/a/ü"]
    files.rm(f"{s3.name}/a", recursive=True)
    assert file_system(s3).find(s3.name) == []
    assert s3.traffic.asked("PUT") == [f"{s3.name}/a/b c+d", f"{s3.name}/a/ü"]


def test_s3_is_served_to_obstore(s3: Bucket) -> None:
    obstore = pytest.importorskip("obstore")
    store = s3.obstore("folder")

    obstore.put(store, "a b", b"0123")

    assert bytes(obstore.get(store, "a b").bytes()) == b"0123"
    assert [found["path"] for found in obstore.list(store).collect()] == ["a b"]
    assert s3.traffic.asked("PUT") == [f"{s3.name}/folder/a b"]


def test_s3_is_asked_where_nobody_says_which(s3: Bucket) -> None:
    """So that no test asks another machine."""
    fsspec.filesystem("s3", skip_instance_cache=True).pipe_file(f"{s3.name}/a", b"x")

    assert f"{s3.name}/a" in s3.traffic.asked()


def test_without_a_server_no_machine_is_asked_for_s3() -> None:
    """Tests that forget to say where their bucket is meet a closed door."""
    endpoint = urlsplit(os.environ["AWS_ENDPOINT_URL"])

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((endpoint.hostname, endpoint.port), timeout=5)


def test_s3_throttles_and_breaks_as_it_is_told(s3: Bucket) -> None:
    """The client's own retries meet it; what it gives up on is an error."""
    files = file_system(s3, config_kwargs={"retries": {"total_max_attempts": 3, "mode": "standard"}})
    troubles = [Refused(503, "SlowDown"), Dropped()]
    s3.traffic.trouble = lambda method, _key, count: (
        troubles[count] if method == "PUT" and count < len(troubles) else None
    )
    files.pipe_file(f"{s3.name}/a", b"x")
    assert len(s3.traffic.asked("PUT")) == 3

    s3.traffic.trouble = lambda *_: Refused(403, "AccessDenied")
    with pytest.raises(PermissionError):
        files.cat_file(f"{s3.name}/a")


def test_s3_answers_many_at_once(s3: Bucket) -> None:
    """Over connections of their own."""
    s3.traffic.latency = 0.1
    options = {"config_kwargs": {"max_pool_connections": 32}}

    async def put() -> None:
        files = fsspec.filesystem("s3", asynchronous=True, skip_instance_cache=True, **s3.storage_options, **options)
        session = await files.set_session()
        await asyncio.gather(*(files._pipe_file(f"{s3.name}/{number}", b"x") for number in range(32)))
        await session.close()

    asyncio.run(put())

    assert len(s3.traffic.requests) == 32
    assert s3.traffic.at_once >= 16
