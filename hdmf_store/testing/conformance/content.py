"""What is stored comes back: every kind of node, element, shape and attribute, by every way of reading."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from hdmf_store.errors import HDMFStoreError, MissingNodeError, NameNotAllowedError, UnsupportedValueError
from hdmf_store.nodes import Dataset, Group, Hierarchy, Node, Number, Origin
from hdmf_store.testing import strategies
from hdmf_store.testing.conformance.base import Subject
from hdmf_store.testing.conformance.samples import (
    ATTRIBUTES,
    ELEMENTS,
    MAY_BE_REFUSED,
    SHAPES,
    filled,
    numbers,
    recording,
    texts,
)

__all__ = ["PROPERTY", "Content"]

PROPERTY = settings(
    deadline=None, max_examples=max(1, settings().max_examples // 5), suppress_health_check=list(HealthCheck)
)
"""For property-based tests: an example opens a store several times, so a fifth of what the Hypothesis profile says."""

_NAMES = ("with blank", "ä", "日本", "a.b", ".hidden", "c", "0", "UPPER", "x" * 100, "a=b&c", "100%", "#1", "it's")
_DEPTH, _WIDTH = 60, 300


class Content(Subject):
    """Everything that nodes may hold."""

    @pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
    @pytest.mark.parametrize("name", ELEMENTS)
    def test_values_of_every_type_and_shape_come_back(self, folder: Path, name: str, shape: tuple[int, ...]) -> None:
        """Equal in type, shape and value; some types may be refused, but not changed."""
        nodes: dict[str, Node] = {
            "/": Group(),
            "/group": Group(),
            "/group/data": numbers([1]),
            "/values": filled(ELEMENTS[name], shape),
        }
        if 0 in shape and "bytes" in repr(ELEMENTS[name]).lower():
            self.needs(self.new_place(folder), keeps_bytes=True)
        try:
            place = self.place_holding(folder, nodes)
        except UnsupportedValueError:
            assert name in MAY_BE_REFUSED, f"{name} is what every store has to keep"
            return

        self.assert_holds(place, nodes)

    @pytest.mark.parametrize("name", ATTRIBUTES)
    def test_attributes_of_every_kind_come_back(self, folder: Path, name: str) -> None:
        """On the root, on groups and on datasets, with their types."""
        attributes = {"before": 1, name: ATTRIBUTES[name], "after": "z"}
        nodes: dict[str, Node] = {
            "/": Group(attributes),
            "/group": Group(attributes),
            "/group/data": Dataset(Number("int8"), (2,), numbers([1, 2], "int8").values, attributes),
        }

        place = self.place_holding(folder, nodes)

        self.assert_holds(place, nodes)

    def test_every_kind_of_node_comes_back(self, folder: Path) -> None:
        """Groups, also empty ones, datasets, links and references."""
        place = self.place_holding(folder, recording())

        self.assert_holds(place, recording())

    def test_a_hierarchy_of_a_root_alone_is_a_hierarchy(self, folder: Path) -> None:
        """It may be all that there is."""
        place = self.place_holding(folder, {"/": Group({"alone": True})})

        self.assert_holds(place, {"/": Group({"alone": True})})

    def test_groups_may_lie_deep_and_be_many(self, folder: Path) -> None:
        """Neither depth nor width is limited by the number of a person's fingers."""
        deep = {"/d" * level: Group({"level": level}) for level in range(1, _DEPTH)}
        wide = {f"/g{number}": Group() for number in range(_WIDTH)}
        nodes: dict[str, Node] = {"/": Group(), **deep, "/d" * _DEPTH: numbers([1, 2]), **wide}

        place = self.place_holding(folder, nodes)

        self.assert_holds(place, nodes)

    @pytest.mark.parametrize("name", _NAMES)
    def test_a_name_is_kept_or_refused(self, folder: Path, name: str) -> None:
        """Under its own spelling; a refusal comes before anything is stored."""
        nodes: dict[str, Node] = {"/": Group(), f"/{name}": Group({"of": name}), f"/{name}/{name}": numbers([1, 2])}
        try:
            place = self.place_holding(folder, nodes)
        except NameNotAllowedError:
            return

        self.assert_holds(place, nodes)

    def test_values_larger_than_a_chunk_come_back(self, folder: Path) -> None:
        """Megabytes, in the chunks that were asked for and in those that the store chooses."""
        array = np.arange(2**18, dtype="int32").reshape(-1, 64)
        nodes: dict[str, Node] = {
            "/": Group(),
            "/chosen": numbers(array),
            "/asked": numbers(array, chunks=(1000, 10)),
            "/many texts": texts([f"line {number}" for number in range(5_000)]),
        }

        place = self.place_holding(folder, nodes)

        self.assert_holds(place, nodes)

    @PROPERTY
    @given(data=st.data())
    def test_any_hierarchy_comes_back_or_is_refused_whole(self, data: st.DataObject) -> None:
        """Whatever the strategies draw; a refusal is an `UnsupportedValueError` and leaves nothing."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            hierarchy = data.draw(drawn_for(self, folder))
            try:
                place = self.place_holding(folder, hierarchy.nodes)
            except (UnsupportedValueError, NameNotAllowedError):
                return

            self.assert_holds(place, hierarchy.nodes)

    # ------------------------------------------------------------------------------------------- by way of the calls

    def test_loading_again_returns_the_same(self, folder: Path) -> None:
        """A second call finds what the first did."""
        with self.opened(self.place_holding(folder, recording())) as adapter:
            assert adapter.load().nodes == adapter.load().nodes

    def test_datasets_are_fetched_in_any_number_and_order(self, folder: Path) -> None:
        """None, one, and several at once."""
        paths = ["/references", "/group/inner/number", "/group/inner/names"]
        with self.opened(self.place_holding(folder, recording())) as adapter:
            assert dict(adapter.fetch([])) == {}
            found = adapter.fetch(paths)

        assert sorted(found) == sorted(paths)
        assert found["/group/inner/number"].shape == ()
        assert found["/group/inner/names"].tolist() == ["a", "bc", ""]

    @pytest.mark.parametrize("path", ["/nothing", "/group/nothing", "/nothing/at/all"])
    def test_what_is_not_there_is_an_error_that_names_it(self, folder: Path, path: str) -> None:
        """For a dataset that is fetched, and for an array."""
        with self.opened(self.place_holding(folder, recording())) as adapter:
            for call in (lambda: adapter.fetch([path]), lambda: adapter.array(path), lambda: adapter.load()[path]):
                with pytest.raises(MissingNodeError) as caught:
                    call()
                assert path in str(caught.value)

    def test_a_group_has_no_values(self, folder: Path) -> None:
        """To ask for them is an error of the package, not of its engine."""
        place = self.place_holding(folder, recording())
        with self.opened(place) as adapter, pytest.raises((HDMFStoreError, LookupError)):
            adapter.array("/group")

    def test_a_dataset_says_where_it_lies(self, folder: Path) -> None:
        """By the identity of the place and its path, so that a copy is told from a link."""
        with self.opened(self.place_holding(folder, recording())) as adapter:
            values: Any = adapter.load()["/group/data"].values  # type: ignore[union-attr]

            assert values.origin == Origin(adapter.location.identity, "/group/data")

    @PROPERTY
    @given(data=st.data())
    def test_any_region_is_the_one_that_numpy_cuts(self, data: st.DataObject) -> None:
        """From the source of the values, and from the array that users get."""
        shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=9), label="shape")
        chunks = data.draw(st.none() | st.tuples(*(st.integers(1, 4) for _ in shape)), label="chunks")
        array = np.arange(1, np.prod(shape) + 1, dtype="int32").reshape(shape)
        with tempfile.TemporaryDirectory() as name:
            place = self.place_holding(Path(name), {"/": Group(), "/a": numbers(array, chunks=chunks)})
            with self.opened(place) as adapter:
                values: Any = adapter.load()["/a"].values  # type: ignore[union-attr]
                lazy = adapter.array("/a")
                for _ in range(5):
                    region = tuple(_slice(data.draw(st.tuples(*[st.integers(0, n)] * 2))) for n in shape)
                    assert values.read(region).tolist() == array[region].tolist()
                    assert np.asarray(lazy[region]).tolist() == array[region].tolist()

    def test_an_array_is_what_users_of_numpy_expect(self, folder: Path) -> None:
        """Shape, dtype, length, single elements, rows, ends counted from behind, all of it."""
        array = np.arange(60, dtype="int16").reshape(12, 5)
        with self.opened(self.place_holding(folder, {"/": Group(), "/a": numbers(array, "int16")})) as adapter:
            lazy = adapter.array("/a")

            assert (tuple(lazy.shape), lazy.dtype, len(lazy), lazy.ndim) == ((12, 5), np.dtype("int16"), 12, 2)
            assert lazy[3, 2] == 17
            assert np.asarray(lazy[-1]).tolist() == array[-1].tolist()
            assert np.asarray(lazy[2:4, 1:]).tolist() == array[2:4, 1:].tolist()
            assert np.asarray(lazy[...]).tolist() == array.tolist()
            assert np.asarray(lazy).tolist() == array.tolist()
            with pytest.raises(IndexError):
                lazy[12]


def drawn_for(subject: Subject, folder: Path) -> st.SearchStrategy[Hierarchy]:
    """Return a strategy for the hierarchies that a store can be asked to keep."""
    known = subject.connect(subject.new_place(folder)).capabilities
    return strategies.hierarchies(holder="zarr" if known.keeps_bytes else "hdf5", elsewhere=())


def _slice(ends: tuple[int, int]) -> slice:
    return slice(*sorted(ends))
