"""Datadog Cloud Cost Management as a cost source: ``POST /api/v2/query/timeseries``."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import msgspec
import stamina
import structlog

from services.adapters.datadog_errors import explain, too_large
from services.adapters.datadog_wire import (
    ACCOUNT,
    ACCOUNT_NAME,
    CHARGE,
    COST_TYPE,
    CURRENCY,
    SERVICE,
    Answer,
    TableBuilder,
    query_text,
    request_body,
    tag,
)
from services.errors import AnswerTooLargeError, CostSourceError
from services.model import CostTable, DaySpan, SourceName
from services.ports import UNMEASURED, Meter
from services.settings import DatadogSettings

log = structlog.get_logger()

QUERY_PATH = "/api/v2/query/timeseries"
METRICS = ("aws.cost.net.amortized", "aws.cost.amortized")
TIMEOUT = httpx.Timeout(60.0, connect=10.0)
MOST_TRIES = 8
CONNECT_TRIES = 4
LOW_BUDGET = 0.1
"""Share of the organisation's rate limit that background reading leaves to others."""
SPREAD_SECONDS = 0.25
"""Added to what a server says to wait, as its clock may be a little behind."""
CUT_OFF_TRIES = 2
"""An answer that is cut off so many times in a row is taken as too large."""
ASSUMED_CURRENCY = "USD"


class _TryAgainError(Exception):
    """A problem that may pass; ``told``: seconds that the server says to wait."""

    def __init__(self, problem: CostSourceError, told: float | None = None) -> None:
        super().__init__(str(problem))
        self.problem = problem
        self.told = told


class _CutOffError(Exception):
    """The body ended early or is no JSON answer."""


