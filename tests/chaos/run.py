"""One seed of chaos: three workers on a replica set, everything around them in trouble.

What counts is found outside of the workers: what the mail server took, by Message-ID, against
what the ledger says.
"""

import asyncio
import os
import random
import secrets
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pymongo import MongoClient

from app import Agent, open_agent
from services.adapters.store import MongoStore
from services.domain import Actor, Conversation, DaySpan
from services.runtime.server_clock import MAX_SKEW
from services.settings import load_settings
from tests.chaos.faults import ChaoticTeams, Odds, smtp_faults, trouble_datadog
from tests.chaos.worker import PAST_LEASES, SKEW
from tests.conftest import ROOT
from tests.servers.datadog import Cost, FakeDatadog, account_ids, random_costs
from tests.servers.mongo import ReplicaSet
from tests.servers.smtp import FakeSmtp, Mail
from tests.servers.teams import CHANNEL_ID, TENANT

ACTOR = Actor(interface="cli", name="chaos")
ADMINS = ["cfo@example.org", "ops@example.org"]
DONE = {"done"}
STORE_SECONDS = 5.0
"""How long an outcome may be unstored, as MongoDB may be electing a primary, and how long a body is on
its way after the process that sent it has ended."""


@dataclass(frozen=True)
class Plan:
    """How much of what."""

    seed: int
    teams: int = 25
    addresses: int = 10
    """Recipients of each team."""
    answer_seconds: float = 0.08
    """What the mail server takes for each answer."""
    kills: int = 5
    stops: int = 2
    elections: int = 1
    most_seconds: float = 480.0
    odds: Odds = field(default_factory=Odds)
    skews: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Seconds that each worker's clock is ahead; at least one must be right within 30."""
    hold: bool = False
    """MAIL_WHEN_UNSURE=hold."""

    @property
    def recipients(self) -> int:
        return self.teams * self.addresses + len(ADMINS)


@dataclass
class Found:
    """What came of a seed."""

    plan: Plan
    seconds: float = 0.0
    kills: int = 0
    stops: int = 0
    elections: int = 0
    deliveries: int = 0
    """Mails that the ledger knows: reports, and notices to the admins."""
    accepted: int = 0
    """Mails that the server took."""
    missing: int = 0
    """Recipients who got nothing, though nothing unsure is noted."""
    copies: int = 0
    """Of what was accepted, further copies of a mail."""
    repeated: int = 0
    """Of these, copies that follow a mail whose answer no injected fault had swallowed."""
    ambiguous: int = 0
    """Unknown fates that the ledger has counted."""
    unknown: int = 0
    """Deliveries that were left to a person."""
    cards: int = 0
    cards_unknown: int = 0
    wrong: list[str] = field(default_factory=list)
    """Every breach of what is promised."""


@dataclass(frozen=True)
class Place:
    """Where a worker runs: with a clock and a mail server of its own."""

    skew: float
    smtp: FakeSmtp

    @property
    def is_right(self) -> bool:
        """Whether its clock lets it work."""
        return abs(self.skew) <= MAX_SKEW.total_seconds()


@dataclass
class Workers:
    """A process at each place, and what is done to them."""

    environment: dict[str, str]
    folder: Path
    found: Found
    chance: random.Random
    places: list[Place]
    processes: dict[int, "subprocess.Popen[bytes]"] = field(default_factory=dict)
    started: int = 0
    interrupted: list[tuple[int, float]] = field(default_factory=list)
    """The port of its mail server and the time, for each process that was killed or frozen."""
    frozen: list[tuple[int, float]] = field(default_factory=list)
    """Those that were frozen, likewise."""

    def start(self, number: int) -> None:
        """Start the process of a place; its log is kept beside the others'."""
        self.started += 1
        place = self.places[number]
        with (self.folder / f"worker{self.started}.log").open("wb") as log:
            self.processes[number] = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker"],
                env={**self.environment, **place.smtp.environment(), SKEW: str(place.skew)},
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    async def kill(self) -> None:
        """One of them dies without a word; another takes its place a little later."""
        number = self.chance.choice([*self.processes])
        victim = self.processes.pop(number)
        victim.send_signal(signal.SIGCONT)
        self._interrupt(number)
        victim.kill()
        await asyncio.to_thread(victim.wait)
        self.found.kills += 1
        await asyncio.sleep(self.chance.uniform(0, 1))
        self.start(number)

    async def stop(self) -> None:
        """One of them is frozen until all its leases have ended, then wakes up."""
        number = self.chance.choice([*self.processes])
        victim = self.processes[number]
        self._interrupt(number)
        self.frozen.append(self.interrupted[-1])
        victim.send_signal(signal.SIGSTOP)
        self.found.stops += 1
        await asyncio.sleep(PAST_LEASES)
        if victim.poll() is None:
            victim.send_signal(signal.SIGCONT)

    def _interrupt(self, number: int) -> None:
        self.interrupted.append((self.places[number].smtp.port, time.time()))

    def end(self) -> None:
        """Kills what is left."""
        for process in self.processes.values():
            process.kill()
            process.wait()


