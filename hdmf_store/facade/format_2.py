"""The class names that hdmf-zarr 0.14 uses for Zarr format 2, where one class here serves both formats.

Kept so that scripts run on; new code uses `ZarrIO` and `NWBZarrIO`, which read and write either format.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from hdmf_store.adapter import READING_MODES
from hdmf_store.errors import ArgumentError, HDMFStoreError, UnreadableError, UnsupportedValueError
from hdmf_store.facade.anonymous import anonymous_for
from hdmf_store.facade.nwb import NWBZarrIO
from hdmf_store.facade.zarr_io import ZarrIO

__all__ = ["IncompleteConversionError", "NWBZarrV2IO", "ZarrV2IO", "is_zarr_v2_file"]


@attrs.define(eq=False)
class IncompleteConversionError(HDMFStoreError, RuntimeError):
    """Something in a file in format 2 cannot be read, so that a conversion would lose it. Nothing was written."""

    message: str

    def __str__(self) -> str:
        return self.message


def is_zarr_v2_file(path: Any, storage_options: Mapping[str, Any] | None = None) -> bool:
    """Return whether the file at a path or in a store is in Zarr format 2."""
    options = {"storage_options": storage_options} if storage_options else {}
    try:
        adapter = ZarrIO._adapter_class(path)(path, **options)
        adapter.open("r")
    except (HDMFStoreError, OSError):
        return False
    version: int = adapter.zarr_version()
    adapter.close()
    return version == 2


class ZarrV2IO(ZarrIO):
    """`ZarrIO` for reading, as hdmf-zarr 0.14 names it for format 2.

    Parameters
    ----------
    path, mode, manager, **options
        As for `ZarrIO`.
    allow_pickle : bool, default False
        Without effect: pickles are always read, by a decoder that executes nothing.
    """

    def __init__(
        self, path: Any, mode: str = "r", manager: Any = None, *, allow_pickle: bool = False, **options: Any
    ) -> None:
        if mode not in READING_MODES:
            raise ArgumentError(f"mode {mode!r}: this name reads only; use ZarrIO or NWBZarrIO to write format 2")
        if not isinstance(allow_pickle, bool):
            raise ArgumentError("allow_pickle must be True or False; either way, nothing in a file is executed")
        self._allow_pickle = allow_pickle
        super().__init__(path, mode, manager, **options)

    @property
    def allow_pickle(self) -> bool:
        """What was passed."""
        return self._allow_pickle

    @property
    def skipped_entries(self) -> list[tuple[str, str]]:
        """Always empty: no object is left out; one that cannot be read says so when its values are asked for."""
        return []


class NWBZarrV2IO(ZarrV2IO, NWBZarrIO):
    """`NWBZarrIO` for reading, as hdmf-zarr 0.14 names it for format 2; arguments as for both."""

    def export_to_v3(
        self,
        path: Any,
        nwbfile: Any = None,
        write_args: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
    ) -> None:
        """Store what this file holds as a new file in format 3.

        Parameters
        ----------
        path : str, Path or store
            Of the new file.
        nwbfile : NWBFile, optional
            What was read, with changes.
        write_args : dict, optional
            As for `NWBZarrIO.export`; without ``link_data``, what lies in other files is copied.
        storage_options : dict, optional
            Of the new file.

        Raises
        ------
        IncompleteConversionError
            If something cannot be read. Nothing is written then.
        """
        arguments = {"link_data": False, **(write_args or {})}
        with NWBZarrIO(path, "w", self.manager, storage_options=storage_options, zarr_format=3) as destination:
            try:
                destination.export(self, nwbfile, arguments)
            except (UnreadableError, UnsupportedValueError) as problem:
                raise IncompleteConversionError(str(problem)) from problem

    @staticmethod
    def convert_to_v3(
        source_path: Any,
        dest_path: Any,
        write_args: Mapping[str, Any] | None = None,
        storage_options: Mapping[str, Any] | None = None,
        allow_pickle: bool = False,
    ) -> None:
        """Store what a file in format 2 holds as a new file in format 3; arguments as for `export_to_v3`."""
        options = anonymous_for(source_path)
        with NWBZarrV2IO(source_path, "r", storage_options=options, allow_pickle=allow_pickle) as source:
            source.export_to_v3(dest_path, None, write_args, storage_options)

    @staticmethod
    def read_nwb(path: Any, allow_pickle: bool = False) -> Any:
        """Open a file and return its `pynwb.NWBFile`; the file stays open as long as that is used."""
        return NWBZarrV2IO(path, "r", storage_options=anonymous_for(path), allow_pickle=allow_pickle).read()
