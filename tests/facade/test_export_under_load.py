"""Exports that are many at a time, or larger than the memory: each runs in a process of its own, which is watched."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr
from hdmf.common import get_manager

from hdmf_store import ZarrDataIO, ZarrIO
from tests.facade.recordings import new_table

pytestmark = pytest.mark.once

MANY = """
import gc, sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import h5py
from hdmf.backends.hdf5 import HDF5IO
from hdmf.common import get_manager
from zarr.storage import MemoryStore
from hdmf_store import StoreIO, ZarrIO

folder, by = Path(sys.argv[1]), sys.argv[2]
gc.set_threshold(10, 2, 2)  # collects all the time, in every thread that makes objects

def litter(number):
    # open HDF5 objects that only the collector can free, in whatever thread it happens to run
    file = h5py.File(f"litter {number}", "w", driver="core", backing_store=False)
    for name in "abc":
        item = [file.create_dataset(name, data=[1])]
        item.append(item)

def export(number):
    litter(number)
    manager = get_manager()
    target = folder / f"{number}.h5"
    result = HDF5IO(target, "w", manager=manager) if by == "HDF5IO" else StoreIO(target, "w", get_manager())
    with ZarrIO(folder / "source.zarr", "r", get_manager()) as source, result as io:
        io.export(source, write_args={"link_data": False}, cache_spec=False)
    with h5py.File(target, "r") as file:
        return int(file["number"][:].sum()) + int(file["sharded"][:].sum())

with ThreadPoolExecutor(8) as pool:
    sums = list(pool.map(export, range(int(sys.argv[3]))))
print(len(sums), set(sums))
"""


@pytest.mark.slow
@pytest.mark.parametrize("by", ["HDF5IO", "StoreIO"])
def test_many_exports_to_hdf5_at_once_do_not_block_each_other(tmp_path: Path, by: str) -> None:
    """Neither zarr's event loop nor h5py's lock waits for the other, whatever the collector frees (NEEDS 11)."""
    columns = {
        "number": [1, 2, 3],
        "sharded": ZarrDataIO(np.array([1, 2, 3]), chunks=(1,), shards=(2,)),
        "text": ["a", "b", "c"],
    }
    with ZarrIO(tmp_path / "source.zarr", "w", get_manager()) as io:
        io.write(new_table(**columns))

    found = subprocess.run(
        [sys.executable, "-c", MANY, tmp_path, by, "60"], capture_output=True, text=True, timeout=100, check=False
    )

    assert found.returncode == 0, found.stderr[-2000:]
    assert found.stdout.split("\n")[0] == "60 {12}"


LARGE = """
import os, sys

os.cpu_count = lambda: 64  # a large machine needs no more memory than a small one
os.sched_getaffinity = lambda process: set(range(64))

from hdmf_store import StoreIO
from hdmf_store_adapters import chunks

chunks.BUFFER_BYTES = 4 * 2**20  # less than it is, so that less data do

def memory(kind):
    # not resource.getrusage, whose highest value may be that of the process that started this one
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(kind)) * 1024

def export(source, result):
    with StoreIO(source, "r") as src, StoreIO(result, "w") as io:
        io.export(src, write_args={"link_data": False})

export(*sys.argv[1:3])  # what is imported and started once is not asked for
before = memory("VmRSS")
export(*sys.argv[3:5])
print(memory("VmHWM") - before)
"""

MEMORY = 48 * 2**20
"""Half as much again as what is needed: how much freed memory the C library keeps is not the same in each run."""

LENGTH = 8 * MEMORY // 8
"""Numbers of eight bytes that take eight times the memory."""


def _stored(path: Path, length: int) -> Path:
    """Store numbers that compress well but are not all the same, so that each chunk is really copied."""
    block = np.repeat(np.arange(2**10, dtype="float64"), 2**10)
    if path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            array = file.create_dataset("x", (length,), "f8", chunks=(2**15,), compression="lzf")
            for start in range(0, length, len(block)):
                array[start : start + len(block)] = block[: length - start]
    else:
        array = zarr.open_group(path, mode="w").create_array("x", shape=(length,), dtype="f8", chunks=(2**15,))
        for start in range(0, length, len(block)):
            array[start : start + len(block)] = block[: length - start]
    return path


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="says how much memory is used")
@pytest.mark.parametrize(("source", "result"), [(".zarr", ".zarr"), (".h5", ".zarr"), (".zarr", ".h5")])
def test_an_array_eight_times_as_large_as_the_memory_is_exported(tmp_path: Path, source: str, result: str) -> None:
    """What an export needs beside the metadata is a few buffers, whatever the size of the data (NEEDS 12)."""
    small, large = _stored(tmp_path / f"small{source}", 2**20), _stored(tmp_path / f"large{source}", LENGTH)
    copy = tmp_path / f"copy{result}"

    places = [small, tmp_path / f"warm{result}", large, copy]
    found = subprocess.run(
        [sys.executable, "-c", LARGE, *places], capture_output=True, text=True, timeout=300, check=True
    )

    assert int(found.stdout) < MEMORY
    with ZarrIO(copy, "r") if result == ".zarr" else h5py.File(copy) as file:
        x = file.read_builder()["x"].data if result == ".zarr" else file["x"]
        assert x.shape == (LENGTH,)
        assert x[LENGTH - 3 :].tolist() == [(i % 2**20) // 2**10 for i in range(LENGTH - 3, LENGTH)]


LIMITED = """
import resource, sys
from hdmf_store import StoreIO

def export(source, result):
    with StoreIO(source, "r") as src, StoreIO(result, "w") as io:
        io.export(src, write_args={"link_data": False})

export(*sys.argv[1:3])  # what is imported and reserved once, as by threads, is there already
with open("/proc/self/statm") as sizes:
    taken = int(sizes.read().split()[0]) * resource.getpagesize()
limit = taken + int(sys.argv[5])
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
export(*sys.argv[3:5])
"""

ROOM = 160 * 2**20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="says how much memory is reserved")
@pytest.mark.parametrize("source", [".h5", ".zarr"])
def test_an_array_four_times_as_large_as_the_memory_that_can_be_had_is_exported(tmp_path: Path, source: str) -> None:
    """The system itself refuses more; so no buffer, copy or mapping is as large as the data (NEEDS 12)."""
    length = 4 * ROOM // 8
    small, large = _stored(tmp_path / f"small{source}", 2**21), _stored(tmp_path / f"large{source}", length)
    copy = tmp_path / "copy.zarr"

    places = [small, tmp_path / "warm.zarr", large, copy]
    found = subprocess.run(
        [sys.executable, "-c", LIMITED, *places, str(ROOM)], capture_output=True, text=True, timeout=300, check=False
    )

    assert found.returncode == 0, found.stderr[-2000:]
    with ZarrIO(copy, "r") as file:
        x = file.read_builder()["x"].data
        block = np.repeat(np.arange(2**10, dtype="float64"), 2**10)
        assert x.shape == (length,)
        assert all(np.array_equal(x[at : at + len(block)], block) for at in range(0, length, len(block)))
