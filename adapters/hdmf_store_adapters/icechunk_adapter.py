"""The adapter for Icechunk: Zarr format 3 with history, in which each write is one commit.

Needs the extra ``icechunk``, which nothing here imports before a place asks for it.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import attrs

from hdmf_store.adapter import READING_MODES, Location, Plan, Progress
from hdmf_store.errors import ArgumentError, LocationError, MissingExtraError
from hdmf_store.nodes import Dataset, Node
from hdmf_store_adapters.icechunk_errors import first_line, of_the_system
from hdmf_store_adapters.icechunk_media import RepositoryMedium, SessionMedium, Version
from hdmf_store_adapters.local_errors import telling_of
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.server_options import fsspec_options
from hdmf_store_adapters.zarr_adapter import ZarrAdapter

__all__ = ["IcechunkAdapter"]

_SCHEME = "icechunk"
_VERSIONS = ("branch", "tag", "snapshot")


class IcechunkAdapter(ZarrAdapter):
    """One hierarchy in an Icechunk repository.

    Each write is one commit; so is closing after arrays were assigned into. A write that fails leaves no trace.
    Icechunk has its own index, so that no consolidated document is kept.

    Parameters
    ----------
    place : str, icechunk.Repository, icechunk.Session or icechunk.IcechunkStore
        ``icechunk:///folder``, ``icechunk+s3://bucket/prefix``, ``icechunk+gs://…`` or ``icechunk+az://…``, with
        ``?branch=``, ``?tag=`` or ``?snapshot=``; or an open repository. What is written through a session or a store
        is left uncommitted: whoever opened it commits. A write that fails there discards all that is uncommitted.
    branch : str, default "main"
        The branch that is read and added to; made if there is none.
    tag, snapshot : str, optional
        An older state, for reading.
    message : str, optional
        Of each commit.
    metadata : dict, optional
        Of each commit.
    storage_options : dict, optional
        For a URL: what icechunk's function for that storage takes, such as ``region`` or ``anonymous``.
    **options
        As for `ZarrAdapter`.

    Raises
    ------
    MissingExtraError
        If icechunk is not installed.
    ArgumentError
        For a format other than 3, and for a version that the place or another argument contradicts.
    """

    name = "icechunk"
    zarr_formats = (3,)
    at_best = attrs.evolve(ZarrAdapter.at_best, consolidates=False, transactional=True)

    def __init__(
        self,
        place: Any,
        *,
        branch: str | None = None,
        tag: str | None = None,
        snapshot: str | None = None,
        message: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        zarr_format: int | None = None,
        **options: Any,
    ) -> None:
        if zarr_format not in (None, *self.zarr_formats):
            raise ArgumentError(f"Icechunk holds Zarr format 3 only, not {zarr_format!r}")
        self._asked = {"branch": branch, "tag": tag, "snapshot": snapshot}
        self._message = message
        self._metadata = metadata
        super().__init__(place, storage_options=storage_options, zarr_format=3, separator="/", **options)

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether a place is an object of icechunk, or a URL that begins with ``icechunk``."""
        if isinstance(place, str):
            return Location.of(place).scheme.partition("+")[0] == _SCHEME
        return _kind_of(place) is not None

    def _medium_and_location(self, place: Any, options: Mapping[str, Any]) -> tuple[Medium, Location]:
        kind = _kind_of(place)
        if kind in ("Session", "IcechunkStore"):
            return SessionMedium(place.store if kind == "Session" else place), Location.of_object(place)
        if kind == "Repository":
            location, version = Location.of_object(place), self._version({})
            return self._repository_medium(lambda create=False: place, version, location), location
        if not self.claims(place):
            raise ArgumentError(f"{place!r} is no URL or object of Icechunk")
        url, _, query = str(place).partition("?")
        location = Location.of(place)
        version = self._version(dict(parse_qsl(query)))
        open_repository = partial(_repository_at, Location.of(url), fsspec_options(options))
        return self._repository_medium(open_repository, version, location), location

    def _repository_medium(self, open_repository: Any, version: Version, location: Location) -> RepositoryMedium:
        def message() -> str:
            return self._message or "Written by hdmf-store"

        return RepositoryMedium(open_repository, version, message, self._metadata, str(location))

    def _version(self, in_url: Mapping[str, str]) -> Version:
        unknown = sorted(set(in_url) - set(_VERSIONS))
        if unknown:
            raise ArgumentError(f"an Icechunk URL knows {', '.join(_VERSIONS)}, not {', '.join(unknown)}")
        asked = {name: value for name, value in self._asked.items() if value is not None}
        chosen = {**in_url, **asked}
        if len(chosen) > 1 or any(in_url.get(name, value) != value for name, value in asked.items()):
            raise ArgumentError(f"one version at a time can be meant, not {chosen}")
        return Version(**chosen)

    def _only_reads(self, place: Any, location: Location) -> bool:
        if isinstance(self._medium, RepositoryMedium):
            return self._medium.is_fixed
        return bool(place.read_only)

    def _travels_with(self) -> dict[str, Any]:
        return {name: value for name, value in self._asked.items() if value is not None}

    def open(self, mode: str) -> None:
        """Open in a mode; see `StoreAdapter.open`."""
        if isinstance(self._medium, RepositoryMedium):
            self._medium.start(mode not in READING_MODES)
        super().open(mode)

    def history(self) -> list[dict[str, Any]]:
        """Return the state that is open and those before it, the newest first; see `StoreAdapter`."""
        if not isinstance(self._medium, RepositoryMedium):
            raise ArgumentError("a session of Icechunk knows one state; open the repository to see all of them")
        return self._medium.history()

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        """Store everything in the plan as one commit, or nothing; see `StoreAdapter.write`."""
        super().write(attrs.evolve(plan, nodes={path: _with_slashes(n) for path, n in plan.nodes.items()}), progress)

    def reference(self, other: Location) -> str:
        """Return how links in this repository name another one; none of its own objects can be linked to."""
        if other != self.location and other.scheme.partition("+")[0] != _SCHEME:
            raise LocationError(other.address, "is no Icechunk repository, and links from one lead to others only")
        return super().reference(other)


