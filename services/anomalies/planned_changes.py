"""Announced changes: no alert while usage stays within the plan, and a report against it."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from services.administration.audit_trail import AuditTrail, new_entry_id
from services.domain import Actor, DaySpan, PlannedChange, SpanDays, Team
from services.domain.errors import InvalidError, NotFoundError
from services.domain.formatting import day_range, percent
from services.ports import PlannedChangeStore

LONGEST_REASON = 200
MOST_PERCENT = 100_000
LONGEST_DAYS = 366


class PlannedChanges:
    """Keeps announced changes."""

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
        plan_id: str | None = None,
    ) -> PlannedChange:
        """Stores a planned change of usage, in percent above the month before. InvalidError.

        ``plan_id``: asked twice with the same id, it is one change.
        """
        if not -100 < change <= MOST_PERCENT or change == 0:  # noqa: PLR2004 - percent
            raise InvalidError("The change must be a percentage above −100 and not 0.")
        if len(span) > LONGEST_DAYS:
            raise InvalidError("A planned change lasts a year at most.")
        plan = PlannedChange(
            id=plan_id or new_entry_id(),
            account_id=team.aws_account_id,
            percent=change,
            first=span.first,
            last=span.last,
            reason=reason.strip()[:LONGEST_REASON],
            by=actor.name,
            at=now,
        )
        await self._store.add(plan)
        words = f"{percent(change)} {day_range(span.first, span.last, year=True)}"
        facts: dict[str, object] = {"plan": words, "reason": plan.reason}
        await self._audit.record(
            actor, "plan.add", team.aws_account_id, now, after=facts, entry_id=plan.id
        )
        return plan

    async def cancel(self, plan_id: str, actor: Actor, now: datetime) -> PlannedChange:
        """The plan that was taken back. Raises NotFoundError when it was before."""
        plan = await self._store.remove(plan_id)
        if plan is None:
            raise NotFoundError("This planned change was cancelled already. See `history`.")
        words = f"{percent(plan.percent)} {day_range(plan.first, plan.last, year=True)}"
        facts: dict[str, object] = {"plan": words, "reason": plan.reason}
        await self._audit.record(actor, "plan.remove", plan.account_id, now, before=facts)
        return plan

    async def of_accounts(
        self, accounts: Sequence[str], span: SpanDays
    ) -> dict[str, PlannedChange]:
        """The newest plan of each of these accounts that touches the span."""
        found: dict[str, PlannedChange] = {}
        for plan in await self._store.covering(accounts, DaySpan(span.first, span.last)):
            found.setdefault(plan.account_id, plan)
        return found


def last_day(plan: PlannedChange, data_through: date) -> date:
    """The last day on which a plan can be compared with what happened."""
    return min(plan.last, data_through)
