"""What several writers of one hierarchy make of each other's changes.

Who writes starts from what is stored at that moment, not from what was there when the hierarchy was opened: `Merge`
says what that means for one node, `OtherWriters` for a plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
import numpy as np

from hdmf_store.adapter import Plan
from hdmf_store.errors import HierarchyExistsError
from hdmf_store.nodes import ROOT, Dataset, Group, Link, Node, RandomAccess, Unwritten, whole
from hdmf_store_adapters.held_documents import HeldDocuments
from hdmf_store_adapters.synchronizers import HIERARCHY, Synchronizer, all_of

__all__ = ["Merge", "OtherWriters"]


class OtherWriters:
    """Who else may write a hierarchy, as far as a synchronizer makes that safe.

    Parameters
    ----------
    held : HeldDocuments
    synchronizer : Synchronizer, optional
        The locks that all writers share; without them, nobody else is looked for.
    """

    def __init__(self, held: HeldDocuments, synchronizer: Synchronizer | None) -> None:
        self._held = held
        self._synchronizer = synchronizer
        self._first_seen: dict[str, Node] = {}

    @contextmanager
    def waiting(self, plan: Plan) -> Iterator[Plan]:
        """Be the only writer; give the plan as it has to be, given what others stored since this one looked."""
        if self._synchronizer is None:
            yield plan
            return
        held = self._held
        with all_of(self._synchronizer, [HIERARCHY]):
            if held.is_new and not self._is_overtaken():
                yield plan
            else:
                before = {**({} if held.is_new else held.load().nodes), **self._first_seen}
                held.take_over()
                changed = [path for path, node in plan.nodes.items() if self._is_changed_array(node, before.get(path))]
                with all_of(self._synchronizer, map(held.key_of, changed)):
                    for path in changed:
                        held.reread(path)
                    yield self._merged(plan, before)
                self._first_seen = {**before, **self._first_seen}
            self._first_seen |= {path: _without_values(node) for path, node in plan.nodes.items()}

    @contextmanager
    def looked_at(self) -> Iterator[None]:
        """Be the only writer, holding what others stored."""
        with all_of(self._synchronizer, [HIERARCHY]):
            if self._synchronizer is not None or self._held.is_overtaken():
                self._held.take_over()
            yield

    def _is_overtaken(self) -> bool:
        """Return whether another writer made what this one was opened to make."""
        held = self._held
        if held.mode == "w" or not held.recognise():
            return False
        if held.mode != "a":
            reason = f"another writer was faster, and mode {held.mode!r} only creates"
            raise HierarchyExistsError(held.address, reason)
        return True

    def _is_changed_array(self, node: Node, before: Node | None) -> bool:
        return (
            isinstance(node, Dataset)
            and isinstance(before, Dataset)
            and self._encoded(node.attributes) != self._encoded(before.attributes)
        )

    def _merged(self, plan: Plan, before: Mapping[str, Node]) -> Plan:
        merge, after = Merge(self._held.address, self._encoded), self._held.load().nodes
        nodes = {path: merge(path, node, before.get(path), after.get(path)) for path, node in plan.nodes.items()}
        unchanged = [
            path
            for path, node in nodes.items()
            if isinstance(node, Dataset) and path in after and not self._is_changed_array(node, after[path])
        ]
        return attrs.evolve(plan, nodes={path: node for path, node in nodes.items() if path not in unchanged})

    def _encoded(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        held = self._held
        return held.format.group_document(Group(attributes), {}, held.address, ROOT)["attributes"]


@attrs.frozen
class Merge:
    """Fits what one writer is about to store to what another one stored since the first looked.

    Parameters
    ----------
    location : str
        For messages.
    encode : callable
        Returns the stored form of attributes, as a dictionary by name.
    """

    location: str
    encode: Callable[[Mapping[str, Any]], Mapping[str, Any]]

    def __call__(self, path: str, node: Node, before: Node | None, after: Node | None) -> Node:
        """Return the node to store.

        Parameters
        ----------
        path : str
        node : Node
            What is about to be stored, made knowing `before`.
        before, after : Node or None
            What the writer saw there, and what is there now.

        Raises
        ------
        HierarchyExistsError
            If both made something there that was not there before, and not the same.
        """
        if after is None or before == after:
            return node
        if before is None and not self._agree(node, after):
            raise HierarchyExistsError(
                self.location,
                f"another writer has stored something else at {path!r} since this file was opened. Choose another "
                "name, or open the file again and change what is there.",
            )
        if isinstance(node, Link) or isinstance(after, Link):
            return node
        base = {} if before is None or isinstance(before, Link) else before.attributes
        return attrs.evolve(node, attributes=self._merged(base, node.attributes, after.attributes))

    def _agree(self, one: Node, other: Node) -> bool:
        if isinstance(one, Link) or isinstance(other, Link) or type(one) is not type(other):
            return one == other
        mine, theirs = self.encode(one.attributes), self.encode(other.attributes)
        if any(mine[name] != theirs[name] for name in mine.keys() & theirs.keys()):
            return False
        return not isinstance(one, Dataset) or _same_values(one, other)

    def _merged(self, base: Mapping[str, Any], mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
        was, now = self.encode(base), self.encode(mine)
        kept = {name: value for name, value in theirs.items() if name in mine or name not in base}
        changed = {name for name in mine if name not in was or now[name] != was[name]}
        return {**kept, **{name: mine[name] for name in changed}}


def _same_values(one: Dataset, other: Any) -> bool:
    if (one.element, one.shape) != (other.element, other.shape) or not isinstance(one.values, RandomAccess):
        return False
    everything = whole(one.shape)
    return bool(np.array_equal(one.values.read(everything), other.values.read(everything)))


def _without_values(node: Node) -> Node:
    return attrs.evolve(node, values=Unwritten()) if isinstance(node, Dataset) else node
