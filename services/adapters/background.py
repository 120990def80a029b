"""Background tasks: named, logged when they fail, and drained at shutdown."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import structlog

from services.domain.errors import AgentError

log = structlog.get_logger()

CLEANUP_SECONDS = 5.0
"""For cancelled work to record how far it got."""


class Background:
    """Owns the background tasks of the process."""

    def __init__(self) -> None:
        # The event loop holds weak references only: a task that nobody else refers to may be
        # garbage-collected while it runs (documentation of asyncio.create_task).
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._droppable: set[asyncio.Task[None]] = set()
        self._draining = False

    @property
    def running(self) -> list[str]:
        """Names of the running tasks."""
        return sorted(self._tasks)

    def start(
        self, name: str, work: Coroutine[Any, Any, None], *, droppable: bool = False
    ) -> asyncio.Task[None] | None:
        """Start named work, unless work of that name is running or the process is shutting down.

        ``droppable``: can be cancelled at any point and is resumed later.
        """
        running = self._tasks.get(name)
        if running is not None or self._draining:
            work.close()  # otherwise Python warns that the coroutine was never awaited
            return running
        task = asyncio.create_task(self._guarded(name, work), name=name)
        self._tasks[name] = task
        if droppable:
            self._droppable.add(task)
            task.add_done_callback(self._droppable.discard)
        task.add_done_callback(lambda _: self._tasks.pop(name, None))
        return task

    async def _guarded(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Log errors: nobody awaits the task, so they would go unnoticed."""
        try:
            await work
        except AgentError as error:
            log.warning("background_task_interrupted", task=name, error=str(error))
        except Exception:
            log.exception("background_task_failed", task=name)

    async def drain(self, grace: float) -> None:
        """Wait up to ``grace`` seconds for running tasks, then cancel the rest."""
        self._draining = True
        for task in list(self._droppable):
            task.cancel()
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            log.warning("background_task_cancelled", task=task.get_name())
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=CLEANUP_SECONDS)
