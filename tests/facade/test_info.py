"""`hdmf-store info`: a file summed up; `consolidate`: one document of its metadata, brought up to date."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr
from click.testing import CliRunner, Result
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO, ZarrIO
from hdmf_store.adapter import open_adapter
from hdmf_store.cli import main
from tests.adapters.references import referring
from tests.facade.linked_files import numbers, store
from tests.facade.recordings import new_recording
from tests.translate.builder_files import dataset, group, root


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def _json(*arguments: object) -> dict[str, Any]:
    result = _run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


# -------------------------------------------------------------------------------------------------------------- info


@pytest.mark.parametrize("name", ["r.nwb.zarr", "r.nwb", "r.nwb.zarr.zip"])
def test_info_counts_what_a_file_holds(tmp_path: Path, name: str) -> None:
    """Objects by kind as `tree` lists them, sizes, specifications and the version of NWB; the same in every store."""
    with NWBHDF5IO(tmp_path / "r.nwb", "w") as io:
        io.write(new_recording())
    if name != "r.nwb":
        assert _run("convert", tmp_path / "r.nwb", tmp_path / name).exit_code == 0

    found = _json("info", tmp_path / name)

    kinds = [entry["kind"] for entry in _json("tree", tmp_path / name)["objects"].values()]
    assert found["objects"] == len(kinds) > 40
    assert (found["groups"], found["datasets"], found["links"]) == tuple(
        kinds.count(kind) for kind in ("group", "dataset", "link")
    )
    assert found["links"] > 0
    assert sum(found["codecs"].values()) == found["datasets"]
    files = [path for path in (tmp_path / name, *(tmp_path / name).rglob("*")) if path.is_file()]
    assert (found["files"], found["bytes_stored"]) == (len(files), sum(path.stat().st_size for path in files))
    with h5py.File(tmp_path / "r.nwb") as file:
        assert found["nwb_version"] == file.attrs["nwb_version"]
    assert [entry.partition(" ")[0] for entry in found["specifications"]][:2] == ["core", "hdmf-common"]


def test_info_tells_the_format_and_whether_it_is_consolidated(tmp_path: Path) -> None:
    """Of Zarr; HDF5 has neither and claims neither."""
    made = {}
    for name, zarr_format, consolidate in (("a.zarr", 2, True), ("b.zarr", 3, True), ("c.zarr", 3, False)):
        with ZarrIO(tmp_path / name, "w", zarr_format=zarr_format) as io:
            io.write_builder(root(dataset("x", [1])), consolidate_metadata=consolidate)
        made[name] = _json("info", tmp_path / name)
    store(tmp_path / "d.h5", {"/x": numbers(1)})
    plain = _json("info", tmp_path / "d.h5")

    told = {name: (entry["store"], entry["zarr_format"], entry["consolidated"]) for name, entry in made.items()}
    assert told == {"a.zarr": ("zarr", 2, True), "b.zarr": ("zarr", 3, True), "c.zarr": ("zarr", 3, False)}
    assert made["b.zarr"]["capabilities"]["shards"] is True
    assert made["a.zarr"]["capabilities"]["shards"] is False
    assert (plain["store"], plain["nwb_version"], plain["specifications"]) == ("hdf5", None, [])
    assert not {"zarr_format", "consolidated"} & plain.keys()


def test_info_names_the_codecs_of_datasets(tmp_path: Path) -> None:
    """Of each store in its own words, and how many datasets have them."""
    made = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    made.create_array("x", data=np.arange(5), compressors=[zarr.codecs.GzipCodec(level=1)])
    made.create_array("y", data=np.arange(5), compressors=[zarr.codecs.GzipCodec(level=2)])
    made.create_array("z", data=np.arange(5), compressors=None)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.arange(5), shuffle=True, compression="gzip")
        file["y"] = [1]

    assert _json("info", tmp_path / "a.zarr")["codecs"] == {"gzip": 2, "none": 1}
    assert _json("info", tmp_path / "a.h5")["codecs"] == {"shuffle, gzip": 1, "none": 1}


def test_info_is_read_by_people_line_by_line(tmp_path: Path) -> None:
    """What there is nothing to say about is left out."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(group("g", dataset("x", np.arange(300)))))

    lines = dict(line.split(maxsplit=1) for line in _run("info", tmp_path / "f.zarr").output.splitlines())

    assert lines["store"] == "zarr"
    assert lines["consolidated"] == "yes"
    assert lines["objects"] == "2 groups, 1 dataset, 0 links"
    assert lines["values"] == "2.3 KiB"
    assert lines["codecs"] == "blosc: 1"
    assert "can be linked to" in lines["can"]
    assert not {"NWB", "specifications"} & lines.keys()


