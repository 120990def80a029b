"""Where teams, settings, keys and the trail of changes are kept."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from services.domain import ApiKey, AuditEntry, StoredConfig, Team


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


class ConfigStore(Protocol):
    """The one document of stored settings."""

    async def get(self, now: datetime) -> StoredConfig:
        """The stored settings; at the first call ever the defaults, kept with
        ``schedule_since=now``.
        """
        ...

    async def replace(self, config: StoredConfig) -> bool:
        """Stores settings whose stored version is ``config.version - 1``; False if not."""
        ...


class AuditLog(Protocol):
    """Who changed what; append only."""

    async def append(self, entry: AuditEntry) -> None:
        """Stores an entry, once for its id."""
        ...

    async def newest(self, limit: int, subject: str | None = None) -> list[AuditEntry]:
        """Newest first; ``subject``: only those of one thing."""
        ...

    async def get(self, entry_id: str) -> AuditEntry | None: ...

    async def mark_undone(self, entry_id: str, now: datetime) -> bool:
        """True for the first caller only."""
        ...


class ApiKeyStore(Protocol):
    """Keys of the REST API; none is ever removed, so that its door stays locked."""

    async def any_ever(self) -> bool:
        """Whether a key was ever stored, revoked or not."""
        ...

    async def add(self, key: ApiKey) -> None:
        """Raises ConflictError when the id is taken."""
        ...

    async def get(self, key_id: str) -> ApiKey | None: ...

    async def list_keys(self) -> list[ApiKey]:
        """Oldest first."""
        ...

    async def revoke(self, key_id: str, now: datetime) -> ApiKey | None:
        """The key as it is then; the first instant stays. None when there is no such key."""
        ...

    async def touch(self, key_id: str, now: datetime) -> None:
        """Notes that it was used; an earlier instant than the noted one changes nothing."""
        ...
