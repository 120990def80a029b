"""What the agent says of itself."""

from api import answers
from api.callers import LOCAL
from api.endpoints import Call, Endpoints, Reply
from api.local_mode import BANNER

endpoints = Endpoints("Health")
ILL = 503
SAMPLE = "SAMPLE DATA. These are not your costs."


@endpoints("get", "/api/", answers.About)
async def about(call: Call) -> answers.About:
    """Name, version and cost source of the agent."""
    source = call.services.about.source
    words = [SAMPLE] if source == "sample" else []
    words += [BANNER] if call.caller is LOCAL else []
    return answers.About(
        name="AWS Cost Agent",
        version=call.services.about.version,
        source=source,
        sample=source == "sample",
        banner=" ".join(words),
    )


@endpoints(
    "get",
    "/api/health",
    answers.HealthAnswer,
    query=None,
    keyed=False,
    also={ILL: answers.HealthAnswer},
)
async def health(call: Call) -> Reply:
    """Whether MongoDB answers and the clock ticks. Needs no key."""
    report = await call.services.health.check(call.now)
    if report.ok:
        return Reply(answers.HealthAnswer(status="healthy", timestamp=call.now))
    answer = answers.HealthAnswer(
        status="unhealthy", timestamp=call.now, failing=list(report.parts)
    )
    return Reply(answer, status=ILL)


@endpoints("get", "/api/scheduler/status", answers.SchedulerAnswer)
async def scheduler_status(call: Call) -> answers.SchedulerAnswer:
    """When the weekly report is due next."""
    slots = await call.services.runs.upcoming(call.now)
    job = answers.Job(id="weekly_cost_report", next_run_time=slots[0], next_runs=slots)
    return answers.SchedulerAnswer(running=call.services.health.ticking, jobs=[job])
