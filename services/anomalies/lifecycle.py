"""The lifecycle of anomalies: raised once, updated while they last, ended when they are over."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal

import structlog

from services.analysis.suppression import AUTOMATIC, BY_PLANNED_CHANGE, resolved_by_similarity
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

UPDATED_FIELDS = ("excess", "service", "last", "usage", "driver_usage", "shares")
"""What changes while an anomaly lasts."""
REOPENING_FACTOR = 2
"""A snoozed anomaly that has grown by this factor reopens."""


class AnomalyLifecycle:
    """Records what detection and the threshold rule find."""

    def __init__(self, store: AnomalyStore) -> None:
        self._store = store

    async def record_threshold(
        self,
        source: SourceName,
        account_id: str,
        figures: AccountFigures,
        now: datetime,
        planned_change: PlannedChange | None = None,
        earlier: Sequence[Anomaly] = (),
        installed_through: date | None = None,
    ) -> Anomaly | None:
        """Raise, update or end the threshold anomaly of the compared month; return it if open.

        An anomaly that a person has resolved keeps the resolution while its figures are updated; a
        snooze ends after its last day, or when the excess has doubled. Usage within a planned
        change is raised as expected, so that nobody is alerted, and an anomaly that is similar to
        a resolved one among ``earlier`` is raised with that resolution.
        """
        breach = evaluate_threshold(source, account_id, figures, now, installed_through)
        recorded = await self._store.get(anomaly_id(source, account_id, figures))
        if breach is None:
            # Missing costs end nothing: usage may not have fallen.
            if figures.comparable:
                await self._end(recorded, figures.data_through, now)
            return None
        suppressed = resolved_by_planned_change(
            breach, figures, planned_change, now
        ) or resolved_by_similarity(breach, earlier, now)
        if recorded is None:
            raised = suppressed or breach
            if await self._store.raise_once(raised):
                log.info("anomaly_raised", anomaly=breach.id, status=raised.status)
            return raised if raised.status == "open" else None
        current = await self._update(recorded, breach, suppressed, now)
        return current if current.status == "open" else None

    async def record(
        self,
        detected: Anomaly,
        recorded: Anomaly | None,
        suppressed: Anomaly | None,
        end: date | None,
        now: datetime,
    ) -> Anomaly | None:
        """Raise a detected event, or update the anomaly already recorded for it; return it.

        ``suppressed``: the same anomaly with an automatic resolution, when a planned change, an
        alert minimum or an earlier resolution covers it. ``end``: its last day, once it is over.
        An anomaly keeps its first ID. Returns None when another worker has raised it meanwhile.
        """
        if recorded is None:
            raised = suppressed or detected
            if end is not None:
                raised = raised.model_copy(update={"status": "ended", "end": end})
            if not await self._store.raise_once(raised):
                return None
            log.info("anomaly_raised", anomaly=detected.id, status=raised.status)
            return raised
        current = await self._update(recorded, detected, suppressed, now, is_over=end is not None)
        if end is not None:
            await self.end(current, end, now)
        return current

    async def end(self, anomaly: Anomaly, last_day: date, now: datetime) -> None:
        """End an open or snoozed anomaly; a resolved one keeps its resolution."""
        await self._end(anomaly, last_day, now)

    async def _update(
        self,
        recorded: Anomaly,
        detected: Anomaly,
        suppressed: Anomaly | None,
        now: datetime,
        *,
        is_over: bool = False,
    ) -> Anomaly:
        """Give a recorded anomaly today's figures, and change its status where that is due."""
        figures = {name: getattr(detected, name) for name in UPDATED_FIELDS}
        if recorded.status in {"open", "ended"}:
            # Estimated anew, as the excess is. One that is answered keeps the days of its answer.
            figures["start"] = detected.start
        current = recorded.model_copy(update={**figures, "end": recorded.end if is_over else None})
        if current != recorded:
            current = current.model_copy(update={"updated_at": now})
            await self._store.update(current)
        if is_over:
            return current
        if suppressed is not None and _accepts_suppression(recorded, suppressed):
            return await self._change_status(current, suppressed.status, suppressed.answer, now)
        if recorded.status == "ended" or _snooze_is_over(current, now.date()):
            return await self._change_status(current, "open", None, now)
        if suppressed is None and _is_resolved_automatically(recorded):
            return await self._change_status(current, "open", None, now)
        return current

    async def _change_status(
        self, anomaly: Anomaly, status: AnomalyStatus, resolution: Resolution | None, now: datetime
    ) -> Anomaly:
        if (anomaly.status, anomaly.answer) == (status, resolution):
            return anomaly
        changed = anomaly.model_copy(
            update={"status": status, "answer": resolution, "updated_at": now}
        )
        if not await self._store.settle(changed, anomaly.status):
            return await self._store.get(anomaly.id) or anomaly
        log.info("anomaly_status_changed", anomaly=anomaly.id, status=status)
        return changed

    async def _end(self, anomaly: Anomaly | None, last_day: date, now: datetime) -> None:
        if anomaly is None or anomaly.status not in {"open", "snoozed"}:
            return
        ended = {"status": "ended", "end": last_day, "updated_at": now}
        if await self._store.settle(anomaly.model_copy(update=ended), anomaly.status):
            log.info("anomaly_ended", anomaly=anomaly.id)

    async def close_past_months(
        self, source: SourceName, compared_from: date, now: datetime
    ) -> None:
        """End open threshold anomalies of months before the one that is compared now."""
        for anomaly in await self._store.open_of(source):
            if anomaly.kind == "threshold" and anomaly.start < compared_from:
                await self._end(anomaly, compared_from - timedelta(days=1), now)


