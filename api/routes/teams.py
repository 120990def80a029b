"""Teams."""

import asyncio
from typing import Any

from api import answers, cursors
from api.endpoints import Call, Endpoints, Reply, checked
from api.inputs import (
    CSV_SCHEMA,
    BulkQuery,
    TeamBody,
    TeamChangeBody,
    TeamRows,
    TeamsQuery,
    WireAccount,
    WireAddress,
    WireName,
)
from api.paging import page
from services.domain import Team
from services.domain.errors import InvalidError
from services.domain.validation import Input
from services.teams.csv_import import (
    ImportChange,
    ImportResult,
    ImportRow,
    RowProblem,
    parse_csv,
    rows_of_list,
)

endpoints = Endpoints("Teams")
BULK_BYTES = 6_000_000
CURSOR = "teams"


@endpoints("get", "/api/teams", list[answers.TeamAnswer], query=TeamsQuery, paged=True)
async def list_teams(call: Call) -> Reply:
    """All teams, by name. With ``limit`` page by page."""
    teams = await call.services.teams.list()
    place = cursors.read(CURSOR, call.query.cursor, 2)
    if place is not None:
        teams = [team for team in teams if _place(team) > place]
    limit = call.query.limit or len(teams)
    return page(call, [_answer(t) for t in teams], limit, lambda n: (CURSOR, *_place(teams[n])))


@endpoints(
    "post",
    "/api/teams",
    answers.TeamAnswer,
    status=201,
    body=TeamBody,
    problems=(409,),
    located=True,
)
async def add_team(call: Call) -> Reply:
    """Adds a team. A second team on an AWS account is refused (409)."""
    team = await call.services.teams.add(call.given, call.caller.actor, call.now)
    return Reply(_answer(team), headers={"Location": f"/api/teams/{team.id}"})


@endpoints(
    "post",
    "/api/teams/bulk",
    answers.BulkAnswer,
    query=BulkQuery,
    body=TeamRows,
    csv=CSV_SCHEMA,
    most_bytes=BULK_BYTES,
)
async def add_teams(call: Call) -> answers.BulkAnswer:
    """Adds and changes many teams, as a JSON list or as CSV. Rows are matched by account id and
    fields that they lack keep their stored values. Nothing is removed, and a bad row never loses
    the good ones.
    """
    # Beside the loop: thousands of rows would hold up everybody else's requests.
    rows, problems = await asyncio.to_thread(_rows, call.body)
    dry_run = call.query.dry_run
    actor = call.caller.actor
    result = await call.services.teams.import_rows(rows, actor, call.now, dry_run=dry_run)
    return _bulk(result, problems)


@endpoints("get", "/api/teams/{id}", answers.TeamAnswer)
async def get_team(call: Call) -> answers.TeamAnswer:
    """One team."""
    return _answer(await call.services.teams.get(call.id))


@endpoints("patch", "/api/teams/{id}", answers.TeamAnswer, body=TeamChangeBody, problems=(409,))
async def change_team(call: Call) -> answers.TeamAnswer:
    """Changes the fields that are given; ``null`` takes an own threshold away."""
    actor = call.caller.actor
    return _answer(await call.services.teams.change(call.id, call.given, actor, call.now))


@endpoints("delete", "/api/teams/{id}", answers.TeamAnswer)
async def remove_team(call: Call) -> answers.TeamAnswer:
    """Removes a team and answers it. Its costs, reports and deliveries are kept."""
    return _answer(await call.services.teams.remove(call.id, call.caller.actor, call.now))


def _rows(body: Any) -> tuple[list[ImportRow], list[RowProblem]]:
    return parse_csv(body) if isinstance(body, bytes) else _exact(*rows_of_list(body))


def _place(team: Team) -> tuple[str, str]:
    return team.team_name.casefold(), team.aws_account_id


class _Exact(Input):
    """What of a row must come back as it was sent."""

    team_name: WireName = ""
    aws_account_id: WireAccount = ""
    team_email: WireAddress = ""


def _exact(
    rows: list[ImportRow], problems: list[RowProblem]
) -> tuple[list[ImportRow], list[RowProblem]]:
    """JSON says exactly what is meant: spaces and hyphens are not taken away as in a CSV."""
    kept = []
    for row in rows:
        given = {name: row.values[name] for name in _Exact.model_fields if name in row.values}
        try:
            checked(_Exact, given, "The row")
        except InvalidError as error:
            problems += [
                RowProblem(row.index, row.line, field, reason) for field, reason in error.errors
            ]
        else:
            kept.append(row)
    return kept, problems


def _answer(team: Team) -> answers.TeamAnswer:
    return answers.TeamAnswer(
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


def _bulk(result: ImportResult, problems: list[RowProblem]) -> answers.BulkAnswer:
    failed = sorted([*problems, *result.failed], key=lambda one: one.index)
    return answers.BulkAnswer(
        created=result.created,
        updated=result.updated,
        unchanged=result.unchanged,
        failed=[
            answers.RowProblemAnswer(
                index=one.index, line=one.line, field=one.field[:100], reason=one.reason
            )
            for one in failed
        ],
        changes=[_change(one) for one in result.edits],
    )


def _change(one: ImportChange) -> answers.RowChange:
    return answers.RowChange(
        index=one.index,
        action="create" if one.before is None else "update",
        team_name=one.team_name,
        aws_account_id=one.aws_account_id,
        before=None if one.before is None else _listed(one.before),
        after=_listed(one.after),
    )


def _listed(values: Any) -> dict[str, Any]:
    return {
        name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
    }
