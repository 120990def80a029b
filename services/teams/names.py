"""Teams of one name: no new ones can be made, but earlier versions stored them."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.domain import Team
from services.domain.formatting import listed, neutral
from services.domain.pasted import match_key

MAX_ACCOUNTS = 3
MAX_NAME = 60


@dataclass(frozen=True, slots=True)
class Namesakes:
    """Teams whose names look the same."""

    team_name: str
    accounts: tuple[str, ...]

    @property
    def advice(self) -> str:
        """What it means for people, and what to do."""
        shown = [f"AWS account {account}" for account in self.accounts[:MAX_ACCOUNTS]]
        if more := len(self.accounts) - len(shown):
            shown.append(f"{more:,} more")
        return (
            f"{len(self.accounts):,} teams are named “{neutral(self.team_name, MAX_NAME)}” "
            f"({listed(shown)}). Commands by name have to ask which one is meant: rename one with "
            f"edit team {self.accounts[-1]}."
        )


def namesakes(teams: Sequence[Team]) -> list[Namesakes]:
    """The names that several of the teams have, in the order of the teams."""
    by_key: dict[str, list[Team]] = {}
    for team in teams:
        by_key.setdefault(match_key(team.team_name), []).append(team)
    return [
        Namesakes(same[0].team_name, tuple(team.aws_account_id for team in same))
        for same in by_key.values()
        if len(same) > 1
    ]
