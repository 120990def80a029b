"""Storage of teams."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import Team


class TeamStore(Protocol):
    """Teams; ``sample`` separates sample teams from real ones."""

    async def list_teams(self, *, sample: bool) -> list[Team]:
        """All sample or all real teams, by ``match_key`` of the name, then account ID."""
        ...

    async def page(
        self, *, sample: bool, after: tuple[str, str] | None = None, limit: int
    ) -> list[Team]:
        """At most ``limit`` teams in the same order.

        ``after``: only teams that follow this position (``match_key`` of the name, account ID).
        """
        ...

    async def of_accounts(self, accounts: Sequence[str], *, sample: bool) -> list[Team]:
        """The teams that have these accounts, in any order."""
        ...

    async def count(self, *, sample: bool) -> int: ...

    async def any_real(self) -> bool: ...

    async def get(self, team_id: str) -> Team | None: ...

    async def add(self, team: Team) -> None:
        """Add a team.

        Raises ConflictError if another team of the same kind has the account, and NameTakenError
        if one has a name of the same ``match_key``, also when both are added at the same time.
        """
        ...

    async def replace(self, team: Team) -> bool:
        """Store a changed team if the stored version is ``team.version - 1``; otherwise False.

        Raises ConflictError and NameTakenError as ``add`` does; a name whose ``match_key`` stays is
        never refused, as earlier versions have stored teams of one name.
        """
        ...

    async def remove(self, team_id: str) -> Team | None:
        """Remove and return a team; None if it does not exist."""
        ...

    async def seed_samples(self, teams: Sequence[Team]) -> None:
        """Add sample teams whose ID does not exist, whatever their names; change no existing one."""
        ...
