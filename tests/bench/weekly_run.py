"""Measures one weekly run at several numbers of accounts: calls, memory, time.

``python -m tests.bench.weekly_run [--accounts 84 1000] [--rounds 3]`` prints the table of
docs/benchmarks.md. Each run is the real command in a process of its own, whose memory alone is
counted, against a server that answers as Datadog does, a real SMTP server and an embedded
MongoDB, all on this machine and sharing its processors with the run.
"""

import argparse
import asyncio
import csv
import os
import secrets
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from services.adapters.embedded_mongo.server import start_embedded
from services.domain import DaySpan
from tests.servers.datadog import FakeDatadog, account_ids, random_costs
from tests.servers.smtp import FakeSmtp

ROOT = Path(__file__).parent.parent.parent
SERVICES = 8


@dataclass(frozen=True, slots=True)
class Measured:
    """One run: calls to the cost server, peak memory in MiB, seconds, mails."""

    calls: int
    peak: float
    seconds: float
    mails: int


async def one_run(accounts: int, mongo_url: str, folder: Path) -> Measured:
    """Imports the teams, then measures one ``run-report``."""
    ids = account_ids(accounts, seed=accounts)
    today = datetime.now(UTC).date()
    span = DaySpan(today - timedelta(days=100), today - timedelta(days=1))
    async with (
        FakeDatadog(random_costs(ids, span, seed=1, services=SERVICES)) as datadog,
        FakeSmtp() as smtp,
    ):
        environment = {
            "PATH": os.environ["PATH"],
            "DATA_DIR": str(folder),
            "MONGO_URL": mongo_url,
            "DB_NAME": f"bench_{secrets.token_hex(6)}",
            **datadog.environment(),
            **smtp.environment(),
        }
        teams = folder / "teams.csv"
        with teams.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["team_name", "aws_account_id", "team_email"])
            writer.writerows(
                [f"Team {i}", account, f"t{i}@example.org"] for i, account in enumerate(ids)
            )
        await _command(environment, "import-teams", str(teams))
        began = time.perf_counter()
        peak = await _command(environment, "run-report")
        seconds = time.perf_counter() - began
        return Measured(datadog.calls, peak, seconds, len(smtp.mails))


async def _command(environment: dict[str, str], *arguments: str) -> float:
    """Runs a command of the agent; its peak resident memory in MiB."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        _WATCHED,
        str(ROOT / "app.py"),
        *arguments,
        env=environment,
        cwd=environment["DATA_DIR"],
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    out, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{out.decode()}")
    return int(out.split()[-1]) / 1024


_WATCHED = """
import resource, subprocess, sys
code = subprocess.call([sys.executable, *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


async def measure(sizes: list[int], rounds: int) -> dict[int, list[Measured]]:
    """All sizes, several times each, in turns."""
    found: dict[int, list[Measured]] = {size: [] for size in sizes}
    with tempfile.TemporaryDirectory() as name:
        async with start_embedded(Path(name)) as mongo:
            for _ in range(rounds):
                for size in sizes:
                    found[size].append(await one_run(size, mongo.url, Path(name)))
    return found


def main() -> None:
    """Prints a Markdown table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, nargs="+", default=[84, 1000])
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    found = asyncio.run(measure(args.accounts, args.rounds))
    print("| accounts | Datadog calls | peak memory | time | mails |")
    print("|---:|---:|---:|---:|---:|")
    for size, runs in found.items():
        peak = statistics.median(run.peak for run in runs)
        seconds = statistics.median(run.seconds for run in runs)
        calls = max(run.calls for run in runs)
        print(f"| {size:,} | {calls} | {peak:.0f} MiB | {seconds:.1f} s | {runs[0].mails:,} |")
    first, last = (
        statistics.median(run.peak for run in found[size])
        for size in (args.accounts[0], args.accounts[-1])
    )
    print(f"\nPeak memory grows by {last - first:.0f} MiB.")


if __name__ == "__main__":
    main()
