"""Tells channels of anomalies: one card for each, brought up to date in place.

Cards go through the stages of mails: stored as pending, as ``posting`` before Teams gets them, as
posted with Teams' answer; each change names the one before, so that two workers post none twice
and a stale one writes nothing. A message whose fate is unknown is not sent again, as Teams shows
a copy twice; the admins get a mail instead. A conversation gets at most ``MOST_AN_HOUR`` new
cards in an hour, and a digest for the rest.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

import structlog

from services.config import Config
from services.errors import (
    AgentError,
    ConversationGoneError,
    LostLeaseError,
    MessageFateUnknownError,
    MessageRefusedError,
    NotFoundError,
    StoreUnavailableError,
)
from services.model import (
    AccountFigures,
    Alert,
    Anomaly,
    AnomalyLine,
    AnomalyNews,
    Conversation,
    DigestNews,
    News,
    RunNews,
    RunState,
    SourceName,
    Team,
)
from services.notices import Notices
from services.ports import AlertStore, AnomalyStore, ConversationStore, Notifier
from services.reports import ReportMaker
from services.schedule import period_of
from services.teams import Teams
from services.timing import PRODUCTION, Timing
from services.watchdog import Watchdog
from services.wording import cents, money, neutral

log = structlog.get_logger()

MOST_AN_HOUR = 8
UNREACHABLE = timedelta(minutes=30)
"""A card that could not be posted for so long is told by mail."""
GIVE_UP = timedelta(days=1)
KEPT_CURRENT = timedelta(days=45)
"""How long cards follow their anomaly."""
MOST_LINES = 20
GROWN = 2
"""An excess that is so many times what people were told is told again."""
DIGEST, RUN = "digest:", "run:"
GROUP = f"{DIGEST}group:"
MOST_EVENTS = 1000
TO_BE_POSTED = {"pending", "posting"}
WENT_OUT = "went out"


@dataclass(frozen=True, slots=True)
class _Known:
    """What all cards of one round are made from."""

    teams: dict[str, Team]
    figures: dict[str, AccountFigures]
    now: datetime


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
        self._notices = notices
        self._maker = maker
        self._teams = teams
        self._config = config
        self._watchdog = watchdog
        self._source = source
        self._timing = timing
        self._timer = timer
        self._sleep = sleep

    async def tick(self, now: datetime) -> None:
        """One round over all conversations at once; none waits for another, or stops it."""
        conversations = [
            one for one in await self._conversations.with_alerts() if one.state == "active"
        ]
        troubled = await self._watchdog.troubled(now)
        if not conversations:
            await self._mail_of_runs(troubled, now)
            return
        open_ones = await self._without_doubles(await self._anomalies.open_of(self._source))
        rounds = (self._guarded(one, open_ones, troubled, now) for one in conversations)
        for ended in await asyncio.gather(*rounds, return_exceptions=True):
            if ended is not None:
                raise ended

    async def _without_doubles(self, open_ones: Sequence[Anomaly]) -> list[Anomaly]:
        """Without the thresholds of accounts that have a detected event in the same month, as
        the event's card says that the threshold is crossed.
        """
        accounts = sorted({one.account_id for one in open_ones if one.kind == "threshold"})
        if not accounts:
            return list(open_ones)
        newest = await self._anomalies.newest(self._source, accounts, MOST_EVENTS)
        events = [one for one in newest if one.kind != "threshold"]
        return [
            one
            for one in open_ones
            if one.kind != "threshold" or not any(_covers(event, one) for event in events)
        ]

    async def _guarded(
        self,
        conversation: Conversation,
        open_ones: Sequence[Anomaly],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        try:
            await self._round_or_mail(conversation, open_ones, troubled, now)
        except AgentError as error:
            log.warning("alerts_delayed", conversation=conversation.id, error=str(error))

    async def _round_or_mail(
        self,
        conversation: Conversation,
        open_ones: Sequence[Anomaly],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        """A round; the admins get a mail when the conversation cannot be reached."""
        try:
            await self._round(conversation, open_ones, troubled, now)
        except ConversationGoneError as error:
            await self.gone(conversation.id, error.state, now)
            await self._mail_of_runs(troubled, now)
        except (LostLeaseError, StoreUnavailableError):
            raise
        except AgentError as error:
            log.warning("alerts_delayed", conversation=conversation.id, error=str(error))
            await self._unreachable(conversation, error, now)

    async def news_of(self, anomaly: Anomaly, now: datetime) -> AnomalyNews:
        """What a card says of an anomaly now."""
        return self._news(anomaly, await self._knowledge([anomaly], now))

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
            await self._mail(
                f"gone:{known.id}",
                "a channel cannot be reached",
                [
                    (
                        f"{_title(known)} takes no messages any more ({state}). No alerts are "
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
        open_ones: Sequence[Anomaly],
        troubled: Sequence[RunNews],
        now: datetime,
    ) -> None:
        known = await self._alerts.newest_of(self._source, conversation.id, now - KEPT_CURRENT)
        followed = [one.subject for one in known if one.message or one.state in TO_BE_POSTED]
        anomalies = {one.id: one for one in await self._anomalies.get_many(followed)}
        new = await self._untold(conversation, open_ones)
        behind = [anomalies[one.subject] for one in known if _is_behind(one, anomalies)]
        facts = _Known({}, {}, now)
        if behind or new or any(one.state in TO_BE_POSTED for one in known):
            facts = await self._knowledge([*behind, *new[:MOST_AN_HOUR]], now)
        for alert in known:
            anomaly = anomalies.get(alert.subject)
            if anomaly is not None:
                await self._follow(conversation, alert, anomaly, facts)
            elif alert.subject.startswith(DIGEST) and alert.state in TO_BE_POSTED:
                await self._stale_digest(conversation, alert, known, facts)
        await self._tell_of_runs(conversation, known, troubled, now)
        if not any(one.state == "pending" for one in known):
            await self._tell_of_new(conversation, known, new, facts)

    async def _untold(
        self, conversation: Conversation, open_ones: Sequence[Anomaly]
    ) -> list[Anomaly]:
        """The open anomalies that this conversation has never been told of."""
        told = {
            one.subject
            for one in await self._alerts.of_subjects([one.id for one in open_ones])
            if one.conversation_id == conversation.id
        }
        return [one for one in open_ones if one.id not in told]

    # New anomalies

    async def _tell_of_new(
        self,
        conversation: Conversation,
        known: Sequence[Alert],
        new: Sequence[Anomaly],
        facts: _Known,
    ) -> None:
        recent = [
            one
            for one in known
            if one.created_at > facts.now - timedelta(hours=1)
            and not one.shown.startswith(DIGEST)
            and not one.subject.startswith((DIGEST, RUN))
        ]
        for group, members in _groups(new).items():
            await self._tell_in_digest(conversation, f"{GROUP}{group}", members, facts)
        single = [one for one in new if not one.group]
        free = max(MOST_AN_HOUR - len(recent), 0)
        for anomaly in single[:free]:
            alert = self._alert(anomaly.id, conversation, facts.now)
            if await self._alerts.create_once(alert):
                await self._post(conversation, alert, self._news(anomaly, facts), facts.now)
        if rest := single[free:]:
            # One digest in an hour; what comes later in the hour waits for the next.
            hour = f"{DIGEST}{facts.now:%Y-%m-%dT%H}"
            await self._tell_in_digest(conversation, hour, rest, facts)

    async def _tell_in_digest(
        self, conversation: Conversation, subject: str, rest: Sequence[Anomaly], facts: _Known
    ) -> None:
        """Several anomalies in one message, once for its subject."""
        digest = self._alert(subject, conversation, facts.now)
        is_new = await self._alerts.create_once(digest)
        if not is_new and not subject.startswith(GROUP):
            return
        listed = []
        for anomaly in rest:
            one = self._alert(anomaly.id, conversation, facts.now)
            shown = {"state": "posted", "shown": digest.subject, "excess_told": anomaly.excess}
            if await self._alerts.create_once(one.model_copy(update=shown)):
                listed.append(anomaly)
        # Accounts that join a group later belong to what was told already.
        if is_new:
            await self._post_digest(conversation, digest, listed, facts)

    async def _stale_digest(
        self, conversation: Conversation, alert: Alert, known: Sequence[Alert], facts: _Known
    ) -> None:
        taken = await self._taken_up(conversation, alert, facts.now)
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
        facts: _Known,
    ) -> None:
        if listed:
            together = digest.subject.startswith(GROUP)
            news = self._digest(listed, facts, together=together)
            await self._post(conversation, digest, news, facts.now)
        else:
            await self._save(digest, facts.now, state="failed", error="nothing to tell")

    def _digest(
        self, anomalies: Sequence[Anomaly], facts: _Known, *, together: bool
    ) -> DigestNews:
        lines = [
            AnomalyLine(team_name=_name(facts.teams.get(one.account_id), one), anomaly=one)
            for one in sorted(anomalies, key=lambda one: -one.excess)
        ]
        return DigestNews(lines=tuple(lines), together=together, sample=self._source == "sample")

    # Known ones

    async def _follow(
        self, conversation: Conversation, alert: Alert, anomaly: Anomaly, facts: _Known
    ) -> None:
        news = self._news(anomaly, facts)
        if alert.message is not None:
            await self._update(conversation, alert, news, facts.now)
        elif alert.state == "pending" and anomaly.status != "open":
            await self._changed(alert, facts.now, state="failed", error="over before it was told")
        elif (taken := await self._taken_up(conversation, alert, facts.now)) is not None:
            await self._post(conversation, taken, news, facts.now)

    async def _taken_up(
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
            await self._save(alert, now, state="failed", error=alert.error or "never posted")
            return None
        return await self._alerts.replace(alert.model_copy(update={"updated_at": now}))

    async def _update(
        self, conversation: Conversation, alert: Alert, news: AnomalyNews, now: datetime
    ) -> None:
        """Replaces the card where it shows something else now, and tells once of growth."""
        anomaly, fingerprint, message = news.anomaly, fingerprint_of(news.anomaly), alert.message
        if alert.shown == fingerprint or message is None:
            return
        grown = (
            anomaly.status == "open"
            and alert.excess_told > 0
            and anomaly.excess >= GROWN * alert.excess_told
        )
        if grown:
            news = news.model_copy(update={"grown_from": alert.excess_told})
        if not await self._replaced(conversation, alert, news, fingerprint, now):
            return
        told = anomaly.excess if grown else alert.excess_told
        # Stored before the reply: a reply that is lost is better than one at every tick, or one
        # from each worker.
        stored = await self._changed(alert, now, shown=fingerprint, excess_told=told)
        if grown and stored is not None:
            words = _grown_words(news, alert.excess_told)
            await self._notifier.reply(conversation, message, words)

    async def _replaced(
        self, conversation: Conversation, alert: Alert, news: News, shown: str, now: datetime
    ) -> bool:
        """Whether the message shows the news now; one that never will is not tried again."""
        if alert.message is None:
            return False
        try:
            await self._notifier.update(conversation, alert.message, news)
        except NotFoundError as error:
            # Somebody has deleted the message; it is not posted again.
            await self._changed(alert, now, state="failed", activity_id=None, error=str(error))
            return False
        except MessageRefusedError as error:
            await self._changed(alert, now, shown=shown, error=str(error))
            return False
        return True

    # Runs

    async def _tell_of_runs(
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
        since = conversation.alerts_since
        if since is None or news.run.created_at < since:
            return
        if known is None:
            alert = self._alert(RUN + news.run.id, conversation, now)
            if await self._alerts.create_once(alert):
                await self._post(conversation, alert, news, now)
        elif known.message is not None:
            shown = _shown(news)
            if known.shown != shown and await self._replaced(
                conversation, known, news, shown, now
            ):
                await self._changed(known, now, shown=shown)
        elif (taken := await self._taken_up(conversation, known, now)) is not None:
            await self._post(conversation, taken, news, now)

    async def _went_out(self, conversation: Conversation, alert: Alert, now: datetime) -> None:
        """Says on the card of a run that its trouble is over, once."""
        if alert.shown == WENT_OUT or (alert.message is None and alert.state != "pending"):
            return
        news = await self._watchdog.news_of(alert.subject.removeprefix(RUN))
        if news is None or news.run.state is RunState.OPEN:
            return
        if alert.message is None:
            await self._changed(alert, now, state="failed", error="over before it was told")
        elif await self._replaced(conversation, alert, news, WENT_OUT, now):
            await self._changed(alert, now, shown=WENT_OUT)

    async def _mail_of_runs(self, troubled: Sequence[RunNews], now: datetime) -> None:
        """Mails the admins of what did not go out, once for each run: no channel takes it."""
        for news in troubled:
            await self._mail(
                f"run:{news.run.id}",
                f"{news.run.period} did not go out in full",
                _lines_of(news),
                now,
                once=True,
            )

    # Posting

    async def _post(
        self, conversation: Conversation, alert: Alert, news: News, now: datetime
    ) -> None:
        """Posts a card that is this worker's; what came of it is in the store when this returns.

        Raises LostLeaseError when another worker has taken it up.
        """
        began = self._timer()
        alert = await self._save(alert, now, state="posting")
        if self._timer() - began > self._timing.alert_lease - self._timing.alert_answer:
            # Frozen for a while: another worker may take it up before Teams answers.
            await self._save(alert, now, state="pending", error="paused before the post")
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
            await self._save(alert, now, state="pending", error=str(error))
            raise
        told = news.anomaly.excess if isinstance(news, AnomalyNews) else Decimal(0)
        await self._save(
            alert,
            now,
            state="posted",
            activity_id=message.activity_id or None,
            thread=message.conversation_id,
            shown=_shown(news),
            excess_told=told,
            error=None,
        )

    async def _unsure(
        self, conversation: Conversation, alert: Alert, reason: str, now: datetime
    ) -> None:
        """Leaves a card that may have been shown to people; the mail is told first, as it is
        told once however often this is repeated.
        """
        await self._mail(
            f"alert:{alert.id}",
            "an alert may not have reached its channel",
            [
                (
                    f"Teams did not confirm an alert in {_title(conversation)}. It is not sent "
                    "again, so that nobody gets it twice. To see all, write anomalies to the bot."
                ),
            ],
            now,
            once=True,
        )
        await self._save(alert, now, state="unknown", error=reason)

    async def _refused(
        self, conversation: Conversation, alert: Alert, error: AgentError, now: datetime
    ) -> None:
        """Leaves a card that Teams will never take; the others may go well."""
        await self._mail(
            f"refused:{conversation.id}",
            "alerts do not reach a channel",
            [
                f"{_title(conversation)} got no card of an alert: {neutral(str(error), 300)}",
                "To see all, write anomalies to the bot.",
            ],
            now,
        )
        await self._save(alert, now, state="failed", error=str(error))

    async def _unreachable(
        self, conversation: Conversation, error: AgentError, now: datetime
    ) -> None:
        """Tells the admins by mail, once a day, of cards that wait for a channel too long."""
        known = await self._alerts.newest_of(self._source, conversation.id, now - GIVE_UP)
        waiting = [one for one in known if one.state == "pending"]
        if not any(now - one.created_at > UNREACHABLE for one in waiting):
            return
        await self._mail(
            f"late:{conversation.id}",
            "alerts do not reach a channel",
            [
                f"{_title(conversation)} has taken no alert for half an hour: {error}",
                f"{len(waiting)} alerts wait. They are tried again for a day.",
            ],
            now,
        )

    async def _mail(
        self, key: str, title: str, lines: Sequence[str], now: datetime, *, once: bool = False
    ) -> None:
        """Mails the admins; mail that is wrongly set up stops no alert."""
        try:
            await self._notices.tell(key, title, lines, now, once=once)
        except StoreUnavailableError:
            raise
        except AgentError as error:
            log.error("admins_not_told", title=title, error=str(error))  # noqa: TRY400 - no trace

    async def _save(self, alert: Alert, now: datetime, **changes: object) -> Alert:
        """Stores what came of a card, waiting for MongoDB; LostLeaseError if it is another's."""
        until = self._timer() + self._timing.store_patience
        while True:
            try:
                stored = await self._changed(alert, now, **changes)
            except StoreUnavailableError:
                if self._timer() > until:
                    raise
                await self._sleep(self._timing.store_retry)
                continue
            if stored is None:
                raise LostLeaseError(f"Another worker has taken up the card {alert.id}.")
            return stored

    async def _changed(self, alert: Alert, now: datetime, **changes: object) -> Alert | None:
        """The card as stored; None when another worker has changed it."""
        return await self._alerts.replace(alert.model_copy(update={**changes, "updated_at": now}))

    def _alert(self, subject: str, conversation: Conversation, now: datetime) -> Alert:
        return Alert(
            id=f"{subject}|{conversation.id}",
            subject=subject,
            source=self._source,
            conversation_id=conversation.id,
            created_at=now,
            updated_at=now,
        )

    # What cards say

    async def _knowledge(self, anomalies: Sequence[Anomaly], now: datetime) -> _Known:
        """Teams and figures of all accounts concerned, read together."""
        teams = {team.aws_account_id: team for team in await self._teams.list()}
        accounts = sorted({one.account_id for one in anomalies})
        if not accounts:
            return _Known(teams, {}, now)
        config = await self._config.stored(now)
        try:
            basis = await self._maker.basis(config, period_of(now, config.schedule_timezone), now)
        except AgentError:
            return _Known(teams, {}, now)
        thresholds = {
            account: teams[account].anomaly_threshold or config.anomaly_threshold
            for account in accounts
            if account in teams
        }
        figures = await self._maker.figures(basis, accounts, thresholds)
        return _Known(teams, figures, now)

    def _news(self, anomaly: Anomaly, facts: _Known) -> AnomalyNews:
        return AnomalyNews(
            anomaly=anomaly,
            team=facts.teams.get(anomaly.account_id),
            figures=facts.figures.get(anomaly.account_id),
            sample=self._source == "sample",
        )


