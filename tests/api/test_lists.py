"""Lists: filters, pages that neither repeat nor miss a row, and rows that are the source's own."""

import base64
import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from services.domain import Anomaly, DaySpan, RunKind
from services.domain.formatting import plain_money
from services.domain.pasted import match_key
from tests.api.conftest import ACCOUNTS, ACTOR, World
from tests.makers import NOW, later

LAST = date(2026, 11, 21)


async def pages(world: World, path: str) -> list[list[Any]]:
    """All pages from an address on, by the Link headers."""
    found, seen = [], set()
    while path:
        assert path not in seen
        seen.add(path)
        async with world.client.get(path) as answer:
            assert answer.status == 200, await answer.text()
            found.append(await answer.json())
            link = answer.links.get("next")
            path = link["url"].raw_path_qs if link else ""  # type: ignore[union-attr]
    return found


async def read_costs(world: World) -> list[dict[str, Any]]:
    """Three teams with two months of costs."""
    teams = await world.add_teams(3)
    await world.get("/api/preview/admin-report")
    return teams


async def test_cost_rows_are_the_sources_own_newest_first(world: World) -> None:
    teams = await read_costs(world)
    by_account = {team["aws_account_id"]: team["id"] for team in teams}
    rows = await world.get("/api/costs/history?limit=1000")
    assert len(rows) == 3 * len(DaySpan(date(2026, 10, 1), LAST))
    order = [(row["date"], row["aws_account_id"]) for row in rows]
    assert order == sorted(
        order, key=lambda one: (-date.fromisoformat(one[0]).toordinal(), one[1])
    )
    for row in rows[::17]:
        day = date.fromisoformat(row["date"])
        truth = world.datadog.sum(DaySpan(day, day), aws_member_account_id=row["aws_account_id"])
        assert row["total"] == plain_money(truth)
        assert row["team_id"] == by_account[row["aws_account_id"]]
        services = sum(Decimal(amount) for amount in row["services"].values())
        assert abs(services - truth) < Decimal("0.06")
        assert row["currency"] == "USD"
        assert row["sample"] is False


async def test_usage_leaves_credits_and_tax_out(world: World) -> None:
    await read_costs(world)
    (row,) = await world.get("/api/costs/history?limit=1&to=2026-11-01")
    day = DaySpan(date(2026, 11, 1), date(2026, 11, 1))
    account = row["aws_account_id"]
    usage = world.datadog.sum(day, aws_member_account_id=account, chargecategory="usage")
    assert row["total"] == plain_money(world.datadog.sum(day, aws_member_account_id=account))
    assert row["usage"] == plain_money(usage)
    assert row["usage"] != row["total"]


async def test_pages_of_costs_hold_every_row_once(world: World) -> None:
    await read_costs(world)
    whole = await world.get("/api/costs/history?limit=1000")
    for limit in (1000, 100, 7, 1):
        first = DaySpan(date(2026, 11, 12), LAST).first if limit == 1 else date(2026, 10, 1)
        wanted = [row for row in whole if row["date"] >= first.isoformat()]
        found = await pages(world, f"/api/costs/history?limit={limit}&from={first}")
        assert [row for part in found for row in part] == wanted
        assert all(len(part) == limit for part in found[:-1])


async def test_costs_by_team_and_days(world: World) -> None:
    teams = await read_costs(world)
    team = teams[1]["id"]
    path = f"/api/costs/history?team_id={team}"
    rows = await world.get(f"{path}&from=2026-10-30&to=2026-11-02")
    assert [row["date"] for row in rows] == [
        "2026-11-02",
        "2026-11-01",
        "2026-10-31",
        "2026-10-30",
    ]
    assert {row["team_id"] for row in rows} == {team}
    assert (await world.get(f"{path}&from=2026-11-22")) == []
    assert (await world.get(f"{path}&to=2026-07-01")) == []
    await world.send("GET", f"{path}&from=2026-11-02&to=2026-11-01", 422)
    # Nothing after the last complete day, although the source has it.
    assert (await world.get(f"{path}&limit=1"))[0]["date"] == LAST.isoformat()


async def test_costs_are_read_where_there_are_none_yet(world: World) -> None:
    assert await world.get("/api/costs/history") == []
    await world.add_teams(1)
    assert len(await world.get("/api/costs/history")) == 52
    second = await world.send(
        "POST",
        "/api/teams",
        201,
        json={
            "team_name": "Second",
            "aws_account_id": ACCOUNTS[1],
            "team_email": "second@example.org",
        },
    )
    assert await world.get(f"/api/costs/history?team_id={second['id']}&limit=1")


