"""Where a file can lie: paths, the store classes of zarr, and ours."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hdmf.build import LinkBuilder
from hdmf.data_utils import DataChunkIterator
from zarr.storage import LocalStore, MemoryStore

from hdmf_store import DirectoryStore, ModeError, NestedDirectoryStore, NWBZarrIO, TempStore, ZarrDataIO, ZarrIO
from tests.facade.recordings import left_overs, new_recording, new_series
from tests.translate.builder_files import dataset, root, values

Place = Callable[[Path], Any]

PLACES: dict[str, Place] = {
    "str": lambda path: str(path),
    "Path": lambda path: path,
    "trailing slash": lambda path: f"{path}/",
    "file URL": lambda path: f"file://{path}",
    "LocalStore": lambda path: LocalStore(path),
    "DirectoryStore": lambda path: DirectoryStore(path),
    "NestedDirectoryStore": lambda path: NestedDirectoryStore(path),
    "TempStore": lambda path: TempStore(dir=str(path.parent)),
    "MemoryStore": lambda path: MemoryStore(),
}


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A new place of each kind."""
    return PLACES[request.param](tmp_path / "file.zarr")


def test_a_recording_round_trips_in_every_place(place: Any) -> None:
    """References, records, text and ragged columns are the same wherever they lie."""
    with NWBZarrIO(place, "w") as io:
        io.write(new_recording())

    with NWBZarrIO(place, "r") as io:
        found = io.read()
        assert found.acquisition["voltage"].data[9].tolist() == [27, 28, 29]
        assert found.electrodes["group"][0] is found.electrode_groups["shank"]
        assert [list(row) for row in found.units["spike_times"][:]] == [[0.0], [0.0, 0.1], [0.0, 0.1, 0.2]]
        assert found.trials["timeseries"][1][0].timeseries is found.acquisition["events"]
        assert io.path is place


def test_a_recording_grows_in_every_place(place: Any) -> None:
    """Appending is the same wherever the file lies."""
    with NWBZarrIO(place, "w") as io:
        io.write(new_recording())
    with NWBZarrIO(place, "r+") as io:
        nwbfile = io.read()
        nwbfile.add_acquisition(new_series("new", [1.0, 2.0]))
        io.write(nwbfile)

    for mode in ("r", "r-"):
        with NWBZarrIO(place, mode) as io:
            assert io.read().acquisition["new"].data[:].tolist() == [1.0, 2.0]


def test_a_file_is_replaced_in_every_place(place: Any) -> None:
    """Overwriting leaves nothing of the old file."""
    with ZarrIO(place, "w") as io:
        io.write_builder(root(dataset("old", np.arange(5)), dataset("both", [1])))
    with ZarrIO(place, "w") as io:
        io.write_builder(root(dataset("new", [2]), dataset("both", ["a"])))

    for mode in ("r", "r-"):
        with ZarrIO(place, mode) as io:
            found = io.read_builder()
            assert set(found.datasets) == {"new", "both"}
            assert values(found["both"]).tolist() == ["a"]


def test_a_failed_write_leaves_what_was_there_in_every_place(place: Any) -> None:
    """The old file is readable after a new one failed, wherever it lies."""

    def numbers() -> Any:
        yield from range(100)
        raise RuntimeError("unplugged")

    with ZarrIO(place, "w") as io:
        io.write_builder(root(dataset("x", np.arange(5))))
    with pytest.raises(RuntimeError), ZarrIO(place, "w") as io:
        io.write_builder(root(dataset("y", DataChunkIterator(numbers(), buffer_size=10))))

    for mode in ("r", "r-"):
        with ZarrIO(place, mode) as io:
            found = io.read_builder()
            assert list(found.datasets) == ["x"]
            assert values(found["x"]).tolist() == [0, 1, 2, 3, 4]


