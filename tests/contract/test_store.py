"""The store's ports, on memory and on MongoDB."""

import asyncio
import math
from datetime import date, timedelta
from decimal import Decimal

import pytest

from services.domain import (
    Actor,
    AdminEntry,
    Alert,
    AlertMinimum,
    Anomaly,
    AuditEntry,
    CardInProgress,
    Category,
    Conversation,
    DaySpan,
    DeliveryPhase,
    DeliveryState,
    Month,
    PendingImport,
    PlannedChange,
    Resolution,
    RunKind,
    RunState,
    RunSummary,
    SourceState,
    SpanDays,
    WindowDays,
)
from services.domain.errors import ConflictError, NameTakenError
from services.domain.pasted import match_key
from services.ports import Store
from tests.makers import (
    NAN,
    NOW,
    cells,
    cells_known,
    delivery,
    frozen,
    later,
    run,
    series,
    table,
    team,
)

TTL = timedelta(seconds=60)
A, B = "1" * 12, "2" * 12
JAN_30 = date(2026, 1, 30)
SUMMARY = RunSummary(
    accounts=1,
    teams=1,
    currency="USD",
    total=Decimal("12.34"),
    previous_total=Decimal("0.10"),
    anomalies=0,
    data_through=date(2026, 11, 21),
    window=WindowDays(
        current=SpanDays(first=date(2026, 11, 1), last=date(2026, 11, 21)),
        previous=SpanDays(first=date(2026, 10, 1), last=date(2026, 10, 21)),
    ),
)


# Costs


async def test_costs_come_back_as_they_were_saved_over_a_month_change(any_store: Store) -> None:
    costs = any_store.costs
    saved = table(JAN_30, series([1.5, NAN, 3.25, -4.125]), series([0.0, 2, NAN, 9], service="S3"))

    await costs.save_details("datadog", "m", saved, [A], NOW)

    assert cells(await costs.load("datadog", [A], saved.span)) == cells(saved)
    inner = DaySpan(date(2026, 1, 31), date(2026, 2, 1))
    kept = {cell: x for cell, x in cells(saved).items() if cell[3] in inner}
    assert cells(await costs.load("datadog", [A], inner)) == kept
    assert cells(await costs.load("datadog", [B], saved.span)) == {}
    assert cells(await costs.load("sample", [A], saved.span)) == {}


async def test_totals_are_kept_beside_the_details_of_the_same_days(any_store: Store) -> None:
    costs = any_store.costs
    first = table(JAN_30, series([1, 2, 3, 4], service="", category=None))
    await costs.save_totals("datadog", "m", first, NOW)
    inner = table(JAN_30 + timedelta(days=1), series([5, 6], service="", category=None))
    await costs.save_totals("datadog", "m", inner, later(hours=1))

    found = await costs.load_totals("datadog", first.span)
    assert [list(one.amounts) for one in found.series] == [[1, 5, 6, 4]]
    assert cells(await costs.load("datadog", [A], first.span)) == {}


async def test_a_total_that_is_missing_from_a_response_is_removed_from_the_store(
    any_store: Store,
) -> None:
    costs = any_store.costs
    both = table(
        JAN_30,
        series([1, 2, 3], service="", category=None),
        series([4, 5, 6], account=B, service="", category=None),
    )
    await costs.save_totals("datadog", "m", both, NOW)
    gap = table(JAN_30, series([1, NAN, NAN], service="", category=None))
    await costs.save_totals("datadog", "m", gap, later(hours=1))

    assert cells(await costs.load_totals("datadog", both.span)) == {
        (A, "", "", JAN_30): 1.0,
        **{(B, "", "", JAN_30 + timedelta(days=i)): x for i, x in enumerate((4.0, 5.0, 6.0))},
    }
    assert await costs.last_days("datadog", [A]) == {A: JAN_30}

    none = table(JAN_30, series([NAN, NAN, NAN], service="", category=None))
    await costs.save_totals("datadog", "m", none, later(hours=2))
    found = await costs.load_totals("datadog", both.span)
    assert [one.account_id for one in found.series] == [B]


async def test_a_restated_day_keeps_its_earlier_values_as_dated_revisions(
    any_store: Store,
) -> None:
    costs = any_store.costs
    first = table(JAN_30, series([1, 2, 3]))
    second = table(JAN_30, series([1, 2.5, 3]), series([NAN, 1, NAN], service="S3"))
    third = table(JAN_30, series([1, 2.75, 3]))
    for hours, saved in enumerate((first, second, third)):
        await costs.save_details("datadog", "m", saved, [A], later(hours=hours))

    known = [await cells_known(costs, A, first.span, later(hours=h)) for h in (0, 1, 2)]

    assert known == [cells(first), cells(second), cells(third)]
    assert cells(await costs.load("datadog", [A], first.span)) == cells(third)


async def test_a_day_first_seen_later_is_not_a_revision(any_store: Store) -> None:
    costs = any_store.costs
    await costs.save_details("datadog", "m", table(JAN_30, series([1])), [A], NOW)
    both = table(JAN_30, series([1, 2]))
    await costs.save_details("datadog", "m", both, [A], later(days=1))

    assert await cells_known(costs, A, both.span, NOW) == cells(both)


async def test_a_day_that_was_empty_when_it_was_read_first_keeps_that(any_store: Store) -> None:
    costs = any_store.costs
    late = table(JAN_30, series([1, NAN]))
    whole = table(JAN_30, series([1, 2]))
    await costs.save_details("datadog", "m", late, [A, B], NOW)
    await costs.save_details("datadog", "m", whole, [A, B], later(days=1))

    assert await cells_known(costs, A, whole.span, NOW) == cells(late)
    assert await cells_known(costs, A, whole.span, later(days=1)) == cells(whole)


