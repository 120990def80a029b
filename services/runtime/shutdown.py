"""A requested shutdown: waits end at once, work in progress finishes."""

import asyncio
from collections.abc import Awaitable, Callable


class Shutdown:
    """A flag that all workers check; once set, it stays set."""

    def __init__(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._event = asyncio.Event()

    def request(self) -> None:
        self._event.set()

    @property
    def requested(self) -> bool:
        return self._event.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait for this long, or until a shutdown is requested."""
        if self.requested:
            return
        waits = [
            asyncio.ensure_future(self._event.wait()),
            asyncio.ensure_future(self._pass(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _pass(self, seconds: float) -> bool:
        await self._sleep(seconds)
        return True
