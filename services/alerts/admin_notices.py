"""Emails to the admins about cards and channels, gathered: one email for one cause.

A worker that is killed, or an outage of Teams, concerns many channels at once.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog

from services.domain.errors import AgentError, StoreUnavailableError
from services.mailing import NoticeKind, Notices

log = structlog.get_logger()

UNKNOWN = NoticeKind(
    "an alert may not have reached its channel",
    "{count} alerts may not have reached their channels",
    (
        "It is not sent again, so that no one gets it twice.",
        "To see all anomalies, write anomalies to the bot.",
    ),
    once=True,
)
REFUSED = NoticeKind(
    "alerts are not reaching a channel",
    "alerts are not reaching {count} channels",
    ("To see all anomalies, write anomalies to the bot.",),
)
LATE = NoticeKind(
    "alerts are not reaching a channel",
    "alerts are not reaching {count} channels",
    ("The agent keeps trying for a day.",),
)
GONE = NoticeKind(
    "a channel cannot be reached",
    "{count} channels cannot be reached",
    ("Add the app there again, or write alerts here in another channel.",),
)
DELETED = NoticeKind(
    "a channel was deleted",
    "{count} channels were deleted",
    ("Write alerts here in another channel.",),
)


@dataclass(frozen=True, slots=True)
class _Item:
    kind: NoticeKind
    key: str
    line: str
    after: Callable[[], Awaitable[object]] | None


class AdminNotices:
    """Collects notices for the admins until they are flushed."""

    def __init__(self, notices: Notices) -> None:
        self._notices = notices
        self._items: list[_Item] = []

    def add(
        self,
        kind: NoticeKind,
        key: str,
        line: str,
        after: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Add a line; ``key`` makes it unique, as in ``Notices``.

        ``after`` runs once the email is stored. A worker that dies before that leaves everything
        as it was, so another one finds it again and emails it.
        """
        self._items.append(_Item(kind, key, line, after))

    async def flush(self, now: datetime) -> None:
        """Email everything that was added: one email for each kind."""
        items, self._items = self._items, []
        for kind in dict.fromkeys(item.kind for item in items):
            of_kind = [item for item in items if item.kind == kind]
            await self._email(kind, {item.key: item.line for item in of_kind}, now)
            for item in of_kind:
                if item.after is not None:
                    await item.after()

    async def _email(self, kind: NoticeKind, lines: dict[str, str], now: datetime) -> None:
        """Email the admins; wrong mail settings do not stop alerts."""
        try:
            await self._notices.notify_together(kind, lines, now)
        except StoreUnavailableError:
            raise
        except AgentError as error:
            # Its sentence says what to do; a traceback would hide it from whoever reads the log.
            log.error("admin_notification_failed", title=kind.title, error=str(error))  # noqa: TRY400
