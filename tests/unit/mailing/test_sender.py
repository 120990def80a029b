"""Deliveries under faults: every mail once, unsure ones never silently, nothing lost."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest

from services.domain import Delivery, DeliveryState, FrozenReport
from services.domain.errors import LostLeaseError, MailConnectError, StoreUnavailableError
from services.mailing.delivery_outcomes import Backoff, SenderSettings
from services.mailing.sender import Sender
from services.runtime.context import Context, Pacing
from services.runtime.shutdown import Shutdown
from services.runtime.timeouts import PRODUCTION
from tests.fakes.costs import FakeCosts
from tests.fakes.mail import (
    MemoryTransport,
    cut_off,
    greylisted,
    lost_after_body,
    unknown_mailbox,
)
from tests.fakes.store.deliveries import MemoryDeliveries
from tests.fakes.store.rate_budget import MemoryRateBudget
from tests.fakes.store.runs import MemoryRuns
from tests.makers import NOW, delivery, frozen, run


async def nothing() -> None:
    """Nobody watches."""


@dataclass
class World:
    """A sender with its ledger, a clock that moves when it sleeps, and a transport."""

    transport: MemoryTransport = field(default_factory=MemoryTransport)
    ledger: MemoryDeliveries = field(default_factory=MemoryDeliveries)
    runs: MemoryRuns = field(default_factory=MemoryRuns)
    rates: MemoryRateBudget = field(default_factory=MemoryRateBudget)
    now: datetime = NOW
    gone: set[str] = field(default_factory=set)
    removed: set[str] = field(default_factory=set)
    """Addresses that get nothing any more."""

    async def is_still_recipient(self, report: FrozenReport, recipient: str) -> bool:
        return recipient not in self.removed

    def timer(self) -> float:
        return self.now.timestamp()

    def clock(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def sender(
        self,
        owner: str = "w",
        when_unsure: Literal["resend", "hold"] = "resend",
        shutdown: Shutdown | None = None,
    ) -> Sender:
        return Sender(
            ledger=self.ledger,
            runs=self.runs,
            rates=self.rates,
            is_still_recipient=self.is_still_recipient,
            settings=SenderSettings(when_unsure),
            context=Context(
                source=FakeCosts([]).description,
                clock=self.clock,
                worker=owner,
                is_worker_dead=self.gone.__contains__,
                shutdown=shutdown or Shutdown(self.sleep),
                pacing=Pacing(self.timer, self.sleep, random.Random(1)),
            ),
        )

    async def planned(self, number: int) -> None:
        await self.runs.begin(run())
        await self.runs.freeze([frozen()])
        await self.ledger.plan([delivery(f"d{i}") for i in range(number)])

    async def work(self, sender: Sender, hours: float = 30) -> None:
        """Sends whatever comes due, until nothing more does or the time is over."""
        until = self.now + timedelta(hours=hours)

        while self.now < until:
            await sender.recover("r")
            await self.ledger.expire("r", self.now)
            await sender.send_due("r", self.transport, nothing)
            due = await self.ledger.next_due("r")
            if due is None:
                return
            self.now = max(self.now + timedelta(seconds=1), due)

    def one(self, name: str) -> Delivery:
        return self.ledger.deliveries[name]


@pytest.fixture
async def world() -> World:
    found = World()
    await found.planned(4)
    return found


async def test_every_email_goes_once(world: World) -> None:
    await world.work(world.sender())
    assert dict(world.transport.by_recipient) == {f"d{i}@example.org": 1 for i in range(4)}
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 4}
    assert world.transport.connections <= world.transport.lanes


async def test_one_refused_recipient_does_not_stop_the_rest(world: World) -> None:
    world.transport.on_offer["d1@example.org"] = [unknown_mailbox()]
    await world.work(world.sender())
    assert (world.one("d1").state, world.one("d1").error) == (
        DeliveryState.FAILED,
        "550 no such mailbox",
    )
    assert len(world.transport.mails) == 3


async def test_a_sender_that_is_not_accepted_ends_the_sending_and_fails_no_delivery(
    world: World,
) -> None:
    not_accepted = MailConnectError("550 not your address", permanent=True, code=550)
    world.transport.on_offer = {f"d{i}@example.org": [not_accepted] * 9 for i in range(4)}
    with pytest.raises(MailConnectError, match="not your address"):
        await world.work(world.sender())
    assert await world.ledger.counts("r") == {DeliveryState.PENDING: 4}
    assert [world.one(f"d{i}").attempts for i in range(4)] == [0] * 4

    world.transport.on_offer.clear()
    await world.work(world.sender())
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 4}


async def test_a_sender_that_is_refused_after_the_body_keeps_everything_pending() -> None:
    world = World()
    await world.planned(20)
    denied = MailConnectError("554 5.2.252 SendAsDenied", permanent=True, code=554)
    world.transport.on_hand_over = {f"d{i}@example.org": [denied] for i in range(20)}
    with pytest.raises(MailConnectError, match="SendAsDenied"):
        await world.work(world.sender())
    assert await world.ledger.counts("r") == {DeliveryState.PENDING: 20}
    assert world.transport.mails == []
    assert sum(one.attempts for one in world.ledger.deliveries.values()) <= world.transport.lanes

    world.transport.on_hand_over.clear()
    await world.work(world.sender())
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 20}
    assert set(world.transport.by_recipient.values()) == {1}


async def test_a_greylisted_email_comes_within_half_a_minute_and_backs_off(world: World) -> None:
    world.transport.on_offer["d1@example.org"] = [greylisted() for _ in range(3)]
    times: list[datetime] = []
    keep = world.ledger.claim

    async def claim(run_id: str, owner: str, now: datetime, ttl: timedelta) -> Delivery | None:
        found = await keep(run_id, owner, now, ttl)
        if found is not None and found.id == "d1":
            times.append(world.now)
        return found

    world.ledger.claim = claim  # type: ignore[method-assign]
    await world.work(world.sender())
    waits = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert len(waits) == 3
    assert waits[0] <= 30
    assert 45 <= waits[1] <= 75
    assert 140 <= waits[2] <= 220
    assert (world.one("d1").state, world.one("d1").attempts) == (DeliveryState.SENT, 4)


async def test_a_connection_that_is_cut_is_tried_again_and_the_email_comes_once(
    world: World,
) -> None:
    world.transport.on_offer["d0@example.org"] = [cut_off(), cut_off()]
    world.transport.on_hand_over["d2@example.org"] = [cut_off()]
    await world.work(world.sender())
    assert set(world.transport.by_recipient.values()) == {1}
    assert len(world.transport.by_recipient) == 4


async def test_a_lost_reply_sends_the_identical_email_again(world: World) -> None:
    world.transport.on_hand_over["d1@example.org"] = [lost_after_body(accepted=True)]
    world.transport.on_hand_over["d2@example.org"] = [lost_after_body(accepted=False)]
    await world.work(world.sender())
    raws = [raw for to, raw in world.transport.mails if to == "d1@example.org"]
    assert len(raws) == 2
    assert raws[0] == raws[1]
    assert world.transport.by_recipient["d2@example.org"] == 1
    assert (world.one("d1").state, world.one("d1").ambiguous) == (DeliveryState.SENT, 1)


async def test_a_lost_answer_is_held_when_the_operator_wants_that(world: World) -> None:
    world.transport.on_hand_over["d1@example.org"] = [lost_after_body(accepted=True)]
    await world.work(world.sender(when_unsure="hold"))
    assert world.one("d1").state is DeliveryState.UNKNOWN
    assert world.transport.by_recipient["d1@example.org"] == 1


async def test_answers_that_keep_getting_lost_are_left_to_a_person(world: World) -> None:
    world.transport.on_hand_over["d1@example.org"] = [
        lost_after_body(accepted=True) for _ in range(9)
    ]
    await world.work(world.sender())
    assert world.one("d1").state is DeliveryState.UNKNOWN
    assert world.transport.by_recipient["d1@example.org"] == 3


@pytest.mark.parametrize(("taken", "unsure"), [(True, 4), (False, 0)], ids=["taken", "cut off"])
async def test_a_server_that_breaks_every_connection_gets_only_a_few_emails_at_a_time(
    taken: bool, unsure: int
) -> None:
    world = World()
    await world.planned(30)
    world.transport.lanes = 1
    for i in range(30):
        errors = [lost_after_body(accepted=True) if taken else cut_off() for _ in range(9)]
        plan = world.transport.on_hand_over if taken else world.transport.on_offer
        plan[f"d{i}@example.org"] = list(errors)
    with pytest.raises(MailConnectError, match="4 connections in a row"):
        await world.sender().send_due("r", world.transport, nothing)
    assert sum(one.ambiguous for one in world.ledger.deliveries.values()) == unsure
    assert sum(one.attempts for one in world.ledger.deliveries.values()) == 4
    assert len(world.transport.mails) == unsure


async def test_after_an_unknown_outcome_only_the_identical_email_may_follow(world: World) -> None:
    world.transport.on_hand_over["d1@example.org"] = [lost_after_body(accepted=True)]

    async def change_of_sender() -> None:
        if world.one("d1").ambiguous:
            world.transport.sender = "other@example.org"

    sender = world.sender()
    await sender.send_due("r", world.transport, change_of_sender)
    await world.work(sender)
    assert world.one("d1").state is DeliveryState.UNKNOWN
    assert world.transport.by_recipient["d1@example.org"] == 1


async def test_what_a_dead_worker_claimed_goes_back_and_what_it_handed_over_is_unsure(
    world: World,
) -> None:
    assert await world.ledger.claim("r", "dead", NOW, PRODUCTION.delivery_ttl)
    claimed = await world.ledger.claim("r", "dead", NOW, PRODUCTION.delivery_ttl)
    assert claimed is not None
    assert await world.ledger.enter_data(claimed, "0" * 64, NOW, PRODUCTION.delivery_ttl)
    await world.work(world.sender(when_unsure="hold"))

    assert world.one(claimed.id).state is DeliveryState.UNKNOWN
    assert world.now - NOW >= PRODUCTION.delivery_ttl
    assert len(world.transport.mails) == 3


async def test_a_worker_that_is_known_to_be_dead_is_not_waited_for(world: World) -> None:
    assert await world.ledger.claim("r", "dead", NOW, PRODUCTION.delivery_ttl)
    world.gone.add("dead")
    await world.work(world.sender())
    assert world.now - NOW < timedelta(seconds=10)
    assert set(world.transport.by_recipient.values()) == {1}
    assert len(world.transport.mails) == 4


async def test_a_taken_over_worker_writes_and_sends_nothing_more(world: World) -> None:
    keep = world.ledger.enter_data

    async def stolen(delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta) -> bool:
        if delivery.id == "d1" and delivery.attempts == 1 and not stolen_once:
            stolen_once.append(delivery.id)
            world.now += PRODUCTION.delivery_ttl + timedelta(seconds=1)
            (left,) = await world.ledger.abandoned("r", world.now)
            taken = await world.ledger.take_over(left, "quick", world.now, PRODUCTION.delivery_ttl)
            assert taken is not None
            await world.ledger.give_back(taken, world.now)
        return await keep(delivery, raw_sha256, now, ttl)

    stolen_once: list[str] = []
    world.ledger.enter_data = stolen  # type: ignore[method-assign]
    world.transport.lanes = 1
    await world.work(world.sender("slow"))
    assert set(world.transport.by_recipient.values()) == {1}
    assert len(world.transport.mails) == 4


async def test_a_worker_that_was_frozen_before_the_body_does_not_begin_it(world: World) -> None:
    keep = world.ledger.enter_data
    slept: list[str] = []

    async def frozen_process(
        delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        entered = await keep(delivery, raw_sha256, now, ttl)
        if delivery.id == "d1" and not slept:
            slept.append(delivery.id)
            world.now += timedelta(seconds=100)
        return entered

    world.ledger.enter_data = frozen_process  # type: ignore[method-assign]
    await world.work(world.sender())
    assert world.one("d1").attempts == 2
    assert world.transport.by_recipient["d1@example.org"] == 1


async def test_an_outcome_waits_for_the_database(world: World) -> None:
    keep, away = world.ledger.finish, [3]

    async def finish(*args: Any, **more: Any) -> bool:
        if away[0]:
            away[0] -= 1
            raise StoreUnavailableError("away")
        return await keep(*args, **more)

    world.ledger.finish = finish  # type: ignore[method-assign]
    await world.work(world.sender())
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 4}
    assert set(world.transport.by_recipient.values()) == {1}


@pytest.mark.parametrize("ends", [False, True])
async def test_the_outcome_of_an_email_is_known_however_long_the_database_is_unavailable(
    world: World, ends: bool
) -> None:
    keep, back = world.ledger.finish, NOW + timedelta(seconds=PRODUCTION.store_patience + 300)

    async def finish(*args: Any, **more: Any) -> bool:
        if world.now < back:
            raise StoreUnavailableError("away")
        return await keep(*args, **more)

    world.ledger.finish = finish  # type: ignore[method-assign]
    world.transport.on_hand_over["d1@example.org"] = [greylisted()]
    sender = world.sender()
    with pytest.raises(StoreUnavailableError):
        await sender.send_due("r", world.transport, nothing)
    with pytest.raises(StoreUnavailableError):
        await sender.recover("r")
    await sender.settle()

    world.now = back
    if ends:
        # The process ends as soon as the database is back; another one goes on.
        await sender.settle()
        world.gone.add("w")
        sender = world.sender("next")
    await world.work(sender)
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 4}
    assert set(world.transport.by_recipient.values()) == {1}
    assert {one.ambiguous for one in world.ledger.deliveries.values()} == {0}


async def test_a_removed_recipient_gets_nothing_and_the_entry_says_so(world: World) -> None:
    world.transport.on_offer["d1@example.org"] = [greylisted()]

    async def remove() -> None:
        world.removed.add("d1@example.org")

    sender = world.sender()
    await sender.send_due("r", world.transport, remove)
    await world.work(sender)
    assert world.one("d1").state is DeliveryState.SKIPPED
    assert "no longer a recipient" in str(world.one("d1").error)
    assert len(world.transport.mails) == 3


async def test_a_report_that_cannot_be_read_for_now_fails_no_delivery(world: World) -> None:
    keep = world.runs.frozen

    async def away(report_id: str) -> FrozenReport | None:
        raise StoreUnavailableError("away")

    world.runs.frozen = away  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailableError):
        await world.sender().send_due("r", world.transport, nothing)
    assert await world.ledger.counts("r") == {DeliveryState.PENDING: 4}
    assert all(one.attempts == 0 for one in world.ledger.deliveries.values())
    world.runs.frozen = keep  # type: ignore[method-assign]
    await world.work(world.sender())
    assert len(world.transport.mails) == 4


@pytest.mark.parametrize("written", [True, False])
async def test_before_the_body_an_answer_of_the_database_that_is_lost_costs_nothing(
    world: World, written: bool
) -> None:
    keep, away = world.ledger.enter_data, [1]

    async def enter_data(delivery: Delivery, *rest: Any) -> bool:
        if not away:
            return await keep(delivery, *rest)
        away.pop()
        if written:
            await keep(delivery, *rest)
        raise StoreUnavailableError("away")

    world.ledger.enter_data = enter_data  # type: ignore[method-assign, assignment]
    world.transport.lanes = 1
    with pytest.raises(StoreUnavailableError):
        await world.sender().send_due("r", world.transport, nothing)
    assert await world.ledger.counts("r") == {DeliveryState.PENDING: 4}
    await world.work(world.sender())
    assert set(world.transport.by_recipient.values()) == {1}
    assert all(one.ambiguous == 0 for one in world.ledger.deliveries.values())


async def test_a_claim_whose_answer_is_lost_is_found_again_without_waiting_for_its_lease(
    world: World,
) -> None:
    keep, away = world.ledger.claim, [1]

    async def claim(*args: Any) -> Delivery | None:
        found = await keep(*args)
        if away:
            away.pop()
            raise StoreUnavailableError("away")
        return found

    world.ledger.claim = claim  # type: ignore[method-assign, assignment]
    world.transport.lanes = 1
    sender = world.sender()
    with pytest.raises(StoreUnavailableError):
        await sender.send_due("r", world.transport, nothing)
    await world.work(sender)
    assert world.now - NOW < timedelta(seconds=10)
    assert dict(world.transport.by_recipient) == {f"d{i}@example.org": 1 for i in range(4)}


async def test_a_body_that_is_not_answered_in_time_is_unsure(world: World) -> None:
    world.transport.reply_timeout_seconds = 0.05

    hung: list[int] = []

    async def once(raw: bytes) -> None:
        if b"d1@example.org" in raw and not hung:
            hung.append(1)
            await asyncio.sleep(3600)

    world.transport.before_body = once
    await world.work(world.sender())
    assert (world.one("d1").state, world.one("d1").ambiguous) == (DeliveryState.SENT, 1)
    assert world.transport.by_recipient["d1@example.org"] == 1


@pytest.mark.parametrize(
    ("stage", "state", "unsure"),
    [
        ("offer", DeliveryState.PENDING, 0),
        ("body", DeliveryState.PENDING, 1),
        ("answer", DeliveryState.SENT, 0),
    ],
)
async def test_cut_off_at_the_end_of_the_grace_it_stores_what_is_known(
    world: World, stage: str, state: DeliveryState, unsure: int
) -> None:
    reached = asyncio.Event()

    async def hang(*_: Any) -> None:
        reached.set()
        await asyncio.sleep(3600)

    keep = world.ledger.finish

    async def slow_finish(*args: Any, **more: Any) -> bool:
        if not reached.is_set():
            await hang()
        return await keep(*args, **more)

    if stage == "offer":
        world.transport.before_offer = hang
    elif stage == "body":
        world.transport.before_body = hang
    else:
        world.ledger.finish = slow_finish  # type: ignore[method-assign]
    world.transport.lanes = 1
    work = asyncio.create_task(world.sender().send_due("r", world.transport, nothing))
    await asyncio.wait_for(reached.wait(), 5)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    found = world.one("d0")
    assert (found.state, found.ambiguous, found.owner) == (state, unsure, None)


async def test_cut_off_while_the_database_is_unavailable_it_stores_what_is_known_at_the_very_end(
    world: World,
) -> None:
    keep, away, reached = world.ledger.finish, [True], asyncio.Event()

    async def finish(*args: Any, **more: Any) -> bool:
        if away:
            reached.set()
            await asyncio.sleep(0)
            raise StoreUnavailableError("away")
        return await keep(*args, **more)

    world.ledger.finish = finish  # type: ignore[method-assign]
    world.transport.lanes = 1
    sender = world.sender()
    work = asyncio.create_task(sender.send_due("r", world.transport, nothing))
    await asyncio.wait_for(reached.wait(), 5)
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    away.clear()
    await sender.settle()
    assert (world.one("d0").state, world.one("d0").ambiguous) == (DeliveryState.SENT, 0)


async def test_after_a_stop_it_waits_for_no_rate_and_no_connection(world: World) -> None:
    world.transport.per_minute = 1
    sender = world.sender(shutdown=Shutdown())
    work = asyncio.create_task(sender.send_due("r", world.transport, nothing))
    while not world.transport.mails:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    sender.stop()
    await asyncio.wait_for(work, 5)
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 1, DeliveryState.PENDING: 3}


async def test_no_more_emails_in_a_minute_than_the_budget(world: World) -> None:
    world.transport.per_minute = 2
    times: list[datetime] = []

    async def note() -> None:
        times.append(world.now)

    await world.sender().send_due("r", world.transport, note)
    assert len(times) == 4
    assert times[2] - times[0] >= timedelta(seconds=60)


@pytest.mark.parametrize("permanent", [True, False])
async def test_a_server_that_does_not_let_us_in_fails_no_delivery(
    world: World, permanent: bool
) -> None:
    world.transport.on_connect = [MailConnectError("no", permanent=permanent) for _ in range(20)]

    with pytest.raises(MailConnectError):
        await world.sender().send_due("r", world.transport, nothing)
    assert await world.ledger.counts("r") == {DeliveryState.PENDING: 4}
    assert all(one.attempts == 0 for one in world.ledger.deliveries.values())
    assert len(world.transport.on_connect) == (18 if permanent else 12)


async def test_after_a_stop_it_ends_after_the_email_in_progress(world: World) -> None:
    sender = world.sender()
    world.transport.lanes = 1

    async def stop() -> None:
        sender.stop()

    await sender.send_due("r", world.transport, stop)
    assert len(world.transport.mails) == 1
    assert await world.ledger.counts("r") == {DeliveryState.SENT: 1, DeliveryState.PENDING: 3}


async def test_a_missing_report_fails_its_deliveries_only(world: World) -> None:
    await world.ledger.plan([delivery("odd", report_id="r|nothing")])
    await world.work(world.sender())
    assert world.one("odd").state is DeliveryState.FAILED
    assert "Run it again" in str(world.one("odd").error)
    assert len(world.transport.mails) == 4


@pytest.mark.parametrize("seed", range(40))
async def test_any_mix_of_faults_and_dying_workers_loses_and_repeats_nothing(seed: int) -> None:
    """Two workers take turns and die at random writes; only unknown fates may come twice."""
    chance = random.Random(seed)
    world = World()
    await world.planned(8)
    faults: list[Callable[[], Exception]] = [greylisted, cut_off]
    for i in range(8):
        to = f"d{i}@example.org"
        if chance.random() < 0.4:
            world.transport.on_offer[to] = [chance.choice(faults)() for _ in range(2)]
        if chance.random() < 0.3:
            world.transport.on_hand_over[to] = [cut_off()]
    for life in range(30):
        worker = f"w{life}"
        sender = world.sender(worker)
        steps = [chance.randrange(2, 40)]

        def dying(name: str, steps: list[int] = steps) -> Any:
            keep = getattr(MemoryDeliveries, name)

            async def step(*args: Any, **more: Any) -> Any:
                steps[0] -= 1
                if steps[0] == 0:
                    raise KilledError
                return await keep(world.ledger, *args, **more)

            return step

        for name in ("claim", "enter_data", "finish", "give_back"):
            setattr(world.ledger, name, dying(name))
        try:
            await world.work(sender)
            break
        except (KilledError, LostLeaseError, MailConnectError):
            world.gone.add(worker)
    counts = await world.ledger.counts("r")
    assert counts == {DeliveryState.SENT: 8} or set(counts) <= {
        DeliveryState.SENT,
        DeliveryState.UNKNOWN,
    }
    for i in range(8):
        name, sent = f"d{i}", world.transport.by_recipient[f"d{i}@example.org"]
        unsure = world.one(name).ambiguous
        assert sent >= 1 or unsure
        assert sent <= 1 + unsure
        raws = {raw for to, raw in world.transport.mails if to == f"{name}@example.org"}
        assert len(raws) <= 1


class KilledError(BaseException):
    """The process ends here."""


def test_retries_spread_and_grow() -> None:
    backoff = Backoff(PRODUCTION, random.Random(1))
    first = [backoff.after(1).total_seconds() for _ in range(200)]
    assert 16 <= min(first) < max(first) <= 24
    assert backoff.after(50) <= timedelta(seconds=3600 * 1.2)