def growing(costs: list[Cost], span: DaySpan) -> list[Cost]:
    """Costs that grow from day to day, so that there is something to tell channels of."""
    return [
        replace(cost, amount=cost.amount * (1 + span.index(cost.day) / len(span)))
        for cost in costs
    ]


async def chaos(plan: Plan, folder: Path) -> Found:
    """Runs one seed to its end and compares."""
    chance, found, began = random.Random(plan.seed), Found(plan), time.monotonic()
    problem = ""
    async with AsyncExitStack() as stack:
        replicas = stack.enter_context(ReplicaSet(folder / "rs"))
        accounts = account_ids(plan.teams, plan.seed)
        today = datetime.now(UTC).date()
        span = DaySpan(today - timedelta(days=75), today - timedelta(days=2))
        costs = growing(random_costs(accounts, span, plan.seed, services=2), span)
        datadog = await stack.enter_async_context(FakeDatadog(costs))
        mails: list[Mail] = []
        faults = smtp_faults(random.Random(plan.seed), plan.odds)
        places = [
            Place(
                skew,
                await stack.enter_async_context(
                    FakeSmtp(faults, delay=plan.answer_seconds, mails=mails)
                ),
            )
            for skew in plan.skews
        ]
        teams = await stack.enter_async_context(ChaoticTeams(random.Random(plan.seed), plan.odds))
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "MONGO_URL": f"{replicas.url}&socketTimeoutMS=3000&serverSelectionTimeoutMS=3000",
            "DB_NAME": f"chaos_{secrets.token_hex(4)}",
            "DATA_DIR": str(folder),
            "LOG_FORMAT": "json",
            "MAIL_WHEN_UNSURE": "hold" if plan.hold else "resend",
            **datadog.environment(),
            **places[0].smtp.environment(),
            **teams.environment(),
        }
        wanted = await _prepared(environment, plan, accounts, teams.url)
        trouble_datadog(datadog, random.Random(plan.seed), plan.odds)
        workers = Workers(environment, folder, found, chance, places)
        stack.callback(workers.end)
        for number in range(len(places)):
            workers.start(number)
        with MongoClient[dict[str, Any]](replicas.url) as client:
            db = client[environment["DB_NAME"]]
            monkey = asyncio.create_task(_monkey(workers, replicas, plan, mails))
            try:
                async with asyncio.timeout(plan.most_seconds):
                    await monkey
                    while problem := await asyncio.to_thread(_unfinished, db):
                        await asyncio.sleep(0.5)
            except TimeoutError:
                found.wrong.append(f"not over in time: {problem}")
            finally:
                monkey.cancel()
            workers.end()
            found.seconds = time.monotonic() - began
            await asyncio.to_thread(_compare, db, mails, teams, wanted, found)
            await asyncio.to_thread(_compare_with_faults, db, mails, workers)
    return found


async def _prepared(
    environment: dict[str, str], plan: Plan, accounts: list[str], teams_url: str
) -> set[str]:
    """Teams, settings, a channel for alerts, a slot that is due: who must get a mail."""
    wanted = set(ADMINS)
    async with open_agent(load_settings(environment, None)) as agent:
        now = agent.app.context.clock()
        for number, account in enumerate(accounts):
            addresses = [f"t{number}a{i}@example.org" for i in range(plan.addresses)]
            wanted |= set(addresses)
            body = {
                "team_name": f"Team {number}",
                "aws_account_id": account,
                "team_email": addresses[0],
                "admin_emails": addresses[1:],
            }
            await agent.app.teams.add(body, ACTOR, now)
        await _set_up(agent, environment, now, teams_url)
    return wanted


