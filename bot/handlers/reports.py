"""Reports: preview, send, progress, retry."""

import asyncio

from bot.chat import Chat
from bot.handlers.common import pick, role_in
from bot.press import Press
from bot.turn import Reply, Turn
from bot.words import whole
from cards import reports as cards
from services.errors import AgentError, InvalidError
from services.model import RunKind, RunState, Team
from services.recipients import admin_recipients, team_recipients
from services.runs import RETRIED, RunView

ADMIN, WEEKLY = "admin", "weekly"


class DeniedError(AgentError):
    """The consolidated report is for admins."""


def _only_admins(turn: Turn) -> None:
    if not turn.is_admin:
        raise DeniedError("Only admins see the consolidated report. Write preview <team>.")


async def preview(chat: Chat, turn: Turn, rest: str) -> Reply:
    """A team's report, or the consolidated one."""
    if rest.casefold() == ADMIN or (not rest and turn.is_admin):
        _only_admins(turn)
        report = await chat.previews.admin_report(turn.now)
        return Reply(await asyncio.to_thread(cards.admin_preview, report, role_in(turn)))
    return await _team_preview(chat, turn, await pick(chat, rest, "preview"))


async def press_preview(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The same, from a button."""
    if press.team in {ADMIN, ""}:
        reply = await preview(chat, turn, press.team)
    else:
        reply = await _team_preview(chat, turn, await chat.teams.get(press.team))
    return Reply(reply.card, fresh=True)


async def _team_preview(chat: Chat, turn: Turn, team: Team) -> Reply:
    report = await chat.previews.team_report(team, turn.now)
    return Reply(cards.team_preview(report, role_in(turn)))


async def open_mail(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The mail itself, as its plain text."""
    if press.team == ADMIN:
        _only_admins(turn)
        rendered = await chat.previews.rendered_admin(await chat.previews.admin_report(turn.now))
        config = await chat.config.stored(turn.now)
        return Reply(cards.mail_text(rendered, config.global_admin_emails), fresh=True)
    team = await chat.teams.get(press.team)
    rendered = await chat.previews.rendered_team(await chat.previews.team_report(team, turn.now))
    return Reply(cards.mail_text(rendered, team_recipients(team)), fresh=True)


# Sending


async def send(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Asks before a team's report is mailed."""
    return await _team_question(chat, turn, await pick(chat, rest, "send"))


async def run_report(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Asks before the week's reports are mailed to everybody."""
    outlook = await chat.runs.outlook(RunKind.WEEKLY, turn.now)
    teams = await chat.teams.list()
    if not teams:
        raise InvalidError("No teams yet, so there is nobody to report to. Write add team.")
    config = await chat.config.stored(turn.now)
    admins = len(admin_recipients(config, chat.source.name))
    mails = sum(len(team_recipients(team)) for team in teams)
    data = {"team": WEEKLY, "period": outlook.period, "value": str(outlook.repeat)}
    who = f"{len(teams):,} team{'s' * (len(teams) != 1)}"
    return Reply(
        cards.send_question(
            outlook.period,
            mails,
            admins,
            outlook.sent,
            who,
            outlook.transport,
            data,
            sample=chat.sample,
            no_admins=admins == 0,
        )
    )


async def press_send(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Asks, from a button."""
    if press.team == WEEKLY:
        reply = await run_report(chat, turn, "")
    else:
        reply = await _team_question(chat, turn, await chat.teams.get(press.team))
    return Reply(reply.card, fresh=True)


async def _team_question(chat: Chat, turn: Turn, team: Team) -> Reply:
    outlook = await chat.runs.outlook(RunKind.TEAM, turn.now, team_id=team.id)
    addresses = team_recipients(team)
    data = {"team": team.id, "period": outlook.period, "value": str(outlook.repeat)}
    return Reply(
        cards.send_question(
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


async def send_now(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Begins the run that was asked about; pressed twice, it is one run."""
    kind = RunKind.WEEKLY if press.team == WEEKLY else RunKind.TEAM
    team_id = None if press.team == WEEKLY else press.team
    outlook = await chat.runs.outlook(kind, turn.now, team_id=team_id)
    repeat = whole(press.value, 1)
    if press.period != outlook.period or not 0 < repeat <= outlook.repeat:
        raise InvalidError("This question is from another week. Ask again: run report.")
    run = await chat.runs.request(kind, turn.actor, turn.now, team_id=team_id, repeat=repeat)
    if run.state is RunState.OPEN:
        chat.work(run.id)
    view = await chat.runs.progress(run.id)
    return Reply(run_card(view), run_id=run.id if run.state is RunState.OPEN else None)


def run_card(view: RunView) -> dict[str, object]:
    """A run at work, or what came of it."""
    run = view.run
    asked_by = run.requested_by.name or run.requested_by.door
    if run.state is RunState.OPEN:
        return cards.progress(run, view.counts, asked_by)
    failed = [one for one in view.deliveries if one.state in RETRIED]
    return cards.done(run, view.counts, failed, asked_by)


async def retry_run(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Tries again what failed."""
    number = await chat.runs.retry(press.run, turn.actor, turn.now)
    view = await chat.runs.progress(press.run)
    if not number and view.run.state is not RunState.OPEN:
        return Reply(run_card(view))
    chat.work(press.run)
    return Reply(run_card(view), run_id=press.run)


async def show_run(chat: Chat, turn: Turn, press: Press) -> Reply:
    """A run's facts."""
    view = await chat.runs.unsettled(press.run)
    failed = [one for one in view.deliveries if one.error]
    return Reply(cards.run_details(view.run, view.counts, failed), fresh=True)