async def test_a_history_begins_with_what_was_seen_first_and_tells_each_change(
    any_store: Store,
) -> None:
    costs = any_store.costs
    first = table(JAN_30, series([1, 2, 3, NAN]), series([5, 5, 5, 5], account=B))
    second = table(JAN_30, series([1, 2.5, 3, 4]), series([NAN, 1, NAN, NAN], service="S3"))
    third = table(JAN_30, series([1, 2.75, 3, 4]))
    for hours, saved in enumerate((first, second, third)):
        accounts = [A, B] if saved is first else [A]
        await costs.save_details("datadog", "m", saved, accounts, later(hours=hours))

    seen, changes = await costs.load_history("datadog", [A, B], first.span)

    assert cells(seen) == cells(first)
    day = JAN_30 + timedelta(days=1)
    usage = Category.USAGE
    assert {(change.account_id, change.service, change.category, change.day, change.at): change.amount
            for change in changes if not math.isnan(change.amount)} == {
        (A, "EC2", usage, day, later(hours=1)): 2.5,
        (A, "S3", usage, day, later(hours=1)): 1.0,
        (A, "EC2", usage, JAN_30 + timedelta(days=3), later(hours=1)): 4.0,
        (A, "EC2", usage, day, later(hours=2)): 2.75,
    }  # fmt: skip
    gone = [change for change in changes if math.isnan(change.amount)]
    assert [(one.service, one.day, one.at) for one in gone] == [("S3", day, later(hours=2))]
    assert [change.at for change in changes] == sorted(change.at for change in changes)
    inner, fewer = await costs.load_history("datadog", [A], DaySpan(JAN_30, JAN_30))
    assert (cells(inner), fewer) == ({(A, "EC2", "usage", JAN_30): 1.0}, [])


async def test_saving_the_same_again_changes_nothing(any_store: Store) -> None:
    costs = any_store.costs
    saved = table(JAN_30, series([1, NAN, 3, 4]))
    for hours in range(3):
        await costs.save_details("datadog", "m", saved, [A], later(hours=hours))
        assert await cells_known(costs, A, saved.span, NOW) == cells(saved)


async def test_an_absent_series_and_an_account_without_costs_are_the_whole_truth(
    any_store: Store,
) -> None:
    costs = any_store.costs
    both = table(JAN_30, series([1, 2]), series([3, 4], service="S3"), series([5, 6], account=B))
    await costs.save_details("datadog", "m", both, [A, B], NOW)

    await costs.save_details("datadog", "m", table(JAN_30, series([1, 2])), [A, B], later(hours=1))

    assert cells(await costs.load("datadog", [A, B], both.span)) == {
        (A, "EC2", "usage", JAN_30): 1.0,
        (A, "EC2", "usage", JAN_30 + timedelta(days=1)): 2.0,
    }


async def test_another_metric_replaces_amounts_without_a_revision(any_store: Store) -> None:
    costs = any_store.costs
    await costs.save_details("datadog", "net", table(JAN_30, series([1, 2])), [A], NOW)
    other = table(JAN_30, series([10, 20]))
    await costs.save_details("datadog", "gross", other, [A], later(hours=1))

    assert cells(await costs.load("datadog", [A], other.span)) == cells(other)
    assert await cells_known(costs, A, other.span, NOW) == cells(other)
    assert await costs.detailed("datadog", "net", other.span) == set()
    assert await costs.detailed("datadog", "gross", other.span) == {A}


async def test_detailed_needs_every_day_of_the_span(any_store: Store) -> None:
    costs = any_store.costs
    span = DaySpan(JAN_30, JAN_30 + timedelta(days=4))
    await costs.save_details("datadog", "m", table(JAN_30, series([1, NAN, 1, 1, 1])), [A], NOW)
    await costs.save_details("datadog", "m", table(JAN_30, series([1, 1], account=B)), [B], NOW)

    assert await costs.detailed("datadog", "m", span) == {A}
    assert await costs.detailed("datadog", "m", DaySpan(JAN_30, JAN_30)) == {A, B}
    assert await costs.detailed("sample", "m", span) == set()


async def test_names_and_last_days(any_store: Store) -> None:
    costs = any_store.costs
    saved = table(
        JAN_30,
        series([1, NAN, 3, NAN], service="", category=None),
        series([1, NAN, NAN, NAN], account=B, service="", category=None),
    )
    await costs.save_totals("datadog", "m", saved, NOW)
    await costs.save_names("datadog", {A: "shop", "9" * 12: "nobody"}, saved.span.months())

    assert (await costs.load_totals("datadog", saved.span)).account_names == {A: "shop"}
    assert await costs.last_days("datadog", [A, B, "9" * 12]) == {A: date(2026, 2, 1), B: JAN_30}


async def test_what_is_known_of_a_source(any_store: Store) -> None:
    costs = any_store.costs
    assert await costs.state("datadog") == SourceState(source="datadog")
    state = SourceState(
        source="datadog", metric="m", currency="EUR", data_through=JAN_30, refreshed_at=NOW
    )
    await costs.save_state(state)
    assert await costs.state("datadog") == state
    # As a run and the reading of history do, each with the state that it knows.
    await costs.save_state(state.model_copy(update={"metric": "n", "currency": "USD"}), ["metric"])
    assert await costs.state("datadog") == state.model_copy(update={"metric": "n"})


# Teams, settings, audit, anomalies


async def test_an_account_has_one_team_on_each_side(any_store: Store) -> None:
    teams = any_store.teams
    await teams.add(team(1))
    await teams.seed_samples([team(7, aws_account_id=f"{1:012d}", sample=True)])

    with pytest.raises(ConflictError):
        await teams.add(team(2, aws_account_id=f"{1:012d}"))

    assert [one.id for one in await teams.list_teams(sample=False)] == ["t1"]
    assert [one.id for one in await teams.list_teams(sample=True)] == ["t7"]
    assert await teams.any_real()


