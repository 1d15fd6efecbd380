"""How much a store is asked for: speed is specified by counting, and so is the order of what is written.

Holds what users asked for (NEEDS 27, 32, 43, 57, 65).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan
from hdmf_store.errors import (
    ArgumentError,
    ClosedError,
    HierarchyExistsError,
    LocationError,
    MissingHierarchyError,
    MissingNodeError,
    ModeError,
    NameNotAllowedError,
    UnsupportedValueError,
)
from hdmf_store.nodes import (
    ArraySource,
    Dataset,
    Group,
    Hierarchy,
    Layout,
    Link,
    Node,
    Number,
    ReferenceTo,
    Stream,
    Target,
    Unwritten,
)
from hdmf_store.translate.convert import convert
from hdmf_store.translate.copying import copy
from hdmf_store.translate.repacking import repack
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import dataset, numbers, objects, table, texts
from tests.adapters.stores import CountingAsyncStore, CountingStore, read, write

STORES = pytest.mark.parametrize("make", [CountingStore, CountingAsyncStore], ids=["synchronous", "asynchronous"])


def small() -> dict[str, Node]:
    """Return 8 nodes below the root that have a document, a link that has none, and 11 chunks."""
    return {
        "/": Group({"a": 1}),
        "/group": Group(),
        "/group/inner": Group(),
        "/group/inner/link": Link(Target("/group")),
        "/group/inner/numbers": numbers(np.arange(1, 21).reshape(4, 5), chunks=(2, 2)),
        "/group/text": texts(["a", "b"]),
        "/scalar": numbers(0),
        "/empty": numbers(np.empty((0, 2))),
        "/references": dataset(ReferenceTo(), objects([Target("/group"), Target("/scalar")])),
        "/table": table([(1, "a", b"b", Target("/group"))]),
        "/fill": numbers([0, 0, 0, 1], chunks=(2,)),
    }


DOCUMENTS = 9
CHUNKS = 6 + 1 + 1 + 1 + 1 + 1


@STORES
@pytest.mark.parametrize("consolidate", [True, False])
def test_each_node_and_each_chunk_is_one_put_and_nothing_is_read(make: Any, consolidate: bool) -> None:
    """N nodes below the root and C chunks are N + C + 1 puts, each key once, and no get."""
    store = make()

    write(store, small(), consolidate=consolidate)

    assert len(store.calls.put) == DOCUMENTS + CHUNKS + 1
    assert len(set(store.calls.put)) == len(store.calls.put)
    assert store.calls.got == []


@STORES
def test_chunks_come_before_documents_and_the_root_comes_last(make: Any) -> None:
    """No document is there before its values, no group before what it holds, and the root is the commit."""
    store = make()

    write(store, small())

    is_document = [key.endswith("zarr.json") for key in store.calls.put]
    assert is_document == [False] * CHUNKS + [True] * (DOCUMENTS + 1)
    documents = store.calls.put[CHUNKS:]
    assert documents[-1] == "zarr.json"
    depths = [key.count("/") for key in documents]
    assert depths == sorted(depths, reverse=True)


@STORES
def test_streams_are_written_without_reading_back_where_pieces_are_whole_chunks(make: Any) -> None:
    """An iterator's pieces go straight to their chunks."""
    store = make()
    pieces = [((slice(at, at + 2), slice(0, 3)), np.full((2, 3), at + 1)) for at in range(0, 6, 2)]
    layout = numbers([1], chunks=(2, 3), separator="/").layout

    write(store, {"/": Group(), "/s": Dataset(Number("int64"), (0, 3), Stream(pieces), {}, layout)})

    assert store.calls.got == []
    assert sorted(store.calls.put) == ["s/c/0/0", "s/c/1/0", "s/c/2/0", "s/zarr.json", "zarr.json"]
    assert read(store).fetch(["/s"])["/s"].tolist() == [[1] * 3] * 2 + [[3] * 3] * 2 + [[5] * 3] * 2


def test_the_chunks_of_a_stream_lie_in_folders_unless_asked_otherwise() -> None:
    """A stream whose length is not known may have any number of chunks: too many for one folder."""
    store = MemoryStore()
    pieces = [((slice(at, at + 2),), np.full(2, at + 1)) for at in range(0, 6, 2)]

    write(
        store,
        {"/": Group(), "/s": Dataset(Number("int64"), (0,), Stream(pieces), {}, numbers([1], chunks=(2,)).layout)},
    )

    assert sorted(key for key in store._store_dict if "/c" in key) == ["s/c/0", "s/c/1", "s/c/2"]


