"""Runs from request to close, by any number of workers that die, freeze and wait."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.alerts.run_trouble import RunTrouble
from services.domain import Actor, DeliveryState, RunKind, RunState
from services.domain.errors import (
    ConflictError,
    CostSourceError,
    MailConnectError,
    SettingsError,
    StoreUnavailableError,
)
from services.runtime.shutdown import Shutdown
from tests.fakes.mail import unknown_mailbox
from tests.fakes.store import MemoryStore
from tests.makers import delivery
from tests.workers import ACTOR, Workers, together

EVERYBODY = {f"{name}@example.org": 1 for name in ("team0", "team1", "team2", "cfo", "ops")}
CLOCK = Actor(interface="scheduler")


class KilledError(BaseException):
    """The process ends here."""


@pytest.fixture
async def world() -> Workers:
    found = Workers()
    await found.add_teams()
    return found


def memory(world: Workers) -> MemoryStore:
    assert isinstance(world.store, MemoryStore)
    return world.store


async def test_a_run_is_planned_sent_and_closed(world: Workers) -> None:
    run = await world.asked()
    await world.services().worker.work(run.id)
    found = await world.run(run.id)
    assert (found.state, found.planned) == (RunState.DONE, True)
    assert dict(world.transport.by_recipient) == EVERYBODY


async def test_several_workers_at_once_make_one_plan_and_send_each_email_once(
    world: Workers,
) -> None:
    run = await world.asked()
    results = await together(*(world.services(f"w{i}").worker.work(run.id) for i in range(4)))
    assert results == [None] * 4
    assert dict(world.transport.by_recipient) == EVERYBODY
    assert (await world.run(run.id)).state is RunState.DONE
    assert len(memory(world).runs.reports) == 4


@pytest.mark.parametrize("step", ["freeze", "plan", "mark_planned"])
async def test_a_planner_that_dies_leaves_nothing_that_is_mailed(
    world: Workers, step: str
) -> None:
    run = await world.asked()
    holder: Any = memory(world).deliveries if step == "plan" else memory(world).runs
    keep = getattr(holder, step)

    async def dying(*args: Any, **more: Any) -> Any:
        if step != "mark_planned":
            await keep(*args, **more)
        raise KilledError

    setattr(holder, step, dying)
    with pytest.raises(KilledError):
        await world.services("dead").worker.work(run.id)
    setattr(holder, step, keep)
    world.gone.add("dead")
    # Before the next planner, one team goes and another recipient comes.
    (gone, *_) = await world.services().teams.list()
    await world.services().teams.remove(gone.id, ACTOR, world.now)
    await world.services("next").worker.work(run.id)

    found = await world.run(run.id)
    assert found.state is RunState.DONE
    wanted = {name: 1 for name in EVERYBODY if name != gone.team_email}
    assert dict(world.transport.by_recipient) == wanted
    assert sum((await memory(world).deliveries.counts(found.ledger_id)).values()) == len(wanted)


async def test_a_stale_planner_that_wakes_up_adds_nobody_to_the_run(world: Workers) -> None:
    run, ledger = await world.asked(), memory(world).deliveries
    keep = ledger.plan
    stale: list[int] = []

    async def frozen(deliveries: Any) -> None:
        if not stale:
            stale.append(1)
            world.now += timedelta(seconds=world.timing.run_lease + 1)
            (gone, *_) = await world.services().teams.list()
            await world.services().teams.remove(gone.id, ACTOR, world.now)
            await world.services("next").worker.work(run.id)
        await keep(deliveries)

    ledger.plan = frozen  # type: ignore[method-assign]
    await world.services("stale").worker.work(run.id)
    found = await world.run(run.id)
    assert found.state is RunState.DONE
    assert len(world.transport.mails) == 4
    assert await ledger.counts(found.ledger_id) == {DeliveryState.SENT: 4}


async def test_a_costs_error_fails_a_requested_run_and_one_of_the_scheduler_is_retried(
    world: Workers,
) -> None:
    problem = CostSourceError("Datadog answered 500. Try again.", permanent=False)

    def fail(kind: str, table: Any) -> Any:
        raise problem

    world.costs.spoil = fail
    asked, by_clock = await world.asked(), await world.asked(CLOCK, RunKind.DAILY)
    for run in (asked, by_clock):
        with pytest.raises(CostSourceError):
            await world.services().worker.work(run.id)
    assert (await world.run(asked.id)).state is RunState.FAILED
    found = await world.run(by_clock.id)
    assert (found.state, found.retry_at) == (RunState.OPEN, world.now + timedelta(minutes=1))
    assert "500" in str(found.last_error)


async def test_a_short_database_outage_only_delays_the_run(
    world: Workers,
) -> None:
    """Each operation fails in turn, as it would in an election, at every point of a run."""
    for store, names in (
        (memory(world).runs, ("get", "lease", "freeze", "mark_planned", "frozen", "close")),
        (memory(world).deliveries, ("plan", "counts", "claim", "enter_data", "finish", "any_due")),
    ):
        for name in names:
            setattr(store, name, _away_twice(getattr(store, name)))
    run = await world.asked()
    await world.services().worker.work(run.id)
    assert (await world.run(run.id)).state is RunState.DONE
    assert dict(world.transport.by_recipient) == EVERYBODY


def _away_twice(keep: Any) -> Any:
    left = [2]

    async def call(*args: Any, **more: Any) -> Any:
        if left[0]:
            left[0] -= 1
            raise StoreUnavailableError("MongoDB is not responding.")
        return await keep(*args, **more)

    return call


async def test_a_long_database_outage_ends_the_work_but_not_the_run(world: Workers) -> None:
    world.timing = replace(world.timing, run_patience=3.0)
    run = await world.asked()
    keep = memory(world).deliveries.plan

    async def away(*_: Any) -> None:
        raise StoreUnavailableError("MongoDB is not responding.")

    memory(world).deliveries.plan = away  # type: ignore[method-assign, assignment]
    with pytest.raises(StoreUnavailableError):
        await world.services().worker.work(run.id)
    assert (await world.run(run.id)).state is RunState.OPEN
    memory(world).deliveries.plan = keep  # type: ignore[method-assign]
    await world.services().worker.work(run.id)
    assert (await world.run(run.id)).state is RunState.DONE


async def test_an_unavailable_mail_server_is_waited_for_and_then_noted(world: Workers) -> None:
    run = await world.asked()
    away = MailConnectError("The mail server cannot be reached.", permanent=False)
    made, keep = world.services(), memory(world).runs.mark_planned

    async def planned(*args: Any) -> bool:
        # The server answered until now.
        world.transport.on_connect = [away for _ in range(500)]
        return await keep(*args)

    memory(world).runs.mark_planned = planned  # type: ignore[method-assign, assignment]
    with pytest.raises(MailConnectError):
        await made.worker.work(run.id)
    found = await world.run(run.id)
    assert (found.state, found.attempts) == (RunState.OPEN, 1)
    assert found.retry_at is not None
    world.transport.on_connect.clear()
    await made.worker.work(run.id)
    assert dict(world.transport.by_recipient) == EVERYBODY


async def test_removed_email_settings_are_noted_on_the_run(world: Workers) -> None:
    run = await world.asked()
    memory(world).runs.runs[run.id] = (await world.run(run.id)).model_copy(
        update={"transport": "graph", "planned": True}
    )
    await memory(world).deliveries.plan([delivery("x", run_id=run.id)])
    with pytest.raises(SettingsError):
        await world.services().worker.work(run.id)
    found = await world.run(run.id)
    assert (found.state, found.attempts) == (RunState.OPEN, 1)
    assert "MAIL_TRANSPORT=graph" in str(found.last_error)


async def test_a_worker_leaves_the_run_at_once_on_shutdown(world: Workers) -> None:
    run = await world.asked()
    made = world.services()
    real = Shutdown()
    made.worker._shutdown = real
    made.sender._shutdown = real
    seen = asyncio.Event()

    async def hang(recipient: str) -> None:
        seen.set()
        await asyncio.sleep(0.2)

    world.transport.before_offer = hang
    world.transport.lanes = 1
    work = asyncio.create_task(made.worker.work(run.id))
    await asyncio.wait_for(seen.wait(), 10)
    made.sender.stop()
    await asyncio.wait_for(work, 5)
    assert len(world.transport.mails) == 1
    assert (await world.run(run.id)).state is RunState.OPEN


async def test_emails_are_counted_for_whoever_watches_once_in_half_a_second(
    world: Workers,
) -> None:
    world.transport.lanes, told = 1, list[int]()

    async def slow(recipient: str) -> None:
        world.now += timedelta(seconds=0.2)

    def progress(what: str, done: int, total: int) -> None:
        if what == "emails":
            told.append(done)

    world.transport.before_offer = slow
    run = await world.asked()
    await world.services().worker.work(run.id, progress=progress)

    # Five mails in a second: before the first, after half a second, and at the end.
    assert told == [0, 3, 5]


# Retry


async def test_what_failed_is_retried_by_a_person_and_only_that(world: Workers) -> None:
    world.transport.on_offer["team1@example.org"] = [unknown_mailbox()]
    run = await world.asked()
    made = world.services()
    await made.worker.work(run.id)
    assert await made.runs.retry(run.id, ACTOR, world.now) == 1
    with pytest.raises(ConflictError):
        await made.runs.retry(run.id, ACTOR, world.now)
    await made.worker.work(run.id)
    assert dict(world.transport.by_recipient) == EVERYBODY
    assert await made.runs.retry(run.id, ACTOR, world.now) == 0
    assert (await world.run(run.id)).state is RunState.DONE


async def test_a_retry_whose_process_dies_half_way_is_completed_by_the_next(
    world: Workers,
) -> None:
    world.transport.on_offer["team1@example.org"] = [unknown_mailbox()]
    run = await world.asked()
    made = world.services()
    await made.worker.work(run.id)
    keep = memory(world).runs.reopen

    async def dying(*_: Any) -> bool:
        raise KilledError

    memory(world).runs.reopen = dying  # type: ignore[method-assign, assignment]
    with pytest.raises(KilledError):
        await made.runs.retry(run.id, ACTOR, world.now)
    memory(world).runs.reopen = keep  # type: ignore[method-assign]
    await made.runs.retry(run.id, ACTOR, world.now)
    await made.worker.work(run.id)
    assert dict(world.transport.by_recipient) == EVERYBODY


async def test_a_run_that_is_opened_while_it_is_being_closed_stays_open(world: Workers) -> None:
    world.transport.on_offer["team1@example.org"] = [unknown_mailbox()]
    run = await world.asked()
    keep = memory(world).runs.close
    retried: list[bool] = []

    async def close(*args: Any, **more: Any) -> bool:
        if not retried:
            # The other worker closes it, and somebody retries, before this one gets to it.
            retried.append(await keep(*args, **more))
            assert await world.services("other").runs.retry(run.id, ACTOR, world.now) == 1
        return await keep(*args, **more)

    memory(world).runs.close = close  # type: ignore[method-assign]
    await world.services().worker.work(run.id)
    assert retried == [True]
    assert dict(world.transport.by_recipient) == EVERYBODY
    assert (await world.run(run.id)).state is RunState.DONE


async def test_a_run_that_failed_before_its_plan_can_be_retried(world: Workers) -> None:
    run = await world.asked()
    memory(world).runs.runs[run.id] = run.model_copy(update={"state": RunState.FAILED})
    made = world.services()
    assert await made.runs.retry(run.id, ACTOR, world.now) == 0
    await made.worker.work(run.id)
    assert dict(world.transport.by_recipient) == EVERYBODY


async def test_a_team_that_was_mailed_before_a_hundred_others_is_known_to_have_been(
    world: Workers,
) -> None:
    made = world.services()
    (team, *_) = await made.teams.list()
    first = await made.runs.request(RunKind.TEAM, ACTOR, world.now, team_id=team.id)
    await made.worker.work(first.id)
    for i in range(120):
        other = {"id": f"other{i}", "team_id": f"o{i}", "created_at": world.now}
        await memory(world).runs.begin(first.model_copy(update=other))
    assert (await made.runs.outlook(RunKind.TEAM, world.now, team_id=team.id)).sent == 1
    again = await made.runs.request(RunKind.TEAM, ACTOR, world.now, team_id=team.id, again=True)
    assert again.repeat == 2


# The clock


async def test_two_replicas_tick_and_the_week_is_mailed_once(world: Workers) -> None:
    await slot_an_hour_ago(world)
    replicas = [world.services(f"w{i}") for i in range(2)]
    await asyncio.gather(*(world.tick(replica) for replica in replicas))
    world.now += timedelta(minutes=1)
    await asyncio.gather(*(world.tick(replica) for replica in replicas))
    assert dict(world.transport.by_recipient) == EVERYBODY
    kinds = [run.kind for run in await memory(world).runs.list_runs("datadog")]
    assert sorted(kinds) == [RunKind.DAILY, RunKind.WEEKLY]


async def slot_an_hour_ago(world: Workers) -> None:
    """NOW is a Tuesday, 9:00 UTC; the schedule is of last week."""
    made = world.services()
    await made.config.change({"schedule_day": "tuesday", "schedule_hour": 8}, ACTOR, world.now)
    config = await memory(world).config.get(world.now)
    since = {"schedule_since": world.now - timedelta(days=2), "version": config.version + 1}
    assert await memory(world).config.replace(config.model_copy(update=since))


async def test_a_slot_that_was_missed_by_more_than_three_days_is_reported_and_never_emailed(
    world: Workers,
) -> None:
    await slot_an_hour_ago(world)
    made = world.services()
    await world.tick(made)
    mails = len(world.transport.mails)
    world.now += timedelta(days=10, hours=23)  # the slot of the week after is 4 days old
    await world.tick(made)
    await world.tick(world.services("other"))
    weekly = await memory(world).runs.list_runs("datadog", kind=RunKind.WEEKLY)
    assert [(run.period, run.state) for run in weekly] == [
        ("2026-W49", RunState.FAILED),
        ("2026-W48", RunState.DONE),
    ]
    assert "run-report --period 2026-W49" in str(weekly[0].last_error)
    assert len(world.transport.mails) == mails


async def test_a_slot_that_came_before_a_change_of_the_zone_is_begun_where_its_week_is_not_yet(
    world: Workers,
) -> None:
    """Monday begins in Kiritimati while it is Sunday in Honolulu."""
    world.now = datetime(2026, 11, 29, 10, 0, 20, tzinfo=UTC)
    made = world.services()
    before = {"schedule_hour": 0, "schedule_timezone": "Pacific/Kiritimati"}
    await made.config.change(before, ACTOR, world.now - timedelta(days=1))
    await made.config.change({"schedule_timezone": "Pacific/Honolulu"}, ACTOR, world.now)
    await world.tick(made)
    (found,) = await memory(world).runs.list_runs("datadog", kind=RunKind.WEEKLY)
    assert (found.period, found.state) == ("2026-W49", RunState.DONE)
    assert dict(world.transport.by_recipient) == EVERYBODY


async def test_wrong_email_settings_are_visible_on_the_run(world: Workers) -> None:
    """Not only in the log: who is to be told of a run that did not go out needs the run."""
    await slot_an_hour_ago(world)
    config = await memory(world).config.get(world.now)
    unreadable = {"smtp_host": "mail.example.org", "smtp_password_encrypted": "of another key"}
    changed = config.model_copy(update={**unreadable, "version": config.version + 1})
    assert await memory(world).config.replace(changed)
    await world.tick(world.services())
    (found,) = await memory(world).runs.list_runs("datadog", kind=RunKind.WEEKLY)
    assert (found.state, found.attempts) == (RunState.OPEN, 1)
    assert "SECRET_KEY" in str(found.last_error)
    trouble = RunTrouble(memory(world).runs, memory(world).deliveries, "datadog")
    (stuck,) = await trouble.stuck_runs(world.now + timedelta(minutes=31))
    assert stuck.run.id == found.id
    (daily,) = await memory(world).runs.list_runs("datadog", kind=RunKind.DAILY)
    assert daily.state is RunState.DONE


async def test_a_source_that_was_not_at_work_yet_has_missed_nothing(world: Workers) -> None:
    await slot_an_hour_ago(world)
    world.now += timedelta(days=4)
    await world.tick(world.services())
    assert await memory(world).runs.list_runs("datadog", kind=RunKind.WEEKLY) == []


async def test_the_next_slots_are_those_that_will_send(world: Workers) -> None:
    made = world.services()
    slots = await made.runs.upcoming(world.now)
    assert [slot.isoformat() for slot in slots] == [
        "2026-11-30T09:00:00+00:00",
        "2026-12-07T09:00:00+00:00",
        "2026-12-14T09:00:00+00:00",
    ]
    await made.config.change({"schedule_day": "friday"}, ACTOR, world.now)
    assert (await made.runs.upcoming(world.now))[0].isoformat() == "2026-11-27T09:00:00+00:00"
    await world.asked()  # the week's report is made by hand
    assert (await made.runs.upcoming(world.now))[0].isoformat() == "2026-12-04T09:00:00+00:00"


async def test_anomalies_are_raised_once_over_runs_and_replicas(world: Workers) -> None:
    await world.services().config.change(
        {"anomaly_threshold": 0.1, "min_increase": 0}, ACTOR, world.now
    )
    raised: list[str] = []
    keep = memory(world).anomalies.raise_once

    async def raise_once(anomaly: Any) -> bool:
        await asyncio.sleep(0)
        new = await keep(anomaly)
        if new:
            raised.append(anomaly.id)
        return new

    memory(world).anomalies.raise_once = raise_once  # type: ignore[method-assign]
    weekly, daily = await world.asked(), await world.asked(CLOCK, RunKind.DAILY)
    replicas = [world.services(f"w{i}") for i in range(2)]
    results = await together(
        *(replica.worker.work(run.id) for replica in replicas for run in (weekly, daily))
    )
    assert results == [None] * 4
    assert raised
    assert len(raised) == len(set(raised))
    accounts = [one.account_id for one in await memory(world).anomalies.open_of("datadog")]
    assert len(accounts) == len(set(accounts))
