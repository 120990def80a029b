"""Changes to stored documents that other writers may change at the same moment."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from services.domain.errors import AgentError

MAX_ATTEMPTS = 5
Result = TypeVar("Result")


async def compare_and_set(
    attempt: Callable[[], Awaitable[Result | None]],
    too_busy: AgentError,
    *,
    max_attempts: int = MAX_ATTEMPTS,
) -> Result:
    """Return the result of the first attempt that was written.

    The protocol is optimistic concurrency control. Each attempt reads the document again, makes
    its change from what it has just read, and writes on the condition that the document is still
    what it read (by its version, or by the fields that it changes). It returns None when the
    condition failed, because another writer was faster: nothing was written then. So both changes
    end up in the document, in one order or the other, and nobody holds a lock.

    An attempt is lost only to a write that succeeded, so of n writers who make one change each
    nobody needs more than n attempts, and there is no need to wait between them: the other writer
    is done when the condition fails. Raises ``too_busy`` after ``max_attempts`` lost ones in a
    row.
    """
    for _ in range(max_attempts):
        result = await attempt()
        if result is not None:
            return result
    raise too_busy
