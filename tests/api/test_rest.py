"""The REST door over HTTP, on a real MongoDB."""

import asyncio
import secrets
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from services.domain import DaySpan
from services.domain.formatting import plain_money
from tests.api.conftest import ACCOUNTS, MovingClock, World, opened, settled
from tests.api.test_lists import pages
from tests.makers import NOW, delivery, frozen
from tests.makers import run as stored_run
from tests.servers.datadog import once

WINDOW = DaySpan(date(2026, 11, 1), date(2026, 11, 21))
BEFORE = DaySpan(date(2026, 10, 1), date(2026, 10, 21))


async def test_health_and_what_this_is(world: World) -> None:
    about = await world.get("/api/")
    assert about["source"] == "datadog"
    assert about["sample"] is False
    # The clock begins to tick when the first report of a new machine is made.
    assert (await world.get("/api/health"))["status"] == "healthy"
    assert (await world.get("/api/scheduler/status"))["running"] is False
    world.clock.now += timedelta(minutes=4)
    ill = await world.send("GET", "/api/health", 503)
    assert "ticker" in ill["failing"][0]
    world.agent.ticker.start()
    await asyncio.sleep(0.05)
    assert (await world.get("/api/health"))["status"] == "healthy"
    world.agent.ticker.stop()
    await world.send("GET", "/api/health", 503)


async def test_a_team_is_added_changed_and_removed(world: World) -> None:
    (team,) = await world.add_teams(1)
    found = await world.get(f"/api/teams/{team['id']}")
    assert found == team
    changed = await world.send(
        "PATCH", f"/api/teams/{team['id']}", 200, json={"anomaly_threshold": 30}
    )
    assert changed["anomaly_threshold"] == 30
    assert changed["team_email"] == team["team_email"]
    again = await world.send(
        "POST",
        "/api/teams",
        409,
        json={"team_name": "x", "aws_account_id": ACCOUNTS[0], "team_email": "x@x.org"},
    )
    assert again["status"] == 409
    same = {"team_name": team["team_name"].upper(), "aws_account_id": "9" * 12}
    named = await world.send("POST", "/api/teams", 409, json={**same, "team_email": "x@x.org"})
    assert f"(AWS account {ACCOUNTS[0]}) already has this name" in named["detail"]
    await world.send("DELETE", f"/api/teams/{team['id']}", 200)
    await world.send("GET", f"/api/teams/{team['id']}", 404)
    assert await world.get("/api/teams") == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"team_name": "", "aws_account_id": "1" * 12, "team_email": "a@x.org"}, "team_name"),
        (
            {"team_name": "a", "aws_account_id": 12345678, "team_email": "a@x.org"},
            "aws_account_id",
        ),
        ({"team_name": "a", "aws_account_id": "1" * 12, "team_email": "a"}, "team_email"),
        ({"team_name": "a", "aws_account_id": "1" * 12}, "team_email"),
        (
            {"team_name": "a", "aws_account_id": "1" * 12, "team_email": "a@x.org", "x": 1},
            "x",
        ),
    ],
    ids=["name", "number", "mail", "missing", "unknown"],
)
async def test_a_wrong_field_is_named(world: World, body: dict[str, Any], field: str) -> None:
    answer = await world.send("POST", "/api/teams", 422, json=body)
    assert field in {error["field"] for error in answer["errors"]}
    assert await world.get("/api/teams") == []


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[1]", 422), (b'{"anomaly_threshold": NaN}', 400), (b"[" * 100_000, 400)],
    ids=["cut", "list", "nan", "deep"],
)
async def test_an_invalid_body_is_refused(world: World, body: bytes, status: int) -> None:
    answer = await world.send(
        "PUT", "/api/config", status, data=body, headers={"Content-Type": "application/json"}
    )
    assert answer["status"] == status


async def test_settings_change_in_part_and_never_show_the_password(world: World) -> None:
    before = await world.get("/api/config")
    assert before["anomaly_threshold"] == 20
    after = await world.send(
        "PUT",
        "/api/config",
        200,
        json={"anomaly_threshold": 12.5, "smtp_password": "hunter2-hunter2"},
    )
    assert after["anomaly_threshold"] == 12.5
    assert after["smtp_password_set"] is True
    assert "hunter2" not in str(after)
    assert after["schedule_day"] == before["schedule_day"]
    wrong = await world.send(
        "PUT",
        "/api/config",
        422,
        json={"anomaly_threshold": 5, "schedule_hour": 24, "schedule_timezone": "Mars/Olympus"},
    )
    assert {one["field"] for one in wrong["errors"]} == {"schedule_hour", "schedule_timezone"}
    assert (await world.get("/api/config"))["anomaly_threshold"] == 12.5


