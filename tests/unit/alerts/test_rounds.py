"""Cards under faults: none twice, none lost without a mail, and nothing written by the stale."""

import asyncio
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cards.runs import run_trouble
from services.alerts import GIVE_UP_AFTER, UNREACHABLE_AFTER, AlertRounds
from services.domain import (
    Alert,
    AlertContent,
    Anomaly,
    AnomalyContent,
    Conversation,
    PostedMessage,
    RunContent,
    RunKind,
    RunState,
)
from services.domain.errors import (
    AgentError,
    ConversationGoneError,
    MessageFateUnknownError,
    MessageRefusedError,
    StoreUnavailableError,
)
from services.ports import Departure
from services.runtime.context import Context, Pacing
from services.runtime.timeouts import Timing
from tests.fakes.application import Fakes
from tests.fakes.costs import FakeCosts
from tests.fakes.mail import MemoryTransport
from tests.fakes.notifier import MemoryNotifier
from tests.fakes.store import MemoryStore
from tests.makers import NOW, delivery, run

ACCOUNT = "1" * 12
TIMING = Timing()


class KilledError(BaseException):
    """The process ends here."""


@dataclass
class World:
    """Alerts over a store in memory, with one channel and one open anomaly."""

    store: MemoryStore = field(default_factory=MemoryStore)
    notifier: MemoryNotifier = field(default_factory=MemoryNotifier)
    now: datetime = NOW
    transport: MemoryTransport = field(default_factory=MemoryTransport)

    def alerts(self) -> AlertRounds:
        context = Context(
            source=FakeCosts([]).description,
            clock=lambda: self.now,
            worker="w",
            is_worker_dead=lambda _: False,
            timing=TIMING,
            pacing=Pacing(self.timer, self.sleep),
        )
        fakes = Fakes(
            self.store, transport=self.transport, notifier=self.notifier, app_id="an app"
        )
        return fakes.application(context).alerts

    def timer(self) -> float:
        return self.now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    async def tick(self, **later: float) -> None:
        self.now += timedelta(**later)
        await self.alerts().tick(self.now)

    async def alert(self) -> Alert:
        found = await self.store.alerts.get("a|19:c")
        assert found is not None
        return found

    async def mails(self) -> list[str]:
        """The subjects of the notices that were told by mail."""
        reports = self.store.runs.reports.values()
        return [report.rendered.subject for report in reports if report.kind == "notice"]


@pytest.fixture
async def world() -> World:
    found = World()
    config = await found.store.config.get(NOW)
    told = {"global_admin_emails": ("cfo@example.org",), "version": config.version + 1}
    assert await found.store.config.replace(config.model_copy(update=told))
    await found.store.conversations.seen(
        Conversation(
            id="19:c",
            kind="channel",
            service_url="https://smba.example.com/",
            tenant_id="t",
            bot_id="28:b",
            alerts_since=NOW - timedelta(days=9),
            updated_at=NOW,
        )
    )
    await found.store.anomalies.raise_once(
        Anomaly(
            id="a",
            kind="threshold",
            source="datadog",
            account_id=ACCOUNT,
            service="EC2",
            start=NOW.date(),
            excess=Decimal(120),
            raised_at=NOW,
            updated_at=NOW,
        )
    )
    return found


async def test_a_card_is_posted_once_by_however_many_workers(world: World) -> None:
    await asyncio.gather(*(world.alerts().tick(world.now) for _ in range(5)))
    await world.tick(minutes=30)
    assert len(world.notifier.posts) == 1
    assert (await world.alert()).state == "posted"


async def test_a_worker_that_dies_before_the_post_leaves_the_card_to_the_next(
    world: World,
) -> None:
    keep = world.store.alerts.replace

    async def dying(alert: Alert) -> Alert | None:
        raise KilledError

    world.store.alerts.replace = dying  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        await world.tick()
    world.store.alerts.replace = keep  # type: ignore[method-assign]
    await world.tick(seconds=TIMING.alert_claim - 1)
    assert world.notifier.posts == []
    await world.tick(seconds=1)
    assert len(world.notifier.posts) == 1


async def test_a_worker_that_dies_after_the_post_began_leaves_it_unknown_and_mailed(
    world: World,
) -> None:
    def die() -> None:
        raise KilledError

    world.notifier.before_post = die
    with pytest.raises(KilledError):
        await world.tick()
    world.notifier.before_post = lambda: None
    await world.tick(seconds=TIMING.alert_lease - 1)
    assert (await world.alert()).state == "posting"
    await world.tick(seconds=1)
    await world.tick(days=1)
    assert world.notifier.posts == []
    assert (await world.alert()).state == "unknown"
    (subject,) = await world.mails()
    assert "may not have reached" in subject


