"""Links and references, and how one hierarchy is named from another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from hdmf_store.errors import DanglingTargetError, LocationError
from hdmf_store.nodes import Dataset, Group, Link, Node, ReferenceTo, Target
from hdmf_store.testing.conformance.base import Subject
from hdmf_store.testing.conformance.samples import dataset, numbers, recording

__all__ = ["Linking"]


class Linking(Subject):
    """What `reference` and `resolve` promise, and what becomes of targets."""

    def test_links_to_every_kind_of_object_come_back_and_resolve(self, folder: Path) -> None:
        """To a group, to a dataset, to a link, upwards, and through a link in the path."""
        nodes: dict[str, Node] = {
            **recording(),
            "/a": Link(Target("/link")),
            "/group/up": Link(Target("/")),
            "/group/inner/through": Link(Target("/link to group/names")),
        }
        place = self.place_holding(folder, nodes)

        self.assert_holds(place, nodes)
        with self.opened(place) as adapter:
            hierarchy = adapter.load()
            assert hierarchy.resolve("/a") == "/group/data"
            assert hierarchy.resolve("/group/up") == "/"
            assert hierarchy.resolve("/group/inner/through") == "/group/inner/names"

    def test_a_link_that_leads_nowhere_keeps_nothing_else_from_being_read(self, folder: Path) -> None:
        """Whoever follows it gets an error that names both ends."""
        nodes: dict[str, Node] = {"/": Group(), "/good": numbers([1, 2]), "/broken": Link(Target("/not there"))}
        place = self.place_holding(folder, nodes)

        self.assert_holds(place, nodes)
        with self.opened(place) as adapter, pytest.raises(DanglingTargetError) as caught:
            adapter.load().resolve("/broken")
        assert "/broken" in str(caught.value) and "/not there" in str(caught.value)

    def test_references_come_back_in_values_and_attributes(self, folder: Path) -> None:
        """To every kind of object, and to nothing."""
        targets = np.empty(4, object)
        targets[:] = [Target("/"), Target("/group"), None, Target("/group/data")]
        nodes: dict[str, Node] = {
            "/": Group({"to": Target("/group")}),
            "/group": Group({"all": [Target("/"), Target("/group/data")]}),
            "/group/data": numbers([1]),
            "/references": dataset(ReferenceTo(), targets),
            "/one": dataset(ReferenceTo(), targets[1:2].reshape(())),
        }

        place = self.place_holding(folder, nodes)

        self.assert_holds(place, nodes)

    def test_a_hierarchy_names_itself_by_a_dot(self, folder: Path) -> None:
        """And knows itself by it."""
        adapter = self.connect(self.new_place(folder))

        assert adapter.reference(adapter.location) == "."
        assert tuple(adapter.resolve(".")) == ()

    def test_two_places_are_two_locations(self, folder: Path) -> None:
        """And one place is one location, however often it is connected to."""
        one, other = self.new_place(folder), self.new_place(folder)

        assert self.connect(one).location.identity == self.connect(one).location.identity
        assert self.connect(one).location.identity != self.connect(other).location.identity

    def test_a_neighbour_can_be_named_found_and_linked_to(self, folder: Path) -> None:
        """By a name that leads back to it; links into it come back."""
        place, neighbour = self.new_place(folder), self.new_place(folder)
        self.needs(place, linkable=True, writable=True)
        here, there = self.connect(place), self.connect(neighbour)

        source = here.reference(there.location)

        assert source != "."
        assert here.resolve(source)[0].identity == there.location.identity
        nodes: dict[str, Node] = {"/": Group(), "/away": Link(Target("/group/data", source))}
        self.write(place, nodes)
        self.assert_holds(place, nodes)
        with self.opened(place) as adapter:
            assert adapter.load().resolve("/away") == Target("/group/data", source)

    def test_a_place_that_cannot_be_linked_to_says_so(self, folder: Path) -> None:
        """No file may come to hold a name that nobody could follow."""
        place, neighbour = self.new_place(folder), self.new_place(folder)
        self.needs(place, linkable=False)

        with pytest.raises(LocationError):
            self.connect(place).reference(self.connect(neighbour).location)

    def test_links_and_references_are_not_followed_when_read(self, folder: Path) -> None:
        """A dataset behind a link is stored once: at its own path."""
        with self.opened(self.place_holding(folder, recording())) as adapter:
            nodes = adapter.load().nodes

        assert isinstance(nodes["/link"], Link)
        assert [path for path, node in nodes.items() if isinstance(node, Dataset) and "data" in path] == ["/group/data"]
