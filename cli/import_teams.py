"""``import-teams``: teams from the CSV of the original system."""

import asyncio
from pathlib import Path

from cli.wired import Wired
from services.domain import Actor
from services.domain.errors import InvalidError
from services.teams.csv_import import parse_csv

ACTOR = Actor(interface="cli", name="import-teams")


async def import_teams(wired: Wired, file: Path, *, dry_run: bool) -> int:
    """Imports the good rows and names each bad one; 0 only if there was no bad row."""
    try:
        data = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise InvalidError(
            f"Cannot read {file}: {error.strerror}. Give the path of a CSV file with the header "
            "team_name,aws_account_id,team_email."
        ) from error
    rows, problems = parse_csv(data)
    result = await wired.teams.import_rows(rows, ACTOR, wired.clock(), dry_run=dry_run)
    would = "would be " if dry_run else ""
    failed = [*problems, *result.failed]
    print(
        f"{result.created} {would}created, {result.updated} {would}updated, "
        f"{result.unchanged} unchanged, {len(failed)} failed"
    )
    for problem in sorted(failed, key=lambda one: one.line):
        print(f"  line {problem.line}: {problem.field}: {problem.reason}")
    return 1 if failed else 0
