"""Metrics: the useful series, with no word about teams and people."""

import re
from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from services.domain import RunState
from tests.api.conftest import ACCOUNTS, World
from tests.makers import later, run
from tests.servers.datadog import once

Sample = tuple[str, frozenset[tuple[str, str]]]


async def scraped(world: World) -> tuple[str, dict[Sample, float]]:
    async with world.client.get("/metrics?name[]=x") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/plain; version=1.0.0; charset=utf-8"
        text = await answer.text()
    found = {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    return text, found


def value(found: dict[Sample, float], name: str, **labels: str) -> float:
    return found[f"costagent_{name}", frozenset(labels.items())]


async def test_a_run_can_be_seen_in_the_metrics(world: World) -> None:
    await world.add_teams(3)
    world.smtp.faults.refuse["team1@example.org"] = "550 no such mailbox"
    world.datadog.faults.append(once(503, {}))
    run = await world.send("POST", "/api/trigger/weekly-report", 202)
    await world.finished(run["id"])
    await world.send("GET", "/api/nothing", 404)

    _, found = await scraped(world)
    assert value(found, "deliveries_total", channel="mail", outcome="sent") == 2
    assert value(found, "deliveries_total", channel="mail", outcome="failed") == 1
    assert value(found, "weekly_deliveries", state="sent") == 2
    assert value(found, "weekly_deliveries", state="failed") == 1
    assert value(found, "run_seconds_count", kind="weekly", outcome="done") == 1
    assert value(found, "upstream_requests_total", upstream="datadog", outcome="503") == 1
    assert value(found, "upstream_requests_total", upstream="datadog", outcome="200") >= 3
    ended = datetime.fromtimestamp(
        value(found, "run_last_success_timestamp_seconds", kind="weekly"), UTC
    )
    assert abs((ended - world.clock.now).total_seconds()) < 10
    through = value(found, "data_through_timestamp_seconds")
    assert through == datetime(2026, 11, 22, tzinfo=UTC).timestamp()
    assert value(found, "teams") == 3
    assert value(found, "healthy", part="mongodb") == 1
    assert value(found, "info", version="0.1.0", source="datadog") == 1
    posted = {"method": "POST", "route": "/api/teams", "status": "201"}
    assert value(found, "rest_requests_total", **posted) == 3
    assert value(found, "rest_requests_total", method="GET", route="none", status="404") == 1
    assert ("process_cpu_seconds_total", frozenset()) in found


async def test_no_series_names_a_team_an_account_or_a_person(world: World) -> None:
    await world.add_teams(3)
    run = await world.send("POST", "/api/trigger/weekly-report", 202)
    await world.finished(run["id"])
    for i in range(30):
        await world.send("GET", f"/api/teams/made-up-{i}", 404)
    for method in ("TRACE", "PROPFIND", "LOCK"):
        await world.send(method, "/api/teams", 405)
    text, found = await scraped(world)
    assert not re.search(r"Team \d|team\d@|example\.org|made-up", text)
    assert not any(account in text for account in ACCOUNTS)
    assert {name for _, labels in found for name, _ in labels} <= {
        *("channel", "outcome", "state", "kind", "upstream", "part", "version", "source"),
        *("method", "route", "status", "le"),
    }
    assert len(found) < 400


async def test_what_was_counted_before_a_restart_is_read_from_mongodb(world: World) -> None:
    _, found = await scraped(world)
    assert not any("last_success" in name for name, _ in found)
    assert not any("data_through" in name for name, _ in found)
    assert value(found, "teams") == 0

    done, expired = RunState.DONE, RunState.EXPIRED
    for number, (state, hours) in enumerate(((done, 1), (done, 2), (expired, 3))):
        ended = run(f"r{number}", state=state, finished_at=later(hours=hours))
        await world.store.runs.begin(ended)
    _, found = await scraped(world)
    last = value(found, "run_last_success_timestamp_seconds", kind="weekly")
    assert last == later(hours=2).timestamp()
