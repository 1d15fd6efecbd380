"""Everything by which users name files on servers opens them: to be read, to be written, and to be linked from.

Holds what users asked for (NEEDS 20, 22, 25, 26).
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
from click.testing import CliRunner
from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper
from fsspec.implementations.dirfs import DirFileSystem
from fsspec.implementations.local import LocalFileSystem
from hdmf.build import LinkBuilder
from hdmf.common import get_manager
from hdmf.spec import NamespaceCatalog
from zarr.storage import FsspecStore, ObjectStore

from hdmf_store import (
    AccessError,
    ArgumentError,
    HierarchyExistsError,
    Location,
    MissingExtraError,
    MissingHierarchyError,
    ModeError,
    StoreIO,
    ZarrIO,
    open_adapter,
)
from hdmf_store.cli import main
from hdmf_store_adapters import remote_stores
from hdmf_store_adapters.remote_stores import location_of
from hdmf_store_adapters.server_options import THROUGH
from tests.conftest import Website
from tests.facade.recordings import new_table
from tests.facade.small_files import check, content
from tests.pages import blocks_of, run_page
from tests.servers import Refused
from tests.servers.s3 import CREDENTIALS, Bucket
from tests.translate.builder_files import dataset, group, root

PAGE = "docs/remote.md"

obstore_only = pytest.mark.skipif(remote_stores.find_spec("obstore") is None, reason="obstore is not installed")


def _fsspec_only(s3: Bucket) -> dict[str, Any]:
    """Return options that obstore does not have."""
    return {**s3.storage_options, "config_kwargs": {"retries": {"max_attempts": 2}}}


Named = tuple[Any, dict[str, Any]]
NAMES: dict[str, Callable[[Bucket], Named]] = {
    "environment": lambda s3: (f"{s3.url}/d/a.zarr", {}),
    "options": lambda s3: (f"{s3.url}/d/a.zarr", s3.storage_options),
    "endpoint": lambda s3: (f"{s3.url}/d/a.zarr", {**CREDENTIALS, "endpoint_url": s3.endpoint}),
    "fsspec": lambda s3: (f"{s3.url}/d/a.zarr", _fsspec_only(s3)),
    "slash": lambda s3: (f"{s3.url}/d/a.zarr/", s3.storage_options),
    "s3a": lambda s3: (f"s3a://{s3.name}/d/a.zarr", s3.storage_options),
    "userinfo": lambda s3: (
        f"s3://{CREDENTIALS['key']}:{CREDENTIALS['secret']}@{s3.name}/d/a.zarr",
        {"endpoint_url": s3.endpoint},
    ),
    "archive": lambda s3: (f"{s3.url}/zarr/0b1c7f0e-4d0a/", s3.storage_options),
    "odd": lambda s3: (f"{s3.url}/d/a [1] #2? 100%.zarr", s3.storage_options),
    "odd fsspec": lambda s3: (f"{s3.url}/d/a [1] #2? 100%.zarr", _fsspec_only(s3)),
    "universal": lambda s3: (
        pytest.importorskip("upath").UPath(f"{s3.url}/d/a.zarr", **s3.storage_options),
        {},
    ),
    "fsspec store": lambda s3: (FsspecStore.from_url(f"{s3.url}/d/a.zarr", storage_options=s3.storage_options), {}),
    "object store": lambda s3: (ObjectStore(s3.obstore("d/a.zarr")), {}),
}


@pytest.fixture(params=[pytest.param(name, marks=obstore_only if name == "object store" else ()) for name in NAMES])
def named(request: pytest.FixtureRequest, s3: Bucket) -> Named:
    """What names one place in a bucket, and the options beside it."""
    return NAMES[request.param](s3)


def test_a_file_in_a_bucket_is_written_changed_and_read_by_every_name(named: Named) -> None:
    place, options = named
    given = repr(options)

    with ZarrIO(place, "w", storage_options=options) as io:
        io.write_builder(content())
        assert io.path is place
    with ZarrIO(place, "r+", storage_options=options) as io:
        io.write_builder(root(dataset("more", [7])))
    with ZarrIO(place, "r", storage_options=options) as io:
        check(io)
        assert io.is_remote()
        assert io.adapter.location.scheme == "s3"
        assert pickle.loads(pickle.dumps(io.read_builder()["more"].data))[:].tolist() == [7]  # in another process
        assert pickle.loads(pickle.dumps(io.adapter)).load()["/x"].shape == (5,)
    assert repr(options) == given


def test_what_a_file_in_a_bucket_caches_is_found_by_every_name(named: Named) -> None:
    """By the class that is for all stores too, and where no options can be given by what the environment says."""
    place, options = named
    with ZarrIO(place, "w", get_manager(), storage_options=options) as io:
        io.write(new_table())

    catalog = NamespaceCatalog()
    StoreIO.load_namespaces(catalog, place, storage_options=options)
    assert "hdmf-common" in catalog.namespaces
    adapter = open_adapter(place, **({"storage_options": options} if options else {}))
    assert "/count" in adapter.load()
    adapter.close()
    assert ZarrIO.can_read(place) and StoreIO.can_read(place)


def test_what_one_name_wrote_every_other_name_reads(s3: Bucket) -> None:
    """s3fs and obstore agree on the keys."""
    names = {kind: NAMES[kind](s3) for kind in ("odd", "odd fsspec")}
    for writer in names.values():
        with ZarrIO(writer[0], "w", storage_options=writer[1]) as io:
            io.write_builder(root(group("a*[b]?#%20 é", dataset("x y", [1, 2]))))
        for place, options in names.values():
            with ZarrIO(place, "r-", storage_options=options) as io:
                assert io.read_builder()["a*[b]?#%20 é"]["x y"].data[:].tolist() == [1, 2]


@obstore_only
@pytest.mark.parametrize(
    ("name", "kind"), [("options", ObjectStore), ("endpoint", ObjectStore), ("fsspec", FsspecStore)]
)
def test_obstore_serves_what_it_can_be_told_about(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch, name: str, kind: type
) -> None:
    """What it has no option for is served by fsspec, and so is everything where it is not installed (NEEDS 26)."""
    place, options = NAMES[name](s3)
    adapter: Any = open_adapter(place, "w", storage_options=options)
    assert isinstance(adapter.arrays._held.medium.store(), kind)

    monkeypatch.setattr(remote_stores, "find_spec", lambda library: None if library == "obstore" else library)
    adapter = open_adapter(place, "w", storage_options=options)
    assert isinstance(adapter.arrays._held.medium.store(), FsspecStore)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_public_files_are_read_by_anybody_and_others_are_not(s3: Bucket, zarr_format: int) -> None:
    """By either library."""
    for url, more in ((f"{s3.url}/public.zarr", {"s3_additional_kwargs": {"ACL": "public-read"}}), (f"{s3.url}/b", {})):
        options = {**_fsspec_only(s3), **more}
        with ZarrIO(url, "w", storage_options=options, zarr_format=zarr_format) as io:
            io.write_builder(content())

    for more in ({}, {"use_ssl": False}):
        nobody = {"anon": True, "endpoint_url": s3.endpoint, **more}
        with ZarrIO(f"{s3.url}/public.zarr", storage_options=nobody) as io:
            check(io)
        with pytest.raises(AccessError, match=r"access is denied .*403.*storage_options=|access is denied .*Forbidden"):
            ZarrIO(f"{s3.url}/b", storage_options=nobody)


@pytest.mark.parametrize("ask", [ZarrIO.can_read, StoreIO.can_read])
def test_a_public_file_can_be_read_without_credentials(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch, ask: Callable[[Any], bool]
) -> None:
    """Nobody can pass any to who asks."""
    for url, more in ((f"{s3.url}/public", {"s3_additional_kwargs": {"ACL": "public-read"}}), (f"{s3.url}/b", {})):
        with ZarrIO(url, "w", storage_options={**_fsspec_only(s3), **more}) as io:
            io.write_builder(content())
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)

    assert ask(f"{s3.url}/public")
    assert not ask(f"{s3.url}/b")
    assert not ask(f"s3://me:wrong@{s3.name}/none")


@pytest.mark.parametrize("name", ["options", "fsspec"])
def test_names_that_look_like_patterns_take_nothing_else_along(s3: Bucket, name: str) -> None:
    """What an overwritten file leaves over is deleted by its name; fsspec would delete what the name matches."""
    place, options = NAMES[name](s3)
    for names in (["g*", "[n]"], ["g[a]*", "n"]):
        with ZarrIO(place, "w", storage_options=options) as io:
            io.write_builder(root(*(group(part, dataset("t", ["a", "b"])) for part in names)))

    with ZarrIO(place, "r-", storage_options=options) as io:
        found = io.read_builder()
        assert sorted(found.groups) == ["g[a]*", "n"]
        assert [found[part]["t"].data[:].tolist() for part in sorted(found.groups)] == [["a", "b"], ["a", "b"]]


@pytest.mark.parametrize("name", ["options", "fsspec"])
@pytest.mark.parametrize("other", ["raw.zarr", "0b1c7f0e-4d0a", "deeper/0b1c7f0e-4d0a", "old"])
def test_a_folder_with_something_else_in_it_is_not_replaced(s3: Bucket, name: str, other: str) -> None:
    """As on a disk: only when the caller says so."""
    _, options = NAMES[name](s3)
    folder, inner = f"{s3.url}/day1", f"{s3.url}/day1/{other}"
    with ZarrIO(inner, "w", storage_options=options, zarr_format=2 if other == "old" else 3) as io:
        io.write_builder(content())

    with ZarrIO(folder, "w", storage_options=options) as io, pytest.raises(HierarchyExistsError, match="force_overw"):
        io.write_builder(root(dataset("x", [1])))
    with ZarrIO(inner, "r", storage_options=options) as io:
        check(io)
    with ZarrIO(folder, "w", storage_options=options, force_overwrite=True) as io:
        io.write_builder(root(dataset("x", [1])))
    assert not ZarrIO.can_read(inner)


def test_files_of_others_are_not_replaced_and_remains_of_a_writer_are() -> None:
    """A writer that was interrupted leaves chunks and documents without a root."""
    system = fsspec.filesystem("memory")
    system.pipe("/places/day1/notes.txt", b"read me")
    with ZarrIO("memory://places/day1", "w") as io, pytest.raises(HierarchyExistsError):
        io.write_builder(content())
    assert system.cat("/places/day1/notes.txt") == b"read me"

    for consolidate in (True, False):
        with ZarrIO("memory://places/new.zarr", "w") as io:
            io.write_builder(content(), consolidate_metadata=consolidate)
        system.rm("/places/new.zarr/zarr.json")
    with ZarrIO("memory://places/new.zarr", "w") as io:
        io.write_builder(content())
    assert ZarrIO.can_read("memory://places/new.zarr")


# --------------------------------------------------------------------------------------------------------------- links


STORES: dict[str, Callable[[Bucket, str], Any]] = {
    "fsspec": lambda s3, key: FsspecStore.from_url(f"{s3.url}/{key}", storage_options=s3.storage_options),
    "obstore": lambda s3, key: ObjectStore(s3.obstore(key)),
}


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=obstore_only if kind == "obstore" else ()) for kind in STORES]
)
def test_a_store_object_has_the_place_of_its_url_and_leads_to_its_siblings(
    s3: Bucket, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """They are reached in the way in which the store was: nothing else knows the credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name)
    with ZarrIO(STORES[kind](s3, "d/a.zarr"), "w") as io:
        io.write_builder(content())
    with ZarrIO(STORES[kind](s3, "d/a.zarr")) as a, ZarrIO(STORES[kind](s3, "d/e/b.zarr"), "w") as io:
        assert a.abspath == f"{s3.url}/d/a.zarr"
        io.write_builder(root(LinkBuilder(builder=a.read_builder()["x"], name="l")))

    with ZarrIO(STORES[kind](s3, "d/e/b.zarr")) as io:
        assert io.read_builder().links["l"].builder.data[:].tolist() == [0, 1, 2, 3, 4]
        assert io.file.attrs["_LINKS"][0]["source"] == "../../a.zarr"


