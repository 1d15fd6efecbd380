"""Stores of other software take more, in their own format, and lose nothing of what they held.

Parametrised over every Zarr store of the corpus; see ``corpus.py`` for where that is.
"""

from __future__ import annotations

import functools
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest
from hdmf.build import DatasetBuilder, GroupBuilder, LinkBuilder, ReferenceBuilder
from hdmf.common import DynamicTable, DynamicTableRegion, VectorIndex
from pynwb import NWBFile, TimeSeries

from hdmf_store import NWBZarrIO, ZarrIO

from . import corpus, exchange, manifest
from .corpus import Case, Kind

pytestmark = [
    pytest.mark.corpus,
    # zarr, where filters of numcodecs are in format 3; the package, where a link of the file leads nowhere
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning"),
    pytest.mark.filterwarnings("ignore:left out a link"),
    # hdmf and pynwb, about schemas of their own past
    pytest.mark.filterwarnings("ignore:Ignoring the following cached namespace"),
]

ADDED = "added here"
MODES = ("r", "r-", "r+")
DOCUMENTS = frozenset({"zarr.json", ".zgroup", ".zarray", ".zattrs", ".zmetadata"})

Files = Mapping[str, bytes]


def stores(where: Callable[[Case], Any] = lambda case: True) -> list[Any]:
    """List the stores of both formats as parameters of a test."""
    return [*corpus.parameters(Kind.FORMAT_2, where), *corpus.parameters(Kind.FORMAT_3, where)]


@pytest.fixture(scope="session")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Case], Path]:
    """Return what unpacks each archive once, and says where a store is then."""

    @functools.cache
    def folder(archive: Path, case: Case) -> Path:
        place = tmp_path_factory.mktemp("archive")
        case.unpack(place)
        return place

    return lambda case: folder(case.archive, next(c for c in corpus.cases() if c.archive == case.archive)) / case.inside


@attrs.frozen
class Copy:
    """A store that may be changed, and what the original holds."""

    case: Case
    store: Path
    before: Files

    @property
    def hidden(self) -> set[str]:
        """The links that builders cannot express: those that lead nowhere, or to another link."""
        kinds = ("group", "dataset")
        links = {path: entry for path, entry in self.case.objects().items() if entry["type"] == "link"}
        return {path for path, entry in links.items() if entry["target_type"] not in kinds}

    @property
    def original(self) -> manifest.Objects:
        """What the writer of the store recorded of it."""
        return {path: entry for path, entry in self.case.objects().items() if path not in self.hidden}

    @property
    def is_consolidated(self) -> bool:
        """Whether the metadata of all objects is in one document."""
        root = self.store / "zarr.json"
        if root.exists():
            return json.loads(root.read_text()).get("consolidated_metadata") is not None
        return (self.store / ".zmetadata").exists()

    def found(self, mode: str) -> manifest.Objects:
        """Describe what is in the store now."""
        with ZarrIO(str(self.store), mode) as io:
            found = manifest.objects_of(io.read_builder())
        return {path: entry for path, entry in found.items() if path not in self.hidden}

    def must_hold_what_it_held(self, changed: Callable[[str], bool]) -> None:
        """Fail unless all files but those of objects that were changed are byte for byte what they were."""
        after = files_of(self.store)
        lost = self.before.keys() - after.keys()
        altered = {key for key in self.before.keys() & after.keys() if self.before[key] != after[key]}
        assert {key for key in lost | altered if not changed(object_of(key))} == set()
        assert not list(self.store.rglob("*.hdmf-store-tmp-*"))


@pytest.fixture
def copy(request: pytest.FixtureRequest, unpacked: Callable[[Case], Path], tmp_path: Path) -> Copy:
    """Return a copy of a store, with what lies beside it."""
    case = request.param
    original = unpacked(case)
    at = original.parents[len(case.inside.parts) - 1]
    shutil.copytree(at, tmp_path / "copy")
    store = tmp_path / "copy" / case.inside
    return Copy(case, store, files_of(store))


