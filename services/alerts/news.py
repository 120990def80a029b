"""What cards of alerts are made from, and what they say in short."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from services.config import Config
from services.errors import AgentError
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
    SourceName,
    Team,
)
from services.reports import ReportMaker
from services.schedule import period_of
from services.teams import Teams
from services.wording import cents, money, neutral

TO_BE_POSTED = {"pending", "posting"}
MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class Known:
    """What all cards of one round are made from."""

    teams: dict[str, Team]
    figures: dict[str, AccountFigures]
    now: datetime


class Newsroom:
    """Knows what there is to say of an anomaly."""

    def __init__(
        self, maker: ReportMaker, teams: Teams, config: Config, source: SourceName
    ) -> None:
        self._maker = maker
        self._teams = teams
        self._config = config
        self._source = source

    async def knowledge(self, anomalies: Sequence[Anomaly], now: datetime) -> Known:
        """Teams and figures of all accounts concerned, read together."""
        teams = {team.aws_account_id: team for team in await self._teams.list()}
        accounts = sorted({one.account_id for one in anomalies})
        if not accounts:
            return Known(teams, {}, now)
        config = await self._config.stored(now)
        try:
            basis = await self._maker.basis(config, period_of(now, config.schedule_timezone), now)
        except AgentError:
            return Known(teams, {}, now)
        thresholds = {
            account: teams[account].anomaly_threshold or config.anomaly_threshold
            for account in accounts
            if account in teams
        }
        figures = await self._maker.figures(basis, accounts, thresholds)
        return Known(teams, figures, now)

    def news(self, anomaly: Anomaly, facts: Known) -> AnomalyNews:
        return AnomalyNews(
            anomaly=anomaly,
            team=facts.teams.get(anomaly.account_id),
            figures=facts.figures.get(anomaly.account_id),
            sample=self._source == "sample",
        )

    def digest(self, anomalies: Sequence[Anomaly], facts: Known, *, together: bool) -> DigestNews:
        lines = [
            AnomalyLine(team_name=_name(facts.teams.get(one.account_id), one), anomaly=one)
            for one in sorted(anomalies, key=lambda one: -one.excess)
        ]
        return DigestNews(lines=tuple(lines), together=together, sample=self._source == "sample")


def groups_of(anomalies: Sequence[Anomaly]) -> dict[str, list[Anomaly]]:
    """Anomalies that came together, by their group."""
    found: dict[str, list[Anomaly]] = {}
    for one in anomalies:
        if one.group:
            found.setdefault(one.group, []).append(one)
    return found


def covers(event: Anomaly, breach: Anomaly) -> bool:
    """Whether a detected event lies in the month of a crossed threshold, or later."""
    last = event.end or event.last or event.start
    return event.account_id == breach.account_id and last >= breach.start


def fingerprint_of(anomaly: Anomaly) -> str:
    """What a card shows of an anomaly, in short."""
    at = anomaly.answer.at.isoformat() if anomaly.answer else ""
    return f"{anomaly.status}|{cents(anomaly.excess)}|{anomaly.service}|{anomaly.end}|{at}"


def is_behind(alert: Alert, anomalies: Mapping[str, Anomaly]) -> bool:
    """Whether a card has something to show that it does not show yet."""
    anomaly = anomalies.get(alert.subject)
    if anomaly is None:
        return False
    if alert.message is None:
        return alert.state in TO_BE_POSTED
    return alert.shown != fingerprint_of(anomaly)


def shown_by(news: News) -> str:
    if isinstance(news, AnomalyNews):
        return fingerprint_of(news.anomaly)
    if isinstance(news, RunNews):
        return f"{news.run.state.value}|{news.waiting}|{len(news.failed)}|{news.run.last_error}"
    return ""


def lines_of(news: RunNews) -> list[str]:
    """A run's trouble, for a mail."""
    lines = [f"{news.sent:,} mails were sent, {len(news.failed):,} failed, {news.waiting:,} wait."]
    if news.run.last_error:
        lines.append(news.run.last_error)
    lines += [f"{recipient}: {reason}" for recipient, reason in news.failed[:MOST_LINES]]
    return lines


def _name(team: Team | None, anomaly: Anomaly) -> str:
    return team.team_name if team else anomaly.account_id


def title_of(conversation: Conversation) -> str:
    name = neutral(conversation.title, 80)
    return f"The {conversation.kind} {name}" if name else f"A {conversation.kind}"


def grown_words(news: AnomalyNews, before: Decimal) -> str:
    currency = news.anomaly.currency
    now = money(news.anomaly.excess, currency)
    name = neutral(_name(news.team, news.anomaly), 60)
    return f"Grown: {name} is now {now} over expected, {money(before, currency)} when told."
