"""`repack`: what a file holds stays, how it is laid out changes; in another place or in its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result
from zarr.storage import MemoryStore

from hdmf_store import NewLayout, open_adapter, repack
from hdmf_store.cli import main
from hdmf_store.errors import ArgumentError, MissingNodeError
from hdmf_store.nodes import ArraySource, Codec, Dataset, Group, Layout, Link, Number, Target
from hdmf_store.testing import MemoryAdapter, MemoryPlace
from tests.adapters.stores import write
from tests.facade.linked_files import numbers, refers, store, text
from tests.facade.recordings import left_overs

VALUES = np.arange(1, 20_001, dtype="int32").reshape(-1, 4)
OLD = Layout(chunks=(100, 4), compressors=(Codec("gzip", {"level": 1}),), fill_value=7, dimension_names=("time", "at"))
NODES = {
    "/": Group({"title": "plain"}),
    "/devices": Group({"name": "p", "to": Target("/a/x")}),
    "/a": Group(),
    "/a/x": Dataset(Number("int32"), VALUES.shape, ArraySource(VALUES), {"unit": "V"}, OLD),
    "/a/words": text("é", "", "long " * 100),
    "/a/scalar": Dataset(Number("int32"), (), ArraySource(np.array(3, "int32"))),
    "/a/inner": Link(Target("/a/x")),
    "/a/refs": refers([Target("/a/x"), Target("/devices")]),
    "/far": Link(Target("/y", "../other.zarr")),
}
PLACES = {"HDF5": "a.h5", "Zarr 3": "a.zarr", "Zarr 2": "a.2.zarr", "zip": "a.zarr.zip", "Icechunk": "icechunk://a.ice"}


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def _done(*arguments: object) -> Result:
    result = _run(*arguments)
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def original(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return a file with small gzipped chunks and a link into the file beside it."""
    monkeypatch.chdir(tmp_path)
    store(tmp_path / "other.zarr", {"/": Group(), "/y": numbers(9)})
    store(tmp_path / "o.zarr", NODES)
    return "o.zarr"


def _layout(place: object, path: str = "/a/x") -> Layout:
    adapter = open_adapter(place, "r")
    try:
        return adapter.load()[path].layout
    finally:
        adapter.close()


def _same(one: object, other: object) -> None:
    assert "no differences" in _done("verify", one, "--against", other).output


# ----------------------------------------------------------------------------------------------- what stays, and where


@pytest.mark.parametrize("kind", PLACES)
def test_a_file_of_every_kind_is_repacked_in_its_own_place(original: str, kind: str) -> None:
    """Values, attributes, links and references are those that were there; nothing else is left."""
    place = PLACES[kind]
    _done("convert", original, place, *(["--zarr-format", "2"] if kind == "Zarr 2" else []))
    before = left_overs(Path())

    _done("repack", place)

    _same(place, original)
    assert "no problems" in _done("verify", place).output
    assert left_overs(Path()) == before
    if kind != "HDF5":
        assert _layout(place).chunks == (5000, 4)
        assert [codec.name for codec in _layout(place).compressors or ()] == ["blosc"]


@pytest.mark.parametrize("kind", PLACES)
def test_a_file_is_repacked_into_another_place(original: str, kind: str) -> None:
    """Which gets what the source holds; the source stays."""
    _done("repack", original, PLACES[kind])

    _same(PLACES[kind], original)
    assert _layout(original).chunks == (100, 4)


def test_by_default_data_is_laid_out_as_if_it_were_new(original: str, tmp_path: Path) -> None:
    """Chunks and codecs; the fill value and the names of axes stay."""
    fresh = {"/": Group(), "/x": Dataset(Number("int32"), VALUES.shape, ArraySource(VALUES), {}, Layout(fill_value=7))}
    store(tmp_path / "new.zarr", fresh)

    _done("repack", original, "b.zarr")

    made, new = (zarr.open_array(place, mode="r") for place in ("b.zarr/a/x", "new.zarr/x"))
    assert (made.chunks, made.shards, made.compressors) == (new.chunks, new.shards, new.compressors)
    assert made.fill_value == 7
    assert made.metadata.dimension_names == ("time", "at")


