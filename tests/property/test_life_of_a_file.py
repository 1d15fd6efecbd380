"""A file over its life: written, added to, changed and reopened in any order, it holds what a dictionary would hold."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from hdmf_store.adapter import Plan
from hdmf_store.nodes import (
    ROOT,
    ArraySource,
    Compound,
    Dataset,
    ElementType,
    Field,
    Group,
    Layout,
    Link,
    Node,
    Number,
    ReferenceTo,
    Target,
    Text,
    join,
)
from hdmf_store.testing import strategies
from hdmf_store.testing.equality import differences
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.effort import examples

RECORD = Compound([Field("n", Number("int16")), Field("s", Text()), Field("r", ReferenceTo())])
ELEMENTS = st.sampled_from([Number("int16"), Number("float64"), Number("bool"), Text(), ReferenceTo(), RECORD])
NAMES = st.text("ab é.", min_size=1, max_size=3).filter(lambda name: name.strip(".") != "")


def _values(element: ElementType, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Return different values for each seed, in normal form."""
    numbers = np.arange(seed, seed + int(np.prod(shape))).reshape(shape)
    if isinstance(element, Number):
        return numbers.astype(element.dtype)
    values = np.empty(shape, element.dtype)
    if isinstance(element, Compound):
        for field in element.fields:
            values[field.name] = _values(field.type, shape, seed)
        return values
    for at, number in np.ndenumerate(numbers):
        values[at] = f"word é {number}" if isinstance(element, Text) else Target(f"/{'long' * (number % 7)}")
    return values


def _blank(element: ElementType) -> Any:
    """Return what stands where nothing was written."""
    if isinstance(element, Compound):
        return tuple(_blank(field.type) for field in element.fields)
    return {Number: 0, Text: ""}.get(type(element))


