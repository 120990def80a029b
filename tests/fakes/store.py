"""A store in memory: plain dictionaries, the ports' docstrings taken at their word."""

import math
from array import array
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Literal

from services.domain import (
    Actor,
    AdminEntry,
    Alert,
    AlertMinimum,
    Anomaly,
    AnomalyStatus,
    ApiKey,
    AuditEntry,
    CardInProgress,
    Category,
    Conversation,
    CostChange,
    CostSeries,
    CostTable,
    DaySpan,
    Delivery,
    DeliveryPhase,
    DeliveryState,
    FrozenReport,
    Month,
    PendingImport,
    PlannedChange,
    Run,
    RunKind,
    RunState,
    RunSummary,
    SourceName,
    SourceState,
    StoredConfig,
    Team,
    UsageHistory,
)
from services.domain.errors import ConflictError
from services.ports import ServerInfo
from tests.fakes.traces import MemoryErasure

Cell = tuple[SourceName, str, str, str, Category | None, date]
"""(source, metric, account, service, category, day); service "" and None for totals."""


class MemoryCosts:
    """Implements ``services.ports.CostStore``: one list of (seen at, amount) for each cell."""

    def __init__(self) -> None:
        self._cells: dict[Cell, list[tuple[datetime, float]]] = {}
        self._detailed: dict[tuple[SourceName, str, str, date], datetime] = {}
        self._metrics: dict[tuple[SourceName, str, Month], str] = {}
        self._currencies: dict[SourceName, str] = {}
        self._names: dict[tuple[SourceName, str, Month], str] = {}
        self._states: dict[SourceName, SourceState] = {}

    def _put(self, cell: Cell, amount: float, at: datetime) -> None:
        source, metric, account, *_, day = cell
        self._metrics[source, account, Month.of(day)] = metric
        seen = self._cells.setdefault(cell, [])
        before = seen[-1][1] if seen else math.nan
        if not (before == amount or (math.isnan(before) and math.isnan(amount))):
            seen.append((at, amount))

    async def save_totals(
        self, source: SourceName, metric: str, table: CostTable, seen_at: datetime
    ) -> None:
        self._currencies[source] = table.currency
        for series in table.series:
            for day, amount in zip(table.span, series.amounts, strict=True):
                cell = (source, metric, series.account_id, "", None, day)
                if cell in self._cells or not math.isnan(amount):
                    self._put(cell, amount, seen_at)

    async def save_details(
        self,
        source: SourceName,
        metric: str,
        table: CostTable,
        accounts: Sequence[str],
        seen_at: datetime,
    ) -> None:
        self._currencies[source] = table.currency
        given = {
            (source, metric, series.account_id, series.service, series.category, day): amount
            for series in table.series
            for day, amount in zip(table.span, series.amounts, strict=True)
        }
        for cell in list(self._cells):
            inside = cell[2] in accounts and cell[4] is not None and cell[5] in table.span
            if cell[:2] == (source, metric) and inside and cell not in given:
                self._put(cell, math.nan, seen_at)
        for cell, amount in given.items():
            self._put(cell, amount, seen_at)
        for account in accounts:
            for day in table.span:
                if (source, metric, account, day) not in self._detailed:
                    self._detailed[source, metric, account, day] = seen_at
                self._metrics[source, account, Month.of(day)] = metric

    def _known(self, cell: Cell, at: datetime | None) -> float:
        seen = self._cells[cell]
        if at is not None:
            # Of a day that was first seen later, what was seen first is the earliest known.
            at = max(at, self._first_seen(cell, at))
            seen = [(when, amount) for when, amount in seen if when <= at]
        return seen[-1][1] if seen else math.nan

    def _first_seen(self, cell: Cell, default: datetime) -> datetime:
        """When the cell's day was first read, whether it had an amount or not."""
        source, metric, account, _, _, day = cell
        return self._detailed.get((source, metric, account, day), default)

    def _table(
        self,
        source: SourceName,
        accounts: Sequence[str] | None,
        span: DaySpan,
        at: datetime | None,
    ) -> CostTable:
        found: dict[tuple[str, str, Category | None], array[float]] = {}
        for cell in self._cells:
            of, metric, account, service, category, day = cell
            total = category is None
            if of != source or day not in span or total is not (accounts is None):
                continue
            if accounts is not None and account not in accounts:
                continue
            if self._metrics[source, account, Month.of(day)] != metric:
                continue
            amount = self._known(cell, at)
            if math.isnan(amount):
                continue
            into = found.setdefault(
                (account, service, category), array("d", [math.nan]) * len(span)
            )
            into[span.index(day)] = amount
        months = set(span.months())
        names = {
            account: name
            for (of, account, month), name in self._names.items()
            if of == source and month in months and (accounts is None or account in accounts)
        }
        series = [CostSeries(*key, amounts) for key, amounts in sorted(found.items(), key=str)]
        return CostTable(span, self._currencies.get(source, "USD"), series, names)

    async def load(self, source: SourceName, accounts: Sequence[str], span: DaySpan) -> CostTable:
        return self._table(source, accounts, span, None)

    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        return self._table(source, None, span, None)

    async def load_history(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> tuple[CostTable, list[CostChange]]:
        begin = datetime.min.replace(tzinfo=UTC)
        changes = []
        for cell, seen in self._cells.items():
            of, metric, account, service, category, day = cell
            wanted = of == source and account in accounts and day in span
            if not wanted or category is None:
                continue
            if self._metrics[source, account, Month.of(day)] != metric:
                continue
            first = self._first_seen(cell, begin)
            changes += [
                CostChange(account, service, category, day, at, amount)
                for at, amount in seen
                if at > first
            ]
        table = self._table(source, accounts, span, begin)
        return table, sorted(changes, key=lambda one: one.at)

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        touched = span.months()
        whole = DaySpan(touched[0].span.first, touched[-1].span.last)
        table, changes = await self.load_history(source, accounts, whole)
        usage = {None, Category.USAGE}
        begin, end = whole.index(span.first), whole.index(span.last) + 1
        found = []
        for account in accounts:
            if not any((source, account, month) in self._metrics for month in touched):
                continue
            of_account = [one for one in changes if one.account_id == account]
            of_account = [one for one in of_account if one.category in usage]
            amounts = {one.service: array("d", [math.nan]) * len(span) for one in of_account} | {
                one.service: one.amounts[begin:end]
                for one in table.series
                if one.account_id == account and one.category in usage
            }
            found.append(UsageHistory(account, span, amounts, of_account))
        return found

    async def save_names(
        self, source: SourceName, names: Mapping[str, str], months: Sequence[Month]
    ) -> None:
        for account, name in names.items():
            for month in months:
                if (source, account, month) in self._metrics:
                    self._names[source, account, month] = name

    async def months(self, source: SourceName, accounts: Sequence[str]) -> list[Month]:
        found = {
            Month.of(day)
            for of, _, account, *_, day in self._cells
            if of == source and account in accounts
        }
        return sorted(found, reverse=True)

    async def last_days(self, source: SourceName, accounts: Sequence[str]) -> dict[str, date]:
        found: dict[str, date] = {}
        for cell in self._cells:
            of, _, account, _, category, day = cell
            if of != source or category is not None or account not in accounts:
                continue
            if not math.isnan(self._known(cell, None)):
                found[account] = max(day, found.get(account, day))
        return found

    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        accounts = {account for of, _, account, _ in self._detailed if of == source}
        return {
            account
            for account in accounts
            if all(
                (source, metric, account, day) in self._detailed
                and self._metrics[source, account, Month.of(day)] == metric
                for day in span
            )
        }

    async def state(self, source: SourceName) -> SourceState:
        return self._states.get(source, SourceState(source=source))

    async def save_state(self, state: SourceState) -> None:
        self._states[state.source] = state


class MemoryTeams:
    """Implements ``services.ports.TeamStore``."""

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}

    async def list_teams(self, *, sample: bool) -> list[Team]:
        found = [team for team in self.teams.values() if team.sample == sample]
        return sorted(found, key=lambda team: (team.team_name.casefold(), team.aws_account_id))

    async def any_real(self) -> bool:
        return any(not team.sample for team in self.teams.values())

    async def get(self, team_id: str) -> Team | None:
        return self.teams.get(team_id)

    def _check_account(self, team: Team) -> None:
        for other in self.teams.values():
            if (
                other.id != team.id
                and other.sample == team.sample
                and other.aws_account_id == team.aws_account_id
            ):
                raise ConflictError("taken")

    async def add(self, team: Team) -> None:
        self._check_account(team)
        self.teams[team.id] = team

    async def replace(self, team: Team) -> bool:
        stored = self.teams.get(team.id)
        if stored is None or stored.version != team.version - 1:
            return False
        self._check_account(team)
        self.teams[team.id] = team
        return True

    async def remove(self, team_id: str) -> Team | None:
        return self.teams.pop(team_id, None)

    async def seed_samples(self, teams: Sequence[Team]) -> None:
        for team in teams:
            self.teams.setdefault(team.id, team)