@pytest.mark.parametrize(
    ("store", "place"),
    [
        (lambda _: FsspecStore.from_url("memory://d/a.zarr"), "memory://d/a.zarr"),
        (lambda _: FsspecStore.from_url("https://host.org/d/a.zarr"), "https://host.org/d/a.zarr"),
        (lambda _: FsspecStore.from_url("https://me:pw@host.org/a.zarr"), "https://host.org/a.zarr"),
        (lambda path: FsspecStore.from_url(f"file://{path}"), "{path}"),
        (lambda path: FsspecStore(AsyncFileSystemWrapper(DirFileSystem(path, LocalFileSystem()), True), path=""), None),
    ],
)
def test_a_store_object_lies_where_its_file_system_says(tmp_path: Path, store: Any, place: str | None) -> None:
    """Where that is all that there is to know."""
    found = location_of(store(tmp_path))

    assert found == (None if place is None else Location(place.format(path=tmp_path)))


@obstore_only
@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("gs://lab/d/a.zarr", {"token": "anon"}),
        ("az://lab/d/a [1].zarr", {"account_name": "acc", "anon": True}),
        ("az://lab/d/a.zarr", {"account_name": "acc", "account_key": "aGVsbG8="}),
        ("s3://lab/100%.zarr", {"anon": True, "client_kwargs": {"region_name": "us-east-2"}}),
        ("s3://lab", {"anon": True, "client_kwargs": {"region_name": "us-east-2"}}),
    ],
)
def test_a_store_of_obstore_is_made_for_a_place_and_for_what_lies_beside_it(
    monkeypatch: pytest.MonkeyPatch, url: str, options: dict[str, Any]
) -> None:
    """Where fsspec's library is missing; nothing is asked of a server to make one."""
    monkeypatch.setattr(remote_stores, "find_spec", lambda library: library if library == "obstore" else None)
    made = remote_stores.store_at(Location(url), options)
    other = Location(f"{url.split('://')[0]}://lab/deep/other 50%.zarr")

    assert isinstance(made, ObjectStore)
    assert location_of(ObjectStore(made.store)) == Location(url)
    assert location_of(remote_stores.store_at(other, {THROUGH: made})) == other


