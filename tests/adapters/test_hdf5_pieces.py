"""HDF5 datasets whose values lie in other files: near ones are read, others when the caller says so."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import h5py
import numpy as np
import pytest

from hdmf_store import MissingNodeError, StoreIO, UnreadableError, open_adapter
from hdmf_store.nodes import Dataset, Unreadable

SECRET = b"S" * 40


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a file in it; what it may not read lies beside the folder."""
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "far.bin").write_bytes(SECRET)
    (home / "near.bin").write_bytes(b"N" * 40)
    with h5py.File(tmp_path / "far.h5", "w") as file:
        file["x"] = np.frombuffer(SECRET, "u1")
    with h5py.File(home / "near.h5", "w") as file:
        file["x"] = np.frombuffer(b"N" * 40, "u1")
        file.create_dataset("led", (40,), "u1", external=[(str(tmp_path / "far.bin"), 0, 40)])
    with h5py.File(home / "a.h5", "w") as file:
        file["own"] = np.frombuffer(b"O" * 40, "u1")
    return home


def virtual(file: h5py.File, name: str, source: str, path: str = "x") -> None:
    """Make a virtual dataset of one source."""
    layout = h5py.VirtualLayout((40,), "u1")
    layout[:] = h5py.VirtualSource(source, path, (40,))
    file.create_virtual_dataset(name, layout)


def made(home: Path, case: str) -> None:
    """Put a dataset ``/d`` in the file, whose values lie elsewhere."""
    far, near = str(home.parent / "far.bin"), str(home / "near.bin")
    (home / "link.bin").symlink_to(home.parent / "far.bin")
    with h5py.File(home / "a.h5", "a") as file:
        match case:
            case "external near" | "external far" | "external by a link":
                place = {"near": near, "far": far, "link": str(home / "link.bin")}[case.split()[-1]]
                file.create_dataset("d", (40,), "u1", external=[(place, 0, 40)])
            case "virtual near":
                virtual(file, "d", "near.h5")
            case "virtual own":
                virtual(file, "d", ".", "own")
            case "virtual far":
                virtual(file, "d", str(home.parent / "far.h5"))
            case "virtual by dots":
                virtual(file, "d", "../far.h5")
            case "virtual led on":
                virtual(file, "d", "near.h5", "led")
            case "virtual by a pattern":
                blocks = h5py.h5s.create_simple((40,), (h5py.h5s.UNLIMITED,))
                blocks.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), (40,), (40,))
                settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
                settings.set_virtual(blocks, b"near%b.h5", b"x", h5py.h5s.create_simple((40,)))
                h5py.h5d.create(file.id, b"d", h5py.h5t.NATIVE_UINT8, blocks, settings)


@pytest.mark.parametrize(("case", "byte"), [("external near", b"N"), ("virtual near", b"N"), ("virtual own", b"O")])
def test_values_in_the_folder_of_the_file_are_read(home: Path, case: str, byte: bytes) -> None:
    """Through the adapter and through builders."""
    made(home, case)

    with StoreIO(home / "a.h5", "r") as io:
        assert bytes(io.adapter.fetch(["/d"])["/d"]) == byte * 40
        assert bytes(io.read_builder()["d"].data[:]) == byte * 40


FAR = ["external far", "external by a link", "virtual far", "virtual by dots", "virtual led on"]


@pytest.mark.parametrize("case", [*FAR, "virtual by a pattern"])
def test_values_in_other_folders_are_not_read(home: Path, case: str) -> None:
    """The file opens, the rest of it is read, and asking for those values says why not."""
    made(home, case)

    with StoreIO(home / "a.h5", "r") as io:
        node = io.adapter.load()["/d"]
        assert isinstance(node, Dataset) and isinstance(node.element, Unreadable)
        with pytest.raises(UnreadableError, match=r"/d.*(outside of|pattern)"):
            io.adapter.fetch(["/d"])
        with pytest.raises(UnreadableError):
            io.adapter.array("/d")[:]
        found = io.read_builder()
        assert bytes(found["own"].data[:]) == b"O" * 40
        with pytest.raises(UnreadableError):
            found["d"].data[:]


@pytest.mark.parametrize("case", FAR)
def test_the_word_of_the_caller_lets_them_be_read(home: Path, case: str) -> None:
    """By the argument of the same name as everywhere."""
    made(home, case)

    with StoreIO(home / "a.h5", "r", may_read=home.parent) as io:
        assert bytes(io.read_builder()["d"].data[:]) == SECRET


def test_a_name_is_looked_for_where_hdf5_would_find_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """HDF5 takes external names from the working directory, which may hold other files of that name."""
    with h5py.File(home / "a.h5", "a") as file:
        file.create_dataset("d", (40,), "u1", external=[("near.bin", 0, 40)])
    (home.parent / "near.bin").write_bytes(SECRET)

    monkeypatch.chdir(home.parent)
    adapter = open_adapter(home / "a.h5", "r")
    assert isinstance(adapter.load()["/d"].element, Unreadable)
    adapter.close()
    monkeypatch.chdir(home)
    adapter = open_adapter(home / "a.h5", "r")
    assert bytes(adapter.fetch(["/d"])["/d"]) == b"N" * 40
    adapter.close()


def test_virtual_datasets_that_lead_in_a_circle_end(home: Path) -> None:
    """As an error of that dataset."""
    for one, other in (("a.h5", "b.h5"), ("b.h5", "a.h5")):
        with h5py.File(home / one, "a") as file:
            virtual(file, "d", other, "d")

    adapter = open_adapter(home / "a.h5", "r")
    assert isinstance(adapter.load()["/d"].element, Unreadable)
    adapter.close()


def test_a_path_through_a_link_to_another_file_is_not_followed(home: Path) -> None:
    """HDF5 would open the other file, wherever that lies; here links are for who has the rule for links at hand."""
    with h5py.File(home / "a.h5", "a") as file:
        file["led"] = h5py.ExternalLink("../far.h5", "/x")
        file["out"] = h5py.ExternalLink("../far.h5", "/")

    with closing(open_adapter(home / "a.h5", "r")) as adapter:
        for path in ("/led", "/out/x"):
            with pytest.raises(MissingNodeError):
                adapter.array(path)
