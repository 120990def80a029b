"""The whole weekly job as processes: Datadog's answers in, mails on an SMTP server out."""

import asyncio
import csv
import re
import signal
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import pytest

from services.domain import DaySpan
from tests.conftest import AgentProcess
from tests.servers.datadog import Cost, FakeDatadog, account_ids, random_costs
from tests.servers.smtp import FakeSmtp, Faults

TODAY = datetime.now(UTC).date()
SPAN = DaySpan(TODAY - timedelta(days=80), TODAY - timedelta(days=3))


def write_teams(folder: Path, accounts: list[str], columns: str = "") -> Path:
    path = folder / "teams.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["team_name", "aws_account_id", "team_email"])
        for i, account in enumerate(accounts):
            writer.writerow([f"Team {i}", account, f"team{i}@example.org"])
    return path


def costs_of(accounts: list[str], seed: int = 5) -> list[Cost]:
    return random_costs(accounts, SPAN, seed)


def text_of(raw: bytes) -> str:
    body = message_from_bytes(raw, policy=default).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def mail_figures(raw: bytes) -> tuple[str, str]:
    """(account id, current total) as a reader of the text part sees them."""
    text = text_of(raw)
    account = re.search(r"AWS account (\d{12})", text)
    figure = re.search(r"^(−?\$[\d,.]+), ", text, re.MULTILINE)
    assert account, text
    assert figure, text
    return account[1], figure[1]