@pytest.mark.parametrize(("old", "asked", "new"), [(3, [], 3), (2, [], 2), (2, ["--zarr-format", "3"], 3)])
def test_the_format_stays_unless_another_one_is_asked_for(
    original: str, tmp_path: Path, old: int, asked: list[str], new: int
) -> None:
    """Also in place, where the one takes the place of the other."""
    store(tmp_path / "a.zarr", NODES, zarr_format=old)

    _done("repack", "a.zarr", *asked)

    assert json.loads(_done("info", "a.zarr", "--json").stdout)["zarr_format"] == new
    _same("a.zarr", original)


def test_links_are_kept_or_what_they_lead_to_is_copied(original: str) -> None:
    """As by the other commands."""
    _done("repack", original, "b.zarr")
    _done("repack", original, "alone.zarr", "--copy-links")

    kinds = [json.loads(_done("tree", n, "--json").stdout)["objects"]["/far"]["kind"] for n in ("b.zarr", "alone.zarr")]
    assert kinds == ["link", "dataset"]


def test_a_file_in_memory_is_repacked_in_its_own_place() -> None:
    """Where nothing can be renamed, old and new lie side by side until the commit."""
    place = MemoryStore()
    write(place, {path: node for path, node in NODES.items() if path != "/far"})
    destination = open_adapter(place, "w")

    repack(open_adapter(place, "r"), destination)

    destination.close()
    assert _layout(place).chunks == (5000, 4)
    found = zarr.open_group(place, mode="r")
    assert np.array_equal(found["a/x"][:], VALUES)
    assert len([key for key in place._store_dict if key.startswith("a/x/")]) == 2


# ---------------------------------------------------------------------------------------------------- what is asked for


