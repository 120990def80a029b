"""Cost queries over HTTP: keys, retries, and the rate limit that the organization shares."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

import httpx
import msgspec
import stamina
import structlog

from services.adapters.datadog.errors import explain, too_large
from services.adapters.datadog.guidance import ADDRESS
from services.adapters.datadog.wire import DatadogResponse, request_body
from services.domain import DaySpan
from services.domain.errors import CostSourceError, ResponseTooLargeError
from services.ports import Meter
from services.settings import DatadogSettings, ProxySettings

log = structlog.get_logger()

QUERY_PATH = "/api/v2/query/timeseries"
VALIDATE_PATH = "/api/v1/validate"
"""Looks at the API key alone, so that it tells a wrong API key from a wrong application key."""
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
MAX_TRIES = 8
MAX_CONNECTS = 4
LOW_BUDGET = 0.1
"""Share of the organization's rate limit that background reading leaves to others."""
RESET_MARGIN_SECONDS = 0.25
"""Added to the wait that an answer names, as the server's clock may be a little behind."""
MAX_CUT_OFFS = 2
"""An answer that is cut off this often in a row is taken for one that is too large."""


class _TryAgainError(Exception):
    """A problem that may pass; ``wait_seconds``: what the server says."""

    def __init__(self, problem: CostSourceError, wait_seconds: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.wait_seconds = wait_seconds


class _CutOffError(Exception):
    """The body ended early, or is not JSON."""


class DatadogClient:
    """Asks one query at a time, and again while that can help."""

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

    async def ask(self, query: str, span: DaySpan, *, divisible: bool) -> DatadogResponse:
        """The answer to a query.

        ``divisible``: it can be asked for fewer accounts, so that ResponseTooLargeError may be
        raised; otherwise CostSourceError.
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
                    return await self._ask_once(query, span, tries)
        except _TryAgainError as error:
            raise error.problem from error
        raise AssertionError("the last try returns or raises")

    def _wait_before_retry(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds; what the server says wins."""
        if not isinstance(error, _TryAgainError):
            return False
        if error.wait_seconds is None:
            return True
        if error.wait_seconds > self._max_wait_seconds:
            return False
        return error.wait_seconds + RESET_MARGIN_SECONDS

    async def _ask_once(self, query: str, span: DaySpan, tries: "_Tries") -> DatadogResponse:
        started = time.perf_counter()
        try:
            response = await self._http.post(QUERY_PATH, json=request_body(query, span))
        except httpx.TransportError as error:
            self._meter.asked("datadog", "error", time.perf_counter() - started)
            raise tries.unreachable(error, self._settings) from error
        self._meter.asked("datadog", str(response.status_code), time.perf_counter() - started)
        self._note_rate(response)
        self.server_time = _date(response)
        if response.status_code == httpx.codes.OK:
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

    async def _is_key_valid(self, response: httpx.Response) -> bool | None:
        """After a 401 or 403: whether the API key alone is known at this site."""
        if response.status_code not in {401, 403}:
            return None
        try:
            answer = await self._http.get(VALIDATE_PATH)
        except httpx.HTTPError:
            return None
        if answer.status_code == httpx.codes.OK:
            return True
        return False if answer.status_code in {401, 403} else None

    def _note_rate(self, response: httpx.Response) -> None:
        limit = _number(response.headers.get("X-RateLimit-Limit"))
        remaining = _number(response.headers.get("X-RateLimit-Remaining"))
        self.rate_remaining = remaining / limit if limit and remaining is not None else None
        self.rate_resets_in_seconds = _number(response.headers.get("X-RateLimit-Reset")) or 0.0


@dataclass(slots=True)
class _Tries:
    """What went wrong so far with one query."""

    divisible: bool
    cut_offs: int = 0
    connects: int = 0

    def cut_off(self, text: str) -> Exception:
        """An answer that ended early: once is chance, twice is too much asked for."""
        self.cut_offs += 1
        if self.divisible and self.cut_offs >= MAX_CUT_OFFS:
            return ResponseTooLargeError(text)
        return _TryAgainError(CostSourceError(text, permanent=False))

    def unreachable(self, error: httpx.TransportError, settings: DatadogSettings) -> Exception:
        """No connection, or one that ended in the middle of the answer."""
        reason = str(error) or type(error).__name__
        problem = CostSourceError(
            f"Datadog at {settings.base_url} cannot be reached or did not finish its answer. "
            f"Check the network, DATADOG_SITE and DATADOG_API_URL ({reason}).",
            permanent=False,
        )
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.ReadTimeout):
            return self.cut_off(str(problem))
        self.connects += isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return problem if self.connects >= MAX_CONNECTS else _TryAgainError(problem)


def _usable(response: httpx.Response) -> DatadogResponse:
    try:
        answer = DatadogResponse(response.content)
    except msgspec.DecodeError as error:
        # Told by its first byte, not by its content type: that is application/vnd.api+json in
        # some recordings and application/json in others.
        if response.content.lstrip()[:1] == b"{":
            raise _CutOffError("Datadog's answer was cut off or is malformed (200).") from error
        raise _TryAgainError(
            CostSourceError(
                "Datadog's address answered with a web page or something else that is not JSON "
                f"(200). {ADDRESS} Check any proxy in between.",
                permanent=False,
            )
        ) from error
    # A query that found nothing has data with empty lists; without data it failed.
    if answer.errors or not answer.has_data:
        words = "; ".join(answer.errors) or "no data"
        raise _TryAgainError(
            CostSourceError(
                f"Datadog's answer is incomplete. Try again later. ({words})", permanent=False
            )
        )
    return answer


def _date(response: httpx.Response) -> datetime | None:
    """The server's time, to the second; None when it is not told."""
    try:
        date = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return date if date.tzinfo else None


def _named_wait(response: httpx.Response) -> float | None:
    """Seconds until the rate limit is reset, as a 429 names them.

    X-RateLimit-Reset counts seconds from now; it is not a timestamp as elsewhere. Retry-After is
    not documented, and is what proxies send.
    """
    if response.status_code != httpx.codes.TOO_MANY_REQUESTS:
        return None
    for header in ("X-RateLimit-Reset", "Retry-After"):
        seconds = _number(response.headers.get(header))
        if seconds is not None:
            return max(seconds, 0.0)
    return None


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
