"""Writing to object stores: what it costs, and what readers see when it is interrupted or the server has trouble."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from zarr.storage import ObjectStore

from hdmf_store.adapter import Plan, open_adapter
from hdmf_store.nodes import ArraySource, Dataset, Group, Layout, Node, Number, Stream
from hdmf_store.testing.equality import plain
from tests.adapters.remote_writer import PLANS, store
from tests.servers import Dropped, Late, Refused
from tests.servers.s3 import Bucket

pytest.importorskip("s3fs")

MODIFIES = ("PUT", "DELETE", "POST")
FRESH = multiprocessing.get_context("forkserver")
FRESH.set_forkserver_preload(["tests.adapters.remote_writer", "zarr", "s3fs", "hdmf_store_adapters.zarr_adapter"])


def by_url(s3: Bucket) -> Any:
    """Return a place that fsspec serves."""
    return f"{s3.url}/a.zarr"


def by_store(s3: Bucket) -> Any:
    """Return a place that obstore serves."""
    pytest.importorskip("obstore")
    return ObjectStore(s3.obstore("a.zarr"))


both_engines = pytest.mark.parametrize("at", [by_url, by_store])


def opened(place: Any, mode: str, s3: Bucket) -> Any:
    """Open a place of either engine."""
    return open_adapter(place, mode, **({"storage_options": s3.storage_options} if isinstance(place, str) else {}))


def write(place: Any, s3: Bucket, nodes: dict[str, Node], mode: str = "w") -> None:
    """Store nodes."""
    adapter = opened(place, mode, s3)
    try:
        adapter.write(Plan(nodes=nodes))
    finally:
        adapter.close()


def content(nodes: dict[str, Node], fetch: Callable[[list[str]], Any]) -> dict[str, Any]:
    """Return everything that nodes hold, in a form that can be compared."""
    values = fetch([path for path, node in nodes.items() if isinstance(node, Dataset)])
    return {
        path: (type(node).__name__, plain(getattr(node, "attributes", None)), plain(values.get(path)))
        for path, node in nodes.items()
    }


def seen(place: Any, s3: Bucket, mode: str = "r") -> dict[str, Any]:
    """Return what a new reader sees, every value of it."""
    adapter = opened(place, mode, s3)
    try:
        return content(dict(adapter.load().nodes), adapter.fetch)
    finally:
        adapter.close()


def meant(*plans: str) -> dict[str, Any]:
    """Return what is to be seen after these plans were written, one into the other."""
    nodes = {path: node for plan in plans for path, node in PLANS[plan].items()}
    regions = {p: tuple(slice(0, n) for n in d.shape) for p, d in nodes.items() if isinstance(d, Dataset)}
    return content(nodes, lambda paths: {path: nodes[path].values.read(regions[path]) for path in paths})


def stray(s3: Bucket, place: Any) -> list[str]:
    """Return the keys of chunks that no array of the file has, and documents that no reader finds."""
    adapter = opened(place, "r", s3)
    known = set(adapter.load().nodes)
    adapter.close()
    store = s3.obstore("a.zarr")
    keys = [item["path"] for batch in store.list() for item in batch]
    return [key for key in keys if "/" in key and "/" + key.rpartition("/")[0].removesuffix("/c") not in known]


# ---------------------------------------------------------------------------------------------------------------- cost


def many(count: int) -> dict[str, Node]:
    """Return arrays of two chunks each."""
    array = Dataset(
        Number.of("int32"), (4,), ArraySource(np.arange(1, 5, dtype="int32")), {}, Layout(chunks=(2,), compressors=())
    )
    return {"/": Group(), **{f"/a{i}": array for i in range(count)}}


@both_engines
def test_a_new_file_is_one_put_for_each_document_and_chunk(s3: Bucket, at: Callable[[Bucket], Any]) -> None:
    """Many at once, the root's document last and alone, and nothing that was written is read (NEEDS 27)."""
    place = at(s3)
    s3.traffic.latency = 0.01
    s3.traffic.clear()

    write(place, s3, many(30))

    puts = s3.traffic.asked("PUT")
    assert len(puts) == len(set(puts)) == 30 * 3 + 1
    assert puts[-1] == f"{s3.name}/a.zarr/zarr.json"
    *others, last = [request for request in s3.traffic.requests if request.method == "PUT"]
    assert max(request.ended for request in others) < last.begun
    assert s3.traffic.at_once > 8
    assert not set(puts) & set(s3.traffic.asked("GET"))


