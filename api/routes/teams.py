"""Teams: add, import, change, remove."""

import asyncio
from collections.abc import Sequence
from typing import Any

from api import cursors
from api.endpoints import Call, EndpointResponse, Endpoints, validated
from api.paging import page
from api.requests.queries import MAX_PAGE_ROWS
from api.requests.teams import (
    CSV_SCHEMA,
    BulkQuery,
    TeamChangeRequest,
    TeamRequest,
    TeamRows,
    TeamsQuery,
    UnchangedFields,
)
from api.responses.teams import (
    ImportResponse,
    RowChangeResponse,
    RowProblemResponse,
    TeamResponse,
)
from services.domain import Team
from services.domain.errors import InvalidError
from services.domain.pasted import match_key
from services.teams import (
    ImportChange,
    ImportResult,
    ImportRow,
    RowProblem,
    parse_csv,
    rows_of_list,
)

endpoints = Endpoints("Teams")
MAX_BULK_BYTES = 6_000_000
MAX_FIELD_NAME_LENGTH = 100
CURSOR = "teams"


@endpoints("get", "/api/teams", list[TeamResponse], query=TeamsQuery, is_paged=True)
async def list_teams(call: Call) -> EndpointResponse:
    """All teams, by name. With ``limit``, page by page."""
    after = cursors.decode_pair(CURSOR, call.query.cursor)
    limit = call.query.limit
    teams: Sequence[Team]
    if limit is None and after is None:
        teams = await call.services.app.teams.list()
        limit = len(teams)
    else:
        limit = limit or MAX_PAGE_ROWS
        teams = await call.services.app.teams.page(limit + 1, after)
    return page(
        call,
        [_response(team) for team in teams],
        limit,
        lambda n: (CURSOR, *_sort_key(teams[n])),
    )


@endpoints(
    "post",
    "/api/teams",
    TeamResponse,
    status=201,
    body=TeamRequest,
    problem_statuses=(409,),
    has_location=True,
)
async def add_team(call: Call) -> EndpointResponse:
    """Adds a team. A second team on an AWS account is refused (409)."""
    team = await call.services.app.teams.add(call.sent_fields, call.caller.actor, call.now)
    return EndpointResponse(_response(team), headers={"Location": f"/api/teams/{team.id}"})


@endpoints(
    "post",
    "/api/teams/bulk",
    ImportResponse,
    query=BulkQuery,
    body=TeamRows,
    csv_schema=CSV_SCHEMA,
    max_body_bytes=MAX_BULK_BYTES,
)
async def add_teams(call: Call) -> ImportResponse:
    """Adds and changes many teams, from a JSON list or CSV. Rows are matched by account ID, and
    fields that they lack keep their stored values. Nothing is removed, and invalid rows do not
    stop the valid ones.
    """
    # In a thread: parsing thousands of rows would block everybody else's requests.
    rows, problems = await asyncio.to_thread(_parse_rows, call.body)
    dry_run = call.query.dry_run
    actor = call.caller.actor
    result = await call.services.app.teams.import_rows(rows, actor, call.now, dry_run=dry_run)
    return await asyncio.to_thread(_import_response, result, problems)


@endpoints("get", "/api/teams/{id}", TeamResponse)
async def get_team(call: Call) -> TeamResponse:
    """One team."""
    return _response(await call.services.app.teams.get(call.id))


@endpoints(
    "patch", "/api/teams/{id}", TeamResponse, body=TeamChangeRequest, problem_statuses=(409,)
)
async def change_team(call: Call) -> TeamResponse:
    """Changes the fields that are sent; ``null`` removes the team's own threshold."""
    actor = call.caller.actor
    return _response(
        await call.services.app.teams.change(call.id, call.sent_fields, actor, call.now)
    )


@endpoints("delete", "/api/teams/{id}", TeamResponse)
async def remove_team(call: Call) -> TeamResponse:
    """Removes a team and returns it. Its costs, reports and deliveries are kept."""
    return _response(await call.services.app.teams.remove(call.id, call.caller.actor, call.now))


def _parse_rows(body: Any) -> tuple[list[ImportRow], list[RowProblem]]:
    if isinstance(body, bytes):
        return parse_csv(body)
    return _reject_unclean(*rows_of_list(body))


def _sort_key(team: Team) -> tuple[str, str]:
    return match_key(team.team_name), team.aws_account_id


def _reject_unclean(
    rows: list[ImportRow], problems: list[RowProblem]
) -> tuple[list[ImportRow], list[RowProblem]]:
    """Refuse rows of JSON with spaces or hyphens that a CSV import would strip."""
    valid = []
    for row in rows:
        values = {
            name: row.values[name] for name in UnchangedFields.model_fields if name in row.values
        }
        try:
            validated(UnchangedFields, values, "The row")
        except InvalidError as error:
            problems += [
                RowProblem(row.index, row.line, field, reason) for field, reason in error.errors
            ]
        else:
            valid.append(row)
    return valid, problems


def _response(team: Team) -> TeamResponse:
    return TeamResponse(
        id=team.id,
        team_name=team.team_name,
        aws_account_id=team.aws_account_id,
        team_email=team.team_email,
        admin_emails=list(team.admin_emails),
        anomaly_threshold=team.anomaly_threshold,
        sample=team.sample,
        created_at=team.created_at,
        updated_at=team.updated_at,
    )


def _import_response(result: ImportResult, problems: list[RowProblem]) -> ImportResponse:
    failed = sorted([*problems, *result.failed], key=lambda problem: problem.index)
    return ImportResponse(
        created=result.created,
        updated=result.updated,
        unchanged=result.unchanged,
        failed=[
            RowProblemResponse(
                index=problem.index,
                line=problem.line,
                field=problem.field[:MAX_FIELD_NAME_LENGTH],
                reason=problem.reason,
            )
            for problem in failed
        ],
        changes=[_row_change(change) for change in result.edits],
    )


def _row_change(change: ImportChange) -> RowChangeResponse:
    return RowChangeResponse(
        index=change.index,
        action="create" if change.before is None else "update",
        team_name=change.team_name,
        aws_account_id=change.aws_account_id,
        before=None if change.before is None else _with_lists(change.before),
        after=_with_lists(change.after),
    )


def _with_lists(values: Any) -> dict[str, Any]:
    """The values with lists for tuples, as in a team's response."""
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
