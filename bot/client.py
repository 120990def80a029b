"""The HTTP client of the interfaces: no cookies, through the proxy, and each request is measured."""

import time
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
from yarl import URL

from services.ports import HttpClient, Meter
from services.settings import ProxySettings


class ProxiedClient:
    """Implements ``services.ports.HttpClient``."""

    def __init__(self, session: aiohttp.ClientSession, proxies: ProxySettings) -> None:
        self._session = session
        self._proxies = proxies

    def get(self, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        return self.request("GET", url, **options)

    def request(self, method: str, url: str, **options: Any) -> AbstractAsyncContextManager[Any]:
        proxy = self._proxies.for_url(url)
        return self._session.request(method, url, proxy=proxy, **options)


@asynccontextmanager
async def open_client(meter: Meter, proxies: ProxySettings) -> AsyncIterator[HttpClient]:
    """The client for Teams, for its identity service and for downloads."""
    jar, measured = aiohttp.DummyCookieJar(), [_measured(meter)]
    async with aiohttp.ClientSession(cookie_jar=jar, trace_configs=measured) as session:
        yield ProxiedClient(session, proxies)


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
