"""Adapters that are broken, each in one way that has happened to somebody; `test_mutants.py` runs the kit on them.

A mutant's docstring says what it does wrong, and `caught_by` names a test that has to notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import attrs
import numpy as np

from hdmf_store.adapter import Capabilities, Plan, Progress
from hdmf_store.errors import ArgumentError
from hdmf_store.nodes import (
    ArraySource,
    Compound,
    Dataset,
    Group,
    Hierarchy,
    Link,
    Node,
    Number,
    ReferenceTo,
    Stream,
    Target,
    Text,
    Unwritten,
    each,
    read_whole,
)
from hdmf_store.testing import AdapterConformance, MemoryAdapter, MemoryPlace


class Mutant(MemoryAdapter):
    """A store in memory that changes each node on its way in."""

    caught_by: ClassVar[str]

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        nodes = {path: self.changed(path, node) for path, node in plan.nodes.items()}
        super().write(attrs.evolve(plan, nodes={p: n for p, n in nodes.items() if n is not None}), progress)

    def changed(self, path: str, node: Node) -> Node | None:
        return self.with_values(node) if isinstance(node, Dataset) else node

    def with_values(self, node: Dataset) -> Dataset:
        if isinstance(node.values, Stream | Unwritten):
            return node
        array = self.values(np.array(read_whole(node.values, node.shape)), node)
        return attrs.evolve(node, shape=array.shape, values=ArraySource(array))

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        return array


class LosesAnAttribute(Mutant):
    """Keeps all attributes but the last."""

    caught_by = "test_attributes_of_every_kind_come_back"

    def changed(self, path: str, node: Node) -> Node:
        if isinstance(node, Link) or len(node.attributes) < 2:
            return node
        return attrs.evolve(node, attributes=dict(list(node.attributes.items())[:-1]))


class LosesAttributesOfTheRoot(Mutant):
    """Forgets that the root has attributes, too."""

    caught_by = "test_a_hierarchy_of_a_root_alone_is_a_hierarchy"

    def changed(self, path: str, node: Node) -> Node:
        return Group() if path == "/" else node


class LosesAttributesAndOnlyReads(Mutant):
    """Forgets the same, and says that it cannot write; what it holds is looked at all the same."""

    caught_by = "test_a_hierarchy_of_a_root_alone_is_a_hierarchy"

    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, writable=False)

    def changed(self, path: str, node: Node) -> Node:
        return Group() if path == "/" else node


class WidensAttributes(Mutant):
    """Makes Python numbers of numpy's, as JSON does."""

    caught_by = "test_attributes_of_every_kind_come_back"

    def changed(self, path: str, node: Node) -> Node:
        if isinstance(node, Link):
            return node
        as_json = {k: v.astype(float) if isinstance(v, np.ndarray) else v for k, v in node.attributes.items()}
        return attrs.evolve(node, attributes=as_json)


class ForgetsALink(Mutant):
    """Stores links of the root only."""

    caught_by = "test_links_to_every_kind_of_object_come_back_and_resolve"

    def changed(self, path: str, node: Node) -> Node | None:
        return None if isinstance(node, Link) and path.count("/") > 1 else node


class FollowsLinks(Mutant):
    """Stores a copy of what a link leads to in place of the link."""

    caught_by = "test_links_and_references_are_not_followed_when_read"

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        nodes = dict(plan.nodes)
        for path, node in plan.nodes.items():
            if isinstance(node, Link) and isinstance(nodes.get(node.target.path), Dataset):
                nodes[path] = nodes[node.target.path]
        super().write(attrs.evolve(plan, nodes=nodes), progress)


class RefusesDanglingLinks(Mutant):
    """Takes a link that leads nowhere for a reason to refuse the rest."""

    caught_by = "test_a_link_that_leads_nowhere_keeps_nothing_else_from_being_read"

    def changed(self, path: str, node: Node) -> Node:
        if isinstance(node, Link) and "not there" in node.target.path:
            raise ArgumentError(f"{path} leads nowhere")
        return node