async def _set_up(
    agent: Agent, environment: dict[str, str], now: datetime, teams_url: str
) -> None:
    store = MongoStore(environment["MONGO_URL"], environment["DB_NAME"])
    config = await store.config.get(now)
    changes = {
        "schedule_day": f"{now:%A}".lower(),
        "schedule_hour": now.hour,
        "schedule_since": now - timedelta(days=1),
        "anomaly_threshold": 0.5,
        "min_increase": 0.0,
        "global_admin_emails": tuple(ADMINS),
        "version": config.version + 1,
    }
    assert await store.config.replace(config.model_copy(update=changes))
    await store.conversations.seen(
        Conversation(
            id=CHANNEL_ID,
            kind="channel",
            service_url=teams_url,
            tenant_id=TENANT,
            bot_id="28:bot",
            alerts_since=now - timedelta(days=1),
            updated_at=now,
        )
    )
    await store.aclose()


async def _monkey(workers: Workers, replicas: ReplicaSet, plan: Plan, mails: list[Mail]) -> None:
    """Does all that is planned while mails go out, in an order of its own."""
    deeds = ["kill"] * plan.kills + ["stop"] * plan.stops + ["election"] * plan.elections
    workers.chance.shuffle(deeds)
    at_work: list[asyncio.Task[None]] = []
    for number, deed in enumerate(deeds):
        # Spread over the run: the first during its planning, the last near its end.
        share = number / len(deeds) * plan.recipients
        while len(mails) < share:
            await asyncio.sleep(0.05)
        await asyncio.sleep(workers.chance.uniform(0.1, 1.0))
        if deed == "kill":
            await workers.kill()
        elif deed == "stop":
            at_work.append(asyncio.create_task(workers.stop()))
        else:
            workers.found.elections += 1
            at_work.append(asyncio.create_task(replicas.kill_primary()))
    await asyncio.gather(*at_work)


def _unfinished(db: Any) -> str:
    """What is still to come; empty when all is over."""
    kinds = {run["kind"] for run in db.runs.find({}, {"kind": 1})}
    if not {"weekly", "daily"} <= kinds:
        return "the clock has not begun the runs"
    open_runs = [run["_id"] for run in db.runs.find({"state": "open"}, {"_id": 1})]
    if open_runs:
        return f"open: {open_runs}"
    if not db.alerts.count_documents({}):
        return "no alert was told"
    waiting = db.alerts.count_documents({"state": {"$in": ["pending", "posting"]}})
    return f"{waiting} cards wait" if waiting else ""


def _compare(
    db: Any, mails: list[Mail], teams: ChaoticTeams, wanted: set[str], found: Found
) -> None:
    """The mail server's and Teams' word against the ledger's."""
    deliveries = _effective_deliveries(db, found)
    by_id = {delivery["message_id"]: delivery for delivery in deliveries}
    accepted = Counter(mail.message_id for mail in mails)
    found.accepted = sum(accepted.values())
    found.copies = found.accepted - len(accepted)
    found.ambiguous = sum(delivery["ambiguous"] for delivery in deliveries)
    found.unknown = sum(delivery["state"] == "unknown" for delivery in deliveries)
    found.deliveries = len(deliveries)
    wrong = found.wrong
    if len(by_id) != len(deliveries):
        wrong.append("two deliveries have the same Message-ID")
    wrong += [f"not of the ledger: {name}" for name in accepted if name not in by_id]
    for one in deliveries:
        wrong += _breaches(one, accepted[one["message_id"]], found)
    bodies: dict[str, set[str]] = {}
    for mail in mails:
        bodies.setdefault(mail.message_id, set()).add(mail.sha256)
    wrong += [f"{name} came in other bytes" for name, all_of in bodies.items() if len(all_of) > 1]
    weekly = [delivery for delivery in deliveries if "|notice|" not in delivery["_id"]]
    missing = wanted - {one["recipient"] for one in weekly}
    found.missing += len(missing)
    wrong += [f"{address} was never planned" for address in missing]
    _compare_cards(db, teams, found)