async def many_channels(world: World, number: int) -> list[str]:
    """As many channels as that get alerts; their ids."""
    names = [f"19:c{i}" for i in range(number)]
    known = await world.store.conversations.get("19:c")
    assert known is not None
    for name in names:
        await world.store.conversations.seen(known.model_copy(update={"id": name}))
    return ["19:c", *names]


async def states(world: World) -> Counter[str]:
    """How many alerts are in each state."""
    return Counter(alert.state for alert in await world.store.alerts.of_subjects(["a"]))


async def killed(world: World, seen: Callable[[], bool]) -> None:
    """A round that ends as soon as something is seen, as by kill -9."""
    round_ = asyncio.create_task(world.tick())
    while not seen():
        await asyncio.sleep(0)
    round_.cancel()
    with pytest.raises(asyncio.CancelledError):
        await round_


async def test_cards_that_wait_for_their_turn_are_posted_by_the_next_worker(world: World) -> None:
    channels, waiting = await many_channels(world, 59), list[int]()

    async def wait_for_turn() -> None:
        waiting.append(1)
        await asyncio.Event().wait()

    world.notifier.before_leaving = wait_for_turn
    await killed(world, lambda: len(waiting) == 60)
    assert await states(world) == {"pending": 60}

    world.notifier.before_leaving = None
    await world.tick(seconds=TIMING.alert_claim)
    assert await states(world) == {"posted": 60}
    assert sorted(name for name, _ in world.notifier.posts) == sorted(channels)
    assert await world.mails() == []


async def test_what_a_killed_worker_had_sent_is_one_email(world: World) -> None:
    await many_channels(world, 59)

    def die() -> None:
        raise KilledError

    world.notifier.before_post = die
    with pytest.raises(KilledError):
        await world.tick()
    world.notifier.before_post = lambda: None
    assert await states(world) == {"posting": 60}
    for _ in range(3):
        await world.tick(seconds=TIMING.alert_lease)
    assert await states(world) == {"unknown": 60}
    assert world.notifier.posts == []
    (subject,) = await world.mails()
    assert subject == "AWS Cost Agent: 60 alerts may not have reached their channels"
    (text,) = [report.rendered.text for report in world.store.runs.reports.values()]
    assert "And 40 more." in text


async def test_an_outage_of_teams_is_one_email_a_day(world: World) -> None:
    await many_channels(world, 29)
    world.notifier.on_post = [AgentError("503 busy") for _ in range(9999)]
    for _ in range(50):
        await world.tick(minutes=1)
    (subject,) = await world.mails()
    assert subject == "AWS Cost Agent: alerts are not reaching 30 channels"


async def test_a_card_says_from_what_an_anomaly_has_grown_when_it_has_doubled(
    world: World,
) -> None:
    await world.tick()
    steps = ((Decimal(200), None), (Decimal(241), Decimal(120)), (Decimal(300), None))
    for excess, told_before in steps:
        known = await world.store.anomalies.get("a")
        assert known is not None
        await world.store.anomalies.update(known.model_copy(update={"excess": excess}))
        await world.tick(minutes=1)
        _, shown = world.notifier.updates[-1]
        assert isinstance(shown, AnomalyContent)
        assert (shown.anomaly.excess, shown.grown_from) == (excess, told_before)
    assert len(world.notifier.updates) == 3


async def test_an_answer_that_is_lost_is_never_repeated(world: World) -> None:
    world.notifier.on_post = [MessageFateUnknownError("no answer")]
    await world.tick()
    await world.tick(hours=2)
    assert world.notifier.posts == []
    assert (await world.alert()).state == "unknown"
    assert len(await world.mails()) == 1


async def test_a_reply_that_cannot_be_stored_is_held(world: World) -> None:
    keep, away = world.store.alerts.replace, [3]

    async def replace(alert: Alert) -> Alert | None:
        if alert.state == "posted" and away[0]:
            away[0] -= 1
            raise StoreUnavailableError("away")
        return await keep(alert)

    world.store.alerts.replace = replace  # type: ignore[method-assign]
    await world.tick()
    assert (await world.alert()).state == "posted"
    assert len(world.notifier.posts) == 1


async def test_a_worker_frozen_before_the_post_does_not_begin_it(world: World) -> None:
    keep = world.store.alerts.replace

    async def slow(alert: Alert) -> Alert | None:
        stored = await keep(alert)
        if alert.state == "posting" and not world.notifier.posts and alert.fence == 0:
            world.now += timedelta(seconds=TIMING.alert_lease - TIMING.alert_answer + 1)
        return stored

    world.store.alerts.replace = slow  # type: ignore[method-assign]
    await world.tick()
    assert world.notifier.posts == []
    assert (await world.alert()).state == "pending"
    await world.tick(seconds=TIMING.alert_claim)
    assert len(world.notifier.posts) == 1


