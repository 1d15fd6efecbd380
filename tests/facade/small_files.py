"""A small file that tests of places write and find again."""

from __future__ import annotations

from typing import Any

import numpy as np

from hdmf_store import StoreIO
from tests.translate.builder_files import dataset, group, root

__all__ = ["check", "content"]


def content() -> Any:
    """Return builders of a file."""
    return root(dataset("x", np.arange(5)), group("g", dataset("t", ["a", "b"])), title="t")


def check(io: StoreIO) -> None:
    """Assert that a file holds them."""
    found = io.read_builder()
    assert found.attributes["title"] == "t"
    assert found["x"].data[:].tolist() == [0, 1, 2, 3, 4]
    assert found["g"]["t"].data[:].tolist() == ["a", "b"]