def test_info_reads_no_values(tmp_path: Path) -> None:
    """A chunk that cannot be decoded is none of its business."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(dataset("x", np.arange(300))))
    (chunk,) = [path for path in (tmp_path / "f.zarr/x").rglob("*") if path.is_file() and path.name != "zarr.json"]
    chunk.write_bytes(b"\x01")

    assert _json("info", tmp_path / "f.zarr")["bytes_of_values"] == 2400
    assert _run("verify", tmp_path / "f.zarr").exit_code == 1


def test_info_of_a_missing_file_fails(tmp_path: Path) -> None:
    """With its name, and the exit code of a failure."""
    result = _run("info", tmp_path / "missing.zarr")

    assert result.exit_code == 3
    assert "missing.zarr" in result.stderr


# ------------------------------------------------------------------------------------------------------- consolidate


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", ["f.zarr", "f.zarr.zip"])
def test_consolidate_makes_the_document_that_is_missing(tmp_path: Path, name: str, zarr_format: int) -> None:
    """Of files that were written without it (NEEDS 65)."""
    place = tmp_path / name
    with ZarrIO(place, "w", zarr_format=zarr_format) as io:
        io.write_builder(root(group("g", dataset("x", [1, 2]))), consolidate_metadata=False)
    assert _json("info", place)["consolidated"] is False

    result = _run("consolidate", place)

    assert result.exit_code == 0
    assert result.output.strip() == f"{place}: metadata of 3 objects consolidated"
    assert _json("info", place)["consolidated"] is True
    assert _json("verify", place)["differences"] == []


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidate_brings_in_what_others_added(tmp_path: Path, zarr_format: int) -> None:
    """An array that zarr made by itself is not in the document until then."""
    with ZarrIO(tmp_path / "f.zarr", "w", zarr_format=zarr_format) as io:
        io.write_builder(root(dataset("x", [1, 2])))
    plain = zarr.open_group(tmp_path / "f.zarr", mode="r+", use_consolidated=False)
    plain.create_array("new", data=np.arange(3))
    assert "/new" not in _json("tree", tmp_path / "f.zarr")["objects"]

    found = _json("consolidate", tmp_path / "f.zarr")

    assert (found["store"], found["consolidated"], found["objects"]) == ("zarr", True, 3)
    assert "/new" in _json("tree", tmp_path / "f.zarr")["objects"]
    assert "new" in zarr.open_consolidated(tmp_path / "f.zarr", zarr_format=zarr_format)


@pytest.mark.parametrize("place", ["f.h5", "icechunk://{folder}/f"])
def test_consolidate_says_where_there_is_nothing_to_do(tmp_path: Path, place: str) -> None:
    """The file stays as it is."""
    made = place.format(folder=tmp_path) if "://" in place else str(tmp_path / place)
    assert _run("convert", store(tmp_path / "source.h5", {"/x": numbers(1)}), made).exit_code == 0
    before = _content(tmp_path)

    said, told = _run("consolidate", made), _json("consolidate", made)

    assert said.exit_code == 0
    assert "keeps no consolidated metadata and needs none" in said.output
    assert told["consolidated"] is False
    assert _content(tmp_path) == before
    assert _run("consolidate", made, "--quiet").output == ""


def _content(folder: Path) -> Mapping[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_consolidate_refuses_what_is_only_read(tmp_path: Path) -> None:
    """Such as a reference file system; and what is not there."""
    stored = store(tmp_path / "s.zarr", {"/x": numbers(1, 2, 3)})
    place = referring(tmp_path / "f.json", stored)
    assert open_adapter(place, "r").load().nodes.keys() == {"/", "/x"}

    refused, missing = _run("consolidate", place), _run("consolidate", tmp_path / "no.zarr")

    assert (refused.exit_code, missing.exit_code) == (3, 3)
    assert "f.json" in refused.stderr
    assert "read-only" in refused.stderr
    assert "no.zarr" in missing.stderr


def test_a_recording_opens_as_before_once_it_is_consolidated(tmp_path: Path) -> None:
    """References and specifications included."""
    with NWBZarrIO(tmp_path / "r.zarr", "w") as io:
        io.write(new_recording(), consolidate_metadata=False)

    assert _run("consolidate", tmp_path / "r.zarr", "--quiet").output == ""

    with NWBZarrIO(tmp_path / "r.zarr", "r") as io:
        found = io.read()
        assert found.electrodes["group"][0] is found.electrode_groups["shank"]


def test_info_counts_chunks_that_were_not_fetched_as_nothing(tmp_path: Path) -> None:
    """DataLad keeps a link in the place of what it did not fetch."""
    with ZarrIO(tmp_path / "f.zarr", "w") as io:
        io.write_builder(root(dataset("d", np.arange(10))))
    before = _json("info", tmp_path / "f.zarr")
    (chunk,) = [path for path in (tmp_path / "f.zarr" / "d").rglob("*") if path.name.startswith("c") and path.is_file()]
    size = chunk.stat().st_size
    chunk.unlink()
    chunk.symlink_to("../not/fetched")

    after = _json("info", tmp_path / "f.zarr")

    assert after["bytes_stored"] == before["bytes_stored"] - size
    assert after["files"] == before["files"]
