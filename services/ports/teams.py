"""Storage of teams."""

from collections.abc import Sequence
from typing import Protocol

from services.domain import Team


class TeamStore(Protocol):
    """Teams; ``sample`` separates sample teams from real ones."""

    async def list_teams(self, *, sample: bool) -> list[Team]:
        """All sample or all real teams, by case-folded name, then account ID."""
        ...

    async def page(
        self, *, sample: bool, after: tuple[str, str] | None = None, limit: int
    ) -> list[Team]:
        """At most ``limit`` teams in the same order.

        ``after``: only teams that follow this position (case-folded name, account ID).
        """
        ...

    async def of_accounts(self, accounts: Sequence[str], *, sample: bool) -> list[Team]:
        """The teams that have these accounts, in any order."""
        ...

    async def count(self, *, sample: bool) -> int: ...

    async def any_real(self) -> bool: ...

    async def get(self, team_id: str) -> Team | None: ...

    async def add(self, team: Team) -> None:
        """Raises ConflictError if another team of the same kind has the account."""
        ...

    async def replace(self, team: Team) -> bool:
        """Store a changed team if the stored version is ``team.version - 1``; otherwise False.

        Raises ConflictError if another team of the same kind has the account.
        """
        ...

    async def remove(self, team_id: str) -> Team | None:
        """Remove and return a team; None if it does not exist."""
        ...

    async def seed_samples(self, teams: Sequence[Team]) -> None:
        """Add sample teams whose ID does not exist; existing ones are not changed."""
        ...
