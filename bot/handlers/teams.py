"""Teams: list, show, add, change, remove, import, export."""

import asyncio
import csv
import io
import json
import re
from collections.abc import Sequence
from typing import Any

from bot.chat import Chat
from bot.handlers.common import paged, pick, role_in
from bot.press import Press
from bot.turn import Card, Reply, Turn
from bot.words import parts
from cards import general
from cards import teams as cards
from services.audit import new_entry_id
from services.errors import AgentError, ConflictError, InvalidError, NotFoundError
from services.model import PendingImport, Team
from services.team_import import (
    OPTIONAL,
    REQUIRED,
    ImportResult,
    ImportRow,
    RowProblem,
    file_text,
    parse_csv,
    rows_of_list,
)
from services.wording import exact_number, safe_cell

ACCOUNT = re.compile(r"[\d-]{10,16}", re.ASCII)
FORM_FIELDS = {
    "name": "team_name",
    "account": "aws_account_id",
    "mail": "team_email",
    "admins": "admin_emails",
    "threshold": "anomaly_threshold",
}
PAGE_OF_TEAMS = 12
EXPORT_BYTES = 15_000
"""Of a part of the export, so that its card can be sent."""


# Looking


async def list_teams(chat: Chat, turn: Turn, rest: str) -> Reply:
    """All teams, or those that a text fits."""
    return Reply(await _page(chat, turn, rest, 1))


