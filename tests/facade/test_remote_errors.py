"""What servers refuse or fail at becomes an error that names the place and the way out; no credential is ever shown.

Holds what users asked for (NEEDS 20, 25).
"""

from __future__ import annotations

import logging
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import numpy as np
import pytest
from click.testing import CliRunner
from hdmf.build import LinkBuilder
from zarr.storage import FsspecStore, ObjectStore

from hdmf_store import AccessError, Location, MissingHierarchyError, UnreachableError, ZarrIO
from hdmf_store.cli import main
from hdmf_store.errors import HDMFStoreError
from tests.conftest import Website
from tests.facade.test_remote_places import obstore_only
from tests.servers import Dropped, Late, Refused
from tests.servers.s3 import REGION, Bucket
from tests.translate.builder_files import dataset, root

SECRET = "hush+/hush=7"
SPELLINGS = (SECRET, "hush%2B%2Fhush%3D7", "hush+%2Fhush%3D7", "hush%2B/hush%3D7", "OmhhdXNoKy9odXNoPTc")
"""As it is, in URLs, and the end of ``me:`` and it in base64."""

NOBODY = "http://127.0.0.1:9"


def _content() -> Any:
    return root(dataset("x", np.arange(200).reshape(20, 10)), dataset("n", 7))


def _s3_options(s3: Bucket, serves: str) -> dict[str, Any]:
    if serves == "obstore":
        return s3.storage_options
    return {**s3.storage_options, "config_kwargs": {"retries": {"max_attempts": 0}}}


@pytest.fixture(params=["fsspec", pytest.param("obstore", marks=obstore_only)])
def options(request: pytest.FixtureRequest, s3: Bucket) -> dict[str, Any]:
    """Options for the bucket, for which one library or the other serves it."""
    return _s3_options(s3, request.param)


# ------------------------------------------------------------------------------------------------------- typed errors


@pytest.mark.parametrize(
    ("trouble", "error", "said"),
    [
        (Refused(401, "Unauthorized"), AccessError, "access is denied .*401.*Pass storage_options="),
        (Refused(403, "Forbidden"), AccessError, "access is denied .*403.*Authorization"),
        (Refused(500, "InternalError"), UnreachableError, "the server answers 500 .*Try again later"),
        (Refused(503, "SlowDown"), UnreachableError, "the server answers 503"),
        (Refused(404, "NotFound"), MissingHierarchyError, "no Zarr hierarchy"),
        (Dropped(), UnreachableError, "cannot be reached .*Is the address right"),
        (Dropped(3), UnreachableError, "cannot be reached"),
    ],
)
def test_what_a_web_server_answers_becomes_an_error_with_the_place(
    http: Website, trouble: Any, error: type[Exception], said: str
) -> None:
    with ZarrIO(http.folder / "a.zarr", "w") as io:
        io.write_builder(_content())
    http.traffic.trouble = lambda _method, _key, _count: trouble

    with pytest.raises(error, match=said) as caught:
        ZarrIO(f"{http.url}/a.zarr")
    assert str(caught.value).startswith(f"{http.url}/a.zarr: ")


def test_a_server_that_nobody_finds_or_that_takes_too_long_is_out_of_reach(http: Website) -> None:
    """Each is an `OSError`, as for a disk."""
    with pytest.raises(UnreachableError, match="cannot be reached"):
        ZarrIO(f"{NOBODY}/a.zarr")
    with ZarrIO(http.folder / "a.zarr", "w") as io:
        io.write_builder(_content())
    http.traffic.trouble = lambda _method, _key, _count: Late(1.0)
    with pytest.raises(UnreachableError) as caught:
        ZarrIO(
            f"{http.url}/a.zarr",
            storage_options={"client_kwargs": {"timeout": aiohttp.ClientTimeout(total=0.2)}},
        )
    assert isinstance(caught.value, OSError)


def test_a_bucket_that_is_not_there_is_named(s3: Bucket, options: dict[str, Any]) -> None:
    """Reading, there is no file; writing, no bucket."""
    url = "s3://no-such-bucket/a.zarr"
    with pytest.raises(MissingHierarchyError, match="no Zarr hierarchy"):
        ZarrIO(url, storage_options=options)
    with ZarrIO(url, "w", storage_options=options) as io, pytest.raises(MissingHierarchyError, match="such bucket"):
        io.write_builder(_content())


def test_a_bucket_that_lets_nobody_write_says_so_and_keeps_what_it_has(s3: Bucket, options: dict[str, Any]) -> None:
    with ZarrIO(f"{s3.url}/a.zarr", "w", storage_options=options) as io:
        io.write_builder(_content())
    s3.traffic.trouble = lambda method, _key, _count: Refused(403, "AccessDenied") if method == "PUT" else None

    for mode in ("w", "r+"):
        with ZarrIO(f"{s3.url}/a.zarr", mode, storage_options=options) as io, pytest.raises(AccessError) as caught:
            io.write_builder(root(dataset("more", [1])))
        assert "Pass storage_options={'key': ..., 'secret': ...}" in str(caught.value)
    with ZarrIO(f"{s3.url}/a.zarr", storage_options=options) as io:
        assert sorted(io.read_builder().datasets) == ["n", "x"]