@STORES
def test_a_consolidated_file_opens_with_one_get(make: Any) -> None:
    """Opening and loading every node's metadata is one request, and no listing."""
    store = make()
    write(store, small())
    store.calls = type(store.calls)()

    hierarchy = read(store).load()

    assert len(hierarchy) == 11
    assert store.calls.got == ["zarr.json"]
    assert store.calls.listed == 0


@STORES
def test_loading_again_costs_nothing(make: Any) -> None:
    """The second call has its answer."""
    store = make()
    write(store, small())
    adapter = read(store)
    first = adapter.load()
    store.calls = type(store.calls)()

    assert adapter.load() is first
    assert store.calls.got == []


@STORES
def test_fetching_small_datasets_is_one_get_each(make: Any) -> None:
    """Scalars, text, references and records cost their one chunk: no document is asked for again."""
    store = make()
    write(store, small())
    adapter = read(store)
    adapter.load()
    store.calls = type(store.calls)()

    found = adapter.fetch(["/scalar", "/group/text", "/references", "/table", "/empty"])

    assert sorted(store.calls.got) == ["group/text/c.0", "references/c.0", "scalar/c", "table/c.0"]
    assert found["/references"].tolist() == [Target("/group"), Target("/scalar")]


@STORES
def test_following_references_opens_nothing(make: Any) -> None:
    """The target of a reference is looked up in what was loaded."""
    store = make()
    write(store, small())
    adapter = read(store)
    targets = adapter.fetch(["/references"])["/references"]
    store.calls = type(store.calls)()

    assert [adapter.load().resolve(target.path) for target in targets] == ["/group", "/scalar"]
    assert adapter.load().resolve("/group/inner/link/text") == "/group/text"
    assert store.calls.got == []


@STORES
def test_a_lazy_array_is_made_without_a_request(make: Any) -> None:
    """Shape, type and length are known; what is indexed costs the chunks that it touches."""
    store = make()
    write(store, {"/": Group(), "/a": numbers(np.arange(1, 600_001).reshape(-1, 3), "int64", chunks=(50_000, 3))})
    adapter = read(store)
    adapter.load()
    store.calls = type(store.calls)()

    array = adapter.array("/a")
    assert (array.shape, array.dtype, len(array), array.ndim) == ((200_000, 3), np.dtype("int64"), 200_000, 2)
    assert isinstance(array, zarr.Array)
    assert store.calls.got == []

    assert array[60_000].tolist() == [180_001, 180_002, 180_003]
    assert store.calls.got == ["a/c/1/0"]


@STORES
def test_appending_reads_one_document_and_writes_what_is_new(make: Any) -> None:
    """In mode a the root is read when it is opened, and looked at before values and before the commit for changes of
    other writers; the new nodes, their chunks and the root are written.
    """
    store = make()
    write(store, small())
    store.calls = type(store.calls)()

    write(store, {"/group/more": numbers([1, 2])}, "a")

    assert store.calls.got == ["zarr.json"] * 3
    assert store.calls.put == ["group/more/c.0", "group/more/zarr.json", "zarr.json"]


def _held(store: Any) -> dict[str, bytes]:
    """Return all that is in a store, by key."""
    inner = store if isinstance(store, MemoryStore) else store._store
    return {key: data.to_bytes() for key, data in inner._store_dict.items()}


def _size(store: Any, chunks: bool) -> int:
    """Return the bytes of all chunks in a store, or of all documents."""
    return sum(len(data) for key, data in _held(store).items() if chunks != key.endswith("zarr.json"))


@STORES
def test_writing_costs_the_bytes_that_are_there_afterwards(make: Any) -> None:
    """No byte is stored twice, and opening costs those of the root's document."""
    store = make()

    write(store, small())

    assert store.calls.put_bytes == _size(store, chunks=True) + _size(store, chunks=False)
    store.calls = type(store.calls)()
    read(store).load()
    assert store.calls.got_bytes < _size(store, chunks=False)


