"""Several writers of one file: with a synchronizer, nothing that one of them stores is lost to another.

Holds what users asked for (NEEDS 41).
"""

from __future__ import annotations

import importlib
import multiprocessing
import pickle
import threading
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from zarr.storage import MemoryStore

from hdmf_store.adapter import Plan
from hdmf_store.errors import ArgumentError, HierarchyExistsError
from hdmf_store.nodes import Group, Link, Node, Target
from hdmf_store_adapters.synchronizers import ProcessSynchronizer, ThreadSynchronizer
from hdmf_store_adapters.touched_chunks import (
    STRIPES,
    chunks_of_blocks,
    chunks_of_box,
    chunks_of_mask,
    chunks_of_points,
)
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers, table, texts
from tests.adapters.stores import read, write

pytestmark = pytest.mark.once

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])
WRITERS = 2
MANY = 40


def writer(place: Any, synchronizer: Any = True, mode: str = "r+", **options: Any) -> ZarrAdapter:
    """Return an adapter that shares the file with others."""
    adapter = ZarrAdapter(place, synchronizer=synchronizer, **options)
    adapter.open(mode)
    return adapter


def new_file(place: Any, zarr_format: int = 3, **nodes: Node) -> Any:
    """Write a file of these nodes and return its place."""
    named = {"/": Group({"made": "first"}), **{"/" + name.replace("__", "/"): node for name, node in nodes.items()}}
    write(place, named, adapter=ZarrAdapter(place, zarr_format=zarr_format))
    return place


def in_processes(work: Callable[..., None], place: Path, *arguments: Any) -> None:
    """Run `work(place, number, barrier, ...)` in several new processes at once; all must end well."""
    context = multiprocessing.get_context("spawn")
    target = getattr(importlib.import_module("tests.adapters.test_synchronizers"), work.__name__)  # as others name it
    barrier = context.Barrier(WRITERS)
    processes = [context.Process(target=target, args=(place, n, barrier, *arguments)) for n in range(WRITERS)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0] * WRITERS


def in_threads(work: Callable[[int], None], count: int = 4) -> None:
    """Run `work(number)` in several threads at once; all must end well."""
    problems: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as problem:  # noqa: BLE001 - handed to the thread that waits
            problems.append(problem)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert problems == []


# --------------------------------------------------------------------------------------------- work of one process


def assign_alternately(place: Path, number: int, barrier: Any, path: str) -> None:
    adapter = writer(place)
    array = adapter.array(path)
    barrier.wait(60)
    for at in range(number, len(array), WRITERS):
        array[at] = at + 1
    adapter.close()


def append_many(place: Path, number: int, barrier: Any) -> None:
    adapter = writer(place)
    adapter.load()
    barrier.wait(60)
    for turn in range(MANY):
        adapter.array("/rows").append(np.array([[number, turn]], "int32"))
    adapter.close()


def append_and_assign(place: Path, number: int, barrier: Any) -> None:
    adapter = writer(place)
    array = adapter.array("/values")
    barrier.wait(60)
    for turn in range(MANY):
        if number:
            array.append(np.array([turn + 1]))
        else:
            array[0:10] = np.arange(turn, turn + 10)
    adapter.close()


def change_attributes(place: Path, number: int, barrier: Any) -> None:
    adapter = writer(place)
    array = adapter.array("/rows")
    barrier.wait(60)
    for turn in range(MANY):
        array.attrs[f"{number}-{turn}"] = turn
        if number:
            array.append(np.array([[number, turn]], "int32"))
    adapter.close()


def add_objects(place: Path, number: int, barrier: Any) -> None:
    adapter = writer(place)
    adapter.load()
    barrier.wait(60)
    for turn in range(10):
        name = f"{number}-{turn}"
        nodes = {
            "/": Group({"made": "first", **{f"by {number}-{n}": n for n in range(turn + 1)}}),
            f"/shared/{name}": numbers([number, turn]),
            f"/shared/link {name}": Link(Target(f"/shared/{name}")),
            f"/{name}": Group({"turn": turn}),
        }
        adapter.write(Plan(nodes=nodes))
    adapter.close()