def _with_slashes(node: Node) -> Node:
    """Return a node whose chunks have the only keys that Icechunk takes."""
    if isinstance(node, Dataset) and node.layout.separator == ".":
        return attrs.evolve(node, layout=attrs.evolve(node.layout, separator="/"))
    return node


def _kind_of(place: Any) -> str | None:
    """Return the class of an object of icechunk, without importing it; None for anything else."""
    icechunk = sys.modules.get("icechunk")
    if icechunk is None:
        return None
    kinds = {name: getattr(icechunk, name) for name in ("Repository", "Session", "IcechunkStore")}
    return next((name for name, kind in kinds.items() if isinstance(place, kind)), None)


def _repository_at(location: Location, options: dict[str, Any], create: bool = False) -> Any:
    """Return the repository at a URL; None if there is none, and none is to be made."""
    try:
        import icechunk
    except ImportError:
        raise MissingExtraError("icechunk", "icechunk", "reading and writing Icechunk repositories") from None
    try:
        with _room_for(location) if create else nullcontext():
            storage = _storage(icechunk, location, options)
            if storage is None:
                return None
            if icechunk.Repository.exists(storage):
                return icechunk.Repository.open(storage)
            return icechunk.Repository.create(storage) if create else None
    except icechunk.IcechunkError as problem:
        told = of_the_system(problem, location.address, "open")
        raise told or LocationError(location.address, _why_not_opened(problem)) from problem


@contextmanager
def _room_for(location: Location) -> Iterator[None]:
    """Make the folder of a repository on this machine, which Icechunk would panic at if it cannot make it.

    What a creation that fails leaves in a folder of its own goes: Icechunk would make no repository there again.
    """
    folder = _folder_of(location)
    if folder is None or os.path.isdir(folder):
        yield
        return
    with telling_of(location.address, "write", location.address):
        os.makedirs(folder)
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _folder_of(location: Location) -> str | None:
    """Return the folder of a repository on this machine; None for one on a server."""
    engine = location.scheme.partition("+")[2]
    return location.address.partition("://")[2] if engine in ("", "file") else None


def _why_not_opened(problem: Exception) -> str:
    """Return what Icechunk says of a place, in one line, and the way out where a killed process left that."""
    said = first_line(problem)
    if "clean prefix" in said:
        return (
            f"Icechunk makes no repository there ({said}): another file is in that folder, or a process was killed "
            "while it made a repository. Delete that folder if nothing that you need is in it, or name another one"
        )
    return f"Icechunk cannot open it ({said})"


def _storage(icechunk: Any, location: Location, options: dict[str, Any]) -> Any:
    """Return what holds a repository; None where its folder is not there."""
    folder = _folder_of(location)
    if folder is not None:  # Icechunk makes the folder when it is asked whether there is a repository
        return icechunk.local_filesystem_storage(folder) if os.path.isdir(folder) else None
    engine = location.scheme.partition("+")[2]
    bucket, _, prefix = location.address.partition("://")[2].partition("/")
    options = options or {"from_env": True}
    if engine == "s3":
        return icechunk.s3_storage(bucket=bucket, prefix=prefix, **options)
    if engine in ("gs", "gcs"):
        return icechunk.gcs_storage(bucket=bucket, prefix=prefix, **options)
    if engine == "az":
        return icechunk.azure_storage(container=bucket, prefix=prefix, **options)
    raise ArgumentError(f"{location}: Icechunk has no storage for {engine!r}; there are file, s3, gs and az")
