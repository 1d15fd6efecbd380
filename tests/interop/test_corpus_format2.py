"""Stores of format 2, which older releases wrote, are read in full, grow, and are converted without loss.

Parametrised over whatever lies in the corpus; see ``corpus.py`` for where that is.

Holds what users asked for (NEEDS 45, 58, 59).
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from hdmf.spec import NamespaceCatalog
from pynwb import NWBHDF5IO, TimeSeries
from pynwb.spec import NWBDatasetSpec, NWBGroupSpec, NWBNamespace

from hdmf_store import NWBZarrIO, ZarrIO
from hdmf_store.adapter import Plan
from hdmf_store.cli import main
from hdmf_store.nodes import Group, Link

from . import corpus, manifest
from .corpus import Case, Kind
from .test_corpus import DIMENSION_NAMES, _containers, _data_types

pytestmark = [
    pytest.mark.corpus,
    # zarr, where filters of numcodecs end up in format 3; the package, where a link of the file leads nowhere
    pytest.mark.filterwarnings("ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning"),
    pytest.mark.filterwarnings("ignore:left out a link"),
    # hdmf and pynwb, about schemas of their own past
    pytest.mark.filterwarnings("ignore:Ignoring the following cached namespace"),
]

over_stores = pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2))


def inexpressible(case: Case) -> set[str]:
    """Name the links that builders cannot express: those that lead nowhere, or to another link."""
    kinds = ("group", "dataset")
    return {
        path for path, entry in case.objects().items() if entry["type"] == "link" and entry["target_type"] not in kinds
    }


def expressible(case: Case) -> manifest.Objects:
    """Return what a store holds, but for the links that builders cannot express."""
    hidden = inexpressible(case)
    return {path: entry for path, entry in case.objects().items() if path not in hidden}


def stands_alone(case: Case) -> bool:
    """Tell whether every link of a store leads to an object and not to nothing or to another link."""
    return not inexpressible(case)


def is_complete_session(case: Case) -> bool:
    """Tell whether a store holds a session whose links all lead somewhere."""
    return case.is_nwb() and stands_alone(case)


def has_electrodes(case: Case) -> bool:
    """Tell whether a store holds a session with a table of electrodes."""
    return is_complete_session(case) and ELECTRODES in case.objects()


ELECTRODES = "/general/extracellular_ephys/electrodes"


def found_in(store: Path, mode: str = "r") -> manifest.Objects:
    """Describe what the builders of a store show, but for links to what is itself a link."""
    with ZarrIO(str(store), mode) as io:
        return manifest.objects_of(io.read_builder())


def command(*words: str | Path) -> str:
    """Run the command line and return what it prints."""
    done = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


# reading


@over_stores
@pytest.mark.parametrize("mode", ["r", "r-"])
def test_stores_read_as_recorded(case: Case, mode: str, tmp_path: Path) -> None:
    """Every object, value, attribute, link and reference that the writer stored is in the builders, in either mode."""
    found = found_in(case.unpack(tmp_path), mode)

    manifest.must_agree(expressible(case), {path: found[path] for path in found.keys() - inexpressible(case)})


@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2, inexpressible))
def test_links_that_builders_cannot_express_are_loaded(case: Case, tmp_path: Path) -> None:
    """A link to nothing, or to another link, is among the nodes with the target that the writer recorded."""
    with ZarrIO(str(case.unpack(tmp_path)), "r") as io:
        nodes = io.adapter.load().nodes
        for path in inexpressible(case):
            node, entry = nodes[path], case.objects()[path]
            assert isinstance(node, Link)
            assert node.target.path == entry["target"]
            assert (None if node.target.is_internal else Path(node.target.source).name) == entry["external"]


@over_stores
def test_builders_say_where_they_lie(case: Case, tmp_path: Path) -> None:
    """Each builder names its file and its place in it, as HDMF needs to write links and references to it."""
    with ZarrIO(str(case.unpack(tmp_path)), "r") as io:
        assert manifest.misplaced(io.read_builder()) == []


@over_stores
def test_moved_stores_read_as_recorded(case: Case, tmp_path: Path) -> None:
    """A folder of stores that was moved as a whole is read as before, from any working directory."""
    store = case.unpack(tmp_path / "first")
    (tmp_path / "first").rename(tmp_path / "second")
    moved = tmp_path / "second" / store.relative_to(tmp_path / "first")

    found = found_in(moved)

    manifest.must_agree(expressible(case), {path: found[path] for path in found.keys() - inexpressible(case)})


@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2, Case.cached_specs))
def test_cached_specifications_are_loaded(case: Case, tmp_path: Path) -> None:
    """The catalog knows every namespace that is cached in a store, in its version, with all of its data types."""
    store = case.unpack(tmp_path)
    cached = manifest.cached_specs_of_format_2(store)
    assert manifest.differing_specs(case.cached_specs(), manifest.digests(cached)) == []

    catalog = NamespaceCatalog(*((NWBGroupSpec, NWBDatasetSpec, NWBNamespace) if case.is_nwb() else ()))
    ZarrIO.load_namespaces(catalog, path=str(store))

    for namespace, versions in cached.items():
        loaded = catalog.get_namespace(namespace)
        assert loaded["version"] in versions
        assert set(_data_types(versions[loaded["version"]].values())) <= set(loaded.get_registered_types())


@pytest.mark.once
@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2, is_complete_session))
def test_sessions_show_the_containers_that_hdf5_shows(case: Case, tmp_path: Path) -> None:
    """A session read from a store has the containers of the same session in HDF5, or fails as that one does."""
    store = case.unpack(tmp_path / "stored")
    command("convert", store, tmp_path / "copy.nwb", "--quiet")

    with NWBZarrIO(str(store), "r") as io, NWBHDF5IO(str(tmp_path / "copy.nwb"), "r") as other:
        assert _containers(io, case.objects()) == _containers(other, case.objects())


_READER = """
import importlib.abc, json, pickle, sys

