"""Columns that are lists: stored as HDMF converts them element by element, and lists again afterwards."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.common import DynamicTable, VectorData, get_manager
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from hdmf_store import ZarrIO
from hdmf_store.facade import long_lists
from hdmf_store.facade.long_lists import long_lists_as_arrays
from tests.effort import examples

KINDS = {
    "float": float,
    "float64": np.float64,
    "float32": np.float32,
    "int": int,
    "int64": np.int64,
    "int16": np.int16,
    "uint8": np.uint8,
    "bool": bool,
    "text": str,
}


def column(values: list[Any]) -> DynamicTable:
    """Return a table of one column."""
    data = VectorData(name="x", description="values", data=values)
    return DynamicTable(name="root", description="a table", columns=[data])


def stored(values: list[Any], shortest: int) -> tuple[np.dtype, list[Any]]:
    """Return the type and the values of a column that was written, lists being long from a length on."""
    place = MemoryStore()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_lists, "_LONG", shortest)
        with ZarrIO(place, "w", get_manager()) as io:
            io.write(column(values), cache_spec=False)
    with ZarrIO(place, "r", get_manager()) as io:
        found = io.read()["x"].data
        return found.dtype, found[:].tolist()


numbers = st.integers(0, 100)


@settings(max_examples=examples(40), deadline=None)
@given(st.lists(numbers, min_size=1, max_size=6), st.sampled_from(sorted(KINDS)))
def test_a_long_list_is_stored_as_a_short_one_is(values: list[int], kind: str) -> None:
    """Whatever its elements are."""
    given_ = [KINDS[kind](value) for value in values]

    assert stored(given_, shortest=1) == stored(given_, shortest=10**9)


@settings(max_examples=examples(20), deadline=None)
@given(st.lists(st.tuples(numbers, st.sampled_from(["float", "float64", "int", "int64"])), min_size=2, max_size=6))
def test_a_list_of_several_types_is_stored_as_a_short_one_is(values: list[tuple[int, str]]) -> None:
    """HDMF has the last word on those."""
    given_ = [KINDS[kind](value) for value, kind in values]

    assert stored(given_, shortest=1) == stored(given_, shortest=10**9)


def test_lists_are_lists_again_when_the_file_is_written(tmp_path: Path) -> None:
    """The same ones, so that rows can be added."""
    values = [float(value) for value in range(2_000)]
    table = column(values)

    with ZarrIO(tmp_path / "a.zarr", "w", get_manager()) as io:
        io.write(table)

    assert table["x"].data is values
    table.add_row(x=1.5)
    assert values[-1] == 1.5


def test_lists_are_lists_again_when_something_fails() -> None:
    """Within, or on the way to it."""
    values = [1] * 2_000
    table = column(values)

    with pytest.raises(ZeroDivisionError), long_lists_as_arrays(table):
        assert isinstance(table["x"].data, np.ndarray)
        raise ZeroDivisionError

    assert table["x"].data is values


@pytest.mark.parametrize("values", [[2**70] * 2_000, [True] * 2_000, ["a"] * 2_000, [1, 2.0] * 1_000, [1.0]])
def test_other_lists_are_left_to_hdmf(values: list[Any]) -> None:
    """Integers that numpy has no type for, truth values, text, several types, and what is short."""
    table = column(values)
    with long_lists_as_arrays(table):
        assert table["x"].data is values


def test_hdmf_looks_at_no_element_of_a_long_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its conversion is asked once for the column."""
    from hdmf.build import ObjectMapper

    asked: list[Any] = []
    convert = ObjectMapper.convert_dtype.__func__  # type: ignore[attr-defined]
    monkeypatch.setattr(
        ObjectMapper,
        "convert_dtype",
        classmethod(lambda cls, spec, value, *more: asked.append(value) or convert(cls, spec, value, *more)),
    )
    with ZarrIO(tmp_path / "a.zarr", "w", get_manager()) as io:
        io.write(column([float(value) for value in range(5_000)]))

    assert len(asked) < 100