class DatadogSource:
    """Implements ``services.ports.CostSource``."""

    name: SourceName = "datadog"

    def __init__(
        self,
        settings: DatadogSettings,
        *,
        wait_at_most: float = 600.0,
        meter: Meter = UNMEASURED,
    ) -> None:
        """``wait_at_most``: seconds that one query may take with all its retries."""
        if settings.api_key is None or settings.app_key is None:
            raise AssertionError("made only when both keys are set")
        self._meter = meter
        self._settings = settings
        self._wait_at_most = wait_at_most
        self._by_cost_type = False
        self._currency: tuple[str, bool] | None = None
        self.rate_remaining: float | None = None
        """Share of the rate budget left at the last answer, 0 to 1; None when not told."""
        self.rate_resets_in: float = 0.0
        self.server_time: datetime | None = None
        """Seconds until that budget is full again, as told by the last answer."""
        self._client = httpx.AsyncClient(
            base_url=settings.base_url,
            timeout=TIMEOUT,
            headers={
                "DD-API-KEY": settings.api_key.get_secret_value(),
                "DD-APPLICATION-KEY": settings.app_key.get_secret_value(),
                "Accept": "application/json",
                "User-Agent": "aws-cost-agent",
            },
        )

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    # What the port promises

    @property
    def configured_metric(self) -> str | None:
        """DATADOG_COST_METRIC."""
        return self._settings.cost_metric

    async def rest(self) -> None:
        """Waits for the next rate period when less than a tenth of this one is left."""
        if self.rate_remaining is not None and self.rate_remaining < LOW_BUDGET:
            log.info("datadog_rest", seconds=self.rate_resets_in)
            await asyncio.sleep(self.rate_resets_in)

    async def choose_metric(self, span: DaySpan) -> str:
        """The configured metric, else the net one if it has data, else the plain one."""
        if self._settings.cost_metric is not None:
            return self._settings.cost_metric
        for metric in METRICS:
            if (await self.total(metric, span)).series:
                return metric
        raise CostSourceError(
            f"Datadog has no AWS cost data from {span.first} to {span.last}. Check in Datadog that "
            "Cloud Cost Management is set up for AWS (a new set-up takes 48 to 72 hours) and that "
            "DATADOG_SITE is your site; set DATADOG_COST_METRIC to use another metric.",
            permanent=True,
        )

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """The ungrouped daily total."""
        answer = await self._ask(query_text(metric, accounts), span, divisible=False)
        builder = TableBuilder(span)
        for tags, amounts in answer.rows(span):
            builder.add_total(tags, amounts)
        return await self._table(builder, answer, metric, span)

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """Daily totals by account."""
        divisible = accounts is None or len(accounts) > 1
        answer = await self._ask(
            query_text(metric, accounts, [ACCOUNT]), span, divisible=divisible
        )
        builder = TableBuilder(span)
        for tags, amounts in answer.rows(span):
            builder.add_account(tags, amounts)
        return await self._table(builder, answer, metric, span)

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Daily amounts by account, service and charge category."""
        builder, answer = await self._services(metric, span, accounts)
        if builder.category_missing and not self._by_cost_type:
            self._by_cost_type = True
            builder, answer = await self._services(metric, span, accounts)
        return await self._table(builder, answer, metric, span)

    async def _services(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> tuple[TableBuilder, Answer]:
        by = [ACCOUNT, SERVICE, CHARGE, *([COST_TYPE] if self._by_cost_type else [])]
        answer = await self._ask(
            query_text(metric, accounts, by), span, divisible=len(accounts) > 1
        )
        builder = TableBuilder(span)
        for tags, amounts in answer.rows(span):
            builder.add_service(tags, amounts)
        return builder, answer

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        """Names of accounts; empty when Datadog does not know them."""
        if not accounts:
            return {}
        query = query_text(metric, accounts, [ACCOUNT, ACCOUNT_NAME])
        try:
            answer = await self._ask(query, span, divisible=True)
        except CostSourceError as error:
            log.info("account_names_unknown", reason=str(error))
            return {}
        names = {}
        for tags, _ in answer.rows(span):
            account, name = tag(tags, ACCOUNT), tag(tags, ACCOUNT_NAME)
            if account and name:
                names[account] = name
        return names

    async def check(self, now: datetime) -> list[str]:
        """Tries keys, scopes and metric; raises CostSourceError with the cure."""
        day = (now.astimezone(UTC) - timedelta(days=3)).date()
        metric = await self.choose_metric(DaySpan(day - timedelta(days=7), day))
        total = await self.total(metric, DaySpan(day - timedelta(days=7), day))
        data = "has data" if total.series else "has no data in the last days"
        return [f"keys and scopes work at {self._settings.base_url};", f"{metric} {data}"]

    # Answers

    async def _table(
        self, builder: TableBuilder, answer: Answer, metric: str, span: DaySpan
    ) -> CostTable:
        currency = answer.currency()
        if currency is not None:
            return builder.table(currency, stated=True)
        table = builder.table(ASSUMED_CURRENCY, stated=True)
        if not table.series:
            return table
        if self._currency is None:
            self._currency = await self._billing_currency(metric, span)
        currency, stated = self._currency
        return builder.table(currency, stated=stated)

    async def _billing_currency(self, metric: str, span: DaySpan) -> tuple[str, bool]:
        """From the tag, where no unit is stated; (currency, whether it was stated)."""
        try:
            answer = await self._ask(query_text(metric, None, [CURRENCY]), span, divisible=False)
        except CostSourceError as error:
            log.info("currency_unknown", reason=str(error))
            return ASSUMED_CURRENCY, False
        found = {tag(tags, CURRENCY) for tags, _ in answer.rows(span)} - {None}
        if len(found) > 1:
            raise CostSourceError(
                f"Datadog has costs in several currencies ({', '.join(sorted(map(str, found)))}), "
                "which cannot be added up. Set DATADOG_COST_METRIC to a metric in one currency.",
                permanent=True,
            )
        return (str(found.pop()).upper(), True) if found else (ASSUMED_CURRENCY, False)

    async def _ask(self, query: str, span: DaySpan, *, divisible: bool) -> Answer:
        """One query, tried again while that can help; a usable answer or CostSourceError."""
        tries = _Tries(divisible)
        try:
            async for attempt in stamina.retry_context(
                on=self._again,
                attempts=MOST_TRIES,
                timeout=self._wait_at_most,
                wait_initial=0.5,
                wait_max=20.0,
                wait_jitter=1.0,
            ):
                with attempt:
                    return await self._ask_once(query, span, tries)
        except _TryAgainError as error:
            raise error.problem from error
        raise AssertionError("the last try returns or raises")

    def _again(self, error: Exception) -> bool | float:
        """Whether to try again, or after how many seconds; the server's word counts."""
        if not isinstance(error, _TryAgainError):
            return False
        if error.told is None:
            return True
        return error.told + SPREAD_SECONDS if error.told <= self._wait_at_most else False

    async def _ask_once(self, query: str, span: DaySpan, tries: "_Tries") -> Answer:
        began = time.perf_counter()
        try:
            response = await self._client.post(QUERY_PATH, json=request_body(query, span))
        except httpx.TransportError as error:
            self._meter.asked("datadog", "error", time.perf_counter() - began)
            raise tries.unreachable(error, self._settings) from error
        self._meter.asked("datadog", str(response.status_code), time.perf_counter() - began)
        self._note_rate(response)
        self.server_time = _date(response)
        if response.status_code == httpx.codes.OK:
            try:
                return _usable(response)
            except _CutOffError as error:
                raise tries.cut_off(str(error)) from error
        problem = explain(response, self._settings, await self._key_works(response))
        if too_large(response) and tries.divisible:
            raise AnswerTooLargeError(str(problem))
        if problem.permanent:
            raise problem
        raise _TryAgainError(problem, _told_to_wait(response))

    async def _key_works(self, response: httpx.Response) -> bool | None:
        """After a 401 or 403: whether the API key alone is known at this site."""
        if response.status_code not in {401, 403}:
            return None
        try:
            answer = await self._client.get("/api/v1/validate")
        except httpx.HTTPError:
            return None
        if answer.status_code == httpx.codes.OK:
            return True
        return False if answer.status_code in {401, 403} else None

    def _note_rate(self, response: httpx.Response) -> None:
        limit = _number(response.headers.get("X-RateLimit-Limit"))
        remaining = _number(response.headers.get("X-RateLimit-Remaining"))
        self.rate_remaining = remaining / limit if limit and remaining is not None else None
        self.rate_resets_in = _number(response.headers.get("X-RateLimit-Reset")) or 0.0


