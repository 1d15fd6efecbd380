"""Files in folders: what is there is whole, whatever happens while it is replaced.

Holds what users asked for (NEEDS 66, 69).
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from hdmf_store import DirectoryStore, NestedDirectoryStore, TempStore
from hdmf_store.adapter import Plan
from hdmf_store.errors import HierarchyExistsError, LocationError, MissingHierarchyError, UnsupportedValueError
from hdmf_store.nodes import Dataset, Group, Node, Number, Stream
from hdmf_store_adapters.zarr_adapter import ZarrAdapter
from tests.adapters.samples import numbers, texts
from tests.adapters.stores import read, write


def stream(pieces: Iterator[Any], chunk: int = 2) -> Dataset:
    return Dataset(Number("int64"), (0,), Stream(pieces), {}, numbers([1], chunks=(chunk,)).layout)


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def old(tmp_path: Path) -> Path:
    place = tmp_path / "a.zarr"
    write(place, {"/": Group({"age": "old"}), "/a": numbers([1, 2, 3])})
    return place


def test_the_old_file_is_complete_until_the_new_one_is(tmp_path: Path) -> None:
    """While a replacement grows, whoever opens the file reads the old one."""
    place = old(tmp_path)
    seen: list[Any] = []

    def pieces() -> Iterator[Any]:
        for at in range(3):
            yield (slice(2 * at, 2 * at + 2),), np.array([at + 1, at + 1])
            adapter = read(place)
            seen.append((adapter.load()["/"].attributes["age"], adapter.fetch(["/a"])["/a"].tolist()))

    write(place, {"/": Group({"age": "new"}), "/s": stream(pieces())})

    assert seen == [("old", [1, 2, 3])] * 3
    assert read(place).load()["/"].attributes["age"] == "new"
    assert sorted(read(place).load()) == ["/", "/s"]
    assert os.listdir(tmp_path) == ["a.zarr"]


@pytest.mark.parametrize("problem", [RuntimeError("broken"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_a_failed_replacement_leaves_the_old_file_and_nothing_else(tmp_path: Path, problem: BaseException) -> None:
    """No temporary file stays, and every byte of the old file is as it was."""
    place = old(tmp_path)
    before = {name: (place / name).read_bytes() for name in files(place)}

    def pieces() -> Iterator[Any]:
        yield (slice(0, 2),), np.array([1, 1])
        raise problem

    with pytest.raises(type(problem)):
        write(place, {"/": Group(), "/s": stream(pieces())})

    assert {name: (place / name).read_bytes() for name in files(place)} == before
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_failed_creation_leaves_nothing(tmp_path: Path) -> None:
    """Where nothing was, nothing is."""
    with pytest.raises(UnsupportedValueError):
        write(tmp_path / "a.zarr", {"/": Group({"odd": object()}), "/a": numbers([1])})

    assert os.listdir(tmp_path) == []


def test_a_file_that_was_opened_for_writing_but_not_written_is_as_it_was(tmp_path: Path) -> None:
    """Opening in mode w touches nothing."""
    place = old(tmp_path)
    adapter = ZarrAdapter(place)

    adapter.open("w")
    adapter.close()

    assert read(place).fetch(["/a"])["/a"].tolist() == [1, 2, 3]


def killed_while_writing(place: Path, mode: str, folder: Path) -> None:
    """Run a process that writes piece after piece, and kill it in the midst of that."""
    program = textwrap.dedent(
        """
        import sys, time
        import numpy as np
        from hdmf_store.adapter import Plan
        from hdmf_store.nodes import Dataset, Group, Layout, Number, Stream
        from hdmf_store_adapters.zarr_adapter import ZarrAdapter

        def pieces():
            for at in range(10_000):
                yield (slice(at, at + 1),), np.array([at + 1])
                if at == 20:
                    sys.stdout.write("half way\\n")
                    sys.stdout.flush()
                if at > 20:
                    time.sleep(0.01)

        adapter = ZarrAdapter(sys.argv[1])
        adapter.open(sys.argv[2])
        stream = Dataset(Number("int64"), (0,), Stream(pieces()), {}, Layout(chunks=(1,)))
        adapter.write(Plan(nodes={"/": Group({"age": "new"}), "/new": Group(), "/new/s": stream}))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", program, str(place), mode], stdout=subprocess.PIPE, cwd=folder
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"half way\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("mode", ["w", "a"])
def test_a_process_that_is_killed_leaves_the_old_file_readable(tmp_path: Path, mode: str) -> None:
    """Killed in the middle of a write, there is the old file, with and without its consolidated metadata."""
    place = old(tmp_path)

    killed_while_writing(place, mode, tmp_path)

    for how in ("r", "r-"):
        adapter = read(place, how)
        assert adapter.load()["/"].attributes["age"] == "old"
        assert "/new/s" not in adapter.load()
        assert adapter.fetch(["/a"])["/a"].tolist() == [1, 2, 3]
    assert zarr.open_group(place, mode="r")["a"][...].tolist() == [1, 2, 3]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_what_a_killed_process_left_does_not_disturb_the_next(tmp_path: Path) -> None:
    """The write can be tried again, and what is read then is the second try alone."""
    place = old(tmp_path)
    killed_while_writing(place, "a", tmp_path)

    write(place, {"/new": Group(), "/new/s": numbers([9], chunks=(1,))}, "a")

    for how in ("r", "r-"):
        assert sorted(read(place, how).load()) == ["/", "/a", "/new", "/new/s"]
        assert read(place, how).fetch(["/new/s"])["/new/s"].tolist() == [9]


