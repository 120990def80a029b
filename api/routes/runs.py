"""Runs: begin one, look at it, send what failed again."""

from urllib.parse import quote

from api import answers, cursors
from api.endpoints import Call, Endpoints, Reply
from api.inputs import RunsQuery, TriggerQuery
from api.paging import page
from services.domain import Run, RunKind, RunState
from services.domain.run_states import RunView

endpoints = Endpoints("Runs")
CURSOR = "runs"


@endpoints(
    "post",
    "/api/trigger/weekly-report",
    answers.RunAnswer,
    status=202,
    query=TriggerQuery,
    problems=(409,),
    located=True,
)
async def trigger_weekly(call: Call) -> Reply:
    """Begins the weekly run of a period, or answers the one that is there. One that is finished
    sends nothing again, unless ``again`` asks for a repetition. A period that has not begun is
    refused (409).
    """
    return await _trigger(call, RunKind.WEEKLY, None)


@endpoints(
    "post",
    "/api/trigger/team-report/{id}",
    answers.RunAnswer,
    status=202,
    query=TriggerQuery,
    problems=(409,),
    located=True,
)
async def trigger_team(call: Call) -> Reply:
    """Begins a run for one team alone. The weekly run is not touched by it."""
    team = await call.services.teams.get(call.id)
    return await _trigger(call, RunKind.TEAM, team.id)


async def _trigger(call: Call, kind: RunKind, team_id: str | None) -> Reply:
    run = await call.services.runs.request(
        kind,
        call.caller.actor,
        call.now,
        period=call.query.period,
        team_id=team_id,
        again=call.query.again,
    )
    if run.state is RunState.OPEN:
        call.services.work(run.id)
    return Reply(answers.RunAnswer.model_validate(_run(run)), headers=_located(run))


@endpoints("get", "/api/runs", list[answers.RunAnswer], query=RunsQuery, paged=True)
async def list_runs(call: Call) -> Reply:
    """Runs, the newest first."""
    query = call.query
    runs = await call.services.runs.newest(
        query.limit + 1, kind=query.kind, after=cursors.instant_place(CURSOR, query.cursor)
    )
    return page(
        call,
        [answers.RunAnswer.model_validate(_run(run)) for run in runs],
        query.limit,
        lambda n: (CURSOR, runs[n].created_at.isoformat(), runs[n].id),
    )


@endpoints("get", "/api/runs/{id}", answers.RunView)
async def get_run(call: Call) -> answers.RunView:
    """A run with its counts and deliveries."""
    return answers.RunView.model_validate(_view(await call.services.runs.view(call.id)))


@endpoints(
    "post",
    "/api/runs/{id}/retry",
    answers.RetryAnswer,
    status=202,
    problems=(409,),
    located=True,
)
async def retry_run(call: Call) -> Reply:
    """Sends the failed, expired and unknown deliveries of a closed run to work again. A run that
    is still open retries by itself (409).
    """
    number = await call.services.runs.retry(call.id, call.caller.actor, call.now)
    if number:
        call.services.work(call.id)
    view = await call.services.runs.view(call.id)
    answer = answers.RetryAnswer.model_validate({**_view(view), "retried": number})
    return Reply(answer, headers=_located(view.run))


def _located(run: Run) -> dict[str, str]:
    return {"Location": f"/api/runs/{quote(run.id, safe=':')}"}


def _run(run: Run) -> dict[str, object]:
    summary = run.summary
    return {
        "id": run.id,
        "kind": run.kind,
        "period": run.period,
        "team_id": run.team_id,
        "state": run.state,
        "planned": run.planned,
        "source": run.source,
        "transport": run.transport,
        "requested_by": run.requested_by,
        "created_at": run.created_at,
        "finished_at": run.finished_at,
        "last_error": run.last_error,
        "summary": summary
        and answers.RunSummaryAnswer(
            accounts=summary.accounts,
            teams=summary.teams,
            currency=summary.currency,
            total=summary.total,
            previous_total=summary.previous_total,
            anomalies=summary.anomalies,
            data_through=summary.data_through,
        ),
    }


def _view(view: RunView) -> dict[str, object]:
    return {
        **_run(view.run),
        "counts": {state.value: number for state, number in view.counts.items()},
        "deliveries": [
            answers.DeliveryAnswer(
                id=one.id,
                channel=one.channel,
                recipient=one.recipient,
                state=one.state,
                attempts=one.attempts,
                ambiguous=one.ambiguous,
                message_id=one.message_id,
                reply=one.reply,
                error=one.error,
                updated_at=one.updated_at,
            )
            for one in view.deliveries
        ],
    }
