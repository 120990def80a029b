"""``make screenshots``: the pictures of conversations in ``docs/screenshots``.

They are of the agent as ``make run`` starts it, with sample costs, in the Playground.
"""

import asyncio
import shutil
import sys
import tempfile
from decimal import Decimal
from pathlib import Path

import aiohttp

from tests.browser.page import CHANNEL, PERSONAL, Page, missing, opened
from tests.browser.playground import running
from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_serve import free_port, serving

PICTURES = ROOT / "docs" / "screenshots"
MOST_BYTES = 300_000
DESKTOP, PHONE = (1400, 960), (375, 920)


async def grown_most(url: str) -> str:
    """The team whose costs have grown most."""
    async with aiohttp.ClientSession(url) as session:
        async with session.get("/api/preview/admin-report") as answer:
            teams = (await answer.json())["teams"]
    grown = max(teams, key=lambda one: Decimal(one["current"]) - Decimal(one["previous"]))
    return str(grown["team_name"])


async def take(page: Page, team: str, folder: Path) -> None:
    """An alert in a channel, before and after somebody has answered; a report in a chat."""
    await page.chat(CHANNEL)
    await page.say("alerts here")
    await page.see("Alerts come here")
    await page.see(team, "Expected")
    await page.screen(folder / "teams-alert.png", *DESKTOP)
    await page.screen(folder / "teams-alert-phone.png", *PHONE)
    await page.chat(PERSONAL)
    await page.say(f"preview {team}")
    await page.see(team, "What changed", "Last 7 days")
    await page.screen(folder / "teams-preview.png", *DESKTOP)


async def main() -> int:
    """Takes the pictures; 1 when one is too large."""
    with tempfile.TemporaryDirectory() as data:
        agent = AgentProcess({"DATA_DIR": data})
        async with serving(agent, "--first-report") as (url, _, _):
            port = int(url.rsplit(":", 1)[1])
            async with running(port, free_port()) as (playground, _):
                async with opened(playground, Path(data) / "pictures") as page:
                    await take(page, await grown_most(url), Path(data) / "pictures")
        large = 0
        for picture in sorted((Path(data) / "pictures").glob("teams-*.png")):
            size = picture.stat().st_size
            large += size > MOST_BYTES
            shutil.copy(picture, PICTURES)
            print(f"{picture.name}: {size:,} bytes")
    return 1 if large else 0


if __name__ == "__main__":
    lacking = missing()
    if lacking is not None:
        sys.exit(f"No pictures were taken: {lacking}.")
    sys.exit(asyncio.run(main()))
