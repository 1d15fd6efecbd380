"""The values of a plan's datasets, flushed to a medium as encoded chunks.

What is small enough is encoded and stored together with its neighbours; what is large goes a buffer at a time;
streams are taken one after the other or in turn. The documents are returned, not stored: a reader must not see a
dataset before its values are there.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterator, Mapping
from concurrent.futures import Executor
from contextlib import closing
from typing import Any

import attrs
import numpy as np

from hdmf_store.adapter import Progress
from hdmf_store.errors import UnreadableError, UnsupportedValueError
from hdmf_store.nodes import (
    ArraySource,
    Compound,
    Dataset,
    ElementType,
    Layout,
    Number,
    RandomAccess,
    Stream,
    Target,
    Unreadable,
    Unwritten,
    tiles,
)
from hdmf_store_adapters.array_record import ArrayRecord, CodesChunks, as_text
from hdmf_store_adapters.chunk_queue import ChunkQueue
from hdmf_store_adapters.chunks import AHEAD, BUFFER_BYTES, StreamAssembler, encoded_chunks, leaving_out_fill
from hdmf_store_adapters.json_forms import ITSELF
from hdmf_store_adapters.layout_choice import chunk_shape, item_size, shard_shape
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.parallel import Job, Team, is_worth_sharing, packed, shares_memory
from hdmf_store_adapters.raw_chunks import RawCopy, copied_chunks, raw_copy
from hdmf_store_adapters.replacing import keyed_apart
from hdmf_store_adapters.zarr_chunk import ZarrChunk
from hdmf_store_adapters.zarr_format import ZarrFormat

__all__ = ["DatasetWriter"]

_ANY_LENGTH = 2**40
_STREAM_TEXT = 128
"""Characters that a text field of a compound gets when its values come as a stream, and so are not known."""


class DatasetWriter:
    """Stores the chunks of datasets.

    Parameters
    ----------
    medium : Medium
    zarr_format : ZarrFormat
    location : str
        For messages.
    wishes : Layout
        What a dataset's own layout leaves open: the separator of chunk keys, the codec of object arrays.
    progress : callable, optional
        Called with the bytes and objects that were written.
    former : dict of str to dict, optional
        Documents of what lies under the same keys until the commit, by path.
    """

    def __init__(
        self,
        medium: Medium,
        zarr_format: ZarrFormat,
        location: str,
        wishes: Layout,
        progress: Progress | None,
        former: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self._medium = medium
        self._format = zarr_format
        self._location = location
        self._wishes = wishes
        self._progress = progress
        self._former = former or {}

    def write(
        self, datasets: Mapping[str, Dataset], *, interleave: bool, executor: Executor | None = None
    ) -> dict[str, dict[str, Any]]:
        """Store all chunks; return the documents by path."""
        documents: dict[str, dict[str, Any]] = {}
        if executor is not None:
            datasets = {path: _at_random(dataset) for path, dataset in datasets.items()}
        streams = {path: dataset for path, dataset in datasets.items() if isinstance(dataset.values, Stream)}
        prepared = {path: self._prepare(path, d) for path, d in datasets.items() if path not in streams}
        self._store(prepared, datasets, executor)
        documents |= {path: document for path, (document, _) in prepared.items()}
        documents |= self._write_streams(streams, interleave)
        return {path: documents[path] for path in datasets}

    def _prepare(self, path: str, dataset: Dataset) -> tuple[dict[str, Any], ArrayRecord]:
        if isinstance(dataset.element, Unreadable):
            raise UnreadableError(self._location, path, dataset.element.reason)
        if self._wishes.separator and dataset.layout.separator is None:
            dataset = attrs.evolve(dataset, layout=attrs.evolve(dataset.layout, separator=self._wishes.separator))
        if self._wishes.serializer and not isinstance(dataset.element, Number):
            dataset = attrs.evolve(dataset, layout=attrs.evolve(dataset.layout, serializer=self._wishes.serializer))
        self._check_fill(path, dataset)
        document = self._format.array_document(dataset, self._widths(path, dataset), self._location, path)
        document = keyed_apart(document, self._former.get(path))
        return document, self._format.decode_array(document, self._location, path, ITSELF)[1]

    def _check_fill(self, path: str, dataset: Dataset) -> None:
        """Refuse a fill value that elements cannot have."""
        element, fill = dataset.element, dataset.layout.fill_value
        if not isinstance(element, Number) or fill is None:
            return
        try:
            fits = element.dtype.kind in "fc" or element.dtype.type(fill) == fill
            element.dtype.type(fill)
        except (TypeError, ValueError, OverflowError):
            fits = False
        if not fits:
            raise UnsupportedValueError(self._location, path, f"{fill!r} is no fill value for elements of {element}")

    def _store(
        self,
        prepared: Mapping[str, tuple[dict[str, Any], ArrayRecord]],
        datasets: Mapping[str, Dataset],
        executor: Executor | None = None,
    ) -> None:
        """Store chunks; also after an error nobody works on any when this ends, so that all can be undone."""
        with closing(self._stored(prepared, datasets, executor)) as chunks:
            self._medium.write_many(chunks)

    def _stored(
        self,
        prepared: Mapping[str, tuple[dict[str, Any], ArrayRecord]],
        datasets: Mapping[str, Dataset],
        executor: Executor | None = None,
    ) -> Generator[tuple[str, bytes], None, None]:
        filled = {path: item for path, item in prepared.items() if not isinstance(datasets[path].values, Unwritten)}
        for path, (document, _) in filled.items():
            self._medium.declare(self._document_files(path, document))
        copies = self._raw_copies(filled, datasets)
        self._report(sum(copy.bytes_left_out() for copy in copies.values()))
        yield from copied_chunks(copies.values(), self._report)
        left = {path: item for path, item in filled.items() if path not in copies}
        if executor is None:
            yield from self._encoded(left, datasets)
            return
        shared = dict(self._jobs(left, datasets, executor))
        with Team(executor, self._location, self._report) as team:
            team.begin(shared.values())
            yield from self._encoded({path: item for path, item in left.items() if path not in shared}, datasets)
            yield from team.results()

    def _raw_copies(
        self, prepared: Mapping[str, tuple[dict[str, Any], ArrayRecord]], datasets: Mapping[str, Dataset]
    ) -> dict[str, RawCopy]:
        """Return the datasets whose chunks are copied as they are stored."""
        found = {
            path: raw_copy(path, document, record, self._format, datasets[path].values)
            for path, (document, record) in prepared.items()
        }
        return {path: copy for path, copy in found.items() if copy is not None}

    def _encoded(
        self, prepared: Mapping[str, tuple[dict[str, Any], ArrayRecord]], datasets: Mapping[str, Dataset]
    ) -> Iterator[tuple[str, bytes]]:
        """Yield key and bytes of the chunks of datasets that this process encodes."""
        for path, (document, record) in prepared.items():
            values, coder = datasets[path].values, self._coder(path, document, record)
            assert isinstance(values, RandomAccess)
            left = math.prod(record.grid) * record.bytes_of_chunk
            for key, data in encoded_chunks(record, values, leaving_out_fill(record, coder.encode)):
                yield f"{path[1:]}/{key}", data
                self._report(record.bytes_of_chunk)
                left -= record.bytes_of_chunk
            self._report(left)  # of chunks that need not be stored

    def _jobs(
        self,
        prepared: Mapping[str, tuple[dict[str, Any], ArrayRecord]],
        datasets: Mapping[str, Dataset],
        executor: Executor,
    ) -> Iterator[tuple[str, tuple[Job, Any]]]:
        """Yield the path and the job of each dataset that an executor's workers can well encode."""
        for path, (document, record) in prepared.items():
            values = datasets[path].values
            assert isinstance(values, RandomAccess)
            if not is_worth_sharing(record, values):
                continue
            deputy = None if shares_memory(executor) else self._medium.deputy(path[1:])
            job = Job(path, record, values, self._coder(path, document, record), deputy)
            data, problem = packed(executor, job)
            if data is None:
                where = f"{self._location}: {path} is written by this process alone"
                warnings.warn(f"{where}: its source {problem}", stacklevel=2)
            else:
                yield path, (job, data)

    def _write_streams(self, streams: Mapping[str, Dataset], interleave: bool) -> dict[str, dict[str, Any]]:
        if not streams:
            return {}
        documents: dict[str, dict[str, Any]] = {}
        with ChunkQueue(self._medium, BUFFER_BYTES // AHEAD) as queue:
            waiting = deque((path, self._stream(path, dataset, queue)) for path, dataset in streams.items())
            while waiting:
                path, writer = waiting.popleft()
                while True:
                    try:
                        next(writer)
                    except StopIteration as done:
                        documents[path] = done.value
                        break
                    if interleave:
                        waiting.append((path, writer))
                        break
            queue.store_all()
        return documents

    def _stream(self, path: str, dataset: Dataset, queue: ChunkQueue) -> Generator[None, None, dict[str, Any]]:
        """Store one stream, a piece at each step; the generator's value is the document."""
        wished = attrs.evolve(dataset.layout, separator=dataset.layout.separator or self._wishes.separator)
        document, record = self._prepare(path, _with_chunks(attrs.evolve(dataset, layout=wished)))
        coder = self._coder(path, document, record)

        def load(key: str) -> np.ndarray | None:
            queue.store_all()
            data = self._medium.read(f"{path[1:]}/{key}")
            return None if data is None else coder.decode(data, record.chunks)

        assembler = StreamAssembler(record, load)
        assert isinstance(dataset.values, Stream)
        shape = dataset.shape
        for region, values in dataset.values.pieces:
            self._check_cells(path, record, values)
            shape = tuple(max(length, part.stop) for length, part in zip(shape, region, strict=True))
            self._medium.declare(self._document_files(path, document, shape))
            for key, chunk in assembler.add(region, values):
                queue.put(f"{path[1:]}/{key}", chunk, coder.encode)
            queue.store_encoded()
            self._report(values.nbytes)
            yield
        shape = tuple(max(least, reached) for least, reached in zip(dataset.shape, assembler.reach, strict=True))
        everything = assembler.only_piece() if dataset.layout.chunks is None else None
        if everything is not None and everything.shape == shape:
            return self._short(path, dataset, record.to_normal(everything))
        for key, chunk in assembler.finish():
            queue.put(f"{path[1:]}/{key}", chunk, coder.encode)
        return self._format.resized(document, shape)

    def _short(self, path: str, dataset: Dataset, values: np.ndarray) -> dict[str, Any]:
        """Store a stream that turned out to be short as the single chunk that its values need."""
        known = attrs.evolve(dataset, shape=values.shape, values=ArraySource(values))
        prepared = {path: self._prepare(path, known)}
        told_already = DatasetWriter(self._medium, self._format, self._location, self._wishes, None, self._former)
        told_already._store(prepared, {path: known})
        return prepared[path][0]

    def _document_files(
        self, path: str, document: Mapping[str, Any], shape: tuple[int, ...] | None = None
    ) -> Iterator[tuple[str, bytes]]:
        """Yield the files of a document, made when they are asked for: most media never ask before the commit."""
        yield from self._format.files(path, document if shape is None else self._format.resized(document, shape))

    def _coder(self, path: str, document: Mapping[str, Any], record: ArrayRecord) -> CodesChunks:
        return record.codec or ZarrChunk(self._format, document, record, self._location, path)

    def _widths(self, path: str, dataset: Dataset) -> dict[tuple[str, ...], int]:
        return {} if self._format.CELL_FORM is None else _widths(dataset, self._format.CELL_FORM, self._location, path)

    def _check_cells(self, path: str, record: ArrayRecord, values: np.ndarray) -> None:
        """Refuse text that is longer than the cells that a stream's records got before their values were known."""
        if not isinstance(record.element, Compound) or self._format.CELL_FORM is None or record.stored is None:
            return
        for name, kind in _cells(record.element, ()):
            room = record.stored
            for step in name:
                room = room[step]
            width = room.itemsize // (4 if room.kind == "U" else 1)
            if any(len(cell) > width for cell in _column(values, name, kind, self._format.CELL_FORM)):
                reason = (
                    f"the field {'/'.join(name)!r} holds a value longer than the {width} characters that a stream gets"
                )
                raise UnsupportedValueError(self._location, path, reason + "; pass the values as an array or list")

    def _report(self, count: int) -> None:
        if self._progress is not None and count:
            self._progress(count, 0)


def _at_random(dataset: Dataset) -> Dataset:
    """Return a stream that can also be asked for its parts as a dataset of known values."""
    values = dataset.values
    if not isinstance(values, Stream) or values.at_random is None:
        return dataset
    return attrs.evolve(_with_chunks(dataset), values=values.at_random)


def _with_chunks(dataset: Dataset) -> Dataset:
    """Return a stream's dataset with chunks for the length that it may reach."""
    layout = attrs.evolve(dataset.layout, separator=dataset.layout.separator or "/")
    limits = layout.maxshape or tuple(length or None for length in dataset.shape)
    lengths = tuple(_ANY_LENGTH if limit is None else limit for limit in limits)
    chunks, shards, size = layout.chunks, layout.shards, item_size(dataset.element)
    if chunks is None:
        chunks = shards if isinstance(shards, tuple) else chunk_shape(lengths, size)
    if isinstance(shards, str):
        shards = shard_shape(lengths, chunks, size)
    return attrs.evolve(dataset, layout=attrs.evolve(layout, chunks=chunks, shards=shards))


def _widths(
    dataset: Dataset, form: Callable[[Target | None], Any], location: str, path: str
) -> dict[tuple[str, ...], int]:
    """Return the longest value of each field of a compound that is not a number, in characters or bytes.

    Raises
    ------
    UnsupportedValueError
        If a value ends with NUL, which cells of fixed width cannot keep apart from their padding.
    """
    if not isinstance(dataset.element, Compound):
        return {}
    cells = dict(_cells(dataset.element, ()))
    if isinstance(dataset.values, Stream | Unwritten):
        return dict.fromkeys(cells, _STREAM_TEXT)
    longest = dict.fromkeys(cells, 0)
    if not cells or 0 in dataset.shape:
        return longest
    rows = max(1, BUFFER_BYTES // item_size(dataset.element))
    for region in tiles(dataset.shape, (rows, *dataset.shape[1:]) if dataset.shape else ()):
        values = dataset.values.read(region)
        for name, kind in cells.items():
            for cell in _column(values, name, kind, form):
                if cell.endswith(b"\0" if isinstance(cell, bytes) else "\0"):
                    reason = f"the field {'/'.join(name)!r} holds a value that ends with NUL, which records cannot keep"
                    raise UnsupportedValueError(location, path, reason)
                longest[name] = max(longest[name], len(cell))
    return longest


def _column(
    values: np.ndarray, name: tuple[str, ...], kind: ElementType, form: Callable[[Target | None], Any]
) -> list[Any]:
    """Return the cells of one field, or field of a field, as they are stored."""
    for step in name:
        values = values[step]
    return as_text(values, kind, form).reshape(-1).tolist()


def _cells(element: Compound, within: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ElementType]]:
    for field in element.fields:
        if isinstance(field.type, Compound):
            yield from _cells(field.type, (*within, field.name))
        elif not isinstance(field.type, Number):
            yield (*within, field.name), field.type
