"""Where runs and deliveries are kept: one owner at a time."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from services.domain import (
    Actor,
    Delivery,
    DeliveryPhase,
    DeliveryState,
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


class DeliveryLedger(Protocol):
    """One document per message and recipient; every change is a compare-and-set.

    ``run_id`` is the run's ``ledger_id`` throughout.
    """

    async def plan(self, deliveries: Sequence[Delivery]) -> None:
        """Stores those that are not there yet by id; a stored one is never changed."""
        ...

    async def claim(
        self, run_id: str, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Takes one pending delivery that is due (``not_before <= now <= not_after``).

        Sets sending/claim, owner, ``lease_until = now + ttl``, attempts + 1 and fence + 1;
        returns the delivery after the change. None: nothing is due.
        """
        ...

    async def enter_data(
        self, delivery: Delivery, raw_sha256: str, now: datetime, ttl: timedelta
    ) -> bool:
        """sending/claim → sending/data under the delivery's fence; False: it was taken over."""
        ...

    async def finish(
        self,
        delivery: Delivery,
        phase: DeliveryPhase,
        state: DeliveryState,
        now: datetime,
        *,
        reply: str | None = None,
        error: str | None = None,
        not_before: datetime | None = None,
        ambiguous: bool = False,
    ) -> bool:
        """sending/``phase`` → ``state`` under the fence; False: it was taken over.

        ``pending`` takes ``not_before``; ``ambiguous`` raises that counter.
        """
        ...

    async def any_due(self, run_id: str, now: datetime) -> bool:
        """Whether ``claim`` would find something."""
        ...

    async def give_back(self, delivery: Delivery, now: datetime) -> bool:
        """From sending to pending under the fence, as if never claimed (attempts − 1).

        In either phase, for whoever knows that nothing of the body has left.
        """
        ...

    async def owners(self, run_id: str) -> set[str]:
        """The workers that have claimed a delivery which is still sending."""
        ...

    async def disown(self, run_id: str, owner: str, now: datetime) -> None:
        """Ends the leases of a worker's sending deliveries before ``now``."""
        ...

    async def abandoned(self, run_id: str, now: datetime) -> list[Delivery]:
        """Sending deliveries whose lease ended before ``now``."""
        ...

    async def take_over(
        self, delivery: Delivery, owner: str, now: datetime, ttl: timedelta
    ) -> Delivery | None:
        """Raises the fence of an abandoned delivery; None: somebody else was faster."""
        ...

    async def expire(self, run_id: str, now: datetime) -> int:
        """Pending ones past ``not_after`` become expired; their number."""
        ...

    async def retry(self, run_id: str, now: datetime, not_after: datetime) -> int:
        """Failed, expired and unknown ones become pending again; their number."""
        ...

    async def counts(self, run_id: str) -> dict[DeliveryState, int]:
        """How many are in each state; states with none are left out."""
        ...

    async def next_due(self, run_id: str) -> datetime | None:
        """When the next pending one is due, or a sending one's lease ends; None: all final."""
        ...

    async def last_sent(self, run_id: str) -> datetime | None:
        """When a delivery was last stored as sent; None while none was."""
        ...

    async def list_deliveries(
        self, run_id: str, *, states: Sequence[DeliveryState] | None = None
    ) -> list[Delivery]:
        """By recipient, then id."""
        ...


class RateBudget(Protocol):
    """Mails in any minute of one sender address, over all processes."""

    async def take(self, sender: str, per_minute: int, now: datetime) -> float:
        """0.0 when a mail may go now (and it is counted), else the seconds to wait."""
        ...


class RestoredStore(Protocol):
    """A database of which part may be older than what has happened."""

    async def settle_open(self, error: str, now: datetime) -> tuple[int, int]:
        """Closes open runs that mail, as expired; their undecided deliveries are of unknown fate.

        A worker that is still at them writes nothing. How many runs and deliveries; may be
        repeated.
        """
        ...
