"""Anomalies and their resolutions."""

from api import cursors
from api.endpoints import Call, EndpointResponse, Endpoints
from api.paging import page
from api.requests.anomalies import AnomaliesQuery, ResolveRequest, SnoozeRequest
from api.responses.anomalies import AccountAmountsResponse, AnomalyResponse, ResolutionResponse
from services.anomalies import SHORT_SNOOZE_DAYS
from services.domain import SAMPLE, Anomaly, Team

endpoints = Endpoints("Costs")
CURSOR = "anomalies"


@endpoints(
    "get",
    "/api/anomalies",
    list[AnomalyResponse],
    query=AnomaliesQuery,
    problem_statuses=(404,),
    is_paged=True,
)
async def list_anomalies(call: Call) -> EndpointResponse:
    """Anomalies with any status, the most recently raised first."""
    query = call.query
    rows = await call.services.app.anomalies.listing.page(
        team=await call.services.app.teams.get(query.team_id)
        if query.team_id is not None
        else None,
        status=query.status,
        after=cursors.decode_instant(CURSOR, query.cursor),
        limit=query.limit + 1,
    )
    return page(
        call,
        [_response(anomaly, team) for anomaly, team in rows],
        query.limit,
        lambda n: (CURSOR, rows[n][0].raised_at.isoformat(), rows[n][0].id),
    )


@endpoints(
    "post",
    "/api/anomalies/{id}/resolution",
    AnomalyResponse,
    body=ResolveRequest,
    body_example={"status": "expected", "reason": "load test"},
    problem_statuses=(409,),
)
async def resolve_anomaly(call: Call) -> AnomalyResponse:
    """Resolves an anomaly, as the buttons of its card do. One that is resolved must be reopened
    first (409).
    """
    body, caller = call.body, call.caller
    anomaly = await call.services.app.anomalies.resolutions.resolve(
        call.id,
        body.status,
        (caller.name, caller.id),
        caller.actor,
        call.now,
        days=body.days if isinstance(body, SnoozeRequest) else SHORT_SNOOZE_DAYS,
        reason=body.reason,
    )
    call.services.show(anomaly)
    teams = await call.services.app.teams.by_account([anomaly.account_id])
    return _response(anomaly, teams.get(anomaly.account_id))


def _response(anomaly: Anomaly, team: Team | None) -> AnomalyResponse:
    resolution, amounts, account = anomaly.answer, anomaly.amounts, anomaly.account
    return AnomalyResponse(
        id=anomaly.id,
        kind=anomaly.kind,
        status=anomaly.status,
        team_id=team.id if team else None,
        team_name=team.team_name if team else None,
        aws_account_id=anomaly.account_id,
        service=anomaly.service,
        start=anomaly.start,
        end=anomaly.last_day,
        found_at_install=anomaly.found_at_install,
        excess=amounts.excess,
        actual=amounts.actual,
        expected=amounts.expected,
        account=AccountAmountsResponse(
            excess=account.excess, actual=account.actual, expected=account.expected
        ),
        currency=anomaly.currency,
        answer=resolution
        and ResolutionResponse(
            by=resolution.by,
            at=resolution.at,
            until=resolution.until,
            reason=resolution.reason,
        ),
        raised_at=anomaly.raised_at,
        updated_at=anomaly.updated_at,
        sample=anomaly.source == SAMPLE,
    )
