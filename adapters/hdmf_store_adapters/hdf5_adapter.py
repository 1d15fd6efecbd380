"""The adapter for HDF5: one hierarchy in one file, through h5py.

A new file grows under a temporary name beside its place and is renamed when it is complete. Changes to an existing
file are made in place, as HDF5 does; a crash in the midst of one can lose it, and `Capabilities` promises no more.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from hdmf_store.adapter import (
    CREATING_MODES,
    READING_MODES,
    Capabilities,
    Location,
    Plan,
    Progress,
    Repair,
    check_mode,
    prefixes,
)
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    FormatError,
    HDMFStoreError,
    HierarchyExistsError,
    HierarchyInUseError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    UnreadableError,
    UnsupportedValueError,
)
from hdmf_store.nodes import (
    ROOT,
    Dataset,
    Group,
    Hierarchy,
    Link,
    Number,
    RandomAccess,
    Region,
    Stream,
    Target,
    Unreadable,
    Unwritten,
    basename,
    parent,
    stored_regions_of,
    tiles,
    whole,
)
from hdmf_store_adapters import hdf5_values as values_of
from hdmf_store_adapters.chunks import piece_shape
from hdmf_store_adapters.durable_files import sync_file, sync_folder
from hdmf_store_adapters.exchanging import TEMPORARY
from hdmf_store_adapters.hdf5_errors import telling_of_hdf5
from hdmf_store_adapters.hdf5_layout import HDF5Layout
from hdmf_store_adapters.hdf5_pieces import why_not_read
from hdmf_store_adapters.hdf5_reading import SPEC_LOCATION, dataset_of, nodes_of
from hdmf_store_adapters.layout_choice import chunk_shape, item_size
from hdmf_store_adapters.leases import Lease
from hdmf_store_adapters.local_errors import telling_of
from hdmf_store_adapters.sparse import chunks_touched

__all__ = ["HDF5Adapter"]

_SUFFIXES = (".nwb", ".h5", ".hdf5", ".hdf", ".he5")
_WORTH_COMPRESSING = 2**14


class HDF5Adapter:
    """One HDF5 file.

    Parameters
    ----------
    place : str or Path
        A local file.
    may_read : str, Path, list or dict, optional
        Folders in and below which values may lie as well, besides the folder of the file: those of external and
        virtual datasets.
    durable : bool, default False
        Whether a write of a new file, and closing one that was changed, waits until the disk has everything.
    """

    name = "hdf5"
    reads_other_files = True
    at_best = Capabilities(writable=True, linkable=True, links_to=(name,))

    def __init__(self, place: Any, *, may_read: Any = (), durable: bool = False, **options: Any) -> None:
        if options:
            raise ArgumentError(f"HDF5 files take no options, so {', '.join(options)} cannot be meant")
        if not isinstance(place, str | os.PathLike):
            raise ArgumentError(f"{place!r} is no path of an HDF5 file")
        self._location = Location.of(place)
        if not self._location.is_local:
            raise ArgumentError(f"{self._location}: HDF5 files are read from local paths only; copy the file first")
        self._may_read = prefixes(may_read)
        self._durable = durable
        self._lease = Lease(self._location)
        self._mode = ""
        self._creates = False
        self._file: h5py.File | None = None
        self._hierarchy: Hierarchy | None = None

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether an HDF5 file is at a place, or belongs there by its name."""
        if not isinstance(place, str | os.PathLike):
            return False
        location = Location.of(place)
        if not location.is_local:
            return False
        if os.path.isfile(location.address):
            with telling_of_hdf5(location.address, "open", location.address):
                return bool(h5py.is_hdf5(location.address))
        return not os.path.exists(location.address) and location.name.endswith(_SUFFIXES)

    @staticmethod
    def recognise(value: Any) -> Dataset | None:
        """Return the dataset that an h5py dataset stands for, without attributes; None for anything else."""
        return dataset_of(h5py.Dataset(value.id), {}) if isinstance(value, h5py.Dataset) else None

    @property
    def location(self) -> Location:
        """Where the file lies."""
        return self._location

    @property
    def capabilities(self) -> Capabilities:
        """What an HDF5 file can do."""
        return self.at_best

    @property
    def mode(self) -> str:
        """The mode in which it is open; empty while it is not."""
        return self._mode

    def open(self, mode: str) -> None:
        """Open in a mode; see `StoreAdapter.open`."""
        check_mode(mode)
        self._lease.release()
        self._lease.take(mode)
        try:
            self._open(mode)
        except BaseException:
            self._mode = ""
            self._lease.release()
            raise

    def _open(self, mode: str) -> None:
        address = self._location.address
        exists = os.path.lexists(address)
        if mode in ("w-", "x") and exists:
            raise HierarchyExistsError(address, f"exists, and mode {mode!r} only creates")
        if mode in (*READING_MODES, "r+") and not exists:
            raise MissingHierarchyError(address, "does not exist")
        self._creates = mode in CREATING_MODES or not exists
        if self._creates and os.path.isdir(address):
            raise HierarchyExistsError(address, "is a folder, which an HDF5 file cannot replace")
        self._mode = mode
        if not self._creates:
            self._open_file("r" if mode in READING_MODES else "r+")

    def _open_file(self, h5_mode: str) -> None:
        address = self._location.address
        try:
            with telling_of_hdf5(address, "open", address):
                self._file = _opened_by_hdf5(address, h5_mode)
        except HDMFStoreError:
            raise
        except OSError as problem:
            raise FormatError(address, ROOT, f"cannot be opened as HDF5 ({problem})") from problem

    def close(self) -> None:
        """Close the file."""
        address, file = self._location.address, self._file
        self._file, self._hierarchy = None, None
        mode, self._mode = self._mode, ""
        try:
            if file:
                with telling_of_hdf5(address, "write", address):
                    file.close()
                if self._durable and mode not in READING_MODES:
                    with telling_of(address, "write", address):
                        sync_file(address)
        finally:
            self._lease.release()

    def load(self) -> Hierarchy:
        """Return all nodes, by one walk through the file."""
        file = self._opened("read")
        if self._hierarchy is None:
            nodes = nodes_of(file, self._location.address, self._may_read)
            self._hierarchy = Hierarchy(nodes, self._location.address)
        return self._hierarchy

    def fetch(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Return the values of datasets."""
        hierarchy = self.load()
        found = {}
        for path in paths:
            dataset = hierarchy[path]
            assert isinstance(dataset, Dataset) and isinstance(dataset.values, RandomAccess)
            found[path] = dataset.values.read(whole(dataset.shape))
        return found

    def array(self, path: str) -> Any:
        """Return the h5py dataset, which gives text and targets where h5py alone would give bytes and references.

        Raises
        ------
        MissingNodeError
            If there is no dataset at that path; a link is none.
        UnreadableError
            If it may not be read, or cannot be.
        """
        self._opened("read")
        node = self.load()[path]  # HDF5 itself would follow links, wherever they lead
        if not isinstance(node, Dataset):
            raise MissingNodeError(self._location.address, path)
        if not isinstance(node.values, values_of.H5Source) or why_not_read(node.values.dataset, self._may_read):
            raise UnreadableError(self._location.address, path, node.element.reason)  # type: ignore[union-attr]
        return values_of.NormalDataset(node.values.dataset, node.element)

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        """Store everything in the plan; a new file appears whole or not at all."""
        if self._mode in READING_MODES:
            raise ModeError(self._location.address, "write", self._mode, "mode 'w', 'a' or 'r+'")
        if not self._creates:
            address = self._location.address
            with telling_of_hdf5(address, "write", address):
                _store(self._opened("write"), plan, address, progress)
            self._hierarchy = None
            return
        if not self._mode:
            raise ClosedError(self._location.address, "write")
        self._lease.take(self._mode, makes_folder=True)
        self._make(plan, progress)
        self._creates = False  # and it is opened again by who asks for something, as opening for changes writes to it

    def _make(self, plan: Plan, progress: Progress | None) -> None:
        """Make a new file beside its place, and put it there when it is complete."""
        address, target = self._location.address, os.path.realpath(self._location.address)
        temporary = f"{address}{TEMPORARY}{uuid.uuid4().hex}"
        try:
            with telling_of(address, "write", address):
                os.makedirs(os.path.dirname(temporary), exist_ok=True)
            with telling_of_hdf5(address, "write", temporary), h5py.File(temporary, "w-") as file:
                _store(file, plan, address, progress)
            with telling_of(address, "write", address):
                if self._durable:
                    sync_file(temporary)
                os.replace(temporary, target)
                if self._durable:
                    sync_folder(os.path.dirname(target))
        except BaseException:
            with suppress(OSError):
                os.truncate(temporary, 0)  # a file that HDF5 could not close would keep its place on a full disk
                os.unlink(temporary)
            raise

    def mend(self, dry_run: bool, idle: float) -> Iterator[Repair]:
        """Yield what there is to be removed of what killed writers left beside the file; see `mending`."""
        from hdmf_store_adapters.mending import beside

        for step in list(beside(self._location, idle)):
            yield step.repair
            if step.carry_out is not None and not dry_run:
                step.carry_out()

    def consolidate(self) -> None:
        """Do nothing: an HDF5 file keeps no second copy of its metadata."""

    def reference(self, other: Location) -> str:
        """Return how external links in this file name another one."""
        return other.source_from(self._location)

    def resolve(self, source: str) -> tuple[Location, ...]:
        """Return the places that a recorded source may mean."""
        return self._location.resolve(source)

    def _opened(self, action: str) -> h5py.File:
        if self._file is None:
            if self._mode and self._creates:
                raise MissingHierarchyError(self._location.address, "nothing has been written yet")
            if not self._mode:
                raise ClosedError(self._location.address, action)
            self._open_file("r+")
        assert self._file is not None
        return self._file


def _opened_by_hdf5(address: str, h5_mode: str) -> h5py.File:
    try:
        return h5py.File(address, h5_mode)
    except BlockingIOError as problem:  # HDF5's own lock, of another library or release
        raise HierarchyInUseError(address) from problem


# ----------------------------------------------------------------------------------------------------------- writing


def _store(file: h5py.File, plan: Plan, location: str, progress: Progress | None) -> None:
    """Store a plan: objects first and links between them, then values, which may refer to any of these."""
    _check(plan, location)
    fresh = {path for path in plan.nodes if path not in file and not isinstance(plan.nodes[path], Link)}
    later = []
    for path, node in plan.nodes.items():
        if isinstance(node, Group):
            file.require_group(path)
        elif isinstance(node, Dataset) and path in fresh:
            _create(file, path, node, location)
            later.append((path, node))
        _tick(progress, 0, 1)
    for path, node in plan.nodes.items():
        if isinstance(node, Link):
            file[path] = _h5_link(node.target)
    for path, node in later:
        try:
            _fill(file, path, node, progress)
        except values_of.CannotReferError as problem:
            raise UnsupportedValueError(location, path, str(problem)) from problem
    for path, node in plan.nodes.items():
        if not isinstance(node, Link):
            _set_attributes(file, path, node.attributes, location)


def _check(plan: Plan, location: str) -> None:
    if not isinstance(plan.nodes.get(ROOT, Group()), Group):
        raise UnsupportedValueError(location, ROOT, "the root of an HDF5 file is a group, which no dataset can replace")
    for path, node in plan.nodes.items():
        held = [] if isinstance(node, Link) else list(node.attributes.values())
        held += [item for value in held if isinstance(value, list) for item in value]
        if any(isinstance(value, Target) and not value.is_internal for value in held):
            raise UnsupportedValueError(location, path, values_of.NO_OUTER_REFERENCE)


def _create(file: h5py.File, path: str, node: Dataset, location: str) -> None:
    if isinstance(node.element, Unreadable):
        raise UnreadableError(location, path, node.element.reason)
    options = node.layout.native.options() if isinstance(node.layout.native, HDF5Layout) else _chosen(node)
    if isinstance(node.element, Number) and node.layout.fill_value is not None and node.shape:
        options["fillvalue"] = node.layout.fill_value
    file.require_group(parent(path)).create_dataset(
        basename(path), shape=node.shape, dtype=values_of.h5_dtype(node.element), **options
    )


def _chosen(node: Dataset) -> dict[str, Any]:
    """Return how h5py is to lay out a dataset that does not come from HDF5."""
    options: dict[str, Any] = {}
    is_typed = "namespace" in node.attributes or node.layout.maxshape is not None
    is_stream = isinstance(node.values, Stream)
    if node.shape and (is_typed or is_stream or node.layout.compressors):
        size = item_size(node.element)
        options["chunks"] = chunk_shape(node.shape, size) if is_typed or is_stream else None
        options["maxshape"] = (None,) * len(node.shape) if is_typed or is_stream else None
        if node.layout.compressors and np.prod(node.shape, dtype=float) * size > _WORTH_COMPRESSING:
            options["chunks"] = chunk_shape(node.shape, size)
            options |= {"compression": "gzip", "shuffle": isinstance(node.element, Number)}
    return options


def _fill(file: h5py.File, path: str, node: Dataset, progress: Progress | None) -> None:
    dataset = file[path]
    if isinstance(node.values, Unwritten) or (0 in node.shape and not isinstance(node.values, Stream)):
        return
    if isinstance(node.values, Stream):
        for region, values in node.values.pieces:
            needed = tuple(max(n, part.stop) for n, part in zip(dataset.shape, region, strict=True))
            if needed != dataset.shape:
                dataset.resize(needed)
            dataset[region] = values_of.to_h5(np.asarray(values), node.element, file)
            _tick(progress, np.asarray(values).nbytes, 0)
        return
    if not node.shape:
        values = values_of.to_h5(node.values.read(()), node.element, file)
        dataset[()] = values[()] if values.dtype == object else values
        return
    for region in _regions(node, dataset):
        # read before h5py takes its lock: an engine that reads on another thread would wait for it forever
        values = values_of.to_h5(node.values.read(region), node.element, file)
        dataset[region] = values
        _tick(progress, values.nbytes, 0)
        del values  # before the next are read


def _regions(node: Dataset, dataset: h5py.Dataset) -> Iterator[Region]:
    """Return the regions to be stored: all, or chunks that may hold more than the fill value, if these are few."""
    values: Any = node.values
    if isinstance(node.element, Number) and dataset.chunks:
        fill = np.asarray(dataset.fillvalue, node.element.dtype)
        stored = stored_regions_of(values, fill)
        if stored is not None:
            return chunks_touched(stored, dataset.chunks, node.shape)
    size = item_size(node.element)
    return tiles(node.shape, piece_shape(node.shape, dataset.chunks or chunk_shape(node.shape, size), values, size))


def _h5_link(target: Target) -> h5py.SoftLink | h5py.ExternalLink:
    if target.is_internal:
        return h5py.SoftLink(target.path)
    return h5py.ExternalLink(target.source.removeprefix("../"), target.path)


def _set_attributes(file: h5py.File, path: str, attributes: Mapping[str, Any], location: str) -> None:
    thing = file[path]
    for name in set(thing.attrs) - set(attributes):
        del thing.attrs[name]
    for name, value in attributes.items():
        try:
            if name == SPEC_LOCATION and isinstance(value, str):
                value = Target("/" + value.lstrip("/"))
            thing.attrs[name] = values_of.h5_attribute(value, file)
        except (TypeError, ValueError, KeyError) as problem:
            raise UnsupportedValueError(
                location, path, f"HDF5 cannot hold the attribute {name!r} ({problem})"
            ) from problem


def _tick(progress: Progress | None, size: int, objects: int) -> None:
    if progress is not None:
        progress(size, objects)
