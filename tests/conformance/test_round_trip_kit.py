"""The kit for authors of types: containers come back equal from every store, and whatever is lost is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pynwb
import pytest
from hdmf.backends.hdf5 import H5DataIO
from hdmf.build import BuildManager
from hdmf.common import AlignedDynamicTable, DynamicTable, DynamicTableRegion, VectorData, VectorIndex, get_type_map
from hdmf.common.table import EnumData
from hdmf.spec.spec import AttributeSpec, DatasetSpec
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from pynwb.spec import NWBGroupSpec, NWBNamespaceBuilder

from hdmf_store.nodes import Dataset, Node
from hdmf_store.testing import MemoryPlace, RoundTripError, Store, check_round_trip, container_differences
from hdmf_store.testing.strategies import texts
from tests.conformance import mutants
from tests.facade.recordings import START, new_recording

NUMBERS = ("int8", "uint16", "int64", "uint64", "float32", "float64", "bool")


@st.composite
def columns(draw: st.DrawFn, rows: int) -> list[VectorData]:
    """Draw a column of numbers, of texts, ragged numbers and texts, and of an enumeration."""
    dtype = st.sampled_from(NUMBERS)
    numbers = draw(hnp.arrays(draw(dtype), rows))
    words = draw(st.lists(texts(), min_size=rows, max_size=rows))
    parts = draw(st.lists(st.integers(0, 2), min_size=rows, max_size=rows).filter(any))
    ragged = VectorData(name="parts", description="", data=draw(hnp.arrays(draw(dtype), sum(parts))))
    levels = VectorData(name="level_elements", description="", data=draw(st.lists(texts(), min_size=1, max_size=3)))
    level = st.integers(0, len(levels.data) - 1)
    return [
        VectorData(name="number", description="one each", data=numbers),
        VectorData(name="word", description="", data=words),
        ragged,
        VectorIndex(name="parts_index", target=ragged, data=np.cumsum(parts).tolist()),
        levels,
        EnumData(name="level", description="", data=draw(hnp.arrays("uint8", rows, elements=level)), elements=levels),
    ]


@st.composite
def tables(draw: st.DrawFn, name: str = "root", rows: int | None = None) -> DynamicTable:
    """Draw a table with columns of all kinds."""
    rows = draw(st.integers(1, 4)) if rows is None else rows
    return DynamicTable(
        name=name, description=draw(texts(min_size=1)), id=list(range(rows)), columns=draw(columns(rows))
    )


@st.composite
def aligned_tables(draw: st.DrawFn) -> AlignedDynamicTable:
    """Draw a table of tables, in which one column selects rows of another table."""
    rows = draw(st.integers(1, 3))
    categories = [draw(tables(name, rows)) for name in ("left", "right")]
    chosen = draw(st.lists(st.integers(0, rows - 1), min_size=rows, max_size=rows))
    region = DynamicTableRegion(name="chosen", description="", data=chosen, table=categories[1])
    return AlignedDynamicTable(
        name="root", description="", id=list(range(rows)), columns=[region], category_tables=categories
    )


@pytest.mark.parametrize("drawn", [tables(), aligned_tables()], ids=["tables", "aligned tables"])
def test_tables_come_back_from_every_store(drawn: st.SearchStrategy[Any]) -> None:
    """Ragged columns, enumerations, regions, tables of tables: from Zarr 3 and 2, zip, memory and HDF5."""
    check_round_trip(drawn, max_examples=8)


def test_a_recording_comes_back_from_every_store() -> None:
    """References to electrodes and series lead to the very objects."""
    check_round_trip(new_recording(), manager=pynwb.get_manager)


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], BuildManager]:
    """Return what makes managers that know an extension of NWB; it has attributes, data and a table."""
    folder = tmp_path_factory.mktemp("extension")
    spec = NWBGroupSpec(
        "metadata of a rig",
        neurodata_type_def="RigData",
        neurodata_type_inc="LabMetaData",
        attributes=[AttributeSpec("serial", "number on the box", "int32"), AttributeSpec("place", "room", "text")],
        datasets=[DatasetSpec("gain of each channel", "float32", name="gains", shape=(None,), dims=("channel",))],
        groups=[NWBGroupSpec("parts", neurodata_type_inc="DynamicTable", name="parts")],
    )
    builder = NWBNamespaceBuilder("rigs", "ndx-kit-rig", version="1.2.3", author="A", contact="a@example.org")
    builder.include_namespace("core")
    builder.add_spec("rig.extensions.yaml", spec)
    builder.export("rig.namespace.yaml", outdir=str(folder))
    type_map = pynwb.get_type_map()
    type_map.load_namespaces(str(folder / "rig.namespace.yaml"))
    return partial(BuildManager, type_map)


def new_rig(rigs: Callable[[], BuildManager], serial: int, gains: Any, parts: DynamicTable) -> pynwb.NWBFile:
    kind = rigs().type_map.get_dt_container_cls("RigData", "ndx-kit-rig")
    nwbfile = pynwb.NWBFile("a session", "session-1", START)
    nwbfile.add_lab_meta_data(kind(name="rig", serial=serial, place="K 3", gains=gains, parts=parts))
    return nwbfile


def test_types_of_an_nwb_extension_come_back_from_every_store(rigs: Callable[[], BuildManager]) -> None:
    """Whatever their fields hold."""
    gains = hnp.arrays("float32", st.integers(1, 3))
    files = st.builds(partial(new_rig, rigs), st.integers(-(2**31), 2**31 - 1), gains, tables("parts"))

    check_round_trip(files, manager=rigs, max_examples=5)


# ------------------------------------------------------------------------------------------------------ what is lost


class Noted(DynamicTable):
    """A table with a note, which no schema knows."""

    __fields__ = ({"name": "note", "settable": True},)


def test_a_type_whose_schema_lacks_a_field_is_caught() -> None:
    """HDMF says nothing of it; the error names the store, the field and both values."""
    type_map = get_type_map()
    type_map.register_container_type("hdmf-common", "DynamicTable", Noted)
    table = Noted(name="root", description="d", id=[0])
    table.note = "look here"

    with pytest.raises(RoundTripError) as caught:
        check_round_trip(table, manager=lambda: BuildManager(type_map), stores=["zip"])

    assert str(caught.value) == "Noted 'root' changed in zip:\n  root.note: 'look here' became None"


def sample() -> AlignedDynamicTable:
    """Return a table of tables with values that are easily lost."""
    words = VectorData(name="word", description="d", data=["a", "b", ""])
    numbers = VectorData(name="number", description="d", data=np.array([0.12, -0.0, np.nan]))
    ragged = VectorData(name="parts", description="d", data=np.arange(4, dtype="int32"))
    index = VectorIndex(name="parts_index", target=ragged, data=[1, 1, 4])
    left = DynamicTable(name="left", description="d", id=[0, 1, 2], columns=[words, numbers, ragged, index])
    right = DynamicTable(name="right", description="d", id=[0, 1, 2])
    region = DynamicTableRegion(name="chosen", description="d", data=[0, 0, 2], table=left)
    return AlignedDynamicTable(
        name="root", description="d", id=[0, 1, 2], columns=[region], category_tables=[left, right]
    )


class Rounds(mutants.Mutant):
    """Keeps one digit of each number."""

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        return array.round(1) if array.dtype.kind == "f" else array


class ShoutsDescriptions(mutants.Mutant):
    """Changes one attribute of datasets."""

    def changed(self, path: str, node: Node) -> Node:
        if isinstance(node, Dataset) and "description" in node.attributes:
            shouted = {"description": node.attributes["description"].upper()}
            return attrs.evolve(node, attributes={**node.attributes, **shouted})
        return node


class TurnsRows(mutants.Mutant):
    """Stores the rows that a region selects in another order."""

    def values(self, array: np.ndarray, node: Dataset) -> np.ndarray:
        return array[::-1] if node.attributes.get("data_type") == "DynamicTableRegion" else array


LEFT = "root.category_tables['left'].columns"


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        (Rounds, f"{LEFT}['number'].data[0]: np.float64(0.12) became np.float64(0.1)"),
        (ShoutsDescriptions, f"{LEFT}['word'].description: 'd' became 'D'"),
        (TurnsRows, "root.columns['chosen'].data[0]: 0 became np.int64(2)"),
    ],
)
def test_an_adapter_that_loses_something_is_caught(mutant: Any, said: str) -> None:
    """Stores of one's own are named beside those that ship."""
    whole, broken = (Store(it.__name__, lambda folder: MemoryPlace(), it) for it in (mutants.Mutant, mutant))
    check_round_trip(sample(), stores=[whole])

    with pytest.raises(RoundTripError, match=f"changed in {mutant.__name__}") as caught:
        check_round_trip(sample(), stores=["memory", broken])

    assert said in str(caught.value)


