"""Runs each command: from its parsed arguments to its exit code."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from cli import api_key
from cli.after_restore import after_restore
from cli.backtest import STORED, backtest
from cli.check import check
from cli.claim_code import claim_code
from cli.forget import forget
from cli.import_teams import import_teams
from cli.run_report import run_report
from cli.signals import STOP_SIGNALS
from services.application import Application

COMMAND_GRACE_SECONDS = 5.0
"""How long a command may still run after a signal to stop."""


async def make_report(app: Application, args: argparse.Namespace) -> int:
    with finishing_the_current_email(app):
        return await run_report(
            app,
            period=args.period,
            team=args.team,
            again=args.again,
            retry=args.retry,
            dry_run=args.dry_run,
        )


async def read_teams(app: Application, args: argparse.Namespace) -> int:
    return await import_teams(app, args.file, dry_run=args.dry_run)


async def replay_history(app: Application, args: argparse.Namespace) -> int:
    return await backtest(
        app,
        first=args.first,
        last=args.last,
        with_threshold=args.threshold is not None,
        percent=None if args.threshold == STORED else args.threshold,
        as_json=args.json,
    )


async def forget_person(app: Application, args: argparse.Namespace) -> int:
    return await forget(app, args.who, yes=args.yes)


async def settle_restored(app: Application, args: argparse.Namespace) -> int:
    return await after_restore(app)


async def check_all(app: Application, args: argparse.Namespace) -> int:
    return await check(app)


async def create_claim_code(app: Application, args: argparse.Namespace) -> int:
    return await claim_code(app)


async def manage_keys(app: Application, args: argparse.Namespace) -> int:
    if args.action == "create":
        return await api_key.create(app, args.name, args.scopes, args.days)
    if args.action == "revoke":
        return await api_key.revoke(app, args.id)
    return await api_key.list_keys(app)


CLI_COMMANDS: dict[str, Callable[[Application, argparse.Namespace], Awaitable[int]]] = {
    "run-report": make_report,
    "import-teams": read_teams,
    "api-key": manage_keys,
    "claim-code": create_claim_code,
    "backtest": replay_history,
    "forget": forget_person,
    "after-restore": settle_restored,
    "check": check_all,
}


@contextmanager
def finishing_the_current_email(app: Application) -> Iterator[None]:
    """Start no further email after SIGINT or SIGTERM, and cancel everything a little later."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        app.mailing.sender.stop()
        if task is not None:
            loop.call_later(COMMAND_GRACE_SECONDS, task.cancel)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
