"""The adapter for Zarr: one hierarchy in a folder, or in any zarr store object.

Composes a format (`zarr_format`), the documents that are held (`held_documents`), the chunks (`dataset_writer`) and a
medium (`local_files`, `store_objects`); what is decided here is the order of things: values, then documents from the
leaves up, then the root's document, which is the commit.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import attrs
import numpy as np
import zarr
from zarr.abc.store import Store
from zarr.storage import ZipStore

from hdmf_store.adapter import (
    CREATING_MODES,
    READING_MODES,
    Capabilities,
    Finding,
    Location,
    Plan,
    Progress,
    Repair,
    check_mode,
)
from hdmf_store.errors import (
    ArgumentError,
    HierarchyExistsError,
    LocationError,
    MissingHierarchyError,
    ModeError,
)
from hdmf_store.nodes import ROOT, Dataset, Hierarchy, Layout, Target, part, whole
from hdmf_store_adapters.array_holder import ArrayHolder
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunks import BUFFER_BYTES, stored_chunk
from hdmf_store_adapters.document_overlay import DocumentOverlay
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.json_forms import decode_target
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.leases import Lease
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.mending import steps
from hdmf_store_adapters.other_writers import OtherWriters
from hdmf_store_adapters.plan_writer import PlanWriter
from hdmf_store_adapters.server_options import THROUGH, options_of
from hdmf_store_adapters.sound_storage import flaws
from hdmf_store_adapters.stored_arrays import StoredArray
from hdmf_store_adapters.stored_source import StoredSource
from hdmf_store_adapters.synchronizers import HIERARCHY, Synchronizer, all_of, synchronizer_for
from hdmf_store_adapters.zarr_format import FORMATS
from hdmf_store_adapters.zarr_places import (
    check_durable,
    codec_of,
    is_for_zarr,
    is_on_another_machine,
    medium_and_location,
    text_of,
    way_to_write,
    why_missing,
)

__all__ = ["ZarrAdapter"]

_NEWEST = 3
LINKED_KINDS = ("zarr", "zip", "icechunk")
"""The kinds of hierarchies that links in one Zarr hierarchy may lead to: all whose location says what they are."""


class ZarrAdapter:
    """One Zarr hierarchy.

    Parameters
    ----------
    place : str, Path, UPath or zarr.abc.store.Store
        A folder, a URL that fsspec or obstore knows, or a store object.
    storage_options : dict, optional
        For a URL: what fsspec's file system takes. obstore gets the same, where it serves the URL.
    force_overwrite : bool, default False
        In mode ``w``, replace also what is no Zarr hierarchy.
    zarr_format : {2, 3}, optional
        For a new hierarchy; 3 by default. An existing one keeps the format that it has.
    object_codec : numcodecs codec class or codec, optional
        For every object array that is written; format 2 only.
    separator : {"/", "."}, optional
        Between the indices in the keys of chunks. By default that of the store's class; without one, ``"."`` for
        datasets of a single chunk, which saves a folder each, and ``"/"`` for the rest.
    synchronizer : bool, ThreadSynchronizer, ProcessSynchronizer or object, optional
        Locks that several writers of the hierarchy share; ``True`` keeps them in a folder beside it. An object must
        return a context manager for each key.
    durable : bool, default False
        Whether a write, and closing after changes, waits until the disk has everything, so that it outlasts a loss of
        power; for folders and archives on local disks. Object stores do that anyway.

    Raises
    ------
    ArgumentError
        If the place or the synchronizer is none of these, or the place cannot be waited for.
    """

    name = "zarr"
    engine = "zarr"
    zarr_formats = tuple(FORMATS)
    at_best = Capabilities(
        writable=True,
        remote=True,
        linkable=True,
        consolidates=True,
        atomic_changes=True,
        shards=True,
        layouts=True,
        keeps_bytes=True,
        links_to=LINKED_KINDS,
    )

    def __init__(
        self,
        place: Any,
        *,
        storage_options: Mapping[str, Any] | None = None,
        force_overwrite: bool = False,
        zarr_format: int | None = None,
        object_codec: Any = None,
        separator: str | None = None,
        synchronizer: Any = None,
        durable: bool = False,
    ) -> None:
        if zarr_format not in (None, *FORMATS):
            raise ArgumentError(
                f"zarr_format must be one of {', '.join(map(str, sorted(FORMATS)))}, not {zarr_format!r}"
            )
        self._object_codec = None if object_codec is None else codec_of(object_codec)
        options = options_of(place, storage_options)
        self._durable = durable
        self._medium, self._location = self._medium_and_location(place, options)
        check_durable(durable, self._medium, self._location)
        self._synchronizer = synchronizer_for(synchronizer, self._location)
        self._lease = Lease(self._location, is_shared=self._synchronizer is not None)
        self._place = place  # a temporary store lives as long as somebody holds it
        self._force = force_overwrite
        self._separator = separator or getattr(place, "dimension_separator", None)
        self._is_linkable = self._location.can_be_linked and not getattr(place, "is_temporary", False)
        otherwise = way_to_write(self._location, options)
        self._read_only = otherwise is not None or self._only_reads(place, self._location)
        self._way_to_write = otherwise or "a store that is not read-only"
        self._held = HeldDocuments(self._medium, self._location, zarr_format or _NEWEST, self._lease)
        self._travels_as = self._location.address if self._location.can_be_linked else place
        if isinstance(place, Store) and self._location.can_be_linked and not self._location.is_local:
            self._travels_as = place
            options = {THROUGH: place}  # so are other files on that server reached
        self._options = {**({"storage_options": options} if options else {}), **self._travels_with()}
        self._holder = ArrayHolder(self._held, self._synchronizer, self._wishes, self._travels_as, self._options)
        self._held.source_of = partial(StoredSource, self._holder)
        self._forget()

    def _forget(self) -> None:
        """Be closed, knowing nothing of what was read before."""
        self._held.start("")
        self._holder.forget_store()
        self._expected: list[str] = []
        self._others = OtherWriters(self._held, self._synchronizer)

    # what a place of another kind of Zarr changes: `ZarrAdapter` itself takes folders, URLs and store objects

    def _medium_and_location(self, place: Any, options: Mapping[str, Any]) -> tuple[Medium, Location]:
        return medium_and_location(place, options, durable=self._durable)

    def _only_reads(self, place: Any, location: Location) -> bool:
        return isinstance(place, Store) and place.read_only

    def _travels_with(self) -> dict[str, Any]:
        """Return the options of its own kind that another process needs to find the same hierarchy."""
        return {"durable": True} if self._durable else {}

    # ------------------------------------------------------------------------------------- finding the right adapter

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether Zarr is at a place, or belongs there by the place's name or type."""
        if isinstance(place, Store):
            return not isinstance(place, ZipStore)
        text = text_of(place)
        if not text:
            return False
        location = Location.of(text)
        if location.is_local and os.path.isdir(location.address):
            return True
        if location.is_local:
            return location.name.endswith(".zarr") and not os.path.isfile(location.address)
        return is_for_zarr(location)

    @staticmethod
    def recognise(value: Any) -> Dataset | None:
        """Return the dataset that one of our arrays, or a zarr array of a user's own, stands for."""
        from hdmf_store_adapters.user_arrays import dataset_of

        return dataset_of(value)

    # --------------------------------------------------------------------------------------------------- the protocol

    @property
    def location(self) -> Location:
        """Where the hierarchy lies."""
        return self._location

    @property
    def capabilities(self) -> Capabilities:
        """What the store can do."""
        return attrs.evolve(
            self.at_best,
            writable=self.at_best.writable and not self._read_only,
            remote=self._location.is_remote or is_on_another_machine(self._place),
            linkable=self._is_linkable,
            shards=self._held.has_shards,
            reserved_names=self._held.reserved_names,
        )

    @property
    def storage_options(self) -> Mapping[str, Any]:
        """What the file system was given, which files of the same origin are opened with as well."""
        options: Mapping[str, Any] = self._options.get("storage_options", {})
        return options

    @property
    def mode(self) -> str:
        """The mode in which it is open; empty while it is not."""
        return self._held.mode

    def open(self, mode: str) -> None:
        """Open in a mode; see `StoreAdapter.open`."""
        check_mode(mode)
        if mode not in READING_MODES and self._read_only:
            raise ModeError(self._location.address, "write", mode, self._way_to_write)
        self._forget()
        self._lease.release()
        try:
            self._lease.take(mode)
            self._check_place(mode)
        except BaseException:
            self._medium.finish()
            self._lease.release()
            raise
        self._held.mode = mode

    def _check_place(self, mode: str) -> None:
        """Find out what is there, and raise where that does not fit the mode."""
        reads = mode in READING_MODES
        exists = mode != "w" and (self._held.recognise_to_read() if reads else self._held.recognise())
        if not reads and self._synchronizer is None and not self.at_best.transactional:
            self._held.remember_root()
        if mode in ("w-", "x") and exists:
            raise HierarchyExistsError(self._location.address, f"exists, and mode {mode!r} only creates")
        if (reads or mode == "r+") and not exists:
            raise MissingHierarchyError(self._location.address, why_missing(self._location, self.storage_options))
        self._held.is_new = mode in CREATING_MODES or not exists
        if self._held.is_new:
            self._medium.check_replaceable(self._force)

    def open_copy(self, mode: str) -> None:
        """Open what another process has open, and hands to this one, under its lease."""
        self._lease.borrow()
        self.open(mode)

    def close(self) -> None:
        """Release what is held; a document that an appended array made stale is brought up to date first.

        Where that is refused, the hierarchy stays open, and its lease held, so that it can be closed again.
        """
        if self.mode and self._held.changed and self._held.is_consolidated:
            with self._others.looked_at():
                if self._held.is_consolidated:
                    self._held.store_root(True)
        if self.mode:
            self._finish()
        self._forget()
        self._lease.release()

    def _finish(self) -> None:
        """Let go of the bytes; threads that still read are told that the file is closed, not what they stumble over."""
        mode, self._held.mode = self.mode, ""
        try:
            self._medium.discard()
            self._medium.finish()
        except BaseException:
            self._held.mode = mode
            raise

    def load(self) -> Hierarchy:
        """Return all nodes: one request for a consolidated hierarchy, a crawl for others."""
        return self._held.load()

    def fetch(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Return the values of small datasets, their chunks fetched together, and those that are expected."""
        hierarchy = self.load()
        records = {path: self._held.record(path) for path in paths}
        single = [path for path, r in records.items() if r.codec is not None and all(count == 1 for count in r.grid)]
        keys = [_first_chunk(path, records[path]) for path in single]
        ahead, self._expected = self._expected, []
        chunks = self._medium.read_many([*keys, *ahead])
        self._held.check_unreplaced(None in chunks)
        self._holder.read_ahead(dict(zip(ahead, chunks[len(keys) :], strict=True)))
        found = {}
        for path, data in zip(single, chunks, strict=False):
            found[path] = self._decode_single(path, records[path], data)
        for path in records.keys() - found.keys():
            dataset = hierarchy[path]
            assert isinstance(dataset, Dataset)
            found[path] = dataset.values.read(whole(dataset.shape))  # type: ignore[union-attr]
        return found

    def expect(self, paths: Sequence[str]) -> None:
        """Let the next `fetch` bring the first chunk of each dataset along, so that looking at it costs no request.

        Chunks are kept until the hierarchy is closed, as many as the buffer for values holds. In modes that write
        nothing is kept, because values may change.
        """
        if self.mode not in READING_MODES:
            return
        records = {path: self._held.record(path) for path in paths}
        room, self._expected = BUFFER_BYTES, []
        for path, record in records.items():
            size = math.prod(record.chunks) * item_size(record.element)
            if record.codec is not None and 0 not in record.shape and size <= room:
                room -= size
                self._expected.append(_first_chunk(path, record))

    def _decode_single(self, path: str, record: ArrayRecord, data: bytes | None) -> np.ndarray:
        assert record.codec is not None
        index = (0,) * len(record.shape)
        if data is None and record.other_chunk_key(index) is not None:
            data = stored_chunk(record, index, lambda key: self._medium.read(f"{path[1:]}/{key}"))
        try:
            if data is None:
                values = record.to_normal(np.full(record.shape, record.fill, record.codec.dtype))
            else:
                values = record.to_normal(part(record.codec.decode(data, record.chunks), whole(record.shape)))
        except DECODING_ERRORS as problem:
            raise self._holder.shape_error(path, problem) from problem
        return values.reshape(()) if record.is_scalar else values

    def array(self, path: str) -> StoredArray:
        """Return the lazy array of a dataset."""
        self._held.record(path)
        return StoredArray(self._holder, path)

    def consolidate(self) -> None:
        """Write the root's document anew, with the documents of all nodes as they are stored."""
        self._held.check_writes("consolidate", "mode 'r+'")
        if not self.at_best.consolidates:
            return
        with all_of(self._synchronizer, [HIERARCHY]):
            self._held.reread_all()
            self._held.store_root(True)

    def reference(self, other: Location) -> str:
        """Return how links and references in this hierarchy name another one."""
        source = other.source_from(self._location)
        if source != "." and not self._is_linkable:
            raise LocationError(
                self._location.address, "is temporary or in memory, so that its links could not be kept"
            )
        return source

    def resolve(self, source: str) -> tuple[Location, ...]:
        """Return the places that a recorded source may mean, the likeliest first."""
        return self._location.resolve(source)

    # ------------------------------------------------------------------------------------ beyond the protocol: of Zarr

    @property
    def synchronizer(self) -> Synchronizer | None:
        """The locks that writers of this hierarchy share, if any."""
        return self._synchronizer

    @property
    def arrays(self) -> ArrayHolder:
        """What serves the arrays that were handed out."""
        return self._holder

    def zarr_version(self) -> int:
        """Return the version of the Zarr format."""
        return self._held.format.VERSION

    def facts(self) -> dict[str, Any]:
        """Return what is told of this hierarchy beside what every adapter can tell."""
        version = {"zarr_format": self.zarr_version()}
        if not self.at_best.consolidates:
            return version
        self.load()
        return {**version, "consolidated": self._held.is_consolidated}

    def flaws(self, progress: Callable[[int], None]) -> Iterator[Finding]:
        """Yield what is wrong with what is stored: documents, their consolidated copy, every chunk."""
        self._held.check_open("check")
        return flaws(self._held, progress)

    def mend(self, dry_run: bool, idle: float) -> Iterator[Repair]:
        """Yield what there is to be mended of what is stored, each before it is done; see `mending`."""
        if not dry_run:
            self._held.check_writes("mend", "mode 'r+'")
        with all_of(None if dry_run else self._synchronizer, [HIERARCHY]):
            for step in [] if self.at_best.transactional else list(steps(self._held, idle)):
                yield step.repair
                if step.carry_out is not None and not dry_run:
                    step.carry_out()

    def is_stored(self, path: str) -> bool:
        """Return whether a node is stored at a path now; one small request or two."""
        return self._held.is_stored(path)

    def target_of(self, reference: Any) -> Target:
        """Return the target that a stored form of a reference names: a path, JSON text, or a mapping."""
        value = reference.item() if isinstance(reference, np.ndarray) else reference
        return value if isinstance(value, Target) else decode_target(value, self._held.itself)

    def zarr_object(self, path: str) -> Any:
        """Return the zarr group or array at a path, made without I/O; of a file that is not there yet, the root."""
        self._held.check_open("read")
        if not (self._held.is_new and path == ROOT) and isinstance(self.load()[path], Dataset):
            return self.array(path)
        overlay = DocumentOverlay(self._holder.zarr_store(), self._holder)
        mode = "r+" if self._held.writes else "r"
        return zarr.open_group(
            overlay, path=path[1:], mode=mode, zarr_format=self.zarr_version(), use_consolidated=False
        )

    def __reduce__(self) -> Any:
        options = {**self._options, "synchronizer": self._synchronizer}
        return _reopened, (type(self), self._travels_as, self.mode, options)

    # -------------------------------------------------------------------------------------------------------- writing

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        """Store everything in the plan, or nothing; see `StoreAdapter.write`."""
        self._held.check_writes("write", "mode 'w', 'a' or 'r+'")
        writer = PlanWriter(
            medium=self._medium,
            held=self._held,
            wishes=self._wishes(),
            transactional=self.at_best.transactional,
            consolidates=self.at_best.consolidates,
        )
        with self._others.waiting(plan) as merged:
            try:
                writer.write(merged, progress)
            finally:
                self._holder.forget_store()  # also where it failed: a medium may have begun anew by then

    def _wishes(self) -> Layout:
        """Return what the user of this adapter wishes for every dataset."""
        if self._object_codec is not None and self.zarr_version() != 2:
            raise ArgumentError(
                f"{self._location}: format {self.zarr_version()} has no object arrays, so object_codec_class cannot be"
                " meant; leave it out, or write zarr_format=2"
            )
        return Layout(separator=self._separator, serializer=self._object_codec)


def _first_chunk(path: str, record: ArrayRecord) -> str:
    return f"{path[1:]}/{record.chunk_key((0,) * len(record.shape))}"


def _reopened(kind: type[ZarrAdapter], place: Any, mode: str, options: Mapping[str, Any]) -> ZarrAdapter:
    adapter = kind(place, **options)
    adapter.open_copy("r" if mode in READING_MODES else "r+")
    return adapter
