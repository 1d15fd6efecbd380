"""What this package wants to reach: a table, each line a measured thing, its limit, and who it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

_MB = 1e6


class Quantity(Enum):
    """Which number of a sample a target is about; the value is the name of its field."""

    SECONDS = "seconds"
    ADDED = "added_bytes"
    COUNT = "counts"


class Against(Enum):
    """Who a measured number is divided by; the value is how the report says it."""

    HDF5 = "× NWBHDF5IO, same Python"
    PEER = "× the faster hdmf-zarr"
    RAW_ZARR = "× raw zarr, same Python"
    NUMPY = "× NumPy's plain file"
    NOBODY = ""


@dataclass(frozen=True, kw_only=True)
class Target:
    """A number that should not be above its limit.

    Parameters
    ----------
    scenario, of : str
        The scenario, and the step or count that is judged.
    limit : float
        A ratio, or in seconds, bytes or whatever is counted if it is compared with nobody.
    against : Against
        Whose median the median is divided by.
    quantity : Quantity
        What about the step.
    library : str
        Whose subjects are judged.
    """

    scenario: str
    of: str
    limit: float
    against: Against = Against.HDF5
    quantity: Quantity = Quantity.SECONDS
    library: str = "hdmf-store"


def _beside_hdf5(scenario: str, **limits: float) -> tuple[Target, ...]:
    return tuple(Target(scenario=scenario, of=step, limit=limit) for step, limit in limits.items())


TARGETS: tuple[Target, ...] = (
    *_beside_hdf5("many_small_objects", **{"write": 0.65, "open+read": 0.5, "tables": 0.6, "append one": 0.5}),
    *_beside_hdf5("tables", electrodes=0.6, units=0.6),
    *_beside_hdf5("references", **{"write": 0.7, "open+read": 0.45, "resolve": 0.5}),
    *_beside_hdf5("ragged_units", **{"write": 0.8, "open+read": 0.8, "one unit": 0.8, "to DataFrame": 0.8}),
    *_beside_hdf5("append_one", append=0.5),
    *_beside_hdf5("on_disk", write=1.5),
    Target(scenario="on_disk", of="write", limit=1.0, library="hdmf-store-zip"),
    *(
        Target(scenario="growth", of=count, limit=1.05, against=Against.NOBODY, quantity=Quantity.COUNT)
        for count in ("exponent of writing", "exponent of opening")
    ),
    Target(scenario="bulk_array", of="write", limit=1.0, against=Against.RAW_ZARR),
    Target(scenario="bulk_array", of="read", limit=1.0, against=Against.RAW_ZARR),
    Target(scenario="bulk_array", of="write", limit=1 / 4, against=Against.PEER),
    Target(scenario="bulk_array", of="read", limit=1 / 2.5, against=Against.PEER),
    Target(scenario="windows", of="one window", limit=0.005, against=Against.NOBODY),
    *(
        Target(
            scenario="parallel",
            of=f"{what}, two {workers} per one",
            limit=1 / 1.7,
            against=Against.NOBODY,
            quantity=Quantity.COUNT,
        )
        for what in ("write", "export")
        for workers in ("threads", "processes")
    ),
    Target(scenario="streamed", of="write", limit=1.0, against=Against.NOBODY),
    Target(scenario="streamed", of="write", limit=1.0 / 0.66, against=Against.NUMPY),  # where that took 0.66 s
    Target(scenario="remote_session", of="open+read over HTTP", limit=1 / 20, against=Against.PEER),
    *(
        Target(scenario="remote_session", of=count, limit=limit, against=Against.NOBODY, quantity=Quantity.COUNT)
        for count, limit in {"before the batch": 3, "round trips above the least": 5, "repeated": 0}.items()
    ),
    Target(scenario="export_zarr", of="export", limit=0.5, against=Against.PEER),
    Target(scenario="export_zarr", of="export", limit=60 * _MB, against=Against.NOBODY, quantity=Quantity.ADDED),
    Target(
        scenario="export_zarr", of="copied per recoded", limit=1 / 5, against=Against.NOBODY, quantity=Quantity.COUNT
    ),
    Target(scenario="export_hdf5", of="export", limit=0.5, against=Against.PEER),
    Target(scenario="export_hdf5", of="export", limit=60 * _MB, against=Against.NOBODY, quantity=Quantity.ADDED),
)
