"""The lease on a run: held by a heartbeat while a block of work lasts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from services.errors import LostLeaseError, StoreUnavailableError
from services.ports import Clock, RunStore, SurelyGone
from services.timing import Timing


@asynccontextmanager
async def held(
    runs: RunStore,
    run_id: str,
    owner: str,
    clock: Clock,
    gone: SurelyGone,
    timing: Timing,
    timer: Callable[[], float],
) -> AsyncIterator[int | None]:
    """The run's fencing token while the block holds its lease; None when another worker has it.

    The block is cancelled, and LostLeaseError raised, when the lease cannot be kept.
    """
    token = await _taken(runs, run_id, owner, clock, gone, timing)
    if token is None:
        yield None
        return
    body = asyncio.current_task()
    lost = asyncio.Event()

    async def beat() -> None:
        while True:
            if not await _renewed(runs, run_id, owner, token, clock, timing, timer):
                break
            await asyncio.sleep(timing.run_lease / 4)
        lost.set()
        if body is not None:
            body.cancel()

    heart = asyncio.create_task(beat(), name=f"lease of {run_id}")
    try:
        yield token
    except asyncio.CancelledError:
        if lost.is_set() and body is not None:
            body.uncancel()
            raise LostLeaseError(f"Another worker has taken over {run_id}.") from None
        raise
    finally:
        heart.cancel()
        with suppress(asyncio.CancelledError):
            await heart
        with suppress(StoreUnavailableError):
            await runs.release(run_id, owner, token)


async def _taken(
    runs: RunStore, run_id: str, owner: str, clock: Clock, gone: SurelyGone, timing: Timing
) -> int | None:
    holder = await runs.holder(run_id)
    if holder is not None and gone(holder[0]):
        await runs.release(run_id, *holder)
    return await runs.lease(run_id, owner, clock(), timing.run_ttl)


async def _renewed(
    runs: RunStore,
    run_id: str,
    owner: str,
    token: int,
    clock: Clock,
    timing: Timing,
    timer: Callable[[], float],
) -> bool:
    """True while the lease is held; MongoDB may be away for half of it."""
    since = timer()
    while True:
        try:
            return await runs.renew(run_id, owner, token, clock(), timing.run_ttl)
        except StoreUnavailableError:
            if timer() - since > timing.run_lease / 2:
                return False
            await asyncio.sleep(timing.store_retry)