def create_or_extend(place: Path, number: int, barrier: Any) -> None:
    adapter = writer(place, mode="a")
    barrier.wait(60)
    adapter.write(Plan(nodes={"/": Group({"made": "first"}), f"/{number}": numbers([number])}))
    adapter.close()


def append_while_adding(place: Path, number: int, barrier: Any) -> None:
    adapter = writer(place)
    adapter.load()
    barrier.wait(60)
    for turn in range(10):
        if number:
            adapter.array("/rows").append(np.array([[number, turn]], "int32"))
        else:
            adapter.write(Plan(nodes={f"/{turn}": Group()}))
    adapter.close()


# ------------------------------------------------------------------------------------------------- several processes


@FORMATS
@pytest.mark.parametrize("layout", [{"chunks": (100,)}, {"chunks": (10,), "shards": (100,)}], ids=["chunks", "shards"])
def test_two_processes_assign_to_neighbours_in_the_same_chunks(tmp_path: Path, zarr_format: int, layout: dict) -> None:
    """Each writes every other element; all of them are there afterwards."""
    if zarr_format == 2 and "shards" in layout:
        pytest.skip("format 2 has no shards")
    place = new_file(tmp_path / "a.zarr", zarr_format, values=numbers(np.zeros(400), **layout))

    in_processes(assign_alternately, place, "/values")

    assert read(place).array("/values")[...].tolist() == list(range(1, 401))


@FORMATS
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_two_processes_append_to_one_array(tmp_path: Path, zarr_format: int, mode: str) -> None:
    """No row is lost, each process's rows stay in order, and both kinds of documents know the length."""
    place = new_file(tmp_path / "a.zarr", zarr_format, rows=numbers(np.empty((0, 2)), chunks=(16, 2)))

    in_processes(append_many, place)

    rows = read(place, mode).array("/rows")[...].tolist()
    assert len(rows) == WRITERS * MANY
    for number in range(WRITERS):
        assert [turn for who, turn in rows if who == number] == list(range(MANY))
    assert zarr.open_array(place / "rows", mode="r").shape == (WRITERS * MANY, 2)


def test_a_process_assigns_while_another_appends(tmp_path: Path) -> None:
    """Elements appended to a chunk are not lost to one who has seen it shorter."""
    place = new_file(tmp_path / "a.zarr", values=numbers(np.zeros(10), chunks=(16,)))

    in_processes(append_and_assign, place)

    assert read(place).array("/values")[...].tolist() == [*range(MANY - 1, MANY + 9), *range(1, MANY + 1)]


@FORMATS
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_two_processes_change_attributes_of_one_array(tmp_path: Path, zarr_format: int, mode: str) -> None:
    """Attributes and lengths lie in the same documents; neither change undoes the other."""
    rows = numbers(np.empty((0, 2)), chunks=(16, 2), attributes={"unit": "s"})
    place = new_file(tmp_path / "a.zarr", zarr_format, rows=rows)

    in_processes(change_attributes, place)

    found = read(place, mode).load()["/rows"]
    assert found.shape == (MANY, 2)
    assert dict(found.attributes) == {"unit": "s", **{f"{n}-{t}": t for n in range(WRITERS) for t in range(MANY)}}


