"""How MongoDB carries out every query of the store, while there is much that the query is not about.

Each public method of each store is called once under the profiler, which records the plan that
MongoDB used and how many documents it read.
"""

import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pymongo import MongoClient

from services.adapters.store import MongoStore
from services.adapters.store.client import plain
from services.domain import (
    Actor,
    AdminEntry,
    Alert,
    AlertMinimum,
    Anomaly,
    ApiKey,
    AuditEntry,
    CardInProgress,
    Conversation,
    DaySpan,
    DeliveryPhase,
    DeliveryState,
    Month,
    PendingImport,
    PlannedChange,
    RunKind,
    RunSummary,
    SourceState,
    SpanDays,
    WindowDays,
)
from tests.makers import NOW, delivery, frozen, later, run, series, table, team

OTHERS = 1_200
"""Documents in each growing collection that no query is about."""
MAX_READ_IN_VAIN = 60
SMALL = {
    "admin_codes": "kept for a week, and removed when there is an admin",
    "admins": "people with the role",
    "api_keys": "made by hand",
    "meta": "one document",
    "notification_config": "one document",
    "open_cards": "removed when the work behind a card ends",
    "rate_budgets": "one document for each sender address",
    "source_states": "one document for each source",
}
"""Collections that do not grow, and why; every other one does."""
EXEMPT = {
    "erasure": "looks for a person in every document, on the command line",
}
"""Stores whose queries may read everything, and why."""
TTL = timedelta(seconds=60)
A, B = "1" * 12, "2" * 12
SPAN = DaySpan(date(2026, 11, 1), date(2026, 11, 3))
DATADOG = "datadog"
SUMMARY = RunSummary(
    accounts=1,
    teams=1,
    currency="USD",
    total=Decimal(1),
    previous_total=Decimal(1),
    anomalies=0,
    data_through=SPAN.last,
    window=WindowDays(
        current=SpanDays(first=SPAN.first, last=SPAN.last),
        previous=SpanDays(first=SPAN.first, last=SPAN.last),
    ),
)
ALERT = Alert(
    id="a|c", subject="a", source=DATADOG, conversation_id="c", created_at=NOW, updated_at=NOW
)
ANOMALY = Anomaly(
    id="a",
    kind="spike",
    source=DATADOG,
    account_id=A,
    service="EC2",
    start=SPAN.first,
    excess=Decimal(1),
    raised_at=NOW,
    updated_at=NOW,
)
CHANGE = PlannedChange(
    id="p",
    account_id=A,
    percent=Decimal(30),
    first=SPAN.first,
    last=SPAN.last,
    reason="sale",
    by="Ana",
    at=NOW,
)
MINIMUM = AlertMinimum(
    account_id=A, source=DATADOG, amount=Decimal(60), by="Ana", at=NOW, entry="e"
)
ENTRY = AuditEntry(id="e", at=NOW, actor=Actor(interface="cli"), action="team.add", subject="t1")
CONVERSATION = Conversation(
    id="c",
    kind="channel",
    service_url="https://smba.example.com/",
    tenant_id="t",
    bot_id="28:b",
    updated_at=NOW,
)
CARD = CardInProgress(
    id="c|1", conversation_id="c", service_url="https://x", activity_id="1", created_at=NOW
)
KEY = ApiKey(
    id="k",
    name="n",
    scopes=("read",),
    secret_sha256="x",
    created_at=NOW,
    created_by=Actor(interface="cli"),
)
ADMIN = AdminEntry(object_id="o", tenant_id="t", name="Ana", since=NOW, by="claim")
IMPORT = PendingImport(id="i", text="team_name,…", by_id="a", at=NOW)
DELIVERY = delivery("d1")
Call = Callable[[MongoStore], Awaitable[Any] | AsyncIterator[Any]]


async def _replace_config(store: MongoStore) -> None:
    config = await store.config.get(NOW)
    await store.config.replace(config.model_copy(update={"version": config.version + 1}))


def _claimed(found: Any) -> Any:
    return found.model_copy(update={"fence": 1})