async def test_the_next_slots_follow_the_schedule(world: World) -> None:
    await world.send(
        "PUT",
        "/api/config",
        200,
        json={
            "schedule_day": "friday",
            "schedule_hour": 7,
            "schedule_timezone": "Europe/Berlin",
        },
    )
    status = await world.get("/api/scheduler/status")
    (job,) = status["jobs"]
    assert job["next_run_time"].startswith("2026-11-27T06:00:00")
    assert len(job["next_runs"]) == 3


async def test_a_preview_has_the_servers_own_sums_and_stores_nothing(world: World) -> None:
    teams = await world.add_teams(2)
    preview = await world.get(f"/api/preview/team-report/{teams[1]['id']}")
    truth = world.datadog.sum(WINDOW, aws_member_account_id=ACCOUNTS[1])
    before = world.datadog.sum(BEFORE, aws_member_account_id=ACCOUNTS[1])
    assert preview["current_total"] == plain_money(truth)
    assert preview["previous_total"] == plain_money(before)
    assert preview["window"] == {
        "current": {"from": "2026-11-01", "to": "2026-11-21"},
        "previous": {"from": "2026-10-01", "to": "2026-10-21"},
    }
    wanted = {
        *(
            "subject",
            "html",
            "text",
            "currency",
            "metric",
            "data_through",
            "window",
            "current_total",
        ),
        *("previous_total", "change_percent", "usage_current", "usage_previous", "services"),
        *("accounts", "anomalies", "sample"),
    }
    assert set(preview) == wanted
    for parts in (preview["services"], preview["accounts"]):
        services = sum(Decimal(part["current"]) for part in parts)
        assert services == Decimal(preview["current_total"])
    assert await world.get("/api/runs") == []
    await world.send("GET", "/api/preview/team-report/unknown", 404)


async def test_the_admins_preview_covers_accounts_without_a_team(world: World) -> None:
    await world.add_teams(2)
    preview = await world.get("/api/preview/admin-report")
    assert preview["current_total"] == plain_money(world.datadog.sum(WINDOW))
    assert {one["aws_account_id"] for one in preview["unmapped_accounts"]} == set(ACCOUNTS[2:])
    assert len(preview["teams"]) == 2
    async with world.client.get(
        "/api/preview/admin-report", headers={"Accept": "text/html"}
    ) as page:
        assert page.content_type == "text/html"
        assert "sandbox" in page.headers["Content-Security-Policy"]


async def test_a_triggered_run_emails_teams_and_admins_once(world: World) -> None:
    await world.add_teams(3)
    await world.send("PUT", "/api/config", 200, json={"global_admin_emails": ["cfo@example.org"]})

    runs = [await world.send("POST", "/api/trigger/weekly-report", 202) for _ in range(3)]

    assert len({run["id"] for run in runs}) == 1
    run = await world.finished(runs[0]["id"])
    assert run["state"] == "done"
    assert run["counts"] == {"sent": 4}
    assert dict(world.smtp.by_recipient) == {
        **{f"team{i}@example.org": 1 for i in range(3)},
        "cfo@example.org": 1,
    }
    assert run["summary"]["total"] == plain_money(world.datadog.sum(WINDOW))
    again = await world.send("POST", "/api/trigger/weekly-report", 202)
    assert again["state"] == "done"
    assert len(world.smtp.mails) == 4
    assert (await world.get("/api/runs"))[0]["id"] == run["id"]
    repeated = await world.send("POST", "/api/trigger/weekly-report?again=true", 202)
    assert repeated["id"] == f"{run['id']}.2"
    assert (await world.finished(repeated["id"]))["counts"] == {"sent": 4}


async def test_a_repetition_is_found_by_its_id_in_a_url(world: World) -> None:
    await world.add_teams(1)
    run = await world.send("POST", "/api/trigger/weekly-report", 202)
    await world.finished(run["id"])
    async with world.client.post("/api/trigger/weekly-report?again=true") as answer:
        location = answer.headers["Location"]
        repeated = await answer.json()
    await settled(world.agent)

    # The client leaves out what it takes for a fragment, as urllib and most others do.
    for path in (location, f"/api/runs/{repeated['id']}"):
        assert (await world.get(path))["id"] == repeated["id"]
    assert (await world.get(f"/api/runs/{run['id']}"))["id"] == run["id"]