def _is_resolved_automatically(anomaly: Anomaly) -> bool:
    """Whether a planned change, an alert minimum or an earlier resolution has resolved it."""
    return (
        anomaly.status not in {"open", "ended"}
        and anomaly.answer is not None
        and anomaly.answer.by_id in AUTOMATIC
    )


def _accepts_suppression(recorded: Anomaly, suppressed: Anomaly) -> bool:
    """Whether an automatic resolution may be applied: it never replaces one that a person gave."""
    if _is_resolved_automatically(recorded):
        return _cause_of(recorded.answer) != _cause_of(suppressed.answer)
    return recorded.status == "ended" or (recorded.status == "open" and recorded.answer is None)


def _cause_of(resolution: Resolution | None) -> tuple[object, ...]:
    """What an automatic resolution is based on, without the time and the excess of the day."""
    if resolution is None:
        return ()
    return (resolution.by_id, resolution.until, resolution.floor, resolution.like)


def resolved_by_planned_change(
    breach: Anomaly,
    figures: AccountFigures,
    planned_change: PlannedChange | None,
    now: datetime,
) -> Anomaly | None:
    """The breach, marked as expected, if usage has grown by no more than was announced."""
    window = figures.window.current
    if planned_change is None or not _overlaps(planned_change, window.first, window.last):
        return None
    if figures.usage_percent is None or figures.usage_percent > planned_change.percent:
        return None
    return _as_expected(breach, planned_change, now)


def event_resolved_by_planned_change(
    event: Anomaly, expected: Decimal, planned_change: PlannedChange | None, now: datetime
) -> Anomaly | None:
    """A detected event, marked as expected, if its excess is no more than what was announced.

    ``expected``: the usage that was expected in its days.
    """
    if planned_change is None or expected <= 0:
        return None
    if not _overlaps(planned_change, event.start, event.last or event.start):
        return None
    if event.excess / expected * 100 > planned_change.percent:
        return None
    return _as_expected(event, planned_change, now)


def _overlaps(planned_change: PlannedChange, first: date, last: date) -> bool:
    return planned_change.first <= last and planned_change.last >= first


def _as_expected(anomaly: Anomaly, planned_change: PlannedChange, now: datetime) -> Anomaly:
    resolution = Resolution(
        by=planned_change.by,
        by_id=BY_PLANNED_CHANGE,
        at=now,
        reason=planned_change.reason,
        excess=anomaly.excess,
        until=planned_change.last,
    )
    return anomaly.model_copy(update={"status": "expected", "answer": resolution})


def _snooze_is_over(anomaly: Anomaly, today: date) -> bool:
    if anomaly.status != "snoozed" or anomaly.answer is None:
        return False
    snoozed_at = anomaly.answer.excess
    has_doubled = snoozed_at > Decimal(0) and anomaly.excess >= REOPENING_FACTOR * snoozed_at
    return has_doubled or (anomaly.answer.until is not None and today > anomaly.answer.until)
