"""What others can test with: a store in memory that needs no engine."""

from hdmf_store.testing.memory import MemoryAdapter, MemoryPlace

__all__ = ["MemoryAdapter", "MemoryPlace"]
