"""Where teams, settings, keys and the trail of changes are kept."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import Team


class TeamStore(Protocol):
    """Teams; sample teams are kept apart from real ones by ``sample``."""

    async def list_teams(self, *, sample: bool) -> list[Team]:
        """All teams of one side, by name (case folded), then account id."""
        ...

    async def any_real(self) -> bool: ...

    async def get(self, team_id: str) -> Team | None: ...

    async def add(self, team: Team) -> None:
        """Raises ConflictError when a team of the same side has the account already."""
        ...

    async def replace(self, team: Team) -> bool:
        """Stores a changed team whose stored version is ``team.version - 1``; False if not.

        Raises ConflictError when another team of the same side has the account.
        """
        ...

    async def remove(self, team_id: str) -> Team | None:
        """Removes and returns it; None when there is none."""
        ...

    async def seed_samples(self, teams: Sequence[Team]) -> None:
        """Adds those sample teams that are not there by id; changes none."""
        ...
