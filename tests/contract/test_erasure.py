"""A person is found in all that is stored, and taken out of it, in memory and on MongoDB."""

from datetime import date
from decimal import Decimal

from services.domain import (
    Actor,
    AdminEntry,
    Alert,
    AlertMinimum,
    Anomaly,
    ApiKey,
    Attachment,
    AuditEntry,
    CardInProgress,
    Conversation,
    DeliveryState,
    Identity,
    PendingImport,
    PlannedChange,
    RenderedReport,
    Resolution,
)
from services.ports import Store
from tests.makers import NOW, delivery, frozen, run, series, table, team

BOB, ANA = "b0b00000-0000-0000-0000-000000000001", "a0a00000-0000-0000-0000-000000000002"
CHAT = "a:chat-of-bob"
MAIL = "bob@example.org"
GIVEN = Identity(addresses=(MAIL,), ids=(BOB,))
ALL = Identity(addresses=(MAIL,), ids=(BOB, CHAT), names=("Bob",))
ACTOR = Actor(interface="chat", name="Bob", id=BOB)
NOBODY = Actor(interface="chat", name="removed", id="removed")
CSV = b"account;by\nshop;bob@example.org\n\xc3\xbc;"


def admin(object_id: str, name: str, by: str = "") -> AdminEntry:
    return AdminEntry(object_id=object_id, tenant_id="T", name=name, since=NOW, by=by)


def conversation(name: str, **more: object) -> Conversation:
    values = {"id": name, "kind": "personal", "service_url": "https://x", "tenant_id": "T"}
    return Conversation.model_validate({**values, "bot_id": "28:b", "updated_at": NOW, **more})


def alert(conversation_id: str) -> Alert:
    return Alert(
        id=f"a1|{conversation_id}",
        subject="a1",
        source="datadog",
        conversation_id=conversation_id,
        created_at=NOW,
        updated_at=NOW,
    )


def card(name: str, asked_by: str, conversation_id: str = "19:c") -> CardInProgress:
    return CardInProgress(
        id=name,
        conversation_id=conversation_id,
        service_url="https://x",
        activity_id="1",
        asked_by=asked_by,
        created_at=NOW,
    )


def anomaly(name: str, answer: Resolution | None) -> Anomaly:
    return Anomaly(
        id=name,
        kind="spike",
        source="datadog",
        account_id="1" * 12,
        service="Bob",
        start=date(2026, 11, 20),
        excess=Decimal(9),
        answer=answer,
        raised_at=NOW,
        updated_at=NOW,
    )


async def people(store: Store) -> None:
    """Bob's own things, and Ana's of the same kinds."""
    await store.admins.add(admin(BOB, "Bob"))
    await store.admins.add(admin(ANA, "Ana", by="Bob"))
    await store.conversations.seen(conversation(CHAT, with_id=BOB, title="Bob"))
    await store.conversations.seen(conversation("a:chat-of-ana", with_id=ANA, title="Ana"))
    await store.conversations.seen(conversation("19:c", kind="channel", title="Costs"))
    await store.conversations.alerts_on("19:c", "Bob", NOW)
    await store.alerts.create_once(alert(CHAT))
    await store.alerts.create_once(alert("19:c"))
    await store.cards_in_progress.put(card("c|1", "Bob"))
    await store.cards_in_progress.put(card("c|2", "Ana"))
    await store.pending_imports.put(PendingImport(id="p1", text="", by_id=BOB, at=NOW))
    await store.pending_imports.put(PendingImport(id="p2", text=f"a,{MAIL}", by_id=ANA, at=NOW))