def files_of(store: Path) -> Files:
    """Return the files of a store by their keys."""
    return {path.relative_to(store).as_posix(): path.read_bytes() for path in store.rglob("*") if path.is_file()}


def object_of(key: str) -> str:
    """Return the path of the object that a document is of, or to whose values a chunk belongs."""
    parts = key.split("/")
    if parts[-1] in DOCUMENTS:
        return "/" + "/".join(parts[:-1])
    while parts and (parts[-1] == "c" or parts[-1].replace(".", "").removeprefix("c").isdigit()):
        parts.pop()
    return "/" + "/".join(parts)


def consolidated_and_stored(store: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the documents that the root holds copies of, and the same documents where they belong.

    Copies that groups below the root hold in their turn, as zarr writes them, are left out.
    """
    if (store / ".zmetadata").exists():
        copies = json.loads((store / ".zmetadata").read_text())["metadata"]
        stored = {
            path.relative_to(store).as_posix(): json.loads(path.read_text())
            for name in (".zgroup", ".zarray", ".zattrs")
            for path in store.rglob(name)
        }
        return {key: document for key, document in copies.items() if document}, {k: d for k, d in stored.items() if d}
    copies = json.loads((store / "zarr.json").read_text())["consolidated_metadata"]["metadata"]
    found = {path.parent.relative_to(store).as_posix(): path for path in store.rglob("zarr.json")}
    stored = {name: json.loads(path.read_text()) for name, path in found.items() if name != "."}
    for document in (*copies.values(), *stored.values()):
        document.pop("consolidated_metadata", None)
    return copies, stored


# -------------------------------------------------------------------------------------------------- objects of any kind


def _extend(root: GroupBuilder) -> set[str]:
    """Add a group with a dataset of each kind and links, and an attribute to objects that are there; name those."""
    some = [next(iter(held.values())) for held in (root.datasets, root.groups) if held]
    references = [ReferenceBuilder(builder) for builder in some]
    types = {"i": "int32", "f": "float64", "s": "utf", "r": "object"}
    records = np.empty(2, [("i", "int32"), ("f", "float64"), ("s", object), ("r", object)])
    records[:] = [(1, 0.5, "a", references[0]), (2, np.nan, "ü" * 40, references[-1])]
    datasets = [
        DatasetBuilder("numbers", np.arange(6.0).reshape(2, 3), attributes={"unit": "V", "of": some[0]}),
        DatasetBuilder("truth", np.array([True, False])),
        DatasetBuilder("words", ["x", "", "ü"], dtype="utf"),
        DatasetBuilder("number", 3),
        DatasetBuilder("word", "one"),
        DatasetBuilder("references", references * 2, dtype="object"),
        DatasetBuilder("records", records, dtype=[{"name": name, "dtype": kind} for name, kind in types.items()]),
    ]
    root.set_group(
        GroupBuilder(
            ADDED,
            attributes={"by": "us", "to": some[-1]},
            datasets=datasets,
            groups=[GroupBuilder("empty")],
            links=[LinkBuilder(builder, f"to {builder.name}") for builder in some],
        )
    )
    for builder in some:
        builder.set_attribute(ADDED, [1.5, 2.5])
    return {f"/{builder.name}" for builder in some}


def _grown(store: Path, consolidate: bool) -> tuple[manifest.Objects, set[str]]:
    """Add to a store; return what was added, and the paths of what got an attribute more."""
    with ZarrIO(str(store), "a") as io:
        root = io.read_builder()
        touched = _extend(root)
        added = {path: entry for path, entry in manifest.objects_of(root).items() if path.startswith(f"/{ADDED}")}
        io.write_builder(root, consolidate_metadata=consolidate)
    return added, touched


@pytest.mark.once
@pytest.mark.parametrize("copy", stores(), indirect=True)
def test_objects_of_every_kind_are_added(copy: Copy) -> None:
    """A store takes a dataset of each kind, links, references to what it holds, and attributes on it.

    What was recorded of it is still there for every reader, in the same files, in the same format, consolidated or not
    as before (NEEDS 15).
    """
    was_consolidated = copy.is_consolidated

    added, touched = _grown(copy.store, was_consolidated)

    for mode in MODES:
        found = copy.found(mode)
        assert {found[path]["attributes"][ADDED]["value"] == [1.5, 2.5] for path in touched} == {True}
        found |= manifest.without_attributes({path: found[path] for path in touched}, [ADDED])
        manifest.must_agree({**copy.original, **added}, found)
    copy.must_hold_what_it_held(lambda path: path in {"/", *touched})
    assert copy.is_consolidated == was_consolidated
    if was_consolidated:
        copies, stored = consolidated_and_stored(copy.store)
        assert copies == stored
    assert any(path.name == "zarr.json" for path in copy.store.rglob("*")) == (copy.case.kind is Kind.FORMAT_3)


# --------------------------------------------------------------------------------------------------------- NWB sessions


def _session(io: NWBZarrIO) -> NWBFile:
    try:
        return io.read()
    except (AttributeError, TypeError) as problem:  # how HDMF fails at what its classes cannot express
        pytest.skip(f"the classes of HDMF cannot express this session: {problem}")


def _raw(column: Any, row: int) -> Any:
    """Return a cell as `add_row` takes it: numbers of rows for regions, nested lists for ragged columns."""
    if isinstance(column, VectorIndex):
        start = int(column.data[row - 1]) if row else 0
        return [_raw(column.target, at) for at in range(start, int(column.data[row]))]
    return column.data[row] if isinstance(column, DynamicTableRegion) else column[row]


def _plain(value: Any) -> Any:
    """Return a cell as text, what it refers to by its id."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return getattr(value, "object_id", None) or repr(np.asarray(value).tolist())


def _cells(table: DynamicTable) -> dict[str, list[Any]]:
    """Return the cells of each column."""
    return {name: [_plain(_raw(table[name], row)) for row in range(len(table))] for name in table.colnames}


def _path(io: NWBZarrIO, container: Any) -> str:
    builder = io.manager.get_builder(container)
    return f"{builder.location.rstrip('/')}/{builder.name}"


def _lies_here(io: NWBZarrIO, container: Any) -> bool:
    """Tell whether a container lies in the file itself and not behind links, where HDMF cannot change it."""
    builder = io.manager.get_builder(container)
    return builder.source == io.source and not builder.links


def _untyped(objects: manifest.Objects) -> manifest.Objects:
    """Return objects without the types and versions that HDMF brings up to date whenever it writes a session."""
    kept = manifest.without_attributes(objects, ("nwb_version", "namespace", "neurodata_type", "data_type"))
    return {
        path: {k: v for k, v in entry.items() if k not in ("data_type", "namespace")} for path, entry in kept.items()
    }


@pytest.mark.once
@pytest.mark.parametrize("copy", stores(Case.is_nwb), indirect=True)
def test_sessions_take_a_series_and_rows_in_every_table(copy: Copy) -> None:
    """Each table of a session takes a row, in all the columns that its writer knew; a series is added, one is changed.

    Everything else is as recorded, in the same files, for every reader (NEEDS 15, 16).
    """
    with NWBZarrIO(str(copy.store), "r+") as io:
        file = _session(io)
        tables = [item for item in file.objects.values() if isinstance(item, DynamicTable) and len(item)]
        before = {table.object_id: _cells(table) for table in tables}
        places = {_path(io, table) for table in tables}
        for table in tables:
            DynamicTable.add_row(table, {name: _raw(table[name], 0) for name in table.colnames})
        changed = next(filter(lambda series: _lies_here(io, series), file.acquisition.values()), None)
        changed = file.create_device("a device") if changed is None else changed
        place = _path(io, changed) if io.manager.get_builder(changed) else ""
        changed.fields["description"] = "changed"
        changed.set_modified()
        file.add_acquisition(TimeSeries(name=ADDED, data=np.arange(5.0), unit="V", timestamps=np.arange(5.0)))
        io.write(file, consolidate_metadata=copy.is_consolidated)

    def is_touched(path: str) -> bool:
        return path.rpartition("/")[0] in places or path == place

    for reader in ("r", "r-"):
        with NWBZarrIO(str(copy.store), reader) as io:
            file = io.read()
            assert file.acquisition[ADDED].data[:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
            assert file.objects[changed.object_id].description == "changed"
            assert {key: _cells(file.objects[key]) for key in before} == {
                key: {name: [*column, column[0]] for name, column in columns.items()} for key, columns in before.items()
            }
            found = manifest.objects_of(io.read_builder())
        expected = {path: entry for path, entry in copy.original.items() if not is_touched(path)}
        manifest.must_agree(_untyped(expected), _untyped({path: found[path] for path in expected}))
    copy.must_hold_what_it_held(lambda path: path in {"/", *places} or is_touched(path))
    assert any(path.name == "zarr.json" for path in copy.store.rglob("*")) == (copy.case.kind is Kind.FORMAT_3)


# -------------------------------------------------------------------------------------------- the writers of the stores

of_each_peer = pytest.mark.parametrize(
    ("release", "kind"), [("0.13", Kind.FORMAT_2), ("0.14", Kind.FORMAT_3)], ids=["0.13", "0.14"]
)


def _own_stores(release: str, kind: Kind, where: Callable[[Case], Any] = lambda case: True) -> list[Case]:
    """List the stores that a release of hdmf-zarr wrote."""
    return exchange.chosen_cases(
        kind, lambda case: f"hdmf-zarr {release}" in case.recorded()["written_by"] and bool(where(case))
    )


@pytest.mark.peers
@pytest.mark.xdist_group("peers")
@pytest.mark.timeout(900)
@of_each_peer
def test_the_writer_of_a_store_reads_what_was_added(release: str, kind: Kind, tmp_path: Path) -> None:
    """hdmf-zarr finds in its own stores, after we added to them, all that it stored and all that we added."""
    peer = exchange.found_peer(f"hdmf-zarr-{release}")
    expected, found = {}, {}
    for number, case in enumerate(_own_stores(release, kind)):
        store = case.unpack(tmp_path / str(number))
        added, touched = _grown(store, True)
        marked = {path: case.objects()[path] for path in touched}
        mark = {ADDED: {"kind": "float", "shape": [2], "value": [1.5, 2.5]}}
        marked = {path: {**entry, "attributes": {**entry["attributes"], **mark}} for path, entry in marked.items()}
        expected[str(store)] = {**case.objects(), **added, **marked}
        found[str(store)] = str(tmp_path / f"{number}.json")

    peer.ask("describe", *(word for pair in found.items() for word in pair))

    assert {store: manifest.compare(expected[store], manifest.from_json(found[store])) for store in expected} == {
        store: [] for store in expected
    }


@pytest.mark.peers
@pytest.mark.xdist_group("peers")
@pytest.mark.timeout(900)
@of_each_peer
def test_the_writer_of_a_table_reads_the_rows_that_were_added(release: str, kind: Kind, tmp_path: Path) -> None:
    """The electrodes and units of hdmf-zarr's own session show it the rows that we added, references included."""
    peer = exchange.found_peer(f"hdmf-zarr-{release}")
    case = _own_stores(release, kind, lambda case: "/units/electrodes" in case.objects())[0]
    store = case.unpack(tmp_path / "store")
    with NWBZarrIO(str(store), "r+") as io:
        file = io.read()
        rows = len(file.units)
        for table in (file.electrodes, file.units):
            DynamicTable.add_row(table, {name: _raw(table[name], 0) for name in table.colnames})
        io.write(file)

    peer.ask("tables", store, tmp_path / "tables.json")

    found = exchange.parsed_file(tmp_path / "tables.json")
    assert found == exchange.our_tables(store)
    assert len(found["units"]["rows"]) == rows + 1
