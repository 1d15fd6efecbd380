"""A hierarchy in a zip archive: one file, each member once, whoever packed it."""

from __future__ import annotations

import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import FormatError, HierarchyExistsError, MissingHierarchyError, ModeError
from hdmf_store.nodes import Dataset, Group, Layout, Link, Number, Stream, Target
from hdmf_store_adapters import zip_packing
from hdmf_store_adapters.zip_adapter import ZipAdapter
from tests.adapters.samples import every_kind_but_records, numbers
from tests.adapters.stores import write
from tests.servers import http_server

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


def zipped(place: Path, nodes: dict, mode: str = "w", **options: object) -> Path:
    write(place, nodes, mode, adapter=ZipAdapter(place, **options))
    return place


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return zipped(tmp_path / "a.zarr.zip", {"/": Group(), "/a": numbers(range(10), chunks=(4,))})


def names(place: Path) -> list[str]:
    with zipfile.ZipFile(place) as found:
        assert found.testzip() is None
        return [info.filename for info in found.infolist()]


@FORMATS
def test_every_key_is_one_member_however_often_it_is_changed(tmp_path: Path, zarr_format: int) -> None:
    """After a write, an append, changed attributes, an assignment and a resize: no duplicates (NEEDS 63)."""
    place = zipped(tmp_path / "a.zarr.zip", {"/": Group(), "/a": numbers(range(10))}, zarr_format=zarr_format)
    zipped(place, {"/b": numbers([1, 2])}, "a")
    zipped(place, {"/": Group({"x": 1})}, "r+")
    adapter = open_adapter(place, "r+")
    adapter.array("/a")[3:5] = [30, 40]
    adapter.array("/b").append([3])
    adapter.array("/a").attrs["unit"] = "V"
    adapter.close()

    found = names(place)

    assert len(found) == len(set(found))
    with zipfile.ZipFile(place) as packed:
        assert {info.compress_type for info in packed.infolist()} == {zipfile.ZIP_STORED}
    again = open_adapter(place)
    assert again.fetch(["/a", "/b"])["/a"].tolist() == [0, 1, 2, 30, 40, 5, 6, 7, 8, 9]
    assert again.fetch(["/b"])["/b"].tolist() == [1, 2, 3]
    assert again.load()["/"].attributes == {"x": 1}
    again.close()
    assert os.listdir(tmp_path) == ["a.zarr.zip"]


def test_the_same_content_is_the_same_archive(tmp_path: Path) -> None:
    """So that archives can be compared by their checksums."""
    one = zipped(tmp_path / "one.zip", every_kind_but_records())
    other = zipped(tmp_path / "other.zip", every_kind_but_records())

    assert one.read_bytes() == other.read_bytes()


def streamed(pieces: Iterator[Any], chunk: int) -> Dataset:
    layout = Layout(chunks=(chunk,), compressors=())
    return Dataset(Number("float64"), (0,), Stream(pieces), {}, layout)