@STORES
@pytest.mark.parametrize("copies", [copy, convert], ids=["copy", "convert"])
def test_an_export_gets_each_chunk_once_and_puts_it_once(make: Any, copies: Any) -> None:
    """C chunks and N nodes below the root are C + 1 gets and C + N + 1 puts, and nothing is read back (NEEDS 12)."""
    source, made = make(), make()
    write(source, {**small(), "/fill": numbers([0, 1, 0, 1], chunks=(2,))})
    source.calls = type(source.calls)()
    chunks = CHUNKS + 1

    with_both(copies, source, made)

    assert source.calls.listed == 0
    assert len(source.calls.got) == len(set(source.calls.got)) == chunks + 1
    assert source.calls.got[0] == "zarr.json"
    assert source.calls.put == made.calls.got == []
    assert len(made.calls.put) == len(set(made.calls.put)) == DOCUMENTS + chunks + 1
    assert _size(made, chunks=True) == _size(source, chunks=True)
    assert made.calls.put_bytes == _size(made, chunks=True) + _size(made, chunks=False)


@STORES
def test_to_repack_gets_each_old_chunk_once_and_puts_each_new_one_once(make: Any) -> None:
    """Also in its own place, where what is not laid out in another way keeps its bytes."""
    source = make()
    changed = numbers(np.arange(1, 21).reshape(4, 5), chunks=(2, 2))
    kept = numbers(np.arange(1, 5))
    write(source, {"/": Group(), "/changed": changed, "/kept": kept})
    kept_bytes = _held(source)["kept/c.0"]
    source.calls = type(source.calls)()

    with_both(repack, source, source)

    chunks = [*(f"changed/c/{i}/{j}" for i in range(2) for j in range(3)), "kept/c.0"]
    assert sorted(source.calls.got) == sorted([*chunks, "zarr.json", "zarr.json"]), "by the reader, and by the writer"
    assert sorted(source.calls.put) == ["changed/0.0", "changed/zarr.json", "kept/0", "kept/zarr.json", "zarr.json"]
    assert _held(source)["kept/0"] == kept_bytes
    assert sorted(_held(source)) == sorted(source.calls.put)


def with_both(copies: Any, source: Any, made: Any) -> None:
    """Copy a hierarchy into another store with its own adapter."""
    one, other = read(source), ZarrAdapter(made)
    other.open("w")
    copies(one, other)
    other.close()


@STORES
def test_replacing_removes_what_was_there(make: Any) -> None:
    """After mode w a store holds the keys of the new hierarchy and no others; chunks never had a key of old ones."""
    store = make()
    write(store, small())

    write(store, {"/": Group(), "/scalar": numbers(5)})

    assert sorted(read(store, "r-").load()) == ["/", "/scalar"]
    inner = store if isinstance(store, MemoryStore) else store._store
    assert sorted(inner._store_dict) == ["scalar/0", "scalar/zarr.json", "zarr.json"]


@STORES
@pytest.mark.parametrize("mode", ["w", "a"])
def test_chunks_that_a_killed_writer_left_are_never_taken_for_values(make: Any, mode: str) -> None:
    """Also where what is written next has no chunk in that place, because there are fill values alone."""
    store = make()
    write(store, {"/": Group(), "/a": numbers([1, 2, 3, 4], chunks=(2,))})
    inner = store if isinstance(store, MemoryStore) else store._store
    path = "/a" if mode == "w" else "/new"
    left = inner._store_dict["a/c/0"]
    for key in ("c/0", "c/1", "0", "1"):
        inner._store_dict.setdefault(f"{path[1:]}/{key}", left)

    write(store, {path: numbers([0, 0, 0, 0], chunks=(2,))}, mode)

    adapter = read(store, "r")
    assert adapter.fetch([path])[path].tolist() == [0, 0, 0, 0]
    assert adapter.array(path)[:].tolist() == [0, 0, 0, 0]


def test_without_consolidation_no_such_document_is_left() -> None:
    """Plain zarr then lists, and a reader here crawls and finds the same."""
    store = MemoryStore()

    write(store, small(), consolidate=False)

    assert b"consolidated_metadata" not in store._store_dict["zarr.json"].to_bytes()
    assert sorted(read(store).load()) == sorted(small())
    with pytest.raises(ValueError, match="onsolidated"):
        zarr.open_group(store, mode="r", use_consolidated=True)


def test_consolidation_can_be_made_up_for() -> None:
    """Consolidating a file brings in every node that is stored, whoever stored it."""
    store = MemoryStore()
    nodes = {path: node for path, node in small().items() if path != "/table"}  # zarr 3.1 cannot open rows
    write(store, nodes, consolidate=False)
    zarr.open_group(store, mode="r+").create_array("foreign", shape=(2,), dtype="int8")
    adapter = read(store, "r+")

    adapter.consolidate()

    assert "foreign" in zarr.open_group(store, mode="r", use_consolidated=True)
    assert sorted(read(store).load()) == sorted([*nodes, "/foreign"])


