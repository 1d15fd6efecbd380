"""`StoreIO`: HDMF's reading and writing over any storage adapter.

Checks arguments, keeps track of what was written, and delegates: translation turns builders into nodes and back, the
adapter stores nodes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from html import escape
from pathlib import Path
from typing import Any

import attrs
from hdmf.backends.errors import UnsupportedOperation
from hdmf.backends.io import HDMFIO
from hdmf.build import BuildManager, GroupBuilder, TypeMap
from hdmf.build.builders import BaseBuilder
from hdmf.container import AbstractContainer, Container
from hdmf.spec import NamespaceCatalog

from hdmf_store.adapter import (
    CREATING_MODES,
    READING_MODES,
    Location,
    StoreAdapter,
    adapter_class_for,
    check_mode,
    prefixes,
    remember_open,
)
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    HDMFStoreError,
    ModeError,
)
from hdmf_store.facade.anonymous import can_open
from hdmf_store.facade.arguments import check_flags, check_type
from hdmf_store.facade.exported import WriteArguments, exported
from hdmf_store.facade.long_lists import long_lists_as_arrays
from hdmf_store.facade.namespaces import adapter_of, load_from_open, load_from_place
from hdmf_store.facade.reporting import check_progress, reports_to
from hdmf_store.facade.tree_html import hierarchy_html
from hdmf_store.facade.workers import Workers
from hdmf_store.translate.from_builders import Destination, path_of
from hdmf_store.translate.growing import admit_long_columns, columns_in_memory
from hdmf_store.translate.reading import Reader
from hdmf_store.translate.relocate import Others
from hdmf_store.translate.writing import Wishes, all_builders, store

__all__ = ["StoreIO", "UnsupportedModeError"]


@attrs.define(eq=False)
class UnsupportedModeError(ModeError, UnsupportedOperation):
    """A call that the mode in which the file was opened does not allow."""


class StoreIO(HDMFIO):
    """Reads and writes containers in any store that an adapter serves.

    Parameters
    ----------
    path : str, Path, store object or StoreAdapter
        Where the file lies.
    mode : {"r", "r-", "r+", "a", "w", "w-", "x"}
        As for h5py; ``"r-"`` reads without consolidated metadata.
    manager : BuildManager, optional
        By default an empty one, which is enough for builders but knows no type of container.
    herd_path : str, optional
        As for `hdmf.backends.io.HDMFIO`.
    may_read : str, Path, list or dict, optional
        Folders and URLs, with all below them, that the file may make us read besides what `Reach` allows; a
        dictionary gives for each what its file system takes.
    **options
        Passed to the adapter.

    Raises
    ------
    ArgumentError
        If the mode is none of these, or no adapter serves the path.
    MissingHierarchyError
        In ``r``, ``r-`` and ``r+``, if nothing is there.
    """

    def __init__(
        self,
        path: Any,
        mode: str = "r",
        manager: BuildManager | None = None,
        *,
        herd_path: str | None = None,
        may_read: Any = (),
        **options: Any,
    ) -> None:
        check_mode(mode)
        check_type("manager", manager, BuildManager, optional=True)
        check_type("herd_path", herd_path, str, optional=True)
        self._may_read = prefixes(may_read)
        self._adapter = adapter_of(self._adapter_class(path), path, options, self._may_read)
        self._path = path
        self._mode = mode
        self._is_open = False
        self._written: dict[int, Any] = {}
        manager = manager or BuildManager(TypeMap(NamespaceCatalog()))
        self._reader = Reader(self._adapter, manager, self._may_read)
        super().__init__(manager=manager, source=None, herd_path=herd_path)

    @staticmethod
    def _adapter_class(path: Any) -> Any:
        return type(path) if isinstance(path, StoreAdapter) else adapter_class_for(path)

    # ------------------------------------------------------------------------------------------------------ what it is

    @property
    def path(self) -> Any:
        """The path, URL or store as it was given."""
        return self._path

    @property
    def abspath(self) -> str:
        """The absolute path or URL."""
        return str(self._adapter.location)

    @property
    def source(self) -> str:
        """The absolute path or URL, as builders and containers name it."""
        return str(self._adapter.location)

    @property
    def mode(self) -> str:
        """The mode in which the file was opened."""
        return self._mode

    @property
    def adapter(self) -> StoreAdapter:
        """The storage adapter."""
        return self._adapter

    @property
    def _file(self) -> StoreAdapter:
        # pynwb.validate(io=...) takes this from any HDMFIO and hands it back to load_namespaces(file=...)
        return self._adapter

    def is_open(self) -> bool:
        """Return whether the file is open."""
        return getattr(self, "_is_open", False)

    def is_remote(self) -> bool:
        """Return whether the file lies on another machine."""
        return self._adapter.capabilities.remote

    def __repr__(self) -> str:
        state = f"mode {self._mode!r}" if self.is_open() else "closed"
        return f"<{type(self).__name__} {self.source} ({state})>"

    def _repr_html_(self) -> str:
        """Return what the file holds as a tree for notebooks; only its name where it cannot be read now."""
        if not self.is_open():
            return f"<pre>{escape(repr(self))}</pre>"
        try:
            return hierarchy_html(self._adapter.load(), repr(self))
        except HDMFStoreError as problem:
            return f"<pre>{escape(repr(self))}: {escape(str(problem))}</pre>"

    # --------------------------------------------------------------------------------------------------- open and close

    def open(self) -> None:
        """Open the file; nothing is read or written yet. An open file stays as it is."""
        if not self._is_open:
            if self._adapter.mode != self._mode:
                self._adapter.open(self._mode)
            remember_open(self._adapter)
            self._is_open = True

    def close(self) -> None:
        """Close the file, and files that its links lead to. May be called twice, and again when it failed."""
        if getattr(self, "_is_open", False):
            try:
                self._reader.close()
            finally:
                self._adapter.close()  # which stores what was assigned, and keeps it where that is refused
                self._is_open = False

    def _check(self, action: str, *, reads: bool = False, writes: bool = False) -> None:
        if not self._is_open:
            raise ClosedError(self.source, action)
        if reads and self._mode in CREATING_MODES:
            raise UnsupportedModeError(self.source, action, self._mode, "mode 'r', 'r+' or 'a'")
        if writes and self._mode in READING_MODES:
            raise UnsupportedModeError(self.source, action, self._mode, "mode 'w', 'a' or 'r+'")

    # ---------------------------------------------------------------------------------------------------------- schemas

    @staticmethod
    def can_read(path: Any) -> bool:
        """Return whether an adapter finds a file that it can read at a path."""
        try:
            return can_open(adapter_class_for(path), path)
        except Exception:  # noqa: BLE001  file systems behind URLs raise errors of their own: it cannot be read
            return False

    @classmethod
    def load_namespaces(
        cls,
        namespace_catalog: NamespaceCatalog | TypeMap,
        path: Any = None,
        file: Any = None,
        storage_options: Mapping[str, Any] | None = None,
        namespaces: list[str] | None = None,
        *,
        io: HDMFIO | None = None,
        **foreign: Any,
    ) -> dict[str, Any]:
        """Load the specifications that a file caches into a catalog; a warning says if it caches none.

        Parameters
        ----------
        namespace_catalog : NamespaceCatalog or TypeMap
        path : str, Path or store object, optional
        file : StoreIO, StoreAdapter or zarr.Group, optional
            An open file, in place of a path.
        storage_options : dict, optional
            For a URL.
        namespaces : list of str, optional
            All of them by default.
        io : StoreIO, optional
            As `file`; HDMF's name for it.
        **foreign
            What callers that serve several backends pass for another one (``driver``, ``aws_region``); not used.

        Returns
        -------
        dict
            Of each namespace, what it includes of others.
        """
        check_type("storage_options", storage_options, Mapping, optional=True)
        if isinstance(file, list | tuple) and namespaces is None:  # HDMF and HDF5IO have them third
            file, namespaces = None, list(file)
        path, file = cls._place_or_file(path, file)
        if path is None:
            return load_from_open(namespace_catalog, file, io, namespaces)
        if file is not None or io is not None:
            raise ArgumentError("pass either a path or an open file to load namespaces from")
        options = {"storage_options": storage_options} if storage_options else {}
        return load_from_place(namespace_catalog, adapter_of(cls._adapter_class(path), path, options), namespaces)

    @classmethod
    def _place_or_file(cls, path: Any, file: Any) -> tuple[Any, Any]:
        """Return what a caller gave as path and as file; what another engine opened is a place to us."""
        return path, file

    def load_namespaces_io(
        self, namespace_catalog: NamespaceCatalog | TypeMap, namespaces: list[str] | None = None
    ) -> dict[str, Any]:
        """Load the specifications that this file caches into a catalog."""
        self._check("load namespaces")
        return load_from_open(namespace_catalog, self._adapter, None, namespaces)

    # ---------------------------------------------------------------------------------------------------------- reading

    def read(self, **kwargs: Any) -> Container:
        """Return the container that the file holds.

        Raises
        ------
        UnsupportedOperation
            In a mode that only creates, or if the file is empty.
        """
        self._check("read", reads=True)
        container = super().read(**kwargs)
        if self._mode in ("r+", "a"):
            admit_long_columns(container)
        return container

    def read_builder(self) -> GroupBuilder:
        """Return the builder of the root; the same one each time. Cached specifications are no part of it."""
        self._check("read")
        root = self._reader.root()
        for builder in self._reader.builders():
            self._set_written(builder)
        return root

    # ---------------------------------------------------------------------------------------------------------- writing

    def write(
        self,
        container: Container,
        cache_spec: bool = True,
        link_data: bool = True,
        exhaust_dci: bool = True,
        number_of_jobs: int = 1,
        max_threads_per_process: int | None = None,
        multiprocessing_context: str | None = None,
        consolidate_metadata: bool = True,
        *,
        herd: Any = None,
        executor: Executor | None = None,
        progress: Any = None,
    ) -> None:
        """Store a container, or what is new and changed in one that was read.

        Parameters
        ----------
        container : Container
        cache_spec : bool, default True
            Whether the file keeps the specifications of its types, so that it can be read without them.
        link_data : bool, default True
            Whether data that is stored in another file is linked to, where the store can, instead of copied.
        exhaust_dci : bool, default True
            Whether iterators are exhausted one after the other; otherwise a piece is taken of each in turn.
        number_of_jobs : int, default 1
            Processes that read and encode large data that is stored elsewhere or comes from a
            `GenericDataChunkIterator`.
        max_threads_per_process : int, optional
            Threads that numerical libraries may start in each of them.
        multiprocessing_context : {"fork", "spawn", "forkserver"}, optional
            How they are started.
        consolidate_metadata : bool, default True
            Whether to keep the metadata of all objects in one document.
        executor : concurrent.futures.Executor or distributed.Client, optional
            Does that work in place of own processes: threads, a pool of processes, a cluster.
        herd : HERD, optional
            External resources to extend; needs `herd_path`.
        progress : bool, callable, or bar, optional
            True shows bars over bytes and objects, or a line now and then where there is no terminal. A function is
            called with the bytes and the objects that were written since the last call. A bar such as tqdm's, or its
            class, counts bytes.

        Raises
        ------
        UnsupportedOperation
            In a mode that only reads.
        UnsupportedValueError
            If something in the container has no form in the store. Nothing is written then.
        """
        self._check("write", writes=True)
        check_type("container", container, AbstractContainer)
        check_flags(
            cache_spec=cache_spec,
            link_data=link_data,
            exhaust_dci=exhaust_dci,
            consolidate_metadata=consolidate_metadata,
        )
        team = Workers(number_of_jobs, max_threads_per_process, multiprocessing_context, executor)
        check_progress(progress)
        herd = self._herd_of(container, herd)
        earlier = self._written_columns(container)
        with long_lists_as_arrays(container):
            builder = self.manager.build(container, source=self.source, root=True)
        with team.pool() as pool:
            wishes = Wishes(
                catalogs=[self.manager.namespace_catalog] if cache_spec else [],
                consolidate=consolidate_metadata,
                interleave=not exhaust_dci,
                executor=pool,
            )
            self._store(builder, self._destination(link_data), wishes, progress)
        for path, values in earlier.items():
            self._reader.add_rows(path, values)
        if herd is not None:
            herd.to_zip(path=self.herd_path)

    def _written_columns(self, container: Container) -> dict[str, Any]:
        """Return what was written in this session from memory, and may have got more rows there since, by path."""
        columns = [(self.manager.get_builder(column), values) for column, values in columns_in_memory(container)]
        return {
            path_of(builder): values for builder, values in columns if builder is not None and self.get_written(builder)
        }

    def write_builder(
        self,
        builder: GroupBuilder,
        link_data: bool = True,
        exhaust_dci: bool = True,
        export_source: str | None = None,
        consolidate_metadata: bool = True,
        progress: Any = None,
    ) -> None:
        """Store a root's builder and all below it.

        Parameters
        ----------
        builder : GroupBuilder
        link_data, exhaust_dci, consolidate_metadata, progress
            As for `write`.
        export_source : str, optional
            The file from which the builder was read and which is being exported to this one.
        """
        self._check("write", writes=True)
        check_type("builder", builder, GroupBuilder)
        check_flags(link_data=link_data, exhaust_dci=exhaust_dci, consolidate_metadata=consolidate_metadata)
        check_type("export_source", export_source, str, os.PathLike, optional=True)
        check_progress(progress)
        origin = None if export_source is None else Location.of(export_source)
        wishes = Wishes(consolidate=consolidate_metadata, interleave=not exhaust_dci)
        self._store(builder, self._destination(link_data, origin), wishes, progress)

    def export(
        self,
        src_io: HDMFIO,
        container: Container | None = None,
        write_args: Mapping[str, Any] | None = None,
        clear_cache: bool = False,
        cache_spec: bool = True,
        number_of_jobs: int = 1,
        max_threads_per_process: int | None = None,
        multiprocessing_context: str | None = None,
        consolidate_metadata: bool = True,
        *,
        executor: Executor | None = None,
        progress: Any = None,
    ) -> None:
        """Store what another file holds, whatever backend reads it.

        Parameters
        ----------
        src_io : HDMFIO
            Open for reading.
        container : Container, optional
            What was read from `src_io`, with the changes that are to be exported. By default everything that
            `src_io` holds is exported as it is stored.
        write_args : dict, optional
            Of `write_builder`: ``link_data=False`` copies what links lead to in other files, so that the result
            stands alone.
        clear_cache : bool, default False
            Whether to build everything anew from containers, by the specifications that are loaded now.
        cache_spec, number_of_jobs, max_threads_per_process, multiprocessing_context, consolidate_metadata
            As for `write`.
        executor, progress
            As for `write`.

        Raises
        ------
        UnsupportedOperation
            In a mode that does not create.
        ArgumentError
            If the container was not read by `src_io`, or is not its root.
        """
        self._check("export", writes=True)
        check_type("src_io", src_io, HDMFIO)
        check_type("container", container, AbstractContainer, optional=True)
        check_type("write_args", write_args, Mapping, optional=True)
        team = Workers(number_of_jobs, max_threads_per_process, multiprocessing_context, executor)
        check_progress(progress)
        if self._mode not in CREATING_MODES:
            raise UnsupportedModeError(self.source, "export", self._mode, "mode 'w'")
        arguments = WriteArguments.of(write_args, consolidate_metadata)
        check_flags(clear_cache=clear_cache, cache_spec=cache_spec)
        with exported(src_io, container, clear_cache, self.source, StoreIO) as (builder, is_built):
            catalogs = [io.manager.namespace_catalog for io in (self, src_io) if io.manager is not None]
            origin = Location.of(str(src_io.source)) if isinstance(src_io.source, str | Path) else None
            with team.pool() as pool:
                wishes = Wishes(
                    catalogs=catalogs if cache_spec else [],
                    named_by=[] if is_built else catalogs,
                    consolidate=arguments.consolidate_metadata,
                    interleave=not arguments.exhaust_dci,
                    executor=pool,
                )
                others = Others(may_read={**getattr(src_io, "_may_read", {}), **self._may_read})
                destination = Destination(
                    adapter=self._adapter, link_data=arguments.link_data, export_from=origin, others=others
                )
                self._store(builder, destination, wishes, progress)

    def get_written(self, builder: BaseBuilder) -> bool:
        """Return whether a builder was written to, or read from, this file."""
        return id(builder) in self._written

    def _set_written(self, builder: BaseBuilder) -> None:
        self._written[id(builder)] = builder  # keeps it alive, so that its id stays its own

    def _destination(self, link_data: bool, export_from: Location | None = None) -> Destination:
        return Destination(
            adapter=self._adapter,
            link_data=link_data,
            export_from=export_from,
            is_written=self.get_written,
            others=Others(may_read=self._may_read),
        )

    def _store(self, builder: GroupBuilder, destination: Destination, wishes: Wishes, progress: Any) -> None:
        with reports_to(progress, f"Writing {self._adapter.location.name}") as reports:
            store(builder, destination, attrs.evolve(wishes, begin=reports.begin, progress=reports.report))
        for item in all_builders(builder):
            self._set_written(item)

    def _herd_of(self, container: Container, herd: Any) -> Any:
        """Return the external resources to keep beside the file, with those of a container; None without a place."""
        from hdmf.common import HERD

        check_type("herd", herd, HERD, optional=True)
        if self.herd_path is None:
            return None
        herd = HERD(type_map=self.manager.type_map) if herd is None else herd
        herd.add_ref_container(container)
        return herd
