"""``serve``: what a person sees when the agent starts."""

from cli.run_report import run_report
from cli.wired import Wired
from services.model import Actor, RunKind, RunState

LOCKED = "a key or token is needed"
OPEN = "local mode: this machine only, until the first `api-key create`"
ACTOR = Actor(door="cli", name="first report")


async def first_report(wired: Wired) -> None:
    """Makes the report of the week, once: only of sample costs, and only into the outbox."""
    if wired.source != "sample" or await wired.transports.choose(wired.clock()) != "outbox":
        return
    run = await wired.runs.request(RunKind.WEEKLY, ACTOR, wired.clock())
    if run.state is RunState.OPEN:
        print("No Datadog keys are set: making this week's report from sample data.\n")
    await run_report(wired, actor=ACTOR)


def announce(
    wired: Wired, address: str, app_id: str | None, code: str | None, *, locked: bool
) -> None:
    """Where to look; ``code`` makes whoever sends it to the bot the first admin.

    ``locked``: REST needs a key.
    """
    print(f"\nServing on {address}")
    print(f"Outbox     {address}/outbox  (files in {wired.outbox_folder})")
    print(f"REST       {address}/api/docs  ({LOCKED if locked else OPEN})")
    print(f"Health     {address}/api/health")
    if app_id is None:
        print(f"Teams      local mode; endpoint for the Agents Playground: {address}/api/messages")
    else:
        print(f"Teams      app {app_id}; its endpoint is /api/messages")
    if code is not None:
        print(f"Admin      there is none yet. In Teams, write to the bot: claim {code}")
    print("Stop with Ctrl-C.", flush=True)
