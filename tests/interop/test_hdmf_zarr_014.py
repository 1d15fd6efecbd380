"""hdmf-zarr 0.14 reads what we write, and we read what it writes, to the last value.

It lives in an environment of its own, made from the package index at the first run; see ``peers.py``.

Holds what users asked for (NEEDS 46).
"""

from __future__ import annotations

from pathlib import Path

import pynwb
import pytest

from hdmf_store import NWBZarrIO, ZarrIO

from . import corpus, exchange, manifest, peers
from .exchange import ATTRIBUTE_TYPES, CONTENTS, DIMENSION_NAMES, Written, parsed, parsed_file

pytestmark = [pytest.mark.once, pytest.mark.peers, pytest.mark.xdist_group("peers"), pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def peer() -> peers.Peer:
    """Return hdmf-zarr 0.14 with its environment made."""
    return exchange.found_peer("hdmf-zarr-0.14")


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what writes a content with this package in format 3, and with HDMF's HDF5 backend."""
    return exchange.written_here(tmp_path_factory.mktemp("ours"), 3)


@pytest.fixture(scope="module")
def theirs(peer: peers.Peer, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Return what lets the peer write a content, also in HDF5."""
    return exchange.written_there(peer, tmp_path_factory.mktemp("theirs"))


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_reads_what_we_write(what: str, peer: peers.Peer, ours: Written) -> None:
    """What the peer reads from our store is what lies in an HDF5 file of the same content, ids included."""
    path = ours(what)
    peer.ask("describe", f"{path}.zarr", f"{path}.json")

    expected = manifest.hdf5_objects(f"{path}.nwb")
    manifest.must_agree(expected, manifest.from_json(f"{path}.json"), may_add=ATTRIBUTE_TYPES | DIMENSION_NAMES)


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_and_we_read_the_same_from_our_store(what: str, peer: peers.Peer, ours: Written) -> None:
    """The peer finds in our store what we find in it, and what we keep to ourselves."""
    path = ours(what)
    peer.ask("describe", f"{path}.zarr", f"{path}.json")

    with ZarrIO(f"{path}.zarr", "r") as io:
        found = manifest.objects_of(io.read_builder())
    manifest.must_agree(found, manifest.from_json(f"{path}.json"), may_add=ATTRIBUTE_TYPES)


@pytest.mark.parametrize("what", CONTENTS)
def test_we_read_what_the_peer_writes(what: str, peer: peers.Peer, theirs: Written) -> None:
    """What we read from the peer's store is what the peer reads from it, and what it wrote as HDF5."""
    path = theirs(what)
    peer.ask("describe", f"{path}.zarr", f"{path}.json")

    with ZarrIO(f"{path}.zarr", "r") as io:
        found = manifest.objects_of(io.read_builder())

    manifest.must_agree(manifest.from_json(f"{path}.json"), found)
    manifest.must_agree(manifest.hdf5_objects(f"{path}.nwb"), found, may_add=DIMENSION_NAMES)


def test_peer_constructs_our_session(peer: peers.Peer, ours: Written) -> None:
    """The peer's containers of our consolidated store show the electrodes and units that ours show."""
    path = ours("recording")
    peer.ask("tables", f"{path}.zarr", f"{path}.tables")

    assert parsed_file(f"{path}.tables") == exchange.our_tables(f"{path}.zarr")


def test_we_construct_the_session_of_the_peer(peer: peers.Peer, theirs: Written) -> None:
    """Our containers of the peer's store show the electrodes and units that the peer's show."""
    path = theirs("recording")
    peer.ask("tables", f"{path}.zarr", f"{path}.tables")

    assert parsed_file(f"{path}.tables") == exchange.our_tables(f"{path}.zarr")


def test_peer_finds_our_session_valid(peer: peers.Peer, ours: Written) -> None:
    """Validation through the peer finds nothing wrong in the store that we wrote."""
    path = ours("recording")
    peer.ask("validate", f"{path}.zarr", f"{path}.faults")

    assert parsed_file(f"{path}.faults") == []


def test_our_cache_of_specifications_is_that_of_hdf5(ours: Written) -> None:
    """The specifications that we cache are those that HDMF's HDF5 backend caches, as text that parses to the same."""
    path = ours("recording")

    expected = manifest.cached_specs_of_hdf5(f"{path}.nwb")
    found = manifest.cached_specs_of_zarr(f"{path}.zarr")

    assert manifest.differing_specs(parsed(expected), parsed(found)) == []


@pytest.mark.corpus
def test_oracle_describes_what_the_peer_reads(peer: peers.Peer, tmp_path: Path) -> None:
    """Walked with the peer's reader, each format 3 store of the corpus holds what its manifest records."""
    cases = exchange.chosen_cases(corpus.Kind.FORMAT_3, lambda case: True)
    stores = exchange.asked_of_all(peer, "describe", cases, tmp_path)

    differences = {
        case.id: manifest.compare(case.objects(), manifest.from_json(answer)) for case, (_, answer) in stores.items()
    }
    assert differences == {case.id: [] for case in cases}


@pytest.mark.corpus
def test_validation_finds_no_more_than_for_the_peer(peer: peers.Peer, tmp_path: Path) -> None:
    """Validation of a store of the corpus, read by us, finds nothing that it does not find when the peer reads it."""
    found = {}
    for number, case in enumerate(exchange.chosen_cases(corpus.Kind.FORMAT_3, corpus.Case.is_nwb)):
        with NWBZarrIO(str(case.unpack(tmp_path / f"read by us {number}")), "r") as io:
            found[case] = {str(error) for error in pynwb.validate(io=io)}

    faulty = [case for case, faults in found.items() if faults]
    assert faulty, "nothing was found in any store, so that nothing is compared here"
    for case, (_store, answer) in exchange.asked_of_all(peer, "validate", faulty, tmp_path).items():
        assert sorted(found[case] - set(parsed_file(answer))) == [], case.id
