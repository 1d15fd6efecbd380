"""What a plan does to what is stored, and what every reader then sees."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdmf_store.adapter import Plan
from hdmf_store.errors import NameNotAllowedError, UnsupportedValueError
from hdmf_store.nodes import (
    ROOT,
    ArraySource,
    Dataset,
    Group,
    Layout,
    Link,
    Node,
    Number,
    Stream,
    Target,
    Unwritten,
    parent,
)
from hdmf_store.testing.conformance.base import Subject, held_differences
from hdmf_store.testing.conformance.content import PROPERTY, drawn_for
from hdmf_store.testing.conformance.samples import numbers, recording, texts
from hdmf_store.testing.equality import plain

__all__ = ["Writing"]

ADDING = pytest.mark.parametrize("mode", ["r+", "a"])


class Writing(Subject):
    """What `write` and `consolidate` promise when all goes well."""

    @pytest.fixture(autouse=True)
    def _writing_is_for_writers(self, request: pytest.FixtureRequest, place: Any) -> None:
        if request.function.__name__ in vars(Writing):  # it is called for the tests of all other classes too
            self.needs(place, writable=True)

    @ADDING
    def test_what_is_added_joins_what_is_there(self, place: Any, mode: str) -> None:
        """New nodes in new and in old groups; the old ones stay as they were."""
        new: dict[str, Node] = {
            "/group/more": numbers([1, 2]),
            "/new": Group({"x": 1}),
            "/new/text": texts(["a"]),
            "/new/link": Link(Target("/group/more")),
        }
        self.write(place, recording())

        self.write(place, new, mode)

        self.assert_holds(place, {**recording(), **new})

    @ADDING
    def test_attributes_that_are_given_again_replace_those_that_are_stored(self, place: Any, mode: str) -> None:
        """For groups, the root and datasets; values, links and what lies below stay."""
        self.write(place, recording())
        changed: dict[str, Node] = {
            path: attrs.evolve(node, attributes={"only": path})
            for path, node in recording().items()
            if path in ("/", "/group", "/group/data") and not isinstance(node, Link)
        }

        self.write(place, changed, mode)

        self.assert_holds(place, {**recording(), **changed})

    def test_replacing_leaves_nothing_of_what_was_there(self, place: Any) -> None:
        """Neither nodes, nor attributes, nor values of a dataset of the same name."""
        other: dict[str, Node] = {"/": Group({"other": 1}), "/group": Group(), "/group/data": numbers([[1, 2]])}
        self.write(place, recording())

        self.write(place, other)

        self.assert_holds(place, other)

    def test_every_reader_sees_a_write_at_once(self, place: Any) -> None:
        """Who wrote, who opens afterwards, and whoever does so without consolidated metadata."""
        everything = recording()
        with self.opened(place, "w") as adapter:
            adapter.write(Plan(nodes=everything))
            for step in range(3):
                new: dict[str, Node] = {f"/group/step {step}": numbers([step, step], "int64")}
                adapter.write(Plan(nodes=new))
                everything |= new
                assert held_differences(adapter, everything) == []
                if not self.is_exclusive:
                    self.assert_holds(place, everything)
        self.assert_holds(place, everything)

    is_exclusive = False
    """Whether the engine keeps readers out while a writer has the place open; override to True if it does."""

    def test_what_is_written_is_a_copy(self, place: Any) -> None:
        """Nothing that a caller changes afterwards changes what is stored, and the plan comes back as it went in."""
        array, attributes = np.arange(4), {"list": [1, 2], "array": np.arange(2)}
        nodes: dict[str, Node] = {"/": Group(attributes), "/a": Dataset(Number("int64"), (4,), ArraySource(array))}
        before = plain(attributes)

        with self.opened(place, "w") as adapter:
            adapter.write(Plan(nodes=nodes))
            assert (plain(attributes), array.tolist(), sorted(nodes)) == (before, [0, 1, 2, 3], ["/", "/a"])
            array[:] = 9
            attributes["list"] = []

        was = Group({"list": [1, 2], "array": np.arange(2)})
        self.assert_holds(place, {"/": was, "/a": numbers(range(4), "int64")})

    def test_a_root_that_a_plan_leaves_out_is_made(self, place: Any) -> None:
        """Without attributes."""
        self.write(place, {"/a": numbers([1])})

        self.assert_holds(place, {"/": Group(), "/a": numbers([1])})

    # ------------------------------------------------------------------------------------------------------- streams

    @pytest.mark.parametrize("interleave", [False, True])
    @pytest.mark.parametrize("order", ["in order", "from behind", "across chunks"])
    def test_a_stream_fills_its_dataset(self, place: Any, order: str, interleave: bool) -> None:
        """Whatever the order and the cut of its pieces, and however many streams come together."""
        array = np.arange(1, 81, dtype="int32").reshape(20, 4)
        step = {"in order": 5, "from behind": 5, "across chunks": 7}[order]
        starts = list(range(0, 20, step))
        nodes: dict[str, Node] = {"/": Group()}
        for name in ("/a", "/b"):
            pieces = [((slice(at, min(at + step, 20)), slice(0, 4)), array[at : at + step]) for at in starts]
            stream = Stream(iter(pieces[::-1] if order == "from behind" else pieces))
            nodes[name] = Dataset(Number("int32"), (20, 4), stream, {"of": name}, Layout(chunks=(5, 4)))

        self.write(place, nodes, interleave=interleave)

        whole = {name: Dataset(Number("int32"), (20, 4), ArraySource(array), {"of": name}) for name in ("/a", "/b")}
        self.assert_holds(place, {"/": Group(), **whole})

    def test_a_stream_may_reach_past_the_shape_that_was_declared(self, place: Any) -> None:
        """The dataset grows to hold it; what lies between is the fill value."""
        pieces = [((slice(0, 2),), np.array([1, 2])), ((slice(5, 7),), np.array([3, 4]))]
        node = Dataset(Number("int64"), (0,), Stream(pieces), {}, Layout(chunks=(3,)))

        self.write(place, {"/": Group(), "/s": node})

        self.assert_holds(place, {"/": Group(), "/s": numbers([1, 2, 0, 0, 0, 3, 4], "int64")})

    @pytest.mark.parametrize(("fill", "expected"), [(None, 0), (7, 7)])
    def test_what_is_to_be_filled_later_reads_as_its_fill_value(self, place: Any, fill: Any, expected: int) -> None:
        """Zero, if none was named."""
        node = Dataset(Number("int16"), (3, 2), Unwritten(), {}, Layout(fill_value=fill, chunks=(2, 2)))

        self.write(place, {"/": Group(), "/later": node})

        self.assert_holds(place, {"/": Group(), "/later": numbers(np.full((3, 2), expected), "int16")})

    # ----------------------------------------------------------------------------------------------- wishes of a plan

    def test_progress_adds_up_to_what_was_written(self, place: Any) -> None:
        """To all bytes of numbers, and to every node."""
        told: list[tuple[int, int]] = []
        array = np.arange(50_000, dtype="float64").reshape(-1, 5)

        with self.opened(place, "w") as adapter:
            nodes: dict[str, Node] = {"/": Group(), "/a": numbers(array, "float64", chunks=(1000, 5)), "/g": Group()}
            adapter.write(Plan(nodes=nodes), lambda size, objects: told.append((size, objects)))

        assert sum(size for size, _ in told) == array.nbytes
        assert sum(objects for _, objects in told) in (len(nodes) - 1, len(nodes)), "the root may be left out"

    def test_an_executor_changes_nothing_in_what_is_stored(self, place: Any) -> None:
        """A store may use it or not."""
        array = np.arange(200_000, dtype="int32").reshape(-1, 10)
        nodes: dict[str, Node] = {**recording(), "/large": numbers(array, chunks=(2500, 10))}

        with ThreadPoolExecutor(2) as pool:
            self.write(place, nodes, executor=pool)

        self.assert_holds(place, nodes)

    def test_consolidation_is_no_matter_of_content(self, place: Any) -> None:
        """Without it, after it was made up for, and after more was written, readers see the same."""
        more: dict[str, Node] = {"/later": numbers([1])}
        self.write(place, recording(), consolidate=False)
        self.assert_holds(place, recording())

        with self.opened(place, "r+") as adapter:
            adapter.consolidate()
        self.assert_holds(place, recording())

        self.write(place, more, "r+", consolidate=False)
        self.assert_holds(place, {**recording(), **more})

    # ------------------------------------------------------------------------------------------------------- any order

    @PROPERTY
    @given(data=st.data())
    def test_writing_in_any_steps_equals_writing_at_once(self, data: st.DataObject) -> None:
        """A hierarchy that is stored in parts, each in an opening of its own or not, is the whole."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            hierarchy = data.draw(drawn_for(self, folder))
            steps = _steps(hierarchy.nodes, data)
            place = self.new_place(folder)
            try:
                with self.opened(place, "w") as adapter:
                    adapter.write(Plan(nodes=steps[0]))
                    if len(steps) > 2:
                        adapter.write(Plan(nodes=steps[1]))
                for step in steps[2:] if len(steps) > 2 else steps[1:]:
                    self.write(place, step, "a")
            except (UnsupportedValueError, NameNotAllowedError):
                return

            self.assert_holds(place, hierarchy.nodes)


def _steps(nodes: Any, data: st.DataObject) -> list[dict[str, Node]]:
    """Cut nodes into parts so that no part needs groups of a later one."""
    at = {ROOT: 0}
    for path in nodes:
        if path != ROOT:
            at[path] = data.draw(st.integers(at[parent(path)], 2), label=f"step of {path!r}")
    steps = [{path: nodes[path] for path in nodes if at[path] == step} for step in range(3)]
    return [step for step in steps if step]
