"""Waiting for MongoDB while the agent starts, as it does while it runs."""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import stamina

from services.domain.errors import StoreUnavailableError

Result = TypeVar("Result")

PATIENCE_SECONDS = 60.0
"""An election takes about twelve seconds by default, a restart of MongoDB a little longer."""
WAIT_SECONDS, MAX_WAIT_SECONDS = 0.5, 2.0


async def when_mongodb_responds(
    call: Callable[[], Awaitable[Result]], patience_seconds: float = PATIENCE_SECONDS
) -> Result:
    """Make a call that is safe to repeat; repeat it while MongoDB does not respond.

    The first failure is a line on the terminal. Raises the last error when it lasts longer.
    """
    if not patience_seconds:
        return await call()
    is_told = False

    def is_passing(error: Exception) -> bool:
        nonlocal is_told
        if not isinstance(error, StoreUnavailableError) or error.permanent:
            return False
        if not is_told:
            wait = f"Waiting up to {patience_seconds:.0f} seconds for it…"
            print(f"{error} {wait}", file=sys.stderr, flush=True)
            is_told = True
        return True

    async for attempt in stamina.retry_context(
        on=is_passing,
        attempts=None,
        timeout=patience_seconds,
        wait_initial=WAIT_SECONDS,
        wait_max=MAX_WAIT_SECONDS,
    ):
        with attempt:
            return await call()
    raise AssertionError("the last attempt returns or raises")


@asynccontextmanager
async def cancelled_by(stop: asyncio.Event) -> AsyncIterator[None]:
    """Cancel the block when a stop is requested, because nothing in it watches for one."""
    starting = asyncio.current_task()

    async def cancel() -> None:
        await stop.wait()
        if starting is not None:
            starting.cancel()

    watcher = asyncio.create_task(cancel(), name="stop while starting")
    try:
        yield
    finally:
        watcher.cancel()
