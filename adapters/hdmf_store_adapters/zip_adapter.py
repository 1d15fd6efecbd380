"""The adapter for Zarr in a zip archive: one file that holds a whole hierarchy."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any

from zarr.storage import ZipStore

from hdmf_store.adapter import Location, shown, url_parts
from hdmf_store.errors import ArgumentError
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.server_options import THROUGH
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from hdmf_store_adapters.zarr_places import text_of
from hdmf_store_adapters.zip_files import ZipFiles

__all__ = ["ZipAdapter"]

_SUFFIX = ".zip"


class ZipAdapter(ZarrAdapter):
    """One Zarr hierarchy in a zip archive.

    Each write packs the archive anew, of old members and new ones, and puts it in the old one's place in one step; so
    does closing after arrays were assigned into. No key is ever stored twice. A URL is read, not written.

    Parameters
    ----------
    place : str, Path or zarr.storage.ZipStore
        The archive, also as a URL with ``zip::`` before it; of a store object, its path and whether it is read-only
        are taken.
    **options
        As for `ZarrAdapter`.
    """

    name = "zip"

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether a place is a zip archive, or is to become one by its name."""
        if isinstance(place, ZipStore):
            return True
        text = text_of(place)
        if not text:
            return False
        location = Location.of(text)
        if _names_archive(text):
            return True
        if location.is_local and os.path.lexists(location.address):
            return os.path.isfile(location.address) and zipfile.is_zipfile(location.address)
        return location.name.endswith(_SUFFIX)

    def _medium_and_location(self, place: Any, options: Mapping[str, Any]) -> tuple[Medium, Location]:
        text = text_of(place.path if isinstance(place, ZipStore) else place)
        if not text:
            raise ArgumentError(f"{shown(place)} is no path or URL of a zip archive")
        location = Location.of(text)
        if _names_archive(text):  # which is what this adapter takes every place for
            options = {**options, THROUGH: options[THROUGH][1:]}
        return ZipFiles(location, options, durable=self._durable), location

    def _only_reads(self, place: Any, location: Location) -> bool:
        return not location.is_local or (isinstance(place, ZipStore) and place._zmode == "r" and place.read_only)


def _names_archive(text: str) -> bool:
    """Return whether a URL says itself that an archive lies there: ``zip::…``, as fsspec has it."""
    url = url_parts(text)
    return url is not None and url.through[:1] == ("zip",)
