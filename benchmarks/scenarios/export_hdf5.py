"""Export of HDF5: a recording of 499 MB moves from an HDF5 file into the format of each library.

The HDF5 file is what pynwb writes by default: contiguous and not compressed. NWBHDF5IO exports to another HDF5
file.

``export``
    Both constructors, ``export`` with copied data, ``close``. The memory it adds is among the numbers: peers hold the
    recording as a whole.
"""

from __future__ import annotations

from benchmarks import files
from benchmarks.data import recording
from benchmarks.exports import check_exported, export_into
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 650_000, "quick": 60_000, "tiny": 300}


def write(bench: Bench) -> None:
    """Make the HDF5 file; not measured here."""
    from pynwb import NWBHDF5IO

    with NWBHDF5IO(str(bench.folder / "source.nwb"), "w") as io:
        io.write(files.recording_file(recording(bench.size)))


def export(bench: Bench) -> None:
    """Export it."""
    from pynwb import NWBHDF5IO

    path = bench.path("exported")
    with bench.step("export"), NWBHDF5IO(str(bench.folder / "source.nwb"), "r") as source:
        export_into(bench, source, path)
    bench.count_stored(path)
    check_exported(bench, path)


if __name__ == "__main__":
    run_stages(write, export, sizes=SIZES)
