"""What exchanges with releases of hdmf-zarr have in common: who is asked, who wrote what, how answers are read."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hdmf.backends.hdf5 import HDF5IO
from pynwb import NWBHDF5IO

from hdmf_store import NWBZarrIO, ZarrIO

from . import content, corpus, peer_side, peers

CONTENTS = ["recording", "tree"]
DIMENSION_NAMES = frozenset({"_ARRAY_DIMENSIONS"})
ATTRIBUTE_TYPES = frozenset({"_ATTRIBUTE_TYPES"})
"""What the peers see and we do not: the types of attributes that JSON does not say."""


# Writes one of these as <path>.zarr and, in HDF5, as <path>.nwb; returns <path>.
Written = Callable[[str], Path]


def found_peer(name: str) -> peers.Peer:
    """Return a peer with its environment made; the test is skipped where that cannot be, unless peers are demanded."""
    found = peers.PEERS[name]
    try:
        peers.environment(found)
    except peers.NoPeerError as error:
        if peers.is_required():
            raise
        pytest.skip(str(error))
    return found


def written_here(folder: Path, zarr_format: int, *, scalar_records: bool = True) -> Written:
    """Return what writes a content with this package and, made anew, with HDMF's HDF5 backend: each once."""
    options = {"scalar_records": scalar_records}

    @functools.cache
    def write(what: str) -> Path:
        path = folder / what
        if what == "recording":
            with NWBZarrIO(f"{path}.zarr", "w", zarr_format=zarr_format) as io:
                io.write(content.recording(**options))
            with NWBHDF5IO(f"{path}.nwb", "w") as io:
                io.write(content.recording(**options))
        else:
            with ZarrIO(f"{path}.zarr", "w", zarr_format=zarr_format) as io:
                io.write_builder(content.tree(**options))
            with HDF5IO(f"{path}.nwb", mode="w") as io:
                io.write_builder(content.tree(**options))
        return path

    return write


def written_there(peer: peers.Peer, folder: Path) -> Written:
    """Return what lets a peer write a content, also in HDF5: each once."""

    @functools.cache
    def write(what: str) -> Path:
        peer.ask("write", what, folder)
        return folder / what

    return write


def chosen_cases(kind: corpus.Kind, where: Callable[[corpus.Case], bool]) -> list[corpus.Case]:
    """List the cases of a kind that a test can take; it is skipped where there are none."""
    found = [case for case in corpus.cases(kind) if where(case)]
    if not found:
        pytest.skip(f"no {kind.value} in {corpus.folder()}; HDMF_STORE_CORPUS names another folder")
    return found


def asked_of_all(
    peer: peers.Peer, what: str, cases: list[corpus.Case], folder: Path
) -> dict[corpus.Case, tuple[Path, Path]]:
    """Unpack stores and ask the peer about all of them in one process; return each store and the answer's file."""
    asked = {case: (case.unpack(folder / str(number)), folder / f"{number}.json") for number, case in enumerate(cases)}
    peer.ask(what, *(word for pair in asked.values() for word in pair))
    return asked


def our_tables(store: str | Path) -> dict[str, Any]:
    """Describe the electrodes and units of a session as the peers are asked to."""
    with NWBZarrIO(str(store), "r") as io:
        return json.loads(json.dumps(peer_side.tables_of(io.read())))


def parsed_file(path: str | Path) -> Any:
    """Return what a file of JSON holds."""
    return json.loads(Path(path).read_text(encoding="utf-8"))


def parsed(texts: Any) -> Any:
    """Return nested mappings of JSON texts with the texts parsed."""
    return json.loads(texts) if isinstance(texts, str) else {key: parsed(value) for key, value in texts.items()}
