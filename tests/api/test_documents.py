"""The API's own documentation: a valid OpenAPI document, and a page without outside requests."""

import hashlib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiohttp import encode_basic_auth
from openapi_spec_validator import OpenAPIV31SpecValidator
from yarl import URL

from api.openapi import document
from api.routes import ENDPOINTS
from tests.api.conftest import MovingClock, World, opened
from tests.makers import NOW


@pytest.mark.parametrize("locked", [True, False])
def test_the_document_is_valid_openapi_3_1(locked: bool) -> None:
    found = document(ENDPOINTS, "1.2.3", locked=locked)
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
        for route in world.agent.rest.router.routes()
        if route.resource is not None and route.method != "HEAD"
    }
    outside = {("get", "/api"), ("post", "/api/messages")}
    paths = ("/outbox", "/outbox/{id}", "/outbox/{id}/html", "/api/docs/{name}")
    pages = {("get", path) for path in paths}
    described = {(method, path) for method, path, _ in operations(found)}
    assert described == routes - outside - pages


def test_every_operation_is_described_in_full() -> None:
    found = document(ENDPOINTS, "1", locked=True)
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
        assert {"401", "408", "415"} <= answers.keys()
        if "requestBody" in operation:
            assert {"400", "413", "415", "422"} <= answers.keys()
        if "{id}" in path:
            assert "404" in answers


async def test_the_document_says_whether_a_key_is_needed(world: World) -> None:
    found = await world.get("/api/openapi.json")
    assert "securitySchemes" not in found["components"]
    assert "Local mode" in found["info"]["description"]
    key = await world.key("read")
    found = await world.get("/api/openapi.json", headers=key)
    assert found["components"]["securitySchemes"]["key"]["scheme"] == "bearer"


class Addresses(HTMLParser):
    """Every address in a page, and whatever is inline."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.inline: list[str] = []
        self._script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag in {"script", "style"}
        for name, value in attrs:
            if name in {"href", "src", "action", "srcset", "data"}:
                self.addresses.append(value or "")
            if name.startswith("on") or name == "style":
                self.inline.append(name)

    def handle_endtag(self, tag: str) -> None:
        self._script = False

    def handle_data(self, data: str) -> None:
        if self._script and data.strip():
            self.inline.append(data)


DIRECTIVES = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


async def test_the_docs_page_needs_only_its_own_files_and_nothing_inline(world: World) -> None:
    async with world.client.get("/api/docs") as answer:
        text, policy = await answer.text(), answer.headers["Content-Security-Policy"]
        assert answer.content_type == "text/html"
    assert dict(one.split(" ", 1) for one in policy.split("; ")) == DIRECTIVES
    page = Addresses(text)
    assert page.inline == []
    assert len(page.addresses) == 4
    types = {"js": "text/javascript", "css": "text/css", "png": "image/png"}
    for address in page.addresses:
        assert address.startswith("/api/docs/")
        async with world.client.get(address) as answer:
            assert answer.status == 200, address
            assert answer.content_type == types[address.rpartition(".")[2]]
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert len(await answer.read()) == int(answer.headers["Content-Length"]) > 100


# Of swagger-ui-dist 5.31.0, the package that the project itself publishes for browsers.
PUBLISHED = {
    "swagger-ui-bundle.js": "93b7b0862a80e2786f85b560be7693c2344354ffa7e7e224f850a54349724c31",
    "swagger-ui.css": "9e576f8322132c76949da47f9bb53c891373c303ea3a761ff548ffc9de50a98c",
}


@pytest.mark.parametrize("name", PUBLISHED)
async def test_swagger_ui_is_served_as_its_project_published_it(world: World, name: str) -> None:
    async with world.client.get(f"/api/docs/{name}") as answer:
        assert hashlib.sha256(await answer.read()).hexdigest() == PUBLISHED[name]


@pytest.mark.parametrize(
    "name",
    [
        *("index.html", "swagger-ui.js", "swagger-ui-bundle.js.map", "%2e%2e"),
        *("..%2f..%2f__init__.py", "%2e%2e%2fswagger-ui.css", "%2fetc%2fpasswd", "swagger_ui.py"),
        *("swagger-ui.css%00", "swagger-ui.css/", "SWAGGER-UI.CSS", "", "a%5cb"),
    ],
)
async def test_no_other_file_is_served(world: World, name: str) -> None:
    async with world.client.get(URL(f"/api/docs/{name}", encoded=True)) as answer:
        assert answer.status == 404
        assert answer.content_type == "application/problem+json"


async def test_the_files_of_the_docs_page_need_what_the_page_needs(world: World) -> None:
    key = (await world.key("read"))["Authorization"].removeprefix("Bearer ")
    for path in ("/api/docs", "/api/docs/swagger-ui.css", "/api/docs/initializer.js"):
        await world.send("GET", path, 401)
        password = encode_basic_auth("any", key)
        async with world.client.get(path, headers={"Authorization": password}) as answer:
            assert answer.status == 200


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
