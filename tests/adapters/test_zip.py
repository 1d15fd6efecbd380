"""A hierarchy in a zip archive: one file, each member once, whoever packed it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
import zarr
from zarr.storage import ZipStore

from hdmf_store import StoreIO, ZarrIO
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import FormatError, HierarchyExistsError, MissingHierarchyError, ModeError
from hdmf_store.nodes import Group, Link, Target
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


def test_arrays_of_an_archive_survive_pickling(archive: Path) -> None:
    """They open the archive again where they arrive."""
    import pickle

    adapter = open_adapter(archive)
    array = pickle.loads(pickle.dumps(adapter.array("/a")))
    again = pickle.loads(pickle.dumps(adapter))
    adapter.close()

    assert array[2:5].tolist() == [2, 3, 4]
    assert again.array("/a")[2:5].tolist() == [2, 3, 4]
