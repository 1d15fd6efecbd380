"""`ZarrIO`: HDMF's reading and writing of Zarr files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import attrs
import numcodecs
import numpy as np
import zarr
from hdmf.build import Builder, BuildManager, DatasetBuilder, GroupBuilder, LinkBuilder
from hdmf.build.builders import BaseBuilder

from hdmf_store.adapter import Location, adapter_named, adapters, most_specific
from hdmf_store.errors import ArgumentError, ArgumentTypeError, DanglingTargetError
from hdmf_store.facade import zarr_objects as objects
from hdmf_store.facade.anonymous import can_open
from hdmf_store.facade.arguments import check_flags, check_type
from hdmf_store.facade.html import dataset_html
from hdmf_store.facade.store_io import StoreIO
from hdmf_store.nodes import ROOT, Target, basename, join
from hdmf_store.translate.from_builders import ROOT_NAME, Destination, path_of
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
    durable: bool = False,
) -> dict[str, Any]:
    """Return what a user asked for as the adapter's options; what was not asked for is left to the adapter."""
    if type(synchronizer) is dict and storage_options is None:
        synchronizer, storage_options = None, synchronizer  # hdmf-zarr 0.14 has no synchronizer, and these instead
    if isinstance(object_codec_class, bool):
        object_codec_class, force_overwrite = None, object_codec_class  # the same of its fifth
    check_type("storage_options", storage_options, Mapping, optional=True)
    check_flags(force_overwrite=force_overwrite, durable=durable)
    check_type("zarr_format", zarr_format, int, optional=True)
    given = {
        "synchronizer": synchronizer if synchronizer is not False else None,
        "object_codec": object_codec_class,
        "storage_options": storage_options,
        "force_overwrite": force_overwrite or None,
        "zarr_format": zarr_format,
        "durable": durable or None,
    }
    return {name: value for name, value in given.items() if value is not None}


