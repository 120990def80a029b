"""Cost queries over HTTP: keys, retries, and the rate limit that the organization shares."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import msgspec
import stamina
import structlog

from services.adapters.datadog.bodies import (
    BodyPackedError,
    BodyTooLargeError,
    RawResponse,
    read_response,
)
from services.adapters.datadog.errors import explain, too_large
from services.adapters.datadog.guidance import ADDRESS, malformed
from services.adapters.datadog.wire import UNREADABLE, DatadogResponse, request_body
from services.domain import DaySpan
from services.domain.errors import CostSourceError, ResponseTooLargeError
from services.ports import Meter
from services.runtime.http_waits import (
    finite_number,
    http_date,
    reset_seconds,
    retry_after_seconds,
)
from services.settings import DatadogSettings, ProxySettings

log = structlog.get_logger()

QUERY_PATH = "/api/v2/query/timeseries"
VALIDATE_PATH = "/api/v1/validate"
"""Checks only the API key, which distinguishes a wrong API key from a wrong application key."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
MAX_TRIES = 8
MAX_CONNECTS = 4
LOW_BUDGET = 0.1
"""Share of the organization's rate limit that background reading leaves to others."""
RESET_MARGIN_SECONDS = 0.25
"""Added to the wait that a response names, as the server's clock may be a little behind."""
MAX_CUT_OFFS = 2
"""A response that is cut off this often in a row counts as too large."""


