"""The table of buttons: the data each sends, what it does, and who may press it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pydantic import ValidationError

from bot.chat import Chat
from bot.commands import COMMANDS, show_help
from bot.files import FileConsent
from bot.handlers import (
    anomalies,
    costs,
    general,
    people,
    reports,
    settings,
    team_files,
    teams,
    thresholds,
)
from bot.parser import parse
from bot.payloads import Payload, TeamPayload, TextPayload
from bot.turn import Reply, Turn
from services.domain import Role
from services.domain.errors import InvalidError

MAX_NAMES = 10
P = TypeVar("P", bound=Payload)


@dataclass(frozen=True, slots=True)
class Button:
    """What is behind a verb."""

    role: Role
    payload: type[Payload]
    handler: Callable[[Chat, Turn, Any], Awaitable[Reply]]
    """Takes a ``payload``."""


@dataclass(frozen=True, slots=True)
class Press:
    """A button with the checked data that was sent with it."""

    button: Button
    payload: Payload


def refusal(admins: Sequence[str]) -> str:
    """For the person who pressed a button for admins: who the admins are."""
    names = f" Admins: {', '.join(admins[:MAX_NAMES])}." if admins else ""
    return f"Only admins can do this.{names}"


def _older_card() -> InvalidError:
    return InvalidError("This button is from an older card. Ask for a new one.")


async def press_help(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """What the presser may do."""
    reply = await show_help(chat, turn, "")
    return Reply(reply.card, is_new_message=True)


async def press_command(chat: Chat, turn: Turn, payload: TextPayload) -> Reply:
    """A typed command, offered as a button when a text was close to it."""
    parsed = parse(payload.text, COMMANDS)
    if parsed.command is None:
        raise _older_card()
    if not parsed.command.is_for(turn.role, parsed.argument):
        return Reply(text=refusal(await chat.app.administration.roles.names()))
    reply = await parsed.command.handler(chat, turn, parsed.argument)
    return replace(reply, is_new_message=True)


def _button(
    role: Role, payload: type[P], handler: Callable[[Chat, Turn, P], Awaitable[Reply]]
) -> Button:
    """A button whose handler takes its payload; the type checker ensures that the types match."""
    return Button(role, payload, handler)


BUTTONS: Mapping[str, Button] = {
    "help": _button("viewer", Payload, press_help),
    "command": _button("viewer", TextPayload, press_command),
    "status": _button("viewer", general.StatusPayload, general.refresh_status),
    "teams": _button("viewer", teams.TeamsPayload, teams.page_teams),
    "team": _button("viewer", TeamPayload, teams.open_team),
    "costs": _button("viewer", costs.CostsPayload, costs.press_costs),
    "explain": _button("viewer", costs.ExplainPayload, costs.press_explain),
    "preview": _button("viewer", TeamPayload, reports.press_preview),
    "email": _button("viewer", TeamPayload, reports.open_email),
    "run.details": _button("viewer", reports.RunPayload, reports.show_run),
    "anomalies": _button("viewer", anomalies.AnomaliesPayload, anomalies.page_anomalies),
    "anomaly.open": _button("viewer", anomalies.AnomalyPayload, anomalies.open_anomaly),
    "anomaly.answer": _button("viewer", anomalies.AnswerPayload, anomalies.answer),
    "floor.raise": _button("admin", anomalies.RaiseMinimumPayload, anomalies.raise_minimum),
    "floor.undo": _button("admin", anomalies.UndoMinimumPayload, anomalies.undo_minimum),
    "cancel": _button("admin", Payload, general.cancel),
    "undo": _button("admin", general.UndoPayload, general.undo),
    "history": _button("admin", general.HistoryPayload, general.page_history),
    "team.form": _button("admin", TeamPayload, teams.open_form),
    "team.save": _button("admin", teams.TeamFormPayload, teams.save_form),
    "team.remove": _button("admin", TeamPayload, teams.press_remove),
    "team.remove.yes": _button("admin", TeamPayload, teams.remove_team),
    "import.form": _button("admin", Payload, team_files.open_import),
    "import.check": _button("admin", TextPayload, team_files.check_import),
    "import.apply": _button("admin", team_files.ImportPayload, team_files.apply_import),
    "export": _button("admin", team_files.ExportPayload, team_files.page_export),
    "export.file": _button("admin", Payload, team_files.offer_file),
    "threshold.what_if": _button("viewer", thresholds.ThresholdPayload, thresholds.press_what_if),
    "threshold.save": _button("admin", thresholds.ThresholdPayload, thresholds.save_threshold),
    "plan.cancel": _button("admin", costs.CancelPlannedChangePayload, costs.cancel_planned_change),
    "send": _button("admin", TeamPayload, reports.press_send),
    "send.yes": _button("admin", reports.SendPayload, reports.send_now),
    "run.retry": _button("admin", reports.RunPayload, reports.retry_run),
    "schedule.save": _button("admin", settings.SchedulePayload, settings.save_schedule),
    "recipients.save": _button("admin", settings.RecipientsPayload, settings.save_recipients),
    "alerts.here": _button("admin", Payload, settings.press_alerts_here),
    "alerts.off": _button("admin", Payload, settings.press_alerts_off),
    "alerts.test": _button("admin", Payload, settings.test_alerts),
    "roles.revoke": _button("admin", people.RevokePayload, people.press_revoke),
}


def read_consent(data: Any) -> FileConsent:
    """The answer to a file that ``export.file`` offered. Raises InvalidError for anything else."""
    try:
        return FileConsent.model_validate(data)
    except ValidationError as error:
        raise _older_card() from error


def read_press(data: Any) -> Press:
    """The press in a button's data. Raises InvalidError for a button that does not exist, or not
    with these fields: a card of an earlier version, or data that no card sends.
    """
    if not isinstance(data, dict):
        raise _older_card()
    verb = data.get("verb")
    button = BUTTONS.get(verb) if isinstance(verb, str) else None
    if button is None:
        raise _older_card()
    fields = {name: value for name, value in data.items() if name != "verb"}
    try:
        return Press(button, button.payload.model_validate(fields))
    except ValidationError as error:
        raise _older_card() from error