class MemoryConfig:
    """Implements ``services.ports.ConfigStore``."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredConfig] = {}
        """One, under no name."""

    async def get(self, now: datetime) -> StoredConfig:
        return self.stored.setdefault("", StoredConfig(schedule_since=now))

    async def replace(self, config: StoredConfig) -> bool:
        known = self.stored.get("")
        if known is None or known.version != config.version - 1:
            return False
        self.stored[""] = config
        return True


class MemoryAuditEntries:
    """Implements ``services.ports.AuditLog``."""

    def __init__(self) -> None:
        self.entries: dict[str, AuditEntry] = {}

    async def append(self, entry: AuditEntry) -> None:
        self.entries.setdefault(entry.id, entry)

    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        found = [one for one in self.entries.values() if subject in {None, one.subject}]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)[:limit]

    async def get(self, entry_id: str) -> AuditEntry | None:
        return self.entries.get(entry_id)

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        one = self.entries.get(entry_id)
        if one is None or one.undone_at is not None:
            return False
        self.entries[entry_id] = one.model_copy(update={"undone_at": now})
        return True


class MemoryAnomalies:
    """Implements ``services.ports.AnomalyStore``."""

    def __init__(self) -> None:
        self.anomalies: dict[str, Anomaly] = {}

    async def raise_once(self, anomaly: Anomaly) -> bool:
        if anomaly.id in self.anomalies:
            return False
        self.anomalies[anomaly.id] = anomaly
        return True

    async def update(self, anomaly: Anomaly) -> None:
        stored = self.anomalies[anomaly.id]
        names = ("excess", "service", "end", "last", "usage", "shares", "updated_at")
        self.anomalies[anomaly.id] = stored.model_copy(
            update={name: getattr(anomaly, name) for name in names}
        )

    async def settle(self, anomaly: Anomaly, was: AnomalyStatus) -> bool:
        stored = self.anomalies[anomaly.id]
        if stored.status != was:
            return False
        names = ("status", "answer", "end", "updated_at")
        self.anomalies[anomaly.id] = stored.model_copy(
            update={name: getattr(anomaly, name) for name in names}
        )
        return True

    async def get(self, anomaly_id: str) -> Anomaly | None:
        return self.anomalies.get(anomaly_id)

    async def open_of(
        self, source: SourceName, accounts: Sequence[str] | None = None
    ) -> list[Anomaly]:
        found = [
            one
            for one in self.anomalies.values()
            if one.source == source
            and one.status == "open"
            and (accounts is None or one.account_id in accounts)
        ]
        return sorted(found, key=lambda one: (-one.excess, one.id))

    async def ended_of(self, source: SourceName, since: datetime) -> list[Anomaly]:
        found = [
            one
            for one in self.anomalies.values()
            if one.source == source and one.status == "ended" and one.raised_at >= since
        ]
        return sorted(found, key=lambda one: (-one.excess, one.id))

    async def in_state(
        self, source: SourceName, states: Sequence[AnomalyStatus], accounts: Sequence[str]
    ) -> list[Anomaly]:
        return [
            one
            for one in self.anomalies.values()
            if one.source == source and one.status in states and one.account_id in accounts
        ]

    async def newest(
        self, source: SourceName, accounts: Sequence[str] | None = None, limit: int = 100
    ) -> list[Anomaly]:
        found = [
            one
            for one in self.anomalies.values()
            if one.source == source and (accounts is None or one.account_id in accounts)
        ]
        return sorted(found, key=lambda one: (one.raised_at, one.id), reverse=True)[:limit]

    async def get_many(self, anomaly_ids: Sequence[str]) -> list[Anomaly]:
        return [one for one in self.anomalies.values() if one.id in anomaly_ids]

    async def page(
        self,
        source: SourceName,
        *,
        accounts: Sequence[str] | None = None,
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Anomaly]:
        found = [
            one
            for one in await self.newest(source, accounts, len(self.anomalies))
            if status in {None, one.status} and (after is None or (one.raised_at, one.id) < after)
        ]
        return found[:limit]


class MemoryAlertMinimums:
    """Implements ``services.ports.FloorStore``."""

    def __init__(self) -> None:
        self.floors: dict[tuple[SourceName, str], AlertMinimum] = {}

    async def of(self, source: SourceName, accounts: Sequence[str]) -> dict[str, AlertMinimum]:
        return {
            account: floor
            for (of, account), floor in self.floors.items()
            if of == source and account in accounts
        }

    async def replace(
        self,
        source: SourceName,
        account_id: str,
        floor: AlertMinimum | None,
        was: AlertMinimum | None,
    ) -> bool:
        key = (source, account_id)
        known = self.floors.get(key)
        if (known and known.entry) != (was and was.entry):
            return False
        if floor is None:
            self.floors.pop(key, None)
        else:
            self.floors[key] = floor
        return True


class MemoryPlannedChanges:
    """Implements ``services.ports.PlanStore``."""

    def __init__(self) -> None:
        self.plans: dict[str, PlannedChange] = {}

    async def add(self, plan: PlannedChange) -> None:
        self.plans.setdefault(plan.id, plan)

    async def remove(self, plan_id: str) -> PlannedChange | None:
        return self.plans.pop(plan_id, None)

    async def covering(self, accounts: Sequence[str], span: DaySpan) -> list[PlannedChange]:
        found = [
            one
            for one in self.plans.values()
            if one.account_id in accounts and one.first <= span.last and one.last >= span.first
        ]
        return sorted(found, key=lambda one: (one.at, one.id), reverse=True)


class MemoryPendingImports:
    """Implements ``services.ports.PendingImportStore``."""

    def __init__(self) -> None:
        self.pending: dict[str, PendingImport] = {}

    async def put(self, pending: PendingImport) -> None:
        self.pending[pending.id] = pending

    async def take(self, pending_id: str) -> PendingImport | None:
        return self.pending.pop(pending_id, None)


class MemoryAlerts:
    """Implements ``services.ports.AlertStore``."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}

    async def create_once(self, alert: Alert) -> bool:
        if alert.id in self.alerts:
            return False
        self.alerts[alert.id] = alert
        return True

    async def replace(self, alert: Alert) -> Alert | None:
        stored = self.alerts.get(alert.id)
        if stored is None or stored.fence != alert.fence:
            return None
        self.alerts[alert.id] = alert.model_copy(update={"fence": alert.fence + 1})
        return self.alerts[alert.id]

    async def get(self, alert_id: str) -> Alert | None:
        return self.alerts.get(alert_id)

    def _sorted(self, found: list[Alert]) -> list[Alert]:
        return sorted(found, key=lambda one: (one.created_at, one.id))

    async def of_subjects(self, subjects: Sequence[str]) -> list[Alert]:
        return self._sorted([o for o in self.alerts.values() if o.subject in subjects])

    async def newest_of(
        self, source: SourceName, conversation_id: str, since: datetime
    ) -> list[Alert]:
        found = [
            one
            for one in self.alerts.values()
            if (one.source, one.conversation_id) == (source, conversation_id)
            and one.created_at >= since
        ]
        return self._sorted(found)[::-1]


