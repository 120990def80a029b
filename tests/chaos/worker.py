"""One worker of a chaos run: the agent with its clock, without doors, until it is killed.

``python -m tests.chaos.worker`` with the settings in its environment. The waits are shorter than
in production, all in proportion: a lease is still longer than the longest answer.
"""

import asyncio
import os
from datetime import UTC, datetime, timedelta
from functools import partial

from app import open_agent
from bot.pacing import Pace
from services.adapters.logs import log_as_set
from services.adapters.smtp import SmtpTimeouts
from services.runtime.server_clock import ServerClock
from services.runtime.timeouts import Timing
from services.settings import load_settings

TIMING = Timing(
    run_lease=4.0,
    delivery_lease=9.0,
    retries=(0.3, 0.6, 1.0, 2.0),
    connect_retry=0.2,
    store_retry=0.3,
    store_patience=5.0,
    run_patience=5.0,
    run_retries=(0.3, 0.6, 1.0),
    alert_claim=2.0,
    alert_answer=8.0,
    alert_lease=12.0,
)
TIMEOUTS = SmtpTimeouts(connect=2.0, command=1.5, final_reply=2.0)
TICK_SECONDS = 0.5
SKEW = "CHAOS_SKEW"
"""Names the setting of how many seconds this worker's clock is ahead."""
PAST_LEASES = 10.5
"""Seconds after which the leases of a frozen worker have ended."""


async def main() -> None:
    """Ticks for ever."""
    ahead = timedelta(seconds=float(os.environ[SKEW]))

    def local_clock() -> datetime:
        return datetime.now(UTC) + ahead

    settings = load_settings(env_file=None)
    log_as_set(settings)
    async with open_agent(
        settings,
        clock_of=partial(ServerClock, local=local_clock),
        timing=TIMING,
        smtp_timeouts=TIMEOUTS,
        pace=Pace((), ()),
    ) as agent:
        print("ready", flush=True)
        while True:
            agent.background.start("tick", _tick(agent.tick))
            await asyncio.sleep(TICK_SECONDS)


async def _tick(tick: object) -> None:
    assert callable(tick)
    await tick()


if __name__ == "__main__":
    asyncio.run(main())
