"""Format 2 exchanged with hdmf-zarr 0.13, which reads and writes nothing else, on zarr 2.

It lives in an environment of its own, made from the package index at the first run and kept. It cannot write datasets
that are one record or one reference, and has no form for them: what is such a scalar for us is an array of one element
for it, with an attribute more by which we tell the two apart.

Holds what users asked for (NEEDS 56, 59).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hdmf_store import ZarrIO

from . import corpus, exchange, manifest, peers
from .exchange import ATTRIBUTE_TYPES, CONTENTS, DIMENSION_NAMES, Written, parsed, parsed_file

pytestmark = [pytest.mark.once, pytest.mark.peers, pytest.mark.xdist_group("peers"), pytest.mark.timeout(900)]

OURS = frozenset({"_SCALAR"}) | ATTRIBUTE_TYPES


@pytest.fixture(scope="module")
def peer() -> peers.Peer:
    """Return hdmf-zarr 0.13 with its environment made."""
    return exchange.found_peer("hdmf-zarr-0.13")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what writes a content with this package in format 2, and with HDMF's HDF5 backend."""
    return exchange.written_here(tmp_path_factory.mktemp("ours"), 2)


@pytest.fixture(scope="module")
def ours_without_scalar_records(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what writes only that of a content for which the peer has a form."""
    return exchange.written_here(tmp_path_factory.mktemp("plain"), 2, scalar_records=False)


@pytest.fixture(scope="module")
def theirs(peer: peers.Peer, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what lets the peer write a content, also in HDF5."""
    return exchange.written_there(peer, tmp_path_factory.mktemp("theirs"))


def scalars_in_arrays(objects: Mapping[str, manifest.Entry]) -> manifest.Objects:
    """Return objects with the scalars of references and records as arrays of one element, as the peer has them."""
    kinds = ("reference", "compound")
    return {
        path: {**entry, "shape": [1]} if entry.get("kind") in kinds and entry["shape"] == [] else entry
        for path, entry in objects.items()
    }


def described(peer: peers.Peer, path: Path) -> manifest.Objects:
    """Return what the peer reads from a store."""
    peer.ask("describe", f"{path}.zarr", f"{path}.json")
    return manifest.from_json(f"{path}.json")


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_reads_what_we_write(what: str, peer: peers.Peer, ours: Written) -> None:
    """What the peer reads from our store is what lies in an HDF5 file of the same content, ids included."""
    path = ours(what)

    expected = scalars_in_arrays(manifest.hdf5_objects(f"{path}.nwb"))
    manifest.must_agree(expected, scalars_in_arrays(described(peer, path)), may_add=OURS | DIMENSION_NAMES)


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_reads_as_is_what_it_has_a_form_for(
    what: str, peer: peers.Peer, ours_without_scalar_records: Written
) -> None:
    """Without scalars of records and references, what the peer reads is all there is; nothing but types is added."""
    path = ours_without_scalar_records(what)

    manifest.must_agree(
        manifest.hdf5_objects(f"{path}.nwb"), described(peer, path), may_add=ATTRIBUTE_TYPES | DIMENSION_NAMES
    )


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_and_we_read_the_same_from_our_store(what: str, peer: peers.Peer, ours: Written) -> None:
    """The peer finds in our store what we find in it."""
    path = ours(what)

    with ZarrIO(f"{path}.zarr", "r") as io:
        found = scalars_in_arrays(manifest.objects_of(io.read_builder()))
    manifest.must_agree(found, scalars_in_arrays(described(peer, path)), may_add=OURS)


@pytest.mark.parametrize("what", CONTENTS)
def test_we_read_what_the_peer_writes(what: str, peer: peers.Peer, theirs: Written) -> None:
    """What we read from the peer's store is what the peer reads from it, and what it wrote as HDF5."""
    path = theirs(what)

    with ZarrIO(f"{path}.zarr", "r") as io:
        found = scalars_in_arrays(manifest.objects_of(io.read_builder()))

    manifest.must_agree(scalars_in_arrays(described(peer, path)), found)
    expected = scalars_in_arrays(manifest.hdf5_objects(f"{path}.nwb"))
    manifest.must_agree(expected, found, may_add=DIMENSION_NAMES)


def test_peer_reads_our_store_without_pickles(peer: peers.Peer, ours: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Our references need no permission to unpickle: the peer reads them where that is forbidden."""
    monkeypatch.setenv("NUMCODECS_ALLOW_UNSAFE_PICKLE_DECODE", "0")

    assert described(peer, ours("tree"))["/references/array"]["kind"] == "reference"


def test_peer_constructs_our_session(peer: peers.Peer, ours: Written) -> None:
    """The peer's containers of our store show the electrodes and units that ours show."""
    path = ours("recording")
    peer.ask("tables", f"{path}.zarr", f"{path}.tables")

    assert parsed_file(f"{path}.tables") == exchange.our_tables(f"{path}.zarr")


def test_we_construct_the_session_of_the_peer(peer: peers.Peer, theirs: Written) -> None:
    """Our containers of the peer's store show the electrodes and units that the peer's show."""
    path = theirs("recording")
    peer.ask("tables", f"{path}.zarr", f"{path}.tables")

    assert parsed_file(f"{path}.tables") == exchange.our_tables(f"{path}.zarr")


def test_peer_cannot_validate_tables_with_references(peer: peers.Peer, ours_without_scalar_records: Written) -> None:
    """Validation through the peer ends with an error of its own where records hold references.

    Its validator takes the types of a record's fields from zarr's data type, which has fields only where records with
    references are pickled; we write no pickles, and rows as JSON have none. What the peer reads is complete: see the
    tests above. Once a release of the peer passes here, this test says so by failing.
    """
    path = ours_without_scalar_records("recording")

    with pytest.raises(AssertionError, match="compound type shorter than expected"):
        peer.ask("validate", f"{path}.zarr", f"{path}.faults")


def test_our_cache_of_specifications_is_that_of_hdf5(ours: Written) -> None:
    """The specifications that we cache are those that HDMF's HDF5 backend caches, as text that parses to the same."""
    path = ours("recording")
    expected: Any = manifest.cached_specs_of_hdf5(f"{path}.nwb")

    found = manifest.cached_specs_of_format_2(f"{path}.zarr")

    assert manifest.differing_specs(parsed(expected), parsed(found)) == []


@pytest.mark.corpus
def test_peer_reads_its_own_stores_after_we_appended(peer: peers.Peer, tmp_path: Path) -> None:
    """A store of the peer to which we added a group is read by it in full, with what was added."""
    from hdmf_store.adapter import Plan
    from hdmf_store.nodes import Group

    cases = exchange.chosen_cases(corpus.Kind.FORMAT_2, lambda case: "hdmf-zarr 0.13" in case.recorded()["written_by"])
    stores = {case: case.unpack(tmp_path / str(number)) for number, case in enumerate(cases)}
    for store in stores.values():
        with ZarrIO(str(store), "r+") as io:
            io.adapter.write(Plan(nodes={"/added": Group({"by": "us"})}))
    peer.ask("describe", *(word for store in stores.values() for word in (store, f"{store}.json")))

    added = {"/added": manifest.added_group({"by": "us"})}
    differences = {
        case.id: manifest.compare({**case.objects(), **added}, manifest.from_json(f"{store}.json"))
        for case, store in stores.items()
    }
    assert differences == {case.id: [] for case in cases}