@FORMATS
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_two_processes_add_objects_to_one_file(tmp_path: Path, zarr_format: int, mode: str) -> None:
    """Objects, links in the same group and attributes of the same group: all that either added is there."""
    place = new_file(tmp_path / "a.zarr", zarr_format, shared=Group({"kept": 1}))

    in_processes(add_objects, place)

    file = read(place, mode)
    nodes = file.load()
    names = [f"{number}-{turn}" for number in range(WRITERS) for turn in range(10)]
    assert set(nodes["/"].attributes) == {"made", *(f"by {name}" for name in names)}
    assert dict(nodes["/shared"].attributes) == {"kept": 1}
    assert [file.array(f"/shared/{n}")[...].tolist() for n in names] == [list(map(int, n.split("-"))) for n in names]
    assert all(nodes[f"/shared/link {name}"] == Link(Target(f"/shared/{name}")) for name in names)
    assert len(nodes) == 2 + 3 * len(names)


def test_two_processes_create_a_file(tmp_path: Path) -> None:
    """In mode a, who comes second extends what the first one made."""
    in_processes(create_or_extend, tmp_path / "a.zarr")

    assert set(read(tmp_path / "a.zarr").load()) == {"/", "/0", "/1"}


@pytest.mark.parametrize("mode", ["r", "r-"])
def test_a_process_adds_objects_while_another_appends(tmp_path: Path, mode: str) -> None:
    """The consolidated document keeps the objects of the one and the length of the other."""
    place = new_file(tmp_path / "a.zarr", rows=numbers(np.empty((0, 2)), chunks=(16, 2)))

    in_processes(append_while_adding, place)

    nodes = read(place, mode).load()
    assert nodes["/rows"].shape == (10, 2)
    assert set(nodes) == {"/", "/rows", *(f"/{turn}" for turn in range(10))}


# ----------------------------------------------------------------------------------------------------------- threads


@pytest.mark.parametrize("kind", [ThreadSynchronizer, ProcessSynchronizer])
def test_threads_share_one_array(tmp_path: Path, kind: Any) -> None:
    """Both kinds guard the threads of a process, also through separate openings of the file."""
    place = new_file(tmp_path / "a.zarr", values=numbers(np.zeros(200), chunks=(100,)))
    synchronizer = kind(*([tmp_path / "locks"] if kind is ProcessSynchronizer else []))

    def work(number: int) -> None:
        adapter = writer(place, synchronizer)
        array = adapter.array("/values")
        for at in range(number, 200, 4):
            array[at] = at + 1
        array.append(np.full(5, -1))
        adapter.close()

    in_threads(work)

    found = read(place).array("/values")[...].tolist()
    assert found == [*range(1, 201), *([-1] * 20)]


def test_threads_share_a_store_in_memory() -> None:
    """A store that only this process sees is guarded by a ThreadSynchronizer."""
    place = new_file(MemoryStore(), rows=numbers(np.empty((0, 2)), chunks=(16, 2)))
    synchronizer = ThreadSynchronizer()

    def work(number: int) -> None:
        adapter = writer(place, synchronizer)
        for turn in range(10):
            adapter.array("/rows").append(np.array([[number, turn]]))
            adapter.write(Plan(nodes={f"/{number}-{turn}": Group()}))
        adapter.close()

    in_threads(work)

    nodes = read(place).load()
    assert nodes["/rows"].shape == (40, 2)
    assert len(nodes) == 42


# ----------------------------------------------------------------------------------------- which locks are taken, when


