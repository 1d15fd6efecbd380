"""Reference file systems of other software, over HDF5 files, are read in full and converted without loss.

Parametrised over whatever lies in the corpus; see ``corpus.py`` for where that is.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
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
