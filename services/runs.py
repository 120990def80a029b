"""Runs as people ask for them: begin or find the run of a period, look at it, retry it.

The work itself is in ``worker``; a request only stores what is wanted, once per period.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.audit import Audit
from services.config import Config
from services.errors import ConflictError, InvalidError, NotFoundError
from services.model import (
    Actor,
    Delivery,
    DeliveryState,
    Run,
    RunKind,
    RunState,
    SourceName,
)
from services.ports import DeliveryLedger, RunStore, TeamStore
from services.schedule import next_slots, parse_period, period_of
from services.transports import Transports

KEEP_TRYING = timedelta(days=3)
"""How long after its beginning a run still works on its deliveries."""
RETRIED = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.UNKNOWN)
"""States that a person may send back to work."""
MOST_DONE_AHEAD = 1
"""Only the period that has begun can have a run before its slot."""
UNSETTLED = (DeliveryState.PENDING, DeliveryState.SENDING)


@dataclass(frozen=True, slots=True)
class RunView:
    """A run with its deliveries."""

    run: Run
    counts: dict[DeliveryState, int]
    deliveries: list[Delivery]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What asking for a run would begin, or go on with."""

    period: str
    repeat: int
    """The repetition that would be worked on."""
    sent: int
    """Mails of this period that were sent before."""
    transport: str


def run_id(
    source: SourceName, kind: RunKind, period: str, team_id: str | None = None, repeat: int = 1
) -> str:
    """The id that makes a run unique: source, kind, period, team and repetition."""
    parts = [source, kind.value, *([team_id] if team_id else []), period]
    return ":".join(parts) + (f"#{repeat}" if repeat > 1 else "")


def weekly_run_before(runs: Sequence[Run], period: str, at: datetime) -> Run | None:
    """The last weekly run that reported before an instant, on this period or an earlier one.

    The report of an earlier week that is made late looks back from its own week.
    """
    return max(
        (
            one
            for one in runs
            if one.kind is RunKind.WEEKLY
            and one.planned
            and one.period <= period
            and one.created_at < at
        ),
        key=lambda one: (one.period, one.repeat),
        default=None,
    )


