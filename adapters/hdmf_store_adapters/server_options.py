"""What users pass beside a URL and inside it, as options of file systems: fsspec's, and from those obstore's.

Pure functions of data; nothing is opened here.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, quote

import attrs

from hdmf_store.adapter import UrlParts, url_parts

__all__ = ["THROUGH", "ObstoreSettings", "fsspec_options", "obstore_settings", "options_of", "secrets_in", "without"]

THROUGH = "hdmf_store.through"
"""The option that says through what a place is reached, besides its server: a tuple of fsspec's caches, or a store
object that lies on the same server. Siblings of a file are reached in the same way."""

# ------------------------------------------------------------------------------------------------- fsspec's own options


def options_of(place: Any, given: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return all options for a URL or universal path: its own, those that are given, and what is secret in the URL.

    With these, the bare `Location` of the place is enough to reach it again.
    """
    options: dict[str, Any] = _copied({**getattr(place, "storage_options", {}), **(given or {})})
    text = str(place) if isinstance(place, str) or hasattr(place, "storage_options") else ""
    url = url_parts(text)
    if url is None:
        return options
    if url.through:
        options[THROUGH] = url.through
        if "target_options" in options:  # as universal paths have them
            target = {**options.pop("target_options"), **options.get(url.scheme, {})}
            options.pop("target_protocol", None)
            options[url.scheme] = target
    secret = _in_url(url, options.get(url.scheme, {}) if url.through else options)
    if url.through and secret:
        options[url.scheme] = {**options.get(url.scheme, {}), **secret}
        return options
    return {**options, **secret}


def _copied(value: Any) -> Any:
    """Return a copy of dictionaries in dictionaries; botocore changes those that it is given."""
    return {name: _copied(held) for name, held in value.items()} if isinstance(value, Mapping) else value


def _in_url(url: UrlParts, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is secret in a URL, as options beside others."""
    found: dict[str, Any] = {}
    if url.query:
        named = options.get("params") or []
        pairs = list(named.items()) if isinstance(named, Mapping) else list(named)
        found["params"] = [*pairs, *parse_qsl(url.query, keep_blank_values=True)]
    if not url.user:
        return found
    if url.scheme in ("http", "https"):
        client = dict(options.get("client_kwargs") or {})
        word = base64.b64encode(f"{url.user}:{url.password}".encode()).decode()
        client["headers"] = {"Authorization": f"Basic {word}", **(client.get("headers") or {})}
        return {**found, "client_kwargs": client}
    names = ("key", "secret") if url.scheme == "s3" else ("username", "password")
    return {**found, **{name: part for name, part in zip(names, (url.user, url.password), strict=True) if part}}


def fsspec_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that file systems of fsspec take."""
    return {name: value for name, value in options.items() if name != THROUGH}


# ------------------------------------------------------------------------------------------------- the same for obstore

_OBSTORE: dict[str, dict[tuple[str, ...], str]] = {
    "s3": {
        ("anon",): "skip_signature",
        ("key",): "access_key_id",
        ("secret",): "secret_access_key",
        ("token",): "session_token",
        ("endpoint_url",): "endpoint",
        ("requester_pays",): "request_payer",
        ("client_kwargs", "aws_access_key_id"): "access_key_id",
        ("client_kwargs", "aws_secret_access_key"): "secret_access_key",
        ("client_kwargs", "aws_session_token"): "session_token",
        ("client_kwargs", "endpoint_url"): "endpoint",
        ("client_kwargs", "region_name"): "region",
    },
    "gs": {
        ("anon",): "skip_signature",
        ("endpoint_url",): "base_url",
    },
    "az": {
        ("anon",): "skip_signature",
        ("account_name",): "account_name",
        ("account_key",): "account_key",
        ("sas_token",): "sas_key",
        ("client_id",): "client_id",
        ("client_secret",): "client_secret",
        ("tenant_id",): "tenant_id",
    },
}
"""Of each scheme, what obstore calls the options of fsspec's file system."""

_FROM_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "access_key_id",
    "AWS_SECRET_ACCESS_KEY": "secret_access_key",
    "AWS_SESSION_TOKEN": "session_token",
}
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_OTHER_SOURCES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")

_WITHOUT_MEANING = ("asynchronous", "skip_instance_cache", "use_listings_cache", "default_block_size")
"""Options of fsspec's file systems that change nothing about which bytes are read."""


@attrs.frozen
class ObstoreSettings:
    """What obstore needs for a place.

    Parameters
    ----------
    config : dict
        Of the store.
    client : dict
        Of its client.
    is_complete : bool
        Whether fsspec's file system would find nothing more by itself, such as a profile or the region of a bucket.
    """

    config: Mapping[str, Any] = attrs.field(repr=False)
    client: Mapping[str, Any]
    is_complete: bool


