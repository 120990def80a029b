"""Reports: preview, send, progress, retry."""

import asyncio

from bot.chat import Chat
from bot.handlers.common import pick_team, role_in
from bot.payloads import Number, Payload, TeamPayload, Text
from bot.turn import Reply, Turn
from cards.previews import admin_preview, email_text, team_preview
from cards.runs import run_details, run_progress, run_result, send_question
from services.domain import RunKind, RunState, Team
from services.domain.errors import AgentError, InvalidError
from services.domain.formatting import plural
from services.domain.run_states import RETRYABLE, RunView
from services.reports import admin_recipients, team_recipients

ADMIN, WEEKLY = "admin", "weekly"
"""In the place of a team's ID: the consolidated report, and the reports of all teams."""


class RunPayload(Payload):
    """The ID of a run."""

    run: Text


class SendPayload(Payload):
    """The run that a question described: its team, its period and, as ``value``, its number within
    that period.
    """

    team: Text
    period: Text
    value: Number


class DeniedError(AgentError):
    """The consolidated report is for admins."""


def _only_admins(turn: Turn) -> None:
    if not turn.is_admin:
        raise DeniedError("Only admins see the consolidated report. Write preview <team>.")


async def preview(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show a team's report, or the consolidated one."""
    if argument.casefold() == ADMIN or (not argument and turn.is_admin):
        _only_admins(turn)
        report = await chat.app.reports.previews.admin_report(turn.now)
        return Reply(await asyncio.to_thread(admin_preview, report, role_in(turn)))
    return await _team_preview(chat, turn, await pick_team(chat, argument, "preview"))


async def press_preview(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    """Do what ``preview`` does, for a button."""
    if payload.team in {ADMIN, ""}:
        reply = await preview(chat, turn, payload.team)
    else:
        reply = await _team_preview(chat, turn, await chat.app.teams.get(payload.team))
    return Reply(reply.card, is_new_message=True)


async def _team_preview(chat: Chat, turn: Turn, team: Team) -> Reply:
    report = await chat.app.reports.previews.team_report(team, turn.now)
    return Reply(team_preview(report, role_in(turn)))


async def open_email(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    """Show the plain text of the email."""
    if payload.team == ADMIN:
        _only_admins(turn)
        rendered = await chat.app.reports.previews.rendered_admin(
            await chat.app.reports.previews.admin_report(turn.now)
        )
        config = await chat.app.administration.config.stored(turn.now)
        return Reply(email_text(rendered, config.global_admin_emails), is_new_message=True)
    team = await chat.app.teams.get(payload.team)
    rendered = await chat.app.reports.previews.rendered_team(
        await chat.app.reports.previews.team_report(team, turn.now)
    )
    return Reply(email_text(rendered, team_recipients(team)), is_new_message=True)


# Sending


async def send(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Ask before a team's report is emailed."""
    return await _team_question(chat, turn, await pick_team(chat, argument, "send"))


async def run_report(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Ask before the week's reports are emailed to everybody."""
    outlook = await chat.app.runs.requests.outlook(RunKind.WEEKLY, turn.now)
    teams = await chat.app.teams.list()
    if not teams:
        raise InvalidError("No teams yet, so there is nobody to report to. Write add team.")
    config = await chat.app.administration.config.stored(turn.now)
    admins = len(admin_recipients(config, chat.app.context.source.name))
    emails = sum(len(team_recipients(team)) for team in teams)
    data = {"team": WEEKLY, "period": outlook.period, "value": str(outlook.repeat)}
    return Reply(
        send_question(
            outlook.period,
            emails,
            admins,
            outlook.sent,
            plural(len(teams), "team"),
            outlook.transport,
            data,
            sample=chat.sample,
            no_admins=admins == 0,
        )
    )


async def press_send(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    """Ask what ``send`` asks, for a button."""
    if payload.team == WEEKLY:
        reply = await run_report(chat, turn, "")
    else:
        reply = await _team_question(chat, turn, await chat.app.teams.get(payload.team))
    return Reply(reply.card, is_new_message=True)


async def _team_question(chat: Chat, turn: Turn, team: Team) -> Reply:
    outlook = await chat.app.runs.requests.outlook(RunKind.TEAM, turn.now, team_id=team.id)
    addresses = team_recipients(team)
    data = {"team": team.id, "period": outlook.period, "value": str(outlook.repeat)}
    return Reply(
        send_question(
            outlook.period,
            len(addresses),
            0,
            outlook.sent,
            team.team_name,
            outlook.transport,
            data,
            addresses=addresses,
            sample=chat.sample,
        )
    )


async def send_now(chat: Chat, turn: Turn, payload: SendPayload) -> Reply:
    """Start the run that the question described. Pressing twice starts one run: the number in the
    payload says which repetition of the period's run is meant.
    """
    kind = RunKind.WEEKLY if payload.team == WEEKLY else RunKind.TEAM
    team_id = None if payload.team == WEEKLY else payload.team
    outlook = await chat.app.runs.requests.outlook(kind, turn.now, team_id=team_id)
    if payload.period != outlook.period or payload.value > outlook.repeat:
        raise InvalidError("This question is from another week. Ask again: run report.")
    run = await chat.app.runs.requests.request(
        kind, turn.actor, turn.now, team_id=team_id, repeat=payload.value
    )
    if run.state is RunState.OPEN:
        chat.app.runs.scheduler.work(run.id)
    view = await chat.app.runs.views.progress(run.id)
    return Reply(run_card(view), run_id=run.id if run.state is RunState.OPEN else None)


def run_card(view: RunView) -> dict[str, object]:
    """Build the card of a run's progress, or of its result."""
    run = view.run
    asked_by = run.requested_by.name or run.requested_by.interface
    if run.state is RunState.OPEN:
        return run_progress(run, view.counts, asked_by, view.history)
    failed = [delivery for delivery in view.deliveries if delivery.state in RETRYABLE]
    return run_result(run, view.counts, failed, asked_by)


async def retry_run(chat: Chat, turn: Turn, payload: RunPayload) -> Reply:
    """Send the failed emails of a run again."""
    retried = await chat.app.runs.requests.retry(payload.run, turn.actor, turn.now)
    view = await chat.app.runs.views.progress(payload.run)
    if not retried and view.run.state is not RunState.OPEN:
        return Reply(run_card(view))
    chat.app.runs.scheduler.work(payload.run)
    return Reply(run_card(view), run_id=payload.run)


async def show_run(chat: Chat, turn: Turn, payload: RunPayload) -> Reply:
    """Show the details of a run."""
    view = await chat.app.runs.views.unsettled(payload.run)
    failed = [delivery for delivery in view.deliveries if delivery.error]
    return Reply(run_details(view.run, view.counts, failed), is_new_message=True)
