"""Remote session: a file of about 2,000 groups and datasets on a web server that is 30 ms away.

The file has what that of `many_small_objects` has, and more of it: 440 time series, 384 electrodes, 300 units, 650
images. Each subject writes it to a folder with its defaults, which is not measured here. A server on this machine, in a
process of its own, then gives single files of the folder and lists nothing; each answer comes 30 ms after it was asked
for. `NWBHDF5IO` takes no part.

``open+read from disk``
    Constructor in mode ``r`` and ``read`` of the folder, in a process of its own: what it takes without a network.
``open+read over HTTP``
    The same with the URL: until the user holds an NWBFile. The other numbers are about this: ``requests`` in all;
    ``before the batch``, those that came before the first for a chunk; ``round trips``, the longest row of requests of
    which each came after the one before was answered; ``round trips above the least``, those beyond what nobody can
    go below who asks for one document, then for the other objects, 64 of them at once; ``at once``, the most that were
    under way at one moment; ``least [s]``, what the least round trips take.
``tables``
    ``units.to_dataframe()`` and ``electrodes.to_dataframe()`` after that.
``one series``
    ``data[:]`` of one time series: the mean of ten.
"""

from __future__ import annotations

import numpy as np

from benchmarks import files
from benchmarks.data import samples_of, spike_times
from benchmarks.measure import Bench, run_stages
from benchmarks.network import LATENCY, far_away, least_rounds
from benchmarks.scenarios.many_small_objects import SPIKES, Size, wide_file

SIZES = {
    "full": Size(series=440, electrodes=384, units=300, images=650),
    "quick": Size(series=40, electrodes=96, units=60, images=40),
    "tiny": Size(series=4, electrodes=8, units=6, images=5),
}
_ASKED = 10


def write(bench: Bench) -> None:
    """Make the file; not measured here."""
    with bench.open_io(bench.path("wide"), mode="w") as io:
        io.write(wide_file(bench.size))
    bench.count_stored(bench.path("wide"))


def read_local(bench: Bench) -> None:
    """Open the file where it lies."""
    with bench.step("open+read from disk"):
        io = bench.open_io(bench.path("wide"), mode="r")
        nwb = io.read()
    bench.check("time series", len(nwb.acquisition), bench.size.series)
    io.close()


def read(bench: Bench) -> None:
    """Open the file over the network, and look at what is in it."""
    size = bench.size
    with far_away(bench.folder) as remote:
        with bench.step("open+read over HTTP"):
            io = bench.open_io(f"{remote.url}/wide{bench.suffix}", mode="r")
            nwb = io.read()
        asked = remote.asked()
        with bench.step("tables"):
            units = nwb.units.to_dataframe()
            electrodes = nwb.electrodes.to_dataframe()
        asked_by_tables = remote.asked()
        numbers = range(0, size.series, -(-size.series // _ASKED))
        with bench.step("one series", of=len(numbers)):
            found = [nwb.acquisition[files.series_name(number)].data[:] for number in numbers]
        _check(bench, nwb, units, electrodes)
        same = [np.array_equal(seen, samples_of(n, files.SAMPLES)) for seen, n in zip(found, numbers, strict=True)]
        bench.check("series as written", sum(same), len(numbers))
        io.close()

    least = least_rounds(asked.requests - 1)
    bench.count("requests", asked.requests)
    bench.count("before the batch", asked.before_chunks)
    bench.count("round trips", asked.rounds)
    bench.count("round trips above the least", asked.rounds - least)
    bench.count("at once", asked.at_once)
    bench.count("repeated", asked.repeated)
    bench.count("least [s]", least * LATENCY)
    bench.count("requests of tables", asked_by_tables.requests)


def _check(bench: Bench, nwb: object, units: object, electrodes: object) -> None:
    size = bench.size
    bench.check("time series", len(nwb.acquisition), size.series)
    bench.check("rates", nwb.acquisition[files.series_name(0)].rate, float(files.RATE))
    bench.check("images", len(nwb.stimulus_template["images"].images), size.images)
    bench.check("rows of units", len(units), size.units)
    expected = spike_times(size.units, SPIKES)[-1]
    bench.check("last unit", np.asarray(units["spike_times"].iloc[-1]).tolist(), expected.tolist())
    bench.check("rows of electrodes", len(electrodes), size.electrodes)
    bench.check("last group", electrodes["group"].iloc[-1].name, f"shank{files.SHANKS - 1}")


if __name__ == "__main__":
    run_stages(write, read_local, read, others={"hdf5": ()}, sizes=SIZES)
