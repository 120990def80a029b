"""Workers whose machine's clock is wrong take no work, say so, and leave it to the others."""

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest

from services.domain import Actor, RunKind, RunState
from services.domain.errors import ClockSkewError
from tests.fakes.store import MemoryStore
from tests.unit.runs.test_worker import EVERYBODY, memory, slot_an_hour_ago
from tests.workers import Workers

ADMINS = {"cfo@example.org": 1, "ops@example.org": 1}
OFF = [31.0, -31.0, 150.0, -7200.0, 4 * 86_400.0, 8 * 86_400.0]


@pytest.fixture
async def world() -> Workers:
    found = Workers()
    await found.add_teams()
    return found


async def kinds(store: MemoryStore) -> set[RunKind]:
    return {run.kind for run in await store.runs.list_runs("datadog")}


def is_about_the_clock(raw: bytes) -> bool:
    return "a clock is wrong" in str(message_from_bytes(raw, policy=default)["Subject"])


@pytest.mark.parametrize("skew", OFF)
async def test_a_tick_starts_nothing_but_the_email_that_says_why(
    world: Workers, skew: float
) -> None:
    await slot_an_hour_ago(world)
    alone = world.services("host|1|2|3|4", lambda: skew)
    for _ in range(3):
        await world.tick(alone)
        world.now += timedelta(minutes=1)
    assert await kinds(memory(world)) == {RunKind.NOTICE}
    assert dict(world.transport.by_recipient) == ADMINS
    assert all(is_about_the_clock(raw) for _, raw in world.transport.mails)
    assert world.alert_rounds == []
    # A day later it is said once more.
    world.now += timedelta(days=1)
    await world.tick(alone)
    assert dict(world.transport.by_recipient) == dict.fromkeys(ADMINS, 2)


@pytest.mark.parametrize("skew", OFF)
async def test_the_others_do_all_of_it(world: Workers, skew: float) -> None:
    await slot_an_hour_ago(world)
    wrong, right = (
        world.services("wrong|1", lambda: skew),
        world.services("right|1", lambda: -20.0),
    )
    await world.tick(wrong)
    await world.tick(right)
    await world.tick(wrong)
    reports = [to for to, raw in world.transport.mails if not is_about_the_clock(raw)]
    assert sorted(reports) == sorted(EVERYBODY)


@pytest.mark.parametrize("skew", OFF)
async def test_a_requested_run_is_refused_with_the_reason_and_left_as_it_was(
    world: Workers, skew: float
) -> None:
    run = await world.asked(Actor(interface="cli"))
    with pytest.raises(ClockSkewError, match="sends nothing"):
        await world.services("wrong", lambda: skew).worker.work(run.id)
    assert await world.run(run.id) == run
    await world.services("right").worker.work(run.id)
    assert (await world.run(run.id)).state is RunState.DONE


async def test_a_clock_that_goes_wrong_in_the_middle_of_a_run_ends_its_work(
    world: Workers,
) -> None:
    run = await world.asked()
    skew = [0.0]
    worker = world.services("w", lambda: skew[0]).worker

    async def set_clock(recipient: str) -> None:
        skew[0] = 3600.0

    world.transport.before_offer = set_clock
    with pytest.raises(ClockSkewError):
        await worker.work(run.id)
    lanes = world.transport.lanes
    assert 1 <= len(world.transport.mails) <= lanes
    found = await world.run(run.id)
    assert (found.state, found.last_error) == (RunState.OPEN, None)
    await world.services("other").worker.work(run.id)
    assert dict(world.transport.by_recipient) == EVERYBODY
