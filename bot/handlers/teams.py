"""Teams: list, show, add, change, remove."""

import re
from collections.abc import Sequence
from typing import Any

from bot.chat import Chat
from bot.handlers.common import page_of, pick_team, role_in
from bot.payloads import Number, Payload, TeamPayload, Text
from bot.turn import Card, Reply, Turn
from bot.words import split_words
from cards.field_names import team_errors
from cards.teams import remove_question, team_card, team_form, team_list, team_removed, team_stored
from services.administration import new_entry_id
from services.domain import Team
from services.domain.errors import ConflictError, InvalidError
from services.domain.formatting import exact_number
from services.domain.pasted import account_id_text, match_key, single_address, split_addresses
from services.domain.typed_numbers import parse_percent
from services.teams import namesakes

ACCOUNT = re.compile(r"\d{10,16}", re.ASCII)
FORM_FIELDS = {
    "name": "team_name",
    "account": "aws_account_id",
    "mail": "team_email",
    "admins": "admin_emails",
    "threshold": "anomaly_threshold",
}
"""Input of the form: field of a team."""
PAGE_SIZE = 12


class TeamsPayload(Payload):
    """A page of the teams that match a text; without a page, pressed on another card."""

    text: Text = ""
    page: Number | None = None


class TeamFormPayload(Payload):
    """The form of a team; without the ID of a team, of a new one."""

    team: Text = ""
    name: Text = ""
    account: Text = ""
    mail: Text = ""
    admins: Text = ""
    threshold: Text = ""


# Showing


async def list_teams(chat: Chat, turn: Turn, argument: str) -> Reply:
    """List all teams, or those that match a text."""
    return Reply(await _page(chat, turn, argument, 1))


async def page_teams(chat: Chat, turn: Turn, payload: TeamsPayload) -> Reply:
    """Show another page of the list; pressed on another card, as a new message."""
    card = await _page(chat, turn, payload.text, payload.page or 1)
    return Reply(card, is_new_message=payload.page is None)


async def _page(chat: Chat, turn: Turn, text: str, page: int) -> Card:
    wanted = match_key(text)
    all_teams = await chat.app.teams.list()
    teams = [team for team in all_teams if _fits(team, wanted)]
    page, pages, shown = page_of(len(teams), page, PAGE_SIZE)
    return team_list(
        teams[shown],
        len(teams),
        page,
        pages,
        text.strip(),
        role_in(turn),
        chat.sample,
        namesakes(all_teams),
    )


def _fits(team: Team, wanted: str) -> bool:
    return (
        not wanted
        or wanted in match_key(team.team_name)
        or wanted in team.aws_account_id
        or wanted in team.team_email.casefold()
    )


