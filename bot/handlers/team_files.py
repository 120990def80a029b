"""Importing and exporting teams as CSV or JSON."""

import asyncio
import csv
import io
import json
from collections.abc import Sequence

from bot.chat import Chat
from bot.files import FileConsent
from bot.handlers.common import page_of
from bot.payloads import Number, Payload, Text, TextPayload
from bot.turn import Card, Reply, Turn
from cards import general
from cards.team_import import import_done, import_form, import_question, team_export
from services.domain import PendingImport, Team
from services.domain.errors import AgentError, InvalidError, NotFoundError
from services.domain.formatting import exact_number, listed, plural, safe_cell
from services.teams import (
    OPTIONAL,
    REQUIRED,
    ImportResult,
    ImportRow,
    RowProblem,
    file_text,
    parse_csv,
    rows_of_pasted_list,
    without_mark,
)

FILE_NAME = "teams.csv"
MAX_EXPORT_BYTES = 15_000
"""Of one part of the export, so that its card stays below what Teams accepts: 28 KB for any
client.
"""


class ImportPayload(Payload):
    """The ID of an import that was checked and waits for confirmation."""

    pending: Text


class ExportPayload(Payload):
    """A part of the export."""

    page: Number = 1


async def import_teams(chat: Chat, turn: Turn, argument: str) -> Reply:
    """A form to paste into, or the check of an attached file or of the text after the command."""
    if turn.files:
        name, url = turn.files[0]
        data = await chat.files.fetch(url, turn.conversation.service_url)
        text = await asyncio.to_thread(file_text, data)
        others = [other for other, _ in turn.files[1:]]
        return await _check(chat, turn, text, unread_words(name, others) if others else "")
    if argument:
        return await _check(chat, turn, turn.raw_argument or argument)
    return Reply(import_form("", ""))


async def open_import(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """The form, from a button."""
    return Reply(import_form("", ""), is_new_message=True)


async def check_import(chat: Chat, turn: Turn, payload: TextPayload) -> Reply:
    """What the pasted teams would change, or the form again if they cannot be read."""
    try:
        return await _check(chat, turn, payload.text)
    except InvalidError as error:
        return Reply(import_form(payload.text, str(error)))


def unread_words(name: str, others: Sequence[str]) -> str:
    """Says which of several attached files were left out."""
    one = len(others) == 1
    return (
        f"Only {name} was read. Attach {listed(others)} in {'a message' if one else 'messages'} of "
        f"{'its' if one else 'their'} own."
    )


async def _check(chat: Chat, turn: Turn, text: str, unread: str = "") -> Reply:
    rows, problems = await asyncio.to_thread(_rows, text)
    result = await chat.app.teams.import_rows(rows, turn.actor, turn.now, dry_run=True)
    pending = PendingImport(id=turn.id, text=text, by_id=turn.person.object_id, at=turn.now)
    if result.created or result.updated:
        await chat.pending_imports.put(pending)
    failed = _problems(problems, result)
    return Reply(
        import_question(
            result.created,
            result.updated,
            result.unchanged,
            [(problem.line, problem.field, problem.reason) for problem in failed],
            result.changes,
            pending.id,
            unread,
        ),
    )


def _problems(unreadable: list[RowProblem], result: ImportResult) -> list[RowProblem]:
    return sorted([*unreadable, *result.failed], key=lambda problem: problem.line)


def _rows(text: str) -> tuple[list[ImportRow], list[RowProblem]]:
    stripped = without_mark(text.strip()).strip()
    if not stripped.startswith(("[", "{")):
        return parse_csv(stripped.encode())
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"This is not valid JSON. Give a list of teams ({error}).") from error
    return rows_of_pasted_list(value if isinstance(value, list) else [value])


async def apply_import(chat: Chat, turn: Turn, payload: ImportPayload) -> Reply:
    """Store the teams that were checked. ``take`` gives them out once, so a second press stores
    nothing.
    """
    pending = await chat.pending_imports.take(payload.pending)
    if pending is None:
        raise NotFoundError(
            "This import was applied already, or is over a day old. Import the teams again."
        )
    try:
        rows, problems = await asyncio.to_thread(_rows, pending.text)
        result = await chat.app.teams.import_rows(rows, turn.actor, turn.now, dry_run=False)
    except AgentError:
        await chat.pending_imports.put(pending)
        raise
    failed = len(_problems(problems, result))
    return Reply(
        import_done(result.created, result.updated, result.unchanged, failed, turn.actor.name)
    )


async def export_teams(chat: Chat, turn: Turn, argument: str) -> Reply:
    """The CSV that ``import teams`` takes."""
    return Reply(await _export(chat, turn, 1))


async def page_export(chat: Chat, turn: Turn, payload: ExportPayload) -> Reply:
    """The next part, as a new message."""
    return Reply(await _export(chat, turn, payload.page), is_new_message=True)


async def offer_file(chat: Chat, turn: Turn, payload: Payload) -> Reply:
    """Offer the export as a file, for Teams to ask where it may be stored."""
    teams = await chat.app.teams.list()
    size = len(await asyncio.to_thread(csv_file, teams))
    description = f"{plural(len(teams), 'team')} as CSV"
    place = (turn.conversation.service_url, turn.conversation.id)
    await chat.files.offer(*place, FILE_NAME, description, size)
    return Reply(text="Allow the file below. It is stored in your OneDrive.")


async def store_file(chat: Chat, turn: Turn, consent: FileConsent) -> Reply:
    """Store the export where Teams says, if that was allowed."""
    if consent.action == "decline" or consent.upload_info is None:
        return Reply(general.closed("No file was stored."))
    teams = await chat.app.teams.list()
    data = await asyncio.to_thread(csv_file, teams)
    place = (turn.conversation.service_url, turn.conversation.id)
    await chat.files.store(*place, consent.upload_info, data)
    return Reply(general.closed(f"{plural(len(teams), 'team')} as CSV, stored in your OneDrive."))


def csv_file(teams: Sequence[Team]) -> bytes:
    """The whole CSV. The byte order mark tells Excel that it is UTF-8."""
    first, *others = csv_parts(teams)
    header = _csv_line((*REQUIRED, *OPTIONAL))
    return "".join([first, *(part.removeprefix(header) for part in others)]).encode("utf-8-sig")


async def _export(chat: Chat, turn: Turn, page: int) -> Card:
    teams = await chat.app.teams.list()
    if not teams:
        return general.closed("No teams yet.")
    parts = csv_parts(teams)
    page, pages, _ = page_of(len(parts), page, 1)
    as_file = turn.conversation.kind == "personal" and page == 1
    return team_export(parts[page - 1], len(teams), page, pages, as_file=as_file)


def csv_parts(teams: Sequence[Team]) -> list[str]:
    """The CSV of teams in parts, each with the header, so that each can be imported by itself."""
    header = _csv_line((*REQUIRED, *OPTIONAL))
    parts, bytes_left = [header], MAX_EXPORT_BYTES
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
        if size > bytes_left and parts[-1] != header:
            parts.append(header)
            bytes_left = MAX_EXPORT_BYTES
        parts[-1] += line
        bytes_left -= size
    return parts


def _csv_line(cells: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerow(cells)
    return out.getvalue()
