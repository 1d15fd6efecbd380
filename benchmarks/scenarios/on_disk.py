"""On disk: the file of `many_small_objects` on the machine's own disk, where thousands of files meet one.

The other scenarios keep their files in memory, where the system offers that; here they lie on a disk (``--disk``
names the folder). Measured are also the same file in a zip archive, and with it this package's own answer to
file systems that dislike many files.

``write``
    Constructor in mode ``w``, ``write``, ``close``. Whether a disk really has it by then is not waited for.
``open+read``
    Constructor in mode ``r`` and ``read``, in a new process. What was written is still in the page cache.
"""

from __future__ import annotations

from benchmarks.measure import Bench, run_stages
from benchmarks.scenarios.many_small_objects import SIZES, wide_file


def write(bench: Bench) -> None:
    """Write the file."""
    nwb, path = wide_file(bench.size), bench.path("wide")
    with bench.step("write"), bench.open_io(path, mode="w") as io:
        io.write(nwb)
    bench.count_stored(path)


def read(bench: Bench) -> None:
    """Open what was written."""
    with bench.step("open+read"):
        io = bench.open_io(bench.path("wide"), mode="r")
        nwb = io.read()
    bench.check("time series", len(nwb.acquisition), bench.size.series)
    io.close()


if __name__ == "__main__":
    run_stages(write, read, others={"hdmf-store-zip": (write, read)}, sizes=SIZES, on_disk=True)
