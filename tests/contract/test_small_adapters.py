"""Secrets at rest, background work, the ticker, and who is gone."""

import asyncio
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from services.adapters.background import Background
from services.adapters.disk import Disk
from services.adapters.outbox import OutboxTransport
from services.adapters.secrets import FernetBox
from services.adapters.ticker import Ticker
from services.adapters.worker_identity import is_worker_dead, worker_name
from services.domain.errors import SettingsError
from tests.makers import NOW


def test_a_key_file_is_made_once_and_is_private(tmp_path: Path) -> None:
    first = FernetBox(None, tmp_path, key_file_allowed=True)
    token = first.encrypt("secret")
    assert "secret" not in token
    (key,) = tmp_path.iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert FernetBox(None, tmp_path, key_file_allowed=True).decrypt(token) == "secret"


def test_the_data_folder_is_closed_to_others(tmp_path: Path) -> None:
    new = tmp_path / "agent" / "var"
    Disk(new).close_to_others()
    assert stat.S_IMODE(new.stat().st_mode) == 0o700
    # As an earlier version left it.
    old = tmp_path / "old"
    (old / "outbox").mkdir(parents=True)
    old.chmod(0o755)
    Disk(old).close_to_others()
    assert stat.S_IMODE(old.stat().st_mode) == 0o700


def test_a_folder_that_others_use_too_is_left_alone(tmp_path: Path) -> None:
    shared, sticky = tmp_path / "shared", tmp_path / "sticky"
    for folder, mode in ((shared, 0o755), (sticky, 0o1777)):
        (folder / "somebody").mkdir(parents=True)
        folder.chmod(mode)
        Disk(folder).close_to_others()
        assert stat.S_IMODE(folder.stat().st_mode) == mode
    Disk(Path("/proc/agent")).close_to_others()


async def test_captured_emails_are_for_the_agent_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        connection = await OutboxTransport(tmp_path / "outbox").connect()
        await connection.hand_over(
            b"Message-ID: <1@example.org>\r\nDate: Tue, 24 Nov 2026 09:00:00 +0000\r\n\r\nx"
        )
    finally:
        os.umask(old)
    (email,) = (tmp_path / "outbox").iterdir()
    assert stat.S_IMODE(email.stat().st_mode) == 0o600


def test_another_key_cannot_read_and_says_so(tmp_path: Path) -> None:
    one = FernetBox(SecretStr("x" * 20), tmp_path, key_file_allowed=False)
    other = FernetBox(SecretStr("y" * 20), tmp_path, key_file_allowed=False)
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        other.decrypt(one.encrypt("secret"))
    assert list(tmp_path.iterdir()) == []


def test_with_a_shared_database_a_secret_needs_a_key_that_is_set(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY"):
        FernetBox(None, tmp_path, key_file_allowed=False).encrypt("secret")


async def test_work_of_one_name_runs_once_and_its_error_is_seen(
    capsys: pytest.CaptureFixture[str],
) -> None:
    background, runs = Background(), []

    async def work() -> None:
        runs.append(1)
        await asyncio.sleep(0.05)
        raise RuntimeError("broken on purpose")

    for _ in range(3):
        background.start("work", work())
    await background.drain(5)
    assert runs == [1]
    assert "broken on purpose" in capsys.readouterr().out


async def test_draining_cancels_tasks_that_do_not_end() -> None:
    background, ended = Background(), []

    async def forever() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    background.start("forever", forever())
    await asyncio.sleep(0)
    await asyncio.wait_for(background.drain(0.05), 5)
    assert ended == [True]


async def test_droppable_work_is_not_waited_for() -> None:
    background, ended = Background(), []

    async def work(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        ended.append(name)

    background.start("droppable", work("droppable", 3600), droppable=True)
    background.start("other", work("other", 0.1))
    await asyncio.sleep(0)
    await asyncio.wait_for(background.drain(3600), 5)
    assert ended == ["other"]


async def test_the_ticker_ticks_at_once_and_survives_a_broken_tick() -> None:
    background, ticks = Background(), []
    twice = asyncio.Event()

    async def tick() -> None:
        ticks.append(1)
        if len(ticks) == 1:
            raise RuntimeError("broken on purpose")
        twice.set()

    def clock() -> datetime:
        return NOW

    ticker = Ticker(background.start, clock, seconds=0.05)
    ticker.on_tick(tick)
    ticker.start()
    await asyncio.wait_for(twice.wait(), 5)
    assert ticker.running
    assert ticker.last_tick is not None
    ticker.stop()
    await asyncio.sleep(0.01)  # APScheduler ends at the loop's next turn
    assert not ticker.running
    await background.drain(1)


async def test_the_ticker_ticks_on_when_the_clock_of_the_machine_is_set_back() -> None:
    background, ticks = Background(), []

    async def tick() -> None:
        ticks.append(1)

    ticker = Ticker(background.start, lambda: NOW, seconds=0.05)
    ticker.on_tick(tick)
    ticker.start()
    while not ticks:
        await asyncio.sleep(0.01)
    # To APScheduler it is the same whether the clock goes back or its next tick goes ahead.
    ticker._scheduler.modify_job("tick", next_run_time=datetime.now(UTC) + timedelta(hours=1))
    seen = len(ticks)
    async with asyncio.timeout(60):
        while len(ticks) < seen + 2:
            await asyncio.sleep(0.01)
    ticker.stop()
    await background.drain(1)


def test_only_a_process_that_has_ended_is_certainly_dead() -> None:
    code = "from services.adapters.worker_identity import worker_name; print(worker_name())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path.cwd()
    )
    ended, here = done.stdout.strip(), worker_name()
    assert is_worker_dead(ended)
    assert not is_worker_dead(here)
    host, place, _, started, token = here.split("|")
    assert not is_worker_dead(f"{host}|another machine|999999999|{started}|{token}")
    assert not is_worker_dead(f"{host}||999999999|{started}|{token}")
    assert is_worker_dead(f"{host}|{place}|{os.getpid()}|1|{token}")
    for odd in ("", "host:1:abc", "a|b|c|d|e", "a|b|-1|d|e", f"{host}|{place}|0|1|x"):
        assert not is_worker_dead(odd)