async def page_teams(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Another page of the list; on any other card's button a card of its own."""
    return Reply(await _page(chat, turn, press.text, press.page_number), fresh=not press.page)


async def _page(chat: Chat, turn: Turn, text: str, page: int) -> Card:
    wanted = text.strip().casefold()
    found = [team for team in await chat.teams.list() if _fits(team, wanted)]
    page, pages, which = paged(len(found), page, PAGE_OF_TEAMS)
    return cards.team_list(
        found[which], len(found), page, pages, text.strip(), role_in(turn), chat.sample
    )


def _fits(team: Team, wanted: str) -> bool:
    return (
        not wanted
        or wanted in team.team_name.casefold()
        or wanted in team.aws_account_id
        or wanted in team.team_email.casefold()
    )


async def show_team(chat: Chat, turn: Turn, rest: str) -> Reply:
    """One team."""
    return await _team(chat, turn, await pick(chat, rest, "team"))


async def open_team(chat: Chat, turn: Turn, press: Press) -> Reply:
    """One team, from a button."""
    reply = await _team(chat, turn, await chat.teams.get(press.team))
    return Reply(reply.card, fresh=True)


async def _team(chat: Chat, turn: Turn, team: Team) -> Reply:
    report = await chat.previews.team_report(team, turn.now)
    return Reply(cards.team_card(report, role_in(turn)))


# Adding and changing


async def add_team(chat: Chat, turn: Turn, rest: str) -> Reply:
    """A form; or, with everything typed, stored at once and Undo offered."""
    if not rest:
        return await _form(chat, turn, {}, None)
    if rest.count('"') % 2:
        raise InvalidError('A quotation mark is open. Write the name as "Checkout".')
    words = parts(rest)
    at = _account_place(words)
    if at is None:
        raise InvalidError(
            'Give name, account id and mail: add team "Checkout" 012345678901 '
            "checkout@example.com. Or write only add team for a form."
        )
    body = {
        "team_name": " ".join(words[:at]),
        "aws_account_id": words[at],
        "team_email": _bare(words[at + 1]),
        "admin_emails": [_bare(word) for word in words[at + 2 :]],
    }
    try:
        return await _stored(chat, turn, body, None)
    except InvalidError as error:
        wrong = "; ".join(cards.problems_of(error.errors))
        raise InvalidError(
            f"The team was not stored: {wrong}." if wrong else str(error)
        ) from error


def _account_place(words: Sequence[str]) -> int | None:
    """Which word is the account id: one that looks like it, else the one before the first mail,
    so that a wrong one is told what is wrong with it.
    """
    last = len(words) - 1
    like_it = next((i for i, word in enumerate(words) if ACCOUNT.fullmatch(word)), None)
    if like_it is not None:
        return like_it if 0 < like_it < last else None
    mail = next((i for i, word in enumerate(words) if "@" in word), 0)
    return mail - 1 if mail > 1 else None


def _bare(word: str) -> str:
    """An address as it is, when a client has made a link of it."""
    return word.strip("<>,;").removeprefix("mailto:")


async def edit_team(chat: Chat, turn: Turn, rest: str) -> Reply:
    """The form of a team."""
    team = await pick(chat, rest, "team.form")
    return await _form(chat, turn, _values(team), team.id)


async def open_form(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The form, from a button."""
    values, team_id = {}, None
    if press.team:
        team = await chat.teams.get(press.team)
        values, team_id = _values(team), team.id
    reply = await _form(chat, turn, values, team_id)
    return Reply(reply.card, fresh=True)


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
    config = await chat.config.stored(turn.now)
    return Reply(cards.team_form(values, problems or [], team_id, config.anomaly_threshold))


async def save_form(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores a form; what was typed is kept when something is wrong."""
    typed = {name: str(getattr(press, name)) for name in FORM_FIELDS}
    try:
        body = _body(typed)
        return await _stored(chat, turn, body, press.team or None)
    except InvalidError as error:
        problems = error.errors or [("", str(error))]
    except ConflictError as error:
        problems = [("", str(error))]
    return await _form(chat, turn, typed, press.team or None, problems)


def _body(typed: dict[str, str]) -> dict[str, Any]:
    body: dict[str, Any] = {FORM_FIELDS[name]: value for name, value in typed.items()}
    body["admin_emails"] = [one for one in re.split(r"[,;\s]+", typed["admins"]) if one]
    body["anomaly_threshold"] = _percent(typed["threshold"])
    return body


def _percent(typed: str) -> float | None:
    plain = typed.strip().rstrip("%").strip().replace(",", ".")
    if not plain:
        return None
    try:
        return float(plain)
    except ValueError:
        reason = "must be a number above 0, or empty"
        raise InvalidError("The team was not stored.", [("anomaly_threshold", reason)]) from None


async def _stored(chat: Chat, turn: Turn, body: dict[str, Any], team_id: str | None) -> Reply:
    entry = new_entry_id()
    if team_id is None:
        team = await chat.teams.add(body, turn.actor, turn.now, entry_id=entry)
        what = "was added"
    else:
        before = await chat.teams.get(team_id)
        team = await chat.teams.change(team_id, body, turn.actor, turn.now, entry_id=entry)
        what = "was changed" if team != before else "was left as it is"
    known = await chat.audit.get(entry)
    config = await chat.config.stored(turn.now)
    card = cards.team_stored(
        team, what, turn.actor.name, entry if known else None, config.anomaly_threshold
    )
    return Reply(card)


async def ask_to_remove(chat: Chat, turn: Turn, rest: str) -> Reply:
    """Asks before a team is removed."""
    return Reply(cards.remove_question(await pick(chat, rest, "team.remove")))


async def press_remove(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Asks, from a button."""
    return Reply(cards.remove_question(await chat.teams.get(press.team)), fresh=True)


async def remove_team(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Removes it."""
    entry = new_entry_id()
    team = await chat.teams.remove(press.team, turn.actor, turn.now, entry_id=entry)
    return Reply(cards.team_removed(team, turn.actor.name, entry))


# Import and export


async def import_teams(chat: Chat, turn: Turn, rest: str) -> Reply:
    """A form to paste into; or the check of an attached file or of text after the command."""
    if turn.files:
        _, address = turn.files[0]
        data = await chat.files.fetch(address, turn.conversation.service_url)
        text = await asyncio.to_thread(file_text, data)
        return await _checked(chat, turn, text)
    if rest:
        return await _checked(chat, turn, turn.written or rest)
    return Reply(cards.import_form("", ""))


async def open_import(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The form, from a button."""
    return Reply(cards.import_form("", ""), fresh=True)


async def check_import(chat: Chat, turn: Turn, press: Press) -> Reply:
    """What the pasted teams would change; the form again when they cannot be read."""
    try:
        return await _checked(chat, turn, press.text)
    except InvalidError as error:
        return Reply(cards.import_form(press.text, str(error)))


async def _checked(chat: Chat, turn: Turn, text: str) -> Reply:
    rows, problems = await asyncio.to_thread(_rows, text)
    result = await chat.teams.import_rows(rows, turn.actor, turn.now, dry_run=True)
    pending = PendingImport(id=turn.id, text=text, by_id=turn.person.object_id, at=turn.now)
    if result.created or result.updated:
        await chat.pending.put(pending)
    failed = _problems(problems, result)
    return Reply(
        cards.import_question(
            result.created,
            result.updated,
            result.unchanged,
            [(one.line, one.field, one.reason) for one in failed],
            result.changes,
            pending.id,
        ),
    )


def _problems(unreadable: list[RowProblem], result: ImportResult) -> list[RowProblem]:
    return sorted([*unreadable, *result.failed], key=lambda one: one.line)


def _rows(text: str) -> tuple[list[ImportRow], list[RowProblem]]:
    stripped = text.strip()
    if not stripped.startswith(("[", "{")):
        return parse_csv(stripped.encode())
    try:
        found = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"This is no JSON ({error}). Give a list of teams.") from error
    return rows_of_list(found if isinstance(found, list) else [found])


async def apply_import(chat: Chat, turn: Turn, press: Press) -> Reply:
    """Stores what was checked; once."""
    pending = await chat.pending.take(press.pending)
    if pending is None:
        raise NotFoundError(
            "This import was applied already, or is over a day old. Import the teams again."
        )
    try:
        rows, problems = await asyncio.to_thread(_rows, pending.text)
        result = await chat.teams.import_rows(rows, turn.actor, turn.now, dry_run=False)
    except AgentError:
        await chat.pending.put(pending)
        raise
    failed = len(_problems(problems, result))
    return Reply(
        cards.import_done(
            result.created, result.updated, result.unchanged, failed, turn.actor.name
        )
    )


async def export_teams(chat: Chat, turn: Turn, rest: str) -> Reply:
    """The CSV that ``import teams`` takes."""
    return Reply(await _export(chat, 1))


async def page_export(chat: Chat, turn: Turn, press: Press) -> Reply:
    """The next part, as a card of its own."""
    return Reply(await _export(chat, press.page_number), fresh=True)


async def _export(chat: Chat, page: int) -> Card:
    teams = await chat.teams.list()
    if not teams:
        return general.closed("No teams yet.")
    parts = csv_parts(teams)
    page, pages, _ = paged(len(parts), page, 1)
    return cards.export(parts[page - 1], len(teams), page, pages)


def csv_parts(teams: Sequence[Team]) -> list[str]:
    """The CSV of teams in parts, each with the header: any of them can be imported."""
    header = _csv_line((*REQUIRED, *OPTIONAL))
    parts, left = [header], EXPORT_BYTES
    for team in teams:
        line = _csv_line(
            (
                safe_cell(team.team_name),
                team.aws_account_id,
                safe_cell(team.team_email),
                ";".join(team.admin_emails),
                exact_number(team.anomaly_threshold) if team.anomaly_threshold else "",
            )
        )
        size = len(line.encode())
        if size > left and parts[-1] != header:
            parts.append(header)
            left = EXPORT_BYTES
        parts[-1] += line
        left -= size
    return parts


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
