"""Options of file systems: where they come from, what obstore makes of them, and what of them is secret."""

from __future__ import annotations

from typing import Any

import pytest

from hdmf_store_adapters.server_options import THROUGH, obstore_settings, options_of, secrets_in, without

KEYS = {"key": "me", "secret": "hush"}
SIGNED = {"access_key_id": "me", "secret_access_key": "hush"}


@pytest.mark.parametrize(
    ("place", "given", "options"),
    [
        ("s3://lab/a.zarr", None, {}),
        ("s3://lab/a.zarr", KEYS, KEYS),
        ("s3://me:hush@lab/a.zarr", None, KEYS),
        ("s3://me:hush@lab/a.zarr", {"endpoint_url": "http://here"}, {**KEYS, "endpoint_url": "http://here"}),
        ("sftp://me:hush@host/a.zarr", None, {"username": "me", "password": "hush"}),
        ("sftp://me@host/a.zarr", None, {"username": "me"}),
        ("abfs://container@account.dfs.core.windows.net/a.zarr", None, {}),
        (
            "https://me:hu%2Fsh@host/a.zarr",
            {"client_kwargs": {"headers": {"X-Lab": "7"}}},
            {"client_kwargs": {"headers": {"Authorization": "Basic bWU6aHUvc2g=", "X-Lab": "7"}}},
        ),
        (
            "https://host/a.zarr/?sig=h%2Bush&v=",
            {"params": {"a": "b"}},
            {"params": [("a", "b"), ("sig", "h+ush"), ("v", "")]},
        ),
        ("simplecache::s3://lab/a.zarr", {"s3": KEYS}, {"s3": KEYS, THROUGH: ("simplecache",)}),
        ("filecache::https://host/a.zarr?t=1", None, {"https": {"params": [("t", "1")]}, THROUGH: ("filecache",)}),
        ("/data/a.zarr", None, {}),
        ("s3://lab/what?.zarr", None, {}),
    ],
)
def test_all_that_a_url_says_beside_the_place_becomes_an_option(place: str, given: Any, options: Any) -> None:
    before = repr(given)

    assert options_of(place, given) == options
    assert repr(given) == before


def test_a_universal_path_brings_its_options_those_of_a_cache_too() -> None:
    """What is passed beside it counts more."""
    universal = pytest.importorskip("upath").UPath

    assert options_of(universal("s3://lab/a.zarr", anon=True, key="x"), {"key": "me"}) == {"anon": True, "key": "me"}
    cached = options_of(universal("simplecache::s3://lab/a.zarr", s3=KEYS), None)
    assert cached == {"s3": KEYS, THROUGH: ("simplecache",)}


@pytest.mark.parametrize(
    ("scheme", "options", "config"),
    [
        ("s3", KEYS, SIGNED),
        ("s3", {**KEYS, "token": "t"}, {**SIGNED, "session_token": "t"}),
        ("s3", {"anon": True}, {"skip_signature": True}),
        ("s3", {"anon": False, **KEYS}, SIGNED),
        ("s3", {"anon": True, "key": None}, {"skip_signature": True}),
        ("s3", {"requester_pays": True, **KEYS}, {**SIGNED, "request_payer": True}),
        ("s3", {**KEYS, "use_listings_cache": False}, SIGNED),
        (
            "s3",
            {"client_kwargs": {"aws_access_key_id": "me", "aws_secret_access_key": "hush", "region_name": "eu"}},
            {**SIGNED, "region": "eu"},
        ),
        ("gs", {"token": "anon"}, {"skip_signature": True}),
        ("az", {"account_name": "lab", "account_key": "hush"}, {"account_name": "lab", "account_key": "hush"}),
        ("az", {"sas_token": "hush", "anon": False}, {"sas_key": "hush"}),
    ],
)
def test_options_have_counterparts_in_obstore(scheme: str, options: Any, config: Any) -> None:
    """(NEEDS 26)"""
    found = obstore_settings(scheme, options)

    assert found is not None
    assert found.config == config


@pytest.mark.parametrize(
    ("scheme", "options"),
    [
        ("s3", {"profile": "lab"}),
        ("s3", {"config_kwargs": {"retries": {"max_attempts": 9}}}),
        ("s3", {"client_kwargs": {"verify": False}}),
        ("s3", {"session": object()}),
        ("s3", {"version_aware": True}),
        ("gs", {"token": "/home/me/key.json"}),
        ("az", {"credential": object()}),
        ("http", {}),
        ("https", {"client_kwargs": {"headers": {}}}),
        ("sftp", {}),
    ],
)
def test_what_has_no_counterpart_is_left_to_fsspec(scheme: str, options: Any) -> None:
    """Nothing that a user asked for is dropped."""
    assert obstore_settings(scheme, options) is None


@pytest.mark.parametrize(
    ("options", "environ", "is_complete"),
    [
        (KEYS, {}, False),  # in which region is the bucket?
        ({**KEYS, "endpoint_url": "https://here"}, {}, True),
        ({**KEYS, "client_kwargs": {"region_name": "eu"}}, {}, True),
        ({"anon": True}, {"AWS_REGION": "eu"}, True),
        ({}, {"AWS_REGION": "eu"}, False),  # botocore may know credentials
        ({}, {"AWS_REGION": "eu", "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "hush"}, True),
        (
            {},
            {"AWS_PROFILE": "lab", "AWS_REGION": "eu", "AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "x"},
            False,
        ),
        ({**KEYS, "endpoint_url": "https://here"}, {"AWS_ENDPOINT_URL_S3": "https://there"}, False),
    ],
)
def test_obstore_serves_s3_where_nothing_is_left_to_be_found_out(options: Any, environ: Any, is_complete: bool) -> None:
    """fsspec's library looks into profiles, and asks the server for the region; obstore does not."""
    found = obstore_settings("s3", options, environ)

    assert found is not None
    assert found.is_complete is is_complete


def test_plain_http_is_allowed_to_servers_that_were_named_so() -> None:
    settings = [obstore_settings("s3", {**KEYS, "endpoint_url": f"{scheme}://here"}) for scheme in ("http", "https")]

    assert [found is not None and found.client.get("allow_http", False) for found in settings] == [True, False]


class Holder:
    """As file systems and stores hold theirs."""

    storage_options = {"secret": "hush"}  # noqa: RUF012


@pytest.mark.parametrize(
    "options",
    [
        {"secret": "hush"},
        {"s3": {"token": "hush"}},
        {"params": [("sig", "hush")]},
        {"client_kwargs": {"headers": {"Authorization": b"hush"}}},
        {THROUGH: Holder()},
    ],
)
def test_whatever_is_passed_is_secret_at_any_depth(options: Any) -> None:
    assert "hush" in secrets_in(options)
    assert without(secrets_in(options), "the word hush is wrong") == "the word *** is wrong"


def test_what_says_which_server_is_asked_may_be_shown() -> None:
    options = {"endpoint_url": "http://here", "client_kwargs": {"region_name": "eu-1"}, "profile": "lab"}

    assert secrets_in(options) == frozenset()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("no s/e c+ret here", "no *** here"),
        ("at https://h/?sig=s%2Fe%20c%2Bret!", "at https://h/?***"),
        ("s%2Fe%20c%2Bret", "***"),
        ("s/e%20c%2Bret", "***"),
        ("https://me:pw@host/a and s3://x:y@lab/b", "https://***@host/a and s3://***@lab/b"),
        ("why? me@example.org", "why? me@example.org"),
    ],
)
def test_a_secret_is_found_in_every_spelling(text: str, shown: str) -> None:
    assert without(frozenset({"s/e c+ret"}), text) == shown