async def test_a_name_has_one_team_however_it_is_written(any_store: Store) -> None:
    teams = any_store.teams
    await teams.add(team(1, team_name="Straße"))
    await teams.add(team(2))
    await teams.seed_samples([team(7, team_name="straße", sample=True)])

    with pytest.raises(NameTakenError):
        await teams.add(team(3, team_name="STRASSE"))
    with pytest.raises(NameTakenError):
        await teams.replace(team(2, version=2, team_name="straße"))
    assert await teams.replace(team(1, version=2, team_name="STRASSE"))
    assert await teams.replace(team(1, version=3, team_name="New"))
    assert await teams.replace(team(2, version=2, team_name="Straße"))
    await teams.add(team(3))

    assert len(await teams.list_teams(sample=False)) == 3
    assert await teams.get("t1") == team(1, version=3, team_name="New")


async def test_teams_that_already_share_a_name_can_be_changed(any_store: Store) -> None:
    teams = any_store.teams
    # Seeding checks no names, as earlier versions did not when they added teams.
    await teams.seed_samples(
        [team(1, team_name="a", sample=True), team(2, team_name="A", sample=True)]
    )
    other = {"sample": True, "team_email": "new@example.org"}
    assert await teams.replace(team(1, team_name="a", version=2, **other))
    assert await teams.replace(team(2, team_name="a", version=2, **other))
    with pytest.raises(NameTakenError):
        await teams.add(team(3, team_name="a", sample=True))
    assert await teams.replace(team(1, team_name="b", version=3, sample=True))
    with pytest.raises(NameTakenError):
        await teams.replace(team(1, team_name="A", version=4, sample=True))


async def test_of_teams_that_get_one_name_at_the_same_time_one_succeeds(any_store: Store) -> None:
    teams = any_store.teams
    names = ("Checkout", "CHECKOUT", "checkout", "Check\u200bout")
    for turn in range(3):
        for number in (1, 2):
            await teams.add(team(number, team_name=f"Before {number}"))
        outcomes = await asyncio.gather(
            *(teams.add(team(number, team_name=name)) for number, name in enumerate(names, 3)),
            *(teams.replace(team(n, version=2, team_name="Checkout")) for n in (1, 2)),
            return_exceptions=True,
        )
        assert sum(isinstance(outcome, NameTakenError) for outcome in outcomes) == 5, turn
        found = await teams.list_teams(sample=False)
        assert [match_key(one.team_name) for one in found].count("checkout") == 1
        for one in found:
            await teams.remove(one.id)


async def test_a_team_is_replaced_only_from_the_version_that_was_seen(any_store: Store) -> None:
    teams = any_store.teams
    await teams.add(team(1))
    await teams.add(team(2))

    assert await teams.replace(team(1, version=2, team_name="New"))
    assert not await teams.replace(team(1, version=2, team_name="Late"))
    assert not await teams.replace(team(3, version=2))
    with pytest.raises(ConflictError):
        await teams.replace(team(2, version=2, aws_account_id=f"{1:012d}"))

    found = await teams.get("t1")
    assert found is not None
    assert found.team_name == "New"


async def test_teams_are_listed_by_name_and_removed_once(any_store: Store) -> None:
    teams = any_store.teams
    for number, name in ((1, "beta"), (2, "Alpha"), (3, "Änderung")):
        await teams.add(team(number, team_name=name))

    assert [one.team_name for one in await teams.list_teams(sample=False)][:2] == ["Alpha", "beta"]
    removed = await teams.remove("t1")
    assert removed is not None
    assert await teams.remove("t1") is None
    assert await teams.get("t1") is None


async def test_pages_of_teams_hold_every_team_once(any_store: Store) -> None:
    teams = any_store.teams
    names = ["beta", "Alpha", "alpha", "ALPHA", "Straße", "STRASSE", "Änderung", "A\u00a0b", "😀"]
    # Sample teams, as these may have names that look the same.
    await teams.seed_samples(
        [team(number, team_name=name, sample=True) for number, name in enumerate(names, 1)]
    )
    await teams.add(team(50))
    whole = await teams.list_teams(sample=True)
    assert len(whole) == len(names)

    for limit in (1, 2, 4, 100):
        found, after = [], None
        while page := await teams.page(sample=True, after=after, limit=limit):
            found += page
            after = (match_key(page[-1].team_name), page[-1].aws_account_id)
        assert found == whole

    renamed = team(1, team_name="zeta", version=2, sample=True)
    assert await teams.replace(renamed)
    assert await teams.page(sample=True, after=("straße", ""), limit=2) == [renamed, whole[-2]]
    assert await teams.count(sample=True) == len(names)
    accounts = [f"{number:012d}" for number in (1, 3, 50, 99)]
    assert {account.id for account in await teams.of_accounts(accounts, sample=True)} == {
        "t1",
        "t3",
    }
    assert [account.id for account in await teams.of_accounts(accounts, sample=False)] == ["t50"]


async def test_samples_are_seeded_once_and_never_changed(any_store: Store) -> None:
    teams = any_store.teams
    assert not await teams.any_real()
    await teams.seed_samples([team(1, sample=True)])
    await teams.replace(team(1, sample=True, version=2, team_name="Renamed"))
    await teams.seed_samples([team(1, sample=True), team(2, sample=True)])

    names = [one.team_name for one in await teams.list_teams(sample=True)]
    assert names == ["Renamed", "Team 2"]
    assert not await teams.any_real()


async def test_settings_keep_their_first_start_and_their_version(any_store: Store) -> None:
    config = any_store.config
    first = await config.get(NOW)
    again = await config.get(later(days=1))
    assert first == again
    assert first.schedule_since == NOW

    changed = first.model_copy(update={"anomaly_threshold": 30.0, "version": first.version + 1})
    assert await config.replace(changed)
    assert not await config.replace(changed)
    assert await config.get(NOW) == changed


