"""``run-report``: one run and out."""

import time
from datetime import timedelta

from rich.console import Console

from cli.progress import RunProgress
from cli.wired import Wired
from services.domain import Actor, DeliveryState, Run, RunKind, RunState, RunSummary, Team
from services.domain.errors import InvalidError
from services.domain.formatting import day_range, money, percent_of, plural
from services.domain.run_states import RunView
from services.runs.progress import Progress, no_progress

PATIENCE = timedelta(minutes=10)
"""How long a command waits for another worker's lease and for retries."""
ACTOR = Actor(interface="cli", name="run-report")
MOST_LINES = 20


async def run_report(
    wired: Wired,
    *,
    period: str | None = None,
    team: str | None = None,
    again: bool = False,
    retry: bool = False,
    dry_run: bool = False,
    actor: Actor = ACTOR,
) -> int:
    """Does one run; 0 only if every delivery was sent."""
    if dry_run:
        return await _rehearse(wired, period, team)
    started = time.monotonic()
    with RunProgress() as progress:
        view, worked = await work_on_report(
            wired,
            period=period,
            team=team,
            again=again,
            retry=retry,
            actor=actor,
            progress=progress,
        )
    show(view, seconds=time.monotonic() - started if worked else None)
    return 0 if all_sent(view) else 1


async def work_on_report(
    wired: Wired,
    *,
    period: str | None = None,
    team: str | None = None,
    again: bool = False,
    retry: bool = False,
    actor: Actor = ACTOR,
    patience: timedelta = PATIENCE,
    progress: Progress = no_progress,
) -> tuple[RunView, bool]:
    """Begins or goes on with a run: what became of it, and whether there was anything to do."""
    kind, team_id = await _wanted(wired, team)
    run = await wired.runs.request(
        kind, actor, wired.clock(), period=period, team_id=team_id, again=again
    )
    if retry and run.state is not RunState.OPEN:
        await wired.runs.retry(run.id, actor, wired.clock())
        run = (await wired.runs.progress(run.id)).run
    is_open = run.state is RunState.OPEN
    if is_open:
        await wired.worker.work(run.id, patience=patience, progress=progress)
    return await wired.runs.view(run.id), is_open


async def _wanted(wired: Wired, team: str | None) -> tuple[RunKind, str | None]:
    if team is None:
        return RunKind.WEEKLY, None
    return RunKind.TEAM, (await _chosen(wired, team)).id


async def _chosen(wired: Wired, text: str) -> Team:
    found = await wired.teams.find(text)
    if not found:
        raise InvalidError(f'No team matches "{text}". Give its name, account id or a prefix.')
    if len(found) > 1:
        names = ", ".join(f"{team.team_name} ({team.aws_account_id})" for team in found[:10])
        raise InvalidError(f'"{text}" fits {len(found)} teams: {names}. Give the account id.')
    return found[0]


async def _rehearse(wired: Wired, period: str | None, team: str | None) -> int:
    kind, team_id = await _wanted(wired, team)
    draft = await wired.runs.draft(kind, ACTOR, wired.clock(), period=period, team_id=team_id)
    with RunProgress() as progress:
        plan = await wired.planner.rehearse(draft, progress)
    out = Console(highlight=False, soft_wrap=True)
    _show_summary(out, draft, plan.summary)
    out.print(
        f"Mails      {len(plan.recipients)} would be sent ({draft.transport}):", markup=False
    )
    for _, recipient, subject in plan.recipients:
        out.print(f"  {recipient}: {subject}", markup=False)
    out.print("Dry run: nothing was sent and no run was stored.")
    return 0


def show(view: RunView, seconds: float | None) -> None:
    """Prints what a run found and what became of its mails."""
    out = Console(highlight=False, soft_wrap=True)
    run = view.run
    if run.summary is not None:
        _show_summary(out, run, run.summary)
    counts = ", ".join(f"{number} {state.value}" for state, number in _ordered(view.counts))
    where = " (outbox)" if run.transport == "outbox" else ""
    out.print(f"Mails      {counts or 'none'}{where}", markup=False)
    if seconds is None:
        out.print(
            "This report was made before; nothing was sent now. --again repeats it, --retry sends "
            "what failed."
        )
    else:
        out.print(f"Took       {seconds:.1f} s")
    unsent = [one for one in view.deliveries if one.state is not DeliveryState.SENT]
    for one in unsent[:MOST_LINES]:
        out.print(f"  {one.recipient}: {one.state.value}. {one.error or ''}", markup=False)
    if len(unsent) > MOST_LINES:
        out.print(f"  and {len(unsent) - MOST_LINES} more")
    if run.state is RunState.OPEN:
        out.print("The run is still open. The same command goes on with it.")
    if run.last_error and not all_sent(view):
        out.print(f"Error: {run.last_error}", markup=False)


def _show_summary(out: Console, run: Run, summary: RunSummary) -> None:
    window = summary.window
    now = money(summary.total, summary.currency)
    before = money(summary.previous_total, summary.currency)
    change = percent_of(summary.total, summary.previous_total)
    out.print(f"Report     {run.period}{' · SAMPLE DATA' if run.source == 'sample' else ''}")
    out.print(f"Accounts   {summary.accounts} ({plural(summary.teams, 'team')})")
    out.print(
        f"Total      {now}{f' ({change})' if change else ''}, {day_range(window.current.first, window.current.last)} "
        f"vs {before}, {day_range(window.previous.first, window.previous.last)}",
        markup=False,
    )
    out.print(f"Anomalies  {summary.anomalies}")


def _ordered(counts: dict[DeliveryState, int]) -> list[tuple[DeliveryState, int]]:
    return [(state, counts[state]) for state in DeliveryState if counts.get(state)]


def all_sent(view: RunView) -> bool:
    """Whether the run is over and everybody who is still to get it has got it."""
    return view.run.state is RunState.DONE and set(view.counts) <= {
        DeliveryState.SENT,
        DeliveryState.SKIPPED,
    }
