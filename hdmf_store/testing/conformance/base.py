"""What a conformance test needs to know of an adapter, and how all tests write and read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hdmf_store.adapter import Capabilities, Plan, StoreAdapter
from hdmf_store.nodes import Dataset, Node, whole
from hdmf_store.testing.equality import differences

__all__ = ["Subject"]


class Subject:
    """The adapter under test.

    A derived class names the adapter's class and says what a new place is. Everything else follows from the
    adapter's `Capabilities`.
    """

    adapter_class: ClassVar[Any]
    """The class of the adapter, or any callable that takes a place."""

    def new_place(self, folder: Path) -> Any:
        """Return a place at which nothing lies, another one at each call.

        Parameters
        ----------
        folder : Path
            Exists, is empty, and is gone after the test.
        """
        raise NotImplementedError(f"{type(self).__name__}.new_place must return a place for a new hierarchy")

    def connect(self, place: Any) -> StoreAdapter:
        """Return an adapter for a place, not yet open; a new one at each call."""
        return type(self).adapter_class(place)

    def place_holding(self, folder: Path, nodes: Mapping[str, Node]) -> Any:
        """Return a new place at which nodes lie; override where the adapter itself cannot write."""
        place = self.new_place(folder)
        self.write(place, nodes)
        return place

    # ------------------------------------------------------------------------------------------------ for the tests

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        """An empty folder."""
        made = tmp_path / "conformance"
        made.mkdir()
        return made

    @pytest.fixture
    def place(self, folder: Path) -> Any:
        """A place at which nothing lies."""
        return self.new_place(folder)

    def capabilities(self, place: Any) -> Capabilities:
        """Return what the adapter says that it can do."""
        return self.connect(place).capabilities

    def needs(self, place: Any, **required: bool) -> None:
        """Skip a test of what the adapter does not claim to do."""
        known = self.capabilities(place)
        for name, wanted in required.items():
            if getattr(known, name) is not wanted:
                pytest.skip(f"about stores with {name}={wanted}")

    @contextmanager
    def opened(self, place: Any, mode: str = "r") -> Iterator[StoreAdapter]:
        """Open an adapter for a while."""
        adapter = self.connect(place)
        adapter.open(mode)
        try:
            yield adapter
        finally:
            adapter.close()

    def write(self, place: Any, nodes: Mapping[str, Node], mode: str = "w", **plan: Any) -> None:
        """Store nodes in one opening."""
        with self.opened(place, mode) as adapter:
            adapter.write(Plan(nodes=nodes, **plan))

    def found(self, place: Any, expected: Mapping[str, Node], mode: str = "r") -> list[str]:
        """Return how a new reader finds something else than expected, by both ways of reading values."""
        with self.opened(place, mode) as adapter:
            return held_differences(adapter, expected)

    def assert_holds(self, place: Any, expected: Mapping[str, Node]) -> None:
        """Fail unless a new reader finds what is expected, with and without consolidated metadata."""
        for mode in ("r", "r-"):
            assert self.found(place, expected, mode) == [], f"read again in mode {mode!r}"


def held_differences(adapter: StoreAdapter, expected: Mapping[str, Node]) -> list[str]:
    """Return how an open adapter holds something else than expected."""
    nodes = adapter.load().nodes
    datasets = [path for path, node in nodes.items() if isinstance(node, Dataset)]
    fetched = adapter.fetch(datasets)

    def through_source(path: str) -> Any:
        dataset: Any = nodes[path]
        return dataset.values.read(whole(dataset.shape))

    return [
        *(f"fetch: {line}" for line in differences(expected, nodes, fetched.__getitem__)),
        *(f"read: {line}" for line in differences(expected, nodes, through_source)),
    ]
