"""What `write` and `export` are told: each argument does what it says, and nothing that is handed in is changed."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zarr
from hdmf.backends.hdf5 import HDF5IO
from hdmf.build import BuildManager
from hdmf.common import DynamicTable, get_manager, get_type_map
from hdmf.common.resources import HERD
from hdmf.data_utils import DataChunkIterator
from pynwb import NWBHDF5IO
from pynwb import get_type_map as nwb_type_map

from hdmf_store import ArgumentError, ArgumentTypeError, NWBZarrIO, ZarrIO
from tests.facade.recordings import new_recording, new_series, new_table
from tests.translate.builder_files import dataset, group, root

Write = Callable[..., Path]

URI = "https://www.ncbi.nlm.nih.gov/datasets/taxonomy/10090"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A file with a table, to export."""
    with ZarrIO(tmp_path / "source.zarr", "w", get_manager()) as io:
        io.write(new_table())
    return tmp_path / "source.zarr"


@pytest.fixture(params=["write", "export"])
def write(request: pytest.FixtureRequest, tmp_path: Path, source: Path) -> Write:
    """Make a file of a table by `write` or by `export`, and return its path."""

    def make(**arguments: Any) -> Path:
        path = tmp_path / "made.zarr"
        with ZarrIO(path, "w", get_manager()) as io:
            if request.param == "write":
                io.write(new_table(), **arguments)
            else:
                with ZarrIO(source, "r", get_manager()) as src_io:
                    io.export(src_io, **arguments)
        return path

    return make


# ------------------------------------------------------------------------------------------- what the file holds beside


@pytest.mark.parametrize("cache_spec", [True, False])
def test_the_schema_is_cached_as_told(write: Write, cache_spec: bool) -> None:
    """Below the root, in the group that it names."""
    path = write(cache_spec=cache_spec)

    assert (path / "specifications" / "hdmf-common").exists() is cache_spec
    assert (".specloc" in zarr.open_group(path, mode="r").attrs) is cache_spec


@pytest.mark.parametrize("consolidate_metadata", [True, False])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_the_documents_are_consolidated_as_told(
    tmp_path: Path, source: Path, zarr_format: int, consolidate_metadata: bool
) -> None:
    """Without, there is no consolidated document at all, and every reader finds the same; by `write` and `export`."""
    with ZarrIO(source, "r", get_manager()) as src_io:
        for name, make in (
            ("written", lambda io: io.write(new_table(), consolidate_metadata=consolidate_metadata)),
            ("exported", lambda io: io.export(src_io, consolidate_metadata=consolidate_metadata)),
            ("told", lambda io: io.export(src_io, write_args={"consolidate_metadata": consolidate_metadata})),
        ):
            path = tmp_path / f"{name}.zarr"
            with ZarrIO(path, "w", get_manager(), zarr_format=zarr_format) as io:
                make(io)
            is_there = (path / ".zmetadata").exists() or "consolidated_metadata" in json.loads(
                (path / ("zarr.json" if zarr_format == 3 else ".zgroup")).read_text()
            )
            assert is_there is consolidate_metadata
            with ZarrIO(path, "r", get_manager()) as io:
                assert io.read()["count"].data[:].tolist() == [1, 2, 3]


