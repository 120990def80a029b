"""Datadog's responses as a cost source."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import structlog

from services.adapters.datadog.client import DatadogClient
from services.adapters.datadog.guidance import MISSING_COSTS, NEVER_ANY_COSTS, ONE_CURRENCY
from services.adapters.datadog.money import currency_name, named
from services.adapters.datadog.tables import TableBuilder
from services.adapters.datadog.wire import (
    ACCOUNT,
    ACCOUNT_NAME,
    CHARGE,
    COST_TYPE,
    CURRENCY,
    SERVICE,
    DatadogResponse,
    query_text,
    tag,
)
from services.domain import CostTable, DaySpan, SourceDescription
from services.domain.errors import CostSourceError
from services.ports import UNMEASURED, Meter
from services.settings import DIRECT, DatadogSettings, ProxySettings

log = structlog.get_logger()

METRIC_LABELS = {
    "aws.cost.net.amortized": "net amortized",
    "aws.cost.amortized": "amortized",
    "aws.cost.net.unblended": "net unblended",
    "aws.cost.unblended": "unblended",
    "aws.cost.ondemand": "list price",
    "aws.cost.blended": "blended",
}
PREFERRED_METRICS = ("aws.cost.net.amortized", "aws.cost.amortized")
"""The net metric has private discounts (EDP) on the lines that they lower, where the other one has
them as negative lines without tags. It has data only in organizations with such discounts."""
COMPLETE_AFTER_HOURS = 48
"""Datadog calls a day of costs complete after 48 hours; its own cost monitors wait as long."""
HISTORY_MONTHS = 15
"""Datadog keeps 15 months of cost data."""
ASSUMED_CURRENCY = "USD"


class DatadogSource:
    """Implements ``services.ports.CostSource``."""

    def __init__(
        self,
        settings: DatadogSettings,
        *,
        max_wait_seconds: float = 600.0,
        meter: Meter = UNMEASURED,
        proxies: ProxySettings = DIRECT,
    ) -> None:
        """``max_wait_seconds``: what one query may take with all its retries."""
        self._settings = settings
        self._client = DatadogClient(settings, meter, max_wait_seconds, proxies)
        self._needs_cost_type = False
        self._currency: tuple[str, bool] | None = None
        self._description = SourceDescription(
            name="datadog",
            title="Datadog",
            missing_costs_help=MISSING_COSTS,
            complete_after_hours=COMPLETE_AFTER_HOURS,
            history_months=HISTORY_MONTHS,
            max_accounts_per_query=settings.accounts_per_query,
            has_account_names=True,
            metric_labels=METRIC_LABELS,
        )

    @property
    def description(self) -> SourceDescription:
        return self._description

    @property
    def server_time(self) -> datetime | None:
        return self._client.server_time

    async def aclose(self) -> None:
        await self._client.aclose()

    async def wait_for_rate_limit(self) -> None:
        await self._client.wait_for_rate_limit()

    async def check(self, now: datetime) -> str:
        """Try keys, scopes and metric."""
        # Three days ago is the newest day that is complete at any hour.
        last = (now.astimezone(UTC) - timedelta(days=3)).date()
        week = DaySpan(last - timedelta(days=7), last)
        metric = await self.choose_metric(week, None)
        total = await self.total(metric, week)
        data = "has data" if total.series else "has no data in the last days"
        return f"keys and scopes work at {self._settings.base_url}; {metric} {data}"

    async def choose_metric(self, span: DaySpan, stored: str | None) -> str:
        chosen = self._settings.cost_metric or stored
        if chosen is not None:
            return chosen
        for metric in PREFERRED_METRICS:
            if (await self.total(metric, span)).series:
                return metric
        raise CostSourceError(
            f"Datadog has no AWS cost data from {span.first} to {span.last}. {NEVER_ANY_COSTS}",
            permanent=True,
        )

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        response = await self._client.query(query_text(metric, accounts), span, divisible=False)
        builder = TableBuilder(span)
        for tags, amounts in response.rows(span):
            builder.add_total(tags, amounts)
        return await self._table(builder, response, metric, span)

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        divisible = accounts is None or len(accounts) > 1
        response = await self._client.query(
            query_text(metric, accounts, [ACCOUNT]), span, divisible=divisible
        )
        builder = TableBuilder(span)
        for tags, amounts in response.rows(span):
            builder.add_account(tags, amounts)
        return await self._table(builder, response, metric, span)

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        builder, response = await self._services(metric, span, accounts)
        if builder.is_category_missing and not self._needs_cost_type:
            # Lines without a charge category have the cost type of AWS's own report. Asked for
            # from here on, and not from the start: one more tag multiplies a response's series.
            self._needs_cost_type = True
            builder, response = await self._services(metric, span, accounts)
        return await self._table(builder, response, metric, span)

    async def _services(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> tuple[TableBuilder, DatadogResponse]:
        by = [ACCOUNT, SERVICE, CHARGE, *([COST_TYPE] if self._needs_cost_type else [])]
        response = await self._client.query(
            query_text(metric, accounts, by), span, divisible=len(accounts) > 1
        )
        builder = TableBuilder(span)
        for tags, amounts in response.rows(span):
            builder.add_service(tags, amounts)
        return builder, response

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        """Names of accounts; empty when Datadog has none.

        Names come from AWS Organizations, and only where the integration is set up on the
        organization's account. A report is correct without them, so a failing query is not an
        error.
        """
        if not accounts:
            return {}
        query = query_text(metric, accounts, [ACCOUNT, ACCOUNT_NAME])
        try:
            response = await self._client.query(query, span, divisible=True)
            all_tags = [tags for tags, _ in response.rows(span)]
        except CostSourceError as error:
            log.info("account_names_unknown", reason=str(error))
            return {}
        names = {}
        for tags in all_tags:
            account, name = tag(tags, ACCOUNT), tag(tags, ACCOUNT_NAME)
            if account and name:
                names[account] = name
        return names

    async def _table(
        self, builder: TableBuilder, response: DatadogResponse, metric: str, span: DaySpan
    ) -> CostTable:
        currency = response.currency()
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
            response = await self._client.query(
                query_text(metric, None, [CURRENCY]), span, divisible=False
            )
        except CostSourceError as error:
            log.info("currency_unknown", reason=str(error))
            return ASSUMED_CURRENCY, False
        names = {tag(tags, CURRENCY) for tags, _ in response.rows(span)} - {None}
        currencies = {currency_name(str(name)) for name in names}
        if len(currencies) > 1:
            raise CostSourceError(
                f"Datadog has costs in several currencies ({named(currencies)}), which cannot be "
                f"added up. {ONE_CURRENCY}",
                permanent=True,
            )
        return (currencies.pop(), True) if currencies else (ASSUMED_CURRENCY, False)
