"""The content of alert cards, and a short form of what each one shows."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from services.administration import Config
from services.anomalies import AlertMinimums
from services.domain import (
    SAMPLE,
    AccountFigures,
    Alert,
    AlertContent,
    AlertMinimum,
    AlertMinimumOffer,
    Anomaly,
    AnomalyContent,
    AnomalyLine,
    Conversation,
    DigestContent,
    RunContent,
    SourceName,
    Team,
)
from services.domain.errors import AgentError
from services.domain.formatting import cents, money, neutral
from services.domain.schedule import period_of
from services.reports import ReportBuilder
from services.teams import Teams

UNPOSTED_STATES = {"pending", "posting"}
MAX_TEAM_NAME = 60
MAX_TITLE = 80


@dataclass(frozen=True, slots=True)
class AlertContext:
    """What the content of all cards of one round is built from."""

    now: datetime
    teams: dict[str, Team] = field(default_factory=dict)
    """By account, as are the next two."""
    figures: dict[str, AccountFigures] = field(default_factory=dict)
    minimums: dict[str, AlertMinimum] = field(default_factory=dict)
    """Alert minimums of accounts with an anomaly that is too small."""
    offers: dict[str, AlertMinimumOffer] = field(default_factory=dict)
    """Higher minimums, by anomaly."""


class ContentBuilder:
    """Builds the content of alert cards."""

    def __init__(
        self,
        reports: ReportBuilder,
        teams: Teams,
        config: Config,
        alert_minimums: AlertMinimums,
        source: SourceName,
    ) -> None:
        self._reports = reports
        self._alert_minimums = alert_minimums
        self._teams = teams
        self._config = config
        self._source = source

    async def minimums_of(self, anomalies: Iterable[Anomaly]) -> dict[str, AlertMinimum]:
        """The alert minimums that cards of too small anomalies show, by account."""
        accounts = {anomaly.account_id for anomaly in anomalies if anomaly.status == "too_small"}
        return await self._alert_minimums.of_accounts(sorted(accounts)) if accounts else {}

    async def context(self, anomalies: Sequence[Anomaly], now: datetime) -> AlertContext:
        """Read teams, figures and minimums of all accounts concerned, together."""
        context = AlertContext(
            now=now,
            teams={team.aws_account_id: team for team in await self._teams.list()},
            minimums=await self.minimums_of(anomalies),
            offers=await self._offers(anomalies, now),
        )
        return replace(context, figures=await self._figures(anomalies, context.teams, now))

    async def _offers(
        self, anomalies: Sequence[Anomaly], now: datetime
    ) -> dict[str, AlertMinimumOffer]:
        offers = {}
        for anomaly in anomalies:
            if anomaly.status == "too_small":
                offer = await self._alert_minimums.offer(anomaly, now)
                if offer is not None:
                    offers[anomaly.id] = offer
        return offers

    async def _figures(
        self, anomalies: Sequence[Anomaly], teams: Mapping[str, Team], now: datetime
    ) -> dict[str, AccountFigures]:
        accounts = sorted({anomaly.account_id for anomaly in anomalies})
        if not accounts:
            return {}
        config = await self._config.stored(now)
        try:
            basis = await self._reports.basis(
                config, period_of(now, config.schedule_timezone), now
            )
        except AgentError:  # no costs yet: an alert without figures is better than none
            return {}
        thresholds = {
            account: teams[account].anomaly_threshold or config.anomaly_threshold
            for account in accounts
            if account in teams
        }
        return await self._reports.figures(basis, accounts, thresholds)

    def anomaly_content(self, anomaly: Anomaly, context: AlertContext) -> AnomalyContent:
        """Build the content of an anomaly's card."""
        is_too_small = anomaly.status == "too_small"
        return AnomalyContent(
            anomaly=anomaly,
            team=context.teams.get(anomaly.account_id),
            figures=context.figures.get(anomaly.account_id),
            minimum=context.minimums.get(anomaly.account_id) if is_too_small else None,
            offer=context.offers.get(anomaly.id),
            sample=self._source == SAMPLE,
        )

    def digest_content(
        self,
        anomalies: Sequence[Anomaly],
        context: AlertContext,
        above: Collection[str],
        *,
        together: bool,
    ) -> DigestContent:
        """Anomalies in one message; ``above``: those that stand for a crossed threshold, by ID."""
        lines = [
            AnomalyLine(
                team_name=_team_name(context.teams.get(anomaly.account_id), anomaly),
                anomaly=anomaly,
                above_threshold=anomaly.id in above,
            )
            for anomaly in sorted(anomalies, key=lambda anomaly: -anomaly.excess)
        ]
        return DigestContent(lines=tuple(lines), together=together, sample=self._source == SAMPLE)