def test_external_resources_are_kept_beside_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under `herd_path`, those that are handed in and those of the container; reading brings them back."""
    monkeypatch.chdir(tmp_path)  # HDMF reads back what it wrote under a relative name only
    nwbfile = new_recording()
    herd = HERD(type_map=nwb_type_map())
    herd.add_ref(
        container=nwbfile.subject, attribute="species", key="Mus musculus", entity_id="NCBI_TAXON:10090", entity_uri=URI
    )

    with NWBZarrIO("file.zarr", "w", herd_path="herd.zip") as io:
        io.write(nwbfile, herd=herd)
    with NWBZarrIO("file.zarr", "r", herd_path="herd.zip") as io:
        io.read()
        assert list(io.herd.entities["entity_id"]) == ["NCBI_TAXON:10090"]
    with NWBZarrIO("file.zarr", "r") as io:
        io.read()
        assert io.herd is None


@pytest.mark.filterwarnings("ignore:The length of the data attribute:UserWarning")
def test_a_write_that_fails_keeps_no_external_resources(tmp_path: Path) -> None:
    """They belong to a file that is there."""
    nwbfile = new_recording()
    nwbfile.add_acquisition(new_series("bad", _failing()))

    with (
        NWBZarrIO(tmp_path / "file.zarr", "w", herd_path=str(tmp_path / "herd.zip")) as io,
        pytest.raises(RuntimeError, match="the instrument"),
    ):
        io.write(nwbfile)

    assert list(tmp_path.iterdir()) == []


# -------------------------------------------------------------------------------------------------- links and iterators


def _failing() -> DataChunkIterator:
    def numbers() -> Iterator[int]:
        yield 1
        yield 2
        raise RuntimeError("the instrument was switched off")

    return DataChunkIterator(numbers(), buffer_size=1)


@pytest.mark.parametrize("link_data", [True, False])
def test_data_of_another_file_is_linked_to_or_copied(tmp_path: Path, link_data: bool) -> None:
    """By `write`; without links the file reads the same when the other is gone."""
    with NWBZarrIO(tmp_path / "raw.zarr", "w") as io:
        io.write(new_recording())
    with NWBZarrIO(tmp_path / "raw.zarr", "r") as raw, NWBZarrIO(tmp_path / "file.zarr", "w") as io:
        made = new_recording()
        made.add_acquisition(new_series("shared", raw.read().acquisition["voltage"].data))
        io.write(made, link_data=link_data)

    assert (tmp_path / "file.zarr/acquisition/shared/data").exists() is not link_data


@pytest.mark.parametrize("exhaust_dci", [True, False])
def test_iterators_are_exhausted_one_at_a_time_or_together(tmp_path: Path, exhaust_dci: bool) -> None:
    """Together means a piece of each in turn; the content is the same."""
    asked: list[str] = []

    def numbers(name: str) -> Iterator[float]:
        for number in range(5):
            asked.append(name)
            yield float(number)

    nwbfile = new_recording()
    for name in "ab":
        nwbfile.add_acquisition(new_series(name, DataChunkIterator(numbers(name), buffer_size=1)))
    asked.clear()

    with NWBZarrIO(tmp_path / "file.zarr", "w") as io:
        io.write(nwbfile, exhaust_dci=exhaust_dci)

    assert asked == (["a"] * 4 + ["b"] * 4 if exhaust_dci else ["a", "b"] * 4)
    with NWBZarrIO(tmp_path / "file.zarr", "r") as io:
        found = io.read().acquisition
        assert found["a"].data[:].tolist() == found["b"].data[:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]


# -------------------------------------------------------------------------------------------------------------- export


def test_a_container_is_exported_with_what_was_changed_after_reading(tmp_path: Path, source: Path) -> None:
    """Without it, the file as it is stored; the source is never changed."""
    with ZarrIO(source, "r", get_manager()) as src_io:
        table = src_io.read()
        table.add_column(name="new", description="added", data=[7, 8, 9])
        with ZarrIO(tmp_path / "stored.zarr", "w") as io:
            io.export(src_io)
        with ZarrIO(tmp_path / "changed.zarr", "w") as io:
            io.export(src_io, table)

    names = {}
    for name in ("source", "stored", "changed"):
        with ZarrIO(tmp_path / f"{name}.zarr", "r", get_manager()) as io:
            names[name] = "new" in io.read().colnames
    assert names == {"source": False, "stored": False, "changed": True}


@pytest.mark.parametrize("clear_cache", [True, False])
def test_builders_are_made_anew_as_told(tmp_path: Path, source: Path, clear_cache: bool) -> None:
    """`clear_cache` builds from containers, so what no specification knows is left behind."""
    with ZarrIO(source, "r+", get_manager()) as io:
        io.write_group(io.file, group("unspecified", dataset("y", [1])))

    with ZarrIO(source, "r", get_manager()) as src_io, ZarrIO(tmp_path / "made.zarr", "w", get_manager()) as io:
        io.export(src_io, clear_cache=clear_cache)

    assert (tmp_path / "made.zarr/unspecified").exists() is not clear_cache
    with ZarrIO(tmp_path / "made.zarr", "r", get_manager()) as io:
        assert io.read()["count"].data[:].tolist() == [1, 2, 3]


def test_nwbfile_is_the_container_of_an_export(tmp_path: Path) -> None:
    """Under either name, and as the second argument; under both it is refused."""
    with NWBHDF5IO(tmp_path / "source.nwb", "w") as io:
        io.write(new_recording())
    for number, told in enumerate((lambda n: {"nwbfile": n}, lambda n: {"container": n})):
        with NWBHDF5IO(tmp_path / "source.nwb", "r") as src_io:
            nwbfile = src_io.read()
            nwbfile.add_acquisition(new_series("added", [1.0]))
            with NWBZarrIO(tmp_path / f"{number}.zarr", "w") as io:
                with pytest.raises(ArgumentError, match="two names of one argument"):
                    io.export(src_io, nwbfile, container=nwbfile)
                io.export(src_io, **told(nwbfile))
        with NWBZarrIO(tmp_path / f"{number}.zarr", "r") as io:
            assert "added" in io.read().acquisition


# -------------------------------------------------------------------------------------- callbacks and what is handed in


def test_progress_is_told_of_everything(write: Write) -> None:
    """The bytes of the values and the number of objects, as they are written."""
    reports: list[tuple[int, int]] = []

    path = write(progress=lambda size, objects: reports.append((size, objects)))

    below = [node for node in path.rglob("zarr.json") if node.parent != path]
    assert sum(objects for _, objects in reports) == len(below)
    assert sum(size for size, _ in reports) > 0


class Broken(Exception):
    """Raised by a user's own code."""


