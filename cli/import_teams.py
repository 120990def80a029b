"""``import-teams``: import teams from a CSV file."""

import argparse
import asyncio
from pathlib import Path

from services.application import Application
from services.domain import Actor
from services.domain.errors import InvalidError
from services.teams import parse_csv

ACTOR = Actor(interface="cli", name="import-teams")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--dry-run", action="store_true", help="show the changes; store nothing")


async def import_teams(app: Application, file: Path, *, dry_run: bool) -> int:
    """Import the valid rows and list the others; returns 0 only if all rows were valid."""
    try:
        data = await asyncio.to_thread(file.read_bytes)
    except OSError as error:
        raise InvalidError(
            f"{file} cannot be read, so nothing was imported. Give the path of a CSV file with the "
            f"header team_name,aws_account_id,team_email. ({error.strerror})"
        ) from error
    rows, problems = parse_csv(data)
    result = await app.teams.import_rows(rows, ACTOR, app.context.clock(), dry_run=dry_run)
    would = "would be " if dry_run else ""
    failed = [*problems, *result.failed]
    print(
        f"{result.created} {would}created, {result.updated} {would}updated, "
        f"{result.unchanged} unchanged, {len(failed)} failed"
    )
    for problem in sorted(failed, key=lambda problem: problem.line):
        print(f"  line {problem.line}: {problem.field}: {problem.reason}")
    return 1 if failed else 0