@dataclass
class _Lease:
    owner: str | None = None
    token: int = 0
    until: datetime | None = None


@dataclass
class MemoryRuns:
    """Implements ``services.ports.RunStore``."""

    runs: dict[str, Run] = field(default_factory=dict)
    leases: dict[str, _Lease] = field(default_factory=dict)
    reports: dict[str, FrozenReport] = field(default_factory=dict)

    async def begin(self, run: Run) -> tuple[Run, bool]:
        if run.id in self.runs:
            return self.runs[run.id], False
        self.runs[run.id], self.leases[run.id] = run, _Lease()
        return run, True

    async def get(self, run_id: str) -> Run | None:
        return self.runs.get(run_id)

    async def list_runs(
        self,
        source: SourceName | None,
        *,
        kind: RunKind | None = None,
        open_only: bool = False,
        period: str | None = None,
        team_id: str | None = None,
        before: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Run]:
        found = [
            run
            for run in self.runs.values()
            if source in {None, run.source}
            and kind in {None, run.kind}
            and (not open_only or run.state is RunState.OPEN)
            and period in {None, run.period}
            and team_id in {None, run.team_id}
            and (before is None or run.created_at < before)
            and (after is None or (run.created_at, run.id) < after)
        ]
        return sorted(found, key=lambda run: (run.created_at, run.id), reverse=True)[:limit]

    async def lease(self, run_id: str, owner: str, now: datetime, ttl: timedelta) -> int | None:
        held = self.leases.get(run_id)
        if held is None:
            return None
        ended = held.until is not None and held.until <= now
        if held.owner not in {None, owner} and not ended:
            return None
        held.owner, held.until, held.token = owner, now + ttl, held.token + 1
        return held.token

    async def holder(self, run_id: str) -> tuple[str, int] | None:
        held = self.leases.get(run_id)
        return (held.owner, held.token) if held and held.owner is not None else None

    async def renew(
        self, run_id: str, owner: str, token: int, now: datetime, ttl: timedelta
    ) -> bool:
        held = self.leases[run_id]
        if (held.owner, held.token) != (owner, token):
            return False
        held.until = now + ttl
        return True

    async def release(self, run_id: str, owner: str, token: int) -> None:
        held = self.leases[run_id]
        if (held.owner, held.token) == (owner, token):
            held.owner = held.until = None

    def _change(self, run_id: str, token: int, **update: object) -> bool:
        if self.leases[run_id].token != token:
            return False
        self.runs[run_id] = self.runs[run_id].model_copy(update=update)
        return True

    async def mark_planned(self, run_id: str, token: int, summary: RunSummary) -> bool:
        run = self.runs[run_id]
        if run.planned or run.state is not RunState.OPEN:
            return False
        return self._change(
            run_id, token, planned=True, plan=token, summary=summary, last_error=None
        )

    async def record_error(
        self, run_id: str, token: int, error: str, *, failed: bool, retry_at: datetime | None
    ) -> bool:
        run = self.runs[run_id]
        state = RunState.FAILED if failed else run.state
        return self._change(
            run_id,
            token,
            last_error=error,
            retry_at=retry_at,
            state=state,
            attempts=run.attempts + 1,
        )

    async def close(
        self, run_id: str, token: int, openings: int, *, expired: bool, now: datetime
    ) -> bool:
        run = self.runs[run_id]
        if run.state is not RunState.OPEN or not run.planned or run.openings != openings:
            return False
        state = RunState.EXPIRED if expired else RunState.DONE
        return self._change(run_id, token, state=state, finished_at=now)

    async def reopen(
        self, run_id: str, requested_by: Actor, now: datetime, not_after: datetime
    ) -> bool:
        run = self.runs.get(run_id)
        if run is None:
            return False
        self.runs[run_id] = run.model_copy(update={"openings": run.openings + 1})
        if run.state is RunState.OPEN:
            return False
        self.runs[run_id] = self.runs[run_id].model_copy(
            update={
                "last_error": None,
                "attempts": 0,
                "state": RunState.OPEN,
                "requested_by": requested_by,
                "not_after": not_after,
                "finished_at": None,
                "retry_at": None,
            }
        )
        return True

    async def freeze(self, reports: Sequence[FrozenReport]) -> None:
        for report in reports:
            self.reports.setdefault(report.id, report)

    async def frozen(self, report_id: str) -> FrozenReport | None:
        return self.reports.get(report_id)

    async def team_previews(self, run_id: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
        for report in self.reports.values():
            if report.run_id == run_id and report.team_id is not None:
                kept = ("window", "currency", "current_total")
                yield report.team_id, {k: report.preview[k] for k in kept if k in report.preview}


@dataclass
class MemoryDeliveries:
    """Implements ``services.ports.DeliveryLedger``."""

    deliveries: dict[str, Delivery] = field(default_factory=dict)

    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            self.deliveries.setdefault(one.id, one)

    def _of(self, run_id: str, *states: DeliveryState) -> list[Delivery]:
        return [
            one
            for one in self.deliveries.values()
            if one.run_id == run_id and (not states or one.state in states)
        ]

    def _put(self, delivery: Delivery, **update: object) -> Delivery:
        self.deliveries[delivery.id] = self.deliveries[delivery.id].model_copy(update=update)
        return self.deliveries[delivery.id]

    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        due = [
            one
            for one in self._of(run_id, DeliveryState.PENDING)
            if one.not_before <= now <= one.not_after
        ]
        if not due:
            return None
        first = min(due, key=lambda one: (one.not_before, one.id))
        return self._put(
            first,
            state=DeliveryState.SENDING,
            phase=DeliveryPhase.CLAIM,
            owner=owner,
            lease_until=now + ttl,
            attempts=first.attempts + 1,
            fence=first.fence + 1,
            updated_at=now,
        )

    def _mine(self, delivery: Delivery, phase: DeliveryPhase) -> bool:
        stored = self.deliveries[delivery.id]
        state = (stored.fence, stored.state, stored.phase)
        return state == (delivery.fence, DeliveryState.SENDING, phase)

    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        if not self._mine(delivery, DeliveryPhase.CLAIM):
            return False
        self._put(
            delivery,
            phase=DeliveryPhase.DATA,
            raw_sha256=raw_sha256,
            lease_until=now + ttl,
            updated_at=now,
        )
        return True

    async def finish(
        self,
        delivery: Delivery,
        phase: DeliveryPhase,
        state: DeliveryState,
        now: datetime,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
        ambiguous: bool = False,
    ) -> bool:
        if not self._mine(delivery, phase):
            return False
        stored = self.deliveries[delivery.id]
        self._put(
            delivery,
            state=state,
            phase=None,
            owner=None,
            lease_until=None,
            reply=reply,
            error=error,
            updated_at=now,
            not_before=not_before or stored.not_before,
            ambiguous=stored.ambiguous + ambiguous,
        )
        return True

    async def any_due(self, run_id: str, now: datetime) -> bool:
        pending = self._of(run_id, DeliveryState.PENDING)
        return any(one.not_before <= now <= one.not_after for one in pending)

    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        stored = self.deliveries[delivery.id]
        if (stored.fence, stored.state) != (delivery.fence, DeliveryState.SENDING):
            return False
        self._put(
            delivery,
            state=DeliveryState.PENDING,
            phase=None,
            owner=None,
            lease_until=None,
            attempts=stored.attempts - 1,
            updated_at=now,
        )
        return True

    async def owners(self, run_id: str) -> set[str]:
        return {one.owner for one in self._of(run_id, DeliveryState.SENDING) if one.owner}

    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        for one in self._of(run_id, DeliveryState.SENDING):
            if one.owner == owner:
                self._put(one, lease_until=now - timedelta(seconds=1))

    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        found = [
            one
            for one in self._of(run_id, DeliveryState.SENDING)
            if one.lease_until is not None and one.lease_until < now
        ]
        return sorted(found, key=lambda one: (one.recipient, one.id))

    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        stored = self.deliveries[delivery.id]
        ended = stored.lease_until is not None and stored.lease_until < now
        same = (stored.fence, stored.state) == (delivery.fence, DeliveryState.SENDING)
        if not (ended and same):
            return None
        return self._put(
            stored, owner=owner, lease_until=now + ttl, fence=stored.fence + 1, updated_at=now
        )

    async def expire(self, run_id: str, now: datetime) -> int:
        late = [one for one in self._of(run_id, DeliveryState.PENDING) if one.not_after < now]
        for one in late:
            self._put(one, state=DeliveryState.EXPIRED, updated_at=now)
        return len(late)

    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        ended = self._of(
            run_id, DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN
        )
        for one in ended:
            self._put(
                one,
                state=DeliveryState.PENDING,
                not_before=now,
                not_after=not_after,
                updated_at=now,
            )
        return len(ended)

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        found: dict[DeliveryState, int] = {}
        for one in self._of(run_id):
            found[one.state] = found.get(one.state, 0) + 1
        return found

    async def next_due(self, run_id: str) -> datetime | None:
        times = [one.not_before for one in self._of(run_id, DeliveryState.PENDING)]
        times += [
            one.lease_until for one in self._of(run_id, DeliveryState.SENDING) if one.lease_until
        ]
        return min(times, default=None)

    async def last_sent(self, run_id: str) -> datetime | None:
        sent = self._of(run_id, DeliveryState.SENT)
        return max((one.updated_at for one in sent), default=None)

    async def list_deliveries(
        self, run_id: str, *, states: Sequence[DeliveryState] | None = None
    ) -> list[Delivery]:
        found = self._of(run_id, *(states or ()))
        return sorted(found, key=lambda one: (one.recipient, one.id))


class MemoryRestored:
    """Implements ``services.ports.RestoredStore``."""

    def __init__(self, runs: MemoryRuns, ledger: MemoryDeliveries) -> None:
        self._runs = runs.runs
        self._deliveries = ledger.deliveries

    async def settle_open(self, error: str, now: datetime) -> tuple[int, int]:
        runs = [
            run
            for run in self._runs.values()
            if run.state is RunState.OPEN and run.kind is not RunKind.DAILY
        ]
        undecided = [
            one
            for one in self._deliveries.values()
            if one.run_id in {run.ledger_id for run in runs}
            and one.state in {DeliveryState.PENDING, DeliveryState.SENDING}
        ]
        for one in undecided:
            self._deliveries[one.id] = one.model_copy(
                update={
                    "state": DeliveryState.UNKNOWN,
                    "phase": None,
                    "owner": None,
                    "lease_until": None,
                    "error": error,
                    "updated_at": now,
                    "fence": one.fence + 1,
                }
            )
        for run in runs:
            self._runs[run.id] = run.model_copy(
                update={
                    "state": RunState.EXPIRED,
                    "finished_at": now,
                    "last_error": error,
                    "openings": run.openings + 1,
                }
            )
        return len(runs), len(undecided)


class MemoryRateBudget:
    """Implements ``services.ports.RateBudget``."""

    def __init__(self) -> None:
        self._used: dict[str, list[datetime]] = {}

    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        recent = [
            at for at in self._used.get(sender.casefold(), []) if now - at < timedelta(seconds=61)
        ]
        if len(recent) < per_minute:
            self._used[sender.casefold()] = [*recent, now]
            return 0.0
        return max(61.0 - (now - min(recent)).total_seconds(), 0.05)


class MemoryAdmins:
    """Implements ``services.ports.AdminStore``."""

    def __init__(self) -> None:
        self.admins: dict[tuple[str, str], AdminEntry] = {}

    async def list_admins(self) -> list[AdminEntry]:
        return sorted(self.admins.values(), key=lambda one: (one.name, one.object_id))

    async def add(self, admin: AdminEntry) -> bool:
        key = (admin.tenant_id.lower(), admin.object_id.lower())
        if key in self.admins:
            return False
        self.admins[key] = admin
        return True

    async def remove(self, tenant_id: str, object_id: str) -> AdminEntry | None:
        return self.admins.pop((tenant_id.lower(), object_id.lower()), None)


class MemoryConversations:
    """Implements ``services.ports.ConversationStore``."""

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}

    async def seen(self, conversation: Conversation) -> Conversation:
        known = self.conversations.get(conversation.id)
        if known is not None:
            kept = {
                name: getattr(known, name) for name in ("welcomed", "alerts_since", "alerts_by")
            }
            kept["title"] = conversation.title or known.title
            kept["with_id"] = conversation.with_id or known.with_id
            conversation = conversation.model_copy(update={**kept, "state": "active"})
        self.conversations[conversation.id] = conversation
        return conversation

    async def get(self, conversation_id: str) -> Conversation | None:
        return self.conversations.get(conversation_id)

    def _change(self, conversation_id: str, **changes: object) -> bool:
        known = self.conversations[conversation_id]
        self.conversations[conversation_id] = known.model_copy(update=changes)
        return True

    async def lost(
        self, conversation_id: str, state: Literal["uninstalled", "blocked"], now: datetime
    ) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.state == state:
            return False
        welcomed = known.welcomed and state != "uninstalled"
        return self._change(conversation_id, state=state, welcomed=welcomed, updated_at=now)

    async def alerts_on(self, conversation_id: str, by: str, now: datetime) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.alerts_since is not None:
            return False
        return self._change(conversation_id, alerts_since=now, alerts_by=by, updated_at=now)

    async def alerts_off(self, conversation_id: str, now: datetime) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.alerts_since is None:
            return False
        return self._change(conversation_id, alerts_since=None, alerts_by="", updated_at=now)

    async def welcome_once(self, conversation_id: str) -> bool:
        known = self.conversations.get(conversation_id)
        if known is None or known.welcomed:
            return False
        self.conversations[conversation_id] = known.model_copy(update={"welcomed": True})
        return True

    async def with_alerts(self) -> list[Conversation]:
        found = [one for one in self.conversations.values() if one.alerts_since]
        return sorted(found, key=lambda one: str(one.alerts_since))

    async def last_heard(self) -> datetime | None:
        return max((one.updated_at for one in self.conversations.values()), default=None)


