"""What there is to tell channels of: open anomalies, and those that were over when they came."""

from collections.abc import Sequence
from datetime import datetime

from services.analysis.quiet import LATE_DAYS, came_ended, covers
from services.model import Anomaly, Conversation, SourceName
from services.ports import AlertStore, AnomalyStore

MOST_EVENTS = 1000


class Untold:
    """Finds the anomalies that a conversation has never been told of."""

    def __init__(self, anomalies: AnomalyStore, alerts: AlertStore, source: SourceName) -> None:
        self._anomalies = anomalies
        self._alerts = alerts
        self._source = source

    async def to_tell(self, now: datetime) -> list[Anomaly]:
        """All that any conversation may have to be told of, open ones first."""
        open_ones = await self._without_doubles(await self._anomalies.open_of(self._source))
        ended = await self._anomalies.ended_of(self._source, now - LATE_DAYS)
        return [*open_ones, *(one for one in ended if came_ended(one))]

    async def of(self, conversation: Conversation, found: Sequence[Anomaly]) -> list[Anomaly]:
        """Those of these that this conversation was never told of; of those that came ended only
        what was raised since alerts go there.
        """
        since = conversation.alerts_since
        wanted = [
            one
            for one in found
            if one.status == "open" or (since is not None and one.raised_at >= since)
        ]
        told = {
            one.subject
            for one in await self._alerts.of_subjects([one.id for one in wanted])
            if one.conversation_id == conversation.id
        }
        return [one for one in wanted if one.id not in told]

    async def _without_doubles(self, open_ones: Sequence[Anomaly]) -> list[Anomaly]:
        """Without the thresholds of accounts that have a detected event in the same month, as
        the event's card says that the threshold is crossed.
        """
        accounts = sorted({one.account_id for one in open_ones if one.kind == "threshold"})
        if not accounts:
            return list(open_ones)
        newest = await self._anomalies.newest(self._source, accounts, MOST_EVENTS)
        events = [one for one in newest if one.kind != "threshold"]
        return [
            one
            for one in open_ones
            if one.kind != "threshold" or not any(covers(event, one) for event in events)
        ]
