"""Background tasks: each has a name and an owner, none dies unseen, all are drained."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from services.domain.errors import AgentError

log = structlog.get_logger()


LAST_WORDS = 5.0
"""Seconds in which work that is cut off may still say how far it has come."""


class Background:
    """Owns the background tasks of the process."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._droppable: set[asyncio.Task[None]] = set()
        self._draining = False

    @property
    def running(self) -> list[str]:
        """The names of the tasks at work."""
        return sorted(self._tasks)

    def start(
        self, name: str, work: Coroutine[Any, Any, None], *, droppable: bool = False
    ) -> asyncio.Task[None] | None:
        """Starts named work; a name at work is not started twice, and nothing while draining.

        ``droppable`` work can be cut off at any point and goes on from there another time.
        """
        running = self._tasks.get(name)
        if running is not None or self._draining:
            work.close()
            return running
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._tasks[name] = task
        if droppable:
            self._droppable.add(task)
            task.add_done_callback(self._droppable.discard)
        task.add_done_callback(lambda _: self._tasks.pop(name, None))
        return task

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """The one place where an error of background work ends: in the log."""
        try:
            await work
        except AgentError as error:
            log.warning("background_failed", task=name, error=str(error))
        except Exception:
            log.exception("background_died", task=name)

    async def drain(self, grace: float) -> None:
        """Waits for the work in hand for ``grace`` seconds, then cancels what is left."""
        self._draining = True
        for task in list(self._droppable):
            task.cancel()
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            log.warning("background_cancelled", task=task.get_name())
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=LAST_WORDS)
