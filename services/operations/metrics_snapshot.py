"""Reads the gauges that monitoring shows."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

from services.domain import MetricsSnapshot, RunKind, RunState
from services.domain.errors import StoreUnavailableError
from services.operations.health import Health
from services.ports import AnomalyStore, CostStore, DeliveryLedger, RunStore
from services.runtime.context import Context
from services.teams import Teams

MAX_RUNS = 30
"""How many runs of each kind are searched for the last success."""
KINDS = (RunKind.WEEKLY, RunKind.DAILY, RunKind.TEAM)


class MetricsReader:
    """Reads a ``MetricsSnapshot``."""

    def __init__(
        self,
        *,
        health: Health,
        runs: RunStore,
        deliveries: DeliveryLedger,
        costs: CostStore,
        anomalies: AnomalyStore,
        teams: Teams,
        context: Context,
    ) -> None:
        self._health = health
        self._runs = runs
        self._deliveries = deliveries
        self._costs = costs
        self._anomalies = anomalies
        self._teams = teams
        self._source = context.source.name
        self._skew = context.pacing.skew

    async def read_snapshot(self, now: datetime) -> MetricsSnapshot:
        """Read the current values; a failing component is named and raises nothing."""
        failing = (await self._health.check(now)).parts
        skew = self._skew().total_seconds()
        if "mongodb" in failing:
            return MetricsSnapshot(failing=failing, clock_skew_seconds=skew)
        try:
            snapshot = await self._read(failing)
        except StoreUnavailableError:
            snapshot = MetricsSnapshot(failing=(*failing, "mongodb"))
        return replace(snapshot, clock_skew_seconds=skew)

    async def _read(self, failing: tuple[str, ...]) -> MetricsSnapshot:
        state = await self._costs.state(self._source)
        through = state.data_through
        ended = (
            None
            if through is None
            else datetime.combine(through + timedelta(days=1), time(), tzinfo=UTC)
        )
        hidden = await self._teams.hidden_accounts()
        anomalies = [
            anomaly
            for anomaly in await self._anomalies.open_of(self._source)
            if anomaly.account_id not in hidden
        ]
        return MetricsSnapshot(
            failing=failing,
            last_success=await self._last_success(),
            data_through=ended,
            teams=await self._teams.count(),
            open_anomalies=dict(Counter(anomaly.kind for anomaly in anomalies)),
            weekly_deliveries=await self._weekly_deliveries(),
        )

    async def _last_success(self) -> dict[RunKind, datetime]:
        last_success = {}
        for kind in KINDS:
            runs = await self._runs.list_runs(self._source, kind=kind, limit=MAX_RUNS)
            ended = [run.finished_at for run in runs if run.state is RunState.DONE]
            times = [at for at in ended if at is not None]
            if times:
                last_success[kind] = max(times)
        return last_success

    async def _weekly_deliveries(self) -> dict[str, int]:
        newest = await self._runs.list_runs(self._source, kind=RunKind.WEEKLY, limit=1)
        if not newest:
            return {}
        counts = await self._deliveries.counts(newest[0].ledger_id)
        return {state.value: number for state, number in counts.items()}