async def work(store: Store) -> None:
    """What Bob has done, and what was made for him."""
    await store.teams.add(team(1, team_name="Bob", admin_emails=(MAIL, "jo.bob@example.org")))
    await store.teams.add(team(2, team_name="Other"))
    answer = Resolution(by="Bob", by_id=BOB, at=NOW, reason=f"Ask {MAIL}.")
    await store.anomalies.raise_once(anomaly("a1", answer))
    await store.anomalies.raise_once(anomaly("a2", None))
    floor = AlertMinimum(
        account_id="1" * 12, source="datadog", amount=Decimal(50), by="Bob", at=NOW
    )
    assert await store.alert_minimums.replace("datadog", "1" * 12, floor, None)
    await store.planned_changes.add(
        PlannedChange(
            id="plan",
            account_id="1" * 12,
            percent=Decimal(10),
            first=date(2026, 11, 1),
            last=date(2026, 11, 30),
            reason="Bob said so",
            by="bob",
            at=NOW,
        )
    )
    await store.api_keys.add(
        ApiKey(
            id="k", name="CI", scopes=("read",), secret_sha256="", created_at=NOW, created_by=ACTOR
        )
    )
    await store.audit_entries.append(
        AuditEntry(
            id="e",
            at=NOW,
            actor=ACTOR,
            action="team.change",
            subject="t1",
            after={"admin_emails": [MAIL.upper(), "ana@example.org"]},
        )
    )
    await store.runs.begin(run(requested_by=ACTOR))
    html = "<p>To bob@example.org, jo.bob@example.org and bob@example.org.uk</p>"
    file = Attachment(name="a.csv", content_type="text/csv", content=CSV)
    await store.runs.freeze(
        [
            frozen(
                rendered=RenderedReport(
                    subject="Bob", preheader="", html=html, text=MAIL, attachments=(file,)
                ),
                preview={"lines": [{"name": "Bob", "to": MAIL}]},
            ),
            frozen("r|t2"),
        ]
    )
    await store.costs.save_totals(
        "datadog", "m", table(NOW.date(), series([1.0], service="")), NOW
    )


async def test_a_persons_names_and_chats_are_known_by_the_ids(any_store: Store) -> None:
    await people(any_store)
    await work(any_store)

    assert await any_store.erasure.complete(GIVEN) == ALL
    assert await any_store.erasure.complete(Identity(addresses=(MAIL,))) == Identity(
        addresses=(MAIL,)
    )
    capitals = Identity(ids=(BOB.upper(),))
    assert (await any_store.erasure.complete(capitals)).names == ("Bob",)


async def test_a_name_beside_an_id_of_the_person_is_the_persons(any_store: Store) -> None:
    await any_store.runs.begin(run(requested_by=ACTOR))

    assert (await any_store.erasure.complete(GIVEN)).names == ("Bob",)
    await any_store.erasure.erase(GIVEN)

    stored = await any_store.runs.get("r")
    assert stored is not None
    assert stored.requested_by == NOBODY


async def test_what_names_a_person_is_counted_by_collection(any_store: Store) -> None:
    await people(any_store)
    await work(any_store)
    states = [delivery(one.value, recipient=MAIL, state=one) for one in DeliveryState]
    await any_store.deliveries.plan([*states, delivery("other")])

    assert await any_store.erasure.find(ALL) == {
        "admins": 2,
        "alerts": 1,
        "anomalies": 1,
        "api_keys": 1,
        "audit": 1,
        "conversations": 2,
        "deliveries": len(DeliveryState),
        "floors": 1,
        "open_cards": 1,
        "pending_imports": 2,
        "plans": 1,
        "reports": 1,
        "runs": 1,
        "teams": 1,
    }
    assert await any_store.erasure.find(Identity(ids=("somebody-else",))) == {}


async def test_what_is_the_persons_own_goes_and_the_like_of_others_stays(any_store: Store) -> None:
    await people(any_store)

    counted = await any_store.erasure.find(ALL)
    assert await any_store.erasure.erase(ALL) == counted

    assert await any_store.admins.list_admins() == [admin(ANA, "Ana", by="removed")]
    assert await any_store.conversations.get(CHAT) is None
    assert await any_store.alerts.of_subjects(["a1"]) == [alert("19:c")]
    kept = await any_store.conversations.get("a:chat-of-ana")
    assert kept is not None
    assert (kept.with_id, kept.title) == (ANA, "Ana")
    (channel,) = await any_store.conversations.with_alerts()
    assert (channel.title, channel.alerts_by) == ("Costs", "removed")
    assert await any_store.cards_in_progress.list_cards() == [card("c|2", "Ana")]
    assert await any_store.pending_imports.take("p1") is None
    pending = await any_store.pending_imports.take("p2")
    assert pending is not None
    assert (pending.text, pending.by_id) == ("a,removed", ANA)


