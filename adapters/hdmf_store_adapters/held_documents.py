"""The documents of one open hierarchy, in memory: how they are found, what they decode to, and what became of them.

Everything that an open hierarchy knows of itself is here, and nothing that it does to values: `zarr_adapter` writes,
`array_holder` serves the arrays that were handed out.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from io import UnsupportedOperation
from typing import Any

import attrs

from hdmf_store.adapter import READING_MODES, Location
from hdmf_store.errors import (
    ClosedError,
    ConflictError,
    HDMFStoreError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    UnlistableError,
    UnreadableError,
)
from hdmf_store.nodes import ROOT, Dataset, Hierarchy, Unreadable, basename, parent
from hdmf_store_adapters.array_record import ArrayRecord
from hdmf_store_adapters.hierarchy_documents import decoded
from hdmf_store_adapters.json_forms import ITSELF
from hdmf_store_adapters.leases import Lease
from hdmf_store_adapters.leftovers import is_temporary
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.opened_state import OpenedState
from hdmf_store_adapters.undeclared_references import holding_references
from hdmf_store_adapters.zarr_format import FORMATS, Document, ZarrFormat

__all__ = ["HeldDocuments"]


class HeldDocuments:
    """What one hierarchy holds, as its documents say; read on first use.

    Parameters
    ----------
    medium : Medium
        Holds the bytes.
    location : Location
        Where they lie.
    new_format : int
        The format of a hierarchy that is not there yet.
    lease : Lease
        Keeps other writers away; it lives as long as the arrays that were handed out.

    Attributes
    ----------
    source_of : callable
        Returns what reads the values of the dataset at a path.
    format : ZarrFormat
        The format that was found, or the one for a new hierarchy.
    mode : str
        The mode in which the hierarchy is open; empty while it is not.
    is_new : bool
        Whether nothing is there, or nothing that counts.
    is_consolidated : bool
        Whether the root's document holds a copy of all others.
    changed : set of str
        The nodes whose documents were changed since that copy was made.
    """

    def __init__(self, medium: Medium, location: Location, new_format: int, lease: Lease) -> None:
        self.medium = medium
        self.location = location
        self.source_of: Callable[[str], Any] = lambda _path: None
        self.lease = lease
        self.opened = OpenedState(location)
        self._new_format = new_format
        self.start("")

    def start(self, mode: str) -> None:
        """Forget everything, and be open in a mode; closed in none."""
        self.mode = mode
        self.opened.forget()
        self.format: ZarrFormat = FORMATS[self._new_format]
        self.is_new = False
        self.is_consolidated = False
        self.changed: set[str] = set()
        self._documents: dict[str, Document] | None = None
        self._hierarchy: Hierarchy | None = None
        self._records: dict[str, ArrayRecord] = {}
        self._seen: dict[str, bytes | None] = {}
        self._committing: tuple[str, bytes] | None = None

    # -------------------------------------------------------------------------------------------------- what is open

    @property
    def address(self) -> str:
        """The location, for messages."""
        return self.location.address

    @property
    def itself(self) -> frozenset[str]:
        """The sources that mean this hierarchy."""
        return ITSELF | {self.location.name, self.location.address, self.location.identity}

    @property
    def writes(self) -> bool:
        """Whether the mode allows changes."""
        return self.mode not in (*READING_MODES, "")

    def check_open(self, action: str) -> None:
        """Raise `ClosedError` if the hierarchy is not open."""
        if not self.mode:
            raise ClosedError(self.address, action)

    def check_writes(self, action: str, instead: str) -> None:
        """Raise `ModeError` where the mode only reads, which names the modes to use instead."""
        self.check_open(action)
        if not self.writes:
            raise ModeError(self.address, action, self.mode, instead)

    def recognise(self) -> bool:
        """Look for the documents by which a format is known; what is read here is not read again.

        Buckets that do not let us list them deny what is not there; so a denial counts when nothing else is found.
        """
        denied: PermissionError | None = None
        for version, candidate in FORMATS.items():
            for sign in candidate.SIGNS:
                try:
                    self._seen[sign] = self.medium.read(sign)
                except PermissionError as problem:
                    self._seen[sign], denied = None, problem
                if self._seen[sign] is not None:
                    self.format = FORMATS[version]
                    return True
        if denied is not None:
            raise denied
        return False

    def recognise_to_read(self) -> bool:
        """Look for these documents, and be able to tell later whether they are still what is there."""
        while True:
            self.opened.begin()
            is_found = self.recognise()
            if not is_found or self.opened.is_there():
                self.remember_root()
                return is_found

    def remember_root(self) -> None:
        """Be able to tell later whether the document by which this hierarchy was recognised is still the same."""
        for sign, data in self._seen.items():
            if data is not None:
                self.opened.remember(sign, data)

    def is_overtaken(self) -> bool:
        """Return whether somebody else stored the root's document since this one did or was opened to write.

        Asks only where no lock keeps other writers away: in stores that are neither folders nor archives.
        """
        key = self.opened.key if self.writes and not self.location.is_local else None
        return key is not None and not self.opened.is_known(self.medium.read(key))

    def check_not_overtaken(self) -> None:
        """Raise `ConflictError` if another writer was faster."""
        if self.is_overtaken():
            raise ConflictError(self.address, "another writer has changed it since it was opened here")

    def check_unreplaced(self, missing: bool) -> None:
        """Raise `ReplacedError` if what was opened for reading is no longer there.

        Parameters
        ----------
        missing : bool
            Whether something was not found, so that it is worth a request to ask.
        """
        self.opened.check()
        key = self.opened.doubtful if missing else None
        if key is not None:
            self.opened.compare(self.medium.read(key))

    @property
    def has_shards(self) -> bool:
        """Whether the format can pack chunks in shards."""
        return self.format.SHARDS

    @property
    def reserved_names(self) -> tuple[str, ...]:
        """The names that the format keeps for its own files."""
        return self.format.DOCUMENTS if self.format.COPY is None else (*self.format.DOCUMENTS, self.format.COPY)

    # ------------------------------------------------------------------------------------------------------- reading

    def load(self) -> Hierarchy:
        """Return all nodes: one request for a consolidated hierarchy, a crawl for others."""
        self.check_open("read")
        if self._hierarchy is None:
            if self.is_new:
                raise MissingHierarchyError(self.address, "nothing has been written yet")
            self._hierarchy = self._decoded(self.documents)
        return self._hierarchy

    @property
    def documents(self) -> dict[str, Document]:
        """The documents of all nodes, by path."""
        if self._documents is None:
            self.check_open("read")
            self._documents, self.is_consolidated = self._stored()
        return self._documents

    def record(self, path: str) -> ArrayRecord:
        """Return how the chunks of a dataset are decoded."""
        self.check_open("read")
        if path not in self._records:
            self.load()
        found = self._records.get(path)
        if found is None:
            raise MissingNodeError(self.address, path)
        if isinstance(found.element, Unreadable):
            raise UnreadableError(self.address, path, found.element.reason)
        return found

    def known_record(self, path: str) -> ArrayRecord | None:
        """Return the record of a dataset, if it is loaded; nothing is once the hierarchy is closed."""
        return self._records.get(path)

    def _stored(self) -> tuple[dict[str, Document], bool]:
        if self.mode == "r-":
            return self._crawled(), False
        documents = self.format.consolidated(self._read_once, self.address)
        if documents is None:
            return self._crawled(), False
        if not self.format.is_current(documents, self._read_once, self.address):
            return self._crawled_instead_of(documents), False
        if self.writes and self.location.is_local:
            # another program may have changed an array and left the consolidated copy as it was; before that copy
            # is written anew, look at the documents themselves, which costs little on a local disk
            return self._crawled(), True
        return self._declaring_references(documents), True

    def former(self) -> dict[str, Document]:
        """Return the documents of what a new hierarchy takes the place of, as far as they can be read."""
        for candidate in FORMATS.values():
            with suppress(HDMFStoreError, UnsupportedOperation):
                documents = candidate.consolidated(self.medium.read, self.address)
                if documents and not candidate.is_current(documents, self.medium.read, self.address):
                    documents = None
                documents = documents or candidate.gathered(self.medium.crawl(candidate.DOCUMENTS), self.address)
                if documents:
                    return documents
        return {}

    def _crawled_instead_of(self, documents: dict[str, Document]) -> dict[str, Document]:
        """Return what is there; where nobody lists that, the older documents, with a warning."""
        try:
            return self._crawled()
        except UnlistableError as problem:
            warnings.warn(
                f"{self.address}: what is read may be older than what is there, and lacks the cached specifications, "
                "because its consolidated metadata was made too early and objects cannot be listed "
                f"({problem.listing}). Consolidate the original anew, by zarr.consolidate_metadata(path) for instance, "
                "and put it here again.",
                stacklevel=2,
            )
            return self._declaring_references(documents)

    def _read_once(self, key: str) -> bytes | None:
        return self._seen.pop(key) if key in self._seen else self.medium.read(key)

    def document_files(self) -> dict[str, bytes]:
        """Return the files of all documents by key, as a crawl finds them; not those in folders that were moved aside.

        Raises
        ------
        io.UnsupportedOperation
            If what is there cannot be listed, with the reason.
        """
        return {key: data for key, data in self.medium.crawl(self.format.DOCUMENTS).items() if not is_temporary(key)}

    def _crawled(self) -> dict[str, Document]:
        try:
            files = self.document_files()
        except UnsupportedOperation as problem:
            raise UnlistableError(self.address, str(problem)) from problem
        self.opened.check()
        return self._declaring_references(self.format.gathered(files, self.address))

    def _declaring_references(self, documents: dict[str, Document]) -> dict[str, Document]:
        """Return documents in which arrays that hold references say so, also where only their values tell."""
        doubtful = {
            path: self.format.decode_array(document, self.address, path, self.itself)[1]
            for path, document in documents.items()
            if self.format.is_undeclared(document)
        }
        found = holding_references(self.medium, doubtful)
        return {**documents, **{path: self.format.as_references(documents[path]) for path in found}}

    def _decoded(self, documents: Mapping[str, Document]) -> Hierarchy:
        nodes, self._records = decoded(documents, self.format, self.address, self.itself)
        for path in self._records:
            dataset = nodes[path]
            assert isinstance(dataset, Dataset)
            nodes[path] = attrs.evolve(dataset, values=self.source_of(path))
        return Hierarchy(nodes, self.address)

    # ------------------------------------------------------------------------------------------------------ changing

    def key_of(self, path: str) -> str:
        """Return the key that stands for the document of a node, in however many files it is stored."""
        return f"{path[1:]}/{self.format.DOCUMENTS[0]}"

    def change(self, path: str, document: Document) -> None:
        """Hold another document of a node, which is or will be stored."""
        self._hold(path, document)
        self.changed.add(path)

    def _hold(self, path: str, document: Document) -> None:
        is_array = path in self._records
        self.documents[path] = document
        if is_array:
            _, self._records[path] = self.format.decode_array(document, self.address, path, self.itself)
        self._hierarchy = None

    def store(self, path: str) -> None:
        """Store the document of a node as it is held."""
        files = self.format.files(path, self.documents[path])
        self.medium.write_many(files)
        for key, data in files:
            if key == self.opened.key:
                self.opened.remember(key, data)

    def store_root(self, consolidate: bool, documents: Mapping[str, Document] | None = None) -> None:
        """Store the root's document, with a copy of all others or without: this commits what was stored before."""
        *first, commit = self.format.root_files(documents or self.documents, consolidate)
        for item in first:
            self.medium.write_many([item])
        self._committing = commit
        if self.opened.key is not None:
            self.opened.expect(*commit)
        self.medium.write_many([commit])
        self._committing = None
        if self.opened.key is not None:
            self.opened.remember(*commit)
        if self.format.COPY is not None and self.is_consolidated and not consolidate:
            self.medium.remove_files([self.format.COPY])  # it would go on telling readers of the old state
        self.is_consolidated = consolidate
        self.changed.clear()

    def may_be_committed(self) -> bool:
        """Return whether a commit that failed may have been stored, as when only the answer of a server was lost."""
        commit, self._committing = self._committing, None  # the next write has one of its own
        if commit is None:
            return False
        try:
            return self.medium.read(commit[0]) == commit[1]
        except Exception:  # noqa: BLE001 - who cannot be asked may have stored it
            return True

    def adopt(self, documents: dict[str, Document]) -> None:
        """Hold these documents, which are now what is stored."""
        self._documents, self._hierarchy, self.is_new = documents, None, False
        self._records.clear()

    # ------------------------------------------------------------------------------------------- as others changed it

    def reread_all(self) -> None:
        """Hold every node's own document as it is stored now, whatever the consolidated copy says."""
        self.adopt(self._crawled())

    def take_over(self) -> None:
        """Hold what all writers left, as readers will find it."""
        self._seen.clear()
        if self.opened.key is not None:
            self.recognise()
            self.remember_root()
        documents, self.is_consolidated = self._stored()
        for path in self.changed & documents.keys():
            documents[path] = self._now(path) or documents[path]
        self.adopt(documents)

    def is_stored(self, path: str) -> bool:
        """Return whether a node is stored at a path now: by its own document, or as a link in that of its group."""
        if self.is_new:
            return False
        if self._now(path) is not None:
            return True
        group = None if path == ROOT else self._now(parent(path))
        if group is None or group.get("node_type") == "array":
            return False
        return basename(path) in self.format.decode_group(group, self.address, parent(path), self.itself)[1]

    def reread(self, path: str) -> None:
        """Hold what another writer changed of an array's document."""
        document = self._now(path)
        if document is not None and document != self.documents[path]:
            self._hold(path, document)

    def _now(self, path: str) -> Document | None:
        names, folder = self.format.DOCUMENTS, "" if path == ROOT else f"{path[1:]}/"
        files = dict(zip(names, self.medium.read_many([folder + name for name in names]), strict=True))
        found = {name: data for name, data in files.items() if data is not None}
        if not found:
            return None
        document = self.format.gathered(found, self.address)["/"]
        return self._declaring_references({path: document})[path]
