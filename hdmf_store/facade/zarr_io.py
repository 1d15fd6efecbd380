"""`ZarrIO`: HDMF's reading and writing of Zarr files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import numcodecs
import zarr
from hdmf.backends.io import HDMFIO
from hdmf.build import BuildManager, DatasetBuilder, GroupBuilder, LinkBuilder
from hdmf.build.builders import BaseBuilder

from hdmf_store.adapter import Location, StoreAdapter, adapter_named, adapters, most_specific
from hdmf_store.errors import ArgumentError, DanglingTargetError, HDMFStoreError
from hdmf_store.facade import zarr_objects as objects
from hdmf_store.facade.store_io import StoreIO
from hdmf_store.nodes import Target, basename, join
from hdmf_store.translate.from_builders import path_of
from hdmf_store.translate.to_builders import ROOT_NAME
from hdmf_store.translate.writing import Wishes, all_builders, store_attributes, store_part, stored_hierarchy

__all__ = ["BadLinkError", "ZarrIO"]


@attrs.define(eq=False)
class BadLinkError(DanglingTargetError, ValueError):
    """A reference that leads nowhere, as callers of `resolve_ref` catch it."""


def adapter_options(
    synchronizer: Any,
    object_codec_class: Any,
    storage_options: Mapping[str, Any] | None,
    force_overwrite: bool,
    zarr_format: int | None,
) -> dict[str, Any]:
    """Return what a user asked for as the adapter's options; what was not asked for is left to the adapter."""
    given = {
        "synchronizer": synchronizer or None,
        "object_codec": object_codec_class,
        "storage_options": storage_options,
        "force_overwrite": force_overwrite or None,
        "zarr_format": zarr_format,
    }
    return {name: value for name, value in given.items() if value is not None}


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
    synchronizer : bool, ThreadSynchronizer or ProcessSynchronizer, optional
        Guards chunks that several threads or processes write; True for a `ProcessSynchronizer` beside the file.
    object_codec_class : numcodecs codec class, optional
        For every object array that is written, format 2 only. Without one, references and records are kept as JSON and
        text in its own codec, none of which can hold code.
    storage_options : dict, optional
        For a URL: what fsspec's file system takes.
    force_overwrite : bool, default False
        In mode ``"w"``, replace whatever is there, also what is no Zarr file.
    zarr_format : {2, 3}, optional
        For a new file; 3 by default. A file that is opened to be read or changed keeps the format that it has.
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
        synchronizer: Any = None,
        object_codec_class: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        force_overwrite: bool = False,
        *,
        zarr_format: int | None = None,
        herd_path: str | None = None,
    ) -> None:
        options: dict[str, Any] = {}
        if not isinstance(path, StoreAdapter):
            options = adapter_options(synchronizer, object_codec_class, storage_options, force_overwrite, zarr_format)
        self._object_codec_class = object_codec_class or numcodecs.Pickle
        super().__init__(path, mode, manager, herd_path=herd_path, **options)

    @staticmethod
    def _adapter_class(path: Any) -> Any:
        kinds = [kind for kind in adapters().values() if getattr(kind, "engine", None) == "zarr"]
        return most_specific(path, kinds) or adapter_named("zarr")

    @property
    def _zarr(self) -> Any:
        """The adapter, which as one for Zarr can do more than the protocol asks."""
        return self._adapter

    @property
    def synchronizer(self) -> Any:
        """What guards chunks that several threads or processes write; None for nothing."""
        return getattr(self._adapter, "synchronizer", None)

    @property
    def object_codec_class(self) -> Any:
        """The numcodecs codec for values that only an object array can hold; format 2 only."""
        return self._object_codec_class

    # -------------------------------------------------------------------------------------------- about Zarr objects

    @staticmethod
    def generate_dataset_html(dataset: Any) -> str:
        """Return an HTML table for notebooks; also for a dataset that is not a Zarr array."""
        if isinstance(dataset, zarr.Array):
            return objects.array_html(dataset)
        return str(HDMFIO.generate_dataset_html(dataset))

    @staticmethod
    def get_type(data: Any) -> type:
        """Return the type of data, or of its first element; `ValueError` if it is empty."""
        return objects.type_of(data)

    @staticmethod
    def get_zarr_parent_path(zarr_object: Any) -> str:
        """Return the absolute path of the group that holds a Zarr group or array."""
        return objects.parent_path(zarr_object)

    def resolve_ref(self, zarr_ref: Any) -> tuple[str, Any]:
        """Return the name of the object that a reference names, and the object.

        Parameters
        ----------
        zarr_ref : ZarrReference, dict, str or 0-d array
            With ``source`` and ``path``; a bare path, or JSON text, as datasets of format 3 hold it.

        Returns
        -------
        name : str
        object : zarr.Group or zarr.Array

        Raises
        ------
        DanglingTargetError
            If nothing is there; also a `ValueError`, as callers expect.
        """
        self._check("resolve a reference")
        target = self._zarr.target_of(zarr_ref)
        holder: Any = self._adapter if target.is_internal else self._reader.holder_of(target.source, "", target.path)
        resolved = holder.load().resolve(target.path) if target.path in holder.load() else None
        if isinstance(resolved, Target):
            return self.resolve_ref({"source": resolved.source, "path": resolved.path})
        if resolved is None:
            raise BadLinkError(str(self._adapter.location), "", target.source, target.path)
        name = basename(target.path) or ROOT_NAME
        return name, holder.zarr_object(resolved)

    def get_builder(self, zarr_obj: Any) -> BaseBuilder:
        """Return the builder that was read for a Zarr group or array.

        Raises
        ------
        ValueError
            If none was constructed yet.
        """
        origin = objects.origin_of(zarr_obj)
        builder = self._reader.builder_at(origin)
        if builder is None:
            raise ArgumentError(
                f"{origin.location}: no builder was made for {origin.path} yet; call read_builder first"
            )
        return builder

    def get_container(self, zarr_obj: Any) -> Any:
        """Return the container of a Zarr group or array; `ValueError` if no builder was constructed for it yet."""
        return self.manager.construct(self.get_builder(zarr_obj))

    # ------------------------------------------------------------------------------------------------- about builders

    def get_written(self, builder: BaseBuilder, check_on_disk: bool = False) -> bool:
        """Return whether a builder was written to, or read from, this file.

        Parameters
        ----------
        builder : Builder
        check_on_disk : bool, default False
            Also look whether it is stored now.
        """
        return super().get_written(builder) and (not check_on_disk or self.get_builder_exists_on_disk(builder))

    def get_builder_exists_on_disk(self, builder: BaseBuilder) -> bool:
        """Return whether an object is stored at the builder's path."""
        hierarchy = stored_hierarchy(self._adapter)
        return hierarchy is not None and path_of(builder) in hierarchy

    def get_builder_disk_path(self, builder: BaseBuilder, filepath: str | None = None) -> str:
        """Return the place of a builder's object: the file's path, or `filepath`, with the object's path below it."""
        base = filepath if filepath is not None else self.source
        inner = path_of(builder).lstrip("/")
        return f"{base.rstrip('/')}/{inner}" if inner else base

    # ----------------------------------------------------------------------------------------- writing parts of a file

    def write_group(self, parent: Any, builder: GroupBuilder, **arguments: Any) -> Any:
        """Store a group's builder and all below it in a Zarr group; return the Zarr group.

        Parameters
        ----------
        parent : zarr.Group
            Of this file.
        builder : GroupBuilder
        **arguments
            ``link_data``, ``exhaust_dci``, ``export_source``, ``consolidate_metadata``, as for `write_builder`.
        """
        return self._write_part(parent, builder, arguments)

    def write_dataset(self, parent: Any, builder: DatasetBuilder, force_data: Any = None, **arguments: Any) -> Any:
        """Store a dataset's builder in a Zarr group; return the Zarr array.

        Parameters
        ----------
        parent : zarr.Group
            Of this file.
        builder : DatasetBuilder
        force_data : object, optional
            Stored in place of the builder's data.
        **arguments
            As for `write_group`.
        """
        return self._write_part(parent, builder, arguments, force_data)

    def write_link(self, parent: Any, builder: LinkBuilder, export_source: str | None = None) -> None:
        """Store a link in a Zarr group."""
        self._write_part(parent, builder, {"export_source": export_source})

    def write_attributes(self, obj: Any, attributes: Mapping[str, Any]) -> None:
        """Store attributes of a Zarr group or array, beside those that it has."""
        self._check("write attributes", writes=True)
        store_attributes(self._destination(True), objects.path_in(self._adapter, obj), attributes)

    def _write_part(self, parent: Any, builder: Any, arguments: Mapping[str, Any], force_data: Any = None) -> Any:
        self._check("write", writes=True)
        known = {"link_data": True, "exhaust_dci": True, "export_source": None, "consolidate_metadata": True}
        unknown = sorted(set(arguments) - set(known))
        if unknown:
            raise ArgumentError(f"{', '.join(unknown)}: no such argument; there are {', '.join(known)}")
        given = {**known, **arguments}
        at = join(objects.path_in(self._adapter, parent), builder.name)
        if self.get_written(builder) and at in (stored_hierarchy(self._adapter) or ()):
            return self._zarr.zarr_object(at)
        origin = None if given["export_source"] is None else Location.of(given["export_source"])
        wishes = Wishes(consolidate=given["consolidate_metadata"], interleave=not given["exhaust_dci"])
        store_part(builder, self._destination(given["link_data"], origin), wishes, at, force_data)
        for item in all_builders(builder) if isinstance(builder, GroupBuilder) else [builder]:
            self._set_written(item)
        return None if isinstance(builder, LinkBuilder) else self._zarr.zarr_object(at)

    @staticmethod
    def can_read(path: Any) -> bool:
        """Return whether there is a Zarr file at a path, URL or store."""
        try:
            adapter = ZarrIO._adapter_class(path)(path)
            adapter.open("r")
        except (HDMFStoreError, OSError, ValueError, ImportError):
            return False
        adapter.close()
        return True