CALLS: dict[str, list[Call]] = {
    "costs.save_totals": [
        lambda s: s.costs.save_totals(DATADOG, "m", table(SPAN.first, series([1.0], A)), NOW)
    ],
    "costs.save_details": [
        lambda s: s.costs.save_details(DATADOG, "m", table(SPAN.first, series([1.0], A)), [A], NOW)
    ],
    "costs.load": [lambda s: s.costs.load(DATADOG, [A], SPAN)],
    "costs.load_history": [lambda s: s.costs.load_history(DATADOG, [A], SPAN)],
    "costs.load_usage": [lambda s: s.costs.load_usage(DATADOG, [A], SPAN)],
    "costs.load_totals": [lambda s: s.costs.load_totals(DATADOG, SPAN)],
    "costs.save_names": [lambda s: s.costs.save_names(DATADOG, {A: "Prod"}, [Month(2026, 11)])],
    "costs.months": [lambda s: s.costs.months(DATADOG, [A, B])],
    "costs.last_days": [lambda s: s.costs.last_days(DATADOG, [A])],
    "costs.detailed": [lambda s: s.costs.detailed(DATADOG, "m", SPAN)],
    "costs.state": [lambda s: s.costs.state(DATADOG)],
    "costs.save_state": [lambda s: s.costs.save_state(SourceState(source=DATADOG))],
    "teams.list_teams": [lambda s: s.teams.list_teams(sample=True)],
    "teams.page": [
        lambda s: s.teams.page(sample=False, limit=10),
        lambda s: s.teams.page(sample=False, after=("team 700", "000000000700"), limit=10),
    ],
    "teams.of_accounts": [lambda s: s.teams.of_accounts([A, "000000000007"], sample=False)],
    "teams.count": [lambda s: s.teams.count(sample=True)],
    "teams.any_real": [lambda s: s.teams.any_real()],
    "teams.get": [lambda s: s.teams.get("t1")],
    "teams.add": [lambda s: s.teams.add(team(9_001))],
    "teams.replace": [lambda s: s.teams.replace(team(9_001, version=2))],
    "teams.remove": [lambda s: s.teams.remove("t9001")],
    "teams.seed_samples": [lambda s: s.teams.seed_samples([team(9_002, sample=True)])],
    "config.get": [lambda s: s.config.get(NOW)],
    "config.replace": [_replace_config],
    "audit_entries.append": [lambda s: s.audit_entries.append(ENTRY)],
    "audit_entries.newest": [
        lambda s: s.audit_entries.newest(20),
        lambda s: s.audit_entries.newest(20, "t1"),
    ],
    "audit_entries.get": [lambda s: s.audit_entries.get("e")],
    "audit_entries.mark_undone": [lambda s: s.audit_entries.mark_undone("e", NOW)],
    "anomalies.raise_once": [lambda s: s.anomalies.raise_once(ANOMALY)],
    "anomalies.update": [lambda s: s.anomalies.update(ANOMALY)],
    "anomalies.settle": [lambda s: s.anomalies.settle(ANOMALY, "open")],
    "anomalies.get": [lambda s: s.anomalies.get("a")],
    "anomalies.get_many": [lambda s: s.anomalies.get_many(["a", "b"])],
    "anomalies.open_of": [
        lambda s: s.anomalies.open_of(DATADOG),
        lambda s: s.anomalies.open_of(DATADOG, [A]),
    ],
    "anomalies.ended_of": [lambda s: s.anomalies.ended_of(DATADOG, later(minutes=-1))],
    "anomalies.in_state": [lambda s: s.anomalies.in_state(DATADOG, ["open", "ended"], [A, B])],
    "anomalies.newest": [
        lambda s: s.anomalies.newest(DATADOG, limit=20),
        lambda s: s.anomalies.newest(DATADOG, [A], limit=20),
    ],
    "anomalies.page": [
        lambda s: s.anomalies.page(DATADOG, limit=10),
        lambda s: s.anomalies.page(DATADOG, without=[A], limit=10),
        lambda s: s.anomalies.page(DATADOG, after=(later(days=-20), "x"), limit=10),
        lambda s: s.anomalies.page(
            DATADOG, status="ended", after=(later(days=-20), "x"), limit=10
        ),
        lambda s: s.anomalies.page(DATADOG, accounts=[A], limit=10),
        lambda s: s.anomalies.page(DATADOG, accounts=[A], status="open", limit=10),
    ],
    "runs.begin": [lambda s: s.runs.begin(run())],
    "runs.get": [lambda s: s.runs.get("r")],
    "runs.list_runs": [
        lambda s: s.runs.list_runs(DATADOG, limit=10),
        lambda s: s.runs.list_runs(DATADOG, after=(later(days=-20), "x"), limit=10),
        lambda s: s.runs.list_runs(DATADOG, before=later(days=-20), limit=1),
        lambda s: s.runs.list_runs(DATADOG, open_only=True),
        lambda s: s.runs.list_runs(None, open_only=True),
        lambda s: s.runs.list_runs(DATADOG, kind=RunKind.WEEKLY),
        lambda s: s.runs.list_runs(DATADOG, kind=RunKind.WEEKLY, period="2026-W48"),
        lambda s: s.runs.list_runs(DATADOG, kind=RunKind.TEAM, period="2026-W48", team_id="t1"),
    ],
    "runs.lease": [lambda s: s.runs.lease("r", "w", NOW, TTL)],
    "runs.holder": [lambda s: s.runs.holder("r")],
    "runs.renew": [lambda s: s.runs.renew("r", "w", 1, NOW, TTL)],
    "runs.mark_planned": [lambda s: s.runs.mark_planned("r", 1, SUMMARY)],
    "runs.record_error": [lambda s: s.runs.record_error("r", 1, "x", failed=False, retry_at=None)],
    "runs.close": [lambda s: s.runs.close("r", 1, 0, expired=False, now=NOW)],
    "runs.release": [lambda s: s.runs.release("r", "w", 1)],
    "runs.reopen": [lambda s: s.runs.reopen("r", Actor(interface="cli"), NOW, later(days=3))],
    "runs.freeze": [lambda s: s.runs.freeze([frozen()])],
    "runs.frozen": [lambda s: s.runs.frozen("r|t1")],
    "runs.team_previews": [lambda s: s.runs.team_previews("r")],
    "deliveries.plan": [lambda s: s.deliveries.plan([DELIVERY, delivery("d2")])],
    "deliveries.claim": [lambda s: s.deliveries.claim("r", "w", NOW, TTL)],
    "deliveries.enter_data": [
        lambda s: s.deliveries.enter_data(_claimed(DELIVERY), "hash", NOW, TTL)
    ],
    "deliveries.finish": [
        lambda s: s.deliveries.finish(
            _claimed(DELIVERY), DeliveryPhase.DATA, DeliveryState.SENT, NOW
        )
    ],
    "deliveries.give_back": [lambda s: s.deliveries.give_back(_claimed(DELIVERY), NOW)],
    "deliveries.any_due": [lambda s: s.deliveries.any_due("r", NOW)],
    "deliveries.owners": [lambda s: s.deliveries.owners("r")],
    "deliveries.disown": [lambda s: s.deliveries.disown("r", "w", NOW)],
    "deliveries.abandoned": [lambda s: s.deliveries.abandoned("r", later(hours=1))],
    "deliveries.take_over": [lambda s: s.deliveries.take_over(_claimed(DELIVERY), "v", NOW, TTL)],
    "deliveries.expire": [lambda s: s.deliveries.expire("r", later(days=9))],
    "deliveries.retry": [lambda s: s.deliveries.retry("r", NOW, later(days=3))],
    "deliveries.counts": [lambda s: s.deliveries.counts("r")],
    "deliveries.next_due": [lambda s: s.deliveries.next_due("r")],
    "deliveries.last_sent": [lambda s: s.deliveries.last_sent("r")],
    "deliveries.list_deliveries": [
        lambda s: s.deliveries.list_deliveries("r"),
        lambda s: s.deliveries.list_deliveries("r", states=[DeliveryState.FAILED], limit=100),
        lambda s: s.deliveries.list_deliveries(
            "large", after=("o700@example.org", "o700"), limit=10
        ),
    ],
    "rate_budget.take": [lambda s: s.rate_budget.take("a@example.org", 30, NOW)],
    "admins.add": [lambda s: s.admins.add(ADMIN)],
    "admins.list_admins": [lambda s: s.admins.list_admins()],
    "admins.list_codes": [lambda s: s.admins.list_codes()],
    "admins.offer_code": [lambda s: s.admins.offer_code("a", NOW)],
    "admins.remove": [lambda s: s.admins.remove("t", "o")],
    "admins.take_code": [lambda s: s.admins.take_code("a")],
    "alerts.create_once": [lambda s: s.alerts.create_once(ALERT)],
    "alerts.replace": [lambda s: s.alerts.replace(ALERT)],
    "alerts.get": [lambda s: s.alerts.get("a|c")],
    "alerts.of_message": [lambda s: s.alerts.of_message("c", "1")],
    "alerts.of_subjects": [lambda s: s.alerts.of_subjects(["a", "b"])],
    "alerts.newest_of": [lambda s: s.alerts.newest_of(DATADOG, "c", later(days=-20))],
    "conversations.seen": [lambda s: s.conversations.seen(CONVERSATION)],
    "conversations.get": [lambda s: s.conversations.get("c")],
    "conversations.lost": [lambda s: s.conversations.lost("c", "blocked", NOW)],
    "conversations.alerts_on": [lambda s: s.conversations.alerts_on("c", "Ana", NOW)],
    "conversations.with_alerts": [lambda s: s.conversations.with_alerts()],
    "conversations.alerts_off": [lambda s: s.conversations.alerts_off("c", NOW)],
    "conversations.welcome_once": [lambda s: s.conversations.welcome_once("c")],
    "conversations.last_heard": [lambda s: s.conversations.last_heard()],
    "cards_in_progress.put": [lambda s: s.cards_in_progress.put(CARD)],
    "cards_in_progress.touch": [lambda s: s.cards_in_progress.touch("w", NOW)],
    "cards_in_progress.take": [lambda s: s.cards_in_progress.take(CARD, "w", NOW)],
    "cards_in_progress.list_cards": [lambda s: s.cards_in_progress.list_cards()],
    "cards_in_progress.remove": [lambda s: s.cards_in_progress.remove("c|1")],
    "alert_minimums.of": [lambda s: s.alert_minimums.of(DATADOG, [A, B])],
    "alert_minimums.replace": [
        lambda s: s.alert_minimums.replace(DATADOG, A, None, None),
        lambda s: s.alert_minimums.replace(DATADOG, A, MINIMUM, None),
        lambda s: s.alert_minimums.replace(DATADOG, A, MINIMUM, MINIMUM),
        lambda s: s.alert_minimums.replace(DATADOG, A, None, MINIMUM),
    ],
    "planned_changes.add": [lambda s: s.planned_changes.add(CHANGE)],
    "planned_changes.covering": [lambda s: s.planned_changes.covering([A, B], SPAN)],
    "planned_changes.remove": [lambda s: s.planned_changes.remove("p")],
    "pending_imports.put": [lambda s: s.pending_imports.put(IMPORT)],
    "pending_imports.take": [lambda s: s.pending_imports.take("i")],
    "api_keys.any_ever": [lambda s: s.api_keys.any_ever()],
    "api_keys.add": [lambda s: s.api_keys.add(KEY)],
    "api_keys.get": [lambda s: s.api_keys.get("k")],
    "api_keys.list_keys": [lambda s: s.api_keys.list_keys()],
    "api_keys.revoke": [lambda s: s.api_keys.revoke("k", NOW)],
    "api_keys.touch": [lambda s: s.api_keys.touch("k", NOW)],
    "restored.settle_open": [lambda s: s.restored.settle_open("restored", NOW)],
}
"""By store and method, in an order in which each finds what it is about."""