@pytest.mark.parametrize("how", ["window", "points"])
def test_an_array_whose_server_turns_away_says_so(s3: Bucket, options: dict[str, Any], how: str) -> None:
    """Also where zarr itself asks for the chunks, and the credentials have run out since the file was opened."""
    with ZarrIO(f"{s3.url}/a.zarr", "w", storage_options=options) as io:
        io.write_builder(_content())
    with ZarrIO(f"{s3.url}/a.zarr", storage_options=options) as io:
        array = io.read_builder()["x"].data
        s3.traffic.trouble = lambda _method, _key, _count: Refused(403, "ExpiredToken")
        with pytest.raises(AccessError, match="access is denied"):
            array[2:4] if how == "window" else array.vindex[[1, 5], [2, 3]]


# ---------------------------------------------------------------------------------------------------- nothing is shown


def _refused(_method: str, _key: str, _count: int) -> Refused:
    return Refused(403, "InvalidAccessKeyId")


WEB: dict[str, Callable[[str], tuple[Any, dict[str, Any]]]] = {
    "user": lambda url: (url.replace("://", "://me:hush%2B%2Fhush%3D7@"), {}),
    "query": lambda url: (f"{url}?X-Amz-Signature=hush%2B%2Fhush%3D7&n=1", {}),
    "header": lambda url: (url, {"client_kwargs": {"headers": {"X-Token": SECRET}}}),
    "basic": lambda url: (url, {"client_kwargs": {"headers": {"Authorization": "Basic bWU6aHVzaCsvaHVzaD03"}}}),
    "chain": lambda url: (f"simplecache::{url}?sig=hush%2B%2Fhush%3D7", {}),
    "store": lambda url: (FsspecStore.from_url(url.replace("://", "://me:hush%2B%2Fhush%3D7@")), {}),
    "store with options": lambda url: (
        FsspecStore.from_url(url, storage_options={"params": {"sig": SECRET}}),
        {},
    ),
}
BUCKETS: dict[str, Callable[[str, str], tuple[Any, dict[str, Any]]]] = {
    "options": lambda url, endpoint: (url, {"key": "me", "secret": SECRET, "token": SECRET, "endpoint_url": endpoint}),
    "fsspec": lambda url, endpoint: (
        url,
        {
            "key": "me",
            "secret": SECRET,
            "token": SECRET,
            "endpoint_url": endpoint,
            "config_kwargs": {"retries": {"max_attempts": 0}},
        },
    ),
    "user": lambda url, endpoint: (url.replace("://", "://me:hush%2B%2Fhush%3D7@"), {"endpoint_url": endpoint}),
    "client": lambda url, endpoint: (
        url,
        {
            "client_kwargs": {
                "aws_access_key_id": SECRET,
                "aws_secret_access_key": SECRET,
                "endpoint_url": endpoint,
                "region_name": REGION,
            }
        },
    ),
    "object store": lambda url, endpoint: (
        ObjectStore(
            pytest.importorskip("obstore").store.S3Store(
                url.split("/")[2],
                prefix=url.split("/", 3)[3],
                endpoint=endpoint,
                region=REGION,
                access_key_id=SECRET,
                secret_access_key=SECRET,
                client_options={"allow_http": True},
                retry_config={"max_retries": 0},
            )
        ),
        {},
    ),
}