def dollars(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"), "ROUND_HALF_UP")
    return f"{'−' if cents < 0 else ''}${abs(cents):,.2f}"


async def test_84_teams_get_one_email_each_whose_total_is_the_servers_own_to_the_cent(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(84, seed=3)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp() as smtp:
        environment = {**datadog.environment(), **smtp.environment()}

        imported = await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        result = await agent.run("run-report", **environment)

        assert imported.returncode == 0, imported.stderr
        assert result.returncode == 0, result.stderr + result.stdout
        assert len(smtp.mails) == 84
        assert set(smtp.by_recipient.values()) == {1}
        window = expected_window()
        for mail in smtp.mails:
            account, figure = mail_figures(mail.raw)
            assert figure == dollars(datadog.sum(window, aws_member_account_id=account))
        assert "84 sent" in result.stdout
        # The first run reads 13 older months too, with four calls each.
        assert datadog.calls <= 12 + 13 * 4


def expected_window() -> DaySpan:
    """The current part of the window, by the rules of the documentation."""
    through = (datetime.now(UTC) - timedelta(hours=72)).date()
    if through.day >= 3:
        return DaySpan(through.replace(day=1), through)
    last = through.replace(day=1) - timedelta(days=1)
    return DaySpan(last.replace(day=1), last)


async def test_a_second_run_of_the_period_sends_nothing_and_again_repeats_it(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(3, seed=4)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp() as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
        await agent.run("run-report", **environment)

        second = await agent.run("run-report", **environment)
        mails_after_second = len(smtp.mails)
        third = await agent.run("run-report", "--again", **environment)

        assert second.returncode == 0
        assert mails_after_second == 3
        assert third.returncode == 0
        assert len(smtp.mails) == 6


async def test_a_killed_run_resumes_after_a_restart_and_nobody_gets_a_second_email(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(24, seed=6)
    enough = asyncio.Event()

    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(delay=0.03) as smtp:
        smtp.on_accept = lambda _: enough.set() if len(smtp.mails) >= 8 else None
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))

        process = agent.start("run-report", **environment)
        await asyncio.wait_for(enough.wait(), 60)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        before = len(smtp.mails)
        result = await agent.run("run-report", **environment)

        assert 8 <= before < 24
        assert result.returncode == 0, result.stdout + result.stderr
        assert set(smtp.by_recipient) == {f"team{i}@example.org" for i in range(24)}
        # A mail that was being handed over at the kill may come again, and only the identical one.
        repeated = [r for r, number in smtp.by_recipient.items() if number > 1]
        assert len(repeated) <= 3
        for recipient in repeated:
            assert len({m.sha256 for m in smtp.mails if m.recipient == recipient}) == 1
        assert all(number <= 2 for number in smtp.by_recipient.values())


async def test_a_run_that_is_killed_between_two_emails_sends_each_exactly_once(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(12, seed=8)
    hanging = {f"team{i}@example.org": ["rcpt"] for i in range(6, 12)}

    async with FakeDatadog(costs_of(accounts)) as datadog:
        async with FakeSmtp(Faults(hang_at=hanging)) as smtp:
            environment = {**datadog.environment(), **smtp.environment()}
            await agent.run("import-teams", str(write_teams(tmp_path, accounts)))
            process = agent.start("run-report", **environment)
            while smtp.hanging < 3:  # one in each lane
                await asyncio.sleep(0.05)
            before = len(smtp.mails)
            process.send_signal(signal.SIGKILL)
            await asyncio.to_thread(process.communicate)
            smtp.faults.hang_at.clear()

            result = await agent.run("run-report", **environment)

            assert result.returncode == 0, result.stdout + result.stderr
            assert before < 12
            assert dict(smtp.by_recipient) == {f"team{i}@example.org": 1 for i in range(12)}


async def test_refusals_greylisting_and_lost_connections_end_as_they_should(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(6, seed=9)
    faults = Faults(
        refuse={"team0@example.org": "550 5.1.1 mailbox unknown"},
        greylist={"team1@example.org": 1},
        drop_at={"team2@example.org": ["data"], "team3@example.org": ["body"]},
        data_reply={"team4@example.org": ["451 later"]},
    )
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp(faults) as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))

        result = await agent.run("run-report", **environment)

        assert result.returncode == 1
        assert dict(smtp.by_recipient) == {f"team{i}@example.org": 1 for i in range(1, 6)}
        assert "team0@example.org: failed" in result.stdout
        assert "550 5.1.1 mailbox unknown" in result.stdout


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"DATADOG_API_KEY": "c" * 32}, "DATADOG_API_KEY"),
        ({"DATADOG_APP_KEY": "c" * 40}, "DATADOG_APP_KEY"),
        ({"DATADOG_APP_KEY": ""}, "DATADOG_APP_KEY is missing"),
        ({"DATADOG_SITE": "datadoghq.moon"}, "DATADOG_SITE"),
        ({"SMTP_PORT": "1"}, "SMTP_HOST"),
        ({"SENDER_EMAIL": ""}, "SENDER_EMAIL"),
        pytest.param(  # waited for, up to a minute
            {"MONGO_URL": "mongodb://127.0.0.1:1/"}, "MONGO_URL", marks=pytest.mark.slow
        ),
        ({"MONGO_URL": "nonsense"}, "MONGO_URL"),
    ],
)
async def test_a_wrong_setting_gives_one_line_that_names_it_and_nothing_is_sent(
    agent: AgentProcess, tmp_path: Path, change: dict[str, str], words: str
) -> None:
    accounts = account_ids(2, seed=1)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp() as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))

        result = await agent.run("run-report", **{**environment, **change})
        mails_before_mending = len(smtp.mails)
        mended = await agent.run("run-report", **environment)

        errors = [line for line in result.stderr.splitlines() if line.startswith("Error:")]
        assert result.returncode == 1
        assert len(errors) == 1, result.stderr
        assert words in errors[0]
        assert "Traceback" not in result.stderr
        assert "c" * 32 not in result.stdout + result.stderr
        assert mails_before_mending == 0
        assert mended.returncode == 0
        assert len(smtp.mails) == 2


async def test_a_dry_run_sends_and_stores_nothing(agent: AgentProcess, tmp_path: Path) -> None:
    accounts = account_ids(2, seed=1)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp() as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))

        dry = await agent.run("run-report", "--dry-run", **environment)
        mails_of_dry = len(smtp.mails)
        real = await agent.run("run-report", **environment)

        assert dry.returncode == 0, dry.stderr
        assert "2 would be sent" in dry.stdout
        assert mails_of_dry == 0
        assert real.returncode == 0
        assert len(smtp.mails) == 2


async def test_one_team_alone_does_not_disturb_the_weekly_run(
    agent: AgentProcess, tmp_path: Path
) -> None:
    accounts = account_ids(3, seed=2)
    async with FakeDatadog(costs_of(accounts)) as datadog, FakeSmtp() as smtp:
        environment = {**datadog.environment(), **smtp.environment()}
        await agent.run("import-teams", str(write_teams(tmp_path, accounts)))

        alone = await agent.run("run-report", "--team", "team 1", **environment)
        weekly = await agent.run("run-report", **environment)

        assert alone.returncode == 0, alone.stderr + alone.stdout
        assert weekly.returncode == 0
        assert dict(smtp.by_recipient) == {
            "team0@example.org": 1,
            "team1@example.org": 2,
            "team2@example.org": 1,
        }