@both_engines
def test_data_is_put_while_the_next_is_made(s3: Bucket, at: Callable[[Bucket], Any]) -> None:
    """So that a slow source and a slow server do not wait for each other; memory holds what is under way."""
    place = at(s3)
    put_when_asked = []

    def pieces() -> Any:
        for index in range(40):
            put_when_asked.append(len(s3.traffic.asked("PUT")))
            yield (slice(index * 2**18, (index + 1) * 2**18),), np.full(2**18, index + 1, "float64")

    stream = Dataset(Number.of("float64"), (40 * 2**18,), Stream(pieces()), {}, Layout(chunks=(2**18,), compressors=()))
    write(place, s3, {"/": Group(), "/s": stream})

    assert put_when_asked[-1] >= 20
    assert len(s3.traffic.asked("PUT")) == 40 + 2


@both_engines
def test_an_append_puts_what_is_new_and_the_root(s3: Bucket, at: Callable[[Bucket], Any]) -> None:
    """Whatever the size of the file."""
    place = at(s3)
    write(place, s3, many(20))
    s3.traffic.clear()

    write(place, s3, {"/more": many(1)["/a0"]}, "a")

    assert sorted(s3.traffic.asked("PUT")) == [
        f"{s3.name}/a.zarr/{key}" for key in ("more/c/0", "more/c/1", "more/zarr.json", "zarr.json")
    ]
    assert len(s3.traffic.requests) <= 12


# --------------------------------------------------------------------------------------------------------- interrupted


CASES = {
    "a new file": ("w", [], "new", (), 2, None),
    "in place of another": ("w", ["old"], "new", ("old",), 2, None),
    "in place of one that replaced another": ("w", ["new", "old"], "new", ("old",), 3, None),
    "after one that was killed": ("w", ["old"], "new", ("old",), 4, 4),
    "added": ("a", ["old"], "added", ("old",), 1, None),
}
"""Mode, what is there before, what is written, what of that readers see; of how many requests one is tried, and at
which an earlier attempt was killed."""


@pytest.mark.once
@pytest.mark.parametrize("case", CASES)
def test_a_writer_that_is_killed_leaves_the_old_or_the_new_state(s3: Bucket, case: str) -> None:
    """At any request that changes something; the next writer is not misled by what was left."""
    mode, earlier, plan, before, step, killed_at = CASES[case]
    old = meant(*before) if before else None
    new = meant(*before, plan) if mode == "a" else meant(plan)
    place, outcomes = by_url(s3), []

    for after in range(0, 60, step):
        for name in earlier:
            write(place, s3, PLANS[name])
        if not earlier:
            _empty(s3)
        if killed_at is not None:
            assert _killed(s3, killed_at, place, mode, "other")
        killed = _killed(s3, after, place, mode, plan)
        try:
            found = seen(place, s3)
        except FileNotFoundError:
            found = None
        assert found in (old, new), f"killed at request {after}"
        outcomes.append(found == new)
        write(place, s3, PLANS[plan], mode if found != new else "w")
        if mode == "w":
            assert seen(place, s3) == seen(place, s3, "r-") == new
            assert stray(s3, place) == []
        if not killed:
            break

    assert len(outcomes) >= 6
    assert outcomes == sorted(outcomes)  # old until one moment, and new from then on
    assert outcomes[0] is False and outcomes[-1] is True


def _empty(s3: Bucket) -> None:
    held = s3.obstore()
    for batch in list(held.list()):
        for item in batch:
            held.delete(item["path"])


def _killed(s3: Bucket, after: int, place: str, mode: str, plan: str) -> bool:
    """Write in another process, and return whether it was killed at its nth request that changes something."""
    child = FRESH.Process(target=store, args=(place, s3.storage_options, mode, plan))
    killed = _killing(s3, child, after)
    child.start()
    child.join(60)
    s3.traffic.trouble = lambda *_: None
    assert killed or child.exitcode == 0
    return bool(killed)


def _killing(s3: Bucket, child: Any, after: int) -> list[int]:
    """Kill a process at its nth request that changes something; the list is not empty once that was done."""
    left, killed = [after], []

    def trouble(method: str, _key: str, _count: int) -> Any:
        if method in MODIFIES:
            left[0] -= 1
            if left[0] < 0:
                if not killed:
                    killed.append(child.pid)
                    os.kill(child.pid, signal.SIGKILL)
                return Refused(503, "SlowDown")  # what was sent at the same time does not arrive either
        return None

    s3.traffic.trouble = trouble
    return killed


# ------------------------------------------------------------------------------------------------------------- trouble


@both_engines
@pytest.mark.parametrize("what", [Refused(500, "InternalError"), Refused(503, "SlowDown"), Dropped()])
def test_trouble_that_passes_is_tried_again(s3: Bucket, at: Callable[[Bucket], Any], what: Any) -> None:
    """By the library that speaks to the server, for chunks, documents and the commit alike."""
    place = at(s3)
    write(place, s3, PLANS["old"])
    s3.traffic.clear()
    s3.traffic.trouble = lambda method, key, count: what if method in ("PUT", "DELETE") and count == 0 else None

    write(place, s3, PLANS["new"])

    s3.traffic.trouble = lambda *_: None
    assert seen(place, s3) == seen(place, s3, "r-") == meant("new")
    assert stray(s3, place) == []


