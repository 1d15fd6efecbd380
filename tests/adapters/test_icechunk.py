"""A hierarchy in an Icechunk repository: each write is one commit, and every older state can be read."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path
from typing import Any

import icechunk
import numpy as np
import pytest
import zarr
from hdmf.common import DynamicTable, VectorData, get_manager
from icechunk import Repository

from hdmf_store import ZarrIO
from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.errors import (
    ArgumentError,
    ConflictError,
    LocationError,
    MissingExtraError,
    MissingHierarchyError,
    ModeError,
)
from hdmf_store.nodes import Dataset, Group, Layout, Link, Number, Stream, Target
from hdmf_store_adapters.icechunk_adapter import IcechunkAdapter
from tests.adapters.samples import numbers
from tests.adapters.stores import write


@pytest.fixture
def repository() -> Any:
    return Repository.create(icechunk.in_memory_storage())


def history(repository: Any, branch: str = "main") -> list[str]:
    """Return the messages of all commits but the first, newest first."""
    return [snapshot.message for snapshot in repository.ancestry(branch=branch)][:-1]


def stored(repository: Any, nodes: dict, mode: str = "w", **options: Any) -> None:
    write(repository, nodes, mode, adapter=IcechunkAdapter(repository, **options))


def values(place: Any, path: str, **options: Any) -> list:
    adapter = open_adapter(place, "r", **options)
    try:
        return adapter.fetch([path])[path].tolist()
    finally:
        adapter.close()


def test_each_write_is_one_commit_with_its_message_and_metadata(repository: Any) -> None:
    """Whatever the number of nodes and chunks (NEEDS 64)."""
    nodes = {"/": Group(), "/g": Group(), "/g/a": numbers(range(100), chunks=(7,))}
    stored(repository, nodes, message="first", metadata={"by": "a test"})
    stored(repository, {"/b": numbers([1])}, "a", message="second")

    assert history(repository) == ["second", "first"]
    first = list(repository.ancestry(branch="main"))[1]
    assert first.metadata["by"] == "a test"


def test_assigning_into_arrays_is_committed_when_the_file_is_closed(repository: Any) -> None:
    """As one commit, with what was appended."""
    stored(repository, {"/": Group(), "/a": numbers(range(10), chunks=(4,))})
    adapter = open_adapter(repository, "r+")
    adapter.array("/a")[2:4] = [20, 30]
    adapter.array("/a").append([10, 11])
    assert len(history(repository)) == 1

    adapter.close()

    assert len(history(repository)) == 2
    assert values(repository, "/a") == [0, 1, 20, 30, 4, 5, 6, 7, 8, 9, 10, 11]


def test_reading_and_closing_commits_nothing(repository: Any) -> None:
    """In modes that could write, too."""
    stored(repository, {"/": Group(), "/a": numbers([1])})
    for mode in ("r", "r-", "r+", "a", "w"):
        adapter = open_adapter(repository, mode)
        adapter.close()

    assert len(history(repository)) == 1


def test_a_write_that_fails_leaves_no_trace(repository: Any) -> None:
    """No commit; what was assigned into arrays before is kept (NEEDS 64)."""

    def broken() -> Any:
        yield (slice(0, 2),), np.array([1, 2])
        raise RuntimeError("the recorder died")

    stored(repository, {"/": Group(), "/a": numbers([1, 2, 3])})
    adapter = open_adapter(repository, "r+")
    adapter.array("/a")[0] = 9
    stream = Dataset(Number("int64"), (0,), Stream(broken()), {}, Layout(chunks=(2,)))
    with pytest.raises(RuntimeError, match="the recorder died"):
        adapter.write(Plan(nodes={"/new": Group(), "/new/s": stream}))
    adapter.close()

    assert len(history(repository)) == 2
    assert values(repository, "/a") == [9, 2, 3]
    assert sorted(open_adapter(repository).load()) == ["/", "/a"]


def test_every_older_state_can_be_read(repository: Any) -> None:
    """By snapshot, by tag and by branch; none of the first two can be written."""
    stored(repository, {"/": Group(), "/a": numbers([1])})
    first = repository.lookup_branch("main")
    repository.create_tag("v1", first)
    repository.create_branch("dev", first)
    stored(repository, {"/": Group(), "/a": numbers([2])})
    stored(repository, {"/b": numbers([3])}, "a", branch="dev")

    assert values(repository, "/a") == [2]
    assert values(repository, "/a", snapshot=first) == values(repository, "/a", tag="v1") == [1]
    assert values(repository, "/b", branch="dev") == [3]
    for version in ({"snapshot": first}, {"tag": "v1"}):
        with pytest.raises(ModeError):
            open_adapter(repository, "r+", **version)


def test_arrays_of_an_older_state_travel_with_it(tmp_path: Path) -> None:
    """Another process reads the state that was asked for, not the newest."""
    place = f"icechunk://{tmp_path / 'a'}"
    write(place, {"/": Group(), "/a": numbers([1])}, adapter=IcechunkAdapter(place))
    repository = Repository.open(icechunk.local_filesystem_storage(str(tmp_path / "a")))
    repository.create_tag("v1", repository.lookup_branch("main"))
    write(place, {"/": Group(), "/a": numbers([2])}, adapter=IcechunkAdapter(place))
    adapter = open_adapter(place, "r", tag="v1")

    assert pickle.loads(pickle.dumps(adapter.array("/a")))[:].tolist() == [1]
    assert pickle.loads(pickle.dumps(adapter)).fetch(["/a"])["/a"].tolist() == [1]
    adapter.close()


def test_a_url_names_a_repository_and_a_version(tmp_path: Path) -> None:
    """The repository is made by the first write; `ZarrIO` takes the URL as well."""
    url = f"icechunk://{tmp_path}/repo"
    with pytest.raises(MissingHierarchyError, match="repo"):
        open_adapter(url)
    assert list(tmp_path.iterdir()) == []
    table = DynamicTable(name="root", description="first", columns=[VectorData(name="x", description="x", data=[1, 2])])
    with ZarrIO(url, "w", get_manager()) as io:
        io.write(table)
    repository = Repository.open(icechunk.local_filesystem_storage(str(tmp_path / "repo")))
    snapshot = repository.lookup_branch("main")
    with ZarrIO(url, "a", get_manager()) as io:
        read = io.read()
        read.add_row(x=3)
        io.write(read)

    with ZarrIO(url, "r", get_manager()) as io:
        assert io.read()["x"].data[:].tolist() == [1, 2, 3]
    with ZarrIO(f"{url}?snapshot={snapshot}", "r", get_manager()) as io:
        assert io.read()["x"].data[:].tolist() == [1, 2]


@pytest.mark.parametrize("query", ["?branch=none", "?tag=none", "?snapshot=1CECHNKREP0F1RSTCMT1"])
def test_a_version_that_does_not_exist_is_named(tmp_path: Path, query: str) -> None:
    """The error names the URL."""
    url = f"icechunk://{tmp_path}/repo"
    write(url, {"/": Group()}, adapter=IcechunkAdapter(url))

    with pytest.raises(MissingHierarchyError, match="repo"):
        open_adapter(url + query)


@pytest.mark.parametrize("query", ["?brunch=main", "?branch=main&tag=v1"])
def test_a_url_that_makes_no_sense_is_refused(query: str) -> None:
    """Before anything is opened."""
    with pytest.raises(ArgumentError):
        IcechunkAdapter(f"icechunk:///nowhere{query}")


def test_two_writers_of_one_branch_do_not_mix(repository: Any) -> None:
    """Who commits second is told, and nothing of that write is stored."""
    stored(repository, {"/": Group(), "/a": numbers([1])})
    one, other = open_adapter(repository, "r+"), open_adapter(repository, "r+")
    one.load(), other.load()
    one.write(Plan(nodes={"/one": numbers([1])}))

    with pytest.raises(ConflictError, match="another writer"):
        other.write(Plan(nodes={"/other": numbers([2])}))
    other.close()
    one.close()

    assert sorted(open_adapter(repository).load()) == ["/", "/a", "/one"]


def test_arrays_can_be_changed_after_a_write_that_failed(repository: Any) -> None:
    """What was assigned before it is committed, what comes after it too."""

    def pieces() -> Any:
        yield (slice(0, 1),), np.array([1], "int32")
        raise RuntimeError("the amplifier was unplugged")

    stored(repository, {"/": Group(), "/a": numbers([1, 2, 3])})
    adapter = open_adapter(repository, "r+")
    array: Any = adapter.array("/a")
    array.oindex[[0]] = 7
    broken = Dataset(Number("int32"), (2,), Stream(pieces()), {}, Layout(chunks=(1,)))
    with pytest.raises(RuntimeError, match="unplugged"):
        adapter.write(Plan(nodes={"/b": broken}))

    array[1] = 8
    array.resize((4,))
    adapter.close()

    reader = open_adapter(repository)
    assert set(reader.load()) == {"/", "/a"}
    assert reader.array("/a")[...].tolist() == [7, 8, 3, 0]


def test_what_is_written_through_a_session_is_left_to_its_owner(repository: Any) -> None:
    """The session's store is taken as any zarr store is (NEEDS 64)."""
    session = repository.writable_session("main")
    with ZarrIO(session.store, "w", get_manager()) as io:
        io.write(DynamicTable(name="root", description="d"))
    assert history(repository) == []

    session.commit("by hand")

    with ZarrIO(repository.readonly_session("main").store, "r", get_manager()) as io:
        assert io.read().description == "d"