class Notebook:
    """A synchronizer that notes which locks are taken, in order, and how many are held at once."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.locks: defaultdict[str, Any] = defaultdict(threading.RLock)

    def __getitem__(self, key: str) -> Any:
        self.taken.append(key)
        return self.locks[key]

    def chunks(self) -> set[int]:
        """Return the locks of chunks that were taken, which must have been in sorted order, and forget them."""
        taken, self.taken = self.taken, []
        assert taken == sorted(taken)
        return {int(key.rpartition("/")[2]) for key in taken}


def touched(*positions: tuple[int, ...]) -> set[int]:
    """Return the locks of chunks, by their positions in two axes."""
    return {(row + 11 * column) % STRIPES for row, column in positions}


ASSIGNMENTS: dict[str, tuple[Callable[[Any], None], set[int]]] = {
    "item": (lambda a: a.__setitem__((0, 0), 1), touched((0, 0))),
    "slices": (lambda a: a.__setitem__((slice(3, 5), slice(0, 3)), 1), touched((0, 0), (1, 0))),
    "rows": (lambda a: a.__setitem__(-1, 1), touched((2, 0), (2, 1), (2, 2), (2, 3))),
    "ellipsis": (lambda a: a.__setitem__((..., 0), 1), touched((0, 0), (1, 0), (2, 0))),
    "step": (lambda a: a.__setitem__((slice(0, 12, 8), 0), 1), touched((0, 0), (2, 0))),
    "positions": (lambda a: a.__setitem__(([0, 11], [0, 9]), [1, 2]), touched((0, 0), (2, 3))),
    "mixed": (lambda a: a.__setitem__((slice(0, 1), [0, 9]), 1), touched((0, 0), (0, 3))),
    "oindex": (lambda a: a.oindex.__setitem__(([0, 11], [0, 9]), 1), touched((0, 0), (0, 3), (2, 0), (2, 3))),
    "vindex": (lambda a: a.vindex.__setitem__(([0, -1], [0, 9]), 1), touched((0, 0), (2, 3))),
    "mask": (
        lambda a: a.vindex.__setitem__(np.eye(12, 10, dtype=bool), 1),
        touched(*((i // 4, i // 3) for i in range(10))),
    ),
    "blocks": (lambda a: a.blocks.__setitem__((1, slice(1, 3)), 1), touched((1, 1), (1, 2))),
    "basic": (lambda a: a.set_basic_selection((0, 0), 1), touched((0, 0))),
    "orthogonal": (lambda a: a.set_orthogonal_selection(([5], slice(0, 1)), 1), touched((1, 0))),
    "coordinates": (lambda a: a.set_coordinate_selection(([5], [5]), 1), touched((1, 1))),
    "block": (lambda a: a.set_block_selection((2, -1), 1), touched((2, 3))),
    "a mask": (lambda a: a.set_mask_selection(np.eye(12, 10, 9, dtype=bool), 1), touched((0, 3))),
}


@pytest.mark.parametrize("way", ASSIGNMENTS)
def test_every_way_of_assigning_takes_the_locks_of_what_it_touches(way: str) -> None:
    """Just the locks of the touched chunks are taken, in sorted order, and the values are stored."""
    assign, expected = ASSIGNMENTS[way]
    place = new_file(MemoryStore(), a=numbers(np.zeros((12, 10)), chunks=(4, 3)))
    notebook = Notebook()
    array = writer(place, notebook).array("/a")

    assign(array)

    assert notebook.chunks() == expected
    assert array[...].any()


def test_large_assignments_hold_a_bounded_number_of_locks() -> None:
    """However many chunks there are, no more than a fixed number of files is open."""
    place = new_file(MemoryStore(), a=numbers(np.zeros(1000), chunks=(1,)))
    notebook = Notebook()

    writer(place, notebook).array("/a")[...] = 1

    assert notebook.chunks() == set(range(STRIPES))


@pytest.mark.parametrize(
    ("touches", "elements"),
    [
        (chunks_of_box((slice(5, 900, 7), slice(0, 40))), (slice(5, 900, 7), slice(0, 40))),
        (chunks_of_box(([3, -1, 500], slice(None, None, 9))), ([3, -1, 500], slice(None, None, 9))),
        (chunks_of_points(([3, -1, 500], [1, 2, -40])), ([3, -1, 500], [1, 2, -40])),
        (
            chunks_of_mask(np.arange(40_000).reshape(1000, 40) % 777 == 0),
            np.arange(40_000).reshape(1000, 40) % 777 == 0,
        ),
        (chunks_of_blocks((slice(1, 20), 3)), (slice(7, 140), slice(9, 12))),
    ],
    ids=["box", "rows", "points", "mask", "blocks"],
)
def test_no_touched_chunk_is_left_unlocked(touches: Any, elements: Any) -> None:
    """The locks are those of the chunks in which numpy says that the selected elements lie."""
    marked = np.zeros((1000, 40), bool)
    marked[elements] = True
    rows, columns = np.nonzero(marked)
    chunks = set(zip((rows // 7).tolist(), (columns // 3).tolist(), strict=True))

    assert touches(marked.shape, (7, 3)) == touched(*chunks)


def test_readers_take_no_locks(tmp_path: Path) -> None:
    """Reading neither waits nor leaves anything beside the file."""
    place = new_file(tmp_path / "a.zarr", a=numbers([1, 2]))

    assert writer(place, mode="r").array("/a")[...].tolist() == [1, 2]

    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


# ------------------------------------------------------------------------------------------------ two writers in turn


def two(place: Any) -> tuple[ZarrAdapter, ZarrAdapter]:
    """Return two writers that have both read the file already."""
    synchronizer = ThreadSynchronizer()
    writers = writer(place, synchronizer), writer(place, synchronizer)
    for each in writers:
        each.load()
    return writers


def test_changed_and_deleted_attributes_of_a_group_are_merged() -> None:
    """Each writer's changes count; what it did not touch is what the other made of it."""
    place = new_file(MemoryStore(), g=Group({"a": 1, "b": 1, "c": 1}))
    one, other = two(place)

    one.write(Plan(nodes={"/g": Group({"a": 2, "b": 1, "new": 1})}))
    other.write(Plan(nodes={"/g": Group({"a": 1, "b": 2, "c": 1})}))

    assert dict(read(place).load()["/g"].attributes) == {"a": 2, "b": 2, "new": 1}


