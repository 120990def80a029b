"""The Agents Playground in Chromium, as somebody who tries the bot sees it."""

import asyncio
import json
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.conftest import ROOT

DRIVER = ROOT / "tests" / "browser" / "driver.mjs"
PLAYGROUND = ROOT / "deploy" / "playground"
BOT = "AWS Cost Agent"
PERSONAL, GROUP, CHANNEL = "Personal Chat", "Platform on-call", "Cost alerts"
PATIENCE_SECONDS = 30
"""How long anything may take to appear on a loaded machine."""


def chromium() -> str | None:
    """The browser of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def missing() -> str | None:
    """What this machine lacks for a browser test; None when nothing."""
    if shutil.which("node") is None:
        return "there is no Node.js"
    if chromium() is None:
        return "there is no Chromium"
    for folder in (PLAYGROUND, ROOT / "tests" / "node"):
        if not (folder / "node_modules").is_dir():
            return f"the packages of {folder.relative_to(ROOT)} are not installed (npm ci)"
    return None


class Page:
    """The page, and what a person does there. What is awaited must appear in time."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process = process
        self._folder = folder
        self._chat = PERSONAL
        self.shots = 0

    async def _ask(self, command: str, **arguments: Any) -> Any:
        writer, reader = self._process.stdin, self._process.stdout
        assert writer is not None
        assert reader is not None
        writer.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        async with asyncio.timeout(4 * PATIENCE_SECONDS):
            line = await reader.readline()
        assert line, "the browser has ended"
        answer = json.loads(line)
        if "failed" in answer:
            raise AssertionError(
                f"{command} {arguments}: {answer['failed']}\n{await self._state()}"
            )
        return answer["done"]

    async def _state(self) -> str:
        try:
            path = self._folder / "failure.png"
            await self._ask("screen", path=str(path))
            cards = await self._ask("seen")
        except (AssertionError, TimeoutError):
            return "and the page cannot be looked at"
        last = "\n---\n".join(cards[-3:])
        return f"Picture: {path}\nThe last cards:\n{last}"

    async def open(self, url: str) -> None:
        """Opens the Playground."""
        await self._ask("open", url=url)

    async def chat(self, name: str) -> None:
        """Goes to a conversation."""
        await self._ask("chat", name=name)
        self._chat = name

    async def say(self, text: str) -> None:
        """Writes to the bot, mentioning it where it must be; in a channel as a new post."""
        mention = None if self._chat == PERSONAL else BOT
        channel = self._chat not in {PERSONAL, GROUP}
        await self._ask("say", text=text, mention=mention, channel=channel)

    async def see(self, *texts: str) -> str:
        """Waits for a card with all texts, and makes it the one that is meant from now on."""
        return str(await self._ask("see", texts=texts))

    async def read(self, text: str) -> None:
        """Waits for words anywhere on the page."""
        await self._ask("read", text=text)

    async def press(self, name: str) -> None:
        """Presses a button of the card."""
        await self._ask("press", name=name)

    async def buttons(self) -> list[str]:
        """The buttons that the card shows."""
        return list(await self._ask("buttons"))

    async def fill(self, **values: str) -> None:
        """Fills inputs of the card by their labels (``_`` stands for a blank)."""
        for label, value in values.items():
            await self._ask("fill", label=label.replace("_", " "), value=value)

    async def choose(self, label: str, option: str) -> None:
        """Chooses an option of a list by a part of its words."""
        await self._ask("choose", label=label, option=option)

    async def value(self, label: str) -> str:
        """What an input of the card holds."""
        return str(await self._ask("value", label=label))

    async def charts(self) -> int:
        """How many shapes the charts of the card are drawn with."""
        return int(await self._ask("charts"))

    async def shot(self, name: str) -> None:
        """Pictures of this station: the page at desktop width, the card at a phone's, uncut."""
        self.shots += 1
        stem = f"{self.shots:02d}-{name}"
        desktop, phone = self._folder / f"{stem}.png", self._folder / f"{stem}-phone.png"
        cut = await self._ask("shot", desktop=str(desktop), phone=str(phone))
        assert cut == [], f"cut at phone width, see {phone}"

    async def screen(self, path: Path, width: int, height: int) -> None:
        """A picture of the whole page of this size, with the card at its top."""
        await self._ask("screen", path=str(path), width=width, height=height)

    async def troubles(self) -> dict[str, list[str]]:
        """Errors of the page, and hosts outside of this machine that it asked for."""
        return dict(await self._ask("troubles"))


@asynccontextmanager
async def opened(url: str, folder: Path) -> AsyncIterator[Page]:
    """The Playground in a browser of its own; pictures go into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    process = await asyncio.create_subprocess_exec(
        "node",
        str(DRIVER),
        str(chromium()),
        str(PATIENCE_SECONDS * 1000),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=2**24,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(2 * PATIENCE_SECONDS):
            ready = await process.stdout.readline()
        assert ready, "Chromium did not start"
        page = Page(process, folder)
        await page.open(url)
        yield page
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), 20)
        except TimeoutError:
            process.kill()
            await process.wait()
