"""The adapter for Zarr: one hierarchy in a folder, or in any zarr store object.

Composes a format (`zarr_format`), the chunks (`chunks`) and a medium (`local_files`, `store_objects`); what is
decided here is the order of things: values, then documents from the leaves up, then the root's document, which
is the commit.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import attrs
import numpy as np
import zarr
from zarr.abc.store import Store

from hdmf_store.adapter import Capabilities, Location, Plan, Progress
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    HierarchyExistsError,
    LocationError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    UnreadableError,
)
from hdmf_store.nodes import (
    ROOT,
    Dataset,
    Group,
    Hierarchy,
    Layout,
    Link,
    Node,
    Target,
    Unreadable,
    Unwritten,
    parent,
    part,
    whole,
)
from hdmf_store_adapters.array_holder import DocumentOverlay
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunks import overlaid, stored_chunk
from hdmf_store_adapters.dataset_writer import DatasetWriter
from hdmf_store_adapters.hierarchy_documents import decoded, group_documents
from hdmf_store_adapters.json_forms import ITSELF, decode_target
from hdmf_store_adapters.local_files import LocalFiles
from hdmf_store_adapters.media import Shadow
from hdmf_store_adapters.stored_arrays import StoredArray, StoredSource
from hdmf_store_adapters.synchronizers import HIERARCHY, Merge, Synchronizer, all_of, synchronizer_for
from hdmf_store_adapters.zarr_chunk import ZarrChunk
from hdmf_store_adapters.zarr_format import FORMATS, Document, ZarrFormat
from hdmf_store_adapters.zarr_places import check_names, codec_of, medium_and_location, why_missing

__all__ = ["ZarrAdapter"]

_NEWEST = 3
_CREATING = ("w", "w-", "x")
_MODES = ("r", "r-", "r+", "a", *_CREATING)


class ZarrAdapter:
    """One Zarr hierarchy.

    Parameters
    ----------
    place : str, Path, UPath or zarr.abc.store.Store
        A folder, a URL that fsspec knows, or a store object.
    storage_options : dict, optional
        For a URL: what fsspec's file system takes.
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

    Raises
    ------
    ArgumentError
        If the place or the synchronizer is none of these.
    """

    name = "zarr"

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
    ) -> None:
        if zarr_format not in (None, *FORMATS):
            raise ArgumentError(
                f"zarr_format must be one of {', '.join(map(str, sorted(FORMATS)))}, not {zarr_format!r}"
            )
        self._new_format = zarr_format or _NEWEST
        self._object_codec = None if object_codec is None else codec_of(object_codec)
        self._medium, self._location = medium_and_location(place, storage_options)
        self._synchronizer = synchronizer_for(synchronizer, self._location)
        self._place = place  # a temporary store lives as long as somebody holds it
        self._force = force_overwrite
        self._separator = separator or getattr(place, "dimension_separator", None)
        self._is_linkable = self._location.can_be_linked and not getattr(place, "is_temporary", False)
        self._read_only = isinstance(place, Store) and place.read_only
        self._mode = ""
        self._creates = False
        self._ignores_consolidated = False
        self._forget()

    def _forget(self) -> None:
        self._format: ZarrFormat = FORMATS[self._new_format]
        self._documents: dict[str, Document] | None = None
        self._hierarchy: Hierarchy | None = None
        self._records: dict[str, ArrayRecord] = {}
        self._is_consolidated = False
        self._appended: set[str] = set()
        self._first_seen: dict[str, Node] = {}
        self._store: Any = None
        self._seen: dict[str, bytes | None] = {}

    # ------------------------------------------------------------------------------------- finding the right adapter

    @staticmethod
    def claims(place: Any) -> bool:
        """Return whether Zarr is at a place, or belongs there by the place's name or type."""
        if isinstance(place, Store):
            return True
        if not isinstance(place, str | os.PathLike):
            return False
        location = Location.of(place)
        if location.is_local and os.path.isdir(location.address):
            return True
        return location.name.endswith(".zarr") and not os.path.isfile(location.address)

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
        return Capabilities(
            writable=not self._read_only,
            remote=self._location.is_remote,
            linkable=self._is_linkable,
            consolidates=True,
            links_to=(self.name,),
            reserved_names=self._format.DOCUMENTS,
        )

    @property
    def mode(self) -> str:
        """The mode in which it is open; empty while it is not."""
        return self._mode

    def open(self, mode: str) -> None:
        """Open in a mode; see `StoreAdapter.open`."""
        if mode not in _MODES:
            raise ArgumentError(f"{mode!r} is no mode; the modes are {', '.join(_MODES)}")
        if mode not in ("r", "r-") and self._read_only:
            raise ModeError(self._location.address, "write", mode, "a store that is not read-only")
        self._forget()
        exists = mode != "w" and self._recognises()
        if mode in ("w-", "x") and exists:
            raise HierarchyExistsError(self._location.address, f"exists, and mode {mode!r} only creates")
        if mode in ("r", "r-", "r+") and not exists:
            raise MissingHierarchyError(self._location.address, why_missing(self._location))
        self._creates = mode in _CREATING or not exists
        if self._creates and isinstance(self._medium, LocalFiles):
            self._medium.check_replaceable(self._force)
        self._ignores_consolidated = mode == "r-"
        self._mode = mode

    def _recognises(self) -> bool:
        """Look for the documents by which a format is known; what is read here is not read again."""
        for version, candidate in FORMATS.items():
            for sign in candidate.SIGNS:
                self._seen[sign] = self._medium.read(sign)
                if self._seen[sign] is not None:
                    self._format = FORMATS[version]
                    return True
        return False

    def _read_once(self, key: str) -> bytes | None:
        return self._seen.pop(key) if key in self._seen else self._medium.read(key)

    def close(self) -> None:
        """Release what is held; a document that an appended array made stale is brought up to date first."""
        if self._mode and self._appended and self._is_consolidated:
            with all_of(self._synchronizer, [HIERARCHY]):
                self._take_over()
                if self._is_consolidated:
                    self._write_root(True)
        if self._mode:
            self._medium.discard()
        self._mode = ""
        self._forget()

    def load(self) -> Hierarchy:
        """Return all nodes: one request for a consolidated hierarchy, a crawl for others."""
        self._check_open("read")
        if self._hierarchy is None:
            if self._creates:
                raise MissingHierarchyError(self._location.address, "nothing has been written yet")
            if self._documents is None:
                self._documents, self._is_consolidated = self._load_documents()
            self._hierarchy = self._decode(self._documents)
        return self._hierarchy

    def fetch(self, paths: Sequence[str]) -> Mapping[str, np.ndarray]:
        """Return the values of small datasets, their chunks fetched together."""
        hierarchy = self.load()
        direct: list[tuple[str, ArrayRecord]] = []
        rest: list[str] = []
        for path in paths:
            record = self.record(path)
            single = record.codec is not None and all(count == 1 for count in record.grid)
            if single:
                direct.append((path, record))
            else:
                rest.append(path)
        keys = [path[1:] + "/" + record.chunk_key((0,) * len(record.shape)) for path, record in direct]
        found = {}
        for (path, record), data in zip(direct, self._medium.read_many(keys), strict=True):
            found[path] = self._decode_single(path, record, data)
        for path in rest:
            dataset = hierarchy[path]
            assert isinstance(dataset, Dataset)
            found[path] = dataset.values.read(whole(dataset.shape))  # type: ignore[union-attr]
        return found

    def array(self, path: str) -> StoredArray:
        """Return the lazy array of a dataset."""
        self.record(path)
        return StoredArray(self, path)

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        """Store everything in the plan, or nothing; see `StoreAdapter.write`."""
        self._check_open("write")
        if self._mode in ("r", "r-"):
            raise ModeError(self._location.address, "write", self._mode, "mode 'w', 'a' or 'r+'")
        with self._alone(plan) as merged:
            self._write(merged, progress)

    def _write(self, plan: Plan, progress: Progress | None) -> None:
        known = {} if self._creates else dict(self._known_documents())
        address = self._location.address
        check_names(plan.nodes, address, self._format.DOCUMENTS)
        documents = group_documents(plan.nodes, known, self._format, address, self._itself)
        if self._creates:
            self._medium.begin_replacement()
        writer = DatasetWriter(self._medium, self._format, address, self._wishes(), progress)
        try:
            fresh = {path: node for path, node in plan.nodes.items() if isinstance(node, Dataset)}
            for path in [path for path in fresh if path in known]:
                documents[path] = self._format.with_attributes(known[path], fresh.pop(path), address, path)
            documents |= writer.write(fresh, interleave=plan.interleave, executor=plan.executor)
            self._commit(known, documents, plan.consolidate, progress)
        except BaseException:
            self._undo(known, plan, documents)
            raise

    def consolidate(self) -> None:
        """Write the root's document anew, with the documents of all nodes as they are stored."""
        self._check_open("consolidate")
        if self._mode in ("r", "r-"):
            raise ModeError(self._location.address, "consolidate", self._mode, "mode 'r+'")
        with all_of(self._synchronizer, [HIERARCHY]):
            self._documents, _ = self._crawled()
            self._hierarchy = None
            self._write_root(True)

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

    # --------------------------------------------------------------------------------- what the arrays handed out ask

    @property
    def address(self) -> str:
        """The location in the spelling by which hierarchies are compared."""
        return self._location.identity

    @property
    def writes(self) -> bool:
        """Whether arrays that were handed out may be assigned into."""
        return self._mode not in ("r", "r-", "")

    def check_writes(self, action: str) -> None:
        """Raise `ModeError` where the mode only reads."""
        self._check_open(action)
        if not self.writes:
            raise ModeError(self._location.address, action, self._mode, "mode 'r+' or 'a'")

    def record(self, path: str) -> ArrayRecord:
        """Return how the chunks of a dataset are decoded."""
        self._check_open("read")
        found = self._records.get(path)
        if found is None:
            self.load()
            found = self._records.get(path)
        if found is None:
            raise MissingNodeError(self._location.address, path)
        if isinstance(found.element, Unreadable):
            raise UnreadableError(self._location.address, path, found.element.reason)
        return found

    def zarr_version(self) -> int:
        """Return the version of the Zarr format."""
        return self._format.VERSION

    def is_document(self, key: str) -> bool:
        """Return whether a key is that of a document, of this format or another, and not of a chunk."""
        name = key.rpartition("/")[2]
        return any(name in known.DOCUMENTS for known in FORMATS.values())

    def zarr_file(self, key: str) -> bytes | None:
        """Return what zarr-python is shown under the key of a document."""
        folder, _, name = key.rpartition("/")
        document = self._known_documents().get("/" + folder)
        return None if document is None else self._format.zarr_file(document, name)

    def replace_document(self, key: str, data: bytes) -> bytes:
        """Take over what zarr changed of an array's document, in our own form; return the bytes to store."""
        folder, _, name = key.rpartition("/")
        path, known, address = "/" + folder, self._known_documents(), self._location.address
        self.check_writes("change an array")
        known[path] = self._format.changed_by_zarr(known[path], name, data, address, path)
        _, self._records[path] = self._format.decode_array(known[path], address, path, self._itself)
        self._hierarchy = None
        self._appended.add(path)
        return dict(self._format.files(path, known[path]))[key]

    def target_of(self, reference: Any) -> Target:
        """Return the target that a stored form of a reference names: a path, JSON text, or a mapping."""
        value = reference.item() if isinstance(reference, np.ndarray) else reference
        return value if isinstance(value, Target) else decode_target(value, self._itself)

    def zarr_object(self, path: str) -> Any:
        """Return the zarr group or array at a path, made without I/O."""
        if isinstance(self.load()[path], Dataset):
            return self.array(path)
        overlay = DocumentOverlay(self.zarr_store(), self)
        mode = "r+" if self.writes else "r"
        return zarr.open_group(
            overlay, path=path[1:], mode=mode, zarr_format=self._format.VERSION, use_consolidated=False
        )

    @property
    def _itself(self) -> frozenset[str]:
        """The sources that mean this hierarchy."""
        return ITSELF | {self._location.name, self._location.address, self._location.identity}

    def read_chunk(self, key: str) -> bytes | None:
        """Return the bytes of one chunk."""
        return self._medium.read(key)

    def zarr_store(self) -> Any:
        """Return the zarr store under the arrays that were handed out."""
        if self._store is None:
            self._store = self._medium.store()
        return self._store

    def shape_error(self, path: str, problem: Exception) -> Exception:
        """Return the error for a chunk that cannot be decoded."""
        return UnreadableError(
            self._location.address, path, f"a chunk cannot be decoded ({problem}). Is the file complete?"
        )

    @property
    def synchronizer(self) -> Synchronizer | None:
        """The locks that writers of this hierarchy share, if any."""
        return self._synchronizer

    def document_key(self, path: str) -> str:
        """Return the key that stands for the document of a node, in however many files it is stored."""
        return f"{path[1:]}/{self._format.DOCUMENTS[0]}"

    def is_superseded(self, path: str) -> bool:
        """Return whether an array is stored in a form that is read but no longer written."""
        return self._format.is_superseded(self._known_documents()[path])

    def extend(self, path: str, stored: np.ndarray, axis: int) -> None:
        """Store more elements, in their stored form, at the end of an axis: values first, then the new length."""
        self.check_writes("append")
        record, document = self.record(path), self._known_documents()[path]
        corner = tuple(length if at == axis else 0 for at, length in enumerate(record.shape))
        region = tuple(slice(at, at + length) for at, length in zip(corner, stored.shape, strict=True))
        coder = record.codec or ZarrChunk(self._format, document, record, self._location.address, path)
        prefix = path[1:] + "/"
        chunks = overlaid(record, region, stored, coder, lambda key: self._medium.read(prefix + key))
        self._medium.write_many((prefix + key, data) for key, data in chunks)
        shape = tuple(n + stored.shape[axis] if at == axis else n for at, n in enumerate(record.shape))
        self._replace_known(path, self._format.resized(document, shape))
        self._medium.write_many(self._format.files(path, self._known_documents()[path]))

    def rewrite(self, path: str, dataset: Dataset) -> None:
        """Store a small dataset anew in place of what it was, with room for all its values."""
        self.check_writes("append")
        address, shadow = self._location.address, Shadow(self._medium)
        writer = DatasetWriter(shadow, self._format, address, self._wishes(), None)
        document = writer.write({path: dataset}, interleave=False)[path]
        shadow.write_many(self._format.files(path, document))
        self._medium.replace(path[1:], shadow.written)
        self._replace_known(path, document)

    def _replace_known(self, path: str, document: Document) -> None:
        self._known_documents()[path] = document
        _, self._records[path] = self._format.decode_array(document, self._location.address, path, self._itself)
        self._hierarchy = None
        self._appended.add(path)

    def reread(self, path: str) -> None:
        """Take over what another writer changed of an array's document."""
        known, address = self._known_documents(), self._location.address
        document = self._document_now(path)
        if document is not None and document != known[path]:
            known[path] = document
            _, self._records[path] = self._format.decode_array(document, address, path, self._itself)
            self._hierarchy = None

    def _document_now(self, path: str) -> Document | None:
        names = self._format.DOCUMENTS
        files = dict(zip(names, self._medium.read_many([f"{path[1:]}/{name}" for name in names]), strict=True))
        found = {name: data for name, data in files.items() if data is not None}
        return self._format.gathered(found, self._location.address)["/"] if found else None

    def __reduce__(self) -> Any:
        return _reopened, (self._location.address, self._mode, self._synchronizer)

    # -------------------------------------------------------------------------------------------------------- reading

    def _check_open(self, action: str) -> None:
        if not self._mode:
            raise ClosedError(self._location.address, action)

    def _known_documents(self) -> dict[str, dict[str, Any]]:
        if self._documents is None:
            self.load()
        assert self._documents is not None
        return self._documents

    def _load_documents(self) -> tuple[dict[str, Document], bool]:
        if self._ignores_consolidated:
            return self._crawled()
        documents = self._format.consolidated(self._read_once, self._location.address)
        if documents is None:
            return self._crawled()
        if self.writes and self._location.is_local:
            # another program may have changed an array and left the consolidated copy as it was; before that copy
            # is written anew, look at the documents themselves, which costs little on a local disk
            return self._crawled()[0], True
        return documents, True

    def _crawled(self) -> tuple[dict[str, Document], bool]:
        return self._format.gathered(self._medium.crawl(self._format.DOCUMENTS), self._location.address), False

    def _decode(self, documents: Mapping[str, Document]) -> Hierarchy:
        address = self._location.address
        nodes, self._records = decoded(documents, self._format, address, self._itself)
        for path in self._records:
            dataset = nodes[path]
            assert isinstance(dataset, Dataset)
            nodes[path] = attrs.evolve(dataset, values=StoredSource(self, path))
        return Hierarchy(nodes, address)

    def _decode_single(self, path: str, record: ArrayRecord, data: bytes | None) -> np.ndarray:
        assert record.codec is not None
        index = (0,) * len(record.shape)
        if data is None and record.other_chunk_key(index) is not None:
            data = stored_chunk(record, index, lambda key: self._medium.read(f"{path[1:]}/{key}"))
        try:
            if data is None:
                chunk = np.full(record.chunks, record.fill, record.codec.dtype)
            else:
                chunk = record.codec.decode(data, record.chunks)
            values = record.to_normal(part(chunk, whole(record.shape)))
        except DECODING_ERRORS as problem:
            raise self.shape_error(path, problem) from problem
        return values.reshape(()) if record.is_scalar else values

    # -------------------------------------------------------------------------------------------------------- writing

    def _wishes(self) -> Layout:
        """Return what the user of this adapter wishes for every dataset."""
        if self._object_codec is not None and self._format.VERSION != 2:
            raise ArgumentError(
                f"{self._location}: format {self._format.VERSION} has no object arrays, so object_codec_class cannot be"
                " meant; leave it out, or write zarr_format=2"
            )
        return Layout(separator=self._separator, serializer=self._object_codec)

    @contextmanager
    def _alone(self, plan: Plan) -> Iterator[Plan]:
        """Be the only writer; give the plan as it has to be, given what others stored since this hierarchy was read."""
        if self._synchronizer is None:
            yield plan
            return
        with all_of(self._synchronizer, [HIERARCHY]):
            if self._creates and not self._is_overtaken():
                yield plan
            else:
                before = {**({} if self._creates else self.load().nodes), **self._first_seen}
                self._creates = False
                self._take_over()
                changed = [path for path, node in plan.nodes.items() if self._is_changed_array(node, before.get(path))]
                with all_of(self._synchronizer, map(self.document_key, changed)):
                    for path in changed:
                        self.reread(path)
                    yield self._merged(plan, before)
                self._first_seen = {**before, **self._first_seen}
            self._first_seen |= {path: _without_values(node) for path, node in plan.nodes.items()}

    def _is_overtaken(self) -> bool:
        """Return whether another writer made what this one was opened to make."""
        if self._mode == "w" or not self._recognises():
            return False
        if self._mode != "a":
            reason = f"another writer was faster, and mode {self._mode!r} only creates"
            raise HierarchyExistsError(self._location.address, reason)
        return True

    def _is_changed_array(self, node: Node, before: Node | None) -> bool:
        return (
            isinstance(node, Dataset)
            and isinstance(before, Dataset)
            and self._encoded(node.attributes) != self._encoded(before.attributes)
        )

    def _merged(self, plan: Plan, before: Mapping[str, Node]) -> Plan:
        merge, after = Merge(self._location.address, self._encoded), self.load().nodes
        nodes = {path: merge(path, node, before.get(path), after.get(path)) for path, node in plan.nodes.items()}
        unchanged = [
            path
            for path, node in nodes.items()
            if isinstance(node, Dataset) and path in after and not self._is_changed_array(node, after[path])
        ]
        return attrs.evolve(plan, nodes={path: node for path, node in nodes.items() if path not in unchanged})

    def _encoded(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return self._format.group_document(Group(attributes), {}, self._location.address, ROOT)["attributes"]

    def _take_over(self) -> None:
        """Read the documents of all nodes again, as all writers left them; nothing without a synchronizer."""
        if self._synchronizer is None:
            return
        self._seen.clear()
        documents, self._is_consolidated = self._load_documents()
        for path in self._appended & documents.keys():
            documents[path] = self._document_now(path) or documents[path]
        self._documents, self._hierarchy = documents, None
        self._records.clear()

    def _commit(
        self,
        known: dict[str, dict[str, Any]],
        documents: Mapping[str, dict[str, Any]],
        consolidate: bool,
        progress: Progress | None,
    ) -> None:
        below = [path for path in reversed(list(documents)) if path != ROOT]
        below.sort(key=lambda path: -path.count("/"))
        self._medium.write_many(_counted((self._format.files(p, documents[p]) for p in below), progress))
        complete = {ROOT: self._format.group_document(Group(), {}, "", ROOT), **known, **documents}
        self._write_root(consolidate, complete)
        self._medium.publish()
        self._documents = complete
        self._creates = False
        self._hierarchy = None
        self._records.clear()
        self._store = None

    def _write_root(self, consolidate: bool, documents: Mapping[str, Document] | None = None) -> None:
        for item in self._format.root_files(documents or self._known_documents(), consolidate):
            self._medium.write_many([item])  # one by one: the last is the commit
        self._is_consolidated = consolidate
        self._appended.clear()

    def _undo(self, known: Mapping[str, Document], plan: Plan, documents: Mapping[str, Document]) -> None:
        """Take back what a failed write has done, as far as the medium still answers."""
        self._medium.discard()
        if self._creates:
            return
        with suppress(Exception):  # the failure that is being reported matters more than one of the clean-up
            new = [path for path in plan.nodes if path not in known and parent(path) in known]
            self._medium.remove([path[1:] for path in new if not isinstance(plan.nodes[path], Link)])
            changed = [path for path in documents if path in known and path != ROOT]
            self._medium.write_many(item for path in changed for item in self._format.files(path, known[path]))


def _counted(nodes: Iterable[list[tuple[str, bytes]]], progress: Progress | None) -> Iterator[tuple[str, bytes]]:
    for files in nodes:
        yield from files
        if progress is not None:
            progress(0, 1)


def _without_values(node: Node) -> Node:
    return attrs.evolve(node, values=Unwritten()) if isinstance(node, Dataset) else node


def _reopened(address: str, mode: str, synchronizer: Any = None) -> ZarrAdapter:
    adapter = ZarrAdapter(address, synchronizer=synchronizer)
    adapter.open("r" if mode in ("r", "r-") else "r+")
    return adapter
