"""`progress=`: what people see of a long write, and what a program is told."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hdmf.data_utils import DataChunkIterator
from rich.console import Console
from tqdm import tqdm

from hdmf_store import ArgumentTypeError, NewLayout, StoreIO, ZarrDataIO, ZarrIO, open_adapter, repack
from hdmf_store.facade.bars import Bars
from hdmf_store.translate.compare import compare
from hdmf_store.translate.convert import convert
from hdmf_store.translate.copying import copy
from hdmf_store.translate.examine import examine
from tests.translate.builder_files import dataset, group, root

VALUES = np.arange(50_000, dtype="float64")


def _write(path: Path, progress: Any, *more: Any) -> None:
    with ZarrIO(path, "w") as target:
        target.write_builder(root(group("g", dataset("x", VALUES)), *more), progress=progress)


def _console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, _environ={})


def _shown(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_bar_of_tqdm_counts_the_bytes_of_the_values(tmp_path: Path) -> None:
    bar = tqdm(total=None, file=io.StringIO())

    _write(tmp_path / "a.zarr", bar)

    assert (bar.n, bar.total) == (VALUES.nbytes, VALUES.nbytes)
    assert not bar.disable, "a bar of the caller's own stays open"
    bar.close()


def test_of_a_class_of_bars_one_is_made_and_closed(tmp_path: Path) -> None:
    made: list[Any] = []

    class Remembered(tqdm):  # type: ignore[misc, valid-type]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options, file=io.StringIO())
            made.append(self)

    _write(tmp_path / "a.zarr", Remembered)

    (bar,) = made
    assert (bar.n, bar.total, bar.desc) == (VALUES.nbytes, VALUES.nbytes, "Writing a.zarr")
    assert bar.disable, "closed"


def test_the_total_of_a_stream_is_not_made_up(tmp_path: Path) -> None:
    def pieces() -> Iterator[np.ndarray]:
        yield from np.ones((4, 100))

    bar = tqdm(total=None, file=io.StringIO())

    _write(tmp_path / "a.zarr", bar, dataset("s", DataChunkIterator(pieces(), buffer_size=2)))

    assert bar.total is None
    assert bar.n >= VALUES.nbytes + 3200
    bar.close()


@pytest.mark.parametrize("nothing", [None, False])
def test_no_progress_is_told_without_a_wish(tmp_path: Path, nothing: Any, capfd: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path / "a.zarr", nothing)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("wrong", [3, "yes", object()])
def test_what_is_no_progress_is_refused_before_anything_is_written(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(ArgumentTypeError, match="progress"):
        _write(tmp_path / "a.zarr", wrong)
    assert not (tmp_path / "a.zarr").exists()


def test_what_an_executor_wrote_counts_as_much(tmp_path: Path) -> None:
    """One total, whoever does the work."""
    values = np.arange(4_000_000, dtype="float64")
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file.create_dataset("x", data=values, chunks=(250_000,))
    counted = []
    with ThreadPoolExecutor(2) as pool:
        for name, executor in (("alone.zarr", None), ("shared.zarr", pool)):
            bar = tqdm(total=None, file=io.StringIO())
            with StoreIO(tmp_path / "s.h5", "r") as source, StoreIO(tmp_path / name, "w") as target:
                target.export(source, write_args={"link_data": False}, executor=executor, progress=bar)
            counted.append((bar.n, bar.total))
            bar.close()
    assert counted[0] == counted[1]
    assert counted[0][1] == values.nbytes


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "with an executor"])
@pytest.mark.parametrize("how", ["repack", "convert", "copy"])
def test_what_is_told_of_files_stored_anew_is_what_they_hold(tmp_path: Path, how: str, shared: bool) -> None:
    """Every byte of values once, every object once; also where processes or threads do the work."""
    with ZarrIO(tmp_path / "s.zarr", "w") as target:
        big = ZarrDataIO(np.arange(3_000_000, dtype="float64"), chunks=(250_000,))
        target.write_builder(root(group("g", dataset("big", big), dataset("text", ["a", "b"])), dataset("one", 3)))
    told: list[tuple[int, int]] = []

    with ThreadPoolExecutor(2) as pool:
        source, made = open_adapter(tmp_path / "s.zarr"), open_adapter(tmp_path / "m.zarr", "w")
        if how == "repack":
            layout = NewLayout(chunks_of={"/g/big": (400_000,)})
            repack(source, made, layout, executor=pool if shared else None, progress=lambda *step: told.append(step))
        else:
            store = {"convert": convert, "copy": copy}[how]
            store(source, made, progress=lambda *step: told.append(step))
        source.close()
        made.close()

    size, objects = (sum(column) for column in zip(*told, strict=True))
    assert objects == 4, "a group and three datasets; the root is the commit"
    assert 24_000_000 <= size <= 8 * 400_000 * 8 + 100, "values, with the padding of the last chunk"
    assert max(step for step, _ in told) < 24_000_000, "a piece at a time"


def test_a_terminal_shows_a_bar_over_bytes_and_one_over_objects() -> None:
    console = _console(terminal=True)

    with Bars("Writing r.zarr", console=console) as bars:
        bars.begin(2 * 2**20, 10)
        bars(2**20, 4)
        bars(0, 6)

    assert "Writing r.zarr" in _shown(console)
    assert "1.0 MiB of 2.0 MiB" in _shown(console)
    assert "10 of 10 objects" in _shown(console)


@pytest.mark.parametrize(("width", "bar", "time"), [(120, True, True), (80, False, True), (45, False, False)])
def test_a_narrow_terminal_shows_numbers_before_it_shows_bars(width: int, bar: bool, time: bool) -> None:
    """No number is cut, and no bar takes two lines."""
    console = Console(file=io.StringIO(), force_terminal=True, width=width, _environ={})

    with Bars("Writing a_file_with_a_long_name.nwb.zarr", console=console) as bars:
        bars.begin(2 * 2**30, 10)
        bars(2**30, 4)

    shown = _shown(console)
    assert "1.0 GiB of 2.0 GiB" in shown
    assert "4 of 10 objects" in shown
    assert ("━" in shown, "-:--:--" in shown) == (bar, time)
    lines = [re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\r", "", line) for line in shown.split("\n")]
    assert max(map(len, lines)) <= 2 * width, "erased and drawn again, within the width"


def test_a_bar_is_never_more_than_full() -> None:
    """Padding of chunks is written, but it is nobody's data."""
    console = _console(terminal=True)
    with Bars("Writing", console=console) as bars:
        bars.begin(2**20, 1)
        bars(3 * 2**20, 1)
    assert "3.0 MiB" not in _shown(console)
    assert "1.0 MiB of 1.0 MiB" in _shown(console)


