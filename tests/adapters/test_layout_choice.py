"""What a dataset gets whose author expressed no wish.

Holds what users asked for (NEEDS 37).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from zarr.storage import MemoryStore

from hdmf_store.nodes import Bytes, Dataset, Number, ReferenceTo, Stream, Text
from hdmf_store_adapters.layout_choice import chunk_shape, default_compressors, text_room
from hdmf_store_adapters.zarr_v3 import array_document
from tests.adapters.samples import TABLE
from tests.adapters.stores import write

MIB = 2**20
BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": False}}


def blosc(size: int, shuffle: str = "bitshuffle") -> dict[str, Any]:
    settings = {"typesize": size, "cname": "lz4", "clevel": 5, "shuffle": shuffle, "blocksize": 0}
    return {"name": "blosc", "configuration": settings}


@pytest.mark.parametrize(
    ("shape", "size", "expected"),
    [
        ((), 8, ()),
        ((0,), 8, (1,)),
        ((5, 0, 3), 8, (5, 1, 3)),
        ((1000,), 8, (1000,)),
        ((1000, 384), 2, (1000, 384)),
        ((3 * MIB,), 2, (3 * MIB,)),
        ((3 * MIB + 1,), 2, (2 * MIB,)),
        ((18_000_000,), 8, (524_288,)),
        ((18_000_000, 384), 2, (5461, 384)),
        ((1000, 512, 512), 2, (8, 512, 512)),
        ((10, 4096, 4096), 2, (1, 1024, 2048)),
        ((2, 10_000_000), 8, (1, 312_500)),
    ],
)
def test_chunks_hold_about_four_mebibytes(shape: tuple[int, ...], size: int, expected: tuple[int, ...]) -> None:
    """Small datasets are one chunk, in larger ones the first axis is cut, then the longest of the others."""
    assert chunk_shape(shape, size) == expected


@pytest.mark.parametrize(
    ("element", "shape", "expected"),
    [
        (Number("float64"), (), [BYTES]),
        (Number("float64"), (31,), [BYTES]),
        (Number("float64"), (32,), [BYTES, blosc(8, "shuffle")]),
        (Number("int64"), (1000,), [BYTES, blosc(8, "shuffle")]),
        (Number("float32"), (1000,), [BYTES, blosc(4)]),
        (Number("int16"), (1000, 2), [BYTES, blosc(2)]),
        (Number("bool"), (100,), [{"name": "bytes"}]),
        (Number("bool"), (1000,), [{"name": "bytes"}, blosc(1, "noshuffle")]),
        (Number("uint8"), (1000,), [{"name": "bytes"}, blosc(1)]),
        (Text(), (), [{"name": "vlen-utf8", "configuration": {}}]),
        (Text(), (1,), [{"name": "vlen-utf8", "configuration": {}}]),
        (Text(), (2,), [{"name": "vlen-utf8", "configuration": {}}, ZSTD]),
        (Bytes(), (2,), [{"name": "vlen-bytes", "configuration": {}}, ZSTD]),
        (ReferenceTo(), (2,), [{"name": "vlen-utf8", "configuration": {}}, ZSTD]),
        (TABLE, (2,), [BYTES, ZSTD]),
    ],
    ids=str,
)
def test_codecs_follow_from_type_and_size(element: Any, shape: tuple[int, ...], expected: list[dict]) -> None:
    """Numbers are compressed with blosc, text and rows with zstd, and what is small not at all."""
    document = array_document(Dataset(element, shape, None), {}, "file", "/a")

    assert json.loads(json.dumps(document["codecs"])) == expected


def test_nothing_is_compressed_where_nothing_can_be_gained() -> None:
    """Below 256 bytes a compressor costs more than it saves."""
    assert default_compressors(Number("int8"), 255) == ()
    assert [codec.name for codec in default_compressors(Number("int8"), 256)] == ["blosc"]


@pytest.mark.parametrize(("longest", "expected"), [(0, 32), (16, 32), (17, 64), (48, 64), (49, 96), (512, 544)])
def test_text_in_rows_has_room_to_grow(longest: int, expected: int) -> None:
    """At least 16 characters more than the longest value, in steps of 32."""
    assert text_room(longest) == expected


@pytest.mark.parametrize(("size", "target"), [(0, 1), (1, 0), (-1, 4)])
def test_impossible_sizes_are_refused(size: int, target: int) -> None:
    """An element has at least a byte, and so has a chunk."""
    with pytest.raises(ValueError, match="at least 1"):
        chunk_shape((1,), size, target=target)


def document_of(store: MemoryStore, path: str) -> dict[str, Any]:
    return json.loads(store._store_dict[f"{path}/zarr.json"].to_bytes())


def test_a_short_stream_is_a_single_chunk() -> None:
    """What turned out to be small is laid out as if its length had been known."""
    store = MemoryStore()
    pieces = [
        ((slice(0, 2), slice(0, 3)), np.ones((2, 3), "int16")),
        ((slice(2, 3), slice(0, 3)), np.ones((1, 3), "int16")),
    ]

    write(store, {"/s": Dataset(Number("int16"), (0, 3), Stream(pieces))})

    found = document_of(store, "s")
    assert found["shape"] == [3, 3]
    assert found["chunk_grid"]["configuration"]["chunk_shape"] == [3, 3]
    assert sorted(store._store_dict) == ["s/c.0.0", "s/zarr.json", "zarr.json"]


def test_a_long_stream_has_chunks_of_four_mebibytes() -> None:
    """Chunks are chosen for what the stream may reach, not for the first piece."""
    store = MemoryStore()
    pieces = (((slice(at, at + MIB),), np.ones(MIB, "int16")) for at in range(0, 5 * MIB, MIB))

    write(store, {"/s": Dataset(Number("int16"), (0,), Stream(pieces))})

    assert document_of(store, "s")["chunk_grid"]["configuration"]["chunk_shape"] == [2 * MIB]
    assert document_of(store, "s")["shape"] == [5 * MIB]
