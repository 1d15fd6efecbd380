"""A place for builders to go to and come back from, and short names for what the tests build."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from hdmf.build import BuildManager, DatasetBuilder, GroupBuilder, ReferenceBuilder
from hdmf.build.builders import BaseBuilder

from hdmf_store import StoreIO

__all__ = ["BuilderFile", "dataset", "document", "group", "paths", "reference", "root", "values"]


@attrs.define(eq=False)
class BuilderFile:
    """One file that opens again and again; what was opened for reading stays open until the test is over."""

    open: Callable[[str, BuildManager | None], StoreIO]
    _opened: list[StoreIO] = attrs.field(factory=list, init=False)

    def write(self, builder: GroupBuilder, mode: str = "w", **arguments: Any) -> None:
        """Store builders and close the file."""
        with self.open(mode, None) as io:
            io.write_builder(builder, **arguments)

    def read(self, mode: str = "r") -> GroupBuilder:
        """Return the root's builder, read anew."""
        io = self.open(mode, None)
        self._opened.append(io)
        return io.read_builder()

    def round_trip(self, builder: GroupBuilder, **arguments: Any) -> GroupBuilder:
        """Store builders, close the file, open it again and return the root's builder."""
        self.write(builder, **arguments)
        return self.read()

    def stored(self, data: Any, dtype: Any = None, **attributes: Any) -> DatasetBuilder:
        """Store one dataset and return its builder, read anew."""
        return self.round_trip(root(dataset("x", data, dtype, **attributes)))["x"]

    def attribute(self, value: Any) -> Any:
        """Store one attribute of a group and return its value, read anew."""
        return self.round_trip(root(a=value)).attributes["a"]

    def close(self) -> None:
        """Close everything."""
        for io in self._opened:
            io.close()


def dataset(name: str, data: Any, dtype: Any = None, **attributes: Any) -> DatasetBuilder:
    """Return a dataset."""
    return DatasetBuilder(name, data, dtype=dtype, attributes=attributes)


def group(name: str, *members: BaseBuilder, **attributes: Any) -> GroupBuilder:
    """Return a group with members of any kind."""
    builder = GroupBuilder(name, attributes=attributes)
    for member in members:
        if isinstance(member, GroupBuilder):
            builder.set_group(member)
        elif isinstance(member, DatasetBuilder):
            builder.set_dataset(member)
        else:
            builder.set_link(member)
    return builder


def root(*members: BaseBuilder, **attributes: Any) -> GroupBuilder:
    """Return a root group with members of any kind."""
    return group("root", *members, **attributes)


def values(builder: DatasetBuilder) -> np.ndarray:
    """Return all values of a dataset that was read."""
    return np.asarray(builder.data)


def reference(builder: Any) -> ReferenceBuilder:
    """Return a reference to a builder."""
    return ReferenceBuilder(builder)


def paths(items: Any) -> list[str]:
    """Return the path of every builder, or of what a reference builder leads to."""
    return [_path(item) for item in items]


def _path(item: Any) -> str:
    builder = item.builder if isinstance(item, ReferenceBuilder) else item
    return f"{(builder.location or '').rstrip('/')}/{builder.name}"


def document(folder: Path, path: str = "") -> dict[str, Any]:
    """Return the stored document of a node."""
    return json.loads((folder / path / "zarr.json").read_text())
