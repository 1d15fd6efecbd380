"""hdmf-zarr 0.14 reads what we write, and we read what it writes, to the last value.

It lives in an environment of its own, made from the package index at the first run; see ``peers.py``.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pynwb
import pytest
from hdmf.backends.hdf5 import HDF5IO
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO, ZarrIO

from . import content, corpus, manifest, peer_side, peers

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("peers"), pytest.mark.timeout(900)]

DIMENSION_NAMES = frozenset({"_ARRAY_DIMENSIONS"})
CONTENTS = ["recording", "tree"]


@pytest.fixture(scope="module")
def peer() -> peers.Peer:
    """Return hdmf-zarr 0.14 with its environment made."""
    found = peers.PEERS["hdmf-zarr-0.14"]
    try:
        peers.environment(found)
    except peers.NoPeerError as error:
        if peers.is_required():
            raise
        pytest.skip(str(error))
    return found


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write both contents with this package and, made anew, with HDMF's HDF5 backend."""
    folder = tmp_path_factory.mktemp("ours")
    with NWBZarrIO(str(folder / "recording.zarr"), "w") as io:
        io.write(content.recording())
    with NWBHDF5IO(str(folder / "recording.nwb"), "w") as io:
        io.write(content.recording())
    with ZarrIO(str(folder / "tree.zarr"), "w") as io:
        io.write_builder(content.tree())
    with HDF5IO(str(folder / "tree.nwb"), mode="w") as io:
        io.write_builder(content.tree())
    return folder


@pytest.fixture(scope="module")
def theirs(peer: peers.Peer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Let the peer write both contents, also in HDF5."""
    folder = tmp_path_factory.mktemp("theirs")
    for what in CONTENTS:
        peer.ask("write", what, folder)
    return folder


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_reads_what_we_write(what: str, peer: peers.Peer, ours: Path) -> None:
    """What the peer reads from our store is what lies in an HDF5 file of the same content, ids included."""
    read = ours / f"{what}.json"
    peer.ask("describe", ours / f"{what}.zarr", read)

    expected = manifest.hdf5_objects(ours / f"{what}.nwb")
    manifest.must_agree(expected, manifest.from_json(read), may_add=DIMENSION_NAMES)


@pytest.mark.parametrize("what", CONTENTS)
def test_peer_and_we_read_the_same_from_our_store(what: str, peer: peers.Peer, ours: Path) -> None:
    """The peer finds in our store exactly what we find in it."""
    read = ours / f"{what}.same.json"
    peer.ask("describe", ours / f"{what}.zarr", read)

    with ZarrIO(str(ours / f"{what}.zarr"), "r") as io:
        manifest.must_agree(manifest.objects_of(io.read_builder()), manifest.from_json(read))


@pytest.mark.parametrize("what", CONTENTS)
def test_we_read_what_the_peer_writes(what: str, peer: peers.Peer, theirs: Path) -> None:
    """What we read from the peer's store is what the peer reads from it, and what it wrote as HDF5."""
    read = theirs / f"{what}.json"
    peer.ask("describe", theirs / f"{what}.zarr", read)

    with ZarrIO(str(theirs / f"{what}.zarr"), "r") as io:
        found = manifest.objects_of(io.read_builder())

    manifest.must_agree(manifest.from_json(read), found)
    manifest.must_agree(manifest.hdf5_objects(theirs / f"{what}.nwb"), found, may_add=DIMENSION_NAMES)


def test_peer_constructs_our_session(peer: peers.Peer, ours: Path) -> None:
    """The peer's containers of our consolidated store show the electrodes and units that ours show."""
    shown = ours / "tables.json"
    peer.ask("tables", ours / "recording.zarr", shown)

    assert json.loads(shown.read_text(encoding="utf-8")) == _our_tables(ours / "recording.zarr")


def test_we_construct_the_session_of_the_peer(peer: peers.Peer, theirs: Path) -> None:
    """Our containers of the peer's store show the electrodes and units that the peer's show."""
    shown = theirs / "tables.json"
    peer.ask("tables", theirs / "recording.zarr", shown)

    assert json.loads(shown.read_text(encoding="utf-8")) == _our_tables(theirs / "recording.zarr")


def test_peer_finds_our_session_valid(peer: peers.Peer, ours: Path) -> None:
    """Validation through the peer finds nothing wrong in the store that we wrote."""
    found = ours / "faults.json"
    peer.ask("validate", ours / "recording.zarr", found)

    assert json.loads(found.read_text(encoding="utf-8")) == []


def test_our_cache_of_specifications_is_that_of_hdf5(ours: Path) -> None:
    """The specifications that we cache are those that HDMF's HDF5 backend caches, as text that parses to the same."""
    expected = manifest.cached_specs_of_hdf5(ours / "recording.nwb")
    found = manifest.cached_specs_of_zarr(ours / "recording.zarr")

    assert manifest.differing_specs(_parsed(expected), _parsed(found)) == []


@pytest.mark.corpus
def test_oracle_describes_what_the_peer_reads(peer: peers.Peer, tmp_path: Path) -> None:
    """Walked with the peer's reader, each format 3 store of the corpus holds what its manifest records."""
    cases = _cases(lambda case: True)
    stores = _asked_of_all(peer, "describe", cases, tmp_path)

    differences = {
        case.id: manifest.compare(case.objects(), manifest.from_json(answer)) for case, (_, answer) in stores.items()
    }
    assert differences == {case.id: [] for case in cases}


@pytest.mark.corpus
def test_validation_finds_no_more_than_for_the_peer(peer: peers.Peer, tmp_path: Path) -> None:
    """Validation of a store of the corpus, read by us, finds nothing that it does not find when the peer reads it."""
    cases = _cases(corpus.Case.is_nwb)
    stores = _asked_of_all(peer, "validate", cases, tmp_path)

    added = {}
    for case, (store, answer) in stores.items():
        with NWBZarrIO(str(store), "r") as io:
            found = {str(error) for error in pynwb.validate(io=io)}
        added[case.id] = sorted(found - set(json.loads(answer.read_text(encoding="utf-8"))))
    assert added == {case.id: [] for case in cases}


def _cases(where: Callable[[corpus.Case], bool]) -> list[corpus.Case]:
    found = [case for case in corpus.cases(corpus.Kind.FORMAT_3) if where(case)]
    if not found:
        pytest.skip(f"no {corpus.Kind.FORMAT_3.value} in {corpus.folder()}; HDMF_STORE_CORPUS names another folder")
    return found


def _asked_of_all(
    peer: peers.Peer, what: str, cases: list[corpus.Case], folder: Path
) -> dict[corpus.Case, tuple[Path, Path]]:
    """Unpack stores and ask the peer about all of them in one process; return each store and the answer's file."""
    asked = {case: (case.unpack(folder / str(number)), folder / f"{number}.json") for number, case in enumerate(cases)}
    peer.ask(what, *(word for pair in asked.values() for word in pair))
    return asked


def _our_tables(store: Path) -> dict[str, Any]:
    with NWBZarrIO(str(store), "r") as io:
        return json.loads(json.dumps(peer_side.tables_of(io.read())))


def _parsed(texts: Any) -> Any:
    return json.loads(texts) if isinstance(texts, str) else {key: _parsed(value) for key, value in texts.items()}
