"""Arrays that LINDI left in an HDF5 file: read from there when they are asked for, and from nowhere else (NEEDS 30)."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.adapter import open_adapter
from hdmf_store.errors import UnreadableError
from hdmf_store.nodes import Dataset
from hdmf_store_adapters import hdf5_chunks
from tests.adapters.references import gets, recorded, server_of_whole_files
from tests.servers import file_server, http_server

VALUES = np.arange(60, dtype="<i4").reshape(12, 5)
NAME = "/acquisition/data"
FILTERS = [{"id": "shuffle", "elementsize": 4}, {"id": "zlib", "level": 6}]


def entries(url: str, **array: Any) -> dict[str, Any]:
    """Return what LINDI writes for an array ``/a`` with too many chunks, beside a group ``/g``."""
    document = {"zarr_format": 2, "shape": [12, 5], "chunks": [5, 2], "dtype": "<i4", "order": "C", "fill_value": 0}
    link = {"link_type": "hdf5_dataset", "url": url, "name": NAME.strip("/")}
    return {
        ".zgroup": {"zarr_format": 2},
        "g/.zgroup": {"zarr_format": 2},
        "a/.zarray": {**document, "filters": FILTERS, "compressor": None, **array},
        "a/.zattrs": {"unit": "V", "_EXTERNAL_ARRAY_LINK": link},
    }


def lindi(folder: Path, url: str = "raw.h5", link: dict | None = None, **array: Any) -> Path:
    """Write a reference file system with an external array."""
    refs = entries(url, **array)
    refs["a/.zattrs"]["_EXTERNAL_ARRAY_LINK"] |= link or {}
    place = folder / "a.lindi.json"
    place.write_text(json.dumps({"version": 1, "refs": refs}))
    return place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with the HDF5 file ``raw.h5`` that holds the values."""
    folder = tmp_path / "home"
    folder.mkdir()
    with h5py.File(folder / "raw.h5", "w") as file:
        file.create_dataset(NAME, data=VALUES, chunks=(5, 2), compression="gzip", shuffle=True)
    return folder


def values(place: Any, **options: Any) -> list:
    """Return the values of the array, read by a new adapter."""
    adapter = open_adapter(place, "r", **options)
    try:
        return adapter.array("/a")[:].tolist()
    finally:
        adapter.close()


def refusal(place: Any, **options: Any) -> str:
    """Return why the values are not there: an error of the array alone, which says all that it is."""
    adapter = open_adapter(place, "r", **options)
    dataset = adapter.load()["/a"]
    assert isinstance(dataset, Dataset)
    assert (dataset.shape, dataset.attributes) == ((12, 5), {"unit": "V"})
    with pytest.raises(UnreadableError) as caught:
        adapter.array("/a")[:]
    adapter.close()
    assert (caught.value.location, caught.value.path) == (adapter.location.address, "/a")
    return str(caught.value)


# what is read


