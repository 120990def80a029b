"""Finds the anomalies that conversations must still be alerted about."""

from collections.abc import Sequence
from datetime import datetime

from services.analysis.suppression import RAISED_AFTER_END_WINDOW, covers, raised_after_end
from services.domain import Anomaly, Conversation, SourceName
from services.ports import Store
from services.teams import Teams

MAX_EVENTS = 1000


class PendingAlerts:
    """Finds the anomalies that a conversation has no alert about."""

    def __init__(self, store: Store, teams: Teams, source: SourceName) -> None:
        self._teams = teams
        self._anomalies = store.anomalies
        self._alerts = store.alerts
        self._costs = store.costs
        self._source = source

    async def candidates(self, now: datetime) -> list[Anomaly]:
        """The anomalies that some conversation may have to be alerted about.

        Open anomalies first, then those that had ended when they were raised. Nothing while the
        cost history is being read after the installation: it may change all of them. What ended
        before the installation is in reports only.
        """
        if (await self._costs.state(self._source)).awaits_history(now):
            return []
        hidden = await self._teams.hidden_accounts()
        open_anomalies = await self._deduplicated(
            [
                anomaly
                for anomaly in await self._anomalies.open_of(self._source)
                if anomaly.account_id not in hidden
            ]
        )
        ended = await self._anomalies.ended_of(self._source, now - RAISED_AFTER_END_WINDOW)
        late = [
            anomaly
            for anomaly in ended
            if raised_after_end(anomaly)
            and not anomaly.found_at_install
            and anomaly.account_id not in hidden
        ]
        return [*open_anomalies, *late]

    async def pending_for(
        self, conversation: Conversation, candidates: Sequence[Anomaly]
    ) -> list[Anomaly]:
        """The candidates that this conversation has no alert about.

        One that had ended when it was raised counts only if alerts went there by then.
        """
        since = conversation.alerts_since
        relevant = [
            anomaly
            for anomaly in candidates
            if anomaly.status == "open" or (since is not None and anomaly.raised_at >= since)
        ]
        notified = {
            alert.subject
            for alert in await self._alerts.of_subjects([anomaly.id for anomaly in relevant])
            if alert.conversation_id == conversation.id
        }
        return [anomaly for anomaly in relevant if anomaly.id not in notified]

    async def _deduplicated(self, open_anomalies: Sequence[Anomaly]) -> list[Anomaly]:
        """Leave out thresholds of accounts with a detected event in the same month.

        The event's card says that the threshold is crossed.
        """
        accounts = sorted(
            {anomaly.account_id for anomaly in open_anomalies if anomaly.kind == "threshold"}
        )
        if not accounts:
            return list(open_anomalies)
        newest = await self._anomalies.newest(self._source, accounts, MAX_EVENTS)
        events = [anomaly for anomaly in newest if anomaly.kind != "threshold"]
        return [
            anomaly
            for anomaly in open_anomalies
            if anomaly.kind != "threshold" or not any(covers(event, anomaly) for event in events)
        ]