def test_chunks_are_written_into_the_archive_that_is_to_be(tmp_path: Path) -> None:
    """One file grows beside the place, and no byte is held or written twice."""
    place, beside, size = tmp_path / "a.zarr.zip", [], 2**17

    def pieces() -> Iterator[Any]:
        for at in range(96):
            beside.append([(path.name, path.stat().st_size) for path in tmp_path.glob("a.zarr.zip*")])
            yield (slice(at * size, (at + 1) * size),), np.full(size, at + 1, "float64")

    tracemalloc.start()
    zipped(place, {"/": Group(), "/s": streamed(pieces(), size)})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    zipped(place, {"/b": numbers([1])}, "a")
    peak_of_adding = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    ((name, length),) = beside[-1]
    assert name.startswith("a.zarr.zip.hdmf-store-tmp-")
    assert 56 * size * 8 <= length < 97 * size * 8, "all but what threads may have under way"
    assert max(peak, peak_of_adding) < 40 * 2**20 < 96 * size * 8
    adapter = open_adapter(place)
    assert adapter.array("/s")[:: size // 2].tolist() == [float(at + 1) for at in range(96) for _ in range(2)]
    adapter.close()


def test_what_is_assigned_again_leaves_no_bytes_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither in the archive, nor, beyond a bound, in the file that grows beside it; who assigned sees the last."""
    monkeypatch.setattr(zip_packing, "_SPARED", 10_000)
    layout = {"chunks": (100,), "compressors": ()}
    place = zipped(tmp_path / "a.zarr.zip", {"/": Group(), "/a": numbers(range(1, 401), **layout)})
    before, beside = place.stat().st_size, []

    adapter = open_adapter(place, "r+")
    for turn in range(100):
        adapter.array("/a")[:200] = np.arange(200) + turn
        beside.append(sum(path.stat().st_size for path in tmp_path.iterdir()) - before)
    seen = adapter.array("/a")[198:202].tolist()
    adapter.close()

    assert seen == [297, 298, 201, 202]
    assert max(beside) < 30_000 < 100 * 200 * 4
    assert place.stat().st_size == before
    assert os.listdir(tmp_path) == ["a.zarr.zip"]
    again = open_adapter(place)
    assert again.array("/a")[198:202].tolist() == [297, 298, 201, 202]
    again.close()


def test_threads_assign_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each into arrays of its own."""
    monkeypatch.setattr(zip_packing, "_SPARED", 50_000)
    arrays = {f"/a{i}": numbers(np.ones(1000), chunks=(10,)) for i in range(8)}
    place = zipped(tmp_path / "a.zarr.zip", {"/": Group(), **arrays})
    adapter = open_adapter(place, "r+")

    def assign(index: int) -> list[int]:
        for at in range(0, 1000, 50):
            adapter.array(f"/a{index}")[at : at + 50] = index + 2
        return np.unique(adapter.array(f"/a{index}")[...]).tolist()

    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(assign, range(8)))
    adapter.close()

    assert seen == [[index + 2] for index in range(8)]
    again = open_adapter(place)
    found = again.fetch(list(arrays))
    assert [np.unique(found[path]).tolist() for path in arrays] == seen
    again.close()


class _Pipe(io.RawIOBase):
    """A file that only takes bytes, so that who packs cannot fill in lengths afterwards."""

    def __init__(self) -> None:
        self.taken = io.BytesIO()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        return self.taken.write(data)


def test_members_of_other_programs_are_taken_over_as_they_are(tmp_path: Path, archive: Path) -> None:
    """Compressed, with lengths after the bytes, in a folder, behind other bytes: nothing is compressed anew."""
    pipe = _Pipe()
    with zipfile.ZipFile(archive) as found, zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in found.namelist():
            packed.writestr(f"some name.zarr/{name}", found.read(name))
    place = tmp_path / "b.zarr.zip"
    place.write_bytes(b"#!/bin/sh" + pipe.taken.getvalue())

    zipped(place, {"/b": numbers([7])}, "a")

    assert sorted(names(place)) == ["a/c/0", "a/c/1", "a/c/2", "a/zarr.json", "b/c.0", "b/zarr.json", "zarr.json"]
    with zipfile.ZipFile(place) as packed:
        assert packed.getinfo("a/c/1").compress_type == zipfile.ZIP_DEFLATED
        assert packed.getinfo("b/c.0").compress_type == zipfile.ZIP_STORED
    adapter = open_adapter(place)
    assert adapter.fetch(["/a"])["/a"].tolist() == list(range(10))
    adapter.close()


