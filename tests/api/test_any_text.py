"""Any text in any field: refused with a reason, or it comes back as it was sent."""

import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from services.domain.errors import InvalidError
from services.domain.formatting import neutral
from tests.api.conftest import ACCOUNTS, ACTOR, World
from tests.api.test_lists import anomaly, raised
from tests.api.texts import ANY_TEXT

AS_MANY = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
"""Each example is several requests to one agent."""
NUMBERS = itertools.count(100_000_000_000)


def reason_of(answer: dict[str, Any], field: str) -> str:
    """Why a field was refused; it must be the one that was wrong."""
    (error,) = answer["errors"]
    assert error["field"] == field
    assert error["reason"]
    return str(error["reason"])


@AS_MANY
@given(typed=ANY_TEXT)
async def test_a_teams_name(world: World, typed: str) -> None:
    body = {
        "team_name": typed,
        "aws_account_id": str(next(NUMBERS)),
        "team_email": "team@example.org",
    }
    async with world.client.post("/api/teams", json=body) as answer:
        found = await answer.json(content_type=None)
    if answer.status == 422:
        reason_of(found, "team_name")
        allowed = neutral(typed) and typed == typed.strip() and len(typed) <= 200
        assert not (allowed and typed.isprintable())
        return
    assert answer.status == 201
    assert found["team_name"] == typed
    path = f"/api/teams/{found['id']}"
    assert (await world.get(path))["team_name"] == typed
    listed = {team["id"]: team["team_name"] for team in await world.get("/api/teams")}
    assert listed[found["id"]] == typed
    # The same name again changes nothing, by whichever way it comes.
    await world.send("PATCH", path, 200, json={"team_name": typed})
    bulk = await world.send("POST", "/api/teams/bulk", 200, json=[body])
    assert (bulk["unchanged"], bulk["failed"]) == (1, [])
    assert (await world.send("DELETE", path, 200))["team_name"] == typed


@AS_MANY
@given(typed=ANY_TEXT)
async def test_a_row_of_a_bulk_import_beside_a_good_one(world: World, typed: str) -> None:
    rows = [
        {"team_name": typed, "aws_account_id": ACCOUNTS[0], "team_email": "a@example.org"},
        {"team_name": "Good", "aws_account_id": ACCOUNTS[1], "team_email": "b@example.org"},
        {"team_name": "x", "aws_account_id": typed, "team_email": typed, typed: 1},
    ]
    answer = await world.send("POST", "/api/teams/bulk", 200, json=rows)
    failed = {one["index"] for one in answer["failed"]}
    assert 1 not in failed
    assert 2 in failed
    names = {team["aws_account_id"]: team["team_name"] for team in await world.get("/api/teams")}
    assert names[ACCOUNTS[1]] == "Good"
    if 0 not in failed:
        assert names[ACCOUNTS[0]] == typed


CONFIG_FIELDS = ("smtp_host", "smtp_user", "sender_email", "schedule_timezone", "schedule_day")


@pytest.mark.parametrize("field", CONFIG_FIELDS)
@settings(AS_MANY, max_examples=25)
@given(typed=ANY_TEXT)
async def test_a_setting(world: World, field: str, typed: str) -> None:
    before = await world.get("/api/config")
    async with world.client.put("/api/config", json={field: typed}) as answer:
        found = await answer.json(content_type=None)
    if answer.status == 422:
        reason_of(found, field)
        assert await world.get("/api/config") == before
    else:
        assert answer.status == 200
        assert found[field] == typed
        assert (await world.get("/api/config"))[field] == typed


@AS_MANY
@given(typed=ANY_TEXT)
async def test_a_password_is_never_seen_again(world: World, typed: str) -> None:
    async with world.client.put("/api/config", json={"smtp_password": typed}) as answer:
        text = await answer.text()
    assert answer.status in {200, 422}
    if len(typed) > 8:
        assert typed not in text
        async with world.client.get("/api/config") as answer:
            assert typed not in await answer.text()
    stored = await world.store.config.get(world.clock.now)
    assert stored.smtp_password_encrypted != typed


@pytest.mark.parametrize("field", ["team_email", "admin_emails"])
@settings(AS_MANY, max_examples=40)
@given(typed=ANY_TEXT)
async def test_an_email_address(world: World, field: str, typed: str) -> None:
    body = {
        "team_name": "x",
        "aws_account_id": str(next(NUMBERS)),
        "team_email": "team@example.org",
        field: [typed] if field == "admin_emails" else typed,
    }
    async with world.client.post("/api/teams", json=body) as answer:
        found = await answer.json(content_type=None)
    if answer.status == 422:
        reason_of(found, field)
    else:
        kept = found[field][0] if field == "admin_emails" else found[field]
        assert kept.casefold() == typed.casefold()


@AS_MANY
@given(typed=ANY_TEXT)
async def test_a_reason(world: World, typed: str) -> None:
    await raised(world, anomaly(0))
    path = "/api/anomalies/an0/resolution"
    body = {"status": "expected", "reason": typed}
    async with world.client.post(path, json=body) as answer:
        found = await answer.json(content_type=None)
    if answer.status == 422:
        assert len(typed) > 200
        reason_of(found, "reason")
        return
    assert found["answer"]["reason"] == typed
    assert (await world.get("/api/anomalies"))[0]["answer"]["reason"] == typed
    await world.send("POST", path, 200, json={"status": "open"})


@AS_MANY
@given(typed=ANY_TEXT)
async def test_a_parameter(world: World, typed: str) -> None:
    typed = typed[:500]  # a longer line is no HTTP for the server
    for path, params in (
        ("/api/teams", {"limit": typed}),
        ("/api/teams", {typed: "1"}),
        ("/api/costs/history", {"team_id": typed, "from": typed, "cursor": typed}),
        ("/api/anomalies", {"status": typed}),
        ("/api/runs", {"cursor": typed}),
        ("/api/trigger/weekly-report", {"period": typed}),
    ):
        method = "POST" if "trigger" in path else "GET"
        async with world.client.request(method, path, params=params) as answer:
            found = await answer.json(content_type=None)
            if answer.status == 200:
                assert params.get("limit", "").isascii()
                assert 1 <= int(params["limit"]) <= 1000
            else:
                assert 400 <= answer.status < 500
                assert found["detail"]
    assert await world.get("/api/runs") == []


@AS_MANY
@given(typed=ANY_TEXT)
async def test_a_keys_name(world: World, typed: str) -> None:
    keys = world.agent.app.administration.api_keys
    try:
        key, _ = await keys.create(typed, ["read"], ACTOR, world.clock())
    except InvalidError as error:
        assert "The name must be" in str(error)
    else:
        assert key.name == typed.strip()
        assert neutral(key.name) == key.name