@pytest.fixture
def overheard(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """All that is said in a test; it fails if the secret is in it."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        with caplog.at_level(logging.INFO):
            yield said
    said += [str(warning.message) for warning in warned]
    said += [record.getMessage() for record in caplog.records]
    assert len(said) > 1
    leaks = [text for text in said for spelling in SPELLINGS if spelling in text]
    assert leaks == []


def _troubles(place: Any, options: dict[str, Any], modes: str = "ra") -> Iterator[str]:
    """Yield all that is said when a place cannot be opened in some modes."""
    for mode in modes:
        with pytest.raises(HDMFStoreError) as caught, ZarrIO(place, mode, storage_options=options) as io:
            io.write_builder(_content())
        yield from (str(caught.value), repr(caught.value), *traceback.format_exception(caught.value, chain=True))


def _sayings(io: ZarrIO) -> Iterator[str]:
    """Yield all that an open file says of itself."""
    adapter: Any = io.adapter
    found = io.read_builder()
    held = adapter.arrays._held
    things: list[Any] = [io, adapter, adapter.location, adapter.capabilities, found["x"].data, found["x"], io.file]
    things += [adapter.arrays, held, held.medium, held.medium.store(), adapter.load()]
    yield from (text for thing in things for text in (repr(thing), str(thing)))
    yield from (io.abspath, io.source, found.source, found["x"].source, found["x"].data.origin.location)
    yield str(io.get_builder_disk_path(found["x"]))
    with pytest.raises(HDMFStoreError) as caught:
        io.write_builder(_content())
    yield str(caught.value)


@pytest.mark.parametrize("kind", WEB)
def test_a_credential_for_a_web_server_is_never_shown(http: Website, overheard: list[str], kind: str) -> None:
    """Not when all is well, and not by any error: denied, missing, out of reach, closed."""
    with ZarrIO(http.folder / "a.zarr", "w") as io:
        io.write_builder(_content())
    place, options = WEB[kind](f"{http.url}/a.zarr")

    with ZarrIO(place, storage_options=options) as io:
        overheard += _sayings(io)
    overheard += [repr(io), *_closed(io)]
    overheard += _troubles(*WEB[kind](f"{http.url}/none.zarr"))
    overheard += _troubles(*WEB[kind](f"{NOBODY}/a.zarr"))
    overheard += _troubles(*WEB[kind](f"{http.url}/blob.nwb"))
    http.traffic.trouble = _refused
    overheard += _troubles(place, options)


@pytest.mark.parametrize("kind", [pytest.param(k, marks=obstore_only if k == "object store" else ()) for k in BUCKETS])
def test_a_credential_for_a_bucket_is_never_shown(s3: Bucket, overheard: list[str], kind: str) -> None:
    with ZarrIO(f"{s3.url}/a.zarr", "w", storage_options=s3.storage_options) as io:
        io.write_builder(_content())
    place, options = BUCKETS[kind](f"{s3.url}/a.zarr", s3.endpoint)

    with ZarrIO(place, storage_options=options) as io:
        overheard += _sayings(io)
    overheard += [repr(io), *_closed(io)]
    overheard += _troubles(*BUCKETS[kind](f"{s3.url}/none.zarr", s3.endpoint), modes="r")
    s3.traffic.trouble = _refused
    overheard += _troubles(place, options, modes="raw")
    if kind in ("fsspec", "object store"):  # which do not try again and again
        overheard += _troubles(*BUCKETS[kind](f"{s3.url}/a.zarr", NOBODY))


def _closed(io: ZarrIO) -> Iterator[str]:
    with pytest.raises(HDMFStoreError) as caught:
        io.read_builder()
    yield str(caught.value)


@pytest.mark.parametrize("kind", ["user", "query", "header", "store"])
def test_links_to_a_server_hold_no_credential(http: Website, tmp_path: Path, kind: str) -> None:
    """In none of the bytes that are stored."""
    with ZarrIO(http.folder / "a.zarr", "w") as io:
        io.write_builder(_content())
    place, options = WEB[kind](f"{http.url}/a.zarr")

    with ZarrIO(place, storage_options=options) as a, ZarrIO(tmp_path / "b.zarr", "w") as b:
        b.write_builder(root(LinkBuilder(builder=a.read_builder()["x"], name="l")))
    with ZarrIO(place, storage_options=options) as a, ZarrIO(tmp_path / "c.zarr", "w") as c:
        c.export(a)

    stored = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()).decode("latin-1")
    assert f"{http.url}/a.zarr" in stored
    assert [spelling for spelling in SPELLINGS if spelling in stored] == []


@pytest.mark.parametrize("command", ["tree", "verify", "convert"])
@pytest.mark.parametrize("kind", ["user", "query"])
def test_commands_show_no_credential(http: Website, tmp_path: Path, command: str, kind: str) -> None:
    """Neither of what they read nor of what they fail to read."""
    with ZarrIO(http.folder / "a.zarr", "w") as io:
        io.write_builder(_content())
    for name, code in (("a.zarr", 0), ("none.zarr", 3), ("a.nwb", 2)):
        place, _ = WEB[kind](f"{http.url}/{name}")
        target = [str(tmp_path / "b.zarr")] if command == "convert" else []
        for form in ([], ["--json"]):
            done = CliRunner().invoke(main, [command, place, *target, *form, *(["--overwrite"] if target else [])])
            assert done.exit_code == code, done.output
            said = done.output + done.stderr
            assert f"{http.url}/{name}" in said or (command != "verify" and not form)
            assert [spelling for spelling in SPELLINGS if spelling in said] == []


def test_a_location_of_a_url_has_no_credential_in_any_form() -> None:
    place = "zip::simplecache::https://me:hush%2B%2Fhush%3D7@host.org/a.zip?sig=hush%2B%2Fhush%3D7"
    location = Location.of(place)

    for text in (str(location), repr(location), location.name, location.identity, location.source_from(Location("/a"))):
        assert "hush" not in text
