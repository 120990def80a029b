"""A restored database is settled the same way in memory and on MongoDB."""

from datetime import timedelta

import pytest

from services.domain import DeliveryPhase, DeliveryState, RunKind, RunState
from services.ports import Store
from tests.makers import NOW, delivery, later, run

TTL = timedelta(seconds=60)
ERROR = "It may have been sent."


@pytest.mark.parametrize("kind", [RunKind.WEEKLY, RunKind.TEAM, RunKind.NOTICE])
async def test_open_runs_are_closed_and_their_undecided_emails_become_unknown(
    any_store: Store, kind: RunKind
) -> None:
    await any_store.runs.begin(run(kind=kind, plan=2))
    states = [delivery(one.value, run_id="r~2", state=one) for one in DeliveryState]
    # What a planner has left that died is never looked at.
    await any_store.deliveries.plan([*states, delivery("left", run_id="r~1")])

    assert await any_store.restored.settle_open(ERROR, later(hours=1)) == (1, 2)

    found = await any_store.runs.get("r")
    assert found is not None
    assert (found.state, found.last_error, found.openings) == (RunState.EXPIRED, ERROR, 1)
    assert found.finished_at == later(hours=1)
    after = {one.id: one for one in await any_store.deliveries.list_deliveries("r~2")}
    changed = {name for name, one in after.items() if one.state != DeliveryState(name)}
    assert changed == {"pending", "sending"}
    for name in changed:
        assert (after[name].state, after[name].error) == (DeliveryState.UNKNOWN, ERROR)
        assert after[name].updated_at == later(hours=1)
    assert await any_store.deliveries.counts("r~1") == {DeliveryState.PENDING: 1}


async def test_it_is_settled_once_and_a_daily_run_continues(any_store: Store) -> None:
    await any_store.runs.begin(run())
    await any_store.runs.begin(run("daily", kind=RunKind.DAILY))
    await any_store.runs.begin(run("done", state=RunState.DONE))
    await any_store.deliveries.plan([delivery(), delivery("kept", run_id="done")])

    assert await any_store.restored.settle_open(ERROR, NOW) == (1, 1)
    assert await any_store.restored.settle_open(ERROR, later(hours=1)) == (0, 0)

    left = await any_store.runs.list_runs("datadog", open_only=True)
    assert [one.id for one in left] == ["daily"]
    assert await any_store.deliveries.counts("done") == {DeliveryState.PENDING: 1}


async def test_a_worker_that_is_still_there_writes_nothing(any_store: Store) -> None:
    await any_store.runs.begin(run(planned=True))
    await any_store.deliveries.plan([delivery()])
    token = await any_store.runs.lease("r", "w", NOW, TTL)
    assert token is not None
    claimed = await any_store.deliveries.claim("r", "w", NOW, TTL)
    assert claimed is not None

    assert await any_store.restored.settle_open(ERROR, NOW) == (1, 1)

    assert not await any_store.deliveries.enter_data(claimed, "abc", NOW, TTL)
    assert not await any_store.deliveries.finish(
        claimed, DeliveryPhase.CLAIM, DeliveryState.SENT, NOW
    )
    assert not await any_store.deliveries.give_back(claimed, NOW)
    assert not await any_store.runs.close("r", token, 0, expired=False, now=NOW)
    (left,) = await any_store.deliveries.list_deliveries("r")
    assert (left.state, left.owner, left.phase) == (DeliveryState.UNKNOWN, None, None)


async def test_a_retry_sends_what_may_have_been_sent(any_store: Store) -> None:
    await any_store.runs.begin(run())
    await any_store.deliveries.plan([delivery()])
    await any_store.restored.settle_open(ERROR, NOW)

    assert await any_store.deliveries.retry("r", NOW, later(days=1)) == 1
    claimed = await any_store.deliveries.claim("r", "w", NOW, TTL)
    assert claimed is not None
    assert claimed.fence == 2
