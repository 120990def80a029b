"""Posting cards: each goes through stages that are stored, so that none is posted twice."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

import structlog

from services.alerts.content import content_fingerprint, conversation_name
from services.domain import Alert, AlertContent, AnomalyContent, Conversation
from services.domain.errors import (
    AgentError,
    LostLeaseError,
    MessageFateUnknownError,
    MessageRefusedError,
    NotFoundError,
    StoreUnavailableError,
)
from services.domain.formatting import neutral, plural
from services.mailing import Notices
from services.ports import AlertStore, Notifier
from services.runtime.context import Context

log = structlog.get_logger()

UNREACHABLE_AFTER = timedelta(minutes=30)
"""A card that could not be posted for so long is reported to the admins by email."""
GIVE_UP_AFTER = timedelta(days=1)
MAX_ERROR = 300


class CardPoster:
    """Posts and replaces cards, and emails the admins about those that do not arrive."""

    def __init__(
        self,
        alerts: AlertStore,
        notifier: Notifier,
        notices: Notices,
        context: Context,
    ) -> None:
        self._alerts = alerts
        self._notifier = notifier
        self._notices = notices
        self._source = context.source.name
        self._timing = context.timing
        self._timer = context.pacing.timer
        self._sleep = context.pacing.sleep

    def alert(self, subject: str, conversation: Conversation, now: datetime) -> Alert:
        """A new alert, not stored yet."""
        return Alert(
            id=f"{subject}|{conversation.id}",
            subject=subject,
            source=self._source,
            conversation_id=conversation.id,
            created_at=now,
            updated_at=now,
        )

    async def post(
        self, conversation: Conversation, alert: Alert, content: AlertContent, now: datetime
    ) -> None:
        """Post a card that is this worker's, and store what became of it.

        Raises LostLeaseError when another worker has taken it over.
        """
        started = self._timer()
        alert = await self.save(alert, now, state="posting")
        if self._timer() - started > self._timing.alert_lease - self._timing.alert_answer:
            # Suspended for a while: another worker may take it over before Teams replies.
            await self.save(
                alert, now, state="pending", error="the worker was suspended before the post"
            )
            return
        try:
            async with asyncio.timeout(self._timing.alert_answer):
                message = await self._notifier.post(conversation, content)
        except (MessageFateUnknownError, TimeoutError) as error:
            await self._mark_unknown(
                conversation, alert, str(error) or "Teams did not reply in time", now
            )
            return
        except MessageRefusedError as error:
            await self._mark_refused(conversation, alert, error, now)
            return
        except AgentError as error:
            await self.save(alert, now, state="pending", error=str(error))
            raise
        await self.save(
            alert,
            now,
            state="posted",
            activity_id=message.activity_id or None,
            thread=message.conversation_id,
            shown=content_fingerprint(content),
            excess_told=_notified_excess(content),
            error=None,
        )

    async def _mark_unknown(
        self, conversation: Conversation, alert: Alert, reason: str, now: datetime
    ) -> None:
        """Give up a card that people may have seen: Teams would show a copy twice."""
        # The email first: it is sent once however often this is repeated, so that a worker that
        # dies in between leaves a card that is settled again, with the admins notified.
        await self.email_admins(
            f"alert:{alert.id}",
            "an alert may not have reached its channel",
            [
                (
                    f"Teams did not confirm an alert in {conversation_name(conversation)}. It will "
                    "not be sent again, so that no one gets it twice. To see all anomalies, write "
                    "anomalies to the bot."
                ),
            ],
            now,
            once=True,
        )
        await self.save(alert, now, state="unknown", error=reason)

    async def _mark_refused(
        self, conversation: Conversation, alert: Alert, error: AgentError, now: datetime
    ) -> None:
        """Give up a card that Teams will never accept; the others may go well."""
        await self.email_admins(
            f"refused:{conversation.id}",
            "alerts are not reaching a channel",
            [
                (
                    f"Teams refused an alert in {conversation_name(conversation)}: "
                    f"{neutral(str(error), MAX_ERROR)}"
                ),
                "To see all anomalies, write anomalies to the bot.",
            ],
            now,
        )
        await self.save(alert, now, state="failed", error=str(error))

    async def taken_over(
        self, conversation: Conversation, alert: Alert, now: datetime
    ) -> Alert | None:
        """A card that nobody has posted for a while, if it is this worker's to post now.

        One whose posting had begun may have been shown: it is settled as unknown.
        """
        idle = (now - alert.updated_at).total_seconds()
        if alert.state == "posting" and idle >= self._timing.alert_lease:
            await self._mark_unknown(conversation, alert, "the posting process has ended", now)
        if alert.state != "pending" or idle < self._timing.alert_claim:
            return None
        if now - alert.created_at > GIVE_UP_AFTER:
            await self.save(alert, now, state="failed", error=alert.error or "never posted")
            return None
        return await self._alerts.replace(alert.model_copy(update={"updated_at": now}))

    async def replace(
        self,
        conversation: Conversation,
        alert: Alert,
        content: AlertContent,
        fingerprint: str,
        now: datetime,
    ) -> bool:
        """Show other content on a card; whether it does. What never will is not tried again."""
        if alert.message is None:
            return False
        try:
            await self._notifier.update(conversation, alert.message, content)
        except NotFoundError as error:
            # Somebody has deleted the message: nobody wants it back.
            await self.change(alert, now, state="failed", activity_id=None, error=str(error))
            return False
        except MessageRefusedError as error:
            await self.change(alert, now, shown=fingerprint, error=str(error))
            return False
        return True

    async def report_unreachable(
        self, conversation: Conversation, error: AgentError, now: datetime
    ) -> bool:
        """Email the admins, once a day, about cards that wait for too long; whether any do."""
        alerts = await self._alerts.newest_of(self._source, conversation.id, now - GIVE_UP_AFTER)
        waiting = [alert for alert in alerts if alert.state == "pending"]
        if not any(now - alert.created_at > UNREACHABLE_AFTER for alert in waiting):
            return False
        await self.email_admins(
            f"late:{conversation.id}",
            "alerts are not reaching a channel",
            [
                (
                    "For half an hour no alert could be posted in "
                    f"{conversation_name(conversation)}: {error}"
                ),
                f"Waiting: {plural(len(waiting), 'alert')}. The agent keeps trying for a day.",
            ],
            now,
        )
        return True

    async def email_admins(
        self, key: str, title: str, lines: Sequence[str], now: datetime, *, once: bool = False
    ) -> None:
        """Email the admins; wrong mail settings do not stop alerts."""
        try:
            await self._notices.notify(key, title, lines, now, once=once)
        except StoreUnavailableError:
            raise
        except AgentError as error:
            # Its sentence says what to do; a traceback would hide it from whoever reads the log.
            log.error("admin_notification_failed", title=title, error=str(error))  # noqa: TRY400

    async def save(self, alert: Alert, now: datetime, **changes: object) -> Alert:
        """Store what became of a card, waiting for MongoDB.

        Raises LostLeaseError when another worker has taken it over.
        """
        # Not stamina: the wait is bounded by time, not by attempts, and both clocks are injected, so
        # that tests can let minutes pass.
        until = self._timer() + self._timing.store_patience
        while True:
            try:
                stored = await self.change(alert, now, **changes)
            except StoreUnavailableError:
                if self._timer() > until:
                    raise
                await self._sleep(self._timing.store_retry)
                continue
            if stored is None:
                raise LostLeaseError(f"Another worker has taken over the card {alert.id}.")
            return stored

    async def change(self, alert: Alert, now: datetime, **changes: object) -> Alert | None:
        """The card as stored; None when another worker has changed it."""
        return await self._alerts.replace(alert.model_copy(update={**changes, "updated_at": now}))


def _notified_excess(content: AlertContent) -> Decimal:
    return content.anomaly.excess if isinstance(content, AnomalyContent) else Decimal(0)
