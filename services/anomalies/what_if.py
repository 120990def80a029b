"""What another threshold would have marked in the last 90 days.

The replay is that of ``backtest``: every amount as it was known then.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import structlog

from services.administration.config import Config
from services.analysis.breaches import Breached, Rule, breaches, judgeable, needed_for
from services.analysis.detection.replay import History, histories
from services.analysis.windows import known_after
from services.costs import CostIngest
from services.domain import DaySpan, SourceName, SpanDays, StoredConfig, Team, WhatIf, WhatIfEvent
from services.domain.errors import CostSourceError
from services.ports import CostStore
from services.runtime.batches import chunked
from services.teams.teams import Teams

log = structlog.get_logger()

DAYS = 90


class WhatIfCalculator:
    """Replays the threshold rule over stored costs."""

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
            log.warning("what_if_history_truncated", reason=str(error))

    async def _replayed(
        self,
        teams: Sequence[Team],
        as_of: DaySpan,
        config: StoredConfig,
        candidate: Rule,
        own: Team | None,
    ) -> tuple[list[tuple[Team, Breached]], list[tuple[Team, Breached]], date]:
        """What is marked as it is, what would be, and the first day that could be judged."""
        was: list[tuple[Team, Breached]] = []
        would: list[tuple[Team, Breached]] = []
        first = as_of.last
        for part in chunked(teams):
            table, changes = await self._store.load_history(
                self._source, [team.aws_account_id for team in part], needed_for(as_of)
            )
            by_account = {one.account_id: one for one in histories(table, changes)}
            for team in part:
                history = by_account.get(team.aws_account_id)
                if history is None:
                    continue
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
                judged = await asyncio.to_thread(_judged, history, as_of, rules, self._known_after)
                if judged is None:
                    continue
                first = min(first, judged[0])
                was += [(team, one) for one in judged[1]]
                would += [(team, one) for one in judged[2]]
        return was, would, first


def _judged(
    history: History, as_of: DaySpan, rules: tuple[Rule, Rule], known_after: timedelta
) -> tuple[date, list[Breached], list[Breached]] | None:
    """The first day that can be judged, and what each rule marks; None without costs."""
    days = judgeable(history, as_of)
    if days is None:
        return None
    old, new = (breaches(history, days, rule, known_after) for rule in rules)
    return days.first, old, new


def _threshold(config: StoredConfig, team: Team | None) -> float:
    own = team.anomaly_threshold if team else None
    return config.anomaly_threshold if own is None else own


def _events(
    these: Sequence[tuple[Team, Breached]], not_those: Sequence[tuple[Team, Breached]]
) -> tuple[WhatIfEvent, ...]:
    known = {(team.id, one.start) for team, one in not_those}
    found = [
        WhatIfEvent(
            team_name=team.team_name,
            aws_account_id=team.aws_account_id,
            service=one.service,
            day=one.judged,
            excess=one.excess,
        )
        for team, one in these
        if (team.id, one.start) not in known
    ]
    return tuple(sorted(found, key=lambda event: -event.excess))