async def show_team(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Show one team."""
    return await _team(chat, turn, await pick_team(chat, argument, "team"))


async def open_team(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    """Show one team, from a button."""
    reply = await _team(chat, turn, await chat.app.teams.get(payload.team))
    return Reply(reply.card, is_new_message=True)


async def _team(chat: Chat, turn: Turn, team: Team) -> Reply:
    report = await chat.app.reports.previews.team_report(team, turn.now)
    return Reply(team_card(report, role_in(turn)))


# Adding and changing


async def add_team(chat: Chat, turn: Turn, argument: str) -> Reply:
    """A form; with everything typed, the stored team and an Undo button."""
    if not argument:
        return await _form(chat, turn, {}, None)
    if argument.count('"') % 2:
        raise InvalidError('A quotation mark is missing. Write the name as "Checkout".')
    words = split_words(argument)
    account_index = _account_index(words)
    if account_index is None:
        raise InvalidError(
            'Give the name, account ID and email address: add team "Checkout" 012345678901 '
            "checkout@example.com. Or write only add team for a form."
        )
    team_email, *admin_emails = split_addresses(" ".join(words[account_index + 1 :])) or [""]
    body = {
        "team_name": " ".join(words[:account_index]),
        "aws_account_id": words[account_index],
        "team_email": team_email,
        "admin_emails": admin_emails,
    }
    try:
        return await _stored(chat, turn, body, None)
    except InvalidError as error:
        problems = "; ".join(team_errors(error.errors))
        if not problems:
            raise
        raise InvalidError(f"The team was not stored: {problems}.") from error


def _account_index(words: Sequence[str]) -> int | None:
    """The index of the account ID: the word that looks like one, else the word before the first
    email address, so that the answer can say what is wrong with it.
    """
    last = len(words) - 1
    ids = (i for i, word in enumerate(words) if ACCOUNT.fullmatch(account_id_text(word)))
    account = next(ids, None)
    if account is not None:
        return account if 0 < account < last else None
    address = next((i for i, word in enumerate(words) if "@" in word), 0)
    return address - 1 if address > 1 else None


async def edit_team(chat: Chat, turn: Turn, argument: str) -> Reply:
    """The form, filled in with a team."""
    team = await pick_team(chat, argument, "team.form")
    return await _form(chat, turn, _values(team), team.id)


async def open_form(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    """The form, from a button."""
    values, team_id = {}, None
    if payload.team:
        team = await chat.app.teams.get(payload.team)
        values, team_id = _values(team), team.id
    reply = await _form(chat, turn, values, team_id)
    return Reply(reply.card, is_new_message=True)


def _values(team: Team) -> dict[str, str]:
    return {
        "name": team.team_name,
        "account": team.aws_account_id,
        "mail": team.team_email,
        "admins": ", ".join(team.admin_emails),
        "threshold": exact_number(team.anomaly_threshold) if team.anomaly_threshold else "",
    }


async def _form(
    chat: Chat,
    turn: Turn,
    values: dict[str, str],
    team_id: str | None,
    problems: list[tuple[str, str]] | None = None,
) -> Reply:
    config = await chat.app.administration.config.stored(turn.now)
    return Reply(team_form(values, problems or [], team_id, config.anomaly_threshold))


async def save_form(chat: Chat, turn: Turn, payload: TeamFormPayload) -> Reply:
    """Store the form; if it is invalid, show it again with the text that was typed."""
    typed: dict[str, str] = payload.model_dump(include=set(FORM_FIELDS))
    try:
        body = _body(typed)
        return await _stored(chat, turn, body, payload.team or None)
    except InvalidError as error:
        problems = error.errors or [("", str(error))]
    except ConflictError as error:
        problems = [("", str(error))]
    return await _form(chat, turn, typed, payload.team or None, problems)


def _body(typed: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {FORM_FIELDS[name]: value for name, value in typed.items()}
    body["admin_emails"] = split_addresses(typed["admins"])
    problems = []
    parsers = {"team_email": single_address, "anomaly_threshold": _percent}
    for field, parse in parsers.items():
        try:
            body[field] = parse(body[field])
        except ValueError as error:
            problems.append((field, str(error)))
    if problems:
        raise InvalidError("The team was not stored.", problems)
    return body


def _percent(typed: str) -> float | None:
    return float(parse_percent(typed)) if typed.strip() else None


async def _stored(chat: Chat, turn: Turn, body: dict[str, Any], team_id: str | None) -> Reply:
    entry = new_entry_id()
    if team_id is None:
        team = await chat.app.teams.add(body, turn.actor, turn.now, entry_id=entry)
        change = "was added"
    else:
        before = await chat.app.teams.get(team_id)
        team = await chat.app.teams.change(team_id, body, turn.actor, turn.now, entry_id=entry)
        change = "was changed" if team != before else "was left as it is"
    is_changed = await chat.app.administration.audit_trail.get(entry) is not None
    config = await chat.app.administration.config.stored(turn.now)
    card = team_stored(
        team, change, turn.actor.name, entry if is_changed else None, config.anomaly_threshold
    )
    return Reply(card)


async def ask_to_remove(chat: Chat, turn: Turn, argument: str) -> Reply:
    """Ask before a team is removed."""
    return Reply(remove_question(await pick_team(chat, argument, "team.remove")))


async def press_remove(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    """Ask what ``ask_to_remove`` asks, for a button."""
    return Reply(remove_question(await chat.app.teams.get(payload.team)), is_new_message=True)


async def remove_team(chat: Chat, turn: Turn, payload: TeamPayload) -> Reply:
    entry = new_entry_id()
    team = await chat.app.teams.remove(payload.team, turn.actor, turn.now, entry_id=entry)
    return Reply(team_removed(team, turn.actor.name, entry))
