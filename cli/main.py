"""Runs the command line: from its arguments to the exit code of the process."""

import asyncio
import sys
from argparse import Namespace
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

from cli.check import with_wrong_settings, without_mongodb
from cli.commands import CLI_COMMANDS
from cli.parser import build_parser
from cli.waiting import PATIENCE_SECONDS, when_mongodb_responds
from services.application import Application
from services.domain.errors import AgentError, SettingsError, StoreUnavailableError
from services.settings import Settings, load_settings


class ConfigureLogging(Protocol):
    """Sets up logging."""

    def __call__(self, settings: Settings, *, beside_progress: bool = False) -> None:
        """``beside_progress``: only errors are logged, because a progress bar is shown."""
        ...


class Serve(Protocol):
    """Serves Teams, REST and the scheduler."""

    def __call__(self, settings: Settings, *, first_report: bool) -> Awaitable[int]: ...


class OpenedAgent(Protocol):
    """An agent that is open."""

    @property
    def app(self) -> Application: ...


class OpenAgent(Protocol):
    """Opens the agent for one command."""

    def __call__(
        self, settings: Settings, *, mail_sample_data: bool
    ) -> AbstractAsyncContextManager[OpenedAgent]: ...


@dataclass(frozen=True, slots=True)
class Program:
    """What the composition root passes to the command line."""

    open_agent: OpenAgent
    serve: Serve
    serve_outbox: Callable[[Settings], Awaitable[int]]
    configure_logging: ConfigureLogging


def run_cli(program: Program, arguments: Sequence[str] | None = None) -> int:
    """Run one command; an error with a sentence for people is one line and exit code 1."""
    args = build_parser().parse_args(arguments)
    try:
        try:
            settings = load_settings()
        except SettingsError as error:
            if args.command != "check":
                raise
            return with_wrong_settings(error)
        is_serving = args.command in {None, "serve"}
        with_bar = not is_serving or getattr(args, "first_report", False)
        program.configure_logging(settings, beside_progress=with_bar)
        return asyncio.run(_run_command(program, settings, args))
    except AgentError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("Stopped.", file=sys.stderr)
        return 130


async def _run_command(program: Program, settings: Settings, args: Namespace) -> int:
    if args.command in {None, "serve"}:
        first_report = getattr(args, "first_report", False)
        return await program.serve(settings, first_report=first_report)
    if args.command == "outbox":
        return await program.serve_outbox(settings)
    confirmed = getattr(args, "mail_sample_data", False)
    # ``check`` says how things are now.
    patience = 0.0 if args.command == "check" else PATIENCE_SECONDS
    try:
        async with AsyncExitStack() as stack:
            agent = await when_mongodb_responds(
                lambda: stack.enter_async_context(
                    program.open_agent(settings, mail_sample_data=confirmed)
                ),
                patience,
            )
            return await CLI_COMMANDS[args.command](agent.app, args)
    except StoreUnavailableError as error:
        if args.command != "check":
            raise
        return without_mongodb(error)
