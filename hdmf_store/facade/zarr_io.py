"""`ZarrIO`: HDMF's reading and writing of Zarr files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hdmf.build import BuildManager

from hdmf_store.adapter import StoreAdapter, adapters
from hdmf_store.errors import HDMFStoreError
from hdmf_store.facade.store_io import StoreIO

__all__ = ["ZarrIO"]


class ZarrIO(StoreIO):
    """Reads and writes containers in Zarr.

    Parameters
    ----------
    path : str, Path, UPath, zarr store or StoreAdapter
        A folder, a URL, or any store object of zarr.
    mode : {"r", "r-", "r+", "a", "w", "w-", "x"}
        ``"r-"`` reads without consolidated metadata. In ``"w"``, what was there survives until the new file is
        complete.
    manager : BuildManager, optional
        By default an empty one.
    storage_options : dict, optional
        For a URL: what fsspec's file system takes.
    force_overwrite : bool, default False
        In mode ``"w"``, replace whatever is there, also what is no Zarr file.
    zarr_format : {2, 3}, optional
        For a new file; 3 by default. An existing file keeps its format, whichever mode it is opened in.
    herd_path : str, optional
        As for `hdmf.backends.io.HDMFIO`.

    Raises
    ------
    ArgumentError
        If the mode is none of these, or the path nothing that Zarr files can lie in.
    MissingHierarchyError
        In ``r``, ``r-`` and ``r+``, if there is no Zarr file.
    HierarchyExistsError
        In ``w-`` and ``x``, if something is there; in ``w``, if it is no Zarr file.

    Examples
    --------
    >>> from hdmf_store import ZarrIO
    >>> from hdmf.common import DynamicTable, get_manager
    >>> from zarr.storage import MemoryStore
    >>> store = MemoryStore()
    >>> with ZarrIO(store, "w", manager=get_manager()) as io:
    ...     io.write(DynamicTable(name="root", description="an empty table"))
    >>> with ZarrIO(store, "r", manager=get_manager()) as io:
    ...     io.read().description
    'an empty table'
    """

    def __init__(
        self,
        path: Any,
        mode: str,
        manager: BuildManager | None = None,
        *,
        storage_options: Mapping[str, Any] | None = None,
        force_overwrite: bool = False,
        zarr_format: int | None = None,
        herd_path: str | None = None,
    ) -> None:
        options: dict[str, Any] = {}
        if not isinstance(path, StoreAdapter):
            options = {
                "storage_options": storage_options,
                "force_overwrite": force_overwrite,
                "zarr_format": zarr_format,
            }
        super().__init__(path, mode, manager, herd_path=herd_path, **options)

    @staticmethod
    def _adapter_class(path: Any) -> Any:
        return adapters()["zarr"]

    @staticmethod
    def can_read(path: Any) -> bool:
        """Return whether there is a Zarr file at a path, URL or store."""
        try:
            adapter = adapters()["zarr"](path)
            adapter.open("r")
        except (HDMFStoreError, OSError, ValueError, ImportError):
            return False
        adapter.close()
        return True
