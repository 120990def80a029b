"""The lease on a run while MongoDB is away: kept for half of it, and given up then."""

import asyncio
from datetime import datetime, timedelta

import pytest

from services.domain.errors import LostLeaseError, StoreUnavailableError
from services.runs.leases import hold_lease
from services.runtime.timeouts import Timing
from tests.fakes.store.runs import MemoryRuns
from tests.makers import NOW, run

TIMING = Timing(run_lease=0.04, store_retry=0.0)
HALF = TIMING.run_lease / 2


class AwayRuns(MemoryRuns):
    """Does not answer a heartbeat until ``back``; each try takes a quarter of a lease."""

    elapsed = 0.0
    back = 0.0
    tries = 0

    async def renew(
        self, run_id: str, owner: str, token: int, now: datetime, ttl: timedelta
    ) -> bool:
        self.tries += 1
        if self.elapsed >= self.back:
            return await super().renew(run_id, owner, token, now, ttl)
        self.elapsed += TIMING.run_lease / 4
        raise StoreUnavailableError("MongoDB is not responding.")


async def work_under_a_lease(runs: AwayRuns) -> None:
    """Lasts until the third heartbeat."""
    await runs.begin(run())
    async with hold_lease(
        runs, "r", "w", lambda: NOW, lambda _: False, TIMING, lambda: runs.elapsed
    ) as token:
        assert token == 1
        async with asyncio.timeout(10):
            while runs.tries < 3:
                await asyncio.sleep(0.001)


async def test_a_lease_is_kept_while_mongodb_is_unavailable_for_half_of_it() -> None:
    runs = AwayRuns()
    runs.back = HALF
    await work_under_a_lease(runs)
    assert (runs.elapsed, runs.tries) == (HALF, 3)
    assert runs.leases["r"].owner is None, "given back"


async def test_work_ends_when_mongodb_is_unavailable_for_longer() -> None:
    runs = AwayRuns()
    runs.back = TIMING.run_lease
    with pytest.raises(LostLeaseError, match="has taken over r"):
        await work_under_a_lease(runs)
    assert runs.elapsed == pytest.approx(HALF + TIMING.run_lease / 4)
