"""Files of other software are read in full, converted without loss and come back equal.

Parametrised over whatever lies in the corpus; see ``corpus.py`` for where that is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import h5py
import numpy as np
import pynwb
import pytest
from click.testing import CliRunner
from hdmf.backends.hdf5 import HDF5IO
from hdmf.backends.io import HDMFIO
from hdmf.spec import NamespaceCatalog
from pynwb import NWBHDF5IO
from pynwb.spec import NWBDatasetSpec, NWBGroupSpec, NWBNamespace

from hdmf_store import NWBZarrIO, ZarrIO
from hdmf_store.cli import main

from . import corpus, manifest
from .corpus import Case, Kind

# Some files use filters of numcodecs, and zarr says so each time it meets one.
_FILTERS_OF_NUMCODECS = "ignore:Numcodecs codecs are not in the Zarr version 3:UserWarning"

pytestmark = [pytest.mark.corpus, pytest.mark.filterwarnings(_FILTERS_OF_NUMCODECS)]

DIMENSION_NAMES = frozenset({"_ARRAY_DIMENSIONS"})


@pytest.mark.skipif(not corpus.is_required(), reason="HDMF_STORE_REQUIRE_CORPUS=1 asks that there is a corpus")
@pytest.mark.parametrize("kind", Kind)
def test_corpus_is_there(kind: Kind) -> None:
    """Where the corpus is demanded, it holds at least one file of each kind, so that no test here passes unused."""
    assert corpus.cases(kind), f"no {kind.value} in {corpus.folder()}"


# format 3 stores, read


@dataclass(frozen=True)
class Stored:
    """A store, and the HDF5 file that is made of it once somebody looks at that; nobody changes either."""

    case: Case
    store: Path
    folder: Path

    @cached_property
    def copy(self) -> Path:
        """The HDF5 file."""
        return converted(self.store, self.folder / "copy.nwb")


@pytest.fixture(scope="module")
def stored(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Unpack a store, once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("stored")
    return Stored(request.param, request.param.unpack(folder / "store"), folder)


over_stores = pytest.mark.parametrize("stored", corpus.parameters(Kind.FORMAT_3), indirect=True)
over_sessions = pytest.mark.parametrize("stored", corpus.parameters(Kind.FORMAT_3, Case.is_nwb), indirect=True)


@over_stores
def test_stores_read_as_recorded(stored: Stored) -> None:
    """Every object, value, attribute, link and reference that the writer stored is in the builders."""
    with ZarrIO(str(stored.store), "r") as io:
        manifest.must_agree(stored.case.objects(), manifest.objects_of(io.read_builder()))


@over_stores
def test_builders_say_where_they_lie(stored: Stored) -> None:
    """Each builder names its file and its place in it, as HDMF needs to write links and references to it."""
    with ZarrIO(str(stored.store), "r") as io:
        assert manifest.misplaced(io.read_builder()) == []


@pytest.mark.once
@pytest.mark.parametrize("stored", corpus.parameters(Kind.FORMAT_3, Case.cached_specs), indirect=True)
def test_cached_specifications_are_loaded(stored: Stored) -> None:
    """The catalog knows every namespace that is cached in a store, in its version, with all of its data types."""
    case, store = stored.case, stored.store
    cached = manifest.cached_specs_of_zarr(store)
    assert manifest.differing_specs(case.cached_specs(), manifest.digests(cached)) == []

    catalog = NamespaceCatalog(*((NWBGroupSpec, NWBDatasetSpec, NWBNamespace) if case.is_nwb() else ()))
    ZarrIO.load_namespaces(catalog, path=str(store))

    for namespace, versions in cached.items():
        loaded = catalog.get_namespace(namespace)
        assert loaded["version"] in versions
        assert set(_data_types(versions[loaded["version"]].values())) <= set(loaded.get_registered_types())


def _data_types(texts: Iterable[str]) -> Iterable[str]:
    """Yield the names of the data types that cached JSON texts define, at any depth."""
    pending: list[Any] = [json.loads(text) for text in texts]
    while pending:
        value = pending.pop()
        if isinstance(value, dict):
            yield from (value[key] for key in ("neurodata_type_def", "data_type_def") if value.get(key))
        pending += value.values() if isinstance(value, dict) else value if isinstance(value, list) else []


@pytest.mark.once
@over_sessions
def test_sessions_show_the_containers_that_hdf5_shows(stored: Stored) -> None:
    """A session read from a store has the containers of the same session in HDF5, or fails as that one does."""
    objects = stored.case.objects()

    with NWBZarrIO(str(stored.store), "r") as io, NWBHDF5IO(str(stored.copy), "r") as other:
        assert _containers(io, objects) == _containers(other, objects)


@pytest.mark.once
@over_sessions
def test_sessions_are_as_valid_as_in_hdf5(stored: Stored) -> None:
    """Validation finds nothing wrong in a store, but for what it also finds in the same session in HDF5."""
    found = _faults(stored.store, stored.case.objects())

    assert found == set() or found <= _faults_of_hdf5(stored.copy)


@over_stores
def test_conversion_to_hdf5_keeps_everything(stored: Stored) -> None:
    """An HDF5 file made from a store holds each object of it, and of what it links to; only dimensions lose names."""
    expected = manifest.copied_in(stored.case.objects(), stored.case.beside())

    manifest.must_agree(manifest.without_attributes(expected, DIMENSION_NAMES), manifest.hdf5_objects(stored.copy))


@over_stores
def test_copies_of_stores_keep_everything(stored: Stored, tmp_path: Path) -> None:
    """A store made from a store holds each object of it, with links still leading into the files they led into."""
    copy = converted(stored.store, tmp_path / "copy.zarr")

    with ZarrIO(str(copy), "r") as io:
        found = manifest.objects_of(io.read_builder())
    manifest.must_agree(stored.case.objects(), found, may_add=DIMENSION_NAMES)


# HDF5 files, converted to Zarr and back


@dataclass(frozen=True)
class RoundTrip:
    """An HDF5 file, the store it was converted to, and the HDF5 file that was converted back to."""

    case: Case
    original: Path
    store: Path
    back: Path

    def expected(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what both copies are to hold: a store cannot link into an HDF5 file, so its part is copied in."""
        return manifest.copied_in(self.case.objects(), self.case.beside())


