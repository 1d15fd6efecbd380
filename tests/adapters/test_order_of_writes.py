"""What reaches a medium in which order, where the order decides what is stored, and when work on it has ended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numcodecs
import numpy as np
import pytest

from hdmf_store.adapter import Plan
from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import Codec, Dataset, Group, Layout, Number, Origin, Region, Stream
from hdmf_store_adapters.plan_writer import PlanWriter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers
from tests.adapters.stores import CountingAsyncStore, read, write

LENGTH = 2**16


class SlowForLargeValues(CountingAsyncStore):
    """A server where what is large arrives later than what is small, whichever was sent first."""

    async def set(self, key: str, value: Any) -> None:
        await asyncio.sleep(len(value) / 2e6)
        await super().set(key, value)


def test_of_a_chunk_that_a_stream_gives_twice_the_later_one_is_stored() -> None:
    """Also where both could be under way at once, and the first is so much larger that it would arrive last."""
    first, second = np.random.default_rng(0).integers(0, 2**30, LENGTH, "int32"), np.full(LENGTH, 2, "int32")

    def pieces() -> Iterator[tuple[Region, np.ndarray]]:
        for values in (first, second):
            yield (slice(0, LENGTH),), values

    store = SlowForLargeValues()
    layout = Layout(chunks=(LENGTH,), compressors=[Codec("zstd", {"level": 3, "checksum": False})])
    write(store, {"/": Group(), "/x": Dataset(Number("int32"), (2 * LENGTH,), Stream(pieces()), {}, layout)})

    assert np.array_equal(read(store).array("/x")[:LENGTH], second)


@attrs.frozen(eq=False)
class Slow:
    """Values that take their time; it is told who began and who has ended."""

    began: threading.Event
    under_way: list[int]

    @property
    def origin(self) -> Origin | None:
        return None

    def read(self, region: Region) -> np.ndarray:
        self.under_way.append(1)
        self.began.set()
        time.sleep(0.5)
        self.under_way.pop()
        return np.ones([part.stop - part.start for part in region], "int8")


class Full(CountingAsyncStore):
    """A server that has no room for what is small, once work on what is large has begun."""

    began: threading.Event

    async def set(self, key: str, value: Any) -> None:
        if key.startswith("small"):
            await asyncio.to_thread(self.began.wait, 10)
            raise OSError("the server is full")
        await super().set(key, value)


def test_nobody_works_on_a_write_any_more_when_it_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else what is finished after that would stay, as part of nothing."""
    source, store = Slow(threading.Event(), []), Full()
    store.began = source.began
    large = Dataset(Number("int8"), (2**26,), source, {}, Layout(chunks=(2**22,)))
    at_undo: list[int] = []
    undo = PlanWriter._undo

    def watched(self: PlanWriter, *arguments: Any) -> Any:
        at_undo.append(len(source.under_way))
        return undo(self, *arguments)

    monkeypatch.setattr(PlanWriter, "_undo", watched)
    adapter = ZarrAdapter(store)
    adapter.open("w")
    with ThreadPoolExecutor(2) as pool, pytest.raises(OSError, match="full"):
        small = {f"/small{at}": numbers([1, 2]) for at in range(300)}
        adapter.write(Plan(nodes={"/": Group(), "/large": large, **small}, executor=pool))
    adapter.close()

    assert source.began.is_set()
    assert at_undo == [0]


def test_a_wish_that_the_format_has_no_form_for_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    """Not even an unfinished folder lies beside the place, while the file is still open."""
    adapter = ZarrAdapter(tmp_path / "a.zarr", object_codec=numcodecs.Pickle(), zarr_format=3)
    adapter.open("w")
    with pytest.raises(ArgumentError, match="no object arrays"):
        adapter.write(Plan(nodes={"/": Group(), "/x": numbers([1])}))

    assert list(tmp_path.glob("a.zarr*")) == []
    adapter.close()
    assert list(tmp_path.iterdir()) == []