@both_engines
@pytest.mark.parametrize("where", ["chunk", "commit"])
@pytest.mark.parametrize("mode", ["w", "a"])
def test_trouble_that_stays_is_an_error_and_the_old_state_stays(
    s3: Bucket, at: Callable[[Bucket], Any], where: str, mode: str
) -> None:
    """And once it is over, the same call succeeds, and nothing is left of the first."""
    place, plan = at(s3), "new" if mode == "w" else "added"
    write(place, s3, PLANS["old"])
    chunk = "fresh/c/1" if mode == "w" else "more/c/c.0"
    broken = "/a.zarr/zarr.json" if where == "commit" else f"/a.zarr/{chunk}"

    def forbidden(method: str, key: str, _count: int) -> Any:
        return Refused(403, "AccessDenied") if method == "PUT" and key.endswith(broken) else None

    s3.traffic.trouble = forbidden
    with pytest.raises(OSError):
        write(place, s3, PLANS[plan], mode)
    s3.traffic.trouble = lambda *_: None

    assert seen(place, s3) == seen(place, s3, "r-") == meant("old")
    assert stray(s3, place) == []
    write(place, s3, PLANS[plan], mode)
    assert seen(place, s3) == (meant("new") if mode == "w" else meant("old", "added"))


def lost(after: float) -> Dataset:
    """Return a dataset whose values cannot be read after so many seconds."""

    class Lost(ArraySource):
        def read(self, region: Any) -> np.ndarray:
            time.sleep(after)
            raise RuntimeError("the source is gone")

    return Dataset(Number.of("int32"), (3,), Lost(np.zeros(3, "int32")))


@both_engines
@pytest.mark.parametrize("mode", ["w", "a"])
def test_what_is_under_way_when_a_write_fails_is_waited_for_and_removed(
    s3: Bucket, at: Callable[[Bucket], Any], mode: str
) -> None:
    """A server that is slow to store what it was sent would otherwise store it after the removal."""
    place = at(s3)
    write(place, s3, PLANS["old"])
    before = [item["path"] for item in s3.obstore().list().collect()]
    late = Late(0.6)  # seconds from when a request has arrived until anything is done about it
    s3.traffic.trouble = lambda method, key, _count: late if method == "PUT" and "fresh" in key else None

    added = {**{f"/fresh{index}": PLANS["old"]["/a"] for index in range(8)}, "/lost": lost(after=0.2)}
    with pytest.raises(RuntimeError, match="the source is gone"):
        write(place, s3, {**PLANS["old"], **added} if mode == "w" else added, mode)

    time.sleep(2 * late.seconds)
    assert [item["path"] for item in s3.obstore().list().collect()] == before


@both_engines
@pytest.mark.parametrize("mode", ["w", "a"])
def test_a_commit_whose_answer_is_lost_is_not_taken_back(s3: Bucket, at: Callable[[Bucket], Any], mode: str) -> None:
    """The caller is told of the trouble; what the server did store stays whole."""
    place, plan = at(s3), "new" if mode == "w" else "added"
    write(place, s3, PLANS["old"])
    done = []

    def lost(method: str, key: str, _count: int) -> Any:
        if method == "PUT" and key.endswith("a.zarr/zarr.json"):
            if done:
                return Refused(403, "AccessDenied")
            done.append(True)
            return Dropped()
        return None

    s3.traffic.trouble = lost
    with pytest.raises(OSError):
        write(place, s3, PLANS[plan], mode)
    s3.traffic.trouble = lambda *_: None

    assert seen(place, s3) == (meant("new") if mode == "w" else meant("old", "added"))


@both_engines
def test_a_lost_answer_does_not_keep_the_next_failure_from_being_undone(
    s3: Bucket, at: Callable[[Bucket], Any]
) -> None:
    """By the same writer: what it adds next and fails to commit goes."""
    place, done = at(s3), []
    write(place, s3, PLANS["old"])

    def lost(method: str, key: str, _count: int) -> Any:
        if method == "PUT" and key.endswith("a.zarr/zarr.json"):
            done.append(key)
            return Dropped() if len(done) == 1 else Refused(403, "AccessDenied")
        return Refused(403, "AccessDenied") if method == "PUT" and key.endswith("later/zarr.json") else None

    adapter = opened(place, "a", s3)
    s3.traffic.trouble = lost
    with pytest.raises(OSError):
        adapter.write(Plan(nodes=PLANS["added"]))
    with pytest.raises(OSError):
        adapter.write(Plan(nodes={"/later": PLANS["old"]["/a"]}))
    s3.traffic.trouble = lambda *_: None
    adapter.close()

    assert seen(place, s3) == meant("old", "added")
    assert stray(s3, place) == []
