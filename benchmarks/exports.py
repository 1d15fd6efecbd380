"""What the scenarios about exports share: the call, and the proof that a recording arrived."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.data import recording
from benchmarks.measure import Bench


def export_into(bench: Bench, source: Any, path: str) -> None:
    """Export all that `source` has open to `path`, data that links lead to included."""
    with bench.open_io(path, mode="w") as target:
        target.export(src_io=source, write_args={"link_data": False})


def check_exported(bench: Bench, path: str) -> None:
    """Make sure that `path` holds the recording of ``bench.size`` samples."""
    with bench.open_io(path, mode="r") as io:
        found = io.read().acquisition["recording"].data[:]
    bench.check("exported recording", bool(np.array_equal(found, recording(bench.size))), True)
