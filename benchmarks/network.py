"""A server on this machine that answers late, in a process of its own, and what it was asked.

Two halves that talk over pipes: `far_away` runs in a process that measures; the server is this module, run with
``python -m benchmarks.network``. It has a process of its own so that it and those who ask do not wait for each other's
interpreter; processors they share. For files by plain HTTP the standard library is enough; for S3 it takes moto.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.servers.traffic import Request, Traffic

#: Seconds from a request to its answer: another town's.
LATENCY = 0.03

_CHECKOUT = Path(__file__).resolve().parent.parent
_OF_A_CHUNK = re.compile(r"/(c([./]\d+)*|\d+([./]\d+)*)$")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a server was asked for a while.

    Attributes
    ----------
    requests : int
        All of them.
    before_chunks : int
        Those that came before the first for a chunk.
    chunks : int
        Those for chunks.
    rounds : int
        The longest row of requests of which each came after the one before was answered.
    at_once : int
        The most that were under way at one moment.
    repeated : int
        What was asked for more than once.
    chunk_seconds : float
        From the first request for a chunk to the answer of the last.
    chunk_keys : sequence of str
        The chunks that were asked for.
    by_method : dict of str to int
        Requests of each method.
    """

    requests: int
    before_chunks: int
    chunks: int
    rounds: int
    at_once: int
    repeated: int
    chunk_seconds: float
    chunk_keys: Sequence[str]
    by_method: dict[str, int]


@dataclass(frozen=True)
class Remote:
    """A running server.

    Attributes
    ----------
    url : str
        Of its root; for S3 the endpoint.
    bucket : str
        For S3 the empty bucket that is there.
    """

    url: str
    bucket: str
    _process: subprocess.Popen[str]

    def asked(self) -> Asked:
        """Return what it was asked since it was last asked this; whatever was timed is over by then."""
        _in(self._process).write("asked\n")
        _in(self._process).flush()
        return Asked(**_answer(self._process))


@contextmanager
def far_away(folder: Path | None = None, latency: float = LATENCY) -> Iterator[Remote]:
    """Run a server of the files in a folder; of S3 if there is none.

    Raises
    ------
    RuntimeError
        If it did not start; what it said of that is on the standard error.
    """
    what = ["--folder", str(folder)] if folder else []
    command = [sys.executable, "-m", "benchmarks.network", "--latency", str(latency), *what]
    with subprocess.Popen(
        command, cwd=_CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        try:
            yield Remote(**_answer(process), _process=process)
        finally:
            _in(process).close()  # which ends it


def least_rounds(objects: int, at_once: int = 64) -> int:
    """Return the round trips below which nobody can go: one for a document, then as few for other objects as can be."""
    return 1 + -(-objects // at_once)


def is_of_a_chunk(key: str) -> bool:
    """Return whether a chunk lies under a key, in either format of Zarr and with either separator."""
    return bool(_OF_A_CHUNK.search(key))


def _in(process: subprocess.Popen[str]) -> Any:
    return process.stdin


def _answer(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise RuntimeError("the server ended before it answered")
    return json.loads(line)


# ------------------------------------------------------------------------------------------------- the server's process


def summary(requests: Sequence[Request], traffic: Traffic) -> Asked:
    """Return what is told of requests, which are in the order in which they came."""
    chunks = [request for request in requests if request.method == "GET" and is_of_a_chunk(request.key)]
    first = min((request.begun for request in chunks), default=float("inf"))
    return Asked(
        requests=len(requests),
        before_chunks=sum(request.begun < first for request in requests),
        chunks=len(chunks),
        rounds=traffic.rounds,
        at_once=traffic.at_once,
        repeated=len(traffic.repeated()),
        chunk_seconds=max(request.ended for request in chunks) - first if chunks else 0.0,
        chunk_keys=[request.key for request in chunks],
        by_method=dict(Counter(request.method for request in requests)),
    )


def main() -> None:
    """Serve until the standard input ends; for each line there, tell what was asked since the one before."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--latency", type=float, required=True)
    chosen = parser.parse_args()
    with _server(chosen.folder) as (traffic, names):
        traffic.latency = chosen.latency
        print(json.dumps(names), flush=True)
        for _ in sys.stdin:
            print(json.dumps(vars(summary(traffic.requests, traffic))), flush=True)
            traffic.clear()


@contextmanager
def _server(folder: Path | None) -> Iterator[tuple[Traffic, dict[str, str]]]:
    if folder is not None:
        from tests.servers.files import file_server

        with file_server(folder) as files:
            yield files.traffic, {"url": files.url, "bucket": ""}
    else:
        from tests.servers.s3 import s3_server

        with s3_server() as s3:
            bucket = s3.bucket()
            yield bucket.traffic, {"url": bucket.endpoint, "bucket": bucket.name}


if __name__ == "__main__":
    main()
