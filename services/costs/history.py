"""The cost history of a team's account, for those who need more than a report."""

from datetime import datetime, timedelta
from typing import Literal

from services.analysis.history import daily, day_amounts, largest_services, total, weeks
from services.costs.ingest import CostIngest
from services.domain import SAMPLE, CostHistory, DaySpan, Month, SourceName, SpanDays, Team
from services.domain.errors import CostSourceError
from services.ports import CostStore

Span = Literal["month", "30 days"]
THIRTY = 30


class CostHistoryReader:
    """Reads histories from the stored costs."""

    def __init__(self, costs: CostIngest, store: CostStore, source: SourceName) -> None:
        self._costs = costs
        self._store = store
        self._source = source

    async def of(self, team: Team, span: Span, now: datetime) -> CostHistory:
        """Daily costs of the month of the newest complete day, or of the last 30 such days.

        Reads the account's costs first where none are stored. Raises CostSourceError.
        """
        await self._costs.ensure(now, [team.aws_account_id])
        state = await self._costs.state()
        if state.data_through is None:
            raise CostSourceError("No costs have been read yet. Try again soon.", permanent=False)
        last = state.data_through
        first = Month.of(last).span.first if span == "month" else last - timedelta(days=THIRTY - 1)
        days = DaySpan(first, last)
        await self._costs.ensure_span(now, [team.aws_account_id], days)
        table = await self._store.load(self._source, [team.aws_account_id], days)
        totals = daily(days, table.series)
        return CostHistory(
            team=team,
            span=SpanDays(first=first, last=last),
            currency=state.currency,
            data_through=last,
            days=day_amounts(days, totals),
            services=largest_services(days, table.series),
            weeks=weeks(days, totals),
            total=total(days, totals),
            metric=self._costs.metric_label(state),
            sample=self._source == SAMPLE,
        )
