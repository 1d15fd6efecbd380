"""What a shell completes: files for places, and objects of a file for paths in it."""

from __future__ import annotations

import warnings
from typing import Any

import click
from click.shell_completion import CompletionItem

from hdmf_store.adapter import Location, open_adapter
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import Group, parent

__all__ = ["OBJECT", "PLACE"]


class _Place(click.ParamType):
    """A path or URL. Without this, a shell that completes our options completes no file names any more."""

    name = "place"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave it to the shell."""
        return [CompletionItem(incomplete, type="file")]


class _Object(click.ParamType):
    """The path of an object in the file that was named before."""

    name = "path"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the objects one level further; none for files on servers, which would have to be asked at each key."""
        place = ctx.params.get("file") or ctx.params.get("src")
        if not isinstance(place, str) or not Location.of(place).is_local:
            return []
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return [CompletionItem(path) for path in _below(place, incomplete)]
        except (HDMFStoreError, OSError):
            return []


def _below(place: str, incomplete: str) -> list[str]:
    adapter: Any = open_adapter(place, "r")
    try:
        hierarchy = adapter.load()
    finally:
        adapter.close()
    begun = f"/{incomplete.lstrip('/')}"
    group = begun.rpartition("/")[0] or "/"
    found = [path for path in hierarchy if path != "/" and parent(path) == group and path.startswith(begun)]
    return [f"{path}/" if isinstance(hierarchy.nodes[path], Group) else path for path in found]


PLACE, OBJECT = _Place(), _Object()