def anomaly(number: int, **more: Any) -> Anomaly:
    values = {
        "id": f"an{number}",
        "kind": "spike",
        "source": "datadog",
        "account_id": ACCOUNTS[number % 2],
        "service": "EC2",
        "start": LAST,
        "excess": Decimal("12.345"),
        "raised_at": later(minutes=number // 2),
        "updated_at": NOW,
        **more,
    }
    return Anomaly.model_validate(values)


async def raised(world: World, *anomalies: Anomaly) -> None:
    for one in anomalies:
        await world.store.anomalies.raise_once(one)


async def test_anomalies_newest_first_by_status_team_and_page(world: World) -> None:
    (team,) = await world.add_teams(1)
    await raised(
        world,
        *(anomaly(i) for i in range(9)),
        anomaly(9, status="ended", end=LAST),
        anomaly(10, source="sample"),
    )
    rows = await world.get("/api/anomalies")
    assert [row["id"] for row in rows] == [f"an{i}" for i in range(9, -1, -1)]
    assert rows[1] == {
        "id": "an8",
        "kind": "spike",
        "status": "open",
        "team_id": team["id"],
        "team_name": "Team 0",
        "aws_account_id": ACCOUNTS[0],
        "service": "EC2",
        "start": "2026-11-21",
        "end": None,
        "found_at_install": False,
        "excess": "12.35",
        "actual": None,
        "expected": None,
        "account": {"excess": "12.35", "actual": None, "expected": None},
        "currency": "USD",
        "answer": None,
        "raised_at": "2026-11-24T09:04:00.000+00:00",
        "updated_at": "2026-11-24T09:00:00.000+00:00",
        "sample": False,
    }
    assert rows[0]["team_id"] is None
    for limit in (1, 3, 10):
        found = await pages(world, f"/api/anomalies?limit={limit}")
        assert [row for part in found for row in part] == rows
    ended = await world.get("/api/anomalies?status=ended")
    assert [row["id"] for row in ended] == ["an9"]
    mine = await pages(world, f"/api/anomalies?team_id={team['id']}&limit=2&status=open")
    assert [row["id"] for part in mine for row in part] == ["an8", "an6", "an4", "an2", "an0"]


async def test_a_threshold_is_dated_by_the_compared_days(world: World) -> None:
    days = {"start": date(2026, 11, 1), "last": date(2026, 11, 20)}
    breach = anomaly(0, kind="threshold", found_at_install=True, **days)
    await raised(world, breach, anomaly(1, last=date(2026, 11, 20)))
    shift, threshold = await world.get("/api/anomalies")
    assert (threshold["start"], threshold["end"]) == ("2026-11-01", "2026-11-20")
    assert (threshold["status"], threshold["found_at_install"]) == ("open", True)
    assert (shift["end"], shift["found_at_install"]) == (None, False)


async def test_an_anomaly_is_answered_once_and_taken_back(world: World) -> None:
    await world.add_teams(1)
    await raised(world, anomaly(0))
    path = "/api/anomalies/an0/resolution"
    body = {"status": "expected", "reason": "load test <b>"}
    answered = await world.send("POST", path, 200, json=body)
    assert answered["status"] == "expected"
    assert answered["answer"]["by"] == "local"
    assert answered["answer"]["reason"] == "load test <b>"
    assert await world.send("POST", path, 200, json=body) == answered
    conflict = await world.send("POST", path, 409, json={"status": "accepted"})
    assert "local has already answered" in conflict["detail"]
    await world.send("POST", path, 200, json={"status": "open"})
    snoozed = await world.send("POST", path, 200, json={"status": "snoozed", "days": 30})
    assert snoozed["answer"]["until"] == "2026-12-24"
    assert (await world.get("/api/anomalies?status=snoozed"))[0] == snoozed
    trail = await world.store.audit_entries.newest(1)
    assert trail[0].action == "anomaly.snoozed"
    assert trail[0].actor.interface == "rest"


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("an0", {"status": "ended"}, 422),
        ("an0", {"status": "snoozed", "days": 8}, 422),
        ("an0", {"status": "expected", "days": 7}, 422),
        ("an0", {"status": "expected", "reason": "x" * 201}, 422),
        ("an0", {}, 422),
        ("an0", [], 422),
        ("nothing", {"status": "expected"}, 404),
        ("sampled", {"status": "expected"}, 404),
    ],
    ids=str,
)
async def test_an_invalid_answer_is_refused(
    world: World, path: str, body: object, status: int
) -> None:
    await raised(world, anomaly(0), anomaly(1, id="sampled", source="sample"))
    await world.send("POST", f"/api/anomalies/{path}/resolution", status, json=body)
    assert (await world.get("/api/anomalies"))[0]["status"] == "open"


