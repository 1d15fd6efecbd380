"""`read_table`: tables of files as Arrow and pandas have them, without containers and without row by row."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
import zarr
from hdmf.backends.hdf5 import HDF5IO
from hdmf.build import DatasetBuilder
from hdmf.common import AlignedDynamicTable, DynamicTable, EnumData, VectorData, get_manager
from hypothesis import given, settings
from hypothesis import strategies as st
from pynwb import NWBHDF5IO

from hdmf_store import (
    ArgumentError,
    ArgumentTypeError,
    FormatError,
    MissingNodeError,
    NWBZarrIO,
    StoreIO,
    ZarrIO,
    read_table,
)
from hdmf_store.testing import MemoryAdapter, MemoryPlace
from tests.facade.recordings import new_recording, new_table
from tests.translate.builder_files import dataset, group, reference, root

ELECTRODES = "/general/extracellular_ephys/electrodes"

_WRITERS: dict[str, Callable[[Path], Any]] = {
    "zarr 3": lambda folder: ZarrIO(folder / "f.zarr", "w", manager=get_manager()),
    "zarr 2": lambda folder: ZarrIO(folder / "f.zarr", "w", manager=get_manager(), zarr_format=2),
    "zip": lambda folder: ZarrIO(folder / "f.zarr.zip", "w", manager=get_manager()),
    "hdf5": lambda folder: HDF5IO(folder / "f.h5", "w", manager=get_manager()),
}


@pytest.fixture(params=list(_WRITERS))
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[DynamicTable], Path]:
    """Stores a table as the root of a file, of each kind of store."""

    def store(table: DynamicTable) -> Path:
        with _WRITERS[request.param](tmp_path) as io:
            io.write(table)
        (path,) = [path for path in tmp_path.iterdir() if path.name.startswith("f.")]
        return path

    return store


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tables") / "r.nwb.zarr"
    with NWBZarrIO(path, "w") as io:
        io.write(new_recording(units=6))
    return path


def test_each_column_has_the_type_that_it_is_stored_in(stored: Callable[[DynamicTable], Path]) -> None:
    """Ids first, then the columns in the order of the table."""
    found = read_table(stored(new_table()), "/")

    assert found.column_names == ["id", "number", "text", "flag", "count"]
    assert [str(kind) for kind in found.schema.types] == ["int64", "double", "large_string", "bool", "uint8"]
    assert found.to_pydict() == {
        "id": [0, 1, 2],
        "number": [1.5, 2.5, 3.5],
        "text": ["a", "b", "c"],
        "flag": [True, False, True],
        "count": [1, 2, 3],
    }
    assert found.schema.field("text").metadata == {b"description": b"text"}
    assert found.schema.metadata[b"description"] == b"a table"


def test_pandas_gets_what_hdmf_gives(stored: Callable[[DynamicTable], Path]) -> None:
    """Same names, same values, and the ids as index, as `DynamicTable.to_dataframe` has them."""
    table = new_table()
    expected = table.to_dataframe()

    found = read_table(stored(table), "/").to_pandas()

    assert found.index.name == "id"
    pandas.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found["count"].dtype == "uint8"


def _ragged() -> DynamicTable:
    table = DynamicTable(
        name="root", description="cells", columns=[VectorData(name="depth", description="in µm", data=[])]
    )
    table.add_column(name="times", description="of spikes", index=True)
    table.add_column(name="waves", description="of each spike", index=2)
    table.add_column(name="tags", description="words", index=True)
    rows = [
        ([0.5, 1.5], [[1, 2], [3]], ["a", "b"]),
        ([], [], []),
        ([2.5], [[4, 5, 6], [], [7]], ["ü"]),
        ([3.5, 4.5, 5.5], [[8]], []),
    ]
    for number, (times, waves, tags) in enumerate(rows):
        table.add_row(depth=float(number), times=times, waves=waves, tags=tags)
    return table


def test_ragged_columns_are_lists_and_doubly_ragged_ones_lists_of_lists(stored: Callable[..., Path]) -> None:
    found = read_table(stored(_ragged()), "/")

    assert found["times"].to_pylist() == [[0.5, 1.5], [], [2.5], [3.5, 4.5, 5.5]]
    assert found["waves"].to_pylist() == [[[1, 2], [3]], [], [[4, 5, 6], [], [7]], [[8]]]
    assert found["tags"].to_pylist() == [["a", "b"], [], ["ü"], []]
    assert str(found["waves"].type).startswith("large_list<item: large_list<")
    assert found.column_names == ["id", "depth", "times", "waves", "tags"], "indices are no columns"


@pytest.fixture(scope="module")
def ragged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ragged") / "f.zarr"
    with ZarrIO(path, "w", manager=get_manager()) as io:
        io.write(_ragged())
    return path


@settings(deadline=None, max_examples=30)
@given(start=st.none() | st.integers(-6, 6), stop=st.none() | st.integers(-6, 6))
def test_some_rows_are_those_of_the_whole_table(ragged: Path, start: int | None, stop: int | None) -> None:
    """As a list of the rows would be cut."""
    whole = read_table(ragged, "/").to_pylist()

    assert read_table(ragged, "/", rows=slice(start, stop)).to_pylist() == whole[start:stop]


def test_columns_are_those_asked_for_in_that_order(ragged: Path) -> None:
    found = read_table(ragged, "/", columns=["waves", "depth"])

    assert found.column_names == ["waves", "depth"]
    assert list(found.to_pandas().index) == [0, 1, 2, 3], "without ids, pandas counts"


def test_of_a_long_ragged_column_only_the_rows_asked_for_are_read(tmp_path: Path) -> None:
    """Which shows when the chunks of the others are gone."""
    table = DynamicTable(name="root", description="cells")
    table.add_column(name="times", description="of spikes", index=True)
    for number in range(100):
        table.add_row(times=np.full(10_000, float(number + 1)))
    with ZarrIO(tmp_path / "f.zarr", "w", manager=get_manager()) as io:
        io.write(table)
    chunks = sorted((tmp_path / "f.zarr/times/c").iterdir(), key=lambda path: int(path.name))
    assert len(chunks) > 10
    for chunk in chunks[3:]:
        chunk.write_bytes(b"broken")

    found = read_table(tmp_path / "f.zarr", "/", rows=slice(2, 4))

    assert [set(row) for row in found["times"].to_pylist()] == [{3.0}, {4.0}]


def test_numbers_of_ragged_columns_are_not_copied(tmp_path: Path) -> None:
    """What Arrow allocates by itself is a small part of what the column holds."""
    table = DynamicTable(name="root", description="cells")
    table.add_column(name="times", description="of spikes", index=True)
    for _ in range(50):
        table.add_row(times=np.random.default_rng(0).random(10_000))
    with ZarrIO(tmp_path / "f.zarr", "w", manager=get_manager()) as io:
        io.write(table)
    before = pyarrow.total_allocated_bytes()

    found = read_table(tmp_path / "f.zarr", "/", columns=["times"])

    assert found["times"].nbytes >= 4_000_000
    assert pyarrow.total_allocated_bytes() - before < 40_000


def test_rows_of_another_table_are_numbers_and_their_table_is_named(recording: Path) -> None:
    found = read_table(recording, "/units", columns=["electrodes"])

    assert found["electrodes"].to_pylist() == [[0, number % 4] for number in range(6)]
    assert found.schema.field("electrodes").metadata[b"table"] == ELECTRODES.encode()


def test_references_are_paths(recording: Path) -> None:
    found = read_table(recording, ELECTRODES)

    assert set(found["group"].to_pylist()) == {"/general/extracellular_ephys/shank"}
    assert found["label"].to_pylist() == [f"site {number}" for number in range(4)]


def test_records_are_structs(recording: Path) -> None:
    """As in a column of references to parts of series."""
    found = read_table(recording, "/intervals/trials", columns=["timeseries"], rows=slice(0, 1))

    ((part,),) = found["timeseries"].to_pylist()
    assert part["timeseries"] == "/acquisition/voltage"
    assert set(part) == {"idx_start", "count", "timeseries"}


def test_what_a_file_of_nwb_in_hdf5_holds_is_the_same(recording: Path, tmp_path: Path) -> None:
    with NWBHDF5IO(tmp_path / "r.nwb", "w") as io:
        io.write(new_recording(units=6))

    for table in ("/units", ELECTRODES, "/intervals/trials"):
        assert read_table(tmp_path / "r.nwb", table).to_pylist() == read_table(recording, table).to_pylist()


def test_an_enumeration_is_a_dictionary_and_categories_in_pandas(stored: Callable[..., Path]) -> None:
    elements = VectorData(name="kind_elements", description="kinds", data=["pyramidal", "inter", "other"])
    kinds = EnumData(name="kind", description="of cell", data=np.array([1, 0, 1], "uint8"), elements=elements)
    table = DynamicTable(name="root", description="cells", id=[7, 8, 9], columns=[kinds, elements], colnames=["kind"])

    found = read_table(stored(table), "/")

    assert pyarrow.types.is_dictionary(found["kind"].type)
    assert found["kind"].to_pylist() == ["inter", "pyramidal", "inter"]
    assert found.to_pandas()["kind"].cat.categories.tolist() == ["pyramidal", "inter", "other"]
    assert found.column_names == ["id", "kind"], "its elements have another length, and are no column"


def test_columns_of_categories_have_the_name_of_their_category(stored: Callable[..., Path]) -> None:
    def part(name: str) -> DynamicTable:
        return DynamicTable(
            name=name, description="a part", id=[5, 6], columns=[VectorData(name="x", description="x", data=[1, 2])]
        )

    table = AlignedDynamicTable(
        name="root", description="all", id=[0, 1], category_tables=[part("left"), part("right")]
    )
    table.add_column(name="own", description="of the table itself", data=[0.5, 1.5])

    found = read_table(stored(table), "/")

    assert found.to_pylist()[1] == {
        "id": 1, "own": 1.5, "left/id": 6, "left/x": 2, "right/id": 6, "right/x": 2,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("values", "kind", "first"),
    [
        (np.arange(12.0).reshape(2, 3, 2), "fixed_size_list<item: fixed_size_list<", [[0, 1], [2, 3], [4, 5]]),
        (np.zeros((2, 0)), "large_list<item: double>", []),
        (np.array([1 + 2j, 3]), "struct<real: double, imag: double>", {"real": 1.0, "imag": 2.0}),
        (np.array([0.5, 1], "float16"), "halffloat", 0.5),
        (np.array([b"\xff\0", b"b"], object), "large_binary", b"\xff\0"),
        (np.array([(1, 2.5), (3, 4.5)], [("a", "i2"), ("b", "f8")]), "struct<a: int16, b: double>", {"a": 1, "b": 2.5}),
    ],
    ids=["axes", "empty axis", "complex", "half", "bytes", "records"],
)
def test_whatever_elements_can_be_has_a_type_in_arrow(tmp_path: Path, values: Any, kind: str, first: Any) -> None:
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("t", dataset("id", [0, 1]), dataset("x", values), colnames=["x"])))

    found = read_table(tmp_path / "f.zarr", "/t")["x"]

    assert str(found.type).startswith(kind)
    assert found[0].as_py() == first


def test_a_table_without_rows_has_columns_nevertheless(stored: Callable[..., Path]) -> None:
    path = stored(
        DynamicTable(
            name="root", description="none", columns=[VectorData(name="x", description="x", data=np.zeros(0, "f4"))]
        )
    )

    found = read_table(path, "/")

    assert (found.num_rows, found.column_names) == (0, ["id", "x"])
    assert len(found.to_pandas()) == 0


def test_a_table_without_names_of_columns_has_all_its_datasets(tmp_path: Path) -> None:
    """As those of the first versions of NWB."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("t", dataset("id", [4, 5]), dataset("x", [1, 2]))))

    assert read_table(tmp_path / "f.zarr", "t").to_pydict() == {"id": [4, 5], "x": [1, 2]}