@obstore_only
def test_a_store_of_obstore_on_this_machine_lies_in_its_folder(tmp_path: Path) -> None:
    """Links from it lead to folders beside it; what is in memory has no address."""
    import obstore.store

    (tmp_path / "b.zarr").mkdir()
    with ZarrIO(tmp_path / "a.zarr", "w") as io:
        io.write_builder(content())
    store = ObjectStore(obstore.store.LocalStore(tmp_path / "b.zarr"))
    with ZarrIO(tmp_path / "a.zarr") as a, ZarrIO(store, "w") as b:
        b.write_builder(root(LinkBuilder(builder=a.read_builder()["x"], name="l")))

    with ZarrIO(store) as io:
        assert io.abspath == str(tmp_path / "b.zarr")
        assert io.read_builder().links["l"].builder.data[:].tolist() == [0, 1, 2, 3, 4]
    assert location_of(ObjectStore(obstore.store.MemoryStore())) is None


# ----------------------------------------------------------------------------------------------------------------- web


def _published(http: Website, name: str, builder: Any = None) -> str:
    with ZarrIO(http.folder / name, "w") as io:
        io.write_builder(builder or content())
    return f"{http.url}/{name}"


@pytest.mark.parametrize("name", ["a.zarr", "zarr/0b1c7f0e-4d0a"])
@pytest.mark.parametrize("end", ["", "/", "?versionId=7", "/?X-Amz-Signature=a%2Fb&x"])
def test_a_web_address_is_read_with_or_without_suffix_slash_and_query(http: Website, name: str, end: str) -> None:
    """The query goes along with every key, behind it (NEEDS 25)."""
    url = _published(http, name)

    with StoreIO(url + end, "r") as io:
        check(io)
        assert io.is_remote()
        assert io.source == url
    assert StoreIO.can_read(url + end)
    queries = {request.query for request in http.traffic.requests}
    assert queries == {"" if end in ("", "/") else end.partition("?")[2].replace("%2F", "/").replace("&x", "&x=")}


