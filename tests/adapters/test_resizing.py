"""Arrays that a user makes shorter or longer in an open file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from zarr.storage import MemoryStore

from hdmf_store.nodes import Group
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers, texts
from tests.adapters.stores import write


def _opened(values: Any, make: Any = numbers, **layout: Any) -> ZarrAdapter:
    store = MemoryStore()
    write(store, {"/": Group(), "/a": make(values, **layout)})
    adapter = ZarrAdapter(store)
    adapter.open("r+")
    return adapter


@pytest.mark.parametrize(
    "layout", [{"chunks": (3, 3)}, {"chunks": (2, 2), "shards": (8, 4)}, {"chunks": (10, 10)}], ids=str
)
def test_what_was_cut_off_does_not_come_back(layout: dict[str, Any]) -> None:
    """An array that was shortened and lengthened again holds the fill value where it was cut, as in HDF5."""
    values = np.arange(1, 101).reshape(10, 10)
    array = _opened(values, **layout).array("/a")

    array.resize((5, 3))
    assert array[:].tolist() == values[:5, :3].tolist()
    array.resize((10, 10))

    expected = np.zeros((10, 10), int)
    expected[:5, :3] = values[:5, :3]
    assert array[:].tolist() == expected.tolist()


def test_text_that_was_cut_off_does_not_come_back() -> None:
    """The same for text, whose fill value is empty."""
    array = _opened(["a", "b", "c"], texts).array("/a")

    array.resize((1,))
    array.resize((3,))

    assert array[:].tolist() == ["a", "", ""]


@pytest.mark.parametrize("shape", [(-1, 3), (5,), (5, 5, 5)])
def test_a_shape_that_cannot_be_leaves_the_values(shape: tuple[int, ...]) -> None:
    """A refused shape changes nothing."""
    values = np.arange(1, 26).reshape(5, 5)
    array = _opened(values, chunks=(2, 2)).array("/a")

    with pytest.raises(ValueError, match=r"/a: .* is no shape for an array of 2 axes"):
        array.resize(shape)

    assert array[:].tolist() == values.tolist()
