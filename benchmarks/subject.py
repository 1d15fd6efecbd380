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
    """Something that writes and reads files, seen through what its users open files with.

    Parameters
    ----------
    module, opens : str
        Where the class or function is found. That of the `ORDINARY` libraries takes a path and a ``mode``, and
        has ``read`` and ``write`` for NWB files.
    suffix : str
        How its users let the names of their files end.
    """

    module: str
    opens: str
    suffix: str

    def load(self) -> Any:
        """Import the library and return what opens its files."""
        return getattr(importlib.import_module(self.module), self.opens)


LIBRARIES: Mapping[str, Library] = {
    "hdmf-store": Library(module="hdmf_store", opens="NWBZarrIO", suffix=".nwb.zarr"),
    "hdmf-zarr": Library(module="hdmf_zarr.nwb", opens="NWBZarrIO", suffix=".nwb.zarr"),
    "hdf5": Library(module="pynwb", opens="NWBHDF5IO", suffix=".nwb"),
    "hdmf-store-zip": Library(module="hdmf_store", opens="NWBZarrIO", suffix=".nwb.zarr.zip"),
    "zarr": Library(module="zarr", opens="open_array", suffix=".zarr"),
    "numpy": Library(module="numpy", opens="load", suffix=".npy"),
}

#: The libraries that users choose from: every scenario measures them, unless it says otherwise.
ORDINARY = ("hdmf-store", "hdmf-zarr", "hdf5")


def versions() -> dict[str, str]:
    """Return the version of Python and of each relevant distribution that this environment has."""
    found = {"python": platform.python_version()}
    for distribution in _TOLD_VERSIONS:
        try:
            found[distribution] = metadata.version(distribution)
        except metadata.PackageNotFoundError:
            continue
    return found
