"""The REST routes: validate, call the use case, answer."""

from datetime import datetime
from typing import Any

from aiohttp import web

from api.bodies import flag, json_body, json_object, known_query, limit
from api.local_mode import BANNER
from api.wired import SERVICES
from services.errors import InvalidError
from services.model import Actor, Run, RunKind, RunState, Team
from services.reports import Preview
from services.runs import RunView
from services.team_import import ImportResult, RowProblem, parse_csv, rows_of_list
from services.wording import plain_money

routes = web.RouteTableDef()
ACTOR = Actor(door="rest", name="local")
BULK_BYTES = 6_000_000


@routes.get("/api")
@routes.get("/api/")
async def about(request: web.Request) -> web.Response:
    """What this is."""
    services = request.app[SERVICES]
    return web.json_response(
        {
            "name": "AWS Cost Agent",
            "version": services.about.version,
            "source": services.about.source,
            "sample": services.about.source == "sample",
            "banner": BANNER,
        }
    )


@routes.get("/api/health")
async def health(request: web.Request) -> web.Response:
    """503 only when MongoDB or the ticker is ill."""
    services = request.app[SERVICES]
    now = services.clock()
    report = await services.health.check(now)
    body: dict[str, Any] = {
        "status": "healthy" if report.ok else "unhealthy",
        "timestamp": now.isoformat(),
    }
    if not report.ok:
        body["failing"] = list(report.failing)
    return web.json_response(body, status=200 if report.ok else 503)


@routes.get("/api/scheduler/status")
async def scheduler_status(request: web.Request) -> web.Response:
    """When the weekly report is due next."""
    services = request.app[SERVICES]
    now = services.clock()
    slots = await services.runs.upcoming(now)
    job = {
        "id": "weekly_cost_report",
        "next_run_time": slots[0].isoformat(),
        "next_runs": [slot.isoformat() for slot in slots],
    }
    return web.json_response({"running": services.health.ticking, "jobs": [job]})


# Teams


@routes.get("/api/teams")
async def list_teams(request: web.Request) -> web.Response:
    """All teams, by name."""
    known_query(request, "limit")
    teams = await request.app[SERVICES].teams.list()
    if "limit" in request.query:
        teams = teams[: limit(request)]
    return web.json_response([_team(team) for team in teams])


@routes.post("/api/teams")
async def add_team(request: web.Request) -> web.Response:
    """A new team."""
    services = request.app[SERVICES]
    team = await services.teams.add(await json_object(request), ACTOR, services.clock())
    headers = {"Location": f"/api/teams/{team.id}"}
    return web.json_response(_team(team), status=201, headers=headers)


@routes.post("/api/teams/bulk")
async def add_teams(request: web.Request) -> web.Response:
    """Many teams, as a JSON list or as text/csv; a bad row never loses the good ones."""
    known_query(request, "dry_run")
    services = request.app[SERVICES]
    if request.content_type == "text/csv":
        rows, problems = parse_csv(await request.read())
    else:
        body = await json_body(request)
        if not isinstance(body, list):
            raise InvalidError("The body must be a JSON list.", [("body", "must be a list")])
        rows, problems = rows_of_list(body)
    result = await services.teams.import_rows(
        rows, ACTOR, services.clock(), dry_run=flag(request, "dry_run")
    )
    return web.json_response(_import(result, problems))


@routes.get("/api/teams/{id}")
async def get_team(request: web.Request) -> web.Response:
    """One team."""
    return web.json_response(
        _team(await request.app[SERVICES].teams.get(request.match_info["id"]))
    )


@routes.patch("/api/teams/{id}")
async def change_team(request: web.Request) -> web.Response:
    """Changes the fields that are given."""
    services = request.app[SERVICES]
    body = await json_object(request)
    team = await services.teams.change(request.match_info["id"], body, ACTOR, services.clock())
    return web.json_response(_team(team))


@routes.delete("/api/teams/{id}")
async def remove_team(request: web.Request) -> web.Response:
    """Removes a team; its costs and reports are kept."""
    services = request.app[SERVICES]
    team = await services.teams.remove(request.match_info["id"], ACTOR, services.clock())
    return web.json_response(_team(team))


# Settings


@routes.get("/api/config")
async def get_config(request: web.Request) -> web.Response:
    """The stored settings, without the password."""
    services = request.app[SERVICES]
    return web.json_response(await services.config.view(services.clock()))


@routes.put("/api/config")
async def put_config(request: web.Request) -> web.Response:
    """Changes the settings that are given, validated as a whole."""
    services = request.app[SERVICES]
    body = await json_object(request)
    return web.json_response(await services.config.change(body, ACTOR, services.clock()))


# Previews


@routes.get("/api/preview/team-report/{id}")
async def preview_team(request: web.Request) -> web.Response:
    """A team's report as it would be sent now."""
    services = request.app[SERVICES]
    return _preview(
        request,
        await services.reports.preview_team(request.match_info["id"], services.clock()),
    )


