"""What others can test with: a store in memory, strategies, the tests of every adapter, round trips of containers."""

from typing import TYPE_CHECKING, Any

from hdmf_store.errors import MissingExtraError
from hdmf_store.testing.memory import MemoryAdapter, MemoryPlace

if TYPE_CHECKING:
    from hdmf_store.testing.conformance import AdapterConformance
    from hdmf_store.testing.containers import container_differences
    from hdmf_store.testing.round_trip import STORES, RoundTripError, Store, check_round_trip

__all__ = [
    "STORES",
    "AdapterConformance",
    "MemoryAdapter",
    "MemoryPlace",
    "RoundTripError",
    "Store",
    "check_round_trip",
    "container_differences",
]

_OF_CONTAINERS = ("STORES", "RoundTripError", "Store", "check_round_trip", "container_differences")


def __getattr__(name: str) -> Any:
    if name in _OF_CONTAINERS:  # which need hdmf, zarr and the facade
        from hdmf_store.testing import round_trip

        return getattr(round_trip, name)
    if name != "AdapterConformance":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from hdmf_store.testing.conformance import AdapterConformance
    except ModuleNotFoundError as problem:
        raise MissingExtraError(str(problem.name), "testing", "testing an adapter") from None
    return AdapterConformance
