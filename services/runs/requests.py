"""Requests for runs: start or find the run of a period, retry its emails.

The work itself is in ``worker``; a request only stores what is wanted, once per period.
"""

from datetime import datetime

from services.administration import AuditTrail, Config
from services.domain import Actor, DeliveryState, Run, RunKind, RunState, SourceName
from services.domain.errors import ConflictError, InvalidError, NotFoundError
from services.domain.run_states import (
    KEEP_TRYING,
    UNSETTLED,
    RunOutlook,
    run_id,
)
from services.domain.schedule import (
    due_periods,
    next_slots,
    parse_period,
    period_of,
    slot_of_period,
)
from services.mailing import Transports
from services.ports import DeliveryLedger, RunStore, TeamStore
from services.runs.views import RunViews

MAX_PERIODS_AHEAD = 1
"""Only the period that has started can have a run before its slot."""


class RunRequests:
    """Starts and retries the runs of one source."""

    def __init__(
        self,
        *,
        runs: RunStore,
        deliveries: DeliveryLedger,
        teams: TeamStore,
        config: Config,
        transports: Transports,
        audit: AuditTrail,
        views: RunViews,
        source: SourceName,
    ) -> None:
        self._views = views
        self._audit = audit
        self._runs = runs
        self._deliveries = deliveries
        self._teams = teams
        self._config = config
        self._transports = transports
        self._source = source

    async def request(
        self,
        kind: RunKind,
        actor: Actor,
        now: datetime,
        *,
        period: str | None = None,
        team_id: str | None = None,
        again: bool = False,
        repeat: int | None = None,
        due: bool = False,
    ) -> Run:
        """Return the run of a period; start it unless it exists.

        A finished run is returned as it is and sends nothing; ``again`` starts a repetition.
        ``repeat`` names the repetition that is meant, so that asking twice starts one run. A run
        that failed before it was planned is reopened. ``due``: the scheduler knows that the
        period has started, even if not in the present time zone.

        Raises InvalidError for a malformed period, ConflictError for one that has not started,
        NotFoundError for an unknown team.
        """
        if period is None or not due:
            period = await self._checked_period(kind, period, now)
        if team_id is not None and await self._teams.get(team_id) is None:
            raise NotFoundError(f"Team {team_id} does not exist. See the list of teams.")
        latest = await self._latest(kind, period, team_id)
        if repeat is not None:
            again = latest is not None and latest.repeat < repeat
        if latest is not None and not self._is_repeatable(latest, again=again):
            return await self._reopened_if_failed(latest, actor, now)
        next_repeat = latest.repeat + 1 if latest is not None else 1
        new = await self._new(kind, actor, now, period, team_id, next_repeat)
        run, is_new = await self._runs.begin(new)
        if is_new:
            await self._record(actor, "run.start", run, now)
        return run

    async def miss(self, period: str, slot: datetime, actor: Actor, now: datetime) -> None:
        """Store the weekly run of a missed slot as failed, unless there is one.

        Nothing is sent for it until somebody asks.
        """
        if await self._latest(RunKind.WEEKLY, period, None) is not None:
            return
        missed = await self._new(RunKind.WEEKLY, actor, now, period, None, 1)
        error = (
            f"The agent was not running when this report was due ({slot:%d %b %H:%M} UTC), nor in "
            f"the three days after. To create it now, use run-report --period {period}, or Retry."
        )
        state = {"state": RunState.FAILED, "last_error": error}
        await self._runs.begin(missed.model_copy(update=state))

    async def open_runs(self) -> list[Run]:
        """Runs that are not closed yet."""
        return await self._runs.list_runs(self._source, open_only=True)

    async def has_run_before(self, instant: datetime) -> bool:
        """Whether the source had a run before an instant."""
        return bool(await self._runs.list_runs(self._source, before=instant, limit=1))

    async def upcoming(self, now: datetime, count: int = 3) -> list[datetime]:
        """The next slots that will send something: their period has no run yet."""
        config = await self._config.stored(now)
        slots = []
        for slot in next_slots(config, now, count + MAX_PERIODS_AHEAD):
            period = period_of(slot, config.schedule_timezone)
            if await self._latest(RunKind.WEEKLY, period, None) is None:
                slots.append(slot)
        return slots[:count]

    async def skipped_week(self, now: datetime) -> str | None:
        """The current period if the scheduler will not run it; None if it will, or has.

        The slot of a schedule that was moved to an earlier time may have passed by then, and no
        slot before a change is run automatically.
        """
        config = await self._config.stored(now)
        period = period_of(now, config.schedule_timezone)
        if slot_of_period(config, period) > now or period in due_periods(config, now):
            return None
        return None if await self._latest(RunKind.WEEKLY, period, None) else period

    async def outlook(
        self, kind: RunKind, now: datetime, *, team_id: str | None = None
    ) -> RunOutlook:
        """What ``request`` would start or resume now, for the person who decides."""
        period = await self._checked_period(kind, None, now)
        latest = await self._latest(kind, period, team_id)
        sent, repeat = 0, 1
        if latest is not None:
            for run in await self._runs.list_runs(
                self._source, kind=kind, period=period, team_id=team_id
            ):
                counts = await self._deliveries.counts(run.ledger_id)
                sent += counts.get(DeliveryState.SENT, 0)
            repeat = latest.repeat + (1 if self._is_repeatable(latest, again=True) else 0)
        return RunOutlook(period, repeat, sent, await self._transports.choose(now))

    async def draft(
        self,
        kind: RunKind,
        actor: Actor,
        now: datetime,
        *,
        period: str | None = None,
        team_id: str | None = None,
    ) -> Run:
        """The run that ``request`` would start, not stored: for a rehearsal."""
        period = await self._checked_period(kind, period, now)
        return await self._new(kind, actor, now, period, team_id, 1)

    async def _new(
        self,
        kind: RunKind,
        actor: Actor,
        now: datetime,
        period: str,
        team_id: str | None,
        repeat: int,
    ) -> Run:
        return Run(
            id=run_id(self._source, kind, period, team_id, repeat),
            kind=kind,
            source=self._source,
            period=period,
            team_id=team_id,
            repeat=repeat,
            transport=await self._transports.choose(now),
            requested_by=actor,
            created_at=now,
            not_after=now + KEEP_TRYING,
        )

    async def _checked_period(self, kind: RunKind, period: str | None, now: datetime) -> str:
        if kind is RunKind.DAILY:
            if period is None:
                raise InvalidError("A daily run needs a day.")
            return period
        config = await self._config.stored(now)
        this_week = period_of(now, config.schedule_timezone)
        if period is None:
            return this_week
        parse_period(period)
        if period > this_week:
            raise ConflictError(f"{period} has not begun. The current period is {this_week}.")
        return period

    async def _latest(self, kind: RunKind, period: str, team_id: str | None) -> Run | None:
        runs = await self._runs.list_runs(self._source, kind=kind, period=period, team_id=team_id)
        return max(
            (run for run in runs if run.team_id == team_id),
            key=lambda run: run.repeat,
            default=None,
        )

    @staticmethod
    def _is_repeatable(run: Run, *, again: bool) -> bool:
        return again and run.state in {RunState.DONE, RunState.EXPIRED}

    async def _reopened_if_failed(self, run: Run, actor: Actor, now: datetime) -> Run:
        if run.state is not RunState.FAILED:
            return run
        await self._runs.reopen(run.id, actor, now, now + KEEP_TRYING)
        await self._record(actor, "run.retry", run, now)
        return await self._views.get(run.id)

    async def _record(self, actor: Actor, action: str, run: Run, now: datetime) -> None:
        """Record a request in the audit trail; the scheduler's own runs are not requests."""
        if actor.interface == "scheduler":
            return
        facts: dict[str, object] = {"run": run.id, "period": run.period, "kind": run.kind.value}
        await self._audit.record(actor, action, run.team_id or run.id, now, after=facts)

    async def retry(self, run_id: str, actor: Actor, now: datetime) -> int:
        """Reopen a run's failed, expired and unknown deliveries; return their number.

        A run that failed before it was planned is tried anew. Raises ConflictError while the run
        is still working on them.
        """
        run = await self._views.get(run_id)
        if run.state is RunState.OPEN:
            raise ConflictError(
                "The run is still open and retries on its own. See its deliveries."
            )
        if not run.planned:
            await self._reopened_if_failed(run, actor, now)
            return 0
        # The deliveries first: a worker that closes the run meanwhile counts its openings, and
        # would close it over the reopened deliveries if these came second.
        number = await self._deliveries.retry(run.ledger_id, now, now + KEEP_TRYING)
        counts = await self._deliveries.counts(run.ledger_id)
        if any(counts.get(state) for state in UNSETTLED):
            await self._runs.reopen(run.id, actor, now, now + KEEP_TRYING)
        if number:
            await self._record(actor, "run.retry", run, now)
        return number
