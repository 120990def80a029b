"""Runs, their leases and their frozen reports, in memory."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.domain import (
    Actor,
    FrozenReport,
    Run,
    RunKind,
    RunState,
    RunSummary,
    SourceName,
)


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
        matches = [
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
        return sorted(matches, key=lambda run: (run.created_at, run.id), reverse=True)[:limit]

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
                kept = ("window", "currency", "current_total", "accounts")
                yield report.team_id, {k: report.preview[k] for k in kept if k in report.preview}
