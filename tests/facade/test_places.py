"""Places of files: every supported store class, universal paths, URLs with options, and what is no place."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import h5py
import pytest
import zarr
from fsspec.implementations.memory import MemoryFileSystem
from hdmf.build import LinkBuilder
from hdmf.common import get_manager
from hdmf.spec import NamespaceCatalog
from zarr.abc.store import Store
from zarr.storage import FsspecStore, LocalStore, MemoryStore, ObjectStore, WrapperStore, ZipStore

from hdmf_store import (
    SUPPORTED_ZARR_STORES,
    AccessError,
    ArgumentError,
    DirectoryStore,
    FormatError,
    ModeError,
    NestedDirectoryStore,
    StoreIO,
    TempStore,
    ZarrIO,
)
from tests.adapters.stores import CountingAsyncStore
from tests.facade.recordings import new_table
from tests.facade.small_files import check, content
from tests.translate.builder_files import dataset, root


def _object_store(_path: Path) -> Any:
    return ObjectStore(pytest.importorskip("obstore").store.MemoryStore())


class VendorStore(WrapperStore):
    """A store class that nobody here knows."""


OPENED: dict[type, Callable[[Path], Any]] = {
    DirectoryStore: DirectoryStore,
    TempStore: lambda path: TempStore(dir=str(path.parent)),
    NestedDirectoryStore: NestedDirectoryStore,
    LocalStore: LocalStore,
    MemoryStore: lambda _path: MemoryStore(),
    ZipStore: lambda path: ZipStore(path, mode="a"),
    FsspecStore: lambda path: FsspecStore.from_url(f"memory://{path}"),
    ObjectStore: _object_store,
    Store: lambda _path: VendorStore(MemoryStore()),
}


@pytest.mark.parametrize("kind", SUPPORTED_ZARR_STORES, ids=lambda kind: kind.__name__)
def test_every_supported_store_is_written_and_read(tmp_path: Path, kind: type) -> None:
    """What the tuple names is taken, in both formats where a second one can follow in the same place."""
    place = OPENED[kind](tmp_path / "file.zarr")
    assert isinstance(place, kind)

    with ZarrIO(place, "w") as io:
        io.write_builder(content())
        assert io.path is place
    with ZarrIO(place, "r") as io:
        check(io)
    assert ZarrIO.can_read(place)
    assert StoreIO.can_read(place)


def test_a_wrapper_around_a_store_without_synchronous_calls_is_written_and_read() -> None:
    """zarr's wrappers have the methods of both kinds of store, whatever they wrap (3.4)."""
    place = VendorStore(CountingAsyncStore())

    with ZarrIO(place, "w") as io:
        io.write_builder(content())
    with ZarrIO(place, "r") as io:
        check(io)


def test_the_tuple_holds_the_documented_classes() -> None:
    """And can stand in `isinstance`."""
    assert set(SUPPORTED_ZARR_STORES) == set(OPENED)
    assert isinstance(VendorStore(MemoryStore()), SUPPORTED_ZARR_STORES)
    assert not isinstance("file.zarr", SUPPORTED_ZARR_STORES)


@pytest.mark.parametrize("url", ["memory://universal/file.zarr", "{folder}/file.zarr"])
def test_a_universal_path_is_a_place(tmp_path: Path, url: str) -> None:
    """Local or not; its own options count, and the path comes back as it was given."""
    place = pytest.importorskip("upath").UPath(url.format(folder=tmp_path))

    with ZarrIO(place, "w") as io:
        io.write_builder(content())
        assert io.path is place
    with StoreIO(place, "r") as io:
        check(io)


