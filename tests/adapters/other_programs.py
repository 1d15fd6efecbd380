"""Other programs on this machine that open, change and read the same file, each told what to do through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from hdmf_store.adapter import Plan, StoreAdapter, open_adapter
from hdmf_store.errors import HierarchyInUseError
from hdmf_store.nodes import ArraySource, Dataset, Group, Layout, Node, Number

__all__ = [
    "OtherProgram",
    "add_rows",
    "fork_and_close",
    "fork_and_read",
    "hold",
    "hold_with_h5py",
    "open_in_all_modes",
    "replace_again_and_again",
    "state",
    "state_of",
    "write_in_copy",
]

_FRESH = multiprocessing.get_context("forkserver")
_FRESH.set_forkserver_preload(
    ["tests.adapters.other_programs", *(f"hdmf_store_adapters.{name}_adapter" for name in ("zarr", "zip", "hdf5"))]
)


class OtherProgram:
    """A process of its own that does work until it is told to end.

    Parameters
    ----------
    work : callable
        Of this module; gets a pipe and the arguments.
    """

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.patience = 60.0
        self.pipe, theirs = _FRESH.Pipe()
        self.process = _FRESH.Process(target=work, args=(theirs, *arguments))
        self.process.start()
        theirs.close()

    def __enter__(self) -> OtherProgram:
        return self

    def __exit__(self, *problem: object) -> None:
        if self.process.is_alive():
            self.end()

    def told(self) -> Any:
        """Return what it says next."""
        assert self.pipe.poll(self.patience), "the other program says nothing"
        return self.pipe.recv()

    def end(self) -> None:
        """Tell it to end, and wait until it has."""
        with suppress(BrokenPipeError):  # it has already
            self.pipe.send("end")
        self.process.join(60)
        assert self.process.exitcode == 0

    def kill(self) -> None:
        """Let it end at once, without a chance to tidy up."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join(60)


# --------------------------------------------------------------------------------------------------- what they do


def hold(pipe: Any, place: Path, mode: str) -> None:
    """Have a file open."""
    adapter = open_adapter(place, mode)
    pipe.send("open")
    pipe.recv()
    adapter.close()


def hold_with_h5py(pipe: Any, place: Path, mode: str) -> None:
    """Have an HDF5 file open without this package."""
    import h5py

    with h5py.File(place, mode):
        pipe.send("open")
        pipe.recv()


def open_in_all_modes(pipe: Any, place: Path) -> None:
    """Open a file in each mode, and tell what comes of it."""
    for mode in ("r", "r-", "r+", "a", "w", "w-", "x"):
        try:
            open_adapter(place, mode).close()
            pipe.send((mode, None))
        except Exception as problem:  # noqa: BLE001 - told to who asked
            pipe.send((mode, problem))


def add_rows(pipe: Any, place: Path, count: int) -> None:
    """Add rows, each in an opening of its own, whenever nobody else has the file open."""
    refused = 0
    pipe.send("ready")
    pipe.recv()
    while count:
        try:
            adapter = open_adapter(place, "r+")
        except HierarchyInUseError:
            refused += 1
            continue
        array: Any = adapter.array("/a")
        array.append([len(array)])
        adapter.close()
        count -= 1
    pipe.send(refused)


def replace_again_and_again(pipe: Any, place: Path) -> None:
    """Replace a file by the next state, until told to end; tell how often."""
    number = 1
    while not pipe.poll(0):
        adapter = open_adapter(place, "w")
        adapter.write(Plan(nodes=state(number)))
        adapter.close()
        number += 1
    pipe.recv()
    pipe.send(number)


def write_in_copy(pipe: Any) -> None:
    """Assign into an array that comes through the pipe, and close what it came with."""
    array = pipe.recv()
    array[0] = 100
    del array
    pipe.send("done")
    pipe.recv()


def fork_and_close(pipe: Any, place: Path) -> None:
    """Open a file to change it, fork, and close it in the child, which lives on; then in the parent."""
    adapter = open_adapter(place, "r+")
    to_child, to_parent = os.pipe()
    child = os.fork()
    if child == 0:
        adapter.close()
        pipe.send("the child has closed its copy")
        os.read(to_child, 1)
        os._exit(0)
    pipe.recv()
    adapter.close()
    pipe.send("the parent has closed it, the child lives")
    pipe.recv()
    os.write(to_parent, b"x")
    os.waitpid(child, 0)


def fork_and_read(pipe: Any, place: Path) -> None:
    """Open a file for reading, fork, and read it in parent and children at once; tell whether all found the same."""
    adapter = open_adapter(place, "r")
    expected = {state_of(adapter)}
    children = []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            found = all(_values(adapter) == expected for _ in range(20))
            os._exit(0 if found else 1)
        children.append(child)
    same = all(_values(adapter) == expected for _ in range(20))
    pipe.send((same, [os.waitpid(child, 0)[1] for child in children]))
    pipe.recv()


# ------------------------------------------------------------------------------------------------------- what they see


def state(number: int) -> dict[str, Node]:
    """Return a file in which everything, sizes too, is the same number."""
    size = 8 + number % 3

    def dataset(layout: Layout) -> Dataset:
        return Dataset(Number("int32"), (size,), ArraySource(np.full(size, number, "int32")), {"k": number}, layout)

    chunked = {f"/g/{name}": dataset(Layout(chunks=(3,))) for name in "abc"}
    return {"/": Group({"k": number}), "/g": Group({"k": number}), **chunked, "/whole": dataset(Layout())}


def state_of(adapter: StoreAdapter) -> int:
    """Return the one number that a file consists of; fail where there are several."""
    nodes = adapter.load().nodes
    found = {node.attributes["k"] for node in nodes.values()} | _values(adapter)
    assert len(found) == 1, f"several states at once: {found}"
    return int(found.pop())


def _values(adapter: StoreAdapter) -> set[int]:
    paths = [path for path, node in adapter.load().nodes.items() if isinstance(node, Dataset)]
    fetched = {int(value) for values in adapter.fetch(paths).values() for value in values}
    found = fetched | {int(value) for path in paths for value in adapter.array(path)[1:]}
    assert all(len(adapter.array(path)) == 8 + next(iter(found)) % 3 for path in paths)
    return found
