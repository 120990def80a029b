"""The one table of buttons: what each does and who may press it. Every press is checked again."""

from collections.abc import Sequence
from dataclasses import replace

from bot.chat import Chat
from bot.commands import COMMANDS, show_help
from bot.handlers import anomalies, costs, general, people, reports, settings, teams, thresholds
from bot.parser import parse
from bot.press import Press
from bot.turn import Button, Reply, Turn
from services.errors import InvalidError
from services.model import Role


async def press_help(chat: Chat, turn: Turn, press: Press) -> Reply:
    """What the presser may do."""
    reply = await show_help(chat, turn, "")
    return Reply(reply.card, fresh=True)


MOST_NAMES = 10


def refused(admins: Sequence[str]) -> str:
    """To the presser alone: this is for admins, and who they are."""
    listed = f" Admins: {', '.join(admins[:MOST_NAMES])}." if admins else ""
    return f"Only admins can do this.{listed}"


async def press_command(chat: Chat, turn: Turn, press: Press) -> Reply:
    """What a typed command does, offered where a text was no command but close to this one."""
    parsed = parse(press.text, COMMANDS)
    if parsed.command is None:
        raise InvalidError("This button is from an older card. Ask for a new one.")
    if not parsed.command.is_for(turn.role, parsed.rest):
        return Reply(words=refused(await chat.roles.names()))
    reply = await parsed.command.handler(chat, turn, parsed.rest)
    return replace(reply, fresh=True)


BUTTONS: dict[str, tuple[Role, Button]] = {
    "help": ("viewer", press_help),
    "command": ("viewer", press_command),
    "status": ("viewer", general.refresh_status),
    "teams": ("viewer", teams.page_teams),
    "team": ("viewer", teams.open_team),
    "costs": ("viewer", costs.press_costs),
    "explain": ("viewer", costs.press_explain),
    "preview": ("viewer", reports.press_preview),
    "email": ("viewer", reports.open_mail),
    "run.details": ("viewer", reports.show_run),
    "anomalies": ("viewer", anomalies.page_anomalies),
    "anomaly.open": ("viewer", anomalies.open_anomaly),
    "anomaly.answer": ("viewer", anomalies.answer),
    "floor.raise": ("admin", anomalies.raise_floor),
    "floor.undo": ("admin", anomalies.undo_floor),
    "cancel": ("admin", general.cancelled),
    "undo": ("admin", general.undo),
    "history": ("admin", general.page_history),
    "team.form": ("admin", teams.open_form),
    "team.save": ("admin", teams.save_form),
    "team.remove": ("admin", teams.press_remove),
    "team.remove.yes": ("admin", teams.remove_team),
    "import.form": ("admin", teams.open_import),
    "import.check": ("admin", teams.check_import),
    "import.apply": ("admin", teams.apply_import),
    "export": ("admin", teams.page_export),
    "threshold.what_if": ("viewer", thresholds.ask_what_if),
    "threshold.save": ("admin", thresholds.save_threshold),
    "plan.cancel": ("admin", costs.cancel_plan),
    "send": ("admin", reports.press_send),
    "send.yes": ("admin", reports.send_now),
    "run.retry": ("admin", reports.retry_run),
    "schedule.save": ("admin", settings.save_schedule),
    "recipients.save": ("admin", settings.save_recipients),
    "alerts.here": ("admin", settings.press_alerts_here),
    "alerts.off": ("admin", settings.press_alerts_off),
    "alerts.test": ("admin", settings.test_alerts),
    "roles.revoke": ("admin", people.press_revoke),
}


def role_of(verb: str) -> Role:
    """Who may press it; InvalidError for a button that is none."""
    if verb not in BUTTONS:
        raise InvalidError("This button is from an older card. Ask for a new one.")
    return BUTTONS[verb][0]


async def handle(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Does what the button does."""
    return await BUTTONS[press.verb][1](chat, turn, press)
