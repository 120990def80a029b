"""A store in memory: plain dictionaries, the ports' docstrings taken at their word."""

from tests.fakes.store.memory import MemoryStore

__all__ = ["MemoryStore"]