def test_an_error_of_a_store_says_where_it_came_from() -> None:
    """It is the store's own error, with a note."""

    def fail(folder: Path) -> Any:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full") as caught:
        check_round_trip(sample(), stores=[Store("full", fail)])

    assert caught.value.__notes__ == ["while AlignedDynamicTable 'root' went through the store full"]


def column(table: AlignedDynamicTable, name: str) -> Any:
    return {column.name: column for column in table.category_tables["left"].columns}[name]


def change_reference(table: AlignedDynamicTable) -> None:
    table.columns[0].fields["table"] = table.category_tables["right"]


def copy_reference(table: AlignedDynamicTable) -> None:
    table.columns[0].fields["table"] = copy.deepcopy(table.category_tables["left"])


CHANGES: dict[str, tuple[Callable[[AlignedDynamicTable], Any], str]] = {
    "value": (
        lambda it: column(it, "number").data.__setitem__(0, 0.2),
        ".columns['number'].data[0]: np.float64(0.12) became",
    ),
    "sign of zero": (
        lambda it: column(it, "number").data.__setitem__(1, 0.0),
        ".columns['number'].data[1]: np.float64(-0.0)",
    ),
    "nan": (
        lambda it: column(it, "number").data.__setitem__(2, 0.0),
        ".columns['number'].data[2]: np.float64(nan) became",
    ),
    "text": (lambda it: column(it, "word").data.__setitem__(1, "c"), ".columns['word'].data[1]: 'b' became 'c'"),
    "bytes": (lambda it: column(it, "word").data.__setitem__(1, b"b"), ".columns['word'].data[1]: 'b' became b'b'"),
    "length": (
        lambda it: column(it, "word").data.pop(),
        "len(root.category_tables['left'].columns['word'].data): 3 became 2",
    ),
    "field": (lambda it: column(it, "word").fields.pop("description"), ".columns['word'].description: 'd' became None"),
    "table": (lambda it: it.category_tables.pop("right"), "root.category_tables['right']: DynamicTable 'right'"),
    "reference": (change_reference, "'right'"),
    "copy of what a reference leads to": (copy_reference, "root.columns['chosen'].table is: DynamicTable 'left'"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_difference_is_named_with_its_place_and_both_values(name: str) -> None:
    """Whatever differs."""
    change, said = CHANGES[name]
    written = sample()
    read = copy.deepcopy(written)
    assert container_differences(written, read) == []

    change(read)

    lines = [str(difference) for difference in container_differences(written, read)]
    assert any(said in line for line in lines), lines


@pytest.mark.parametrize(
    ("written", "read", "is_same"),
    [
        (np.array([1, 2], "int64"), np.array([1, 2], "uint8"), True),
        (np.array([1.5], "float32"), np.array([1.5], "float64"), True),
        (np.array([1.5], "float64"), np.array([1.5], "float32"), False),
        (np.array([1], "int64"), np.array([1.0]), False),
        ([1, 2], np.array([1, 2]), True),
        ([1, 2], np.array([1.0, 2.0]), False),
        ([True], np.array([1]), False),
        (["a"], np.array(["a"], object), True),
        ([[1, 2]], np.array([[1, 2]]), True),
        (np.array([[1, 2]]), np.array([[1], [2]]), False),
        ([], np.array([]), True),
        ([1, 2], None, False),
        (np.array([1, 2]), "12", False),
        ([(1, "a")], np.array([(1, "a")], [("n", "int8"), ("t", object)]), True),
        ([(1, "a")], np.array([(1, "b")], [("n", "int8"), ("t", object)]), False),
        (np.array([0.5, 1.5]), H5DataIO(np.array([0.5, 1.5])), True),
    ],
)
def test_what_hdmf_does_not_keep_apart_is_the_same(written: Any, read: Any, is_same: bool) -> None:
    """Lists and arrays, widths and signs of whole numbers, wider floats; never whole numbers and floats."""
    one = VectorData(name="root", description="d", data=written)
    other = copy.deepcopy(one)
    other.fields["data"] = other._Data__data = read

    assert (container_differences(one, other) == []) is is_same