async def test_runs_with_old_ids_are_found_under_both_forms(world: World) -> None:
    old = stored_run("datadog:weekly:2026-W47#2", period="2026-W47", repeat=2, state="failed")
    await world.store.runs.begin(old.model_copy(update={"planned": True}))
    await world.store.runs.freeze([frozen(run_id=old.ledger_id)])
    await world.store.deliveries.plan(
        [
            delivery(f"d{i}", run_id=old.ledger_id, recipient=f"{i}@example.org", state="failed")
            for i in range(3)
        ]
    )

    for asked in ("datadog:weekly:2026-W47%232", "datadog:weekly:2026-W47.2"):
        assert (await world.get(f"/api/runs/{asked}"))["id"] == old.id
        parts = await pages(world, f"/api/runs/{asked}/deliveries?limit=1")
        assert [row["id"] for part in parts for row in part] == ["d0", "d1", "d2"]
    retried = await world.send("POST", "/api/runs/datadog:weekly:2026-W47.2/retry", 202)
    assert (retried["id"], retried["retried"]) == (old.id, 3)
    await settled(world.agent)
    for unknown in (
        "datadog:weekly:2026-W47%233",
        "datadog:weekly:2026-W47.3",
        "a.2",
        ".2",
        "%23",
    ):
        await world.send("GET", f"/api/runs/{unknown}", 404)


async def test_a_large_run_answers_with_counts_and_what_failed(world: World) -> None:
    large = stored_run("datadog:weekly:2026-W47", period="2026-W47", state="done", planned=True)
    await world.store.runs.begin(large)
    states = [*["sent"] * 250, *["failed"] * 90, *["unknown"] * 30, *["expired"] * 5]
    await world.store.deliveries.plan(
        [
            delivery(f"d{i:03}", run_id=large.ledger_id, state=state)
            for i, state in enumerate(states)
        ]
    )

    found = await world.get(f"/api/runs/{large.id}")
    assert found["counts"] == {"sent": 250, "failed": 90, "unknown": 30, "expired": 5}
    assert [row["id"] for row in found["deliveries"]] == [f"d{i}" for i in range(250, 350)]

    path = f"/api/runs/{large.id}/deliveries"
    for limit in (100, 375, 1000):
        parts = await pages(world, f"{path}?limit={limit}")
        assert [row["state"] for part in parts for row in part] == states
        assert len(parts) == -(-len(states) // limit)
    assert len(await world.get(path)) == 100
    assert (await world.get(f"{path}?limit=1"))[0].keys() == found["deliveries"][0].keys()
    await world.send("GET", "/api/runs/unknown/deliveries", 404)
    await world.send("GET", f"{path}?limit=0", 422)
    await world.send("GET", f"{path}?cursor=x", 404)


async def test_one_teams_run_emails_that_team_alone(world: World) -> None:
    teams = await world.add_teams(2)
    run = await world.send("POST", f"/api/trigger/team-report/{teams[0]['id']}", 202)
    await world.finished(run["id"])
    assert dict(world.smtp.by_recipient) == {"team0@example.org": 1}
    weekly = await world.send("POST", "/api/trigger/weekly-report", 202)
    assert (await world.finished(weekly["id"]))["counts"] == {"sent": 2}


async def test_failed_deliveries_can_be_retried(world: World) -> None:
    await world.add_teams(2)
    world.smtp.faults.refuse["team1@example.org"] = "550 no such mailbox"
    run = await world.send("POST", "/api/trigger/weekly-report", 202)
    first = await world.finished(run["id"])
    assert first["counts"] == {"sent": 1, "failed": 1}
    world.smtp.faults.refuse.clear()
    retried = await world.send("POST", f"/api/runs/{run['id']}/retry", 202)
    assert retried["retried"] == 1
    assert (await world.finished(run["id"]))["counts"] == {"sent": 2}
    assert dict(world.smtp.by_recipient) == {"team0@example.org": 1, "team1@example.org": 1}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?period=2026-W54", 422),
        ("?period=2025-W53", 422),
        ("?period=2026-W49", 409),
        ("?perod=x", 422),
        ("?again=2", 422),
        ("?again=true&again=false", 422),
    ],
)
async def test_a_wrong_request_begins_no_run(world: World, query: str, status: int) -> None:
    await world.add_teams(1)
    await world.send("POST", f"/api/trigger/weekly-report{query}", status)
    assert await world.get("/api/runs") == []


async def test_a_failing_source_is_reported_and_nothing_is_emailed(world: World) -> None:
    (team,) = await world.add_teams(1)
    world.datadog.faults += [once(400, {"errors": ["no such metric"]}) for _ in range(3)]
    answer = await world.send("GET", f"/api/preview/team-report/{team['id']}", 502)
    assert "DATADOG_COST_METRIC" in answer["detail"]
    run = await world.send("POST", "/api/trigger/weekly-report", 202)
    failed = await world.finished(run["id"])
    assert failed["state"] == "failed"
    assert "DATADOG_COST_METRIC" in failed["last_error"]
    assert world.smtp.mails == []
    world.datadog.faults.clear()
    again = await world.send("POST", "/api/trigger/weekly-report", 202)
    assert again["id"] == run["id"]
    assert (await world.finished(run["id"]))["counts"] == {"sent": 1}