def test_mode_r_minus_sees_what_the_consolidated_metadata_misses() -> None:
    """Another program added a node: consolidated metadata does not know it, a crawl does."""
    store = MemoryStore()
    write(store, small())
    zarr.open_group(store, mode="r+", use_consolidated=False).create_array("foreign", shape=(2,), dtype="int8")

    assert "/foreign" not in read(store, "r").load()
    assert "/foreign" in read(store, "r-").load()


def test_names_that_zarr_cannot_hold_are_listed_before_anything_is_written() -> None:
    """One error names all of them, and the store is as it was."""
    store = CountingStore()
    bad = ["/..", "/.", "/zarr.json", "/__reserved", "/good/zarr.json", "/good/nul\0"]
    nodes: dict[str, Node] = {"/": Group(), "/good": Group(), **{path: Group() for path in bad}}

    with pytest.raises(NameNotAllowedError) as caught:
        write(store, nodes)

    assert sorted(caught.value.names) == sorted(bad)
    assert store.calls.put == []


@pytest.mark.parametrize("name", ["a\\b", "a" * 300], ids=["backslash", "too-long"])
def test_a_name_is_refused_or_kept(name: str, tmp_path: Any) -> None:
    """Whatever is written under a name is found under it, by us and by zarr; else nothing is left."""
    place = tmp_path / "a.zarr"
    try:
        write(place, {"/": Group(), "/" + name: numbers([1, 2])})
    except (NameNotAllowedError, OSError):
        assert list(tmp_path.iterdir()) == []
        return

    assert read(place).fetch(["/" + name])["/" + name].tolist() == [1, 2]
    assert zarr.open_group(place, mode="r", use_consolidated=False)[name][...].tolist() == [1, 2]


def test_a_dataset_that_is_filled_later_reads_as_its_fill_value() -> None:
    """It has a document and no chunk, and can be assigned into in mode r+."""
    store = CountingStore()
    layout = numbers([1], chunks=(2, 2), fill_value=7).layout
    write(store, {"/": Group(), "/later": Dataset(Number("int16"), (3, 2), Unwritten(), {}, layout)})
    assert sorted(store.calls.put) == ["later/zarr.json", "zarr.json"]
    adapter = read(store, "r+")
    assert adapter.fetch(["/later"])["/later"].tolist() == [[7, 7]] * 3

    adapter.array("/later")[1] = [1, 2]

    assert read(store).fetch(["/later"])["/later"].tolist() == [[7, 7], [1, 2], [7, 7]]


@pytest.mark.parametrize("element", ["text", "table"])
def test_text_and_rows_can_be_filled_later(element: str) -> None:
    """What was never written is empty text, and rows of zeros and empty text."""
    made = texts([]) if element == "text" else table([])
    store = MemoryStore()

    write(store, {"/": Group(), "/later": Dataset(made.element, (2,), Unwritten())})

    empty = {"text": ["", ""], "table": [(0, "", b"", None)] * 2}
    assert read(store).fetch(["/later"])["/later"].tolist() == empty[element]


def test_an_array_that_was_appended_to_is_longer_for_every_reader() -> None:
    """Its document and the consolidated metadata tell the new length when the file is closed."""
    store = MemoryStore()
    write(store, {"/": Group(), "/a": numbers([1, 2]), "/t": texts(["a"])})
    adapter = read(store, "r+")

    adapter.array("/a").append([3, 4])
    adapter.array("/t").append(np.array(["b"], dtype=object))
    adapter.close()

    for mode in ("r", "r-"):
        found = read(store, mode).fetch(["/a", "/t"])
        assert found["/a"].tolist() == [1, 2, 3, 4]
        assert found["/t"].tolist() == ["a", "b"]


def test_rows_and_references_can_be_appended() -> None:
    """References are given as targets, rows as tuples."""
    store = MemoryStore()
    write(
        store, {"/": Group(), "/t": table([(1, "a", b"x", Target("/"))]), "/r": dataset(ReferenceTo(), objects([None]))}
    )
    adapter = read(store, "r+")

    adapter.array("/t").append([(2, "b", b"y", Target("/t"))])
    adapter.array("/r").append(objects([Target("/t")]))
    adapter.close()

    found = read(store).fetch(["/t", "/r"])
    assert found["/t"].tolist() == [(1, "a", b"x", Target("/")), (2, "b", b"y", Target("/t"))]
    assert found["/r"].tolist() == [None, Target("/t")]


