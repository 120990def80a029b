"""``after-restore``: make a restored database safe to start on."""

from services.application import Application
from services.domain import Actor
from services.domain.formatting import plural

ACTOR = Actor(interface="cli", name="after-restore")


async def after_restore(app: Application) -> int:
    """Close what was open in the backup and print what to check; always returns 0."""
    settled = await app.operations.after_restore.settle(ACTOR, app.context.clock())
    print(
        f"Closed {plural(settled.runs, 'open run')}; {plural(settled.deliveries, 'email')} may have been "
        "sent since the backup and will not be sent automatically."
    )
    if settled.deliveries:
        print("To send them, use `run-report --retry --period …`, or Retry in Teams.")
    print(
        "This week's report is not sent automatically if it was due before now. To send it, use "
        "`run-report`."
    )
    return 0
