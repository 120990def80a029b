"""The agent as it is served: first start, second start, REST, stop, and what goes wrong."""

import asyncio
import re
import signal
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.conftest import AgentProcess
from tests.e2e.test_weekly_run import costs_of, dollars, expected_window, text_of, write_teams
from tests.servers.datadog import FakeDatadog, account_ids
from tests.servers.smtp import FakeSmtp
from tests.servers.teams import APP_ID, SECRET, TENANT, TeamsSim


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as door:
        return int(door.getsockname()[1])


@asynccontextmanager
async def serving(
    agent: AgentProcess, *arguments: str, **more: str
) -> AsyncIterator[tuple[str, "subprocess.Popen[str]", list[str]]]:
    """(address, process, lines printed so far) of an agent that has said where it serves."""
    process = agent.start("serve", *arguments, **{"PORT": str(free_port()), **more})
    lines: list[str] = []

    def read() -> str:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if line.startswith("Stop with Ctrl-C"):
                break
        return "\n".join(lines)

    try:
        said = await asyncio.wait_for(asyncio.to_thread(read), 60)
        match = re.search(r"Serving on (http://\S+)", said)
        assert match, said + (process.stderr.read() if process.stderr else "")
        yield match[1], process, lines
    finally:
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.communicate, None, 60)


async def test_a_fresh_start_makes_the_sample_report_once_and_a_second_one_repeats_nothing(
    tmp_path: Path,
) -> None:
    agent = AgentProcess({"DATA_DIR": str(tmp_path)})
    outbox = tmp_path / "outbox"
    async with serving(agent, "--first-report") as (url, process, lines):
        said = "\n".join(lines)
        assert "SAMPLE DATA" in said
        assert re.search(r"Accounts\s+86 \(84 teams\)", said)
        assert re.search(r"Emails\s+\d+ sent \(outbox\)", said)
        assert re.search(r"Took\s+[\d.]+ s", said)
        first = {path.name: path.read_bytes() for path in outbox.iterdir()}
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{url}/api/health") as health:
                assert health.status == 200
            async with session.get(f"{url}/outbox") as page:
                assert f"{len(first)} emails" in await page.text()
    assert process.returncode == 0
    assert len(first) > 84

    async with serving(agent, "--first-report") as (_, _, lines):
        assert any("nothing was sent now" in line for line in lines)
    assert {path.name: path.read_bytes() for path in outbox.iterdir()} == first