class ZarrIO(StoreIO):
    """Reads and writes containers in Zarr.

    Parameters
    ----------
    path : str, Path, UPath, zarr store or StoreAdapter
        A folder, a URL, or any store object of zarr.
    mode : {"r", "r-", "r+", "a", "w", "w-", "x"}, default "r"
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
    durable : bool, default False
        Whether `write`, and `close` after changes, waits until the disk has everything, so that it outlasts a loss of
        power; for folders and archives on local disks.
    herd_path : str, optional
        As for `hdmf.backends.io.HDMFIO`.
    may_read : str, Path, list or dict, optional
        As for `StoreIO`.

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
        mode: str = "r",
        manager: BuildManager | None = None,
        synchronizer: Any = None,
        object_codec_class: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        force_overwrite: bool = False,
        *,
        zarr_format: int | None = None,
        durable: bool = False,
        herd_path: str | None = None,
        may_read: Any = (),
    ) -> None:
        options = adapter_options(
            synchronizer, object_codec_class, storage_options, force_overwrite, zarr_format, durable
        )
        self._object_codec_class = options.get("object_codec", numcodecs.Pickle)
        self._written_at: dict[int, str] = {}
        super().__init__(path, mode, manager, herd_path=herd_path, may_read=may_read, **options)

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

    @property
    def zarr_format(self) -> int:
        """The version of the Zarr format: of the file that was found, or of the one that will be made."""
        self._check("say its format")
        return int(self._zarr.zarr_version())

    @property
    def _file(self) -> Any:
        # pynwb.validate(io=...) takes this from any HDMFIO and hands it back to load_namespaces(file=...)
        return self.file if self.is_open() else None

    @classmethod
    def _place_or_file(cls, path: Any, file: Any) -> tuple[Any, Any]:
        if path is None and isinstance(file, zarr.Group):
            return objects.store_of(file), None
        return path, file

    # -------------------------------------------------------------------------------------------- about Zarr objects

    @staticmethod
    def generate_dataset_html(dataset: Any) -> str:
        """Return an HTML table for notebooks; also for a dataset that is not a Zarr array."""
        return dataset_html(dataset)

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
        target = self._target_of(zarr_ref)
        try:
            holder: Any = (
                self._adapter if target.is_internal else self._reader.holder_of(target.source, "", target.path)
            )
        except DanglingTargetError as problem:
            raise BadLinkError(problem.location, "", problem.source, problem.target, problem.tried) from problem
        resolved = holder.load().resolve(target.path) if target.path in holder.load() else None
        if isinstance(resolved, Target):
            return self.resolve_ref({"source": resolved.source, "path": resolved.path})
        if resolved is None:
            raise BadLinkError(str(self._adapter.location), "", target.source, target.path)
        name = basename(target.path) or ROOT_NAME
        return name, holder.zarr_object(resolved)

    def _target_of(self, reference: Any) -> Target:
        if isinstance(reference, np.ndarray) and reference.ndim == 0:
            reference = reference.item()
        if isinstance(reference, BaseBuilder):
            raise ArgumentTypeError(
                f"the builder {reference.name!r} is no stored form of a reference, which has a path"
            )
        if isinstance(reference, Mapping) and {"source", "path"} & reference.keys():
            if reference.get("path") is None and reference.get("source") is not None:
                reference = {**reference, "path": ROOT}  # a file as a whole
            check_type("path", reference["path"], str)
            check_type("source", reference.get("source"), str, optional=True)
        check_type("zarr_ref", reference, Mapping, str, Target)
        try:
            target: Target = self._zarr.target_of(reference)
        except (KeyError, AttributeError, ValueError) as problem:
            raise ArgumentError(f"{reference!r:.80} is no reference: one has a path, and the source of it") from problem
        return attrs.evolve(target, path=target.path.rstrip("/") or ROOT)

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
        check_type("builder", builder, Builder)
        return super().get_written(builder) and (not check_on_disk or self.get_builder_exists_on_disk(builder))

    def get_builder_exists_on_disk(self, builder: BaseBuilder) -> bool:
        """Return whether an object is stored at the builder's path, now, whatever was read of the file before."""
        check_type("builder", builder, Builder)
        self._check("look at what is stored")
        return bool(self._zarr.is_stored(self._path_of(builder)))

    def get_builder_disk_path(self, builder: BaseBuilder, filepath: str | os.PathLike[str] | None = None) -> str:
        """Return the place of a builder's object: the file's path, or `filepath`, with the object's path below it."""
        check_type("builder", builder, Builder)
        base = os.fspath(filepath) if filepath is not None else self.source
        inner = self._path_of(builder).lstrip("/")
        return f"{base.rstrip('/')}/{inner}" if inner else base

    # ----------------------------------------------------------------------------------------- writing parts of a file

    @property
    def file(self) -> Any:
        """The root as a `zarr.Group`: what `write_group` and its like take as parent.

        Of a file that was not written to yet it is an empty group; looking at it makes no file. Attributes and elements
        of arrays can be changed through it, in the modes that allow it. Objects are added by the methods below.
        """
        self._check("give out its root group")
        return self._zarr.zarr_object(ROOT)

    def write_group(
        self,
        parent: Any,
        builder: GroupBuilder,
        link_data: bool = True,
        exhaust_dci: bool = True,
        export_source: str | None = None,
        consolidate_metadata: bool = True,
    ) -> Any:
        """Store a group's builder and all below it in a Zarr group; return the Zarr group.

        In a mode that creates, the first part that is written replaces what was there, and the others are added to it.

        Parameters
        ----------
        parent : zarr.Group
            Of this file: `file`, or a group below it.
        builder : GroupBuilder
        link_data, exhaust_dci, export_source, consolidate_metadata
            As for `write_builder`.
        """
        check_type("builder", builder, GroupBuilder)
        check_flags(link_data=link_data, exhaust_dci=exhaust_dci, consolidate_metadata=consolidate_metadata)
        wishes = Wishes(consolidate=consolidate_metadata, interleave=not exhaust_dci)
        return self._zarr.zarr_object(self._write_part(parent, builder, wishes, link_data, export_source))

    def write_dataset(
        self,
        parent: Any,
        builder: DatasetBuilder,
        link_data: bool = True,
        exhaust_dci: bool = True,
        force_data: Any = None,
        export_source: str | None = None,
        consolidate_metadata: bool = True,
    ) -> Any:
        """Store a dataset's builder in a Zarr group; return the Zarr array, also of a dataset that became a link.

        Parameters
        ----------
        parent : zarr.Group
            Of this file.
        builder : DatasetBuilder
        force_data : object, optional
            Stored in place of the builder's data.
        link_data, exhaust_dci, export_source, consolidate_metadata
            As for `write_builder`.
        """
        check_type("builder", builder, DatasetBuilder)
        check_flags(link_data=link_data, exhaust_dci=exhaust_dci, consolidate_metadata=consolidate_metadata)
        if builder.data is None and force_data is None:
            raise ArgumentError(f"{builder.name}: the builder has no data; give it some, or pass force_data")
        wishes = Wishes(consolidate=consolidate_metadata, interleave=not exhaust_dci)
        at = self._write_part(parent, builder, wishes, link_data, export_source, force_data)
        return self.resolve_ref(at)[1]

    def write_link(self, parent: Any, builder: LinkBuilder, export_source: str | None = None) -> None:
        """Store a link in a Zarr group.

        Parameters
        ----------
        parent : zarr.Group
            Of this file.
        builder : LinkBuilder
        export_source : str, optional
            As for `write_builder`.
        """
        check_type("builder", builder, LinkBuilder)
        self._write_part(parent, builder, Wishes(), True, export_source)

    def write_attributes(self, obj: Any, attributes: Mapping[str, Any]) -> None:
        """Store attributes of a Zarr group or array, beside those that it has.

        Parameters
        ----------
        obj : zarr.Group or zarr.Array
            Of this file.
        attributes : dict
            Builders as values become references.
        """
        self._check("write attributes", writes=True)
        check_type("attributes", attributes, Mapping)
        at = objects.path_in(self._adapter, obj)
        store_attributes(self._destination(True), at, attributes)
        objects.refresh_attributes(obj, self._zarr.zarr_object(at))

    def _write_part(
        self,
        parent: Any,
        builder: Any,
        wishes: Wishes,
        link_data: bool,
        export_source: str | None,
        force_data: Any = None,
    ) -> str:
        """Store a builder in a group, unless it was before; return the path."""
        self._check("write", writes=True)
        check_type("export_source", export_source, str, os.PathLike, optional=True)
        above = objects.path_in(self._adapter, parent)
        check_type("parent", parent, zarr.Group)
        at, stored = join(above, builder.name), stored_hierarchy(self._adapter)
        if self.get_written(builder) and at in (stored or ()):
            return at
        origin = None if export_source is None else Location.of(export_source)
        store_part(builder, self._destination(link_data, origin), wishes, at, force_data)
        self._written_at[id(builder)] = at
        for item in all_builders(builder) if isinstance(builder, GroupBuilder) else [builder]:
            self._set_written(item)
        return at

    def _path_of(self, builder: Builder) -> str:
        return self._place_of_part(builder) or path_of(builder)

    def _place_of_part(self, builder: Builder) -> str | None:
        """Return the path of a builder that was written as a part, or below one: it has no root above that says it."""
        names, above = [], builder
        while above is not None and id(above) not in self._written_at:
            names.append(above.name)
            above = above.parent
        return None if above is None else "/".join([self._written_at[id(above)].rstrip("/"), *reversed(names)])

    def _destination(self, link_data: bool, export_from: Location | None = None) -> Destination:
        return attrs.evolve(super()._destination(link_data, export_from), written_at=self._place_of_part)

    @staticmethod
    def can_read(path: Any) -> bool:
        """Return whether there is a Zarr file at a path, URL or store."""
        try:
            return can_open(ZarrIO._adapter_class(path), path)
        except Exception:  # noqa: BLE001  see StoreIO
            return False
