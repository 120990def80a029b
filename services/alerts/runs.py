"""Cards of runs that did not go out; where no channel takes them, the admins get a mail."""

from collections.abc import Sequence
from datetime import datetime

from services.alerts.news import lines_of, shown_by
from services.alerts.posting import Posting
from services.model import Alert, Conversation, RunNews, RunState
from services.ports import AlertStore
from services.watchdog import Watchdog

RUN = "run:"
WENT_OUT = "went out"
NEVER_SHOWN = {"failed", "unknown"}
"""States of a card that Teams did not take, or that nobody knows of."""


class RunCards:
    """Tells of runs in trouble, and of the end of it."""

    def __init__(self, alerts: AlertStore, posting: Posting, watchdog: Watchdog) -> None:
        self._alerts = alerts
        self._posting = posting
        self._watchdog = watchdog

    async def tell(
        self,
        conversation: Conversation,
        known: Sequence[Alert],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        by_subject = {one.subject: one for one in known}
        for run in troubled:
            await self._tell_of_run(conversation, by_subject.get(RUN + run.run.id), run, now)
        told = {RUN + run.run.id for run in troubled}
        for alert in known:
            if alert.subject.startswith(RUN) and alert.subject not in told:
                await self._went_out(conversation, alert, now)

    async def _tell_of_run(
        self, conversation: Conversation, known: Alert | None, news: RunNews, now: datetime
    ) -> None:
        since, run = conversation.alerts_since, news.run
        if since is None or (run.created_at < since and run.state is not RunState.OPEN):
            return
        if known is None:
            alert = self._posting.alert(RUN + run.id, conversation, now)
            if await self._alerts.create_once(alert):
                await self._posting.post(conversation, alert, news, now)
        elif known.state in NEVER_SHOWN and not known.shown:
            await self.mail([news], now)
        elif known.message is not None:
            shown = shown_by(news)
            if known.shown != shown and await self._posting.replaced(
                conversation, known, news, shown, now
            ):
                await self._posting.changed(known, now, shown=shown)
        elif (taken := await self._posting.taken_up(conversation, known, now)) is not None:
            await self._posting.post(conversation, taken, news, now)

    async def _went_out(self, conversation: Conversation, alert: Alert, now: datetime) -> None:
        """Says on the card of a run that its trouble is over, once."""
        if alert.shown == WENT_OUT or (alert.message is None and alert.state != "pending"):
            return
        news = await self._watchdog.news_of(alert.subject.removeprefix(RUN))
        if news is None or news.run.state is RunState.OPEN:
            return
        if alert.message is None:
            await self._posting.changed(
                alert, now, state="failed", error="over before it was told"
            )
        elif await self._posting.replaced(conversation, alert, news, WENT_OUT, now):
            await self._posting.changed(alert, now, shown=WENT_OUT)

    async def mail(self, troubled: Sequence[RunNews], now: datetime) -> None:
        """Mails the admins of what did not go out, once for each run: no channel takes it."""
        for news in troubled:
            await self._posting.mail(
                f"run:{news.run.id}",
                f"{news.run.period} did not go out in full",
                lines_of(news),
                now,
                once=True,
            )
