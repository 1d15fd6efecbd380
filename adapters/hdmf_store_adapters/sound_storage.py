"""Whether what is stored of a Zarr hierarchy is sound: documents, their consolidated copy, and every chunk.

Nothing is believed that can be looked at: documents are read one by one, chunks are decoded. Memory holds one batch of
chunks at a time, which threads decode.
"""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from io import UnsupportedOperation
from itertools import islice
from typing import Any

from hdmf_store.adapter import Finding
from hdmf_store.errors import FormatError, HDMFStoreError
from hdmf_store.nodes import ROOT, Number, Unreadable, corners
from hdmf_store_adapters.array_record import ArrayRecord, CodesChunks
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunks import BUFFER_BYTES
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.local_files import TEMPORARY
from hdmf_store_adapters.zarr_chunk import ZarrChunk
from hdmf_store_adapters.zarr_format import FORMATS, Document

__all__ = ["Copies", "chunk_of", "copies", "flaws", "is_document"]

_AT_ONCE = 2**12
"""Chunks that are read at once at most, however small they are."""

_PROBED = 2**20
"""Chunks of one array that are asked for one by one, where the keys that there are cannot be listed."""

Place = tuple[str, tuple[int, ...], str]
"""The path of an array, the index of a chunk of it, and its key."""


def flaws(held: HeldDocuments, progress: Callable[[int], None]) -> Iterator[Finding]:
    """Yield everything that is wrong with what is stored of a hierarchy.

    Parameters
    ----------
    held : HeldDocuments
        Open for reading.
    progress : callable
        Called with 1 for each array when its first chunk is checked.
    """
    known = copies(held)
    yield from known.findings
    try:
        held.load()
    except HDMFStoreError as problem:
        yield Finding(getattr(problem, "path", ROOT), "document", str(problem))
        return
    records = {path: held.record(path) for path in held.documents if _has_chunks(held, path)}
    yield from _Chunks(held, records, progress, {*held.documents, *(known.own or ())} | known.broken).flaws()


def _has_chunks(held: HeldDocuments, path: str) -> bool:
    node: Any = held.load().nodes.get(path)
    return held.documents[path].get("node_type") == "array" and not isinstance(node.element, Unreadable)


# --------------------------------------------------------------------------------------------------------- documents


class Copies:
    """The documents of a hierarchy as they are stored one by one, and as their consolidated copy has them.

    Parameters
    ----------
    own : dict of str to dict, optional
        By path, those that could be read; None where they cannot be listed.
    together : dict of str to dict, optional
        None where nothing is consolidated, or that cannot be read.
    findings : list of Finding
        What is wrong with them.
    broken : set of str
        The paths of documents of which a file cannot be read.
    """

    def __init__(
        self,
        own: dict[str, Document] | None,
        together: dict[str, Document] | None,
        findings: list[Finding],
        broken: set[str],
    ) -> None:
        self.own, self.together, self.findings, self.broken = own, together, findings, broken

    @property
    def differing(self) -> list[str]:
        """The paths at which the two are not the same."""
        if self.own is None or self.together is None:
            return []
        both = dict.fromkeys([*self.own, *self.together])
        return [path for path in both if _text(self.own.get(path)) != _text(self.together.get(path))]


def copies(held: HeldDocuments) -> Copies:
    """Return both copies of all documents, with what is wrong with each."""
    findings: list[Finding] = []
    broken: set[str] = set()
    found = Copies(_own(held, findings, broken), _together(held, findings), findings, broken)
    for path in found.differing:
        findings.append(Finding(path, "consolidated", _difference(found, path)))
    return found


def _difference(found: Copies, path: str) -> str:
    assert found.own is not None and found.together is not None
    if path not in found.own:
        return "its document is in the consolidated metadata only: hdmf-store repair puts it in its place"
    if path not in found.together:
        return "its document is not in the consolidated metadata: hdmf-store repair makes that anew"
    return "its document is another one than in the consolidated metadata: hdmf-store repair makes that anew"