def test_text_longer_than_a_stream_said_is_kept_or_refused() -> None:
    """Rows that come as a stream are never cut in silence."""
    rows = table([(1, "x" * 500, b"y" * 500, None)])
    store = MemoryStore()
    pieces = [((slice(0, 1),), rows.values.array), ((slice(1, 2),), rows.values.array)]

    try:
        write(
            store,
            {"/": Group(), "/t": Dataset(rows.element, (0,), Stream(pieces), {}, numbers([1], chunks=(1,)).layout)},
        )
    except UnsupportedValueError:
        return

    assert read(store).fetch(["/t"])["/t"].tolist() == [(1, "x" * 500, b"y" * 500, None)] * 2


def test_a_stream_of_large_chunks_keeps_every_piece() -> None:
    """Pieces that complete no chunk are kept also where only one chunk fits the buffer."""
    side = 40 * 2**20
    pieces = [
        ((slice(side, side + 10),), np.full(10, 1, "uint8")),
        ((slice(side - 5, side + 15),), np.full(20, 2, "uint8")),
        ((slice(side + 20, side + 30),), np.full(10, 3, "uint8")),
        ((slice(side - 9, side + 1),), np.full(10, 4, "uint8")),
    ]
    expected = np.zeros(side + 30, "uint8")
    for region, values in pieces:
        expected[region] = values
    store = MemoryStore()
    layout = numbers([1], chunks=(side,)).layout

    write(store, {"/": Group(), "/s": Dataset(Number("uint8"), (0,), Stream(pieces), {}, layout)})

    found = read(store).load()["/s"].values.read((slice(side - 20, side + 30),))
    assert found.tolist() == expected[side - 20 :].tolist()


@STORES
def test_a_failed_append_leaves_the_old_hierarchy(make: Any) -> None:
    """A stream that breaks in the middle: the file reads as before, by this adapter and by another one."""
    store = make()
    write(store, small())
    adapter = read(store, "a")
    before = sorted(adapter.load())

    def broken() -> Any:
        yield (slice(0, 2),), np.array([1, 2])
        raise RuntimeError("the recorder died")

    layout = numbers([1], chunks=(2,)).layout
    nodes = {"/new": Group(), "/new/s": Dataset(Number("int64"), (0,), Stream(broken()), {}, layout)}
    with pytest.raises(RuntimeError, match="the recorder died"):
        adapter.write(Plan(nodes=nodes))

    assert sorted(adapter.load()) == before
    for mode in ("r", "r-"):
        assert sorted(read(store, mode).load()) == before
    inner = store if isinstance(store, MemoryStore) else store._store
    assert [key for key in inner._store_dict if key.startswith("new")] == []


class FailingRoot(CountingStore):
    """A store that cannot replace its root document while told so."""

    fails = False

    def set_sync(self, key: str, value: Any) -> None:
        if self.fails and key == "zarr.json":
            raise OSError("no space left")
        super().set_sync(key, value)

    async def set(self, key: str, value: Any, byte_range: Any = None) -> None:
        if self.fails and key == "zarr.json":
            raise OSError("no space left")
        await super().set(key, value, byte_range)


def test_a_failed_commit_leaves_the_old_hierarchy_for_who_goes_on() -> None:
    """When the root cannot be written, the adapter forgets what it was about to commit; a second try succeeds."""
    store = FailingRoot()
    write(store, small())
    adapter = read(store, "a")
    store.fails = True
    with pytest.raises(OSError, match="no space left"):
        adapter.write(Plan(nodes={"/new": numbers([1])}))
    assert "/new" not in adapter.load()

    store.fails = False
    adapter.write(Plan(nodes={"/new": numbers([2])}))

    assert adapter.fetch(["/new"])["/new"].tolist() == [2]
    assert read(store).fetch(["/new"])["/new"].tolist() == [2]


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset(Number("int64"), (2**22,), ArraySource(np.zeros(2**22, "int64")), {}, Layout(chunks=(2**19,))),
        Dataset(Number("int64"), (40,), ArraySource(np.arange(40)), {}, Layout(chunks=(10,))),
        texts(["a"] * 1000),
        Dataset(Number("int64"), (1000,), Stream([((slice(0, 1000),), np.arange(1000))])),
    ],
    ids=["fill values alone", "numbers", "text", "a short stream"],
)
def test_progress_adds_up_to_the_bytes_of_the_values(dataset: Dataset) -> None:
    """Whether chunks are stored or left out, known before or not; text counts as pointers."""
    told: list[int] = []
    adapter = ZarrAdapter(MemoryStore())
    adapter.open("w")
    adapter.write(Plan(nodes={"/": Group(), "/x": dataset}), lambda size, objects: told.append(size))
    adapter.close()

    assert sum(told) == math.prod(dataset.shape) * 8


