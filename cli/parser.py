"""The commands and options of ``python app.py``."""

import argparse
from pathlib import Path


def build_parser() -> argparse.ArgumentParser:
    """The parser; without a command it means ``serve``."""
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="AWS Cost Agent: AWS costs from Datadog, reported by mail to each team.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve REST and the clock (the default)")
    serve.add_argument(
        "--first-report",
        action="store_true",
        help="make this week's report once, if costs are the sample and mail goes to the outbox",
    )
    report = commands.add_parser("run-report", help="do one run and exit")
    report.add_argument("--period", metavar="2026-W48", help="ISO week; default: the current one")
    report.add_argument("--team", metavar="X", help="only this team: name, account id or prefix")
    report.add_argument(
        "--again", action="store_true", help="repeat a finished period as a new run"
    )
    report.add_argument(
        "--dry-run", action="store_true", help="show what would be sent, send and store nothing"
    )
    report.add_argument(
        "--mail-sample-data",
        action="store_true",
        help="confirm that sample data may go to the real mail server",
    )
    teams = commands.add_parser("import-teams", help="import teams from a CSV file")
    teams.add_argument("file", type=Path, metavar="FILE")
    teams.add_argument("--dry-run", action="store_true", help="show the changes, store nothing")
    commands.add_parser("check", help="try every outside system; say what works and what to do")
    commands.add_parser("outbox", help="serve only the page of captured mails")
    return parser
