"""Which class opens a file: the one place that knows what the measured libraries are called.

Runs inside a subject's environment. Imports nothing measured until it is asked to, so that the import
itself can be timed.
"""

from __future__ import annotations

import importlib
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import Any

#: Distributions whose versions explain a difference between two runs.
_TOLD_VERSIONS = ("hdmf-store", "hdmf-zarr", "hdmf", "pynwb", "zarr", "numcodecs", "h5py", "numpy", "pandas")


@dataclass(frozen=True, kw_only=True)
class Library:
    """A library that writes and reads NWB files, seen through the class its users open files with.

    Parameters
    ----------
    module, io_class : str
        Where the class is found. It takes a path and a ``mode``, and has ``read`` and ``write``.
    suffix : str
        How its users let the names of their files end.
    """

    module: str
    io_class: str
    suffix: str

    def load(self) -> Any:
        """Import the library and return the class that opens its files."""
        return getattr(importlib.import_module(self.module), self.io_class)


LIBRARIES: Mapping[str, Library] = {
    "hdmf-store": Library(module="hdmf_store", io_class="NWBZarrIO", suffix=".nwb.zarr"),
    "hdmf-zarr": Library(module="hdmf_zarr.nwb", io_class="NWBZarrIO", suffix=".nwb.zarr"),
    "hdf5": Library(module="pynwb", io_class="NWBHDF5IO", suffix=".nwb"),
}


def versions() -> dict[str, str]:
    """Return the version of Python and of each relevant distribution that this environment has."""
    found = {"python": platform.python_version()}
    for distribution in _TOLD_VERSIONS:
        try:
            found[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found
