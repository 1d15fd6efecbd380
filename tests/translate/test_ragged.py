"""Ragged columns are cut so that one row of them can be had without megabytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hdmf.common import DynamicTable, VectorData, VectorIndex

from hdmf_store import NWBZarrIO
from hdmf_store.nodes import ArraySource, Dataset, Layout, Node, Number, Stream, Target, Text, whole
from hdmf_store.translate.ragged import with_short_chunks
from tests.facade.recordings import new_recording

MIB = 2**20


def column(length: int, dtype: str = "float64", **layout: Any) -> Dataset:
    """Return a column of so many numbers, all of them zero."""
    values = ArraySource(np.broadcast_to(np.zeros((), dtype), (length,)))
    return Dataset(element=Number(dtype), shape=(length,), values=values, layout=Layout(**layout))


def index_of(path: str) -> Dataset:
    """Return the index of a ragged column."""
    return attrs.evolve(column(3, "uint32"), attributes={"target": Target(path)})


def chunks_of_ragged(dataset: Node) -> tuple[int, ...] | None:
    """Return the chunks that a column gets because there is an index of it."""
    nodes = {"/times": dataset, "/times_index": index_of("/times")}
    found = with_short_chunks(nodes)
    assert found["/times_index"] is nodes["/times_index"]
    assert isinstance(found["/times"], Dataset)
    return found["/times"].layout.chunks


@pytest.mark.parametrize(
    ("length", "dtype", "expected"),
    [
        (49_152, "float64", None),
        (49_153, "float64", (32_768,)),
        (2 * MIB, "float64", (32_768,)),
        (100_000, "float32", (65_536,)),
        (64 * MIB, "float32", (MIB,)),
        (1000 * MIB, "float64", (MIB // 2,)),
    ],
)
def test_a_column_has_chunks_of_a_quarter_mebibyte_until_it_has_64_of_them(
    length: int, dtype: str, expected: tuple[int, ...] | None
) -> None:
    """Then they get longer, up to the 4 MiB that others have; and a short column is one chunk."""
    assert chunks_of_ragged(column(length, dtype)) == expected


def test_only_what_an_index_points_into_is_cut() -> None:
    """All else is read in longer stretches."""
    times = column(MIB)
    assert with_short_chunks({"/times": times, "/other_index": index_of("/other")})["/times"] is times


@pytest.mark.parametrize("wish", [{"chunks": (7,)}, {"shards": "auto"}, {"native": object()}])
def test_who_wishes_for_a_layout_gets_it(wish: dict[str, Any]) -> None:
    """Also one that is stored already and copied as it is."""
    assert chunks_of_ragged(column(MIB, **wish)) == wish.get("chunks")


def test_what_has_no_known_size_is_left_to_the_store() -> None:
    """Streams end where they end, and text is as long as it is."""
    pieces = iter([(whole((MIB,)), np.zeros(MIB))])
    assert chunks_of_ragged(attrs.evolve(column(MIB), values=Stream(pieces))) is None
    assert chunks_of_ragged(attrs.evolve(column(MIB), element=Text())) is None
    assert chunks_of_ragged(attrs.evolve(column(MIB), shape=(MIB // 4, 4))) is None


def test_a_table_is_stored_so_and_read_as_it_was(tmp_path: Path) -> None:
    """From HDMF's own objects to the file and back."""
    times, ends = np.arange(100_000) / 3, np.array([30_000, 40_000, 100_000], "uint32")
    data = VectorData(name="times", description="times", data=times)
    index = VectorIndex(name="times_index", target=data, data=ends)
    nwb = new_recording()
    nwb.add_analysis(DynamicTable(name="table", description="ragged", columns=[data, index], colnames=["times"]))

    with NWBZarrIO(tmp_path / "a.nwb.zarr", "w") as io:
        io.write(nwb)

    with NWBZarrIO(tmp_path / "a.nwb.zarr", "r") as io:
        table = io.read().analysis["table"]
        assert table["times"].target.data.chunks == (32_768,)
        assert table["times"].data.chunks == (3,)
        assert [row.tolist() for row in table["times"][:]] == [part.tolist() for part in np.split(times, ends[:-1])]
        assert table["times"][1].tolist() == times[30_000:40_000].tolist()
