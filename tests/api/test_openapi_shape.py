"""Clients depend on the document's paths, parameters and fields: none of them changes unnoticed."""

import json
from collections.abc import Iterator
from typing import Any

from api.openapi import document
from api.routes import ENDPOINTS
from tests.conftest import ROOT

RECORDING = ROOT / "tests/api/openapi-0.1.json"
PROSE = {"description", "title", "example", "examples", "summary"}
RUNS = (
    "GET /api/runs 200 application/json[]",
    "GET /api/runs/{id} 200 application/json",
    "POST /api/runs/{id}/retry 202 application/json",
    "POST /api/trigger/team-report/{id} 202 application/json",
    "POST /api/trigger/weekly-report 202 application/json",
)
"""Responses that contain runs."""
WITHOUT_LISTS = {
    "PUT /api/config body application/json.schedule_timezone": "enum",
    "POST /api/trigger/weekly-report query.period": "pattern",
    "POST /api/trigger/team-report/{id} query.period": "pattern",
    # Any cost source can be plugged in.
    "GET /api/ 200 application/json.source": "enum",
    "GET /api/runs 200 application/json[].source": "enum",
    "GET /api/runs/{id} 200 application/json.source": "enum",
    "POST /api/runs/{id}/retry 202 application/json.source": "enum",
    "POST /api/trigger/weekly-report 202 application/json.source": "enum",
    "POST /api/trigger/team-report/{id} 202 application/json.source": "enum",
}
"""What may differ from the recording: strings that no longer list all their values, with the
keyword that has held the list.
"""
TEAM_PREVIEW = "GET /api/preview/team-report/{id} 200 application/json"
ADMIN_PREVIEW = "GET /api/preview/admin-report 200 application/json"
ANOMALIES = (
    "GET /api/anomalies 200 application/json[]",
    "POST /api/anomalies/{id}/resolution 200 application/json",
    *(f"{preview}.anomalies[]" for preview in (TEAM_PREVIEW, ADMIN_PREVIEW)),
)
"""Responses that contain anomalies."""
ADDED_FIELDS = {
    *(
        f"{anomaly}.{name}"
        for anomaly in ANOMALIES
        for name in ("actual", "expected", "account", "found_at_install")
    ),
    *(f"{run}.requested_by.interface" for run in RUNS),
    *(f"{method} /api/config 200 application/json.skipped_week" for method in ("GET", "PUT")),
    *(f"{preview}.accounts" for preview in (TEAM_PREVIEW, ADMIN_PREVIEW)),
    *(f"{preview}.metric" for preview in (TEAM_PREVIEW, ADMIN_PREVIEW)),
    *(f"{run}.summary|0.metric" for run in RUNS),
    "GET /api/costs/history 200 application/json[].metric",
    f"{ADMIN_PREVIEW}.rounding",
    f"{ADMIN_PREVIEW}.unmapped_accounts[].previous",
}
"""Fields of responses that the recording does not have yet, with all that they contain."""
ADDED_ENDPOINTS = ("GET /api/runs/{id}/deliveries",)
"""Endpoints that the recording does not have yet."""
NEW_STATUSES = {"408", "415"}
"""Of any endpoint: bodies that are late or compressed."""
FORMER_STATUSES = {"429"}
"""Nobody is locked out any more."""
DEPRECATED = {f"{run}.requested_by.door" for run in RUNS}
"""Fields that clients should stop reading; they keep their values until they are removed."""


def shape(found: dict[str, Any]) -> dict[str, Any]:
    """Every parameter, field and header of a document: where it is → its keywords, without prose.

    Names of components are left out, as nothing that is sent contains them.
    """
    return {
        where: keywords
        for path, item in found["paths"].items()
        for method, operation in item.items()
        for where, keywords in _operation(found, f"{method.upper()} {path}", operation)
    }


def _operation(found: Any, where: str, operation: Any) -> Iterator[tuple[str, Any]]:
    yield where, {key: operation.get(key) for key in ("operationId", "tags", "security")}
    for parameter in operation["parameters"]:
        name = f"{where} {parameter['in']}.{parameter['name']}"
        yield f"{name} required", parameter["required"]
        yield from _schema(found, name, parameter["schema"])
    body = operation.get("requestBody", {"content": {}})
    yield f"{where} body required", body.get("required")
    for kind, content in body["content"].items():
        yield from _schema(found, f"{where} body {kind}", content["schema"])
    for status, answer in operation["responses"].items():
        response = _resolved(found, answer)
        name = f"{where} {status}"
        yield name, sorted(response.get("headers", ()))
        for kind, content in response.get("content", {}).items():
            yield from _schema(found, f"{name} {kind}", content["schema"])


def _schema(found: Any, where: str, schema: Any) -> Iterator[tuple[str, Any]]:
    schema = _resolved(found, schema)
    inner = {"properties", "items", "anyOf", "oneOf", "discriminator"}
    yield where, {key: value for key, value in schema.items() if key not in PROSE | inner}
    for name, field in schema.get("properties", {}).items():
        yield from _schema(found, f"{where}.{name}", field)
    if "items" in schema:
        yield from _schema(found, f"{where}[]", schema["items"])
    for several in ("anyOf", "oneOf"):
        for number, choice in enumerate(schema.get(several, ())):
            yield from _schema(found, f"{where}|{number}", choice)


def _resolved(found: Any, item: Any) -> Any:
    if "$ref" not in item:
        return item
    *_, group, name = item["$ref"].split("/")
    return found["components"][group][name]


def _without(statuses: set[str], shapes: dict[str, Any]) -> dict[str, Any]:
    return {
        where: facts for where, facts in shapes.items() if not statuses & {*where.split()[2:3]}
    }


def _is_added(where: str) -> bool:
    return where in ADDED_FIELDS or where.startswith(
        tuple(f"{field}{sign}" for field in ADDED_FIELDS for sign in "|.[")
    )


def test_the_document_offers_what_it_did_when_it_was_recorded() -> None:
    recorded = _without(FORMER_STATUSES, shape(json.loads(RECORDING.read_text("utf-8"))))
    present = shape(document(ENDPOINTS, "0.1", locked=True))
    for added in ADDED_ENDPOINTS:
        assert added in present
        present = {
            where: keys
            for where, keys in present.items()
            if not f"{where} ".startswith(f"{added} ")
        }
    parts = {where for where in present if _is_added(where)}
    new = present.keys() - parts - recorded.keys()
    assert {where.split()[2] for where in new} == NEW_STATUSES
    present = {where: keys for where, keys in present.items() if where not in new}
    assert present.keys() - parts == recorded.keys()
    for where in parts - ADDED_FIELDS:
        del present[where]
    for where in ADDED_FIELDS:
        del present[where]
        owner, _, field = where.rpartition(".")
        required = [name for name in present[owner]["required"] if name != field]
        present[owner]["required"] = required
    for where in DEPRECATED:
        assert present[where].pop("deprecated")
    differing = {where for where in present if present[where] != recorded[where]}
    assert differing == WITHOUT_LISTS.keys()
    for where, listed in WITHOUT_LISTS.items():
        before, after = dict(recorded[where]), dict(present[where])
        after.pop("format", None)
        assert len(after.pop("pattern")) < 100
        del before[listed]
        assert before == after == {"type": "string"}
