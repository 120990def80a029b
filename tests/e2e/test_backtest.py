"""``backtest`` as a process: history from a server that answers as Datadog does, lines of JSON out."""

import json
import math
import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from tests.conftest import AgentProcess
from tests.servers.datadog import Cost, FakeDatadog

TODAY = datetime.now(UTC).date()
THROUGH = TODAY - timedelta(days=3)
"""The newest complete day."""
FIRST = THROUGH - timedelta(days=260)
ACCOUNTS = ("000000000017", "220000000018")
SHIFTED, SPIKED = THROUGH - timedelta(days=20), THROUGH - timedelta(days=60)


def cost(day: date, account: str, service: str, amount: float, charge: str = "usage") -> Cost:
    tags = {
        "aws_member_account_id": account,
        "aws_product": service,
        "chargecategory": charge,
    }
    return Cost(day, amount, tags)


def lines() -> list[Cost]:
    """Two accounts: one with a lasting rise of RDS, one with a spike of S3; both with tax."""
    rng, found = random.Random(4), []
    for i in range((TODAY - FIRST).days):
        day = FIRST + timedelta(days=i)
        for account, level in zip(ACCOUNTS, (300.0, 800.0), strict=True):
            weekend = 0.6 if day.weekday() >= 5 else 1.0
            for service, share in (("ec2", 0.6), ("rds", 0.3), ("s3", 0.1)):
                amount = level * share * weekend * math.exp(rng.gauss(0, 0.03))
                found.append(cost(day, account, service, amount))
            if day.day == 1:
                found.append(cost(day, account, "ec2", 5 * level, "tax"))
        if day >= SHIFTED:
            found.append(cost(day, ACCOUNTS[0], "rds", 150.0))
        if day == SPIKED:
            found.append(cost(day, ACCOUNTS[1], "s3", 900.0))
    return found


async def test_a_fresh_agent_reads_the_history_and_prints_a_line_for_each_alert(
    agent: AgentProcess,
) -> None:
    async with FakeDatadog(lines()) as datadog:
        result = await agent.run("backtest", "--json", **datadog.environment())
        calls = datadog.calls
        again = await agent.run("backtest", "--json", **datadog.environment())

        assert result.returncode == 0, result.stderr
        found = [json.loads(line) for line in result.stdout.splitlines()]
        assert [list(line) for line in found] == [
            ["account", "service", "kind", "start", "end", "notified_on", "excess", "driver"]
        ] * 2
        spike, shift = found
        assert spike["account"] == ACCOUNTS[1]
        assert (spike["kind"], spike["driver"]) == ("spike", "s3")
        assert spike["start"] == spike["end"] == SPIKED.isoformat()
        assert spike["notified_on"] == (SPIKED + timedelta(days=3)).isoformat()
        assert 800 < spike["excess"] < 1000
        assert (shift["account"], shift["kind"], shift["driver"]) == (ACCOUNTS[0], "shift", "rds")
        assert (shift["start"], shift["end"]) == (SHIFTED.isoformat(), None)
        assert again.stdout == result.stdout
        assert datadog.calls == calls

        since = (SPIKED + timedelta(days=1)).isoformat()
        later = await agent.run(
            "backtest", "--from", since, "--threshold", "20", **datadog.environment()
        )

        assert later.returncode == 0, later.stderr
        assert "Notified   1 alert (1 shift)" in later.stdout
        assert f"{SHIFTED.isoformat()} to open" in later.stdout
        assert "threshold" in later.stdout


async def test_wrong_days_and_percentages_are_one_line(agent: AgentProcess) -> None:
    for arguments, text in (
        (("--from", "20.11.2026"), "is not a day such as 2026-11-20"),
        (("--threshold", "-3"), "is not a percentage above 0"),
    ):
        result = await agent.run("backtest", *arguments)
        assert result.returncode == 2
        assert text in result.stderr.splitlines()[-1]
    swapped = await agent.run("backtest", "--from", "2026-02-01", "--to", "2026-01-01")
    assert swapped.returncode == 1
    assert swapped.stderr == "Error: --to 2026-01-01 is before --from 2026-02-01. Swap them.\n"


async def test_a_restated_day_is_notified_on_the_day_on_which_it_was_known(
    agent: AgentProcess,
) -> None:
    teams = Path(agent.environment["DATA_DIR"]) / "teams.csv"
    teams.write_text(
        "team_name,aws_account_id,team_email\n"
        + "".join(f"Team {account},{account},team@example.org\n" for account in ACCOUNTS)
    )
    restated = THROUGH - timedelta(days=10)
    async with FakeDatadog(lines()) as datadog:
        first = await agent.run("backtest", "--json", **datadog.environment())
        datadog.costs.append(cost(restated, ACCOUNTS[1], "rds", 900.0))
        datadog.costs.append(cost(SHIFTED, ACCOUNTS[0], "rds", -150.0))
        for command in (("import-teams", str(teams)), ("run-report", "--dry-run")):
            done = await agent.run(*command, **datadog.environment())
            assert done.returncode == 0, done.stderr
        second = await agent.run("backtest", "--json", **datadog.environment())

    before = [json.loads(line) for line in first.stdout.splitlines()]
    after = [json.loads(line) for line in second.stdout.splitlines()]
    assert after[:-1] == [before[0], {**before[1], "excess": after[1]["excess"]}]
    assert before[1]["excess"] - after[1]["excess"] == 150.0
    late = after[-1]
    assert (late["account"], late["kind"], late["driver"]) == (ACCOUNTS[1], "spike", "rds")
    assert late["start"] == restated.isoformat()
    assert late["notified_on"] == TODAY.isoformat()
