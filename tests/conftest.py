"""Servers on this machine, for the tests of all rooms; nothing here ever asks another machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
from hypothesis import settings

from tests.effort import examples
from tests.servers import Server, Traffic, file_server
from tests.servers.s3 import CREDENTIALS, REGION, S3, Bucket, s3_server

settings.register_profile("effort", settings(), max_examples=examples(50))  # as Hypothesis has it otherwise
settings.load_profile("effort")

_NOWHERE = "http://127.0.0.1:9"  # where nothing listens


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what kills processes or breaks files for minutes, unless ``-m`` asks for it by its marker."""
    if "faults" in config.option.markexpr:
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    config.hook.pytest_deselected(items=long)
    items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session", autouse=True)
def _no_request_leaves_this_machine() -> Iterator[None]:
    """Whoever asks for S3 without saying where asks this machine, with these credentials."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AWS_ACCESS_KEY_ID": CREDENTIALS["key"],
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["secret"],
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": _NOWHERE,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "none",
            "AWS_SHARED_CREDENTIALS_FILE": "none",
        }.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def _s3_server() -> Iterator[S3]:
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(_s3_server: S3, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    """An empty bucket of an S3 server; also the one that is asked where nobody says which."""
    bucket = _s3_server.bucket()
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket.endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    yield bucket
    _quiet(bucket.traffic)


@attrs.frozen
class Website:
    """A folder that an HTTP server serves.

    Attributes
    ----------
    folder : Path
    url : str
        Without a slash at the end.
    traffic : Traffic
        What the server was asked.
    """

    folder: Path
    url: str
    traffic: Traffic


@pytest.fixture(scope="session")
def _file_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server]]:
    folder = tmp_path_factory.mktemp("served")
    with file_server(folder) as running:
        yield folder, running


@pytest.fixture
def http(_file_server: tuple[Path, Server], request: pytest.FixtureRequest) -> Iterator[Website]:
    """An empty folder of a plain HTTP server."""
    top, server = _file_server
    folder = top / f"{len(list(top.iterdir()))}"
    folder.mkdir()
    server.traffic.clear()
    yield Website(folder, f"{server.url}/{folder.name}", server.traffic)
    _quiet(server.traffic)


def _quiet(traffic: Traffic) -> None:
    """Stop delaying and failing, and forget what was asked."""
    traffic.latency, traffic.settling, traffic.trouble = 0.0, 0.0, Traffic.trouble
    traffic.clear()