@routes.get("/api/preview/admin-report")
async def preview_admin(request: web.Request) -> web.Response:
    """The consolidated report as it would be sent now."""
    services = request.app[SERVICES]
    return _preview(request, await services.reports.preview_admin(services.clock()))


def _preview(request: web.Request, preview: Preview) -> web.Response:
    accept = request.headers.get("Accept", "")
    if "text/html" in accept and "application/json" not in accept:
        return web.Response(
            text=preview.html,
            content_type="text/html",
            headers={
                "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
                "sandbox; frame-ancestors 'none'",
                "X-Content-Type-Options": "nosniff",
            },
        )
    return web.json_response(preview.json)


# Runs


@routes.post("/api/trigger/weekly-report")
async def trigger_weekly(request: web.Request) -> web.Response:
    """Begins the weekly run of a period, or returns the one that is there."""
    known_query(request, "again", "period")
    return await _trigger(request, RunKind.WEEKLY, None)


@routes.post("/api/trigger/team-report/{id}")
async def trigger_team(request: web.Request) -> web.Response:
    """Begins a run for one team alone."""
    known_query(request, "again", "period")
    team = await request.app[SERVICES].teams.get(request.match_info["id"])
    return await _trigger(request, RunKind.TEAM, team.id)


async def _trigger(request: web.Request, kind: RunKind, team_id: str | None) -> web.Response:
    services = request.app[SERVICES]
    run = await services.runs.request(
        kind,
        ACTOR,
        services.clock(),
        period=request.query.get("period"),
        team_id=team_id,
        again=flag(request, "again"),
    )
    if run.state is RunState.OPEN:
        services.work(run.id)
    return web.json_response(_run(run), status=202, headers={"Location": _address(run)})


@routes.get("/api/runs")
async def list_runs(request: web.Request) -> web.Response:
    """The newest runs."""
    known_query(request, "limit")
    runs = await request.app[SERVICES].runs.newest(limit(request))
    return web.json_response([_run(run) for run in runs])


@routes.get("/api/runs/{id}")
async def get_run(request: web.Request) -> web.Response:
    """A run with its counts and deliveries."""
    return web.json_response(
        _run_view(await request.app[SERVICES].runs.view(request.match_info["id"]))
    )


@routes.post("/api/runs/{id}/retry")
async def retry_run(request: web.Request) -> web.Response:
    """Sends the failed, expired and unknown deliveries of a closed run to work again."""
    services = request.app[SERVICES]
    run_id = request.match_info["id"]
    number = await services.runs.retry(run_id, ACTOR, services.clock())
    if number:
        services.work(run_id)
    view = await services.runs.view(run_id)
    return web.json_response(
        {"retried": number, **_run_view(view)},
        status=202,
        headers={"Location": _address(view.run)},
    )


# Answers


def _address(run: Run) -> str:
    return f"/api/runs/{run.id.replace('#', '%23')}"


def _team(team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "team_name": team.team_name,
        "aws_account_id": team.aws_account_id,
        "team_email": team.team_email,
        "admin_emails": list(team.admin_emails),
        "anomaly_threshold": team.anomaly_threshold,
        "sample": team.sample,
        "created_at": team.created_at.isoformat(),
        "updated_at": team.updated_at.isoformat(),
    }


def _import(result: ImportResult, problems: list[RowProblem]) -> dict[str, Any]:
    failed = sorted([*problems, *result.failed], key=lambda one: one.index)
    return {
        "created": result.created,
        "updated": result.updated,
        "unchanged": result.unchanged,
        "failed": [
            {"index": one.index, "line": one.line, "field": one.field, "reason": one.reason}
            for one in failed
        ],
    }


def _instant(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _run(run: Run) -> dict[str, Any]:
    summary = run.summary
    return {
        "id": run.id,
        "kind": run.kind.value,
        "period": run.period,
        "team_id": run.team_id,
        "state": run.state.value,
        "planned": run.planned,
        "source": run.source,
        "transport": run.transport,
        "requested_by": run.requested_by.model_dump(),
        "created_at": _instant(run.created_at),
        "finished_at": _instant(run.finished_at),
        "last_error": run.last_error,
        "summary": summary
        and {
            "accounts": summary.accounts,
            "teams": summary.teams,
            "currency": summary.currency,
            "total": plain_money(summary.total),
            "previous_total": plain_money(summary.previous_total),
            "anomalies": summary.anomalies,
            "data_through": summary.data_through.isoformat(),
        },
    }


def _run_view(view: RunView) -> dict[str, Any]:
    return {
        **_run(view.run),
        "counts": {state.value: number for state, number in view.counts.items()},
        "deliveries": [
            {
                "id": one.id,
                "channel": one.channel,
                "recipient": one.recipient,
                "state": one.state.value,
                "attempts": one.attempts,
                "ambiguous": one.ambiguous,
                "message_id": one.message_id,
                "reply": one.reply,
                "error": one.error,
                "updated_at": _instant(one.updated_at),
            }
            for one in view.deliveries
        ],
    }
