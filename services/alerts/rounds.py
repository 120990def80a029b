"""Alerts channels about anomalies: one card for each, brought up to date in place.

Cards go through the stages of emails: stored as ``pending``, as ``posting`` before Teams gets them,
as ``posted`` with Teams' reply. Each change names the one before, so that of two workers one posts
and a stale one writes nothing. A message whose outcome is unknown is not sent again: the Bot
Framework has no idempotency key, and Teams shows a copy twice; the admins get an email instead.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

import structlog

from services.alerts.admin_notices import DELETED, GONE
from services.alerts.content import (
    UNPOSTED_STATES,
    AlertContext,
    ContentBuilder,
    conversation_name,
    groups_of,
    needs_update,
)
from services.alerts.digests import DIGEST, Digests
from services.alerts.pending import PendingAlerts
from services.alerts.posting import CardPoster
from services.alerts.run_cards import RUN, RunCards
from services.alerts.run_trouble import RunTrouble
from services.alerts.updates import CardUpdates
from services.domain import (
    Alert,
    Anomaly,
    AnomalyContent,
    Conversation,
    LostState,
    RunContent,
    SourceName,
)
from services.domain.errors import (
    AgentError,
    ConversationGoneError,
    LostLeaseError,
    StoreUnavailableError,
)
from services.ports import Notifier, Store
from services.teams import Teams

log = structlog.get_logger()

MAX_CARDS_PER_HOUR = 8
"""New cards of a conversation; the rest goes into a digest."""
HOUR = timedelta(hours=1)
UPDATED_FOR = timedelta(days=45)
"""How long cards follow their anomaly."""


class AlertRounds:
    """Posts alerts and keeps them up to date."""

    def __init__(
        self,
        *,
        store: Store,
        teams: Teams,
        content: ContentBuilder,
        poster: CardPoster,
        notifier: Notifier,
        trouble: RunTrouble,
        source: SourceName,
    ) -> None:
        self._alerts = store.alerts
        self._anomalies = store.anomalies
        self._conversations = store.conversations
        self._trouble = trouble
        self._source = source
        self._content = content
        self._poster = poster
        self._pending = PendingAlerts(store, teams, source)
        self._digests = Digests(
            alerts=store.alerts,
            anomalies=store.anomalies,
            content=content,
            poster=poster,
            source=source,
        )
        self._updates = CardUpdates(content, poster, notifier)
        self._run_cards = RunCards(store.alerts, poster, trouble)

    async def tick(self, now: datetime) -> None:
        """Make a round over all conversations at once; none waits for another, or stops it."""
        conversations = [
            conversation
            for conversation in await self._conversations.with_alerts()
            if conversation.state == "active"
        ]
        stuck_runs = await self._trouble.stuck_runs(now)
        if not conversations:
            await self._run_cards.email(stuck_runs, now)
            return
        candidates = await self._pending.candidates(now)
        rounds = (
            self._guarded_round(conversation, candidates, stuck_runs, now)
            for conversation in conversations
        )
        errors = await asyncio.gather(*rounds, return_exceptions=True)
        await self._poster.notices.flush(now)
        for error in errors:
            if error is not None:
                raise error

    async def _guarded_round(
        self,
        conversation: Conversation,
        candidates: Sequence[Anomaly],
        stuck_runs: Sequence[RunContent],
        now: datetime,
    ) -> None:
        try:
            await self._round_or_email(conversation, candidates, stuck_runs, now)
        except AgentError as error:
            log.warning("alerts_delayed", conversation=conversation.id, error=str(error))

    async def _round_or_email(
        self,
        conversation: Conversation,
        candidates: Sequence[Anomaly],
        stuck_runs: Sequence[RunContent],
        now: datetime,
    ) -> None:
        """Make a round; email the admins when the conversation cannot be reached."""
        try:
            await self._round(conversation, candidates, stuck_runs, now)
        except ConversationGoneError as error:
            await self._lose(conversation.id, error.state, now)
            await self._run_cards.email(stuck_runs, now)
        except (LostLeaseError, StoreUnavailableError):
            raise
        except AgentError as error:
            log.warning("alerts_delayed", conversation=conversation.id, error=str(error))
            if await self._poster.report_unreachable(conversation, error, now):
                await self._run_cards.email(stuck_runs, now)

    async def content_of(self, anomaly: Anomaly, now: datetime) -> AnomalyContent:
        """Build the content that an anomaly's card should have now."""
        context = await self._content.context([anomaly], now)
        return self._content.anomaly_content(anomaly, context)

    async def anomalies_of_message(
        self, conversation_id: str, message_id: str
    ) -> Sequence[Anomaly]:
        """The anomalies that a posted message is about; none if it is not an alert."""
        alert = await self._alerts.of_message(conversation_id, message_id)
        if alert is None:
            return []
        if alert.subject.startswith(DIGEST):
            return await self._digests.members(alert)
        return await self._anomalies.get_many([alert.subject])

    async def refresh(self, anomaly: Anomaly, now: datetime) -> None:
        """Bring every card of an anomaly up to date at once, as somebody has answered."""
        content = await self.content_of(anomaly, now)
        for alert in await self._alerts.of_subjects([anomaly.id]):
            conversation = await self._conversations.get(alert.conversation_id)
            if conversation is None:
                continue
            try:
                await self._updates.update(conversation, alert, content, now)
            except AgentError as error:
                log.warning("alert_update_failed", alert=alert.id, error=str(error))

    async def handle_lost(self, conversation_id: str, state: LostState, now: datetime) -> None:
        """Mark a conversation that no longer accepts messages, and email the admins."""
        await self._lose(conversation_id, state, now)
        await self._poster.notices.flush(now)

    async def _lose(self, conversation_id: str, state: LostState, now: datetime) -> None:
        conversation = await self._conversations.get(conversation_id)
        if conversation is None or conversation.state == state:
            return
        lost = partial(self._conversations.lost, conversation_id, state, now)
        if conversation.alerts_since is None:
            await lost()
            return
        name = conversation_name(conversation)
        name = f"{name[0].upper()}{name[1:]}"
        if state == "deleted":
            kind, line = DELETED, f"{name} was deleted. No alerts are sent there."
        else:
            kind = GONE
            line = f"{name} no longer accepts messages ({state}). No alerts are sent there."
        self._poster.notices.add(kind, f"gone:{conversation.id}", line, lost)

    async def _round(
        self,
        conversation: Conversation,
        candidates: Sequence[Anomaly],
        stuck_runs: Sequence[RunContent],
        now: datetime,
    ) -> None:
        alerts = await self._alerts.newest_of(self._source, conversation.id, now - UPDATED_FOR)
        # Runs first, so that a card of an anomaly that fails does not keep them from being posted.
        await self._run_cards.notify(conversation, alerts, stuck_runs, now)
        new = await self._pending.pending_for(conversation, candidates)
        followed = [
            alert.subject for alert in alerts if alert.message or alert.state in UNPOSTED_STATES
        ]
        anomalies = {anomaly.id: anomaly for anomaly in await self._anomalies.get_many(followed)}
        context = await self._context(alerts, anomalies, new, now)
        for alert in alerts:
            anomaly = anomalies.get(alert.subject)
            if anomaly is not None:
                await self._updates.follow(conversation, alert, anomaly, context)
            elif alert.subject.startswith(DIGEST) and alert.state in UNPOSTED_STATES:
                await self._digests.resume(conversation, alert, alerts, context)
        if not any(alert.state == "pending" for alert in alerts):
            await self._post_new(conversation, alerts, new, context)

    async def _context(
        self,
        alerts: Sequence[Alert],
        anomalies: dict[str, Anomaly],
        new: Sequence[Anomaly],
        now: datetime,
    ) -> AlertContext:
        """What the cards of this round need; nothing is read when no card changes."""
        minimums = await self._content.minimums_of(anomalies.values())
        outdated = [
            anomalies[alert.subject]
            for alert in alerts
            if needs_update(alert, anomalies, minimums)
        ]
        if not (outdated or new or any(alert.state in UNPOSTED_STATES for alert in alerts)):
            return AlertContext(now=now, minimums=minimums)
        context = await self._content.context([*outdated, *new[:MAX_CARDS_PER_HOUR]], now)
        return replace(context, minimums={**minimums, **context.minimums})

    async def _post_new(
        self,
        conversation: Conversation,
        alerts: Sequence[Alert],
        new: Sequence[Anomaly],
        context: AlertContext,
    ) -> None:
        recent = [
            alert
            for alert in alerts
            if alert.created_at > context.now - HOUR
            and not alert.shown.startswith(DIGEST)
            and not alert.subject.startswith((DIGEST, RUN))
        ]
        for group, members in groups_of(new).items():
            await self._digests.post_group(conversation, group, members, context)
        single = [anomaly for anomaly in new if not anomaly.group]
        free = max(MAX_CARDS_PER_HOUR - len(recent), 0)
        for anomaly in single[:free]:
            alert = self._poster.alert(anomaly.id, conversation, context.now)
            if await self._alerts.create_once(alert):
                content = self._content.anomaly_content(anomaly, context)
                await self._poster.post(conversation, alert, content, context.now)
        if rest := single[free:]:
            await self._digests.post_hour(conversation, rest, context)
