"""A start waits for MongoDB for a while, and says so once."""

import asyncio

import pytest

from cli.waiting import cancelled_by, when_mongodb_responds
from services.domain.errors import (
    AgentError,
    SettingsError,
    StoreDeniedError,
    StoreUnavailableError,
)

AWAY = StoreUnavailableError("MongoDB is not responding (no primary).")


class Calls:
    """Fails with the errors in turn, then returns how often it was called."""

    def __init__(self, *errors: AgentError) -> None:
        self.errors = list(errors)
        self.number = 0

    async def __call__(self) -> int:
        self.number += 1
        if self.errors:
            raise self.errors.pop(0)
        return self.number


async def test_an_election_is_waited_for_with_one_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert await when_mongodb_responds(Calls(AWAY, AWAY)) == 3
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"{AWAY} Waiting up to 60 seconds for it…"


@pytest.mark.parametrize("error", [StoreDeniedError("denied"), SettingsError("too old")])
async def test_what_only_a_person_can_mend_is_not_waited_for(error: AgentError) -> None:
    calls = Calls(error)
    with pytest.raises(type(error)):
        await when_mongodb_responds(calls)
    assert calls.number == 1


@pytest.mark.parametrize("patience", [0.0, 0.02])
async def test_it_is_not_waited_for_longer_than_that(patience: float) -> None:
    with pytest.raises(StoreUnavailableError, match="no primary"):
        await when_mongodb_responds(Calls(*[AWAY] * 99), patience)


async def test_a_start_that_is_stopped_ends_at_once() -> None:
    stop, begun = asyncio.Event(), asyncio.Event()

    async def start() -> None:
        async with cancelled_by(stop):
            begun.set()
            await asyncio.Event().wait()

    starting = asyncio.create_task(start())
    await begun.wait()
    stop.set()
    with pytest.raises(asyncio.CancelledError):
        await starting
