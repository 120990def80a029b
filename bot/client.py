"""The HTTP client of the doors: it keeps no cookies, and every request is counted."""

import time
from typing import Any

import aiohttp
from yarl import URL

from services.ports import Meter


def open_client(meter: Meter) -> aiohttp.ClientSession:
    """The one client for Teams and for who signs in to it."""
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.DummyCookieJar(), trace_configs=[_counted(meter)]
    )


def _counted(meter: Meter) -> aiohttp.TraceConfig:
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