def test_progress_counts_bytes_and_objects() -> None:
    """Every object is counted once; bytes are those of the values before compression."""
    told: list[tuple[int, int]] = []
    adapter = ZarrAdapter(MemoryStore())
    adapter.open("w")
    nodes = {"/": Group(), "/a": numbers(np.ones((4, 6)), "int16", chunks=(2, 6)), "/g": Group()}

    adapter.write(Plan(nodes=nodes), lambda size, count: told.append((size, count)))

    assert sum(size for size, _ in told) == 4 * 6 * 2
    assert sum(count for _, count in told) in (2, 3)  # the root is the commit, and may be counted or not


def test_modes_are_those_of_h5py(tmp_path: Any) -> None:
    """Reading needs a file, creating needs a free place or permission to replace, and no mode is made up."""
    place = tmp_path / "a.zarr"
    for mode in ("r", "r-", "r+"):
        with pytest.raises(MissingHierarchyError, match="does not exist"):
            read(place, mode)
    write(place, {"/": Group()}, "x")
    for mode in ("x", "w-"):
        with pytest.raises(HierarchyExistsError):
            read(place, mode)
    with pytest.raises(ArgumentError, match="no mode"):
        read(place, "rw")
    for mode in ("r", "r-"):
        adapter = read(place, mode)
        with pytest.raises(ModeError, match="mode 'w', 'a' or 'r\\+'"):
            adapter.write(Plan(nodes={"/a": Group()}))
        with pytest.raises(ModeError):
            adapter.consolidate()
    write(place, {"/": Group(), "/a": Group()}, "w")
    write(tmp_path / "new.zarr", {"/": Group()}, "a")
    assert sorted(read(place).load()) == ["/", "/a"]


def test_a_closed_adapter_says_so() -> None:
    """Every call after closing is the same error, and closing twice is none."""
    store = MemoryStore()
    write(store, {"/": Group(), "/a": numbers([1])})
    adapter = read(store)
    lazy = adapter.array("/a")
    source = adapter.load()["/a"].values
    adapter.close()
    adapter.close()

    for call in (
        adapter.load,
        lambda: adapter.fetch(["/a"]),
        lambda: adapter.array("/a"),
        lambda: adapter.write(Plan(nodes={})),
        adapter.consolidate,
        lambda: lazy[0],
        lambda: source.read((slice(0, 1),)),
    ):
        with pytest.raises(ClosedError):
            call()


def test_a_path_without_a_dataset_is_named() -> None:
    """Asking for the array of nothing, or of a group, is an error with the path."""
    store = MemoryStore()
    write(store, {"/": Group(), "/g": Group()})
    adapter = read(store)

    for path in ("/g", "/nothing"):
        with pytest.raises(MissingNodeError, match=path):
            adapter.array(path)
        with pytest.raises(MissingNodeError, match=path):
            adapter.fetch([path])


def test_a_read_only_store_is_not_written() -> None:
    """Its capabilities say so, and the modes that write are refused."""
    store = MemoryStore().with_read_only(True)
    adapter = ZarrAdapter(store)

    assert adapter.capabilities.writable is False
    for mode in ("w", "a", "r+", "x", "w-"):
        with pytest.raises(ModeError):
            adapter.open(mode)


def test_what_lives_in_memory_cannot_be_linked_to() -> None:
    """No file can hold a link into this process, and a store in memory can hold none to a file."""
    adapter = ZarrAdapter(MemoryStore())

    assert adapter.capabilities.linkable is False
    with pytest.raises(LocationError):
        adapter.reference(type(adapter.location).of("/data/b.zarr"))
    assert adapter.reference(adapter.location) == "."


def test_a_hierarchy_of_many_nodes_costs_linearly() -> None:
    """A thousand nodes are a thousand puts and one: nothing is rewritten as the hierarchy grows."""
    store = CountingStore()
    nodes: dict[str, Node] = {"/": Group(), **{f"/g{n}": Group({"n": n}) for n in range(1000)}}

    write(store, nodes)

    assert len(store.calls.put) == 1001
    assert Hierarchy(nodes).nodes.keys() == read(store).load().nodes.keys()
