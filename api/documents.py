"""What tells of the API and its work: the OpenAPI document, its page, the metrics."""

from typing import Any

from aiohttp import web

from api.endpoints import HTML_TYPE, Call, Endpoints
from api.openapi import document
from api.reference import reference_page
from api.wired import DOOR

endpoints = Endpoints("Documents")
TEXT: dict[str, Any] = {"type": "string"}
METRICS_TYPE = "text/plain"


async def _document(call: Call) -> dict[str, Any]:
    door = call.request.app[DOOR]
    version = call.services.about.version
    return document(door.endpoints, version, locked=await door.locked())


@endpoints("get", "/api/openapi.json", dict[str, Any])
async def openapi_document(call: Call) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this API."""
    return await _document(call)


@endpoints("get", "/api/docs", None, other_types={HTML_TYPE: TEXT})
async def docs(call: Call) -> web.StreamResponse:
    """The same as a page to read. A browser may send the key as the password of its own
    dialogue.
    """
    return reference_page(await _document(call))


@endpoints("get", "/metrics", None, query=None, other_types={METRICS_TYPE: TEXT})
async def metrics(call: Call) -> web.StreamResponse:
    """Metrics for Prometheus. None names a team, an account or a person."""
    facts = await call.services.watch.facts(call.now)
    return web.Response(
        body=call.services.metrics.exposition(facts),
        headers={"Content-Type": f"{METRICS_TYPE}; version=1.0.0; charset=utf-8"},
    )