async def test_the_audit_trail_is_newest_first(any_store: Store) -> None:
    for number in range(3):
        await any_store.audit_entries.append(
            AuditEntry(
                id=str(number),
                at=later(minutes=number),
                actor=Actor(interface="rest", name="x"),
                action="team.add",
                subject="t1",
                after={"n": number},
            )
        )
    assert [one.id for one in await any_store.audit_entries.newest(2)] == ["2", "1"]


async def test_an_entry_of_the_trail_is_found_and_undone_once(any_store: Store) -> None:
    audit = any_store.audit_entries
    entry = AuditEntry(
        id="e", at=NOW, actor=Actor(interface="chat", name="Ana"), action="team.add", subject="t1"
    )
    await audit.append(entry)
    await audit.append(entry.model_copy(update={"action": "team.remove"}))
    await audit.append(entry.model_copy(update={"id": "f", "subject": "t2"}))
    assert [one.id for one in await audit.newest(9, "t2")] == ["f"]
    assert await audit.get("e") == entry
    assert await audit.get("x") is None
    assert await audit.mark_undone("e", later(hours=1))
    assert not await audit.mark_undone("e", later(hours=2))
    assert not await audit.mark_undone("x", NOW)
    undone = await audit.get("e")
    assert undone is not None
    assert undone.undone_at == later(hours=1)


async def test_an_alert_is_created_once_for_a_conversation(any_store: Store) -> None:
    alerts = any_store.alerts
    one = Alert(
        id="a|c",
        subject="a",
        source="datadog",
        conversation_id="c",
        created_at=NOW,
        updated_at=NOW,
    )
    other = one.model_copy(update={"id": "b|c", "subject": "b", "created_at": later(hours=1)})
    assert await alerts.create_once(one)
    assert not await alerts.create_once(one.model_copy(update={"activity_id": "late"}))
    assert await alerts.create_once(other)
    posted = await alerts.replace(one.model_copy(update={"state": "posted", "activity_id": "m1"}))
    assert posted is not None
    assert (posted.state, posted.activity_id, posted.fence) == ("posted", "m1", 1)
    assert await alerts.get("a|c") == posted
    assert await alerts.get("x") is None
    assert await alerts.of_subjects(["b", "a"]) == [posted, other]
    assert await alerts.newest_of("datadog", "c", NOW) == [other, posted]
    assert await alerts.newest_of("datadog", "c", later(minutes=1)) == [other]
    assert await alerts.newest_of("sample", "c", NOW) == []
    assert await alerts.of_message("c", "m1") == posted
    assert await alerts.of_message("c", "m2") is None
    assert await alerts.of_message("other", "m1") is None


async def test_an_alert_is_changed_by_one_of_two_and_never_by_a_stale_one(
    any_store: Store,
) -> None:
    alerts = any_store.alerts
    one = Alert(
        id="a|c",
        subject="a",
        source="datadog",
        conversation_id="c",
        created_at=NOW,
        updated_at=NOW,
    )
    assert await alerts.create_once(one)
    tries = (alerts.replace(one.model_copy(update={"shown": str(i)})) for i in range(8))
    (won,) = [found for found in await asyncio.gather(*tries) if found is not None]
    assert await alerts.get("a|c") == won
    assert await alerts.replace(one.model_copy(update={"state": "failed"})) is None
    again = await alerts.replace(won)
    assert again is not None
    assert again.fence == 2
    assert await alerts.replace(one.model_copy(update={"id": "x|c"})) is None


async def test_an_alert_minimum_is_replaced_only_by_a_writer_that_saw_the_stored_one(
    any_store: Store,
) -> None:
    floors = any_store.alert_minimums
    first = AlertMinimum(
        account_id=A, source="datadog", amount=Decimal("60.5"), by="Ana", at=NOW, entry="e1"
    )
    second = first.model_copy(update={"amount": Decimal(80), "entry": "e2"})
    assert await floors.of("datadog", [A, B]) == {}
    assert await floors.replace("datadog", A, None, None)
    assert not await floors.replace("datadog", A, second, first)
    assert await floors.replace("datadog", A, first, None)
    assert not await floors.replace("datadog", A, second, None)
    assert not await floors.replace("datadog", A, None, None)
    assert not await floors.replace("datadog", A, first, second)
    assert await floors.of("datadog", [A, B]) == {A: first}
    assert await floors.of("sample", [A]) == {}
    assert await floors.replace("datadog", A, second, first)
    assert not await floors.replace("datadog", A, None, first)
    assert await floors.of("datadog", [A]) == {A: second}
    assert await floors.replace("datadog", A, None, second)
    assert await floors.of("datadog", [A]) == {}


async def test_announced_changes_are_found_by_account_and_days(any_store: Store) -> None:
    plans = any_store.planned_changes
    plan = PlannedChange(
        id="p",
        account_id=A,
        percent=Decimal("30.5"),
        first=date(2026, 11, 3),
        last=date(2026, 11, 20),
        reason="migration",
        by="Ana",
        at=NOW,
    )
    newer = plan.model_copy(update={"id": "q", "at": later(hours=1), "last": date(2026, 11, 4)})
    await plans.add(plan)
    await plans.add(plan.model_copy(update={"reason": "late"}))
    await plans.add(newer)
    ends_at = DaySpan(date(2026, 11, 1), date(2026, 11, 3))
    assert await plans.covering([A], ends_at) == [newer, plan]
    assert await plans.covering([A], DaySpan(date(2026, 11, 20), date(2026, 11, 30))) == [plan]
    assert await plans.covering([A], DaySpan(date(2026, 11, 21), date(2026, 11, 30))) == []
    assert await plans.covering([B], ends_at) == []
    assert await plans.remove("p") == plan
    assert await plans.remove("p") is None


async def test_an_import_waits_for_confirm(any_store: Store) -> None:
    pending = PendingImport(id="i", text="team_name,…", by_id="a", at=later(days=3650))
    await any_store.pending_imports.put(pending)
    assert await any_store.pending_imports.take("j") is None
    taken = await asyncio.gather(*(any_store.pending_imports.take("i") for _ in range(8)))
    assert [one for one in taken if one is not None] == [pending]
    assert await any_store.pending_imports.take("i") is None


