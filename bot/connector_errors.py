"""Errors of the Bot Connector REST API, and which of them may be retried."""

import random
from collections.abc import Mapping
from typing import Any, Literal

import aiohttp

from services.domain import LostState
from services.domain.errors import AgentError
from services.runtime.http_waits import retry_after_seconds

Method = Literal["GET", "POST", "PUT", "DELETE"]

UNAUTHORIZED = 401
"""About the bot's token or registration, not about the message; an admin can fix it."""
RETRIED_STATUSES = frozenset({412, 429, 502, 503, 504})
"""The statuses that Microsoft's table for Teams bots says to retry; it says to retry no others."""
MAX_WAIT_SECONDS = 30.0
"""When Teams asks to wait longer than this, the message fails instead."""
LOST_STATES: dict[str, LostState] = {
    "BotNotInConversationRoster": "uninstalled",
    "ForbiddenOperationException": "uninstalled",
    "ConversationNotFound": "uninstalled",
    "MessageWritesBlocked": "blocked",
    "ConversationBlockedByUser": "blocked",
    "BotDisabledByAdmin": "blocked",
}
"""Error codes after which a conversation accepts nothing until somebody in Teams changes that."""


class ConnectorError(AgentError):
    """Teams did not accept a request."""

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str = "",
        unknown: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.fate_unknown = unknown
        """The message may have been shown; sending it again may show it twice."""
        self.permanent = status is not None and status not in RETRIED_STATUSES
        self.retry_after = retry_after
        """Seconds that Teams asks to wait before the next attempt."""

    @property
    def lost_state(self) -> LostState | None:
        """``uninstalled`` or ``blocked`` when the conversation no longer accepts messages."""
        return LOST_STATES.get(self.code)


def retry_delay(error: Exception) -> bool | float:
    """Whether to retry, or after how many seconds: what ``stamina`` expects of ``on``."""
    if not isinstance(error, ConnectorError) or error.permanent or error.fate_unknown:
        return False
    if error.retry_after is None:
        return True
    if error.retry_after > MAX_WAIT_SECONDS:
        return False
    # Everybody who was refused at once gets the same Retry-After: they should not all return in the
    # same moment.
    return error.retry_after + random.uniform(0.05, 0.5)  # noqa: S311 - spreads retries only


def refused_error(
    status: int, answer: Mapping[str, Any], headers: Mapping[str, str]
) -> ConnectorError:
    """The error for a response that is not a success."""
    error = answer.get("error")
    code = str(error.get("code", "")) if isinstance(error, Mapping) else ""
    message = str(error.get("message", "")) if isinstance(error, Mapping) else ""
    detail = " ".join(f"{status} {code} {message}".split())[:200]
    return ConnectorError(
        f"Teams did not accept the message ({detail}).",
        status=status,
        code=code,
        retry_after=retry_after_seconds(headers),
    )


def unreachable_error(method: Method, error: Exception) -> ConnectorError:
    """The error for a request without a response.

    Only a message that never left may be sent again: the Bot Framework has no idempotency key, and
    Teams shows a copy twice. Reads and updates may be repeated at any time.
    """
    never_left = isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    detail = str(error) or type(error).__name__
    return ConnectorError(
        f"Teams cannot be reached or did not respond ({detail}).",
        unknown=method == "POST" and not never_left,
    )
