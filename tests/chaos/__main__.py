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
    "seed", "recipients", "deliveries", "accepted", "missing", "copies", "unexplained",
    "unsure", "left to a person", "kills", "stops", "elections", "cards", "cards unsure",
    "seconds", "breaches",
)  # fmt: skip
SEEDS = list(range(1, 10))
HOLD_EVERY = 3
"""In every third seed unsure mails are held for a person, in the others sent again."""

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
SKEWS = (
    (0.0, 0.0, 0.0),
    (0.0, 2.5 * MINUTE, -20.0),
    (25.0, -25.0, 2 * HOUR),
    (0.0, 4 * DAY, -2.5 * MINUTE),
    (-20.0, 20.0, 8 * DAY),
)
"""How far each worker's clock is ahead, by seed. Two or one of three may work: within 30 seconds."""


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
    return Plan(seed, teams=teams, skews=SKEWS[seed % len(SKEWS)], hold=seed % HOLD_EVERY == 0)


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
