"""Each command of the command line, from its parsed options to its exit code."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from cli import api_key
from cli.after_restore import after_restore
from cli.backtest import backtest
from cli.check import check
from cli.forget import forget
from cli.import_teams import import_teams
from cli.parser import STORED
from cli.run_report import run_report
from cli.signals import STOPPING
from cli.wired import Wired

COMMAND_GRACE = 5.0
"""How long a command may still last after a signal to stop."""


async def make_report(wired: Wired, args: argparse.Namespace) -> int:
    """``run-report``."""
    with ending_with_the_mail_in_hand(wired):
        return await run_report(
            wired,
            period=args.period,
            team=args.team,
            again=args.again,
            retry=args.retry,
            dry_run=args.dry_run,
        )


async def read_teams(wired: Wired, args: argparse.Namespace) -> int:
    """``import-teams``."""
    return await import_teams(wired, args.file, dry_run=args.dry_run)


async def replay_history(wired: Wired, args: argparse.Namespace) -> int:
    """``backtest``."""
    return await backtest(
        wired,
        first=args.first,
        last=args.last,
        with_threshold=args.threshold is not None,
        percent=None if args.threshold == STORED else args.threshold,
        as_json=args.json,
    )


async def forget_person(wired: Wired, args: argparse.Namespace) -> int:
    """``forget``."""
    return await forget(wired, args.who, yes=args.yes)


async def settle_restored(wired: Wired, args: argparse.Namespace) -> int:
    """``after-restore``."""
    return await after_restore(wired)


async def check_all(wired: Wired, args: argparse.Namespace) -> int:
    """``check``."""
    return await check(wired)


async def manage_keys(wired: Wired, args: argparse.Namespace) -> int:
    """``api-key``."""
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
def ending_with_the_mail_in_hand(wired: Wired) -> Iterator[None]:
    """At SIGINT or SIGTERM no further mail is begun; a little later all is cut off."""
    loop, work = asyncio.get_running_loop(), asyncio.current_task()

    def stop() -> None:
        wired.sender.stop()
        if work is not None:
            loop.call_later(COMMAND_GRACE, work.cancel)

    for name in STOPPING:
        loop.add_signal_handler(name, stop)
    try:
        yield
    finally:
        for name in STOPPING:
            loop.remove_signal_handler(name)
