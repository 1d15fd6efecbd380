"""A model of a conversion by N workers: its constants measured here, its predictions held against conversions.

Run it from the top of a checkout, in an environment with the extras ``nwb`` and ``test``::

    python -m benchmarks.experiments.scaling [--megabytes 100 200] [--workers 1 2] [--quick]

A conversion takes the time of its slowest part, and what nobody can share: starting, documents. `Machine` has the
constants, `Work` what is to be done, `parts` the seconds of each part. Constants are seconds of processor time where
processors do the work, since others may use this machine as well. So the column *alone* is what to compare with: the
processor time of the writer, and that of the workers divided by their number. For a server there is only the wall
clock; it is moto's, in a process of its own, which shares the processors with the workers. Of the rounds, the best
counts.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks import files
from benchmarks.data import CHANNELS, recording
from benchmarks.network import far_away

TASK_BYTES = 16e6
AT_ONCE = 64
MB = 1e6


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What workers, network and server can do.

    Parameters
    ----------
    start : float
        Seconds until workers work.
    fixed : float
        Seconds of a conversion that has next to nothing to convert.
    encode : float
        Bytes of values that one worker reads and encodes in a second, once they have arrived.
    ratio : float
        Bytes of values for each byte that is stored.
    network : float
        Bytes that one worker receives, and as many that it sends, in a second.
    latency : float
        Seconds from a request to its answer.
    requests : float
        Requests that the server answers in a second, however many ask.
    server : float
        Bytes that the server takes in a second, however many send.
    document : float
        Seconds of the writer for one document.
    task : float
        Seconds of the writer for one task.
    client : float
        Bytes that the writer takes in a second where workers cannot store chunks themselves.
    """

    start: float
    fixed: float
    encode: float
    ratio: float
    network: float
    latency: float
    requests: float
    server: float
    document: float
    task: float
    client: float


@dataclass(frozen=True, kw_only=True)
class Work:
    """What is to be converted.

    Parameters
    ----------
    data : float
        Bytes of values.
    read : float
        Bytes that come to the workers over a network; none where the source lies on their own disks.
    chunk : float
        Bytes of values in a chunk.
    objects : int
        Documents that are written.
    workers : int
    by_workers : bool
        Whether workers store chunks themselves.
    """

    data: float
    read: float = 0.0
    chunk: float
    objects: int
    workers: int
    by_workers: bool = True


def parts(machine: Machine, work: Work) -> dict[str, float]:
    """Return the seconds of each part of a conversion that goes on beside the others."""
    stored, chunks = work.data / machine.ratio, work.data / work.chunk
    alone = 0.0 if work.by_workers else stored / machine.client
    return {
        "encoding": work.data / machine.encode / work.workers,
        "network of the workers": max(work.read, stored) / machine.network / work.workers,
        "waiting for answers": chunks * machine.latency / (AT_ONCE * work.workers),
        "requests of the server": chunks / machine.requests,
        "bytes of the server": stored / machine.server,
        "the writer": work.data / TASK_BYTES * machine.task + alone,
    }


def predicted(machine: Machine, work: Work) -> tuple[float, str]:
    """Return the seconds of a conversion, and the part that decides."""
    found = parts(machine, work)
    slowest = max(found, key=lambda name: found[name])
    documents = max(work.objects * machine.document, work.objects / machine.requests)
    return machine.start + machine.fixed + found[slowest] + documents, slowest


# ------------------------------------------------------------------------------------------------------------ measuring


def measured_here(folder: Path) -> tuple[Machine, float]:
    """Return the constants of this machine for a folder, and the bytes of values in a chunk."""
    encode, ratio, chunk = _encoding(folder)
    _convert(_source(folder, 1), folder / "fixed.zarr")  # what is set up on first use does not count
    fixed = min(_processor(lambda: _convert(_source(folder, 1), folder / "fixed.zarr")) for _ in range(3))
    start, task = _pool()
    machine = Machine(
        start=start,
        fixed=fixed,
        encode=encode,
        ratio=ratio,
        network=float("inf"),
        latency=0.0,
        requests=float("inf"),
        server=float("inf"),
        document=_documents(folder),
        task=task,
        client=_copying(folder),
    )
    return machine, chunk