async def test_an_anomaly_is_raised_once_and_then_changed(any_store: Store) -> None:
    anomalies = any_store.anomalies
    one = Anomaly(
        id="a",
        kind="threshold",
        source="datadog",
        account_id=A,
        service="EC2",
        start=JAN_30,
        excess=Decimal("120.50"),
        raised_at=NOW,
        updated_at=NOW,
    )
    more = one.model_copy(update={"id": "b", "excess": Decimal("999.99"), "account_id": B})
    assert await anomalies.raise_once(one)
    assert not await anomalies.raise_once(one.model_copy(update={"excess": Decimal(1)}))
    assert await anomalies.raise_once(more)
    assert [found.id for found in await anomalies.open_of("datadog")] == ["b", "a"]
    assert await anomalies.open_of("sample") == []

    await anomalies.update(
        one.model_copy(update={"excess": Decimal("1000.01"), "raised_at": later(days=1)})
    )
    ended = more.model_copy(update={"status": "ended", "end": JAN_30})
    assert await anomalies.settle(ended, "open")
    assert not await anomalies.settle(ended.model_copy(update={"status": "expected"}), "open")

    changed = one.model_copy(update={"excess": Decimal("1000.01")})
    assert await anomalies.get("a") == changed
    assert [found.id for found in await anomalies.open_of("datadog", [A, B])] == ["a"]
    assert await anomalies.ended_of("datadog", NOW) == [ended]
    assert await anomalies.ended_of("datadog", later(seconds=1)) == []
    assert await anomalies.ended_of("sample", NOW) == []
    assert await anomalies.newest("datadog") == [ended, changed]
    assert await anomalies.newest("datadog", [A]) == [changed]
    assert await anomalies.newest("datadog", limit=1) == [ended]
    assert await anomalies.newest("sample") == []
    assert await anomalies.get_many(["a", "x"]) == [changed]


async def test_figures_of_an_anomaly_never_overwrite_an_answer(any_store: Store) -> None:
    anomalies = any_store.anomalies
    one = Anomaly(
        id="a",
        kind="threshold",
        source="datadog",
        account_id=A,
        service="EC2",
        start=JAN_30,
        excess=Decimal(120),
        raised_at=NOW,
        updated_at=NOW,
    )
    await anomalies.raise_once(one)
    answer = Resolution(by="Ana", by_id="a", at=NOW, excess=Decimal(120))
    answered = one.model_copy(update={"status": "expected", "answer": answer})
    assert await anomalies.settle(answered, "open")

    await anomalies.update(one.model_copy(update={"excess": Decimal(150)}))

    expected = answered.model_copy(update={"excess": Decimal(150)})
    assert await anomalies.get("a") == expected


# Runs


async def test_a_period_is_begun_once_by_however_many_workers(any_store: Store) -> None:
    results = await asyncio.gather(
        *(any_store.runs.begin(run(created_at=later(seconds=i))) for i in range(8))
    )
    assert sum(new for _, new in results) == 1
    stored = await any_store.runs.get("r")
    assert all(found == stored for found, _ in results)


async def test_runs_are_listed_newest_first_and_filtered(any_store: Store) -> None:
    runs = any_store.runs
    await runs.begin(run("a", created_at=NOW))
    await runs.begin(run("b", created_at=later(hours=1), kind=RunKind.DAILY, period="2026-11-21"))
    await runs.begin(run("c", created_at=later(hours=2), source="sample"))
    for name, hours in (("t1", 3), ("t2", 4)):
        await runs.begin(
            run(
                name,
                created_at=later(hours=hours),
                source="sample",
                kind=RunKind.TEAM,
                team_id=name,
            )
        )

    assert [one.id for one in await runs.list_runs("datadog")] == ["b", "a"]
    assert [one.id for one in await runs.list_runs("datadog", kind=RunKind.WEEKLY)] == ["a"]
    assert [one.id for one in await runs.list_runs("datadog", period="2026-11-21")] == ["b"]
    assert [one.id for one in await runs.list_runs("sample", open_only=True)] == ["t2", "t1", "c"]
    assert [one.id for one in await runs.list_runs("sample", team_id="t1", limit=1)] == ["t1"]
    assert [one.id for one in await runs.list_runs("datadog", limit=1)] == ["b"]
    every_source = await runs.list_runs(None, open_only=True)
    assert {one.source for one in every_source} == {"datadog", "sample"}
    earlier = await runs.list_runs("datadog", before=later(hours=1))
    assert [one.id for one in earlier] == ["a"]


async def test_a_lease_has_one_owner_until_it_ends(any_store: Store) -> None:
    runs = any_store.runs
    await runs.begin(run())
    first = await runs.lease("r", "one", NOW, TTL)
    assert first is not None
    assert await runs.holder("r") == ("one", first)
    assert await runs.lease("r", "two", later(seconds=59), TTL) is None
    assert await runs.renew("r", "one", first, later(seconds=50), TTL)
    assert await runs.lease("r", "two", later(seconds=61), TTL) is None

    second = await runs.lease("r", "two", later(seconds=111), TTL)

    assert second is not None
    assert second > first
    assert not await runs.renew("r", "one", first, later(seconds=112), TTL)
    await runs.release("r", "one", first)
    assert await runs.holder("r") == ("two", second)
    await runs.release("r", "two", second)
    assert await runs.holder("r") is None
    assert await runs.lease("unknown", "one", NOW, TTL) is None


