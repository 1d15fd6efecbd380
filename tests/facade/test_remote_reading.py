"""Files behind a network open in a handful of round trips, whatever their size; the servers count.

They answer what is asked together at once, and late: so requests that wait for each other are told from the others.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import fsspec
import numpy as np
import obstore
import pytest
from hdmf.spec import NamespaceCatalog
from pynwb import NWBFile, TimeSeries
from pynwb.core import DynamicTable
from pynwb.spec import NWBDatasetSpec, NWBGroupSpec, NWBNamespace
from zarr.storage import ObjectStore

from hdmf_store import NWBZarrIO, UnlistableError, UnreachableError, ZarrIO
from hdmf_store.adapter import Plan
from hdmf_store.nodes import ArraySource, Dataset, Group, Layout, Link, Number, Target, whole
from hdmf_store.translate.specs import without_specs
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.conftest import Website
from tests.servers import Dropped, Refused, Traffic
from tests.servers.s3 import Bucket

NAME = "file.nwb.zarr"
SETTLING = 0.05
HANDFUL = 7
"""Rounds; three or four, and more where this machine is so busy that a batch is not sent in one go."""


@attrs.frozen
class Remote:
    """A place for one file on a server.

    Attributes
    ----------
    url : str
    options : dict
        Of `ZarrIO`, to read there.
    traffic : Traffic
    put : callable
        Puts a folder there, or under another name beside it.
    """

    url: str
    options: dict[str, Any]
    traffic: Traffic
    put: Callable[..., Any]

    def opened(self, kind: Any = ZarrIO, mode: str = "r") -> Any:
        return kind(self.url, mode, **self.options)

    def adapter(self, mode: str = "r") -> ZarrAdapter:
        adapter = ZarrAdapter(self.url, **self.options)
        adapter.open(mode)
        return adapter

    @contextmanager
    def far_away(self) -> Iterator[Traffic]:
        """Count from here, and answer when no more is asked."""
        self.traffic.clear()
        self.traffic.settling = SETTLING
        yield self.traffic
        self.traffic.settling = 0.0

    def names(self, method: str = "") -> list[str]:
        """Return the keys that were asked for, without the file's own name."""
        return [key.partition(f"{NAME}/")[2] for key in self.traffic.asked(method)]


def on_website(http: Website) -> Remote:
    def put(local: Path, name: str = NAME) -> None:
        shutil.copytree(local, http.folder / name)

    return Remote(f"{http.url}/{NAME}", {}, http.traffic, put)


def in_bucket(s3: Bucket) -> Remote:
    def put(local: Path, name: str = NAME) -> None:
        files = fsspec.filesystem("s3", **s3.storage_options)
        files.put(str(local), f"{s3.name}/{name}", recursive=True)

    return Remote(f"{s3.url}/{NAME}", {"storage_options": s3.storage_options}, s3.traffic, put)


@pytest.fixture(params=["http", "s3"])
def remote(request: pytest.FixtureRequest) -> Remote:
    """A place on either server."""
    place = request.getfixturevalue(request.param)
    return on_website(place) if request.param == "http" else in_bucket(place)


def session(path: Path, size: int, zarr_format: int = 3) -> Path:
    """Write a session that holds `size` series with a scalar each and `size` tables."""
    nwb = NWBFile("many objects", "remote", datetime(2024, 2, 29, tzinfo=UTC), experimenter=["A", "B"])
    module = nwb.create_processing_module("tables", "tables of two rows")
    for number in range(size):
        nwb.add_acquisition(TimeSeries(name=f"s{number}", data=np.arange(5), unit="V", rate=1.0, starting_time=0.0))
        table = DynamicTable(name=f"t{number}", description="a table")
        table.add_row(id=0)
        table.add_row(id=1)
        module.add(table)
    with NWBZarrIO(str(path), "w", zarr_format=zarr_format) as io:
        io.write(nwb)
    return path


def hierarchy(path: Path, nodes: dict[str, Any], **plan: Any) -> Path:
    adapter = ZarrAdapter(path)
    adapter.open("w")
    adapter.write(Plan(nodes={"/": Group(), **nodes}, **plan))
    adapter.close()
    return path


def numbers(*shape: int, chunks: tuple[int, ...] | None = None) -> Dataset:
    return Dataset(Number("float64"), shape, ArraySource(np.ones(shape)), {}, Layout(chunks=chunks))


# opening


@pytest.mark.parametrize("zarr_format, expected", [(3, ["zarr.json"]), (2, ["zarr.json", ".zmetadata"])])
def test_one_document_tells_all_objects(remote: Remote, tmp_path: Path, zarr_format: int, expected: list[str]) -> None:
    """The first answer says which format it is; nobody looks for another one, and nothing else is asked (NEEDS 23)."""
    remote.put(session(tmp_path / "a.zarr", 2, zarr_format))
    remote.traffic.clear()

    adapter = remote.adapter()
    assert len(adapter.load().nodes) > 20
    adapter.close()

    assert remote.names() == expected
    assert remote.traffic.asked("GET") == remote.traffic.asked()