@pytest.fixture(scope="module")
def round_trip(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RoundTrip:
    """Convert an HDF5 file to a store and back, once for all tests that look at it."""
    folder = tmp_path_factory.mktemp("round_trip")
    original = request.param.unpack(folder / "original")
    store = converted(original, folder / f"{original.stem}.zarr")
    return RoundTrip(request.param, original, store, converted(store, folder / original.name))


over_hdf5 = pytest.mark.parametrize("round_trip", corpus.parameters(Kind.HDF5), indirect=True)
over_hdf5_sessions = pytest.mark.parametrize("round_trip", corpus.parameters(Kind.HDF5, Case.is_nwb), indirect=True)


@over_hdf5
def test_conversion_to_zarr_keeps_everything(round_trip: RoundTrip) -> None:
    """A store made from an HDF5 file holds each object of it; only names of dimensions are added."""
    with ZarrIO(str(round_trip.store), "r") as io:
        found = manifest.objects_of(io.read_builder())

    manifest.must_agree(round_trip.expected(), found, may_add=DIMENSION_NAMES)


@over_hdf5
def test_conversion_back_keeps_everything(round_trip: RoundTrip) -> None:
    """The HDF5 file made from that store holds each object of the original, read with h5py alone."""
    manifest.must_agree(round_trip.expected(), manifest.hdf5_objects(round_trip.back))


@over_hdf5
def test_conversion_back_is_read_by_hdmf(round_trip: RoundTrip) -> None:
    """HDMF's own backend reads from that HDF5 file what it reads from the original."""
    expected = _builders_of_hdf5(round_trip.original)
    if isinstance(expected, str):
        assert _builders_of_hdf5(round_trip.back) == expected
        return

    found = _builders_of_hdf5(round_trip.back)

    manifest.must_agree(manifest.copied_in(expected, round_trip.case.beside()), found)


@over_hdf5
def test_cached_specifications_are_kept(round_trip: RoundTrip) -> None:
    """The specifications cached in a file are in its copies, in every version, with the same content."""
    original = _parsed(manifest.cached_specs_of_hdf5(round_trip.original))

    assert manifest.differing_specs(original, _parsed(manifest.cached_specs_of_zarr(round_trip.store))) == []
    assert manifest.differing_specs(original, _parsed(manifest.cached_specs_of_hdf5(round_trip.back))) == []


@over_hdf5
def test_verification_finds_no_difference(round_trip: RoundTrip) -> None:
    """The command that compares two files finds both copies equal to the original."""
    for copy in (round_trip.store, round_trip.back):
        done = command("verify", copy, "--against", round_trip.original)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.once
@over_hdf5_sessions
def test_converted_sessions_show_the_same_containers(round_trip: RoundTrip) -> None:
    """A session has the same containers when read from the store, or fails as the original does."""
    with NWBZarrIO(str(round_trip.store), "r") as io, NWBHDF5IO(str(round_trip.original), "r") as other:
        objects = round_trip.case.objects()
        assert _containers(io, objects) == _containers(other, objects)


@pytest.mark.once
@over_hdf5_sessions
@pytest.mark.filterwarnings("ignore:No cached namespaces found")  # as for the oldest of the originals
def test_converted_sessions_are_as_valid(round_trip: RoundTrip) -> None:
    """Validation finds nothing wrong in the store that it does not find in the original."""
    found = _faults(round_trip.store, round_trip.case.objects())

    assert found == set() or found <= _faults_of_hdf5(round_trip.original)


def _holds_numbers(case: Case) -> bool:
    return any(entry.get("kind") in ("int", "float") and 0 not in entry["shape"] for entry in case.objects().values())


@pytest.mark.parametrize("case", corpus.parameters(Kind.HDF5, _holds_numbers)[:1])
def test_verification_names_what_was_altered(case: Case, tmp_path: Path) -> None:
    """One altered number in one of two files is a failure of the comparison, which names the dataset."""
    original = case.unpack(tmp_path / "original")
    store = converted(original, tmp_path / "copy.zarr")
    with h5py.File(original, "a") as file:
        altered = _alter_a_number(file)

    done = command("verify", store, "--against", original)

    assert done.returncode != 0
    assert altered in done.stdout + done.stderr


# helpers


@attrs.frozen
class Done:
    """What a command printed, and how it ended."""

    returncode: int
    stdout: str
    stderr: str


def command(*words: str | Path) -> Done:
    """Run the command line of the package, in this process: starting a hundred others would be most of the time."""
    outcome = CliRunner().invoke(main, [*map(str, words)])
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    return Done(outcome.exit_code, outcome.stdout, outcome.stderr)


def converted(source: Path, destination: Path) -> Path:
    """Convert a file with the command line; return the destination."""
    done = command("convert", source, destination)
    assert done.returncode == 0, done.stdout + done.stderr
    return destination


def _parsed(texts: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, Any]:
    return {
        namespace: {
            version: {source: json.loads(text) for source, text in sources.items()}
            for version, sources in versions.items()
        }
        for namespace, versions in texts.items()
    }


def _builders_of_hdf5(path: Path) -> manifest.Objects | str:
    """Describe what HDMF's own backend reads, or why it cannot."""
    with HDF5IO(str(path), mode="r") as io:
        return _outcome(lambda: manifest.objects_of(io.read_builder()))


def _containers(io: HDMFIO, objects: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, str, str]] | str:
    """List the type, name and stored id of each container of a session, or say why HDMF cannot construct them.

    Files from before there were object ids get others at each reading, which are left out.
    """
    stored = {entry.get("attributes", {}).get("object_id", {}).get("value", [""])[0] for entry in objects.values()}
    return _outcome(
        lambda: sorted(
            (type(found).__name__, found.name, key if key in stored else "") for key, found in io.read().objects.items()
        )
    )