def _encoding(folder: Path) -> tuple[float, float, float]:
    """Return bytes that are read and encoded per second of a processor, how much smaller they get, bytes of a chunk."""
    from hdmf_store import NWBZarrIO, iter_chunks

    source, target = _source(folder, 60), folder / "encoded.zarr"
    _convert(source, target, executor=_OneThread())
    with NWBZarrIO(target, "r") as io:
        data = io.read().acquisition["recording"].data
        region, _ = next(iter_chunks(data, budget=1))
        chunk = 2.0 * (region[0].stop - region[0].start) * (region[1].stop - region[1].start)
        size = data.size * 2.0
    stored = sum(file.stat().st_size for file in (target / "acquisition/recording/data").rglob("*") if file.is_file())
    small = min(_processor(lambda: _convert(_source(folder, 1), target, executor=_OneThread())) for _ in range(2))
    large = min(_processor(lambda: _convert(source, target, executor=_OneThread())) for _ in range(2))
    return size / max(large - small, 1e-9), size / stored, chunk


class _OneThread:
    """Does each task at once, in this thread."""

    def submit(self, task: Any, *arguments: Any) -> Any:
        from concurrent.futures import Future

        done: Any = Future()
        done.set_result(task(*arguments))
        return done


def _pool() -> tuple[float, float]:
    """Return the seconds in which a process imports what it needs, and those of a task that does nothing."""
    begun, count = _children(), 500
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(_ready).result()
        task = _processor(lambda: [pending.result() for pending in [pool.submit(len, "") for _ in range(count)]])
    return _children() - begun, task / count


def _children() -> float:
    """Return the processor time of all processes that this one has started and that have ended."""
    used = os.times()
    return used.children_user + used.children_system


def _ready() -> str:
    import hdmf_store

    return hdmf_store.__version__


def _documents(folder: Path) -> float:
    """Return the seconds that one document more takes."""
    from hdmf_store import NWBZarrIO

    def write(count: int) -> Callable[[], None]:
        def wrote() -> None:
            with NWBZarrIO(folder / "many.zarr", "w") as io:
                io.write(files.series_file(count))

        return wrote

    few, many = (min(_processor(write(count)) for _ in range(2)) for count in (20, 220))
    return max(many - few, 1e-9) / (200 * 4)  # a series is a group, data, timestamps or a starting time, and a chunk


def _copying(folder: Path) -> float:
    """Return the bytes per second that come back from a process and are stored by this one."""
    size, count = 4 * 2**20, 16
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(len, "").result()

        def copied() -> None:
            for number in range(count):
                (folder / f"copied-{number}").write_bytes(pool.submit(bytes, size).result())

        return count * size / _seconds(copied)


def _server(bucket: Any, folder: Path) -> dict[str, float]:
    """Return the constants of a server: its latency, requests and bytes in a second, and what is fixed with it."""
    from hdmf_store import Location
    from hdmf_store_adapters.remote_stores import store_at
    from hdmf_store_adapters.store_objects import StoreObject

    medium = StoreObject(store_at(Location.of(f"{bucket.url}/probe"), bucket.storage_options))
    medium.write_many([("first", b"")])
    alone = _seconds(lambda: [medium.write_many([(f"alone/{number}", b"")]) for number in range(20)]) / 20
    together = _seconds(lambda: medium.write_many((f"many/{number}", b"") for number in range(300))) / 300
    data = os.urandom(2 * 2**20)
    large = _seconds(lambda: medium.write_many((f"large/{number}", data) for number in range(50))) / 50
    place, options = f"{bucket.url}/fixed.zarr", {"storage_options": bucket.storage_options}
    fixed = _seconds(lambda: _convert(_source(folder, 1), place, **options))
    rate = len(data) / max(large - together, 1e-9)
    return {"latency": alone, "requests": 1 / together, "server": rate, "fixed": fixed}