@pytest.mark.parametrize("zarr_format", [3, 2])
def test_a_session_is_read_in_rounds_whose_number_does_not_grow(
    remote: Remote, tmp_path: Path, zarr_format: int
) -> None:
    """One for the document and one batch for all small values; specifications that PyNWB has anyway are not read."""
    remote.put(session(tmp_path / "a.zarr", 20, zarr_format))

    with remote.far_away() as traffic, remote.opened(NWBZarrIO) as io:
        nwb = io.read()
        shown = without_specs(io.adapter.load().nodes)

    assert (len(nwb.acquisition), len(nwb.processing["tables"].data_interfaces)) == (20, 20)
    documents = 1 if zarr_format == 3 else 2
    assert documents + 1 <= traffic.rounds <= documents + 2
    assert traffic.repeated() == []
    assert {request.method for request in traffic.requests} == {"GET"}
    wanted = [path for path, node in shown.items() if isinstance(node, Dataset) and not node.shape]
    looked_at = [path for path in shown if path.endswith("/id")]
    own = ["/file_create_date", "/general/experimenter"]
    assert len(traffic.requests) == documents + len(wanted) + len(looked_at) + len(own)


def test_a_batch_is_made_of_many_requests_at_once_and_not_of_all(remote: Remote, tmp_path: Path) -> None:
    """As many connections as there may be calls, and no more."""
    remote.put(hierarchy(tmp_path / "a.zarr", {f"/s{number}": numbers() for number in range(150)}))

    with remote.far_away() as traffic, remote.opened() as io:
        io.read_builder()

    assert len(traffic.requests) == 151
    assert 16 <= traffic.at_once <= 64


@pytest.mark.parametrize("expects", [True, False])
def test_what_is_read_stays_what_it_was(remote: Remote, tmp_path: Path, expects: bool) -> None:
    """What came with the batch are the values themselves; of large arrays it is the first chunk alone."""
    values = np.arange(600_000.0)
    remote.put(hierarchy(tmp_path / "a.zarr", {"/a": Dataset(Number("float64"), values.shape, ArraySource(values))}))
    adapter = remote.adapter()
    if expects:
        adapter.expect(["/a"])
    adapter.fetch([])
    remote.traffic.clear()

    assert adapter.array("/a")[0] == 0.0
    assert len(remote.traffic.requests) == (0 if expects else 1)
    assert np.array_equal(adapter.array("/a")[:], values)
    assert np.array_equal(adapter.load()["/a"].values.read(whole(values.shape)), values)
    adapter.close()


def test_in_modes_that_write_no_value_is_kept(s3: Bucket, tmp_path: Path) -> None:
    """What was changed since is seen."""
    remote = in_bucket(s3)
    remote.put(hierarchy(tmp_path / "a.zarr", {"/a": numbers(3)}))
    adapter = remote.adapter("r+")
    adapter.expect(["/a"])
    adapter.fetch([])

    adapter.array("/a")[1] = 7.0

    assert adapter.array("/a")[:].tolist() == [1.0, 7.0, 1.0]
    adapter.close()


def test_links_to_another_file_are_followed_together(remote: Remote, tmp_path: Path) -> None:
    """Its scalars come in one batch, however many links lead to them one by one."""
    there = {f"/g{number}": Group() for number in range(12)} | {f"/g{number}/x": numbers() for number in range(12)}
    links = {f"/l{number}": Link(Target(f"/g{number}", "../other.zarr")) for number in range(12)}
    remote.put(hierarchy(tmp_path / "a.zarr", links))
    remote.put(hierarchy(tmp_path / "other.zarr", there), "other.zarr")

    with remote.far_away() as traffic, remote.opened() as io:
        root = io.read_builder()

    assert [float(root[f"l{number}"].builder["x"].data) for number in range(12)] == [1.0] * 12
    assert traffic.rounds <= HANDFUL
    assert traffic.repeated() == []


# what is asked before a file is read


def test_whether_a_place_can_be_read_is_one_request(http: Website, tmp_path: Path) -> None:
    """And whether it is remote is none."""
    remote = on_website(http)
    remote.put(session(tmp_path / "a.zarr", 1))
    remote.traffic.clear()

    assert ZarrIO.can_read(remote.url)
    assert remote.names() == ["zarr.json"]
    assert not ZarrIO.can_read(f"{http.url}/none.zarr")
    signs = ["zarr.json", ".zgroup", ".zarray", ".zmetadata", ""]  # of each format, and of HDF5
    assert len(remote.traffic.requests) <= 1 + len(signs)


def test_specifications_are_read_together(remote: Remote, tmp_path: Path) -> None:
    """The document, and all of them together."""
    remote.put(session(tmp_path / "a.zarr", 1))
    catalog = NamespaceCatalog(NWBGroupSpec, NWBDatasetSpec, NWBNamespace)

    with remote.far_away() as traffic:
        ZarrIO.load_namespaces(catalog, remote.url, **remote.options)

    assert "core" in catalog.namespaces
    assert len(traffic.requests) > 2 * HANDFUL
    assert traffic.rounds <= HANDFUL
    assert traffic.repeated() == []
    with remote.opened() as io:
        assert io.is_remote()


