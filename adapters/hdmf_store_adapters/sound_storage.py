"""Whether what is stored of a Zarr hierarchy is sound: its documents, in both copies, and every chunk.

Nothing is believed that can be looked at: documents are read one by one, chunks are decoded. Memory holds one batch of
chunks at a time, which threads decode.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any

from hdmf_store.adapter import Finding
from hdmf_store.errors import HDMFStoreError
from hdmf_store.nodes import ROOT, Number, Unreadable, corners, parent
from hdmf_store_adapters.array_record import ArrayRecord, CodesChunks
from hdmf_store_adapters.careful_reading import NOT_READ, read_each
from hdmf_store_adapters.chunk_codecs import DECODING_ERRORS
from hdmf_store_adapters.chunk_keys import Place, chunk_of
from hdmf_store_adapters.chunks import BUFFER_BYTES
from hdmf_store_adapters.document_copies import copies, is_document
from hdmf_store_adapters.exchanging import TEMPORARY
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.local_files import folders_not_entered
from hdmf_store_adapters.threads import processors
from hdmf_store_adapters.zarr_chunk import ZarrChunk

__all__ = ["flaws"]

_AT_ONCE = 2**12
"""Chunks that are read at once at most, however small they are."""

_PROBED = 2**20
"""Chunks of one array that are asked for one by one, where the keys that there are cannot be listed."""


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
    except NOT_READ as problem:
        yield Finding(getattr(problem, "path", ROOT), "document", str(problem))
        return
    records = {path: held.record(path) for path in held.documents if _has_chunks(held, path)}
    documented = {*held.documents, *(known.own or ()), *("/" + key.rpartition("/")[0] for key in known.broken)}
    yield from _Chunks(held, records, progress, documented, known.own is not None).flaws()


def _has_chunks(held: HeldDocuments, path: str) -> bool:
    node: Any = held.load().nodes.get(path)
    return held.documents[path].get("node_type") == "array" and not isinstance(node.element, Unreadable)


# ------------------------------------------------------------------------------------------------------------ chunks


class _Chunks:
    """Checks the chunks of all arrays of a hierarchy, a batch at a time."""

    def __init__(
        self,
        held: HeldDocuments,
        records: Mapping[str, ArrayRecord],
        progress: Callable[[int], None],
        documented: set[str],
        can_list: bool,
    ) -> None:
        self._held, self._records, self._progress, self._documented = held, records, progress, documented
        self._there: Counter[str] = Counter()
        hidden = _hidden(held, records) if can_list else records
        self._asked: dict[str, set[tuple[int, ...]]] = {path: set() for path in hidden}
        self._can_list = can_list
        self._coders: dict[str, CodesChunks] = {}

    def flaws(self) -> Iterator[Finding]:
        strangers: list[str] = []
        with ThreadPoolExecutor(processors()) as pool:
            for batch in self._batches(self._listed(strangers)):
                yield from self._checked(batch, pool)
            for path in self._asked:
                for batch in self._batches(self._probed(path)):
                    yield from self._checked(batch, pool)
        yield from (_leftover(key) for key in strangers)
        for path, record in self._records.items():
            yield from _missing(path, record, self._there[path])

    def _listed(self, strangers: list[str]) -> Iterator[Place]:
        """Yield the chunks whose keys are listed, and note what is neither a chunk nor a document."""
        if not self._can_list:
            return
        for key in self._held.medium.list_keys():
            place = None if is_document(key) else chunk_of(key, self._records)
            if place is not None:
                if place[0] in self._asked:
                    self._asked[place[0]].add(place[1])
                yield place
            elif not is_document(key) or "/" + key.rpartition("/")[0] not in self._documented:
                strangers.append(key)

    def _probed(self, path: str) -> Iterator[Place]:
        """Yield the chunks of an array that may be there although nothing lists them."""
        record = self._records[path]
        for index in islice(corners([range(count) for count in record.grid]), _PROBED):
            if index not in self._asked[path]:
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
        stored = read_each(self._held.medium, [key for _, _, key in batch])
        there = []
        for (path, index, key), data in zip(batch, stored, strict=True):
            if data is None:
                continue
            self._count(path)
            if isinstance(data, Exception):
                yield Finding(path, "chunk", f"chunk {index} at {key!r} cannot be read ({data})")
            else:
                there.append(((path, index, key), data))
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


def _hidden(held: HeldDocuments, records: Iterable[str]) -> list[str]:
    """Return the arrays that have chunks in folders which are not entered when keys are listed."""
    folders = {"/" + folder for folder in folders_not_entered(held.location)}
    around = {place for folder in folders for place in _places_to(folder)}
    return [path for path in records if path in around or not folders.isdisjoint(_places_to(path))]


def _places_to(path: str) -> Iterator[str]:
    """Yield a path and those of all that it lies in."""
    while path != ROOT:
        yield path
        path = parent(path)
    yield ROOT


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
