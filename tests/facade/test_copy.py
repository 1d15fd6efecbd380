"""`copy`: any hierarchy, as it is stored, whole or in part, between any two stores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numcodecs
import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO, StoreIO
from hdmf_store.adapter import open_adapter
from hdmf_store.cli import main
from hdmf_store.errors import ArgumentError, HierarchyExistsError, MissingNodeError
from hdmf_store.nodes import Group, Link, Target
from hdmf_store.testing import MemoryAdapter, MemoryPlace
from hdmf_store.translate.copying import copy
from tests.facade.linked_files import numbers, refers, store, text
from tests.facade.recordings import left_overs, new_recording
from tests.translate.builder_files import values

NODES = {
    "/": Group({"title": "plain"}),
    "/devices": Group(),
    "/devices/probe": Group({"name": "p"}),
    "/a": Group({"note": "é", "to": Target("/devices/probe")}),
    "/a/x": numbers(1, 2, 3, unit="V"),
    "/a/words": text("é", ""),
    "/a/device": Link(Target("/devices/probe")),
    "/a/inner": Link(Target("/a/x")),
    "/a/refs": refers([Target("/a/x"), Target("/devices/probe")]),
    "/b": numbers(7),
}
KINDS = {
    "HDF5": ".h5",
    "Zarr 3": ".zarr",
    "Zarr 2": ".2.zarr",
    "zip": ".zarr.zip",
    "Icechunk": ".icechunk",
}


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def _done(*arguments: object) -> Result:
    result = _run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def _place(folder: Path, name: str, kind: str) -> str:
    path = f"{folder / name}{KINDS[kind]}"
    return f"icechunk://{path}" if kind == "Icechunk" else path


def _objects(place: object) -> dict[str, Any]:
    return json.loads(_done("tree", place, "--json").stdout)["objects"]


# ------------------------------------------------------------------------------------------------------ whole files


@pytest.mark.parametrize("destination", KINDS)
@pytest.mark.parametrize("source", KINDS)
def test_a_file_without_specifications_is_copied_between_any_two_stores(
    tmp_path: Path, source: str, destination: str
) -> None:
    """Every object with its values, attributes, links and references; nothing is added."""
    original, made = _place(tmp_path, "a", source), _place(tmp_path, "b", destination)
    _done("convert", store(tmp_path / "o.h5", NODES), original, *_format(source))

    _done("copy", original, made)

    assert "no differences" in _done("verify", made, "--against", original).output
    assert set(_objects(made)) == set(NODES)
    assert _objects(made)["/a"]["attributes"] == {"note": "é", "to": {"reference": "/devices/probe", "source": "."}}


def _format(kind: str) -> list[str]:
    return ["--zarr-format", "2"] if kind == "Zarr 2" else []


@pytest.mark.parametrize(("zarr_format", "name"), [(2, "b.zarr"), (3, "b.zarr"), (2, "b.zarr.zip"), (3, "b.zarr.zip")])
def test_a_copy_keeps_the_zarr_format(tmp_path: Path, zarr_format: int, name: str) -> None:
    """Where `convert` would write the newest."""
    original = store(tmp_path / "a.zarr", NODES, zarr_format=zarr_format)

    _done("copy", original, tmp_path / name)

    assert json.loads(_done("info", tmp_path / name, "--json").stdout)["zarr_format"] == zarr_format


def test_copy_sums_up_or_is_silent(tmp_path: Path) -> None:
    """In a line for people, in JSON for programs, as `convert` does; values are counted in bytes."""
    original = store(tmp_path / "o.h5", NODES)

    said, told, silent = (
        _done("copy", original, tmp_path / f"{number}.zarr", *options)
        for number, options in enumerate(([], ["--json"], ["--quiet"]))
    )

    facts = json.loads(told.stdout)
    assert said.output.startswith(f"{tmp_path / '0.zarr'}: {len(NODES)} objects, ")
    assert (facts["source"], facts["destination"]) == (str(original), str(tmp_path / "1.zarr"))
    assert facts["objects"] == len(NODES)
    assert facts["bytes_of_values"] == 12 + 4 + 2 * 8 + 2 * 8, "text and references count as pointers"
    assert facts["files"] == len([path for path in (tmp_path / "1.zarr").rglob("*") if path.is_file()])
    assert silent.output == ""


def test_arrays_of_zarr_format_3_keep_how_they_are_stored(tmp_path: Path) -> None:
    """Chunks, shards, codecs, fill values, names of axes, and chunks that were never written (NEEDS 10)."""
    made = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3).create_array(
        "g/x",
        shape=(12, 6),
        chunks=(2, 3),
        shards=(4, 6),
        dtype="float32",
        fill_value=7.5,
        compressors=[zarr.codecs.GzipCodec(level=3)],
        dimension_names=["time", None],
        attributes={"nested": {"a": [1, {"b": None}]}},
    )
    made[:4] = np.arange(24).reshape(4, 6)

    _done("copy", tmp_path / "a.zarr", tmp_path / "b.zarr")

    found = zarr.open_array(tmp_path / "b.zarr/g/x", mode="r")
    assert found[:].tolist() == made[:].tolist()
    assert (found.dtype, found.chunks, found.shards) == (made.dtype, (2, 3), (4, 6))
    assert found.compressors == made.compressors
    assert found.fill_value == 7.5
    assert found.metadata.dimension_names == ("time", None)
    assert found.attrs["nested"] == {"a": [1, {"b": None}]}
    assert found.nchunks_initialized == made.nchunks_initialized


def test_arrays_of_zarr_format_2_keep_how_they_are_stored(tmp_path: Path) -> None:
    """Chunks, filters, compressor and fill value (NEEDS 10)."""
    made = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2).create_array(
        "x",
        shape=(10,),
        chunks=(4,),
        dtype="int16",
        fill_value=-1,
        filters=[numcodecs.Delta(dtype="<i2")],
        compressors=numcodecs.BZ2(level=2),
    )
    made[:4] = [5, 6, 7, 8]

    _done("copy", tmp_path / "a.zarr", tmp_path / "b.zarr")

    found = zarr.open_array(tmp_path / "b.zarr/x", mode="r")
    assert found[:].tolist() == [5, 6, 7, 8, -1, -1, -1, -1, -1, -1]
    assert (found.metadata.zarr_format, found.chunks, found.fill_value) == (2, (4,), -1)
    assert found.filters == made.filters
    assert found.compressors == made.compressors


def test_datasets_of_hdf5_keep_how_they_are_stored(tmp_path: Path) -> None:
    """Chunks, limits, fill values and every filter with its parameters; what lies in one piece stays so (NEEDS 10)."""
    data = np.arange(200, dtype="int32").reshape(20, 10)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        limits = {"maxshape": (None, 10), "fillvalue": 9}
        file.create_dataset("all", data=data, chunks=(4, 5), compression="gzip", compression_opts=7, **limits)
        file["all"].attrs["namespace"] = "lab"
        file.create_dataset("checked", data=data, chunks=(5, 5), shuffle=True, fletcher32=True, compression="lzf")
        file.create_dataset("rounded", data=data / 8, chunks=(20, 2), scaleoffset=3)
        file.create_dataset("words", data=["a", "b"], chunks=(1,), maxshape=(5,))
        file.create_dataset("plain", data=data).attrs["namespace"] = "lab"
        file.create_dataset("empty", (0, 3), "f8", maxshape=(None, 3), chunks=(8, 3), compression="gzip")
        file["one"] = 1.5

    _done("copy", tmp_path / "a.h5", tmp_path / "b.h5")

    with h5py.File(tmp_path / "a.h5") as one, h5py.File(tmp_path / "b.h5") as other:
        assert list(other) == list(one)
        for name, made in one.items():
            found = other[name]
            assert np.array_equal(found[()], made[()]), name
            assert (found.chunks, found.maxshape, found.fillvalue) == (made.chunks, made.maxshape, made.fillvalue), name
            assert _filters(found) == _filters(made), name
        assert len(_filters(other["checked"])) == 3


def _filters(found: h5py.Dataset) -> list[Any]:
    properties = found.id.get_create_plist()
    return [properties.get_filter(number) for number in range(properties.get_nfilters())]


def test_values_that_lie_in_other_files_are_copied_into_the_new_one(tmp_path: Path) -> None:
    """External storage of HDF5 is how one file is stored; the copy must not depend on it."""
    with h5py.File(tmp_path / "a.h5", "w") as file:
        raw = [(str(tmp_path / "a.raw"), 0, 24)]
        file.create_dataset("x", shape=(3,), dtype="int64", external=raw)[...] = [1, 2, 3]

    _done("copy", tmp_path / "a.h5", tmp_path / "b.h5")

    (tmp_path / "a.raw").unlink()
    with h5py.File(tmp_path / "b.h5") as file:
        assert file["x"].external is None
        assert file["x"][:].tolist() == [1, 2, 3]


def test_a_copy_adds_no_names_of_axes(tmp_path: Path) -> None:
    """Those are what `convert` adds from the specifications; specifications are copied."""
    with NWBHDF5IO(tmp_path / "a.nwb", "w") as io:
        io.write(new_recording())

    _done("copy", tmp_path / "a.nwb", tmp_path / "copied.zarr")
    _done("convert", tmp_path / "a.nwb", tmp_path / "converted.zarr")

    named = {name: _objects(tmp_path / name)["/acquisition/voltage/data"] for name in ("copied.zarr", "converted.zarr")}
    assert named["converted.zarr"]["dimensions"] == ["num_times", "num_DIM2"]
    assert named["copied.zarr"]["dimensions"] is None
    with NWBZarrIO(tmp_path / "copied.zarr", "r") as io:
        assert io.read().acquisition["voltage"].data[9].tolist() == [27, 28, 29]


def _linked(folder: Path, suffix: str) -> Path:
    store(folder / f"raw{suffix}", {"/": Group(), "/x": numbers(1, 2)})
    return store(folder / f"day{suffix}", {"/": Group(), "/again": Link(Target("/x", f"../raw{suffix}"))})


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_links_into_other_files_stay_links_or_are_copied_on_demand(tmp_path: Path, suffix: str) -> None:
    """With --copy-links the copy stands alone."""
    original = _linked(tmp_path, suffix)

    _done("copy", original, tmp_path / f"linked{suffix}")
    _done("copy", original, tmp_path / f"alone{suffix}", "--copy-links")

    link = {"kind": "link", "target": "/x", "source": f"../raw{suffix}"}
    assert _objects(tmp_path / f"linked{suffix}")["/again"] == link
    assert _objects(tmp_path / f"alone{suffix}")["/again"]["kind"] == "dataset"


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_a_link_into_a_file_that_is_not_at_hand_stays_a_link(tmp_path: Path, suffix: str) -> None:
    """It leads to the same place from where the copy lies; what has to be copied has to be there."""
    original = _linked(tmp_path, suffix)
    (tmp_path / f"raw{suffix}").rename(tmp_path / "away")
    (tmp_path / "sub").mkdir()

    _done("copy", original, tmp_path / f"sub/copy{suffix}")
    refused = _run("copy", original, tmp_path / f"alone{suffix}", "--copy-links")

    assert _objects(tmp_path / f"sub/copy{suffix}")["/again"]["source"] == f"../../raw{suffix}"
    assert refused.exit_code == 3
    assert f"'/again' leads to '/x' in '../raw{suffix}', which does not exist" in refused.stderr
    assert not (tmp_path / f"alone{suffix}").exists()
    (tmp_path / "away").rename(tmp_path / f"raw{suffix}")
    assert "no problems" in _done("verify", tmp_path / f"sub/copy{suffix}").output


def test_a_link_that_may_not_be_followed_is_refused(tmp_path: Path) -> None:
    """With or without copies of what it leads to; the error says what to pass, and nothing is made."""
    link = Link(Target("/x", "http://elsewhere.invalid/b.zarr"))
    original = store(tmp_path / "a.zarr", {"/": Group(), "/l": link})

    result = _run("copy", original, tmp_path / "b.zarr")

    assert result.exit_code == 3
    assert "/l" in result.stderr
    assert "may_read" in result.stderr
    assert left_overs(tmp_path) == ["a.zarr"]


def test_a_link_that_the_other_store_cannot_hold_becomes_a_copy(tmp_path: Path) -> None:
    """HDF5 links to HDF5 only."""
    _done("copy", _linked(tmp_path, ".zarr"), tmp_path / "copy.h5")

    with h5py.File(tmp_path / "copy.h5") as file:
        assert isinstance(file.get("again", getlink=True), h5py.HardLink)
        assert file["again"][:].tolist() == [1, 2]


# ---------------------------------------------------------------------------------------------------- parts of files


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_is_copied_with_all_below_it_to_the_path_that_it_has(tmp_path: Path, kind: str) -> None:
    """Groups above it are made; nothing beside it comes along but what it refers to."""
    original, made = store(tmp_path / "o.zarr", NODES), _place(tmp_path, "b", kind)

    result = _done("copy", original, made, "--path", "a/x", "--json")

    assert set(_objects(made)) == {"/", "/a", "/a/x"}
    assert _objects(made)["/a"]["attributes"] == {}
    assert _objects(made)["/a/x"]["attributes"]["unit"] == "V"
    assert json.loads(result.stdout)["bytes_of_values"] == 12


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_is_added_to_a_file_that_exists(tmp_path: Path, kind: str) -> None:
    """As `h5copy` does; what is there stays, groups above the part included."""
    original, there = store(tmp_path / "o.zarr", NODES), _place(tmp_path, "d", kind)
    mine = store(tmp_path / "mine.h5", {"/": Group({"title": "mine"}), "/old": numbers(1, 2)})
    _done("convert", mine, there, *_format(kind))

    _done("copy", original, there, "--path", "/a/x")
    _done("copy", original, there, "--path", "/a/words")

    found = _objects(there)
    assert set(found) == {"/", "/old", "/a", "/a/x", "/a/words"}
    assert found["/"]["attributes"] == {"title": "mine"}
    with StoreIO(there, "r") as io:
        stored = io.read_builder()
        assert values(stored["old"]).tolist() == [1, 2]
        assert values(stored["a"]["x"]).tolist() == [1, 2, 3]
    assert "no problems" in _done("verify", there).output


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
def test_a_part_is_never_copied_over_what_is_there(tmp_path: Path, suffix: str) -> None:
    """The error names the path, and the file is as it was."""
    original = store(tmp_path / "o.zarr", NODES)
    there = store(tmp_path / f"d{suffix}", {"/": Group(), "/a": Group(), "/a/x": numbers(9)})

    result = _run("copy", original, there, "--path", "/a/x")

    assert result.exit_code == 3
    assert f"{there}: holds /a/x already" in result.stderr
    assert set(_objects(there)) == {"/", "/a", "/a/x"}
    assert "9" in str(open_adapter(there, "r").fetch(["/a/x"])["/a/x"])


def test_a_part_replaces_a_whole_file_on_demand(tmp_path: Path) -> None:
    """With --overwrite DST holds the part alone."""
    there = store(tmp_path / "d.zarr", {"/": Group(), "/old": numbers(9)})

    _done("copy", store(tmp_path / "o.zarr", NODES), there, "--path", "/b", "--overwrite")

    assert set(_objects(there)) == {"/", "/b"}
    assert left_overs(tmp_path) == ["d.zarr", "o.zarr"]


def test_what_a_part_refers_to_outside_of_it_is_linked_to_or_copied(tmp_path: Path) -> None:
    """Linked to in the source where the destination can; copied to the path that it had otherwise, and on demand."""
    original = store(tmp_path / "o.zarr", NODES)

    _done("copy", original, tmp_path / "linked.zarr", "--path", "/a")
    _done("copy", original, tmp_path / "alone.zarr", "--path", "/a", "--copy-links")
    _done("copy", original, tmp_path / "alone.h5", "--path", "/a")

    linked = _objects(tmp_path / "linked.zarr")
    assert "/devices" not in linked
    assert linked["/a/device"] == {"kind": "link", "target": "/devices/probe", "source": "../o.zarr"}
    assert linked["/a"]["attributes"]["to"] == {"reference": "/devices/probe", "source": "../o.zarr"}
    for name in ("alone.zarr", "alone.h5"):
        found = _objects(tmp_path / name)
        assert found["/devices/probe"]["attributes"] == {"name": "p"}
        assert found["/a/device"] == {"kind": "link", "target": "/devices/probe", "source": "."}
        assert found["/a"]["attributes"]["to"] == {"reference": "/devices/probe", "source": "."}
        assert "/b" not in found
    for name in ("linked.zarr", "alone.zarr", "alone.h5"):
        assert _objects(tmp_path / name)["/a/inner"] == {"kind": "link", "target": "/a/x", "source": "."}
        assert "no problems" in _done("verify", tmp_path / name).output


def test_hdf5_cannot_hold_references_into_the_source_and_says_what_to_do(tmp_path: Path) -> None:
    """Nothing is made; with the option that is named it works."""
    original = store(tmp_path / "o.h5", NODES)

    refused = _run("copy", original, tmp_path / "b.h5", "--path", "/a")

    assert refused.exit_code == 3
    assert "/a" in refused.stderr
    assert "--copy-links" in refused.stderr
    assert left_overs(tmp_path) == ["o.h5"]
    _done("copy", original, tmp_path / "b.h5", "--path", "/a", "--copy-links")
    assert "no problems" in _done("verify", tmp_path / "b.h5").output


def test_a_path_that_is_a_link_copies_what_it_leads_to(tmp_path: Path) -> None:
    """To the path of the link; also below a link, and in another file."""
    original = store(tmp_path / "o.zarr", {"/": Group(), "/g": Group(), "/g/x": numbers(1), "/l": Link(Target("/g"))})
    linking = store(tmp_path / "l.zarr", {"/": Group(), "/far": Link(Target("/l", "../o.zarr"))})

    for name, source, path in (("a", original, "/l"), ("b", original, "/l/x"), ("c", linking, "/far")):
        _done("copy", source, tmp_path / f"{name}.h5", "--path", path)

    kinds = {n: {p: o["kind"] for p, o in _objects(tmp_path / f"{n}.h5").items()} for n in "abc"}
    assert kinds["a"] == {"/": "group", "/l": "group", "/l/x": "dataset"}
    assert kinds["b"] == kinds["a"]
    assert kinds["c"] == {"/": "group", "/far": "group", "/far/x": "dataset"}


def test_cached_specifications_are_copied_where_they_are_asked_for(tmp_path: Path) -> None:
    """By their path they are objects like others."""
    with NWBZarrIO(tmp_path / "a.zarr", "w") as io:
        io.write(new_recording())

    _done("copy", tmp_path / "a.zarr", tmp_path / "b.zarr", "--path", "/specifications")

    cached = [path for path in _objects(tmp_path / "b.zarr") if path.startswith("/specifications/core/")]
    assert len(cached) > 5


# ----------------------------------------------------------------------------------------------------------- refusals


def test_a_missing_path_is_named_and_nothing_is_made(tmp_path: Path) -> None:
    """In one paragraph, with the way to find the right one."""
    result = _run("copy", store(tmp_path / "o.zarr", NODES), tmp_path / "b.zarr", "--path", "/nothing/here")

    assert result.exit_code == 3
    assert "'/nothing/here'" in result.stderr
    assert "hdmf-store tree" in result.stderr
    assert left_overs(tmp_path) == ["o.zarr"]


def test_a_file_that_exists_is_kept(tmp_path: Path) -> None:
    """Whole files replace others only with --overwrite."""
    original, there = store(tmp_path / "o.zarr", NODES), store(tmp_path / "d.zarr", {"/": Group(), "/old": numbers(9)})

    result = _run("copy", original, there)

    assert result.exit_code == 3
    assert f"{there}: exists. Replace it with --overwrite" in result.stderr
    assert set(_objects(there)) == {"/", "/old"}
    _done("copy", original, there, "--overwrite")
    assert set(_objects(there)) == set(NODES)


@pytest.mark.parametrize("name", ["b.zarr", "b.h5"])
def test_what_cannot_be_decoded_is_refused_and_the_rest_copied_by_its_path(tmp_path: Path, name: str) -> None:
    """Such as dates of numpy, which are no numbers here."""
    made = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    made.create_array("when", data=np.array(["2026-01-01"], "datetime64[s]"))
    made.create_array("g/x", data=np.arange(3))

    refused = _run("copy", tmp_path / "a.zarr", tmp_path / name)
    _done("copy", tmp_path / "a.zarr", tmp_path / f"part-{name}", "--path", "/g")

    assert refused.exit_code == 3
    assert f"{tmp_path / name}: /when: " in refused.stderr
    assert left_overs(tmp_path) == ["a.zarr", f"part-{name}"]
    assert set(_objects(tmp_path / f"part-{name}")) == {"/", "/g", "/g/x"}


@pytest.mark.parametrize("suffix", [".h5", ".zarr"])
@pytest.mark.parametrize("path", ["/", "/a"])
def test_a_file_is_not_copied_onto_itself(tmp_path: Path, suffix: str, path: str) -> None:
    """Under whichever name; it stays as it was."""
    original = store(tmp_path / f"o{suffix}", NODES)
    (tmp_path / f"alias{suffix}").symlink_to(original)

    result = _run("copy", original, tmp_path / f"alias{suffix}", "--overwrite", "--path", path)

    assert result.exit_code == 2
    assert "onto itself" in result.stderr
    assert set(_objects(original)) == set(NODES)


def test_a_part_is_not_put_below_what_is_no_group(tmp_path: Path) -> None:
    """Neither below a dataset nor below a link."""
    original = store(tmp_path / "o.zarr", NODES)
    for number, node in enumerate((numbers(1), Link(Target("/other")))):
        there = store(tmp_path / f"{number}.zarr", {"/": Group(), "/other": Group(), "/a": node})

        result = _run("copy", original, there, "--path", "/a/x")

        assert result.exit_code == 2
        assert "/a is no group" in result.stderr
        assert set(_objects(there)) == {"/", "/other", "/a"}


# ------------------------------------------------------------------------------------------------------------- Python


def test_copy_takes_any_adapters(tmp_path: Path) -> None:
    """Also one that knows neither Zarr nor HDF5; it counts objects, and tells progress in bytes and objects."""
    source, place = open_adapter(store(tmp_path / "o.h5", NODES), "r"), MemoryPlace()
    destination = MemoryAdapter(place)
    destination.open("w")
    steps: list[tuple[int, int]] = []

    count = copy(source, destination, path="/a/x", progress=lambda size, objects: steps.append((size, objects)))

    assert count == 3
    assert (sum(size for size, _ in steps), sum(objects for _, objects in steps)) == (12, 3)
    assert list(place.nodes or {}) == ["/", "/a", "/a/x"]
    with pytest.raises(HierarchyExistsError, match="holds /a already"):
        copy(source, destination, path="a")
    with pytest.raises(HierarchyExistsError, match="holds / already"):
        copy(source, destination)
    with pytest.raises(MissingNodeError):
        copy(source, destination, path="/no")
    with pytest.raises(ArgumentError, match="/a/x is no group"):
        copy(source, destination, path="/a/x/y")
    source.close()