async def test_84_teams_and_the_admins_get_totals_that_are_the_servers_own(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(84, seed=31)
    stranger = account_ids(85, seed=31)[-1]
    async with FakeDatadog(costs_of([*accounts, stranger])) as datadog, FakeSmtp() as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        async with (
            serving(agent, **environment) as (url, _, _),
            aiohttp.ClientSession(url) as session,
        ):
            body = {"global_admin_emails": ["cfo@example.org", "finops@example.org"]}
            async with session.put("/api/config", json=body) as answer:
                assert answer.status == 200
            async with session.post("/api/trigger/weekly-report") as answer:
                assert answer.status == 202
                run = await answer.json()
            async with asyncio.timeout(90):
                while run["state"] == "open":
                    await asyncio.sleep(0.2)
                    async with session.get(f"/api/runs/{run['id']}") as answer:
                        run = await answer.json()

        assert run["counts"] == {"sent": 86}
        window = expected_window()
        admin = next(mail for mail in smtp.mails if mail.recipient == "cfo@example.org")
        total = dollars(datadog.sum(window))
        assert f"\n{total}, " in text_of(admin.raw)
        assert dollars(datadog.sum(window, aws_member_account_id=stranger)) in text_of(admin.raw)
        assert stranger in text_of(admin.raw)
        assert set(smtp.by_recipient.values()) == {1}


async def test_a_served_run_resumes_automatically_after_a_kill(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(30, seed=32)
    enough = asyncio.Event()
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(delay=0.03) as smtp:
        smtp.on_accept = lambda _: enough.set() if len(smtp.mails) >= 9 else None
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        async with serving(agent, **environment) as (url, process, _):
            async with aiohttp.ClientSession(url) as session:
                async with session.post("/api/trigger/weekly-report"):
                    pass
                await asyncio.wait_for(enough.wait(), 60)
                process.send_signal(signal.SIGKILL)
        before = len(smtp.mails)
        async with serving(agent, **environment):
            async with asyncio.timeout(90):
                while len(smtp.by_recipient) < 30:
                    await asyncio.sleep(0.1)
        assert 9 <= before < 30
        for recipient, number in smtp.by_recipient.items():
            same = {mail.sha256 for mail in smtp.mails if mail.recipient == recipient}
            assert number <= 2
            assert len(same) == 1


async def test_a_taken_port_is_one_line_and_begins_nothing(tmp_path: Path) -> None:
    agent = AgentProcess({"DATA_DIR": str(tmp_path)})
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = str(door.getsockname()[1])
        result = await agent.run("serve", "--first-report", PORT=port)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"Cannot listen on 127.0.0.1:{port} (Address already in use). Stop" in result.stderr
    assert list(tmp_path.iterdir()) == []


async def test_listening_on_the_network_without_authentication_is_refused(
    agent: AgentProcess,
) -> None:
    result = await agent.run("serve", HOST="0.0.0.0")
    assert result.returncode == 1
    assert "HOST=0.0.0.0" in result.stderr


async def test_check_says_what_works_and_what_to_do(agent: AgentProcess) -> None:
    async with FakeDatadog(costs_of(account_ids(2, seed=1))) as datadog, FakeSmtp() as smtp:
        well = await agent.run("check", **datadog.environment(), **smtp.environment())
        ill = await agent.run(
            "check",
            **{**datadog.environment(), "DATADOG_APP_KEY": "c" * 40},
            **{**smtp.environment(), "SMTP_PORT": "1"},
        )
    assert well.returncode == 0, well.stdout + well.stderr
    systems = [line.split()[1] for line in well.stdout.splitlines()]
    assert systems == ["MongoDB", "Datadog", "Email", "Teams", "Disk", "Clock"]
    assert "answers, version 6.0" in well.stdout
    assert "agrees with MongoDB and Datadog" in well.stdout
    assert ill.returncode == 1
    assert "DATADOG_APP_KEY" in ill.stdout
    assert "SMTP_HOST" in ill.stdout


async def test_check_reports_an_unavailable_mongodb_like_any_other_system(
    agent: AgentProcess,
) -> None:
    result = await agent.run("check", MONGO_URL="mongodb://127.0.0.1:1", SECRET_KEY="k" * 32)
    assert result.returncode == 1
    (line,) = result.stdout.splitlines()
    assert line.startswith("ERROR  MongoDB  MongoDB is not responding (")
    assert line.endswith("The other systems are checked once MongoDB responds.")


async def test_check_says_whether_the_bot_can_sign_in(agent: AgentProcess) -> None:
    async with TeamsSim() as sim:
        found = {
            name: await agent.run("check", **{**sim.environment(), **wrong})
            for name, wrong in {
                "well": {},
                "secret": {"MicrosoftAppPassword": "old"},
                "app": {"MicrosoftAppId": TENANT},
            }.items()
        }
    lines = {
        name: next(line for line in result.stdout.splitlines() if line[7:].startswith("Teams"))
        for name, result in found.items()
    }
    assert found["well"].returncode == 0
    # The column is as wide as its longest system, "Sample data".
    teams = "ok     Teams        signed in"
    assert lines["well"].startswith(f"{teams} as app {APP_ID}, and nothing has")
    assert "https://<your host>/api/messages" in lines["well"]
    assert sim.messages == {}
    for name, setting in {"secret": "MicrosoftAppPassword", "app": "MicrosoftAppId"}.items():
        assert found[name].returncode == 1
        assert lines[name].startswith(
            "ERROR  Teams        Entra ID did not issue a token for the bot (4"
        )
        assert setting in lines[name]
        assert SECRET not in found[name].stdout + found[name].stderr


async def test_a_malformed_csv_names_each_row_and_keeps_the_good_ones(
    agent: AgentProcess, tmp_path: Path
) -> None:
    path = tmp_path / "teams.csv"
    path.write_text(
        "team_name,aws_account_id,team_email\nGood,123456789012,a@example.org\nBad,12,b\n"
    )
    result = await agent.run("import-teams", str(path))
    again = await agent.run("import-teams", str(path), "--dry-run")
    missing = await agent.run("import-teams", str(tmp_path / "nothing.csv"))

    assert result.returncode == 1
    assert "line 3" in (result.stdout + result.stderr).lower()
    assert "1 unchanged" in again.stdout
    assert missing.returncode == 1
    assert "nothing.csv" in missing.stderr
