"""``after-restore``: a restored database is made safe to start on."""

from cli.wired import Wired
from services.domain import Actor
from services.domain.formatting import plural

ACTOR = Actor(interface="cli", name="after-restore")


async def after_restore(wired: Wired) -> int:
    """Closes what was open in the backup; says what to look at; 0."""
    done = await wired.restoring.settle(ACTOR, wired.clock())
    print(
        f"Closed {plural(done.runs, 'open run')}; {plural(done.deliveries, 'mail')} may have been "
        "sent since the backup and will not be sent by themselves."
    )
    if done.deliveries:
        print("`run-report --retry --period …` sends them, as Retry in Teams does.")
    print(
        "The clock leaves out this week's report if it was due before now: `run-report` makes it."
    )
    return 0