def obstore_settings(
    scheme: str, options: Mapping[str, Any], environ: Mapping[str, str] | None = None
) -> ObstoreSettings | None:
    """Return fsspec's options as those of obstore; None if one of them has no counterpart there.

    Parameters
    ----------
    scheme : str
    options : dict
    environ : dict, optional
        The environment variables, in which credentials may be.

    Examples
    --------
    >>> settings = obstore_settings("s3", {"anon": True, "client_kwargs": {"region_name": "us-east-2"}})
    >>> sorted(settings.config.items()), settings.is_complete
    ([('region', 'us-east-2'), ('skip_signature', True)], True)
    >>> obstore_settings("s3", {"profile": "lab"}) is None
    True
    """
    names = _OBSTORE.get(scheme)
    if names is None:
        return None
    asked = {name: value for name, value in options.items() if name not in _WITHOUT_MEANING}
    if scheme == "gs" and asked.get("token") == "anon":  # as gcsfs says it
        asked = {**asked, "token": None, "anon": True}
    config: dict[str, Any] = {}
    for path, value in _leaves(asked):
        if path not in names or not isinstance(value, str | bool):
            return None
        config[names[path]] = value
    config = {name: value for name, value in config.items() if value is not False}
    is_complete = scheme == "s3" and _completed(config, environ or {})
    client: dict[str, Any] = {"timeout": "10 minutes"}  # for a whole object: large shards take long over slow lines
    if str(config.get("endpoint", "")).startswith("http://"):
        client["allow_http"] = True
    return ObstoreSettings(config, client, is_complete)


def _completed(config: dict[str, Any], environ: Mapping[str, str]) -> bool:
    """Add what environment variables say to options for S3; return whether nothing is left to be found out."""
    if "endpoint" in config and environ.get(_ENDPOINTS[0]):
        return False  # for obstore, the variable would count before what was passed
    if "skip_signature" not in config and "access_key_id" not in config:
        if any(name in environ for name in _OTHER_SOURCES):
            return False
        config |= {name: environ[key] for key, name in _FROM_ENVIRONMENT.items() if environ.get(key)}
    for name, keys in (("endpoint", _ENDPOINTS), ("region", _REGIONS)):
        found = [environ[key] for key in keys if environ.get(key)]
        if name not in config and found:
            config[name] = found[0]
    if "endpoint" in config:
        config.setdefault("region", "us-east-1")  # servers of one's own have one region, whatever it is called
    is_signed = {"access_key_id", "secret_access_key"} <= config.keys()
    return "region" in config and ("skip_signature" in config or is_signed)


def _leaves(options: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for name, value in options.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*above, name))
        elif value is not None:
            yield (*above, name), value


# ----------------------------------------------------------------------------------------------------- what is secret

_PUBLIC = (
    "account_name",
    "cache_storage",
    "endpoint",
    "endpoint_url",
    "mode",
    "profile",
    "project",
    "protocol",
    "region",
    "region_name",
    "signature_version",
    "target_protocol",
)
"""Options whose values may be shown, so that a message can name the server that was asked."""

_USER_IN_URL = re.compile(r"(?<=://)[^/\s@'\"]*@")
_QUERY_IN_URL = re.compile(r"(?<=\w)(://[^\s?'\"<>]*)\?[^\s'\"<>]+")
_SHORTEST = 3


def secrets_in(options: Any) -> frozenset[str]:
    """Return all texts in options, at any depth, that are not known to be harmless."""
    if isinstance(options, str):
        return frozenset({options})
    if isinstance(options, bytes):
        return frozenset({options.decode("latin-1")})
    if isinstance(options, Mapping):
        items = [value for name, value in options.items() if name not in _PUBLIC]
    elif isinstance(options, list | tuple | set | frozenset):
        items = list(options)
    else:  # file systems and stores have theirs in one of these
        items = [getattr(options, name, None) for name in ("storage_options", "config", "client_options")]
        items = [item for item in items if isinstance(item, Mapping)]
    return frozenset().union(*map(secrets_in, items))


def without(secrets: frozenset[str], text: str) -> str:
    """Return a text in which nothing secret is left; also none of what may be secret in the URLs in it.

    >>> without(frozenset({"hunter2"}), "hunter2 at https://me:x@host.org/a?sig=y")
    '*** at https://***@host.org/a?***'
    """
    text = _QUERY_IN_URL.sub(r"\1?***", _USER_IN_URL.sub("***@", text))
    spelled = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote(secret))}
    for form in sorted((form for form in spelled if len(form) >= _SHORTEST), key=len, reverse=True):
        text = text.replace(form, "***")
    return text
