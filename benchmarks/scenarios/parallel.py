"""Work for many: the same compressed recording, from an iterator and from HDF5, by one thread, two, and two processes.

The recording is 499 MB of 384 channels. zstd at level 7 encodes what the iterator makes, so that there is something to
share. The HDF5 file has gzip at level 4, as most NWB files that are compressed, and the chunks that pynwb chooses; an
export cannot copy these as they are. One thread is an executor with one, which reads and encodes. Processes include
starting them.

``write, one thread``
    Constructor in mode ``w``, ``write`` of a generic iterator, ``close``.
``write, two threads``
    The same with an executor of two.
``write, two processes``
    The same with two jobs.
``export, one thread``
    Both constructors, ``export`` with copied data, ``close``.
``export, two threads``
    The same with an executor of two.
``export, two processes``
    The same with two jobs.

``write, two threads per one``, ``write, two processes per one``
    The share of one thread's time that they take, as a number.
``export, two threads per one``, ``export, two processes per one``
    The same of the export.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from benchmarks import files
from benchmarks.data import recording
from benchmarks.exports import check_exported
from benchmarks.measure import Bench, run_stages

SIZES = {"full": 650_000, "quick": 60_000, "tiny": 300}


def write(bench: Bench) -> None:
    """Write what an iterator makes."""
    from benchmarks.travelling import Recording
    from hdmf_store import ZarrDataIO
    from hdmf_store.nodes import Codec

    def wrote(path: str, **options: Any) -> None:
        data = ZarrDataIO(Recording(bench.size), compressors=[Codec("zstd", {"level": 7})])
        with bench.open_io(path, mode="w") as io:
            io.write(files.recording_file(data), **options)

    _compare(bench, "write", wrote)


def make_source(bench: Bench) -> None:
    """Make the HDF5 file; not measured here."""
    from hdmf.backends.hdf5 import H5DataIO
    from pynwb import NWBHDF5IO

    data = H5DataIO(recording(bench.size), compression="gzip", chunks=True)
    with NWBHDF5IO(str(bench.folder / "source.nwb"), "w") as io:
        io.write(files.recording_file(data))


def export(bench: Bench) -> None:
    """Export it."""
    from pynwb import NWBHDF5IO

    def exported(path: str, **options: Any) -> None:
        with NWBHDF5IO(str(bench.folder / "source.nwb"), "r") as source, bench.open_io(path, mode="w") as io:
            io.export(source, write_args={"link_data": False}, **options)

    _compare(bench, "export", exported)


def _compare(bench: Bench, what: str, call: Callable[..., None]) -> None:
    for threads, name in ((1, "one thread"), (2, "two threads")):
        with ThreadPoolExecutor(threads) as executor, bench.step(f"{what}, {name}"):
            call(bench.path(f"{what}-{threads}"), executor=executor)
        check_exported(bench, bench.path(f"{what}-{threads}"))
    with bench.step(f"{what}, two processes"):
        call(bench.path(f"{what}-processes"), number_of_jobs=2, max_threads_per_process=1)
    check_exported(bench, bench.path(f"{what}-processes"))
    bench.count_stored(bench.path(f"{what}-processes"))
    for two in ("two threads", "two processes"):
        bench.count(f"{what}, {two} per one", bench.seconds[f"{what}, {two}"] / bench.seconds[f"{what}, one thread"])


if __name__ == "__main__":
    run_stages(others={"hdmf-store": (write, make_source, export)}, sizes=SIZES)
