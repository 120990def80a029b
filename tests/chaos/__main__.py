"""``python -m tests.chaos [--seeds 1 2 …]``: the table of docs/reliability.md."""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

from services.adapters.logs import configure_logging
from tests.chaos.run import Found, Plan, chaos

COLUMNS = (
    "seed", "recipients", "deliveries", "accepted", "missing", "copies", "beyond unsure",
    "unsure", "left to a person", "kills", "stops", "elections", "cards", "cards unsure",
    "seconds", "breaches",
)  # fmt: skip
SEEDS = list(range(1, 10))
HOLD_EVERY = 3
"""In every third seed unsure mails are held for a person, in the others sent again."""

SKEW_EVERY, SKEW_SECONDS = 4, 30.0
"""In every fourth seed the workers' clocks are off by up to so much, which is past their leases."""


def numbers(found: Found) -> list[int]:
    """One line of the table, without its seed."""
    return [
        found.plan.recipients, found.deliveries, found.accepted, found.missing, found.copies,
        found.repeated, found.ambiguous, found.unknown, found.kills, found.stops,
        found.elections, found.cards, found.cards_unknown, round(found.seconds),
        len(found.wrong),
    ]  # fmt: skip


def row(name: object, values: Iterable[int]) -> str:
    """A line as Markdown."""
    return "| " + " | ".join([str(name), *(f"{value:,}" for value in values)]) + " |"


def plan_of(seed: int, teams: int = 25) -> Plan:
    """What a seed goes through."""
    skew = SKEW_SECONDS if seed % SKEW_EVERY == 0 else 0.0
    return Plan(seed, teams=teams, skew=skew, hold=seed % HOLD_EVERY == 0)


def main() -> int:
    """Runs the seeds one after the other; 1 if any breaks a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--teams", type=int, default=25)
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    args = parser.parse_args()
    configure_logging("ERROR", "console", [])
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---:|" * len(COLUMNS), flush=True)
    all_found: list[Found] = []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory(prefix="chaos") as name:
            folder = args.keep / str(seed) if args.keep else Path(name)
            folder.mkdir(parents=True, exist_ok=True)
            found = asyncio.run(chaos(plan_of(seed, args.teams), folder))
        all_found.append(found)
        print(row(found.plan.seed, numbers(found)), flush=True)
        for breach in found.wrong[:10]:
            print(f"BREACH {breach}", file=sys.stderr, flush=True)
    totals = [sum(column) for column in zip(*map(numbers, all_found), strict=True)]
    print(row("all", totals), flush=True)
    return 1 if any(found.wrong for found in all_found) else 0


if __name__ == "__main__":
    sys.exit(main())
