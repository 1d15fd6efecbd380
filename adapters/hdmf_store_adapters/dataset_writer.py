"""The values of a plan's datasets, flushed to a medium as encoded chunks.

What is small enough is encoded and stored together with its neighbours; what is large goes a buffer at a time;
streams are taken one after the other or in turn. The documents are returned, not stored: a reader must not see a
dataset before its values are there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Generator, Iterator, Mapping
from typing import Any

import attrs

from hdmf_store.adapter import Progress
from hdmf_store.nodes import Bytes, Compound, Dataset, Number, RandomAccess, Stream, Unwritten, tiles
from hdmf_store_adapters import zarr_v3
from hdmf_store_adapters.chunks import BUFFER_BYTES, StreamAssembler, as_encoder, encoded_chunks
from hdmf_store_adapters.layout_choice import item_size
from hdmf_store_adapters.media import Medium
from hdmf_store_adapters.zarr_chunk import ZarrChunk

__all__ = ["DatasetWriter"]

_STREAM_TEXT = 128
"""Characters that a text field of a compound gets when its values come as a stream, and so are not known."""


class DatasetWriter:
    """Stores the chunks of datasets.

    Parameters
    ----------
    medium : Medium
    location : str
        For messages.
    separator : str or None
        The store's wish for the keys of chunks.
    progress : callable, optional
        Called with the bytes and objects that were written.
    """

    def __init__(self, medium: Medium, location: str, separator: str | None, progress: Progress | None) -> None:
        self._medium = medium
        self._location = location
        self._separator = separator
        self._progress = progress

    def write(self, datasets: Mapping[str, Dataset], *, interleave: bool) -> dict[str, dict[str, Any]]:
        """Store all chunks; return the documents by path."""
        documents: dict[str, dict[str, Any]] = {}
        streams = {path: dataset for path, dataset in datasets.items() if isinstance(dataset.values, Stream)}
        prepared = {path: self._prepare(path, d) for path, d in datasets.items() if path not in streams}
        self._medium.write_many(self._stored(prepared, datasets))
        documents |= {path: document for path, (document, _) in prepared.items()}
        documents |= self._write_streams(streams, interleave)
        return {path: documents[path] for path in datasets}

    def _prepare(self, path: str, dataset: Dataset) -> tuple[dict[str, Any], zarr_v3.ArrayRecord]:
        if self._separator and dataset.layout.separator is None:
            dataset = attrs.evolve(dataset, layout=attrs.evolve(dataset.layout, separator=self._separator))
        document = zarr_v3.array_document(dataset, _widths(dataset), self._location, path)
        return document, zarr_v3.decode_array(document, self._location, path)[1]

    def _stored(
        self, prepared: Mapping[str, tuple[dict[str, Any], zarr_v3.ArrayRecord]], datasets: Mapping[str, Dataset]
    ) -> Iterator[tuple[str, bytes]]:
        for path, (document, record) in prepared.items():
            values = datasets[path].values
            if isinstance(values, Unwritten):
                continue
            assert isinstance(values, RandomAccess)
            for key, data in encoded_chunks(record, values, as_encoder(record, _fallback(document, record))):
                yield f"{path[1:]}/{key}", data
                self._report(_chunk_bytes(record))

    def _write_streams(self, streams: Mapping[str, Dataset], interleave: bool) -> dict[str, dict[str, Any]]:
        writers = {path: self._stream(path, dataset) for path, dataset in streams.items()}
        documents: dict[str, dict[str, Any]] = {}
        waiting = deque(writers.items())
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
        return documents

    def _stream(self, path: str, dataset: Dataset) -> Generator[None, None, dict[str, Any]]:
        """Store one stream, a piece at each step; the generator's value is the document."""
        document, record = self._prepare(path, dataset)
        fallback = ZarrChunk(document, record) if record.codec is None else None
        assembler = StreamAssembler(
            record,
            as_encoder(attrs.evolve(record, shape=(2**62,) * len(record.shape)), fallback and fallback.encode),
            lambda key: self._medium.read(f"{path[1:]}/{key}"),
            fallback.decode if fallback else lambda data: record.codec.decode(data, record.chunks),  # type: ignore[union-attr]
        )
        assert isinstance(dataset.values, Stream)
        for region, values in dataset.values.pieces:
            self._put(path, assembler.add(region, values))
            self._report(values.nbytes)
            yield
        self._put(path, assembler.finish())
        shape = [max(least, reached) for least, reached in zip(dataset.shape, assembler.reach, strict=True)]
        return {**document, "shape": shape}

    def _put(self, path: str, chunks: Iterator[tuple[str, bytes]]) -> None:
        items = [(f"{path[1:]}/{key}", data) for key, data in chunks]
        if items:
            self._medium.write_many(items)

    def _report(self, count: int) -> None:
        if self._progress is not None:
            self._progress(count, 0)


def _chunk_bytes(record: zarr_v3.ArrayRecord) -> int:
    return math.prod(record.chunks) * item_size(record.element)


def _fallback(document: Mapping[str, Any], record: zarr_v3.ArrayRecord) -> Any:
    return ZarrChunk(document, record).encode if record.codec is None else None


def _widths(dataset: Dataset) -> dict[str, int]:
    """Return the longest value of each field of a compound that is not a number, in characters or bytes."""
    element = dataset.element
    if not isinstance(element, Compound):
        return {}
    fields = [field for field in element.fields if not isinstance(field.type, Number | Compound)]
    if isinstance(dataset.values, Stream | Unwritten):
        return {field.name: _STREAM_TEXT for field in fields}
    longest = dict.fromkeys((field.name for field in fields), 0)
    if not fields or 0 in dataset.shape:
        return longest
    rows = max(1, BUFFER_BYTES // item_size(element))
    step = (rows, *dataset.shape[1:]) if dataset.shape else ()
    for region in tiles(dataset.shape, step):
        values = dataset.values.read(region)
        for field in fields:
            stored = zarr_v3.as_text(values[field.name], field.type)
            longest[field.name] = max(longest[field.name], *map(len, stored.reshape(-1)))
    return {name: _bytes_or_text(element, name, size) for name, size in longest.items()}


def _bytes_or_text(element: Compound, name: str, size: int) -> int:
    is_bytes = any(field.name == name and isinstance(field.type, Bytes) for field in element.fields)
    return max(1, size) if is_bytes else size