def others() -> dict[str, list[dict[str, Any]]]:
    """What no query is about, of the same source, kind, status or subject as what it is."""
    account = "{:012d}".format
    before = [NOW - timedelta(hours=i) for i in range(OTHERS)]
    numbers = range(OTHERS)
    return {
        "teams": [{**_doc(team(i)), "name_key": f"team {i}"} for i in numbers],
        "anomalies": [
            _doc(ANOMALY, id=f"o{i}", account_id=account(i), status="ended", raised_at=before[i])
            for i in numbers
        ],
        "runs": [
            _doc(
                run(
                    f"o{i}",
                    kind=RunKind.TEAM if i % 2 else RunKind.DAILY,
                    period="2026-W48" if i % 2 else f"{before[i].date()}",
                    team_id=f"t{i}" if i % 2 else None,
                    state="done",
                    created_at=before[i],
                )
            )
            for i in numbers
        ],
        "reports": [_doc(frozen(f"o{i}|t1", run_id=f"o{i}")) for i in numbers],
        "deliveries": [_doc(delivery(f"o{i}", run_id="large")) for i in numbers],
        "alerts": [
            _doc(ALERT, id=f"o{i}|c{i}", subject=f"o{i}", conversation_id=f"c{i}") for i in numbers
        ],
        "audit": [_doc(ENTRY, id=f"o{i}", subject=f"o{i}", at=before[i]) for i in numbers],
        "conversations": [_doc(CONVERSATION, id=f"o{i}", updated_at=before[i]) for i in numbers],
        "plans": [_doc(CHANGE, id=f"o{i}", account_id=account(i)) for i in numbers],
        "floors": [
            {"_id": f"{DATADOG}:{account(i)}", **plain(MINIMUM.model_dump())} for i in numbers
        ],
        "pending_imports": [_doc(IMPORT, id=f"o{i}") for i in numbers],
        "cost_history": [
            {
                "_id": f"{DATADOG}|{account(i)}|2025-{i % 12 + 1:02}",
                "source": DATADOG,
                "account_id": account(i),
                "month": f"2025-{i % 12 + 1:02}",
                "metric": "m",
            }
            for i in numbers
        ],
    }