def test_what_is_open_is_used_and_stays_open(recording: Path) -> None:
    """A file in any mode, or an adapter; also one that is no Zarr and no HDF5."""
    with NWBZarrIO(recording, "r") as io:
        assert read_table(io, "/units").num_rows == 6
        assert io.read().units["spike_times"][1].tolist() == [0.0, 0.1]
    place = MemoryPlace()
    with StoreIO(MemoryAdapter(place), "w") as io:
        io.write_builder(root(group("t", dataset("id", [0]), dataset("x", ["a"]), colnames=["x"])))
    adapter = MemoryAdapter(place)
    adapter.open("r")
    assert read_table(adapter, "/t").to_pylist() == [{"id": 0, "x": "a"}]
    assert adapter.mode == "r"


def test_links_to_a_table_and_to_its_columns_are_followed(recording: Path) -> None:
    """Also into another file, in which the index of a ragged column is then looked for."""
    beside = recording.parent / "links.zarr"
    to = f"../{recording.name}"
    made = zarr.open_group(beside, mode="w", zarr_format=3)
    own = made.create_group("own", attributes={"colnames": ["spike_times"]})
    own.create_array("id", data=np.arange(6))
    names = ("spike_times", "spike_times_index")
    links = [{"name": name, "path": f"/units/{name}", "source": to} for name in names]
    own.attrs["_LINKS"] = links
    made.attrs["_LINKS"] = [{"name": "units", "path": "/units", "source": to}]
    expected = read_table(recording, "/units")

    assert read_table(beside, "/units").equals(expected)
    assert read_table(beside, "/own")["spike_times"].equals(expected["spike_times"])


