"""The lease on a run: held by a heartbeat while a block of work lasts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from services.domain.errors import LostLeaseError, StoreUnavailableError
from services.ports import Clock, IsWorkerDead, RunStore
from services.runtime.timeouts import Timing

HEARTBEATS_PER_LEASE = 4


@asynccontextmanager
async def hold_lease(
    runs: RunStore,
    run_id: str,
    owner: str,
    clock: Clock,
    is_worker_dead: IsWorkerDead,
    timing: Timing,
    timer: Callable[[], float],
) -> AsyncIterator[int | None]:
    """The run's fencing token while the block holds its lease; None when another worker has it.

    The block is cancelled, and LostLeaseError raised, when the lease cannot be renewed.
    """
    token = await _take(runs, run_id, owner, clock, is_worker_dead, timing)
    if token is None:
        yield None
        return
    block = asyncio.current_task()
    lost = asyncio.Event()

    async def beat() -> None:
        while True:
            if not await _renew(runs, run_id, owner, token, clock, timing, timer):
                break
            await asyncio.sleep(timing.run_lease / HEARTBEATS_PER_LEASE)
        lost.set()
        if block is not None:
            block.cancel()

    heartbeat = asyncio.create_task(beat(), name=f"lease of {run_id}")
    try:
        yield token
    except asyncio.CancelledError:
        # Ours, or somebody else's? Only the first becomes an error, and is taken back, as a
        # cancellation that is swallowed would break asyncio.timeout around the block.
        if lost.is_set() and block is not None:
            block.uncancel()
            raise LostLeaseError(f"Another worker has taken over {run_id}.") from None
        raise
    finally:
        heartbeat.cancel()
        with suppress(asyncio.CancelledError):
            await heartbeat
        with suppress(StoreUnavailableError):
            await runs.release(run_id, owner, token)


async def _take(
    runs: RunStore,
    run_id: str,
    owner: str,
    clock: Clock,
    is_worker_dead: IsWorkerDead,
    timing: Timing,
) -> int | None:
    holder = await runs.holder(run_id)
    if holder is not None and is_worker_dead(holder[0]):
        await runs.release(run_id, *holder)
    return await runs.lease(run_id, owner, clock(), timing.run_ttl)


async def _renew(
    runs: RunStore,
    run_id: str,
    owner: str,
    token: int,
    clock: Clock,
    timing: Timing,
    timer: Callable[[], float],
) -> bool:
    """True while the lease is held; MongoDB may be unavailable for half of it."""
    # Not stamina, which counts attempts and adds up its own waits: what must end in time here is the
    # lease, however long each attempt hangs, and another worker may take over right after it.
    since = timer()
    while True:
        try:
            return await runs.renew(run_id, owner, token, clock(), timing.run_ttl)
        except StoreUnavailableError:
            if timer() - since > timing.run_lease / 2:
                return False
            await asyncio.sleep(timing.store_retry)
