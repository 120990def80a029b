"""Importing and exporting teams as CSV or JSON."""

import asyncio
import csv
import io
import json
from collections.abc import Sequence

from bot.chat import Chat
from bot.handlers.common import page_of
from bot.payloads import Number, Payload, Text, TextPayload
from bot.turn import Card, Reply, Turn
from cards import general
from cards.team_import import import_done, import_form, import_question, team_export
from services.domain import PendingImport, Team
from services.domain.errors import AgentError, InvalidError, NotFoundError
from services.domain.formatting import exact_number, safe_cell
from services.teams import (
    OPTIONAL,
    REQUIRED,
    ImportResult,
    ImportRow,
    RowProblem,
    file_text,
    parse_csv,
    rows_of_list,
)

MAX_EXPORT_BYTES = 15_000
"""Of one part of the export, so that its card stays below what Teams takes: 28 KB for any client."""


class ImportPayload(Payload):
    """The ID of an import that was checked and waits for confirmation."""

    pending: Text


class ExportPayload(Payload):
    """A part of the export."""

    page: Number = 1


async def import_teams(chat: Chat, turn: Turn, argument: str) -> Reply:
    """A form to paste into, or the check of an attached file or of the text after the command."""
    if turn.files:
        _, url = turn.files[0]
        data = await chat.files.fetch(url, turn.conversation.service_url)
        text = await asyncio.to_thread(file_text, data)
        return await _check(chat, turn, text)
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


async def _check(chat: Chat, turn: Turn, text: str) -> Reply:
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
        ),
    )


def _problems(unreadable: list[RowProblem], result: ImportResult) -> list[RowProblem]:
    return sorted([*unreadable, *result.failed], key=lambda problem: problem.line)


def _rows(text: str) -> tuple[list[ImportRow], list[RowProblem]]:
    stripped = text.strip()
    if not stripped.startswith(("[", "{")):
        return parse_csv(stripped.encode())
    try:
        value = json.loads(stripped)
    except (ValueError, RecursionError) as error:
        raise InvalidError(f"This is not valid JSON. Give a list of teams ({error}).") from error
    return rows_of_list(value if isinstance(value, list) else [value])


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
    return Reply(await _export(chat, 1))


async def page_export(chat: Chat, turn: Turn, payload: ExportPayload) -> Reply:
    """The next part, as a new message."""
    return Reply(await _export(chat, payload.page), is_new_message=True)


async def _export(chat: Chat, page: int) -> Card:
    teams = await chat.app.teams.list()
    if not teams:
        return general.closed("No teams yet.")
    parts = csv_parts(teams)
    page, pages, _ = page_of(len(parts), page, 1)
    return team_export(parts[page - 1], len(teams), page, pages)


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
