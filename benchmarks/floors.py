"""Raw zarr with the settings of this package: the floor under what it does with large arrays.

Runs in an environment that has both.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.files import recording_file


def write_with_ours(data: np.ndarray, path: Path) -> Path:
    """Let this package write a recording with its defaults, and return where it is."""
    from hdmf_store import NWBZarrIO

    with NWBZarrIO(str(path), mode="w") as io:
        io.write(recording_file(data))
    return path


def array_of(path: Path) -> Any:
    """Return the recording in a file that this package wrote, as zarr opens it."""
    import zarr

    return zarr.open_array(str(path / "acquisition" / "recording" / "data"), mode="r")


def array_like(array: Any, path: str) -> Any:
    """Return a new, empty array at `path` with the shape, chunks and codecs of `array`."""
    import zarr

    return zarr.create_array(
        path,
        shape=array.shape,
        dtype=array.dtype,
        chunks=array.chunks,
        shards=array.shards,
        filters=array.filters,
        serializer=array.serializer,
        compressors=array.compressors,
        fill_value=array.fill_value,
    )
