"""Reference file systems over a network: how many requests there are, and what they bring (NEEDS 30)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import obstore
import pytest

from hdmf_store.adapter import open_adapter
from hdmf_store.errors import UnreadableError
from tests.adapters.references import gets, recorded, server_of_whole_files
from tests.servers import Server, file_server
from tests.servers.s3 import Bucket

COUNT, LENGTH = 24, 50
"""Chunks of ``/a``, and the values in each of them."""

VALUES = np.arange(COUNT * LENGTH, dtype="<i8")
SIZE = LENGTH * VALUES.itemsize


def document(shape: int, chunk: int) -> str:
    """Return the document of an array of numbers without compression."""
    plain = {"zarr_format": 2, "shape": [shape], "chunks": [chunk], "dtype": "<i8", "order": "C", "fill_value": 0}
    return json.dumps({**plain, "filters": None, "compressor": None})


DOCUMENT = document(COUNT * LENGTH, LENGTH)


def stored(folder: Path, gap: int = 0, entries: dict[int, Any] | None = None, order: Any = None) -> Path:
    """Store the chunks of ``/a`` in ``all.bin``, so many bytes between them, and references to them."""
    between = b"\xff" * gap
    order = list(range(COUNT)) if order is None else order
    (folder / "all.bin").write_bytes(b"".join(VALUES[i * LENGTH :][:LENGTH].tobytes() + between for i in order))
    lie = {f"a/{i}": ["all.bin", order.index(i) * (SIZE + gap), SIZE] for i in range(COUNT)}
    refs = {".zgroup": '{"zarr_format": 2}', "a/.zarray": DOCUMENT, **lie}
    refs |= {f"a/{number}": entry for number, entry in (entries or {}).items()}
    (folder / "a.json").write_text(json.dumps({"version": 1, "refs": refs}))
    return folder


def ranges(server: Server) -> list[str]:
    """Return what was asked for of the files that the references lead to."""
    asked = gets(server)
    assert asked[0] == "/a.json"
    return sorted(asked[1:])


@pytest.mark.parametrize("order", [None, list(reversed(range(COUNT)))], ids=["as in the file", "backwards"])
def test_chunks_that_lie_together_are_one_request(tmp_path: Path, order: Any) -> None:
    """In whatever order they lie there, and no byte beyond them is asked for."""
    with file_server(stored(tmp_path, order=order)) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        assert adapter.array("/a")[:].tolist() == VALUES.tolist()
        adapter.close()

    assert ranges(server) == [f"/all.bin bytes=0-{COUNT * SIZE - 1}"]


def test_a_part_of_an_array_asks_for_its_chunks_only(tmp_path: Path) -> None:
    with file_server(stored(tmp_path)) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        assert adapter.array("/a")[60:160].tolist() == list(range(60, 160))
        adapter.close()

    assert ranges(server) == [f"/all.bin bytes={SIZE}-{4 * SIZE - 1}"]


@pytest.mark.parametrize(("gap", "requests"), [(2**10, 1), (2**17, COUNT)])
def test_a_gap_is_fetched_if_that_costs_less_than_a_request(tmp_path: Path, gap: int, requests: int) -> None:
    """What lies between chunks is not taken for a part of them."""
    with file_server(stored(tmp_path, gap)) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        assert adapter.array("/a")[:].tolist() == VALUES.tolist()
        adapter.close()

    assert len(ranges(server)) == requests


def test_large_blocks_are_several_requests_at_a_time(tmp_path: Path) -> None:
    """So that one answer is not waited for while nothing else is under way."""
    values = np.arange(3 * 2**20, dtype="<i8")
    (tmp_path / "all.bin").write_bytes(values.tobytes())
    lie = {f"a/{i}": ["all.bin", i * 2**19, 2**19] for i in range(48)}
    refs = {".zgroup": '{"zarr_format": 2}', "a/.zarray": document(values.size, 2**16), **lie}
    (tmp_path / "a.json").write_text(json.dumps({"version": 1, "refs": refs}))

    with file_server(tmp_path) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        assert np.array_equal(adapter.array("/a")[:], values)
        adapter.close()

    assert ranges(server) == sorted(f"/all.bin bytes={i * 2**23}-{(i + 1) * 2**23 - 1}" for i in range(3))


def test_chunks_that_share_their_bytes_fetch_them_once(tmp_path: Path) -> None:
    """Overlapping ones too, and whole files."""
    (tmp_path / "ones.bin").write_bytes(np.ones(LENGTH, "<i8").tobytes())
    shared = {0: ["all.bin", 8, SIZE], 3: ["ones.bin"], 4: ["ones.bin"], 5: ["all.bin", SIZE, SIZE]}

    with file_server(stored(tmp_path, entries=shared)) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        found = adapter.array("/a")[: 6 * LENGTH].reshape(6, LENGTH)
        adapter.close()

    rows = VALUES.reshape(COUNT, LENGTH)
    expected = [VALUES[1 : LENGTH + 1], rows[1], rows[2], rows[2] * 0 + 1, rows[2] * 0 + 1, rows[1]]
    assert found.tolist() == np.array(expected).tolist()
    assert ranges(server) == [f"/all.bin bytes=8-{3 * SIZE - 1}", "/ones.bin"]


def test_what_a_file_ends_before_is_named_among_chunks_that_are_there(tmp_path: Path) -> None:
    """The error names the one chunk that is not there; all others are read."""
    stored(tmp_path, entries={7: ["all.bin", COUNT * SIZE - 8, SIZE]})

    with file_server(tmp_path) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        with pytest.raises(
            UnreadableError, match=rf"/a/7 refers to 'all.bin', which has 8 bytes from {COUNT * SIZE - 8}"
        ):
            adapter.array("/a")[:]
        assert adapter.array("/a")[: 7 * LENGTH].tolist() == VALUES[: 7 * LENGTH].tolist()
        adapter.close()


@pytest.mark.parametrize("chunks", [slice(1, None), slice(0, 1)], ids=["many", "one"])
def test_a_server_that_gives_the_file_for_a_part_of_it_is_no_source_of_wrong_values(
    tmp_path: Path, chunks: slice
) -> None:
    """Neither chunks that were asked for together nor a single one; all of the file is all of the array."""
    part = slice(chunks.start * LENGTH, chunks.stop and chunks.stop * LENGTH)

    with server_of_whole_files(stored(tmp_path)) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        with pytest.raises(UnreadableError, match=r"all\.bin"):
            adapter.array("/a")[part]
        assert adapter.array("/a")[:].tolist() == VALUES.tolist()
        adapter.close()


def test_object_stores_serve_every_form(tmp_path: Path, s3: Bucket) -> None:
    """JSON and Parquet, whose third file of records is not there, and an array that is left in an HDF5 file."""
    stored(tmp_path)
    lie = {number: ("all.bin", number * SIZE, SIZE) for number in range(16)}
    recorded(tmp_path / "a.parq", {".zgroup": {"zarr_format": 2}, "a/.zarray": json.loads(DOCUMENT)}, {"a": lie}, 8)
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("d", data=VALUES, chunks=(100,), compression="gzip")
    link = {"_EXTERNAL_ARRAY_LINK": {"link_type": "hdf5_dataset", "url": "raw.h5", "name": "d"}}
    refs = {".zgroup": {"zarr_format": 2}, "a/.zarray": json.loads(DOCUMENT), "a/.zattrs": link}
    (tmp_path / "left.json").write_text(json.dumps({"refs": refs}))
    for file in (path for path in tmp_path.rglob("*") if path.is_file()):
        obstore.put(s3.obstore(), file.relative_to(tmp_path).as_posix(), file)
    with_records = [*VALUES[: 16 * LENGTH].tolist(), *[0] * (8 * LENGTH)]

    expected = {
        "a.json": (VALUES, ["a.json", "all.bin"]),
        "left.json": (VALUES, ["left.json", "raw.h5"]),
        "a.parq": (with_records, [".zmetadata", "all.bin", "refs.0.parq", "refs.1.parq"]),
    }
    for name, (values, files) in expected.items():
        s3.traffic.clear()
        adapter = open_adapter(f"{s3.url}/{name}", "r", storage_options=s3.storage_options)
        assert adapter.array("/a")[:].tolist() == list(values)
        adapter.close()
        read = [key.rpartition("/")[2] for key in s3.traffic.asked("GET") if key != s3.name]  # which is listed
        assert sorted(read) == files


def test_more_than_fits_in_memory_is_refused_before_it_is_fetched(tmp_path: Path) -> None:
    """Where a file says so of chunks that are small."""
    stored(tmp_path, entries={number: ["all.bin", number, 2**29] for number in range(8)})

    with file_server(tmp_path) as server:
        adapter = open_adapter(f"{server.url}/a.json", "r")
        with pytest.raises(UnreadableError, match=r"/a/4 refers to .* more than one piece can have"):
            adapter.array("/a")[:]
        adapter.close()

    assert ranges(server) == []
