"""Being told to stop: waits end at once, work in hand ends by itself."""

import asyncio
from collections.abc import Awaitable, Callable


class Stop:
    """Told once; for good."""

    def __init__(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Stops everybody who looks."""
        self._told.set()

    @property
    def told(self) -> bool:
        return self._told.is_set()

    async def pause(self, seconds: float) -> None:
        """Waits for so long, or until told to stop."""
        if self.told:
            return
        waits = [
            asyncio.ensure_future(self._told.wait()),
            asyncio.ensure_future(self._slept(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()

    async def _slept(self, seconds: float) -> bool:
        await self._sleep(seconds)
        return True
