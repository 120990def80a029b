"""Backups: a copied data folder comes back whole; a restored database mails nothing again."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from cli.after_restore import after_restore
from cli.run_report import work_on_report
from services.domain import DeliveryState, RunState
from services.domain.schedule import due_periods
from tests.conftest import AgentProcess
from tests.data.record import HANDED_OVER, WAITING
from tests.data.test_stored_data import Upgraded, recording, upgraded

UNSENT = {WAITING, HANDED_OVER}


@pytest.fixture
async def restored(mongo_url: str, tmp_path: Path) -> AsyncIterator[Upgraded]:
    """A backup made while a weekly run was at work, whose slot is still the clock's."""
    async with upgraded(recording("version-2"), mongo_url, tmp_path) as found:
        before = {"schedule_since": found.old.recorded_at - timedelta(days=14)}
        found.world.database["notification_config"].update_one({}, {"$set": before})
        config = await found.world.agent.app.mailing.transports._config.stored(found.clock())
        assert due_periods(config, found.clock()) == ["2026-W48"]
        yield found


async def test_what_was_open_in_the_backup_is_mailed_on_request_only(
    restored: Upgraded, capsys: pytest.CaptureFixture[str]
) -> None:
    app = restored.world.agent.app

    assert await after_restore(app) == 0
    assert await after_restore(app) == 0
    await tick(restored)

    assert "Closed 2 open runs; 3 emails may have been sent" in capsys.readouterr().out
    assert not UNSENT & set(restored.smtp.by_recipient)
    view = await app.runs.views.view("datadog:weekly:2026-W48")
    assert view.run.state is RunState.EXPIRED
    assert view.counts[DeliveryState.UNKNOWN] == 2

    await work_on_report(app, retry=True)

    assert set(restored.smtp.by_recipient) >= UNSENT
    assert {restored.smtp.by_recipient[one] for one in UNSENT} == {1}


async def test_a_backup_from_before_this_weeks_run_does_not_repeat_it_automatically(
    restored: Upgraded,
) -> None:
    database, app = restored.world.database, restored.world.agent.app
    database["runs"].delete_many({"period": "2026-W48"})
    database["runs"].delete_many({"state": "open"})
    database["deliveries"].delete_many({"state": {"$ne": "sent"}})
    restored.smtp.mails.clear()

    await after_restore(app)
    await tick(restored)

    reports = {"team0@example.org", "team2@example.org", "team3@example.org", "lead@example.org"}
    assert not reports & set(restored.smtp.by_recipient)
    restored.clock.move(days=7)
    await tick(restored)
    assert reports <= set(restored.smtp.by_recipient), "the next week is the clock's again"
    assert {restored.smtp.by_recipient[report] for report in reports} == {1}


async def tick(restored: Upgraded) -> None:
    for _ in range(2):
        await restored.world.agent.tick()
        await restored.world.quiet()


async def test_a_copy_of_the_data_folder_is_a_whole_backup(tmp_path: Path) -> None:
    folder, copy = tmp_path / "var", tmp_path / "var.backup"
    folder.mkdir()
    teams = tmp_path / "teams.csv"
    teams.write_text("team_name,aws_account_id,team_email\nA,123456789012,a@example.org\n")
    agent = AgentProcess({"DATA_DIR": str(folder)})
    assert (await agent.run("import-teams", str(teams))).returncode == 0
    first = await agent.run("run-report")
    assert first.returncode == 0, first.stderr

    await asyncio.to_thread(shutil.copytree, folder, copy, ignore=sockets)
    await asyncio.to_thread(shutil.rmtree, folder)
    await asyncio.to_thread(shutil.copytree, copy, folder)
    again = await agent.run("run-report")

    assert again.returncode == 0, again.stderr
    assert "nothing was sent now" in again.stdout
    assert len(list((folder / "outbox").glob("*.eml"))) == len(
        list((copy / "outbox").glob("*.eml"))
    )


def sockets(folder: str, names: list[str]) -> list[str]:
    """Copying programs leave them out or make them anew; both are fine."""
    return [name for name in names if (Path(folder) / name).is_socket()]
