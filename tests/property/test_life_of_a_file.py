"""A file over its life: written, added to, changed and reopened in any order, it holds what a dictionary would hold."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan, StoreAdapter
from hdmf_store.errors import HierarchyInUseError
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
    Stream,
    Target,
    Text,
    join,
)
from hdmf_store.testing import MemoryAdapter, MemoryPlace, strategies
from hdmf_store.testing.equality import differences
from hdmf_store_adapters.hdf5_adapter import HDF5Adapter
from hdmf_store_adapters.icechunk_adapter import IcechunkAdapter
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from hdmf_store_adapters.zip_adapter import ZipAdapter
from tests.effort import examples
from tests.servers.s3 import Bucket

pytestmark = pytest.mark.once

NUMBERS = (Number("int16"), Number("float64"), Number("bool"))
ROW = Compound([Field("n", Number("int16")), Field("s", Text())])
RECORD = Compound([*ROW.fields, Field("r", ReferenceTo())])
ATTRIBUTES = strategies.attributes()
NAMES = st.text("ab é.", min_size=1, max_size=3).filter(lambda name: name.strip(".") != "")


@attrs.frozen(kw_only=True)
class Kind:
    """What is different about a file in one kind of store.

    Parameters
    ----------
    connect : callable
        Takes an empty folder and returns a function that connects to one and the same place, which is new.
    elements : tuple of ElementType
        Which datasets are added.
    changes : tuple of ElementType
        Which of these can grow, shrink and be assigned to.
    attributes : strategy
        What objects can have.
    shows : {"at once", "to itself", "when closed"}
        Who sees a change before the file is closed: every reader, the one who made it, or nobody.
    is_guarded : bool
        Whether a second writer is kept away.
    """

    connect: Callable[[Path], Callable[[], Any]]
    elements: tuple[ElementType, ...] = (*NUMBERS, Text(), ReferenceTo(), RECORD)
    changes: tuple[ElementType, ...] = (*NUMBERS, Text(), ReferenceTo(), RECORD)
    attributes: st.SearchStrategy[dict[str, Any]] = ATTRIBUTES
    shows: str = "at once"
    is_guarded: bool = False


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
    """One file and what it should hold; each rule changes both."""

    groups = Bundle("groups")
    datasets = Bundle("datasets")
    kind: Kind

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.connect = self.kind.connect(self.folder)
        self.expected: dict[str, Node] = {}
        self.adapter = self._opened("w")

    def teardown(self) -> None:
        """After the close every reader finds everything; leave nothing behind."""
        self.adapter.close()
        if self.expected:
            self._check("r")
        shutil.rmtree(self.folder)

    def _opened(self, mode: str) -> Any:
        adapter: StoreAdapter = self.connect()
        adapter.open(mode)
        return adapter

    @initialize(target=groups, attributes=st.data())
    def begin(self, attributes: st.DataObject) -> str:
        """A new file has its root."""
        self._write({ROOT: Group(self._drawn(attributes))})
        return ROOT

    @rule(target=groups, within=groups, name=NAMES, attributes=st.data())
    def add_group(self, within: str, name: str, attributes: st.DataObject) -> str:
        """A group under any group; if there is something already, that stays."""
        path = join(within, name)
        if path in self.expected:
            return ROOT
        self._write({path: Group(self._drawn(attributes))})
        return path

    @rule(
        target=datasets,
        within=groups,
        name=NAMES,
        element=st.data(),
        rows=st.integers(0, 5),
        columns=st.none() | st.integers(1, 3),
        chunk=st.integers(1, 4),
        attributes=st.data(),
    )
    def add_dataset(
        self,
        within: str,
        name: str,
        element: st.DataObject,
        rows: int,
        columns: int | None,
        chunk: int,
        attributes: st.DataObject,
    ) -> str | None:
        """A dataset that can grow, in small chunks."""
        path = join(within, name)
        if path in self.expected:
            return None
        shape = (rows,) if columns is None else (rows, columns)
        limit = (None, *shape[1:])
        layout = Layout(chunks=(chunk, *shape[1:]), maxshape=limit)
        kind = element.draw(st.sampled_from(self.kind.elements))
        values = ArraySource(_values(kind, shape, rows))
        self._write({path: Dataset(kind, shape, values, self._drawn(attributes), layout)})
        return path

    @rule(within=groups, name=NAMES, to=groups)
    def add_link(self, within: str, name: str, to: str) -> None:
        """A link to a group of the same file."""
        path = join(within, name)
        if path not in self.expected:
            self._write({path: Link(Target(to))})

    @rule(path=st.one_of(groups, datasets), attributes=st.data())
    def replace_attributes(self, path: str | None, attributes: st.DataObject) -> None:
        """What is stored gets other attributes, and keeps its values."""
        if path is not None:
            self._write({path: attrs.evolve(self.expected[path], attributes=self._drawn(attributes))})

    @rule(path=datasets, rows=st.integers(0, 5), seed=st.integers(-50, 50))
    def append(self, path: str | None, rows: int, seed: int) -> None:
        """Rows are added through the array that a user holds."""
        node = self._changeable(path)
        if node is None:
            return
        added = _values(node.element, (rows, *node.shape[1:]), seed)
        array = self.adapter.array(path)
        if hasattr(array, "append"):
            array.append(added)
        else:  # as h5py has it
            array.resize((len(array) + rows, *array.shape[1:]))
            array[len(array) - rows :] = added
        self._now(path, np.concatenate([node.values.array, added]))

    @rule(path=datasets, seed=st.integers(-50, 50), data=st.data())
    def assign(self, path: str | None, seed: int, data: st.DataObject) -> None:
        """Rows are replaced through the array that a user holds."""
        node = self._changeable(path)
        if node is None or 0 in node.shape:
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
        node = self._changeable(path)
        if node is None:
            return
        resized = np.empty((rows, *node.shape[1:]), node.values.array.dtype)
        resized[...] = np.array(_blank(node.element), resized.dtype)
        kept = min(rows, node.shape[0])
        resized[:kept] = node.values.array[:kept]
        self.adapter.array(path).resize(resized.shape)
        self._now(path, resized)

    @rule(within=groups, name=NAMES)
    def fail(self, within: str, name: str) -> None:
        """A write that fails in its midst changes nothing, where the store promises that."""
        path = join(within, name)
        if path in self.expected or not self.adapter.capabilities.atomic_changes:
            return
        broken = Dataset(Number("int16"), (6,), Stream(_breaking_off()), {}, Layout(chunks=(2,)))
        attributes = attrs.evolve(self.expected[within], attributes={"never": "stored"})
        with pytest.raises(RuntimeError, match="unplugged"):
            self.adapter.write(Plan(nodes={within: attributes, path: broken}))

    @rule(mode=st.sampled_from(["w", "w-", "a", "r+"]))
    def be_disturbed(self, mode: str) -> None:
        """Another writer is refused, and changes nothing, where there is a guard."""
        if self.kind.is_guarded:
            with pytest.raises(HierarchyInUseError):
                self._opened(mode)

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
        if self.expected and self.kind.shows == "at once":
            self._check("r-")
        elif self.expected and self.kind.shows == "to itself":
            self._compare(self.adapter, "as it is open")

    def _check(self, mode: str) -> None:
        reader = self._opened(mode)
        try:
            self._compare(reader, mode)
        finally:
            reader.close()

    def _compare(self, adapter: Any, how: str) -> None:
        loaded = adapter.load()
        paths = [path for path, node in loaded.nodes.items() if isinstance(node, Dataset)]
        found = differences(self.expected, loaded.nodes, adapter.fetch(paths).__getitem__)
        assert found == [], how

    def _drawn(self, attributes: st.DataObject) -> dict[str, Any]:
        return attributes.draw(self.kind.attributes)

    def _changeable(self, path: str | None) -> Dataset | None:
        node = self.expected.get(path or "")
        return node if isinstance(node, Dataset) and node.element in self.kind.changes else None

    def _write(self, nodes: dict[str, Node]) -> None:
        self.adapter.write(Plan(nodes=nodes))
        self.expected |= nodes

    def _now(self, path: str, values: np.ndarray) -> None:
        self.expected[path] = attrs.evolve(self.expected[path], values=ArraySource(values), shape=values.shape)


def _breaking_off() -> Iterator[Any]:
    """Yield a piece, and fail."""
    yield (slice(0, 2),), np.array([1, 2], "int16")
    raise RuntimeError("the amplifier was unplugged")


def _folder(zarr_format: int) -> Kind:
    return Kind(
        connect=lambda folder: partial(_of_format, folder / "file.zarr", zarr_format, []),
        is_guarded=True,
    )


def _of_format(place: Path, zarr_format: int, made: list[bool]) -> ZarrAdapter:
    """Ask for a format where the file is new; later it keeps its own."""
    made.append(True)
    return ZarrAdapter(place, zarr_format=zarr_format if len(made) == 1 else None)


def _memory(folder: Path) -> Callable[[], Any]:
    return partial(MemoryAdapter, MemoryPlace())


KINDS = {
    "folder, format 3": _folder(3),
    "folder, format 2": _folder(2),
    "archive": Kind(
        connect=lambda folder: partial(ZipAdapter, folder / "file.zarr.zip"), shows="to itself", is_guarded=True
    ),
    "store in memory": Kind(connect=lambda folder: partial(ZarrAdapter, MemoryStore())),
    "memory of fsspec": Kind(connect=lambda folder: partial(ZarrAdapter, f"memory://{uuid.uuid4().hex}/file.zarr")),
    "Icechunk": Kind(
        connect=lambda folder: partial(IcechunkAdapter, f"icechunk://{folder / 'repository'}"), shows="to itself"
    ),
    "HDF5": Kind(
        connect=lambda folder: partial(HDF5Adapter, folder / "file.h5"),
        elements=(*NUMBERS, Text(), ROW),
        changes=NUMBERS,
        attributes=strategies.attributes(holder="hdf5"),
        shows="when closed",
        is_guarded=True,
    ),
    "tree of the testing kit": Kind(connect=_memory, changes=()),
}


def _live(kind: Kind, usual: int, steps: int = 20) -> None:
    machine = type("Life", (LifeOfAFile,), {"kind": kind})
    effort = settings(
        deadline=None,
        max_examples=examples(usual),
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(machine, settings=effort)


@pytest.mark.parametrize("name", KINDS)
def test_a_file_holds_what_was_done_to_it(name: str) -> None:
    """After any sequence of changes every reader finds what a dictionary would hold."""
    _live(KINDS[name], 10 if name.startswith("folder") else 4)


@pytest.mark.once
def test_a_file_on_a_server_holds_what_was_done_to_it(s3: Bucket) -> None:
    """On S3 by s3fs, where every document and chunk is a request."""

    def connect(folder: Path) -> Callable[[], Any]:
        return partial(ZarrAdapter, f"{s3.url}/{uuid.uuid4().hex}.zarr", storage_options=s3.storage_options)

    _live(Kind(connect=connect), 1, steps=12)
