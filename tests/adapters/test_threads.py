"""Threads that work ahead: in which order results come, how much is under way, what becomes of errors.

Holds what users asked for (NEEDS 12).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hdmf_store.nodes import ArraySource, Dataset, Group, Layout, Number, Stream
from hdmf_store_adapters import threads
from hdmf_store_adapters.chunk_queue import ChunkQueue
from hdmf_store_adapters.local_files import LocalFiles
from hdmf_store_adapters.threads import WorkAhead, processors
from tests.adapters.stores import write


class Counted:
    """Calls that hold bytes from when they are asked for until their results are taken."""

    def __init__(self, room: int) -> None:
        self.ahead = WorkAhead[int](room)
        self.held = 0
        self.most = 0
        self.sizes: list[int] = []

    def run(self, sizes: list[int]) -> Iterator[int]:
        with self.ahead as ahead:
            for number, size in enumerate(sizes):
                yield from map(self._taken, ahead.room_for(size))
                self.held += size
                self.most = max(self.most, self.held)
                self.sizes.append(size)
                ahead.ask(size, lambda number: number, number)
            yield from map(self._taken, ahead.rest())

    def _taken(self, number: int) -> int:
        self.held -= self.sizes[number]
        return number


def test_results_come_in_the_order_of_the_calls_whichever_is_done_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """So what is stored is the same whatever the number of threads."""
    monkeypatch.setattr(threads, "processors", lambda: 2)  # also where there is one
    last_is_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            assert last_is_done.wait(10)
        if number == 1:
            last_is_done.set()
        return number

    with WorkAhead[int](100) as ahead:
        for number in range(5):
            ahead.ask(1, work, number)
        found = list(ahead.rest())

    assert found == [0, 1, 2, 3, 4]


def test_no_more_bytes_are_under_way_than_there_is_room_for() -> None:
    """The sizes of calls count, not their number."""
    counted = Counted(room=10)

    found = list(counted.run([4, 3, 4, 2, 9, 1, 1, 1]))

    assert found == list(range(8))
    assert counted.most == 10


def test_a_call_that_needs_more_than_the_room_goes_alone() -> None:
    """Nothing else is held meanwhile."""
    counted = Counted(room=10)

    found = list(counted.run([4, 50, 4]))

    assert found == [0, 1, 2]
    assert counted.most == 50


def test_an_error_reaches_the_caller_as_itself_and_the_rest_is_dropped() -> None:
    """Calls that have not begun never begin."""
    begun: list[int] = []
    may_end = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        if number == 0:
            raise RuntimeError("the amplifier was unplugged")
        may_end.wait(10)
        return number

    with pytest.raises(RuntimeError, match="unplugged"), WorkAhead[int](1000) as ahead:
        try:
            for number in range(100):
                ahead.ask(1, work, number)
            list(ahead.rest())
        finally:
            threading.Timer(0.1, may_end.set).start()

    assert 0 in begun
    assert len(begun) <= 1 + 2 * 16


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="processes cannot be held to processors here")
def test_a_process_that_may_use_one_processor_counts_one() -> None:
    """What a scheduler of a cluster allows a job is what counts, not the size of its machine."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        assert processors() == 1
    finally:
        os.sched_setaffinity(0, allowed)

    assert processors() == len(allowed)


@pytest.mark.parametrize("streamed", [False, True], ids=["array", "stream"])
def test_a_file_is_the_same_to_the_byte_whatever_the_number_of_threads(
    streamed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks that threads encode are stored as one thread would store them."""
    array = np.arange(3_000_000, dtype="int32").reshape(-1, 3) // 7
    pieces = [((slice(at, at + 50_000), slice(0, 3)), array[at : at + 50_000]) for at in range(0, len(array), 50_000)]

    files = []
    for count in (1, 7):
        monkeypatch.setattr(threads, "processors", lambda count=count: count)
        values = Stream(pieces) if streamed else ArraySource(array)
        layout = Layout(chunks=(33_000, 2))
        place = tmp_path / f"{count}.zarr"
        write(place, {"/": Group(), "/x": Dataset(Number("int32"), array.shape, values, {}, layout)})
        files.append({path.relative_to(place): path.read_bytes() for path in place.rglob("*") if path.is_file()})

    assert len(files[0]) > 60
    assert files[0] == files[1]


def test_an_error_while_a_chunk_of_a_stream_is_encoded_stores_nothing_that_comes_after_it(tmp_path: Path) -> None:
    """It reaches whoever stores as itself, and what was stored before stays."""
    medium = LocalFiles(tmp_path)

    def encode(chunk: np.ndarray) -> bytes:
        if chunk[0] == 2:
            raise RuntimeError("this chunk cannot be encoded")
        return chunk.tobytes()

    with pytest.raises(RuntimeError, match="cannot be encoded"), ChunkQueue(medium, 4) as queue:
        for number in range(8):
            queue.put(str(number), np.full(4, number, np.uint8), encode)
            queue.store_encoded()
        queue.store_all()

    assert set(medium.list_keys()) <= {"0", "1"}