async def test_a_stale_token_writes_nothing(any_store: Store) -> None:
    runs = any_store.runs
    await runs.begin(run())
    old = await runs.lease("r", "one", NOW, TTL)
    new = await runs.lease("r", "two", later(seconds=90), TTL)
    assert old is not None
    assert new is not None

    assert not await runs.mark_planned("r", old, SUMMARY)
    assert not await runs.record_error("r", old, "late", failed=True, retry_at=None)
    assert not await runs.close("r", new, 0, expired=False, now=NOW)
    assert await runs.mark_planned("r", new, SUMMARY)
    assert not await runs.mark_planned("r", new, SUMMARY)
    assert not await runs.close("r", old, 0, expired=False, now=NOW)
    assert await runs.close("r", new, 0, expired=False, now=later(hours=1))

    found = await runs.get("r")
    assert found is not None
    assert (found.state, found.summary, found.finished_at) == (
        RunState.DONE,
        SUMMARY,
        later(hours=1),
    )


async def test_an_error_is_kept_and_a_failed_run_can_be_opened_again(any_store: Store) -> None:
    runs = any_store.runs
    await runs.begin(run())
    token = await runs.lease("r", "one", NOW, TTL)
    assert token is not None
    assert await runs.record_error("r", token, "first", failed=False, retry_at=later(minutes=1))
    found = await runs.get("r")
    assert found is not None
    assert (found.state, found.last_error, found.attempts) == (RunState.OPEN, "first", 1)
    assert found.retry_at == later(minutes=1)
    actor = Actor(interface="rest", name="k")
    assert not await runs.reopen("r", actor, NOW, later(days=9))
    assert await runs.record_error("r", token, "second", failed=True, retry_at=None)

    assert await runs.reopen("r", actor, NOW, later(days=9))

    found = await runs.get("r")
    assert found is not None
    assert (found.state, found.requested_by, found.not_after) == (
        RunState.OPEN,
        actor,
        later(days=9),
    )


async def test_a_run_that_was_opened_again_is_closed_by_nobody_who_looked_before(
    any_store: Store,
) -> None:
    runs = any_store.runs
    await runs.begin(run())
    token = await runs.lease("r", "one", NOW, TTL)
    assert token is not None
    assert await runs.mark_planned("r", token, SUMMARY)
    before = await runs.get("r")
    assert before is not None
    assert before.plan == token
    assert not await runs.reopen("r", Actor(interface="rest"), NOW, later(days=3))

    assert not await runs.close("r", token, before.openings, expired=False, now=NOW)
    after = await runs.get("r")
    assert after is not None
    assert await runs.close("r", token, after.openings, expired=False, now=NOW)
    assert not await runs.mark_planned("r", token, SUMMARY)


async def test_a_frozen_report_never_changes(any_store: Store) -> None:
    runs = any_store.runs
    await runs.freeze([frozen(), frozen("r|admin", kind="admin", team_id=None)])
    await runs.freeze([frozen(preview={"current_total": "2.00"})])

    assert await runs.frozen("r|t1") == frozen()
    assert await runs.frozen("nothing") is None
    previews = [found async for found in runs.team_previews("r")]
    assert previews == [("t1", frozen().preview)]


# Deliveries


async def test_a_delivery_goes_from_pending_to_sent(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery()])
    claimed = await ledger.claim("r", "w", NOW, TTL)
    assert claimed is not None
    assert (claimed.state, claimed.phase) == (DeliveryState.SENDING, DeliveryPhase.CLAIM)
    assert (claimed.attempts, claimed.fence, claimed.owner) == (1, 1, "w")
    assert claimed.lease_until == later(seconds=60)
    assert await ledger.claim("r", "other", NOW, TTL) is None
    assert await ledger.owners("r") == {"w"}

    assert await ledger.enter_data(claimed, "abc", NOW, TTL)
    assert not await ledger.enter_data(claimed, "abc", NOW, TTL)
    assert await ledger.finish(claimed, DeliveryPhase.DATA, DeliveryState.SENT, NOW, reply="250")
    assert not await ledger.finish(claimed, DeliveryPhase.DATA, DeliveryState.SENT, NOW)

    (found,) = await ledger.list_deliveries("r")
    assert (found.state, found.reply, found.raw_sha256, found.owner) == (
        DeliveryState.SENT,
        "250",
        "abc",
        None,
    )
    assert await ledger.next_due("r") is None
    assert await ledger.counts("r") == {DeliveryState.SENT: 1}


async def test_each_delivery_is_claimed_by_one_of_many_workers(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery(f"d{i:02d}") for i in range(10)])

    claims = await asyncio.gather(*(ledger.claim("r", f"w{i}", NOW, TTL) for i in range(16)))

    taken = [claim.id for claim in claims if claim is not None]
    assert len(taken) == 10
    assert len(set(taken)) == 10


async def test_planning_again_leaves_what_is_there(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery()])
    await ledger.claim("r", "w", NOW, TTL)
    await ledger.plan([delivery(), delivery("new")])
    await ledger.plan([])

    assert await ledger.counts("r") == {DeliveryState.SENDING: 1, DeliveryState.PENDING: 1}


async def test_only_what_is_due_is_claimed_and_the_earliest_first(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan(
        [
            delivery("late", not_after=later(minutes=-1), not_before=later(days=-1)),
            delivery("soon", not_before=later(minutes=5)),
            delivery("b", not_before=later(minutes=-1)),
            delivery("a"),
            delivery("x", run_id="other"),
        ]
    )
    claims = [await ledger.claim("r", "w", NOW, TTL) for _ in range(3)]

    assert [claim.id for claim in claims if claim] == ["b", "a"]
    assert await ledger.expire("r", NOW) == 1
    assert await ledger.next_due("r") == later(seconds=60)


async def test_a_released_claim_is_not_an_attempt(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery()])
    claimed = await ledger.claim("r", "w", NOW, TTL)
    assert claimed is not None
    assert await ledger.give_back(claimed, NOW)
    assert not await ledger.give_back(claimed, NOW)

    again = await ledger.claim("r", "w", NOW, TTL)

    assert again is not None
    assert (again.attempts, again.fence) == (1, 2)


