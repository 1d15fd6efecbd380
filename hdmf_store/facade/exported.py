"""What an export stores: everything that a source holds, or a container that was read from it, with its changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hdmf.backends.hdf5 import HDF5IO
from hdmf.backends.io import HDMFIO
from hdmf.build import GroupBuilder
from hdmf.container import Container

from hdmf_store.errors import ArgumentError

__all__ = ["exported"]


@contextmanager
def exported(
    src_io: HDMFIO,
    container: Container | None,
    clear_cache: bool,
    destination: str,
    open_file: Callable[[str, str], HDMFIO],
) -> Iterator[tuple[GroupBuilder, bool]]:
    """Give the builder to export, and whether it was built from containers.

    Parameters
    ----------
    src_io : HDMFIO
        Open for reading.
    container : Container, optional
        What was read from it; everything that is stored by default.
    clear_cache : bool
        Whether to build everything anew from containers.
    destination : str
        The file that is written, as builders name it.
    open_file : callable
        Opens a file of any kind by its path and a mode.

    Raises
    ------
    ArgumentError
        If the container was not read by `src_io`, or is not its root.
    """
    if container is None and clear_cache:
        container = src_io.read()
    if container is not None:
        yield _built(src_io, container, clear_cache, destination), True
        return
    with _as_stored(src_io, open_file) as source:
        yield source.read_builder(), False


@contextmanager
def _as_stored(src_io: HDMFIO, open_file: Callable[[str, str], HDMFIO]) -> Iterator[HDMFIO]:
    """Give what reads everything that a source holds: HDMF's own reader of HDF5 loses links of like names.

    Only a file that is open for reading is opened a second time.
    """
    path = src_io.source
    if not isinstance(src_io, HDF5IO) or src_io.mode != "r" or not isinstance(path, str) or not os.path.isfile(path):
        yield src_io
        return
    with open_file(path, "r") as source:
        yield source


def _built(src_io: HDMFIO, container: Container, clear_cache: bool, destination: str) -> GroupBuilder:
    """Return the builder of a container that was read, with its changes."""
    if src_io.manager is None:
        raise ArgumentError("to export a container, src_io needs a manager")
    known = src_io.manager.get_builder(container)
    if known is None:
        raise ArgumentError("the container must have been read by src_io")
    if known.parent is not None:
        raise ArgumentError("the container must be the root of what src_io holds; parts cannot be exported")
    if clear_cache:
        src_io.manager.clear_cache()
    else:
        src_io.manager.purge_outdated()
    return src_io.manager.build(container, source=destination, root=True, export=True)
