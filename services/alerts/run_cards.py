"""Cards of runs that did not go out; if no channel accepts them, the admins get an email."""

from collections.abc import Sequence
from datetime import datetime

from services.alerts.content import content_fingerprint, run_notice_lines
from services.alerts.posting import CardPoster
from services.alerts.run_trouble import RunTrouble
from services.domain import Alert, Conversation, RunContent, RunState
from services.domain.schedule import period_words
from services.ports import AlertStore

RUN = "run:"
RESOLVED = "went out"
"""Stored as what the card of a run shows once its trouble is over."""
UNSEEN_STATES = {"failed", "unknown"}
"""States of a card that Teams did not accept, or whose outcome is unknown."""


class RunCards:
    """Alerts about runs in trouble, and about the end of it."""

    def __init__(self, alerts: AlertStore, poster: CardPoster, trouble: RunTrouble) -> None:
        self._alerts = alerts
        self._poster = poster
        self._trouble = trouble

    async def notify(
        self,
        conversation: Conversation,
        alerts: Sequence[Alert],
        stuck_runs: Sequence[RunContent],
        now: datetime,
    ) -> None:
        """Post and update the cards of runs; ``alerts``: those of this conversation."""
        by_subject = {alert.subject: alert for alert in alerts}
        stuck = {RUN + content.run.id: content for content in stuck_runs}
        for subject, content in stuck.items():
            await self._notify_of_run(conversation, by_subject.get(subject), content, now)
        for alert in alerts:
            if alert.subject.startswith(RUN) and alert.subject not in stuck:
                await self._show_resolved(conversation, alert, now)

    async def _notify_of_run(
        self,
        conversation: Conversation,
        alert: Alert | None,
        content: RunContent,
        now: datetime,
    ) -> None:
        since, run = conversation.alerts_since, content.run
        if since is None or (run.created_at < since and run.state is not RunState.OPEN):
            return
        if alert is None:
            new = self._poster.alert(RUN + run.id, conversation, now)
            if await self._alerts.create_once(new):
                await self._poster.post(conversation, new, content, now)
        elif alert.state in UNSEEN_STATES and not alert.shown:
            await self.email([content], now)
        elif alert.message is not None:
            fingerprint = content_fingerprint(content)
            if alert.shown != fingerprint and await self._poster.replace(
                conversation, alert, content, fingerprint, now
            ):
                await self._poster.change(alert, now, shown=fingerprint)
        elif (taken := await self._poster.taken_over(conversation, alert, now)) is not None:
            await self._poster.post(conversation, taken, content, now)

    async def _show_resolved(
        self, conversation: Conversation, alert: Alert, now: datetime
    ) -> None:
        """Show on the card of a run that its trouble is over, once."""
        if alert.shown == RESOLVED or (alert.message is None and alert.state != "pending"):
            return
        content = await self._trouble.content_of(alert.subject.removeprefix(RUN))
        if content is None or content.run.state is RunState.OPEN:
            return
        if alert.message is None:
            await self._poster.change(
                alert, now, state="failed", error="over before it was posted"
            )
        elif await self._poster.replace(conversation, alert, content, RESOLVED, now):
            await self._poster.change(alert, now, shown=RESOLVED)

    async def email(self, stuck_runs: Sequence[RunContent], now: datetime) -> None:
        """Email the admins about runs whose card no channel accepts, once for each run."""
        for content in stuck_runs:
            await self._poster.email_admins(
                f"run:{content.run.id}",
                f"the run for {period_words(content.run.period)} did not go out in full",
                run_notice_lines(content),
                now,
                once=True,
            )
