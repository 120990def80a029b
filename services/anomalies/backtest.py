"""Backtests: the alerts that stored history, replayed as it was known each day, would have raised."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from services.administration import Config
from services.analysis.breaches import ThresholdRule, breaches
from services.analysis.detection.groups import EventGroup, grouped
from services.analysis.detection.replay import Detected, History, histories, replay
from services.analysis.detection.rules import Rules
from services.analysis.tables import spending
from services.analysis.windows import expected_data_through, known_after, needed_span
from services.costs import CostIngest
from services.domain import SAMPLE, UNATTRIBUTED, DaySpan, Month, SourceState, StoredConfig, Team
from services.domain.errors import InvalidError
from services.ports import CostStore
from services.runtime.batches import chunked
from services.teams import Teams

Progress = Callable[[str, int, int], None]

MONTHS = 15
DAYS_A_MONTH = Decimal("30.4375")


@dataclass(frozen=True, slots=True)
class BacktestLine:
    """An alert that would have been sent."""

    account_id: str
    team_name: str
    """Empty for an account without a team."""
    kind: Literal["spike", "shift", "drift", "threshold"]
    service: str
    """The driver: the service with the largest excess."""
    start: date
    end: date | None
    """None: still open on the last day of the backtest."""
    notified_on: date
    """The day on which the costs that raised it were complete."""
    excess: Decimal
    accepted: bool = False
    """Ended because it lasted so long that it became the new normal."""


@dataclass(frozen=True, slots=True)
class Backtest:
    """The result of a replay of history."""

    span: DaySpan
    """Days that were evaluated."""
    currency: str
    accounts: int
    account_days: int
    """Days with usage of all accounts within the span."""
    lines: tuple[BacktestLine, ...]
    """By the day of the alert, then account."""
    groups: tuple[EventGroup, ...]
    """Alerts that would have been sent as one, because many accounts moved together."""
    sample: bool = False

    @property
    def per_account_month(self) -> Decimal:
        """Alerts of the detector per account and month, without crossed thresholds."""
        alerts = sum(1 for line in self.lines if line.kind != "threshold")
        months = Decimal(self.account_days) / DAYS_A_MONTH
        return alerts / months if months else Decimal(0)

    @property
    def kinds(self) -> Counter[str]:
        return Counter(line.kind for line in self.lines)


class Backtester:
    """Replays the stored history of all accounts."""

    def __init__(
        self,
        *,
        costs: CostIngest,
        store: CostStore,
        teams: Teams,
        config: Config,
        complete_after_hours: int,
    ) -> None:
        self._costs = costs
        self._store = store
        self._teams = teams
        self._config = config
        self._complete_after_hours = complete_after_hours
        self._known_after = known_after(complete_after_hours)

    async def run(
        self,
        now: datetime,
        *,
        first: date | None = None,
        last: date | None = None,
        with_threshold: bool = False,
        percent: float | None = None,
        progress: Progress = lambda step, done, total: None,
    ) -> Backtest:
        """Replay the days from ``first`` to ``last``; None: all that are stored.

        History that is not stored yet is read first. ``with_threshold`` adds crossings of the
        threshold: of ``percent``, or else the stored one; teams with their own threshold keep it.
        Raises InvalidError for days that cannot be evaluated, CostSourceError when costs cannot be
        read.
        """
        if first is not None and last is not None and last < first:
            raise InvalidError(f"--to {last} is before --from {first}. Swap them.")
        config = await self._config.stored(now)
        teams = {team.aws_account_id: team for team in await self._teams.list()}
        state, accounts = await self._read(now, teams, progress)
        span, oldest = _span(state, first, last)
        rules = Rules(alert_minimum=config.min_increase)
        results = _ReplayResults(span, oldest, rules, self._known_after)
        done = 0
        for batch in chunked(accounts):
            table, changes = await self._store.load_history(
                state.source, batch, DaySpan(oldest, span.last)
            )
            rule = _threshold_of(config, percent) if with_threshold else None
            await asyncio.to_thread(results.add, histories(table, changes), teams, rule)
            done += len(batch)
            progress("history", done, len(accounts))
        return results.backtest(state, len(accounts))

    async def _read(
        self,
        now: datetime,
        teams: dict[str, Team],
        progress: Progress,
    ) -> tuple[SourceState, list[str]]:
        """Read what is missing; return the accounts with costs, including those closed since."""
        state = await self._costs.state()
        expected = expected_data_through(now, self._complete_after_hours)
        if state.expected_through is None or state.expected_through < expected:
            state = await self._costs.refresh(now, sorted(teams), progress)
        through = state.data_through
        if through is None:
            raise AssertionError("a refresh ends with a complete day")
        table = await self._store.load_totals(state.source, needed_span(through))
        known = (spending(table) | set(teams)) - {UNATTRIBUTED}
        # All months, whatever days were asked for: only then is each day evaluated as in a full
        # replay, because what is normal depends on everything before it.
        accounts = await self._costs.backfill_all(now, sorted(known), MONTHS)
        return await self._costs.state(), sorted(accounts)


def _span(state: SourceState, first: date | None, last: date | None) -> tuple[DaySpan, date]:
    """The days to evaluate, and the first day of the history that is loaded."""
    through = state.data_through
    if through is None:
        raise AssertionError("costs were read before")
    begin = Month.of(through)
    for _ in range(MONTHS - 1):
        begin = begin.before
    oldest = begin.span.first
    if state.oldest_month is not None:
        oldest = max(oldest, date.fromisoformat(f"{state.oldest_month}-01"))
    if first is not None and first > through:
        raise InvalidError(
            f"Costs are complete through {through}, so there is nothing to replay from {first} "
            "on. Give an earlier --from."
        )
    if last is not None and last < oldest:
        raise InvalidError(f"There are no costs before {oldest}. Give a later --to.")
    end = min(last or through, through)
    return DaySpan(min(max(first or oldest, oldest), end), end), oldest


def _threshold_of(config: StoredConfig, percent: float | None) -> ThresholdRule:
    return ThresholdRule(
        config.anomaly_threshold if percent is None else percent, config.min_increase
    )


class _ReplayResults:
    """Collects the alerts that accounts would have had."""

    def __init__(self, span: DaySpan, oldest: date, rules: Rules, known_after: timedelta) -> None:
        self._span = span
        self._all = DaySpan(oldest, span.last)
        """Days before the span are replayed too: a breach may have been raised there first."""
        self._rules = rules
        self._known_after = known_after
        self._events: list[Detected] = []
        self._lines: list[BacktestLine] = []
        self._account_days = 0

    def add(
        self, replayed: Sequence[History], teams: dict[str, Team], threshold: ThresholdRule | None
    ) -> None:
        """Replay some accounts."""
        for history in replayed:
            team = teams.get(history.account_id)
            self._account_days += _days_with_usage(history, self._span)
            self._add_events(history, team)
            if threshold is not None:
                self._add_breaches(history, team, threshold)

    def _add_events(self, history: History, team: Team | None) -> None:
        for event in replay(history, self._rules, self._span.last, self._known_after):
            if event.raised_on not in self._span:
                continue
            self._events.append(event)
            self._lines.append(
                BacktestLine(
                    account_id=history.account_id,
                    team_name=team.team_name if team else "",
                    kind=event.kind,
                    service=event.driver,
                    start=event.start,
                    end=event.end,
                    notified_on=event.raised_on + self._known_after,
                    excess=event.excess,
                    accepted=event.accepted,
                )
            )

    def _add_breaches(self, history: History, team: Team | None, rule: ThresholdRule) -> None:
        own = team.anomaly_threshold if team else None
        applied = ThresholdRule(own, rule.min_increase) if own is not None else rule
        for breach in breaches(history, self._all, applied, self._known_after):
            if breach.raised_on not in self._span:
                continue
            self._lines.append(
                BacktestLine(
                    account_id=history.account_id,
                    team_name=team.team_name if team else "",
                    kind="threshold",
                    service=breach.service,
                    start=breach.start,
                    end=breach.end,
                    notified_on=breach.raised_on + self._known_after,
                    excess=breach.excess,
                )
            )

    def backtest(self, state: SourceState, accounts: int) -> Backtest:
        """Sum up all accounts that were added."""
        lines = sorted(
            self._lines, key=lambda line: (line.notified_on, line.account_id, line.kind)
        )
        return Backtest(
            span=self._span,
            currency=state.currency,
            accounts=accounts,
            account_days=self._account_days,
            lines=tuple(lines),
            groups=tuple(grouped(self._events, accounts)),
            sample=state.source == SAMPLE,
        )


def _days_with_usage(history: History, span: DaySpan) -> int:
    begin = max((span.first - history.span.first).days, 0)
    rows = [row[begin:] for row in history.usage.values()]
    return sum(1 for day in zip(*rows, strict=True) if any(x > 0 for x in day))
