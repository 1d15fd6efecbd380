"""A plain HTTP server in a process of its own, so that it takes no time from the one that is measured.

Runs on the standard library, in the environment of any subject. ``python -m benchmarks.server FOLDER LATENCY`` prints
its URL, then answers each line on its standard input with what it was asked since the last one, as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks.environments import CHECKOUT
from tests.servers import Traffic, file_server


@dataclass
class RunningServer:
    """A server of a folder's files.

    Attributes
    ----------
    url : str
        Of the folder, without a slash at the end.
    """

    url: str
    process: subprocess.Popen[str]

    def traffic(self) -> dict[str, int]:
        """Return what was asked since the last call.

        ``requests``; ``before the batch``, those that were waited for until several were under way for the first
        time; ``round trips``, the longest row of requests of which each came after the one before was answered;
        ``at once``; and ``repeated``, the keys that were asked for more than once.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, int] = json.loads(self.process.stdout.readline())
        return found


@contextmanager
def served(folder: Path, latency: float) -> Iterator[RunningServer]:
    """Serve a folder; every answer comes so many seconds late."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.server", str(folder), str(latency)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield RunningServer(process.stdout.readline().strip(), process)
        finally:
            process.stdin.close()  # it ends when nobody can ask any more
            process.wait(10)


def _told(traffic: Traffic) -> dict[str, int]:
    requests = traffic.requests
    alone = next(
        (at for at, (one, other) in enumerate(pairwise(requests)) if other.begun < one.ended),
        len(requests),
    )
    return {
        "requests": len(requests),
        "before the batch": alone,
        "round trips": traffic.rounds,
        "at once": traffic.at_once,
        "repeated": len(traffic.repeated()),
    }


def _main(folder: str, latency: str) -> None:
    with file_server(Path(folder)) as server:
        server.traffic.latency = float(latency)
        print(server.url, flush=True)
        for _ in sys.stdin:
            print(json.dumps(_told(server.traffic)), flush=True)
            server.traffic.clear()


if __name__ == "__main__":
    _main(*sys.argv[1:])
