"""Anomalies over time: raised once, kept up to date while they last, ended when they are over."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog

from services.analysis.quiet import AUTOMATIC, BY_PLANNED_CHANGE, resolved_by_similarity
from services.analysis.threshold import anomaly_id, evaluate_threshold
from services.domain import (
    AccountFigures,
    Anomaly,
    AnomalyStatus,
    PlannedChange,
    Resolution,
    SourceName,
)
from services.ports import AnomalyStore

log = structlog.get_logger()

FIGURES = ("excess", "service", "last", "usage", "shares")
"""What moves on while an anomaly lasts."""
DOUBLED = 2
"""A snoozed anomaly that has grown by this factor is open again."""


class AnomalyLifecycle:
    """Records what the analysis finds."""

    def __init__(self, store: AnomalyStore) -> None:
        self._store = store

    async def record_threshold(
        self,
        source: SourceName,
        account_id: str,
        figures: AccountFigures,
        now: datetime,
        plan: PlannedChange | None = None,
        before: Sequence[Anomaly] = (),
    ) -> Anomaly | None:
        """Raises, updates or ends the threshold anomaly of the compared month; the open one.

        One that a person has answered keeps its answer, its figures move on; a snooze ends after
        its last day, or when the excess has doubled. Usage within an announced change is raised
        as expected, so that nobody is alerted, and what is like an answered one of those raised
        ``before`` with that answer.
        """
        found = evaluate_threshold(source, account_id, figures, now)
        known = await self._store.get(anomaly_id(source, account_id, figures))
        if found is None:
            await self._end(known, figures.data_through, now)
            return None
        within = planned(found, figures, plan, now) or resolved_by_similarity(found, before, now)
        if known is None:
            raised = within or found
            if await self._store.raise_once(raised):
                log.info("anomaly_raised", anomaly=found.id, status=raised.status)
            return raised if raised.status == "open" else None
        current = await self._moved(known, found, within, now)
        return current if current.status == "open" else None

    async def record(
        self,
        found: Anomaly,
        known: Anomaly | None,
        within: Anomaly | None,
        end: date | None,
        now: datetime,
    ) -> Anomaly | None:
        """Raises a detected event, or brings the anomaly that it is up to date; as it is stored.

        ``within``: the same with the answer that nobody has to give, as it lies within what was
        said before. ``end``: its last day when it is over. The identity stays that of the first
        time.
        """
        if known is None:
            raised = within or found
            if end is not None:
                raised = raised.model_copy(update={"status": "ended", "end": end})
            if not await self._store.raise_once(raised):
                return None
            log.info("anomaly_raised", anomaly=found.id, status=raised.status)
            return raised
        current = await self._moved(known, found, within, now, over=end is not None)
        if end is not None:
            await self.end(current, end, now)
        return current

    async def end(self, known: Anomaly, last_day: date, now: datetime) -> None:
        """Ends an open or snoozed anomaly; one that was answered keeps its answer."""
        await self._end(known, last_day, now)

    async def _moved(
        self,
        known: Anomaly,
        found: Anomaly,
        within: Anomaly | None,
        now: datetime,
        *,
        over: bool = False,
    ) -> Anomaly:
        """A known anomaly with today's figures, and open again where it must be."""
        figures = {name: getattr(found, name) for name in FIGURES}
        current = known.model_copy(update={**figures, "end": known.end if over else None})
        if current != known:
            current = current.model_copy(update={"updated_at": now})
            await self._store.update(current)
        if over:
            return current
        if within is not None and _takes(known, within):
            return await self._settled(current, within.status, within.answer, now)
        if known.status == "ended" or _snooze_is_over(current, now.date()):
            return await self._settled(current, "open", None, now)
        if within is None and _answered_itself(known):
            return await self._settled(current, "open", None, now)
        return current

    async def _settled(
        self, anomaly: Anomaly, status: AnomalyStatus, answer: Resolution | None, now: datetime
    ) -> Anomaly:
        if (anomaly.status, anomaly.answer) == (status, answer):
            return anomaly
        changed = anomaly.model_copy(
            update={"status": status, "answer": answer, "updated_at": now}
        )
        if not await self._store.settle(changed, anomaly.status):
            return await self._store.get(anomaly.id) or anomaly
        log.info("anomaly_status_changed", anomaly=anomaly.id, status=status)
        return changed

    async def _end(self, known: Anomaly | None, last_day: date, now: datetime) -> None:
        if known is None or known.status not in {"open", "snoozed"}:
            return
        ended = {"status": "ended", "end": last_day, "updated_at": now}
        if await self._store.settle(known.model_copy(update=ended), known.status):
            log.info("anomaly_ended", anomaly=known.id)

    async def close_past_months(
        self, source: SourceName, compared_from: date, now: datetime
    ) -> None:
        """Ends open threshold anomalies of months before the one that is compared now."""
        for anomaly in await self._store.open_of(source):
            if anomaly.kind == "threshold" and anomaly.start < compared_from:
                await self._end(anomaly, compared_from - timedelta(days=1), now)


def _answered_itself(anomaly: Anomaly) -> bool:
    """Whether what was said before has answered it, and no person."""
    return (
        anomaly.status not in {"open", "ended"}
        and anomaly.answer is not None
        and anomaly.answer.by_id in AUTOMATIC
    )


def _takes(known: Anomaly, within: Anomaly) -> bool:
    """Whether an anomaly takes an answer that nobody gives: no person has given it one."""
    if _answered_itself(known):
        return _source_of(known.answer) != _source_of(within.answer)
    return known.status == "ended" or (known.status == "open" and known.answer is None)


def _source_of(answer: Resolution | None) -> tuple[object, ...]:
    return (answer.by_id, answer.until, answer.floor, answer.like) if answer else ()


def planned(
    found: Anomaly, figures: AccountFigures, plan: PlannedChange | None, now: datetime
) -> Anomaly | None:
    """The anomaly as expected, when usage has grown by no more than was announced."""
    window = figures.window.current
    if plan is None or plan.first > window.last or plan.last < window.first:
        return None
    if figures.usage_percent is None or figures.usage_percent > plan.percent:
        return None
    return _as_expected(found, plan, now)


def within_plan(
    found: Anomaly, expected: Decimal, plan: PlannedChange | None, now: datetime
) -> Anomaly | None:
    """A detected event as expected, when its excess is no more than what was announced.

    ``expected``: the usage that was expected in its days.
    """
    last = found.last or found.start
    if plan is None or plan.first > last or plan.last < found.start or expected <= 0:
        return None
    if found.excess / expected * 100 > plan.percent:
        return None
    return _as_expected(found, plan, now)


def _as_expected(found: Anomaly, plan: PlannedChange, now: datetime) -> Anomaly:
    answer = Resolution(
        by=plan.by,
        by_id=BY_PLANNED_CHANGE,
        at=now,
        reason=plan.reason,
        excess=found.excess,
        until=plan.last,
    )
    return found.model_copy(update={"status": "expected", "answer": answer})


def _snooze_is_over(anomaly: Anomaly, today: date) -> bool:
    if anomaly.status != "snoozed" or anomaly.answer is None:
        return False
    told = anomaly.answer.excess
    doubled = told > Decimal(0) and anomaly.excess >= DOUBLED * told
    return doubled or (anomaly.answer.until is not None and today > anomaly.answer.until)