async def test_a_body_that_never_left_is_given_back_under_its_fence_alone(
    any_store: Store,
) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery()])
    assert await ledger.any_due("r", NOW)
    assert not await ledger.any_due("r", later(seconds=-1))
    claimed = await ledger.claim("r", "w", NOW, TTL)
    assert claimed is not None
    assert not await ledger.any_due("r", NOW)
    assert await ledger.enter_data(claimed, "abc", NOW, TTL)
    assert not await ledger.give_back(claimed.model_copy(update={"fence": 9}), NOW)
    assert await ledger.give_back(claimed, NOW)
    (found,) = await ledger.list_deliveries("r")
    assert (found.state, found.phase, found.ambiguous, found.attempts) == (
        DeliveryState.PENDING,
        None,
        0,
        0,
    )


async def test_the_last_sent_is_known(any_store: Store) -> None:
    ledger = any_store.deliveries
    assert await ledger.last_sent("r") is None
    for minute in range(3):
        state = DeliveryState.SENT if minute < 2 else DeliveryState.FAILED
        at = later(minutes=minute)
        await ledger.plan([delivery(f"d{minute}", state=state, updated_at=at)])
    assert await ledger.last_sent("r") == later(minutes=1)


async def test_a_retry_waits_and_unsure_ones_are_counted(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery()])
    claimed = await ledger.claim("r", "w", NOW, TTL)
    assert claimed is not None
    assert await ledger.enter_data(claimed, "abc", NOW, TTL)
    assert await ledger.finish(
        claimed,
        DeliveryPhase.DATA,
        DeliveryState.PENDING,
        NOW,
        error="cut off",
        not_before=later(minutes=1),
        ambiguous=True,
    )

    assert await ledger.claim("r", "w", later(seconds=59), TTL) is None
    assert await ledger.next_due("r") == later(minutes=1)
    again = await ledger.claim("r", "w", later(seconds=61), TTL)
    assert again is not None
    assert (again.ambiguous, again.attempts, again.error, again.raw_sha256) == (
        1,
        2,
        "cut off",
        "abc",
    )


async def test_a_dead_workers_delivery_is_taken_over_by_one(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery()])
    claimed = await ledger.claim("r", "dead", NOW, TTL)
    assert claimed is not None
    assert await ledger.enter_data(claimed, "abc", NOW, TTL)
    assert await ledger.abandoned("r", later(seconds=60)) == []
    (left,) = await ledger.abandoned("r", later(seconds=61))

    taken = [await ledger.take_over(left, f"w{i}", later(seconds=61), TTL) for i in range(2)]

    assert taken[0] is not None
    assert taken[1] is None
    assert taken[0].phase is DeliveryPhase.DATA
    # The dead one comes back to life and finds its fence gone.
    assert not await ledger.finish(claimed, DeliveryPhase.DATA, DeliveryState.SENT, NOW)
    assert await ledger.finish(taken[0], DeliveryPhase.DATA, DeliveryState.UNKNOWN, NOW)


async def test_a_dead_workers_leases_end_immediately(any_store: Store) -> None:
    ledger = any_store.deliveries
    await ledger.plan([delivery("a"), delivery("b")])
    await ledger.claim("r", "gone", NOW, TTL)
    await ledger.claim("r", "alive", NOW, TTL)

    await ledger.disown("r", "gone", NOW)

    assert [one.id for one in await ledger.abandoned("r", NOW)] == ["a"]


async def test_pages_of_deliveries_hold_every_delivery_once(any_store: Store) -> None:
    ledger = any_store.deliveries
    all_of_run = [delivery(f"d{i}", recipient=f"{'ab'[i % 2]}@example.org") for i in range(7)]
    failed = delivery("d7", state=DeliveryState.FAILED)
    await ledger.plan([*all_of_run, failed, delivery("other", run_id="r~2")])
    whole = await ledger.list_deliveries("r")
    assert len(whole) == 8

    for limit in (1, 3, 100):
        found, after = [], None
        while page := await ledger.list_deliveries("r", after=after, limit=limit):
            found += page
            after = (page[-1].recipient, page[-1].id)
        assert found == whole

    states = [DeliveryState.FAILED, DeliveryState.UNKNOWN]
    assert await ledger.list_deliveries("r", states=states, limit=1) == [failed]
    assert await ledger.list_deliveries("r", states=states, after=("z", ""), limit=1) == []


async def test_ended_deliveries_are_retried_together(any_store: Store) -> None:
    ledger = any_store.deliveries
    for state in DeliveryState:
        await ledger.plan([delivery(state.value, state=state)])

    assert await ledger.retry("r", later(days=1), later(days=4)) == 3

    pending = await ledger.list_deliveries("r", states=[DeliveryState.PENDING])
    assert [one.id for one in pending] == ["expired", "failed", "pending", "unknown"]
    assert {one.not_after for one in pending} == {later(days=4), later(days=3)}


# People and conversations


def conversation(name: str = "19:a", **more: object) -> Conversation:
    values = {
        "id": name,
        "kind": "channel",
        "service_url": "https://smba.example.com/",
        "tenant_id": "t",
        "bot_id": "28:b",
        "updated_at": NOW,
    }
    return Conversation.model_validate({**values, **more})


async def test_admins_are_known_by_tenant_and_object_id(any_store: Store) -> None:
    admins = any_store.admins
    ana = AdminEntry(object_id="A-1", tenant_id="T", name="Ana", since=NOW, by="claim")
    assert await admins.add(ana)
    assert not await admins.add(ana.model_copy(update={"object_id": "a-1"}))
    assert await admins.add(ana.model_copy(update={"tenant_id": "other", "name": "Zoe"}))
    assert [admin.name for admin in await admins.list_admins()] == ["Ana", "Zoe"]
    assert await admins.remove("t", "a-1") == ana
    assert await admins.remove("t", "a-1") is None


