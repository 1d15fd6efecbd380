"""What an export stores: everything that a source holds, or a container that was read from it, with its changes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import attrs
from hdmf.backends.hdf5 import HDF5IO
from hdmf.backends.io import HDMFIO
from hdmf.build import GroupBuilder
from hdmf.container import Container

from hdmf_store.errors import ArgumentError
from hdmf_store.facade.arguments import check_flags

__all__ = ["WriteArguments", "exported"]


@attrs.frozen(kw_only=True)
class WriteArguments:
    """What `export` takes as `write_args`, of the arguments of `write_builder`.

    Parameters
    ----------
    link_data, exhaust_dci, consolidate_metadata : bool
    """

    link_data: bool = True
    exhaust_dci: bool = True
    consolidate_metadata: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any] | None, consolidate_metadata: Any) -> WriteArguments:
        """Return the arguments that a caller gave, which stay as they are, with what else was asked for.

        Raises
        ------
        ArgumentError
            If an argument is none of these, or no bool.
        """
        arguments = {"consolidate_metadata": consolidate_metadata, **(given or {})}
        arguments.pop("export_source", None)  # it is that of src_io
        unknown = sorted(set(arguments) - {field.name for field in attrs.fields(cls)})
        if unknown:
            raise ArgumentError(f"write_args holds {', '.join(unknown)}, which no write takes")
        check_flags(**arguments)
        return cls(**arguments)


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