class Forbids(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "hdmf_zarr":
            raise AssertionError(f"{name} is imported")

sys.meta_path.insert(0, Forbids())
import numcodecs.pickles
import pynwb
from hdmf_store import NWBZarrIO, ZarrIO
from hdmf.spec import NamespaceCatalog

def forbidden(*_, **__):
    raise AssertionError("a pickle is loaded")

pickle.load = pickle.loads = pickle._load = pickle._loads = forbidden
numcodecs.pickles.Pickle.decode = forbidden
named = set()
sys.addaudithook(lambda event, words: named.add(".".join(words)) if event == "pickle.find_class" else None)

def read_all(builder):
    for dataset in builder.datasets.values():
        if hasattr(dataset.data, "shape"):
            dataset.data[()] if len(dataset.data.shape) == 0 else dataset.data[:]
    for group in builder.groups.values():
        read_all(group)

for store, is_session in json.load(sys.stdin):
    for mode in ("r", "r-"):
        with ZarrIO(store, mode) as io:
            read_all(io.read_builder())
    spec = pynwb.spec
    ZarrIO.load_namespaces(NamespaceCatalog(spec.NWBGroupSpec, spec.NWBDatasetSpec, spec.NWBNamespace), path=store)
    if is_session:
        with NWBZarrIO(store, "r") as io:
            try:
                io.read()
            except (AttributeError, KeyError, TypeError):
                pass  # what the classes of HDMF cannot express
print(json.dumps(sorted(named)))
"""

ASKED_FOR = {
    "numpy.dtype",
    "numpy.ndarray",
    "hdmf_zarr.utils.ZarrReference",
    *(f"{core}.multiarray.{name}" for core in ("numpy.core", "numpy._core") for name in ("_reconstruct", "scalar")),
    *(f"{core}.numeric._frombuffer" for core in ("numpy.core", "numpy._core")),
}


@pytest.mark.once
@pytest.mark.skipif(not corpus.cases(Kind.FORMAT_2), reason=f"no {Kind.FORMAT_2.value} in {corpus.folder()}")
def test_reading_runs_no_pickle(tmp_path: Path) -> None:
    """All stores are read where hdmf-zarr cannot be imported and no pickle can be loaded, by pickle or numcodecs.

    What the pickles in them name is asked for, if at all, among the few names that are known beforehand.
    """
    cases = corpus.cases(Kind.FORMAT_2)
    stores = [(str(case.unpack(tmp_path / str(n))), is_complete_session(case)) for n, case in enumerate(cases)]

    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", _READER],
        input=json.dumps(stores),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert set(json.loads(done.stdout.splitlines()[-1])) <= ASKED_FOR


# conversion


@pytest.mark.once
@over_stores
def test_conversion_to_and_fro_keeps_everything(case: Case, tmp_path: Path) -> None:
    """Made into format 3 and back into format 2, a store holds what it held, with links into the same files."""
    store = case.unpack(tmp_path / "stored")
    newer, back = tmp_path / "newer.zarr", tmp_path / "back.zarr"

    command("convert", store, newer, "--quiet")
    command("convert", newer, back, "--zarr-format", "2", "--quiet")

    assert (newer / "zarr.json").exists()
    assert not list(back.rglob("zarr.json"))
    hidden = inexpressible(case)
    for copy in (newer, back):
        found = found_in(copy)
        found = {path: found[path] for path in found.keys() - hidden}
        manifest.must_agree(expressible(case), found, may_add=DIMENSION_NAMES)
        command("verify", copy, "--against", store)


@pytest.mark.once
@over_stores
def test_conversion_keeps_the_cached_specifications(case: Case, tmp_path: Path) -> None:
    """The specifications cached in a store are in its copies of either format, with the same content."""
    store = case.unpack(tmp_path / "stored")
    original = parsed(manifest.cached_specs_of_format_2(store))
    newer, back = tmp_path / "newer.zarr", tmp_path / "back.zarr"

    command("convert", store, newer, "--quiet")
    command("convert", newer, back, "--zarr-format", "2", "--quiet")

    assert manifest.differing_specs(original, parsed(manifest.cached_specs_of_zarr(newer))) == []
    assert manifest.differing_specs(original, parsed(manifest.cached_specs_of_format_2(back))) == []


def parsed(texts: Mapping[str, Any] | str) -> Any:
    """Return nested mappings of JSON texts with the texts parsed."""
    return json.loads(texts) if isinstance(texts, str) else {key: parsed(value) for key, value in texts.items()}


@pytest.mark.once
@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2, stands_alone))
def test_conversion_to_hdf5_keeps_everything(case: Case, tmp_path: Path) -> None:
    """An HDF5 file made from a store holds each object of it, and of what it links to; only dimensions lose names."""
    store = case.unpack(tmp_path / "stored")
    copy = tmp_path / "copy.h5"

    command("convert", store, copy, "--quiet")

    expected = manifest.copied_in(case.objects(), case.beside())
    found = manifest.without_attributes(manifest.hdf5_objects(copy), DIMENSION_NAMES)  # kept where they fit no axes
    manifest.must_agree(manifest.without_attributes(expected, DIMENSION_NAMES), found)
    command("verify", copy, "--against", store)


@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_3))
def test_conversion_to_format_2_and_back_keeps_everything(case: Case, tmp_path: Path) -> None:
    """Made into format 2 and back into format 3, a store holds what it held, with links into the same files."""
    store = case.unpack(tmp_path / "stored")
    older, back = tmp_path / "older.zarr", tmp_path / "back.zarr"

    command("convert", store, older, "--zarr-format", "2", "--quiet")
    command("convert", older, back, "--zarr-format", "3", "--quiet")

    assert not list(older.rglob("zarr.json"))
    assert (back / "zarr.json").exists()
    original = parsed(manifest.cached_specs_of_zarr(store))
    assert manifest.differing_specs(original, parsed(manifest.cached_specs_of_format_2(older))) == []
    assert manifest.differing_specs(original, parsed(manifest.cached_specs_of_zarr(back))) == []
    for copy in (older, back):
        manifest.must_agree(case.objects(), found_in(copy), may_add=DIMENSION_NAMES)
        command("verify", copy, "--against", store)


@pytest.mark.once
@pytest.mark.parametrize("case", corpus.parameters(Kind.HDF5))
def test_conversion_of_hdf5_to_format_2_keeps_everything(case: Case, tmp_path: Path) -> None:
    """A store of format 2 made from an HDF5 file holds each object of it; only names of dimensions are added."""
    original = case.unpack(tmp_path / "original")
    copy = tmp_path / "copy.zarr"

    command("convert", original, copy, "--zarr-format", "2", "--quiet")

    assert not list(copy.rglob("zarr.json"))
    manifest.must_agree(manifest.copied_in(case.objects(), case.beside()), found_in(copy), may_add=DIMENSION_NAMES)
    command("verify", copy, "--against", original)


# growing


@over_stores
def test_stores_grow_in_their_format(case: Case, tmp_path: Path) -> None:
    """What is added to a store is there for every reader, in format 2, beside all that was there."""
    store = case.unpack(tmp_path)
    was_consolidated = (store / ".zmetadata").exists()

    with ZarrIO(str(store), "r+") as io:
        io.adapter.write(Plan(nodes={"/added": Group({"by": "us"})}, consolidate=was_consolidated))

    assert not list(store.rglob("zarr.json"))
    assert (store / ".zmetadata").exists() == was_consolidated
    expected = {**expressible(case), "/added": manifest.added_group({"by": "us"})}
    for mode in ("r", "r-"):
        found = found_in(store, mode)
        manifest.must_agree(expected, {path: found[path] for path in found.keys() - inexpressible(case)})


@pytest.mark.once
@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2, is_complete_session))
def test_sessions_take_another_series(case: Case, tmp_path: Path) -> None:
    """A time series added to a session is read again with its values; everything else is as it was."""
    store = case.unpack(tmp_path)

    with NWBZarrIO(str(store), "r+") as io:
        try:
            file = io.read()
        except (AttributeError, TypeError):
            pytest.skip("the classes of HDMF cannot express this session")
        file.add_acquisition(TimeSeries(name="added here", data=np.arange(5.0), unit="V", rate=1.0))
        io.write(file)

    assert not list(store.rglob("zarr.json"))
    for mode in ("r", "r-"):
        with NWBZarrIO(str(store), mode) as io:
            assert io.read().acquisition["added here"].data[:].tolist() == [0.0, 1.0, 2.0, 3.0, 4.0]
    found = found_in(store)
    added = {path for path in found if path.startswith("/acquisition/added here")}
    manifest.must_agree(untyped(case.objects()), untyped({path: found[path] for path in found.keys() - added}))


@pytest.mark.once
@pytest.mark.parametrize("case", corpus.parameters(Kind.FORMAT_2, has_electrodes))
def test_tables_take_another_row(case: Case, tmp_path: Path) -> None:
    """A row added to the electrodes, references included, is the last one read; all others are as they were."""
    store = case.unpack(tmp_path)
    with NWBZarrIO(str(store), "r+") as io:
        file = io.read()
        before = cells(file.electrodes)
        file.electrodes.add_row({name: file.electrodes[name][0] for name in file.electrodes.colnames})
        io.write(file)

    for mode in ("r", "r-"):
        with NWBZarrIO(str(store), mode) as io:
            after = cells(io.read().electrodes)
        assert {name: column[:-1] for name, column in after.items()} == before
        assert {name: column[-1] for name, column in after.items()} == {
            name: column[0] for name, column in before.items()
        }
    found = found_in(store)
    table = {path for path in found if path.startswith(f"{ELECTRODES}/")}
    unchanged = {path: entry for path, entry in case.objects().items() if path not in table}
    manifest.must_agree(untyped(unchanged), untyped({path: found[path] for path in found.keys() - table}))


def untyped(objects: Mapping[str, manifest.Entry]) -> manifest.Objects:
    """Return objects without the types and versions that HDMF brings up to date whenever it writes a session."""
    kept = manifest.without_attributes(objects, ("nwb_version", "namespace", "neurodata_type", "data_type"))
    return {
        path: {key: value for key, value in entry.items() if key not in ("data_type", "namespace")}
        for path, entry in kept.items()
    }


def cells(table: Any) -> dict[str, list[str]]:
    """Return the cells of each column as text, what they refer to by its id."""
    return {name: [_cell(table[name][row]) for row in range(len(table))] for name in table.colnames}


def _cell(value: Any) -> str:
    return getattr(value, "object_id", None) or repr(np.asarray(value).tolist())
