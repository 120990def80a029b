"""Tells channels of anomalies: one card for each, brought up to date in place.

Cards go through the stages of mails: stored as pending, as ``posting`` before Teams gets them, as
posted with Teams' answer; each change names the one before, so that two workers post none twice
and a stale one writes nothing. A message whose fate is unknown is not sent again, as Teams shows
a copy twice; the admins get a mail instead. A conversation gets at most ``MOST_AN_HOUR`` new
cards in an hour, and a digest for the rest.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Literal

import structlog

from services.alerts.news import (
    TO_BE_POSTED,
    Known,
    Newsroom,
    back_words,
    fingerprint_of,
    groups_of,
    grown_words,
    is_behind,
    title_of,
)
from services.alerts.posting import Posting
from services.alerts.runs import RUN, RunCards
from services.alerts.untold import Untold
from services.analysis.quiet import above_threshold, came_ended
from services.config import Config
from services.errors import (
    AgentError,
    ConversationGoneError,
    LostLeaseError,
    StoreUnavailableError,
)
from services.floors import Floors
from services.model import (
    Alert,
    Anomaly,
    AnomalyNews,
    Conversation,
    RunNews,
    SourceName,
)
from services.notices import Notices
from services.ports import AlertStore, AnomalyStore, ConversationStore, Notifier
from services.reports import ReportMaker
from services.teams import Teams
from services.timing import PRODUCTION, Timing
from services.watchdog import Watchdog

log = structlog.get_logger()

MOST_AN_HOUR = 8
KEPT_CURRENT = timedelta(days=45)
"""How long cards follow their anomaly."""
GROWN = 2
"""An excess that is so many times what people were told is told again."""
DIGEST = "digest:"
GROUP = f"{DIGEST}group:"
QUIET_STATES = {"snoozed", "expected", "not_an_anomaly", "too_small", "accepted"}


class Alerts:
    """Posts alerts and keeps them up to date."""

    def __init__(
        self,
        *,
        alerts: AlertStore,
        anomalies: AnomalyStore,
        conversations: ConversationStore,
        notifier: Notifier,
        notices: Notices,
        maker: ReportMaker,
        teams: Teams,
        config: Config,
        floors: Floors,
        watchdog: Watchdog,
        source: SourceName,
        timing: Timing = PRODUCTION,
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._alerts = alerts
        self._anomalies = anomalies
        self._conversations = conversations
        self._notifier = notifier
        self._watchdog = watchdog
        self._source = source
        self._untold = Untold(anomalies, alerts, source)
        self._newsroom = Newsroom(maker, teams, config, floors, source)
        self._posting = Posting(
            alerts=alerts,
            notifier=notifier,
            notices=notices,
            source=source,
            timing=timing,
            timer=timer,
            sleep=sleep,
        )
        self._runs = RunCards(alerts, self._posting, watchdog)

    async def tick(self, now: datetime) -> None:
        """One round over all conversations at once; none waits for another, or stops it."""
        conversations = [
            one for one in await self._conversations.with_alerts() if one.state == "active"
        ]
        troubled = await self._watchdog.troubled(now)
        if not conversations:
            await self._runs.mail(troubled, now)
            return
        found = await self._untold.to_tell(now)
        rounds = (self._guarded(one, found, troubled, now) for one in conversations)
        for ended in await asyncio.gather(*rounds, return_exceptions=True):
            if ended is not None:
                raise ended

    async def _guarded(
        self,
        conversation: Conversation,
        found: Sequence[Anomaly],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        try:
            await self._round_or_mail(conversation, found, troubled, now)
        except AgentError as error:
            log.warning("alerts_delayed", conversation=conversation.id, error=str(error))

    async def _round_or_mail(
        self,
        conversation: Conversation,
        found: Sequence[Anomaly],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        """A round; the admins get a mail when the conversation cannot be reached."""
        try:
            await self._round(conversation, found, troubled, now)
        except ConversationGoneError as error:
            await self.gone(conversation.id, error.state, now)
            await self._runs.mail(troubled, now)
        except (LostLeaseError, StoreUnavailableError):
            raise
        except AgentError as error:
            log.warning("alerts_delayed", conversation=conversation.id, error=str(error))
            if await self._posting.unreachable(conversation, error, now):
                await self._runs.mail(troubled, now)

    async def news_of(self, anomaly: Anomaly, now: datetime) -> AnomalyNews:
        """What a card says of an anomaly now."""
        return self._newsroom.news(anomaly, await self._newsroom.knowledge([anomaly], now))

    async def refresh(self, anomaly: Anomaly, now: datetime) -> None:
        """Brings every card of an anomaly up to date at once, as somebody has answered."""
        news = await self.news_of(anomaly, now)
        for alert in await self._alerts.of_subjects([anomaly.id]):
            conversation = await self._conversations.get(alert.conversation_id)
            if conversation is None:
                continue
            try:
                await self._update(conversation, alert, news, now)
            except AgentError as error:
                log.warning("alert_not_updated", alert=alert.id, error=str(error))

    async def gone(
        self, conversation_id: str, state: Literal["uninstalled", "blocked"], now: datetime
    ) -> None:
        """Tells the admins by mail, and marks a conversation that takes no messages any more."""
        known = await self._conversations.get(conversation_id)
        if known is None or known.state == state:
            return
        if known.alerts_since is not None:
            await self._posting.mail(
                f"gone:{known.id}",
                "a channel cannot be reached",
                [
                    (
                        f"{title_of(known)} takes no messages any more ({state}). No alerts are "
                        "sent there."
                    ),
                    "Add the app there again, or write alerts here in another channel.",
                ],
                now,
            )
        await self._conversations.lost(conversation_id, state, now)

    async def _round(
        self,
        conversation: Conversation,
        found: Sequence[Anomaly],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        known = await self._alerts.newest_of(self._source, conversation.id, now - KEPT_CURRENT)
        # First, so that no card of an anomaly keeps it from being told.
        await self._runs.tell(conversation, known, troubled, now)
        followed = [one.subject for one in known if one.message or one.state in TO_BE_POSTED]
        anomalies = {one.id: one for one in await self._anomalies.get_many(followed)}
        new = await self._untold.of(conversation, found)
        floors = await self._newsroom.floors_of(anomalies.values())
        behind = [anomalies[one.subject] for one in known if is_behind(one, anomalies, floors)]
        facts = Known(now=now, floors=floors)
        if behind or new or any(one.state in TO_BE_POSTED for one in known):
            facts = await self._newsroom.knowledge([*behind, *new[:MOST_AN_HOUR]], now)
            facts = replace(facts, floors={**floors, **facts.floors})
        for alert in known:
            anomaly = anomalies.get(alert.subject)
            if anomaly is not None:
                await self._follow(conversation, alert, anomaly, facts)
            elif alert.subject.startswith(DIGEST) and alert.state in TO_BE_POSTED:
                await self._stale_digest(conversation, alert, known, facts)
        if not any(one.state == "pending" for one in known):
            await self._tell_of_new(conversation, known, new, facts)

    # New anomalies

    async def _tell_of_new(
        self,
        conversation: Conversation,
        known: Sequence[Alert],
        new: Sequence[Anomaly],
        facts: Known,
    ) -> None:
        recent = [
            one
            for one in known
            if one.created_at > facts.now - timedelta(hours=1)
            and not one.shown.startswith(DIGEST)
            and not one.subject.startswith((DIGEST, RUN))
        ]
        for group, members in groups_of(new).items():
            await self._tell_in_digest(conversation, f"{GROUP}{group}", members, facts)
        single = [one for one in new if not one.group]
        free = max(MOST_AN_HOUR - len(recent), 0)
        for anomaly in single[:free]:
            alert = self._posting.alert(anomaly.id, conversation, facts.now)
            if await self._alerts.create_once(alert):
                await self._posting.post(
                    conversation, alert, self._newsroom.news(anomaly, facts), facts.now
                )
        if rest := single[free:]:
            # One digest in an hour; what comes later in the hour waits for the next.
            hour = f"{DIGEST}{facts.now:%Y-%m-%dT%H}"
            await self._tell_in_digest(conversation, hour, rest, facts)

    async def _tell_in_digest(
        self, conversation: Conversation, subject: str, rest: Sequence[Anomaly], facts: Known
    ) -> None:
        """Several anomalies in one message, once for its subject."""
        digest = self._posting.alert(subject, conversation, facts.now)
        is_new = await self._alerts.create_once(digest)
        if not is_new and not subject.startswith(GROUP):
            return
        listed = []
        for anomaly in rest:
            one = self._posting.alert(anomaly.id, conversation, facts.now)
            shown = {"state": "posted", "shown": digest.subject, "excess_told": anomaly.excess}
            if await self._alerts.create_once(one.model_copy(update=shown)):
                listed.append(anomaly)
        # Accounts that join a group later belong to what was told already.
        if is_new:
            await self._post_digest(conversation, digest, listed, facts)

    async def _stale_digest(
        self, conversation: Conversation, alert: Alert, known: Sequence[Alert], facts: Known
    ) -> None:
        taken = await self._posting.taken_up(conversation, alert, facts.now)
        if taken is None:
            return
        members = [one.subject for one in known if one.shown == alert.subject]
        listed = await self._anomalies.get_many(members)
        await self._post_digest(conversation, taken, listed, facts)

    async def _post_digest(
        self,
        conversation: Conversation,
        digest: Alert,
        listed: Sequence[Anomaly],
        facts: Known,
    ) -> None:
        if listed:
            together = digest.subject.startswith(GROUP)
            accounts = sorted({one.account_id for one in listed})
            above = above_threshold(await self._anomalies.open_of(self._source, accounts))
            news = self._newsroom.digest(listed, facts, above, together=together)
            await self._posting.post(conversation, digest, news, facts.now)
        else:
            await self._posting.save(digest, facts.now, state="failed", error="nothing to tell")

    # Known ones

    async def _follow(
        self, conversation: Conversation, alert: Alert, anomaly: Anomaly, facts: Known
    ) -> None:
        news = self._newsroom.news(anomaly, facts)
        if alert.message is not None:
            await self._update(conversation, alert, news, facts.now)
        elif alert.state == "pending" and anomaly.status != "open" and not came_ended(anomaly):
            await self._posting.changed(
                alert, facts.now, state="failed", error="over before it was told"
            )
        elif (taken := await self._posting.taken_up(conversation, alert, facts.now)) is not None:
            await self._posting.post(conversation, taken, news, facts.now)

    async def _update(
        self, conversation: Conversation, alert: Alert, news: AnomalyNews, now: datetime
    ) -> None:
        """Replaces the card where it shows something else now; tells once of growth, and that an
        anomaly which was quiet is open again by itself.
        """
        anomaly, message = news.anomaly, alert.message
        fingerprint = fingerprint_of(anomaly, news.floor)
        if alert.shown == fingerprint or message is None:
            return
        back = _is_back(alert, anomaly)
        grown = (
            not back
            and anomaly.status == "open"
            and alert.excess_told > 0
            and anomaly.excess >= GROWN * alert.excess_told
        )
        if grown or back:
            before = alert.excess_told if grown else None
            news = news.model_copy(update={"grown_from": before, "is_back": back})
        if not await self._posting.replaced(conversation, alert, news, fingerprint, now):
            return
        told = anomaly.excess if grown or back else alert.excess_told
        # Stored before the reply: a reply that is lost is better than one at every tick, or one
        # from each worker.
        stored = await self._posting.changed(alert, now, shown=fingerprint, excess_told=told)
        if (grown or back) and stored is not None:
            words = grown_words(news, alert.excess_told) if grown else back_words(news)
            await self._notifier.reply(conversation, message, words)


def _is_back(alert: Alert, anomaly: Anomaly) -> bool:
    """Whether a card says of an open anomaly that it is quiet, and nobody has reopened it."""
    was = alert.shown.partition("|")[0]
    return was in QUIET_STATES and anomaly.status == "open" and anomaly.answer is None