class MemoryCardsInProgress:
    """Implements ``services.ports.CardInProgressStore``."""

    def __init__(self) -> None:
        self.cards: dict[str, CardInProgress] = {}

    async def put(self, card: CardInProgress) -> None:
        self.cards[card.id] = card

    async def touch(self, owner: str, now: datetime) -> None:
        for card in list(self.cards.values()):
            if card.owner == owner:
                self.cards[card.id] = card.model_copy(update={"touched_at": now})

    async def take(self, card: CardInProgress, owner: str, now: datetime) -> bool:
        stored = self.cards.get(card.id)
        if stored is None or (stored.owner, stored.touched_at) != (card.owner, card.touched_at):
            return False
        self.cards[card.id] = stored.model_copy(update={"owner": owner, "touched_at": now})
        return True

    async def remove(self, card_id: str) -> None:
        self.cards.pop(card_id, None)

    async def list_cards(self) -> list[CardInProgress]:
        return sorted(self.cards.values(), key=lambda one: one.created_at)


class MemoryApiKeys:
    """Implements ``services.ports.ApiKeyStore``."""

    def __init__(self) -> None:
        self.keys: dict[str, ApiKey] = {}

    async def any_ever(self) -> bool:
        return bool(self.keys)

    async def add(self, key: ApiKey) -> None:
        if key.id in self.keys:
            raise ConflictError("An API key of this id exists already.")
        self.keys[key.id] = key

    async def get(self, key_id: str) -> ApiKey | None:
        return self.keys.get(key_id)

    async def list_keys(self) -> list[ApiKey]:
        return sorted(self.keys.values(), key=lambda one: (one.created_at, one.id))

    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        key = self.keys.get(key_id)
        if key is not None and key.revoked_at is None:
            self.keys[key_id] = key.model_copy(update={"revoked_at": now})
        return self.keys.get(key_id)

    async def touch(self, key_id: str, now: datetime) -> None:
        key = self.keys.get(key_id)
        if key is not None and (key.last_used_at is None or key.last_used_at < now):
            self.keys[key_id] = key.model_copy(update={"last_used_at": now})