def test_names_with_any_character_are_read_over_http(http: Website) -> None:
    """They become parts of a web address as what they are."""
    names = ["a#b", "a?b", "100%", "a%20b", "a b", "é", "a+b", "a&b;c"]
    url = _published(http, "a.zarr", root(*(group(name, dataset("x", [at])) for at, name in enumerate(names))))

    with ZarrIO(url) as io:
        found = io.read_builder()
        assert [found[name]["x"].data[:].tolist() for name in names] == [[at] for at in range(len(names))]


def test_the_user_of_a_web_address_is_told_to_its_server(http: Website) -> None:
    """As the header that servers ask for, not as a part of the address."""
    url = _published(http, "a.zarr")

    with ZarrIO(url.replace("://", "://me:pw@")) as io:
        options = io.adapter.storage_options  # type: ignore[attr-defined]
        assert options["client_kwargs"]["headers"] == {"Authorization": "Basic bWU6cHc="}
        check(io)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_server_may_deny_what_is_not_there(http: Website, zarr_format: int) -> None:
    """As public buckets do that do not let everybody list them; where nothing is found, the denial is told."""
    with ZarrIO(http.folder / "a.zarr", "w", zarr_format=zarr_format) as io:
        io.write_builder(content())
    top = http.folder.parent
    http.traffic.trouble = lambda _, key, __: None if (top / key).is_file() else Refused(403, "AccessDenied")

    with ZarrIO(f"{http.url}/a.zarr") as io:
        check(io)
    with pytest.raises(AccessError, match="access is denied"):
        ZarrIO(f"{http.url}/none.zarr")


