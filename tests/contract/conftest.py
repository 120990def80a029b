"""Each store contract runs on the store in memory and on a real MongoDB."""

import pytest

from services.ports import Store
from tests.fakes.store import MemoryStore


@pytest.fixture(params=["memory", "mongo"])
def any_store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryStore()
    found: Store = request.getfixturevalue("store")
    return found