def _doc(value: Any, **update: Any) -> dict[str, Any]:
    doc = plain(value.model_copy(update=update).model_dump())
    return {"_id": doc.pop("id"), **doc}


@dataclass(frozen=True)
class Operation:
    """What the profiler recorded of a query."""

    method: str
    collection: str
    plan: str
    read: int
    useful: int

    @property
    def reads_in_vain(self) -> bool:
        return self.read - self.useful > MAX_READ_IN_VAIN

    def __str__(self) -> str:
        return f"{self.method} on {self.collection}: {self.plan}, {self.read} for {self.useful}"


@dataclass
class Profiled:
    """A store whose operations are recorded."""

    store: MongoStore
    database: Any

    async def operations(self, method: str, calls: Sequence[Call]) -> list[Operation]:
        """What MongoDB did for these calls."""
        self.database.command("profile", 2)
        for call in calls:
            found = call(self.store)
            if inspect.isasyncgen(found):
                _ = [row async for row in found]
            else:
                await found  # type: ignore[misc]  # mypy does not narrow the union
        self.database.command("profile", 0)
        recorded = list(self.database["system.profile"].find())
        self.database["system.profile"].drop()
        return [
            Operation(
                method,
                entry["ns"].partition(".")[2],
                entry["planSummary"],
                max(entry.get("docsExamined", 0), entry.get("keysExamined", 0)),
                max(entry.get(key, 0) for key in ("nreturned", "nMatched", "ndeleted")),
            )
            for entry in recorded
            if "planSummary" in entry and not entry["ns"].endswith("system.profile")
        ]


