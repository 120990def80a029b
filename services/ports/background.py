"""Background work, which outlives the request that started it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol


class Start(Protocol):
    """Starts named background work; a name that is already running is not started again."""

    def __call__(
        self, name: str, work: Coroutine[Any, Any, None], *, droppable: bool = False
    ) -> asyncio.Task[None] | None:
        """Return the task; None during shutdown, which may cancel ``droppable`` work."""
        ...