def test_files_are_replaced_by_renaming(tmp_path: Path) -> None:
    """In mode a the root's document is a new file: whoever has the old one open keeps reading the old one."""
    place = old(tmp_path)
    before = (place / "zarr.json").stat().st_ino
    with open(place / "zarr.json", "rb") as held:
        write(place, {"/b": numbers([4])}, "a")
        seen = held.read()

    assert b'"b"' not in seen
    assert (place / "zarr.json").stat().st_ino != before
    assert not [name for name in files(tmp_path) if "tmp" in name]


def test_a_failed_append_leaves_no_trace(tmp_path: Path) -> None:
    """The files are those that were there before."""
    place = old(tmp_path)
    before = {name: (place / name).read_bytes() for name in files(place)}

    def pieces() -> Iterator[Any]:
        yield (slice(0, 2),), np.array([1, 1])
        raise RuntimeError("broken")

    nodes: dict[str, Node] = {"/": Group({"age": "new"}), "/g": Group(), "/g/s": stream(pieces()), "/t": texts(["x"])}
    with pytest.raises(RuntimeError, match="broken"):
        write(place, nodes, "a")

    assert {name: (place / name).read_bytes() for name in files(place)} == before


def test_what_is_no_zarr_file_is_not_replaced_unless_told_to(tmp_path: Path) -> None:
    """Mode w does not delete a folder of other content or a file; `force_overwrite` does."""
    folder, file = tmp_path / "folder", tmp_path / "file"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    file.write_text("more of it")
    for place in (folder, file):
        with pytest.raises(HierarchyExistsError, match="force_overwrite"):
            write(place, {"/": Group()})
    assert (folder / "thesis.txt").read_text() == "years of work"

    write(None, {"/": Group()}, adapter=ZarrAdapter(folder, force_overwrite=True))
    write(None, {"/": Group()}, adapter=ZarrAdapter(file, force_overwrite=True))

    assert files(folder) == files(file) == ["zarr.json"]


def test_a_symbolic_link_to_a_file_stays_one(tmp_path: Path) -> None:
    """Replacing a hierarchy through a link replaces what it points to."""
    place = old(tmp_path)
    link = tmp_path / "link.zarr"
    link.symlink_to(place)

    write(link, {"/": Group({"age": "new"})})

    assert link.is_symlink()
    assert read(place).load()["/"].attributes["age"] == "new"


def test_a_link_into_other_folders_is_not_crawled(tmp_path: Path) -> None:
    """A hierarchy ends at its folder, also where a symbolic link leads out of it."""
    place = old(tmp_path)
    other = tmp_path / "other.zarr"
    write(other, {"/": Group(), "/secret": numbers([1])})
    (place / "out").symlink_to(other)

    assert sorted(read(place, "r-").load()) == ["/", "/a"]


def test_a_file_is_no_hierarchy(tmp_path: Path) -> None:
    """The error says that it is a file, and what to do."""
    place = tmp_path / "a.zarr"
    place.write_bytes(b"\x89HDF")

    with pytest.raises(MissingHierarchyError, match="is a file"):
        read(place)


def test_folders_above_are_made(tmp_path: Path) -> None:
    """A path whose folder does not exist yet is fine."""
    write(tmp_path / "deep" / "er" / "a.zarr", {"/": Group(), "/a": numbers([1])})

    assert read(tmp_path / "deep" / "er" / "a.zarr").fetch(["/a"])["/a"].tolist() == [1]


# ------------------------------------------------------------------------------------------------------ store classes

