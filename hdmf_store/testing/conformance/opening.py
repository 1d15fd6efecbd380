"""Opening and closing: modes, what is there, what is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from hdmf_store.adapter import Capabilities, Location, Plan, StoreAdapter
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    HierarchyExistsError,
    MissingHierarchyError,
    ModeError,
)
from hdmf_store.testing.conformance.base import Subject
from hdmf_store.testing.conformance.samples import numbers, recording

__all__ = ["Opening"]

READING = pytest.mark.parametrize("mode", ["r", "r-"])
CREATING = pytest.mark.parametrize("mode", ["w", "w-", "x", "a"])


class Opening(Subject):
    """What `open`, `close` and the properties promise."""

    def test_the_adapter_has_all_calls_of_the_protocol(self, place: Any) -> None:
        """It is a `StoreAdapter` with a name, and its class offers what the registry asks."""
        adapter = self.connect(place)
        kind: Any = type(adapter)

        assert isinstance(adapter, StoreAdapter)
        assert isinstance(adapter.location, Location)
        assert isinstance(adapter.name, str) and adapter.name
        assert kind.claims(place) is True
        assert kind.recognise(object()) is None

    @pytest.mark.parametrize("thing", [None, 3, object(), b"x", ["a"]], ids=lambda thing: type(thing).__name__)
    def test_it_claims_nothing_that_is_no_place(self, place: Any, thing: Any) -> None:
        """Asked for anything at all, the class says no, and does not fail."""
        kind: Any = type(self.connect(place))

        assert kind.claims(thing) is False

    def test_no_place_can_do_more_than_the_class_says(self, place: Any) -> None:
        """What is listed of an adapter before a place is named, if it says anything, is the most that it can do."""
        adapter = self.connect(place)
        best, here = getattr(type(adapter), "at_best", None), adapter.capabilities
        if best is None:
            pytest.skip("about adapters whose class says what it can do at best")

        names = [field.name for field in attrs.fields(Capabilities) if field.default is False]
        assert [name for name in names if getattr(here, name) and not getattr(best, name)] == []
        assert set(here.links_to) <= set(best.links_to)

    def test_construction_touches_nothing(self, place: Any) -> None:
        """An adapter that was only made is closed, and leaves nothing."""
        adapter = self.connect(place)

        assert adapter.mode == ""
        with pytest.raises(MissingHierarchyError), self.opened(place) as reader:
            reader.load()

    def test_calls_before_opening_are_refused(self, place: Any) -> None:
        """What is not open cannot be read or written."""
        adapter = self.connect(place)

        with pytest.raises(ClosedError):
            adapter.load()
        with pytest.raises(ClosedError):
            adapter.write(Plan(nodes={"/group": numbers(1)}))

    @pytest.mark.parametrize("mode", ["r", "r-", "r+"])
    def test_reading_what_is_not_there_is_an_error_that_names_the_place(self, place: Any, mode: str) -> None:
        """On opening, or when it is first read."""
        if mode == "r+":
            self.needs(place, writable=True)

        with pytest.raises(MissingHierarchyError) as caught, self.opened(place, mode) as adapter:
            adapter.load()

        assert self.connect(place).location.name in str(caught.value)

    @pytest.mark.parametrize("mode", ["", "rw", "R", None, 3], ids=repr)
    def test_an_unknown_mode_is_refused(self, place: Any, mode: Any) -> None:
        """Before anything else happens."""
        with pytest.raises(ArgumentError):
            self.connect(place).open(mode)

    @CREATING
    def test_opening_to_create_leaves_nothing_until_something_is_written(self, place: Any, mode: str) -> None:
        """A file that is opened and closed is not made."""
        self.needs(place, writable=True)

        with self.opened(place, mode) as adapter:
            assert adapter.mode == mode

        with pytest.raises(MissingHierarchyError), self.opened(place) as reader:
            reader.load()

    @CREATING
    def test_every_mode_that_creates_makes_a_hierarchy(self, place: Any, mode: str) -> None:
        """One write, and it is there."""
        self.needs(place, writable=True)

        self.write(place, recording(), mode)

        self.assert_holds(place, recording())

    @pytest.mark.parametrize("mode", ["w-", "x"])
    def test_modes_that_only_create_refuse_what_exists(self, folder: Path, mode: str) -> None:
        """What is there stays."""
        place = self.place_holding(folder, recording())
        self.needs(place, writable=True)

        with pytest.raises(HierarchyExistsError):
            self.write(place, {"/other": numbers(1)}, mode)

        self.assert_holds(place, recording())

    def test_opening_to_replace_changes_nothing_until_something_is_written(self, folder: Path) -> None:
        """A file that is opened in mode w and closed is as it was."""
        place = self.place_holding(folder, recording())
        self.needs(place, writable=True)

        with self.opened(place, "w"):
            pass

        self.assert_holds(place, recording())

    @READING
    def test_modes_that_read_refuse_to_write(self, folder: Path, mode: str) -> None:
        """The error says which modes write; what is there stays."""
        place = self.place_holding(folder, recording())

        with self.opened(place, mode) as adapter, pytest.raises(ModeError):
            adapter.write(Plan(nodes={"/other": numbers(1)}))

        self.assert_holds(place, recording())

    @pytest.mark.parametrize("mode", ["w", "r+", "a"])
    def test_a_store_that_only_reads_refuses_modes_that_write(self, folder: Path, mode: str) -> None:
        """On opening."""
        place = self.place_holding(folder, recording())
        self.needs(place, writable=False)

        with pytest.raises(ModeError):
            self.connect(place).open(mode)

    def test_a_closed_adapter_refuses_calls_and_can_be_opened_again(self, folder: Path) -> None:
        """Closing twice is once."""
        place = self.place_holding(folder, recording())
        adapter = self.connect(place)
        adapter.open("r")
        adapter.load()

        adapter.close()
        adapter.close()

        assert adapter.mode == ""
        with pytest.raises(ClosedError):
            adapter.load()
        adapter.open("r")
        assert sorted(adapter.load()) == sorted(recording())
        adapter.close()

    def test_an_error_says_where(self, folder: Path) -> None:
        """Every error of a place names it."""
        place = self.place_holding(folder, recording())

        with self.opened(place) as adapter, pytest.raises(ModeError) as caught:
            adapter.write(Plan(nodes={}))

        assert self.connect(place).location.name in str(caught.value)