@dataclass(slots=True)
class _Tries:
    """What went wrong so far with one query."""

    divisible: bool
    cut_offs: int = 0
    connects: int = 0

    def cut_off(self, text: str) -> Exception:
        """An answer that ended early: once is chance, twice is too much asked for."""
        self.cut_offs += 1
        if self.divisible and self.cut_offs >= CUT_OFF_TRIES:
            return AnswerTooLargeError(text)
        return _TryAgainError(CostSourceError(text, permanent=False))

    def unreachable(self, error: httpx.TransportError, settings: DatadogSettings) -> Exception:
        """No connection, or one that ended in the middle."""
        problem = _unreachable(error, settings)
        if isinstance(error, httpx.RemoteProtocolError | httpx.ReadError | httpx.ReadTimeout):
            return self.cut_off(str(problem))
        self.connects += isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return problem if self.connects >= CONNECT_TRIES else _TryAgainError(problem)


def _usable(response: httpx.Response) -> Answer:
    try:
        answer = Answer(response.content)
    except msgspec.DecodeError as error:
        if response.content.lstrip()[:1] == b"{":
            raise _CutOffError("Datadog's answer was cut off or is malformed (200).") from error
        raise _TryAgainError(
            CostSourceError(
                "Datadog's address answered with something that is no JSON, such as a web page "
                "(200). Check DATADOG_SITE, DATADOG_API_URL and any proxy in between.",
                permanent=False,
            )
        ) from error
    if answer.errors or answer.empty_envelope:
        words = "; ".join(answer.errors) or "no data"
        raise _TryAgainError(
            CostSourceError(f"Datadog's answer is not whole: {words}.", permanent=False)
        )
    return answer


def _unreachable(error: httpx.TransportError, settings: DatadogSettings) -> CostSourceError:
    reason = str(error) or type(error).__name__
    return CostSourceError(
        f"Datadog at {settings.base_url} cannot be reached or did not finish its answer "
        f"({reason}). Check the network, DATADOG_SITE and DATADOG_API_URL.",
        permanent=False,
    )


def _date(response: httpx.Response) -> datetime | None:
    """The server's time, to the second; None when it is not told."""
    try:
        told = parsedate_to_datetime(response.headers.get("Date", ""))
    except ValueError:
        return None
    return told if told.tzinfo else None


def _told_to_wait(response: httpx.Response | None) -> float | None:
    """Seconds until the rate limit resets; the header counts seconds, it is no stamp."""
    if response is None or response.status_code != httpx.codes.TOO_MANY_REQUESTS:
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
