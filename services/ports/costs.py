"""Cost sources, and the storage of costs."""

from collections.abc import Collection, Sequence
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
    """A system that provides the costs of AWS accounts.

    Use cases read ``description`` to find out what a source can do; they never ask which source it
    is. Every method raises CostSourceError, whose message says what to do. Amounts for the same
    days and accounts must add up across methods: costs that do not are never stored.
    """

    @property
    def description(self) -> SourceDescription: ...

    @property
    def server_time(self) -> datetime | None:
        """The source's time in its last response; None if it does not send one."""
        ...

    async def check(self, now: datetime) -> str:
        """Try to read recent costs; return what works, in full sentences."""
        ...

    async def wait_for_rate_limit(self) -> None:
        """Wait until background reads leave others enough of a shared rate limit."""
        ...

    async def choose_metric(self, span: DaySpan, stored: str | None) -> str:
        """Choose the metric to read from now on.

        ``stored`` is the metric of the costs that are stored already. A source never switches to
        another one by itself, as totals of two metrics cannot be compared; only the operator's
        setting overrides it. Without it, the source chooses its best metric with data in the span.
        """
        ...

    async def total(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """Read the ungrouped daily total, as at most one series with the account ``""``.

        ``accounts`` restricts it to these; None means all. Days without data are NaN; without any
        data there is no series. Raises CostHistoryEndsError for days that the source no longer has.
        """
        ...

    async def by_account(
        self, metric: str, span: DaySpan, accounts: Sequence[str] | None = None
    ) -> CostTable:
        """Read daily totals by account (service ``""``, category None).

        Costs without an account tag belong to UNATTRIBUTED. Raises ResponseTooLargeError if fewer
        accounts should be requested at a time.
        """
        ...

    async def by_service(self, metric: str, span: DaySpan, accounts: Sequence[str]) -> CostTable:
        """Read daily amounts by account, service and charge category, one series for each.

        Costs without a service belong to ``"Other"``. Raises ResponseTooLargeError if fewer accounts
        should be requested at a time.
        """
        ...

    async def account_names(
        self, metric: str, span: DaySpan, accounts: Sequence[str]
    ) -> dict[str, str]:
        """The names of those accounts that have one; only called if ``has_account_names``."""
        ...

    async def aclose(self) -> None:
        """Close all connections."""
        ...


class UsageStore(Protocol):
    """The part of the cost store that detection reads."""

    async def load_usage(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> list[UsageHistory]:
        """Load the usage of those accounts that have any month of the span stored.

        Includes every service that has usage or a revision in these months. A series whose charge
        category is unknown counts as usage.
        """
        ...


class CostStore(UsageStore, Protocol):
    """Daily costs by account and month, and the state of each source."""

    async def save_totals(
        self, source: SourceName, metric: str, table: CostTable, seen_at: datetime
    ) -> None:
        """Store daily totals by account over the table's span.

        The table replaces the totals of its accounts: a day with NaN has no total any more. A
        replaced amount is kept as a revision dated ``seen_at``. Accounts that are not in the table
        stay as they are. Saving the same table again changes nothing.
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
        """Store amounts by service and category of all ``accounts`` over the table's span.

        Within the span the table replaces everything for these accounts: a stored series that is
        not in it becomes NaN. The earlier value of a changed amount is kept as a revision dated
        ``seen_at``, even if a saved day had no amount. All days of the span count as detailed for
        these accounts, even without any cost. Saving the same table again changes nothing.
        """
        ...

    async def load(self, source: SourceName, accounts: Sequence[str], span: DaySpan) -> CostTable:
        """Load amounts by service and category of these accounts, without totals."""
        ...

    async def load_totals(self, source: SourceName, span: DaySpan) -> CostTable:
        """Load the daily totals of all accounts with any in the span, and account names."""
        ...

    async def load_history(
        self, source: SourceName, accounts: Sequence[str], span: DaySpan
    ) -> tuple[CostTable, list[CostChange]]:
        """Like ``load``, but with amounts as first seen, plus all revisions, oldest first.

        A day that was read before it had an amount was first seen without one.
        """
        ...

    async def save_names(
        self, source: SourceName, names: dict[str, str], months: Sequence[Month]
    ) -> None:
        """Store account names with the costs of these months."""
        ...

    async def months(self, source: SourceName, accounts: Sequence[str]) -> list[Month]:
        """The months with any stored costs of these accounts, newest first."""
        ...

    async def last_days(self, source: SourceName, accounts: Sequence[str]) -> dict[str, date]:
        """The last day with a total, for each account that has any."""
        ...

    async def detailed(self, source: SourceName, metric: str, span: DaySpan) -> set[str]:
        """Accounts with detailed costs for every day of the span under this metric."""
        ...

    async def state(self, source: SourceName) -> SourceState: ...

    async def save_state(self, state: SourceState, fields: Collection[str] | None = None) -> None:
        """Store a state, or only some of its fields (None: all).

        Runs and the reading of history write to it at the same time, each its own fields.
        """
        ...
