"""Posting cards: each goes through stages that are stored, so that none is posted twice."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

import structlog

from services.alerts.admin_notices import LATE, REFUSED, UNKNOWN, AdminNotices
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
from services.ports import AlertStore, Clock, Notifier
from services.runtime.context import Context
from services.runtime.timeouts import Timing

log = structlog.get_logger()

UNREACHABLE_AFTER = timedelta(minutes=30)
"""A card that could not be posted for so long is reported to the admins by email."""
GIVE_UP_AFTER = timedelta(days=1)
MAX_ERROR = 300


class SuspendedError(AgentError):
    """The process was suspended for a while, as by SIGSTOP or a sleeping laptop."""

    permanent = False


class CardDeparture:
    """Implements ``services.ports.Departure``: a card is ``posting`` only while a request is out.

    Cards wait for their turn, for a token, and between attempts for much longer than for Teams'
    reply: a worker that dies meanwhile leaves them ``pending``, for another one to post.
    """

    def __init__(
        self,
        poster: "CardPoster",
        alert: Alert,
        clock: Clock,
        timer: Callable[[], float],
        timing: Timing,
    ) -> None:
        self._poster = poster
        self._clock = clock
        self._timer = timer
        self._timing = timing
        self.alert = alert
        """As stored."""
        self.is_out = False

    async def leave(self) -> None:
        started = self._timer()
        self.alert = await self._poster.save(self.alert, self._clock(), state="posting")
        if self._timer() - started > self._timing.alert_lease - self._timing.alert_answer:
            # Another worker may take it over before Teams replies.
            raise SuspendedError("the worker was suspended before the post")
        self.is_out = True

    async def come_back(self) -> None:
        self.alert = await self._poster.save(self.alert, self._clock(), state="pending")
        self.is_out = False


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
        self.notices = AdminNotices(notices)
        """Emails about cards that do not arrive; flushed after each round."""
        self._source = context.source.name
        self._clock = context.clock
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
        departure = CardDeparture(self, alert, self._clock, self._timer, self._timing)
        try:
            async with asyncio.timeout(self._timing.alert_answer):
                message = await self._notifier.post(conversation, content, departure)
        except SuspendedError as error:
            await self.save(departure.alert, now, state="pending", error=str(error))
        except (LostLeaseError, StoreUnavailableError):
            raise
        except (MessageFateUnknownError, TimeoutError) as error:
            reason = str(error) or "Teams did not reply in time"
            if departure.is_out:
                self._mark_unknown(conversation, departure.alert, reason, now)
            else:
                await self.save(departure.alert, now, state="pending", error=reason)
        except MessageRefusedError as error:
            self._mark_refused(conversation, departure.alert, error, now)
        except AgentError as error:
            await self.save(departure.alert, now, state="pending", error=str(error))
            raise
        else:
            await self.save(
                departure.alert,
                now,
                state="posted",
                activity_id=message.activity_id or None,
                thread=message.conversation_id,
                shown=content_fingerprint(content),
                excess_told=_notified_excess(content),
                error=None,
            )

    def _mark_unknown(
        self, conversation: Conversation, alert: Alert, reason: str, now: datetime
    ) -> None:
        """Give up a card that people may have seen: Teams would show a copy twice."""
        # Stored after the email: a worker that dies in between leaves a card that is settled again,
        # with the admins notified.
        self.notices.add(
            UNKNOWN,
            f"alert:{alert.id}",
            f"Teams did not confirm an alert in {conversation_name(conversation)}.",
            partial(self._give_up, alert, now, "unknown", reason),
        )

    def _mark_refused(
        self, conversation: Conversation, alert: Alert, error: AgentError, now: datetime
    ) -> None:
        """Give up a card that Teams will never accept; the others may succeed."""
        self.notices.add(
            REFUSED,
            f"refused:{conversation.id}",
            f"Teams refused an alert in {conversation_name(conversation)}: "
            f"{neutral(str(error), MAX_ERROR)}",
            partial(self._give_up, alert, now, "failed", str(error)),
        )

    async def _give_up(self, alert: Alert, now: datetime, state: str, reason: str) -> None:
        try:
            await self.save(alert, now, state=state, error=reason)
        except LostLeaseError as error:
            log.warning("alerts_delayed", conversation=alert.conversation_id, error=str(error))

    async def taken_over(
        self, conversation: Conversation, alert: Alert, now: datetime
    ) -> Alert | None:
        """A card that nobody has posted for a while, if it is this worker's to post now.

        One whose posting had begun may have been shown: it is settled as unknown.
        """
        idle = (now - alert.updated_at).total_seconds()
        if alert.state == "posting" and idle >= self._timing.alert_lease:
            self._mark_unknown(conversation, alert, "the posting process has ended", now)
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
        """Show other content on a card; True if shown. A permanent failure is not retried."""
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
        """Email the admins, once a day, about cards that have waited too long; True if there are
        any.
        """
        alerts = await self._alerts.newest_of(self._source, conversation.id, now - GIVE_UP_AFTER)
        waiting = [alert for alert in alerts if alert.state == "pending"]
        if not any(now - alert.created_at > UNREACHABLE_AFTER for alert in waiting):
            return False
        self.notices.add(
            LATE,
            f"late:{conversation.id}",
            f"For half an hour no alert could be posted in {conversation_name(conversation)}: "
            f"{neutral(str(error), MAX_ERROR)} Waiting: {plural(len(waiting), 'alert')}.",
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
