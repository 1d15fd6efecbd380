"""Reading one file: its builders, and those of the files that its links lead to.

Other files are opened once, when a link or reference first asks for them, and stay open as long as the reader.
"""

from __future__ import annotations

from typing import Any

import attrs
from hdmf.build import BuildManager, GroupBuilder, ReferenceBuilder
from hdmf.build.builders import BaseBuilder
from hdmf.container import AbstractContainer

from hdmf_store.adapter import StoreAdapter
from hdmf_store.errors import ArgumentError, FormatError
from hdmf_store.nodes import ROOT, Group, Origin
from hdmf_store.translate.attribute_types import AttributeTypes
from hdmf_store.translate.expected import ExpectedValues
from hdmf_store.translate.from_builders import Destination, target_of
from hdmf_store.translate.growing import add_rows, take_back_row
from hdmf_store.translate.relocate import Others
from hdmf_store.translate.to_builders import BuilderTree

__all__ = ["Reader"]


@attrs.define(eq=False)
class Reader:
    """The builders of an open file.

    Parameters
    ----------
    adapter : StoreAdapter
        Open for reading.
    manager : BuildManager
        Constructs the containers that references lead to.
    may_read : str, Path, list or dict, optional
        Places to which links may lead as well; see `Reach`.
    """

    adapter: StoreAdapter
    manager: BuildManager
    may_read: Any = attrs.field(default=(), repr=False)
    others: Others = attrs.field(init=False)
    _trees: dict[str, BuilderTree] = attrs.field(factory=dict, init=False)

    @others.default
    def _others_beside_this_one(self) -> Others:
        return Others((self.adapter,), self.may_read)

    def root(self) -> GroupBuilder:
        """Return the root's builder; the same one each time."""
        if not isinstance(self.adapter.load().nodes.get(ROOT), Group):
            raise FormatError(str(self.adapter.location), ROOT, "is an array, and files of HDMF have a group as root")
        builder = self.tree(self.adapter).build(ROOT)
        assert isinstance(builder, GroupBuilder)
        return builder

    def builders(self) -> list[BaseBuilder]:
        """Return the builders of this file that were made so far."""
        return list(self.tree(self.adapter).by_path.values())

    def builder_at(self, origin: Origin) -> BaseBuilder | None:
        """Return the builder that was made for a stored object, or None."""
        tree = self._trees.get(origin.location)
        return None if tree is None else tree.by_path.get(origin.path)

    def tree(self, adapter: StoreAdapter) -> BuilderTree:
        """Return the builders of this file or another."""
        key = adapter.location.identity
        if key not in self._trees:
            self._trees[key] = BuilderTree(
                adapter,
                lambda source, path, target: self._elsewhere(adapter, source, path, target),
                self.manager.construct,
                lambda path, value: self._append(adapter, path, value),
                AttributeTypes(self.manager.namespace_catalog),
                ExpectedValues(self.manager.namespace_catalog),
            )
        return self._trees[key]

    def holder_of(self, source: str, path: str, target: str) -> StoreAdapter:
        """Return the file that a source recorded in this one means."""
        return self._elsewhere(self.adapter, source, path, target).adapter

    def add_rows(self, path: str, values: Any) -> None:
        """Store the elements that values in memory have more than the dataset at a path."""
        add_rows(self.adapter, path, values, lambda path, value: self._append(self.adapter, path, value))

    def close(self) -> None:
        """Close the other files."""
        self.others.close()
        self._trees.clear()

    def _elsewhere(self, adapter: StoreAdapter, source: str, path: str, target: str) -> BuilderTree:
        if adapter.location.means_itself(source):
            return self.tree(adapter)
        return self.tree(self.others.meant_by(source, adapter, path, target))

    def _append(self, adapter: StoreAdapter, path: str, value: Any) -> None:
        is_row = isinstance(value, tuple | list)
        try:
            stored = tuple(self._target(item) for item in value) if is_row else self._target(value)
            adapter.array(path).append([stored])
        except Exception:
            take_back_row(adapter, path)
            raise

    def _target(self, value: Any) -> Any:
        if not isinstance(value, AbstractContainer | BaseBuilder | ReferenceBuilder):
            return value
        builder = self.manager.get_builder(value) if isinstance(value, AbstractContainer) else value
        if builder is None:
            raise ArgumentError(
                f"{value.name!r} is not stored yet, so nothing can refer to it. Write the file first, with it in its"
                " place, then refer to it."
            )
        return target_of(builder, Destination(adapter=self.adapter, stored=self.adapter.load(), others=self.others))