def _outcome(read: Callable[[], Any]) -> Any:
    try:
        return read()
    except (AttributeError, TypeError) as error:  # how HDMF fails at what its classes cannot express
        return f"{type(error).__name__}: {error}"


def _faults(store: Path, objects: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """Return what validation finds in a store, without the types that a Zarr store has no room for.

    Numbers in attributes are JSON: a non-negative one has no sign to tell it from an unsigned one. Text is UTF-8: text
    of ASCII characters alone is not told from ASCII.
    """
    with NWBZarrIO(str(store), "r") as io:
        return {str(error) for error in pynwb.validate(io=io) if not _is_of_the_medium(error, objects)}


def _faults_of_hdf5(file: Path) -> set[str]:
    """Return what validation finds in an HDF5 file; that takes seconds, so it is asked where it matters alone."""
    with NWBHDF5IO(str(file), "r") as io:
        return {str(error) for error in pynwb.validate(io=io)}


def _is_of_the_medium(error: Any, objects: Mapping[str, Mapping[str, Any]]) -> bool:
    types = re.search(r"expected '(\w+)', got '(\w+)'", error.reason)
    place, _, name = f"/{error.location}".rpartition(".")
    attribute = objects.get(place, {}).get("attributes", {}).get(name)
    dataset = objects.get(f"/{error.location}", {})
    if types is None or (attribute is None and not dataset):
        return False
    expected, found = types.groups()
    if expected.startswith("uint") and found == "int64" and attribute is not None:
        return all(0 <= value <= np.iinfo(expected).max for value in attribute["value"])
    if (expected, found) == ("ascii", "utf"):
        return all(text.isascii() for text in (attribute["value"] if attribute else dataset["preview"]))
    return False


def _alter_a_number(file: h5py.File) -> str:
    """Add one to the first number of the first dataset of numbers that has any; return its path."""
    found: list[str] = []

    def visit(path: str, item: h5py.Group | h5py.Dataset) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind in "iuf" and item.size:
            found.append(item.name)

    file.visititems(visit)
    dataset = file[found[0]]
    values = np.asarray(dataset[()])
    values.flat[0] += 1
    dataset[...] = values
    return found[0]