def test_archives_larger_than_their_first_form_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Members, and places in the archive, whose numbers need the longer form (ZIP64); also when they are taken over."""
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    large = numbers(range(1, 4001), chunks=(2000,), compressors=())

    place = zipped(tmp_path / "a.zarr.zip", {"/": Group(), "/a": large, "/b": numbers([1])})
    zipped(place, {"/c": numbers([2])}, "a")

    monkeypatch.undo()
    with zipfile.ZipFile(place) as packed:
        assert packed.getinfo("a/c/0").extract_version >= zipfile.ZIP64_VERSION
        assert packed.getinfo("zarr.json").extract_version >= zipfile.ZIP64_VERSION
    assert len(names(place)) == 8
    adapter = open_adapter(place)
    assert adapter.array("/a")[1998:2002].tolist() == [1999, 2000, 2001, 2002]
    assert {path: values.tolist() for path, values in adapter.fetch(["/b", "/c"]).items()} == {"/b": [1], "/c": [2]}
    adapter.close()


@pytest.mark.parametrize("kind", ["encrypted", "elsewhere"])
def test_what_cannot_be_taken_over_is_named_and_the_archive_stays(archive: Path, kind: str) -> None:
    """Rather than to pack an archive without it."""
    data = bytearray(archive.read_bytes())
    entry = data.index(b"PK\1\2")  # the directory's first, of the first chunk
    assert data[entry + 46 : entry + 51] == b"a/c/0"
    at = entry + (8 if kind == "encrypted" else 42)
    data[at] ^= 1
    archive.write_bytes(data)

    with pytest.raises(FormatError, match=r"a\.zarr\.zip.*a/c/0"):
        zipped(archive, {"/b": numbers([1])}, "a")

    assert archive.read_bytes() == data


def test_zarr_reads_what_is_packed(archive: Path) -> None:
    """Through its own store for archives."""
    with ZipStore(archive, mode="r") as store:
        assert zarr.open_group(store, mode="r")["a"][...].tolist() == list(range(10))


def test_zarrs_own_store_object_means_its_archive(tmp_path: Path) -> None:
    """And no key is written twice through it."""
    place = tmp_path / "a.zip"
    write(ZipStore(place, mode="w"), {"/": Group(), "/a": numbers([1])}, adapter=ZipAdapter(ZipStore(place, mode="w")))

    assert len(names(place)) == len(set(names(place))) == 3
    adapter = open_adapter(ZipStore(place, mode="r"))
    assert adapter.fetch(["/a"])["/a"].tolist() == [1]
    adapter.close()


def test_a_store_object_for_reading_refuses_to_write(archive: Path) -> None:
    """As it says of itself."""
    with pytest.raises(ModeError):
        ZipAdapter(ZipStore(archive, mode="r", read_only=True)).open("r+")


@pytest.mark.parametrize("facade", [ZarrIO, StoreIO])
def test_the_facades_open_archives_by_path(archive: Path, facade: type) -> None:
    """`ZarrIO` finds them by their name or content; so does `can_read` (NEEDS 63)."""
    with facade(archive, "r") as io:
        assert io.read_builder()["a"].data[2:4].tolist() == [2, 3]

    assert facade.can_read(archive)


def test_an_archive_of_a_whole_folder_is_read(tmp_path: Path, archive: Path) -> None:
    """Programs that pack a folder put the folder itself in; its name does not matter."""
    with zipfile.ZipFile(archive) as found:
        found.extractall(tmp_path / "top" / "some name.zarr")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path / "top")

    adapter = open_adapter(packed)

    assert adapter.fetch(["/a"])["/a"].tolist() == list(range(10))
    adapter.close()


def test_an_archive_is_read_by_its_url(archive: Path) -> None:
    """Over HTTP, and from any file system of fsspec (NEEDS 63)."""
    pytest.importorskip("aiohttp")
    with fsspec.open("memory://archives/a.zarr.zip", "wb") as copy:
        copy.write(archive.read_bytes())

    with http_server(archive.parent) as server:
        for url in (f"{server}/a.zarr.zip", "memory://archives/a.zarr.zip"):
            with ZarrIO(url, "r") as io:
                assert io.read_builder()["a"].data[8:].tolist() == [8, 9]


@pytest.mark.parametrize("mode", ["w", "a", "r+"])
def test_an_archive_at_a_url_is_not_written(mode: str) -> None:
    """A clear refusal, before anything happens."""
    with pytest.raises(ModeError, match=r"memory://archives/new.zarr.zip"):
        ZipAdapter("memory://archives/new.zarr.zip").open(mode)


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    """By path, and by URL."""
    for place in (tmp_path / "none.zarr.zip", "memory://archives/none.zarr.zip"):
        with pytest.raises(MissingHierarchyError, match=r"none\.zarr\.zip"):
            ZipAdapter(place).open("r")


@pytest.mark.parametrize("kind", ["text", "cut", "empty"])
def test_what_is_no_archive_is_an_error_that_names_it(tmp_path: Path, archive: Path, kind: str) -> None:
    """Also one that was cut off on its way."""
    data = archive.read_bytes()
    place = tmp_path / "b.zarr.zip"
    place.write_bytes({"text": b"no archive", "cut": data[: len(data) // 2], "empty": b""}[kind])

    with pytest.raises(FormatError, match=r"b\.zarr\.zip"):
        ZipAdapter(place).open("r")


def test_a_damaged_member_is_an_error_that_names_it(archive: Path) -> None:
    """Its checksum tells; the rest of the archive is read."""
    data = archive.read_bytes()
    with zipfile.ZipFile(archive) as found:
        info = found.getinfo("a/c/0")
        at = info.header_offset + 30 + len(info.filename)
    archive.write_bytes(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
    adapter = open_adapter(archive)

    with pytest.raises(FormatError, match=r"/a"):
        adapter.fetch(["/a"])
    assert "/a" in adapter.load()
    adapter.close()


def test_an_archive_without_a_hierarchy_is_not_replaced(tmp_path: Path) -> None:
    """Unless the caller says so."""
    place = tmp_path / "photos.zip"
    with zipfile.ZipFile(place, "w") as photos:
        photos.writestr("a.jpg", b"x")

    with pytest.raises(HierarchyExistsError):
        ZipAdapter(place).open("w")
    zipped(place, {"/": Group(), "/a": numbers([1])}, force_overwrite=True)

    assert "a.jpg" not in names(place)


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_anything_is_replaced_by_an_archive_where_that_is_asked_for(tmp_path: Path, kind: str) -> None:
    """A folder of that name, too, and nothing of it is left beside the archive."""
    place = tmp_path / "a.zarr.zip"
    if kind == "folder":
        (place / "inner").mkdir(parents=True)
        (place / "inner" / "notes.txt").write_text("x")
    else:
        place.write_text("x")

    zipped(place, {"/": Group(), "/a": numbers([1])}, force_overwrite=True)

    assert sorted(names(place)) == ["a/c.0", "a/zarr.json", "zarr.json"]
    assert os.listdir(tmp_path) == ["a.zarr.zip"]


def test_packing_that_fails_leaves_the_old_archive(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing beside it; the same call succeeds afterwards."""
    before = archive.read_bytes()
    real, fails = os.replace, [True]

    def replace(old: str, new: str) -> None:
        if fails and str(new).endswith(".zip"):
            raise OSError(28, "No space left on device")
        real(old, new)

    monkeypatch.setattr(os, "replace", replace)
    adapter = open_adapter(archive, "r+")
    with pytest.raises(OSError, match="No space left"):
        adapter.write(Plan(nodes={"/b": numbers([1])}))
    assert archive.read_bytes() == before

    fails.clear()
    adapter.write(Plan(nodes={"/b": numbers([1])}))
    adapter.close()

    assert sorted(path.name for path in archive.parent.iterdir()) == ["a.zarr.zip"]
    assert "b/c.0" in names(archive)