async def test_a_stale_worker_writes_nothing_over_the_one_that_took_its_card(
    world: World,
) -> None:
    async def zombie_post(
        conversation: Conversation, content: AlertContent, departure: Departure
    ) -> PostedMessage:
        await departure.leave()
        world.now += timedelta(seconds=TIMING.alert_lease)
        await world.alerts().tick(world.now)  # the other worker
        return PostedMessage("late", "19:c")

    world.notifier.post = zombie_post  # type: ignore[method-assign, assignment]
    await world.tick()
    found = await world.alert()
    assert (found.state, found.activity_id) == ("unknown", None)
    assert len(await world.mails()) == 1


async def test_a_worker_that_was_frozen_before_its_card_was_taken_up_posts_nothing(
    world: World,
) -> None:
    keep = world.store.alerts.replace
    frozen_once: list[Alert] = []

    async def replace(alert: Alert) -> Alert | None:
        if not frozen_once:
            frozen_once.append(alert)
            world.now += timedelta(seconds=TIMING.alert_claim)
            await world.alerts().tick(world.now)  # the other worker
        return await keep(alert)

    world.store.alerts.replace = replace  # type: ignore[method-assign]
    await world.tick()
    assert len(world.notifier.posts) == 1
    assert (await world.alert()).activity_id == "m1"


async def test_growth_is_notified_by_one_of_two_workers(world: World) -> None:
    await world.tick()
    (grown,) = await world.store.anomalies.open_of("datadog")
    await world.store.anomalies.update(grown.model_copy(update={"excess": Decimal(500)}))
    keep = world.store.alerts.newest_of

    async def read_together(*args: Any) -> list[Alert]:
        found = await keep(*args)
        await asyncio.sleep(0.01)
        return found

    world.store.alerts.newest_of = read_together  # type: ignore[method-assign, assignment]
    await asyncio.gather(*(world.alerts().tick(world.now) for _ in range(2)))
    assert len(world.notifier.replies) == 1


