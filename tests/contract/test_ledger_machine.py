"""A state machine drives the ledger, in memory and on MongoDB, through whatever can happen.

Workers claim, hand over, die, freeze and wake up, take over from each other; the mail server takes
bodies whenever they come, also from workers whose delivery is another's by then. What it took is
counted and compared with what the ledger says after every step. All workers take their mails from
one rate budget.
"""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from services.adapters.store import MongoStore
from services.domain import Delivery, DeliveryPhase, DeliveryState
from services.mailing.delivery_outcomes import MAX_AMBIGUOUS
from services.ports import DeliveryLedger, RateBudgetStore
from tests.fakes.store.deliveries import MemoryDeliveries
from tests.fakes.store.rate_budget import MemoryRateBudget
from tests.makers import NOW, delivery

TTL = timedelta(seconds=60)
KEEP_TRYING = timedelta(days=3)
PER_MINUTE = 3
ENDED = {
    DeliveryState.SENT,
    DeliveryState.FAILED,
    DeliveryState.UNKNOWN,
    DeliveryState.EXPIRED,
    DeliveryState.SKIPPED,
}
FOR_GOOD = {DeliveryState.SENT, DeliveryState.SKIPPED}
WORKERS = ("a", "b", "c")
ENDS = (
    "sent",
    "sent",
    "sent",
    "lost",
    "claimed",
    "entered",
    "unheard",
    "accepted",
    "lost",
    "accepted",
)
"""``unheard``: MongoDB stored that the body goes out, and its answer never came."""
Result = TypeVar("Result")
runs = itertools.count()


@dataclass
class Hand:
    """A delivery as one worker holds it, however long ago it was another's."""

    worker: str
    delivery: Delivery
    in_data: bool = False
    accepted: bool = False
    dead: bool = False
    """The process has ended; what it has written to its socket may still arrive."""