@pytest.mark.parametrize("mode", ["w", "a", "r+", "w-"])
@pytest.mark.parametrize("kind", ["url", "store", "cache"])
def test_plain_http_is_not_written_and_not_even_asked(http: Website, mode: str, kind: str) -> None:
    """(NEEDS 22)"""
    url = _published(http, "a.zarr")
    place: Any = {"url": url, "store": FsspecStore.from_url(url), "cache": f"simplecache::{url}"}[kind]

    with pytest.raises(ModeError, match=r"HTTP only reads\. To write, name a folder or an object store: s3://"):
        ZarrIO(place, mode)
    assert http.traffic.requests == []


def test_an_hdf5_file_on_a_server_is_called_that(http: Website) -> None:
    """With what to do about it, whether its name tells or its first bytes."""
    for name in ("a.nwb", "blobs-1234"):
        with h5py.File(http.folder / name, "w") as file:
            file["x"] = np.zeros(10**6)

    with pytest.raises(ArgumentError, match=r"serves '.*/a.nwb'.*HDF5 file is downloaded first.*remfile"):
        StoreIO(f"{http.url}/a.nwb?token=hush")
    for name in ("a.nwb", "blobs-1234"):
        with pytest.raises(MissingHierarchyError, match=r"is an HDF5 file.*Download it.*NWBHDF5IO"):
            ZarrIO(f"{http.url}/{name}")
    with pytest.raises(MissingHierarchyError, match="no root document"):
        ZarrIO(f"{http.url}/none")


# -------------------------------------------------------------------------------------------------------------- caches


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # fsspec's own blocks stay open
@pytest.mark.parametrize("cache", ["simplecache", "filecache", "blockcache"])
def test_what_a_cache_holds_is_not_asked_for_again_nor_are_siblings(http: Website, tmp_path: Path, cache: str) -> None:
    """A chain lies where its last file system does; links from it lead through the same cache."""
    a = _published(http, "a.zarr")
    with ZarrIO(http.folder / "a.zarr") as io, ZarrIO(http.folder / "b.zarr", "w") as other:
        other.write_builder(root(LinkBuilder(builder=io.read_builder()["x"], name="l")))
    options = {cache: {"cache_storage": str(tmp_path / "cache")}}

    for _ in range(2):
        http.traffic.clear()
        with ZarrIO(f"{cache}::{http.url}/b.zarr", storage_options=options) as io:
            assert io.source == f"{http.url}/b.zarr"
            linked = io.read_builder().links["l"].builder
            assert linked.source == a
            assert linked.data[:].tolist() == [0, 1, 2, 3, 4]
    gets = [key for key in http.traffic.asked("GET") if key.endswith(("zarr.json", "c.0"))]
    assert gets == []
    assert (tmp_path / "cache").is_dir()


def test_a_cache_over_a_bucket_takes_the_options_of_the_bucket_by_name(s3: Bucket, tmp_path: Path) -> None:
    """As fsspec has it; universal paths say the same."""
    with ZarrIO(f"{s3.url}/a.zarr", "w", storage_options=s3.storage_options) as io:
        io.write_builder(content())
    options = {"s3": s3.storage_options, "simplecache": {"cache_storage": str(tmp_path)}}
    universal = pytest.importorskip("upath").UPath

    for place, given in (
        (f"simplecache::{s3.url}/a.zarr", options),
        (universal(f"simplecache::{s3.url}/a.zarr", **options), {}),
    ):
        with ZarrIO(place, storage_options=given) as io:
            check(io)
            assert io.adapter.location == Location(f"{s3.url}/a.zarr")


