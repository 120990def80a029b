"""What-if for thresholds: what another threshold would have flagged in the last 90 days.

Replays as ``backtest`` does, with every amount as it was known then.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog

from services.administration import Config
from services.analysis.breaches import (
    MonthBreach,
    ThresholdRule,
    breaches,
    comparable_days,
    needed_for,
)
from services.analysis.detection.replay import History, histories
from services.analysis.windows import known_after
from services.costs import CostIngest
from services.domain import DaySpan, SourceName, SpanDays, StoredConfig, Team, WhatIf, WhatIfEvent
from services.domain.errors import CostSourceError
from services.ports import CostStore
from services.runtime.batches import chunked
from services.teams import Teams

log = structlog.get_logger()

DAYS = 90


class WhatIfCalculator:
    """Compares the stored threshold with a candidate, over stored costs."""

    def __init__(
        self,
        *,
        costs: CostIngest,
        store: CostStore,
        teams: Teams,
        config: Config,
        source: SourceName,
        complete_after_hours: int,
    ) -> None:
        self._costs = costs
        self._store = store
        self._teams = teams
        self._config = config
        self._source = source
        self._known_after = known_after(complete_after_hours)

    async def compare(
        self,
        now: datetime,
        *,
        percent: float | None = None,
        min_increase: float | None = None,
        team: Team | None = None,
    ) -> WhatIf:
        """Replay with another threshold, in percent, or another minimum increase, in money.

        None keeps the stored value. With a team only its account is replayed, else those of all
        teams; teams with their own threshold keep it. Raises CostSourceError before costs are read.
        """
        config = await self._config.stored(now)
        state = await self._costs.state()
        if state.data_through is None:
            raise CostSourceError("No costs have been read yet. Try again soon.", permanent=False)
        teams = [team] if team else await self._teams.list()
        as_of = DaySpan(state.data_through - timedelta(days=DAYS - 1), state.data_through)
        candidate = ThresholdRule(
            percent if percent is not None else _threshold(config, team),
            min_increase if min_increase is not None else config.min_increase,
        )
        await self._read_missing(now, teams, as_of)
        flagged, candidate_flagged, first = await self._replay(
            teams, as_of, config, candidate, own=team
        )
        return WhatIf(
            span=SpanDays(first=first, last=as_of.last),
            currency=state.currency,
            threshold=_threshold(config, team),
            candidate=candidate.percent,
            min_increase=config.min_increase,
            candidate_min_increase=candidate.min_increase,
            flagged=len(flagged),
            candidate_flagged=len(candidate_flagged),
            missed=_events_only_in(flagged, candidate_flagged),
            added=_events_only_in(candidate_flagged, flagged),
        )

    async def _read_missing(self, now: datetime, teams: Sequence[Team], as_of: DaySpan) -> None:
        """Read what is not stored; where the source keeps less history, the replay is shorter."""
        accounts = [team.aws_account_id for team in teams]
        try:
            await self._costs.ensure_span(now, accounts, needed_for(as_of))
        except CostSourceError as error:
            log.warning("what_if_history_truncated", reason=str(error))

    async def _replay(
        self,
        teams: Sequence[Team],
        as_of: DaySpan,
        config: StoredConfig,
        candidate: ThresholdRule,
        own: Team | None,
    ) -> tuple[list[tuple[Team, MonthBreach]], list[tuple[Team, MonthBreach]], date]:
        """What is flagged now, what the candidate would mark, and the first day that was evaluated."""
        flagged: list[tuple[Team, MonthBreach]] = []
        candidate_flagged: list[tuple[Team, MonthBreach]] = []
        first = as_of.last
        for batch in chunked(teams):
            table, changes = await self._store.load_history(
                self._source, [team.aws_account_id for team in batch], needed_for(as_of)
            )
            by_account = {history.account_id: history for history in histories(table, changes)}
            for team in batch:
                history = by_account.get(team.aws_account_id)
                if history is None:
                    continue
                new_percent = (
                    candidate.percent
                    if own is not None or team.anomaly_threshold is None
                    else team.anomaly_threshold
                )
                rules = (
                    ThresholdRule(_threshold(config, team), config.min_increase),
                    ThresholdRule(new_percent, candidate.min_increase),
                )
                # In a thread: ninety days of a large account would delay chat turns.
                evaluation = await asyncio.to_thread(
                    _evaluate, history, as_of, rules, self._known_after
                )
                if evaluation is None:
                    continue
                first_day, now_flagged, then_flagged = evaluation
                first = min(first, first_day)
                flagged += [(team, breach) for breach in now_flagged]
                candidate_flagged += [(team, breach) for breach in then_flagged]
        return flagged, candidate_flagged, first


def _evaluate(
    history: History,
    as_of: DaySpan,
    rules: tuple[ThresholdRule, ThresholdRule],
    known_after: timedelta,
) -> tuple[date, list[MonthBreach], list[MonthBreach]] | None:
    """The first day that can be evaluated, and what each rule marks; None without costs."""
    days = comparable_days(history, as_of)
    if days is None:
        return None
    old, new = (breaches(history, days, rule, known_after) for rule in rules)
    return days.first, old, new


def _threshold(config: StoredConfig, team: Team | None) -> float:
    own = team.anomaly_threshold if team else None
    return config.anomaly_threshold if own is None else own


def _events_only_in(
    flagged: Sequence[tuple[Team, MonthBreach]], other: Sequence[tuple[Team, MonthBreach]]
) -> tuple[WhatIfEvent, ...]:
    """The events that only the first of two rules marks, largest first."""
    in_other = {(team.id, breach.start) for team, breach in other}
    events = [
        WhatIfEvent(
            team_name=team.team_name,
            aws_account_id=team.aws_account_id,
            service=breach.service,
            day=breach.raised_on,
            excess=breach.excess,
        )
        for team, breach in flagged
        if (team.id, breach.start) not in in_other
    ]
    return tuple(sorted(events, key=lambda event: -event.excess))
