"""Export of what a library wrote itself: a recording of 499 MB, Zarr to Zarr, HDF5 to HDF5.

``export``
    Both constructors, ``export`` with copied data, ``close``. Chunks and codecs agree, so nothing has to be decoded.
"""

from __future__ import annotations

from benchmarks import files
from benchmarks.data import recording
from benchmarks.exports import check_exported, export_into
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 650_000, "quick": 60_000, "tiny": 300}


def write(bench: Bench) -> None:
    """Make the source; not measured here."""
    with bench.open_io(bench.path("source"), mode="w") as io:
        io.write(files.recording_file(recording(bench.size)))


def export(bench: Bench) -> None:
    """Export it."""
    path = bench.path("exported")
    with bench.step("export"), bench.open_io(bench.path("source"), mode="r") as source:
        export_into(bench, source, path)
    bench.count_stored(path)
    check_exported(bench, path)


if __name__ == "__main__":
    run_stages(write, export, sizes=SIZES)
