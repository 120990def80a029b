"""Cards that follow their anomaly: brought up to date in place, with a reply when it has grown."""

from datetime import datetime

from services.alerts.content import (
    AlertContext,
    ContentBuilder,
    fingerprint_of,
    growth_reply,
    reopened_reply,
)
from services.alerts.posting import CardPoster
from services.analysis.suppression import raised_after_end
from services.domain import Alert, Anomaly, AnomalyContent, Conversation
from services.ports import Notifier

GROWTH_FACTOR = 2
"""An excess that is so many times the one that people were alerted about gets a reply."""
SUPPRESSED_STATUSES = {"snoozed", "expected", "not_an_anomaly", "too_small", "accepted"}


class CardUpdates:
    """Keeps posted cards up to date, and posts those that another worker did not."""

    def __init__(self, content: ContentBuilder, poster: CardPoster, notifier: Notifier) -> None:
        self._content = content
        self._poster = poster
        self._notifier = notifier

    async def follow(
        self, conversation: Conversation, alert: Alert, anomaly: Anomaly, context: AlertContext
    ) -> None:
        """Update a card, or post it if nobody has; one that is over by then is not posted."""
        content = self._content.anomaly_content(anomaly, context)
        if alert.message is not None:
            await self.update(conversation, alert, content, context.now)
        elif (
            alert.state == "pending" and anomaly.status != "open" and not raised_after_end(anomaly)
        ):
            await self._poster.change(
                alert, context.now, state="failed", error="over before it was posted"
            )
        else:
            taken = await self._poster.taken_over(conversation, alert, context.now)
            if taken is not None:
                await self._poster.post(conversation, taken, content, context.now)

    async def update(
        self, conversation: Conversation, alert: Alert, content: AnomalyContent, now: datetime
    ) -> None:
        """Replace the card if its content has changed.

        Replies once when the anomaly has grown, or was suppressed and has reopened.
        """
        anomaly, message = content.anomaly, alert.message
        fingerprint = fingerprint_of(anomaly, content.minimum)
        if alert.shown == fingerprint or message is None:
            return
        has_reopened = _has_reopened(alert, anomaly)
        has_grown = not has_reopened and _has_grown(alert, anomaly)
        needs_reply = has_grown or has_reopened
        if needs_reply:
            before = alert.excess_told if has_grown else None
            content = content.model_copy(
                update={"grown_from": before, "has_reopened": has_reopened}
            )
        if not await self._poster.replace(conversation, alert, content, fingerprint, now):
            return
        notified_excess = anomaly.excess if needs_reply else alert.excess_told
        # Stored before the reply: a reply that is lost is better than one at every tick, or one
        # from each worker.
        stored = await self._poster.change(
            alert, now, shown=fingerprint, excess_told=notified_excess
        )
        if needs_reply and stored is not None:
            reply = (
                growth_reply(content, alert.excess_told) if has_grown else reopened_reply(content)
            )
            await self._notifier.reply(conversation, message, reply)


def _has_grown(alert: Alert, anomaly: Anomaly) -> bool:
    return (
        anomaly.status == "open"
        and alert.excess_told > 0
        and anomaly.excess >= GROWTH_FACTOR * alert.excess_told
    )


def _has_reopened(alert: Alert, anomaly: Anomaly) -> bool:
    """Whether a card shows an open anomaly as suppressed, and nobody has reopened it."""
    shown_status = alert.shown.partition("|")[0]
    is_suppressed = shown_status in SUPPRESSED_STATUSES
    return is_suppressed and anomaly.status == "open" and anomaly.answer is None
