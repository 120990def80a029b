"""Runs: start one, list them, retry failed deliveries."""

from urllib.parse import quote

from api import cursors
from api.endpoints import Call, EndpointResponse, Endpoints
from api.paging import page
from api.requests.runs import DeliveriesQuery, RunsQuery, TriggerQuery
from api.responses.runs import (
    DeliveryResponse,
    RequesterResponse,
    RetryResponse,
    RunDetailsResponse,
    RunResponse,
    RunSummaryResponse,
)
from services.domain import Actor, Delivery, Run, RunKind, RunState, RunSummary
from services.domain.run_states import RunView

endpoints = Endpoints("Runs")
CURSOR = "runs"
DELIVERIES_CURSOR = "deliveries"


@endpoints(
    "post",
    "/api/trigger/weekly-report",
    RunResponse,
    status=202,
    query=TriggerQuery,
    problem_statuses=(409,),
    has_location=True,
)
async def trigger_weekly(call: Call) -> EndpointResponse:
    """Starts the weekly run of a period, or returns the existing one. A finished run sends nothing
    again unless ``again`` is true. A period in the future is refused (409).
    """
    return await _trigger(call, RunKind.WEEKLY, None)


@endpoints(
    "post",
    "/api/trigger/team-report/{id}",
    RunResponse,
    status=202,
    query=TriggerQuery,
    problem_statuses=(409,),
    has_location=True,
)
async def trigger_team(call: Call) -> EndpointResponse:
    """Starts a run for one team. It does not affect the weekly run."""
    team = await call.services.app.teams.get(call.id)
    return await _trigger(call, RunKind.TEAM, team.id)


async def _trigger(call: Call, kind: RunKind, team_id: str | None) -> EndpointResponse:
    run = await call.services.app.runs.requests.request(
        kind,
        call.caller.actor,
        call.now,
        period=call.query.period,
        team_id=team_id,
        again=call.query.again,
    )
    if run.state is RunState.OPEN:
        call.services.app.runs.scheduler.work(run.id)
    return EndpointResponse(RunResponse.model_validate(_fields(run)), headers=_location(run))


@endpoints("get", "/api/runs", list[RunResponse], query=RunsQuery, is_paged=True)
async def list_runs(call: Call) -> EndpointResponse:
    """Runs, newest first."""
    query = call.query
    runs = await call.services.app.runs.views.newest(
        query.limit + 1, kind=query.kind, after=cursors.decode_instant(CURSOR, query.cursor)
    )
    return page(
        call,
        [RunResponse.model_validate(_fields(run)) for run in runs],
        query.limit,
        lambda n: (CURSOR, runs[n].created_at.isoformat(), runs[n].id),
    )


@endpoints("get", "/api/runs/{id}", RunDetailsResponse)
async def get_run(call: Call) -> RunDetailsResponse:
    """A run with its counts, and at most 100 deliveries that failed, expired, or are unknown."""
    view = await call.services.app.runs.views.view(call.id)
    return RunDetailsResponse.model_validate(_details(view))


@endpoints(
    "get",
    "/api/runs/{id}/deliveries",
    list[DeliveryResponse],
    query=DeliveriesQuery,
    is_paged=True,
)
async def list_deliveries(call: Call) -> EndpointResponse:
    """All deliveries of a run, by recipient."""
    query = call.query
    deliveries = await call.services.app.runs.views.deliveries(
        call.id, query.limit + 1, cursors.decode_pair(DELIVERIES_CURSOR, query.cursor)
    )
    return page(
        call,
        [_delivery(delivery) for delivery in deliveries],
        query.limit,
        lambda n: (DELIVERIES_CURSOR, deliveries[n].recipient, deliveries[n].id),
    )


@endpoints(
    "post",
    "/api/runs/{id}/retry",
    RetryResponse,
    status=202,
    problem_statuses=(409,),
    has_location=True,
)
async def retry_run(call: Call) -> EndpointResponse:
    """Retries the failed, expired and unknown deliveries of a closed run. An open run retries by
    itself (409).
    """
    retried = await call.services.app.runs.requests.retry(call.id, call.caller.actor, call.now)
    view = await call.services.app.runs.views.view(call.id)
    if retried:
        call.services.app.runs.scheduler.work(view.run.id)
    response = RetryResponse.model_validate({**_details(view), "retried": retried})
    return EndpointResponse(response, headers=_location(view.run))


def _location(run: Run) -> dict[str, str]:
    return {"Location": f"/api/runs/{quote(run.id, safe=':')}"}


def _fields(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "kind": run.kind,
        "period": run.period,
        "team_id": run.team_id,
        "state": run.state,
        "planned": run.planned,
        "source": run.source,
        "transport": run.transport,
        "requested_by": _requester(run.requested_by),
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "last_error": run.last_error,
        "summary": _summary(run.summary) if run.summary else None,
    }


def _requester(actor: Actor) -> RequesterResponse:
    """Return the actor under both names; ``door`` stays for one version."""
    return RequesterResponse(
        interface=actor.interface,
        door="clock" if actor.interface == "scheduler" else actor.interface,
        name=actor.name,
        id=actor.id,
    )


def _summary(summary: RunSummary) -> RunSummaryResponse:
    return RunSummaryResponse(
        accounts=summary.accounts,
        teams=summary.teams,
        currency=summary.currency,
        total=summary.total,
        previous_total=summary.previous_total,
        anomalies=summary.anomalies,
        data_through=summary.data_through,
        metric=summary.metric,
    )


def _details(view: RunView) -> dict[str, object]:
    return {
        **_fields(view.run),
        "counts": {state.value: number for state, number in view.counts.items()},
        "deliveries": [_delivery(delivery) for delivery in view.deliveries],
    }


def _delivery(delivery: Delivery) -> DeliveryResponse:
    return DeliveryResponse(
        id=delivery.id,
        channel=delivery.channel,
        recipient=delivery.recipient,
        state=delivery.state,
        attempts=delivery.attempts,
        ambiguous=delivery.ambiguous,
        message_id=delivery.message_id,
        reply=delivery.reply,
        error=delivery.error,
        updated_at=delivery.updated_at,
    )