@pytest.mark.parametrize(
    ("options", "chunks", "shards", "codecs"),
    [
        (["--chunks", "/a/x=1000,2"], (1000, 2), None, ["blosc"]),
        (["--chunks", "a/x=1000,2", "--codec", "none"], (1000, 2), None, []),
        (["--chunks", "keep"], (100, 4), None, ["blosc"]),
        (["--chunks", "keep", "--codec", "keep"], (100, 4), None, ["gzip"]),
        (["--target-chunk-bytes", "8000"], (500, 4), None, ["blosc"]),
        (["--target-chunk-bytes", "8000", "--shards", "auto"], (500, 4), (5000, 4), ["blosc"]),
        (["--shards", "auto"], (5000, 4), None, ["blosc"]),
        (["--codec", "zstd"], (5000, 4), None, ["zstd"]),
        (["--codec", '{"name":"gzip","configuration":{"level":9}}'], (5000, 4), None, ["gzip"]),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_chunks_shards_and_codecs_are_those_that_are_asked_for(
    original: str, options: list[str], chunks: Any, shards: Any, codecs: list[str]
) -> None:
    """The rest is chosen; values are the same."""
    _done("repack", original, "b.zarr", *options)

    found = _layout("b.zarr")
    assert (found.chunks, found.shards) == (chunks, shards)
    assert [codec.name for codec in found.compressors or ()] == codecs
    _same("b.zarr", original)


def test_shards_can_be_kept_and_left_out(original: str) -> None:
    """By default they are left out."""
    _done("repack", original, "b.zarr", "--chunks", "/a/x=100,4", "--shards", "auto")
    assert _layout("b.zarr").shards == (5000, 4)

    _done("repack", "b.zarr", "kept.zarr", "--chunks", "keep", "--shards", "keep")
    _done("repack", "b.zarr", "without.zarr", "--chunks", "keep")

    assert (_layout("kept.zarr").chunks, _layout("kept.zarr").shards) == ((100, 4), (5000, 4))
    assert (_layout("without.zarr").chunks, _layout("without.zarr").shards) == ((100, 4), None)
    _same("kept.zarr", original)


def test_what_keeps_everything_is_a_copy(original: str) -> None:
    """Chunk by chunk, to the byte."""
    _done("repack", original, "b.zarr", "--chunks", "keep", "--shards", "keep", "--codec", "keep")

    chunks = [
        path.relative_to(original) for path in Path(original).rglob("*") if path.is_file() and path.name[0].isdigit()
    ]
    assert len(chunks) >= 50
    assert all((Path("b.zarr") / path).read_bytes() == (Path(original) / path).read_bytes() for path in chunks)


def test_several_processes_make_the_same_bytes(original: str) -> None:
    """With --jobs."""
    _done("repack", original, "one.zarr", "--target-chunk-bytes", "8000")

    _done("repack", original, "two.zarr", "--target-chunk-bytes", "8000", "--jobs", "2")

    files = [path.relative_to("one.zarr") for path in Path("one.zarr").rglob("*") if path.is_file()]
    assert len(files) > 10
    assert all((Path("one.zarr") / path).read_bytes() == (Path("two.zarr") / path).read_bytes() for path in files)


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--chunks", "/a/nothing=1"], 3, "'/a/nothing'"),
        (["--chunks", "/a=1"], 2, "/a is no dataset"),
        (["--chunks", "/a/x=1"], 2, "/a/x has the shape (5000, 4), which chunks of (1,) cannot tile"),
        (["--chunks", "/a/x=0,1"], 2, "each length is at least 1"),
        (["--chunks", "/a/x=many"], 2, "write the path of a dataset and a length for each axis"),
        (["--chunks", "large"], 2, "'large'"),
        (["--target-chunk-bytes", "0"], 2, "at least 1"),
        (["--target-chunk-bytes", "9", "--chunks", "keep"], 2, "only for chunks that are chosen"),
        (["--target-chunk-bytes", "9", "--shards", "keep"], 2, "leave out chunk_bytes"),
        (["--codec", "nothing-known"], 3, "nothing-known"),
        (["--codec", "{"], 2, "no JSON"),
        (["--codec", "{}"], 2, "is no codec"),
        (["--codec", "numcodecs.delta"], 2, "filters depend on the type"),
        (["--shards", "auto", "--zarr-format", "2"], 2, "can have no shards"),
        (["--jobs", "0"], 2, "number_of_jobs"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, list) else "",
)
def test_what_cannot_be_done_is_refused_and_the_file_stays(
    original: str, options: list[str], code: int, said: str
) -> None:
    """In one paragraph; a file that would have been replaced is as it was."""
    before = {path: path.read_bytes() for path in Path(original).rglob("*") if path.is_file()}

    result = _run("repack", original, *options)

    assert (result.exit_code, said in result.stderr) == (code, True), result.stderr
    assert left_overs(Path()) == ["o.zarr", "other.zarr"]
    assert {path: path.read_bytes() for path in Path(original).rglob("*") if path.is_file()} == before


def test_a_file_that_exists_is_kept(original: str) -> None:
    """But with --overwrite."""
    result = _run("repack", original, "other.zarr")

    assert result.exit_code == 3
    assert "exists. Replace it with --overwrite" in result.stderr
    _done("repack", original, "b.zarr")
    _done("repack", original, "b.zarr", "--overwrite", "--codec", "none")
    assert _layout("b.zarr").compressors == ()


def test_stores_that_lay_data_out_themselves_take_no_wishes(original: str) -> None:
    """HDF5 does; nothing is made."""
    result = _run("repack", original, "b.h5", "--codec", "gzip")

    assert result.exit_code == 2
    assert "b.h5: hdf5 chooses chunks and codecs itself" in result.stderr
    assert not Path("b.h5").exists()


# ------------------------------------------------------------------------------------------------------------- Python


def test_repack_takes_any_adapters(original: str) -> None:
    """It counts objects and tells progress; what is wrong with a wish is said before anything is written."""
    source, place, steps = open_adapter(original), MemoryPlace(), []
    destination = MemoryAdapter(place)
    destination.open("w")

    count = repack(source, destination, progress=lambda size, objects: steps.append((size, objects)))

    assert count == len(NODES)
    assert sum(objects for _, objects in steps) == len(NODES)
    with pytest.raises(ArgumentError, match="chooses chunks and codecs itself"):
        repack(source, destination, NewLayout(chunk_bytes=10))
    with pytest.raises(MissingNodeError):
        repack(source, open_adapter("b.zarr", "w"), NewLayout(chunks_of={"/no": (1,)}))
    with pytest.raises(ArgumentError):
        NewLayout(shards="some")
    assert NewLayout(codecs={"id": "zlib", "level": 2}).codecs == (Codec("numcodecs.zlib", {"level": 2}),)
    source.close()
