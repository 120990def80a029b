"""The command line of ``python app.py``: its commands, each with its own arguments."""

import argparse
from collections.abc import Callable

from cli import api_key, backtest, forget, import_teams, run_report, serve

COMMANDS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None] | None]] = {
    "serve": ("serve Teams, REST and the scheduler (the default)", serve.add_arguments),
    "run-report": ("create and send the reports of one run, then exit", run_report.add_arguments),
    "import-teams": ("import teams from a CSV file", import_teams.add_arguments),
    "api-key": ("create, list and revoke keys of the REST API", api_key.add_arguments),
    "claim-code": ("create another code for the first admin, if there is no admin yet", None),
    "backtest": (
        "replay the stored history: which alerts would have been sent, and when",
        backtest.add_arguments,
    ),
    "forget": ("remove a person from everything that is stored", forget.add_arguments),
    "after-restore": ("make a restored database safe to start on: no email is sent again", None),
    "check": ("test every outside system: what works, and what to do about the rest", None),
    "outbox": ("serve only the page of captured emails", None),
}
"""Command → its help, and what adds its arguments."""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; no command means ``serve``."""
    parser = argparse.ArgumentParser(
        prog="app.py",
        description="AWS Cost Agent: what your AWS accounts cost, reported to each team by email.",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name, (help_text, add_arguments) in COMMANDS.items():
        command = commands.add_parser(name, help=help_text)
        if add_arguments is not None:
            add_arguments(command)
    return parser