GRID = numbers(np.arange(1, 7).reshape(2, 3), chunks=(1, 2))


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (
            DirectoryStore,
            ["a/c.0.0", "a/c.0.1", "a/c.1.0", "a/c.1.1", "a/zarr.json", "one/c.0", "one/zarr.json", "zarr.json"],
        ),
        (
            NestedDirectoryStore,
            ["a/c/0/0", "a/c/0/1", "a/c/1/0", "a/c/1/1", "a/zarr.json", "one/c/0", "one/zarr.json", "zarr.json"],
        ),
        (Path, ["a/c/0/0", "a/c/0/1", "a/c/1/0", "a/c/1/1", "a/zarr.json", "one/c.0", "one/zarr.json", "zarr.json"]),
    ],
)
def test_store_classes_say_how_chunks_lie_on_disk(tmp_path: Path, kind: Any, expected: list[str]) -> None:
    """`DirectoryStore` puts chunks side by side, `NestedDirectoryStore` in folders, a path either by their number."""
    write(kind(tmp_path / "a.zarr"), {"/": Group(), "/a": GRID, "/one": numbers([1])})

    assert files(tmp_path / "a.zarr") == expected
    for place in (tmp_path / "a.zarr", kind(tmp_path / "a.zarr")):
        assert read(place).fetch(["/a"])["/a"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert zarr.open_group(tmp_path / "a.zarr", mode="r")["a"][...].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_an_authors_wish_goes_before_that_of_the_store_class(tmp_path: Path) -> None:
    """A separator in the layout of a dataset is kept."""
    wished = numbers([[1, 2]], chunks=(1, 1), separator="/")

    write(DirectoryStore(tmp_path / "a.zarr"), {"/": Group(), "/a": wished})

    assert files(tmp_path / "a.zarr") == ["a/c/0/0", "a/c/0/1", "a/zarr.json", "zarr.json"]


@pytest.mark.parametrize("kind", [DirectoryStore, NestedDirectoryStore])
def test_store_classes_are_stores_of_zarr(tmp_path: Path, kind: Any) -> None:
    """zarr itself writes and reads them, and they can be sent to another process."""
    store = kind(tmp_path / "a.zarr")
    zarr.open_group(store, mode="w").create_array("a", shape=(2,), dtype="int8")[...] = [1, 2]

    again = pickle.loads(pickle.dumps(store))

    assert type(again) is kind
    assert zarr.open_group(again, mode="r")["a"][...].tolist() == [1, 2]


def test_a_temporary_store_is_gone_when_it_is_closed() -> None:
    """Its folder exists while it is open, holds what was written, and goes with it."""
    store = TempStore()
    folder = Path(store.root)
    write(store, {"/": Group(), "/a": GRID})
    assert read(store).fetch(["/a"])["/a"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert "a/c.1.1" in files(folder)

    store.close()

    assert not folder.exists()


def test_a_temporary_store_is_gone_when_it_is_forgotten() -> None:
    """Nothing has to be called."""
    store = TempStore()
    folder = Path(store.root)
    write(store, {"/": Group(), "/a": GRID})

    del store
    gc.collect()

    assert not folder.exists()


def test_a_temporary_store_lives_while_it_is_read() -> None:
    """An adapter over it keeps it alive, and so does an array that was handed out."""
    store = TempStore(suffix=".zarr", prefix="mine-")
    folder = Path(store.root)
    assert folder.name.startswith("mine-") and folder.name.endswith(".zarr")
    write(store, {"/": Group(), "/a": GRID})
    adapter = read(store)
    del store
    gc.collect()

    assert adapter.fetch(["/a"])["/a"].tolist() == [[1, 2, 3], [4, 5, 6]]


def test_a_temporary_store_is_gone_when_the_process_ends() -> None:
    """Also when nobody closed it."""
    program = "from hdmf_store import TempStore; store = TempStore(); import sys; sys.stdout.write(str(store.root))"

    done = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout and not Path(done.stdout).exists()


def test_a_temporary_store_cannot_be_linked(tmp_path: Path) -> None:
    """What will be gone is neither linked to nor does it hold links that could not be kept."""
    adapter = ZarrAdapter(TempStore())

    assert adapter.capabilities.linkable is False
    with pytest.raises(LocationError):
        adapter.reference(ZarrAdapter(tmp_path / "b.zarr").location)


def test_an_adapter_and_its_arrays_cross_processes(tmp_path: Path) -> None:
    """A lazy array of a file is pickled by its place, and reads there what it reads here."""
    place = old(tmp_path)
    array = read(place).array("/a")

    again = pickle.loads(pickle.dumps(array))

    assert again[...].tolist() == [1, 2, 3]
    assert again.shape == (3,)


def test_closing_without_writing_in_mode_a_creates_nothing(tmp_path: Path) -> None:
    """Mode a on a free place is a promise to create, kept by writing alone."""
    adapter = ZarrAdapter(tmp_path / "a.zarr")
    adapter.open("a")
    with pytest.raises(MissingHierarchyError):
        adapter.load()
    adapter.close()
    assert os.listdir(tmp_path) == []

    adapter.open("a")
    adapter.write(Plan(nodes={"/a": numbers([1])}))
    adapter.write(Plan(nodes={"/b": numbers([2])}))
    adapter.close()

    assert {path: array.tolist() for path, array in read(tmp_path / "a.zarr").fetch(["/a", "/b"]).items()} == {
        "/a": [1],
        "/b": [2],
    }
