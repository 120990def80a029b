"""Where runs and deliveries are kept: one owner at a time."""

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

    Reports are kept under the run's ``ledger_id``, which is what ``run_id`` means for them.
    """

    async def begin(self, run: Run) -> tuple[Run, bool]:
        """Stores the run unless its id is there; the stored one, and whether it is new."""
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
        """Newest (by created_at, then id) first; ``before``: created before then.

        ``source``: None for the runs of every source.

        ``team_id``: only runs for this team alone.

        ``after``: only those that come behind this place (created at, id).
        """
        ...

    async def lease(self, run_id: str, owner: str, now: datetime, ttl: timedelta) -> int | None:
        """Takes the run until ``now + ttl`` when it is free, expired or already the owner's.

        The fencing token is raised by every call that succeeds; None when another holds it.
        """
        ...

    async def holder(self, run_id: str) -> tuple[str, int] | None:
        """Owner and token of the lease, ended or not; None when nobody has it."""
        ...

    async def renew(
        self, run_id: str, owner: str, token: int, now: datetime, ttl: timedelta
    ) -> bool:
        """Prolongs a lease that is still this owner's with this token; False if it is not."""
        ...

    async def release(self, run_id: str, owner: str, token: int) -> None:
        """Gives a lease back; nothing happens when it is no longer held."""
        ...

    async def mark_planned(self, run_id: str, token: int, summary: RunSummary) -> bool:
        """Makes the plan of this token the run's only one.

        False when the token is stale or the run is planned or not open, and then nothing is
        written (so for the next two).
        """
        ...

    async def record_error(
        self, run_id: str, token: int, error: str, *, failed: bool, retry_at: datetime | None
    ) -> bool:
        """Stores the error and counts the attempt; ``failed`` ends an unplanned run."""
        ...

    async def close(
        self, run_id: str, token: int, openings: int, *, expired: bool, now: datetime
    ) -> bool:
        """Ends an open, planned run as done (or expired), unless it was opened again since."""
        ...

    async def reopen(
        self, run_id: str, requested_by: Actor, now: datetime, not_after: datetime
    ) -> bool:
        """Opens a failed, expired or done run for whoever asks now; False when it is open.

        ``openings`` is raised in both cases; errors and attempts begin anew.
        """
        ...

    async def freeze(self, reports: Sequence[FrozenReport]) -> None:
        """Stores reports that are not there yet by id; a stored one is never changed."""
        ...

    async def frozen(self, report_id: str) -> FrozenReport | None: ...

    def team_previews(self, run_id: str) -> AsyncIterator[tuple[str, dict[str, object]]]:
        """(team id, window, currency and current total as in the preview JSON) of each team."""
        ...
