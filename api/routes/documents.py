"""The documentation of the API, and metrics."""

from typing import Any

from aiohttp import web

from api.endpoints import HTML_TYPE, Call, Endpoints
from api.openapi import document
from api.state import REST_INTERFACE
from api.swagger_ui import docs_page

endpoints = Endpoints("Documents")
TEXT_SCHEMA: dict[str, Any] = {"type": "string"}
METRICS_TYPE = "text/plain"


@endpoints("get", "/api/openapi.json", dict[str, Any])
async def openapi_document(call: Call) -> dict[str, Any]:
    """The OpenAPI 3.1 document of this API."""
    interface = call.request.app[REST_INTERFACE]
    version = call.services.about.version
    return document(interface.endpoints, version, locked=await interface.locked())


@endpoints("get", "/api/docs", None, other_media_types={HTML_TYPE: TEXT_SCHEMA})
async def docs(call: Call) -> web.StreamResponse:
    """Interactive documentation of this API. A browser may send the key as the password of its
    sign-in dialog.
    """
    return docs_page()


@endpoints("get", "/metrics", None, query=None, other_media_types={METRICS_TYPE: TEXT_SCHEMA})
async def metrics(call: Call) -> web.StreamResponse:
    """Metrics for Prometheus. No label names a team, an account or a person."""
    snapshot = await call.services.app.operations.metrics.read_snapshot(call.now)
    return web.Response(
        body=call.services.metrics.exposition(snapshot),
        headers={"Content-Type": f"{METRICS_TYPE}; version=1.0.0; charset=utf-8"},
    )
