"""The HTTP client of the interfaces: no cookies, and each request is measured."""

import time
from typing import Any

import aiohttp
from yarl import URL

from services.ports import Meter


def open_client(meter: Meter) -> aiohttp.ClientSession:
    """The client for Teams, for its identity service and for downloads."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[_measured(meter)]
    )


def _measured(meter: Meter) -> aiohttp.TraceConfig:
    async def begin(_: Any, context: Any, params: Any) -> None:
        context.began = time.perf_counter()

    async def end(_: Any, context: Any, params: aiohttp.TraceRequestEndParams) -> None:
        count(context, params.url, str(params.response.status))

    async def fail(_: Any, context: Any, params: aiohttp.TraceRequestExceptionParams) -> None:
        count(context, params.url, "error")

    def count(context: Any, url: URL, outcome: str) -> None:
        upstream = "teams" if "/v3/" in url.path else "identity"
        meter.asked(upstream, outcome, time.perf_counter() - context.began)

    config = aiohttp.TraceConfig()
    config.on_request_start.append(begin)
    config.on_request_end.append(end)
    config.on_request_exception.append(fail)
    return config