def test_the_path_is_kept_as_given_and_made_absolute_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`path` and `abspath`, for a relative path, an absolute one and a URL."""
    monkeypatch.chdir(tmp_path)
    for given, absolute in (
        ("file.zarr", str(tmp_path / "file.zarr")),
        (Path("file.zarr"), str(tmp_path / "file.zarr")),
        (tmp_path / "file.zarr", str(tmp_path / "file.zarr")),
        ("memory://places/file.zarr/", "memory://places/file.zarr"),
    ):
        with ZarrIO(given, "w") as io:
            assert io.path is given
            assert io.abspath == io.source == absolute


# ------------------------------------------------------------------------------------------------------------- can_read


@pytest.mark.parametrize("ask", [ZarrIO.can_read, StoreIO.can_read])
def test_a_zarr_file_can_be_read_whatever_names_it(tmp_path: Path, ask: Callable[[Any], bool]) -> None:
    """Of either format, consolidated or not."""
    for zarr_format in (2, 3):
        for consolidate in (True, False):
            path = tmp_path / f"{zarr_format}{consolidate}.zarr"
            with ZarrIO(path, "w", zarr_format=zarr_format) as io:
                io.write_builder(content(), consolidate_metadata=consolidate)
            for place in (path, str(path), f"file://{path}", LocalStore(path)):
                assert ask(place) is True


NONSENSE: dict[str, Callable[[Path], Any]] = {
    "None": lambda _path: None,
    "a number": lambda _path: 3,
    "bytes": lambda _path: b"file.zarr",
    "an empty text": lambda _path: "",
    "a NUL": lambda _path: "a\0b.zarr",
    "a very long name": lambda _path: "a" * 5000 + ".zarr",
    "an object": lambda _path: object(),
    "a list": lambda _path: [],
    "an open group": lambda _path: zarr.create_group(MemoryStore()),
    "nothing there": lambda path: path / "none.zarr",
    "an empty folder": lambda path: path,
    "an empty store": lambda _path: MemoryStore(),
    "an empty place in memory": lambda _path: "memory://none/file.zarr",
    "an unknown scheme": lambda _path: "nonsense://file.zarr",
    "a scheme alone": lambda _path: "http://",
    "nobody at home": lambda _path: "http://127.0.0.1:9/file.zarr",
    "a chain": lambda _path: "simplecache::memory://file.zarr",
}


@pytest.mark.parametrize("ask", [ZarrIO.can_read, StoreIO.can_read])
@pytest.mark.parametrize("kind", NONSENSE)
def test_what_is_no_file_cannot_be_read(tmp_path: Path, ask: Callable[[Any], bool], kind: str) -> None:
    """The answer is False, never an error."""
    assert ask(NONSENSE[kind](tmp_path)) is False


def test_hdf5_can_be_read_by_who_reads_everything(tmp_path: Path) -> None:
    """`StoreIO` finds the adapter, `ZarrIO` reads Zarr alone."""
    h5py.File(tmp_path / "file.h5", "w").close()

    assert StoreIO.can_read(tmp_path / "file.h5")
    assert not ZarrIO.can_read(tmp_path / "file.h5")


def test_an_array_as_root_is_refused_by_name(tmp_path: Path) -> None:
    """A part of a file is no file."""
    with ZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write_builder(content())

    with ZarrIO(tmp_path / "file.zarr" / "x") as io, pytest.raises(FormatError, match="is an array"):
        io.read_builder()


# ------------------------------------------------------------------------------------------------------ storage options


class Guarded(BaseHTTPRequestHandler):
    """Serves a folder to who knows the word."""

    folder: Path

    def do_GET(self) -> None:
        path = self.folder / self.path.lstrip("/")
        known = self.headers.get("X-Word") == "open sesame"
        data = path.read_bytes() if known and path.is_file() else b""
        self.send_response((200 if data else 404) if known else 403)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """The URL of a folder that a server on this machine guards."""
    handler = type("Here", (Guarded,), {"folder": tmp_path})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


WORD = {"client_kwargs": {"headers": {"X-Word": "open sesame"}}}


def test_options_reach_who_serves_the_file(tmp_path: Path, served: str) -> None:
    """Without them it is not to be had; with them it is read, as are its cached specifications (NEEDS 20)."""
    with ZarrIO(tmp_path / "file.zarr", "w", get_manager()) as io:
        io.write(new_table())

    with ZarrIO(f"{served}/file.zarr", "r", get_manager(), storage_options=WORD) as io:
        assert io.is_remote()
        assert io.read()["count"].data[:].tolist() == [1, 2, 3]
    catalog = NamespaceCatalog()
    ZarrIO.load_namespaces(catalog, f"{served}/file.zarr", storage_options=WORD)
    assert "hdmf-common" in catalog.namespaces
    with pytest.raises(AccessError, match="403"):
        ZarrIO(f"{served}/file.zarr", "r")
    assert not ZarrIO.can_read(f"{served}/file.zarr")


class GuardedFileSystem(MemoryFileSystem):
    """Files in memory, for who knows the word."""

    protocol = "guarded"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]

    def __init__(self, word: str = "", **options: Any) -> None:
        super().__init__(**options)
        if word != "open sesame":
            raise PermissionError("the word is missing")

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super()._strip_protocol(str(path).replace("guarded://", "memory://"))


def test_options_are_used_for_writing_as_well() -> None:
    """What is written through them is there; without them nothing can be written."""
    fsspec.register_implementation("guarded", GuardedFileSystem, clobber=True)
    options = {"word": "open sesame"}

    with ZarrIO("guarded://place/file.zarr", "w", storage_options=options) as io:
        io.write_builder(content())
    with ZarrIO("guarded://place/file.zarr", "r+", storage_options=options) as io:
        io.write_builder(root(dataset("more", [7])))

    assert "/place/file.zarr/more/zarr.json" in GuardedFileSystem.store
    with ZarrIO("guarded://place/file.zarr", "r", storage_options=options) as io:
        check(io)
        assert pickle.loads(pickle.dumps(io.read_builder()["more"].data))[0] == 7  # also in another process
    with pytest.raises(PermissionError, match="the word is missing"):
        ZarrIO("guarded://place/file.zarr", "w")


def test_a_link_between_files_in_one_remote_place_is_followed() -> None:
    """Relative, as on a disk."""
    with ZarrIO("memory://linked/a.zarr", "w") as io:
        io.write_builder(content())
    with ZarrIO("memory://linked/a.zarr") as a, ZarrIO("memory://linked/b.zarr", "w") as io:
        io.write_builder(root(LinkBuilder(builder=a.read_builder()["x"], name="l")))

    with ZarrIO("memory://linked/b.zarr") as io:
        assert io.read_builder().links["l"].builder.data[:].tolist() == [0, 1, 2, 3, 4]
        assert io.file.attrs["_LINKS"][0]["source"] == "../a.zarr"


def test_a_chain_of_file_systems_is_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches read and do not write; what else there is in a chain is refused, with what it can be."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModeError, match=r"name the place without it: memory://chained/file\.zarr"):
        ZarrIO("simplecache::memory://chained/file.zarr", "w")
    with pytest.raises(ArgumentError, match="'tar::' is no cache"):
        ZarrIO("tar::memory://chained/file.zarr", "r")
    assert list(tmp_path.iterdir()) == []