def test_zarr_reads_what_is_committed(repository: Any) -> None:
    """Through icechunk's own store; there is no consolidated document."""
    stored(repository, {"/": Group({"x": 1}), "/a": numbers([1, 2], attributes={"unit": "V"})})

    group = zarr.open_group(repository.readonly_session("main").store, mode="r")

    assert group["a"][...].tolist() == [1, 2]
    assert group.metadata.consolidated_metadata is None
    assert dict(group.attrs) == {"x": 1}


def test_format_2_is_refused(repository: Any) -> None:
    """Clearly, and at once."""
    with pytest.raises(ArgumentError, match="format 3 only"):
        IcechunkAdapter(repository, zarr_format=2)


def test_links_lead_from_one_repository_to_another(tmp_path: Path) -> None:
    """By a relative name, so that a folder of repositories can be moved; to other kinds of files they cannot."""
    urls = [f"icechunk://{tmp_path}/{name}" for name in ("one", "two")]
    write(urls[0], {"/": Group(), "/a": numbers([1, 2])}, adapter=IcechunkAdapter(urls[0]))
    adapter = IcechunkAdapter(urls[1])
    source = adapter.reference(open_adapter(urls[0]).location)
    write(urls[1], {"/": Group(), "/to": Link(Target("/a", source))}, adapter=adapter)
    (tmp_path / "moved").mkdir()
    for name in ("one", "two"):
        (tmp_path / name).rename(tmp_path / "moved" / name)

    assert source == "../one"
    with ZarrIO(f"icechunk://{tmp_path}/moved/two", "r") as io:
        assert io.read_builder()["to"].builder.data[:].tolist() == [1, 2]
    with pytest.raises(LocationError):
        adapter.reference(open_adapter(str(tmp_path / "x.zarr"), "w").location)


def test_without_the_library_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only who asks for Icechunk needs it."""
    monkeypatch.setitem(sys.modules, "icechunk", None)

    with pytest.raises(MissingExtraError, match=r"hdmf-store\[icechunk\]"):
        open_adapter(f"icechunk://{tmp_path}/repo")
    assert not IcechunkAdapter.claims(object())