def test_a_failed_overwrite_in_memory_leaves_the_chunks_of_the_same_name() -> None:
    """Where there is no place beside, a failed write must not have replaced values of the old file."""

    def numbers() -> Any:
        yield from range(100, 110)
        raise RuntimeError("unplugged")

    store = MemoryStore()
    with ZarrIO(store, "w") as io:
        io.write_builder(root(dataset("x", np.arange(5)), dataset("z", [1, 2])))
    with pytest.raises(RuntimeError), ZarrIO(store, "w") as io:
        io.write_builder(root(dataset("x", [7, 7, 7, 7, 7]), dataset("y", DataChunkIterator(numbers(), buffer_size=2))))

    with ZarrIO(store, "r") as io:
        assert values(io.read_builder()["x"]).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("kind", "keys"),
    [(DirectoryStore, {"c.0.0", "c.1.0"}), (NestedDirectoryStore, {"c/0/0", "c/1/0"})],
    ids=["flat", "nested"],
)
def test_the_class_of_a_store_chooses_the_form_of_its_keys(tmp_path: Path, kind: Any, keys: set[str]) -> None:
    """All chunks in one folder, or each index a folder: both are read by the path alone."""
    with ZarrIO(kind(tmp_path / "f.zarr"), "w") as io:
        io.write_builder(root(dataset("x", ZarrDataIO(np.arange(1, 5).reshape(4, 1), chunks=(2, 1)))))

    folder = tmp_path / "f.zarr" / "x"
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {"zarr.json", *keys}
    with ZarrIO(tmp_path / "f.zarr", "r") as io:
        assert values(io.read_builder()["x"]).tolist() == [[1], [2], [3], [4]]


def test_a_temporary_store_goes_when_it_is_closed() -> None:
    """Its folder is deleted with it."""
    store = TempStore()
    folder = Path(store.root)
    with ZarrIO(store, "w") as io:
        io.write_builder(root(dataset("x", [1])))
    assert (folder / "zarr.json").is_file()

    store.close()

    assert not folder.exists()


def test_a_temporary_store_goes_when_it_is_forgotten() -> None:
    """Also without a call of `close`."""
    store = TempStore()
    folder = Path(store.root)
    with ZarrIO(store, "w") as io:
        io.write_builder(root(dataset("x", [1])))

    del store, io

    gc.collect()
    assert not folder.exists()


def test_data_in_memory_is_copied_into_a_file_on_disk(tmp_path: Path) -> None:
    """No file can hold a link to what lives in this process only, so the data comes along."""
    store = MemoryStore()
    with ZarrIO(store, "w") as io:
        io.write_builder(root(dataset("x", np.arange(5))))

    with ZarrIO(store, "r") as source, ZarrIO(tmp_path / "f.zarr", "w") as io:
        found = source.read_builder()
        io.write_builder(root(dataset("data", found["x"].data), LinkBuilder(builder=found["x"], name="linked")))

    with ZarrIO(tmp_path / "f.zarr", "r") as io:
        found = io.read_builder()
        assert values(found["data"]).tolist() == [0, 1, 2, 3, 4]
        assert values(found["linked"]).tolist() == [0, 1, 2, 3, 4]


def test_a_store_that_is_read_only_is_read_and_not_written(tmp_path: Path) -> None:
    """What zarr was told holds here as well."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(dataset("x", [1])))
    store = LocalStore(tmp_path / "f.zarr", read_only=True)

    with ZarrIO(store, "r") as io:
        assert values(io.read_builder()["x"]).tolist() == [1]
    with pytest.raises(ModeError, match="read-only"):
        ZarrIO(store, "w")
    with pytest.raises(ModeError, match="read-only"):
        ZarrIO(store, "r+")


def test_two_spellings_of_a_path_are_one_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative, absolute and through a symbolic link: data of this file is not linked to as another's."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(dataset("x", [1, 2])))
    (tmp_path / "alias").symlink_to(tmp_path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)

    with ZarrIO("alias/f.zarr", "r") as source, ZarrIO("f.zarr", "r+") as io:
        made = io.read_builder()
        made.set_dataset(dataset("again", source.read_builder()["x"].data))
        io.write_builder(made)

    with ZarrIO(tmp_path / "f.zarr", "r") as io:
        link = io.read_builder().links["again"]
        assert link.builder is io.read_builder()["x"]
    assert left_overs(tmp_path) == ["alias", "f.zarr"]