class Runs:
    """The runs of one source."""

    def __init__(
        self,
        *,
        runs: RunStore,
        deliveries: DeliveryLedger,
        teams: TeamStore,
        config: Config,
        transports: Transports,
        audit: Audit,
        source: SourceName,
    ) -> None:
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
        """The run of a period, begun unless it is there.

        ``repeat`` names the repetition that is meant, so that asking twice begins one run.
        ``due``: the clock knows that the period has begun, if not in the present time zone.
        A finished one comes back as it is and sends nothing; ``again`` begins a repetition. One
        that failed before anything was planned is opened again. Raises InvalidError for a
        period that is none, ConflictError for one that has not begun, NotFoundError for an
        unknown team.
        """
        if period is None or not due:
            period = await self._checked_period(kind, period, now)
        if team_id is not None and await self._teams.get(team_id) is None:
            raise NotFoundError(f"There is no team {team_id}. See the list of teams.")
        latest = await self._latest(kind, period, team_id)
        if repeat is not None:
            again = latest is not None and latest.repeat < repeat
        if latest is not None and not self._over(latest, again=again):
            return await self._reopened_if_failed(latest, actor, now)
        repeat = latest.repeat + 1 if latest is not None else 1
        new = await self._new(kind, actor, now, period, team_id, repeat)
        run, begun = await self._runs.begin(new)
        if begun:
            await self._record(actor, "run.start", run, now)
        return run

    async def miss(self, period: str, slot: datetime, actor: Actor, now: datetime) -> None:
        """Stores the weekly run of a missed slot as failed, unless there is one.

        Nothing is mailed for it until somebody asks.
        """
        if await self._latest(RunKind.WEEKLY, period, None) is not None:
            return
        missed = await self._new(RunKind.WEEKLY, actor, now, period, None, 1)
        error = (
            f"The agent did not run when it was due ({slot:%d %b %H:%M} UTC) nor in the three days "
            f"after. To make it now: run-report --period {period}, or Retry."
        )
        state = {"state": RunState.FAILED, "last_error": error}
        await self._runs.begin(missed.model_copy(update=state))

    async def upcoming(self, now: datetime, count: int = 3) -> list[datetime]:
        """The next slots that will send something: their period has no run yet."""
        config = await self._config.stored(now)
        found = []
        for slot in next_slots(config, now, count + MOST_DONE_AHEAD):
            period = period_of(slot, config.schedule_timezone)
            if await self._latest(RunKind.WEEKLY, period, None) is None:
                found.append(slot)
        return found[:count]

    async def outlook(
        self, kind: RunKind, now: datetime, *, team_id: str | None = None
    ) -> Outlook:
        """What ``request`` would begin or go on with now, for whoever is to decide on it."""
        period = await self._checked_period(kind, None, now)
        latest = await self._latest(kind, period, team_id)
        sent, repeat = 0, 1
        if latest is not None:
            for run in await self._runs.list_runs(
                self._source, kind=kind, period=period, team_id=team_id
            ):
                counts = await self._deliveries.counts(run.ledger_id)
                sent += counts.get(DeliveryState.SENT, 0)
            repeat = latest.repeat + (1 if self._over(latest, again=True) else 0)
        return Outlook(period, repeat, sent, await self._transports.choose(now))

    async def draft(
        self,
        kind: RunKind,
        actor: Actor,
        now: datetime,
        *,
        period: str | None = None,
        team_id: str | None = None,
    ) -> Run:
        """The run that ``request`` would begin, not stored: for a rehearsal."""
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
                raise InvalidError("A daily run needs its day.")
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
        found = await self._runs.list_runs(self._source, kind=kind, period=period, team_id=team_id)
        return max(
            (run for run in found if run.team_id == team_id),
            key=lambda run: run.repeat,
            default=None,
        )

    @staticmethod
    def _over(run: Run, *, again: bool) -> bool:
        return again and run.state in {RunState.DONE, RunState.EXPIRED}

    async def _reopened_if_failed(self, run: Run, actor: Actor, now: datetime) -> Run:
        if run.state is not RunState.FAILED:
            return run
        await self._runs.reopen(run.id, actor, now, now + KEEP_TRYING)
        await self._record(actor, "run.retry", run, now)
        return await self._get(run.id)

    async def _record(self, actor: Actor, action: str, run: Run, now: datetime) -> None:
        """In the audit trail, where somebody has asked; what the clock does is in the runs."""
        if actor.door == "clock":
            return
        facts: dict[str, object] = {"run": run.id, "period": run.period, "kind": run.kind.value}
        await self._audit.record(actor, action, run.team_id or run.id, now, after=facts)

    async def _get(self, run_id: str) -> Run:
        run = await self._runs.get(run_id)
        if run is None or run.source != self._source:
            raise NotFoundError(f"There is no run {run_id}. See the list of runs.")
        return run

    async def view(self, run_id: str) -> RunView:
        """The run with its deliveries; NotFoundError when there is none."""
        run = await self._get(run_id)
        return RunView(
            run,
            await self._deliveries.counts(run.ledger_id),
            await self._deliveries.list_deliveries(run.ledger_id),
        )

    async def progress(self, run_id: str) -> RunView:
        """The run with its counts; once it is over with the deliveries that can be retried."""
        run = await self._get(run_id)
        over = run.state is not RunState.OPEN
        deliveries = await self.failures(run_id) if over else []
        return RunView(run, await self._deliveries.counts(run.ledger_id), deliveries)

    async def unsettled(self, run_id: str) -> RunView:
        """The run with the deliveries that have not gone out."""
        run = await self._get(run_id)
        states = (*RETRIED, DeliveryState.PENDING)
        found = await self._deliveries.list_deliveries(run.ledger_id, states=states)
        return RunView(run, await self._deliveries.counts(run.ledger_id), found)

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        """How many of a run's deliveries are in each state."""
        return await self._deliveries.counts((await self._get(run_id)).ledger_id)

    async def failures(self, run_id: str) -> list[Delivery]:
        """The deliveries of a run that a person may send back to work."""
        ledger_id = (await self._get(run_id)).ledger_id
        return await self._deliveries.list_deliveries(ledger_id, states=RETRIED)

    async def newest(
        self,
        limit: int = 100,
        *,
        kind: RunKind | None = None,
        after: tuple[datetime, str] | None = None,
    ) -> list[Run]:
        """The newest runs of the active source; ``after``: behind this place."""
        return await self._runs.list_runs(self._source, kind=kind, after=after, limit=limit)

    async def retry(self, run_id: str, actor: Actor, now: datetime) -> int:
        """Opens a run's failed, expired and unknown deliveries again; their number.

        A run that failed before anything was planned is tried anew. Raises ConflictError while
        the run is still working on them by itself.
        """
        run = await self._get(run_id)
        if run.state is RunState.OPEN:
            raise ConflictError("The run is still open and retries by itself. See its deliveries.")
        if not run.planned:
            await self._reopened_if_failed(run, actor, now)
            return 0
        # The deliveries first: who closes the run looks at them under a count of its openings.
        number = await self._deliveries.retry(run.ledger_id, now, now + KEEP_TRYING)
        counts = await self._deliveries.counts(run.ledger_id)
        if any(counts.get(state) for state in UNSETTLED):
            await self._runs.reopen(run_id, actor, now, now + KEEP_TRYING)
        if number:
            await self._record(actor, "run.retry", run, now)
        return number
