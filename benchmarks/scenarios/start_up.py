"""Start-up: what a script or a command waits for before anything happens.

Each step is a new process from start to end; its modules are compiled and in the page cache.

``interpreter``
    Python that does nothing: the floor.
``import``
    Python that imports what opens files, and nothing else. This package imports pynwb when it first opens a file, the
    others at once.
``import with pynwb``
    Python that imports pynwb as well: what makes and reads NWB files in any case.
``command --help``
    ``hdmf-store --help``, where the subject has that command.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from benchmarks.measure import Bench, run_stages
from benchmarks.subject import LIBRARIES

COMMAND = Path(sys.executable).with_name("hdmf-store")


def start(bench: Bench) -> None:
    """Start Python, import, and ask the command for help."""
    library = LIBRARIES[bench.library]
    importing = [sys.executable, "-c", f"from {library.module} import {library.opens}"]
    _run(*importing)
    with bench.step("interpreter"):
        _run(sys.executable, "-c", "pass")
    with bench.step("import"):
        _run(*importing)
    with bench.step("import with pynwb"):
        _run(*importing[:-1], importing[-1] + "; import pynwb")


def start_ours(bench: Bench) -> None:
    """Do the same, and ask the command for help."""
    start(bench)
    _run(str(COMMAND), "--help")
    with bench.step("command --help"):
        said = _run(str(COMMAND), "--help")
    bench.check("help", said.startswith("Usage"), True)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    run_stages(start, others={"hdmf-store": (start_ours,)})
