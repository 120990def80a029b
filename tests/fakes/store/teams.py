"""Teams, in memory."""

from collections.abc import Sequence

from services.domain import (
    Team,
)
from services.domain.errors import ConflictError, NameTakenError
from services.domain.pasted import match_key


class MemoryTeams:
    """Implements ``services.ports.TeamStore``."""

    def __init__(self) -> None:
        self.teams: dict[str, Team] = {}

    async def list_teams(self, *, sample: bool) -> list[Team]:
        teams = [team for team in self.teams.values() if team.sample == sample]
        return sorted(teams, key=_position)

    async def page(
        self, *, sample: bool, after: tuple[str, str] | None = None, limit: int
    ) -> list[Team]:
        teams = await self.list_teams(sample=sample)
        return [team for team in teams if after is None or _position(team) > after][:limit]

    async def of_accounts(self, accounts: Sequence[str], *, sample: bool) -> list[Team]:
        teams = await self.list_teams(sample=sample)
        return [team for team in teams if team.aws_account_id in accounts]

    async def count(self, *, sample: bool) -> int:
        return len(await self.list_teams(sample=sample))

    async def any_real(self) -> bool:
        return any(not team.sample for team in self.teams.values())

    async def get(self, team_id: str) -> Team | None:
        return self.teams.get(team_id)

    def _check_account(self, team: Team) -> None:
        for other in self.teams.values():
            if (
                other.id != team.id
                and other.sample == team.sample
                and other.aws_account_id == team.aws_account_id
            ):
                raise ConflictError("taken")

    def _check_name(self, team: Team) -> None:
        for other in self.teams.values():
            is_other = other.id != team.id and other.sample == team.sample
            if is_other and match_key(other.team_name) == match_key(team.team_name):
                raise NameTakenError("taken")

    async def add(self, team: Team) -> None:
        self._check_account(team)
        self._check_name(team)
        self.teams[team.id] = team

    async def replace(self, team: Team) -> bool:
        stored = self.teams.get(team.id)
        if stored is None or stored.version != team.version - 1:
            return False
        self._check_account(team)
        if match_key(stored.team_name) != match_key(team.team_name):
            self._check_name(team)
        self.teams[team.id] = team
        return True

    async def remove(self, team_id: str) -> Team | None:
        return self.teams.pop(team_id, None)

    async def seed_samples(self, teams: Sequence[Team]) -> None:
        for team in teams:
            self.teams.setdefault(team.id, team)


def _position(team: Team) -> tuple[str, str]:
    return match_key(team.team_name), team.aws_account_id