def test_changed_attributes_keep_a_length_that_another_changed() -> None:
    """Who gives a dataset new attributes does not shorten it again."""
    place = new_file(MemoryStore(), a=numbers([1, 2, 3]))
    one, other = two(place)
    one.array("/a").append(np.array([4]))

    other.write(Plan(nodes={"/a": numbers([1, 2, 3], attributes={"unit": "s"})}))
    one.close()
    other.close()

    for mode in ("r", "r-"):
        assert read(place, mode).array("/a")[...].tolist() == [1, 2, 3, 4]
        assert dict(read(place, mode).load()["/a"].attributes) == {"unit": "s"}


def test_the_same_new_object_of_two_writers_is_stored_once() -> None:
    """Specifications that both cache are the usual case."""
    place = new_file(MemoryStore())
    nodes = {"/specs": Group(), "/specs/core": texts(["{}"])}

    for each in two(place):
        each.write(Plan(nodes=nodes))

    assert read(place).array("/specs/core")[...].tolist() == ["{}"]


@pytest.mark.parametrize(
    "second",
    [numbers([2]), numbers([1], "int64"), Group(), Link(Target("/"))],
    ids=["values", "type", "group", "link"],
)
def test_another_new_object_of_the_same_name_is_refused(second: Node) -> None:
    """Neither is overwritten, and what the first one stored is intact."""
    place = new_file(MemoryStore())
    one, other = two(place)
    one.write(Plan(nodes={"/a": numbers([1])}))

    with pytest.raises(HierarchyExistsError, match="'/a'"):
        other.write(Plan(nodes={"/a": second, "/b": numbers([3])}))

    assert set(read(place).load()) == {"/", "/a"}
    assert read(place).array("/a")[...].tolist() == [1]


def test_who_only_creates_does_not_replace_what_another_made_meanwhile(tmp_path: Path) -> None:
    """Mode w- holds until the file is written, not just when it is opened."""
    late = writer(tmp_path / "a.zarr", mode="w-")
    early = writer(tmp_path / "a.zarr", mode="w-")
    early.write(Plan(nodes={"/a": numbers([1])}))
    early.close()

    with pytest.raises(HierarchyExistsError):
        late.write(Plan(nodes={"/": Group()}))

    assert read(tmp_path / "a.zarr").array("/a")[...].tolist() == [1]