def _groups(anomalies: Sequence[Anomaly]) -> dict[str, list[Anomaly]]:
    """Anomalies that came together, by their group."""
    found: dict[str, list[Anomaly]] = {}
    for one in anomalies:
        if one.group:
            found.setdefault(one.group, []).append(one)
    return found


def _covers(event: Anomaly, breach: Anomaly) -> bool:
    """Whether a detected event lies in the month of a crossed threshold, or later."""
    last = event.end or event.last or event.start
    return event.account_id == breach.account_id and last >= breach.start


def fingerprint_of(anomaly: Anomaly) -> str:
    """What a card shows of an anomaly, in short."""
    at = anomaly.answer.at.isoformat() if anomaly.answer else ""
    return f"{anomaly.status}|{cents(anomaly.excess)}|{anomaly.service}|{anomaly.end}|{at}"


def _is_behind(alert: Alert, anomalies: Mapping[str, Anomaly]) -> bool:
    """Whether a card has something to show that it does not show yet."""
    anomaly = anomalies.get(alert.subject)
    if anomaly is None:
        return False
    if alert.message is None:
        return alert.state in TO_BE_POSTED
    return alert.shown != fingerprint_of(anomaly)


def _shown(news: News) -> str:
    if isinstance(news, AnomalyNews):
        return fingerprint_of(news.anomaly)
    if isinstance(news, RunNews):
        return f"{news.run.state.value}|{news.waiting}|{len(news.failed)}|{news.run.last_error}"
    return ""


def _lines_of(news: RunNews) -> list[str]:
    """A run's trouble, for a mail."""
    lines = [f"{news.sent:,} mails were sent, {len(news.failed):,} failed, {news.waiting:,} wait."]
    if news.run.last_error:
        lines.append(news.run.last_error)
    lines += [f"{recipient}: {reason}" for recipient, reason in news.failed[:MOST_LINES]]
    return lines


def _name(team: Team | None, anomaly: Anomaly) -> str:
    return team.team_name if team else anomaly.account_id


def _title(conversation: Conversation) -> str:
    name = neutral(conversation.title, 80)
    return f"The {conversation.kind} {name}" if name else f"A {conversation.kind}"


def _grown_words(news: AnomalyNews, before: Decimal) -> str:
    currency = news.anomaly.currency
    now = money(news.anomaly.excess, currency)
    name = neutral(_name(news.team, news.anomaly), 60)
    return f"Grown: {name} is now {now} over expected, {money(before, currency)} when told."
