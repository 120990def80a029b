"""The reasons that wrong input is answered with are our own, and true."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from api.routes import ENDPOINTS
from services.domain.validation import LONE_SURROGATE_REASON, OTHER_REASON, REASONS, problems_of
from tests.api.conftest import ACCOUNTS, World
from tests.api.test_bodies import JSON, team

TEXTS = [
    *("", " ", "x", "x" * 20_000, "\ud800", "a\nb", "\u200b", "\x00", "1", "true", "snoozed"),
    *("expected", "@", "a@b", "a@@b.c", "a@xn--.org", "\ud800@example.org", "a@x\ud800.org"),
    *("9" * 5000, "2026-11-31", "1e999"),
]
ANYTHING: list[Any] = [
    *(*TEXTS, None, True, False, 0, -1, 7, 1.5, 10**30, 1e308, float("nan"), float("inf")),
    *([], [1], [None], ["x"], [["x"]], [{}], ["\ud800@example.org"], ["a@example.org"] * 101),
    *({}, {"a": 1}, {"\ud800": 1}),
]
MODELS = [
    pytest.param(model, part == "query", id=f"{endpoint.method} {endpoint.path} {part}")
    for endpoint in ENDPOINTS
    for part, model in (("query", endpoint.accepts.query), ("body", endpoint.accepts.body))
    if model is not None
]


def fields_of(model: Any) -> set[str]:
    schema = TypeAdapter(model).json_schema()
    return {
        name
        for part in (schema, *schema.get("$defs", {}).values())
        for name in part.get("properties", {})
    }


def wrong_values(model: Any, *, query: bool) -> Iterator[Any]:
    values = TEXTS if query else ANYTHING
    if not query:
        yield from ANYTHING
    for name in [*sorted(fields_of(model)), "unknown"]:
        for value in values:
            yield {name: value}
            yield {"status": "snoozed", name: value}
            yield {"status": "expected", name: value}


@pytest.mark.parametrize(("model", "query"), MODELS)
def test_every_error_that_a_model_can_give_has_words_of_ours(model: Any, *, query: bool) -> None:
    adapter, known = TypeAdapter(model), fields_of(model)
    for value in wrong_values(model, query=query):
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            for item, (field, reason) in zip(error.errors(), problems_of(error), strict=True):
                assert item["type"] in {*REASONS, "value_error"}, (value, item)
                assert reason != OTHER_REASON
                assert item["msg"] not in reason
                assert "{" not in reason
                assert not reason.endswith(".")
                sent = value.keys() if isinstance(value, dict) else set()
                assert field in {"body", *known, *sent}


def test_an_error_that_is_new_to_us_does_not_leak() -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(bytes).validate_python(1)
    assert problems_of(caught.value) == [("body", OTHER_REASON)]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("team_name", "\ud800", LONE_SURROGATE_REASON),
        ("team_name", "a\udfffb", LONE_SURROGATE_REASON),
        ("team_name", "\u200b\u202e", "has no visible characters"),
        ("team_name", "", "is missing"),
        ("team_name", "a\x00", "has a control character or a line break; remove it"),
        ("team_email", "nobody", "is not an email address: An email address must have an @-sign"),
    ],
)
async def test_the_reason_is_the_true_one(
    world: World, field: str, value: str, reason: str
) -> None:
    body = json.dumps(team(**{field: value}))
    answer = await world.send("POST", "/api/teams", 422, data=body, headers=JSON)
    assert answer["errors"] == [{"field": field, "reason": reason}]
    assert answer["detail"].endswith(reason + ".")
    rows = json.dumps([team(**{field: value})])
    answer = await world.send("POST", "/api/teams/bulk", 200, data=rows, headers=JSON)
    assert [(one["field"], one["reason"]) for one in answer["failed"]] == [(field, reason)]


async def test_half_a_character_in_a_setting_is_called_so(world: World) -> None:
    for name in ("smtp_user", "smtp_password", "smtp_host"):
        body = json.dumps({name: "x\ud800"})
        answer = await world.send("PUT", "/api/config", 422, data=body, headers=JSON)
        assert answer["errors"] == [{"field": name, "reason": LONE_SURROGATE_REASON}]


async def test_the_fields_of_an_answer_to_an_anomaly_are_named_as_they_are_sent(
    world: World,
) -> None:
    async def wrong(**body: Any) -> list[tuple[str, str]]:
        path = "/api/anomalies/any/resolution"
        answer = await world.send("POST", path, 422, json=body)
        return [(one["field"], one["reason"]) for one in answer["errors"]]

    assert await wrong(status="snoozed", days=8) == [("days", "must be 7 or 30")]
    assert await wrong(status="snoozed", days=True) == [("days", "must be 7 or 30")]
    assert await wrong(status="expected", days=7) == [("days", "is not a known field")]
    assert await wrong(reason="x") == [("status", "is missing")]
    (field, reason), *_ = await wrong(status="ignored")
    assert field == "status"
    assert "'not_an_anomaly'" in reason


async def test_a_password_cannot_be_set_by_saying_that_it_is(world: World) -> None:
    before = await world.get("/api/config")
    assert before["smtp_password_set"] is False
    answer = await world.send(
        "PUT", "/api/config", 422, json={**before, "smtp_password_set": True}
    )
    assert [one["field"] for one in answer["errors"]] == ["smtp_password_set"]
    assert "smtp_password" in answer["errors"][0]["reason"]
    assert await world.get("/api/config") == before
    # As it was answered it can be sent back, with and without a password.
    assert await world.send("PUT", "/api/config", 200, json=before) == before
    after = await world.send(
        "PUT", "/api/config", 200, json={**before, "smtp_password": "s", "min_increase": 26}
    )
    assert after["smtp_password_set"] is True
    assert await world.send("PUT", "/api/config", 200, json=after) == after
    await world.send("PUT", "/api/config", 422, json={"smtp_password_set": False})
    assert (await world.get("/api/config"))["smtp_password_set"] is True


async def test_days_in_the_wrong_order_are_refused_and_both_are_named(world: World) -> None:
    path = "/api/costs/history?from=2026-11-10&to=2026-11-09"
    answer = await world.send("GET", path, 422)
    assert answer["errors"] == [
        {"field": "from", "reason": "is later than to"},
        {"field": "to", "reason": "is earlier than from"},
    ]
    assert await world.get("/api/costs/history?from=2026-11-10&to=2026-11-10") == []


async def test_an_instant_reads_the_same_at_once_and_later(world: World) -> None:
    world.clock.now += timedelta(microseconds=123)
    body = team(aws_account_id=ACCOUNTS[0])
    made = await world.send("POST", "/api/teams", 201, json=body)
    assert await world.get(f"/api/teams/{made['id']}") == made
    path = f"/api/teams/{made['id']}"
    changed = await world.send("PATCH", path, 200, json={"anomaly_threshold": 30})
    assert await world.get(path) == changed
    assert changed["updated_at"] > made["updated_at"]
    run = await world.send("POST", "/api/trigger/weekly-report", 202)
    again = await world.finished(run["id"])
    assert (again["id"], again["created_at"]) == (run["id"], run["created_at"])


async def test_a_body_that_does_not_say_what_it_is_is_not_guessed(world: World) -> None:
    data = json.dumps(team()).encode()
    for method, path in (
        ("POST", "/api/teams"),
        ("PUT", "/api/config"),
        ("POST", "/api/teams/bulk"),
    ):
        async with world.client.request(
            method, path, data=data, skip_auto_headers=["Content-Type"]
        ) as answer:
            assert answer.status == 415
            assert "application/json" in (await answer.json(content_type=None))["detail"]
    assert await world.get("/api/teams") == []


async def test_a_whole_number_may_be_written_with_a_point(world: World) -> None:
    body = b'{"schedule_hour": 0.0, "smtp_port": 2.5e1}'
    answer = await world.send("PUT", "/api/config", 200, data=body, headers=JSON)
    assert json.dumps([answer["schedule_hour"], answer["smtp_port"]]) == "[0, 25]"
    for wrong in ("23.5", "24", "-0.1", "1e300", '"9"', "true", "null"):
        body = f'{{"schedule_hour": {wrong}}}'.encode()
        await world.send("PUT", "/api/config", 422, data=body, headers=JSON)
