"""Export of what a library wrote itself: a recording of 499 MB, Zarr to Zarr, HDF5 to HDF5.

``export``
    Both constructors, ``export`` with copied data, ``close``. Chunks and codecs agree, so nothing has to be decoded.
``copied``, ``recoded``
    Of this package alone, in one process and in turn: the file copied as it is, and with another level of its codec, so
    that every chunk is decoded and encoded. ``copied per recoded`` is the ratio of the fastest of each.
"""

from __future__ import annotations

import shutil
from typing import Any

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


def copy(bench: Bench) -> None:
    """Copy chunks as bytes, and by decoding and encoding them."""
    from hdmf_store import Codec, NewLayout

    kept = {"chunks": "keep", "shards": "keep"}
    level = {"cname": "lz4", "clevel": 4, "shuffle": "bitshuffle", "blocksize": 0}
    layouts = {"copied": NewLayout(**kept, codecs="keep"), "recoded": NewLayout(**kept, codecs=Codec("blosc", level))}
    fastest = dict.fromkeys(layouts, float("inf"))
    for _ in range(3):
        for name, layout in layouts.items():
            path = bench.path(name)
            shutil.rmtree(path, ignore_errors=True)
            with bench.step(name):
                _repacked(bench.path("source"), path, layout)
            fastest[name] = min(fastest[name], bench.seconds[name])
    bench.count("copied per recoded", fastest["copied"] / fastest["recoded"])
    for name in layouts:
        check_exported(bench, bench.path(name))


def _repacked(source: str, path: str, layout: Any) -> None:
    from hdmf_store import open_adapter, repack

    one, other = open_adapter(source, "r"), open_adapter(path, "w")
    repack(one, other, layout)
    other.close()
    one.close()


if __name__ == "__main__":
    run_stages(write, export, others={"hdmf-store": (write, export, copy)}, sizes=SIZES)