def _broken(path: Path, index: Any, **others: Any) -> Path:
    with ZarrIO(path, "w") as io:
        times = dataset("times", np.arange(4.0))
        ends = DatasetBuilder("times_index", np.asarray(index), attributes={"target": reference(times)})
        more = [dataset(name, value) for name, value in others.items()]
        members = [dataset("id", [0, 1]), times, ends, *more]
        io.write_builder(root(group("t", *members, colnames=["times", *others])))
    return path


@pytest.mark.parametrize(
    ("index", "others", "said"),
    [
        ([2, 9], {}, "times_index: says that rows end where /t/times has none: it has a length of 4"),
        ([3, 1], {}, "times_index: says that rows end"),
        ([-1, 4], {}, "times_index: says that rows end"),
        ([2**63, 2**63 + 5], {}, "times_index: says that rows end"),
        ([0.5, 4.0], {}, "times_index: cannot say where rows end: its elements are float64"),
        ([1, 2, 4], {}, "/t/times: has 3 rows, and the table /t has 2"),
        ([2, 4], {"x": 3}, "/t/x: is a single value"),
        ([2, 4], {"x": [1, 2, 3]}, "/t/x: has 3 rows"),
    ],
    ids=["beyond", "backwards", "negative", "huge", "no integer", "another length", "scalar", "longer column"],
)
def test_columns_that_cannot_be_those_of_a_table_are_named(tmp_path: Path, index: Any, others: Any, said: str) -> None:
    """Before Arrow is given offsets that lead out of memory."""
    index = np.asarray(index, "uint64") if isinstance(index[0], int) and index[0] > 2**62 else index
    path = _broken(tmp_path / "f.zarr", index, **others)

    with pytest.raises(FormatError) as raised:
        read_table(path, "/t")

    assert said in str(raised.value)
    assert str(path) in str(raised.value)