async def test_a_chats_alerts_go_with_it_even_if_only_the_person_is_known(
    any_store: Store,
) -> None:
    await people(any_store)

    assert (await any_store.erasure.erase(GIVEN))["conversations"] == 1

    assert await any_store.alerts.of_subjects(["a1"]) == [alert("19:c")]


async def test_what_the_person_did_stays_without_the_person(any_store: Store) -> None:
    await work(any_store)

    await any_store.erasure.erase(ALL)

    answered = await any_store.anomalies.get("a1")
    assert answered is not None
    assert answered.answer is not None
    assert (answered.answer.by, answered.answer.by_id) == ("removed", "removed")
    assert answered.answer.reason == "Ask removed."
    assert answered.service == "Bob", "a service may be called as a person is"
    assert await any_store.anomalies.get("a2") == anomaly("a2", None)
    floors = await any_store.alert_minimums.of("datadog", ["1" * 12])
    assert (floors["1" * 12].by, floors["1" * 12].amount) == ("removed", Decimal(50))
    plan = await any_store.planned_changes.remove("plan")
    assert plan is not None
    assert (plan.by, plan.reason) == ("removed", "Bob said so")
    key = await any_store.api_keys.get("k")
    assert key is not None
    assert (key.name, key.created_by) == ("CI", NOBODY)
    (entry,) = await any_store.audit_entries.newest(9)
    assert (entry.actor, entry.after) == (NOBODY, {"admin_emails": ["ana@example.org"]})
    stored = await any_store.runs.get("r")
    assert stored is not None
    assert stored.requested_by == NOBODY


async def test_only_whole_addresses_leave_lists_and_reports(any_store: Store) -> None:
    await work(any_store)

    await any_store.erasure.erase(ALL)

    named, other = await any_store.teams.list_teams(sample=False)
    assert (named.team_name, named.admin_emails) == ("Bob", ("jo.bob@example.org",))
    assert other == team(2, team_name="Other")
    report = await any_store.runs.frozen("r|t1")
    assert report is not None
    assert report.rendered.html == ("<p>To removed, jo.bob@example.org and bob@example.org.uk</p>")
    assert (report.rendered.subject, report.rendered.text) == ("Bob", "removed")
    assert report.preview == {"lines": [{"name": "Bob", "to": "removed"}]}
    (file,) = report.rendered.attachments
    assert file.content == CSV.replace(MAIL.encode(), b"removed")
    assert await any_store.runs.frozen("r|t2") == frozen("r|t2")


async def test_a_delivery_stays_as_a_number_and_sends_nothing_more(any_store: Store) -> None:
    ledger = any_store.deliveries
    mine = [
        delivery(
            one.value, recipient=MAIL.upper(), state=one, reply=f"250 {MAIL}", raw_sha256="abc"
        )
        for one in DeliveryState
    ]
    await ledger.plan([*mine, delivery("other")])

    assert await any_store.erasure.erase(ALL) == {"deliveries": len(mine)}

    assert await ledger.counts("r") == {
        DeliveryState.SENT: 1,
        DeliveryState.SKIPPED: len(mine) - 1,
        DeliveryState.PENDING: 1,
    }
    *left, other = sorted(await ledger.list_deliveries("r"), key=lambda one: one.id == "other")
    assert other == delivery("other")
    assert {one.recipient for one in left} == {"removed"}
    assert {(one.reply, one.raw_sha256, one.message_id) for one in left} == {
        (None, None, "removed")
    }
    assert await ledger.retry("r", NOW, NOW) == 0


async def test_erasing_again_finds_nothing(any_store: Store) -> None:
    await people(any_store)
    await work(any_store)
    await any_store.deliveries.plan([delivery(recipient=MAIL)])

    await any_store.erasure.erase(ALL)

    assert await any_store.erasure.find(ALL) == {}
    assert await any_store.erasure.erase(ALL) == {}