def _together(held: HeldDocuments, findings: list[Finding]) -> dict[str, Document] | None:
    try:
        return held.format.consolidated(held.medium.read, held.address)
    except HDMFStoreError as problem:
        findings.append(Finding(ROOT, "consolidated", str(problem)))
        return None


def _own(held: HeldDocuments, findings: list[Finding], broken: set[str]) -> dict[str, Document] | None:
    try:
        files = held.medium.crawl(held.format.DOCUMENTS)
    except UnsupportedOperation as problem:
        what = f"objects cannot be listed there ({problem}), so that only their consolidated copy was checked"
        findings.append(Finding(ROOT, "document", what, "warning"))
        return None
    sound = {key: data for key, data in files.items() if _is_sound(key, data, findings)}
    broken |= {"/" + key.rpartition("/")[0] for key in files.keys() - sound.keys()}
    try:
        return held.format.gathered(sound, held.address)
    except FormatError as problem:
        findings.append(Finding(problem.path, "document", str(problem)))
        return {}


def _is_sound(key: str, data: bytes, findings: list[Finding]) -> bool:
    """Return whether one document can be read, and has no name twice, of which readers would take either."""
    path = "/" + key.rpartition("/")[0]
    twice: list[str] = []

    def noted(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        return dict(pairs)

    try:
        parsed = json.loads(data, object_pairs_hook=noted)
        if not isinstance(parsed, dict):
            raise ValueError("it is no mapping")
        if key.endswith("zarr.json") and parsed.get("zarr_format") != 3:
            raise ValueError("it is not that of a Zarr v3 node")
    except (ValueError, RecursionError) as problem:
        findings.append(Finding(path, "document", f"{key} cannot be read ({problem})"))
        return False
    if twice:
        findings.append(Finding(path, "document", f"{key} says more than once: {', '.join(sorted(set(twice)))}"))
    return True


def _text(document: Document | None) -> str:
    """Return a document as text, without what only some writers put into it and what says nothing."""
    return json.dumps(_bare(document), sort_keys=True)


def _bare(document: Any) -> Any:
    if not isinstance(document, Mapping):
        return document
    silent = ("consolidated_metadata", "storage_transformers", "configuration")
    return {name: value for name, value in document.items() if value or name not in silent}


def is_document(key: str) -> bool:
    """Return whether a key is that of a document of some format, and not of a chunk."""
    name = key.rpartition("/")[2]
    return any(name in (*known.DOCUMENTS, known.COPY) for known in FORMATS.values())


# ------------------------------------------------------------------------------------------------------------ chunks


def chunk_of(key: str, records: Mapping[str, ArrayRecord]) -> Place | None:
    """Return which chunk of which array has a key; None if none has."""
    end = key.rfind("/")
    while end > 0:
        record = records.get("/" + key[:end])
        if record is not None:
            index = _index(key[end + 1 :], record)
            return None if index is None else ("/" + key[:end], index, key)
        end = key.rfind("/", 0, end)
    record = records.get(ROOT)
    index = None if record is None else _index(key, record)
    return None if index is None else (ROOT, index, key)


def _index(rest: str, record: ArrayRecord) -> tuple[int, ...] | None:
    if not record.shape:
        return () if rest == record.chunk_key(()) else None
    parts = rest.removeprefix(record.prefix).replace("/", ".").split(".")
    if len(parts) != len(record.shape) or not all(part.isascii() and part.isdigit() for part in parts):
        return None
    index = tuple(int(part) for part in parts)
    is_its = rest in (record.chunk_key(index), record.other_chunk_key(index))
    return index if is_its and all(i < n for i, n in zip(index, record.grid, strict=True)) else None


class _Chunks:
    """Checks the chunks of all arrays of a hierarchy, a batch at a time."""

    def __init__(
        self,
        held: HeldDocuments,
        records: Mapping[str, ArrayRecord],
        progress: Callable[[int], None],
        documented: set[str],
    ) -> None:
        self._held, self._records, self._progress, self._documented = held, records, progress, documented
        self._there: Counter[str] = Counter()
        self._coders: dict[str, CodesChunks] = {}

    def flaws(self) -> Iterator[Finding]:
        strangers: list[str] = []
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            for batch in self._batches(self._listed(strangers)):
                yield from self._checked(batch, pool)
            for path in [path for path in self._records if not self._there[path]]:
                for batch in self._batches(self._probed(path)):
                    yield from self._checked(batch, pool)
        yield from (_leftover(key) for key in strangers)
        for path, record in self._records.items():
            yield from _missing(path, record, self._there[path])

    def _listed(self, strangers: list[str]) -> Iterator[Place]:
        """Yield the chunks whose keys are listed, and note what is neither a chunk nor a document."""
        try:
            for key in self._held.medium.list_keys():
                place = None if is_document(key) else chunk_of(key, self._records)
                if place is not None:
                    yield place
                elif not is_document(key) or "/" + key.rpartition("/")[0] not in self._documented:
                    strangers.append(key)
        except UnsupportedOperation:
            return

    def _probed(self, path: str) -> Iterator[Place]:
        record = self._records[path]
        for index in islice(corners([range(count) for count in record.grid]), _PROBED):
            yield path, index, f"{path[1:]}/{record.chunk_key(index)}".lstrip("/")

    def _batches(self, places: Iterable[Place]) -> Iterator[list[Place]]:
        batch: list[Place] = []
        room = BUFFER_BYTES
        for place in places:
            record = self._records[place[0]]
            batch.append(place)
            room -= math.prod(record.chunks) * item_size(record.element)
            if room <= 0 or len(batch) == _AT_ONCE:
                yield batch
                batch, room = [], BUFFER_BYTES
        if batch:
            yield batch

    def _checked(self, batch: list[Place], pool: ThreadPoolExecutor) -> Iterator[Finding]:
        try:
            stored = self._held.medium.read_many([key for _, _, key in batch])
        except HDMFStoreError:  # which one it was is found out only now that it matters
            stored = []
            for path, index, key in batch:
                try:
                    stored.append(self._held.medium.read(key))
                except HDMFStoreError as problem:
                    stored.append(None)
                    self._count(path)
                    yield Finding(path, "chunk", f"chunk {index} at {key!r} cannot be read ({problem})")
        there = [(place, data) for place, data in zip(batch, stored, strict=True) if data is not None]
        for (path, _, _), _data in there:
            self._count(path)
        yield from (found for found in pool.map(lambda item: self._decoded(*item), there) if found is not None)

    def _count(self, path: str) -> None:
        if not self._there[path]:
            self._progress(1)
        self._there[path] += 1

    def _decoded(self, place: Place, data: bytes) -> Finding | None:
        path, index, key = place
        record = self._records[path]
        try:
            record.to_normal(self._coder(path).decode(data, record.chunks))
        except (*DECODING_ERRORS, HDMFStoreError) as problem:
            return Finding(path, "chunk", f"chunk {index} at {key!r} cannot be decoded ({problem})")
        return None

    def _coder(self, path: str) -> CodesChunks:
        record = self._records[path]
        if record.codec is not None:
            return record.codec
        if path not in self._coders:
            held = self._held
            self._coders[path] = ZarrChunk(held.format, held.documents[path], record, held.address, path)
        return self._coders[path]


def _leftover(key: str) -> Finding:
    path = "/" + key.rpartition("/")[0]
    if TEMPORARY in key:
        return Finding(path, "leftover", f"{key!r} was left by a writer that was interrupted", "warning")
    what = "a document in no group" if is_document(key) else "no document, and no chunk that a document names"
    return Finding(path, "leftover", f"{key!r} is {what}", "warning")


def _missing(path: str, record: ArrayRecord, there: int) -> Iterator[Finding]:
    """Yield a warning for chunks that are not there where writers leave none out.

    Chunks of numbers that hold the fill value alone need not be stored; nobody can tell such from lost ones.
    """
    count = math.prod(record.grid)
    if there >= count or (isinstance(record.element, Number) and count > 1 and there):
        return
    what = f"{count - there} of {count} chunks are not there, and read as the fill value"
    yield Finding(path, "chunk", what, "warning")
