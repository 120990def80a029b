"""Lists of anomalies for people to browse: open ones first."""

from collections.abc import Sequence
from datetime import datetime

from services.analysis.suppression import above_threshold, deduplicated
from services.domain import Anomaly, AnomalyLine, AnomalyStatus, SourceName, Team
from services.ports import AnomalyStore
from services.teams import Teams

MAX_CLOSED = 100


class AnomalyList:
    """Lists and pages anomalies, with their teams."""

    def __init__(self, store: AnomalyStore, teams: Teams, source: SourceName) -> None:
        self._store = store
        self._teams = teams
        self._source = source

    async def list(self, team: Team | None = None) -> list[AnomalyLine]:
        """Return open anomalies by excess, then the newest others.

        A crossed threshold that an open detected event covers has no line of its own: the event's
        line is marked instead.
        """
        accounts = [team.aws_account_id] if team else None
        hidden = await self._teams.hidden_accounts()
        open_anomalies = [
            anomaly
            for anomaly in await self._store.open_of(self._source, accounts)
            if anomaly.account_id not in hidden
        ]
        newest = await self._store.newest(self._source, accounts, MAX_CLOSED)
        others = [
            anomaly
            for anomaly in newest
            if anomaly.status != "open" and anomaly.account_id not in hidden
        ]
        above = above_threshold(open_anomalies)
        teams = await self._teams_of((*open_anomalies, *others))
        return [
            AnomalyLine(
                team_name=teams[anomaly.account_id].team_name
                if anomaly.account_id in teams
                else anomaly.account_id,
                anomaly=anomaly,
                above_threshold=anomaly.id in above,
            )
            for anomaly in (*deduplicated(open_anomalies), *others)
        ]

    async def page(
        self,
        *,
        team: Team | None = None,
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> Sequence[tuple[Anomaly, Team | None]]:
        """Return a page of the newest anomalies, each with the team that has its account now.

        ``after``: the position (raised at, ID) of the last anomaly of the page before.
        """
        anomalies = await self._store.page(
            self._source,
            accounts=[team.aws_account_id] if team else None,
            without=await self._teams.hidden_accounts(),
            status=status,
            after=after,
            limit=limit,
        )
        teams = await self._teams_of(anomalies)
        return [(anomaly, teams.get(anomaly.account_id)) for anomaly in anomalies]

    async def _teams_of(self, anomalies: Sequence[Anomaly]) -> dict[str, Team]:
        return await self._teams.by_account(sorted({anomaly.account_id for anomaly in anomalies}))
