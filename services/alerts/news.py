"""What cards of alerts are made from, and what they say in short."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from services.config import Config
from services.errors import AgentError
from services.floors import Floors
from services.model import (
    AccountFigures,
    Alert,
    Anomaly,
    AnomalyLine,
    AnomalyNews,
    Conversation,
    DigestNews,
    Floor,
    FloorOffer,
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

    now: datetime
    teams: dict[str, Team] = field(default_factory=dict)
    figures: dict[str, AccountFigures] = field(default_factory=dict)
    floors: dict[str, Floor] = field(default_factory=dict)
    """Of accounts with an anomaly that is too small."""
    offers: dict[str, FloorOffer] = field(default_factory=dict)
    """Higher floors, by anomaly."""


class Newsroom:
    """Knows what there is to say of an anomaly."""

    def __init__(
        self,
        maker: ReportMaker,
        teams: Teams,
        config: Config,
        floors: Floors,
        source: SourceName,
    ) -> None:
        self._maker = maker
        self._floors = floors
        self._teams = teams
        self._config = config
        self._source = source

    async def floors_of(self, anomalies: Iterable[Anomaly]) -> dict[str, Floor]:
        """The floors of accounts with an anomaly that is too small, whose cards show them."""
        accounts = sorted({one.account_id for one in anomalies if one.status == "too_small"})
        return await self._floors.of_accounts(accounts) if accounts else {}

    async def knowledge(self, anomalies: Sequence[Anomaly], now: datetime) -> Known:
        """Teams, figures and floors of all accounts concerned, read together."""
        known = Known(
            now=now,
            teams={team.aws_account_id: team for team in await self._teams.list()},
            floors=await self.floors_of(anomalies),
            offers=await self._offers(anomalies, now),
        )
        return replace(known, figures=await self._figures(anomalies, known.teams, now))

    async def _offers(self, anomalies: Sequence[Anomaly], now: datetime) -> dict[str, FloorOffer]:
        found = {}
        for one in anomalies:
            offer = await self._floors.offer(one, now) if one.status == "too_small" else None
            if offer is not None:
                found[one.id] = offer
        return found

    async def _figures(
        self, anomalies: Sequence[Anomaly], teams: Mapping[str, Team], now: datetime
    ) -> dict[str, AccountFigures]:
        accounts = sorted({one.account_id for one in anomalies})
        if not accounts:
            return {}
        config = await self._config.stored(now)
        try:
            basis = await self._maker.basis(config, period_of(now, config.schedule_timezone), now)
        except AgentError:
            return {}
        thresholds = {
            account: teams[account].anomaly_threshold or config.anomaly_threshold
            for account in accounts
            if account in teams
        }
        return await self._maker.figures(basis, accounts, thresholds)

    def news(self, anomaly: Anomaly, facts: Known) -> AnomalyNews:
        """What the card of an anomaly says."""
        small = anomaly.status == "too_small"
        return AnomalyNews(
            anomaly=anomaly,
            team=facts.teams.get(anomaly.account_id),
            figures=facts.figures.get(anomaly.account_id),
            floor=facts.floors.get(anomaly.account_id) if small else None,
            offer=facts.offers.get(anomaly.id),
            sample=self._source == "sample",
        )

    def digest(
        self, anomalies: Sequence[Anomaly], facts: Known, above: Collection[str], *, together: bool
    ) -> DigestNews:
        """Anomalies in one message; ``above``: those that stand for a crossed threshold, by id."""
        lines = [
            AnomalyLine(
                team_name=_name(facts.teams.get(one.account_id), one),
                anomaly=one,
                above_threshold=one.id in above,
            )
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


def fingerprint_of(anomaly: Anomaly, floor: Floor | None) -> str:
    """What a card shows of an anomaly, in short; ``floor``: of its account."""
    at = anomaly.answer.at.isoformat() if anomaly.answer else ""
    own = f"|{floor.amount}" if floor is not None and anomaly.status == "too_small" else ""
    return f"{anomaly.status}|{cents(anomaly.excess)}|{anomaly.service}|{anomaly.end}|{at}{own}"


def is_behind(alert: Alert, anomalies: Mapping[str, Anomaly], floors: Mapping[str, Floor]) -> bool:
    """Whether a card has something to show that it does not show yet."""
    anomaly = anomalies.get(alert.subject)
    if anomaly is None:
        return False
    if alert.message is None:
        return alert.state in TO_BE_POSTED
    return alert.shown != fingerprint_of(anomaly, floors.get(anomaly.account_id))


def shown_by(news: News) -> str:
    if isinstance(news, AnomalyNews):
        return fingerprint_of(news.anomaly, news.floor)
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


def back_words(news: AnomalyNews) -> str:
    """That an anomaly, quiet for a while, is open again by itself."""
    over = money(news.anomaly.excess, news.anomaly.currency)
    name = neutral(_name(news.team, news.anomaly), 60)
    return f"Open again: {name} is now {over} over expected."