class ReferencesTheRoot(Mutant):
    """Takes a reference to nothing for one to the root."""

    caught_by = "test_references_come_back_in_values_and_attributes"

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        if not isinstance(node.element, ReferenceTo):
            return array
        return each(array, lambda item: item or Target("/"))


class TruncatesText(Mutant):
    """Cuts text at the width of the first."""

    caught_by = "test_every_kind_of_node_comes_back"

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        if not isinstance(node.element, Text) or not array.size:
            return array
        width = len(array.reshape(-1)[0])
        return each(array, lambda item: item[:width])


class TruncatesValues(Mutant):
    """Loses the last bytes of large values."""

    caught_by = "test_values_larger_than_a_chunk_come_back"

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        if isinstance(node.element, Number) and array.nbytes > 2**16:
            array.reshape(-1)[-7:] = 0
        return array


class ForgetsFields(Mutant):
    """Empties all fields of records but the first."""

    caught_by = "test_values_of_every_type_and_shape_come_back"

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        if isinstance(node.element, Compound):
            for field in node.element.fields[1:]:
                array[field.name] = np.zeros((), field.type.dtype)
        return array


class MakesRowsOfScalars(Mutant):
    """Stores a scalar as an array of one element."""

    caught_by = "test_values_of_every_type_and_shape_come_back"

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        return array.reshape((1,)) if array.shape == () else array


class FlattensWhatIsEmpty(Mutant):
    """Loses the axes of an array without elements."""

    caught_by = "test_values_of_every_type_and_shape_come_back"

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        return array.reshape((0,)) if array.size == 0 else array


class ForgetsFillValues(Mutant):
    """Reads zeros where another value was named for what was never written."""

    caught_by = "test_what_is_to_be_filled_later_reads_as_its_fill_value"

    def changed(self, path: str, node: Node) -> Node:
        if isinstance(node, Dataset):
            return attrs.evolve(node, layout=attrs.evolve(node.layout, fill_value=None))
        return node


class TakesStreamsInOrder(Mutant):
    """Believes that the pieces of a stream come in order."""

    caught_by = "test_a_stream_fills_its_dataset"

    def with_values(self, node: Dataset) -> Dataset:
        if not isinstance(node.values, Stream):
            return node
        rows = np.concatenate([values for _, values in node.values.pieces])
        return attrs.evolve(node, shape=rows.shape, values=ArraySource(rows))


class CommitsHalf(Mutant):
    """Stores one node after the other, and stops where something fails."""

    caught_by = "test_a_write_that_fails_leaves_what_was_there"

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        for path, node in plan.nodes.items():
            super().write(attrs.evolve(plan, nodes={path: node}), progress)


class SaysLessThanItDoes(Mutant):
    """Its class promises less than its places do, so that what is listed of it is wrong."""

    caught_by = "test_no_place_can_do_more_than_the_class_says"
    at_best = Capabilities(writable=True, shards=True)


class ReplacesOnOpening(Mutant):
    """Deletes what is there when it is opened in mode w, not when something is written."""

    caught_by = "test_opening_to_replace_changes_nothing_until_something_is_written"

    def open(self, mode: str) -> None:
        super().open(mode)
        if mode == "w":
            self._place.nodes = None


class KeepsWhatItReplaces(Mutant):
    """Adds to what is there in mode w."""

    caught_by = "test_replacing_leaves_nothing_of_what_was_there"

    def open(self, mode: str) -> None:
        super().open("a" if mode == "w" else mode)
        self._mode = mode


class OverwritesInModeX(Mutant):
    """Takes the modes that only create for mode w."""

    caught_by = "test_modes_that_only_create_refuse_what_exists"

    def open(self, mode: str) -> None:
        super().open("w" if mode in ("w-", "x") else mode)
        self._mode = mode