@pytest.mark.parametrize("mode", ["r", "r-"])
@pytest.mark.parametrize("io_class", [ZarrIO, StoreIO])
def test_values_come_from_the_hdf5_file(home: Path, io_class: Any, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any part of them, wherever the program runs; the attributes do not show where they lie."""
    monkeypatch.chdir(home.parent)
    lindi(home)

    with io_class("home/a.lindi.json", mode) as io:
        builder = io.read_builder()["a"]
        assert builder.attributes == {"unit": "V"}
        assert builder.data.dtype == np.int32
        for part in (..., 3, (slice(4, 11), 2), (-1, slice(1, 4)), slice(None, None, 5), [0, 11], VALUES[:, 0] > 20):
            assert np.array_equal(builder.data[part], VALUES[part])


@pytest.mark.parametrize("kind", ["<f8", ">i2", "|u1", "|b1", "<c16", "<f2"])
@pytest.mark.parametrize("storage", [{}, {"chunks": (3, 5)}, {"chunks": (12, 1), "compression": "lzf"}])
def test_every_type_of_numbers_and_any_storage_is_read(tmp_path: Path, kind: str, storage: dict) -> None:
    """Chunks of other shapes and codecs that Zarr does not have: HDF5 itself reads them."""
    stored = (VALUES % 7 - (0 if kind in ("|u1", "|b1") else 3)).astype(kind)
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset(NAME, data=stored, **storage)

    place = lindi(tmp_path, dtype=kind, filters=None, fill_value=None)
    assert values(place) == stored.tolist()


@pytest.mark.parametrize(
    "array",
    [
        {"filters": None, "compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}},
        {"filters": [{"id": "zstd", "level": 3}, {"id": "fletcher32"}]},
        {"filters": None, "order": "F"},
        {"dimension_separator": "/"},
        {"chunks": [1, 1]},
    ],
    ids=str,
)
def test_whatever_the_document_says_of_chunks_the_values_are_the_same(home: Path, array: dict) -> None:
    assert values(lindi(home, **array)) == VALUES.tolist()


def test_a_copy_holds_the_values_as_compressed_as_they_were(home: Path, tmp_path: Path) -> None:
    with StoreIO(lindi(home), "r") as source, ZarrIO(tmp_path / "copy.zarr", "w", zarr_format=2) as copy:
        copy.export(source)
    (home / "raw.h5").unlink()

    assert values(tmp_path / "copy.zarr") == VALUES.tolist()
    document = json.loads((tmp_path / "copy.zarr" / "a" / ".zarray").read_text())
    assert [*(document["filters"] or []), document["compressor"]] == FILTERS
    assert "_EXTERNAL_ARRAY_LINK" not in (tmp_path / "copy.zarr" / "a" / ".zattrs").read_text()


@pytest.mark.parametrize("mode", ["r", "r-"])
def test_values_are_found_from_parquet_too(home: Path, mode: str) -> None:
    place = recorded(home / "a.parq", entries("raw.h5"), {}, 10)

    adapter = open_adapter(place, mode)
    assert adapter.array("/a")[:].tolist() == VALUES.tolist()
    adapter.close()


@pytest.mark.parametrize("way", ["spawn", "fork"])
def test_arrays_travel_to_other_processes(home: Path, way: str) -> None:
    """Also from one that has the HDF5 file open."""
    adapter = open_adapter(lindi(home), "r")
    array = adapter.array("/a")
    assert array[0, 0] == 0

    with multiprocessing.get_context(way).Pool(1) as pool:
        assert pool.apply(np.sum, (array,)) == VALUES.sum()
    assert array[:].sum() == VALUES.sum()
    adapter.close()


def test_few_files_are_open_at_a_time(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And none when the file is closed."""
    monkeypatch.setattr(hdf5_chunks, "_OPEN", 2)
    refs = {".zgroup": {"zarr_format": 2}}
    for number in range(4):
        (home / f"{number}.h5").write_bytes((home / "raw.h5").read_bytes())
        refs |= {
            key.replace("a/", f"a{number}/"): entry for key, entry in entries(f"{number}.h5").items() if "a/" in key
        }
    (home / "a.json").write_text(json.dumps({"refs": refs}))
    adapter = open_adapter(home / "a.json", "r")

    def opened() -> list[str]:
        links = (Path("/proc/self/fd") / name for name in os.listdir("/proc/self/fd"))
        return sorted(link.resolve().name for link in links if link.resolve().suffix == ".h5")

    for number in (0, 1, 2, 3, 0):
        assert adapter.array(f"/a{number}")[:].tolist() == VALUES.tolist()
    assert opened() == ["0.h5", "3.h5"]
    adapter.close()
    assert opened() == []


# when it is read, and how


def test_the_hdf5_file_is_touched_when_its_values_are_asked_for(home: Path) -> None:
    """By ranges of its bytes; everything else is read without it."""
    filler = np.random.default_rng(1).integers(0, 255, 2**23, np.uint8)
    with h5py.File(home / "raw.h5", "a") as file:
        file["filler"] = filler
    lindi(home)

    with file_server(home) as server:
        adapter = open_adapter(f"{server.url}/a.lindi.json", "r")
        assert adapter.load()["/a"].attributes == {"unit": "V"}
        assert gets(server) == ["/a.lindi.json"]

        assert adapter.array("/a")[:].tolist() == VALUES.tolist()
        adapter.close()

    asked = gets(server)[1:]
    reads = [line.split("bytes=")[1].split("-") for line in asked]
    assert {line.split()[0] for line in asked} == {"/raw.h5"}
    assert sum(int(stop) - int(start) + 1 for start, stop in reads) < filler.nbytes / 2


def test_a_file_opens_without_the_hdf5_file(home: Path) -> None:
    """Only its values are missing, and the error names it."""
    place = lindi(home)
    (home / "raw.h5").unlink()

    assert "refers to 'raw.h5', which cannot be read" in refusal(place)


def test_a_server_that_gives_no_parts_of_files_is_named(home: Path) -> None:
    lindi(home)

    with server_of_whole_files(home) as server:
        assert "refers to 'raw.h5', which cannot be read" in refusal(f"{server.url}/a.lindi.json")


# where it may lie


@pytest.mark.parametrize("url", ["../raw.h5", "{tmp}/raw.h5", "file://{tmp}/raw.h5", "linked.h5"])
def test_a_file_elsewhere_takes_the_word_of_the_caller(home: Path, tmp_path: Path, url: str) -> None:
    (home / "raw.h5").rename(tmp_path / "raw.h5")
    (home / "linked.h5").symlink_to(tmp_path / "raw.h5")
    place = lindi(home, url.format(tmp=tmp_path))

    assert "may not be read" in refusal(place)
    assert values(place, may_read=tmp_path) == VALUES.tolist()


@pytest.mark.parametrize(
    "url", ["ftp://bucket/raw.h5", "http://127.0.0.1:9/raw.h5", "https://elsewhere.invalid/x::file:///x", ""]
)
def test_other_servers_and_chains_are_refused(home: Path, url: str) -> None:
    assert "may not be read" in refusal(lindi(home, url))


def test_a_server_never_reaches_files_of_this_machine(home: Path) -> None:
    lindi(home, str(home / "raw.h5"))

    with http_server(home) as url:
        assert "may not be read" in refusal(f"{url}/a.lindi.json", may_read=home)


@pytest.mark.parametrize("way", ["external link", "linked group", "soft link", "virtual", "external storage"])
def test_the_hdf5_file_leads_no_further(home: Path, tmp_path: Path, way: str) -> None:
    """Not to files that nobody checked, whose values the library would read without a word."""
    (home / "raw.h5").rename(tmp_path / "outside.h5")
    (tmp_path / "outside.bin").write_bytes(VALUES.tobytes())
    with h5py.File(home / "raw.h5", "w") as file:
        if way == "linked group":
            file["acquisition"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), "/acquisition")
        elif way == "external link":
            file[NAME] = h5py.ExternalLink(str(tmp_path / "outside.h5"), NAME)
        elif way == "soft link":
            file["away"] = h5py.ExternalLink(str(tmp_path / "outside.h5"), NAME)
            file[NAME] = h5py.SoftLink("/away")
        elif way == "virtual":
            layout = h5py.VirtualLayout((12, 5), "<i4")
            layout[...] = h5py.VirtualSource(str(tmp_path / "outside.h5"), NAME, shape=(12, 5))
            file.create_virtual_dataset(NAME, layout)
        else:
            parts = [(str(tmp_path / "outside.bin"), 0, VALUES.nbytes)]
            file.create_dataset(NAME, shape=(12, 5), dtype="<i4", external=parts)
        assert file[NAME][:].tolist() == VALUES.tolist()

    reason = "further files" if way in ("virtual", "external storage") else "not counting what links lead to"
    assert reason in refusal(lindi(home))