async def test_a_channel_that_accepts_nothing_for_half_an_hour_is_reported_by_email(
    world: World,
) -> None:
    world.notifier.on_post = [AgentError("503 busy") for _ in range(99)]
    await world.tick()
    for _ in range(int(UNREACHABLE_AFTER.total_seconds() // 60)):
        assert await world.mails() == []
        await world.tick(minutes=1)
    for _ in range(20):
        await world.tick(minutes=1)
    (subject,) = await world.mails()
    assert "are not reaching a channel" in subject
    await world.tick(seconds=GIVE_UP_AFTER.total_seconds())
    assert (await world.alert()).state == "failed"


async def test_a_deleted_channel_is_reported_by_email_before_it_is_marked(world: World) -> None:
    world.notifier.on_post = [ConversationGoneError("gone", "uninstalled")]
    await world.tick()
    (subject,) = await world.mails()
    assert "cannot be reached" in subject
    found = await world.store.conversations.get("19:c")
    assert found is not None
    assert found.state == "uninstalled"


async def test_wrong_email_settings_stop_no_alert(world: World) -> None:
    config = await world.store.config.get(NOW)
    odd = {"smtp_password_encrypted": "not a token", "version": config.version + 1}
    assert await world.store.config.replace(config.model_copy(update=odd))
    world.notifier.on_post = [MessageFateUnknownError("no answer")]
    await world.tick()
    assert (await world.alert()).state == "unknown"


# Runs that did not go out


async def failed_run(world: World, **more: Any) -> None:
    await world.store.runs.begin(
        run("w", state=RunState.DONE, planned=True, created_at=NOW, **more)
    )
    await world.store.deliveries.plan(
        [
            delivery("x", run_id="w", state="sent"),
            delivery("y", run_id="w", state="failed", error="550 no such mailbox"),
        ]
    )


async def run_cards(world: World) -> list[RunContent]:
    return [news for _, news in world.notifier.posts if isinstance(news, RunContent)]


async def test_failed_emails_are_reported_in_the_channel_once_and_so_is_their_recovery(
    world: World,
) -> None:
    await failed_run(world)
    await world.tick()
    await world.tick(minutes=1)
    (news,) = await run_cards(world)
    assert (news.sent, news.failed) == (1, (("y@example.org", "550 no such mailbox"),))
    await world.store.deliveries.retry("w", NOW, NOW + timedelta(days=9))
    claimed = await world.store.deliveries.claim("w", "me", world.now, timedelta(minutes=1))
    assert claimed is not None
    world.store.deliveries.deliveries["y"] = claimed.model_copy(update={"state": "sent"})
    await world.tick(minutes=1)
    await world.tick(minutes=1)
    (news,) = [news for _, news in world.notifier.updates if isinstance(news, RunContent)]
    assert (news.sent, news.failed) == (2, ())
    assert await world.mails() == []


async def test_of_many_failed_emails_a_few_are_named_and_all_are_counted(world: World) -> None:
    await failed_run(world)
    await world.store.deliveries.plan(
        [
            delivery(f"n{number:03d}", run_id="w", state="failed", error="550 no")
            for number in range(70)
        ]
    )
    await world.tick()
    (news,) = await run_cards(world)
    assert (news.sent, len(news.failed), news.failed_count) == (1, 20, 71)
    shown = json.dumps(run_trouble(news))
    assert "1 of 72 emails sent" in shown
    assert "Retry 71" in shown
    assert "and 66 more" in shown


async def test_without_a_channel_they_are_reported_by_email_once(world: World) -> None:
    assert await world.store.conversations.alerts_off("19:c", NOW)
    await failed_run(world)
    await world.tick()
    await world.tick(days=2)
    (subject,) = await world.mails()
    assert "the run for the week of 23 Nov did not go out in full" in subject


@pytest.mark.parametrize(
    "error", [MessageRefusedError("413 too large"), MessageFateUnknownError("no answer")]
)
async def test_a_run_whose_card_no_channel_certainly_shows_is_reported_by_email_once(
    world: World, error: AgentError
) -> None:
    world.notifier.on_post = [error]
    await failed_run(world)
    for _ in range(3):
        await world.tick(minutes=1)
    subjects = [mail for mail in await world.mails() if "did not go out in full" in mail]
    assert len(subjects) == 1
    assert await run_cards(world) == []


async def test_a_run_in_trouble_is_reported_by_email_within_the_hour_while_teams_is_unavailable(
    world: World,
) -> None:
    """Also while the first thing that Teams does not take is the card of something else."""
    await world.tick()
    known = await world.store.anomalies.get("a")
    assert known is not None
    await world.store.anomalies.update(known.model_copy(update={"excess": Decimal(150)}))
    world.notifier.on_post = [AgentError("503 busy") for _ in range(99)]
    world.notifier.on_update = [AgentError("503 busy") for _ in range(99)]
    await world.store.runs.begin(run("w", attempts=2, last_error="Datadog 500", created_at=NOW))
    for _ in range(40):
        await world.tick(minutes=1)
    subjects = [mail for mail in await world.mails() if "did not go out in full" in mail]
    assert len(subjects) == 1


async def test_a_channel_is_notified_of_a_run_in_trouble_that_began_before_it_was_registered(
    world: World,
) -> None:
    before = NOW - timedelta(days=10)
    await world.store.runs.begin(run("w", attempts=2, last_error="SMTP", created_at=before))
    await world.store.runs.begin(
        run("old", state=RunState.FAILED, last_error="SMTP", created_at=before)
    )
    await world.tick()
    assert [news.run.id for news in await run_cards(world)] == ["w"]


@pytest.mark.parametrize("kind", [RunKind.WEEKLY, RunKind.TEAM])
async def test_emails_that_wait_while_nothing_is_sent_are_reported_within_the_hour(
    world: World, kind: RunKind
) -> None:
    await world.store.runs.begin(run("w", planned=True, kind=kind, team_id="t1"))
    await world.store.deliveries.plan([delivery("x", run_id="w")])
    await world.tick(minutes=30)
    assert await run_cards(world) == []
    await world.tick(minutes=1)
    (news,) = await run_cards(world)
    assert news.waiting == 1


async def test_a_slow_run_that_sends_is_not_late(world: World) -> None:
    await world.store.runs.begin(run("w", planned=True))
    await world.store.deliveries.plan([delivery("x", run_id="w")])
    sent = delivery("y", run_id="w", state="sent", updated_at=NOW + timedelta(minutes=40))
    await world.store.deliveries.plan([sent])
    await world.tick(minutes=69)
    assert await run_cards(world) == []
    await world.tick(minutes=2)
    assert len(await run_cards(world)) == 1


async def test_a_run_that_keeps_failing_is_reported_while_it_is_retried(world: World) -> None:
    await world.store.runs.begin(run("w", attempts=1, last_error="Datadog 500"))
    await world.tick()
    assert await run_cards(world) == []
    world.store.runs.runs["w"] = run("w", attempts=2, last_error="Datadog 500")
    await world.tick()
    assert len(await run_cards(world)) == 1
