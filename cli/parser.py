"""The commands and options of ``python app.py``."""

import argparse
import math
from datetime import date
from pathlib import Path

STORED = -1.0
"""``--threshold`` without a number."""


def day(text: str) -> date:
    """A day in ISO form."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-20") from None


def percent(text: str) -> float:
    """A threshold: above 0."""
    try:
        value = float(text.removesuffix("%"))
    except ValueError:
        value = 0.0
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no percentage above 0")
    return value


MOST_DAYS = 3660


def _days(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MOST_DAYS:
        raise argparse.ArgumentTypeError(f"must be a number of days from 1 to {MOST_DAYS}")
    return int(text)


def build_parser() -> argparse.ArgumentParser:
    """The parser; without a command it means ``serve``."""
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="AWS Cost Agent: what your AWS accounts cost, reported to each team by email.",
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
        "--retry",
        action="store_true",
        help="send what failed, expired or stayed unsure in a finished period",
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
    keys = commands.add_parser("api-key", help="create, list and revoke keys of the REST API")
    actions = keys.add_subparsers(dest="action", metavar="ACTION", required=True)
    create = actions.add_parser("create", help="a new key, shown once, alone on the last line")
    create.add_argument("--name", required=True, help="what it is for, such as a program")
    create.add_argument(
        "--scopes", required=True, metavar="read,write", help="what it opens: read, write or both"
    )
    create.add_argument(
        "--days", type=_days, metavar="N", help="days until it expires; default: never"
    )
    actions.add_parser("list", help="all keys, without the keys themselves")
    revoke = actions.add_parser("revoke", help="end a key at once")
    revoke.add_argument("id", metavar="ID")
    backtest = commands.add_parser(
        "backtest", help="replay the stored history: what would have been told, and when"
    )
    backtest.add_argument(
        "--from", dest="first", type=day, metavar="DAY", help="first day; default: all there are"
    )
    backtest.add_argument("--to", dest="last", type=day, metavar="DAY", help="last day")
    backtest.add_argument(
        "--threshold",
        nargs="?",
        type=percent,
        const=STORED,
        metavar="PERCENT",
        help="breaches of the threshold as well; without a number, of the stored one",
    )
    backtest.add_argument("--json", action="store_true", help="one JSON object a line")
    forgotten = commands.add_parser("forget", help="remove a person from all that is stored")
    forgotten.add_argument(
        "who",
        nargs="+",
        metavar="WHO",
        help="mail address, Entra object id; several are of the same person",
    )
    forgotten.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser(
        "after-restore", help="make a restored database safe to start on: no mail goes out again"
    )
    commands.add_parser("check", help="try every outside system; say what works and what to do")
    commands.add_parser("outbox", help="serve only the page of captured mails")
    return parser
