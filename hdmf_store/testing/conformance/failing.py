"""What fails leaves no trace: all or nothing, and the user's own errors come back as themselves."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from typing import Any

import attrs
import numpy as np
import pytest

from hdmf_store.adapter import Plan
from hdmf_store.errors import (
    HDMFStoreError,
    MissingHierarchyError,
    NameNotAllowedError,
    UnreadableError,
    UnsupportedValueError,
)
from hdmf_store.nodes import (
    ArraySource,
    Dataset,
    Group,
    Layout,
    Link,
    Node,
    Number,
    Piece,
    Region,
    Stream,
    Target,
    Unreadable,
)
from hdmf_store.testing.conformance.base import Subject, held_differences
from hdmf_store.testing.conformance.samples import numbers, recording, texts

__all__ = ["Failing"]


class RecorderDied(Exception):
    """What a user's own code raises."""


@attrs.frozen(eq=False)
class _Breaking:
    """Values that can be read up to a point."""

    good: int
    origin: None = None

    def read(self, region: Region) -> np.ndarray:
        if region[0].stop > self.good:
            raise RecorderDied
        return np.ones(tuple(s.stop - s.start for s in region), "float64")


def _breaking_stream() -> Iterator[Piece]:
    yield (slice(0, 2),), np.array([1.0, 2.0])
    raise RecorderDied


def _nodes(kind: str) -> dict[str, Node]:
    """Return nodes some of which are good, and one that breaks on being stored."""
    length = 2**20
    broken = {
        "stream": Dataset(Number("float64"), (0,), Stream(_breaking_stream()), {}, Layout(chunks=(2,))),
        "source": Dataset(Number("float64"), (length,), _Breaking(length // 2), {}, Layout(chunks=(2**16,))),
    }
    return {
        "/": Group({"new": True}),
        "/group": Group({"new": True}),
        "/group/first": numbers([1, 2]),
        "/new": Group(),
        "/new/text": texts(["a", "b"]),
        "/new/link": Link(Target("/group")),
        "/new/broken": broken[kind],
        "/z last": numbers([3]),
    }


KINDS = pytest.mark.parametrize("kind", ["stream", "source"])


class _Failing(Executor):
    """An executor whose workers are gone."""

    def submit(self, *_args: Any, **_named: Any) -> Future[Any]:
        raise RecorderDied


class Failing(Subject):
    """What `write` promises when something goes wrong."""

    @pytest.fixture(autouse=True)
    def _failing_is_for_writers(self, request: pytest.FixtureRequest, place: Any) -> None:
        if request.function.__name__ in vars(Failing):  # it is called for the tests of all other classes too
            self.needs(place, writable=True)

    @KINDS
    @pytest.mark.parametrize("mode", ["w", "w-", "a"])
    def test_a_new_hierarchy_that_fails_is_not_there(self, place: Any, kind: str, mode: str) -> None:
        """The error of the user's own code comes back as itself, and nothing is left."""
        with self.opened(place, mode) as adapter, pytest.raises(RecorderDied):
            adapter.write(Plan(nodes=_nodes(kind)))

        with pytest.raises(MissingHierarchyError), self.opened(place) as reader:
            reader.load()

    @KINDS
    @pytest.mark.parametrize("mode", ["w", "r+", "a"])
    def test_a_write_that_fails_leaves_what_was_there(self, place: Any, kind: str, mode: str) -> None:
        """Replacing or adding: readers see the old hierarchy, attributes included."""
        if mode != "w":
            self.needs(place, atomic_changes=True)
        self.write(place, recording())

        with self.opened(place, mode) as adapter, pytest.raises(RecorderDied):
            adapter.write(Plan(nodes=_nodes(kind)))

        self.assert_holds(place, recording())

    def test_the_writer_itself_sees_what_was_there_and_can_go_on(self, place: Any) -> None:
        """The same call succeeds once the cause is gone."""
        self.needs(place, atomic_changes=True)
        self.write(place, recording())

        with self.opened(place, "r+") as adapter:
            with pytest.raises(RecorderDied):
                adapter.write(Plan(nodes=_nodes("stream")))
            assert held_differences(adapter, recording()) == []
            good = {path: node for path, node in _nodes("stream").items() if path != "/new/broken"}
            adapter.write(Plan(nodes=good))

        self.assert_holds(place, {**recording(), **good})

    def test_closing_without_a_write_that_succeeded_leaves_what_was_there(self, place: Any) -> None:
        """A failure, then `close`: the old hierarchy is complete."""
        self.write(place, recording())
        adapter = self.connect(place)
        adapter.open("w")
        with pytest.raises(RecorderDied):
            adapter.write(Plan(nodes=_nodes("source")))

        adapter.close()

        self.assert_holds(place, recording())

    def test_what_cannot_be_stored_is_named_and_nothing_else_is_stored(self, place: Any) -> None:
        """A dataset whose type nobody knows."""
        unknown = Dataset(Unreadable("of a type from the future"), (2,), ArraySource(np.zeros(2, object)))

        with self.opened(place, "w") as adapter, pytest.raises((UnreadableError, UnsupportedValueError)) as caught:
            adapter.write(Plan(nodes={"/": Group(), "/good": numbers([1]), "/unknown": unknown}))

        assert "/unknown" in str(caught.value)
        with pytest.raises(MissingHierarchyError), self.opened(place) as reader:
            reader.load()

    def test_names_that_the_store_keeps_for_itself_are_refused_together(self, place: Any) -> None:
        """One error lists all of them, before anything is stored."""
        reserved = self.capabilities(place).reserved_names
        if not reserved:
            pytest.skip("about stores that keep names for themselves")
        bad = [f"/{name}" for name in reserved] + [f"/group/{name}" for name in reserved]

        with pytest.raises(NameNotAllowedError) as caught:
            self.write(place, {"/": Group(), "/group": Group(), **{path: Group() for path in bad}})

        assert sorted(caught.value.names) == sorted(bad)
        with pytest.raises(MissingHierarchyError), self.opened(place) as reader:
            reader.load()

    def test_who_watches_can_stop_a_write(self, place: Any) -> None:
        """An error from the callback for progress comes back as itself, and the old hierarchy stays."""
        self.write(place, recording())

        def stop(_size: int, _objects: int) -> None:
            raise RecorderDied

        with self.opened(place, "w") as adapter, pytest.raises(RecorderDied):
            adapter.write(Plan(nodes={"/": Group(), "/a": numbers(range(100))}), stop)

        self.assert_holds(place, recording())

    def test_an_executor_that_fails_does_no_harm(self, place: Any) -> None:
        """It is not used, or its error comes back as itself and the old hierarchy stays."""
        self.write(place, recording())
        large: dict[str, Node] = {
            "/": Group(),
            "/a": Dataset(Number("float64"), (2**20,), _Breaking(2**20), {}, Layout(chunks=(2**16,))),
        }
        try:
            self.write(place, large, executor=_Failing())
        except RecorderDied:
            self.assert_holds(place, recording())
            return

        self.assert_holds(place, {"/": Group(), "/a": numbers(np.ones(2**20), "float64")})

    def test_errors_survive_pickling(self, place: Any) -> None:
        """So that they cross from a worker to its caller."""
        with pytest.raises(HDMFStoreError) as caught, self.opened(place) as reader:
            reader.load()

        again = pickle.loads(pickle.dumps(caught.value))

        assert (type(again), str(again)) == (type(caught.value), str(caught.value))
