"""Where costs come from and where they are stored."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Protocol

from services.domain import (
    CostChange,
    CostTable,
    DaySpan,
    Month,
    SourceDescription,
    SourceName,
    SourceState,
    UsageHistory,
)


class CostSource(Protocol):
    """A system that knows what AWS accounts cost.

    Use cases ask ``description`` what a source can do and never which one it is. Every method
    raises CostSourceError, whose text says what to do. Amounts of the same days and accounts must
    add up, whichever method they come from: what does not is never stored.
    """

    @property
    def description(self) -> SourceDescription: ...

    @property
    def server_time(self) -> datetime | None:
        """The source's clock at its last answer; None when it does not tell the time."""
        ...

    async def check(self, now: datetime) -> str:
        """Try to read recent costs; what works, in sentences."""
        ...

    async def wait_for_rate_budget(self) -> None:
        """Wait until background reads leave others enough of a shared rate limit."""
        ...

    async def choose_metric(self, span: DaySpan, stored: str | None) -> str:
        """The metric to read from now on.

        ``stored`` is the metric of the costs that are stored already. A source never leaves it
        on its own, as totals of two metrics cannot be compared: only a setting of the operator
        wins over it. Without it, the source takes its best metric that has data in the span.
        """
        ...

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """The ungrouped daily total, as at most one series of account ``""``.

        ``accounts`` narrows it to these; None means all. Days without data are NaN; no data
        at all gives no series. Raises CostHistoryEndsError for days that the source no longer
        keeps.
        """
        ...

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """Daily totals by account (service ``""``, category None).

        Costs without an account tag are under UNATTRIBUTED. Raises AnswerTooLargeError when
        fewer accounts should be asked for.
        """
        ...

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Daily amounts by account × service × charge category, one series for each.

        Costs without a service are under ``"Other"``. Raises AnswerTooLargeError when fewer
        accounts should be asked for.
        """
        ...

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        """Names of those accounts that have one; only asked of a source that has names."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class UsageStore(Protocol):
    """What detection reads of stored costs."""

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        """Usage of those of these accounts that have any month of the span stored.

        Every service with usage in one of these months, or with a change, is there. One that is
        neither usage nor of any other charge category counts as usage.
        """
        ...


class CostStore(UsageStore, Protocol):
    """Daily costs by account and month, and what is known of a source."""

    async def save_totals(
        self, source: SourceName, metric: str, table: CostTable, seen_at: datetime
    ) -> None:
        """Stores daily totals by account over the table's span.

        The table is the whole truth for its accounts: a day with NaN has no total any more. A
        day that held another amount keeps it as a revision dated ``seen_at``. Accounts that are
        absent from the table are left as they are. Saving the same table again changes nothing.
        """
        ...

    async def save_details(
        self,
        source: SourceName,
        metric: str,
        table: CostTable,
        accounts: Sequence[str],
        seen_at: datetime,
    ) -> None:
        """Stores amounts by service and category of all ``accounts`` over the table's span.

        Within the span the table is the whole truth for these accounts: a stored series that
        is absent from it becomes NaN there. Changed amounts keep their earlier value as a
        revision dated ``seen_at``, also when a day that was saved before had no amount. The days
        of the span count as detailed for these accounts, also for those without any cost.
        Saving the same table again changes nothing.
        """
        ...

    async def load(self, source: SourceName, accounts: Sequence[str], span: DaySpan) -> CostTable:
        """Amounts by service and category (only) of these accounts over the span."""
        ...

    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        """Daily totals of all accounts that have any in the span, with account names."""
        ...

    async def load_history(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> tuple[CostTable, list[CostChange]]:
        """As ``load``, with every amount as it was first seen, and all changes, oldest first.

        A day that was read before and had nothing was first seen without an amount.
        """
        ...

    async def save_names(
        self, source: SourceName, names: dict[str, str], months: Sequence[Month]
    ) -> None:
        """Stores account names on the documents of these months."""
        ...

    async def months(self, source: SourceName, accounts: Sequence[str]) -> list[Month]:
        """The months for which anything is stored of these accounts, newest first."""
        ...

    async def last_days(self, source: SourceName, accounts: Sequence[str]) -> dict[str, date]:
        """The last day with a total for each of these accounts that has any."""
        ...

    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        """Accounts whose services are stored for every day of the span under this metric."""
        ...

    async def state(self, source: SourceName) -> SourceState: ...

    async def save_state(self, state: SourceState) -> None: ...