class _TryAgainError(Exception):
    """A temporary problem; ``wait_seconds``: what the server says."""

    def __init__(self, problem: CostSourceError, wait_seconds: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.wait_seconds = wait_seconds


class _CutOffError(Exception):
    """The body ended early, or is not JSON."""


class DatadogClient:
    """Sends one query at a time, and retries while that can help."""

    def __init__(
        self,
        settings: DatadogSettings,
        meter: Meter,
        max_wait_seconds: float,
        proxies: ProxySettings,
    ) -> None:
        """``max_wait_seconds``: what one query may take with all its retries."""
        if settings.api_key is None or settings.app_key is None:
            raise AssertionError("made only when both keys are set")
        self._meter = meter
        self._settings = settings
        self._max_wait_seconds = max_wait_seconds
        self.rate_remaining: float | None = None
        """Fraction of the rate limit left as of the last response, 0 to 1; None if unknown."""
        self.rate_resets_in_seconds: float = 0.0
        """Until that limit is full again."""
        self.server_time: datetime | None = None
        self._http = httpx.AsyncClient(
            base_url=settings.base_url,
            transport=httpx.AsyncHTTPTransport(proxy=proxies.for_url(settings.base_url)),
            timeout=TIMEOUT,
            headers={
                "DD-API-KEY": settings.api_key.get_secret_value(),
                "DD-APPLICATION-KEY": settings.app_key.get_secret_value(),
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
                "User-Agent": "aws-cost-agent",
            },
        )

    async def aclose(self) -> None:
        await self._http.aclose()

    async def wait_for_rate_limit(self) -> None:
        """Wait for the next rate period when less than a tenth of this one is left."""
        if self.rate_remaining is not None and self.rate_remaining < LOW_BUDGET:
            log.info("datadog_rate_limited", seconds=self.rate_resets_in_seconds)
            await asyncio.sleep(self.rate_resets_in_seconds)

    async def query(self, query: str, span: DaySpan, *, divisible: bool) -> DatadogResponse:
        """Return the response to a query.

        ``divisible``: the query can be repeated for fewer accounts, so a response that is too
        large raises ResponseTooLargeError; otherwise CostSourceError.
        """
        tries = _Tries(divisible)
        try:
            async for attempt in stamina.retry_context(
                on=self._wait_before_retry,
                attempts=MAX_TRIES,
                timeout=self._max_wait_seconds,
                wait_initial=0.5,
                wait_max=20.0,
                wait_jitter=1.0,
            ):
                with attempt:
                    return await self._query_once(query, span, tries)
        except _TryAgainError as error:
            raise error.problem from error
        raise AssertionError("the last try returns or raises")

    def _wait_before_retry(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds; a wait that the server names takes
        precedence.
        """
        if not isinstance(error, _TryAgainError):
            return False
        if error.wait_seconds is None:
            return True
        if error.wait_seconds > self._max_wait_seconds:
            return False
        return error.wait_seconds + RESET_MARGIN_SECONDS

    async def _query_once(self, query: str, span: DaySpan, tries: "_Tries") -> DatadogResponse:
        response = await self._post(request_body(query, span), tries)
        self._note_rate(response.headers)
        self.server_time = http_date(response.headers.get("Date"))
        if response.status == httpx.codes.OK:
            try:
                return _usable(response)
            except _CutOffError as error:
                raise tries.cut_off(str(error)) from error
        problem = explain(response, self._settings, await self._is_key_valid(response))
        if tries.divisible and (refusal := too_large(response, problem)) is not None:
            raise refusal
        if problem.permanent:
            raise problem
        raise _TryAgainError(problem, _named_wait(response))

    async def _post(self, body: Mapping[str, Any], tries: "_Tries") -> RawResponse:
        """The whole response to a query, within the limits of size and time."""
        started = time.perf_counter()
        outcome = "error"
        try:
            # The transport's own limit is for each part of a body: one that trickles has no end.
            async with (
                asyncio.timeout(self._max_wait_seconds),
                self._http.stream("POST", QUERY_PATH, json=body) as streamed,
            ):
                response = await read_response(streamed, self._settings.max_response_bytes)
            outcome = str(response.status)
        except BodyTooLargeError as error:
            raise tries.too_large(self._settings) from error
        except TimeoutError as error:
            raise malformed(
                f"it did not end within {self._max_wait_seconds:.0f} seconds"
            ) from error
        except BodyPackedError as error:
            problem = f"it cannot be unpacked (Content-Encoding: {error})"
            raise _TryAgainError(malformed(problem)) from error
        except httpx.TransportError as error:
            raise tries.unreachable(error, self._settings) from error
        finally:
            self._meter.asked("datadog", outcome, time.perf_counter() - started)
        return response

    async def _is_key_valid(self, response: RawResponse) -> bool | None:
        """After a 401 or 403: whether the API key alone is known at this site."""
        if response.status not in {401, 403}:
            return None
        try:
            # Streamed, so that whatever body comes along is not read.
            async with self._http.stream("GET", VALIDATE_PATH) as validation:
                status = validation.status_code
        except httpx.HTTPError:
            return None
        if status == httpx.codes.OK:
            return True
        return False if status in {401, 403} else None

    def _note_rate(self, headers: Mapping[str, str]) -> None:
        limit = finite_number(headers.get("X-RateLimit-Limit"))
        remaining = finite_number(headers.get("X-RateLimit-Remaining"))
        self.rate_remaining = remaining / limit if limit and remaining is not None else None
        self.rate_resets_in_seconds = reset_seconds(headers) or 0.0


@dataclass(slots=True)
class _Tries:
    """What went wrong so far with one query."""

    divisible: bool
    cut_offs: int = 0
    connects: int = 0

    def cut_off(self, text: str) -> Exception:
        """A response that ended early: once is chance, twice means that too much was requested."""
        self.cut_offs += 1
        if self.divisible and self.cut_offs >= MAX_CUT_OFFS:
            return ResponseTooLargeError(text)
        return _TryAgainError(CostSourceError(text, permanent=False))

    def too_large(self, settings: DatadogSettings) -> Exception:
        """A response beyond the limit, which is never read to its end."""
        text = (
            f"Datadog's response is larger than {settings.max_response_mb} MB, so it was not read to "
            "its end and nothing of it was stored. Check DATADOG_API_URL and any proxy in between, "
            "or raise DATADOG_MAX_RESPONSE_MB."
        )
        if self.divisible:
            return ResponseTooLargeError(text)
        return CostSourceError(text, permanent=False)

    def unreachable(self, error: httpx.TransportError, settings: DatadogSettings) -> Exception:
        """No connection, or one that ended in the middle of the response."""
        reason = str(error) or type(error).__name__
        problem = CostSourceError(
            f"Datadog at {settings.base_url} cannot be reached or did not finish its response. "
            f"Check the network, DATADOG_SITE and DATADOG_API_URL ({reason}).",
            permanent=False,
        )
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.ReadTimeout):
            return self.cut_off(str(problem))
        self.connects += isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return problem if self.connects >= MAX_CONNECTS else _TryAgainError(problem)


def _usable(response: RawResponse) -> DatadogResponse:
    try:
        decoded = DatadogResponse(response.body)
    except UNREADABLE as error:
        raise _unusable(response.body, error) from error
    # A query that found nothing has data with empty lists; without data it failed.
    if decoded.errors or not decoded.has_data:
        words = "; ".join(decoded.errors) or "no data"
        raise _TryAgainError(
            CostSourceError(
                f"Datadog's response is incomplete. Try again later. ({words})", permanent=False
            )
        )
    return decoded


def _unusable(body: bytearray, error: Exception) -> Exception:
    # Told by its first byte, not by its content type: that is application/vnd.api+json in some
    # recordings and application/json in others.
    if not body[:100].lstrip().startswith(b"{"):
        return _TryAgainError(
            CostSourceError(
                "Datadog's address answered with a web page or something else that is not JSON "
                f"(200). {ADDRESS} Check any proxy in between.",
                permanent=False,
            )
        )
    # Fewer accounts would not help against these, as they would if a response ends early.
    if isinstance(error, UnicodeDecodeError):
        return _TryAgainError(malformed("it has bytes that are not UTF-8"))
    if isinstance(error, RecursionError):
        return _TryAgainError(malformed("it is nested too deeply"))
    if isinstance(error, msgspec.ValidationError):
        return _TryAgainError(malformed("it does not have the form of a timeseries"))
    return _CutOffError(str(malformed("it was cut off, or is not JSON")))


def _named_wait(response: RawResponse) -> float | None:
    """Seconds until the rate limit is reset, as a 429 names them.

    X-RateLimit-Reset counts seconds from now; gateways send the Unix time instead (Datadog's tracer
    reads both: DataDog/dd-trace-py, pull request 17170). Retry-After is not documented, and is what proxies send. A wait of 0 names none: the limit is
    still reached, so the pauses between tries have to grow.
    """
    if response.status != httpx.codes.TOO_MANY_REQUESTS:
        return None
    return reset_seconds(response.headers) or retry_after_seconds(response.headers) or None