def test_consolidated_stays_off_when_another_writer_left_it_out() -> None:
    """Closing after an append does not bring back a consolidated document that another writer removed."""
    place = new_file(MemoryStore(), a=numbers([1]))
    one, other = two(place)
    one.array("/a").append(np.array([2]))
    other.write(Plan(nodes={"/b": Group()}, consolidate=False))

    one.close()

    assert b"consolidated_metadata" not in place._store_dict["zarr.json"].to_bytes()
    assert set(read(place).load()) == {"/", "/a", "/b"}
    assert read(place).array("/a")[...].tolist() == [1, 2]


def test_indices_count_in_the_array_as_it_is_stored_now() -> None:
    """The last element is the one that the other writer appended."""
    place = new_file(MemoryStore(), a=numbers([1, 2, 3], chunks=(10,)))
    one, other = two(place)
    one.array("/a").append(np.array([4]))

    other.array("/a")[-1] = 9

    assert read(place, "r-").array("/a")[...].tolist() == [1, 2, 3, 9]


def test_resizing_keeps_what_another_appended_along_the_other_axis() -> None:
    """A shape is given whole, so the later one counts; growing and shrinking leave both documents right."""
    place = new_file(MemoryStore(), a=numbers(np.ones((4, 4)), chunks=(2, 2)))
    one, other = two(place)

    one.array("/a").resize((6, 4))
    other.array("/a").resize((3, 3))
    other.close()
    one.close()

    for mode in ("r", "r-"):
        assert read(place, mode).array("/a")[...].tolist() == np.ones((3, 3)).tolist()


# ---------------------------------------------------------------------------------- arrays, with a synchronizer or not


@pytest.mark.parametrize("synchronizer", [None, ThreadSynchronizer()], ids=["alone", "shared"])
@FORMATS
def test_attributes_of_an_array_can_be_changed(synchronizer: Any, zarr_format: int) -> None:
    """Set, update, delete and put are stored at once, also in the consolidated document once the file is closed."""
    place = new_file(MemoryStore(), zarr_format, a=numbers([1], attributes={"x": 1, "y": 2}))
    adapter = writer(place, synchronizer)
    array = adapter.array("/a")

    array.attrs["x"] = 3
    array.attrs.update(z=4)
    del array.attrs["y"]
    assert array.update_attributes({"w": [5]}) is array

    assert {name: array.attrs[name] for name in "xzw"} == {"x": 3, "z": 4, "w": [5]}
    adapter.close()
    for mode in ("r", "r-"):
        assert dict(read(place, mode).load()["/a"].attributes) == {"x": 3, "z": 4, "w": [5]}


def test_two_arrays_of_one_dataset_append_in_turn() -> None:
    """An array that was opened before another one appended goes on at the new end."""
    adapter = writer(new_file(MemoryStore(), a=numbers([1], chunks=(10,))), None)
    one, other = adapter.array("/a"), adapter.array("/a")

    for value, array in enumerate([one, other, one, other], 2):
        array.append(np.array([value], "int32"))

    assert one[...].tolist() == [1, 2, 3, 4, 5]


def test_records_are_assigned_in_every_way() -> None:
    """Targets and text become what is stored, whichever way they are assigned."""
    rows = [(n, "a", b"b", Target("/")) for n in range(4)]
    array = writer(new_file(MemoryStore(), a=table(rows)), None).array("/a")
    new = np.array([(9, "z", b"y", Target("/a"))], array.dtype)

    array[0:1] = new
    array.oindex[[1]] = new
    array.set_basic_selection(slice(2, 3), new)

    assert [array[n].item() for n in range(4)] == [new[0].item()] * 3 + [rows[3]]


