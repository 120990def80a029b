"""A worker is killed at steps of a run, before and right after: every third, or all with --all."""

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from services.domain import DeliveryState, RunState
from tests.fakes.mail import MemoryConnection
from tests.fakes.store import MemoryStore
from tests.workers import Workers

RUN_STEPS = ("lease", "freeze", "mark_planned", "close", "release")
LEDGER_STEPS = ("plan", "claim", "enter_data", "finish", "expire")
MAIL_STEPS = ("offer", "hand_over")


class KilledError(BaseException):
    """The process ends here."""


class Killer:
    """Kills a process at one of its steps; what it still tries when it is dead comes to nothing."""

    def __init__(self, world: Workers, at: int, *, after: bool) -> None:
        self._world = world
        self._at = at
        self._after = after
        self._steps = 0
        self._dead = False
        self._over = False

    async def work(self, run_id: str) -> bool:
        """Lets a worker work until it is killed; False when it came to its end before."""
        store, connect = self._world.store, self._world.transport.connect
        assert isinstance(store, MemoryStore)
        self._arm(store.runs, RUN_STEPS)
        self._arm(store.deliveries, LEDGER_STEPS)

        async def dangerous_connect() -> MemoryConnection:
            connection = await connect()
            self._arm(connection, MAIL_STEPS)
            return connection

        self._world.transport.connect = dangerous_connect  # type: ignore[method-assign]
        with suppress(KilledError):
            await self._world.services("dead").worker.work(run_id)
        self._over = True
        return self._dead

    def _arm(self, holder: Any, names: Sequence[str]) -> None:
        for name in names:
            setattr(holder, name, self._around(getattr(holder, name)))

    def _around(self, step: Any) -> Any:
        async def dangerous(*args: Any, **more: Any) -> Any:
            if self._over:
                return await step(*args, **more)
            if self._dead:
                raise KilledError
            self._steps += 1
            self._dead = self._steps == self._at
            if self._dead and not self._after:
                raise KilledError
            done = await step(*args, **more)
            if self._dead:
                raise KilledError
            return done

        return dangerous


@pytest.mark.parametrize("known", [True, False], ids=["known to be gone", "leases run out"])
@pytest.mark.parametrize("after", [False, True], ids=["before the step", "after it"])
async def test_a_worker_that_is_killed_at_any_step_loses_and_repeats_nothing(
    after: bool, known: bool, is_long: bool
) -> None:
    at, unsure = 0, 0
    while True:
        at += 1 if is_long else 3
        world = Workers()
        await world.add_teams(1)
        run = await world.asked()
        if not await Killer(world, at, after=after).work(run.id):
            break
        if known:
            world.gone.add("dead")
        await world.services("next").worker.work(run.id, patience=timedelta(minutes=5))

        found = await world.run(run.id)
        assert found.state is RunState.DONE
        deliveries = await world.store.deliveries.list_deliveries(found.ledger_id)
        copies = Counter(world.transport.by_recipient)
        assert set(copies) == {"team0@example.org", "cfo@example.org", "ops@example.org"}
        for one in deliveries:
            assert one.state is DeliveryState.SENT
            assert copies[one.recipient] <= 1 + one.ambiguous
        assert len({raw for _, raw in world.transport.mails}) == len(copies)
        unsure += sum(delivery.ambiguous for delivery in deliveries)
    assert at > 20
    assert unsure > 0