def groups_of(anomalies: Sequence[Anomaly]) -> dict[str, list[Anomaly]]:
    """Anomalies of accounts that moved together, by their group."""
    groups: dict[str, list[Anomaly]] = {}
    for anomaly in anomalies:
        if anomaly.group:
            groups.setdefault(anomaly.group, []).append(anomaly)
    return groups


def fingerprint_of(anomaly: Anomaly, minimum: AlertMinimum | None) -> str:
    """A short form of what a card shows, stored with it; ``minimum``: the account's own.

    It starts with the status, which ``_has_reopened`` reads back.
    """
    answered_at = anomaly.answer.at.isoformat() if anomaly.answer else ""
    own = ""
    if minimum is not None and anomaly.status == "too_small":
        own = f"|{minimum.amount}"
    excess = cents(anomaly.excess)
    return f"{anomaly.status}|{excess}|{anomaly.service}|{anomaly.end}|{answered_at}{own}"


def needs_update(
    alert: Alert, anomalies: Mapping[str, Anomaly], minimums: Mapping[str, AlertMinimum]
) -> bool:
    """Whether a card no longer shows its anomaly as it is, or was never posted."""
    anomaly = anomalies.get(alert.subject)
    if anomaly is None:
        return False
    if alert.message is None:
        return alert.state in UNPOSTED_STATES
    return alert.shown != fingerprint_of(anomaly, minimums.get(anomaly.account_id))


def content_fingerprint(content: AlertContent) -> str:
    """A short form of what a new card shows; empty for digests, which are not updated."""
    if isinstance(content, AnomalyContent):
        return fingerprint_of(content.anomaly, content.minimum)
    if isinstance(content, RunContent):
        run = content.run
        return f"{run.state.value}|{content.waiting}|{content.failed_count}|{run.last_error}"
    return ""


def run_notice_lines(content: RunContent) -> list[str]:
    """The lines of an email about a run in trouble."""
    sent, failed, waiting = content.sent, content.failed_count, content.waiting
    lines = [f"{sent:,} emails sent, {failed:,} failed, {waiting:,} waiting."]
    if content.run.last_error:
        lines.append(content.run.last_error)
    lines += [f"{recipient}: {reason}" for recipient, reason in content.failed]
    return lines


def _team_name(team: Team | None, anomaly: Anomaly) -> str:
    return team.team_name if team else anomaly.account_id


def conversation_name(conversation: Conversation) -> str:
    """``the channel Cost alerts``, or ``a channel`` without a title."""
    kind = f"{conversation.kind} chat" if conversation.kind != "channel" else "channel"
    title = neutral(conversation.title, MAX_TITLE)
    return f"the {kind} {title}" if title else f"a {kind}"


def growth_reply(content: AnomalyContent, before: Decimal) -> str:
    """One sentence: an anomaly has grown since people were alerted."""
    currency = content.anomaly.currency
    name = neutral(_team_name(content.team, content.anomaly), MAX_TEAM_NAME)
    return (
        f"Grown: {name} is now {money(content.anomaly.excess, currency)} over expected, up from "
        f"{money(before, currency)} in the last alert."
    )


def reopened_reply(content: AnomalyContent) -> str:
    """One sentence: an anomaly that was suppressed is open again without anybody reopening it."""
    excess = money(content.anomaly.excess, content.anomaly.currency)
    name = neutral(_team_name(content.team, content.anomaly), MAX_TEAM_NAME)
    return f"Open again: {name} is now {excess} over expected."
