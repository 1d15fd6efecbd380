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
    needs : tuple of str
        Modules that are imported with it, so that all import what makes NWB files before anything is timed:
        some do so when they are imported themselves, others when they first open a file.
    """

    module: str
    opens: str
    suffix: str
    needs: tuple[str, ...] = ()

    def load(self) -> Any:
        """Import the library and return what opens its files."""
        for module in self.needs:
            importlib.import_module(module)
        return getattr(importlib.import_module(self.module), self.opens)


_PYNWB = ("pynwb",)

LIBRARIES: Mapping[str, Library] = {
    "hdmf-store": Library(module="hdmf_store", opens="NWBZarrIO", suffix=".nwb.zarr", needs=_PYNWB),
    "hdmf-zarr": Library(module="hdmf_zarr.nwb", opens="NWBZarrIO", suffix=".nwb.zarr", needs=_PYNWB),
    "hdf5": Library(module="pynwb", opens="NWBHDF5IO", suffix=".nwb", needs=_PYNWB),
    "hdmf-store-zip": Library(module="hdmf_store", opens="NWBZarrIO", suffix=".nwb.zarr.zip", needs=_PYNWB),
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
