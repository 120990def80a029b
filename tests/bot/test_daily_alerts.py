"""What the daily run finds is told at its end, not at some later look of the clock."""

from pathlib import Path

from tests.bot.agent import world
from tests.servers.teams import ANA


async def test_what_the_daily_run_finds_is_posted_in_the_channel_as_soon_as_it_ends(
    mongo_url: str, tmp_path: Path
) -> None:
    async with world(tmp_path, mongo_url, teams=()) as here:
        await here.says("alerts here", ANA, "channel")
        await here.quiet()
        known = set(here.sim.messages)
        ticker = here.agent.ticker
        ticker.start()
        await here.sim.until(lambda: ticker.last_tick)
        ticker.stop()
        await here.sim.until(lambda: here.database["anomalies"].find_one({"status": "open"}), 60)
        await here.quiet()
        alerts = [one for name, one in here.sim.messages.items() if name not in known]
        assert alerts
        assert any("Explain" in str(alert.card) for alert in alerts)
        rest = [alert.text for alert in alerts if "Explain" not in str(alert.card)]
        assert all("Grouped in one message because there were many" in text for text in rest)
