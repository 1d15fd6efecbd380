"""What commands are told of servers: options for their file systems, which are never shown."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from hdmf_store.adapter import Location

__all__ = ["on_servers", "options_for"]

_KEPT = f"{__name__}.options"


def _parsed(context: click.Context, _parameter: click.Parameter, given: str | None) -> None:
    """Keep the options for `options_for`; an error shows nothing of them."""
    if given is None:
        return
    try:
        text = Path(given[1:]).read_text() if given.startswith("@") else given
        found = json.loads(text)
    except OSError as problem:
        raise click.BadParameter(f"the file with the options cannot be read ({problem.strerror})") from None
    except ValueError as problem:
        where = getattr(problem, "pos", "")
        raise click.BadParameter(f"the options are no JSON, from character {where} on") from None
    if not isinstance(found, dict):
        raise click.BadParameter('the options are JSON, but no object: write {"name": value}')
    if _is_by_place(found) and not all(isinstance(options, dict) for options in found.values()):
        raise click.BadParameter('options by address are objects: write {"s3://bucket": {"name": value}}')
    context.meta[_KEPT] = found


_OPTION = click.option(
    "--storage-options",
    metavar="JSON",
    envvar="HDMF_STORE_STORAGE_OPTIONS",
    expose_value=False,
    callback=_parsed,
    help="What fsspec's file system of a server takes, as a JSON object, or @FILE that holds one; by address "
    'where there are several: {"s3://bucket": {...}}. Also taken from HDMF_STORE_STORAGE_OPTIONS.',
)


def on_servers(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a command take options for the servers on which its files lie; `options_for` hands them out."""
    return _OPTION(function)


def options_for(place: str) -> dict[str, Any]:
    """Return what an adapter for a place is to be given, by the command line that is being run."""
    context = click.get_current_context(silent=True)
    given: Mapping[str, Any] = {} if context is None else context.meta.get(_KEPT, {})
    location = Location.of(place)
    if not given or location.is_local:
        return {}
    if _is_by_place(given):
        fitting = [at for at in given if _is_below(location.address, Location.of(at).address)]
        given = given[max(fitting, key=len)] if fitting else {}
    return {"storage_options": dict(given)} if given else {}


def _is_by_place(given: Mapping[str, Any]) -> bool:
    return bool(given) and all("://" in name for name in given)


def _is_below(address: str, place: str) -> bool:
    return address == place or address.startswith(place.rstrip("/") + "/")
