"""The anomalies as people look through them: open ones first."""

from collections.abc import Sequence
from datetime import datetime

from services.analysis.quiet import above_threshold, deduplicated
from services.domain import Anomaly, AnomalyLine, AnomalyStatus, SourceName, Team
from services.ports import AnomalyStore
from services.teams.teams import Teams

MOST_CLOSED = 100


class AnomalyList:
    """Lists anomalies with the names of their teams."""

    def __init__(self, store: AnomalyStore, teams: Teams, source: SourceName) -> None:
        self._store = store
        self._teams = teams
        self._source = source

    async def list(self, team: Team | None = None) -> list[AnomalyLine]:
        """Open ones by excess, then the newest others; an open crossed threshold that an open
        detected event stands for is a mark on the event's line.
        """
        accounts = [team.aws_account_id] if team else None
        names = {one.aws_account_id: one.team_name for one in await self._teams.list()}
        open_ones = await self._store.open_of(self._source, accounts)
        newest = await self._store.newest(self._source, accounts, MOST_CLOSED)
        others = [one for one in newest if one.status != "open"]
        above = above_threshold(open_ones)
        return [
            AnomalyLine(
                team_name=names.get(one.account_id, one.account_id),
                anomaly=one,
                above_threshold=one.id in above,
            )
            for one in (*deduplicated(open_ones), *others)
        ]

    async def page(
        self,
        *,
        team: Team | None = None,
        status: AnomalyStatus | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 100,
    ) -> Sequence[tuple[Anomaly, Team | None]]:
        """The newest ones, with the team that has the account now; ``after``: behind this place
        (raised at, id).
        """
        teams = {one.aws_account_id: one for one in await self._teams.list()}
        found = await self._store.page(
            self._source,
            accounts=[team.aws_account_id] if team else None,
            status=status,
            after=after,
            limit=limit,
        )
        return [(one, teams.get(one.account_id)) for one in found]