class LedgerMachine(RuleBasedStateMachine):
    """The rules; ``ledger``, ``rates`` and ``loop`` are given by the test."""

    ledger: DeliveryLedger
    rates: RateBudgetStore
    loop: asyncio.AbstractEventLoop

    def __init__(self) -> None:
        super().__init__()
        self.run = f"run{next(runs)}"
        self.now = NOW
        self.hands: list[Hand] = []
        self.gone: set[str] = set()
        self.accepts: Counter[str] = Counter()
        self.seen: dict[str, Delivery] = {}
        self.retried = False
        self.permits: list[datetime] = []

    def do(self, work: Awaitable[Result]) -> Result:
        return self.loop.run_until_complete(_awaited(work))

    def stored(self) -> dict[str, Delivery]:
        found = self.do(self.ledger.list_deliveries(self.run))
        return {one.id: one for one in found}

    @property
    def living(self) -> list[Hand]:
        return [hand for hand in self.hands if not hand.dead]

    # What happens

    @initialize(number=st.integers(1, 3))
    def plan(self, number: int) -> None:
        made = [
            delivery(f"{self.run}.{i}", run_id=self.run, not_after=NOW + KEEP_TRYING)
            for i in range(number)
        ]
        self.do(self.ledger.plan(made))

    @rule()
    def plan_again(self) -> None:
        made = [delivery(name, run_id=self.run, not_after=NOW + KEEP_TRYING) for name in self.seen]
        self.do(self.ledger.plan(made))

    @rule(seconds=st.sampled_from([0.3, 1, 20, 20, 61, 3600, 90_000]))
    def time_passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    @rule(number=st.integers(1, 9), seconds=st.sampled_from([0.0, 0.3, 7, 20]))
    def workers_ask_for_permits(self, number: int, seconds: float) -> None:
        for _ in range(number):
            wait = self.do(self.rates.take(f"{self.run}@example.org", PER_MINUTE, self.now))
            if wait == 0.0:
                self.permits.append(self.now)
            else:
                assert 0.0 < wait <= 61.0
            self.now += timedelta(seconds=seconds)

    @rule(worker=st.sampled_from(WORKERS), ends=st.sampled_from(ENDS))
    def work(self, worker: str, ends: str) -> None:
        """One delivery, to one of the points at which a worker may end or freeze."""
        before = self.stored()
        found = self.do(self.ledger.claim(self.run, worker, self.now, TTL))
        if found is None:
            return
        assert before[found.id].state is DeliveryState.PENDING
        self.gone.discard(worker)
        hand = Hand(worker, found)
        self.hands.append(hand)
        if ends == "claimed":
            return
        self._enter(hand)
        if ends == "unheard":
            hand.in_data = False
        if ends in {"entered", "unheard"}:
            return
        self._accept(hand)
        if ends == "sent":
            self._finish(hand, DeliveryState.SENT)
        elif ends == "lost":
            self._finish(hand, _unsure(found, resend=True), ambiguous=True)

    @precondition(lambda self: any(not one.in_data for one in self.living))
    @rule(number=st.integers(0, 9))
    def enter_data(self, number: int) -> None:
        hands = [one for one in self.living if not one.in_data]
        self._enter(hands[number % len(hands)])

    def _enter(self, hand: Hand) -> None:
        mine = self._is(hand, DeliveryPhase.CLAIM)
        entered = self.do(self.ledger.enter_data(hand.delivery, "0" * 64, self.now, TTL))
        assert entered == mine
        if entered:
            hand.in_data = True
        else:
            self.hands.remove(hand)  # it is another's: this worker lets it go

    def _is(self, hand: Hand, *phases: DeliveryPhase) -> bool:
        """Whether the delivery is still this worker's, and so far: no other write may succeed."""
        stored = self.stored()[hand.delivery.id]
        mine = (stored.fence, stored.state) == (hand.delivery.fence, DeliveryState.SENDING)
        return mine and stored.phase in phases

    @precondition(lambda self: any(one.in_data and not one.accepted for one in self.hands))
    @rule(number=st.integers(0, 9))
    def the_server_takes_a_body(self, number: int) -> None:
        """Also from a worker that was frozen before it wrote to the socket."""
        hands = [hand for hand in self.hands if hand.in_data and not hand.accepted]
        self._accept(hands[number % len(hands)])

    def _accept(self, hand: Hand) -> None:
        hand.accepted = True
        self.accepts[hand.delivery.id] += 1

    @precondition(lambda self: any(one.accepted for one in self.living))
    @rule(number=st.integers(0, 9))
    def the_answer_comes(self, number: int) -> None:
        hands = [one for one in self.living if one.accepted]
        self._finish(hands[number % len(hands)], DeliveryState.SENT)

    @precondition(lambda self: any(not one.accepted for one in self.living))
    @rule(number=st.integers(0, 9), for_good=st.booleans())
    def the_server_refuses(self, number: int, for_good: bool) -> None:
        hands = [one for one in self.living if not one.accepted]
        state = DeliveryState.FAILED if for_good else DeliveryState.PENDING
        self._finish(hands[number % len(hands)], state)

    @precondition(lambda self: any(one.in_data for one in self.living))
    @rule(number=st.integers(0, 9), resend=st.booleans())
    def the_answer_is_lost(self, number: int, resend: bool) -> None:
        hands = [one for one in self.living if one.in_data]
        hand = hands[number % len(hands)]
        self._finish(hand, _unsure(hand.delivery, resend=resend), ambiguous=True)

    @precondition(lambda self: any(not one.accepted for one in self.living))
    @rule(number=st.integers(0, 9))
    def give_back(self, number: int) -> None:
        hands = [one for one in self.living if not one.accepted]
        hand = hands[number % len(hands)]
        mine = self._is(hand, DeliveryPhase.CLAIM, DeliveryPhase.DATA)
        assert self.do(self.ledger.give_back(hand.delivery, self.now)) == mine
        self.hands.remove(hand)

    @precondition(lambda self: any(not one.in_data for one in self.living))
    @rule(number=st.integers(0, 9))
    def skip(self, number: int) -> None:
        hands = [one for one in self.living if not one.in_data]
        self._finish(hands[number % len(hands)], DeliveryState.SKIPPED)

    def _finish(self, hand: Hand, state: DeliveryState, *, ambiguous: bool = False) -> None:
        phase = DeliveryPhase.DATA if hand.in_data else DeliveryPhase.CLAIM
        later = self.now + timedelta(seconds=20) if state is DeliveryState.PENDING else None
        mine = self._is(hand, phase)
        stored = self.do(
            self.ledger.finish(
                hand.delivery, phase, state, self.now, not_before=later, ambiguous=ambiguous
            )
        )
        assert stored == mine
        self.hands.remove(hand)

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: str) -> None:
        """A killed process; a body that was on its way may still arrive."""
        for hand in [one for one in self.hands if one.worker == worker]:
            hand.dead = True
            if not hand.in_data:
                self.hands.remove(hand)
        self.gone.add(worker)

    @rule(worker=st.sampled_from(WORKERS), resend=st.booleans(), again=st.booleans())
    def all_others_freeze(self, worker: str, resend: bool, again: bool) -> None:
        """For longer than their leases; one worker takes over, and then they wake up."""
        self.now += TTL + timedelta(seconds=1)
        self.recover(worker, resend)
        if again:
            self.now += timedelta(seconds=30)
            self.work(worker, "claimed")
        self.whoever_has_lost_a_delivery_writes_nothing()

    @rule(worker=st.sampled_from(WORKERS), resend=st.booleans())
    def recover(self, worker: str, resend: bool) -> None:
        for name in self.do(self.ledger.owners(self.run)) & self.gone:
            self.do(self.ledger.disown(self.run, name, self.now))
        for left in self.do(self.ledger.abandoned(self.run, self.now)):
            taken = self.do(self.ledger.take_over(left, worker, self.now, TTL))
            assert taken is not None
            assert taken.fence == left.fence + 1
            if taken.phase is DeliveryPhase.DATA:
                self._finish_of(taken, _unsure(taken, resend=resend))
            else:
                assert self.do(self.ledger.give_back(taken, self.now))

    def _finish_of(self, taken: Delivery, state: DeliveryState) -> None:
        later = self.now if state is DeliveryState.PENDING else None
        assert self.do(
            self.ledger.finish(
                taken, DeliveryPhase.DATA, state, self.now, not_before=later, ambiguous=True
            )
        )

    @rule(late=st.booleans())
    def expire(self, late: bool) -> None:
        if late:
            self.now += KEEP_TRYING + timedelta(seconds=1)
        self.do(self.ledger.expire(self.run, self.now))

    @rule()
    def somebody_retries(self) -> None:
        self.do(self.ledger.retry(self.run, self.now, self.now + KEEP_TRYING))
        self.retried = True

    # What must be true after each step

    @rule()
    def whoever_has_lost_a_delivery_writes_nothing(self) -> None:
        """Frozen workers wake up with what is another's, or goes over another way, by now."""
        for hand in self.living:
            for phase in DeliveryPhase:
                if not self._is(hand, phase):
                    assert not self.do(
                        self.ledger.finish(hand.delivery, phase, DeliveryState.SENT, self.now)
                    )
            if not self._is(hand, DeliveryPhase.CLAIM):
                assert not self.do(self.ledger.enter_data(hand.delivery, "0" * 64, self.now, TTL))
            if not self._is(hand, *DeliveryPhase):
                assert not self.do(self.ledger.give_back(hand.delivery, self.now))

    @invariant()
    def the_ledger_tells_the_truth(self) -> None:
        stored = self.stored()
        for name, one in stored.items():
            assert self.accepts[name] <= 1 + one.ambiguous, one
            if one.state is DeliveryState.SENT:
                assert self.accepts[name] >= 1, one
            if one.state is not DeliveryState.SENDING:
                assert (one.phase, one.owner, one.lease_until) == (None, None, None), one
            before = self.seen.get(name)
            if before is not None:
                self._moved_rightly(before, one)
        assert set(self.seen) <= set(stored)
        self.seen, self.retried = stored, False

    @invariant()
    def no_minute_has_more_mails_than_the_budget(self) -> None:
        for at in self.permits:
            minute = [
                permit for permit in self.permits if at <= permit < at + timedelta(seconds=60)
            ]
            assert len(minute) <= PER_MINUTE

    def _moved_rightly(self, before: Delivery, after: Delivery) -> None:
        assert after.fence >= before.fence
        assert after.ambiguous >= before.ambiguous
        assert (after.message_id, after.date) == (before.message_id, before.date)
        if before.state in FOR_GOOD or (before.state in ENDED and not self.retried):
            assert after.state is before.state, (before, after)

    def teardown(self) -> None:
        """All workers die; one that lives brings every delivery to its end."""
        if not self.seen:
            return
        self.gone.update(WORKERS)
        self.hands.clear()
        for _ in range(20):
            self.all_others_freeze(worker="last", resend=True, again=False)
            self.expire(late=False)
            while (
                found := self.do(self.ledger.claim(self.run, "last", self.now, TTL))
            ) is not None:
                assert self.do(self.ledger.enter_data(found, "0" * 64, self.now, TTL))
                self.accepts[found.id] += 1
                self.hands.append(Hand("last", found, in_data=True, accepted=True))
                self._finish(self.hands[-1], DeliveryState.SENT)
            self.the_ledger_tells_the_truth()
        assert {one.state for one in self.seen.values()} <= ENDED
        assert self.do(self.ledger.next_due(self.run)) is None


