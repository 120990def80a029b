"""What somebody who watches the agent from outside wants to know now, in numbers."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta

from services.domain import MetricsSnapshot, RunKind, RunState, SourceName
from services.domain.errors import StoreUnavailableError
from services.operations.health import Health
from services.ports import AnomalyStore, CostStore, DeliveryLedger, RunStore
from services.teams.teams import Teams

RUNS_BACK = 30
"""Runs of a kind among which the last success is looked for."""
KINDS = (RunKind.WEEKLY, RunKind.DAILY, RunKind.TEAM)


class MetricsReader:
    """Reads the facts."""

    def __init__(
        self,
        *,
        health: Health,
        runs: RunStore,
        deliveries: DeliveryLedger,
        costs: CostStore,
        anomalies: AnomalyStore,
        teams: Teams,
        source: SourceName,
    ) -> None:
        self._health = health
        self._runs = runs
        self._deliveries = deliveries
        self._costs = costs
        self._anomalies = anomalies
        self._teams = teams
        self._source = source

    async def facts(self, now: datetime) -> MetricsSnapshot:
        """Never raises for an ill part; names it."""
        ill = (await self._health.check(now)).parts
        if "mongodb" in ill:
            return MetricsSnapshot(failing=ill)
        try:
            return await self._facts(ill)
        except StoreUnavailableError:
            return MetricsSnapshot(failing=(*ill, "mongodb"))

    async def _facts(self, ill: tuple[str, ...]) -> MetricsSnapshot:
        state = await self._costs.state(self._source)
        through = state.data_through
        ended = (
            None
            if through is None
            else datetime.combine(through + timedelta(days=1), time(), tzinfo=UTC)
        )
        found = await self._anomalies.open_of(self._source)
        return MetricsSnapshot(
            failing=ill,
            last_success=await self._last_success(),
            data_through=ended,
            teams=len(await self._teams.list()),
            open_anomalies=dict(Counter(one.kind for one in found)),
            weekly_deliveries=await self._weekly_deliveries(),
        )

    async def _last_success(self) -> dict[RunKind, datetime]:
        found = {}
        for kind in KINDS:
            runs = await self._runs.list_runs(self._source, kind=kind, limit=RUNS_BACK)
            ended = [one.finished_at for one in runs if one.state is RunState.DONE]
            times = [at for at in ended if at is not None]
            if times:
                found[kind] = max(times)
        return found

    async def _weekly_deliveries(self) -> dict[str, int]:
        newest = await self._runs.list_runs(self._source, kind=RunKind.WEEKLY, limit=1)
        if not newest:
            return {}
        counts = await self._deliveries.counts(newest[0].ledger_id)
        return {state.value: number for state, number in counts.items()}
