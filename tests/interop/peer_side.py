"""The other side of an exchange: runs in the environment of another implementation, reads and writes with it alone.

    python peer_side.py describe STORE OUT [STORE OUT ...]   what hdmf-zarr reads, as manifest objects in JSON
    python peer_side.py write {recording,tree} FOLDER        as NAME.zarr with hdmf-zarr, NAME.nwb with HDMF's HDF5
    python peer_side.py tables STORE OUT                     electrodes and units as containers show them, in JSON
    python peer_side.py validate STORE OUT [STORE OUT ...]   what pynwb finds wrong, as a list of sentences in JSON

Of this project it imports the modules beside it that need nothing but pynwb, hdmf, h5py and numpy.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any


def tables_of(file: Any) -> dict[str, Any]:
    """Describe the electrodes and units of a session, cell by cell, as plain data.

    Parameters
    ----------
    file : pynwb.NWBFile
        Read by whatever software.

    Returns
    -------
    dict
        For each table its columns in order and its rows; numbers are given to the last digit.
    """
    return {name: _frame(getattr(file, name).to_dataframe()) for name in ("electrodes", "units")}


def _frame(frame: Any) -> dict[str, Any]:
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=True, name=None)]
    return {"columns": list(frame.columns), "rows": rows}


def _cell(value: Any) -> Any:
    """Turn what stands in a cell into text or lists of text; other objects are given by what they are called."""
    if hasattr(value, "itertuples"):
        return _frame(value)
    if hasattr(value, "object_id"):
        return f"{type(value).__name__} {value.name} {value.object_id}"
    if hasattr(value, "tolist"):
        return _cell(value.tolist())
    if isinstance(value, list | tuple):
        return [_cell(item) for item in value]
    return value if isinstance(value, str) else repr(value)


def describe(*words: str) -> None:
    """Write what hdmf-zarr's builders show of each store into the file named after it."""
    import manifest
    from hdmf_zarr import ZarrIO

    for store, out in zip(words[::2], words[1::2], strict=True):
        with ZarrIO(store, mode="r") as io:
            Path(out).write_text(manifest.to_json(manifest.objects_of(io.read_builder())), encoding="utf-8")


def write(what: str, folder: str) -> None:
    """Write one content with hdmf-zarr and, made anew, with HDMF's HDF5 backend."""
    import content
    from hdmf.backends.hdf5 import HDF5IO
    from hdmf_zarr import NWBZarrIO, ZarrIO
    from pynwb import NWBHDF5IO

    # releases before 0.14 cannot write a dataset that is one record or reference
    has_scalars = tuple(map(int, metadata.version("hdmf-zarr").split(".")[:2])) >= (0, 14)
    for backends, ending in (((NWBZarrIO, ZarrIO), "zarr"), ((NWBHDF5IO, HDF5IO), "nwb")):
        path = str(Path(folder, f"{what}.{ending}"))
        if what == "recording":
            with backends[0](path, mode="w") as io:
                io.write(content.recording(scalar_records=has_scalars))
        else:
            with backends[1](path, mode="w") as io:
                io.write_builder(content.tree(scalar_records=has_scalars))


def tables(store: str, out: str) -> None:
    """Write the electrodes and units that hdmf-zarr reads."""
    from hdmf_zarr import NWBZarrIO

    with NWBZarrIO(store, mode="r") as io:
        Path(out).write_text(json.dumps(tables_of(io.read())), encoding="utf-8")


def validate(*words: str) -> None:
    """Write what pynwb finds wrong in each store, opened by hdmf-zarr, into the file named after it."""
    import pynwb
    from hdmf_zarr import NWBZarrIO

    for store, out in zip(words[::2], words[1::2], strict=True):
        with NWBZarrIO(store, mode="r") as io:
            Path(out).write_text(json.dumps([str(error) for error in pynwb.validate(io=io)]), encoding="utf-8")


_COMMANDS: dict[str, Callable[..., None]] = {
    "describe": describe,
    "write": write,
    "tables": tables,
    "validate": validate,
}

if __name__ == "__main__":
    _COMMANDS[sys.argv[1]](*sys.argv[2:])
