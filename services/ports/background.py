"""Work that goes on beside whoever began it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Protocol


class Start(Protocol):
    """Starts named background work; a name that is running already is not started twice."""

    def __call__(
        self, name: str, work: Coroutine[Any, Any, None], *, droppable: bool = False
    ) -> asyncio.Task[None] | None:
        """The task; None while the process stops. ``droppable`` work may be cut off then."""
        ...