class LifeOfAFile(RuleBasedStateMachine):
    """One file on disk and what it should hold; each rule changes both."""

    groups = Bundle("groups")
    datasets = Bundle("datasets")
    zarr_format = 3

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.expected: dict[str, Node] = {}
        self.adapter = self._opened("w")

    def teardown(self) -> None:
        """After the close every reader finds everything; leave nothing behind."""
        self.adapter.close()
        if self.expected:
            self._check("r")
        shutil.rmtree(self.folder)

    def _opened(self, mode: str) -> ZarrAdapter:
        adapter = ZarrAdapter(self.folder / "file.zarr", zarr_format=self.zarr_format if mode == "w" else None)
        adapter.open(mode)
        return adapter

    @initialize(target=groups, attributes=strategies.attributes())
    def begin(self, attributes: dict[str, Any]) -> str:
        """A new file has its root."""
        self._write({ROOT: Group(attributes)})
        return ROOT

    @rule(target=groups, within=groups, name=NAMES, attributes=strategies.attributes())
    def add_group(self, within: str, name: str, attributes: dict[str, Any]) -> str:
        """A group under any group; if there is something already, that stays."""
        path = join(within, name)
        if path in self.expected:
            return ROOT
        self._write({path: Group(attributes)})
        return path

    @rule(
        target=datasets,
        within=groups,
        name=NAMES,
        element=ELEMENTS,
        rows=st.integers(0, 5),
        columns=st.none() | st.integers(1, 3),
        chunk=st.integers(1, 4),
        attributes=strategies.attributes(),
    )
    def add_dataset(
        self,
        within: str,
        name: str,
        element: Any,
        rows: int,
        columns: int | None,
        chunk: int,
        attributes: dict[str, Any],
    ) -> str | None:
        """A dataset that can grow, in small chunks."""
        path = join(within, name)
        if path in self.expected:
            return None
        shape = (rows,) if columns is None else (rows, columns)
        limit = (None, *shape[1:])
        layout = Layout(chunks=(chunk, *shape[1:]), maxshape=limit)
        self._write({path: Dataset(element, shape, ArraySource(_values(element, shape, rows)), attributes, layout)})
        return path

    @rule(within=groups, name=NAMES, to=groups)
    def add_link(self, within: str, name: str, to: str) -> None:
        """A link to a group of the same file."""
        path = join(within, name)
        if path not in self.expected:
            self._write({path: Link(Target(to))})

    @rule(path=st.one_of(groups, datasets), attributes=strategies.attributes())
    def replace_attributes(self, path: str | None, attributes: dict[str, Any]) -> None:
        """What is stored gets other attributes, and keeps its values."""
        if path is not None:
            self._write({path: attrs.evolve(self.expected[path], attributes=attributes)})

    @rule(path=datasets, rows=st.integers(0, 5), seed=st.integers(-50, 50))
    def append(self, path: str | None, rows: int, seed: int) -> None:
        """Rows are added through the array that a user holds."""
        if path is None:
            return
        node = self.expected[path]
        assert isinstance(node, Dataset)
        added = _values(node.element, (rows, *node.shape[1:]), seed)
        self.adapter.array(path).append(added)
        self._now(path, np.concatenate([node.values.array, added]))

    @rule(path=datasets, seed=st.integers(-50, 50), data=st.data())
    def assign(self, path: str | None, seed: int, data: st.DataObject) -> None:
        """Rows are replaced through the array that a user holds."""
        node = self.expected.get(path or "")
        if not isinstance(node, Dataset) or 0 in node.shape:
            return
        start = data.draw(st.integers(0, node.shape[0] - 1), label="start")
        stop = data.draw(st.integers(start + 1, node.shape[0]), label="stop")
        replaced = node.values.array.copy()
        replaced[start:stop] = _values(node.element, (stop - start, *node.shape[1:]), seed)
        self.adapter.array(path)[start:stop] = replaced[start:stop]
        self._now(path, replaced)

    @rule(path=datasets, rows=st.integers(0, 8))
    def resize(self, path: str | None, rows: int) -> None:
        """A dataset is cut, or lengthened with its fill value; what was cut off never comes back."""
        node = self.expected.get(path or "")
        if not isinstance(node, Dataset):
            return
        resized = np.empty((rows, *node.shape[1:]), node.values.array.dtype)
        resized[...] = np.array(_blank(node.element), resized.dtype)
        kept = min(rows, node.shape[0])
        resized[:kept] = node.values.array[:kept]
        self.adapter.array(path).resize(resized.shape)
        self._now(path, resized)

    @rule(mode=st.sampled_from(["r+", "a"]))
    def reopen(self, mode: str) -> None:
        """The file is closed, is now right for readers of consolidated metadata too, and opened to be changed."""
        self.adapter.close()
        self._check("r")
        self.adapter = self._opened(mode)

    @rule()
    def consolidate(self) -> None:
        """The metadata is put together anew."""
        self.adapter.consolidate()

    @invariant()
    def who_reads_every_document_finds_what_should_be_there(self) -> None:
        """Each change is there at once; only consolidated metadata waits for the close if an array was changed."""
        if self.expected:
            self._check("r-")

    def _check(self, mode: str) -> None:
        reader = self._opened(mode)
        loaded = reader.load()
        paths = [path for path, node in loaded.nodes.items() if isinstance(node, Dataset)]
        fetched = reader.fetch(paths)
        found = differences(self.expected, loaded.nodes, fetched.__getitem__)
        reader.close()
        assert found == [], mode

    def _write(self, nodes: dict[str, Node]) -> None:
        self.adapter.write(Plan(nodes=nodes))
        self.expected |= nodes

    def _now(self, path: str, values: np.ndarray) -> None:
        self.expected[path] = attrs.evolve(self.expected[path], values=ArraySource(values), shape=values.shape)


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_file_holds_what_was_done_to_it(zarr_format: int) -> None:
    """After any sequence of changes every reader finds what a dictionary would hold."""
    machine = type("Life", (LifeOfAFile,), {"zarr_format": zarr_format})
    effort = settings(
        deadline=None, max_examples=examples(10), stateful_step_count=20, suppress_health_check=list(HealthCheck)
    )
    run_state_machine_as_test(machine, settings=effort)