# values


@pytest.mark.parametrize(
    ("selection", "rows"),
    [
        (np.s_[25:61, 3:5], range(2, 7)),
        (np.s_[17], [1]),
        (np.s_[::50], [0, 5]),
        (np.s_[[3, 95]], [0, 9]),
    ],
    ids=["window", "row", "steps", "list"],
)
def test_a_selection_fetches_the_chunks_that_it_touches_and_no_others(
    remote: Remote, tmp_path: Path, selection: Any, rows: Any
) -> None:
    """All of them together, each once; nothing else is asked. (Small arrays are read whole, which is one round too.)"""
    remote.put(hierarchy(tmp_path / "a.zarr", {"/a": numbers(100, 4000, chunks=(10, 4000))}))
    adapter = remote.adapter()
    array = adapter.array("/a")

    with remote.far_away() as traffic:
        found = array[selection]

    assert (found == 1).all()
    assert sorted(remote.names("GET")) == [f"a/c/{row}/0" for row in rows]
    assert traffic.rounds == 1
    adapter.close()


# without consolidated metadata


def test_a_file_that_nothing_lists_is_an_error_in_every_mode_that_reads(http: Website, tmp_path: Path) -> None:
    """Never an empty file; with consolidated metadata it is read (NEEDS 24)."""
    remote = on_website(http)
    remote.put(session(tmp_path / "a.zarr", 1))
    with remote.opened(mode="r-") as io, pytest.raises(UnlistableError, match="without"):
        io.read_builder()
    shutil.rmtree(http.folder)
    remote.put(hierarchy(tmp_path / "b.zarr", {"/a": numbers()}, consolidate=False))

    with remote.opened() as io, pytest.raises(UnlistableError, match=r"consolidate_metadata\(path\)"):
        io.read_builder()


def test_an_obstore_that_nothing_lists_is_an_error_as_well(http: Website, tmp_path: Path) -> None:
    on_website(http).put(hierarchy(tmp_path / "b.zarr", {"/a": numbers()}, consolidate=False))
    store = obstore.store.HTTPStore.from_url(f"{http.url}/file.nwb.zarr", client_options={"allow_http": True})

    with ZarrIO(ObjectStore(store, read_only=True), "r") as io, pytest.raises(UnlistableError, match="405"):
        io.read_builder()


def test_a_bucket_that_may_not_be_listed_is_an_error(s3: Bucket, tmp_path: Path) -> None:
    """As those are whose objects alone are public."""
    remote = in_bucket(s3)
    remote.put(hierarchy(tmp_path / "a.zarr", {"/a": numbers()}, consolidate=False))
    s3.traffic.trouble = lambda _method, key, _count: Refused(403, "AccessDenied") if key == s3.name else None

    with remote.opened() as io, pytest.raises(UnlistableError, match="AccessError"):
        io.read_builder()


def test_a_crawl_takes_rounds_for_levels_and_not_for_objects(s3: Bucket, tmp_path: Path) -> None:
    """All groups of a level are asked and listed together."""
    remote = in_bucket(s3)
    nodes = {f"/g{number}": Group() for number in range(12)} | {f"/g{number}/h": Group() for number in range(12)}
    remote.put(hierarchy(tmp_path / "a.zarr", nodes, consolidate=False))

    with remote.far_away() as traffic:
        adapter = remote.adapter()
        assert adapter.load().nodes.keys() == {"/", *nodes}
        adapter.close()

    assert len(traffic.requests) > 4 * HANDFUL
    assert traffic.rounds <= 1 + 2 * 3 + HANDFUL


def test_what_another_writer_added_is_found(s3: Bucket, tmp_path: Path) -> None:
    """No list of earlier is used."""
    remote = in_bucket(s3)
    remote.put(hierarchy(tmp_path / "a.zarr", {"/a": numbers()}, consolidate=False))
    adapter = remote.adapter()
    assert "/new" not in adapter.load()
    adapter.close()

    obstore.put(s3.obstore("file.nwb.zarr"), "new/zarr.json", b'{"zarr_format":3,"node_type":"group","attributes":{}}')

    adapter = remote.adapter()
    assert "/new" in adapter.load()
    adapter.close()


# when a server fails


@pytest.mark.parametrize("trouble", [Refused(500, "InternalError"), Dropped(), Dropped(4)])
def test_what_a_server_fails_to_give_is_never_taken_for_nothing(http: Website, tmp_path: Path, trouble: Any) -> None:
    """Neither a document, which would be no file, nor a chunk, which would be fill values."""
    remote = on_website(http)
    remote.put(hierarchy(tmp_path / "a.zarr", {"/a": numbers(3), "/s": numbers()}))
    failing = ""
    http.traffic.trouble = lambda _method, key, _count: trouble if failing in key else None

    failing = "file.nwb.zarr/a/"
    adapter = remote.adapter()
    with pytest.raises(UnreachableError):
        adapter.array("/a")[:]
    adapter.close()

    failing = "zarr.json"
    with pytest.raises(UnreachableError):
        remote.adapter()
