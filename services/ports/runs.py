"""Storage of runs, their leases and their reports."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.domain import (
    Actor,
    FrozenReport,
    Run,
    RunKind,
    RunSummary,
    SourceName,
)


class RunStore(Protocol):
    """Runs, their leases and their frozen reports.

    Reports are stored under the run's ``ledger_id``, which is their ``run_id``.
    """

    async def begin(self, run: Run) -> tuple[Run, bool]:
        """Store the run unless its ID exists; returns the stored one and whether it is new."""
        ...

    async def get(self, run_id: str) -> Run | None: ...

    async def list_runs(
        self,
        source: SourceName | None,
        *,
        kind: RunKind | None = None,
        open_only: bool = False,
        period: str | None = None,
        team_id: str | None = None,
        before: datetime | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> list[Run]:
        """Newest first, by ``created_at``, then ID.

        ``source``: None for the runs of every source.
        ``team_id``: only runs for this one team.
        ``before``: only runs created before this instant.
        ``after``: only runs that follow this position (created_at, ID).
        """
        ...

    async def lease(self, run_id: str, owner: str, now: datetime, ttl: timedelta) -> int | None:
        """Lease the run until ``now + ttl`` if it is free, expired or already the owner's.

        Returns the fencing token, which every successful call raises; None if another worker
        holds the lease.
        """
        ...

    async def holder(self, run_id: str) -> tuple[str, int] | None:
        """Owner and token of the lease, even if it has ended; None if there is none."""
        ...

    async def renew(
        self, run_id: str, owner: str, token: int, now: datetime, ttl: timedelta
    ) -> bool:
        """Extend a lease that still has this owner and token; otherwise False."""
        ...

    async def release(self, run_id: str, owner: str, token: int) -> None:
        """Release a lease; does nothing if it is no longer held."""
        ...

    async def mark_planned(self, run_id: str, token: int, summary: RunSummary) -> bool:
        """Make the plan of this token the run's only one.

        False if the token is stale, or if the run is planned already or not open: nothing is
        written. The same applies to ``record_error`` and ``close``.
        """
        ...

    async def record_error(
        self, run_id: str, token: int, error: str, *, failed: bool, retry_at: datetime | None
    ) -> bool:
        """Store the error and count the attempt; ``failed`` ends an unplanned run."""
        ...

    async def close(
        self, run_id: str, token: int, openings: int, *, expired: bool, now: datetime
    ) -> bool:
        """End an open, planned run as done or expired, unless it was reopened since."""
        ...

    async def reopen(
        self, run_id: str, requested_by: Actor, now: datetime, not_after: datetime
    ) -> bool:
        """Reopen a failed, expired or done run for the new requester; False if it is open.

        Raises ``openings`` in both cases, and resets errors and attempts.
        """
        ...

    async def freeze(self, reports: Sequence[FrozenReport]) -> None:
        """Store reports whose ID does not exist; existing ones are never changed."""
        ...

    async def frozen(self, report_id: str) -> FrozenReport | None: ...

    def team_previews(self, run_id: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
        """Yield (team ID, window, currency and current total of the preview) for each team."""
        ...