async def test_a_csv_is_taken_with_its_bad_rows_named(world: World) -> None:
    data = f"team_name,aws_account_id,team_email\nA,{ACCOUNTS[0]},a@x.org\nB,12,b@x.org\n"
    answer = await world.send(
        "POST",
        "/api/teams/bulk",
        200,
        data=data.encode(),
        headers={"Content-Type": "text/csv"},
    )
    assert (answer["created"], len(answer["failed"])) == (1, 1)
    assert answer["failed"][0]["line"] == 3


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Host": "evil.example.com"}),
        ("GET", {"X-Forwarded-For": "10.0.0.1"}),
        ("GET", {"Forwarded": "for=1.2.3.4"}),
        ("PUT", {"Origin": "https://evil.example.com"}),
        ("PUT", {"Origin": "http://localhost:3000"}),
        ("PUT", {"Sec-Fetch-Site": "cross-site"}),
        ("GET", {"Host": "127.0.0.1.evil.example.com"}),
    ],
    ids=[
        "rebinding",
        "proxy",
        "forwarded",
        "foreign origin",
        "other port",
        "cross site",
        "look-alike",
    ],
)
async def test_local_mode_answers_this_machine_only(
    world: World, method: str, headers: dict[str, str]
) -> None:
    answer = await world.send(
        method, "/api/config", 403, headers=headers, json={"anomaly_threshold": 99}
    )
    assert "Local mode" in answer["detail"]
    assert (await world.get("/api/config"))["anomaly_threshold"] == 20


async def test_a_missing_object_is_problem_json(world: World) -> None:
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/config", 405),
        ("GET", "/api/runs/nothing", 404),
        ("GET", "/api/runs?limit=x", 422),
    ):
        answer = await world.send(method, path, status)
        assert answer["status"] == status
        assert answer["request_id"]


async def test_the_outbox_shows_an_email_without_obeying_it(
    mongo_url: str, tmp_path: Path
) -> None:
    environment = {
        "MONGO_URL": mongo_url,
        "DB_NAME": f"test_{secrets.token_hex(6)}",
        "DATA_DIR": str(tmp_path),
    }
    async with opened(environment, MovingClock(NOW)) as (agent, client):
        async with client.get("/outbox") as page:
            assert "No emails yet" in await page.text()
        async with client.post("/api/trigger/weekly-report") as started:
            assert started.status == 202
        await settled(agent)
        async with client.get("/outbox") as page:
            text = await page.text()
        assert "85 emails" in text or "92 emails" in text
        mail_id = text.partition('href="/outbox/')[2].partition('"')[0]
        async with client.get(f"/outbox/{mail_id}") as page:
            text = await page.text()
            assert "<iframe sandbox" in text
            assert "script" not in page.headers["Content-Security-Policy"]
        async with client.get(f"/outbox/{mail_id}/html") as page:
            assert "SAMPLE" in await page.text()
            assert "sandbox" in page.headers["Content-Security-Policy"]
        async with client.get("/outbox/..%2f..%2fetc%2fpasswd") as page:
            assert page.status == 404
        async with client.get("/outbox", headers={"Host": "evil.example.com"}) as page:
            assert page.status == 403


async def test_a_schedule_whose_new_time_has_passed_names_the_week_that_it_skips(
    world: World,
) -> None:
    await world.get("/api/config")  # Tuesday, 9:00
    ahead = await world.send("PUT", "/api/config", 200, json={"schedule_day": "friday"})
    assert "skipped_week" not in ahead
    passed = await world.send("PUT", "/api/config", 200, json={"schedule_day": "monday"})
    assert passed["skipped_week"] == "2026-W48"
    same = await world.get("/api/config")
    assert await world.send("PUT", "/api/config", 200, json=same) == same
    other = await world.send("PUT", "/api/config", 200, json={"anomaly_threshold": 30})
    assert "skipped_week" not in other

    await world.add_teams(1)
    await world.send("POST", "/api/trigger/weekly-report", 202)
    moved = await world.send("PUT", "/api/config", 200, json={"schedule_hour": 8})
    assert "skipped_week" not in moved


async def test_the_clock_runs_a_due_week_once_and_a_day_each_day(world: World) -> None:
    await world.add_teams(2)
    await world.get("/api/config")  # the settings begin now: Tuesday, after the slot
    await world.tick()
    kinds = [(run["kind"], run["period"]) for run in await world.get("/api/runs")]
    assert kinds == [("daily", "2026-11-21")]
    assert world.smtp.mails == []

    world.clock.now = NOW.replace(day=30, hour=9, minute=0)
    for _ in range(3):
        await world.tick()

    kinds = [(run["kind"], run["period"]) for run in await world.get("/api/runs")]
    assert sorted(kinds) == [
        ("daily", "2026-11-21"),
        ("daily", "2026-11-27"),
        ("weekly", "2026-W49"),
    ]
    assert dict(world.smtp.by_recipient) == {f"team{i}@example.org": 1 for i in range(2)}