def _source(folder: Path, megabytes: int) -> Path:
    from pynwb import NWBHDF5IO

    path = folder / f"{megabytes}.nwb"
    if not path.exists():
        with NWBHDF5IO(path, "w") as io:
            io.write(files.recording_file(recording(int(megabytes * MB) // (2 * CHANNELS))))
    return path


def _convert(source: Path, target: Any, **options: Any) -> None:
    from pynwb import NWBHDF5IO

    from hdmf_store import NWBZarrIO

    storage = {name: options.pop(name) for name in ("storage_options",) if name in options}
    with NWBHDF5IO(source, "r") as recorded, NWBZarrIO(target, "w", **storage) as io:
        io.export(recorded, **options)


def _seconds(call: Callable[[], Any]) -> float:
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


def _processor(call: Callable[[], Any]) -> float:
    begun = time.process_time()
    call()
    return time.process_time() - begun


@contextmanager
def _bucket() -> Iterator[Any]:
    from tests.servers.s3 import Bucket
    from tests.servers.traffic import Traffic

    with far_away(latency=0.0) as remote:
        yield Bucket(remote.bucket, remote.url, Traffic())


# -------------------------------------------------------------------------------------------------------------- telling


def compared(megabytes: list[int], workers: list[int], rounds: int) -> None:
    """Print the constants, then what was predicted for conversions beside what they took."""
    with tempfile.TemporaryDirectory() as name, _bucket() as bucket:
        folder = Path(name)
        machine, chunk = measured_here(folder)
        distant = replace(machine, **_server(bucket, folder))
        for key, value in {**vars(distant), "chunk": chunk}.items():
            print(f"{key:10} {value:.6g}")
        _print_row(
            "to", "MB", "workers", "predicted s", "alone s", "wall clock s", "predicted / measured", "decided by"
        )
        _print_row(*["---"] * 8)
        for size, count, place in itertools.product(megabytes, workers, (folder, bucket)):
            there = place is bucket
            known = replace(distant if there else machine, start=0.0 if count == 1 else machine.start)
            work = Work(data=size * MB, chunk=chunk, objects=30, workers=min(count, os.cpu_count() or 1))
            seconds, part = predicted(known, work)
            found = [_taken(_source(folder, size), place, count) for _ in range(rounds)]
            wall, alone = (min(times) for times in zip(*found, strict=True))
            measured = wall if there else alone
            where, shown = ("server", "") if there else ("folder", f"{alone:.2f}")
            _print_row(where, size, count, f"{seconds:.2f}", shown, f"{wall:.2f}", f"{seconds / measured:.2f}", part)
    print(f"\nload average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, best of {rounds}\n")
    planned(machine, chunk)


def _taken(source: Path, place: Any, workers: int) -> tuple[float, float]:
    """Return the seconds of a conversion by the clock on the wall, and those that nobody else had part in."""
    options: dict[str, Any] = {"number_of_jobs": workers, "multiprocessing_context": "spawn"}
    if workers == 1:
        options = {"executor": _OneThread()}
    target = place / "converted.zarr" if isinstance(place, Path) else f"{place.url}/{uuid.uuid4().hex}.zarr"
    if not isinstance(place, Path):
        options["storage_options"] = place.storage_options
    wall, here, elsewhere = time.perf_counter(), time.process_time(), _children()
    _convert(source, target, **options)
    alone = time.process_time() - here + (_children() - elsewhere) / workers
    return time.perf_counter() - wall, alone


def _print_row(*cells: Any) -> None:
    print("|", " | ".join(map(str, cells)), "|", flush=True)


def planned(machine: Machine, chunk: float) -> None:
    """Print what the model says of ten terabytes on object storage, with what the providers and networks state."""
    cluster = replace(
        machine, start=60.0, network=1.25e9 / 8, latency=0.03, requests=3_500.0, task=1e-3, client=1.25e9 / 2
    )
    size = 10e12
    _print_row("workers", "stored by workers", "decided by", "through the writer", "decided by")
    _print_row(*["---"] * 5)
    for count in (1, 8, 64, 512):
        work = Work(data=size, read=size, chunk=chunk, objects=200_000, workers=count)
        one, part = predicted(cluster, work)
        other, another = predicted(cluster, replace(work, by_workers=False))
        _print_row(count, f"{one / 3600:.2f} h", part, f"{other / 3600:.2f} h", another)


def main() -> None:
    """Measure, compare, plan."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 200, 400])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="one small size, once")
    chosen = parser.parse_args()
    compared([50] if chosen.quick else chosen.megabytes, chosen.workers, 1 if chosen.quick else chosen.rounds)


if __name__ == "__main__":
    main()
