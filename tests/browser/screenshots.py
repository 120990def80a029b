"""``make screenshots``: the pictures in ``docs/screenshots``.

Conversations and mails are of the agent as ``make run`` starts it, with sample costs; the cards are
those of ``tests/cards/examples.py``.
"""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp

from tests.browser.page import CHANNEL, PERSONAL, Page, missing, opened
from tests.browser.playground import running
from tests.cards.gallery import make_sheets_of_docs
from tests.conftest import ROOT, AgentProcess
from tests.e2e.test_serve import free_port, serving
from tests.mails.looking import looked_at

PICTURES = ROOT / "docs" / "screenshots"
MOST_BYTES = 500_000
DESKTOP, PHONE = (1400, 960), (375, 920)
PATIENCE = 120
"""Seconds until the first daily run has ended."""
SMALLER = ROOT / "tests" / "browser" / "smaller.mjs"
MAIL_LOOKS = {
    "": {"width": 700, "theme": "light", "styles": True},
    "-dark": {"width": 700, "theme": "dark", "styles": True},
    "-phone": {"width": 375, "theme": "dark", "styles": True},
    "-phone-light": {"width": 375, "theme": "light", "styles": True},
}
"""By how the names of their pictures end."""
COLOURS, COLOURS_OF_CARDS = 256, 32
"""Cards have few colours, and their pictures are large."""


async def what_to_show(url: str) -> tuple[str, dict[str, str]]:
    """The team with the largest detected anomaly; and mails as HTML, by name."""
    async with aiohttp.ClientSession(url) as session:
        found = await _detected(session)
        admins = await _answer(session, "/api/preview/admin-report")
        teams = admins["teams"]
        (grown,) = [one for one in teams if one["id"] == found["team_id"]]
        still = min(teams, key=lambda one: abs(Decimal(one["current"]) - Decimal(one["previous"])))
        mails = {"admin-mail": admins["html"]}
        for name, team in (("team-mail", grown), ("quiet-mail", still)):
            found = await _answer(session, f"/api/preview/team-report/{team['id']}")
            mails[name] = found["html"]
    return str(grown["team_name"]), mails


async def _detected(session: aiohttp.ClientSession) -> dict[str, Any]:
    """The largest anomaly that the first daily run has found."""
    async with asyncio.timeout(PATIENCE):
        while True:
            raised = await _answer(session, "/api/anomalies?status=open")
            events = [one for one in raised if one["kind"] != "threshold" and one["team_id"]]
            if events:
                return max(events, key=lambda one: Decimal(str(one["excess"])))
            await asyncio.sleep(1)


async def _answer(session: aiohttp.ClientSession, path: str) -> Any:
    async with session.get(path) as answer:
        return await answer.json()


async def take(page: Page, team: str, folder: Path) -> None:
    """An alert in a channel, before and after somebody has answered; a report in a chat."""
    await page.chat(CHANNEL)
    await page.say("alerts here")
    await page.see("Alerts are sent here")
    await page.see(team, "Expected")
    await page.screen(folder / "teams-alert.png", *DESKTOP)
    await page.screen(folder / "teams-alert-phone.png", *PHONE)
    await page.chat(PERSONAL)
    await page.say(f"preview {team}")
    await page.see(team, "What changed", "Last 7 days")
    await page.screen(folder / "teams-preview.png", *DESKTOP)


async def packed(colours: int, pictures: Iterable[Path]) -> None:
    """Makes pictures smaller, in place."""
    arguments = map(str, (SMALLER, colours, *sorted(pictures)))
    packing = await asyncio.create_subprocess_exec("node", *arguments)
    if await packing.wait():
        raise RuntimeError("the pictures were not packed")


async def main() -> int:
    """Takes the pictures; 1 when one is too large."""
    with tempfile.TemporaryDirectory() as data:
        folder = Path(data) / "pictures"
        agent = AgentProcess({"DATA_DIR": data})
        async with serving(agent, "--first-report") as (url, _, _):
            port = int(url.rsplit(":", 1)[1])
            team, mails = await what_to_show(url)
            async with running(port, free_port()) as (playground, _):
                async with opened(playground, folder) as page:
                    await take(page, team, folder)
        await asyncio.to_thread(looked_at, mails, tuple(MAIL_LOOKS.values()), str(folder))
        for picture in folder.glob("teams-*.png"):
            shutil.copy(picture, PICTURES)
        for name in mails:
            for end, look in MAIL_LOOKS.items():
                taken = folder / f"{name}-{look['width']}-{look['theme']}.png"
                shutil.copy(taken, PICTURES / f"{name}{end}.png")
    await asyncio.to_thread(make_sheets_of_docs)
    await packed(COLOURS, PICTURES.glob("*.png"))
    await packed(COLOURS_OF_CARDS, PICTURES.glob("cards/*.png"))
    pictures = sorted(PICTURES.rglob("*.png"))
    large = [one.name for one in pictures if one.stat().st_size > MOST_BYTES]
    if large:
        print(f"Larger than {MOST_BYTES:,} bytes: {', '.join(large)}.")
    return 1 if large else 0


if __name__ == "__main__":
    lacking = missing()
    if lacking is not None:
        sys.exit(f"No pictures were taken: {lacking}.")
    sys.exit(asyncio.run(main()))