def test_a_log_gets_a_line_now_and_then() -> None:
    console = _console(terminal=False)
    with Bars("Writing r.zarr", console=console, line_every=0) as bars:
        bars.begin(2 * 2**20, 10)
        bars(2**19, 1)
    assert _shown(console) == "Writing r.zarr: 512.0 KiB of 2.0 MiB, 1 of 10 objects\n"


def test_a_short_write_says_nothing_in_a_log() -> None:
    console = _console(terminal=False)
    with Bars("Writing", console=console) as bars:
        bars.begin(10, 1)
        bars(10, 1)
    assert _shown(console) == ""


def test_what_is_hidden_shows_nothing() -> None:
    for terminal in (True, False):
        console = _console(terminal=terminal)
        with Bars("Writing", console=console, hidden=True, line_every=0) as bars:
            bars.begin(10, 1)
            bars(10, 1)
        assert _shown(console) == ""


def test_true_shows_bars_on_standard_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hdmf_store.facade import bars

    console = _console(terminal=True)
    monkeypatch.setattr(bars, "Console", lambda **options: console)

    _write(tmp_path / "a.zarr", True)

    assert "Writing a.zarr" in _shown(console)
    assert "objects" in _shown(console)


def test_reading_through_a_file_and_comparing_it_count_bytes_and_objects(tmp_path: Path) -> None:
    """So that `verify` and `diff` of a large array show where they are."""
    _write(tmp_path / "a.zarr", False)
    _write(tmp_path / "b.zarr", False)
    read: list[tuple[int, int]] = []
    compared: list[tuple[int, int]] = []

    with closing(open_adapter(tmp_path / "a.zarr")) as one, closing(open_adapter(tmp_path / "b.zarr")) as other:
        objects = len(one.load())
        examine(one, lambda *step: read.append(step))
        compare(one, other, lambda *step: compared.append(step))

    for told in (read, compared):
        assert [sum(column) for column in zip(*told, strict=True)] == [VALUES.nbytes, objects]
