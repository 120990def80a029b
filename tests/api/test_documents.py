"""What the agent tells of its own API: a valid document, a page that needs nothing else."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from api.app import ALL
from api.openapi import document
from tests.api.conftest import MovingClock, World, opened
from tests.makers import NOW


@pytest.mark.parametrize("locked", [True, False])
def test_the_document_is_valid_openapi_3_1(locked: bool) -> None:
    found = document(ALL, "1.2.3", locked=locked)
    assert found["openapi"] == "3.1.0"
    assert [str(error) for error in OpenAPIV31SpecValidator(found).iter_errors()] == []


def operations(found: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method, path, operation)
        for path, item in found["paths"].items()
        for method, operation in item.items()
    ]


async def test_every_route_of_the_application_is_in_the_document(world: World) -> None:
    found = await world.get("/api/openapi.json")
    routes = {
        (route.method.lower(), route.resource.canonical)
        for route in world.agent.api.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    outside = {("get", "/api"), ("post", "/api/messages")}
    pages = {("get", path) for path in ("/outbox", "/outbox/{id}", "/outbox/{id}/html")}
    described = {(method, path) for method, path, _ in operations(found)}
    assert described == routes - outside - pages


def test_every_operation_is_described_in_full() -> None:
    found = document(ALL, "1", locked=True)
    names = [operation["operationId"] for _, _, operation in operations(found)]
    assert len(set(names)) == len(names)
    for method, path, operation in operations(found):
        assert operation["summary"].endswith("."), path
        answers = operation["responses"]
        assert {"403", "500", "503"} <= answers.keys()
        if path == "/api/health":
            assert operation["security"] == []
            continue
        assert operation["security"] == [{"key": ["read" if method == "get" else "write"]}]
        assert {"401", "429"} <= answers.keys()
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= answers.keys()
        if "{id}" in path:
            assert "404" in answers


async def test_the_document_tells_how_the_door_stands(world: World) -> None:
    found = await world.get("/api/openapi.json")
    assert "securitySchemes" not in found["components"]
    assert "Local mode" in found["info"]["description"]
    key = await world.key("read")
    found = await world.get("/api/openapi.json", headers=key)
    assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


class Parts(HTMLParser):
    """The elements of a page, and every address in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: list[str] = []
        self.handlers: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in {"href", "src", "action", "srcset", "data"}:
                self.addresses.append(value or "")
            if name == "id":
                self.ids.add(value or "")
            if name.startswith("on"):
                self.handlers.append(name)


async def test_the_page_has_every_operation_and_nothing_from_elsewhere(world: World) -> None:
    async with world.client.get("/api/docs") as answer:
        text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert answer.content_type == "text/html"
    parts = Parts(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & parts.tags
    assert parts.handlers == []
    for address in parts.addresses:
        assert address == "/api/openapi.json" or address[1:] in parts.ids, address
    assert "://" not in re.sub(r"api://…", "", text)
    for method, path, operation in operations(await world.get("/api/openapi.json")):
        assert f"{method.upper()} {path}</code>" in text
        assert operation["summary"].split("`")[0].split("'")[0] in text
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "script-src" not in policy


async def test_a_sample_is_called_one_in_every_answer(mongo_url: str, tmp_path: Path) -> None:
    environment = {
        "MONGO_URL": mongo_url,
        "DB_NAME": f"test_{tmp_path.name[-24:]}",
        "DATA_DIR": str(tmp_path),
    }
    async with opened(environment, MovingClock(NOW)) as (_, client):
        async with client.get("/api/") as answer:
            assert (await answer.json())["banner"].startswith("SAMPLE DATA")
        for path in ("teams", "costs/history?limit=1", "runs", "config", "nothing"):
            async with client.get(f"/api/{path}") as answer:
                assert answer.headers["X-Sample-Data"] == "SAMPLE DATA"
        async with client.get("/api/costs/history?limit=1") as answer:
            assert (await answer.json())[0]["sample"] is True
        async with client.get("/api/preview/admin-report") as answer:
            assert "SAMPLE DATA" in (await answer.json())["text"]


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/html", "text/html"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "text/html"),
        ("application/json, text/html;q=0.9", "application/json"),
        ("text/html;q=0.4, application/json;q=0.5", "application/json"),
        ("text/html;q=nonsense", "application/json"),
        ("TEXT/HTML; q=1", "text/html"),
    ],
)
async def test_a_preview_is_a_page_for_whoever_would_rather_have_one(
    world: World, accept: str, kind: str
) -> None:
    await world.add_teams(1)
    async with world.client.get("/api/preview/admin-report", headers={"Accept": accept}) as answer:
        assert answer.content_type == kind
        if kind == "text/html":
            policy = answer.headers["Content-Security-Policy"]
            assert "sandbox" in policy
            assert "default-src 'none'" in policy
