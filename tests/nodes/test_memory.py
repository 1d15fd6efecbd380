"""The store in memory that others test with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hdmf_store.adapter import Plan
from hdmf_store.errors import ClosedError, HierarchyExistsError, MissingHierarchyError, MissingNodeError, ModeError
from hdmf_store.nodes import (
    ArraySource,
    Bytes,
    Compound,
    Dataset,
    Field,
    Group,
    Number,
    ReferenceTo,
    Stream,
    Text,
    Unwritten,
)
from hdmf_store.testing import MemoryAdapter, MemoryPlace


def opened(place: MemoryPlace, mode: str) -> MemoryAdapter:
    adapter = MemoryAdapter(place)
    adapter.open(mode)
    return adapter


def test_what_is_written_is_a_copy() -> None:
    """Nothing that a caller changes afterwards changes what is stored."""
    array, attributes = np.array([1, 2]), {"x": 1}
    place = MemoryPlace()

    opened(place, "w").write(Plan(nodes={"/a": Dataset(Number("int64"), (2,), ArraySource(array), attributes)}))
    array[0], attributes["x"] = 9, 9

    assert opened(place, "r").fetch(["/a"])["/a"].tolist() == [1, 2]
    assert opened(place, "r").load()["/a"].attributes == {"x": 1}


ROW = Compound([Field("n", Number("int8")), Field("t", Text()), Field("b", Bytes()), Field("r", ReferenceTo())])


@pytest.mark.parametrize(
    ("element", "expected"),
    [(Number("int8"), 0), (Text(), ""), (Bytes(), b""), (ReferenceTo(), None), (ROW, (0, "", b"", None))],
    ids=str,
)
@pytest.mark.parametrize("source", ["unwritten", "stream"])
def test_what_was_never_written_is_empty_in_normal_form(element: Any, expected: Any, source: str) -> None:
    """Zero, empty text, empty bytes, nothing, and rows of these."""
    place = MemoryPlace()
    values = Unwritten() if source == "unwritten" else Stream([])

    opened(place, "w").write(Plan(nodes={"/a": Dataset(element, (2,), values)}))

    found = opened(place, "r").fetch(["/a"])["/a"]
    assert found.dtype == element.dtype
    assert found.tolist() == [expected, expected]


def test_a_stream_grows_its_dataset() -> None:
    """Pieces may reach past the declared shape; what lies between holds the fill value."""
    place = MemoryPlace()
    pieces = [((slice(3, 4),), np.array([4])), ((slice(0, 1),), np.array([1]))]

    opened(place, "w").write(Plan(nodes={"/a": Dataset(Number("int64"), (0,), Stream(pieces))}))

    assert opened(place, "r").fetch(["/a"])["/a"].tolist() == [1, 0, 0, 4]


def test_a_write_is_all_or_nothing() -> None:
    """A stream that breaks leaves what was there."""
    place = MemoryPlace()
    opened(place, "w").write(Plan(nodes={"/": Group({"age": "old"})}))

    def broken() -> Any:
        yield (slice(0, 1),), np.array([1])
        raise RuntimeError("broken")

    for mode in ("w", "a"):
        with pytest.raises(RuntimeError, match="broken"):
            nodes = {"/": Group({"age": "new"}), "/s": Dataset(Number("int64"), (0,), Stream(broken()))}
            opened(place, mode).write(Plan(nodes=nodes))

    assert dict(opened(place, "r").load().nodes) == {"/": Group({"age": "old"})}


def test_modes_are_those_of_every_store() -> None:
    """Reading needs a hierarchy, creating needs a free place, and closing ends both."""
    place = MemoryPlace()
    for mode in ("r", "r-", "r+"):
        with pytest.raises(MissingHierarchyError):
            opened(place, mode)
    with pytest.raises(MissingHierarchyError):
        opened(place, "w").load()
    opened(place, "x").write(Plan(nodes={"/g": Group()}))
    with pytest.raises(HierarchyExistsError):
        opened(place, "w-")
    adapter = opened(place, "r")
    with pytest.raises(ModeError):
        adapter.write(Plan(nodes={}))
    for path in ("/g", "/nothing"):
        with pytest.raises(MissingNodeError, match=path):
            adapter.array(path)
    adapter.close()
    adapter.close()
    with pytest.raises(ClosedError):
        adapter.load()
