"""Runs each command: from its parsed arguments to its exit code."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from cli import api_key
from cli.after_restore import after_restore
from cli.backtest import STORED, backtest
from cli.check import check
from cli.forget import forget
from cli.import_teams import import_teams
from cli.run_report import run_report
from cli.signals import STOP_SIGNALS
from cli.wired import Wired

COMMAND_GRACE_SECONDS = 5.0
"""How long a command may still run after a signal to stop."""


async def make_report(wired: Wired, args: argparse.Namespace) -> int:
    with finishing_the_current_email(wired):
        return await run_report(
            wired,
            period=args.period,
            team=args.team,
            again=args.again,
            retry=args.retry,
            dry_run=args.dry_run,
        )


async def read_teams(wired: Wired, args: argparse.Namespace) -> int:
    return await import_teams(wired, args.file, dry_run=args.dry_run)


async def replay_history(wired: Wired, args: argparse.Namespace) -> int:
    return await backtest(
        wired,
        first=args.first,
        last=args.last,
        with_threshold=args.threshold is not None,
        percent=None if args.threshold == STORED else args.threshold,
        as_json=args.json,
    )


async def forget_person(wired: Wired, args: argparse.Namespace) -> int:
    return await forget(wired, args.who, yes=args.yes)


async def settle_restored(wired: Wired, args: argparse.Namespace) -> int:
    return await after_restore(wired)


async def check_all(wired: Wired, args: argparse.Namespace) -> int:
    return await check(wired)


async def manage_keys(wired: Wired, args: argparse.Namespace) -> int:
    if args.action == "create":
        return await api_key.create(wired, args.name, args.scopes, args.days)
    if args.action == "revoke":
        return await api_key.revoke(wired, args.id)
    return await api_key.list_keys(wired)


CLI_COMMANDS: dict[str, Callable[[Wired, argparse.Namespace], Awaitable[int]]] = {
    "run-report": make_report,
    "import-teams": read_teams,
    "api-key": manage_keys,
    "backtest": replay_history,
    "forget": forget_person,
    "after-restore": settle_restored,
    "check": check_all,
}


@contextmanager
def finishing_the_current_email(wired: Wired) -> Iterator[None]:
    """Start no further email after SIGINT or SIGTERM, and cancel everything a little later."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        wired.sender.stop()
        if task is not None:
            loop.call_later(COMMAND_GRACE_SECONDS, task.cancel)

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
