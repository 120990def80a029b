"""Posting cards: each goes through stages that are stored, so that none is posted twice."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from services.alerts.news import shown_by, title_of
from services.errors import (
    AgentError,
    LostLeaseError,
    MessageFateUnknownError,
    MessageRefusedError,
    NotFoundError,
    StoreUnavailableError,
)
from services.model import Alert, AnomalyNews, Conversation, News, SourceName
from services.notices import Notices
from services.ports import AlertStore, Notifier
from services.timing import Timing
from services.wording import neutral

log = structlog.get_logger()

UNREACHABLE = timedelta(minutes=30)
"""A card that could not be posted for so long is told by mail."""
GIVE_UP = timedelta(days=1)


class Posting:
    """Posts and replaces cards, and tells the admins by mail of those that do not arrive."""

    def __init__(
        self,
        *,
        alerts: AlertStore,
        notifier: Notifier,
        notices: Notices,
        source: SourceName,
        timing: Timing,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._alerts = alerts
        self._notifier = notifier
        self._notices = notices
        self._source = source
        self._timing = timing
        self._timer = timer
        self._sleep = sleep

    def alert(self, subject: str, conversation: Conversation, now: datetime) -> Alert:
        return Alert(
            id=f"{subject}|{conversation.id}",
            subject=subject,
            source=self._source,
            conversation_id=conversation.id,
            created_at=now,
            updated_at=now,
        )

    async def post(
        self, conversation: Conversation, alert: Alert, news: News, now: datetime
    ) -> None:
        """Posts a card that is this worker's; what came of it is in the store when this returns.

        Raises LostLeaseError when another worker has taken it up.
        """
        began = self._timer()
        alert = await self.save(alert, now, state="posting")
        if self._timer() - began > self._timing.alert_lease - self._timing.alert_answer:
            # Frozen for a while: another worker may take it up before Teams answers.
            await self.save(alert, now, state="pending", error="paused before the post")
            return
        try:
            async with asyncio.timeout(self._timing.alert_answer):
                message = await self._notifier.post(conversation, news)
        except (MessageFateUnknownError, TimeoutError) as error:
            await self._unsure(conversation, alert, str(error) or "no answer", now)
            return
        except MessageRefusedError as error:
            await self._refused(conversation, alert, error, now)
            return
        except AgentError as error:
            await self.save(alert, now, state="pending", error=str(error))
            raise
        told = news.anomaly.excess if isinstance(news, AnomalyNews) else Decimal(0)
        await self.save(
            alert,
            now,
            state="posted",
            activity_id=message.activity_id or None,
            thread=message.conversation_id,
            shown=shown_by(news),
            excess_told=told,
            error=None,
        )

    async def _unsure(
        self, conversation: Conversation, alert: Alert, reason: str, now: datetime
    ) -> None:
        """Leaves a card that may have been shown to people; the mail is told first, as it is
        told once however often this is repeated.
        """
        await self.mail(
            f"alert:{alert.id}",
            "an alert may not have reached its channel",
            [
                (
                    f"Teams did not confirm an alert in {title_of(conversation)}. It is not sent "
                    "again, so that nobody gets it twice. To see all, write anomalies to the bot."
                ),
            ],
            now,
            once=True,
        )
        await self.save(alert, now, state="unknown", error=reason)

    async def _refused(
        self, conversation: Conversation, alert: Alert, error: AgentError, now: datetime
    ) -> None:
        """Leaves a card that Teams will never take; the others may go well."""
        await self.mail(
            f"refused:{conversation.id}",
            "alerts do not reach a channel",
            [
                f"{title_of(conversation)} got no card of an alert: {neutral(str(error), 300)}",
                "To see all, write anomalies to the bot.",
            ],
            now,
        )
        await self.save(alert, now, state="failed", error=str(error))

    async def taken_up(
        self, conversation: Conversation, alert: Alert, now: datetime
    ) -> Alert | None:
        """A card that nobody has posted for a while, if it is this worker's to post now.

        One whose posting had begun may have been shown: it is settled as unknown.
        """
        idle = (now - alert.updated_at).total_seconds()
        if alert.state == "posting" and idle >= self._timing.alert_lease:
            await self._unsure(conversation, alert, "the posting process has ended", now)
        if alert.state != "pending" or idle < self._timing.alert_claim:
            return None
        if now - alert.created_at > GIVE_UP:
            await self.save(alert, now, state="failed", error=alert.error or "never posted")
            return None
        return await self._alerts.replace(alert.model_copy(update={"updated_at": now}))

    async def replaced(
        self, conversation: Conversation, alert: Alert, news: News, shown: str, now: datetime
    ) -> bool:
        """Whether the message shows the news now; one that never will is not tried again."""
        if alert.message is None:
            return False
        try:
            await self._notifier.update(conversation, alert.message, news)
        except NotFoundError as error:
            # Somebody has deleted the message; it is not posted again.
            await self.changed(alert, now, state="failed", activity_id=None, error=str(error))
            return False
        except MessageRefusedError as error:
            await self.changed(alert, now, shown=shown, error=str(error))
            return False
        return True

    async def unreachable(
        self, conversation: Conversation, error: AgentError, now: datetime
    ) -> bool:
        """Tells the admins by mail, once a day, of cards that wait for a channel too long.

        True when there are such.
        """
        known = await self._alerts.newest_of(self._source, conversation.id, now - GIVE_UP)
        waiting = [one for one in known if one.state == "pending"]
        if not any(now - one.created_at > UNREACHABLE for one in waiting):
            return False
        await self.mail(
            f"late:{conversation.id}",
            "alerts do not reach a channel",
            [
                f"{title_of(conversation)} has taken no alert for half an hour: {error}",
                f"{len(waiting)} alerts wait. They are tried again for a day.",
            ],
            now,
        )
        return True

    async def mail(
        self, key: str, title: str, lines: Sequence[str], now: datetime, *, once: bool = False
    ) -> None:
        """Mails the admins; mail that is wrongly set up stops no alert."""
        try:
            await self._notices.tell(key, title, lines, now, once=once)
        except StoreUnavailableError:
            raise
        except AgentError as error:
            # Its sentence says what to do; a traceback would hide it from whoever reads the log.
            log.error("admins_not_told", title=title, error=str(error))  # noqa: TRY400

    async def save(self, alert: Alert, now: datetime, **changes: object) -> Alert:
        """Stores what came of a card, waiting for MongoDB; LostLeaseError if it is another's."""
        until = self._timer() + self._timing.store_patience
        while True:
            try:
                stored = await self.changed(alert, now, **changes)
            except StoreUnavailableError:
                if self._timer() > until:
                    raise
                await self._sleep(self._timing.store_retry)
                continue
            if stored is None:
                raise LostLeaseError(f"Another worker has taken up the card {alert.id}.")
            return stored

    async def changed(self, alert: Alert, now: datetime, **changes: object) -> Alert | None:
        """The card as stored; None when another worker has changed it."""
        return await self._alerts.replace(alert.model_copy(update={**changes, "updated_at": now}))