async def test_runs_by_page_and_kind(world: World) -> None:
    await world.add_teams(1)
    runs = world.agent.app.runs.requests
    for week in range(40, 47):
        await runs.request(RunKind.WEEKLY, ACTOR, world.clock(), period=f"2026-W{week}")
    await runs.request(RunKind.DAILY, ACTOR, world.clock(), period="2026-11-21")
    whole = await world.get("/api/runs")
    assert whole[0]["kind"] == "daily"
    assert [run["period"] for run in whole[1:]] == [f"2026-W{week}" for week in range(46, 39, -1)]
    found = await pages(world, "/api/runs?limit=3")
    assert [run for part in found for run in part] == whole
    weekly = await pages(world, "/api/runs?limit=2&kind=weekly")
    assert [run for part in weekly for run in part] == whole[1:]


async def test_a_row_that_comes_in_between_neither_repeats_nor_hides_others(
    world: World,
) -> None:
    await raised(world, *(anomaly(i) for i in range(6)))
    async with world.client.get("/api/anomalies?limit=3") as answer:
        first = await answer.json()
        path = answer.links["next"]["url"].path_qs  # type: ignore[union-attr]
    await raised(world, anomaly(20))
    rest = await world.get(path)
    assert [row["id"] for row in (*first, *rest)] == [f"an{i}" for i in range(5, -1, -1)]


async def test_teams_come_whole_or_by_page_in_one_order(world: World) -> None:
    names = ["b", "Bb", "ä", "A", "=1+1", "aB", "\u202eevil", "Z<script>"]
    for i, name in enumerate(names):
        body = {
            "team_name": name,
            "aws_account_id": f"{i:012d}",
            "team_email": "x@example.org",
        }
        await world.send("POST", "/api/teams", 201, json=body)
    whole = await world.get("/api/teams")
    order = [(match_key(team["team_name"]), team["aws_account_id"]) for team in whole]
    assert order == sorted(order)
    assert {team["team_name"] for team in whole} == set(names)
    for limit in (1, 3, 8, 1000):
        found = await pages(world, f"/api/teams?limit={limit}")
        assert [team for part in found for team in part] == whole


def cursor(*parts: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("path", ["teams", "costs/history", "anomalies", "runs"])
@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "====",
        "%00",
        "%D9%A1",
        "A" * 600,
        "[" * 200,
        cursor(),
        cursor("teams"),
        cursor("other", "a", "b"),
        cursor("teams", 1, 2),
        cursor("teams", {"$gt": ""}, ""),
        cursor("costs", "x", "y"),
        cursor("costs", "2026-13-01", "y"),
        cursor("anomalies", "x", "y"),
        cursor("anomalies", "2026-11-01T00:00:00", "y"),
        cursor("runs", "0001-01-01T00:00:00+14:00", "y", "z"),
        cursor("runs", {"$ne": None}, "y"),
    ],
    ids=str,
)
async def test_a_forged_cursor_leads_nowhere(world: World, path: str, forged: str) -> None:
    answer = await world.send("GET", f"/api/{path}?cursor={forged}", 404)
    expected = "The cursor is invalid or has expired. Start again without it."
    assert answer["detail"] == expected


@pytest.mark.parametrize(
    ("path", "forged"),
    [
        ("teams", cursor("teams", "zzz", "zzz")),
        ("costs/history", cursor("costs", "0001-01-01", "x")),
        ("costs/history", cursor("costs", "9999-12-31", "x")),
        ("anomalies", cursor("anomalies", "0001-01-01T00:00:00+00:00", "x")),
        ("anomalies", cursor("anomalies", "0001-01-01T00:00:00+14:00", "x")),
        ("anomalies", cursor("anomalies", "9999-12-31T23:59:59-14:00", "x")),
        ("runs", cursor("runs", "9999-12-31T23:59:59+00:00", "x")),
    ],
)
async def test_a_made_up_place_is_only_another_place(world: World, path: str, forged: str) -> None:
    await read_costs(world)
    async with world.client.get(f"/api/{path}?cursor={forged}") as answer:
        assert answer.status in {200, 404}


async def test_a_week_of_the_past_can_be_run_after_a_later_one(world: World) -> None:
    await world.add_teams(1)
    for period in ("2026-W48", "2026-W44", "2026-W46"):
        run = await world.send("POST", f"/api/trigger/weekly-report?period={period}", 202)
        assert (await world.finished(run["id"]))["state"] == "done"