def _compare_with_faults(db: Any, mails: list[Mail], workers: Workers) -> None:
    """What the mail servers took, against the faults that were injected; the ledger has no say.

    A mail may follow another copy of itself only when a fault had swallowed the answer to that
    one: the server's own, or a process that was killed or frozen before it could store it. Or when
    it comes late: its process was frozen in the middle of handing it over, and woke up.
    """
    found = workers.found
    notices = {
        delivery["message_id"]
        for delivery in db.deliveries.find({"_id": {"$regex": r"\|notice\|"}})
    }
    idle = {place.smtp.port for place in workers.places if not place.is_right}
    found.wrong += [
        f"{mail.recipient} got a mail from a worker whose clock is off"
        for mail in mails
        if mail.port in idle and mail.message_id not in notices
    ]
    by_id: dict[str, list[Mail]] = {}
    for mail in sorted(mails, key=lambda mail: mail.at):
        by_id.setdefault(mail.message_id, []).append(mail)
    for copies in by_id.values():
        in_time = [mail for mail in copies if not _came_late(mail, workers)]
        heard = [mail for mail in in_time[:-1] if mail.answered and not _swallowed(mail, workers)]
        found.repeated += len(heard)
        times = [(mail.port, round(mail.at, 2), mail.answered) for mail in copies]
        found.wrong += [
            f"{mail.recipient} got a copy that no fault explains: accepted {times}, processes "
            f"interrupted {workers.interrupted}"
            for mail in heard
        ]


def _swallowed(mail: Mail, workers: Workers) -> bool:
    """Whether the process that sent a mail was killed or frozen before it could store the answer."""
    return any(
        port == mail.port and abs(at - mail.at) <= STORE_SECONDS
        for port, at in workers.interrupted
    )


def _came_late(mail: Mail, workers: Workers) -> bool:
    """Whether the process that sent a mail had been frozen and woken up by then."""
    return any(
        port == mail.port and at + PAST_LEASES <= mail.at <= at + PAST_LEASES + STORE_SECONDS
        for port, at in workers.frozen
    )


def _effective_deliveries(db: Any, found: Found) -> list[dict[str, Any]]:
    """Those of the plan that counts of each run; every run must be closed."""
    names = []
    for run in db.runs.find():
        names.append(f"{run['_id']}~{run['plan']}" if run["plan"] else run["_id"])
        if run["state"] not in DONE:
            found.wrong.append(f"{run['_id']} is {run['state']}: {run['last_error']}")
    if db.runs.count_documents({"kind": "weekly"}) != 1:
        found.wrong.append("the week has not exactly one run")
    return list(db.deliveries.find({"run_id": {"$in": names}}))


def _breaches(one: dict[str, Any], copies: int, found: Found) -> list[str]:
    """What a delivery and its mails break."""
    name, state, unsure = one["recipient"], one["state"], one["ambiguous"]
    wrong = []
    if state not in {"sent", "unknown"}:
        wrong.append(f"{name} ended as {state}: {one['error']}")
    if copies == 0 and (state == "sent" or not unsure):
        found.missing += 1
        wrong.append(f"{name} got nothing and is {state}, {unsure} unsure")
    if copies > 1 + unsure - (state == "unknown"):
        wrong.append(f"{name} got {copies} copies, {unsure} unsure")
    return wrong


def _compare_cards(db: Any, teams: ChaoticTeams, found: Found) -> None:
    """Every card that is shown is one that the ledger knows or calls unknown."""
    alerts = list(db.alerts.find())
    posted = {alert["activity_id"] for alert in alerts if alert["activity_id"]}
    found.cards = len(teams.messages)
    found.cards_unknown = sum(alert["state"] == "unknown" for alert in alerts)
    strangers = set(teams.messages) - posted
    if len(strangers) > found.cards_unknown:
        found.wrong.append(f"{len(strangers)} cards more than the ledger knows")
    found.wrong += [f"the card {name} is not shown" for name in posted - set(teams.messages)]
    # A crossed threshold lasts from the first of its month, on which an event may begin as well.
    accounts = Counter(
        (anomaly["account_id"], anomaly["start"], anomaly["kind"] == "threshold")
        for anomaly in db.anomalies.find()
    )
    found.wrong += [f"two anomalies of {key}" for key, number in accounts.items() if number > 1]
