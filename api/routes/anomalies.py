"""Anomalies, and what people say of them."""

from api import answers, cursors
from api.endpoints import Call, Endpoints, Reply
from api.inputs import AnomaliesQuery, ResolutionBody, SnoozeBody
from api.paging import page
from services.anomalies.resolutions import SHORT_SNOOZE
from services.domain import Anomaly, Team

endpoints = Endpoints("Costs")
CURSOR = "anomalies"


@endpoints(
    "get",
    "/api/anomalies",
    list[answers.AnomalyAnswer],
    query=AnomaliesQuery,
    problems=(404,),
    paged=True,
)
async def list_anomalies(call: Call) -> Reply:
    """Anomalies in any state, the one that was raised last first."""
    query = call.query
    found = await call.services.anomalies.page(
        team=await call.services.teams.get(query.team_id) if query.team_id is not None else None,
        status=query.status,
        after=cursors.instant_place(CURSOR, query.cursor),
        limit=query.limit + 1,
    )
    return page(
        call,
        [_answer(one, team) for one, team in found],
        query.limit,
        lambda n: (CURSOR, found[n][0].raised_at.isoformat(), found[n][0].id),
    )


@endpoints(
    "post",
    "/api/anomalies/{id}/resolution",
    answers.AnomalyAnswer,
    body=ResolutionBody,
    example={"status": "expected", "reason": "load test"},
    problems=(409,),
)
async def resolve_anomaly(call: Call) -> answers.AnomalyAnswer:
    """Says what an anomaly is, as the buttons of its card do. One that has an answer must be
    opened again first.
    """
    body, caller = call.body, call.caller
    anomaly = await call.services.resolutions.answer(
        call.id,
        body.status,
        (caller.name, caller.id),
        caller.actor,
        call.now,
        days=body.days if isinstance(body, SnoozeBody) else SHORT_SNOOZE,
        reason=body.reason,
    )
    call.services.show(anomaly)
    teams = await call.services.teams.list()
    team = next((one for one in teams if one.aws_account_id == anomaly.account_id), None)
    return _answer(anomaly, team)


def _answer(anomaly: Anomaly, team: Team | None) -> answers.AnomalyAnswer:
    given = anomaly.answer
    return answers.AnomalyAnswer(
        id=anomaly.id,
        kind=anomaly.kind,
        status=anomaly.status,
        team_id=team.id if team else None,
        team_name=team.team_name if team else None,
        aws_account_id=anomaly.account_id,
        service=anomaly.service,
        start=anomaly.start,
        end=anomaly.end,
        excess=anomaly.excess,
        currency=anomaly.currency,
        answer=given
        and answers.AnswerAnswer(by=given.by, at=given.at, until=given.until, reason=given.reason),
        raised_at=anomaly.raised_at,
        updated_at=anomaly.updated_at,
        sample=anomaly.source == "sample",
    )
