"""Databases that tests use one after the other."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from pymongo import MongoClient


class Databases:
    """Empty databases of one MongoDB; a context manager.

    Creating the 46 files of a database costs MongoDB three times what emptying it does, and each
    open file makes all that follows slower: with a new database for every test, MongoDB used more
    CPU time than all tests.
    """

    def __init__(self, url: str) -> None:
        self._client: MongoClient[dict[str, Any]] = MongoClient(url)
        self._free: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    @contextmanager
    def lend(self) -> Iterator[str]:
        """The name of a database that holds nothing but, perhaps, the indexes of the agent."""
        name = self._free.pop() if self._free else f"test_{secrets.token_hex(6)}"
        yield name
        database = self._client[name]
        for collection in database.list_collection_names():
            database[collection].delete_many({})
        self._free.append(name)