@dataclass
class MemoryStore:
    """Implements ``services.ports.Store``."""

    costs: MemoryCosts = field(default_factory=MemoryCosts)
    teams: MemoryTeams = field(default_factory=MemoryTeams)
    config: MemoryConfig = field(default_factory=MemoryConfig)
    audit_entries: MemoryAuditEntries = field(default_factory=MemoryAuditEntries)
    anomalies: MemoryAnomalies = field(default_factory=MemoryAnomalies)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    deliveries: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    rate_budget: MemoryRateBudget = field(default_factory=MemoryRateBudget)
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)
    admins: MemoryAdmins = field(default_factory=MemoryAdmins)
    conversations: MemoryConversations = field(default_factory=MemoryConversations)
    cards_in_progress: MemoryCardsInProgress = field(default_factory=MemoryCardsInProgress)
    alert_minimums: MemoryAlertMinimums = field(default_factory=MemoryAlertMinimums)
    planned_changes: MemoryPlannedChanges = field(default_factory=MemoryPlannedChanges)
    pending_imports: MemoryPendingImports = field(default_factory=MemoryPendingImports)
    api_keys: MemoryApiKeys = field(default_factory=MemoryApiKeys)
    restored: MemoryRestored = field(init=False)
    erasure: MemoryErasure = field(init=False)

    def __post_init__(self) -> None:
        self.restored = MemoryRestored(self.runs, self.deliveries)
        self.erasure = MemoryErasure(
            {
                "admins": self.admins.admins,
                "alerts": self.alerts.alerts,
                "anomalies": self.anomalies.anomalies,
                "api_keys": self.api_keys.keys,
                "audit": self.audit_entries.entries,
                "conversations": self.conversations.conversations,
                "deliveries": self.deliveries.deliveries,
                "floors": self.alert_minimums.floors,
                "notification_config": self.config.stored,
                "open_cards": self.cards_in_progress.cards,
                "pending_imports": self.pending_imports.pending,
                "plans": self.planned_changes.plans,
                "reports": self.runs.reports,
                "runs": self.runs.runs,
                "teams": self.teams.teams,
            }
        )

    async def prepare(self) -> None:
        """There are no indexes."""

    async def ping(self) -> None:
        """It always answers."""

    async def about(self) -> ServerInfo:
        """No server, and no clock of its own."""
        return ServerInfo("0", datetime.now(UTC))

    async def aclose(self) -> None:
        """Nothing is open."""