@pytest.fixture
async def profiled(mongo_url: str) -> AsyncIterator[Profiled]:
    """On a database of its own, as profiling is a setting of the database."""
    name = f"plans_{secrets.token_hex(6)}"
    store = MongoStore(mongo_url, name)
    with MongoClient[dict[str, Any]](mongo_url) as client:
        await store.prepare()
        for collection, docs in others().items():
            client[name][collection].insert_many(docs)
        yield Profiled(store, client[name])
        client.drop_database(name)
    await store.aclose()


def methods(store: MongoStore) -> set[str]:
    """Every public method of every store but the exempt ones."""
    return {
        f"{name}.{method}"
        for name, part in vars(store).items()
        if not name.startswith("_") and name not in EXEMPT
        for method, _ in inspect.getmembers(type(part), callable)
        if not method.startswith("_")
    }


async def test_no_query_reads_what_it_is_not_about(profiled: Profiled) -> None:
    assert CALLS.keys() == methods(profiled.store)
    wrong = []
    seen = set()
    for method, calls in CALLS.items():
        for operation in await profiled.operations(method, calls):
            seen.add(operation.collection)
            if operation.collection not in SMALL and (
                "COLLSCAN" in operation.plan or operation.reads_in_vain
            ):
                wrong.append(str(operation))
    assert wrong == []
    grown = set(profiled.database.list_collection_names()) - {"system.profile"} - SMALL.keys()
    assert grown == others().keys() <= seen


async def test_a_query_without_an_index_is_found(profiled: Profiled) -> None:
    profiled.database.audit.drop_indexes()
    newest = CALLS["audit_entries.newest"]
    plans = {operation.plan for operation in await profiled.operations("newest", newest)}
    assert plans == {"COLLSCAN"}
    profiled.database.audit.create_index([("at", -1)])
    (first, _) = await profiled.operations("newest", newest)
    assert first.reads_in_vain
