"""What others can test with: a store in memory that needs no engine, strategies, and the tests of every adapter."""

from typing import TYPE_CHECKING, Any

from hdmf_store.errors import MissingExtraError
from hdmf_store.testing.memory import MemoryAdapter, MemoryPlace

if TYPE_CHECKING:
    from hdmf_store.testing.conformance import AdapterConformance

__all__ = ["AdapterConformance", "MemoryAdapter", "MemoryPlace"]


def __getattr__(name: str) -> Any:
    if name != "AdapterConformance":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from hdmf_store.testing.conformance import AdapterConformance
    except ModuleNotFoundError as problem:
        raise MissingExtraError(str(problem.name), "testing", "testing an adapter") from None
    return AdapterConformance
