"""Planned changes: announced growth, within which nobody is alerted and reports compare."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from services.administration import AuditTrail, new_entry_id
from services.domain import Actor, DaySpan, PlannedChange, SpanDays, Team
from services.domain.errors import InvalidError, NotFoundError
from services.domain.formatting import day_range, percent
from services.ports import PlannedChangeStore

MAX_REASON_LENGTH = 200
MAX_PERCENT = 100_000
MAX_DAYS = 366


class PlannedChanges:
    """Announces, cancels and finds planned changes."""

    def __init__(self, store: PlannedChangeStore, audit: AuditTrail) -> None:
        self._store = store
        self._audit = audit

    async def announce(
        self,
        team: Team,
        change: Decimal,
        span: DaySpan,
        reason: str,
        actor: Actor,
        now: datetime,
        *,
        change_id: str | None = None,
    ) -> PlannedChange:
        """Store a planned change of usage, in percent above the month before.

        Announcing twice with the same ``change_id`` stores one change. Raises InvalidError.
        """
        if not -100 < change <= MAX_PERCENT or change == 0:  # noqa: PLR2004 - percent
            raise InvalidError("The change must be a percentage above −100 and other than 0.")
        if len(span) > MAX_DAYS:
            raise InvalidError(
                "A planned change can last at most a year. Choose an earlier last day."
            )
        planned_change = PlannedChange(
            id=change_id or new_entry_id(),
            account_id=team.aws_account_id,
            percent=change,
            first=span.first,
            last=span.last,
            reason=reason.strip()[:MAX_REASON_LENGTH],
            by=actor.name,
            at=now,
        )
        await self._store.add(planned_change)
        await self._audit.record(
            actor,
            "plan.add",
            team.aws_account_id,
            now,
            after=_facts(planned_change),
            entry_id=planned_change.id,
        )
        return planned_change

    async def cancel(self, change_id: str, actor: Actor, now: datetime) -> PlannedChange:
        """Cancel a planned change and return it. Raises NotFoundError when that was done before."""
        planned_change = await self._store.remove(change_id)
        if planned_change is None:
            raise NotFoundError("This planned change has already been canceled. See `history`.")
        await self._audit.record(
            actor, "plan.remove", planned_change.account_id, now, before=_facts(planned_change)
        )
        return planned_change

    async def of_accounts(
        self, accounts: Sequence[str], span: SpanDays
    ) -> dict[str, PlannedChange]:
        """Return the newest planned change of each account that overlaps the span."""
        newest: dict[str, PlannedChange] = {}
        for planned_change in await self._store.covering(accounts, DaySpan(span.first, span.last)):
            newest.setdefault(planned_change.account_id, planned_change)
        return newest


def _facts(planned_change: PlannedChange) -> dict[str, object]:
    """What an audit entry stores; stored entries call the change ``plan``."""
    days = day_range(planned_change.first, planned_change.last, year=True)
    return {"plan": f"{percent(planned_change.percent)} {days}", "reason": planned_change.reason}


def last_day(planned_change: PlannedChange, data_through: date) -> date:
    """The last day on which a planned change can be compared with what happened."""
    return min(planned_change.last, data_through)