class WritesInModeR(Mutant):
    """Lets a reader write."""

    caught_by = "test_modes_that_read_refuse_to_write"

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        mode, self._mode = self._mode, "r+" if self._mode == "r" else self._mode
        try:
            super().write(plan, progress)
        finally:
            self._mode = mode


class IsEmptyWhereNothingIs(Mutant):
    """Shows an empty hierarchy where there is none."""

    caught_by = "test_reading_what_is_not_there_is_an_error_that_names_the_place"

    def open(self, mode: str) -> None:
        if self._place.nodes is None and mode in ("r", "r-", "r+"):
            self._place.nodes = {"/": Group()}
        super().open(mode)


class AnswersStaleMetadata(Mutant):
    """Remembers what it loaded once, whatever was written since."""

    caught_by = "test_every_reader_sees_a_write_at_once"
    _first: Hierarchy | None = None

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        super().write(plan, progress)
        self._first = self._first or super().load()

    def load(self) -> Hierarchy:
        return self._first or super().load()


class MixesUpRegions(Mutant):
    """Cuts every region from the beginning."""

    caught_by = "test_an_array_is_what_users_of_numpy_expect"

    def array(self, path: str) -> Any:
        class Wrong(np.ndarray):
            def __getitem__(self, key: Any) -> Any:
                found = super().__getitem__(key)
                if isinstance(key, tuple) and isinstance(key[0], slice):
                    return np.asarray(self)[: len(found)]
                return found

        return super().array(path).view(Wrong)


class KeepsTheCallersArray(Mutant):
    """Stores what it was given, not a copy."""

    caught_by = "test_what_is_written_is_a_copy"

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        super().write(plan, progress)
        for path, node in plan.nodes.items():
            if isinstance(node, Dataset) and isinstance(node.values, ArraySource):
                object.__setattr__(self._place.nodes[path].values, "array", node.values.array)  # type: ignore[index, union-attr]


class HidesTheUsersError(Mutant):
    """Raises an error of its own in place of that of the user's code."""

    caught_by = "test_a_new_hierarchy_that_fails_is_not_there"

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        try:
            super().write(plan, progress)
        except Exception as problem:
            raise ArgumentError("the write failed") from problem


class AnswersAfterClosing(Mutant):
    """Goes on reading when it is closed."""

    caught_by = "test_a_closed_adapter_refuses_calls_and_can_be_opened_again"

    def load(self) -> Hierarchy:
        if not self._mode and self._place.nodes is not None:
            return Hierarchy(self._place.nodes)
        return super().load()


class IsNotItself(Mutant):
    """Names itself by a path."""

    caught_by = "test_a_hierarchy_names_itself_by_a_dot"

    def reference(self, other: Any) -> str:
        return str(other)


class ClaimsEverything(Mutant):
    """Says yes to whatever it is asked for."""

    caught_by = "test_it_claims_nothing_that_is_no_place"

    @staticmethod
    def claims(place: Any) -> bool:
        return True


class ReportsNoProgress(Mutant):
    """Never calls back."""

    caught_by = "test_progress_adds_up_to_what_was_written"

    def write(self, plan: Plan, progress: Progress | None = None) -> None:
        super().write(plan)


class FetchesOneByOneOnly(Mutant):
    """Returns what was asked for first."""

    caught_by = "test_datasets_are_fetched_in_any_number_and_order"

    def fetch(self, paths: Any) -> Mapping[str, np.ndarray]:
        return super().fetch(paths[:1])


MUTANTS: dict[str, type[Mutant]] = {kind.__name__: kind for kind in Mutant.__subclasses__()}


def conformance_of(adapter: type[MemoryAdapter]) -> type[AdapterConformance]:
    """Return the class of tests for an adapter in memory."""

    def new_place(_self: Any, _folder: Path) -> Any:
        return MemoryPlace()

    return type(f"Test{adapter.__name__}", (AdapterConformance,), {"adapter_class": adapter, "new_place": new_place})