def test_what_a_callback_raises_reaches_the_user_as_itself(write: Write, tmp_path: Path) -> None:
    """And leaves no file."""

    def progress(size: int, objects: int) -> None:
        raise Broken

    with pytest.raises(Broken):
        write(progress=progress)

    assert not (tmp_path / "made.zarr").exists()


def test_arguments_come_back_as_they_went_in(tmp_path: Path, source: Path) -> None:
    """Mappings, containers and builders."""
    write_args = {"link_data": False, "exhaust_dci": False}
    before = copy.deepcopy(write_args)
    table = new_table()
    made = root(group("g", dataset("x", [1, 2], note="n")), title="t")
    shown = repr(made)

    with ZarrIO(source, "r", get_manager()) as src_io, ZarrIO(tmp_path / "a.zarr", "w") as io:
        io.export(src_io, write_args=write_args)
    with ZarrIO(tmp_path / "b.zarr", "w", get_manager()) as io:
        io.write(table)
    with ZarrIO(tmp_path / "c.zarr", "w") as io:
        io.write_builder(made)

    assert write_args == before
    assert table["number"].data == [1.5, 2.5, 3.5]
    assert table.read_io is None
    assert repr(made) == shown


# ------------------------------------------------------------------------------------------------------ what is refused

WRONG: list[dict[str, Any]] = [
    {"cache_spec": "no"},
    {"consolidate_metadata": None},
    {"number_of_jobs": "2"},
    {"number_of_jobs": -1},
    {"max_threads_per_process": 0.5},
    {"multiprocessing_context": "threads"},
    {"executor": "a pool"},
    {"progress": 3},
]


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: next(iter(wrong)))
def test_an_argument_of_the_wrong_kind_is_refused_at_once(write: Write, tmp_path: Path, wrong: dict[str, Any]) -> None:
    """By name, before anything is written."""
    with pytest.raises(ArgumentError, match=next(iter(wrong))):
        write(**wrong)

    assert not (tmp_path / "made.zarr").exists()


def test_an_unknown_argument_is_refused(write: Write) -> None:
    """A typing error does not go unnoticed."""
    with pytest.raises(TypeError, match="conslidate"):
        write(conslidate=False)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("a container",), "container"),
        ((None,), "container"),
        ((new_table(), True, "yes"), "link_data"),
        ((new_table(), True, True, 1), "exhaust_dci"),
    ],
)
def test_a_write_of_what_is_none_is_refused(tmp_path: Path, arguments: tuple[Any, ...], said: str) -> None:
    """In the order of the documentation."""
    with ZarrIO(tmp_path / "f.zarr", "w", get_manager()) as io, pytest.raises(ArgumentTypeError, match=said):
        io.write(*arguments)
    with ZarrIO(tmp_path / "f.zarr", "w", get_manager()) as io, pytest.raises(ArgumentTypeError, match="herd"):
        io.write(new_table(), herd="herd.zip")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"src_io": "source.zarr"}, "src_io"),
        ({"container": "a table"}, "container"),
        ({"write_args": ["link_data"]}, "write_args"),
        ({"write_args": {"link_data": "no"}}, "link_data"),
        ({"write_args": {"cache_spec": False}}, "cache_spec"),
        ({"clear_cache": "yes"}, "clear_cache"),
    ],
)
def test_an_export_of_what_is_none_is_refused(tmp_path: Path, source: Path, wrong: dict[str, Any], said: str) -> None:
    """Also what `write_args` holds."""
    with (
        ZarrIO(source, "r", get_manager()) as src_io,
        ZarrIO(tmp_path / "f.zarr", "w") as io,
        pytest.raises(ArgumentError, match=said),
    ):
        io.export(**{"src_io": src_io, **wrong})
    assert not (tmp_path / "f.zarr").exists()


def test_an_export_from_hdf5_needs_no_manager_of_its_own(tmp_path: Path) -> None:
    """The schema comes from the source."""
    with HDF5IO(tmp_path / "source.h5", manager=BuildManager(get_type_map()), mode="w") as io:
        io.write(new_table())
    with (
        HDF5IO(tmp_path / "source.h5", manager=get_manager(), mode="r") as src_io,
        ZarrIO(tmp_path / "f.zarr", "w") as io,
    ):
        io.export(src_io)
    with ZarrIO(tmp_path / "f.zarr", "r", get_manager()) as io:
        assert isinstance(io.read(), DynamicTable)
    assert (tmp_path / "f.zarr/specifications/hdmf-common").exists()
