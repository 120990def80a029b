"""What tells of the API and its work: the OpenAPI document, its page, the metrics."""

from typing import Any

from aiohttp import web

from api.endpoints import HTML_TYPE, Call, Endpoints
from api.openapi import document
from api.swagger_ui import docs_page
from api.wired import DOOR

endpoints = Endpoints("Documents")
TEXT: dict[str, Any] = {"type": "string"}
METRICS_TYPE = "text/plain"


@endpoints("get", "/api/openapi.json", dict[str, Any])
async def openapi_document(call: Call) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this API."""
    door = call.request.app[DOOR]
    return document(door.endpoints, call.services.about.version, locked=await door.locked())


@endpoints("get", "/api/docs", None, other_types={HTML_TYPE: TEXT})
async def docs(call: Call) -> web.StreamResponse:
    """Interactive documentation of this API. A browser may send the key as the password of its
    sign-in dialog.
    """
    return docs_page()


@endpoints("get", "/metrics", None, query=None, other_types={METRICS_TYPE: TEXT})
async def metrics(call: Call) -> web.StreamResponse:
    """Metrics for Prometheus. None names a team, an account or a person."""
    facts = await call.services.watch.facts(call.now)
    return web.Response(
        body=call.services.metrics.exposition(facts),
        headers={"Content-Type": f"{METRICS_TYPE}; version=1.0.0; charset=utf-8"},
    )