def test_an_enumeration_with_numbers_that_mean_nothing_is_an_error(tmp_path: Path) -> None:
    elements = dataset("kind_elements", ["a", "b"])
    kinds = DatasetBuilder("kind", np.array([0, 2], "uint8"), attributes={"elements": reference(elements)})
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("t", dataset("id", [0, 1]), kinds, elements, colnames=["kind"])))

    with pytest.raises(FormatError, match="/t/kind: has numbers that /t/kind_elements gives no meaning"):
        read_table(tmp_path / "f.zarr", "/t")


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("t", dataset("id", [0, 1]), colnames=["gone"])))

    with pytest.raises(FormatError, match="/t/gone: is named as a column, and is not there"):
        read_table(tmp_path / "f.zarr", "/t")


@pytest.mark.parametrize(
    ("path", "wishes", "error", "said"),
    [
        ("/acquisition/voltage", {}, ArgumentError, f"is no table. Tables of the file: {ELECTRODES}"),
        ("/units/id", {}, ArgumentError, "/units/id is no table"),
        ("/nothing", {}, MissingNodeError, "/nothing"),
        ("/units", {"columns": ["x"]}, ArgumentError, "has no column 'x'. It has: id, "),
        ("/units", {"columns": "id"}, ArgumentError, r"\['id'\]"),
        ("/units", {"columns": 5}, ArgumentTypeError, "columns must be of type Sequence or None"),
        ("/units", {"rows": slice(0, 4, 2)}, ArgumentError, r"\.zarr: /units: rows cannot have a step"),
        ("/units", {"rows": slice("a", None)}, ArgumentError, r"\.zarr: /units: rows must have integers"),
        ("/units", {"rows": 3}, ArgumentTypeError, "rows must be of type slice or None"),
        (3, {}, ArgumentTypeError, "path must be of type str"),
    ],
)
def test_a_wish_that_nothing_can_fulfil_says_what_can(
    recording: Path, path: Any, wishes: Any, error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        read_table(recording, path, **wishes)


def test_without_pyarrow_the_extra_is_named(recording: Path) -> None:
    """And nothing else of the package needs it."""
    program = (
        "import sys; sys.modules['pyarrow'] = None; from hdmf_store import read_table, MissingExtraError\n"
        f"try: read_table({str(recording)!r}, '/units')\nexcept MissingExtraError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert "needs pyarrow, which is not installed: pip install 'hdmf-store[tables]'" in said


def test_a_table_of_a_server_is_read_in_few_requests(recording: Path, http: Any) -> None:
    """One for the documents, one for each chunk that is asked for."""
    import shutil

    shutil.copytree(recording, http.folder / "r.zarr")
    http.traffic.clear()

    found = read_table(f"{http.url}/r.zarr", "/units", columns=["id", "spike_times"])

    assert found.num_rows == 6
    assert len(http.traffic.requests) <= 6


def test_what_arrow_writes_pandas_reads_with_its_index(recording: Path, tmp_path: Path) -> None:
    """So that a table goes into Parquet, and comes back the same."""
    from pyarrow import parquet

    parquet.write_table(read_table(recording, "/units"), tmp_path / "units.parquet")

    assert pandas.read_parquet(tmp_path / "units.parquet").index.name == "id"