def test_closing_that_fails_can_be_tried_again(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was assigned is kept until it is packed."""
    real, fails = os.replace, [True]

    def replace(old: str, new: str) -> None:
        if fails:
            raise OSError(28, "No space left on device")
        real(old, new)

    monkeypatch.setattr(os, "replace", replace)
    adapter = open_adapter(archive, "r+")
    adapter.array("/a")[2] = 20
    with pytest.raises(OSError, match="No space left"):
        adapter.close()
    fails.clear()
    adapter.close()

    assert os.listdir(archive.parent) == ["a.zarr.zip"]
    again = open_adapter(archive)
    assert again.fetch(["/a"])["/a"].tolist() == [0, 1, 20, 3, 4, 5, 6, 7, 8, 9]
    again.close()


def test_what_a_failed_write_added_is_not_packed_later(archive: Path) -> None:
    """The chunks of a stream that breaks are dropped, and what is added next is read."""
    before = archive.stat().st_size

    def pieces() -> Iterator[Any]:
        yield (slice(0, 1000),), np.ones(1000)
        raise RuntimeError("broken")

    adapter = open_adapter(archive, "r+")
    with pytest.raises(RuntimeError):
        adapter.write(Plan(nodes={"/s": streamed(pieces(), 100)}))
    adapter.write(Plan(nodes={"/b": numbers([1])}))
    adapter.close()

    assert sorted(names(archive)) == ["a/c/0", "a/c/1", "a/c/2", "a/zarr.json", "b/c.0", "b/zarr.json", "zarr.json"]
    assert archive.stat().st_size < before + 4000


def test_links_lead_into_and_out_of_archives(tmp_path: Path, archive: Path) -> None:
    """A folder beside an archive links to it by a relative name, and the other way round."""
    folder = tmp_path / "b.zarr"
    write(folder, {"/": Group(), "/to": Link(Target("/a", "../a.zarr.zip"))})
    zipped(archive, {"/back": Link(Target("/to", "../b.zarr"))}, "a")

    for place, name in ((folder, "to"), (archive, "back")):
        with ZarrIO(place, "r") as io:
            assert io.read_builder()[name].builder.data[:3].tolist() == [0, 1, 2]


def _sum_in_child(adapter: ZipAdapter, out: object) -> None:
    out.put(int(np.sum(adapter.array("/a")[...])))  # type: ignore[attr-defined]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_reads_through_a_handle_of_its_own(archive: Path) -> None:
    """Parent and child read at once without moving each other's position (NEEDS 40)."""
    adapter = open_adapter(archive)
    adapter.array("/a")[...]
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    children = [context.Process(target=_sum_in_child, args=(adapter, out)) for _ in range(3)]

    for child in children:
        child.start()
    sums = [out.get(timeout=60) for _ in children]
    for child in children:
        child.join(60)

    assert sums == [45] * 3
    assert adapter.array("/a")[...].sum() == 45
    adapter.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_reads_what_is_not_packed_yet(archive: Path) -> None:
    """And does not disturb what its parent goes on writing."""
    adapter = open_adapter(archive, "r+")
    adapter.array("/a")[:4] = 7
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    child = context.Process(target=_sum_in_child, args=(adapter, out))

    child.start()
    found = out.get(timeout=60)
    child.join(60)
    adapter.array("/a")[4:8] = 8
    adapter.close()

    assert found == 4 * 7 + sum(range(4, 10))
    assert len(names(archive)) == 5
    again = open_adapter(archive)
    assert again.fetch(["/a"])["/a"].tolist() == [7] * 4 + [8] * 4 + [8, 9]
    again.close()


def test_arrays_of_an_archive_survive_pickling(archive: Path) -> None:
    """They open the archive again where they arrive."""
    import pickle

    adapter = open_adapter(archive)
    array = pickle.loads(pickle.dumps(adapter.array("/a")))
    again = pickle.loads(pickle.dumps(adapter))
    adapter.close()

    assert array[2:5].tolist() == [2, 3, 4]
    assert again.array("/a")[2:5].tolist() == [2, 3, 4]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_child_that_reads_what_is_being_changed_leaves_it_alone(archive: Path) -> None:
    """It ends as programs do, with all that is tidied up then; the archive in the making is its parent's."""
    script = """
import os, sys
from hdmf_store.adapter import open_adapter

adapter = open_adapter(sys.argv[1], "r+")
array = adapter.array("/a")
array[0:4] = 7
child = os.fork()
if not child:
    sys.exit(0 if array[0] == 7 else 1)
assert os.waitpid(child, 0)[1] == 0
adapter.close()
"""
    found = subprocess.run([sys.executable, "-c", script, archive], capture_output=True, text=True, check=False)

    assert found.returncode == 0, found.stderr
    with StoreIO(archive, "r") as io:
        assert io.read_builder()["a"].data[:5].tolist() == [7, 7, 7, 7, 4]
