"""The agent is killed in the middle of what somebody waits for, and started again."""

import asyncio
import re
import subprocess
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from pathlib import Path

from tests.bot.agent import WORKING
from tests.conftest import AgentProcess
from tests.e2e.test_serve import serving
from tests.servers.teams import ANA, TeamsSim


@asynccontextmanager
async def started(agent: AgentProcess, sim: TeamsSim) -> AsyncIterator["subprocess.Popen[str]"]:
    """The agent as a process, with the simulator around it."""
    async with serving(agent, **sim.environment()) as (url, process, _):
        sim.bot_url = url
        yield process


def mails(folder: Path) -> Counter[str]:
    return Counter(
        str(message_from_bytes(path.read_bytes())["To"])
        for path in (folder / "outbox").glob("*.eml")
    )


async def test_what_was_being_worked_on_at_a_kill_ends_after_the_restart_and_goes_out_once(
    agent: AgentProcess, tmp_path: Path
) -> None:
    async with TeamsSim() as sim:
        async with started(agent, sim) as process:
            await sim.say("run report", ANA, "channel")
            await sim.until(lambda: sim.messages)
            (run,) = sim.messages.values()
            await sim.until(lambda: run.text != WORKING, 60)
            await sim.press(run, "Send .*")
            await sim.until(lambda: "Reading costs" in run.text, 60)
            await sim.say("preview admin")
            await sim.until(lambda: len(sim.messages) == 2)
            answer = sim.newest
            assert answer.text == WORKING
            process.kill()
            await asyncio.to_thread(process.wait, 60)
        assert mails(tmp_path) == Counter()
        async with started(agent, sim):
            await sim.until(lambda: "was restarted" in sim.newest.text, 30)
            assert "ask again" in sim.newest.text
            assert answer.text == WORKING or answer is sim.newest
            done = re.compile(r"(\d+) of (\d+) sent\.")
            found = await sim.until(lambda: done.search(run.text), 120)
            assert found[1] == found[2]
            sent = mails(tmp_path)
            assert sum(sent.values()) == int(found[1])
            await sim.press(run.as_it_was(), "Send .*")
            await sim.until(lambda: done.search(run.text), 30)
            await sim.say("whoami")
            await sim.until(lambda: "You are an admin" in sim.newest.text, 30)
        assert mails(tmp_path) == sent
