"""What another threshold would have marked in the last 90 days."""

import asyncio
import math
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog

from services.analysis.what_if import Marked, Rule, marked_months, needed_for
from services.analysis.windows import comparison_window
from services.config import Config
from services.costs import Costs
from services.errors import CostSourceError
from services.model import (
    CostSeries,
    CostTable,
    DaySpan,
    SourceName,
    SpanDays,
    StoredConfig,
    Team,
    WhatIf,
    WhatIfEvent,
)
from services.ports import CostStore
from services.reports import chunked
from services.teams import Teams

log = structlog.get_logger()

DAYS = 90


class WhatIfs:
    """Replays the threshold rule over stored costs."""

    def __init__(
        self, *, costs: Costs, store: CostStore, teams: Teams, config: Config, source: SourceName
    ) -> None:
        self._costs = costs
        self._store = store
        self._teams = teams
        self._config = config
        self._source = source

    async def ask(
        self,
        now: datetime,
        *,
        percent: float | None = None,
        least: float | None = None,
        team: Team | None = None,
    ) -> WhatIf:
        """What a threshold (in percent) and a smallest increase would have marked.

        None leaves one as it is. With a team only its own account is looked at, else all teams;
        those with a threshold of their own keep it. Raises CostSourceError before costs are read.
        """
        config = await self._config.stored(now)
        state = await self._costs.state()
        if state.data_through is None:
            raise CostSourceError("No costs have been read yet. Try again soon.", permanent=False)
        teams = [team] if team else await self._teams.list()
        as_of = DaySpan(state.data_through - timedelta(days=DAYS - 1), state.data_through)
        candidate = Rule(
            percent if percent is not None else _threshold(config, team),
            least if least is not None else config.min_increase,
        )
        await self._read_back(now, teams, as_of)
        was, would, first = await self._replayed(teams, as_of, config, candidate, own=team)
        return WhatIf(
            span=SpanDays(first=first, last=as_of.last),
            currency=state.currency,
            threshold=_threshold(config, team),
            candidate=candidate.percent,
            min_increase=config.min_increase,
            candidate_min_increase=candidate.least,
            marked=len(was),
            candidate_marked=len(would),
            missed=_events(was, would),
            added=_events(would, was),
        )

    async def _read_back(self, now: datetime, teams: Sequence[Team], as_of: DaySpan) -> None:
        """Reads what is missing; where the source keeps no more, the replay is shorter."""
        accounts = [team.aws_account_id for team in teams]
        try:
            await self._costs.ensure_span(now, accounts, needed_for(as_of))
        except CostSourceError as error:
            log.warning("what_if_shortened", reason=str(error))

    async def _replayed(
        self,
        teams: Sequence[Team],
        as_of: DaySpan,
        config: StoredConfig,
        candidate: Rule,
        own: Team | None,
    ) -> tuple[list[tuple[Team, Marked]], list[tuple[Team, Marked]], date]:
        """What is marked as it is, what would be, and the first day that could be judged."""
        was: list[tuple[Team, Marked]] = []
        would: list[tuple[Team, Marked]] = []
        first = as_of.last
        for part in chunked(teams):
            table = await self._store.load(
                self._source, [team.aws_account_id for team in part], needed_for(as_of)
            )
            by_account = _by_account(table)
            for team in part:
                series = by_account.get(team.aws_account_id, [])
                new_percent = (
                    candidate.percent
                    if own is not None or team.anomaly_threshold is None
                    else team.anomaly_threshold
                )
                rules = (
                    Rule(_threshold(config, team), config.min_increase),
                    Rule(new_percent, candidate.least),
                )
                # In a thread, as ninety days of a large account take a while to compute.
                judged = await asyncio.to_thread(_judged, table.span, series, as_of, rules)
                if judged is None:
                    continue
                first = min(first, judged[0])
                was += [(team, one) for one in judged[1]]
                would += [(team, one) for one in judged[2]]
        return was, would, first


def _judged(
    span: DaySpan, series: Sequence[CostSeries], as_of: DaySpan, rules: tuple[Rule, Rule]
) -> tuple[date, list[Marked], list[Marked]] | None:
    """The first day that can be judged, and what each rule marks; None without costs."""
    days = _judgeable(span, series, as_of)
    if days is None:
        return None
    old, new = (list(marked_months(span, series, days, rule)) for rule in rules)
    return days.first, old, new


def _threshold(config: StoredConfig, team: Team | None) -> float:
    own = team.anomaly_threshold if team else None
    return config.anomaly_threshold if own is None else own


def _by_account(table: CostTable) -> dict[str, list[CostSeries]]:
    found: dict[str, list[CostSeries]] = {}
    for series in table.series:
        found.setdefault(series.account_id, []).append(series)
    return found


def _judgeable(span: DaySpan, series: Sequence[CostSeries], as_of: DaySpan) -> DaySpan | None:
    """The days as of which an account can be judged: its history reaches back far enough."""
    begins = min(
        (i for one in series for i, x in enumerate(one.amounts) if not math.isnan(x)),
        default=None,
    )
    if begins is None:
        return None
    known_from = span.first + timedelta(days=begins)
    for day in as_of:
        if comparison_window(day).previous.first >= known_from:
            return DaySpan(day, as_of.last)
    return None


def _events(
    these: Sequence[tuple[Team, Marked]], not_those: Sequence[tuple[Team, Marked]]
) -> tuple[WhatIfEvent, ...]:
    known = {(team.id, one.month) for team, one in not_those}
    found = [
        WhatIfEvent(
            team_name=team.team_name,
            aws_account_id=team.aws_account_id,
            service=one.service,
            day=one.day,
            excess=one.excess,
        )
        for team, one in these
        if (team.id, one.month) not in known
    ]
    return tuple(sorted(found, key=lambda event: -event.excess))