def _unsure(one: Delivery, *, resend: bool) -> DeliveryState:
    again = resend and one.ambiguous < MAX_AMBIGUOUS
    return DeliveryState.PENDING if again else DeliveryState.UNKNOWN


async def _awaited(work: Awaitable[Result]) -> Result:
    return await work


def _driven(
    ledger: DeliveryLedger,
    rates: RateBudgetStore,
    loop: asyncio.AbstractEventLoop,
    examples: int,
    phases: Sequence[Phase] = tuple(Phase),
) -> None:
    parts = {"ledger": ledger, "rates": rates, "loop": loop}
    given = type("Given", (LedgerMachine,), parts)
    run_state_machine_as_test(
        given,
        settings=settings(
            max_examples=examples,
            stateful_step_count=40,
            deadline=None,
            phases=phases,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    found = asyncio.new_event_loop()
    yield found
    found.close()


def test_the_ledger_in_memory_keeps_its_word(
    loop: asyncio.AbstractEventLoop, is_long: bool
) -> None:
    _driven(MemoryDeliveries(), MemoryRateBudget(), loop, examples=150 if is_long else 50)


def test_the_ledger_on_mongodb_keeps_its_word(
    mongo_url: str, loop: asyncio.AbstractEventLoop, is_long: bool
) -> None:
    async def opened() -> MongoStore:
        store = MongoStore(mongo_url, f"machine_{next(runs)}_{id(loop)}")
        await store.prepare()
        return store

    store = loop.run_until_complete(opened())
    try:
        # Without looking for the shortest story: the ledger in memory finds that much sooner.
        examples = 40 if is_long else 15
        _driven(
            store.deliveries, store.rate_budget, loop, examples, (Phase.explicit, Phase.generate)
        )
    finally:
        loop.run_until_complete(store.aclose())
