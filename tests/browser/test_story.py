"""The bot as people use it, in the real Agents Playground in a real browser.

One story, as a start of the browser costs more than all of its steps. The agent is a process of
its own, with a real MongoDB, a server that answers as Datadog does and a real SMTP server.
Pictures of every station, at desktop and at phone width, go to the test's folder, or to the one
that SCREENSHOTS names.
"""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.browser.costs import CHECKOUT, PAYMENTS, SEARCH, WAREHOUSE, costs
from tests.browser.page import CHANNEL, PERSONAL, Page, opened
from tests.browser.playground import running
from tests.conftest import AgentProcess
from tests.e2e.test_serve import free_port, serving
from tests.servers.datadog import FakeDatadog
from tests.servers.smtp import FakeSmtp

ME = "Platform Admin"
CSV = f"""team_name,aws_account_id,team_email
Search,{SEARCH},search@example.org
Payments,{PAYMENTS},payments@example.org
Warehouse,{WAREHOUSE},warehouse@example.org
"""
YESTERDAY, TODAY = "72", "48"
"""Hours after which a day is complete: the second makes one more day complete than the first."""


@asynccontextmanager
async def page_at(agent_url: str, folder: Path) -> AsyncIterator[Page]:
    """The Playground in front of an agent."""
    agent_port = int(agent_url.rsplit(":", 1)[1])
    pictures = Path(os.environ.get("SCREENSHOTS") or folder / "screenshots")
    async with running(agent_port, free_port()) as (url, _), opened(url, pictures) as page:
        yield page
        assert (await page.troubles())["troubles"] == []


async def test_from_the_welcome_to_an_acknowledged_alert(
    agent: AgentProcess, tmp_path: Path
) -> None:
    async with FakeDatadog(costs(spike=SEARCH)) as datadog, FakeSmtp(delay=0.02) as smtp:
        outside = {**datadog.environment(), **smtp.environment(), "PORT": str(free_port())}
        before = {**outside, "COST_DAY_COMPLETE_AFTER_HOURS": YESTERDAY}
        async with serving(agent, **before) as (url, first, _):
            async with page_at(url, tmp_path) as page:
                await welcomed(page)
                await adds_a_team_by_form(page)
                await imports_three(page)
                await previews(page)
                await changes_the_threshold(page)
                await sends(page, smtp)
                await asks_for_alerts(page)
                # A day later: one more day is complete, and its daily run finds what has grown.
                first.terminate()
                await asyncio.to_thread(first.wait, 60)
                after = {**outside, "COST_DAY_COMPLETE_AFTER_HOURS": TODAY}
                async with serving(agent, **after):
                    await acknowledges_the_alert(page)
                    await looks_into_the_history(page)


async def welcomed(page: Page) -> None:
    await page.see("AWS costs, checked daily, reported weekly")
    assert await page.buttons() == ["See teams", "Preview", "Help"]
    await page.shot("welcome")


async def adds_a_team_by_form(page: Page) -> None:
    await page.say("add team")
    await page.see("Add team")
    await page.fill(Name="Checkout", AWS_account_ID="1234", Email="checkout@example.org")
    await page.press("Save")
    await page.see("Add team", "has 4 digits, needs 12")
    assert await page.value("Name") == "Checkout"
    assert await page.value("AWS account ID") == "1234"
    await page.shot("form-with-a-mistake")
    await page.fill(AWS_account_ID=CHECKOUT)
    await page.press("Save")
    stored = await page.see(f"by {ME}", CHECKOUT)
    assert "checkout@example.org" in stored
    assert "Undo" in await page.buttons()
    await page.shot("team-stored")


async def imports_three(page: Page) -> None:
    await page.say("import teams")
    await page.see("Import teams")
    await page.fill(CSV_or_JSON=CSV)
    await page.press("Check")
    asked = await page.see("3 new")
    assert f"Search, {SEARCH}" in asked
    await page.shot("import-checked")
    await page.press("Confirm 3")
    await page.see("3 added", f"by {ME}")
    await page.shot("imported")


async def previews(page: Page) -> None:
    await page.say("preview checkout")
    preview = await page.see("Checkout", CHECKOUT, "What changed", "Last 7 days")
    assert await page.charts() > 0
    assert "data through" in preview
    assert {"Send", "Open email", "Explain"} <= set(await page.buttons())
    await page.shot("preview")


async def changes_the_threshold(page: Page) -> None:
    await page.say("threshold 60")
    asked = await page.see("Last 90 days", "20%", "60%")
    assert re.search(r"\d+ alerts?", asked)
    await page.shot("what-if")
    await page.press("Save 60%")
    await page.see("60%", f"by {ME}")
    assert "Undo" in await page.buttons()
    await page.shot("threshold-saved")


async def sends(page: Page, smtp: FakeSmtp) -> None:
    await page.say("run report")
    asked = await page.see("4 emails", "4 teams")
    assert smtp.mails == []
    assert re.search(r"Week of \d+ [A-Z][a-z]{2}", asked)
    assert "The admin report has no recipients" in asked
    await page.shot("send-asked")
    await page.press("Send 4 emails")
    await page.see("4 of 4 sent", f"by {ME}")
    await page.shot("sent")
    assert smtp.by_recipient == {
        f"{name}@example.org": 1 for name in ("checkout", "search", "payments", "warehouse")
    }


async def asks_for_alerts(page: Page) -> None:
    await page.chat(CHANNEL)
    await page.say("alerts here")
    await page.see("Alerts are sent here", ME)
    await page.shot("alerts-here")


async def acknowledges_the_alert(page: Page) -> None:
    alert = await page.see("Search", SEARCH)
    assert re.search(r"\$[\d,]+\.\d\d", alert)
    assert {"Expected", "Explain"} <= set(await page.buttons())
    await page.shot("alert")
    await page.press("Expected")
    await page.see("Search", f"by {ME}")
    assert "Expected" not in await page.buttons()
    assert "Reopen" in await page.buttons()
    await page.shot("alert-acknowledged")


async def looks_into_the_history(page: Page) -> None:
    await page.chat(PERSONAL)
    await page.say("history")
    history = await page.see("Changes", "expected")
    for change in ("Checkout", "Search", "Payments", "Warehouse", "20% → 60%", "expected"):
        assert change in history
    await page.shot("history")