def test_an_archive_is_read_through_a_chain(http: Website, tmp_path: Path) -> None:
    """Where its name does not tell, ``zip::`` does; a cache can stand between."""
    with ZarrIO(http.folder / "a.zip", "w") as io:
        io.write_builder(content())
    (http.folder / "a.zip").rename(http.folder / "asset-1234")
    url = f"{http.url}/asset-1234"

    cache = {"simplecache": {"cache_storage": str(tmp_path)}}
    for place, options in (
        (f"zip::{url}", {}),
        (f"zip::{url}?token=hush", {}),
        (f"zip::simplecache::{url}?token=hush", cache),
    ):
        with StoreIO(place, storage_options=options) as io:
            check(io)
            assert (io.adapter.name, io.source) == ("zip", url)
    with pytest.raises(ArgumentError, match="'zip://inner::' is no cache"):
        ZarrIO(f"zip://inner::{url}")


# ------------------------------------------------------------------------------------------------------ what is missing


@pytest.mark.parametrize(
    ("url", "extra"),
    [
        ("s3://lab/a.zarr", "s3"),
        ("gs://lab/a.zarr", "gcs"),
        ("gcs://lab/a.zarr", "gcs"),
        ("az://lab/a.zarr", "azure"),
        ("abfs://lab/a.zarr", "azure"),
        ("https://host.org/a.zarr", "http"),
        ("simplecache::https://me:hush@host.org/a.zarr?t=hush", "http"),
    ],
)
@pytest.mark.parametrize("mode", ["r", "w"])
def test_a_library_that_is_missing_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, url: str, extra: str, mode: str
) -> None:
    """When the file is opened."""

    def missing(*_: Any, **__: Any) -> Any:
        raise ImportError("Install it")

    monkeypatch.setattr(remote_stores, "find_spec", lambda _library: None)
    monkeypatch.setattr(remote_stores.fsspec, "url_to_fs", missing)
    with pytest.raises(MissingExtraError, match=rf"pip install 'hdmf-store\[{extra}\]'") as caught:
        if url.startswith("simple") and mode == "w":
            mode = "r"
        ZarrIO(url, mode)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("url", ["nonsense://host/a.zarr", "simplecache::nonsense://host/a.zarr"])
def test_a_scheme_that_nobody_knows_is_named(url: str) -> None:
    with pytest.raises(ArgumentError, match="no file system is known for nonsense://"):
        ZarrIO(url)


@pytest.mark.parametrize("url", ["https://", "s3://", "simplecache::s3://"])
def test_a_url_that_names_nothing_is_refused(url: str) -> None:
    with pytest.raises(ArgumentError, match="names no server or bucket"):
        ZarrIO(url)


# ---------------------------------------------------------------------------------------------------- commands and page


def test_commands_take_a_bucket_as_source_and_as_destination(s3: Bucket, tmp_path: Path) -> None:
    """With the credentials of the environment."""
    with ZarrIO(tmp_path / "a.zarr", "w", get_manager()) as io:
        io.write(new_table())
    away, back = f"{s3.url}/day1/a.zarr", str(tmp_path / "b.h5")

    for command in (
        ["convert", str(tmp_path / "a.zarr"), away],
        ["convert", away, back],
        ["verify", away],
        ["tree", away],
    ):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
    compared = CliRunner().invoke(main, ["verify", back, "--against", away])
    assert "no differences" in compared.output


def test_the_code_of_the_page_runs(s3: Bucket, http: Website, tmp_path: Path) -> None:
    """Word for word, but for the names of the servers."""
    assert sum(block.code.count("with ") for block in blocks_of(PAGE, "python")) == 4
    table, manager = new_table(), get_manager()
    with ZarrIO(http.folder / "zarr/0b1c7f0e-4d0a", "w", manager) as io:
        io.write(new_table())
    names = {"manager": manager, "table": table, "options": s3.storage_options, "scratch": str(tmp_path)}

    run_page(PAGE, names, {"s3://lab": s3.url, "https://host.org": http.url})
