"""The adapter for reference file systems: a Zarr hierarchy whose chunks lie in other files, as JSON or Parquet says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs

from hdmf_store.adapter import Location, Reach, prefixes, shown
from hdmf_store.errors import ArgumentError
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.reference_files import ReferenceFiles
from hdmf_store_adapters.reference_folders import ReferenceFolder, is_reference_folder
from hdmf_store_adapters.server_options import THROUGH
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from hdmf_store_adapters.zarr_places import text_of

__all__ = ["ReferenceAdapter"]

_JSON = ".json"
_FOLDERS = (".parq", ".parquet")
_LOOKED_AT = 1024


class ReferenceAdapter(ZarrAdapter):
    """One reference file system, as kerchunk, LINDI and Zindi write them to JSON, or kerchunk to Parquet; for reading.

    What its references name is checked before it is read. They may name what lies beside it or below, on the server
    that it came from, and, if it is on this machine, anything over ``https``. What comes from elsewhere never names
    files of this machine.

    Parameters
    ----------
    place : str or Path
        A JSON file, a folder with Parquet files, or the URL of one: that of a folder ends with ``.parq`` or
        ``.parquet``. Folders need the extra ``parquet``.
    may_read : str, Path, list or dict, optional
        Folders and URLs in and below which references may also name files; a dictionary gives for each what
        fsspec's file system takes.
    **options
        As for `ZarrAdapter`. The `storage_options` are used for the server of the place alone.

    Raises
    ------
    ArgumentError
        If the place is no path or URL, or a chain of them.
    """

    name = "references"
    reads_other_files = True
    at_best = attrs.evolve(ZarrAdapter.at_best, writable=False, linkable=False, consolidates=False, layouts=False)

    def __init__(self, place: Any, *, may_read: Any = (), **options: Any) -> None:
        self._may_read = prefixes(may_read)
        super().__init__(place, **options)
        self._is_linkable = False

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether a place is a file of JSON or a folder of references, or by its name would be one."""
        text = text_of(place)
        if not text:
            return False
        location = Location.of(text)
        if _is_folder(location):
            return not location.is_local or is_reference_folder(location.address)
        if not location.name.endswith(_JSON):
            return False
        if not location.is_local or not os.path.lexists(location.address):
            return True
        if not os.path.isfile(location.address):
            return False
        try:
            with open(location.address, "rb") as file:
                return file.read(_LOOKED_AT).lstrip().startswith(b"{")
        except OSError:  # its name says what it is, and who opens it is told what is wrong
            return True

    def _medium_and_location(self, place: Any, options: Mapping[str, Any]) -> tuple[Medium, Location]:
        text = text_of(place)
        if not text or THROUGH in options:
            raise ArgumentError(f"{shown(place)} is no path or URL of one file")
        location = Location.of(text)
        kind = ReferenceFolder if _is_folder(location) else ReferenceFiles
        return kind(Reach(location, options, self._may_read)), location

    def _only_reads(self, place: Any, location: Location) -> bool:
        return True

    def _travels_with(self) -> dict[str, Any]:
        return {"may_read": self._may_read} if self._may_read else {}


def _is_folder(location: Location) -> bool:
    """Return whether a place is a folder; by its name where that cannot be asked."""
    return os.path.isdir(location.address) if location.is_local else location.name.endswith(_FOLDERS)