async def test_of_all_codes_for_the_first_admin_one_works_once(any_store: Store) -> None:
    admins = any_store.admins
    assert await admins.list_codes() == []
    assert not await admins.take_code("a")
    await admins.offer_code("b", NOW)
    await admins.offer_code("a", later(seconds=1))
    assert await admins.list_codes() == ["b", "a"]
    assert not await admins.take_code("c")
    assert sorted(await asyncio.gather(admins.take_code("a"), admins.take_code("a"))) == [
        False,
        True,
    ]
    assert await admins.list_codes() == []


async def test_a_conversation_keeps_what_was_decided_of_it(any_store: Store) -> None:
    conversations = any_store.conversations
    await conversations.seen(conversation(title="alerts"))
    assert await conversations.welcome_once("19:a")
    assert not await conversations.welcome_once("19:a")
    assert not await conversations.welcome_once("19:unknown")
    assert await conversations.alerts_on("19:a", "Ana", NOW)
    assert not await conversations.alerts_on("19:a", "Bob", NOW)
    assert not await conversations.alerts_on("19:unknown", "Ana", NOW)
    assert await conversations.lost("19:a", "blocked", NOW)
    assert not await conversations.lost("19:a", "blocked", NOW)
    assert not await conversations.lost("19:unknown", "blocked", NOW)

    again = await conversations.seen(conversation(service_url="https://new.example.com/"))

    assert (again.state, again.welcomed, again.alerts_by) == ("active", True, "Ana")
    assert (again.service_url, again.title) == ("https://new.example.com/", "alerts")
    assert (await conversations.seen(conversation(title="renamed"))).title == "renamed"
    await conversations.seen(conversation("19:b"))
    assert [alert.id for alert in await conversations.with_alerts()] == ["19:a"]
    assert await conversations.get("19:c") is None
    assert await conversations.alerts_off("19:a", NOW)
    assert not await conversations.alerts_off("19:a", NOW)
    assert await conversations.with_alerts() == []


async def test_a_conversation_that_was_left_is_welcomed_again(any_store: Store) -> None:
    conversations = any_store.conversations
    await conversations.seen(conversation())
    assert await conversations.welcome_once("19:a")
    assert await conversations.lost("19:a", "uninstalled", NOW)
    left = await conversations.get("19:a")
    assert left is not None
    assert (left.state, left.welcomed) == ("uninstalled", False)
    await conversations.seen(conversation())
    assert await conversations.welcome_once("19:a")


async def test_cards_that_still_change_are_remembered(any_store: Store) -> None:
    cards = any_store.cards_in_progress
    card = CardInProgress(
        id="c|1", conversation_id="c", service_url="https://x", activity_id="1", created_at=NOW
    )
    await cards.put(card)
    await cards.put(card.model_copy(update={"run_id": "r"}))
    await cards.put(card.model_copy(update={"id": "c|2", "created_at": later(minutes=-1)}))
    assert [one.id for one in await cards.list_cards()] == ["c|2", "c|1"]
    await cards.remove("c|2")
    await cards.remove("c|2")
    (left,) = await cards.list_cards()
    assert left.run_id == "r"


async def test_a_card_that_still_changes_is_taken_over_by_one_worker(any_store: Store) -> None:
    cards = any_store.cards_in_progress
    card = CardInProgress(
        id="c|1",
        conversation_id="c",
        service_url="https://x",
        activity_id="1",
        owner="a",
        created_at=NOW,
        touched_at=NOW,
        last={"type": "AdaptiveCard"},
    )
    await cards.put(card)
    await cards.touch("b", later(minutes=1))
    assert await cards.list_cards() == [card]
    await cards.touch("a", later(minutes=1))
    assert not await cards.take(card, "b", later(minutes=9))
    touched = card.model_copy(update={"touched_at": later(minutes=1)})
    taken = await asyncio.gather(*(cards.take(touched, "b", later(minutes=9)) for _ in range(8)))
    assert taken.count(True) == 1
    (left,) = await cards.list_cards()
    assert (left.owner, left.touched_at) == ("b", later(minutes=9))


# The rate budget


async def test_no_minute_has_more_emails_than_the_budget(any_store: Store) -> None:
    rates = any_store.rate_budget
    granted = []
    for tenth in range(2000):
        now = later(seconds=tenth / 10)
        if await rates.take("Costs@example.org", 5, now) == 0.0:
            granted.append(now)

    assert len(granted) >= 15
    for at in granted:
        assert sum(at <= other < at + timedelta(seconds=60) for other in granted) <= 5


async def test_a_full_budget_says_how_long_to_wait(any_store: Store) -> None:
    rates = any_store.rate_budget
    for _ in range(3):
        assert await rates.take("a@x.org", 3, NOW) == 0.0

    wait = await rates.take("A@x.org", 3, later(seconds=10))

    assert 45 <= wait <= 61
    assert await rates.take("other@x.org", 3, later(seconds=10)) == 0.0
    assert await rates.take("a@x.org", 3, later(seconds=10 + wait)) == 0.0


async def test_months_of_names(any_store: Store) -> None:
    await any_store.costs.save_names("datadog", {A: "shop"}, [Month(2026, 1)])
    found = await any_store.costs.load_totals("datadog", DaySpan(JAN_30, JAN_30))
    assert found.account_names == {}


async def test_when_something_last_came_from_teams_and_whose_chat_it_is(any_store: Store) -> None:
    conversations = any_store.conversations
    assert await conversations.last_heard() is None
    await conversations.seen(conversation("a:1", with_id="ana", updated_at=later(hours=2)))
    await conversations.seen(conversation("19:b", updated_at=later(hours=1)))
    assert await conversations.last_heard() == later(hours=2)

    again = await conversations.seen(conversation("a:1", updated_at=later(hours=3)))

    assert again.with_id == "ana"
    assert await conversations.last_heard() == later(hours=3)
