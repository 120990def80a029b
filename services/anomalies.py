"""Anomalies over time: raised once, kept up to date while they last, ended when they are over."""

from datetime import date, datetime

import structlog

from services.analysis.threshold import anomaly_id, judge
from services.model import AccountFigures, Anomaly, SourceName
from services.ports import AnomalyStore

log = structlog.get_logger()


class Anomalies:
    """Records what the analysis finds."""

    def __init__(self, store: AnomalyStore) -> None:
        self._store = store

    async def judge(
        self, source: SourceName, account_id: str, figures: AccountFigures, now: datetime
    ) -> Anomaly | None:
        """Raises, updates or ends the threshold anomaly of the compared month; the open one.

        One that a person has answered keeps its answer; only its figures move on.
        """
        found = judge(source, account_id, figures, now)
        known = await self._store.get(anomaly_id(source, account_id, figures))
        if found is None:
            await self._end(known, figures.data_through, now)
            return None
        if known is None:
            if await self._store.raise_once(found):
                log.info("anomaly_raised", anomaly=found.id)
            return found
        status = "open" if known.status in {"open", "ended"} else known.status
        moved = {"excess": found.excess, "service": found.service, "status": status, "end": None}
        current = known.model_copy(update=moved)
        if current != known:
            await self._store.update(current.model_copy(update={"updated_at": now}))
        return current if status == "open" else None

    async def _end(self, known: Anomaly | None, last_day: date, now: datetime) -> None:
        if known is None or known.status != "open":
            return
        ended = {"status": "ended", "end": last_day, "updated_at": now}
        await self._store.update(known.model_copy(update=ended))
        log.info("anomaly_ended", anomaly=known.id)

    async def close_past_months(
        self, source: SourceName, compared_from: date, now: datetime
    ) -> None:
        """Ends open threshold anomalies of months before the one that is compared now."""
        for anomaly in await self._store.open_of(source):
            if anomaly.kind == "threshold" and anomaly.start < compared_from:
                await self._end(anomaly, compared_from, now)