# --------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    "wrong",
    ["yes", 1, 0, 1.5, b"x", [1], (1,), Path("x"), object(), ProcessSynchronizer, np.ones(1)],
    ids=lambda wrong: type(wrong).__name__,
)
def test_what_is_no_synchronizer_is_refused(tmp_path: Path, wrong: Any) -> None:
    """The error comes at once and says what would do."""
    with pytest.raises(ArgumentError, match="synchronizer must be"):
        ZarrAdapter(tmp_path / "a.zarr", synchronizer=wrong)


def test_what_is_no_lock_is_refused() -> None:
    """An object that hands out something else is named before anything is stored."""
    place = new_file(MemoryStore(), a=numbers([1]))

    with pytest.raises(ArgumentError, match="no context manager"):
        writer(place, defaultdict(int)).array("/a")[0] = 2

    assert read(place).array("/a")[...].tolist() == [1]


@pytest.mark.parametrize("wrong", [None, "", 3, b"x", True])
def test_a_folder_of_locks_needs_a_path(wrong: Any) -> None:
    """Nothing but text and paths names a folder."""
    with pytest.raises(ArgumentError, match="path of a folder"):
        ProcessSynchronizer(wrong)


def test_true_needs_a_folder() -> None:
    """A store in memory has no place beside it."""
    with pytest.raises(ArgumentError, match="ThreadSynchronizer"):
        ZarrAdapter(MemoryStore(), synchronizer=True)


def test_true_keeps_locks_beside_the_file_however_it_is_named(tmp_path: Path) -> None:
    """Writers that come through a link in the file system meet the others; no reader sees the locks."""
    place = new_file(tmp_path / "a.zarr", a=numbers([1]))
    (tmp_path / "link.zarr").symlink_to(place, target_is_directory=True)

    adapters = [writer(name) for name in (place, str(place) + "/", tmp_path / "link.zarr")]
    for adapter in adapters:
        adapter.array("/a")[0] = 2
    for adapter in adapters:
        adapter.close()

    assert {adapter.synchronizer.path for adapter in adapters} == {str(tmp_path.resolve() / "a.zarr.sync")}
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.zarr", "a.zarr.sync", "link.zarr"]
    assert list(zarr.open_group(place, mode="r").keys()) == ["a"]


@pytest.mark.parametrize("off", [None, False])
def test_without_one_nothing_stays_beside_the_file(tmp_path: Path, off: Any) -> None:
    """By default the one writer there is leaves no locks behind."""
    place = new_file(tmp_path / "a.zarr", a=numbers([1]))

    adapter = writer(place, off)
    adapter.array("/a")[0] = 2
    adapter.close()

    assert adapter.synchronizer is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.zarr"]


def test_locks_can_be_removed_between_writes(tmp_path: Path) -> None:
    """Files of locks hold nothing; they come back when they are needed."""
    synchronizer = ProcessSynchronizer(tmp_path / "locks")
    with synchronizer["a"]:
        (file,) = (tmp_path / "locks").iterdir()
    file.unlink()
    (tmp_path / "locks").rmdir()

    with synchronizer["a"], synchronizer["b" * 1000], synchronizer["a"]:
        assert len(list((tmp_path / "locks").iterdir())) == 2


def test_synchronizers_and_arrays_survive_pickling(tmp_path: Path) -> None:
    """An array that another process receives keeps the locks that it had."""
    place = new_file(tmp_path / "a.zarr", a=numbers([1]))
    array = pickle.loads(pickle.dumps(writer(place).array("/a")))

    array[0] = 5

    assert pickle.loads(pickle.dumps(ProcessSynchronizer("x"))).path == ProcessSynchronizer("x").path
    assert isinstance(pickle.loads(pickle.dumps(ThreadSynchronizer())), ThreadSynchronizer)
    assert (tmp_path / "a.zarr.sync").is_dir()
    assert read(place).array("/a")[...].tolist() == [5]
