"""``run-report``: create and send the reports of one run, then exit."""

import argparse
import time
from datetime import timedelta

from rich.console import Console

from cli.progress import RunProgress
from services.application import Application
from services.domain import Actor, DeliveryState, Run, RunKind, RunState, RunSummary, Team
from services.domain.errors import InvalidError
from services.domain.formatting import day_range, money, percent_of, plural
from services.domain.run_states import RunView
from services.presentation import unit_words
from services.runs import Progress, no_progress

PATIENCE = timedelta(minutes=10)
"""How long a command waits for another worker's lease and for retries."""
ACTOR = Actor(interface="cli", name="run-report")
MAX_LINES = 20
NOT_SENT = tuple(state for state in DeliveryState if state is not DeliveryState.SENT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--period", metavar="2026-W48", help="ISO week; default: the current one")
    parser.add_argument(
        "--team", metavar="X", help="only this team: its name, account ID, or a prefix of one"
    )
    parser.add_argument(
        "--again", action="store_true", help="repeat a finished period as a new run"
    )
    parser.add_argument(
        "--retry",
        action="store_true",
        help="send the emails of a finished period that failed, expired or have an unknown outcome",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be sent; send and store nothing"
    )
    parser.add_argument(
        "--mail-sample-data",
        action="store_true",
        help="confirm that sample data may be sent through the real mail server",
    )


async def run_report(
    app: Application,
    *,
    period: str | None = None,
    team: str | None = None,
    again: bool = False,
    retry: bool = False,
    dry_run: bool = False,
    actor: Actor = ACTOR,
) -> int:
    """Do one run; returns 0 only if every delivery was sent."""
    if dry_run:
        return await _rehearse(app, period, team)
    started = time.monotonic()
    with RunProgress() as progress:
        view, worked = await work_on_report(
            app,
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
    app: Application,
    *,
    period: str | None = None,
    team: str | None = None,
    again: bool = False,
    retry: bool = False,
    actor: Actor = ACTOR,
    patience: timedelta = PATIENCE,
    progress: Progress = no_progress,
) -> tuple[RunView, bool]:
    """Start or resume a run; return its outcome, and whether there was anything to do.

    ``patience``: how long to wait for another worker's lease and for retries.
    """
    kind, team_id = await _scope(app, team)
    run = await app.runs.requests.request(
        kind, actor, app.context.clock(), period=period, team_id=team_id, again=again
    )
    if retry and run.state is not RunState.OPEN:
        await app.runs.requests.retry(run.id, actor, app.context.clock())
        run = (await app.runs.views.progress(run.id)).run
    is_open = run.state is RunState.OPEN
    if is_open:
        await app.runs.worker.work(run.id, patience=patience, progress=progress)
    return await app.runs.views.view(run.id, NOT_SENT), is_open


async def _scope(app: Application, team: str | None) -> tuple[RunKind, str | None]:
    if team is None:
        return RunKind.WEEKLY, None
    return RunKind.TEAM, (await _find_team(app, team)).id


async def _find_team(app: Application, text: str) -> Team:
    teams = await app.teams.find(text)
    if not teams:
        raise InvalidError(
            f'No team matches "{text}". Give its name, account ID, or a prefix of one.'
        )
    if len(teams) > 1:
        names = ", ".join(f"{team.team_name} ({team.aws_account_id})" for team in teams[:10])
        raise InvalidError(f'"{text}" matches {len(teams)} teams: {names}. Give the account ID.')
    return teams[0]


async def _rehearse(app: Application, period: str | None, team: str | None) -> int:
    kind, team_id = await _scope(app, team)
    draft = await app.runs.requests.draft(
        kind, ACTOR, app.context.clock(), period=period, team_id=team_id
    )
    with RunProgress() as progress:
        run_plan = await app.runs.planner.rehearse(draft, progress)
    out = Console(highlight=False, soft_wrap=True)
    _show_summary(out, draft, run_plan.summary)
    out.print(
        f"Emails     {len(run_plan.recipients)} would be sent ({draft.transport}):", markup=False
    )
    for _, recipient, subject in run_plan.recipients:
        out.print(f"  {recipient}: {subject}", markup=False)
    out.print("Dry run: nothing was sent and no run was stored.")
    return 0


def show(view: RunView, seconds: float | None) -> None:
    """Print the summary of a run and the state of its emails."""
    out = Console(highlight=False, soft_wrap=True)
    run = view.run
    if run.summary is not None:
        _show_summary(out, run, run.summary)
    counts = ", ".join(f"{number} {state.value}" for state, number in _ordered(view.counts))
    where = " (outbox)" if run.transport == "outbox" else ""
    out.print(f"Emails     {counts or 'none'}{where}", markup=False)
    if seconds is None:
        out.print(
            "This report had already been sent, so nothing was sent now. Use --again to repeat it, or "
            "--retry to send what failed."
        )
    else:
        out.print(f"Took       {seconds:.1f} s")
    for delivery in view.deliveries[:MAX_LINES]:
        reason = delivery.error or ""
        out.print(f"  {delivery.recipient}: {delivery.state.value}. {reason}", markup=False)
    unsent = sum(number for state, number in view.counts.items() if state in NOT_SENT)
    if unsent > MAX_LINES:
        out.print(f"  and {unsent - MAX_LINES} more")
    if run.state is RunState.OPEN:
        out.print("The run is still open. Run the same command again to resume it.")
    if run.last_error and not all_sent(view):
        out.print(f"Error: {run.last_error}", markup=False)


def _show_summary(out: Console, run: Run, summary: RunSummary) -> None:
    window = summary.window
    now = money(summary.total, summary.currency)
    before = money(summary.previous_total, summary.currency)
    change = percent_of(summary.total, summary.previous_total, is_new=False)
    out.print(f"Report     {run.period}{' · SAMPLE DATA' if run.source == 'sample' else ''}")
    out.print(f"Accounts   {summary.accounts} ({plural(summary.teams, 'team')})")
    out.print(
        f"Total      {now}{f' ({change})' if change else ''}, {day_range(window.current.first, window.current.last)} "
        f"vs {before}, {day_range(window.previous.first, window.previous.last)}"
        f" ({unit_words(summary.currency, summary.metric)})",
        markup=False,
    )
    out.print(f"Anomalies  {summary.anomalies}")


def _ordered(counts: dict[DeliveryState, int]) -> list[tuple[DeliveryState, int]]:
    return [(state, counts[state]) for state in DeliveryState if counts.get(state)]


def all_sent(view: RunView) -> bool:
    """Whether the run is done and everybody who is still a recipient has got their email."""
    return view.run.state is RunState.DONE and set(view.counts) <= {
        DeliveryState.SENT,
        DeliveryState.SKIPPED,
    }
