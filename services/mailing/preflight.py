"""The check before a run: whether the mail server lets us sign in."""

import asyncio
from collections.abc import Awaitable, Callable

from services.domain.errors import AgentError
from services.ports import MailTransport

MAX_TRIES = 3


async def preflight(
    transport: MailTransport, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep
) -> None:
    """Connect and sign in once; try again while the server is only busy.

    Raises MailConnectError, which says what to do.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            connection = await transport.connect()
        except AgentError as error:
            if error.permanent or attempt == MAX_TRIES:
                raise
            await sleep(float(attempt))
        else:
            await connection.aclose()
            return
