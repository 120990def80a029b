"""The agent itself: name and version, health, scheduler."""

from api.callers import LOCAL
from api.endpoints import Call, EndpointResponse, Endpoints
from api.local_mode import BANNER
from api.responses.general import AboutResponse, HealthResponse, JobResponse, SchedulerResponse
from services.domain import SAMPLE
from services.presentation import SAMPLE_NOTICE

endpoints = Endpoints("Health")
UNHEALTHY = 503


@endpoints("get", "/api/", AboutResponse)
async def about(call: Call) -> AboutResponse:
    """Name, version and cost source of the agent."""
    source = call.services.about.source
    banners = [SAMPLE_NOTICE] if source == SAMPLE else []
    banners += [BANNER] if call.caller is LOCAL else []
    return AboutResponse(
        name="AWS Cost Agent",
        version=call.services.about.version,
        source=source,
        sample=source == SAMPLE,
        banner=" ".join(banners),
    )


@endpoints(
    "get",
    "/api/health",
    HealthResponse,
    query=None,
    needs_key=False,
    other_statuses={UNHEALTHY: HealthResponse},
)
async def health(call: Call) -> EndpointResponse:
    """Whether MongoDB responds and the scheduler runs. Needs no key."""
    report = await call.services.app.operations.health.check(call.now)
    if report.ok:
        return EndpointResponse(HealthResponse(status="healthy", timestamp=call.now))
    response = HealthResponse(status="unhealthy", timestamp=call.now, failing=list(report.parts))
    return EndpointResponse(response, status=UNHEALTHY)


@endpoints("get", "/api/scheduler/status", SchedulerResponse)
async def scheduler_status(call: Call) -> SchedulerResponse:
    """When the next weekly reports are due."""
    slots = await call.services.app.runs.requests.upcoming(call.now)
    job = JobResponse(id="weekly_cost_report", next_run_time=slots[0], next_runs=slots)
    return SchedulerResponse(running=call.services.app.operations.health.ticking, jobs=[job])
