"""Reference file systems of other software, over HDF5 files, are read in full and converted without loss.

Parametrised over whatever lies in the corpus; see ``corpus.py`` for where that is.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from fsspec.implementations.reference import LazyReferenceMapper
from hdmf.spec import NamespaceCatalog
from pynwb import NWBHDF5IO
from pynwb.spec import NWBDatasetSpec, NWBGroupSpec, NWBNamespace

from hdmf_store import NWBZarrIO, StoreIO, ZarrIO
from hdmf_store.cli import main

from . import corpus, manifest
from .corpus import Case, Kind
from .test_corpus import DIMENSION_NAMES, _containers

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning"),
]

over_files = pytest.mark.parametrize("case", corpus.parameters(Kind.REFERENCES))


def is_format_2(case: Case) -> bool:
    """Return whether a case is one of LINDI's, which are in Zarr format 2."""
    return ".lindi" in case.id


def command(*words: str | Path) -> str:
    """Run the command line and return what it prints."""
    done = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@over_files
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_reference_files_read_as_recorded(case: Case, mode: str, tmp_path: Path) -> None:
    """Every object, value, attribute, link and reference is in the builders, from any working directory (NEEDS 30)."""
    place = case.unpack(tmp_path)

    with ZarrIO(str(place), mode) as io:
        manifest.must_agree(case.objects(), manifest.objects_of(io.read_builder()))


def in_parquet(place: Path) -> Path:
    """Return what kerchunk makes of a reference file system in JSON, beside it."""
    pytest.importorskip("kerchunk.df")
    out = LazyReferenceMapper.create(f"{place}.parq", record_size=100, engine="pyarrow")
    document = json.loads(place.read_text())
    meant = {f"{{{{{name}}}}}": text for name, text in document.get("templates", {}).items()}
    for key, entry in document["refs"].items():
        if isinstance(entry, list):
            out[key] = [meant.get(entry[0], entry[0]), *entry[1:]]
        else:
            out[key] = json.dumps(entry) if isinstance(entry, dict) else entry
    out.flush()
    return Path(f"{place}.parq")


@pytest.mark.parametrize("case", corpus.parameters(Kind.REFERENCES, is_format_2))
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_reference_files_in_parquet_read_as_recorded(case: Case, mode: str, tmp_path: Path) -> None:
    """The same references, turned into records by kerchunk, which knows Zarr format 2 only (NEEDS 30)."""
    with ZarrIO(str(in_parquet(case.unpack(tmp_path))), mode) as io:
        assert io.adapter.name == "references"
        manifest.must_agree(case.objects(), manifest.objects_of(io.read_builder()))


@over_files
def test_builders_say_where_they_lie(case: Case, tmp_path: Path) -> None:
    """Each builder names its file and its place in it, as HDMF needs to write links and references to it."""
    with StoreIO(str(case.unpack(tmp_path)), "r") as io:
        assert manifest.misplaced(io.read_builder()) == []


@pytest.mark.parametrize("case", corpus.parameters(Kind.REFERENCES, Case.is_nwb))
def test_sessions_show_the_containers_that_hdf5_shows(case: Case, tmp_path: Path) -> None:
    """A session has the containers that it has in the HDF5 file to which the references lead."""
    place = case.unpack(tmp_path)
    original = next(place.parent.glob("*.nwb"))

    with NWBZarrIO(str(place), "r") as io, NWBHDF5IO(str(original), "r") as other:
        assert _containers(io, case.objects()) == _containers(other, case.objects())


@pytest.mark.parametrize("case", corpus.parameters(Kind.REFERENCES, Case.is_nwb))
def test_cached_specifications_are_loaded(case: Case, tmp_path: Path) -> None:
    """The catalog knows every namespace that is cached in the HDF5 file to which the references lead."""
    place = case.unpack(tmp_path)
    cached = manifest.cached_specs_of_hdf5(next(place.parent.glob("*.nwb")))
    catalog = NamespaceCatalog(NWBGroupSpec, NWBDatasetSpec, NWBNamespace)

    ZarrIO.load_namespaces(catalog, path=str(place))

    assert {"core", "hdmf-common"} <= set(cached)
    for namespace, versions in cached.items():
        assert catalog.get_namespace(namespace)["version"] in versions


@over_files
@pytest.mark.parametrize("ending", [".zarr", ".nwb"])
def test_copies_stand_alone(case: Case, ending: str, tmp_path: Path) -> None:
    """A store or HDF5 file made from references holds each object, and needs no file that they lead to."""
    place, copy = case.unpack(tmp_path / "stored"), tmp_path / f"copy{ending}"
    command("convert", place, copy, "--quiet")
    command("verify", copy, "--against", place)

    for original in place.parent.glob("*.nwb"):
        original.unlink()

    if ending == ".nwb":
        expected = manifest.without_attributes(case.objects(), DIMENSION_NAMES)
        found = manifest.without_attributes(manifest.hdf5_objects(copy), DIMENSION_NAMES)
        manifest.must_agree(expected, found)
        return
    with ZarrIO(str(copy), "r") as io:
        manifest.must_agree(case.objects(), manifest.objects_of(io.read_builder()), may_add=DIMENSION_NAMES)


@over_files
def test_the_command_line_shows_them(case: Case, tmp_path: Path) -> None:
    """Each object at the top is a line of the tree."""
    shown = command("tree", case.unpack(tmp_path), "--depth", "1")

    assert all(path[1:] in shown for path in case.objects() if path.count("/") == 1)