# damage


@pytest.mark.parametrize("damage", ["text", "cut short", "pipe", "folder"])
def test_a_file_that_cannot_be_read_is_named(home: Path, damage: str) -> None:
    """A pipe is not opened: that might not end."""
    file = home / "raw.h5"
    data = file.read_bytes()
    file.unlink()
    if damage == "pipe":
        os.mkfifo(file)
    elif damage == "folder":
        file.mkdir()
    else:
        file.write_bytes(b"no HDF5" if damage == "text" else data[: len(data) // 2])

    assert "refers to 'raw.h5', which cannot be read" in refusal(lindi(home))


def test_a_dataset_that_is_another_one_is_named(home: Path) -> None:
    """Its name, its shape and its type are as they were when it was left there."""
    assert "it has no dataset" in refusal(lindi(home, link={"name": "none"}))
    assert "it has no dataset" in refusal(lindi(home, link={"name": ""}))
    assert "is no dataset" in refusal(lindi(home, link={"name": "acquisition"}))
    assert "it has no dataset" in refusal(lindi(home, link={"name": f"{NAME}/x"}))
    place = lindi(home)
    for stored, reason in ((VALUES[:11], r"the shape (11, 5)"), (VALUES.astype("f4"), "of type float32")):
        with h5py.File(home / "raw.h5", "w") as file:
            file[NAME] = stored
        assert reason in refusal(place)


@pytest.mark.parametrize(
    ("link", "array"),
    [
        ({"link_type": "other"}, {}),
        ({"url": None}, {}),
        ({"name": 3}, {}),
        ({}, {"dtype": "|O", "filters": [{"id": "json2"}]}),
        ({}, {"dtype": "|S4", "filters": None}),
        ({}, {"dtype": [["x", "<i4"]], "filters": None}),
        ({}, {"filters": [{"id": "fixedscaleoffset", "offset": 0, "scale": 0.1, "dtype": "<i4"}]}),
        ({}, {"filters": [{"id": "none"}]}),
        ({}, {"chunks": [2**20, 2**20]}),
    ],
    ids=str,
)
def test_what_is_not_understood_is_no_array_of_fill_values(home: Path, link: dict, array: dict) -> None:
    """The error names the HDF5 file; codecs that lose bits would change its values."""
    adapter = open_adapter(lindi(home, link=link, **array), "r")

    with pytest.raises(UnreadableError, match="its values are in an HDF5 file"):
        adapter.array("/a")
    adapter.close()
