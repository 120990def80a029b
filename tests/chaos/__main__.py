"""``python -m tests.chaos [--seeds 1 2 …]``: the table of docs/reliability.md."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from services.adapters.logs import configure_logging
from tests.chaos.run import Found, Plan, chaos

COLUMNS = (
    "seed", "recipients", "kills", "stops", "elections", "accepted", "copies", "unsure",
    "left to a person", "cards", "cards unsure", "seconds", "breaches",
)  # fmt: skip


def row(found: Found) -> list[str]:
    """One line of the table."""
    plan = found.plan
    numbers = (
        plan.seed, plan.recipients, found.kills, found.stops, found.elections, found.accepted,
        found.copies, found.ambiguous, found.unknown, found.cards, found.cards_unknown,
        round(found.seconds), len(found.wrong),
    )  # fmt: skip
    return [str(number) for number in numbers]


def main() -> int:
    """Runs the seeds one after the other; 1 if any breaks a promise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(1, 9)))
    parser.add_argument("--teams", type=int, default=25)
    parser.add_argument("--keep", type=Path, help="keep the workers' logs in this folder")
    args = parser.parse_args()
    configure_logging("ERROR", "console", [])
    print("| " + " | ".join(COLUMNS) + " |\n|" + "---:|" * len(COLUMNS), flush=True)
    all_found = []
    for seed in args.seeds:
        with tempfile.TemporaryDirectory(prefix="chaos") as name:
            folder = args.keep / str(seed) if args.keep else Path(name)
            folder.mkdir(parents=True, exist_ok=True)
            found = asyncio.run(chaos(Plan(seed, teams=args.teams), folder))
        all_found.append(found)
        print("| " + " | ".join(row(found)) + " |", flush=True)
        for breach in found.wrong[:10]:
            print(f"BREACH {breach}", file=sys.stderr, flush=True)
    recipients = sum(found.plan.recipients for found in all_found)
    wrong = sum(len(found.wrong) for found in all_found)
    print(f"\n{recipients:,} recipients, {len(all_found)} seeds, {wrong} breaches.")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
