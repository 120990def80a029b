"""Measures what a second replica brings to a run that is bound by a slow mail server.

``python -m tests.bench.replicas`` prints the lines of docs/reliability.md: one run of 2,000
recipients by one process, the same by two at once, without a rate limit; then a smaller one by two
with a limit. It ends with 1 when two take more than 0.6 of the time of one, or exceed the limit.
"""

import argparse
import asyncio
import csv
import os
import secrets
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.adapters.embedded_mongo.server import start_embedded
from services.domain import DaySpan
from tests.bench.weekly_run import ROOT
from tests.servers.datadog import FakeDatadog, account_ids, random_costs
from tests.servers.smtp import FakeSmtp

ADDRESSES = 20
"""Recipients of each team."""
ANSWER_SECONDS = 0.04
"""What the mail server takes for each of the four answers of a mail."""
MOST = 0.6


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: seconds from the start of the commands to the end of the last, mails and times."""

    seconds: float
    mails: int
    repeated: int
    most_in_a_minute: int


async def one_run(
    processes: int, recipients: int, rate: int, mongo_url: str, folder: Path
) -> Measured:
    """So many ``run-report`` at once on a database of their own."""
    ids = account_ids(recipients // ADDRESSES, seed=recipients)
    today = datetime.now(UTC).date()
    span = DaySpan(today - timedelta(days=75), today - timedelta(days=1))
    costs = random_costs(ids, span, seed=1, services=2)
    async with FakeDatadog(costs) as datadog, FakeSmtp(delay=ANSWER_SECONDS) as smtp:
        environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(folder),
            "MONGO_URL": mongo_url,
            "DB_NAME": f"bench_{secrets.token_hex(6)}",
            **datadog.environment(),
            **smtp.environment(),
            "SMTP_RATE_PER_MINUTE": str(rate),
        }
        await _command(environment, "import-teams", str(_teams(folder, ids)))
        began = time.perf_counter()
        await asyncio.gather(*(_command(environment, "run-report") for _ in range(processes)))
        seconds = time.perf_counter() - began
        times = sorted(mail.at for mail in smtp.mails)
        most = max(sum(at <= other < at + 60 for other in times) for at in times)
        repeated = len(smtp.mails) - len(smtp.by_recipient)
        return Measured(seconds, len(smtp.by_recipient), repeated, most)


def _teams(folder: Path, ids: list[str]) -> Path:
    path = folder / "teams.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["team_name", "aws_account_id", "team_email", "admin_emails"])
        for number, account in enumerate(ids):
            first, *more = (f"t{number}a{i}@example.org" for i in range(ADDRESSES))
            writer.writerow([f"Team {number}", account, first, ";".join(more)])
    return path


async def _command(environment: dict[str, str], *arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        str(ROOT / "app.py"),
        *arguments,
        env=environment,
        cwd=environment["DATA_DIR"],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{out.decode()[-2000:]}")


async def measure(recipients: int, limited: int, rate: int) -> tuple[Measured, ...]:
    """One process, two processes, two processes under a rate limit."""
    with tempfile.TemporaryDirectory() as name:
        async with start_embedded(Path(name)) as mongo:
            return (
                await one_run(1, recipients, 0, mongo.url, Path(name)),
                await one_run(2, recipients, 0, mongo.url, Path(name)),
                await one_run(2, limited, rate, mongo.url, Path(name)),
            )


def main() -> int:
    """Prints a Markdown table and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipients", type=int, default=2000)
    parser.add_argument("--limited", type=int, default=200)
    parser.add_argument("--rate", type=int, default=120)
    args = parser.parse_args()
    one, two, limited = asyncio.run(measure(args.recipients, args.limited, args.rate))
    print("| replicas | limit a minute | recipients | mails repeated | most in 60 s | time |")
    print("|---:|---:|---:|---:|---:|---:|")
    for number, rate, found in ((1, "none", one), (2, "none", two), (2, str(args.rate), limited)):
        print(
            f"| {number} | {rate} | {found.mails:,} | {found.repeated} | "
            f"{found.most_in_a_minute:,} | {found.seconds:.0f} s |"
        )
    ratio = two.seconds / one.seconds
    kept = limited.most_in_a_minute <= args.rate
    whole = (one.mails, two.mails, limited.mails) == (
        args.recipients,
        args.recipients,
        args.limited,
    )
    print(f"\nTwo replicas take {ratio:.2f} of the time of one; the limit was kept: {kept}.")
    return 0 if ratio <= MOST and kept and whole else 1


if __name__ == "__main__":
    sys.exit(main())
